"""PyTorch's nn.MultiheadAttention: inputs, parameters, outputs, weights and gradients of six cases.

Inputs and parameters are drawn in float32. PyTorch computes in float64 and the results are rounded to float32, so that
any machine writes the same numbers. For each case the file holds, under its name and a slash:

- query (B, T, E), key (B, S, key width), value (B, S, value width), cotangent (B, T, E);
- PyTorch's parameters by its own names, with underscores for dots: in_proj_weight (3·E, E), in_proj_bias (3·E),
  out_proj_weight (E, E), out_proj_bias (E). Where key and value are not as wide as query, q_proj_weight, k_proj_weight
  and v_proj_weight stand for in_proj_weight;
- attn_mask (T, S) and key_padding_mask (B, S) of the cases that use them. Beware: True says "may NOT attend" here;
- output (B, T, E), weights (B, H, T, S), average_weights (B, T, S);
- grad_ and the name of each input and parameter: the gradients of sum(output * cotangent).

Rows h·D to (h+1)·D of a projection, D = E / H, belong to head h.
"""

from typing import Any

import numpy as np

B, T, S, H, E, KEY_WIDTH, VALUE_WIDTH = 2, 3, 5, 4, 12, 7, 6
INPUTS = ("query", "key", "value")


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute all cases with PyTorch."""
    rng = np.random.default_rng(seed)
    padding = np.arange(S) >= np.array([[3], [5]])
    forbidden = (rng.random((S, S)) > 0.5) & ~np.eye(S, dtype=bool)
    forbidden[:, 0] = False  # no row without a key: PyTorch's result there is NaN
    cases = {
        "self_attention": _draw(rng),
        "no_bias": _draw(rng, bias=False),
        "boolean_mask": _draw(rng) | {"attn_mask": forbidden},
        "causal": _draw(rng) | {"attn_mask": np.triu(np.ones((S, S), bool), 1)},
        "padding": _draw(rng) | {"key_padding_mask": padding},
        "cross_attention": _draw(rng, cross=True) | {"key_padding_mask": padding[::-1], "attn_mask": forbidden[:T]},
    }
    return {f"{case}/{name}": array for case, given in cases.items() for name, array in _solve(given).items()}


def _draw(rng: np.random.Generator, bias: bool = True, cross: bool = False) -> dict[str, np.ndarray]:
    """Draw the inputs and parameters of one case; self-attention has one input under three names."""
    shapes = {"query": (B, T, E), "key": (B, S, KEY_WIDTH), "value": (B, S, VALUE_WIDTH)} if cross else {}
    inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    inputs = inputs or dict.fromkeys(INPUTS, rng.normal(size=(B, S, E)))
    widths = {"q_proj_weight": E, "k_proj_weight": KEY_WIDTH, "v_proj_weight": VALUE_WIDTH}
    shapes = {name: (E, width) for name, width in widths.items()} if cross else {"in_proj_weight": (3 * E, E)}
    shapes |= {"out_proj_weight": (E, E)} | ({"in_proj_bias": (3 * E,), "out_proj_bias": (E,)} if bias else {})
    parameters = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}
    cotangent = rng.normal(size=inputs["query"].shape)
    return {name: array.astype("float32") for name, array in (inputs | parameters | {"cotangent": cotangent}).items()}


def _solve(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Add PyTorch's output, weights and gradients to one case."""
    import torch

    layer = _layer(given)
    tensors = {name: torch.from_numpy(given[name]).double().requires_grad_() for name in INPUTS}
    masks = {name: torch.from_numpy(given[name].copy()) for name in ("attn_mask", "key_padding_mask") if name in given}
    output, weights = layer(*tensors.values(), **masks, need_weights=True, average_attn_weights=False)
    average = layer(*tensors.values(), **masks, need_weights=True)[1]
    (output * torch.from_numpy(given["cotangent"]).double()).sum().backward()
    tensors |= {name.replace(".", "_"): parameter for name, parameter in layer.named_parameters()}
    found = {"output": output, "weights": weights, "average_weights": average}
    found |= {f"grad_{name}": tensor.grad for name, tensor in tensors.items()}
    return given | {name: tensor.detach().numpy().astype("float32") for name, tensor in found.items()}


def _layer(given: dict[str, np.ndarray]) -> Any:
    """Make PyTorch's layer with the parameters of one case."""
    import torch

    widths = {"kdim": given["key"].shape[-1], "vdim": given["value"].shape[-1]}
    bias = "in_proj_bias" in given
    layer = torch.nn.MultiheadAttention(E, H, bias=bias, batch_first=True, dtype=torch.float64, **widths)
    state = {name: torch.from_numpy(given[name.replace(".", "_")]) for name in layer.state_dict()}
    layer.load_state_dict(state)
    return layer
