"""Where a chapter runs: profile, seeds, numeric precision, device report and gradients on any Keras backend."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

PROFILES = ("cpu", "real", "gpu")


class Device(NamedTuple):
    """What a chapter really runs on, asked of the backend itself."""

    backend: str
    kind: str
    name: str


def profile() -> str:
    """Return the profile that BOOK_PROFILE names: "cpu" (the default), "real" or "gpu".

    Raises:
        ValueError: BOOK_PROFILE holds another word.

    Example:
        >>> profile() in PROFILES
        True
    """
    name = os.environ.get("BOOK_PROFILE", "cpu")
    if name not in PROFILES:
        raise ValueError(f"expected BOOK_PROFILE to be one of {', '.join(PROFILES)}; received {name!r}")
    return name


def jit_compile() -> bool:
    """Return what to hand to `compile(jit_compile=...)` for many short runs or many shapes: True on JAX alone.

    JAX runs a step that is not compiled operation by operation. TensorFlow has its graph, and its XLA first compiles
    for seconds, once for every shape. Keras does not compile on PyTorch.
    """
    return keras.backend.backend() == "jax"


def prepare(seed: int = 0) -> np.random.Generator:
    """Seed every source of randomness and ask the backend for exact float32 products.

    Args:
        seed: any integer from 0 to 2**32 - 1.

    Returns:
        A NumPy generator seeded likewise. Chapters draw all inputs and initial weights from it, because the
        backends' own generators disagree with one another.

    Raises:
        ValueError: seed is out of range.

    Example:
        >>> int(prepare(7).integers(10)) == int(prepare(7).integers(10))
        True
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"expected seed from 0 to 2**32 - 1; received {seed}")
    keras.utils.set_random_seed(seed)  # Python's, NumPy's and the backend's
    use_full_precision()
    return np.random.default_rng(seed)


def draw(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Draw one float32 array of standard normal numbers for each shape.

    Args:
        rng: NumPy generator, as `prepare` returns it.
        *shapes: one tuple of sizes for each array.

    Returns:
        The arrays, in the order of their shapes.

    Example:
        >>> x, y = draw(prepare(7), (2, 3), (5,))
        >>> x.shape, y.shape, x.dtype.name
        ((2, 3), (5,), 'float32')
    """
    return [rng.standard_normal(shape, dtype="float32") for shape in shapes]


def use_full_precision() -> None:
    """Multiply float32 matrices in float32: no TF32 on NVIDIA GPUs, JAX's precision at its highest."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)
    elif name == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif name == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def device() -> Device:
    """Report the backend and the device that a fresh tensor really lands on.

    Returns:
        Device(backend, kind, name): kind is "cpu", "gpu" or the backend's own word in lower case.

    Example:
        >>> device().backend == keras.backend.backend()
        True
    """
    name = keras.backend.backend()
    tensor = keras.ops.zeros(1)
    if name == "tensorflow":
        place = tensor.device.rsplit("device:", 1)[-1]
    elif name == "jax":
        found = next(iter(tensor.devices()))
        place = f"{found.platform}:{found.id}"  # str(found) is spelled differently from release to release
    else:
        place = str(tensor.device)
    kind = place.split(":")[0].lower()
    return Device(name, "gpu" if kind in ("cuda", "mps", "rocm") else kind, place)


def gradients(function: Callable[..., Any], *arrays: Any) -> list[np.ndarray]:
    """Differentiate a scalar function with the backend's automatic differentiation.

    Args:
        function: takes as many tensors as there are arrays and returns a scalar tensor.
        *arrays: float arrays of any shape.

    Returns:
        One NumPy array for each input, of its shape: the partial derivatives of the result, zeros where the result
        does not depend on the input.

    Raises:
        ValueError: an array is not floating-point, the function's result is not a scalar, or Keras runs on a
            backend without automatic differentiation.

    Example:
        >>> gradients(lambda x: keras.ops.sum(x * x), np.array([1.0, 3.0], "float32"))[0].tolist()
        [2.0, 6.0]
    """
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    for position, tensor in enumerate(tensors):
        if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)):
            raise ValueError(f"expected array {position} to hold floating-point numbers; received {tensor.dtype}")
    known = {"tensorflow": _tensorflow_gradients, "jax": _jax_gradients, "torch": _torch_gradients}
    name = keras.backend.backend()
    if name not in known:
        raise ValueError(f"expected KERAS_BACKEND to be one of {', '.join(known)}; received {name}")
    return [keras.ops.convert_to_numpy(gradient) for gradient in known[name](function, tensors)]


def _scalar(result: Any) -> Any:
    """Return the result as a tensor, refusing anything that is not a scalar."""
    result = keras.ops.convert_to_tensor(result)
    if len(result.shape):
        raise ValueError(f"expected the function to return a scalar; received shape {tuple(result.shape)}")
    return result


def _tensorflow_gradients(function: Callable[..., Any], tensors: list) -> list:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        result = _scalar(function(*tensors))
    return tape.gradient(result, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _jax_gradients(function: Callable[..., Any], tensors: list) -> list:
    import jax

    return list(jax.grad(lambda *args: _scalar(function(*args)), argnums=tuple(range(len(tensors))))(*tensors))


def _torch_gradients(function: Callable[..., Any], tensors: list) -> list:
    import torch

    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    result = _scalar(function(*leaves))
    if not result.requires_grad:  # a constant, which PyTorch alone refuses to differentiate
        return [torch.zeros_like(tensor) for tensor in tensors]
    return list(torch.autograd.grad(result, leaves, allow_unused=True, materialize_grads=True))
