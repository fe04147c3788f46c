"""Examine a reader's attention or layer: which properties hold, which fail and by how much, and what is likely wrong.

What is examined is called with float32 NumPy arrays of the clinic's own, and judged by what it returns. A Keras layer
that is not built yet is built by the first call. Letters in shapes: B texts, T queries or tokens, S keys, d width. A
mask says *may attend* where it is True.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np

from utils.checks import positive_integer
from utils.clinic import attentions
from utils.clinic.cases import CASES
from utils.clinic.properties import (
    ATTENTION,
    LEAST,
    SIZES,
    TOLERANCE,
    Inputs,
    Property,
    draw_inputs,
    draw_texts,
    hide_in_first_text,
    largest,
    layer_hidden_as_removed,
    layer_order,
    layer_said_twice,
    layer_texts_apart,
    padding_of_each_text,
    who_moves_whom,
)

KINDS = ("attention", "attention layer", "self-attention")
_MASK_NAMES = ("attention_mask", "mask", "attn_mask", "allowed")  # these first; then what sounds like one
_NO_MASK = "not examined: no argument has mask or allow in its name"
_UNSEEN = (  # of a layer: what changes numbers, and nothing of what the examination looks at
    ("scale", "left out, of the whole width, or after the softmax"),
    ("values", "keys in their place, or three attentions added up"),
    ("around", "residual sum left out, output doubled, deviation of a sample"),
)
_QKV = ("query", "key", "value")
_EXACT = ("average of values", "doubled features", "equation")  # not of a layer with kernels of its own


class Line(NamedTuple):
    """One line of a report: a property, whether it holds (None: not examined), and the number or the reason."""

    name: str
    holds: bool | None
    text: str


@dataclass(frozen=True, repr=False)
class ReportCard:
    """What an examination found; prints as a table, and is true where nothing failed.

    Attributes:
        subject: what was examined.
        kind: one of KINDS.
        lines: one for each property.
        advice: what is likely wrong, and what to do; empty where nothing failed.
        moves: of self-attention, (T, T): how far row t moves when token s changes; of attention None.
    """

    subject: str
    kind: str
    lines: tuple[Line, ...]
    advice: tuple[str, ...] = ()
    moves: np.ndarray | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the properties that do not hold."""
        return tuple(line.name for line in self.lines if line.holds is False)

    def __repr__(self) -> str:
        width = max(len(line.name) for line in self.lines)
        examined = [line for line in self.lines if line.holds is not None]
        marks = {True: "✓", False: "✗", None: "–"}
        head = f"{self.subject}, examined as {self.kind}: {len(self.failed)} of {len(examined)} properties fail"
        rows = [f"  {marks[line.holds]} {line.name:{width}}  {line.text}" for line in self.lines]
        return "\n".join([head, *rows, *(f"  → {line}" for line in self.advice)])


def examine(
    layer: Callable[..., Any],
    *,
    kind: str | None = None,
    causal: bool | None = None,
    positions: bool = False,
    width: int = 12,
) -> ReportCard:
    """Examine attention, or a layer of self-attention, and return its report card.

    Args:
        layer: a function or Keras layer. Attention takes query (B, T, d), key (B, S, d), value (B, S, d_v) and, if it
            has one, a mask (B, T, S) or (B, S), in this order or by these names. Self-attention, an encoder's layer
            for instance, takes x (B, T, d) and, if it has one, a mask (B, T, T) or (B, T). A mask is an argument with
            mask or allow in its name; where it has to be given, None stands for no mask. Both may return their
            weights, too, after the output. Dropout has to be off, and no window over the tokens on.
        kind: "attention", "attention layer" (with kernels of its own, so that values are not mixed as they come) or
            "self-attention"; read from the names of the arguments when omitted.
        causal: of self-attention, whether later tokens have to be hidden; when omitted, either is right that leaves
            no mixture of both.
        positions: of self-attention, whether the layer knows places, so that shuffled tokens may give other rows, and
            a text that is said twice as well.
        width: d, of the texts that self-attention and attention layers are tried on.

    Returns:
        ReportCard.

    Raises:
        TypeError: the layer cannot be called, or its arguments are not recognised.
        ValueError: kind is unknown, width is not a positive integer, the call fails, or what comes back is not an
            array of numbers of the right shape.

    Example:
        >>> examine(attentions.plain_attention).failed
        ()
    """
    if kind not in (None, *KINDS):
        raise ValueError(f"expected kind to be one of {', '.join(map(repr, KINDS))}; received {kind!r}")
    width = positive_integer("width", width)
    caller = _Caller(layer, kind)
    if caller.kind == "self-attention":
        return _examine_layer(caller, draw_texts(width=width), causal, positions)
    return _examine_attention(caller, width)


