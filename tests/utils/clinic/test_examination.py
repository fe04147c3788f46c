"""The examination: what is sound passes, what is sick fails and is named, what cannot be tried is refused."""

import keras
import numpy as np
import pytest

from utils.clinic import CASES, examine, patients
from utils.clinic.attentions import plain_attention, row_softmax
from utils.clinic.blocks import (
    doubled_output,
    normalised,
    normalised_by_sample_deviation,
    normalised_with_neighbours,
    residual_sum,
)
from utils.clinic.heads import merged_without_transpose, plain_heads, scaled_by_width, three_attentions
from utils.clinic.patients import diagnoses
from utils.clinic.properties import ATTENTION, draw_inputs
from utils.layers import EncoderLayer, MultiHeadAttention

UNSEEN = ["scale", "values", "around"]  # what a layer's card says that it does not see
OF_ATTENTION = {case.id: case for case in CASES.values() if case.sound is plain_attention}
KERNELS = [*(np.random.default_rng(2).normal(size=(3, 12, 3, 4)) / 3), np.random.default_rng(3).normal(size=(3, 4, 12))]


def projected(x):
    """Return queries, keys and values of three square kernels."""
    return [x @ kernel for kernel in np.random.default_rng(6).normal(size=(3, 12, 12)) / 4]


def causal_layer(x, mask=None, allowed=lambda q, k: k <= q):
    """Attend under a causal mask, or under another rule on the places of query and key."""
    places = np.arange(x.shape[1])
    seen = np.broadcast_to(allowed(places[:, None], places), (len(x), len(places), len(places)))
    return plain_attention(*projected(x), seen if mask is None else seen & mask)


def masked_layer(x, mask=None):
    """Attend to all tokens that a mask allows."""
    return plain_attention(*projected(x), mask)


# Attention


@pytest.mark.parametrize("name", OF_ATTENTION)
def test_a_sick_attention_fails_and_is_named(name):
    card = examine(OF_ATTENTION[name].sick)
    assert card.failed
    assert not card
    assert card.advice[0].startswith(f"it returns what case {name} returns")


def test_sound_attention_passes_all_properties_with_and_without_a_mask_argument():
    card = examine(plain_attention)
    assert card
    assert len([line for line in card.lines if line.holds]) == len(ATTENTION) + 3
    without = examine(lambda query, key, value: plain_attention(query, key, value))
    assert without
    assert [line.name for line in without.lines if line.holds is None] == [one.name for one in ATTENTION if one.masked]


@pytest.mark.parametrize("one", ATTENTION, ids=[one.name for one in ATTENTION])
def test_each_property_fails_for_something_and_for_nan(one):
    broken = {
        "texts apart": lambda q, k, v, m=None: plain_attention(q, k, v, m) + v.mean(),
        "queries apart": lambda q, k, v, m=None: plain_attention(q, k, v, m) + q.mean(axis=1, keepdims=True)[..., :1],
        "order of keys": lambda q, k, v, m=None: plain_attention(q, k + np.arange(k.shape[1])[:, None], v, m),
        "average of values": lambda q, k, v, m=None: 0.9 * plain_attention(q, k, v, m),
        "values count": lambda q, k, v, m=None: plain_attention(q, k, np.tanh(0 * v), m),
        "hidden is silent": lambda q, k, v, m=None: plain_attention(q, k, v),
        "seen counts": lambda q, k, v, m=None: plain_attention(q, k, v, m if m is None else m & (np.arange(5) < 3)),
        "hidden is removed": OF_ATTENTION["zero-scores"].sick,
        "doubled features": OF_ATTENTION["no-scale"].sick,
        "large scores": lambda q, k, v, m=None: np.exp(q @ k.swapaxes(-1, -2)) @ v,
        "equation": lambda q, k, v, m=None: plain_attention(0.9 * q, k, v, m),
    }[one.name]
    inputs = draw_inputs()
    assert one.holds(one.measure(plain_attention, inputs))
    assert not one.holds(one.measure(broken, inputs))
    assert not one.holds(float("nan"))


