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
from utils.reviews import grammar as reviews_grammar
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
    """Return every single word that is, or is part of, an opinion; "less" as "more"."""
    return {"less"} | {
        token for words in reviews_words.opinion_words().values() for word in words for token in tokens(word)
    }


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
        distance = int(row.pop("distance"))
        assert reviews.Review(**row, deciding=places, distance=distance) == review


def test_another_seed_gives_other_reviews():
    other = reviews.generate("train", seed=11)  # one that once ran out of words
    assert len({row.text for row in other} & {row.text for row in SPLITS["train"]}) < 100  # of 5,000, all short
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
    assert 4 <= min(lengths) <= max(lengths) <= 40
    assert len({row.text.lower() for row in ROWS}) == len(ROWS) == 10_000


def test_no_review_says_a_sentence_twice():
    for row in ROWS:
        sentences = [sentence.lower() for sentence in re.split(r"[.!?] ", row.text.rstrip(".!?"))]
        assert len(sentences) == len(set(sentences)), row.text


def test_vocabulary_is_wide():
    types = collections.Counter(token for row in SPLITS["train"] for token in tokens(row.text))
    assert len(types) >= 600
    assert sum(count >= 5 for count in types.values()) >= 550


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
        assert sum(row.label != row.true_label for row in own) == round(reviews.NOISE * len(own))


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_knowing_the_true_label_scores_the_ceiling(split):
    right = [row.label == row.true_label for row in SPLITS[split]]
    assert np.mean(right) == pytest.approx(reviews.ceiling())


def test_training_split_holds_nothing_unseen_and_test_holds_all_three():
    assert {row.unseen for row in SPLITS["train"]} == {"no"}
    for name in NAMES:
        counts = collections.Counter(
            row.unseen for row in SPLITS["test"] if row.phenomenon == name and row.support == "no"
        )
        assert counts["word"] == counts["structure"]
        assert abs(counts["word"] - reviews.UNSEEN_SHARE * counts.total()) <= 1


@pytest.mark.parametrize("split", reviews.SPLITS)
def test_a_support_sentence_stands_in_a_tenth_of_each_phenomenon_but_plain(split):
    for phenomenon in reviews.PHENOMENA:
        own = [row for row in SPLITS[split] if row.phenomenon == phenomenon.name and row.support == "yes"]
        share = 0 if phenomenon.name == "plain" else reviews.SUPPORT_SHARE * phenomenon.count
        assert abs(len(own) - share) <= 1
        assert collections.Counter(row.true_label for row in own)["positive"] == len(own) / 2
        assert {row.unseen for row in own} <= {"no"}


VERDICTS = {
    "positive": re.compile(
        r"(I'd gladly .+|Highly recommended|Loved? (it|them|this \w+|these \w+)|A definite yes from me|Five stars"
        r"|Two thumbs up)[.]$"
    ),
    "negative": re.compile(
        r"(I (would not|wouldn't) .+ again|Not recommended|Hated? (it|them|this \w+|these \w+)|A definite no from me"
        r"|One star|Two thumbs down)[.]$"
    ),
}


def test_support_states_the_verdict_in_the_last_sentence_and_no_other_hard_row_does():
    for row in ROWS:
        last = re.split(r"(?<=[.!?)]) ", row.text)[-1]
        stated = {label for label, pattern in VERDICTS.items() if pattern.match(last)}
        if row.support == "yes":
            assert stated == {row.true_label}, row.text
        elif row.phenomenon != "plain":
            assert not stated, row.text
            assert not any(pattern.search(row.text) for pattern in VERDICTS.values()), row.text
        else:
            assert stated <= {row.true_label}, row.text


def test_hard_rows_without_support_hold_two_opinion_words_at_most():
    polarity = reviews_words.opinion_words()
    for row in ROWS:
        if row.phenomenon != "plain" and row.support == "no":
            words = [bare(word) for word in row.text.split()]
            opinions = [word for word in words if any(word in known for known in polarity.values())]
            assert 1 <= len(opinions) <= 2, row.text


def test_opinion_words_of_reviews_with_unseen_words_never_occur_in_training():
    known = {token for row in SPLITS["train"] for token in tokens(row.text)}
    new = set().union(*reviews_words.opinion_words(unseen=True).values())
    new -= set().union(*reviews_words.opinion_words(unseen=False).values())
    single = {word for word in new if " " not in word}
    assert len(single) >= 90
    assert not single & known
    for row in SPLITS["test"]:
        held = single & set(tokens(row.text)) or any(word in row.text.lower() for word in new - single)
        assert bool(held) == (row.unseen == "word"), row.text


