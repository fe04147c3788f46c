"""Telling attention where a token stands: sinusoidal, learned and rotary positions, and linear biases (ALiBi).

Sources: Vaswani et al. (2017), arXiv:1706.03762, section 3.5; Su et al. (2021), arXiv:2104.09864; Press et al. (2022),
arXiv:2108.12409. Letters in shapes: B batch, H heads, T queries (or tokens), S keys. Positions count tokens from 0.
Where `offset` is given, the first token at hand stands at that position: so a decoder that keeps its earlier keys asks
for the positions of the new tokens alone.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.positions_checks import (
    check_base,
    check_pairing,
    check_positions,
    check_room,
    check_rows,
    check_tokens,
    count_of,
    even_width,
    is_known,
    known_or_tensor,
)


def angular_frequencies(width: int, *, base: float = 10_000.0) -> np.ndarray:
    """Return how far each pair of features turns from one position to the next.

    Source: section 3.5 of Vaswani et al. (2017), arXiv:1706.03762. Pair i has frequency base^(-2i / width); its
    wavelength is 2π divided by that.

    Args:
        width: number of features, twice the number of pairs.
        base: the ratio that the frequencies approach from first to last pair.

    Returns:
        float64 array (width / 2,) in radians per token, falling from 1.

    Raises:
        ValueError: width is not even and positive, or base is not positive and finite.

    Example:
        >>> angular_frequencies(4).tolist()
        [1.0, 0.01]
    """
    return check_base(base) ** (-np.arange(0, even_width("width", width), 2) / width)


def sinusoidal_positions(length: int, d_model: int, *, offset: int = 0, base: float = 10_000.0) -> Any:
    """Return the position vectors of the original Transformer, to be added to token embeddings.

    Section 3.5 of Vaswani et al. (2017), arXiv:1706.03762: feature 2i is sin(p · ω), feature 2i + 1 is cos(p · ω), with
    ω = base^(-2i / d_model).

    Args:
        length: T, the number of positions; there is no largest one. A scalar tensor is taken too.
        d_model: width of a token's vector, even.
        offset: position of the first row, in tokens. A scalar tensor is taken too.
        base: as in `angular_frequencies`.

    Returns:
        float32 tensor (T, d_model). Angles are computed in float64 where length and offset are known numbers.

    Raises:
        ValueError: d_model is odd or not positive, length or offset is negative or no integer, base is not positive.

    Example:
        >>> print(ops.convert_to_numpy(sinusoidal_positions(2, 4)).round(2))
        [[0.   1.   0.   1.  ]
         [0.84 0.54 0.01 1.  ]]
    """
    frequencies = angular_frequencies(even_width("d_model", d_model), base=base)
    cosines, sines = _cosines_and_sines(_consecutive(length, offset), frequencies)
    return ops.reshape(ops.stack([sines, cosines], axis=-1), (-1, d_model))  # (T, d_model / 2, 2) -> (T, d_model)


@keras.saving.register_keras_serializable(package="executable-transformer")
class LearnedPositions(keras.layers.Layer):
    """Add a learned vector to each token: one row of a table (max_length, d_model) for each position.

    The alternative of section 3.5 of Vaswani et al. (2017), arXiv:1706.03762, and the positions of BERT and GPT-2. The
    arguments have to be named, since two integers are easily swapped.

    Args:
        max_length: number of rows, and so the longest sequence.
        d_model: width of a token's vector.
        **kwargs: name, dtype, trainable of `keras.Layer`.

    Raises:
        ValueError: a size is no positive integer, inputs have another shape than (B, T, d_model), or a token stands
            at position max_length or later. (Inside a compiled program an offset that is a tensor is not checked.)

    Example:
        >>> layer = LearnedPositions(max_length=5, d_model=4)
        >>> layer(np.zeros((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    def __init__(self, *, max_length: int, d_model: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_length, self.d_model = count_of("max_length", max_length), count_of("d_model", d_model)
        self.supports_masking = True  # the mask of the tokens goes on

    def build(self, input_shape: Any) -> None:
        """Create the table, small at first as in BERT, so that positions do not drown the tokens."""
        check_tokens(tuple(input_shape), self.d_model)
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.embeddings = self.add_weight(shape=(self.max_length, self.d_model), initializer=small, name="embeddings")

    def call(self, inputs: Any, offset: int = 0) -> Any:
        """Return inputs (B, T, d_model) plus the rows of positions offset to offset + T - 1."""
        check_tokens(tuple(inputs.shape), self.d_model)
        offset = known_or_tensor("offset", offset)
        check_room(inputs.shape[1], offset, self.max_length)
        table = ops.convert_to_tensor(self.embeddings)
        # TensorFlow's slice raises where a length that it alone knows leaves the table; rows by index could be zeros.
        rows = ops.slice(table, (offset, 0), (ops.shape(inputs)[1], self.d_model))  # (T, d_model)
        return ops.add(inputs, rows)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Return the shape of the inputs, refusing what cannot be called."""
        check_tokens(tuple(input_shape), self.d_model)
        check_room(input_shape[1], 0, self.max_length)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again."""
        return super().get_config() | {"max_length": self.max_length, "d_model": self.d_model}


def rotate(
    rows: Any,
    positions: Any = None,
    *,
    offset: int = 0,
    base: float = 10_000.0,
    pairing: str = "interleaved",
) -> Any:
    """Turn each pair of features of a query or key by an angle in proportion to its position (rotary positions).

    Equation 34 of Su et al. (2021), arXiv:2104.09864. The dot product of a query and a key rotated so depends on their
    positions only through the difference. Rotate queries and keys, never values, after the projections into heads.

    Args:
        rows: float array (..., T, width), width even: queries or keys.
        positions: numbers broadcastable to (..., T), in tokens; offset, offset + 1, ... when omitted.
        offset: position of the first row, if positions are omitted.
        base: as in `angular_frequencies`.
        pairing: which features turn together. "interleaved" (the paper, GPT-J): 2i with 2i + 1. "half" (GPT-NeoX,
            Llama): i with i + width / 2. Trained weights fit one of the two only.

    Returns:
        Tensor of the shape and type of rows; angles and products are computed in at least float32.

    Raises:
        ValueError: rows are not floating-point or have an odd width, positions do not fit, offset is negative, both
            are given, base is not positive, or pairing is unknown.

    Example:
        >>> quarter_turn = rotate(np.array([[1.0, 0.0]], "float32"), positions=[np.pi / 2])
        >>> (abs(ops.convert_to_numpy(quarter_turn)).round(3) + 0.0).tolist()
        [[0.0, 1.0]]
    """
    rows = ops.convert_to_tensor(rows)
    dtype = keras.backend.standardize_dtype(rows.dtype)
    check_rows(tuple(rows.shape), dtype)
    positions = check_positions(positions, tuple(rows.shape), offset)
    if positions is None:
        positions = _consecutive(ops.shape(rows)[-2], offset)
    exact = dtype if dtype == "float64" else "float32"  # float16 knows few positions
    frequencies = angular_frequencies(rows.shape[-1], base=base)
    cosines, sines = _cosines_and_sines(positions, frequencies, exact)
    rows = ops.cast(rows, exact)
    first, second = _split_pairs(rows, check_pairing(pairing))
    turned = first * cosines - second * sines, first * sines + second * cosines
    return ops.cast(_join_pairs(*turned, pairing), dtype)


def alibi_slopes(num_heads: int) -> np.ndarray:
    """Return how much each head of ALiBi takes off a score for each token of distance.

    Section 3 of Press et al. (2022), arXiv:2108.12409: for H heads, a power of two, the slopes are 2^(-8/H), 2^(-16/H),
    ..., 2^(-8). For other numbers the authors' code, which Bloom and MPT follow, takes the slopes of the power of two
    below and fills up with every other slope of the power above.

    Args:
        num_heads: H.

    Returns:
        float64 array (H,) of positive numbers, in units of score per token.

    Raises:
        ValueError: num_heads is no positive integer.

    Example:
        >>> alibi_slopes(3).tolist()
        [0.0625, 0.00390625, 0.25]
    """
    below = 2 ** math.floor(math.log2(count_of("num_heads", num_heads)))
    slopes = _geometric(below)
    return np.append(slopes, _geometric(2 * below)[::2][: num_heads - below])


def alibi_bias(num_heads: int, num_queries: int, num_keys: int | None = None, *, offset: int = 0) -> Any:
    """Return what ALiBi adds to scores: minus slope times distance.

    Section 3 of Press et al. (2022), arXiv:2108.12409, where a causal mask leaves keys s ≤ t alone; without one, keys
    ahead are discouraged as keys behind are. Pass it as the float `attention_mask` of `scaled_dot_product_attention`.

    Args:
        num_heads: H.
        num_queries: T.
        num_keys: S; T when omitted.
        offset: position of the first query among the keys, in tokens, as in `causal_mask`: S - T aligns the last query
            with the last key.

    Returns:
        float32 tensor (H, T, S): -slope[h] · |t + offset - s|.

    Raises:
        ValueError: num_heads is no positive integer, or a length or offset is negative or no integer.

    Example:
        >>> ops.convert_to_numpy(alibi_bias(1, 2, 3, offset=1)).tolist()
        [[[-0.00390625, 0.0, -0.00390625], [-0.0078125, -0.00390625, 0.0]]]
    """
    queries = _consecutive(num_queries, offset, "num_queries")
    keys = _consecutive(num_queries if num_keys is None else num_keys, 0, "num_keys")
    distance = ops.abs(ops.cast(queries, "float32")[:, None] - ops.cast(keys, "float32")[None, :])  # (T, S)
    slopes = ops.convert_to_tensor(alibi_slopes(num_heads), "float32")[:, None, None]
    return 0.0 - slopes * distance  # (H, T, S); a sign in front would make minus zeros


def _consecutive(length: Any, offset: Any, name: str = "length") -> Any:
    """Return offset, offset + 1, ... (length,): plain numbers where both are known, else a tensor."""
    length, offset = known_or_tensor(name, length), known_or_tensor("offset", offset)
    return (np if is_known(length) and is_known(offset) else ops).arange(length) + offset


def _cosines_and_sines(positions: Any, frequencies: np.ndarray, dtype: str = "float32") -> tuple[Any, Any]:
    """Return cos and sin of position times frequency, (..., T) to (..., T, width / 2), as tensors of a type."""
    if is_known(positions):
        angles = np.asarray(positions, "float64")[..., None] * frequencies  # one radian at 10,000 keeps 12 digits
        return ops.convert_to_tensor(np.cos(angles), dtype), ops.convert_to_tensor(np.sin(angles), dtype)
    angles = ops.cast(positions, dtype)[..., None] * ops.convert_to_tensor(frequencies, dtype)
    return ops.cos(angles), ops.sin(angles)


def _split_pairs(rows: Any, pairing: str) -> tuple[Any, Any]:
    """Return the first and the second member of each pair of features, (..., width / 2) each."""
    if pairing == "half":
        half = rows.shape[-1] // 2
        return rows[..., :half], rows[..., half:]
    return rows[..., ::2], rows[..., 1::2]


def _join_pairs(first: Any, second: Any, pairing: str) -> Any:
    """Put the members of all pairs back to where `_split_pairs` found them, (..., width)."""
    if pairing == "half":
        return ops.concatenate([first, second], axis=-1)
    return ops.reshape(ops.stack([first, second], axis=-1), (*ops.shape(first)[:-1], 2 * first.shape[-1]))


def _geometric(num_heads: int) -> np.ndarray:
    """Return the slopes of a number of heads that is a power of two."""
    return 2.0 ** (-8 * np.arange(1, num_heads + 1) / num_heads)
