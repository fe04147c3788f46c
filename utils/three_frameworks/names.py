"""PyTorch's names and layouts of the weights of appendix A, and Keras's."""

from collections.abc import Mapping

import numpy as np

from utils.weights.from_torch import split_heads

PARTS = {
    "encoder": {"norm2": "feed_forward_norm"},
    "decoder": {"norm2": "memory_norm", "norm3": "feed_forward_norm"},
}
SHARED = {
    "self_attn": "attention",
    "multihead_attn": "memory_attention",
    "norm1": "attention_norm",
    "linear1": "intermediate",
    "linear2": "output",
}


def keras_names(
    arrays: Mapping[str, np.ndarray], num_heads: int
) -> dict[str, np.ndarray]:
    """Give PyTorch's weights, or gradients, Keras's names and layouts.

    Args:
        arrays: of `Translator` in tools/reference/models/in_torch.py.
        num_heads: H, which PyTorch's arrays do not tell.

    Returns:
        The arrays of `KerasTranslator`, by the paths of its variables.

    Raises:
        KeyError: a name is not one of that model.
    """
    table = arrays["embedding.weight"]  # stays as it is
    found = {"embedding/embeddings": table}
    for name, array in arrays.items():
        if name.startswith("transformer."):
            found |= _renamed(
                *name.split(".")[1:], array=array, num_heads=num_heads
            )
    return found


def _renamed(
    stack: str, *inside: str, array: np.ndarray, num_heads: int
) -> dict[str, np.ndarray]:
    """Return one array, or the three that are stacked in it."""
    *place, kind = inside
    is_bias = kind.endswith("bias")
    if place[0] == "norm":  # after the whole stack
        return {f"{stack}_norm/{'beta' if is_bias else 'gamma'}": array}
    _, number, part, *rest = place
    ours = f"{stack}_{number}/{(SHARED | PARTS[stack])[part]}"
    if part.startswith("norm"):  # stays as it is
        return {f"{ours}/{'beta' if is_bias else 'gamma'}": array}
    name = "bias" if is_bias else "kernel"
    if kind.startswith("in_proj"):  # three in one; heads are outputs
        pieces = zip(("query", "key", "value"), np.split(array, 3), strict=True)
        return {
            f"{ours}/{p}/{name}": split_heads(a, num_heads) for p, a in pieces
        }
    if rest == ["out_proj"]:  # heads are inputs
        if not is_bias:
            array = array.T.reshape(num_heads, -1, len(array))
        return {f"{ours}/attention_output/{name}": array}
    return {f"{ours}/{name}": array.T}  # a bias is its own transpose