def test_a_nan_in_one_entry_fails_every_property_that_compares():
    def spotted(query, key, value, mask=None):
        output = plain_attention(query, key, value, mask).copy()
        output[-1, -1, -1] = np.nan
        return output

    for one in ATTENTION:
        assert not one.holds(one.measure(spotted, draw_inputs())), one.name


def test_what_holds_for_square_inputs_alone_fails_the_sizes():
    for name in ("keys-as-values", "mirrored", "point-wise"):
        assert "sizes" in examine(OF_ATTENTION[name].sick).failed

    def square(query, key, value, mask=None):
        if key.shape != query.shape:
            raise IndexError("5 keys")
        return plain_attention(query, key, value, mask)

    card = examine(square)
    assert card.failed[:1] == ("sizes",)
    assert "5 keys" in repr(card)


MISDIRECTED = {  # what is done to a mask (B, T, S) so that it goes to the wrong text, or lies on its side
    "the first for all": lambda mask: mask[:1],
    "the other text's": lambda mask: mask[::-1],
    "what any text sees": lambda mask: mask.any(axis=0),
    "what all texts see": lambda mask: mask.all(axis=0),
    "transposed": lambda mask: mask.swapaxes(1, 2),
}


def folded(x, fold, heads=3):
    """Give each of several alike heads a place in the batch, and its mask with it."""
    query, key, value, mask = (part if part is None else fold(part) for part in x)
    output = plain_attention(query, key, value, mask)
    return output.reshape(-1, heads, *output.shape[1:]).mean(axis=1)


@pytest.mark.parametrize("change", MISDIRECTED.values(), ids=list(MISDIRECTED))
def test_a_mask_that_goes_to_the_wrong_text_fails_in_attention(change):
    card = examine(lambda q, k, v, mask=None: plain_attention(q, k, v, mask if mask is None else change(mask)))
    assert {"hidden is removed", "equation"} <= set(card.failed)
    assert {"hidden is silent", "seen counts"} & set(card.failed)
    assert "another text" in card.advice[0]


@pytest.mark.parametrize("change", list(MISDIRECTED.values())[:4], ids=list(MISDIRECTED)[:4])
def test_a_mask_that_goes_to_the_wrong_text_fails_in_a_layer(change):
    card = examine(lambda x, mask=None: masked_layer(x, mask if mask is None else change(mask)))
    assert "hidden is removed" in card.failed
    assert {"hidden is silent", "seen counts"} & set(card.failed)
    of_padding = examine(lambda x, mask=None: masked_layer(x, mask if mask is None else change(mask[:, None, :])))
    assert "hidden is removed" in of_padding.failed


def test_masks_tiled_over_the_heads_where_texts_are_repeated_fail_and_repeated_masks_pass():
    def repeat(part):
        return np.repeat(part, 3, axis=0)

    def tile(part):
        return np.tile(part, (3, 1, 1))

    def attend(of_mask):
        return lambda q, k, v, mask=None: folded(
            (repeat(q), repeat(k), repeat(v), mask if mask is None else of_mask(mask)), lambda part: part
        )

    assert not examine(attend(repeat)).failed
    assert "hidden is silent" in examine(attend(tile)).failed


@pytest.mark.parametrize(
    ("attend", "masked"),
    [
        (lambda query, key, value, allowed=None: plain_attention(query, key, value, allowed), True),
        (lambda query, key, value, padding_mask=None: plain_attention(query, key, value, padding_mask), True),
        (lambda q, k, v, *, may_not_be_allowed=None: plain_attention(q, k, v, may_not_be_allowed), True),
        (
            lambda query, key, value, padding_mask=None: plain_attention(
                query, key, value, padding_mask if padding_mask is None else padding_mask[:, None, :]
            ),
            True,
        ),
        (
            lambda query, key, value, mask=None: plain_attention(
                query[:, None], key[:, None], value[:, None], mask
            ).mean(axis=1),
            True,
        ),
        (lambda query, key, value, scale=None: plain_attention(query, key, value), False),
        (lambda query, key, value, return_weights=False: plain_attention(query, key, value), False),
        (lambda query, key, value, dropout=0.0: plain_attention(query, key, value), False),
        (lambda query, key, value, use_mask=False: plain_attention(query, key, value), False),
    ],
    ids=[
        "allowed",
        "padding_mask",
        "keyword",
        "(B, S)",
        "(B, 1, T, S)",
        "scale",
        "return_weights",
        "dropout",
        "switch",
    ],
)
def test_sound_attention_passes_whatever_its_mask_is_called_and_other_arguments_are_no_masks(attend, masked):
    card = examine(attend)
    assert not card.failed
    assert [line.holds is not None for line in card.lines if "hidden" in line.name or "seen" in line.name] == [
        masked
    ] * 3


