"""Layer normalisation as PyTorch computes it, and its gradients.

The file holds, under a case's name and a slash: x (T, width), weight, bias (width,), cotangent and output (T, width),
and grad_x, grad_weight, grad_bias, the gradients of sum(output * cotangent). In the case "small" the entries of x
hardly differ, so that epsilon counts.
"""

import numpy as np

T, WIDTH, EPSILON = 5, 7, 1e-5


def build(seed: int) -> dict[str, np.ndarray]:
    """Compute both cases with PyTorch."""
    rng = np.random.default_rng(seed)
    cases = {name: _case(rng, spread) for name, spread in (("usual", 1.0), ("small", 1e-3))}
    return {f"{case}/{name}": array for case, found in cases.items() for name, array in found.items()}


def _case(rng: np.random.Generator, spread: float) -> dict[str, np.ndarray]:
    """Return inputs, output and gradients for entries with this standard deviation around 3 times it."""
    import torch

    shapes = {"x": (T, WIDTH), "weight": (WIDTH,), "bias": (WIDTH,), "cotangent": (T, WIDTH)}
    drawn = {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    drawn["x"] = np.float32(spread) * (drawn["x"] + 3)
    tensors = {name: torch.from_numpy(array).clone().requires_grad_() for name, array in drawn.items()}
    given = tensors["x"], (WIDTH,), tensors["weight"], tensors["bias"]
    output = torch.nn.functional.layer_norm(*given, eps=EPSILON)
    (output * tensors["cotangent"].detach()).sum().backward()
    slopes = {f"grad_{name}": tensors[name].grad.numpy() for name in ("x", "weight", "bias")}
    return drawn | {"output": output.detach().numpy()} | slopes
