"""Weights of `torch.nn.Transformer` for ours, as plain arrays; nothing here imports PyTorch."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.gradients import weight_gradients
from utils.reference import arrays_under
from utils.transformer.config import TransformerConfig
from utils.transformer.models import Transformer
from utils.weights.from_torch import largest_gap, load_torch_layer, load_torch_norm


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


def gap_to_torch_transformer(case: Mapping[str, np.ndarray], num_heads: int, **choices: Any) -> float:
    """Give our two stacks PyTorch's weights, and return how far their output and gradients are from PyTorch's.

    PyTorch's has no embeddings: each of its input vectors becomes the row of a token of its own, after token 0. The
    gradients for the inputs are then those for the two tables.

    Args:
        case: of `data/reference/encoder-decoder.npz`, a whole `torch.nn.Transformer` with all masks.
        num_heads: of each attention; PyTorch's weights do not tell.
        **choices: other fields of `TransformerConfig`, such as norm_first.

    Returns:
        The largest gap, as `utils.weights.from_torch.largest_gap` measures it.

    Raises:
        ValueError: as `load_torch_transformer`.
    """
    stacks = _Stacks(case, num_heads, choices)
    ids = [1 + np.arange(case[side][..., 0].size).reshape(case[side].shape[:2]) for side in ("source", "target")]
    stacks.load(arrays_under(case, "parameter."), case)

    def loss(call: Any) -> Any:
        return ops.sum(ops.multiply(call(*ids), case["cotangent"]))

    found = [stacks(*ids), *weight_gradients(stacks, loss)]
    slopes = arrays_under(case, "grad.")
    stacks.load(slopes, slopes)  # as if they were weights: so they come into our order
    return largest_gap(found, [case["output"], *stacks.trainable_variables])


class _Stacks(keras.Model):
    """Encoder and decoder of the sizes of PyTorch's; its masks, which say who may not attend, turned round."""

    def __init__(self, case: Mapping[str, np.ndarray], num_heads: int, choices: Mapping[str, Any]):
        super().__init__()
        rows, written = (1 + case[side][..., 0].size for side in ("source", "target"))
        layers = {name.split(".")[3] for name in case if name.startswith("parameter.encoder.layers.")}
        wide = case["parameter.encoder.layers.0.linear1.bias"].size
        config = TransformerConfig(
            **{"vocabulary_size": rows, "d_model": case["source"].shape[-1], "num_layers": len(layers)},
            **{"num_heads": num_heads, "intermediate_dim": wide, "positions": None, "scale_embedding": False},
            **({"final_norm": True, "dropout": 0.0} | choices),
        )
        self.model = Transformer(config, target_vocabulary_size=written)
        self.masks = [~case[f"{part}_key_padding_mask"] for part in ("src", "tgt", "memory")]

    def call(self, source: Any, target: Any) -> Any:
        """Return the decoder's vectors (B, T, d_model)."""
        of_source, of_target, of_memory = self.masks
        memory = self.model.encoder(source, of_source)
        return self.model.decoder(target, memory, of_target, of_memory)

    def load(self, weights: Mapping[str, np.ndarray], vectors: Mapping[str, np.ndarray]) -> None:
        """Load weights into the stacks, and the vectors of source and target into the tables."""
        load_torch_transformer(self.model, weights)
        for part, side in ((self.model.encoder, "source"), (self.model.decoder, "target")):
            rows = vectors[side].reshape(-1, vectors[side].shape[-1])
            part.embedding.table.assign(np.concatenate([np.zeros_like(rows[:1]), rows]))
