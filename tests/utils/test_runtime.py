"""Profile, seeds, device report and gradients, on any Keras backend."""

import random
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from utils import runtime

BACKEND = keras.backend.backend()


def test_profile_is_cpu_unless_named(monkeypatch):
    monkeypatch.delenv("BOOK_PROFILE", raising=False)
    assert runtime.profile() == "cpu"
    monkeypatch.setenv("BOOK_PROFILE", "gpu")
    assert runtime.profile() == "gpu"


def test_unknown_profile_is_refused(monkeypatch):
    monkeypatch.setenv("BOOK_PROFILE", "tpu")
    with pytest.raises(ValueError, match="expected BOOK_PROFILE to be one of cpu, real, gpu; received 'tpu'"):
        runtime.profile()


def draw_from_everything(seed):
    generator = runtime.prepare(seed)
    return [random.random(), np.random.random(), float(keras.random.uniform(())), generator.random()]


def test_prepare_repeats_every_source_of_randomness():
    first, again, other = draw_from_everything(3), draw_from_everything(3), draw_from_everything(4)
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_prepare_refuses_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"expected seed from 0 to 2\*\*32 - 1; received {seed}"):
        runtime.prepare(seed)


def allow_less_precision():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(True)
    elif BACKEND == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "bfloat16")
    else:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def precision_is_full():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return not tf.config.experimental.tensor_float_32_execution_enabled()
    if BACKEND == "jax":
        import jax

        return jax.config.jax_default_matmul_precision == "highest"
    import torch

    return not (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)


@pytest.mark.parametrize("ask", [runtime.use_full_precision, runtime.prepare])
def test_full_precision_is_set_without_a_warning(ask):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        allow_less_precision()
        assert not precision_is_full()
        ask()
    assert precision_is_full()


def test_full_precision_touches_no_backend_but_the_one_at_hand(monkeypatch):
    runtime.use_full_precision()
    with monkeypatch.context() as patched:
        patched.setattr(keras.backend, "backend", lambda: "numpy")
        allow_less_precision()
        runtime.use_full_precision()
        assert not precision_is_full()
    runtime.use_full_precision()
    assert precision_is_full()


def test_device_names_the_backend_and_where_tensors_land():
    found = runtime.device()
    assert found.backend == BACKEND
    if BACKEND == "jax":
        import jax

        assert found.kind == jax.default_backend()
    elif BACKEND == "torch":
        import torch

        assert found.kind == ("gpu" if torch.cuda.is_available() else "cpu")
    else:
        import tensorflow as tf

        assert found.kind == ("gpu" if tf.config.list_physical_devices("GPU") else "cpu")
    assert found.kind in ("cpu", "gpu")


class Counting(keras.layers.Dense):
    """A layer that counts how often Python runs it."""

    runs = 0

    def call(self, inputs, training=None):
        self.runs += 1
        return super().call(inputs)


def test_training_steps_are_compiled_where_keras_can():
    layer = Counting(1)
    model = keras.Sequential([layer])
    model.compile("sgd", "mse", jit_compile=runtime.jit_compile())
    x = np.ones((40, 3), "float32")
    model.fit(x, x[:, :1], batch_size=2, verbose=0)
    traced = layer.runs < 10  # of 20 steps
    assert traced == (keras.backend.backend() != "torch")


def test_gradients_by_hand():
    x, y = np.array([1.5, -2.0], "float32"), np.array([[3.0, 5.0]], "float32")
    of_x, of_y = runtime.gradients(lambda x, y: ops.sum(x * x * y), x, y)
    np.testing.assert_allclose(of_x, 2 * x * y[0])
    np.testing.assert_allclose(of_y, [x * x])


def test_gradients_gather_repeated_rows():
    (found,) = runtime.gradients(lambda x: ops.sum(ops.take(x, [1, 1], axis=0)), np.ones((3, 2), "float32"))
    np.testing.assert_array_equal(found, [[0, 0], [2, 2], [0, 0]])


@pytest.mark.parametrize("constant", [3.0, np.float32(3), "tensor"])
def test_gradients_are_zero_where_the_result_does_not_depend(constant):
    constant = ops.convert_to_tensor(3.0) if isinstance(constant, str) else constant
    (found,) = runtime.gradients(lambda x: constant, np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(found, np.zeros((2, 3)))
    found = runtime.gradients(lambda x, y: ops.sum(x), np.ones(2, "float32"), np.ones(3, "float32"))
    np.testing.assert_array_equal(found[1], np.zeros(3))


def test_gradients_leave_the_inputs_alone():
    x = ops.convert_to_tensor(np.array([1.0, 2.0], "float32"))
    runtime.gradients(lambda x: ops.sum(x * x), x)
    runtime.gradients(lambda x: ops.sum(x * x), x)
    np.testing.assert_array_equal(ops.convert_to_numpy(x), [1, 2])


def test_gradients_refuse_integers_by_position():
    with pytest.raises(ValueError, match=r"expected array 1 to hold floating-point numbers; received .*int"):
        runtime.gradients(lambda x, y: ops.sum(x), np.ones(2, "float32"), np.arange(3))


def test_gradients_refuse_results_that_are_not_scalar():
    with pytest.raises(ValueError, match=r"expected the function to return a scalar; received shape \(3,\)"):
        runtime.gradients(lambda x: x * x, np.ones(3, "float32"))


def test_gradients_refuse_a_backend_that_has_none(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(ValueError, match="KERAS_BACKEND to be one of tensorflow, jax, torch; received numpy"):
        runtime.gradients(lambda x: ops.sum(x), np.ones(3, "float32"))


def test_draw_gives_standard_normal_float32_arrays_in_the_order_of_their_shapes():
    x, y = runtime.draw(np.random.default_rng(5), (200, 300), (7,))

    assert (x.shape, y.shape, x.dtype, y.dtype) == ((200, 300), (7,), "float32", "float32")
    assert abs(x.mean()) < 0.02
    assert abs(x.std() - 1) < 0.02


def test_draw_goes_on_where_the_generator_stands():
    rng = np.random.default_rng(5)
    (first,), (second,) = runtime.draw(rng, (3,)), runtime.draw(rng, (3,))

    np.testing.assert_array_equal(
        np.concatenate([first, second]), np.concatenate(runtime.draw(np.random.default_rng(5), (3,), (3,)))
    )
    assert not np.array_equal(first, second)