def test_no_unseen_word_is_of_the_family_of_a_word_of_training():
    known = {word[: reviews_words.FAMILY_LETTERS] for word in union(reviews_words.opinion_words(unseen=False))}
    new = union(reviews_words.opinion_words(unseen=True)) - union(reviews_words.opinion_words(unseen=False))
    for word in new:
        assert word.removeprefix("more ")[: reviews_words.FAMILY_LETTERS] not in known, word


def union(words):
    """Return the words of both labels."""
    return set().union(*words.values())


def test_unseen_structures_are_frames_that_training_never_uses():
    known, kept = set(), set()
    for phenomenon in NAMES:
        for group in reviews_grammar.groups(phenomenon):
            for turned in (True, False):
                known |= set(group.frames(turned))
                kept |= set(group.frames(turned, structure=True))
    assert not known & kept
    assert len(kept) >= 30


def test_deciding_words_are_places_of_the_text_and_hold_an_opinion():
    opinions = opinion_tokens()
    for row in ROWS:
        assert row.deciding == tuple(sorted(set(row.deciding)))
        assert row.deciding[-1] < len(row.text.split())
        words = {token for word in reviews.deciding_words(row) for token in tokens(word)}
        assert words & opinions, row.text


NEGATOR = r"(?:not|no|never|nobody|nothing|cannot|hardly|anything|far|lying|\w+n't)"


def test_distance_counts_the_words_between_negator_and_opinion():
    seen = set()
    for row in ROWS:
        assert (row.distance == -1) <= (row.phenomenon in ("plain", "double-negation")), row.text
        words = reviews.deciding_words(row)
        if row.phenomenon == "negation" and row.support == "no" and len(words) == 2 and is_negator(words[0]):
            assert row.distance == row.deciding[1] - row.deciding[0] - 1
            seen.add(row.distance)
    assert set(range(7)) <= seen <= set(range(8))  # 7 with two words for a part, "the audio guide"


def is_negator(word):
    """Return whether a word negates what follows."""
    return bool(re.fullmatch(NEGATOR, word.lower()))


def test_distance_of_a_sentence_by_hand():
    text, deciding, distance = reviews_grammar.finish("i <don't> think the soup was [good]. it «wasn't» my idea.")
    assert text == "I don't think the soup was good. It wasn't my idea."
    assert (deciding, distance) == ((1, 6), 4)
    assert reviews_grammar.finish("the soup was [good].") == ("The soup was good.", (3,), -1)


def test_deciding_words_of_plain_reviews_have_the_polarity_of_the_verdict():
    polarity = reviews_words.opinion_words()
    for row in ROWS:
        if row.phenomenon == "plain":
            stated = VERDICTS[row.true_label].search(row.text)
            before = len(row.text[: stated.start()].split()) if stated else len(row.text.split())
            words = [bare(word) for word in row.text.split()]
            opinions = [words[place] for place in row.deciding if place < before]
            assert opinions
            assert set(opinions) <= polarity[row.true_label], row.text


@pytest.mark.parametrize("name", ["negation", "double-negation"])
def test_a_verdict_follows_from_the_negators_that_bear_on_the_opinion(name):
    polarity = reviews_words.opinion_words()
    checked = collections.Counter()
    for row in ROWS:
        if row.phenomenon == name and row.support == "no":
            words = [word.lower() for word in reviews.deciding_words(row)]
            negators = [word for word in words if is_negator(word) or word in ("deny", "denying")]
            said = next(label for label, known in polarity.items() if words[-1] in known)
            assert (said == row.true_label) == (len(negators) % 2 == 0), row.text
            checked[len(negators)] += 1
    assert set(checked) == ({0, 1} if name == "negation" else {0, 1, 2})
    turned, literal = checked[1], checked[0] + checked[2]
    assert abs(turned - literal) <= 12  # half of the reviews each, but for one in a kind of an odd count


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


def test_a_negation_has_one_negator_and_a_double_negation_two_wherever_they_stand():
    negator = re.compile(rf"(?<![\w-])(?!anything (?!but))(?:{NEGATOR}|deny|denying)(?![\w-])")
    holding = {word for kind in reviews_words.kinds() for words in reviews_words.bound(kind).values() for word in words}
    for row in ROWS:
        if row.phenomenon in ("negation", "double-negation") and row.support == "no":
            found = len(negator.findall(row.text.lower())) + len(holding & set(tokens(row.text)))
            assert found == 1 + (row.phenomenon == "double-negation"), row.text