def in_half_precision(attend):
    return lambda q, k, v, mask=None: attend(*(part.astype("float16") for part in (q, k, v)), mask)


def test_half_precision_passes_and_its_mistakes_do_not():
    def with_infinity(query, key, value, mask=None):
        scores = query @ key.swapaxes(-1, -2) / np.float16(np.sqrt(key.shape[-1]))
        return row_softmax(scores if mask is None else np.where(mask, scores, np.float16(-np.inf))) @ value

    assert with_infinity(*(part.astype("float16") for part in draw_inputs()[:3])).dtype == np.float16
    assert not examine(in_half_precision(with_infinity)).failed
    unscaled = examine(in_half_precision(lambda q, k, v, mask=None: with_infinity(2 * q, k, v, mask)))
    assert unscaled.failed == ("equation",)


def test_a_mask_that_has_to_be_given_is_none_where_nothing_is_hidden():
    def required(query, key, value, mask):
        return plain_attention(query, key, value, mask)

    assert not examine(required).failed
    assert not examine(lambda x, mask: masked_layer(x, mask)).failed
    with pytest.raises(ValueError, match="and None for no mask; it raised TypeError"):
        examine(lambda query, key, value, mask: plain_attention(query, key, value, mask[:]))


def test_a_mask_that_takes_a_few_units_off_a_score_fails():
    def weak(query, key, value, mask=None):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        return row_softmax(scores if mask is None else scores - 20 * ~mask) @ value

    assert examine(weak).failed == ("hidden is silent",)


def test_dropout_with_a_fixed_seed_fails_although_two_calls_agree():
    def seeded(x, training=False):
        return x * (np.random.default_rng(1337).random(x.shape) >= 0.5) * 2

    assert np.array_equal(seeded(np.ones(9)), seeded(np.ones(9)))
    assert not CASES["dropout-on"].holds(seeded)
    card = examine(lambda q, k, v, mask=None: seeded(plain_attention(q, k, v, mask)))
    assert "average of values" in card.failed
    assert "order" in examine(lambda x: seeded(masked_layer(x))).failed


def test_padding_of_another_text_fails_where_the_mask_is_one_row_for_each_text():
    card = examine(lambda q, k, v, padding_mask=None: plain_attention(q, k, v, _row(padding_mask)))
    assert {"hidden is silent", "seen counts"} <= set(card.failed)


def _row(mask):
    return None if mask is None else mask[::-1, None, :]


def test_weights_divided_again_by_their_sum_are_right_until_the_seen_ones_underflow():
    def renormalised(query, key, value, mask=None):
        weights = row_softmax(query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(key.shape[-1])))
        if mask is not None:
            weights = weights * mask / (weights * mask).sum(axis=-1, keepdims=True)
        return weights @ value

    assert examine(renormalised).failed == ("large scores",)


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_one_text_that_reaches_all_others_is_noticed_whichever_it_is(place):
    attention = examine(lambda q, k, v, mask=None: plain_attention(q, k, v, mask) + v[place].mean())
    assert "texts apart" in attention.failed
    assert "texts apart" in examine(lambda x: masked_layer(x) + x[place].mean()).failed


def test_another_scale_fails_the_equation_alone_and_says_so():
    card = examine(lambda query, key, value, mask=None: plain_attention(query / 2, key, value, mask))
    assert card.failed == ("equation",)
    assert "another scale" in card.advice[0]


