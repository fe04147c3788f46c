"""Multi-head layers for the exercise that asks for a test: sound ones, and broken ones of many kinds.

A layer is a function of texts x (B, T, 12) to (B, T, 12): self-attention without a mask and without positions.
"""

import functools
from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.forms import Case

WIDTH = 12
ROOM = 8  # tokens for which one of the broken layers has room
Layer = Callable[[np.ndarray], np.ndarray]


@functools.cache
def _kernels(seed: int = 0) -> np.ndarray:
    """Query, key, value and output kernels, (12, 12) each: the heads stand side by side."""
    return np.random.default_rng(seed).normal(size=(4, WIDTH, WIDTH)) / np.sqrt(WIDTH)


def _split(x: np.ndarray, heads: int = 3) -> np.ndarray:
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)  # (B, H, T, d)


def _merge(x: np.ndarray) -> np.ndarray:
    x = x.swapaxes(1, 2)
    return x.reshape(*x.shape[:2], -1)


def _split_in_memory(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), 3, x.shape[1], -1)


def _merge_in_memory(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), x.shape[2], -1)


def _cut_alone(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape[:2], 3, -1)  # (B, T, H, d): no transpose


def _join_alone(x: np.ndarray) -> np.ndarray:
    return x.reshape(*x.shape[:2], -1)


def _across(x: np.ndarray) -> np.ndarray:
    """Read (H, B, …) as (B, H, …)."""
    return x.swapaxes(0, 1).reshape(x.shape)


def make_layer(
    split: Callable = _split,
    merge: Callable = _merge,
    weigh: Callable[[np.ndarray], np.ndarray] = softmax,
    value_in: Callable = lambda value: value,
    kernels: np.ndarray | None = None,
) -> Layer:
    """Make a layer, parts of which may be broken: `weigh` turns scores (B, H, T, S) into weights."""
    w_q, w_k, w_v, w_o = _kernels() if kernels is None else kernels

    def layer(x: np.ndarray) -> np.ndarray:
        query, key, value = (split(x @ kernel) for kernel in (w_q, w_k, w_v))
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        return merge(weigh(scores) @ value_in(value)) @ w_o

    return layer


def _masked(allowed: Callable[..., np.ndarray]) -> Layer:
    """Make a layer with a mask, from a rule on the places of query and key and on the length."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        places = np.arange(scores.shape[-1])
        mask = allowed(places[:, None], places[None, :], len(places))
        return np.where(mask, softmax(np.where(mask, scores, -1e30)), 0)

    return make_layer(weigh=weigh)


def _with_dropout() -> Layer:
    rng = np.random.default_rng(0)
    return make_layer(weigh=lambda scores: softmax(scores) * (rng.random(scores.shape) < 0.9))


def _rounding(x: np.ndarray) -> np.ndarray:
    """Shift all scores by a number that the whole batch decides: the softmax takes it out again, up to rounding."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True) + np.tanh(x.sum()))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    return make_layer(weigh=weigh)(x)