class _Caller:
    """Calls what is examined with the arguments that it takes, and turns what it returns into a NumPy array."""

    def __init__(self, layer: Callable[..., Any], kind: str | None):
        if not callable(layer):
            raise TypeError(
                f"expected a function or a Keras layer; received {type(layer).__name__}. Pass the layer itself, not "
                "what it returned"
            )
        self.layer = layer
        self.name = getattr(layer, "__name__", None) or getattr(layer, "name", None) or type(layer).__name__
        self.parameters = _parameters(layer)
        named = set(_QKV) <= set(self.parameters)
        self.kind = kind or self._guess(named)
        self.by_name = named and self.kind != "self-attention"
        # A model that Keras made of layers has an argument `mask`, which is not one of attention.
        masked = not (isinstance(layer, keras.Model) and type(layer).__module__.startswith("keras."))
        self.mask_name = _mask_name(layer, 1 if self.kind == "self-attention" else 3) if masked else None
        self.mask_shape: Callable[[np.ndarray], np.ndarray] | None = None
        self.wrote = False
        self.tolerance = TOLERANCE  # coarser where less exact numbers come back

    def _guess(self, named: bool) -> str:
        if named:
            return "attention layer" if isinstance(self.layer, keras.Layer) else "attention"
        required = [name for name, needed in self.parameters.items() if needed]
        if len(required) in (3, 4):
            return "attention"
        if len(required) == 1 or (len(required) == 2 and _sounds_like_a_mask(required[1])):
            return "self-attention"
        raise TypeError(
            f"expected {self.name} to take query, key, value and a mask, or x and a mask; it takes "
            f"{', '.join(self.parameters) or 'no arguments'}. Wrap it: examine(lambda x, mask=None: ...)"
        )

    @property
    def takes_mask(self) -> bool:
        """Whether there is an argument for a mask."""
        return self.mask_name is not None

    @property
    def takes_padding(self) -> bool:
        """Whether the mask, as was found by a call with one, is (B, S): the same for all queries of a text."""
        return self.mask_shape is _for_all_queries

    def attend(self, query: np.ndarray, key: np.ndarray, value: np.ndarray, mask: Any = None) -> np.ndarray:
        """Call attention; a mask (B, T, S) is passed in the shape that it takes."""
        if self.by_name:
            return self._masked((), {"query": query, "key": key, "value": value}, mask)
        return self._masked((query, key, value), {}, mask)

    def run(self, x: np.ndarray, mask: Any = None) -> np.ndarray:
        """Call self-attention; a mask (B, T, T), the same for each query, is passed in the shape that it takes."""
        return self._masked((x,), {}, mask)

    def _masked(self, arguments: tuple, options: dict[str, Any], mask: Any) -> np.ndarray:
        if mask is None:
            return self._unmasked(arguments, options)
        if self.mask_shape is None:
            self.mask_shape = self._fit(arguments, options, mask.shape)
        return self._call(arguments, options | {self.mask_name: self.mask_shape(mask)})

    def _unmasked(self, arguments: tuple, options: dict[str, Any]) -> np.ndarray:
        required = self.takes_mask and self.parameters[self.mask_name]
        return self._call(arguments, options | ({self.mask_name: None} if required else {}))

    def _fit(self, arguments: tuple, options: dict[str, Any], shape: tuple[int, ...]) -> Callable:
        """Return how a mask is passed: the output keeps its shape, and a text of which nothing is hidden its rows."""
        before, probe = self._unmasked(arguments, options), np.ones(shape, dtype=bool)
        probe[0, :, -1] = False
        fitting, errors = [], []
        for way in (_for_each_query, _for_all_heads, _for_all_queries):
            try:
                after = self._call(arguments, options | {self.mask_name: way(probe)})
            except ValueError as error:
                errors.append(error)
                continue
            if after.shape != before.shape:
                errors.append(ValueError(f"a mask {way(probe).shape} gives {after.shape}, none {before.shape}"))
            elif largest((after - before)[1:]) <= self.tolerance * max(1.0, largest(before)):
                return way
            else:
                fitting.append(way)
        if not fitting:
            raise errors[0]
        return fitting[0]  # its mask is wrong in any shape

    def _call(self, arguments: tuple, options: dict[str, Any]) -> np.ndarray:
        arrays = {name: part for name, part in options.items() if part is not None}
        shapes = [f"{name} {part.shape}" for name, part in arrays.items()]
        given = ", ".join([*(str(np.shape(part)) for part in arguments), *shapes])
        copies = [part.copy() for part in arguments], {name: part.copy() for name, part in arrays.items()}
        try:
            result = self.layer(*copies[0], **(options | copies[1]))
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
            no_mask = ", and None for no mask" if len(arrays) < len(options) else ""
            raise ValueError(
                f"expected {self.name} to take arrays of shapes {given}{no_mask}; it raised {type(error).__name__}: "
                f"{reason}. Pass width=... if it is built for another width, or wrap it in a function that converts "
                "its arguments"
            ) from error
        pairs = [*zip(arguments, copies[0], strict=True), *((part, copies[1][name]) for name, part in arrays.items())]
        self.wrote = self.wrote or not all(np.array_equal(one, other) for one, other in pairs)
        result = result[0] if isinstance(result, tuple | list) and result else result
        try:
            array = keras.ops.convert_to_numpy(result) if keras.ops.is_tensor(result) else np.asarray(result)
        except Exception:
            array = np.asarray(None)
        if array.dtype.kind not in "fiu":
            raise ValueError(
                f"expected {self.name} to return an array of numbers, alone or before its weights; it returned "
                f"{type(result).__name__}. Wrap it in a function that returns a NumPy array"
            )
        if array.dtype.kind == "f":
            self.tolerance = max(self.tolerance, 8 * float(np.finfo(array.dtype).eps))
        return array


