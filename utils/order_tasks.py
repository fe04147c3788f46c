"""Tasks in which the order of tokens is all that counts, and small models that are told positions in several ways.

Made for chapter 3, and for the program that repeats its experiments over many seeds. Letters in shapes: B batch, H
heads, T tokens.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from utils.attention import causal_mask, scaled_dot_product_attention
from utils.checks import positive_integer
from utils.layers import MultiHeadAttention
from utils.positions import alibi_bias, relative_buckets, rotate, sinusoidal_positions

CARS, COLOURS, CAR_WIDTH = 8, 7, 16
RED, BLUE = 0, 1
PORTS, LONGEST = 8, 256
WIDTH, HEADS, KEY_DIM = 64, 4, 16
BUCKETS = 16  # of T5's bias, of which the last begins at a distance of 15 hours
WAYS = ("none", "learned", "sinusoidal", "rotary", "ALiBi", "T5")


def car_streams(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw streams of eight cars, one of them red and one blue, and whether red comes first.

    Args:
        rng: NumPy generator.
        count: how many streams.

    Returns:
        (cars, red_first): int32 (count, 8), 0 red and 1 blue, and floats (count,), 1 where red comes before blue.

    Example:
        >>> cars, red_first = car_streams(np.random.default_rng(0), 1)
        >>> cars.tolist(), red_first.tolist()
        ([[6, 5, 1, 3, 3, 2, 0, 2]], [0.0])
    """
    cars = rng.integers(2, COLOURS, (positive_integer("count", count), CARS), dtype="int32")
    for stream in cars:
        stream[rng.permutation(CARS)[:2]] = RED, BLUE
    red_first = (cars == RED).argmax(axis=1) < (cars == BLUE).argmax(axis=1)
    return cars, red_first.astype("float32")


def mirrored(cars: np.ndarray) -> np.ndarray:
    """Return the same streams with red and blue exchanged, so that each answer is the opposite.

    Example:
        >>> mirrored(np.array([[4, 1, 3, 0]])).tolist()
        [[4, 0, 3, 1]]
    """
    return np.where(cars == RED, BLUE, np.where(cars == BLUE, RED, cars))


