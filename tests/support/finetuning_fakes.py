"""Stand-ins for what the command line drives, so that its own behaviour is tested without TensorFlow."""

import json

import numpy as np
from safetensors.numpy import save_file

from utils.checkpoints import save_checkpoint
from utils.classification.evaluation import Evaluation
from utils.classification.progress import PROGRESS
from utils.finetuning.command import main

ROWS = [f"a {'good' if at % 3 else 'bad'} film number {at},{'good' if at % 3 else 'bad'}" for at in range(60)]
GOOD = "\n".join(["text,label", *ROWS, ""])


class FakeTokenizer:
    """A token for each word, unknown if it holds a Chinese character, and two more."""

    model_max_length = 10**30
    unk_token_id = 1

    def __call__(self, texts, add_special_tokens=True, **_):
        rows = [[int(max(word) > "\u3000") for word in text.split()] for text in texts]
        return {"input_ids": [[2, *row, 3] if add_special_tokens else row for row in rows]}

    def save_pretrained(self, folder):
        (folder / "vocab.txt").write_text("a\n")


class FakeNetwork:
    """Weights and a configuration to save."""

    def save_pretrained(self, folder, safe_serialization):
        save_file({"w": np.arange(3.0)}, folder / "model.safetensors")
        (folder / "config.json").write_text("{}")


class FakeClassifier:
    """Says "good" with probability 0.75 of texts that hold the word, else "bad" with 0.875."""

    def __init__(self, classes=("bad", "good"), history=None):
        self.classes, self.tokenizer = list(classes), FakeTokenizer()
        self.details = {"history": history or {"loss": [0.5], "seconds": [1.25]}}

    def predict_probability(self, texts, progress=False):
        rows = [[0.25, 0.75] if "good" in text else [0.875, 0.125] for text in texts]
        return np.array(rows).reshape(len(texts), 2)

    def evaluate(self, texts, labels, progress=False):
        numbers = [self.classes.index(label) if isinstance(label, str) else label for label in labels]
        return Evaluation(tuple(self.classes), np.array(numbers), self.predict_probability(texts))

    @property
    def temperature(self):
        return self.details.get("temperature", 1.0)

    def calibrate(self, texts, labels, progress=False):
        self.details["temperature"] = 1.5
        return self.evaluate(texts, labels)

    def save(self, folder, overwrite=False):
        details = {**self.details, "classes": self.classes, "max_length": 8}
        return save_checkpoint(folder, FakeNetwork(), FakeTokenizer(), details, overwrite=overwrite)


class FakeFineTuning:
    """Trains nothing: `epoch` is called once for each epoch that is left, and each is written down as finished."""

    made = ()  # the arguments of each instance, the last one last
    epoch = staticmethod(lambda number: None)
    history = None

    def __init__(self, texts, labels, model, **choices):
        type(self).made = (*self.made, {"texts": texts, "labels": labels, "model": model, **choices})
        self.classes = choices["classes"]

    def fit(self, learning_rate, epochs, *, checkpoints, resume, progress):
        print("what ktrain prints")
        if not resume:
            raise AssertionError("the command line must go on with what is there")
        path = checkpoints / PROGRESS
        finished = json.loads(path.read_text())["finished"] if path.exists() else 0
        for number in range(finished, epochs):
            self.epoch(number)
            path.write_text(json.dumps({"finished": number + 1}))
        return FakeClassifier(self.classes, self.history)


def fake_tokenizer(folder):
    """Return what `load_tokenizer` returns, the same for every folder."""
    return FakeTokenizer()


def train(*options, data="own.csv", model="bert", output="out"):
    """Return the exit status of `train` on the file of the fixture `place`."""
    return main(["train", "--data", data, "--model", model, "--output", output, *options])