def test_attention_that_writes_to_its_arguments_is_told_so():
    def writes(query, key, value, mask=None):
        query /= np.float32(np.sqrt(key.shape[-1]))
        return plain_attention(query * np.sqrt(key.shape[-1]), key, value, mask)

    card = examine(writes)
    assert card.failed == ("inputs kept",)
    assert "x = x + y" in card.advice[0]


def test_no_patient_says_what_it_has_but_the_examination_finds_each():
    found = []
    for patient in patients():
        card = examine(patient)
        words = card.advice[0] if card.advice else ""
        found.append(next((name for name in set(diagnoses()) if f"case {name}" in words), "sound" if card else ""))
        assert not any(name in repr(patient) for name in diagnoses())
    assert tuple(found) == diagnoses()


# Layers


def test_a_masked_and_a_causal_layer_pass():
    assert not examine(masked_layer).failed
    assert not examine(causal_layer, causal=True).failed
    assert not examine(lambda x: plain_heads(x, KERNELS)).failed


@pytest.mark.parametrize(
    ("layer", "options", "failed", "advice"),
    [
        (masked_layer, {"causal": True}, "who sees whom", "the causal mask is not used"),
        (causal_layer, {"causal": False}, "who sees whom", "a causal mask is on"),
        (lambda x: causal_layer(x, allowed=lambda q, k: k >= q), {}, "who sees whom", "turned round"),
        (lambda x: causal_layer(x, allowed=lambda q, k: k < q), {}, "who sees whom", "hidden-diagonal"),
        (lambda x: causal_layer(x, allowed=lambda q, k: k <= q + (q == 1)), {}, "who sees whom", "single tokens"),
        (lambda x: np.tanh(x), {}, "who sees whom", "tokens do not meet"),
        (lambda x: normalised_with_neighbours(causal_layer(x)), {"causal": True}, "who sees whom", "norm-over-tokens"),
        (lambda x: merged_without_transpose(x, KERNELS), {}, "order", "no-transpose"),
        (lambda x: masked_layer(x) - x.mean(axis=0), {}, "texts apart", "the axis of the texts"),
        (lambda x, mask=None: masked_layer(x), {}, "hidden is silent", "not used"),
        (lambda x, mask=None: masked_layer(x, None if mask is None else ~mask), {}, "seen counts", "turned round"),
        (lambda x: x + np.exp(x), {}, "large inputs", "subtract the largest"),
    ],
)
def test_a_broken_layer_fails_where_it_is_broken(layer, options, failed, advice):
    with np.errstate(all="ignore"):
        card = examine(layer, **options)
    assert failed in card.failed
    assert any(advice in line for line in card.advice)


def test_hidden_scores_of_zero_are_seen_in_a_layer():
    def zeroed(x, mask=None):
        query, key, value = projected(x)
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(12)
        return row_softmax(scores if mask is None else scores * mask) @ value

    card = examine(zeroed)
    assert "hidden is removed" in card.failed
    assert "zero-scores" in card.advice[0]


def attends(attend):
    """Return a layer of one head that mixes values by another attention."""
    return lambda x: attend(*projected(x))


@pytest.mark.parametrize(
    "layer",
    [
        attends(OF_ATTENTION["no-scale"].sick),
        attends(OF_ATTENTION["scale-after"].sick),
        lambda x: scaled_by_width(x, KERNELS),
        attends(OF_ATTENTION["keys-as-values"].sick),
        lambda x: three_attentions(x, KERNELS),
        masked_layer,  # no residual
        lambda x: doubled_output(x, masked_layer),
        lambda x: normalised_by_sample_deviation(residual_sum(x, masked_layer)),
    ],
)
def test_what_a_card_says_it_does_not_see_can_pass_without_a_cross(layer):
    card = examine(layer)
    assert not card.failed
    assert [line.name for line in card.lines if line.holds is None][-3:] == UNSEEN


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("width", "attend", "size"),
    [
        (64, plain_attention, 1),
        (64, OF_ATTENTION["no-scale"].sick, 1 / 8),
        (512, OF_ATTENTION["no-scale"].sick, 512**-0.5),
    ],
)
def test_scores_far_apart_that_smaller_inputs_bring_together_get_no_cross(width, attend, size, seed):
    draws = np.random.default_rng(seed).normal(size=(3, width, width))

    def of_kernels(query, key, value, mask=None):
        return attend(query @ draws[0] * size, key @ draws[1] * size, value @ draws[2] / np.sqrt(width), mask)

    assert not examine(lambda x, mask=None: of_kernels(x, x, x, mask), width=width).failed
    assert not examine(of_kernels, kind="attention layer", width=width).failed


