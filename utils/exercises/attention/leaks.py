"""Exercise of chapter 1 that asks for a test: does an attention hide the future, and nothing else?

An attention is a function of one text x (T, d), whose tokens are queries, keys and values at once, to (T, d).
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from utils.exercises.attention.inputs import softmax
from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

_LENGTH = 24  # tokens of the texts for which an attention is judged
_SHARING = 14  # pairs of tokens for which one attention is wrong, if each has none of its own
_ROOM = 16  # tokens for which one of the broken masks has room


def hides_the_future(attend: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether, in texts of 24 tokens, each row depends on its own token, on each earlier one, and on no other."""
    return _passes(attend, range(_LENGTH))


def _passes(attend: Callable, places: range, later: bool = True, earlier: bool = True, exact: bool = False) -> bool:
    """Move one token at a time, and look at which rows move."""
    x = np.random.default_rng(0).normal(size=(_LENGTH, 4))
    before = attend(x)
    for place in places:
        changed = x.copy()
        changed[place] = 0
        gaps = np.abs(attend(changed) - before).max(axis=1)
        moved = ~(gaps <= (0 if exact else 1e-6))  # so a NaN counts as moved
        if (later and moved[:place].any()) or (earlier and not moved[place:].all()):
            return False
    return True


def _scores(x: np.ndarray) -> np.ndarray:
    return x @ x.T / np.sqrt(x.shape[1])


