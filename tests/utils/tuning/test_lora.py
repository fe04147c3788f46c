"""Low-rank adapters: the same model before training, only they learn, and merged they cost nothing."""

import pickle

import keras
import numpy as np
import pytest
from keras import ops
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tests.support.tuning_toys import IDS, SIZES, new_encoder, outputs
from utils.tuning.heads import EncoderWithHead, loss_and_metric
from utils.tuning.lora import (
    LoraProjection,
    base_digest,
    count_parameters,
    enable_lora,
    load_lora,
    lora_adapters,
    merge_lora,
    save_lora,
)
from utils.tuning.projections import PROJECTIONS, place_of

ALL = list(PROJECTIONS)
WIDTH, WIDE = SIZES["d_model"], SIZES["intermediate_dim"]


def shake(adapters, seed=1):
    """Give adapters numbers as training might."""
    rng = np.random.default_rng(seed)
    for adapter in adapters:
        for part in (adapter.lora_a, adapter.lora_b):
            part.assign(0.3 * rng.standard_normal(part.shape))


@pytest.fixture(scope="module")
def plain():
    return new_encoder()


@pytest.fixture(scope="module")
def adapted():
    encoder = new_encoder()
    shake(enable_lora(encoder, rank=2))
    return encoder


def test_untrained_adapters_change_no_bit_and_merged_ones_give_the_same_as_beside():
    encoder = new_encoder()
    names, before = [weight.path for weight in encoder.weights], outputs(encoder)
    adapters = enable_lora(encoder, rank=3, alpha=5, targets=ALL)
    np.testing.assert_array_equal(outputs(encoder), before)
    shake(adapters)
    beside = outputs(encoder)
    assert np.abs(beside - before).max() > 0.1
    merge_lora(encoder)
    np.testing.assert_allclose(outputs(encoder), beside, rtol=1e-6, atol=2e-6)
    assert lora_adapters(encoder) == {}
    assert [weight.path for weight in encoder.weights] == names  # in the order of before, for set_weights
    assert count_parameters(encoder) == (encoder.count_params(), encoder.count_params())


