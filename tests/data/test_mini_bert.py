"""The checkpoint that ships: small, loadable without PyTorch, described by its card, and worth its place on SST-2."""

import hashlib
import json

import numpy as np
import pytest

from tools.measure import checkpoint as measure_checkpoint
from tools.measure.results import RESULTS
from tools.pretraining import card
from utils import wordpiece

FOLDER = measure_checkpoint.CHECKPOINT
LARGEST = 12_000_000  # bytes


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def sha256():
    return hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()


def test_folder_holds_an_encoder_and_no_more_than_twelve_megabytes():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    expected = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
    assert sizes.keys() == expected
    assert sum(sizes.values()) <= LARGEST


@pytest.mark.parametrize("name", [card.TRAINING, card.MEASURED])
def test_result_was_measured_with_the_weights_that_ship(name):
    assert result(name)["sha256"] == sha256()


def test_checkpoint_beats_random_weights_and_words_counted():
    measured = result(card.MEASURED)
    assert measure_checkpoint.shortfalls(measured["rows"]) == []
    assert measured["seeds"] == [0, 1, 2]
    assert measured["sentences"] == {"train": 6920, "dev": 872, "test": 1821}
    baseline = next(row for row in measured["rows"] if row["name"] == measure_checkpoint.BASELINE)
    tuned = next(row for row in measured["rows"] if row["name"] == measure_checkpoint.NAMES[True])
    assert tuned["test_accuracy"] > baseline["test_accuracy"]


def test_means_in_the_result_are_those_of_its_seeds():
    for row in result(card.MEASURED)["rows"]:
        for split in ("dev", "test"):
            assert row[f"{split}_accuracy"] == pytest.approx(np.mean(row[f"{split}_accuracies"]), abs=1e-4)


def test_curve_ends_at_the_last_step_below_where_it_began():
    training = result(card.TRAINING)
    first, last = training["rows"][0], training["rows"][-1]
    assert last["step"] == training["steps"]
    assert all(last[name] < first[name] for name in card.LOSSES)


def test_card_says_what_the_results_say():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == card.model_card(FOLDER, RESULTS)
    assert "Fine-tuned on the 6,920 training sentences" in card.model_card(FOLDER, RESULTS)


def test_vocabulary_is_that_of_the_weights_and_covers_plain_english():
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    tokenizer = wordpiece.load_tokenizer(FOLDER)
    assert tokenizer.get_vocab_size() == config["vocab_size"] == len(set(wordpiece.pieces_of(tokenizer)))
    assert wordpiece.pieces_of(tokenizer)[:5] == list(wordpiece.SPECIAL_TOKENS)
    assert tokenizer.encode("Not a dull film.").tokens == ["[CLS]", "not", "a", "dull", "film", ".", "[SEP]"]
    assert "[UNK]" not in tokenizer.encode("Zyxomancy, @#$%^&* quux-like crème brûlée 1729!").tokens


@pytest.mark.slow
def test_teacher_lives_on_in_the_pooled_vectors():
    """Two sentences that mean the same lie closer than two that share their words."""
    from utils.finetuning import load_transformers

    transformers = load_transformers()
    model, told = transformers.TFBertModel.from_pretrained(FOLDER, local_files_only=True, output_loading_info=True)
    assert not told["missing_keys"] + told["unexpected_keys"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    texts = ["The actors were brilliant.", "A superb cast, wonderfully played.", "The actors were late at the airport."]
    vectors = model(**tokenizer(texts, padding=True, return_tensors="tf")).pooler_output.numpy()
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
