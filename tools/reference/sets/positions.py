"""Positions as PyTorch and Hugging Face's transformers compute them, in DistilBERT, GPT-J, Llama, Bloom and MPT.

Inputs are drawn in float32. The models' own functions compute angles in float32, whatever they are given; results are
rounded to float32. The file holds, under a case's name and a slash:

- sinusoidal: table (length, width), DistilBERT's;
- learned: tokens (B, T, width), table (length, width), cotangent, output, and grad_table by `torch.nn.Embedding`. The
  gradients here and below are those of sum(output * cotangent);
- interleaved (GPT-J) and half (Llama), the two pairings of rotary positions: query, key (B, H, T, width),
  positions (B, T), cotangent, rotated_query, rotated_key, grad_query;
- alibi_ and the number of heads: query, key (1, H, T, width), bloom and mpt, the biases (H, 1, T), and weights,
  those of causal attention with Bloom's bias.
"""

import importlib.metadata
import math
from typing import Any

import numpy as np

B, T, WIDTH, LENGTH = 2, 5, 6, 11
ROTARY_HEADS, ALIBI_HEADS = 3, (1, 8, 12)


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute all cases with PyTorch and transformers."""
    rng = np.random.default_rng(seed)
    cases = {"sinusoidal": _sinusoidal(), "learned": _learned(rng)}
    cases |= {"interleaved": _rotary(rng, _gptj), "half": _rotary(rng, _llama)}
    cases |= {f"alibi_{num_heads}": _alibi(rng, num_heads) for num_heads in ALIBI_HEADS}
    arrays = {f"{case}/{name}": array for case, found in cases.items() for name, array in found.items()}
    return arrays | {"meta/transformers": np.array(importlib.metadata.version("transformers"))}


def _draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw standard normal numbers."""
    return rng.normal(size=shape).astype("float32")


def _sinusoidal() -> dict[str, np.ndarray]:
    """Return the table that DistilBERT may start from."""
    import torch
    from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings

    table = torch.zeros(LENGTH, WIDTH)
    create_sinusoidal_embeddings(LENGTH, WIDTH, out=table)
    return {"table": table.detach().numpy()}


def _learned(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Add an nn.Embedding of the positions to tokens."""
    import torch

    given = {
        "tokens": _draw(rng, B, T, WIDTH),
        "table": _draw(rng, LENGTH, WIDTH),
        "cotangent": _draw(rng, B, T, WIDTH),
    }
    layer = torch.nn.Embedding.from_pretrained(torch.from_numpy(given["table"]), freeze=False)
    output = torch.from_numpy(given["tokens"]) + layer(torch.arange(T))
    (output * torch.from_numpy(given["cotangent"])).sum().backward()
    return given | {"output": output.detach().numpy(), "grad_table": layer.weight.grad.numpy()}


def _rotary(rng: np.random.Generator, rotated: Any) -> dict[str, np.ndarray]:
    """Rotate queries and keys of two texts, the second of which starts later."""
    import torch

    names = ("query", "key", "cotangent")
    given = {name: _draw(rng, B, ROTARY_HEADS, T, WIDTH) for name in names}
    positions = np.arange(T) + np.array([[0], [4]])
    query, key = (torch.from_numpy(given[name]).requires_grad_() for name in ("query", "key"))
    found = rotated(query, key, torch.from_numpy(positions))
    (found[0] * torch.from_numpy(given["cotangent"])).sum().backward()
    results = {"rotated_query": found[0], "rotated_key": found[1], "grad_query": query.grad}
    results = {name: tensor.detach().numpy() for name, tensor in results.items()}
    return given | {"positions": positions.astype("int32")} | results


def _gptj(query: Any, key: Any, positions: Any) -> tuple[Any, Any]:
    """Rotate as GPT-J does, neighbouring features together; its functions want (B, T, H, width)."""
    from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb, create_sinusoidal_positions

    sin, cos = create_sinusoidal_positions(LENGTH, WIDTH)[positions].chunk(2, dim=-1)
    return tuple(apply_rotary_pos_emb(rows.transpose(1, 2), sin, cos).transpose(1, 2) for rows in (query, key))


def _llama(query: Any, key: Any, positions: Any) -> tuple[Any, Any]:
    """Rotate as Llama does, each feature together with the one half a row further on."""
    from transformers.models.llama.configuration_llama import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    config = LlamaConfig(hidden_size=ROTARY_HEADS * WIDTH, num_attention_heads=ROTARY_HEADS, head_dim=WIDTH)
    return apply_rotary_pos_emb(query, key, *LlamaRotaryEmbedding(config)(query, positions))


def _alibi(rng: np.random.Generator, num_heads: int) -> dict[str, np.ndarray]:
    """Return the biases of Bloom and of MPT, and causal attention with Bloom's."""
    import torch
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor
    from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

    given = {name: _draw(rng, 1, num_heads, T, WIDTH) for name in ("query", "key")}
    bloom = build_alibi_tensor(torch.ones(1, T), num_heads, torch.float64)
    query, key = (torch.from_numpy(given[name]).double() for name in given)
    scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH) + bloom
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    found = {"bloom": bloom, "mpt": build_mpt_alibi_tensor(num_heads, T)}
    found |= {"weights": torch.softmax(scores.masked_fill(future, -math.inf), dim=-1)}
    return given | {name: tensor.numpy().astype("float32") for name, tensor in found.items()}
