"""The folder beside the output that keeps an unfinished training, and what tells whether it is the same training."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from utils.corpora.corpus import Corpus
from utils.finetuning.command.errors import InputError
from utils.finetuning.encoders import WEIGHTS
from utils.finetuning.progress import PROGRESS

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
        if not self.folder.exists():
            return
        try:
            found = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))["settings"]
            names = sorted(name for name in found.keys() | self.settings.keys() if self._differs(found, name))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"expected an unfinished training in {self.folder}; its {RECORD} cannot be read"
            raise InputError(f"{told}: remove the folder, or choose another --output") from error
        if restart:
            self.remove()
        elif names:
            told = "; ".join(f"{name} was {found.get(name)}, now {self.settings.get(name)}" for name in names)
            remedy = "give the same again to go on, --restart to begin anew, or another --output"
            raise InputError(f"{self.folder} holds an unfinished training of another kind: {told}; {remedy}")

    def _differs(self, found: dict[str, Any], name: str) -> bool:
        return name not in found or name not in self.settings or found[name] != self.settings[name]

    def begin(self) -> None:
        """Write down which training it is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{RECORD}.draft"
        draft.write_text(json.dumps({"settings": self.settings}, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, self.folder / RECORD)

    def finished(self) -> int:
        """Return how many epochs are kept."""
        try:
            return int(json.loads((self.folder / PROGRESS).read_text(encoding="utf-8"))["finished"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def told(self) -> str:
        """Say what an interruption has left, and remove a folder that keeps nothing."""
        if finished := self.finished():
            told = f"{finished} of {self.settings['epochs']} epochs finished and kept in {self.folder}"
            return f"interrupted: {told}; the same command goes on from there"
        if (self.folder / RECORD).exists():
            self.remove()
        return "interrupted before the first epoch was finished: nothing is kept"

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


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
