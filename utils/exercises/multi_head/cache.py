"""Exercise of chapter 2 on the memory that stored keys and values take.

The sizes drawn are distinct primes, so that no two can be taken for each other.
"""

import numpy as np

from utils.exercises.attention.inputs import sizes
from utils.exercises.engine.exercise import Exercise, Mistake


def cache_bytes(
    num_layers: int,
    batch: int,
    length: int,
    num_kv_heads: int,
    key_dim: int,
    value_dim: int,
    bytes_per_number: int,
) -> int:
    """Bytes of all keys and values that a model stores while it writes `length` tokens in each of `batch` texts."""
    return num_layers * batch * length * num_kv_heads * (key_dim + value_dim) * bytes_per_number


def _cache_inputs(rng: np.random.Generator, trial: int) -> tuple:
    num_layers, batch, num_kv_heads, key_dim, value_dim = sizes(rng, 5)
    length, bytes_per_number = rng.choice((101, 251, 509, 1021)), rng.choice((1, 2, 4))
    return num_layers, batch, int(length), num_kv_heads, key_dim, value_dim, int(bytes_per_number)


_CACHE = Exercise(
    id="heads-cache",
    title="the bytes of a key/value cache",
    reference=cache_bytes,
    make_inputs=_cache_inputs,
    hint="Count what one token leaves behind in one head of one layer; then how many tokens, heads, layers and texts.",
    mistakes=(
        Mistake(
            "values forgotten",
            lambda layers, batch, length, heads, key, value, size: layers * batch * length * heads * key * size,
            "only the keys are counted",
            "A later token compares itself with the stored keys, and what does it mix?",
        ),
        Mistake(
            "keys forgotten",
            lambda layers, batch, length, heads, key, value, size: layers * batch * length * heads * value * size,
            "only the values are counted",
            "A later token mixes the stored values, and with what does it compare itself?",
        ),
        Mistake(
            "keys twice",
            lambda layers, batch, length, heads, key, value, size: 2 * layers * batch * length * heads * key * size,
            "key_dim is counted twice, as if a value were as wide as a key",
            "That is the usual case, not a law: a value has value_dim numbers.",
        ),
        Mistake(
            "layers forgotten",
            lambda layers, *others: cache_bytes(1, *others),
            "the number of layers makes no difference",
            "Each layer projects keys and values of its own.",
        ),
        Mistake(
            "batch forgotten",
            lambda layers, batch, *others: cache_bytes(layers, 1, *others),
            "the number of texts makes no difference",
            "Texts that are written at the same time share kernels, but no keys and no values.",
        ),
        Mistake(
            "length forgotten",
            lambda layers, batch, length, *others: cache_bytes(layers, batch, 1, *others),
            "the length makes no difference: this is what one token adds",
            "Every token written so far keeps its key and its value.",
        ),
        Mistake(
            "heads forgotten",
            lambda layers, batch, length, heads, *others: cache_bytes(layers, batch, length, 1, *others),
            "the number of key/value heads makes no difference: this is one head, shared by all queries",
            "key_dim and value_dim are the sizes of one head.",
        ),
        Mistake(
            "numbers, not bytes",
            lambda *inputs: cache_bytes(*inputs[:-1], 1),
            "numbers are counted, not bytes",
            "A number in float16 takes two bytes, one in float32 four.",
        ),
        Mistake(
            "bits",
            lambda *inputs: 8 * cache_bytes(*inputs),
            "bits are counted, not bytes",
            "bytes_per_number says bytes already.",
        ),
        Mistake(
            "factor of two",
            lambda *inputs: 2 * cache_bytes(*inputs),
            "twice too much: a factor of 2 for keys and values, and both widths besides",
            "The factor of 2 stands for key_dim = value_dim. Added up, the two widths need none.",
        ),
        Mistake(
            "weights",
            lambda layers, batch, length, heads, key, value, size: layers * batch * heads * length**2 * size,
            "the weights are counted: one for each pair of tokens",
            "Weights are used once and thrown away. What is stored grows with the length, not with its square.",
        ),
        Mistake(
            "square of the length",
            lambda *inputs: inputs[2] * cache_bytes(*inputs),
            "it grows with the square of the length",
            "Pairs of tokens matter for the weights, which are not kept. Each token stores its key and its value once.",
        ),
        Mistake(
            "widths multiplied",
            lambda layers, batch, length, heads, key, value, size: layers * batch * length * heads * key * value * size,
            "key_dim and value_dim are multiplied",
            "A key and a value lie side by side: their numbers add up.",
        ),
    ),
)

EXERCISES = (_CACHE,)
