"""Search over the book's paragraphs: measures by hand, the data as its card tells it, the figures of these files."""

import itertools
import json
import math
import re
from collections import Counter

import numpy as np
import pytest

from tools.measure import search
from tools.measure.recipe import ENCODER, digest
from tools.measure.results import RESULTS
from utils import wordpiece

PARAGRAPHS, QUESTIONS, PAIRS = (search.read(name) for name in search.FILES)
TEXTS = {row["id"]: row["text"] for row in PARAGRAPHS}
STORED = json.loads((RESULTS / "search.json").read_text(encoding="utf-8"))
ROWS = {row["kind"]: row for row in STORED["rows"]}


def right_places():
    """Return the places of each question's right paragraphs in the file."""
    place = {row["id"]: at for at, row in enumerate(PARAGRAPHS)}
    return [[place[answer] for answer in row["answers"].split()] for row in QUESTIONS]


def test_table_by_hand():
    first, second = [1, 5, 6, 2], [1, 6, 2, 10]
    found = {"TF-IDF": search.values(first), "layer 4": search.values(second)}
    rows = {row["kind"]: row for row in search.table(found, ["same", "same", "other", "other"])}
    assert rows["TF-IDF"]["recall"] == {"all": 0.75, "same": 1.0, "other": 0.5}
    assert rows["layer 4"]["recall"] == {"all": 0.5, "same": 0.5, "other": 0.5}
    assert rows["TF-IDF"]["reciprocal rank"] == {"all": 0.4667, "same": 0.6, "other": 0.3333}
    more = rows["layer 4"]["recall, more than TF-IDF"]
    assert more["same"] == [-0.5, -1.0, 0.0]
    assert more["other"] == [0.0, -1.0, 1.0]
    assert rows["TF-IDF"]["recall, more than TF-IDF"]["all"] == [0.0, 0.0, 0.0]
    assert rows["TF-IDF"]["recall, more than layer 4"]["all"][0] == 0.25


def test_a_right_paragraph_stands_behind_wrong_ones_that_score_the_same():
    scores = np.array([[0.5, 0.5, 0.5, 0.1], [0.0, 0.2, 0.7, 0.9]])
    assert search.first_right(scores, [[1], [0, 2]]) == [3, 2]


def test_chance_is_the_mean_over_all_orders():
    right = [[0], [1, 3, 4]]
    found = search.by_chance(7, right)
    for at, answers in enumerate(right):
        orders = list(itertools.permutations(range(7)))
        firsts = [1 + min(order.index(answer) for answer in answers) for order in orders]
        assert found["recall"][at] == pytest.approx(np.mean([first <= search.FIRST for first in firsts]))
        assert found["reciprocal rank"][at] == pytest.approx(np.mean([1 / first for first in firsts]))


def test_interval_of_one_difference_is_that_of_a_coin():
    mean, low, high = search.interval(np.repeat([0.0, 1.0], 50))
    assert mean == 0.5
    assert [low, high] == pytest.approx([0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05], abs=0.015)


def test_bm25_word_by_word():
    texts = ["red red car", "blue car", "a long row of blue and green and grey cars"]
    words = sorted({word for text in texts for word in text.split()})
    counts = np.array([[text.split().count(word) for word in words] for text in texts])
    found = search.bm25(counts)
    length = np.mean([len(text.split()) for text in texts])
    for text, row in zip(texts, found, strict=True):
        for word, weight in zip(words, row, strict=True):
            many, held = text.split().count(word), sum(word in other.split() for other in texts)
            rare = math.log(1 + (3 - held + 0.5) / (held + 0.5))
            long = 1 - 0.75 + 0.75 * len(text.split()) / length
            assert weight == pytest.approx(rare * many * 2.5 / (many + 1.5 * long))


def test_rare_pieces_weigh_what_scikit_learn_gives_rare_words():
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigh = TfidfVectorizer(token_pattern=r"\S+").fit(["1 2 2", "2 3", "2 1"])
    ids = np.array([[1, 2, 2], [2, 3, 0], [2, 1, 0]])
    found = search.rareness(ids, 5)
    assert found[1:4] == pytest.approx(weigh.idf_[[weigh.vocabulary_[word] for word in "123"]])
    assert found[4] == pytest.approx(math.log(4) + 1)
    weights = np.where(ids > 0, found[ids], 0)
    vectors = np.random.default_rng(0).normal(size=(3, 3, 2))
    by_hand = (vectors[1, 0] * found[2] + vectors[1, 1] * found[3]) / (found[2] + found[3])
    assert search.weighted_mean(vectors, weights)[1] == pytest.approx(by_hand)


def test_mean_is_subtracted_from_questions_too_and_the_best_sentence_counts():
    rows, asked = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]), np.array([[3.0, 1.0]])
    found = search.scored({"means": rows}, {"means": asked})
    assert found["means"][0] == pytest.approx([3 / 10**0.5, 1 / 10**0.5, 4 / 20**0.5])
    assert found["means, mean subtracted"][0] == pytest.approx([0, -1, 1 / 2**0.5])
    assert search.best(np.array([[0.1, 0.7, 0.3]]), np.array([0, 0, 1])).tolist() == [[0.7, 0.3]]


