"""Encoder, Decoder, Transformer, and the models on top of an encoder: values, properties, masks, counts."""

import dataclasses
from math import erf

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tests.support.naive_blocks import encode, normalise, numbers
from utils.positions import sinusoidal_positions
from utils.transformer import CausalLanguageModel, Decoder, Encoder, MaskedLanguageModel, TextClassifier, Transformer
from utils.transformer.config import TransformerConfig, paper_config
from utils.transformer.costs import encoder_decoder_parameters

B, T, S, V = 2, 5, 7, 23
CONFIG = TransformerConfig(vocabulary_size=V, d_model=12, num_layers=2, num_heads=3, intermediate_dim=17, max_length=11)
LEARNED = dataclasses.replace(CONFIG, positions="learned")
BERT_LIKE = dataclasses.replace(
    LEARNED, embedding_norm=True, scale_embedding=False, num_token_types=3, activation="gelu", epsilon=1e-12
)
CONFIGS = {
    "paper": CONFIG,
    "BERT": BERT_LIKE,
    "pre-norm": dataclasses.replace(LEARNED, norm_first=True),
    "no positions": dataclasses.replace(CONFIG, positions=None, final_norm=True),
}


def randomised(model, seed=1):
    """Give a model weights that are all different, so that nothing hides behind zeros and ones."""
    rng = np.random.default_rng(seed)
    model.set_weights([0.4 * rng.normal(size=weight.shape).astype("float32") for weight in model.weights])
    return model


def draw_ids(*lengths, seed=0, least=1):
    rng = np.random.default_rng(seed)
    return [rng.integers(least, V, (B, length)) for length in lengths]


def close(received, expected, tolerance=1e-4):
    np.testing.assert_allclose(numbers(received), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_hidden_state_of_the_encoder_equals_float64(config):
    encoder = randomised(Encoder(config))
    (ids,), types = draw_ids(T), np.arange(B * T).reshape(B, T) % 3
    weights = {
        weight.path.split("/")[-1]: array
        for weight, array in zip(encoder.embedding.weights, encoder.embedding.get_weights(), strict=True)
    }
    x = weights["tokens"].astype("float64")[ids] * (np.sqrt(12) if config.scale_embedding else 1)
    x = x + (weights["types"][types] if config.num_token_types else 0)
    if config.positions == "learned":
        x = x + weights["embeddings"][:T]
    elif config.positions == "sinusoidal":
        x = x + numbers(sinusoidal_positions(T, 12))
    expected = [normalise(encoder.embedding.norm, x) if config.embedding_norm else x]
    allowed = np.arange(T) < np.array([[T], [3]])  # (B, T): the second row is padded
    for block in encoder.blocks:
        expected.append(encode(block, expected[-1], allowed[:, None, None]))
    if config.norm_first or config.final_norm:
        expected[-1] = normalise(encoder.final_norm, expected[-1])
    given = {"attention_mask": allowed.astype("int32")} | ({"token_type_ids": types} if config.num_token_types else {})
    received = encoder(ids, **given, return_hidden_states=True)
    assert len(received) == 3
    for got, want in zip(received, expected, strict=True):
        close(got, want)
    np.testing.assert_array_equal(numbers(encoder(ids, **given)), numbers(received[-1]))


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.permutations(range(T)), st.booleans())
def test_encoder_is_permutation_equivariant_without_positions_and_only_then(order, norm_first):
    (ids,) = draw_ids(T)
    config = dataclasses.replace(CONFIG, positions=None, norm_first=norm_first)
    encoder = randomised(Encoder(config))
    close(encoder(ids[:, order]), numbers(encoder(ids))[:, order])
    if order != sorted(order):
        ordered = Encoder(dataclasses.replace(config, positions="sinusoidal"))
        ordered.set_weights(encoder.get_weights())
        assert np.abs(numbers(ordered(ids[:, order])) - numbers(ordered(ids))[:, order]).max() > 1e-2


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_padding_changes_nothing_for_the_tokens(config):
    encoder = randomised(Encoder(config))
    (ids,) = draw_ids(T)
    filled = np.concatenate([ids, [[0, 9], [22, 0]]], axis=1)
    mask = np.arange(T + 2) < T
    mask = np.broadcast_to(mask, filled.shape)
    close(numbers(encoder(filled, attention_mask=mask))[:, :T], numbers(encoder(ids)))
    assert np.abs(numbers(encoder(filled))[:, :T] - numbers(encoder(ids))).max() > 1e-2


def test_an_encoder_without_a_mask_attends_to_all_ids_even_to_pad_id():
    encoder = randomised(Encoder(CONFIG))
    ids = np.array([[3, 4, 0]])
    close(encoder(ids), numbers(encoder(ids, attention_mask=np.ones((1, 3), bool))))


def test_scores_of_hidden_pieces_are_dense_gelu_normalisation_table_and_bias():
    model, (ids,) = randomised(MaskedLanguageModel(CONFIG)), draw_ids(T)
    kernel, shift = (array.astype("float64") for array in model.dense.get_weights())
    wide = numbers(model.encoder(ids)) @ kernel + shift
    wide = wide / 2 * (1 + np.vectorize(erf)(wide / np.sqrt(2)))
    guess = normalise(model.norm, wide)
    table = numbers(model.encoder.embedding.table)
    close(model(ids), guess @ table.T + numbers(model.bias), 1e-3)


