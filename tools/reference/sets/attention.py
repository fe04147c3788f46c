"""PyTorch's scaled dot-product attention: inputs, outputs, weights and gradients of seven cases.

Inputs are drawn in float32. PyTorch computes in float64 and the results are rounded to float32, so that any machine
writes the same numbers. For each case the file holds, under its name and a slash: query, key, value, cotangent, output,
weights, grad_query, grad_key, grad_value, and those of attention_mask, attention_bias, use_causal_mask and scale that
the case uses. The gradients are those of sum(output * cotangent). A boolean mask says "may attend", as in PyTorch's
function.
"""

import math
from typing import Any

import numpy as np

B, T, H, S, KEY_DIM, VALUE_DIM = 2, 3, 4, 5, 7, 6


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute all cases with PyTorch."""
    rng = np.random.default_rng(seed)
    allowed = rng.random((B, 1, S, S)) > 0.4
    allowed[..., 0] = True
    bias = np.where(allowed, rng.normal(size=allowed.shape), -np.inf).astype("float32")
    cases = {
        "plain": _draw(rng),
        "boolean_mask": _draw(rng) | {"attention_mask": allowed},
        "float_mask": _draw(rng) | {"attention_bias": bias},
        "causal": _draw(rng) | {"use_causal_mask": np.array(True)},
        "scale": _draw(rng) | {"scale": np.array(0.9)},
        "grouped_heads": _draw(rng, stored_heads=2),
        "cross_attention": _draw(rng, num_queries=T),
    }
    return {f"{case}/{name}": array for case, inputs in cases.items() for name, array in _solve(inputs).items()}


def _draw(rng: np.random.Generator, num_queries: int = S, stored_heads: int = H) -> dict[str, np.ndarray]:
    """Draw the inputs of one case."""
    shapes = {
        "query": (B, H, num_queries, KEY_DIM),
        "key": (B, stored_heads, S, KEY_DIM),
        "value": (B, stored_heads, S, VALUE_DIM),
        "cotangent": (B, H, num_queries, VALUE_DIM),
    }
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def _solve(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add PyTorch's output, weights and gradients to the inputs of one case."""
    import torch

    arrays = {name: torch.from_numpy(inputs[name]).double().requires_grad_() for name in ("query", "key", "value")}
    mask = inputs.get("attention_mask", inputs.get("attention_bias"))
    if mask is not None:
        mask = torch.from_numpy(mask) if mask.dtype == bool else torch.from_numpy(mask).double()
    causal = "use_causal_mask" in inputs
    scale = float(inputs["scale"]) if "scale" in inputs else 1 / math.sqrt(KEY_DIM)
    output = torch.nn.functional.scaled_dot_product_attention(
        *arrays.values(), attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=True
    )
    (output * torch.from_numpy(inputs["cotangent"]).double()).sum().backward()
    found = {"output": output, "weights": _weights(arrays["query"], arrays["key"], mask, causal, scale)}
    found |= {f"grad_{name}": array.grad for name, array in arrays.items()}
    return inputs | {name: tensor.detach().numpy().astype("float32") for name, tensor in found.items()}


def _weights(query: Any, key: Any, mask: Any, causal: bool, scale: float) -> Any:
    """Return softmax(query keyᵀ · scale + mask), which PyTorch's function keeps to itself."""
    import torch

    key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scores = scale * query @ key.transpose(-1, -2)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, dim=-1)
