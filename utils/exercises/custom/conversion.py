"""Exercise of chapter 7 that asks for a test: does a dense layer of PyTorch stay the same layer in Keras?

A conversion is a function `convert(weight, bias)`. It takes PyTorch's weight (O, I) and bias (O,), and returns Keras's
kernel (I, O) and bias (O,).
"""

from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Mistake
from utils.exercises.engine.forms import Case, WriteATest

Convert = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
_SHAPES = ((5, 5), (3, 8), (8, 3))
_CLOSE = 1e-5


def conversion_is_sound(convert: Convert) -> bool:
    """Whether the layer computes the same in both libraries, whatever its sizes."""
    return _same(convert)


def _same(
    convert: Convert,
    shapes: tuple[tuple[int, int], ...] = _SHAPES,
    *,
    with_bias: bool = True,
    tolerance: float = _CLOSE,
    ones: bool = False,
    outputs_seen: slice | list[int] = slice(None),
) -> bool:
    rng = np.random.default_rng(0)
    for outputs, inputs in shapes:
        weight, bias = rng.normal(size=(outputs, inputs)), rng.normal(size=outputs)
        x = np.ones((4, inputs)) if ones else rng.normal(size=(9, inputs))
        kernel, shift = convert(weight.copy(), bias.copy())
        if kernel.shape != (inputs, outputs) or shift.shape != bias.shape:
            return False
        expected, found = x @ weight.T + with_bias * bias, x @ kernel + with_bias * shift
        if np.abs(found - expected)[:, outputs_seen].max() > tolerance:
            return False
    return True


def _shapes_alone(convert: Convert) -> bool:
    weight, bias = np.ones((3, 8)), np.ones(3)
    kernel, shift = convert(weight, bias)
    return kernel.shape == (8, 3) and shift.shape == (3,)


def _made(
    kernel: Callable[[np.ndarray], np.ndarray] = lambda weight: weight.T,
    bias: Callable[[np.ndarray], np.ndarray] = lambda bias: bias,
) -> Convert:
    """Return a conversion with these ways for the weight and for the bias."""
    return lambda weight, shift: (kernel(weight), bias(shift))


def _by_loop(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kernel = np.zeros(weight.shape[::-1])
    for place in np.ndindex(*weight.shape):
        kernel[place[::-1]] = weight[place]
    return kernel, bias


def _reshaped(weight: np.ndarray) -> np.ndarray:
    return weight.reshape(weight.shape[::-1])


def _without(weight: np.ndarray, axis: int, place: int | slice) -> np.ndarray:
    """Return the transpose with inputs (axis 0) or outputs (axis 1) set to zero."""
    kernel = weight.T.copy()
    kernel[(place, slice(None)) if axis == 0 else (slice(None), place)] = 0
    return kernel


def _one_sign(weight: np.ndarray) -> np.ndarray:
    """Return the transpose with the number in its middle taken with the other sign."""
    kernel = weight.T.copy()
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] *= -1
    return kernel


_SQUARE = "Try a matrix that has as many outputs as inputs: no shape tells there."
_OUTPUTS = "Send random vectors through both layers, and compare all outputs."
_BIAS = "Does your test use a bias that is not zero, with another number for each output?"
_CLOSELY = "How close must the outputs be? And have the numbers of your test more than two digits?"
_ALL = "Compare all outputs: one that is wrong may stand in the middle."
_TO_1E_5 = "The outputs must agree to 1e-5. How far does your test let them differ?"
_BOTH = "Try more outputs than inputs, and more inputs than outputs."


