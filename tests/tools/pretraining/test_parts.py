"""The parts of pre-training: sentences, items, batches, what is hidden, targets; and the command line's refusals."""

import json
import re

import numpy as np
import pytest

from tools.notebooks.chapters import ROOT
from tools.pretraining import corpus, negation, pretrain, text
from utils import wordpiece

PIECES = [*wordpiece.SPECIAL_TOKENS, "one", "two", "three", "four", ".", "!"]


def tiny(lengths, documents=None, passages=None):
    """A corpus of items with these lengths: [CLS], pieces counted up from 5, [SEP]."""
    items = [[2, *(5 + at % 6 for at in range(length - 2)), 3] for length in lengths]
    documents = np.zeros(len(lengths), dtype=np.int32) if documents is None else np.array(documents, dtype=np.int32)
    passages = np.zeros(len(lengths), dtype=bool) if passages is None else np.array(passages)
    return corpus.Corpus(np.concatenate(items).astype(np.uint16), np.cumsum([0, *lengths]), documents, passages)


def test_sentences_end_at_marks_at_markup_and_at_blank_lines_but_not_after_titles():
    found = text.split_sentences(
        'Mr. and Mrs. Smith met Dr. J. Doe. "Is it so?" he asked me! '
        "A line\nof two.\n\nNext one here<br />last one here"
    )
    assert found == [
        "Mr. and Mrs. Smith met Dr. J. Doe.",
        '"Is it so?',
        "he asked me!",
        "A line of two.",
        "Next one here",
        "last one here",
    ]


@pytest.mark.parametrize("missing", ["imdb", "novels"])
def test_missing_text_is_named(tmp_path, missing):
    for name in {"imdb", "novels"} - {missing}:
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl.gz").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=rf"expected {missing}.train.jsonl.gz in the folder of --data"):
        text.read_documents(tmp_path, 1, np.random.default_rng(0))


def test_items_are_sentences_and_a_passage_of_every_third_document():
    documents = [["one two.", "three four!", "two one."]] * 6
    found = corpus.encode_documents(documents, wordpiece.build(PIECES), 100, np.random.default_rng(0))
    assert (~found.passages).sum() == 18
    assert set(found.documents[found.passages]) <= {0, 3}
    ids, mask = found.padded(np.flatnonzero(found.passages)[:1])
    assert (ids == 2).sum() == (ids == 3).sum() == 1, "one [CLS] and one [SEP] around all its sentences"
    assert mask.all()


def test_whole_documents_are_kept_up_to_the_number_of_items():
    documents = [["one two.", "three four!"]] * 5
    found = corpus.encode_documents(documents, wordpiece.build(PIECES), 7, np.random.default_rng(0))
    sentences = np.bincount(found.documents[~found.passages])
    assert (sentences == 2).all()
    assert len(found) <= 7


def test_sentences_that_are_too_long_are_left_out():
    documents = [["one " * corpus.SENTENCE_PIECES, "two one."]]
    found = corpus.encode_documents(documents, wordpiece.build(PIECES), 9, np.random.default_rng(1))
    assert found.lengths[~found.passages].tolist() == [5]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The plot was dull.", "The plot was not dull."),
        ("The plot was not dull.", "The plot was dull."),
        ("It's a fine film.", "It's not a fine film."),
        ("I never liked it.", "I liked it."),
        ("I don’t think it is dull.", "I do think it is dull."),
        ("You can't miss it.", "You can miss it."),
        ("It won't do.", "It will do."),
        ("I cannot complain.", "I can complain."),
        ("We loved it, and it was fun.", "We did not love it, and it was fun."),
        ("It has been shown.", "It has not been shown."),
    ],
)
def test_twin_differs_by_one_negation(sentence, expected):
    assert negation.twin(sentence) == expected


def test_twin_may_be_contracted():
    found = [negation.twin(words, contract=True) for words in ("It was dull.", "I saw it.", "I can see.", "You will.")]
    assert found == ["It wasn't dull.", "I didn't see it.", "I can't see.", "You won't."]


@pytest.mark.parametrize("sentence", ["Nobody laughed, and it was late.", "It was without charm.", "A fine film."])
def test_sentence_with_another_negation_or_without_a_known_verb_has_no_twin(sentence):
    assert negation.twin(sentence) is None


def test_twins_belong_to_their_document_and_foretell_nothing_of_it():
    documents = [["one was two.", "three four."]] * 4
    tokenizer = wordpiece.build([*PIECES, "was", "not", "n", "'", "t", "wasn"])
    found = corpus.encode_documents(documents, tokenizer, 100, np.random.default_rng(0), twins=100)
    without = corpus.encode_documents(documents, tokenizer, 100, np.random.default_rng(0))
    assert (~found.passages).sum() == (~without.passages).sum() == 8
    twins = [item for item in range(len(found)) if {12, 16} & set(found.padded([item])[0][0])]
    assert sorted(found.documents[twins]) == [0, 1, 2, 3]
    assert found.passages[twins].all()