def test_each_merged_kernel_is_w_plus_scaled_a_b():
    encoder, plain = new_encoder(num_layers=1), new_encoder(num_layers=1)
    adapters = enable_lora(encoder, rank=2, alpha=7, targets=ALL)
    shake(adapters)
    for target, adapter in zip(ALL, adapters, strict=True):
        owner, attribute = place_of(plain.blocks[0], target)
        kernel = getattr(owner, attribute).kernel
        a, b = (ops.convert_to_numpy(part) for part in (adapter.lora_a, adapter.lora_b))
        product = a.reshape(-1, 2).astype("float64") @ b.reshape(2, -1)
        kernel.assign(ops.convert_to_numpy(kernel) + 3.5 * product.reshape(kernel.shape))
    np.testing.assert_allclose(outputs(encoder), outputs(plain), rtol=1e-5, atol=5e-6)
    merge_lora(encoder)
    for merged, expected in zip(encoder.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(merged, expected, rtol=1e-5, atol=1e-6)


def test_counts_are_rank_times_inputs_plus_outputs():
    encoder = new_encoder()
    total = encoder.count_params()
    enable_lora(encoder, rank=3, targets=["query", "output"])
    added = SIZES["num_layers"] * 3 * ((WIDTH + WIDTH) + (WIDE + WIDTH))
    assert count_parameters(encoder) == (added, total + added)


def test_training_moves_adapters_and_head_and_no_bit_of_the_encoder():
    encoder = new_encoder()
    model = EncoderWithHead(encoder, num_outputs=2)
    adapters = enable_lora(encoder, rank=2)
    digest, head = base_digest(encoder), ops.convert_to_numpy(model.head.kernel)
    before = [ops.convert_to_numpy(each.lora_b) for each in adapters]
    loss, metric = loss_and_metric("classes")
    model.compile("sgd", loss, metrics=[metric])
    model.fit(IDS, np.array([0, 1, 1]), epochs=2, batch_size=3, verbose=0)
    assert base_digest(encoder) == digest
    assert all(
        np.abs(ops.convert_to_numpy(each.lora_b) - old).max() > 0 for each, old in zip(adapters, before, strict=True)
    )
    assert np.abs(ops.convert_to_numpy(model.head.kernel) - head).max() > 0


def test_adapters_are_kept_alone_and_fit_the_encoder_that_they_were_trained_on(tmp_path):
    encoder = new_encoder()
    shake(enable_lora(encoder, rank=2, alpha=6, targets=["value", "intermediate"]))
    path = save_lora(encoder, tmp_path / "adapters.safetensors")
    arrays = load_file(path)
    assert sorted(arrays) == sorted(
        f"{at}.{n}.lora_{p}" for at in (0, 1) for n in ("value", "intermediate") for p in "ab"
    )
    numbers = SIZES["num_layers"] * 2 * (2 * WIDTH + WIDTH + WIDE)
    assert sum(array.size for array in arrays.values()) == numbers
    assert path.stat().st_size < 4 * numbers + 1500
    fresh = new_encoder()
    load_lora(fresh, path)
    np.testing.assert_array_equal(outputs(fresh), outputs(encoder))
    shake(lora_adapters(fresh).values(), seed=2)
    load_lora(fresh, path)  # again, over others of the same kind
    np.testing.assert_array_equal(outputs(fresh), outputs(encoder))
    with pytest.raises(ValueError, match=r"expected the encoder that the adapters of .* were trained on"):
        load_lora(new_encoder(seed=1), path)
    other = new_encoder()
    enable_lora(other, rank=2, alpha=2, targets=["value", "intermediate"])
    with pytest.raises(
        ValueError, match=r"same projections, rank and alpha.*received rank 2, alpha 6 for value, inter"
    ):
        load_lora(other, path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def replace_by_pickle(path):
    path.write_bytes(pickle.dumps({"0.query.lora_a": [1.0] * 20}))


def replace_by_other_weights(path):
    save_file({"kernel": np.ones((2, 3), "float32")}, path)


def rewrite(path, arrays=None, **changes):
    """Write adapters again with other arrays, or with other words about them."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    save_file(load_file(path) if arrays is None else arrays, path, metadata | changes)


def put_nan(path):
    rewrite(path, load_file(path) | {"0.query.lora_b": np.full((2, 2, 7), np.nan, "float32")})


def drop_an_array(path):
    rewrite(path, {name: array for name, array in load_file(path).items() if name != "1.value.lora_b"})


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda path: path.unlink(), FileNotFoundError, "no such file. Write them with save_lora"),
        (cut, ValueError, "safetensors format in .*cut short"),
        (replace_by_pickle, ValueError, "it is a pickle"),
        (replace_by_other_weights, ValueError, "that save_lora wrote"),
        (put_nan, ValueError, "finite float32 numbers in .*0.query.lora_b"),
        (drop_an_array, ValueError, "same projections, rank and alpha"),
        (lambda path: rewrite(path, lora="{"), ValueError, "rank, alpha, targets and base in the header"),
        (lambda path: rewrite(path, lora='{"rank": 2}'), ValueError, "it lacks 'alpha'"),
        (lambda path: rewrite(path, lora="[]"), ValueError, "rank, alpha, targets and base in the header"),
    ],
)
def test_a_file_that_is_not_what_was_saved_is_refused_and_changes_nothing(
    tmp_path, adapted, plain, damage, error, message
):
    path = save_lora(adapted, tmp_path / "adapters.safetensors")
    damage(path)
    for encoder in (adapted, plain):
        before, count = encoder.get_weights(), count_parameters(encoder)
        with pytest.raises(error, match=message):
            load_lora(encoder, path)
        assert count_parameters(encoder) == count
        for one, other in zip(encoder.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_cannot_be_adapted_is_refused():
    encoder = new_encoder()
    for given, message in [
        ({"rank": 0}, "`rank` must be a positive integer"),
        ({"alpha": -1}, "`alpha` must be positive"),
        ({"rank": WIDTH}, f"expected a rank below {WIDTH}, the smaller size of the query matrix"),
        ({"targets": ["queries"]}, "expected targets as a list of some of query"),
        ({"targets": "query"}, "expected targets as a list"),
        ({"targets": []}, "expected targets as a list"),
        ({"targets": ["key", "key"]}, "each once"),
    ]:
        with pytest.raises(ValueError, match=message):
            enable_lora(encoder, **given)
        assert count_parameters(encoder)[0] == encoder.count_params()  # nothing was frozen
    for function in (merge_lora, lambda encoder: save_lora(encoder, "never.safetensors")):
        with pytest.raises(ValueError, match="an encoder with adapters; received one without"):
            function(encoder)
    with pytest.raises(TypeError, match=r"expected an Encoder.*pass model.encoder"):
        enable_lora(EncoderWithHead(encoder, 2))
    with pytest.raises(ValueError, match="without activation; dense has"):
        LoraProjection(keras.layers.Dense(3, "relu", name="dense"), 1, 1)
    with pytest.raises(ValueError, match="a Dense or an EinsumDense; received LayerNormalization"):
        LoraProjection(encoder.blocks[0].attention_norm, 1, 1)
    enable_lora(encoder, rank=1)
    with pytest.raises(ValueError, match=r"without adapters.*Call merge_lora first"):
        enable_lora(encoder)


@pytest.mark.slow
def test_a_model_saved_with_adapters_by_keras_is_never_loaded_without_them(tmp_path):
    encoder = new_encoder()
    shake(enable_lora(encoder, rank=2))
    encoder.save(tmp_path / "encoder.keras")
    with pytest.raises(ValueError, match=r"query|value"):
        keras.saving.load_model(tmp_path / "encoder.keras")