def test_a_paraphrase_is_found_where_no_other_second_sentence_is_as_near():
    pairs = [{"meaning": "same"}, {"meaning": "other"}, {"meaning": "same"}, {"meaning": "same"}]
    alike = np.array([[0.5, 0.9, 0.4, 0.3], [0.1, 1.0, 0.2, 0.3], [0.7, 0.1, 0.7, 0.2], [0.1, 0.2, 0.3, 0.4]])
    assert search.told(pairs, alike) == ([0.5, 1.0, 0.7, 0.4], 2)


def test_paragraphs_are_as_their_card_says():
    card = (search.FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{len(PARAGRAPHS)} paragraphs" in card
    assert len(TEXTS) == len({row["text"] for row in PARAGRAPHS}) == len(PARAGRAPHS)
    numbers = Counter()
    tokenizer = wordpiece.load_tokenizer(ENCODER)
    for row in PARAGRAPHS:
        numbers[row["page"]] += 1
        assert row["id"] == f"{row['page'][:2]}-{numbers[row['page']]:02}"
        assert len(row["text"].split()) >= 40
        assert len(tokenizer.encode(row["text"]).ids) <= 96, "mini-bert has learnt no later positions"
        assert not re.search(r"[$`{}\\*^]|\b(\w+) \1\b|  ", row["text"])
    assert [page[:2] for page in numbers] == ["01", "02", "03", "04", "05", "08"]


def test_answers_exist_and_wording_follows_its_rule():
    assert len(QUESTIONS) == len({row["question"] for row in QUESTIONS}) == 40
    for row in QUESTIONS:
        answers = row["answers"].split()
        assert answers == sorted(set(answers))
        assert row["wording"] == search.wording(row["question"], [TEXTS[answer] for answer in answers])
    card = (search.FOLDER / "README.md").read_text(encoding="utf-8")
    counts = Counter(row["wording"] for row in QUESTIONS)
    assert f"{counts['same']} questions are `same`, {counts['other']} `other`" in card


def test_wording_is_the_same_from_half_of_the_content_words_on():
    question = "Why does the learning rate rise?"
    assert search.wording(question, ["A rate is learnt.", "Learning takes long when the rate falls."]) == "same"
    assert search.wording(question, ["A rate is learnt.", "It takes learning."]) == "other"


def test_pairs_of_another_meaning_have_the_same_words():
    assert Counter(pair["meaning"] for pair in PAIRS) == {"same": 6, "other": 6}
    for pair in PAIRS:
        first, second = (Counter(re.findall(r"\w+", pair[side].lower())) for side in ("first", "second"))
        if pair["meaning"] == "other":
            assert first == second
        else:
            assert not search.content_words(pair["first"]) & search.content_words(pair["second"])


def test_stored_figures_are_of_these_files():
    for name in search.FILES:
        assert STORED[f"{name}_sha256"] == digest(search.FOLDER / f"{name}.csv")
    assert STORED["weights_sha256"] == digest(ENCODER / "model.safetensors")
    assert (STORED["paragraphs"], STORED["questions"]) == (len(PARAGRAPHS), 40)
    assert [{name: pair[name] for name in PAIRS[0]} for pair in STORED["pairs"]] == PAIRS


def test_stored_figures_follow_from_the_stored_places_and_the_teacher_is_among_them():
    found = {kind: search.values(row["places"]) for kind, row in ROWS.items() if row["places"]}
    found["at random"] = search.by_chance(len(PARAGRAPHS), right_places())
    rows = search.table(found, [row["wording"] for row in QUESTIONS])
    assert [row | {"places": ROWS[row["kind"]]["places"]} for row in rows] == STORED["rows"]
    assert {*search.TEACHER_KINDS, search.BASELINE, search.LAST, f"{search.LAST}, best sentence"} <= set(found)


def test_counting_gives_the_stored_places_again():
    scores = search.counted([row["text"] for row in PARAGRAPHS], [row["question"] for row in QUESTIONS])
    for kind, one in scores.items():
        assert search.first_right(one, right_places()) == ROWS[kind]["places"]
    again = search.counted_alike(*([pair[side] for pair in PAIRS] for side in ("first", "second")))
    cosines = [pair[search.BASELINE] for pair in STORED["pairs"]]
    assert search.told(PAIRS, again) == (cosines, STORED["paraphrases_found"][search.BASELINE])


def test_without_the_teacher_its_figures_stay_while_the_files_do(monkeypatch, tmp_path, capsys):
    def lengths(*groups):
        return [{search.LAST: np.array([[len(text), 9.0] for text in texts])} for texts in groups]

    monkeypatch.setattr(search, "embedded", lengths)
    monkeypatch.delenv("BOOK_MODEL_DIR", raising=False)
    (tmp_path / "search.json").write_text(json.dumps(STORED))
    assert search.main(["--results", str(tmp_path)]) == 0
    assert "teacher" in capsys.readouterr().out
    written = json.loads((tmp_path / "search.json").read_text())
    kept = {row["kind"]: row["places"] for row in written["rows"]}
    assert all(kept[kind] == ROWS[kind]["places"] for kind in search.TEACHER_KINDS)
    assert [pair["teacher"] for pair in written["pairs"]] == [pair["teacher"] for pair in STORED["pairs"]]
    assert written["paraphrases_found"]["teacher"] == STORED["paraphrases_found"]["teacher"]
    (tmp_path / "search.json").write_text(json.dumps(STORED | {"questions_sha256": "of other questions"}))
    assert search.main(["--results", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "search.json").read_text())
    assert not {row["kind"] for row in written["rows"]} & {*search.TEACHER_KINDS}
    assert "teacher" not in written["pairs"][0]
    assert "teacher" not in written["paraphrases_found"]
