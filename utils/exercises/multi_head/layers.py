"""Exercise of chapter 2 that asks for a test: is a multi-head layer sound, whatever its kernels are?

A layer is a function of texts x (B, T, 12) to (B, T, 12): self-attention without a mask and without positions.
"""

import functools
from collections.abc import Callable

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest
from utils.exercises.engine.witnesses import ChangedAlone

_WIDTH = 12
_ROOM = 8  # tokens for which one of the broken layers has room
Layer = Callable[[np.ndarray], np.ndarray]


def layer_is_sound(layer: Layer) -> bool:
    """Whether texts stay apart, shuffled tokens give shuffled rows, and each token of a text reaches each row of it."""
    return _apart(layer) and _shuffled(layer) and _reached(layer)


def _texts(batch: int = 2, length: int = 20) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(batch, length, _WIDTH))


def _apart(layer: Layer, changed: tuple[int, ...] = (0, 1), exact: bool = False) -> bool:
    x = _texts()
    for text in changed:
        other = x + (np.arange(2) == text)[:, None, None]
        if np.abs(layer(other) - layer(x))[1 - text].max() > (0 if exact else 1e-6):
            return False
    return True


def _shuffled(layer: Layer, x: np.ndarray | None = None) -> bool:
    x = _texts() if x is None else x
    order = np.random.default_rng(1).permutation(x.shape[1])
    return np.allclose(layer(x[:, order]), layer(x)[:, order], atol=1e-6)


def _reached(layer: Layer, texts: int = 2) -> bool:
    x = _texts()
    before = layer(x)
    for text, place in np.ndindex(texts, x.shape[1]):
        changed = x.copy()
        changed[text, place] += 1
        if (np.abs(layer(changed) - before)[text].max(axis=-1) < 1e-6).any():
            return False
    return True


def _reversed(layer: Layer) -> bool:
    x = _texts()
    return np.allclose(layer(x[::-1]), layer(x)[::-1], atol=1e-6)


@functools.cache
def _kernels(seed: int = 0) -> np.ndarray:
    """Query, key, value and output kernels, (12, 12) each: the heads stand side by side."""
    return np.random.default_rng(seed).normal(size=(4, _WIDTH, _WIDTH)) / np.sqrt(_WIDTH)


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


