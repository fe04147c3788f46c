"""Pre-training from end to end, on a random teacher and a few sentences: interrupted, resumed, exported."""

import gzip
import hashlib
import json
import os
import signal

import numpy as np
import pytest

from tools.pretraining import pretrain
from utils import wordpiece

WORDS = ["a", "the", "film", "play", "actor", "plot", "dull", "fine", "warm", "it", "was", "not", "very", "long", "so"]
PIECES = [*wordpiece.SPECIAL_TOKENS, *"abcdefghijklmnopqrstuvwxyz.", *(f"##{letter}" for letter in "abcdefghilnorstuy")]
SETTINGS = {"vocabulary-size": 62, "items": 300, "novel-documents": 3, "batch-pieces": 256, "width": 16, "heads": 2}
SETTINGS |= {"layers": 2, "steps": 7, "warm-up": 2, "save-every": 3, "seed": 5, "threads": 1}
LINES = {"imdb": 40, "novels": 3}


def sentence(rng):
    return " ".join(rng.choice(WORDS, rng.integers(4, 9))).capitalize() + "."


@pytest.fixture(scope="module")
def places(tmp_path_factory, require):
    """A folder with data and a folder with a teacher, all made up."""
    require("torch")
    from transformers import BertConfig, BertModel

    data, teacher = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("teacher")
    rng = np.random.default_rng(3)
    for name, lines in LINES.items():
        (data / name).mkdir()
        with gzip.open(data / name / "train.jsonl.gz", "wt", encoding="utf-8") as file:
            for _ in range(lines):
                text = " ".join(sentence(rng) for _ in range(rng.integers(3, 8)))
                file.write(json.dumps({"text": text, "label": "never read"}) + "\n")
    pieces = [*PIECES, *(word for word in WORDS if len(word) > 1)]
    (teacher / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(pieces), **sizes), add_pooling_layer=False).save_pretrained(teacher)
    return data, teacher


def arguments(places, folder):
    """Return the command line whose output and work lie in a folder."""
    named = {"data": places[0], "teacher": places[1], "output": folder / "mini", "work": folder / "work"}
    named |= {"results": folder / "results", **SETTINGS}
    return [word for name, value in named.items() for word in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def finished(places, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("finished")
    assert pretrain.main(arguments(places, folder)) == 0
    return folder


def weights_of(folder):
    return (folder / "mini" / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_student_interrupted_in_a_step_and_resumed_ends_with_the_same_weights(
    finished, places, tmp_path, monkeypatch, kind
):
    from tools.pretraining.training import Trainer

    whole = Trainer._take_step

    def disturbed(trainer):
        if trainer.step == 4:
            os.kill(os.getpid(), kind)
        whole(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_take_step", disturbed)
        assert pretrain.main(arguments(places, tmp_path)) == pretrain.INTERRUPTED
    assert not (tmp_path / "mini").exists()
    taken = []
    monkeypatch.setattr(Trainer, "_take_step", lambda trainer: (taken.append(trainer.step), whole(trainer)))
    assert pretrain.main(arguments(places, tmp_path)) == 0
    assert taken == [5, 6], "the step under way is finished and kept, and no step is taken twice"
    assert weights_of(tmp_path) == weights_of(finished)


@pytest.mark.slow
def test_teacher_interrupted_between_batches_goes_on_and_ends_with_the_same_weights(
    finished, places, tmp_path, monkeypatch
):
    from tools.pretraining import teacher

    asked, whole = [], teacher.ask

    def disturbed(*values):
        asked.append(1)
        if len(asked) == 5:
            raise KeyboardInterrupt
        return whole(*values)

    monkeypatch.setattr(teacher, "FLUSH_EVERY", 2)
    monkeypatch.setattr(teacher, "BASIS_BATCHES", 1)
    monkeypatch.setattr(teacher, "BATCH_PIECES", 256)
    calm, disturbed_folder = tmp_path / "calm", tmp_path / "disturbed"
    assert pretrain.main(arguments(places, calm)) == 0
    monkeypatch.setattr(teacher, "ask", disturbed)
    assert pretrain.main(arguments(places, disturbed_folder)) == pretrain.INTERRUPTED
    assert pretrain.main(arguments(places, disturbed_folder)) == 0
    assert weights_of(disturbed_folder) == weights_of(calm)
    (note,) = (disturbed_folder / "work").glob("*/done.json")
    batches, noted = json.loads(note.read_text())["batches"], 2
    assert len(asked) == 5 + batches - noted, "no batch that was noted is asked again, and none is skipped"


@pytest.mark.slow
def test_kept_values_are_what_the_teacher_says_of_each_item_by_itself(finished, places):
    from tools.pretraining import stages, teacher

    (folder,) = (finished / "work").iterdir()
    choices = stages.TextChoices(62, 300, 3, 5)
    text = stages.prepare_text(choices, *places, finished / "work")
    assert text.folder == folder
    encoder = teacher.load_teacher(places[1])
    kept = teacher.TargetStore(folder, text.corpus, 24).open()
    with np.load(folder / "axes.npz") as file:
        axes = dict(file)
    vocabulary = (places[1] / "vocab.txt").read_text().splitlines()
    for item in range(0, len(text.corpus), 37):
        own = np.array([item])
        ids, mask = text.corpus.padded(own)
        theirs = np.array([[vocabulary.index(text.pieces[piece]) for piece in ids[0]]])
        sentence, last, middle = (value.numpy() for value in teacher.ask(encoder, theirs, mask))
        at = text.corpus.positions(own)
        np.testing.assert_allclose(kept.sentences[item], sentence[0], atol=0.01)
        for name, states in (("last", last), ("middle", middle)):
            expected = (states - axes[f"{name}_centre"]) @ axes[f"{name}_map"]
            np.testing.assert_allclose(getattr(kept, name)[at], expected, atol=0.15)  # bfloat16, of values near 1


@pytest.mark.slow
def test_curve_is_kept_with_the_fingerprint_of_the_weights(finished):
    result = json.loads((finished / "results" / "mini-bert-training.json").read_text())
    assert result["program"] == "tools/pretraining/pretrain.py"
    assert [row["step"] for row in result["rows"]] == [7]
    assert result["sha256"] == hashlib.sha256(weights_of(finished)).hexdigest()
    assert result["sha256"] in (finished / "mini" / "README.md").read_text()


@pytest.mark.slow
def test_exported_folder_is_a_classifier_in_waiting(finished):
    from utils.finetuning import load_transformers

    transformers = load_transformers()
    model, told = transformers.TFBertForSequenceClassification.from_pretrained(
        finished / "mini", num_labels=3, output_loading_info=True
    )
    missing = sorted(name.split("/")[-2:] for name in told["missing_keys"])
    assert missing == [["classifier", "bias:0"], ["classifier", "kernel:0"]]
    assert not told["unexpected_keys"]
    assert model.config.max_position_embeddings == 512
