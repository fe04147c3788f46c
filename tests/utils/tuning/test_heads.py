"""Heads for five tasks: scores of the right shape and place, losses by hand, and each learns its toy task (slow)."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.tuning_toys import IDS, PEOPLE, VERBS, new_encoder, outputs, tokenizer
from utils.tuning.heads import EncoderWithHead, encode_texts, loss_and_metric, token_accuracy, token_loss
from utils.tuning.labels import (
    IGNORED,
    bio_tags,
    encode_label_sets,
    encode_labels,
    encode_tags,
    label_f1,
    span_f1,
    spans_to_tags,
    tags_to_spans,
)


def test_a_text_is_scored_by_the_mean_of_its_tokens_or_the_first_and_a_token_by_itself():
    encoder = new_encoder()
    vectors = ops.convert_to_numpy(encoder(IDS, attention_mask=IDS != 0)).astype("float64")
    by_hand = {
        "mean": np.stack([row[ids != 0].mean(0) for row, ids in zip(vectors, IDS, strict=True)]),
        "first": vectors[:, 0],
    }
    for pooling, pooled in by_hand.items():
        model = EncoderWithHead(encoder, 4, pooling=pooling)
        kernel, bias = map(ops.convert_to_numpy, model.head.weights)
        np.testing.assert_allclose(outputs(model), pooled @ kernel + bias, rtol=1e-5, atol=1e-5)
    model = EncoderWithHead(encoder, 4, per_token=True)
    kernel, bias = map(ops.convert_to_numpy, model.head.weights)
    np.testing.assert_allclose(outputs(model), vectors @ kernel + bias, rtol=1e-5, atol=1e-5)


def test_more_padding_changes_no_score():
    model = EncoderWithHead(new_encoder(num_layers=1), 2)
    longer = np.pad(IDS, ((0, 0), (0, 4)))
    np.testing.assert_allclose(outputs(model, longer), outputs(model), rtol=1e-5, atol=1e-6)


def test_the_second_text_of_a_pair_has_a_type_of_its_own_where_the_encoder_knows_types():
    texts = [("ada calls ben", "eve meets ada")]
    encoder = new_encoder()
    arrays, _ = encode_texts(tokenizer(), texts, encoder, max_length=20)
    assert arrays["token_ids"].tolist() == [[2, 5, 12, 6, 3, 9, 13, 5, 3]]
    assert arrays["token_type_ids"].tolist() == [[0] * 5 + [1] * 4]
    model = EncoderWithHead(encoder, 2)
    assert np.abs(outputs(model, arrays) - outputs(model, arrays["token_ids"])).max() > 1e-3
    without = EncoderWithHead(new_encoder(num_token_types=0), 2)
    np.testing.assert_array_equal(outputs(without, arrays), outputs(without, arrays["token_ids"]))


def test_texts_are_cut_at_their_end_and_filled_up_and_the_tokenizer_stays_as_it_was():
    given, encoder = tokenizer(), new_encoder()
    arrays, encodings = encode_texts(given, ["ada sees ben", "eve"], encoder, max_length=4)
    assert arrays["token_ids"].tolist() == [[2, 5, 14, 3], [2, 9, 3, 0]]
    assert encodings[0].offsets[1] == (0, 3)
    assert len(given.encode("ada sees ben").ids) == 5
    for texts, length, message in [("ada", 4, "a list of texts"), ([], 4, "at least one"), (["ada"], 24, "at most 23")]:
        with pytest.raises(ValueError, match=message):
            encode_texts(given, texts, encoder, length)
    with pytest.raises(ValueError, match="an encoder with a pad_id"):
        encode_texts(given, ["ada"], new_encoder(num_layers=1, pad_id=None), 4)
    with pytest.raises(ValueError, match="expected token ids below 11"):
        encode_texts(given, ["ada"], new_encoder(vocabulary_size=11), 4)


def test_token_loss_and_accuracy_count_the_tokens_that_are_judged_and_no_others():
    scores = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
    labels = np.array([[1, IGNORED, 3], [0, 2, IGNORED]])
    logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    places = [(0, 0, 1), (0, 2, 3), (1, 0, 0), (1, 1, 2)]
    assert float(token_loss(labels, scores)) == pytest.approx(-np.mean([logs[place] for place in places]), rel=1e-5)
    right = np.mean([scores[b, t].argmax() == c for b, t, c in places])
    assert float(token_accuracy(labels, scores)) == pytest.approx(right)
    assert float(token_loss(np.full((2, 3), IGNORED), scores)) == 0
    with pytest.raises(ValueError, match=r"labels of shape \(2, 3\), one for each token; received \(2, 2\)"):
        token_loss(labels[:, :2], scores)


def test_losses_of_the_other_tasks_by_hand():
    scores = np.array([[2.0, -1.0], [0.5, 0.25]], "float32")
    loss, metric = loss_and_metric("classes")
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    assert float(loss(np.array([1, 0]), scores)) == pytest.approx(-(logs[0, 1] + logs[1, 0]) / 2, rel=1e-5)
    metric.update_state(np.array([1, 0]), scores)
    assert float(metric.result()) == 0.5
    loss, metric = loss_and_metric("labels")
    labels, chances = np.array([[1, 0], [0, 1]]), 1 / (1 + np.exp(-scores))
    expected = -np.log(np.where(labels == 1, chances, 1 - chances)).mean()
    assert float(loss(labels, scores)) == pytest.approx(expected, rel=1e-5)
    metric.update_state(labels, scores)
    assert float(metric.result()) == 0.75  # the one wrong answer: a score of 0.5 where the label is 0
    loss, metric = loss_and_metric("number")
    truth, answers = np.array([[1.0], [0.0]], "float32"), np.array([[3.0], [1.0]], "float32")
    assert float(loss(truth, answers)) == pytest.approx(2.5)
    metric.update_state(truth, answers)
    assert float(metric.result()) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="task to be one of classes, labels, number, tokens; received 'pairs'"):
        loss_and_metric("pairs")


def test_what_cannot_be_a_head_is_refused():
    encoder = new_encoder()
    with pytest.raises(ValueError, match="num_outputs"):
        EncoderWithHead(encoder, 0)
    with pytest.raises(ValueError, match='pooling to be "mean" or "first"'):
        EncoderWithHead(encoder, 2, pooling="max")
    with pytest.raises(TypeError, match="expected an Encoder"):
        EncoderWithHead("mini-bert", 2)


@pytest.mark.slow
def test_a_saved_model_answers_the_same_and_a_head_of_another_size_does_not_load(tmp_path):
    model = EncoderWithHead(new_encoder(num_layers=1), 3, per_token=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(outputs(loaded), outputs(model))
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="head"):
        EncoderWithHead(new_encoder(num_layers=1), 2, per_token=True).load_weights(tmp_path / "model.weights.h5")


def test_a_label_unseen_in_training_is_named_with_its_row():
    assert encode_labels(["b", "a", "b"], ["a", "b"]).tolist() == [1, 0, 1]
    assert encode_label_sets([["b"], [], ["a", "b"]], ["a", "b"]).tolist() == [[0, 1], [0, 0], [1, 1]]
    with pytest.raises(ValueError, match="among a, b; row 1 has 'c'"):
        encode_labels(["a", "c"], ["a", "b"])
    with pytest.raises(ValueError, match="row 1 has 'c'"):
        encode_label_sets([["a"], ["a", "c"]], ["a", "b"])
    with pytest.raises(ValueError, match=r"a list of labels .* row 0 has 'ab'"):
        encode_label_sets(["ab"], ["a", "b"])
    for classes in (["a", "a"], [], "ab"):
        with pytest.raises(ValueError, match="a list of classes, each once"):
            encode_labels(["a"], classes)
    with pytest.raises(ValueError, match="tags of who; row 0 has 'B-where'"):
        encode_tags([["O", "B-where"]], ["who"])
    with pytest.raises(ValueError, match=r"as many tags in each row; received \[1, 2\]"):
        encode_tags([["O", "O"], ["O"]], ["who"])


TEXT = "Ada calls tokamak ben."


def test_spans_become_tags_of_tokens_and_tags_the_same_spans_again():
    encoding = tokenizer().encode(TEXT)
    spans = [(0, 3, "who"), (10, 21, "whom")]
    tags = spans_to_tags(spans, encoding)
    assert encoding.tokens == ["[CLS]", "ada", "calls", "to", "##ka", "##mak", "ben", ".", "[SEP]"]
    assert tags == [None, "B-who", "O", "B-whom", "I-whom", "I-whom", "I-whom", "O", None]
    assert tags_to_spans(tags, encoding) == spans
    numbers = encode_tags([tags], ["who", "whom"])
    assert numbers.tolist() == [[IGNORED, 1, 0, 3, 4, 4, 4, 0, IGNORED]]
    assert bio_tags(["who", "whom"])[numbers[0, 3]] == "B-whom"
    # Two spans of one name side by side stay two.
    beside = [(0, 3, "who"), (4, 9, "who")]
    assert tags_to_spans(spans_to_tags(beside, encoding), encoding) == beside


def test_tags_that_no_span_gives_are_read_as_the_evaluation_of_conll_reads_them():
    encoding = tokenizer().encode("ada calls ben")
    assert tags_to_spans([None, "I-who", "I-who", "I-whom", None], encoding) == [(0, 9, "who"), (10, 13, "whom")]
    assert tags_to_spans(["B-who", "O", "B-who", "B-who", "I-who"], encoding) == [(4, 9, "who"), (10, 13, "who")]
    with pytest.raises(ValueError, match="expected 5 tags, one for each token; received 2"):
        tags_to_spans(["O", "O"], encoding)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2, "who")], r"whole tokens; \(0, 2, 'who'\) has \['ada'\]"),
        ([(1, 3, "who")], "whole tokens"),
        ([(3, 4, "who")], r"whole tokens; \(3, 4, 'who'\) has \[\]"),
        ([(90, 95, "who")], "beyond the text that is kept"),
        ([(0, 9, "who"), (4, 9, "whom")], r"do not overlap; \(4, 9, 'whom'\) and another hold \['calls'\]"),
    ],
)
def test_spans_that_no_tags_can_say_are_refused(spans, message):
    with pytest.raises(ValueError, match=message):
        spans_to_tags(spans, tokenizer().encode(TEXT))


def test_f1_by_hand():
    labels = np.array([[1, 1, 0], [0, 1, 0]])
    scores = np.array([[3.0, -1.0, 2.0], [-1.0, 0.5, -2.0]])
    assert label_f1(labels, scores) == pytest.approx(2 * 2 / (3 + 3))
    assert label_f1(labels * 0, scores * 0) == 1.0
    true = [[(0, 3, "who"), (9, 12, "whom")], [(0, 3, "who")]]
    predicted = [[(0, 3, "who"), (9, 12, "who")], []]
    assert span_f1(true, predicted) == pytest.approx(2 * 1 / (3 + 2))
    assert span_f1(true, true) == 1.0
    with pytest.raises(ValueError, match="zip"):
        span_f1(true, predicted[:1])


def sentences(count, seed):
    """Return (who, verb, whom) of random sentences."""
    rng = np.random.default_rng(seed)
    return [(*rng.choice(PEOPLE, 2), rng.choice(VERBS)) for _ in range(count)]


def train_and_score(task, texts, labels, num_outputs, encoder):
    """Train on the first 160 and return scores of the others."""
    model = EncoderWithHead(encoder, num_outputs, per_token=task == "tokens")
    loss, metric = loss_and_metric(task)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=[metric])
    arrays, encodings = encode_texts(tokenizer(), texts, encoder, 16)
    first, last = ({name: rows[part] for name, rows in arrays.items()} for part in (slice(160), slice(160, None)))
    model.fit(first, labels[:160], epochs=25, batch_size=16, verbose=0)
    return model.predict(last, verbose=0), encodings[160:]


@pytest.mark.full
@pytest.mark.slow
def test_each_head_learns_its_task():
    drawn = sentences(200, seed=0)
    texts = [f"{who} {verb} {whom} ." for who, whom, verb in drawn]
    verbs = encode_labels([verb for *_, verb in drawn], VERBS)
    scores, _ = train_and_score("classes", texts, verbs, 3, new_encoder())
    assert (scores.argmax(1) == verbs[160:]).mean() > 0.9
    people = encode_label_sets([sorted({who, whom}) for who, whom, _ in drawn], PEOPLE)
    scores, _ = train_and_score("labels", texts, people, len(PEOPLE), new_encoder())
    assert label_f1(people[160:], scores) > 0.9
    count = np.array([[float(len(who) - 3.25)] for who, *_ in drawn])
    scores, _ = train_and_score("number", texts, count, 1, new_encoder())
    assert np.abs(scores - count[160:]).mean() < 0.2
    spans = [
        [(0, len(who), "who"), (len(f"{who} {verb} "), len(f"{who} {verb} {whom}"), "whom")]
        for who, whom, verb in drawn
    ]
    encoder = new_encoder()
    _, encodings = encode_texts(tokenizer(), texts, encoder, 16)
    tags = encode_tags([spans_to_tags(*pair) for pair in zip(spans, encodings, strict=True)], ["who", "whom"])
    scores, encodings = train_and_score("tokens", texts, tags, 5, encoder)
    names = bio_tags(["who", "whom"])
    found = [
        tags_to_spans([names[at] for at in row.argmax(-1)], encoding)
        for row, encoding in zip(scores, encodings, strict=True)
    ]
    assert span_f1(spans[160:], found) > 0.9
    pairs = [(f"{who} .", f"{who if at % 2 else whom} .") for at, (who, whom, _) in enumerate(drawn)]
    same = encode_labels([left == right for left, right in pairs], [False, True])
    scores, _ = train_and_score("classes", pairs, same, 2, new_encoder(d_model=28))
    assert (scores.argmax(1) == same[160:]).mean() > 0.8