def test_a_masked_language_model_sees_both_sides_and_no_padding():
    model, (ids,) = randomised(MaskedLanguageModel(CONFIG)), draw_ids(T)
    before = numbers(model(ids))
    changed = ids.copy()
    changed[:, 2] = ids[:, 2] % (V - 1) + 1
    assert (np.abs(numbers(model(changed)) - before).max(-1) > 1e-4).all()
    padded = np.pad(ids, ((0, 0), (0, 3)))
    close(model(padded)[:, :T], before)
    close(model(np.where(padded, padded, 7), attention_mask=padded > 0)[:, :T], before)


@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_causal_model_knows_nothing_of_what_comes_later(at):
    model, (ids,) = randomised(CausalLanguageModel(CONFIG)), draw_ids(T)
    changed = ids.copy()
    changed[:, at] = ids[:, at] % (V - 1) + 1
    before, after = numbers(model(ids)), numbers(model(changed))
    np.testing.assert_allclose(after[:, :at], before[:, :at], atol=1e-5)
    assert (np.abs(after[:, at:] - before[:, at:]).max(-1) > 1e-4).all()


def test_a_transformer_reads_the_whole_source_and_the_target_up_to_each_place():
    model, (source, target) = randomised(Transformer(CONFIG)), draw_ids(S, T)
    before = numbers(model((source, target)))
    assert before.shape == (B, T, V)
    later, other = target.copy(), source.copy()
    later[:, 3] = target[:, 3] % (V - 1) + 1
    other[:, -1] = source[:, -1] % (V - 1) + 1
    np.testing.assert_allclose(numbers(model((source, later)))[:, :3], before[:, :3], atol=1e-5)
    assert (np.abs(numbers(model((source, later))) - before)[:, 3:].max(-1) > 1e-4).all()
    assert (np.abs(numbers(model((other, target))) - before).max(-1) > 1e-4).all()


def test_padding_of_source_and_target_is_hidden_in_all_three_attentions():
    model, (source, target) = randomised(Transformer(CONFIG)), draw_ids(S, T)
    expected = numbers(model((source, target)))
    filled = [np.concatenate([ids, np.zeros((B, 2), "int64")], axis=1) for ids in (source, target)]
    close(numbers(model((filled[0], target))), expected)
    close(numbers(model((source, filled[1])))[:, :T], expected)
    # Padding in front of a target would be seen if its mask were left out: place 1 on attends to it otherwise.
    front = np.concatenate([target[:, :1], np.zeros((B, 1), "int64"), target[:, 1:]], axis=1)
    without_order = randomised(Transformer(dataclasses.replace(CONFIG, positions=None)))
    hidden = numbers(without_order((source, front)))[:, [0, *range(2, T + 1)]]
    close(hidden, numbers(without_order((source, target))))


def test_decoder_alone_has_an_embedding_of_its_own_and_takes_masks():
    decoder, (ids,) = randomised(Decoder(CONFIG)), draw_ids(T)
    memory = np.random.default_rng(2).normal(size=(B, S, 12)).astype("float32")
    real = np.arange(S) < np.array([[S], [4]])
    found = numbers(decoder(ids, memory, memory_mask=real))
    close(found, numbers(decoder(ids, np.where(real[..., None], memory, 5), memory_mask=real)))
    assert np.abs(found - numbers(decoder(ids, memory))).max() > 1e-3
    assert decoder.embedding.count_params() == V * 12


def test_scores_are_products_with_the_table_where_the_output_is_tied():
    model, (ids,) = randomised(CausalLanguageModel(CONFIG)), draw_ids(T)
    hidden = numbers(model.encoder(ids, use_causal_mask=True)).astype("float64")
    table = model.encoder.embedding.get_weights()[0]
    close(model(ids), hidden @ table.T)
    free = randomised(CausalLanguageModel(dataclasses.replace(CONFIG, tie_output=False)))
    hidden = numbers(free.encoder(ids, use_causal_mask=True)).astype("float64")
    close(free(ids), hidden @ free.output_layer.get_weights()[0])
    assert free.count_params() - model.count_params() == V * 12


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_classifier_pools_tokens_alone_and_applies_its_head(pooling):
    model = randomised(TextClassifier(CONFIG, 3, pooling))
    (ids,) = draw_ids(T)
    ids[1, 3:] = 0
    hidden = numbers(model.encoder(ids, attention_mask=ids > 0)).astype("float64")
    pooled = hidden[:, 0] if pooling == "first" else np.stack([hidden[0].mean(0), hidden[1, :3].mean(0)])
    (w1, b1), (w2, b2) = model.pooler.get_weights(), model.head.get_weights()
    close(model(ids), np.tanh(pooled @ w1 + b1) @ w2 + b2)
    other = np.concatenate([ids, np.zeros((B, 3), "int64")], axis=1)
    close(model(other), numbers(model(ids)))
    close(model(ids, attention_mask=(ids > 0).astype("int32")), numbers(model(ids)))


