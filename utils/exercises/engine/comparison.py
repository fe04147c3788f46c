"""Read what a learner's code returned, compare it with what was expected, and say how the two differ."""

import math
from typing import Any

import numpy as np

# Where the type is part of the question: the relative error that is still right, in units of the type's last place.
# exp(s - logsumexp(s)) is a good softmax, yet near s = 10,000 each rounding of the logarithm costs up to 4,096 units.
# float16 has 1,024 units in all: a good answer computes in a wider type, or subtracts the maximum first.
ROUNDING = {"float16": 2**4, "float32": 2**14, "float64": 2**14}
SMALL = 2.0**-20  # the largest absolute error there: float16's numbers near 0 lie 2**-24 apart


class UnreadableError(Exception):
    """A result has not the structure that was asked for; the message says what was expected and what came."""


def read(value: Any, like: Any) -> Any:
    """Bring a result into the form of the expected one: NumPy arrays (copies), tuples of integers, strings.

    Args:
        value: what the learner's code returned: arrays, lists, numbers, strings, or tensors of TensorFlow, JAX
            or PyTorch.
        like: the expected result; only its structure counts.

    Returns:
        `value` with the structure of `like`; shapes, types and values of arrays may still differ.

    Raises:
        UnreadableError: the structure is another.
    """
    if isinstance(like, str):
        if not isinstance(value, str):
            raise UnreadableError(f"expected a string, received {type(value).__name__}")
        return value.strip()
    if is_shape(like):
        return _read_shape(value)
    if isinstance(like, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(like):
            raise UnreadableError(f"expected a tuple of {len(like)}, received {_kind(value)}")
        return tuple(read(part, model) for part, model in zip(value, like, strict=True))
    return _read_array(value)


def is_shape(value: Any) -> bool:
    """Tell a shape (a tuple of integers) from a tuple of results."""
    return isinstance(value, tuple) and all(isinstance(part, int) for part in value)


def _read_shape(value: Any) -> tuple[int, ...]:
    """Read a shape from a tuple, a list or a backend's own shape type."""
    try:
        return tuple(int(size) for size in value)
    except (TypeError, ValueError):
        raise UnreadableError(f"expected a tuple of integers, received {_kind(value)}") from None


def _read_array(value: Any) -> np.ndarray:
    """Copy numbers or truth values out of anything that NumPy, or a backend's tensor, can turn into an array."""
    try:
        if hasattr(value, "detach"):  # PyTorch: off the graph and off the device
            value = value.detach().cpu()
        array = np.array(value)
    except Exception:  # each backend raises an error of its own
        raise UnreadableError(f"expected an array of numbers, received {_kind(value)}") from None
    if array.dtype.kind not in "biufc":
        raise UnreadableError(f"expected an array of numbers, received {_kind(value)}")
    return array


def _kind(value: Any) -> str:
    """Name the type of a value, with its size where it has one; never its address or its contents."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}" + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


def same(expected: Any, received: Any, rtol: float | None) -> bool:
    """Tell whether two results agree; not-a-number agrees with itself. `rtol` as in `Exercise`."""
    if isinstance(expected, np.ndarray):
        fits = expected.shape == received.shape and _types_agree(expected, received, rtol)
        return fits and bool(np.all(_close(expected, received, rtol)))
    if isinstance(expected, str) or is_shape(expected):
        return expected == received
    return all(same(one, other, rtol) for one, other in zip(expected, received, strict=True))


def _types_agree(expected: np.ndarray, received: np.ndarray, rtol: float | None) -> bool:
    """Tell whether the type of the result will do: the kind must be right and, with rtol None, the width too."""
    if rtol is None:
        return expected.dtype == received.dtype
    kinds = {"b": "b", "i": "iu", "u": "iu"}.get(expected.dtype.kind, "f")
    if expected.ndim == 0 and kinds != "b":
        kinds = "iuf"  # a single number may be written as 2 or as 2.0
    return received.dtype.kind in kinds


def _close(expected: np.ndarray, received: np.ndarray, rtol: float | None) -> np.ndarray:
    """Compare entry by entry; not-a-number agrees with itself."""
    if expected.dtype.kind != "f":  # as Python's numbers, which compare exactly: 2**53 + 1 is not 2.0**53
        return (expected.astype(object) == received.astype(object)).astype(bool)
    rtol, atol = _tolerance(expected.dtype, rtol)
    return np.isclose(received.astype(np.float64), expected.astype(np.float64), rtol, atol, equal_nan=True)


def _tolerance(dtype: np.dtype, rtol: float | None) -> tuple[float, float]:
    """Return the (relative, absolute) tolerance for a float type; `rtol` as in `Exercise`."""
    if rtol is not None:
        return rtol, rtol / 10
    epsilon = float(np.finfo(dtype).eps)
    rounding = ROUNDING.get(dtype.name, ROUNDING["float64"])  # a result may be of a wider type still, as np.longdouble
    return rounding * epsilon, min(epsilon, SMALL)


def difference(expected: Any, received: Any, rtol: float | None, names: tuple[str, ...]) -> str:
    """Describe the first difference between two results that are not the same.

    Args:
        expected: the reference's result.
        received: the learner's, as `read` returned it.
        rtol: relative tolerance, as in `Exercise`.
        names: a name for each part of the result.
    """
    if len(names) == 1:
        expected, received = (expected,), (received,)
    for name, one, other in zip(names, expected, received, strict=True):
        if not same(one, other, rtol):
            text = _describe(one, other, rtol)
            return text if len(names) == 1 else f"{name}: {text}"
    raise ValueError("expected two results that differ; received two that agree")


def _describe(expected: Any, received: Any, rtol: float | None) -> str:
    """Describe how one part of a result differs from the expected one."""
    if not isinstance(expected, np.ndarray):
        return f"expected {expected}, received {received}"
    if expected.shape != received.shape:
        return f"expected shape {expected.shape}, received {received.shape}"
    if not _types_agree(expected, received, rtol):
        return f"expected dtype {expected.dtype}, received {received.dtype}"
    wrong = ~_close(expected, received, rtol)
    if received.dtype.kind == "f" and np.isnan(received[wrong]).any():
        wrong = np.isnan(received)
    first = tuple(int(index) for index in np.argwhere(wrong)[0])
    where = f" at {list(first)}" if first else ""
    share = f" ({int(wrong.sum())} of {wrong.size} entries differ)" if first else ""
    one, other = _number(expected[first]), _number(received[first])
    if expected.dtype.kind in "iu" and received.dtype.kind == "f":  # a count is exact, so all digits are shown
        other = "NaN" if math.isnan(received[first]) else f"{float(received[first])!r}"
    elif one == other:  # alike to four digits: what tells them apart is the error
        error = abs(float(received[first]) / float(expected[first]) - 1)
        allowed, _ = _tolerance(expected.dtype, rtol)
        other = f"a number with a relative error of {error:.0e}, where {allowed:.0e} is allowed"
    return f"expected {one}{where}, received {other}{share}"


def _number(value: Any) -> str:
    """Print a number to the four digits that hold on every machine."""
    if value.dtype.kind != "f":
        return str(value)
    return "NaN" if math.isnan(value) else f"{value:.4g}"
