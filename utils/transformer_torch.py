"""Weights of `torch.nn.Transformer` for ours, as plain arrays; nothing here imports PyTorch."""

from collections.abc import Mapping

import numpy as np

from utils.layers_torch import load_torch_layer, load_torch_norm
from utils.transformer import Transformer


def load_torch_transformer(model: Transformer, arrays: Mapping[str, np.ndarray]) -> None:
    """Give the two stacks of a model the weights of a `torch.nn.Transformer`, which has no embeddings and no output.

    PyTorch's has a normalisation after each stack whatever the order inside its layers: configure ours with
    `final_norm=True`, and with its sizes, `activation`, `epsilon` and `norm_first`.

    Args:
        model: ours.
        arrays: PyTorch's `state_dict` as arrays.

    Raises:
        ValueError: an array is missing or of another shape, the number of layers differs, or ours ends without
            normalisations.
    """
    if not model.config.ends_with_norm:
        raise ValueError("expected a model with final_norm=True, as PyTorch's; received one without")
    for part in ("encoder", "decoder"):
        stack = getattr(model, part)
        theirs = len({name.split(".")[2] for name in arrays if name.startswith(f"{part}.layers.")})
        if theirs != len(stack.blocks):
            raise ValueError(f"expected {len(stack.blocks)} layers of the {part}, as ours has; received {theirs}")
        for at, block in enumerate(stack.blocks):
            load_torch_layer(block, arrays, f"{part}.layers.{at}.")
        load_torch_norm(stack.final_norm, arrays, f"{part}.norm.")
