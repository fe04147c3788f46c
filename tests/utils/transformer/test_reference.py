"""Transformer beside torch.nn.Transformer, weight for weight, by the values stored in data/reference."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.support.naive_blocks import numbers, slopes_of
from tests.support.thinning import thinned
from tools.reference import write as reference
from utils.reference import reference_cases
from utils.transformer import Transformer
from utils.transformer.config import TransformerConfig
from utils.weights.from_torch import gap_to_torch_transformer, load_torch_transformer

STORED = reference_cases(reference.FOLDER / "encoder-decoder.npz")
CASES = ["transformer_post_norm", "transformer_pre_norm"]
E, H, WIDE, LAYERS = 8, 4, 14, 2
# PyTorch's has no embeddings: each of its input vectors becomes the vector of a token of its own, after token 0.
CONFIG = TransformerConfig(
    **{"vocabulary_size": 11, "d_model": E, "num_layers": LAYERS, "num_heads": H, "intermediate_dim": WIDE},
    **{"positions": None, "scale_embedding": False, "final_norm": True, "dropout": 0.0, "pad_id": None},
)


def parameters(case, prefix="parameter."):
    return {name.removeprefix(prefix): array for name, array in STORED[case].items() if name.startswith(prefix)}


def as_table(vectors):
    return np.concatenate([np.zeros((1, E), "float32"), vectors.reshape(-1, E)])


def as_ids(vectors):
    return 1 + np.arange(vectors.shape[0] * vectors.shape[1]).reshape(vectors.shape[:2])


def prepared(case, **changes):
    """Return our model with PyTorch's parameters and inputs, and the ids of source and target."""
    found = STORED[case]
    config = dataclasses.replace(CONFIG, norm_first="pre_norm" in case, **changes)
    model = Transformer(config, target_vocabulary_size=1 + found["target"].shape[0] * found["target"].shape[1])
    load_torch_transformer(model, parameters(case))
    model.encoder.embedding.set_weights([as_table(found["source"])])
    model.decoder.embedding.set_weights([as_table(found["target"])])
    return model, as_ids(found["source"]), as_ids(found["target"])


class Vectors(keras.Model):
    """The decoder's vectors, with PyTorch's masks turned round."""

    def __init__(self, model, found):
        super().__init__()
        self.model, self.found = model, found

    def call(self, source, target):
        real = ~self.found["src_key_padding_mask"]
        memory = self.model.encoder(source, attention_mask=real)
        return self.model.decoder(target, memory, ~self.found["tgt_key_padding_mask"], real)


def states(model, source, target, found):
    return numbers(Vectors(model, found)(source, target))


@pytest.mark.parametrize("case", CASES)
def test_vectors_equal_those_of_torch(case):
    found = STORED[case]
    np.testing.assert_allclose(states(*prepared(case), found), found["output"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_all_parameters_and_of_the_inputs_equal_those_of_torch(case):
    found = STORED[case]
    model, source, target = prepared(case)
    whole = Vectors(model, found)
    whole.build((None, None))
    received = slopes_of(whole, [], found["cotangent"], source=source, target=target)
    # Gradients take the way of the weights: load them as if they were weights, and read them back in our order.
    twin = prepared(case)[0]
    load_torch_transformer(twin, parameters(case, "grad."))
    twin.encoder.embedding.set_weights([as_table(found["grad.source"])])
    twin.decoder.embedding.set_weights([as_table(found["grad.target"])])
    for weight, got, want in zip(whole.trainable_weights, received, Vectors(twin, found).get_weights(), strict=True):
        limit = 1e-5 * max(1, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=limit, err_msg=weight.path)


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_out_is_seen(case):
    found = STORED[case]
    for changes in ({"norm_first": "pre_norm" not in case}, {"epsilon": 1e-3}, {"activation": "gelu"}):
        config = dataclasses.replace(CONFIG, **({"norm_first": "pre_norm" in case} | changes))
        model = Transformer(config, target_vocabulary_size=7)
        load_torch_transformer(model, parameters(case))
        like, source, target = prepared(case)
        model.encoder.embedding.set_weights(like.encoder.embedding.get_weights())
        model.decoder.embedding.set_weights(like.decoder.embedding.get_weights())
        assert np.abs(states(model, source, target, found) - found["output"]).max() > 1e-4
    open_masks = found | {"src_key_padding_mask": found["src_key_padding_mask"] & False}
    assert np.abs(states(*prepared(case), open_masks) - found["output"]).max() > 1e-2


def test_models_that_differ_from_that_of_torch_are_refused():
    arrays = parameters(CASES[0])
    with pytest.raises(ValueError, match="expected a model with final_norm=True, as PyTorch's; received one without"):
        load_torch_transformer(Transformer(dataclasses.replace(CONFIG, final_norm=False)), arrays)
    with pytest.raises(ValueError, match="expected 3 layers of the encoder, as ours has; received 2"):
        load_torch_transformer(Transformer(dataclasses.replace(CONFIG, num_layers=3)), arrays)


@pytest.mark.parametrize("case", thinned(((case, case) for case in CASES), every=len(CASES)))
def test_the_gap_to_torch_is_small_and_grows_with_another_option_or_mask_or_gradient(case):
    found, first = STORED[case], "pre_norm" in case
    assert gap_to_torch_transformer(found, H, norm_first=first) < 1e-5
    assert gap_to_torch_transformer(found, H, norm_first=not first) > 1e-2
    assert gap_to_torch_transformer(found, 2, norm_first=first) > 1e-2
    for part in ("src", "tgt", "memory"):
        open_mask = {f"{part}_key_padding_mask": found[f"{part}_key_padding_mask"] & False}
        assert gap_to_torch_transformer(found | open_mask, H, norm_first=first) > 1e-3
    for name in ("grad.target", "grad.decoder.layers.1.linear2.weight"):
        changed = {name: found[name] + 0.01 * np.abs(found[name]).max()}
        assert gap_to_torch_transformer(found | changed, H, norm_first=first) > 1e-3