def _cases() -> tuple[Case, ...]:
    return (
        Case("transposed", _made()),
        Case("transposed and copied", _made(lambda weight: weight.T.copy(), np.copy)),
        Case("number by number", _by_loop),
        Case("by its axes", _made(lambda weight: np.moveaxis(weight, 0, 1))),
        Case("in single precision", _made(lambda w: w.T.astype("float32"), lambda b: b.astype("float32"))),
        Case("not transposed where it is square", _made(lambda w: w if len(w) == w.shape[1] else w.T), _SQUARE),
        Case("never transposed", _made(lambda weight: weight), _OUTPUTS),
        Case("reshaped", _made(_reshaped), _OUTPUTS),
        Case("reshaped by columns", _made(lambda w: w.reshape(w.shape[::-1], order="F")), _OUTPUTS),
        Case("reshaped where it is wide", _made(lambda w: _reshaped(w) if w.shape[1] > len(w) else w.T), _BOTH),
        Case("reshaped where it is tall", _made(lambda w: _reshaped(w) if w.shape[1] < len(w) else w.T), _BOTH),
        Case("outputs in reverse", _made(lambda w: w.T[:, ::-1]), _OUTPUTS),
        Case("inputs in reverse", _made(lambda w: w.T[::-1]), _OUTPUTS),
        Case("the first output is lost", _made(lambda w: _without(w, 1, 0)), _OUTPUTS),
        Case("the last output is lost", _made(lambda w: _without(w, 1, -1)), _OUTPUTS),
        Case("the first input is lost", _made(lambda w: _without(w, 0, 0)), _OUTPUTS),
        Case("the outputs in the middle are lost", _made(lambda w: _without(w, 1, slice(1, -1))), _ALL),
        Case("the inputs in the middle are lost", _made(lambda w: _without(w, 0, slice(1, -1))), _OUTPUTS),
        Case("one number has the other sign", _made(_one_sign), _ALL),
        Case("signs are lost", _made(lambda w: np.abs(w.T)), _OUTPUTS),
        Case("rounded to two digits", _made(lambda w: w.T.round(2)), _CLOSELY),
        Case("in half precision", _made(lambda w: w.T.astype("float16")), _CLOSELY),
        Case("rounded to four digits", _made(lambda w: w.T.round(4)), _TO_1E_5),
        Case("the bias is 0.00005 too large", _made(bias=lambda b: b + 5e-5), _TO_1E_5),
        Case("scaled by the root of the inputs", _made(lambda w: w.T / w.shape[1] ** 0.5), _OUTPUTS),
        Case("the bias is left out", _made(bias=np.zeros_like), _BIAS),
        Case("the bias is taken off", _made(bias=np.negative), _BIAS),
        Case("the bias in reverse", _made(bias=lambda b: b[::-1]), _BIAS),
        Case("one bias for all", _made(bias=lambda b: np.full_like(b, b.mean())), _BIAS),
    )


CONVERSION = WriteATest(
    id="custom-test-convert",
    title="a test of a conversion",
    reference=conversion_is_sound,
    cases=_cases,
    hint="What PyTorch computes is x @ weight.T + bias. What must Keras compute with the kernel?",
    mistakes=(
        Mistake("always", lambda convert: True, "accepts whatever it is given", "Call it, and look at the result."),
        Mistake("never", lambda convert: False, "refuses whatever it is given", "Five conversions are sound."),
        Mistake(
            "shapes alone",
            _shapes_alone,
            "looks at shapes alone",
            "The right shape may hold the wrong numbers: compare outputs.",
        ),
        Mistake(
            "square alone",
            lambda convert: _same(convert, ((5, 5),)),
            "tries a square matrix alone",
            "Some fail only where there are more outputs than inputs, or fewer.",
        ),
        Mistake(
            "one that is not square",
            lambda convert: _same(convert, ((3, 8),)),
            "tries one matrix, with fewer outputs than inputs",
            "A square matrix hides whether it was transposed. A tall one may be treated otherwise than a wide one.",
        ),
        Mistake(
            "without bias",
            lambda convert: _same(convert, with_bias=False),
            "does not look at the bias",
            "A layer of PyTorch adds its bias.",
        ),
        Mistake(
            "vector of ones",
            lambda convert: _same(convert, ones=True),
            "sends vectors of ones through the layer: the order of the inputs does not matter to them",
            "Use random vectors.",
        ),
        Mistake(
            "a little far from close",
            lambda convert: _same(convert, tolerance=2e-4),
            "lets outputs differ by more than 1e-5",
            "A rounding to four digits moves them by a few hundred-thousandths.",
        ),
        Mistake(
            "outer outputs alone",
            lambda convert: _same(convert, outputs_seen=[0, -1]),
            "looks at the first and the last output alone",
            "Each output of the layer must be the same.",
        ),
        Mistake(
            "far from close",
            lambda convert: _same(convert, tolerance=0.2),
            "lets outputs differ by as much as a rounding to two digits",
            "The same numbers give the same outputs, up to the last digits.",
        ),
    ),
)