def _layer(
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

    return _layer(weigh=weigh)


def _with_dropout() -> Layer:
    rng = np.random.default_rng(0)
    return _layer(weigh=lambda scores: softmax(scores) * (rng.random(scores.shape) < 0.9))


def _rounding(x: np.ndarray) -> np.ndarray:
    """Shift all scores by a number that the whole batch decides: the softmax takes it out again, up to rounding."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True) + np.tanh(x.sum()))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    return _layer(weigh=weigh)(x)


def _weighted(bias: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> Layer:
    """Make a layer that adds to its scores, by a rule on the places of query and key and on the length."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        places = np.arange(scores.shape[-1])
        return softmax(scores + bias(places[:, None], places[None, :], len(places)))

    return _layer(weigh=weigh)


def _best(count: int) -> Layer:
    """Make a layer whose queries see the keys with their highest scores alone, `count` of them."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        least = np.sort(scores, axis=-1)[..., -count, None]
        return softmax(np.where(scores >= least, scores, -np.inf))

    return _layer(weigh=weigh)


def _middle_alone(feature: int) -> Layer:
    """Make a layer where one token of each text, the middle one by this feature, sees itself alone."""

    def layer(x: np.ndarray) -> np.ndarray:
        rank = np.sort(x[..., feature], axis=1)[:, x.shape[1] // 2, None]  # moves little when one token is changed
        alone = _masked(lambda q, k, n: k == q)
        return np.where((x[..., feature] == rank)[..., None], alone(x), _layer()(x))

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


def _others_alone(x: np.ndarray) -> np.ndarray:
    """Give each token the mean of the others' values: its own row stays where it is when the token changes."""

    def weigh(scores: np.ndarray) -> np.ndarray:
        others = 1 - np.eye(scores.shape[-1])
        return others / max(scores.shape[-1] - 1, 1) + 0 * scores

    return _layer(weigh=weigh)(x)


def _in_texts(texts: slice, broken: Layer) -> Layer:
    """Make a layer that is broken in these texts of the batch alone."""

    def layer(x: np.ndarray) -> np.ndarray:
        rows = _layer()(x)
        rows[texts] = broken(x)[texts]
        return rows

    return layer


def _leaking(feature: int, step: int, into: Callable[[np.ndarray], np.ndarray]) -> Layer:
    """Make a layer in which some queries of each text see one token of a neighbour: its largest by this feature."""

    def layer(x: np.ndarray) -> np.ndarray:
        rows = _layer()(x)
        for text in range(len(x)):
            if 0 <= text + step < len(x):
                neighbour = x[text + step]
                longer = np.concatenate([x[text], neighbour[None, neighbour[:, feature].argmax()]])
                chosen = into(x[text])
                rows[text, chosen] = _layer()(longer[None])[0, :-1][chosen]
        return rows

    return layer


def _before(change: Callable[[np.ndarray], np.ndarray]) -> Layer:
    """Make a layer that changes its input first."""
    return lambda x: _layer()(change(x))


_SHUFFLE = "Without a mask and positions the order of the tokens means nothing: shuffle them, and look at the rows."
_ORDERS = "To turn the text round, or to exchange two tokens, is one order of many: take one drawn at random."
_TEXTS = "Change the first text of a batch, each of its tokens, and look at the rows of the others; then the last."
_REACH = "Change one token after another, and look at every row of its text: each of them must move, its own too."

_ROWS = "Look at every row of a text after each change, and not at one or two. Try two texts of 20 tokens."
_EACH = "Shuffle the tokens of each text of one batch, and change them in each: look at the rows of each text."
_AT_PLACE = (
    "Shuffle the tokens, and compare row by row: each token's row must come with it, and not only be among the rows."
)
_PLACES = {"the first text": slice(1), "the last text": slice(-1, None), "all texts but the first": slice(1, None)}


def _cases() -> tuple[Case, ...]:
    other = _kernels(1)
    shared = other.copy()
    shared[1:3] = np.tile(other[1:3, :, :4], 3)  # all heads have one key and value
    whole = _layer(lambda x: x[:, None], lambda x: x[:, 0])
    causal, itself = _masked(lambda q, k, n: k <= q), _masked(lambda q, k, n: k == q)
    placed = _before(lambda x: x + np.sin(np.arange(x.shape[1]))[:, None])
    return (
        Case("three heads", _layer()),
        Case("three heads with other kernels", _layer(kernels=other)),
        Case("one head", whole),
        Case("three heads that share keys and values", _layer(kernels=shared)),
        Case("float32", lambda x: _layer()(x).astype(np.float32)),
        Case("it rounds a little otherwise for another batch", _rounding),
        Case("heads are split by a reshape alone", _layer(split=_split_in_memory), _SHUFFLE),
        Case("heads are merged by a reshape alone", _layer(merge=_merge_in_memory), _SHUFFLE),
        Case("heads are split and merged by a reshape alone", _layer(_split_in_memory, _merge_in_memory), _SHUFFLE),
        Case("a causal mask is left on", causal, _SHUFFLE),
        Case("tokens see no further than two places", _masked(lambda q, k, n: abs(k - q) <= 2), _SHUFFLE),
        Case("the last token is seen by nobody", _masked(lambda q, k, n: k < n - 1), _SHUFFLE),
        Case(
            f"there is room for {_ROOM} keys, and later tokens are seen by nobody",
            _masked(lambda q, k, n: k < _ROOM),
            "How long are the texts that you try?",
        ),
        Case("each value stands with the key before it", _layer(value_in=lambda v: np.roll(v, -1, axis=2)), _SHUFFLE),
        Case("positions are added", placed, _SHUFFLE),
        Case("near keys count more, ahead as much as back", _weighted(lambda q, k, n: -0.5 * abs(q - k)), _ORDERS),
        Case("the middle of a text counts more", _weighted(lambda q, k, n: (k >= n // 3) & (k < n - n // 3)), _ORDERS),
        # Two tokens that are exchanged lie outside one of the three parts, at least.
        Case("the first third of a text counts more", _weighted(lambda q, k, n: k < n // 3), _ORDERS),
        Case("the last third of a text counts more", _weighted(lambda q, k, n: k >= n - n // 3), _ORDERS),
        Case("dropout is left on", _with_dropout(), _SHUFFLE),
        Case("the values of heads are mixed across the batch", _layer(value_in=_across), _TEXTS),
        Case("the values of the first text are used for all", _layer(value_in=lambda v: 0 * v + v[:1]), _TEXTS),
        Case("the values of the last text are used for all", _layer(value_in=lambda v: 0 * v + v[-1:]), _TEXTS),
        Case("the mean of the batch is taken off first", _before(lambda x: x - x.mean(axis=0)), _TEXTS),
        Case("the softmax runs over the batch", _layer(weigh=lambda s: softmax(s.T).T), _TEXTS),
        Case("texts and tokens are confused", lambda x: _layer()(x.swapaxes(0, 1)).swapaxes(0, 1), _TEXTS),
        Case("each token sees itself alone", itself, _REACH),
        Case("the heads of one token attend to one another", _layer(_cut_alone, _join_alone), _REACH),
        Case("each query sees the three keys alone that fit it best", _best(3), _REACH),
        Case("one token of each text sees itself alone", _middle_alone(0), _REACH),
        Case("another token of each text sees itself alone", _middle_alone(1), _REACH),
        *(Case(f"feature {n} of a token decides whether anybody sees it", _hidden_by(n), _REACH) for n in range(6)),
        *(
            Case(f"feature {n} of two tokens decides whether one sees the other", _cut_by(n), _ROWS)
            for n in range(_WIDTH)
        ),
        Case("each row is the mean of the other tokens' values", _others_alone, _REACH),
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
                ("rows come back in reverse order", lambda x: _layer()(x)[:, ::-1]),
                ("each row stands one place further on", lambda x: np.roll(_layer()(x), 1, axis=1)),
            )
            for where, texts in {"all texts": slice(None), **_PLACES}.items()
        ),
        *(
            Case(
                f"{who} of each text sees the token of the text {where} it that is largest by feature {n}",
                _leaking(n, step, into),
                _TEXTS,
            )
            for n in range(4)
            for step, where in ((-1, "before"), (1, "behind"))
            for who, into in (
                ("every token", lambda x: np.arange(len(x))),
                ("one token", lambda x, n=n: x[:, n + 6].argmax(keepdims=True)),
            )
        ),
        Case("tokens come first in the result", lambda x: _layer()(x).swapaxes(0, 1), "Look at the shape as well."),
    )


LAYERS = WriteATest(
    id="heads-test",
    title="a test of multi-head layers",
    reference=layer_is_sound,
    cases=_cases,
    witness=lambda: ChangedAlone(_ROOM),
    hint="You cannot know the numbers, for you do not know the kernels. Ask what must move and what must not. Allow "
    "for rounding.",
    mistakes=(
        Mistake(
            "accepts everything",
            lambda layer: True,
            "accepts whatever it is given",
            "Call `layer` twice, with something changed in between, and compare the results.",
        ),
        Mistake(
            "refuses everything",
            lambda layer: False,
            "refuses whatever it is given, also what is sound",
            "Return True at the end, when nothing wrong was found. (Tokens much larger than 1 make weights vanish.)",
        ),
        Mistake(
            "shape alone",
            lambda layer: layer(_texts()).shape == _texts().shape,
            "looks at the shape alone",
            "A wrong reshape gives the right shape. Which numbers would it change?",
        ),
        Mistake(
            "batch alone",
            _apart,
            "asks only whether texts stay apart",
            "Within a text, what has to happen when tokens are shuffled, and when one of them changes?",
        ),
        Mistake(
            "batch alone, one way",
            lambda layer: _apart(layer, (1,)),
            "asks only whether the first text notices another",
            "Another text must not notice the first either. And what has to happen within a text?",
        ),
        Mistake(
            "order alone",
            _shuffled,
            "asks only whether shuffled tokens give shuffled rows",
            "Which faults do not care about the order? Look at two texts, and at one token.",
        ),
        Mistake(
            "one text",
            lambda layer: _shuffled(layer, _texts(1)) and _reached(lambda x: layer(x[:1]), texts=1),
            "tries one text alone: what mixes texts is not seen",
            _TEXTS,
        ),
        Mistake(
            "reach forgotten",
            lambda layer: _apart(layer) and _shuffled(layer),
            "never asks whether tokens reach each other",
            _REACH,
        ),
        Mistake(
            "order forgotten",
            lambda layer: _apart(layer) and _reached(layer),
            "never shuffles the tokens",
            _SHUFFLE,
        ),
        Mistake(
            "texts shuffled",
            _reversed,
            "puts the texts in another order, and never the tokens",
            "Axis 0 counts texts, axis 1 counts tokens.",
        ),
        Mistake(
            "compares exactly",
            lambda layer: _apart(layer, exact=True) and layer_is_sound(layer),
            "refuses one that is sound for its last digit: it compares numbers exactly",
            "Two ways to compute one number round differently. Allow a gap of 1e-6, say.",
        ),
    ),
)
