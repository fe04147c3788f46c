"""The linear maps inside an encoder layer, by their names, and how a kernel's axes split into inputs and outputs."""

import keras

from utils.layers.blocks import EncoderLayer
from utils.transformer import Encoder

# {name: (sublayer of an encoder layer, its attribute)}
PROJECTIONS = {
    "query": ("attention", "query_dense"),
    "key": ("attention", "key_dense"),
    "value": ("attention", "value_dense"),
    "attention_output": ("attention", "output_dense"),
    "intermediate": ("feed_forward", "intermediate_dense"),
    "output": ("feed_forward", "output_dense"),
}


def place_of(block: EncoderLayer, name: str) -> tuple[keras.Layer, str]:
    """Return the sublayer that holds a projection, and the attribute where it stands."""
    sublayer, attribute = PROJECTIONS[name]
    return getattr(block, sublayer), attribute


def check_encoder(encoder: Encoder) -> Encoder:
    """Return the encoder, refusing what is not the book's own."""
    if not isinstance(encoder, Encoder):
        raise TypeError(
            f"expected an Encoder of utils.transformer; received {type(encoder).__name__}. "
            "Of a model with a head pass model.encoder."
        )
    return encoder


def count_input_axes(layer: keras.Layer) -> int:
    """Return how many axes of a kernel, counted from the first, are summed over; the others are those of an output row.

    Raises:
        ValueError: the layer is not a Dense or EinsumDense, or its kernel does not begin with the axes of the inputs.

    Example:
        >>> layer = keras.layers.EinsumDense("bhtv,hvm->btm", output_shape=(None, 8))
        >>> count_input_axes(layer)  # a kernel (heads, value_dim, d_model) sums over heads and value_dim
        2
    """
    if isinstance(layer, keras.layers.Dense):
        return 1
    if not isinstance(layer, keras.layers.EinsumDense):
        raise ValueError(f"expected a Dense or an EinsumDense; received {type(layer).__name__}")
    kernel, output = layer.equation.split(",")[1].split("->")
    summed = [letter not in output for letter in kernel]
    if summed != sorted(summed, reverse=True):
        raise ValueError(f"expected the axes that are summed over first in a kernel; received {layer.equation!r}")
    return sum(summed)
