"""PyTorch's TransformerEncoderLayer, TransformerDecoderLayer and Transformer: both orders of norm and sum, masks.

Inputs and parameters are drawn in float32. PyTorch computes in float64 and the results are rounded to float32, so that
any machine writes the same numbers. For each case the file holds, under its name and a slash:

- source (B, S, E) and target (B, T, E): what the encoder layer takes as src, the decoder layer as memory and tgt, the
  Transformer as src and tgt; an encoder layer has no target;
- PyTorch's masks by its own names, of the cases that use them. Beware: True says "may NOT attend" here;
- output, (B, S, E) of an encoder layer, else (B, T, E), and cotangent, of the same shape;
- parameter.NAME for each parameter, by PyTorch's own name;
- grad.NAME for each parameter, grad.source and grad.target: the gradients of sum(output * cotangent).

All layers: E = 8 wide, H = 4 heads, 14 inside the feed-forward network, no dropout, in training mode so that PyTorch
takes no fused path. The Transformer has two encoder layers, two decoder layers and, as always in PyTorch,
a normalisation after each of the two stacks.
"""

import warnings
from typing import Any

import numpy as np

B, T, S, E, H, WIDE, LAYERS = 2, 3, 5, 8, 4, 14, 2
ENCODER_LAYER, DECODER_LAYER, WHOLE = "TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute all cases with PyTorch."""
    rng = np.random.default_rng(seed)
    source_padding, target_padding = np.arange(S) >= np.array([[3], [5]]), np.arange(T) >= np.array([[3], [2]])
    ahead = np.triu(np.ones((T, T), bool), 1)
    encoder = {"src_key_padding_mask": source_padding}
    decoder = {"tgt_mask": ahead, "memory_key_padding_mask": source_padding}
    whole = encoder | decoder | {"tgt_key_padding_mask": target_padding}
    cases = {
        "encoder_layer_post_norm": (ENCODER_LAYER, {}, encoder),
        "encoder_layer_pre_norm": (ENCODER_LAYER, {"norm_first": True, "activation": "gelu"}, encoder),
        "encoder_layer_causal": (ENCODER_LAYER, {}, {"src_mask": np.triu(np.ones((S, S), bool), 1)}),
        "decoder_layer_post_norm": (DECODER_LAYER, {}, decoder),
        "decoder_layer_pre_norm": (DECODER_LAYER, {"norm_first": True}, decoder),
        "decoder_layer_without_masks": (DECODER_LAYER, {"activation": "gelu"}, {}),
        "transformer_post_norm": (WHOLE, {}, whole),
        "transformer_pre_norm": (WHOLE, {"norm_first": True}, whole),
    }
    found = {case: _solve(rng, *given) for case, given in cases.items()}
    return {f"{case}/{name}": array for case, arrays in found.items() for name, array in arrays.items()}


def _solve(rng: np.random.Generator, kind: str, options: dict, masks: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Draw inputs and parameters of one case, run PyTorch forward and backward, and return all arrays."""
    import torch

    module = _module(rng, kind, options)
    inputs = {"source": (B, S, E)} | ({} if kind == ENCODER_LAYER else {"target": (B, T, E)})
    given = {name: rng.normal(size=shape).astype("float32") for name, shape in inputs.items()}
    tensors = {name: torch.from_numpy(array).double().requires_grad_() for name, array in given.items()}
    order = ("target", "source") if kind == DECODER_LAYER else ("source", "target")
    turned = {name: torch.from_numpy(mask.copy()) for name, mask in masks.items()}
    output = module(*(tensors[name] for name in order if name in tensors), **turned)
    given["cotangent"] = rng.normal(size=tuple(output.shape)).astype("float32")
    (output * torch.from_numpy(given["cotangent"])).sum().backward()
    slopes = {name: tensor.grad for name, tensor in (tensors | dict(module.named_parameters())).items()}
    given |= {f"parameter.{name}": _single(tensor) for name, tensor in module.named_parameters()}
    return given | masks | {"output": _single(output)} | {f"grad.{name}": _single(x) for name, x in slopes.items()}


def _module(rng: np.random.Generator, kind: str, options: dict) -> Any:
    """Make PyTorch's module with parameters drawn from rng, those of the normalisations around 1 and 0."""
    import torch

    depth = {"num_encoder_layers": LAYERS, "num_decoder_layers": LAYERS} if kind == WHOLE else {}
    sizes = {"d_model": E, "nhead": H, "dim_feedforward": WIDE, "dropout": 0.0, "batch_first": True}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "enable_nested_tensor")  # of no use to us, and PyTorch always asks for it
        module = getattr(torch.nn, kind)(**sizes, **depth, **options, dtype=torch.float64).train()
    for name, parameter in module.named_parameters():
        centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        drawn = (centre + 0.3 * rng.normal(size=tuple(parameter.shape))).astype("float32")
        parameter.data = torch.from_numpy(drawn).double()
    return module


def _single(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy().astype("float32")
