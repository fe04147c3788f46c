"""Telling attention where a token stands: sinusoidal, learned and rotary positions, and biases (ALiBi, T5's buckets).

Sources: Vaswani et al. (2017), arXiv:1706.03762, section 3.5; Su et al. (2021), arXiv:2104.09864; Press et al. (2022),
arXiv:2108.12409; Raffel et al. (2020), arXiv:1910.10683, section 2.1.

Letters in shapes: B batch, H heads, T queries (or tokens), S keys. Positions count tokens from 0. Where `offset` is
given, the first token at hand stands at that position: so a decoder that keeps its earlier keys asks for the positions
of the new tokens alone.
"""

import math
import operator
from typing import Any

import keras
import numpy as np
from keras import backend, ops

from utils.checks import broadcasts, non_negative_integer, positive_integer, positive_number

_PAIRINGS = ("interleaved", "half")
_STRETCHES = ("interpolation", "ntk", "yarn")


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
    base = positive_number("base", base, ", such as 10000.0")
    return base ** (-np.arange(0, _even_width("width", width), 2) / width)


def stretched_frequencies(
    width: int,
    factor: float,
    *,
    method: str,
    base: float = 10_000.0,
    trained_length: int | None = None,
    turns: tuple[float, float] = (1.0, 32.0),
) -> np.ndarray:
    """Return frequencies that turn rotary hands more slowly, for texts `factor` times as long as in training.

    "interpolation" (Chen et al., 2023, arXiv:2306.15595) divides all frequencies by the factor. "ntk" raises the base,
    so that the slowest pair is divided by the factor and the fastest keeps its speed. "yarn" (Peng et al., 2023,
    arXiv:2309.00071, section 3.2) keeps the pairs that turned often within the training length, divides those that
    turned less than once, and mixes between; the authors' program lets that mixture run over the numbers of the pairs,
    the paper, as here, over the turns. YaRN also sharpens the scores, which is left to the caller: by
    (1 + ln(factor) / 10)².

    Args:
        width: as in `angular_frequencies`.
        factor: new length over trained length.
        method: "interpolation", "ntk" or "yarn".
        base: as in `angular_frequencies`.
        trained_length: tokens of a text in training; "yarn" alone needs it.
        turns: "yarn" divides pairs with fewer turns than the first in trained_length tokens by the whole factor, and
            keeps those with more than the second. The default is the paper's for Llama.

    Returns:
        float64 array (width / 2,) in radians per token, for `rotate`.

    Raises:
        ValueError: a number is not positive, the width is odd or, for "ntk", 2, turns do not rise, trained_length is
            missing, or method is unknown.

    Example:
        >>> stretched_frequencies(4, 8, method="interpolation").tolist()
        [0.125, 0.00125]
        >>> stretched_frequencies(4, 8, method="ntk").round(5).tolist()
        [1.0, 0.00125]
    """
    if method not in _STRETCHES:
        raise ValueError(f"expected method to be one of {', '.join(_STRETCHES)}; received {method!r}")
    factor = positive_number("factor", factor, ", such as 8.0")
    frequencies = angular_frequencies(width, base=base)
    if method == "interpolation":
        return frequencies / factor
    if method == "ntk":
        if width == 2:
            raise ValueError('expected a width of at least 4 for method "ntk", which keeps one pair and slows another')
        return angular_frequencies(width, base=base * factor ** (width / (width - 2)))
    if trained_length is None:
        raise ValueError('expected trained_length for method "yarn", in tokens; received none')
    fewest, most = turns
    if not 0 <= fewest < most:
        raise ValueError(f"expected turns to be two numbers from 0 that rise, such as (1, 32); received {turns}")
    made = positive_integer("trained_length", trained_length) * frequencies / (2 * np.pi)  # turns within a text
    kept = np.clip((made - fewest) / (most - fewest), 0, 1)
    return (1 - kept) * frequencies / factor + kept * frequencies


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
        ValueError: d_model is odd or not positive, length or offset is not an integer from 0, base is not positive.

    Example:
        >>> print(ops.convert_to_numpy(sinusoidal_positions(2, 4)).round(2))
        [[0.   1.   0.   1.  ]
         [0.84 0.54 0.01 1.  ]]
    """
    frequencies = angular_frequencies(_even_width("d_model", d_model), base=base)
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
        ValueError: a size is not a positive integer, inputs have another shape than (B, T, d_model), or a token stands
            at position max_length or later. (Inside a compiled program an offset that is a tensor is not checked.)

    Example:
        >>> layer = LearnedPositions(max_length=5, d_model=4)
        >>> layer(np.zeros((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    def __init__(self, *, max_length: int, d_model: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_length = positive_integer("max_length", max_length)
        self.d_model = positive_integer("d_model", d_model)
        self.supports_masking = True  # the mask of the tokens goes on

    def build(self, input_shape: Any) -> None:
        """Create the table, small at first as in BERT, so that positions do not drown the tokens."""
        _check_tokens(tuple(input_shape), self.d_model)
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.embeddings = self.add_weight(shape=(self.max_length, self.d_model), initializer=small, name="embeddings")

    def call(self, inputs: Any, offset: int = 0) -> Any:
        """Return inputs (B, T, d_model) plus the rows of positions offset to offset + T - 1."""
        _check_tokens(tuple(inputs.shape), self.d_model)
        offset = _known_or_tensor("offset", offset)
        _check_room(inputs.shape[1], offset, self.max_length)
        table = ops.convert_to_tensor(self.embeddings)
        rows = ops.slice(table, (offset, 0), (ops.shape(inputs)[1], self.d_model))  # (T, d_model)
        return ops.add(inputs, rows)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Return the shape of the inputs, refusing what cannot be called."""
        _check_tokens(tuple(input_shape), self.d_model)
        _check_room(input_shape[1], 0, self.max_length)
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
    frequencies: Any = None,
    pairing: str = "interleaved",
) -> Any:
    """Turn each pair of features of a query or key by an angle in proportion to its position (rotary positions).

    Equation 34 of Su et al. (2021), arXiv:2104.09864. The dot product of a query and a key rotated so depends on their
    positions only through the difference. Rotate queries and keys, never values, after the projections into heads.

    Args:
        rows: float array (..., T, width), width even: queries or keys.
        positions: numbers broadcastable to (..., T), in tokens; offset, offset + 1, ... when omitted. Integers, or
            floats of at least 32 bits, since float16 and bfloat16 round positions to their neighbours.
        offset: position of the first row, if positions are omitted.
        base: as in `angular_frequencies`.
        frequencies: (width / 2,) in radians per token, in place of those of the base; see `stretched_frequencies`.
        pairing: which features turn together. "interleaved" (the paper, GPT-J, Meta's code of Llama): 2i with 2i + 1.
            "half" (GPT-NeoX, Llama as Hugging Face stores it): i with i + width / 2. Weights fit one of the two only.

    Returns:
        Tensor of the shape and type of rows; angles and products are computed in at least float32.

    Raises:
        ValueError: rows are not floating-point or have an odd width, positions do not fit or are in half precision,
            offset is negative, both are given, base is not positive, frequencies are not one for each pair, or pairing
            is unknown.

    Example:
        >>> quarter_turn = rotate(np.array([[1.0, 0.0]], "float32"), positions=[np.pi / 2])
        >>> (abs(ops.convert_to_numpy(quarter_turn)).round(3) + 0.0).tolist()
        [[0.0, 1.0]]
    """
    rows = ops.convert_to_tensor(rows)
    _check_rows(tuple(rows.shape), backend.standardize_dtype(rows.dtype))
    positions = _positions_of_rows(rows, positions, offset)
    dtype = backend.standardize_dtype(rows.dtype)
    exact = dtype if dtype == "float64" else "float32"  # half precision knows few positions
    if frequencies is None:
        frequencies = angular_frequencies(rows.shape[-1], base=base)
    cosines, sines = _cosines_and_sines(positions, _check_frequencies(frequencies, rows.shape[-1]), exact)
    first, second = _split_pairs(ops.cast(rows, exact), _check_pairing(pairing))
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
        ValueError: num_heads is not a positive integer.

    Example:
        >>> alibi_slopes(3).tolist()
        [0.0625, 0.00390625, 0.25]
    """
    below = 2 ** math.floor(math.log2(positive_integer("num_heads", num_heads)))
    slopes = _geometric(below)
    return np.append(slopes, _geometric(2 * below)[::2][: num_heads - below])


def alibi_bias(num_heads: int, num_queries: int, num_keys: int | None = None, *, offset: int = 0) -> Any:
    """Return what ALiBi adds to scores: minus slope times distance.

    Section 3 of Press et al. (2022), arXiv:2108.12409, where a causal mask leaves keys s ≤ t alone; without one, keys
    ahead are discouraged as keys behind are. Pass it as `attention_bias` of `scaled_dot_product_attention`
    or of a layer.

    Args:
        num_heads: H.
        num_queries: T.
        num_keys: S; T when omitted.
        offset: position of the first query among the keys, in tokens, as in `causal_mask`: S - T aligns the last query
            with the last key.

    Returns:
        float32 tensor (H, T, S): -slope[h] · |t + offset - s|.

    Raises:
        ValueError: num_heads is not a positive integer, or a length or offset is negative or not an integer.

    Example:
        >>> ops.convert_to_numpy(alibi_bias(1, 2, 3, offset=1)).tolist()
        [[[-0.00390625, 0.0, -0.00390625], [-0.0078125, -0.00390625, 0.0]]]
    """
    queries = _consecutive(num_queries, offset, "num_queries")
    keys = _consecutive(num_queries if num_keys is None else num_keys, 0, "num_keys")
    distance = ops.abs(ops.cast(queries, "float32")[:, None] - ops.cast(keys, "float32")[None, :])  # (T, S)
    slopes = ops.convert_to_tensor(alibi_slopes(num_heads), "float32")[:, None, None]
    return 0.0 - slopes * distance  # (H, T, S); a sign in front would make minus zeros


def relative_buckets(
    num_queries: int,
    num_keys: int | None = None,
    *,
    num_buckets: int = 32,
    max_distance: int = 128,
    offset: int = 0,
) -> Any:
    """Return into which bucket T5's decoder puts the distance of each query from each key.

    Section 2.1 of Raffel et al. (2020), arXiv:1910.10683, and the authors' program. The first half of the buckets hold
    one distance each: 0, 1, 2, ... The others grow like a geometric sequence up to max_distance; the last one takes
    all that is further. Keys ahead of a query share bucket 0: a causal mask hides them. A head's bias is a learned
    number for each bucket.

    Args:
        num_queries: T.
        num_keys: S; T when omitted.
        num_buckets: an even number from 2.
        max_distance: in tokens, more than num_buckets / 2.
        offset: position of the first query among the keys, as in `alibi_bias`.

    Returns:
        int32 tensor (T, S) of numbers below num_buckets.

    Raises:
        ValueError: a size is not such a number.

    Example:
        >>> ops.convert_to_numpy(relative_buckets(1, 8, num_buckets=4, max_distance=6, offset=7)).tolist()
        [[3, 3, 3, 3, 2, 2, 1, 0]]
    """
    edge = _even_buckets(num_buckets, max_distance)
    distances = np.arange(max_distance + 1)
    grown = np.log(np.maximum(distances, 1) / edge) / math.log(max_distance / edge)  # 0 at the edge, 1 at the maximum
    further = edge + np.floor(grown * (num_buckets - edge) + 1e-9)
    buckets = np.where(distances < edge, distances, np.minimum(further, num_buckets - 1)).astype("int32")
    queries = _consecutive(num_queries, offset, "num_queries")
    keys = _consecutive(num_queries if num_keys is None else num_keys, 0, "num_keys")
    behind = ops.clip(ops.cast(queries, "int32")[:, None] - ops.cast(keys, "int32")[None, :], 0, max_distance)  # (T, S)
    return ops.take(ops.convert_to_tensor(buckets), behind, axis=0)


def _consecutive(length: Any, offset: Any, name: str = "length") -> Any:
    """Return offset, offset + 1, ... (length,): plain numbers where both are known, else a tensor."""
    length, offset = _known_or_tensor(name, length), _known_or_tensor("offset", offset)
    return (np if _is_known(length) and _is_known(offset) else ops).arange(length) + offset


def _cosines_and_sines(positions: Any, frequencies: np.ndarray, dtype: str = "float32") -> tuple[Any, Any]:
    """Return cos and sin of position times frequency, (..., T) to (..., T, width / 2), as tensors of a type."""
    if _is_known(positions):
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
    # Without a reshape, which functional models cannot make where batch and length are not known.
    is_first = np.arange(2 * first.shape[-1]) % 2 == 0
    return ops.where(is_first, ops.repeat(first, 2, axis=-1), ops.repeat(second, 2, axis=-1))


def _geometric(num_heads: int) -> np.ndarray:
    """Return the slopes of a number of heads that is a power of two."""
    return 2.0 ** (-8 * np.arange(1, num_heads + 1) / num_heads)


def _positions_of_rows(rows: Any, positions: Any, offset: Any) -> Any:
    """Return the positions of rows (..., T, width) as numbers or a tensor, counted from offset where none are given."""
    if positions is not None:
        return _check_positions(positions, tuple(rows.shape), offset)
    length = ops.shape(rows)[-2]
    if length is not None:
        return _consecutive(length, offset)
    # A functional model is built: its length is known when it runs.
    return ops.cumsum(ops.ones_like(rows[..., 0], dtype="int32"), axis=-1) - 1 + _known_or_tensor("offset", offset)


def _is_known(value: Any) -> bool:
    """Return whether a value is a plain number or array, which can be looked at, and not a tensor of the backend."""
    return not (ops.is_tensor(value) or isinstance(value, keras.KerasTensor))


def _even_width(name: str, value: Any) -> int:
    """Return value as a plain int, refusing an odd one: features turn in pairs."""
    number = positive_integer(name, value)
    if number % 2:
        raise ValueError(
            f"expected {name} to be even, since features turn in pairs; received {number}. "
            f"Use {number + 1}, or drop one feature from these positions."
        )
    return number


def _known_or_tensor(name: str, value: Any) -> Any:
    """Return a number of tokens: a plain int of at least 0, or a tensor whose number only a compiled program knows."""
    if ops.is_tensor(value) and not len(value.shape) and backend.is_int_dtype(backend.standardize_dtype(value.dtype)):
        try:
            value = operator.index(value)
        except TypeError:
            return value
    return non_negative_integer(name, value)


def _even_buckets(num_buckets: Any, max_distance: Any) -> int:
    """Return how many buckets hold one distance each, refusing sizes of which no buckets can be made."""
    edge, odd = divmod(positive_integer("num_buckets", num_buckets), 2)
    if odd or positive_integer("max_distance", max_distance) <= edge:
        raise ValueError(
            f"expected an even num_buckets and a max_distance above half of it; received {num_buckets} and "
            f"{max_distance}"
        )
    return edge


def _check_frequencies(frequencies: Any, width: int) -> np.ndarray:
    """Return frequencies as numbers, refusing another shape than one for each pair."""
    numbers = np.asarray(frequencies, "float64")
    if numbers.shape != (width // 2,) or not np.isfinite(numbers).all():
        raise ValueError(
            f"expected {width // 2} finite frequencies, one for each pair of {width} features; "
            f"received shape {numbers.shape}"
        )
    return numbers


def _check_pairing(pairing: Any) -> str:
    """Return the name of a pairing, refusing an unknown one."""
    if pairing not in _PAIRINGS:
        raise ValueError(
            f'expected pairing to be "interleaved" (features 2i and 2i + 1) or "half" (i and i + width / 2); '
            f"received {pairing!r}"
        )
    return pairing


def _check_tokens(shape: tuple, d_model: int) -> None:
    """Raise ValueError unless a shape is (B, T, d_model); a size of None, not known yet, fits."""
    if len(shape) != 3 or shape[-1] not in (d_model, None):
        raise ValueError(
            f"expected inputs of shape (batch, length, d_model={d_model}), to which positions are added; "
            f"received shape {shape}"
        )


def _check_room(length: Any, offset: Any, max_length: int) -> None:
    """Raise ValueError unless positions offset to offset + length - 1 are in the table, as far as they are known.

    A length that TensorFlow alone knows is left to its slice, which raises; rows by index could be zeros.
    """
    if length is None or not (_is_known(length) and _is_known(offset)):
        return
    if offset + length > max_length:
        start = f", the first at position {offset}" if offset else ""
        raise ValueError(
            f"expected at most max_length={max_length} positions, for which a vector was learned; "
            f"received {length} tokens{start}. Cut the sequence, or make the layer with max_length={offset + length} "
            "and train it."
        )


def _check_rows(shape: tuple, dtype: str) -> None:
    """Raise ValueError unless rows can be rotated: floats with tokens and an even number of features as last axes."""
    if not backend.is_float_dtype(dtype):
        raise ValueError(f"expected rows to hold floating-point numbers; received {dtype}")
    if len(shape) < 2 or shape[-1] is None:
        raise ValueError(f"expected rows of shape (..., T, width), with a known width; received shape {shape}")
    _even_width("the width of rows (last axis)", shape[-1])


def _check_positions(positions: Any, rows: tuple, offset: Any) -> Any:
    """Return positions as numbers or as a tensor, refusing those that do not fit rows of that shape."""
    if not _is_known(offset) or offset:
        raise ValueError("expected either positions or an offset; received both. Add the offset to the positions.")
    positions = np.asarray(positions) if _is_known(positions) else positions
    shape, dtype = tuple(positions.shape), backend.standardize_dtype(positions.dtype)
    if dtype in ("float16", "bfloat16"):
        raise ValueError(
            f"expected positions to be integers or floats of at least 32 bits; received {dtype}, in which "
            f"{'2048 and 2049' if dtype == 'float16' else '256 and 257'} are one number. Count them in int32."
        )
    if not broadcasts(shape, rows[:-1]):
        raise ValueError(
            f"expected positions to broadcast to (..., T) = {rows[:-1]}, one for each row; received shape {shape}. "
            "Positions (B, T) of rows (B, H, T, width) need an axis for the heads: positions[:, None]."
        )
    return positions