def _mix(scores: np.ndarray, allowed: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Mix the tokens by the scores that are allowed; a row with none gives zeros."""
    return np.where(allowed, softmax(np.where(allowed, scores, -1e30)), 0) @ x


def _past(x: np.ndarray) -> np.ndarray:
    return np.tri(len(x), dtype=bool)


def _seeing(allowed: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Make an attention from a rule: which key may a query see, given their places and the length?"""

    @functools.cache  # a test asks for the same mask many times
    def mask(length: int) -> np.ndarray:
        places = np.arange(length)
        return np.broadcast_to(allowed(places[:, None], places[None, :], length), (length, length))

    return lambda x: _mix(_scores(x), mask(len(x)), x)


def _but_for(*pairs: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Make a running mean whose causal mask is wrong for some pairs (query, key) of tokens."""

    @functools.cache
    def shares(length: int) -> np.ndarray:
        mask = np.tri(length)
        for query, key in pairs:
            if max(query, key) < length:
                mask[query, key] = key > query
        return mask / mask.sum(axis=1, keepdims=True)

    return lambda x: shares(len(x)) @ x


def _projected(x: np.ndarray) -> np.ndarray:
    width = x.shape[1]
    query, key, value = np.random.default_rng(width).normal(size=(3, width, width)) / np.sqrt(width)
    return _mix(x @ query @ (x @ key).T / np.sqrt(width), _past(x), x @ value)


def _rounding(x: np.ndarray) -> np.ndarray:
    """Shift all scores by a number that the whole text decides: the softmax takes it out again, up to rounding."""
    scores = np.where(_past(x), _scores(x), -np.inf)
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True) + np.tanh(x.sum()))
    return exponentials @ x / exponentials.sum(axis=1, keepdims=True)


def _moves_less_than_a_millionth(x: np.ndarray) -> np.ndarray:
    """Shift all columns by what the whole text decides, by 8e-7 at most: no number has moved by more than 1e-6."""
    return np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None] + 4e-7 * np.cos(777 * x.sum())


def _moves_more_than_a_millionth(x: np.ndarray) -> np.ndarray:
    """Add a little of each later token. Its size hardly hangs on what is drawn: the largest gap is near 1.5e-6."""
    return np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None] + 7.5e-7 * np.tri(len(x), k=-1).T @ np.cos(777 * x)


def _nan_where_a_later_token_is_zeros(x: np.ndarray) -> np.ndarray:
    """Add the directions of later tokens to a running mean. Zeros have none: each earlier row becomes NaN."""
    with np.errstate(invalid="ignore"):
        directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None]
    rows[:-1] += directions[:0:-1].cumsum(axis=0)[::-1]
    return rows


def _nan_for(sign: int, column: int) -> Callable[[np.ndarray], np.ndarray]:
    """Make a running mean, but one number of row 0 is NaN for about half of all later tokens, whatever moves them.

    Of the two signs one leaves a given text as it is. Then a test that is blind to NaN sees nothing of it.
    """

    def attend(x: np.ndarray) -> np.ndarray:
        rows = np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None]
        later = np.cos(777 * (np.sqrt(np.arange(len(x))) @ x).sum())
        rows[0, column % x.shape[1]] = np.nan if sign * later > 0 else rows[0, column % x.shape[1]]
        return rows

    return attend


def _moves_one_number_a_little(x: np.ndarray) -> np.ndarray:
    """Add a little of each later token to one column: less than 4e-6, so that the mean of four stays below 1e-6."""
    later = 1.9e-6 * np.tri(len(x), k=-1).T @ np.cos(777 * x.sum(axis=1))
    return np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None] + later[:, None] * np.eye(x.shape[1])[0]


def _with_open_feature(feature: int) -> Callable[[np.ndarray], np.ndarray]:
    """Make a running mean, but of one feature the mean over the whole text."""

    def attend(x: np.ndarray) -> np.ndarray:
        rows, place = np.tri(len(x)) @ x / np.arange(1, len(x) + 1)[:, None], feature % x.shape[1]
        rows[:, place] = x[:, place].mean()
        return rows

    return attend


def _with_values_in(column: int) -> Callable[[np.ndarray], np.ndarray]:
    """Make a running mean whose value matrix fills one column alone: sound, though most numbers of a row stay 0."""

    def attend(x: np.ndarray) -> np.ndarray:
        value = np.outer(np.arange(1, x.shape[1] + 1), np.eye(x.shape[1])[column % x.shape[1]])
        return np.tri(len(x)) @ x @ value / np.arange(1, len(x) + 1)[:, None]

    return attend


def _by_column(x: np.ndarray) -> np.ndarray:
    return softmax(np.where(_past(x), _scores(x), -1e30).T).T @ x


_MOVE_EACH = "Move one token at a time, each in turn, and look at every row of the result."
_SMALL_GAPS = "From which gap on does your test say that a row has moved? The gap of a leak can be small."
_NAN_MOVES = "A row has moved if one of its numbers has become NaN, or is NaN no longer. But `nan > 1e-6` is False."
_LOOK_BACK = "A token that is moved must move its own row and every later one."
# Each token but the first and the last of a text of 24 tokens: the place, negative from the end, and its name.
_TOKENS = tuple((place, f"token {place}") for place in range(1, _ROOM + 1)) + tuple(
    (-1 - back, f"the token {back} before the last") for back in range(_LENGTH - _ROOM - 2, 0, -1)
)


def _cases() -> tuple[Case, ...]:
    of_one_token = (case for place, name in _TOKENS for case in _cases_of_one_token(place, name))
    return (
        *_general_cases(),
        *of_one_token,
        *(case for steps in range(3, _LENGTH) for case in _cases_of_one_gap(steps)),
        *_cases_of_one_feature(),
        *_cases_of_pairs(),
    )


def _cases_of_one_token(place: int, name: str) -> tuple[Case, ...]:
    """Return attentions that are wrong for one token alone: a test that leaves this one out lets them pass."""

    def seeing(allowed: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return _seeing(lambda q, k, n: allowed(q, k, place % n))

    return (
        Case(f"every token sees {name}", seeing(lambda q, k, one: (k <= q) | (k == one)), _MOVE_EACH),
        Case(f"{name} sees everything", seeing(lambda q, k, one: (k <= q) | (q == one)), _MOVE_EACH),
        Case(
            f"{name} is seen by nobody else", seeing(lambda q, k, one: (k <= q) & ((k != one) | (k == q))), _LOOK_BACK
        ),
        Case(f"{name} sees only itself", seeing(lambda q, k, one: (k <= q) & ((q != one) | (k == q))), _LOOK_BACK),
    )


def _cases_of_one_gap(steps: int) -> tuple[Case, ...]:
    """Return attentions that are wrong for pairs of tokens so many steps apart, and for no others."""
    return (
        Case(
            f"each token sees, of later ones, the one {steps} steps on",
            _seeing(lambda q, k, n: (k <= q) | (k == q + steps)),
            _MOVE_EACH,
        ),
        Case(
            f"each token sees all earlier ones but the one {steps} steps back",
            _seeing(lambda q, k, n: (k <= q) & (k != q - steps)),
            _LOOK_BACK,
        ),
    )


def _cases_of_one_feature() -> Iterator[Case]:
    """Yield attentions that show the future in one number of each row, the same of a later token."""
    for feature in range(4):
        name = f"column {feature} of the result shows the future"
        yield Case(
            name, _with_open_feature(feature), "Change all numbers of a token, and look at all numbers of a row."
        )


def _cases_of_pairs() -> Iterator[Case]:
    """Yield attentions that are wrong for one pair of tokens: a test that leaves this pair out lets them pass.

    All pairs one by one would take three times as long. So those that have no case of their own share one with others.
    """
    single = [*_inner_pairs(), *_outer_pairs()]
    for query, key in single:
        yield _case_of_pairs((query, key))
    pairs = {(query, key) for query in range(_LENGTH) for key in range(_LENGTH) if key != query} - set(single)
    rng = np.random.default_rng(25)
    for ahead in (True, False):
        left = rng.permutation([pair for pair in sorted(pairs) if (pair[1] > pair[0]) == ahead])
        for start in range(0, len(left), _SHARING):
            yield _case_of_pairs(*((int(query), int(key)) for query, key in left[start : start + _SHARING]))


def _case_of_pairs(*pairs: tuple[int, int]) -> Case:
    """Make an attention that is wrong for these pairs (query, key), all of the future or all of the past."""
    query, key = pairs[0]
    name = f"token {query} {'sees' if key > query else 'does not see'} token {key}"
    others = f"; {len(pairs) - 1} more pairs are wrong" if pairs[1:] else ""
    return Case(name + others, _but_for(*pairs), _MOVE_EACH if key > query else _LOOK_BACK)


def _inner_pairs() -> Iterator[tuple[int, int]]:
    """Yield for each key three rows before it and three behind, if it has so many, drawn once.

    They lie inside the table: careless tests look at the first row and the last too.
    """
    rng = np.random.default_rng(24)
    for key in range(1, _LENGTH - 1):
        for queries in (np.arange(1, key), np.arange(key + 1, _LENGTH - 1)):
            yield from ((int(query), key) for query in rng.permutation(queries)[:3])


def _outer_pairs() -> Iterator[tuple[int, int]]:
    """Yield three pairs of the first row, of the last row, of the first column and of the last, drawn once."""
    rng, last = np.random.default_rng(26), _LENGTH - 1
    for edge in (0, last):
        yield from ((edge, int(key)) for key in rng.permutation(np.arange(1, last))[:3])
        yield from ((int(query), edge) for query in rng.permutation(np.arange(1, last))[:3])


def _general_cases() -> tuple[Case, ...]:
    return (
        Case("the equation with a causal mask", _seeing(lambda q, k, n: k <= q)),
        Case("another scale", lambda x: _mix(x @ x.T / (2 * x.shape[1]), _past(x), x)),
        Case("all scores alike, a running mean", lambda x: _mix(0 * _scores(x), _past(x), x)),
        Case("projections for query, key and value", _projected),
        Case("float32", lambda x: _mix(_scores(x), _past(x), x).astype(np.float32)),
        Case("it rounds a little otherwise for another text", _rounding),
        Case("another text moves its rows by less than a millionth", _moves_less_than_a_millionth),
        *(Case(f"its values fill column {column} alone", _with_values_in(column)) for column in range(4)),
        Case("there is no mask", _seeing(lambda q, k, n: k >= 0), _MOVE_EACH),
        Case("the mask is inverted", _seeing(lambda q, k, n: k >= q), _MOVE_EACH),
        Case("each token sees one too far ahead", _seeing(lambda q, k, n: k <= q + 1), _MOVE_EACH),
        Case(
            "each token sees the second next, not the next",
            _seeing(lambda q, k, n: (k <= q) | (k == q + 2)),
            _MOVE_EACH,
        ),
        Case("every token sees the last one", _seeing(lambda q, k, n: (k <= q) | (k == n - 1)), _MOVE_EACH),
        Case("every token sees all but the last one", _seeing(lambda q, k, n: (k <= q) | (k < n - 1)), _MOVE_EACH),
        Case("the first token sees everything", _seeing(lambda q, k, n: (k <= q) | (q == 0)), _MOVE_EACH),
        Case("each token sees its block of four to the end", _seeing(lambda q, k, n: k // 4 <= q // 4), _MOVE_EACH),
        Case(
            f"the mask has room for {_ROOM} tokens, later ones see everything",
            _seeing(lambda q, k, n: (k <= q) | (q >= _ROOM)),
            "How long is the text that you try?",
        ),
        Case("forbidden scores become 0", lambda x: softmax(np.where(_past(x), _scores(x), 0)) @ x, _MOVE_EACH),
        Case("forbidden scores are lowered by 11", lambda x: softmax(_scores(x) - 11 * ~_past(x)) @ x, _SMALL_GAPS),
        Case("later tokens move a row by 1.5 millionths", _moves_more_than_a_millionth, _SMALL_GAPS),
        Case(
            "later tokens move a row of numbers near 100 by 1.5 millionths",
            lambda x: 100 + _moves_more_than_a_millionth(x),
            "Is the least gap the same for large numbers? np.isclose and np.allclose add a share of them (rtol).",
        ),
        Case(
            "later tokens move one number of a row by less than 4 millionths",
            _moves_one_number_a_little,
            "A row has moved if one of its numbers has: take the largest gap of a row, not the mean.",
        ),
        Case("the mask comes after the softmax", lambda x: (_past(x) * softmax(_scores(x))) @ x, _MOVE_EACH),
        Case("the softmax runs over the queries", _by_column, _MOVE_EACH),
        Case(
            "the mean of a key's scores is taken off first",
            lambda x: _mix(_scores(x) - _scores(x).mean(axis=0), _past(x), x),
            _MOVE_EACH,
        ),
        Case("no token sees itself", _seeing(lambda q, k, n: k < q), _LOOK_BACK),
        Case("each token sees itself and the one before", _seeing(lambda q, k, n: (k <= q) & (k > q - 2)), _LOOK_BACK),
        Case(
            "each token sees itself and the first", _seeing(lambda q, k, n: (k == q) | (k == 0) & (k <= q)), _LOOK_BACK
        ),
        Case(
            "the first token is seen by nobody else",
            _seeing(lambda q, k, n: (k <= q) & ((k > 0) | (q == 0))),
            _LOOK_BACK,
        ),
        Case(
            "the last token sees only itself", _seeing(lambda q, k, n: (k <= q) & ((q < n - 1) | (k == q))), _LOOK_BACK
        ),
        Case(
            "each row sees the directions of later tokens, and is NaN if one of these is zeros",
            _nan_where_a_later_token_is_zeros,
            _NAN_MOVES,
        ),
        *(
            Case(f"row 0 is NaN in column {column} for {half} of all later tokens", _nan_for(sign, column), _NAN_MOVES)
            for column in range(4)
            for sign, half in ((1, "half"), (-1, "the other half"))
        ),
        Case(
            "it returns the weights", lambda x: np.where(_past(x), softmax(_scores(x)), 0), "Look at the shape as well."
        ),
    )


LEAKS = WriteATest(
    id="attention-test-causal",
    title="a test of causal attention",
    reference=hides_the_future,
    cases=_cases,
    note="in texts of 24 tokens",
    hint="Which rows may move when one token moves? A row has moved if one of its numbers has, even if others stay. "
    "Allow for rounding, and for any scale and any projections.",
    mistakes=(
        Mistake(
            "accepts everything",
            lambda attend: True,
            "accepts whatever it is given",
            "Call `attend` twice, with one token moved in between, and compare the results row by row.",
        ),
        Mistake(
            "refuses everything",
            lambda attend: False,
            "refuses whatever it is given, also what is sound",
            "Return True at the end, when nothing wrong was found.",
        ),
        Mistake(
            "shape alone",
            lambda attend: np.shape(attend(np.ones((5, 3)))) == (5, 3),
            "looks at the shape alone",
            "A mask does not change the shape. Which numbers would a wrong mask change?",
        ),
        Mistake(
            "last token alone, way 1",
            lambda attend: _passes(attend, range(23, 24), earlier=False),
            "moves the last token alone",
            "A mask may hide the last token from everybody else and show all the others. Move each token in turn.",
        ),
        Mistake(
            "last token alone, way 2",
            lambda attend: _passes(attend, range(23, 24)),
            "moves the last token alone",
            "A mask may hide the last token from everybody else and show all the others. Move each token in turn.",
        ),
        Mistake(
            "first token alone",
            lambda attend: _passes(attend, range(1)),
            "moves the first token alone",
            "The first token is nobody's future. Move each token in turn.",
        ),
        Mistake(
            "future alone",
            lambda attend: _passes(attend, range(24), earlier=False),
            "never asks whether the past is seen",
            _LOOK_BACK,
        ),
        Mistake(
            "past alone",
            lambda attend: _passes(attend, range(24), later=False),
            "never asks whether the future is hidden",
            "A token that is moved must leave all earlier rows where they are.",
        ),
        Mistake(
            "compares exactly",
            lambda attend: _passes(attend, range(24), exact=True),
            "refuses one that is sound for its last digit: it compares numbers exactly",
            "Two ways to compute one number round differently. Allow a gap of 1e-6, say.",
        ),
    ),
)
