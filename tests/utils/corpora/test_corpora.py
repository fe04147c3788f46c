"""The corpora known by name: shipped reviews, SST-2 and IMDB in all layouts, and what is said without them."""

import csv
import gzip
import json
import os

import numpy as np
import pytest

from utils import corpora
from utils.corpora import CorpusError
from utils.corpora import known as corpora_known

COLUMNS = ("text", "label", "phenomenon", "unseen", "true_label", "deciding", "distance", "support")
SST2 = {"train": 6920, "dev": 872, "test": 1821}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that BOOK_DATA_DIR names."""
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    return tmp_path


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_reviews(folder, negative, positive):
    rows = [
        ("The plot is thin, but the end is fine.", positive, "contrast", 0, positive, "fine", 0, "no"),
        ("Not a good film.", positive, "negation", 1, negative, "not good", 1, "no"),
        ('They say "great". It is dull.', negative, "quoted opinion", 0, negative, "dull", 2, "yes"),
    ]
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


@pytest.mark.parametrize("words", [("0", "1"), ("negative", "positive")])
def test_reviews_keep_their_columns_and_number_true_labels_as_labels(tmp_path, monkeypatch, words):
    write_reviews(tmp_path, *words)
    monkeypatch.setattr(corpora_known, "REVIEWS", tmp_path)

    reviews = corpora.load("reviews")

    assert reviews.texts[2] == 'They say "great". It is dull.'
    assert reviews.labels.tolist() == [1, 1, 0]
    assert reviews.columns["true_label"].tolist() == [1, 0, 0]
    assert reviews.classes == ("negative", "positive")
    assert (reviews.columns["phenomenon"] == "negation").tolist() == [False, True, False]
    assert reviews.columns["unseen"].tolist() == [0, 1, 0]
    assert list(reviews.columns) == list(COLUMNS[2:])
    assert (reviews.name, reviews.split) == ("reviews", "train")
    assert repr(reviews) == "Corpus(reviews/train: 3 texts; negative 1, positive 2)"


@pytest.mark.parametrize("split", ["train", "test"])
def test_reviews_are_shipped_with_a_known_share_of_wrong_labels(split):
    reviews = corpora.load("reviews", split)
    assert len(reviews) == 5000
    assert list(reviews.columns) == list(COLUMNS[2:])
    wrong = reviews.labels != reviews.columns["true_label"]
    assert 0 < wrong.mean() < 0.1
    assert len(set(reviews.columns["phenomenon"])) >= 10


def test_missing_reviews_are_a_broken_clone(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora_known, "REVIEWS", tmp_path / "data" / "reviews")
    with pytest.raises(CorpusError, match=r"^data/reviews/test\.csv is missing, which the book ships; fetch the repos"):
        corpora.load("reviews", "test")


@pytest.mark.parametrize("name", ["sst2", "SST-2"])
def test_sst2_is_read_from_lines_of_label_and_text(folder, name):
    write(folder / name / "stsa.binary.dev", "1 a fine -lrb- and short -rrb- film .\n0 dull\tstuff\r\n\n1 na\xefve\n")
    dev = corpora.load("sst2", "dev")
    assert dev.texts == ["a fine -lrb- and short -rrb- film .", "dull\tstuff", "na\xefve"]
    assert dev.labels.tolist() == [1, 0, 1]
    assert dev.classes == ("negative", "positive")
    assert (dev.name, dev.split) == ("sst2", "dev")
    assert dev.source.endswith("stsa.binary.dev")


@pytest.mark.parametrize("name", ["sst2", "SST-2"])
def test_sst2_is_read_from_the_tables_of_glue_whose_quotes_enclose_nothing(folder, name):
    write(folder / name / "train.tsv", 'sentence\tlabel\n"fine , he said \t1\nhide new secretions \t0\n')
    train = corpora.load("sst2")
    assert train.texts == ['"fine , he said ', "hide new secretions "]
    assert train.labels.tolist() == [1, 0]
    assert train.classes == ("negative", "positive")


def test_label_text_lines_come_before_the_tables_of_glue(folder):
    write(folder / "SST-2" / "dev.tsv", "sentence\tlabel\na\t1\nb\t0\n")
    write(folder / "sst2" / "stsa.binary.dev", "0 c\n")
    assert corpora.load("sst2", "dev").texts == ["c"]


def test_test_set_of_glue_has_no_labels(folder):
    write(folder / "SST-2" / "test.tsv", "index\tsentence\n0\tuneasy mishmash\n1\tfine\n")
    with pytest.raises(CorpusError, match=r"test\.tsv: GLUE publishes no labels .*use split='dev'.*stsa\.binary\.test"):
        corpora.load("sst2", "test")


@pytest.mark.parametrize("line", ["2 fine", "fine", "1", "1\tfine"])
def test_a_broken_line_of_label_and_text_is_named(folder, line):
    write(folder / "sst2" / "stsa.binary.test", f"1 fine\n{line}\n")
    with pytest.raises(CorpusError, match=r"stsa\.binary\.test, line 2: expected 0 or 1, a space and a sentence"):
        corpora.load("sst2", "test")


RATED = [(label, number, 9 * label + 1) for label in (0, 1) for number in range(11)]  # (label, id, rating)


def text_of(label, number):
    return f"  Review {number} of {label}.<br /><br />So <b>good</b> <br/>it\n<br /> hurts.<br />"


def write_imdb_lines(folder, opener=gzip.open, suffix=".jsonl.gz"):
    path = folder / "imdb" / f"train{suffix}"
    path.parent.mkdir()
    with opener(path, "wt", encoding="utf-8") as file:
        for label, number, rating in RATED:
            row = {"id": number, "label": label, "rating": rating, "repo_fold": "train", "text": text_of(label, number)}
            file.write(json.dumps(row) + "\n")


def write_imdb_folders(folder, name="aclImdb"):
    for label, number, rating in RATED:
        path = folder / name / "train" / ("neg", "pos")[label] / f"{number}_{rating}.txt"
        write(path, text_of(label, number))
    write(folder / name / "train" / "unsup" / "0_0.txt", "no label")
    write(folder / name / "train" / "labeledBow.feat", "9 0:9\n")


def imdb_layouts(folder, writers):
    """Load IMDB as each writer lays it out."""
    found = []
    for number, writer in enumerate(writers):
        place = folder / str(number)
        place.mkdir()
        writer(place)
        os.environ["BOOK_DATA_DIR"] = str(place)
        found.append(corpora.load("imdb"))
    return found


def test_imdb_is_the_same_corpus_in_all_layouts(folder):
    writers = (
        write_imdb_lines,
        lambda place: write_imdb_lines(place, open, ".jsonl"),
        write_imdb_folders,
        lambda place: write_imdb_folders(place, "imdb"),
    )
    first, *others = imdb_layouts(folder, writers)
    for other in others:
        assert other.texts == first.texts
        np.testing.assert_array_equal(other.labels, first.labels)
        assert list(other.columns) == list(first.columns) == ["id", "rating"]
        for name in first.columns:
            np.testing.assert_array_equal(other.columns[name], first.columns[name])


def test_imdb_is_shuffled_and_rows_stay_whole(folder):
    write_imdb_lines(folder)
    imdb, again = corpora.load("imdb"), corpora.load("imdb")
    assert imdb.texts == again.texts
    assert not np.array_equal(imdb.labels, np.sort(imdb.labels))
    rows = zip(imdb.labels.tolist(), imdb.columns["id"].tolist(), imdb.columns["rating"].tolist(), strict=True)
    rows = list(rows)
    assert sorted(rows) == RATED
    for text, (label, number, _) in zip(imdb.texts, rows, strict=True):
        assert text == f"Review {number} of {label}. So <b>good</b> it hurts."


def test_imdb_without_its_keys_or_classes_is_refused(folder):
    write(folder / "imdb" / "train.jsonl", '{"text": "a", "label": 0, "id": 1}\n{"text": "b", "label": 1, "id": 2}\n')
    with pytest.raises(CorpusError, match=r"expected the keys id, label, rating and text; \['rating'\] missing"):
        corpora.load("imdb")
    write(folder / "aclImdb" / "test" / "pos" / "0_9.txt", "fine")
    with pytest.raises(CorpusError, match=r"test: expected files ID_RATING\.txt in neg and in pos; unpack the archive"):
        corpora.load("imdb", "test")


@pytest.mark.parametrize(
    ("name", "what", "page", "where"),
    [
        ("sst2", "Download SST-2 ", "https://gluebenchmark.com/tasks", "FOLDER/SST-2/train.tsv"),
        ("imdb", "Download aclImdb_v1.tar.gz", "https://ai.stanford.edu/~amaas/data/sentiment/", "FOLDER/aclImdb/tr"),
    ],
)
def test_what_is_not_there_is_named_with_its_page_and_its_place(folder, monkeypatch, name, what, page, where):
    def told():
        with pytest.raises(CorpusError) as caught:
            corpora.load(name)
        return str(caught.value)

    monkeypatch.delenv("BOOK_DATA_DIR")
    unset = told()
    assert "BOOK_DATA_DIR, the folder of downloaded corpora, is not set" in unset
    monkeypatch.setenv("BOOK_DATA_DIR", str(folder / "nowhere"))
    assert f"BOOK_DATA_DIR names {folder / 'nowhere'}, which is no folder" in told()
    monkeypatch.setenv("BOOK_DATA_DIR", str(folder))
    assert f"BOOK_DATA_DIR names {folder}, which has none of {name}/" in told()
    for part in (what, page, where, "Then set BOOK_DATA_DIR=FOLDER"):
        assert part in unset
        assert part in told()


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("reviews", "dev", "expected split of 'reviews' to be one of train, test; received 'dev'"),
        ("sst2", "validation", "expected split of 'sst2' to be one of train, dev, test; received 'validation'"),
        ("imdb", "unsup", "expected split of 'imdb' to be one of train, test; received 'unsup'"),
        ("imbd", "train", r"one of reviews, sst2, imdb, or a file that ends in .csv, .* received 'imbd'; .* 'imdb'\?"),
        ("SST2", "train", r"received 'SST2'; did you mean 'sst2'\?"),
        ("wikipedia", "train", "received 'wikipedia'$"),
        ("multi30k", "train", r"pairs of sentences, without labels; utils\.translation\.pairs\.load_multi30k reads it"),
    ],
)
def test_unknown_names_and_splits_are_refused(name, split, message):
    with pytest.raises(CorpusError, match=message):
        corpora.load(name, split)


@pytest.mark.parametrize(
    "option", [{"text": "body"}, {"label": "stars"}, {"encoding": "cp1252"}, {"classes": "ab"}, {"quotes": False}]
)
def test_options_for_own_files_are_refused_for_known_corpora(option):
    (name,) = option
    with pytest.raises(
        CorpusError, match=rf"expected {name} for a file of your own only; 'reviews' has columns and an"
    ):
        corpora.load("reviews", **option)


def real_folder(name):
    """Return whether BOOK_DATA_DIR has a corpus; skip the test where it has not."""
    place = os.path.join(os.environ.get("BOOK_DATA_DIR", ""), name)
    if not os.environ.get("BOOK_DATA_DIR") or not os.path.isdir(place):
        pytest.skip(f"BOOK_DATA_DIR names no folder with {name}")
    return place


@pytest.mark.parametrize("split", SST2)
def test_sst2_has_its_published_size(split):
    if not os.path.isfile(os.path.join(real_folder("sst2"), f"stsa.binary.{split}")):
        pytest.skip("BOOK_DATA_DIR has SST-2 in another layout")
    found = corpora.load("sst2", split)
    assert len(found) == SST2[split]
    assert min(found.counts().values()) > 0.45 * len(found)


def test_sst2_shares_two_lines_between_training_and_test():
    if not os.path.isfile(os.path.join(real_folder("sst2"), "stsa.binary.test")):
        pytest.skip("BOOK_DATA_DIR has SST-2 in another layout")
    assert len(corpora.shared_texts(corpora.load("sst2"), corpora.load("sst2", "test"))) == 2


@pytest.mark.slow  # reads 50,000 texts
def test_imdb_is_balanced_mixed_and_shares_texts_between_its_splits():
    real_folder("imdb")
    train, test = corpora.load("imdb"), corpora.load("imdb", "test")
    assert train.counts() == test.counts() == {"negative": 12_500, "positive": 12_500}
    assert 400 < train.labels[:1000].sum() < 600  # five standard deviations are 79
    np.testing.assert_array_equal(train.columns["rating"] >= 7, train.labels == 1)
    assert not any("<br" in text for text in train.texts)
    assert len(corpora.shared_texts(train, test)) == 123