def test_share_of_twins_is_that_asked_for_and_none_by_itself():
    documents = [["one was two."] * 100]
    tokenizer = wordpiece.build([*PIECES, "was", "not"])
    sizes = [
        len(corpus.encode_documents(documents, tokenizer, 999, np.random.default_rng(0), **chosen))
        for chosen in ({}, {"twins": 30})
    ]
    assert sizes[0] == 101, "the sentences and a passage"
    assert 15 <= sizes[1] - sizes[0] <= 45


def test_padded_items_stand_where_the_mask_says():
    found = tiny([4, 7, 5])
    ids, mask = found.padded(np.array([2, 1]))
    assert ids.tolist() == [[2, 5, 6, 7, 3, 0, 0], [2, 5, 6, 7, 8, 9, 3]]
    assert mask.tolist() == [[True] * 5 + [False] * 2, [True] * 7]
    assert found.ids[found.positions(np.array([2, 1]))].tolist() == ids[mask].tolist()


def test_saved_corpus_is_read_back(tmp_path):
    tiny([3, 5], [0, 1], [False, True]).save(tmp_path / "corpus.npz")
    found = corpus.Corpus.load(tmp_path / "corpus.npz")
    assert found.ids.tolist() == [2, 5, 3, 2, 5, 6, 7, 3]
    assert (found.documents.tolist(), found.passages.tolist()) == ([0, 1], [False, True])


def test_batches_hold_every_item_once_like_lengths_together_and_no_more_pieces_than_asked():
    lengths = np.random.default_rng(0).integers(3, 65, 1009)
    groups = corpus.batches(lengths, 512, np.random.default_rng(7))
    assert sorted(np.concatenate(groups)) == list(range(1009))
    sizes = [len(group) * lengths[group].max() for group in groups]
    assert max(sizes) <= 512
    assert np.mean(sizes) > 0.85 * 512
    padding = 1 - sum(lengths) / sum(sizes)
    assert padding < 0.03
    again = corpus.batches(lengths, 512, np.random.default_rng(7))
    assert all((one == other).all() for one, other in zip(groups, again, strict=True))


def test_an_item_longer_than_a_batch_stands_alone():
    groups = corpus.batches(np.array([3, 40, 3]), 10, np.random.default_rng(0))
    assert sorted(map(len, groups)) == [1, 2]


def test_hidden_pieces_are_15_in_100_in_the_three_ways_of_bert(require):
    require("torch")
    from tools.pretraining import training

    ids = np.full((400, 101), 7)
    ids[:, 0], ids[:, 100] = 2, 3
    mask = np.ones(ids.shape, dtype=bool)
    mask[::2, 90:] = False
    read, hidden = training.hide(ids, mask, 1000, np.random.default_rng(0))
    assert not hidden[~mask].any()
    assert not hidden[(ids == 2) | (ids == 3)].any()
    assert (read[~hidden] == ids[~hidden]).all()
    assert abs(hidden[mask & (ids == 7)].mean() - 0.15) < 0.01
    assert abs((read[hidden] == 4).mean() - 0.8) < 0.02
    assert abs((read[hidden] == 7).mean() - 0.1) < 0.02
    assert read[hidden].min() >= 4, "no special token but [MASK] is put in"


def test_context_is_the_mean_of_the_other_sentences_of_the_document(require):
    require("torch")
    from tools.pretraining import training

    rng = np.random.default_rng(0)
    items = tiny([5] * 9, [0, 0, 0, 1, 1, 1, 1, 1, 2], [False, False, True, *[False] * 6])
    vectors = rng.normal(size=(9, 3)).astype(np.float32)
    contexts, known = training.context_vectors(vectors, items)
    assert known.tolist() == [True, True, False, *[True] * 5, False]
    expected = np.stack(
        [vectors[1], vectors[0], *(vectors[[at for at in range(3, 8) if at != own]].mean(0) for own in range(3, 8))]
    )
    expected_contexts = expected - expected.mean(0)
    _, axes = training.principal_axes(expected, 3)
    np.testing.assert_allclose(contexts[known], expected_contexts @ axes, atol=1e-5)
    assert not contexts[~known].any()


def test_principal_axes_are_uncorrelated_with_variances_that_average_to_one(require):
    require("torch")
    from tools.pretraining.teacher import principal_axes

    rng = np.random.default_rng(0)
    states = rng.normal(size=(5000, 7)) @ rng.normal(size=(7, 7)) + 3
    centre, axes = principal_axes(states, 4)
    covariance = np.cov(((states - centre) @ axes).T)
    deviations = np.sqrt(np.sort(np.linalg.eigvalsh(np.cov(states.T)))[::-1][:4])
    np.testing.assert_allclose(covariance, np.diag(deviations / deviations.mean()), atol=1e-8)


def test_learning_rate_rises_then_falls_to_zero(require):
    require("torch")
    from tools.pretraining.training import Plan

    plan = Plan(steps=100, learning_rate=0.5, warm_up=10)
    rates = [plan.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.05)
    assert np.argmax(rates) == 9
    assert rates[50] == pytest.approx(0.25)
    assert rates[100] == 0