def test_weights_that_round_to_zero_at_every_size_get_a_cross_whose_advice_says_so():
    draws = np.random.default_rng(0).normal(size=(3, 64, 64))
    card = examine(lambda x: plain_attention(*(normalised(x) @ kernel for kernel in draws)), width=64)
    assert card.failed == ("who sees whom",)
    assert "weights round to 0" in card.advice[0]


def strictly_causal_layer(x, mask=None):
    """Attend to earlier tokens alone, with a first row of zeros and a residual sum."""
    attended = causal_layer(x, mask, lambda q, k: k < q) * (np.arange(x.shape[1]) > 0)[:, None]
    return x + attended


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (lambda x: x + causal_layer(x, allowed=lambda q, k: q != k), {}),
        (strictly_causal_layer, {}),
        (strictly_causal_layer, {"causal": True}),
        (lambda x: x + causal_layer(x, allowed=lambda q, k: abs(q - k) < 8), {}),
    ],
    ids=["encoder", "decoder", "decoder that says so", "window wider than the texts"],
)
def test_a_text_said_twice_shows_the_diagonal_that_a_residual_sum_hides(layer, options):
    card = examine(layer, **options)
    assert card.failed == ("said twice",)
    assert "hidden-diagonal" in card.advice[0]


def test_a_layer_that_takes_no_longer_texts_is_not_asked_for_a_text_said_twice():
    def short(x):
        if x.shape[1] > 5:
            raise ValueError("five tokens at most")
        return masked_layer(x)

    card = examine(short)
    assert not card.failed
    assert "said twice" in [line.name for line in card.lines if line.holds is None]


@pytest.mark.parametrize("sink", [False, True], ids=["window", "window and sink"])
def test_a_layer_with_a_window_is_told_to_be_examined_without_it(sink):
    for after in (0, 1):  # later tokens that the window shows

        def layer(x, mask=None, after=after):
            return x + causal_layer(x, mask, lambda q, k: (q - 2 < k) & (k <= q + after) | sink & (k == 0))

        card = examine(layer)
        assert card.failed == ("who sees whom",)
        assert "if a window is meant, examine the layer without it" in card.advice[0]


def test_heads_laid_side_by_side_with_a_mask_of_one_row_for_each_text_pass():
    def layer(x, mask=None):
        w_q, w_k, w_v, _ = KERNELS
        query, key, value = (np.einsum("btd,dhk->bhtk", x, w[:, :, :4]) for w in (w_q, w_k, w_v))
        heads = plain_attention(query, key, value, None if mask is None else mask[:, None, None, :])
        return heads.swapaxes(-3, -2).reshape(*x.shape[:2], -1)

    card = examine(layer)
    assert not card.failed
    assert [line.holds for line in card.lines if "hidden" in line.name or "seen" in line.name] == [True] * 3


def test_positions_are_allowed_where_the_reader_says_so():
    def placed(x):
        return masked_layer(x + np.sin(np.arange(x.shape[1]))[:, None])

    assert examine(placed).failed == ("order", "said twice")
    assert not examine(placed, positions=True).failed


@pytest.mark.parametrize(
    "expand", [lambda mask: mask[:, None, :], lambda mask: mask[:, 0]], ids=["(B, T)", "(B, 1, T, T)"]
)
def test_a_mask_is_passed_in_the_shape_that_the_layer_takes(expand):
    def layer(x, mask=None):
        return masked_layer(x, None if mask is None else expand(mask))

    card = examine(layer)
    assert not card.failed
    assert [line.holds for line in card.lines if "hidden" in line.name] == [True, True]


