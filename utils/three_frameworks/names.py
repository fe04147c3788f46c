"""PyTorch's names and layouts of the weights of appendix A, and Keras's."""

from collections.abc import Mapping

import numpy as np

from utils.weights.from_torch import split_heads

PARTS = {
    "encoder": {
        "self_attn": "attention",
        "norm1": "attention_norm",
        "norm2": "feed_forward_norm",
    },
    "decoder": {
        **{
            "self_attn": "attention",
            "norm1": "attention_norm",
            "norm3": "feed_forward_norm",
        },
        **{"multihead_attn": "memory_attention", "norm2": "memory_norm"},
    },
}
MAPS = {"linear1": "intermediate", "linear2": "output"}


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
    found = {
        "embedding/embeddings": arrays["embedding.weight"]
    }  # a table stays as it is
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
    kernel_or_bias = kind.removeprefix("in_proj_").replace("weight", "kernel")
    if place[0] == "norm":  # after the whole stack
        return {f"{stack}_norm/{'beta' if kind == 'bias' else 'gamma'}": array}
    _, number, part, *rest = place
    ours = f"{stack}_{number}/{(MAPS | PARTS[stack])[part]}"
    if kind.startswith("in_proj_"):  # rows of queries, then keys, then values
        pieces = zip(("query", "key", "value"), np.split(array, 3), strict=True)
        return {
            f"{ours}/{piece}/{kernel_or_bias}": split_heads(rows, num_heads)
            for piece, rows in pieces
        }
    if rest == ["out_proj"]:  # heads are its inputs
        kernel = (
            array.T.reshape(num_heads, -1, array.shape[0])
            if kind == "weight"
            else array
        )
        return {f"{ours}/attention_output/{kernel_or_bias}": kernel}
    if part in MAPS:  # a linear layer is transposed
        return {f"{ours}/{kernel_or_bias}": array.T}
    return {f"{ours}/{'beta' if kind == 'bias' else 'gamma'}": array}
