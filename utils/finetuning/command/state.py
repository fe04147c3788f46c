"""The folder beside the output that keeps an unfinished training, and what tells whether it is the same training."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from utils.classification.progress import PROGRESS
from utils.corpora.corpus import Corpus
from utils.files import holds_state, remove_state, write_whole
from utils.finetuning.command.errors import InputError
from utils.finetuning.encoders import WEIGHTS

RECORD = "command.json"


class Unfinished:
    """The state of a training that has not been saved yet, in the folder OUTPUT.unfinished.

    Args:
        output: where the classifier is to go; absolute.
        settings: all that must be the same when the training goes on, as JSON holds it.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        self.folder = output.with_name(f"{output.name}.unfinished")
        self.settings = settings

    def prepare(self, restart: bool) -> None:
        """Check that what is there can be gone on with; with `restart` remove it instead.

        Raises:
            InputError: it is another training, or nothing of ours.
        """
        if not holds_state(self.folder, RECORD):
            return
        try:
            before = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))["settings"]
            names = sorted(before.keys() | self.settings.keys())
            names = [name for name in names if before.get(name, ...) != self.settings.get(name, ...)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"expected an unfinished training in {self.folder}; its {RECORD} cannot be read: remove the folder, "
                "or choose another --output"
            ) from error
        if restart:
            self.remove()
        elif names:
            changes = "; ".join(f"{name} was {before.get(name)}, now {self.settings.get(name)}" for name in names)
            remedy = "give the same again to go on, --restart to begin anew, or another --output"
            raise InputError(f"{self.folder} holds an unfinished training of another kind: {changes}; {remedy}")

    def begin(self) -> None:
        """Write down which training it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / RECORD, json.dumps({"settings": self.settings}, indent=1).encode() + b"\n")

    @property
    def folds(self) -> int:
        """How many parts are held out in turns; 0 where one part is held out once."""
        return self.settings.get("folds", 0)

    def answers(self, fold: int) -> Path:
        """Return the file of what was answered on a fold; it is there when the fold is finished."""
        return self.folder / f"fold-{fold + 1}.json"

    def finished_folds(self) -> int:
        """Return how many folds are finished."""
        return sum(self.answers(fold).is_file() for fold in range(self.folds))

    def checkpoints(self) -> Path:
        """Return the folder of the training that comes next: that of a fold, or that of all texts."""
        if not self.folds:
            return self.folder
        done = self.finished_folds()
        return self.folder / (f"fold-{done + 1}" if done < self.folds else "all")

    def progress(self) -> tuple[int, int]:
        """Return how many epochs are finished, and how many batches of the next one."""
        try:
            record = json.loads((self.checkpoints() / PROGRESS).read_text(encoding="utf-8"))
            return int(record["finished"]), int(record.get("batches", 0))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0, 0

    def kept(self) -> str:
        """Say how far the training has come that is kept; nothing where none is.

        Example: "2 of 5 epochs and 17 batches"; with folds "3 of 5 folds, 2 of 5 epochs and 17 batches".
        """
        finished, batches = self.progress()
        told = [f"{done} of {self.folds} folds"] if (done := self.finished_folds()) else []
        if finished or batches:
            epochs = f"{finished} of {self.settings['epochs']} epochs"
            told.append(epochs + (f" and {batches:,} batches" if batches else ""))
        return ", ".join(told)

    def after_interruption(self) -> str:
        """Say what an interruption has left, and remove a folder that keeps nothing."""
        if kept := self.kept():
            return f"interrupted: {kept} finished and kept in {self.folder}; the same command goes on from there"
        if (self.folder / RECORD).exists():
            self.remove()
        return "interrupted before a batch was finished: nothing is kept"

    def remove(self) -> None:
        """Remove the folder."""
        with contextlib.suppress(OSError):
            if self.folds:
                remove_state(self.checkpoints(), RECORD, PROGRESS)
            remove_state(self.folder, RECORD, PROGRESS)


def digest_corpus(*corpora: Corpus) -> str:
    """Return a short word for texts, labels and classes."""
    digest = hashlib.sha256()
    for corpus in corpora:
        digest.update(json.dumps([corpus.texts, list(corpus.classes)]).encode())
        digest.update(np.asarray(corpus.labels, "<i8").tobytes())
    return digest.hexdigest()[:16]


def digest_encoder(folder: Path) -> str:
    """Return a short word for an encoder's configuration and weights."""
    digest = hashlib.sha256()
    for name in ("config.json", WEIGHTS):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
