"""The command line killed at each of its steps on disk: the same command must then finish. Run as a program.

Usage: `python -m tests.support.command_kills train|folds|predict FOLDER`; the last line of its output is JSON.
"""

import contextlib
import io
import itertools
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from safetensors.numpy import load_file

from tests.support.checkpoint_processes import STEPS, forked
from tests.support.finetuning_fakes import GOOD, ROWS, FakeClassifier, FakeFineTuning, fake_tokenizer
from tests.support.finetuning_toys import write_bert
from utils.checkpoints import verify_checkpoint
from utils.classification.progress import read_progress
from utils.finetuning import progress as keeping
from utils.finetuning.command import main, predict_file, teacher, train

TRAIN = ["train", "--data", "own.csv", "--model", "bert", "--output", "out", "--quiet"]
COMMANDS = {
    "train": TRAIN,
    "folds": [*TRAIN, "--folds", "2", "--epochs", "1"],
    "predict": ["predict", "--data", "own.csv", "--model", "mine", "--output", "out.csv", "--quiet"],
}
ON_TOP = {  # said of an output that is whole
    **dict.fromkeys(("train", "folds"), "holds a classifier"),
    "predict": "is there already",
}


class Kept(FakeFineTuning):
    """Trains nothing, but keeps its state and goes on from it as the real one does."""

    def fit(self, learning_rate, epochs, *, checkpoints, resume, progress):
        record = read_progress(checkpoints, {})
        finished = record["finished"] if record else 0
        if record and load_file(checkpoints / record["weights"])["w"].tolist() != [finished]:
            raise RuntimeError("the weights are not those of the last epoch")
        for number in range(finished + 1, epochs + 1):
            variable = SimpleNamespace(name="w", numpy=lambda number=number: np.array([float(number)]))
            model = SimpleNamespace(weights=[variable], optimizer=SimpleNamespace(get_weights=list))
            keeping.save_progress(checkpoints, model, number, {}, {})
        return FakeClassifier(self.classes, self.history)


class Loaded(FakeClassifier):
    max_length, model = 8, SimpleNamespace(get_weights=list)


def prepare(folder):
    """Make a folder to work in, with texts and an encoder, and go there."""
    folder.mkdir(parents=True)
    (folder / "own.csv").write_text(GOOD)
    write_bert(folder / "bert")
    os.chdir(folder)


def run(kind, *more):
    """Run the command in this process; return (status, messages)."""
    messages = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(messages):
        status = main([*COMMANDS[kind], *more])
    return status, messages.getvalue()


def killed_at(step, kind, folder):
    """Run the command in a process that is killed before its step of that number; return whether it was."""

    def work():
        steps = itertools.count(1)

        def kill_at_step(event, arguments):
            if event in STEPS and str(folder) in os.path.abspath(str(arguments[0])) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill_at_step)
        run(kind)

    return os.WIFSIGNALED(os.waitpid(forked(work), 0)[1])


def is_whole(kind, folder):
    """Return whether the output is there and whole."""
    if kind != "predict":
        return (folder / "out").exists() and bool(verify_checkpoint(folder / "out"))
    return (folder / "out.csv").exists() and len((folder / "out.csv").read_text().splitlines()) == len(ROWS) + 1


def kill_at_each_step(kind, parent):
    """Kill the command at each step and give it again; return how often it was killed, and what did not go on."""
    stuck = []
    for step in itertools.count(1):
        folder = parent / str(step)
        prepare(folder)
        was_killed = killed_at(step, kind, folder)
        for more in ((), ("--overwrite",)):
            status, messages = run(kind, *more)
            whole = status == 2 and not more and ON_TOP[kind] in messages
            if status and not whole:
                stuck.append(f"step {step} {' '.join(more)}: {messages[-300:]}")
        left = {name for name in os.listdir(folder) if ".draft-" not in name}  # drafts go a day later
        left -= {"own.csv", "bert", "out", "out.csv"}
        stuck += [f"step {step} left {sorted(left)}"] * bool(left)
        if not is_whole(kind, folder):
            stuck.append(f"step {step}: the output is not whole")
        if not was_killed:
            return {"kills": step - 1, "stuck": stuck}


if __name__ == "__main__":
    teacher.FineTuning, train.load_encoder_tokenizer = Kept, fake_tokenizer
    keeping.weight_name = lambda variable: variable.name
    predict_file.load_classifier, predict_file.CHUNK = lambda folder, fingerprint=None: Loaded(), 25
    print(json.dumps(kill_at_each_step(sys.argv[1], Path(sys.argv[2]).absolute())))