def test_student_starts_with_the_teachers_word_vectors_up_to_rotation(require):
    torch = require("torch")
    from transformers import BertConfig, BertModel

    from tools.pretraining.student import Student, start_from_teacher, student_config

    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    teacher = BertModel(BertConfig(vocab_size=40, **sizes), add_pooling_layer=False)
    ids = np.arange(3, 40)
    widths = {"sentences": 3, "contexts": 3, "last": 3, "middle": 3}
    student = Student(student_config(37, layers=1, width=12, heads=2), widths)
    start_from_teacher(student, teacher, ids)
    theirs = teacher.embeddings.word_embeddings.weight[3:]
    theirs = theirs - theirs.mean(0)
    ours = student.encoder.embeddings.word_embeddings.weight[1:]
    scale = 0.1 / theirs.std()
    torch.testing.assert_close(ours @ ours.T, (theirs @ theirs.T)[1:, 1:] * scale**2, atol=1e-4, rtol=1e-3)
    assert not student.encoder.embeddings.word_embeddings.weight[0].any(), "padding is nothing"


def test_masked_loss_of_a_student_that_knows_nothing_is_the_logarithm_of_the_vocabulary(require):
    torch = require("torch")
    from tools.pretraining.student import Batch, Student, student_config

    widths = {"sentences": 3, "contexts": 3, "last": 3, "middle": 3}
    student = Student(student_config(37, layers=1, width=12, heads=2), widths)
    with torch.no_grad():
        for parameter in [*student.heads.parameters(), *student.guess.parameters()]:
            parameter.zero_()
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    hidden = torch.zeros_like(mask)
    hidden[0, 2] = True
    ones, twos = torch.ones(2, 3), torch.full((8, 3), 2.0)
    contexts = torch.tensor([[3.0] * 3, [5.0] * 3])  # the second has none
    batch = Batch(mask.long() * 7, mask, hidden, torch.tensor([9]), ones, contexts, mask[:, 4], twos, twos)
    losses = {name: loss.item() for name, loss in student.losses(batch).items()}
    assert losses == pytest.approx(
        {"sentences": 1, "contexts": 9, "last": 4, "middle": 4, "masked": np.log(37)}, rel=1e-5
    )


def test_teacher_folder_without_weights_is_refused_in_one_line(require, capsys, tmp_path):
    require("torch")
    (tmp_path / "config.json").write_text("{}")
    assert pretrain.main(["--data", str(tmp_path), "--teacher", str(tmp_path), "--work", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert re.search(r"expected a BERT encoder in .*missing: vocab.txt, model.safetensors", told)
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "expected --data, or BOOK_DATA_DIR to name a folder; neither is given"),
        (["--data", "nowhere"], "expected --data to name a folder; there is none at nowhere"),
        (["--data", "."], "expected --teacher, or BOOK_MODEL_DIR to name a folder; neither is given"),
        (["--data", ".", "--teacher", ".", "--steps", "0"], "expected --steps of at least 1; received 0"),
        (["--data", ".", "--teacher", ".", "--twins", "101"], "expected --twins of at most 100; received 101"),
    ],
)
def test_command_line_says_what_is_missing(monkeypatch, capsys, given, message):
    for name in ("BOOK_DATA_DIR", "BOOK_MODEL_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        pretrain.main(given)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_without_torch_the_remedy_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert pretrain.main(["--data", str(tmp_path), "--teacher", str(tmp_path)]) == 2
    assert "`make reference` installs PyTorch" in capsys.readouterr().err


def test_fingerprint_changes_with_the_choices_and_with_the_files(require, tmp_path):
    require("torch")
    from tools.pretraining.stages import TextChoices, fingerprint

    path = tmp_path / "vocab.txt"
    path.write_text("a")
    first = fingerprint(TextChoices(1, 2, 3, 4), path)
    assert first == fingerprint(TextChoices(1, 2, 3, 4), path)
    assert first != fingerprint(TextChoices(1, 2, 3, 5), path)
    path.write_text(json.dumps("b"))
    assert first != fingerprint(TextChoices(1, 2, 3, 4), path)


def test_chapter_6_shows_the_weights_and_sizes_of_the_five_losses(require):
    require("torch")
    from tools.pretraining import teacher, training

    notebook = ROOT / "chapters" / "06-pretrained-models.ipynb"
    cells = ("".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    (told,) = (cell for cell in cells if "| to be foretold |" in cell)
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in told.splitlines() if line.startswith("| ")][1:]
    names = ("masked", "last", "middle", "sentences", "contexts")  # in the order of the table
    assert {name: float(row[-1]) for name, row in zip(names, rows, strict=True)} == training.WEIGHTS
    sizes = [int(row[1]) for row in rows if row[1].isdecimal()]
    assert sizes == [teacher.LAST_AXES, teacher.MIDDLE_AXES, 384, training.CONTEXT_AXES]