def test_a_text_of_nothing_but_padding_gets_finite_scores_and_gradients():
    model = randomised(TextClassifier(CONFIG, 3))
    ids = np.array([[0, 0, 0], [4, 5, 6]])
    assert np.isfinite(numbers(model(ids))).all()
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(ids, np.array([0, 1]), verbose=0)
    assert all(np.isfinite(array).all() for array in model.get_weights())
    transformer = randomised(Transformer(CONFIG))
    assert np.isfinite(numbers(transformer((ids, ids)))).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_output": False},
        {"norm_first": True, "positions": "learned"},
        {"embedding_norm": True, "num_token_types": 2},
    ],
    ids=str,
)
def test_parameters_are_counted_as_keras_counts_them(changes):
    config = dataclasses.replace(CONFIG, **changes)
    model, counted = Transformer(config), encoder_decoder_parameters(config)
    assert sum(counted.values()) == model.count_params()
    assert counted["embedding"] == model.encoder.embedding.count_params()
    assert counted["encoder"] == model.encoder.count_params() - counted["embedding"]
    assert counted["decoder"] == model.decoder.count_params() - counted["embedding"]


def test_the_paper_s_sizes_by_hand():
    # Table 3 with 37,000 tokens: one layer of the base encoder has 4 (512² + 512) weights in attention, and so on.
    assert encoder_decoder_parameters(paper_config("base")) == {
        "embedding": 37_000 * 512,
        "encoder": 6 * (4 * (512 * 512 + 512) + (512 * 2048 + 2048 + 2048 * 512 + 512) + 4 * 512),
        "decoder": 6 * (8 * (512 * 512 + 512) + (512 * 2048 + 2048 + 2048 * 512 + 512) + 6 * 512),
        "output": 0,
    }
    big = paper_config("big", norm_first=True)
    assert (big.d_model, big.intermediate_dim, big.num_heads, big.dropout, big.num_layers) == (1024, 4096, 16, 0.3, 6)
    assert paper_config("base", num_layers=2).num_layers == 2
    assert sum(encoder_decoder_parameters(paper_config("big")).values()) == 214_245_376


def test_source_target_and_output_share_one_table_unless_told_otherwise():
    shared = Transformer(CONFIG)
    assert shared.decoder.embedding is shared.encoder.embedding
    own = Transformer(CONFIG, target_vocabulary_size=29)
    assert own.decoder.embedding is not own.encoder.embedding
    assert own.count_params() - shared.count_params() == 29 * 12
    source, target = draw_ids(S, T)
    assert tuple(own((source, target)).shape) == (B, T, 29)


def test_embeddings_begin_at_unit_size_after_scaling_and_small_without():
    keras.utils.set_random_seed(0)
    wide = dataclasses.replace(CONFIG, d_model=192, vocabulary_size=500)
    np.testing.assert_allclose(Encoder(wide).embedding.get_weights()[0].std(), 192**-0.5, rtol=0.02)
    unscaled = Encoder(dataclasses.replace(wide, scale_embedding=False))
    np.testing.assert_allclose(unscaled.embedding.get_weights()[0].std(), 0.02, rtol=0.02)


def test_dropout_acts_in_training_alone():
    for model, inputs in ((CausalLanguageModel(CONFIG), draw_ids(T)[0]), (Transformer(CONFIG), tuple(draw_ids(S, T)))):
        np.testing.assert_array_equal(numbers(model(inputs)), numbers(model(inputs)))
        assert np.abs(numbers(model(inputs, training=True)) - numbers(model(inputs))).max() > 1e-3


def test_mixed_precision_keeps_weights_and_gives_scores_in_half():
    model = Transformer(CONFIG, dtype="mixed_bfloat16")
    source, target = draw_ids(S, T)
    scores = model((source, target))
    assert keras.backend.standardize_dtype(scores.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} == {"float32"}
    full = Transformer(CONFIG)
    full.set_weights(model.get_weights())
    expected = numbers(full((source, target)))
    np.testing.assert_allclose(numbers(ops.cast(scores, "float32")), expected, atol=0.06 * np.abs(expected).max())


@pytest.mark.parametrize("padded", [False, True])
def test_a_target_can_be_decoded_without_a_mask_of_the_memory(padded):
    """Keras hands on the mask that it carries with the memory, if any; given by place, None and that mask collided."""
    model = randomised(Transformer(CONFIG))
    source, target = draw_ids(S, T)
    source[:, S - 2 :] *= not padded
    memory, mask = model.encode(source)
    bare = ops.convert_to_tensor(ops.convert_to_numpy(memory))  # carries no mask
    expected = numbers(model([source, target]))
    close(model.decode(target, memory, mask), expected)
    close(model.decode(target, bare, mask), expected)
    if not padded:
        close(model.decode(target, bare, None), expected)
        close(model.decode(target, memory, None), expected)
    else:  # a memory without a mask is attended to as a whole
        every = model.decode(target, bare, np.ones((B, S), bool))
        close(model.decode(target, bare, None), numbers(every))
