"""Weights of PyTorch's Transformer for ours: of one layer of `torch.nn`, and of a whole `torch.nn.Transformer`.

Nothing here imports PyTorch. Where it is installed, a layer hands over its weights as plain arrays so:
`{name: tensor.numpy() for name, tensor in layer.state_dict().items()}`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.gradients import weight_gradients
from utils.layers.blocks import DecoderLayer, EncoderLayer
from utils.layers.multi_head_attention import MultiHeadAttention
from utils.reference import arrays_under
from utils.transformer.config import TransformerConfig
from utils.transformer.models import Transformer

# Ours to theirs. A decoder layer of PyTorch has one more attention, and so one more normalisation.
_ENCODER = {"attention": "self_attn", "attention_norm": "norm1", "feed_forward_norm": "norm2"}
_DECODER = {
    **{"attention": "self_attn", "attention_norm": "norm1", "memory_attention": "multihead_attn"},
    **{"memory_norm": "norm2", "feed_forward_norm": "norm3"},
}


def load_torch_layer(layer: EncoderLayer | DecoderLayer, arrays: Mapping[str, np.ndarray], prefix: str = "") -> None:
    """Give a built layer the weights of its counterpart in `torch.nn`.

    PyTorch multiplies by the transpose of its matrices and stacks the projections of query, key and value; rows h·D to
    (h + 1)·D of each, D = d_model / H, belong to head h.

    Args:
        layer: built, with the sizes, `activation`, `epsilon` and `norm_first` of PyTorch's layer.
        arrays: its `state_dict` as arrays.
        prefix: what stands before the names, for instance "encoder.layers.0." in a `torch.nn.Transformer`.

    Raises:
        ValueError: an array is missing or has another shape than expected; the layer then keeps its weights.
    """
    names = _DECODER if isinstance(layer, DecoderLayer) else _ENCODER
    planned = []
    for ours, theirs in names.items():
        part, start = getattr(layer, ours), f"{prefix}{theirs}."
        attends = isinstance(part, MultiHeadAttention)
        planned.append((part, _attention_arrays(part, arrays, start) if attends else _weight_and_bias(arrays, start)))
    for ours, theirs in (("intermediate_dense", "linear1"), ("output_dense", "linear2")):
        dense = getattr(layer.feed_forward, ours)
        weight, bias = _weight_and_bias(arrays, f"{prefix}{theirs}.")
        planned.append((dense, [weight.T, bias]))
    set_all_weights(planned, prefix)


def gap_to_torch(layer: EncoderLayer | DecoderLayer, case: Mapping[str, np.ndarray]) -> float:
    """Give a layer PyTorch's weights, and return how far its output and its gradients are from PyTorch's.

    Compared are the output and the gradients, of the output's sum weighted by the case's `cotangent`, for all inputs
    and all weights.

    Args:
        layer: not yet built, with the options of PyTorch's layer. It is left with gradients for weights.
        case: of `data/reference/encoder-decoder.npz`, with a mask of padded keys.

    Returns:
        The largest gap, as `largest_gap` measures it.

    Raises:
        ValueError: as `load_torch_layer`.
    """
    decodes = isinstance(layer, DecoderLayer)
    names = ("target", "source") if decodes else ("source",)
    padding = case["memory_key_padding_mask" if decodes else "src_key_padding_mask"]
    masks = {"memory_mask" if decodes else "attention_mask": ~padding[:, None]}  # PyTorch's says who may not
    inputs = [case[name] for name in names]
    layer.build(*(array.shape for array in inputs))
    load_torch_layer(layer, arrays_under(case, "parameter."))

    def loss(call: Any, *vectors: Any) -> Any:
        return ops.sum(ops.multiply(call(*vectors, **masks), case["cotangent"]))

    ours = [layer(*inputs, **masks), *weight_gradients(layer, loss, *inputs)]
    gradients = arrays_under(case, "grad.")
    load_torch_layer(layer, gradients)  # as if they were weights, into our order
    theirs = [case["output"], *(gradients[name] for name in names)]
    return largest_gap(ours, [*theirs, *layer.trainable_variables])


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
        prefix = f"{part}.norm."
        set_all_weights([(stack.final_norm, _weight_and_bias(arrays, prefix))], prefix)


def gap_to_torch_transformer(case: Mapping[str, np.ndarray], num_heads: int, **choices: Any) -> float:
    """Give our two stacks PyTorch's weights, and return how far their output and gradients are from PyTorch's.

    PyTorch's has no embeddings: each of its input vectors becomes the row of a token of its own, after token 0. The
    gradients for the inputs are then those for the two tables.

    Args:
        case: of `data/reference/encoder-decoder.npz`, a whole `torch.nn.Transformer` with all masks.
        num_heads: of each attention; PyTorch's weights do not tell.
        **choices: other fields of `TransformerConfig`, such as norm_first.

    Returns:
        The largest gap, as `largest_gap` measures it.

    Raises:
        ValueError: as `load_torch_transformer`.
    """
    stacks = _Stacks(case, num_heads, choices)
    ids = [1 + np.arange(case[side][..., 0].size).reshape(case[side].shape[:2]) for side in ("source", "target")]
    stacks.load(arrays_under(case, "parameter."), case)

    def loss(call: Any) -> Any:
        return ops.sum(ops.multiply(call(*ids), case["cotangent"]))

    ours = [stacks(*ids), *weight_gradients(stacks, loss)]
    gradients = arrays_under(case, "grad.")
    stacks.load(gradients, gradients)  # as if they were weights, into our order
    return largest_gap(ours, [case["output"], *stacks.trainable_variables])


def largest_gap(found: Iterable[Any], expected: Iterable[Any]) -> float:
    """Return the largest gap between arrays, as a share of an array's largest number, or of 1 where that is larger.

    Args:
        found: arrays, tensors or variables.
        expected: as many, of the same shapes.

    Raises:
        ValueError: their numbers differ, or the shapes of a pair.

    Example:
        >>> largest_gap([[0.5, 2.0]], [[0.0, 4.0]])
        0.5
    """
    gaps = []
    for one, other in zip(found, expected, strict=True):
        one, other = ops.convert_to_numpy(one), ops.convert_to_numpy(other)
        if one.shape != other.shape:
            raise ValueError(f"expected an array of shape {other.shape}; received {one.shape}")
        gaps.append(np.abs(one - other).max() / max(1, np.abs(other).max()))
    return float(max(gaps))


def split_heads(matrix: np.ndarray, num_heads: int) -> np.ndarray:
    """Turn PyTorch's projection (H·D, width), or its bias (H·D,), into ours, (width, H, D) or (H, D)."""
    matrix = np.asarray(matrix)
    if matrix.shape[0] % num_heads:
        raise ValueError(f"expected a multiple of {num_heads} rows, as many for each head; received {matrix.shape[0]}")
    return matrix.T.reshape(*matrix.shape[1:], num_heads, matrix.shape[0] // num_heads)


def set_all_weights(planned: list[tuple[keras.Layer, list[np.ndarray]]], source: str = "") -> None:
    """Give several built layers their weights, all or none.

    Raises:
        ValueError: an array has another shape than the weight that it is for.
    """
    for layer, arrays in planned:
        for weight, array in zip(layer.weights, arrays, strict=True):
            if tuple(weight.shape) != array.shape:
                raise ValueError(
                    f"expected weights of shape {tuple(weight.shape)} for {weight.path}; received {array.shape} from "
                    f"{source or 'the given arrays'}. Make the model with the sizes of the one that they come from."
                )
    for layer, arrays in planned:
        layer.set_weights(arrays)


def _attention_arrays(attention: MultiHeadAttention, arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """Return weights as MultiHeadAttention lists them: kernel and bias of query, key, value and output."""
    heads = attention.num_heads
    kernels = np.split(_array(arrays, f"{prefix}in_proj_weight"), 3)
    biases = np.split(_array(arrays, f"{prefix}in_proj_bias"), 3)
    pairs = [split_heads(array, heads) for pair in zip(kernels, biases, strict=True) for array in pair]
    output, bias = _weight_and_bias(arrays, f"{prefix}out_proj.")
    return [*pairs, output.T.reshape(heads, output.shape[1] // heads, -1), bias]  # (H·D, d_model), then (H, D, d_model)


def _weight_and_bias(arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    return [_array(arrays, f"{prefix}weight"), _array(arrays, f"{prefix}bias")]


def _array(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        known = ", ".join(sorted(arrays)[:3])
        raise ValueError(f"expected an array named {name!r}, as PyTorch's layer has; received {known}, ...")
    return np.asarray(arrays[name])


class _Stacks(keras.Model):
    """Encoder and decoder of the sizes of PyTorch's, whose masks, which say who may not attend, are negated."""

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