def weighted(bias: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> Layer:
    """Make a layer that adds to its scores, by a rule on the places of query and key and on the length."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        places = np.arange(scores.shape[-1])
        return softmax(scores + bias(places[:, None], places[None, :], len(places)))

    return make_layer(weigh=weigh)


def _best(count: int) -> Layer:
    """Make a layer whose queries see the keys with their highest scores alone, `count` of them."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        least = np.sort(scores, axis=-1)[..., -count, None]
        return softmax(np.where(scores >= least, scores, -np.inf))

    return make_layer(weigh=weigh)


def _middle_alone(feature: int) -> Layer:
    """Make a layer where one token of each text, the middle one by this feature, sees itself alone."""

    def layer(x: np.ndarray) -> np.ndarray:
        rank = np.sort(x[..., feature], axis=1)[:, x.shape[1] // 2, None]  # moves little when one token is changed
        alone = _masked(lambda q, k, n: k == q)
        return np.where((x[..., feature] == rank)[..., None], alone(x), make_layer()(x))

    return layer


def _hidden_by(feature: int) -> Layer:
    """Make a layer in which no query sees half of the tokens: a number drawn from one feature of a token decides.

    Whatever change a test makes, some tokens are hidden before it and after it.
    """

    def layer(x: np.ndarray) -> np.ndarray:
        drawn = np.mod(43758.5453 * np.sin(12.9898 * np.floor(1000 * x[..., feature])), 1)
        return _masked(lambda q, k, n: (drawn >= 0.5)[:, None, None, :])(x)

    return layer


def _cut_by(feature: int) -> Layer:
    """Make a layer in which some queries do not see some keys: a number drawn from one feature of both decides.

    Nearly one pair in five is cut. A change draws its pairs anew, so one in 31 is cut before it and after it. Who looks
    at all rows of two texts of 20 tokens meets about 25 of those; who looks at one other row alone meets about one, and
    none in one or the other of a dozen such layers.
    """

    def layer(x: np.ndarray) -> np.ndarray:
        number = np.floor(1000 * x[..., feature])
        both = 12.9898 * number[:, :, None] + 78.233 * number[:, None, :]  # (B, T, S)
        drawn = np.mod(43758.5453 * np.sin(both), 1)
        return _masked(lambda q, k, n: (drawn >= 0.18)[:, None])(x)

    return layer


def _normalised(x: np.ndarray) -> np.ndarray:
    """Bring the features of each token to mean 0 and variance 1."""
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6)


def _others_alone(x: np.ndarray) -> np.ndarray:
    """Give each token the mean of the others' values: its own row stays where it is when the token changes."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        others = 1 - np.eye(scores.shape[-1])
        return others / max(scores.shape[-1] - 1, 1) + 0 * scores

    return make_layer(weigh=weigh)(x)


def _in_texts(texts: slice, broken: Layer) -> Layer:
    """Make a layer that is broken in these texts of the batch alone."""

    def layer(x: np.ndarray) -> np.ndarray:
        rows = make_layer()(x)
        rows[texts] = broken(x)[texts]
        return rows

    return layer


def _leaking(feature: int, step: int, into: Callable[[np.ndarray], np.ndarray]) -> Layer:
    """Make a layer in which some queries of each text see one token of a neighbour: its largest by this feature."""

    def layer(x: np.ndarray) -> np.ndarray:
        rows = make_layer()(x)
        for text in range(len(x)):
            if 0 <= text + step < len(x):
                neighbour = x[text + step]
                longer = np.concatenate([x[text], neighbour[None, neighbour[:, feature].argmax()]])
                chosen = into(x[text])
                rows[text, chosen] = make_layer()(longer[None])[0, :-1][chosen]
        return rows

    return layer


def before(change: Callable[[np.ndarray], np.ndarray]) -> Layer:
    """Make a layer that changes its input first."""
    return lambda x: make_layer()(change(x))


SHUFFLE = "Without a mask and positions the order of the tokens means nothing: shuffle them, and look at the rows."
_ORDERS = "To turn the text round, or to exchange two tokens, is one order of many: take one drawn at random."
TEXTS = "Change the first text of a batch, each of its tokens, and look at the rows of the others; then the last."
REACH = "Change one token after another, and look at every row of its text: each of them must move, its own too."

_ROWS = "Look at every row of a text after each change, and not at one or two. Try two texts of 20 tokens."
_EACH = "Shuffle the tokens of each text of one batch, and change them in each: look at the rows of each text."
_AT_PLACE = (
    "Shuffle the tokens, and compare row by row: each token's row must come with it, and not only be among the rows."
)
_PLACES = {"the first text": slice(1), "the last text": slice(-1, None), "all texts but the first": slice(1, None)}


def known_cases() -> tuple[Case, ...]:
    """Make the sound layers, and after them broken ones of the kinds that people build, or that tests overlook."""
    other = _kernels(1)
    shared = other.copy()
    shared[1:3] = np.tile(other[1:3, :, :4], 3)  # all heads have one key and value
    whole = make_layer(lambda x: x[:, None], lambda x: x[:, 0])
    causal, itself = _masked(lambda q, k, n: k <= q), _masked(lambda q, k, n: k == q)
    placed = before(lambda x: x + np.sin(np.arange(x.shape[1]))[:, None])
    return (
        Case("three heads", make_layer()),
        Case("three heads with other kernels", make_layer(kernels=other)),
        Case("one head", whole),
        Case("three heads that share keys and values", make_layer(kernels=shared)),
        Case("float32", lambda x: make_layer()(x).astype(np.float32)),
        Case("it rounds a little otherwise for another batch", _rounding),
        Case("features are brought to mean 0 and variance 1 first", before(_normalised)),
        Case("heads are split by a reshape alone", make_layer(split=_split_in_memory), SHUFFLE),
        Case("heads are merged by a reshape alone", make_layer(merge=_merge_in_memory), SHUFFLE),
        Case("heads are split and merged by a reshape alone", make_layer(_split_in_memory, _merge_in_memory), SHUFFLE),
        Case("a causal mask is left on", causal, SHUFFLE),
        Case("tokens see no further than two places", _masked(lambda q, k, n: abs(k - q) <= 2), SHUFFLE),
        Case("the last token is seen by nobody", _masked(lambda q, k, n: k < n - 1), SHUFFLE),
        Case(
            f"there is room for {ROOM} keys, and later tokens are seen by nobody",
            _masked(lambda q, k, n: k < ROOM),
            "How long are the texts that you try?",
        ),
        Case(
            "each value stands with the key before it", make_layer(value_in=lambda v: np.roll(v, -1, axis=2)), SHUFFLE
        ),
        Case("positions are added", placed, SHUFFLE),
        Case("near keys count more, ahead as much as back", weighted(lambda q, k, n: -0.5 * abs(q - k)), _ORDERS),
        Case("the middle of a text counts more", weighted(lambda q, k, n: (k >= n // 3) & (k < n - n // 3)), _ORDERS),
        # Two tokens that are exchanged lie outside one of the three parts, at least.
        Case("the first third of a text counts more", weighted(lambda q, k, n: k < n // 3), _ORDERS),
        Case("the last third of a text counts more", weighted(lambda q, k, n: k >= n - n // 3), _ORDERS),
        Case("dropout is left on", _with_dropout(), SHUFFLE),
        Case("the values of heads are mixed across the batch", make_layer(value_in=_across), TEXTS),
        Case("the values of the first text are used for all", make_layer(value_in=lambda v: 0 * v + v[:1]), TEXTS),
        Case("the values of the last text are used for all", make_layer(value_in=lambda v: 0 * v + v[-1:]), TEXTS),
        Case("the mean of the batch is taken off first", before(lambda x: x - x.mean(axis=0)), TEXTS),
        Case(
            "the mean row of the batch is added, made of features of mean 0 and variance 1",
            lambda x: make_layer()(x) + make_layer()(_normalised(x)).mean(axis=(0, 1)),
            "A number added to all features of a token does not show it. Put another token there, drawn at random.",
        ),
        Case("the softmax runs over the batch", make_layer(weigh=lambda s: softmax(s.T).T), TEXTS),
        Case("texts and tokens are confused", lambda x: make_layer()(x.swapaxes(0, 1)).swapaxes(0, 1), TEXTS),
        Case("each token sees itself alone", itself, REACH),
        Case("the heads of one token attend to one another", make_layer(_cut_alone, _join_alone), REACH),
        Case("each query sees the three keys alone that fit it best", _best(3), REACH),
        Case("one token of each text sees itself alone", _middle_alone(0), REACH),
        Case("another token of each text sees itself alone", _middle_alone(1), REACH),
        *(Case(f"feature {n} of a token decides whether anybody sees it", _hidden_by(n), REACH) for n in range(6)),
        *(
            Case(f"feature {n} of two tokens decides whether one sees the other", _cut_by(n), _ROWS)
            for n in range(WIDTH)
        ),
        Case("each row is the mean of the other tokens' values", _others_alone, REACH),
        *(
            Case(f"{fault} in {where}", _in_texts(texts, broken), _EACH)
            for fault, broken in (
                ("a causal mask is left on", causal),
                ("each token sees itself alone", itself),
                ("positions are added", placed),
                ("each row is the mean of the other tokens' values", _others_alone),
            )
            for where, texts in _PLACES.items()
        ),
        *(
            Case(f"{fault} in {where}", _in_texts(texts, turned), _AT_PLACE)
            for fault, turned in (
                ("rows come back in reverse order", lambda x: make_layer()(x)[:, ::-1]),
                ("each row stands one place further on", lambda x: np.roll(make_layer()(x), 1, axis=1)),
            )
            for where, texts in {"all texts": slice(None), **_PLACES}.items()
        ),
        *(
            Case(
                f"{who} of each text sees the token of the text {where} it that is largest by feature {n}",
                _leaking(n, step, into),
                TEXTS,
            )
            for n in range(4)
            for step, where in ((-1, "before"), (1, "behind"))
            for who, into in (
                ("every token", lambda x: np.arange(len(x))),
                ("one token", lambda x, n=n: x[:, n + 6].argmax(keepdims=True)),
            )
        ),
        Case("tokens come first in the result", lambda x: make_layer()(x).swapaxes(0, 1), "Look at the shape as well."),
    )