def _for_each_query(mask: np.ndarray) -> np.ndarray:
    return mask


def _for_all_heads(mask: np.ndarray) -> np.ndarray:
    return mask[:, None]


def _for_all_queries(mask: np.ndarray) -> np.ndarray:
    return mask[:, 0]


def _sounds_like_a_mask(name: str) -> bool:
    return "mask" in name.lower() or "allow" in name.lower()


def _mask_name(layer: Callable[..., Any], inputs: int) -> str | None:
    """Return the argument for a mask, behind as many inputs; a switch or a number, such as use_mask=False, is none."""
    behind = _arguments(layer)[inputs:]
    names = [one.name for one in behind if one.default in (one.empty, None) and _sounds_like_a_mask(one.name)]
    return next((name for name in (*_MASK_NAMES, *names) if name in names), None)


def _parameters(layer: Callable[..., Any]) -> dict[str, bool]:
    """Return the names of the arguments, and whether each has to be given."""
    return {one.name: one.default is one.empty for one in _arguments(layer)}


def _arguments(layer: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the arguments that can be given by name."""
    function = layer.call if isinstance(layer, keras.Layer) else layer
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"expected a function whose arguments can be read; {layer!r} has none to show. Wrap it: "
            "examine(lambda x, mask=None: ...)"
        ) from error
    return [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]


def _number(value: float) -> str:
    """Return a number as a report shows it: coarse, so that backends agree."""
    if not np.isfinite(value):
        return "NaN or ∞"
    return f"{value:.2g}" if value >= LEAST else "< 0.0001"


def _examine_attention(caller: _Caller, width: int) -> ReportCard:
    pure = caller.kind == "attention"
    odd, square = _inputs_of(pure, width)
    lines = [_sizes(caller, odd, pure, width)]
    before = caller.attend(*square[:3])
    if before.shape[:2] != square.query.shape[:2] or before.ndim != 3:
        raise ValueError(
            f"expected {caller.name} to return (B, T, d) = (2, 5, …) for query {square.query.shape}; received shape "
            f"{before.shape}. Return one row for each query of each text"
        )
    lines.append(_repeatable(largest(caller.attend(*square[:3]) - before), caller.tolerance))
    if not lines[-1].holds:
        return ReportCard(caller.name, caller.kind, tuple(lines), (_DROPOUT,))
    size, square = max(1.0, largest(before)) * caller.tolerance / TOLERANCE, _fitting_masks(caller, square)
    lines += [_property_line(one, caller, square, size, pure) for one in ATTENTION]
    lines.append(_kept(caller))
    return ReportCard(caller.name, caller.kind, tuple(lines), _advice(caller, square, lines, pure))


def _inputs_of(pure: bool, width: int) -> tuple[Inputs, Inputs]:
    """Return inputs of distinct sizes, and some whose sizes hide mistakes."""
    if pure:
        return draw_inputs(queries=3, value_dim=6), draw_inputs(key_dim=7, value_dim=7)
    return draw_inputs(queries=3, key_dim=width, value_dim=width), draw_inputs(key_dim=width, value_dim=width)


def _fitting_masks(caller: _Caller, inputs: Inputs) -> Inputs:
    """Return inputs whose masks what is examined can take: padding, where it takes (B, S)."""
    if caller.takes_mask:
        try:
            caller.attend(*inputs)
        except ValueError:
            return inputs  # the properties with a mask will say so
    return inputs._replace(mask=padding_of_each_text(inputs)) if caller.takes_padding else inputs


def _sizes(caller: _Caller, odd: Inputs, pure: bool, width: int) -> Line:
    """Try three queries, five keys and values wider than keys."""
    expected = (2, 3, 6 if pure else width)
    try:
        shape = caller.attend(*odd[:3]).shape
    except ValueError as error:
        return Line("sizes", False, f"3 queries and 5 keys: {str(error.__cause__ or error).splitlines()[0][:60]}")
    if (shape if pure else shape[:2]) == (expected if pure else expected[:2]):
        return Line("sizes", True, f"3 queries and 5 keys give {shape}")
    return Line("sizes", False, f"3 queries and 5 keys give {shape}; expected {expected}")


_WRITES = "inputs kept: the caller may need them: x = x + y makes a new array, x += y does not"
_DROPOUT = "its answers change from call to call (case dropout-on): switch dropout off and examine it again"


def _repeatable(gap: float, tolerance: float) -> Line:
    return Line("repeatable", bool(gap <= tolerance), f"a second call differs by {_number(gap)}")


def _kept(caller: _Caller) -> Line:
    return Line("inputs kept", not caller.wrote, "it writes to its arguments" if caller.wrote else "as they were")


def _property_line(one: Property, caller: _Caller, inputs: Inputs, size: float, pure: bool) -> Line:
    if one.name in _EXACT and not pure:
        return Line(one.name, None, "not examined: kernels stand between the inputs and the equation")
    if not caller.takes_mask:
        if one.masked:
            return Line(one.name, None, _NO_MASK)
        attend, inputs = _without_mask(caller), inputs._replace(mask=np.ones_like(inputs.mask))
    else:
        attend = caller.attend
    try:
        number = one.measure(attend, inputs)
        if one.moves and not pure:  # large kernels can make weights round to 0; smaller inputs show them
            small = inputs._replace(query=inputs.query * SIZES[1], key=inputs.key * SIZES[1])
            number = float(np.maximum(number, one.measure(attend, small)))
    except ValueError as error:
        return Line(one.name, False, f"could not be measured: {str(error.__cause__ or error)[:60]}")
    should = "should not be 0" if one.moves else "should be 0"
    holds = one.holds(number, size)
    shown = f"{number:.0f}" if one.counts else _number(number)
    return Line(one.name, holds, f"{one.says}: {shown}" + ("" if holds else f", {should}"))


def _without_mask(caller: _Caller) -> Callable[..., np.ndarray]:
    """Return attention that leaves a mask aside, as the properties may pass one."""
    return lambda query, key, value, mask=None: caller.attend(query, key, value)


def _advice(caller: _Caller, inputs: Inputs, lines: Sequence[Line], pure: bool) -> tuple[str, ...]:
    """Name the case whose mistake gives the same outputs; without one, say what the failed properties hint at."""
    failed = [line.name for line in lines if line.holds is False]
    writes = (_WRITES,) if "inputs kept" in failed else ()
    known = _same_as_a_case(caller, inputs) if pure and failed else None
    if known is not None:
        return (known, *writes)
    hints = [f"{one.name}: {one.hint}" for one in ATTENTION if one.name in failed]
    if hints[1:] and "equation" in failed:
        hints = hints[:-1]  # its hint is the last; it fails wherever another property does
    if failed == ["sizes"]:
        hints = ["sizes: something holds only for as many queries as keys, or values as wide as keys"]
    return (*hints, *writes)


def _same_as_a_case(caller: _Caller, inputs: Inputs) -> str | None:
    """Say which case returns the same, with the mask and without; None where none does."""
    of_attention = (case for case in CASES.values() if case.sound is attentions.plain_attention)
    known = {case.id: (case.sick, f"{case.title}; mend: {case.mend}") for case in of_attention}
    masks = (None, inputs.mask) if caller.takes_mask else (None,)
    try:
        received = [caller.attend(*inputs[:3], mask) for mask in masks]
    except ValueError:
        return None
    for name, (sick, words) in known.items():
        expected = [sick(*inputs[:3], mask) for mask in masks]
        sound = [attentions.plain_attention(*inputs[:3], mask) for mask in masks]
        if _apart(received, expected) <= caller.tolerance < _apart(expected, sound):
            return f"it returns what case {name} returns: {words}"
    return None


def _apart(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    if any(left.shape != right.shape for left, right in zip(one, other, strict=True)):
        return np.inf
    return largest(np.stack([left - right for left, right in zip(one, other, strict=True)]))


def _examine_layer(caller: _Caller, x: np.ndarray, causal: bool | None, positions: bool) -> ReportCard:
    before = caller.run(x)
    if before.ndim != 3 or before.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"expected {caller.name} to return (B, T, d) = (2, 5, …) for x {x.shape}; received shape "
            f"{before.shape}. Return one row for each token of each text"
        )
    lines = [
        Line("shape", True, f"{x.shape} gives {before.shape}"),
        _repeatable(largest(caller.run(x) - before), caller.tolerance),
    ]
    if not lines[-1].holds:
        return ReportCard(caller.name, caller.kind, tuple(lines), (_DROPOUT,))
    limit, advice = caller.tolerance * max(1.0, largest(before)), []
    gap = layer_texts_apart(caller.run, x)
    text = f"when one text changes, another moves by {_number(gap)}"
    lines.append(Line("texts apart", gap <= limit, text + _zero(gap, limit)))
    if not gap <= limit:
        advice.append("texts apart: a sum, a normalisation or a reshape runs over the axis of the texts")
    moves = who_moves_whom(caller.run, x).max(axis=0)
    pattern, line, hint = _who_sees_whom(moves > limit, causal)
    lines.append(line)
    advice += [hint] if hint else []
    lines.append(_order_line(caller, x, limit, pattern, positions))
    if lines[-1].holds is False:
        advice.append(
            "order: heads are merged without a transpose (case no-transpose), or places are known inside: then pass "
            "positions=True"
        )
    lines.append(_twice_line(caller, x, limit, pattern, positions))
    if lines[-1].holds is False:
        advice.append(
            "said twice: a token does not see itself (case hidden-diagonal), a window is on, or places are known "
            "inside: then pass positions=True"
        )
    of_mask, hints = _mask_lines(caller, x, limit, moves > limit, positions)
    gap = float(np.count_nonzero(~np.isfinite(caller.run(1e3 * x))))
    lines += [
        *of_mask,
        Line("large inputs", gap == 0, f"inputs of thousands give {int(gap)} entries that are no numbers"),
    ]
    if gap:
        hints = [*hints, "large inputs: subtract the largest score of each row before the exponential"]
    lines += [_kept(caller), *(Line(name, None, f"not examined: {what}") for name, what in _UNSEEN)]
    if caller.wrote:
        hints = [*hints, _WRITES]
    return ReportCard(caller.name, caller.kind, tuple(lines), (*advice, *hints), moves)


def _zero(gap: float, limit: float) -> str:
    return "" if gap <= limit else ", should be 0"


def _who_sees_whom(seen: np.ndarray, causal: bool | None) -> tuple[str, Line, str]:
    """Name the pattern of which row moves with which token."""
    lower = np.tri(len(seen), dtype=bool)
    if seen.all():
        pattern, words = "all", "each row moves with each token"
    elif (seen == lower).all():
        pattern, words = "causal", "each row moves with its own token and earlier ones"
    elif (seen == lower.T).all():
        pattern, words = "inverted", "each row moves with its own token and later ones"
    elif (seen == np.eye(len(seen), dtype=bool)).all():
        pattern, words = "alone", "each row moves with its own token alone"
    elif not seen[1, 1] and seen[1, 0] and not (seen & ~lower)[1:].any():
        # Row 1 has one key left; later rows move with their own token too, through their query.
        pattern, words = "strict", "row 1 moves with token 0, and not with its own"
    else:
        row, column = np.argwhere(seen & ~lower)[0] if (seen & ~lower).any() else np.argwhere(~seen & lower)[0]
        verb = "moves" if seen[row, column] else "does not move"
        pattern, words = "mixed", f"row {row} {verb} with token {column} (counted from 0)"
    wanted = {None: ("all", "causal"), True: ("causal",), False: ("all",)}[causal]
    hints = {
        "inverted": "who sees whom: the causal mask is turned round (case mask-inverted)",
        "strict": "who sees whom: the mask hides the diagonal (case hidden-diagonal)",
        "alone": "who sees whom: tokens do not meet: is the attention's output used?",
        "mixed": "who sees whom: a mask lets single tokens through, heads are merged without a transpose, or weights "
        "round to 0, as with very large kernels; if a window is meant, examine the layer without it",
        "all": "who sees whom: the causal mask is not used, or a normalisation takes in all tokens (norm-over-tokens)",
        "causal": "who sees whom: a causal mask is on",
    }
    holds = pattern in wanted
    should = {None: "all tokens, or all but later ones", True: "all but later ones", False: "all tokens"}[causal]
    line = Line("who sees whom", holds, words if holds else f"{words}; expected: {should}")
    return pattern, line, "" if holds else hints[pattern]


def _order_line(caller: _Caller, x: np.ndarray, limit: float, pattern: str, positions: bool) -> Line:
    if positions or pattern != "all":
        why = "the layer knows places" if positions else "it does not see all tokens alike"
        return Line("order", None, f"not examined: {why}")
    gap = layer_order(caller.run, x)
    return Line("order", gap <= limit, f"shuffled tokens give shuffled rows, off by {_number(gap)}" + _zero(gap, limit))


def _twice_line(caller: _Caller, x: np.ndarray, limit: float, pattern: str, positions: bool) -> Line:
    if positions or pattern not in ("all", "causal"):
        why = "the layer knows places" if positions else "it does not see all tokens, or all but later ones"
        return Line("said twice", None, f"not examined: {why}")
    try:
        gap = layer_said_twice(caller.run, x, pattern == "causal")
    except ValueError:
        return Line("said twice", None, "not examined: it takes no longer texts")
    rows = "the same last row" if pattern == "causal" else "the same rows"
    return Line(
        "said twice", gap <= limit, f"a text said twice gives {rows}, off by {_number(gap)}" + _zero(gap, limit)
    )


def _mask_lines(
    caller: _Caller, x: np.ndarray, limit: float, seen_before: np.ndarray, positions: bool
) -> tuple[list[Line], list[str]]:
    """Hide one token of one text: it must be silent, what counted before must count, and it must be as if removed."""
    silent, seen, removed = "hidden is silent", "seen counts", "hidden is removed"
    if caller.mask_name is None:
        return [Line(name, None, _NO_MASK) for name in (silent, seen, removed)], []
    place = x.shape[1] - 1 if seen_before[0, -1] else 1  # under a causal mask no other token sees the last
    others = np.arange(x.shape[1]) != place
    try:
        moves = who_moves_whom(caller.run, x, hide_in_first_text(x, place))
        causal = np.array_equal(seen_before, np.tri(len(seen_before), dtype=bool))
        # To take a token away moves the places of those behind it, which positions and a window notice.
        shifts = (positions and place < x.shape[1] - 1) or not (causal or seen_before.all())
        gap = 0.0 if shifts else layer_hidden_as_removed(caller.run, x, place)
    except ValueError as error:
        return [Line(silent, False, f"could not be measured: {str(error.__cause__ or error)[:60]}")], []
    leak, shown = largest(moves[0, others, place]), np.broadcast_to(seen_before, moves.shape).copy()
    shown[0, place] = shown[0, :, place] = False
    least = float(moves[shown].min(initial=np.inf))
    should = "" if gap <= limit else ", should be 0"
    lines = [
        Line(silent, leak <= limit, f"a hidden token moves other rows by {_number(leak)}" + _zero(leak, limit)),
        Line(seen, least > limit, f"each token that is seen moves each row, by {_number(least)} at least"),
        Line(removed, gap <= limit, f"a hidden token counts as one that is not there, off by {_number(gap)}{should}"),
    ]
    if shifts:
        lines[-1] = Line(removed, None, "not examined: without the token, others would stand at other places")
    if least <= limit:
        return lines, [
            "mask: it is turned round (case mask-inverted), or goes to another text"
            if leak > limit
            else "mask: it hides too much, or weights round to 0, as with very large kernels"
        ]
    if leak > limit:
        return lines, ["mask: it is not used, or hidden scores take part in the softmax (case zero-scores)"]
    return lines, [] if gap <= limit else ["mask: hidden places take a share of the softmax (case zero-scores)"]