def car_model(positions: Any = None) -> keras.Model:
    """Build a model that averages one layer of attention: logits (B, 1), positive for "red comes first".

    Args:
        positions: (8, 16) or (1, 16), added to the vectors of the cars; none when omitted.
    """
    cars = keras.Input((CARS,), dtype="int32")
    x = keras.layers.Embedding(COLOURS, CAR_WIDTH)(cars)
    if positions is not None:
        x = x + ops.convert_to_tensor(positions)
    x = MultiHeadAttention(num_heads=2, key_dim=8)(x, x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(cars, keras.layers.Dense(1)(x))


def ship_logs(rng: np.random.Generator, count: int, hours: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw ships' logs with an entry in one hour of five, the port that was entered last, and where that is a question.

    Args:
        rng: NumPy generator.
        count: how many logs.
        hours: length of each.

    Returns:
        (logs, ports, counted): int32 (count, hours), 0 for an hour without an entry and 1 to 8 for a port; int32
        (count, hours), the last port so far; booleans (count, hours), True in hours without an entry.

    Example:
        >>> logs, ports, _ = ship_logs(np.random.default_rng(3), 1, 9)
        >>> logs[0].tolist(), ports[0].tolist()
        ([1, 0, 0, 0, 8, 0, 0, 4, 0], [1, 1, 1, 1, 8, 8, 8, 4, 4])
    """
    entered = rng.random((positive_integer("count", count), positive_integer("hours", hours))) < 0.2
    entered[:, 0] = True
    logs = rng.integers(1, PORTS + 1, entered.shape, dtype="int32") * entered
    latest = np.maximum.accumulate(entered * np.arange(hours), axis=1)
    return logs, np.take_along_axis(logs, latest, axis=1), ~entered


def full_logs(rng: np.random.Generator, count: int, hours: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw logs with an entry in every hour, and the port of exactly two hours ago.

    Args:
        rng: NumPy generator.
        count: how many logs.
        hours: length of each.

    Returns:
        (logs, ports, counted) as `ship_logs`; the first two hours, of which nobody knows the answer, do not count.

    Example:
        >>> logs, ports, counted = full_logs(np.random.default_rng(0), 1, 5)
        >>> logs[0, :3].tolist() == ports[0, 2:].tolist(), counted[0].tolist()
        (True, [False, False, True, True, True])
    """
    logs = rng.integers(1, PORTS + 1, (positive_integer("count", count), hours), dtype="int32")
    return logs, np.roll(logs, 2, axis=1), np.arange(hours) + np.zeros((count, 1)) >= 2


class LogReader(keras.Model):
    """Read a log with one causal layer of attention: logits (B, T, 9) of the port that is asked for.

    Args:
        way: how the layer is told positions, one of WAYS.
        base: of the rotary frequencies.
        frequencies: of the rotary hands, in place of those of the base.
        sharpness: factor on the scores, YaRN's for instance.
        window: how many hours back a query may look, its own included; all when omitted.
        buckets: (num_buckets, max_distance) of T5's bias.

    Raises:
        ValueError: the way is another.
    """

    def __init__(
        self,
        way: str,
        *,
        base: float = 10_000.0,
        frequencies: Any = None,
        sharpness: float = 1.0,
        window: int | None = None,
        buckets: tuple[int, int] = (BUCKETS, BUCKETS),
    ):
        super().__init__()
        if way not in WAYS:
            raise ValueError(f"expected way to be one of {', '.join(WAYS)}; received {way!r}")
        self.way, self.base, self.frequencies, self.buckets = way, base, frequencies, buckets
        self.scale, self.window = sharpness / math.sqrt(KEY_DIM), window

    def build(self, input_shape: Any) -> None:
        """Create the weights: embedding, projections, output, and what this way to tell positions learns."""
        self.embedding = self.add_weight(shape=(PORTS + 1, WIDTH))
        self.kernels = [self.add_weight(shape=(WIDTH, HEADS, KEY_DIM)) for _ in ("query", "key", "value")]
        self.merge = self.add_weight(shape=(HEADS, KEY_DIM, WIDTH))
        self.to_ports = self.add_weight(shape=(WIDTH, PORTS + 1))
        if self.way == "learned":
            self.table = self.add_weight(shape=(LONGEST, WIDTH))
        if self.way == "T5":
            self.bias_of_bucket = self.add_weight(shape=(HEADS, self.buckets[0]))

    def call(self, logs: Any) -> Any:
        """Return logits (B, T, 9) for logs (B, T)."""
        hours = logs.shape[1]
        x = ops.take(self.embedding, logs, axis=0)  # (B, T, WIDTH)
        if self.way == "learned":
            x = x + self.table[:hours]
        if self.way == "sinusoidal":
            x = x + sinusoidal_positions(hours, WIDTH)
        query, key, value = [ops.einsum("btd,dhk->bhtk", x, kernel) for kernel in self.kernels]
        if self.way == "rotary":
            turn = {"base": self.base, "frequencies": self.frequencies}
            query, key = rotate(query, **turn), rotate(key, **turn)
        mixed, _ = scaled_dot_product_attention(
            query,
            key,
            value,
            self._seen(hours),
            attention_bias=self._bias(hours),
            use_causal_mask=True,
            scale=self.scale,
        )
        return ops.einsum("bhtk,hkd->btd", mixed, self.merge) @ self.to_ports

    def _bias(self, hours: int) -> Any:
        """Return what is added to the scores, (H, T, T), or None."""
        if self.way == "ALiBi":
            return alibi_bias(HEADS, hours)
        if self.way == "T5":
            num_buckets, max_distance = self.buckets
            return ops.take(
                self.bias_of_bucket, relative_buckets(hours, num_buckets=num_buckets, max_distance=max_distance), axis=1
            )
        return None

    def _seen(self, hours: int) -> Any:
        """Return which keys are near enough to be seen, (T, T), or None."""
        return None if self.window is None else ops.logical_not(causal_mask(hours, offset=-self.window))


def initial_weights(rng: np.random.Generator, model: keras.Model) -> list[np.ndarray]:
    """Draw initial weights of a built model: normal, scaled by what each product adds up; small where none does.

    One generator gives every `LogReader` the same embedding and projections; what one way alone has comes last.

    Args:
        rng: NumPy generator.
        model: a built `car_model` or `LogReader`.

    Returns:
        float32 arrays in the order of `model.weights`, for `set_weights`.
    """
    drawn = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        if isinstance(model, LogReader):
            scale = 1.0 if len(drawn) == 0 else 0.02 if len(drawn) > 5 else WIDTH**-0.5
        else:
            scale = 0.3
        drawn.append((scale * rng.standard_normal(shape)).astype("float32"))
    return drawn
