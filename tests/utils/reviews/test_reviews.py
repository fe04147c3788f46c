"""The generated reviews: the same on every machine, balanced, known in every part, and free of give-aways."""

import collections
import csv
import dataclasses
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from tools.notebooks.chapters import ROOT
from tools.reviews import card as reviews_card
from tools.reviews import write as make_reviews
from utils import reviews
from utils.reviews import words as reviews_words

SPLITS = {split: reviews.generate(split) for split in reviews.SPLITS}
ROWS = [row for rows in SPLITS.values() for row in rows]
NAMES = [phenomenon.name for phenomenon in reviews.PHENOMENA]


def bare(word):
    """Return a word in lower case without the punctuation around it."""
    return re.sub(r"^\W+|\W+$", "", word).lower()


def tokens(text):
    """Return the words of a text in lower case; hyphens and apostrophes inside a word stay."""
    return re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", text.lower())


def opinion_tokens():
    """Return every single word that is, or is part of, an opinion."""
    return {token for words in reviews_words.opinion_words().values() for word in words for token in tokens(word)}


def test_stored_files_are_what_the_program_writes_byte_for_byte():
    assert make_reviews.differences() == []


def test_another_process_with_another_hash_seed_writes_the_same_bytes(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "4321"}
    command = [sys.executable, "tools/reviews/write.py", "--folder", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    for name in ("train.csv", "test.csv", "README.md"):
        assert (tmp_path / name).read_bytes() == (ROOT / "data" / "reviews" / name).read_bytes(), name


def test_stored_files_have_line_feeds_and_utf_8_without_mark():
    for name in ("train.csv", "test.csv", "README.md"):
        data = (ROOT / "data" / "reviews" / name).read_bytes()
        assert b"\r" not in data
        assert not data.startswith(b"\xef\xbb\xbf")
        assert data.decode("utf-8").endswith("\n")


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_csv_gives_the_reviews_back(split):
    with (ROOT / "data" / "reviews" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        read = [dict(row) for row in csv.DictReader(file)]
    assert len(read) == 5000
    for row, review in zip(read, SPLITS[split], strict=True):
        places = tuple(int(place) for place in row.pop("deciding").split())
        assert reviews.Review(**row, deciding=places) == review


def test_another_seed_gives_other_reviews():
    other = reviews.generate("train", seed=11)
    assert len({row.text for row in other} & {row.text for row in SPLITS["train"]}) < 100
    assert collections.Counter(row.phenomenon for row in other) == collections.Counter(
        row.phenomenon for row in SPLITS["train"]
    )


def test_generate_gives_each_caller_a_list_of_its_own():
    reviews.generate("train").clear()
    assert len(reviews.generate("train")) == 5000


def test_reviews_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPLITS["train"][0].label = "neutral"


def test_unknown_split_is_refused_by_name():
    with pytest.raises(ValueError, match=r"expected split to be one of train, test; received 'dev'"):
        reviews.generate("dev")


def test_texts_are_short_distinct_and_in_one_split_only():
    lengths = [len(row.text.split()) for row in ROWS]
    assert 5 <= min(lengths) <= max(lengths) <= 60
    assert len({row.text.lower() for row in ROWS}) == len(ROWS) == 10_000


def test_vocabulary_is_wide():
    types = collections.Counter(token for row in SPLITS["train"] for token in tokens(row.text))
    assert len(types) >= 2000
    assert sum(count >= 2 for count in types.values()) >= 1500


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_every_phenomenon_has_its_count_and_as_many_of_each_verdict(split):
    counts = collections.Counter((row.phenomenon, row.true_label) for row in SPLITS[split])
    assert counts == {
        (phenomenon.name, label): phenomenon.count // 2
        for phenomenon in reviews.PHENOMENA
        for label in reviews_words.LABELS
    }
    assert sum(phenomenon.count for phenomenon in reviews.PHENOMENA) == 5000


@pytest.mark.parametrize("split", reviews.SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_the_stated_share_of_labels_is_wrong_in_each_phenomenon_and_class(split, name):
    for label in reviews_words.LABELS:
        own = [row for row in SPLITS[split] if row.phenomenon == name and row.true_label == label]
        wrong = sum(row.label != row.true_label for row in own)
        assert wrong / len(own) == pytest.approx(reviews.NOISE)


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_knowing_the_true_label_scores_the_ceiling(split):
    right = [row.label == row.true_label for row in SPLITS[split]]
    assert np.mean(right) == pytest.approx(reviews.ceiling())


def test_training_split_holds_nothing_unseen_and_test_holds_all_three():
    assert {row.unseen for row in SPLITS["train"]} == {"no"}
    for name in NAMES:
        counts = collections.Counter(row.unseen for row in SPLITS["test"] if row.phenomenon == name)
        assert set(counts) == set(reviews.UNSEEN)
        assert counts["word"] / counts.total() == pytest.approx(0.2, abs=0.03)
        assert counts["structure"] / counts.total() == pytest.approx(0.15, abs=0.03)


def test_opinion_words_of_reviews_with_unseen_words_never_occur_in_training():
    known = {token for row in SPLITS["train"] for token in tokens(row.text)}
    opinions = opinion_tokens()
    others = {token for row in SPLITS["test"] if row.unseen != "word" for token in tokens(row.text)}
    unseen = {t for row in SPLITS["test"] if row.unseen == "word" for t in tokens(row.text)} & opinions - others
    assert len(unseen) >= 120
    assert not unseen & known
    for row in SPLITS["test"]:
        if row.unseen == "word" and not holds_only_phrases(row):
            assert unseen & set(tokens(row.text)), row.text


def holds_only_phrases(row):
    """Return whether a review's opinions all have several words, such as "fed up": these may occur elsewhere."""
    single = {word for words in reviews_words.opinion_words().values() for word in words if " " not in word}
    return not single & {bare(word) for word in row.text.split()}


def test_unseen_structures_are_frames_that_training_never_uses():
    known, kept = set(), set()
    for phenomenon in NAMES:
        known |= set(reviews.frames(phenomenon, "train"))
        kept |= set(reviews.frames(phenomenon, "test"))
    assert not known & kept
    assert len(kept) >= 30


def test_deciding_words_are_places_of_the_text_and_hold_an_opinion_or_a_judgement():
    judged = {"agree", "disagree", "wrong", "right", "mistaken", "reverse"}
    opinions = opinion_tokens()
    for row in ROWS:
        assert row.deciding == tuple(sorted(set(row.deciding)))
        assert row.deciding[-1] < len(row.text.split())
        words = {token for word in reviews.deciding_words(row) for token in tokens(word)}
        assert words & (opinions | judged), row.text


def test_deciding_words_of_plain_reviews_have_the_polarity_of_the_verdict():
    polarity = reviews_words.opinion_words()
    checked = 0
    for row in ROWS:
        if row.phenomenon == "plain":
            for word in reviews.deciding_words(row):
                other = polarity["positive" if row.true_label == "negative" else "negative"]
                assert word.lower() not in other, row.text
                checked += word.lower() in polarity[row.true_label]
    assert checked > 5000


def test_deciding_words_of_a_sentence_by_hand():
    row = reviews.Review('"Dull", he wrote. I disagree!', "positive", "quoted-opinion", "no", "positive", (0, 4))
    assert reviews.deciding_words(row) == ("Dull", "disagree")


def test_card_states_what_is_counted():
    text = (ROOT / "data" / "reviews" / "README.md").read_text(encoding="utf-8")
    assert f"The texts hold {len(reviews_card.word_types(ROWS)):,} different words" in text
    assert "**0.96**" in text
    assert "CC BY 4.0" in text
    for phenomenon in reviews.PHENOMENA:
        assert f"| {phenomenon.name} | {phenomenon.explanation} |" in text
    for column in reviews.COLUMNS:
        assert f"| `{column}` |" in text


def test_check_names_a_file_that_was_changed_or_is_missing(tmp_path, capsys):
    make_reviews.write(tmp_path)
    assert make_reviews.main(["--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "test.csv").write_bytes((tmp_path / "test.csv").read_bytes()[:-1])
    (tmp_path / "README.md").unlink()
    assert make_reviews.main(["--check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "test.csv is not what the program writes" in said
    assert "README.md is missing" in said


def test_random_method_that_everything_rests_on_gives_the_numbers_that_it_always_gave():
    rng = random.Random(5000)
    assert [round(rng.random(), 6) for _ in range(3)] == [0.233065, 0.783014, 0.455305]
