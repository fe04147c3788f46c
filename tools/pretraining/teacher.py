"""What the teacher says of every item, computed once and kept on disk, so that the student's epochs need no teacher.

For each item its sentence vector, as the teacher was trained to give it: the mean over its pieces of the last hidden
states, normalised. For each piece its hidden state after the last and after a middle layer, on principal axes.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import BertModel

from tools.pretraining.corpus import Corpus, batches
from utils.files import write_whole

FILES = ("config.json", "vocab.txt", "model.safetensors")
LAST_AXES, MIDDLE_AXES = 128, 64
BASIS_BATCHES = 40  # random batches whose hidden states give the principal axes
BATCH_PIECES = 2048
FLUSH_EVERY = 50  # batches between two notes of progress


@dataclass(frozen=True)
class Targets:
    """The teacher's values, float16, memory-mapped.

    Attributes:
        sentences: (N, teacher's width), unit vectors.
        last: (P, LAST_AXES), of the pieces of `Corpus.ids`; variances near 1 in the mean.
        middle: (P, MIDDLE_AXES), likewise.
    """

    sentences: np.ndarray
    last: np.ndarray
    middle: np.ndarray


def find_files(folder: Path) -> list[Path]:
    """Return the files that make up a teacher.

    Raises:
        FileNotFoundError: one is missing.
    """
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise FileNotFoundError(f"expected a BERT encoder in {folder}; missing: {', '.join(missing)}")
    return [folder / name for name in FILES]


def load_teacher(folder: Path) -> BertModel:
    """Load the teacher in bfloat16, ready to be asked.

    Raises:
        FileNotFoundError: a file of the folder is missing.
    """
    find_files(folder)
    teacher = BertModel.from_pretrained(folder, add_pooling_layer=False)
    return teacher.eval().to(torch.bfloat16)


@torch.inference_mode()
def ask(teacher: BertModel, ids: np.ndarray, mask: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Run the teacher on a batch.

    Args:
        teacher: as `load_teacher` returns it.
        ids: (B, T) in the teacher's own vocabulary.
        mask: (B, T), True for a piece.

    Returns:
        (sentence vectors (B, width), last hidden states (pieces, width), middle ones (pieces, width)), float32.
    """
    kept = torch.from_numpy(mask)
    output = teacher(torch.from_numpy(ids), attention_mask=kept.long(), output_hidden_states=True)
    last, middle = output.last_hidden_state.float(), output.hidden_states[middle_layer(teacher)].float()
    means = (last * kept[..., None]).sum(1) / kept.sum(1, keepdim=True)
    return torch.nn.functional.normalize(means, dim=-1), last[kept], middle[kept]


def middle_layer(teacher: BertModel) -> int:
    """Return after which layer the middle hidden states are taken: half of them."""
    return max(1, teacher.config.num_hidden_layers // 2)


def principal_axes(states: np.ndarray, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (centre (D,), map (D, axes)) onto principal axes, each divided by the root of its standard deviation.

    That lies between keeping the variances, where a few axes drown the others, and making all equal, where noise
    counts as much as meaning. The map is scaled so that the axes' mean variance is 1.
    """
    centre = states.mean(0)
    values, vectors = np.linalg.eigh(np.cov((states - centre).T))
    chosen = np.argsort(values)[::-1][:axes]
    deviations = np.sqrt(np.maximum(values[chosen], 1e-12))
    return centre, vectors[:, chosen] / np.sqrt(deviations * deviations.mean())


class TargetStore:
    """Fills and reads the folder that keeps the teacher's values."""

    def __init__(self, folder: Path, corpus: Corpus, width: int) -> None:
        """Describe the store.

        Args:
            folder: where the files lie.
            corpus: the items.
            width: the teacher's.
        """
        self.folder, self.corpus = folder, corpus
        pieces = len(corpus.ids)
        self.shapes = {
            "sentences": (len(corpus), width),
            "last": (pieces, min(LAST_AXES, width)),
            "middle": (pieces, min(MIDDLE_AXES, width)),
        }

    def open(self) -> Targets:
        """Return the targets, read-only."""
        return Targets(**{name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in self.shapes})

    def fill(self, teacher: BertModel, teacher_ids: np.ndarray, seed: int) -> Targets:
        """Ask the teacher about every item that has no values yet; what is interrupted goes on where it stopped.

        Args:
            teacher: as `load_teacher` returns it.
            teacher_ids: (V,), the teacher's id of each of the student's pieces.
            seed: of the order of the batches.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        work = batches(self.corpus.lengths, BATCH_PIECES, np.random.default_rng(seed))
        axes = self._axes(teacher, teacher_ids, work)
        arrays = {name: self._array(name) for name in self.shapes}
        done, seconds = self.progress()
        started = time.perf_counter()
        for at in tqdm(range(done, len(work)), initial=done, total=len(work), desc="teacher", unit=" batches"):
            self._store(arrays, axes, work[at], self._ask(teacher, teacher_ids, work[at]))
            if (at + 1) % FLUSH_EVERY == 0 or at + 1 == len(work):
                self._note(arrays, at + 1, seconds + time.perf_counter() - started)
        return self.open()

    def _ask(self, teacher: BertModel, teacher_ids: np.ndarray, items: np.ndarray) -> tuple[torch.Tensor, ...]:
        ids, mask = self.corpus.padded(items)
        return ask(teacher, teacher_ids[ids], mask)

    def _store(self, arrays: dict, axes: dict, items: np.ndarray, values: tuple[torch.Tensor, ...]) -> None:
        """Write one batch's values to where they belong."""
        sentences, last, middle = (value.numpy() for value in values)
        positions = self.corpus.positions(items)
        arrays["sentences"][items] = sentences
        for name, states in (("last", last), ("middle", middle)):
            arrays[name][positions] = (states - axes[f"{name}_centre"]) @ axes[f"{name}_map"]

    def _axes(self, teacher: BertModel, teacher_ids: np.ndarray, work: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the principal axes, computed from the first batches or read from the folder."""
        path = self.folder / "axes.npz"
        if not path.is_file():
            answers = [self._ask(teacher, teacher_ids, items) for items in work[:BASIS_BATCHES]]
            found = {}
            for at, name in ((1, "last"), (2, "middle")):
                states = torch.cat([answer[at] for answer in answers]).numpy()
                found[f"{name}_centre"], found[f"{name}_map"] = principal_axes(states, self.shapes[name][1])
            draft = path.with_suffix(".draft.npz")
            np.savez(draft, **{name: array.astype("float32") for name, array in found.items()})
            draft.replace(path)
        with np.load(path) as file:
            return dict(file)

    def _array(self, name: str) -> np.ndarray:
        """Open the file of one kind of values for writing, or make it."""
        path = self.folder / f"{name}.npy"
        if path.is_file():
            return np.load(path, mmap_mode="r+")
        return np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=self.shapes[name])

    def progress(self) -> tuple[int, float]:
        """Return how many batches are done, and the seconds that they took."""
        path = self.folder / "done.json"
        done = json.loads(path.read_text()) if path.is_file() else {"batches": 0, "seconds": 0.0}
        return done["batches"], done["seconds"]

    def _note(self, arrays: dict[str, np.ndarray], batches_done: int, seconds: float) -> None:
        """Write to disk what there is, then note it: the note never runs ahead of the values."""
        for array in arrays.values():
            array.flush()
        write_whole(self.folder / "done.json", json.dumps({"batches": batches_done, "seconds": round(seconds, 1)}))