def test_with_places_known_a_causal_layer_is_not_asked_for_a_token_taken_away():
    def placed(x, mask=None):
        return causal_layer(x + np.sin(np.arange(x.shape[1]))[:, None], mask)

    card = examine(placed, positions=True)
    assert not card.failed
    assert [line.name for line in card.lines if line.holds is None] == [
        "order",
        "said twice",
        "hidden is removed",
        *UNSEEN,
    ]
    assert examine(placed).failed == ("said twice", "hidden is removed")


def test_the_mask_of_a_model_that_keras_made_of_layers_is_left_alone():
    inputs = keras.Input((None, 12))
    model = keras.Model(inputs, EncoderLayer(num_heads=3, intermediate_dim=7)(inputs))
    card = examine(model)
    assert not card.failed
    assert any("no argument has mask or allow in its name" in line.text for line in card.lines)


def test_dropout_ends_the_examination():
    rng = np.random.default_rng(0)
    card = examine(lambda x: masked_layer(x) * (rng.random(x.shape) < 0.9))
    assert card.failed == ("repeatable",)
    assert "dropout-on" in card.advice[0]


def test_the_moves_of_a_causal_layer_are_a_triangle():
    moves = examine(causal_layer).moves
    np.testing.assert_array_equal(moves > 1e-4, np.tri(5, dtype=bool))


def test_the_books_own_layers_pass_and_keras_with_an_inverted_mask_does_not():
    layer = EncoderLayer(num_heads=3, intermediate_dim=7)
    assert not examine(layer).failed
    assert not examine(MultiHeadAttention(num_heads=2, key_dim=5)).failed
    theirs = keras.layers.MultiHeadAttention(num_heads=3, key_dim=4)

    def turned(x, mask=None):
        return theirs(x, x, attention_mask=None if mask is None else ~mask)

    assert {"hidden is silent", "seen counts"} <= set(examine(turned).failed)


# The card, and what is refused


def test_a_card_reads_as_a_table_with_its_advice_below():
    lines = repr(examine(OF_ATTENTION["no-scale"].sick)).splitlines()
    assert lines[0] == "unscaled_attention, examined as attention: 2 of 14 properties fail"
    assert lines[1].startswith("  ✓ sizes  ")
    assert any(line.startswith("  ✗ doubled features  ") and line.endswith("should be 0") for line in lines)
    assert lines[-1].startswith("  → it returns what case no-scale returns: no division by √d_k; mend: ")


@pytest.mark.parametrize(
    ("layer", "options", "error", "message"),
    [
        (3, {}, TypeError, "expected a function or a Keras layer; received int. Pass the layer itself"),
        (lambda: 1, {}, TypeError, "it takes no arguments. Wrap it"),
        (lambda a, b: a, {}, TypeError, "it takes a, b. Wrap it"),
        (lambda x: None, {}, ValueError, "expected <lambda> to return an array of numbers.*it returned NoneType"),
        (lambda x: x[:, 0], {}, ValueError, r"to return \(B, T, d\) = .* received shape \(2, 12\)"),
        (lambda x: x @ np.ones((3, 3)), {}, ValueError, r"shapes \(2, 5, 12\); it raised ValueError: .*Pass width="),
        (lambda q, k, v: v[:, 0], {}, ValueError, r"received shape \(2, 7\)"),
        (plain_attention, {"kind": "cross"}, ValueError, "'attention', .*received 'cross'"),
        (plain_heads, {"width": 0}, ValueError, "`width` must be a positive integer; got 0"),
        (print, {}, TypeError, "expected print to take query, key, value and a mask, or x and a mask"),
    ],
)
def test_what_cannot_be_examined_is_refused_with_what_was_expected_and_the_remedy(layer, options, error, message):
    with pytest.raises(error, match=message):
        examine(layer, **options)


def test_another_width_is_taken():
    kernel = np.eye(5)
    assert examine(lambda x: plain_attention(x @ kernel, x @ kernel, x), width=5)
