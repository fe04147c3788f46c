"""Train the student on the teacher's values. Every draw follows from seed and step: a resumed run is the same run."""

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from tools.pretraining.corpus import Corpus, batches
from tools.pretraining.student import Batch, Student
from tools.pretraining.teacher import Targets, principal_axes
from utils.masked_words import hide

CONTEXT_AXES = 64
WEIGHTS = {"sentences": 1.0, "contexts": 1.0, "last": 1.0, "middle": 0.5, "masked": 0.1}
CLIP = 1.0


@dataclass(frozen=True)
class Plan:
    """How long and how fast the student learns.

    Attributes:
        steps: batches in all.
        batch_pieces: pieces of a batch, padding included.
        learning_rate: the highest, reached after the warm-up; it then falls to zero along a line.
        warm_up: steps.
        seed: of every draw.
        save_every: steps between two checkpoints.
        report_every: steps that one point of the curve is the mean of.
    """

    steps: int
    batch_pieces: int = 2048
    learning_rate: float = 1e-3
    warm_up: int = 500
    seed: int = 0
    save_every: int = 500
    report_every: int = 100

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * min((step + 1) / self.warm_up, (self.steps - step) / self.steps)


class Examples:
    """Makes the batch of any step from the corpus and the teacher's values."""

    def __init__(self, corpus: Corpus, targets: Targets, vocabulary_size: int, plan: Plan) -> None:
        """Compute what is the same for every step."""
        self.corpus, self.targets, self.plan, self.vocabulary_size = corpus, targets, plan, vocabulary_size
        sentences = np.asarray(targets.sentences, dtype=np.float32)
        self.contexts, self.has_context = context_vectors(sentences, corpus)
        self.centre = sentences.mean(0)
        self.scale = 1.0 / (sentences - self.centre).std()
        self.sizes: list[int] = []  # batches of each epoch so far
        self.epoch, self.groups = -1, []

    def _groups(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of items of one epoch, each epoch in another order."""
        if epoch != self.epoch:
            rng = np.random.default_rng([self.plan.seed, epoch])
            self.epoch, self.groups = epoch, batches(self.corpus.lengths, self.plan.batch_pieces, rng)
        return self.groups

    def batch(self, step: int) -> tuple[Batch, int]:
        """Return the batch of a step and how many items it has."""
        epoch, at = self._place(step)
        items = self._groups(epoch)[at]
        ids, mask = self.corpus.padded(items)
        read, hidden = hide(ids, mask, self.vocabulary_size, np.random.default_rng([self.plan.seed, 1, step]))
        positions = self.corpus.positions(items)
        arrays = {
            "ids": read,
            "mask": mask,
            "hidden": hidden,
            "originals": ids[hidden],
            "sentences": (self.targets.sentences[items].astype(np.float32) - self.centre) * self.scale,
            "contexts": self.contexts[items],
            "has_context": self.has_context[items],
            "last": self.targets.last[positions].astype(np.float32),
            "middle": self.targets.middle[positions].astype(np.float32),
        }
        return Batch(**{name: torch.from_numpy(array) for name, array in arrays.items()}), len(items)

    def _place(self, step: int) -> tuple[int, int]:
        """Return (epoch, place in it) of a step; the number of batches may differ from epoch to epoch."""
        epoch = 0
        while step >= self._size(epoch):
            step, epoch = step - self._size(epoch), epoch + 1
        return epoch, step

    def _size(self, epoch: int) -> int:
        """Return the number of batches of an epoch; counted once, because making them takes a while."""
        if epoch == len(self.sizes):
            self.sizes.append(len(self._groups(epoch)))
        return self.sizes[epoch]


def context_vectors(sentences: np.ndarray, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each sentence, the mean vector of the other sentences of its document, on principal axes.

    What the rest of a review says, in the mean, depends on what kind of film it is and on whether it pleased: a
    sentence that is to foretell it must be read for both, and no label is needed.

    Args:
        sentences: (N, W), the teacher's sentence vectors.
        corpus: says which document each is from; passages, which repeat sentences, are left out.

    Returns:
        (contexts (N, CONTEXT_AXES) float32 with mean variance 1, whether there is one (N,)).
    """
    single = ~corpus.passages
    documents = corpus.documents[single]
    sums = np.zeros((corpus.documents.max() + 1, sentences.shape[1]), dtype=np.float32)
    np.add.at(sums, documents, sentences[single])
    others = np.bincount(documents, minlength=len(sums))[corpus.documents] - 1
    known = single & (others > 0)
    means = (sums[corpus.documents] - sentences) / np.maximum(others, 1)[:, None]
    centre, axes = principal_axes(means[known], min(CONTEXT_AXES, sentences.shape[1]))
    return np.where(known[:, None], (means - centre) @ axes, 0.0).astype(np.float32), known


@contextlib.contextmanager
def stop_between_steps() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and a request to terminate into an answer that can be asked for between two steps."""
    asked = []
    old = {kind: signal.signal(kind, lambda *_: asked.append(True)) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for kind, handler in old.items():
            signal.signal(kind, handler)


class Trainer:
    """Takes the student from step to step, and from a checkpoint on disk to the next."""

    def __init__(self, student: Student, examples: Examples, plan: Plan, path: Path) -> None:
        """Prepare; if a checkpoint is there, go on from it.

        Args:
            student: changed in place.
            examples: makes the batches.
            plan: how long and how fast.
            path: of the checkpoint.
        """
        self.student, self.examples, self.plan, self.path = student, examples, plan, path
        self.optimiser = torch.optim.AdamW(student.parameters(), lr=plan.learning_rate, weight_decay=0.01, fused=True)
        self.step, self.seconds, self.items = 0, 0.0, 0
        self.curve: list[dict[str, float]] = []
        self.recent: list[dict[str, float]] = []
        if path.is_file():
            self._load()

    def run(self) -> None:
        """Train to the end of the plan, or until an interrupt: the step under way is done, the checkpoint written."""
        bar = tqdm(total=self.plan.steps, initial=self.step, desc="student", unit=" steps")
        with stop_between_steps() as stop, bar:
            while self.step < self.plan.steps and not stop():
                started = time.perf_counter()
                self._take_step()
                self.seconds += time.perf_counter() - started
                bar.update()
                if self.step % self.plan.report_every == 0 or self.step == self.plan.steps:
                    self._report(bar)
                if self.step % self.plan.save_every == 0:
                    self._save()
        self._save()

    def _take_step(self) -> None:
        """Do one step: forward, backward, update."""
        batch, items = self.examples.batch(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate(self.step)
        self.student.train()
        losses = self.student.losses(batch)
        total = sum(WEIGHTS[name] * loss for name, loss in losses.items())
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the loss is {total.item()} at step {self.step}; try a lower --learning-rate")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), CLIP)
        self.optimiser.step()
        self.step, self.items = self.step + 1, self.items + items
        self.recent.append({name: loss.item() for name, loss in losses.items()})

    def _report(self, bar: tqdm) -> None:
        """Add the mean of the recent losses to the curve."""
        means = {name: round(float(np.mean([row[name] for row in self.recent])), 4) for name in self.recent[0]}
        self.curve.append({"step": self.step, "seconds": round(self.seconds, 1), **means})
        self.recent = []
        bar.set_postfix(means)

    def _save(self) -> None:
        """Write the checkpoint, all or nothing."""
        state = {"student": self.student.state_dict(), "optimiser": self.optimiser.state_dict()}
        counts = {name: getattr(self, name) for name in ("step", "seconds", "items", "curve", "recent")}
        draft = self.path.with_suffix(".draft")
        torch.save(state | counts, draft)
        draft.replace(self.path)

    def _load(self) -> None:
        """Read the checkpoint."""
        state = torch.load(self.path, weights_only=True)
        self.student.load_state_dict(state.pop("student"))
        self.optimiser.load_state_dict(state.pop("optimiser"))
        for name, value in state.items():
            setattr(self, name, value)
