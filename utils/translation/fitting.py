"""Training an encoder-decoder on pairs: it resumes where it was stopped, and a kill loses minutes, not the run.

A run lives in a folder: `vocabulary.json`; `last.npz` with the weights, the optimiser's state, the curve and the
settings, one file that is replaced whole; and after each epoch `translator.npz`, the mean of the last epochs' weights,
which is all that `Translator.load` needs beside the vocabulary.
"""

import contextlib
import dataclasses
import json
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from utils import runtime
from utils.files import write_whole
from utils.schedules import InverseSquareRoot
from utils.training import masked_accuracy, masked_loss, mean_weights, smoothed_loss
from utils.transformer import Transformer, TransformerConfig
from utils.translation.batches import PairRows, token_batches
from utils.translation.pairs import Pairs
from utils.translation.translator import VOCABULARY, Translator, npz
from utils.translation.vocabulary import Vocabulary

LAST = "last.npz"
LONGEST = 256  # tokens of a sentence


class TrainingError(RuntimeError):
    """A training cannot go on; the message says where it stopped, what is kept and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides a run, all of it. The defaults are those of the book's translator.

    Sizes are those of *Transformer-Tiny* in Wu et al. (2021), "Good for Misconceived Reasons", arXiv:2105.14462. Layers
    normalise first, though the paper's normalise last: a run of 22 epochs with those, and a peak of 0.004, ended with
    an encoder that wrote nearly the same vector for every token of a sentence.

    Args:
        vocabulary_size: pieces of the joint vocabulary.
        d_model, num_layers, num_heads, intermediate_dim, dropout, norm_first: of the model.
        label_smoothing: ε of the loss.
        peak, warmup_steps: of the learning rate.
        beta_2: of Adam.
        clip: longest gradient, as the norm over all weights.
        batch_tokens: padded size of a batch, in target or source tokens, whichever is more.
        seed: of the weights, the batches and dropout.
    """

    vocabulary_size: int = 6_000
    d_model: int = 128
    num_layers: int = 4
    num_heads: int = 4
    intermediate_dim: int = 256
    dropout: float = 0.3
    norm_first: bool = True
    label_smoothing: float = 0.1
    peak: float = 3e-3
    warmup_steps: int = 1_000
    beta_2: float = 0.98
    clip: float = 1.0
    batch_tokens: int = 2_048
    seed: int = 0

    def model(self, vocabulary: Vocabulary) -> Transformer:
        """Return the model with its initial weights, which the seed decides."""
        keras.utils.set_random_seed(self.seed)
        config = TransformerConfig(
            vocabulary_size=len(vocabulary),
            d_model=self.d_model,
            num_layers=self.num_layers,
            num_heads=self.num_heads,
            intermediate_dim=self.intermediate_dim,
            dropout=self.dropout,
            norm_first=self.norm_first,
            max_length=LONGEST,
            pad_id=vocabulary.pad_id,
            start_id=vocabulary.start_id,
        )
        return Transformer(config)


class Fitting:
    """One run of training in a folder; made again with the same folder, it goes on where it was.

    Args:
        folder: of the run, made if need be.
        train: the pairs to learn from.
        settings: of the run. A folder that holds a run with others is refused.

    Raises:
        TrainingError: the folder holds a run with other settings, pairs or vocabulary, or a broken file.
    """

    def __init__(self, folder: Path, train: Pairs, settings: Settings = Settings()):
        self.folder, self.settings = Path(folder), settings
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / VOCABULARY
        if path.exists():
            self.vocabulary = Vocabulary.load(path)
        else:
            self.vocabulary = Vocabulary.train([*train.source, *train.target], settings.vocabulary_size)
            write_whole(path, self.vocabulary.to_json())
        self.rows = PairRows(train, self.vocabulary)
        kept = self._read_kept()
        self.model = settings.model(self.vocabulary)
        rate = InverseSquareRoot(settings.d_model, settings.warmup_steps, settings.peak)
        adam = keras.optimizers.Adam(rate, beta_2=settings.beta_2, epsilon=1e-9, global_clipnorm=settings.clip)
        self.model.compile(adam, loss=self._loss, jit_compile=runtime.jit_compile())
        adam.build(self.model.trainable_variables)
        self.epoch, self.batch, self.seconds = 0, 0, 0.0  # finished epochs, finished batches of this one, of training
        self.curve: list[dict[str, Any]] = []
        self.recent: list[list[np.ndarray]] = []  # weights at the end of the last epochs
        self._sum = np.zeros(2)  # loss times tokens, and tokens, of this epoch
        self._whole = True  # whether weights and counts agree and are sound, so that they may be kept
        if kept is not None:
            self._restore(*kept)

    def _loss(self, labels: Any, logits: Any) -> Any:
        return smoothed_loss(labels, logits, self.settings.label_smoothing, self.vocabulary.pad_id)

    @property
    def about(self) -> dict[str, Any]:
        """Return what a run depends on, to tell it from others."""
        return {
            "settings": dataclasses.asdict(self.settings),
            "vocabulary": self.vocabulary.digest(),
            "pairs": len(self.rows),
        }

    def fit(
        self,
        *,
        epochs: int,
        seconds: float = np.inf,
        keep_every: float = 240.0,
        recent: int = 5,
        after_epoch: Callable[[Translator], dict[str, Any]] | None = None,
        progress: bool = True,
    ) -> None:
        """Train until so many epochs are done, or so many seconds have passed; then, and on Ctrl-C, all is kept.

        Ctrl-C ends the training after the batch under way; a second one at once, without keeping that batch.

        Args:
            epochs: passes over the pairs, those of earlier calls included.
            seconds: of this call; the batch under way is finished.
            keep_every: seconds between two files.
            recent: at the end of how many epochs the weights are averaged.
            after_epoch: returns figures to add to the epoch's line of the curve, given the mean of the last epochs.
            progress: whether to show a bar with tokens a second and the time left.

        Raises:
            TrainingError: the loss or a weight is no longer a number, or the disk is full. The message names step, rate
                and rows, or the file; the last good file is kept.
            KeyboardInterrupt: after Ctrl-C.
        """
        if self.epoch < epochs:
            self._trace()
        begun = kept = time.monotonic()
        try:
            with held_back_interrupt() as check_interrupt:
                for _ in self._steps(epochs, recent, after_epoch, progress):
                    check_interrupt()
                    now = time.monotonic()
                    if now - begun >= seconds:
                        break
                    if now - kept > keep_every:
                        self.keep()
                        kept = time.monotonic()
        finally:
            if self._whole:
                self.keep()

    def _steps(
        self, epochs: int, recent: int, after_epoch: Callable[[Translator], dict[str, Any]] | None, progress: bool
    ) -> Iterator[None]:
        """Train until so many epochs are done; pause after each step, when the run may be kept or left."""
        while self.epoch < epochs:
            batches = token_batches(self.rows.lengths, self.settings.batch_tokens, self._generator())
            with self._bar(batches, epochs, progress) as bar:
                while self.batch < len(batches):
                    rows = batches[self.batch]
                    self._learn(rows)
                    bar.update(self.rows.count(rows))
                    bar.set_postfix(loss=f"{self._sum[0] / self._sum[1]:.3f}", refresh=False)
                    yield
            self._end_epoch(recent, after_epoch)
            yield

    def _bar(self, batches: Sequence[np.ndarray], epochs: int, progress: bool) -> tqdm:
        """Return the bar of an epoch, which counts tokens to write."""
        return tqdm(
            total=self.rows.count(slice(None)),
            initial=sum(map(self.rows.count, batches[: self.batch])),
            desc=f"epoch {self.epoch + 1} of {epochs}",
            unit=" tokens",
            unit_scale=True,
            disable=None if progress else True,
            mininterval=1,
        )

    def _trace(self) -> None:
        """Let TensorFlow compile the step for batches of any shape, and change nothing.

        It compiles the first shape that it meets as it is, and the second for all shapes, which rounds otherwise. A run
        that resumed would meet other shapes first and end with other weights in the last digits.
        """
        if keras.backend.backend() != "tensorflow":
            return
        before = [np.array(ops.convert_to_numpy(variable)) for variable in self._variables()]
        for rows, length in ((2, 4), (3, 8)):
            ids = np.full((rows, length), self.vocabulary.unknown_id, "int32")
            ids[:, 0] = self.vocabulary.start_id
            self.model.train_on_batch((ids, ids), ids)
        for variable, value in zip(self._variables(), before, strict=True):
            variable.assign(value)

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, self.epoch])

    def _learn(self, rows: np.ndarray) -> None:
        """Take one step on these rows, and count it."""
        self._whole, start = False, time.monotonic()
        inputs, labels = self.rows.batch(rows)
        loss = float(self.model.train_on_batch(inputs, labels))
        if not np.isfinite(loss):
            step = int(self.model.optimizer.iterations)
            rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
            raise TrainingError(
                f"the loss is {loss} at step {step}, learning rate {rate:.2g}, rows {sorted(rows.tolist())[:8]} and "
                f"{max(len(rows) - 8, 0)} more. {self.folder / LAST} holds the run as it was before. Begin in a new "
                "folder with a lower peak or a longer warm-up"
            )
        count = self.rows.count(rows)
        self._sum += loss * count, count
        self.batch += 1
        self.seconds += time.monotonic() - start
        self._whole = True

    def _end_epoch(self, recent: int, after_epoch: Callable[[Translator], dict[str, Any]] | None) -> None:
        self._whole = False
        self.epoch, self.batch = self.epoch + 1, 0
        line = {
            "epoch": self.epoch,
            "steps": int(self.model.optimizer.iterations),
            "seconds": round(self.seconds, 1),
            "loss": round(float(self._sum[0] / self._sum[1]), 4),
        }
        self._sum = np.zeros(2)
        self.recent = [*self.recent, [np.array(w) for w in self.model.get_weights()]][-recent:]
        translator = self.translator()
        translator.save(self.folder)
        if after_epoch is not None:
            line |= after_epoch(translator)
        self.curve.append(line)
        self._whole = True
        self.keep()

    def keep(self) -> None:
        """Write the run to its folder: the old file or the new one is there, whole, whenever it is killed.

        Raises:
            TrainingError: a weight is no longer a number, or the file cannot be written; the old file is kept.
        """
        path = self.folder / LAST
        state = {
            "about": self.about,
            "epoch": self.epoch,
            "batch": self.batch,
            "seconds": self.seconds,
            "curve": self.curve,
            "sum": self._sum.tolist(),
            "recent": len(self.recent),
        }
        arrays = {f"model-{number}": np.asarray(ops.convert_to_numpy(v)) for number, v in enumerate(self._variables())}
        for age, weights in enumerate(self.recent):
            arrays |= {f"recent-{age}-{number}": weight for number, weight in enumerate(weights)}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            self._whole = False
            raise TrainingError(
                f"after step {int(self.model.optimizer.iterations)} a weight is no longer a number. {path} holds the "
                "run as it was before. Begin in a new folder with a lower peak or a longer warm-up"
            )
        try:
            write_whole(path, npz(state=json.dumps(state), **arrays))
        except OSError as error:
            self._whole = False
            raise TrainingError(
                f"{path}: the run cannot be written ({error.strerror or error}). What an earlier minute kept there is "
                "whole. Free the disk or mend the folder; the same command then goes on from it"
            ) from error

    def translator(self) -> Translator:
        """Return a translator with the mean of the weights at the end of the last epochs, at least one of which ended.

        Its model is another than the one in training, which goes on with its own weights.
        """
        model = Transformer(self.model.config)
        model.set_weights(mean_weights(self.recent))
        return Translator(model, self.vocabulary)

    def _variables(self) -> list[Any]:
        """Return all that a step changes: weights, dropout's seeds, the optimiser's moments and its count of steps."""
        return [*self.model.trainable_variables, *self.model.non_trainable_variables, *self.model.optimizer.variables]

    def _read_kept(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return state and arrays of the run in the folder, or None; refuse one with other settings."""
        path = self.folder / LAST
        if not path.exists():
            return None
        state, arrays = _read(path)
        if state["about"] != self.about:
            differ = [
                f"{name} {state['about'].get(name)!r}, not {value!r}"
                for name, value in self.about.items()
                if state["about"].get(name) != value
            ]
            raise TrainingError(
                f"{path}: expected a run with the same settings; it has {'; '.join(differ)}. Begin in a new folder"
            )
        return state, arrays

    def _restore(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        for number, variable in enumerate(self._variables()):
            variable.assign(arrays[f"model-{number}"])
        self.epoch, self.batch, self.seconds = state["epoch"], state["batch"], state["seconds"]
        self.curve, self._sum = state["curve"], np.array(state["sum"])
        self.recent = _recent(state, arrays, len(self.model.get_weights()))


def read_run(folder: Path) -> tuple[dict[str, Any], Translator]:
    """Return what a run has kept, while it goes on or later: how far it came, and its translator.

    Returns:
        (state, translator): a dictionary with the entries "about" (settings, vocabulary, pairs), "epoch" and "curve",
        and the translator with the mean of the last epochs' weights.

    Raises:
        TrainingError: there is no run, it has not ended an epoch, or a file is broken or of another run.
    """
    path = Path(folder) / LAST
    if not path.is_file():
        raise TrainingError(f"{path}: there is no such file; `make translation` begins a run")
    state, arrays = _read(path)
    if not state["recent"]:
        raise TrainingError(f"{path}: the run has not ended its first epoch; train on")
    vocabulary = Vocabulary.load(path.with_name(VOCABULARY))
    if vocabulary.digest() != state["about"]["vocabulary"]:
        raise TrainingError(
            f"{path.with_name(VOCABULARY)}: expected the vocabulary that the run began with; put it back"
        )
    model = Settings(**state["about"]["settings"]).model(vocabulary)
    model.set_weights(mean_weights(_recent(state, arrays, len(model.get_weights()))))
    return state, Translator(model, vocabulary)


def _recent(state: dict[str, Any], arrays: dict[str, np.ndarray], count: int) -> list[list[np.ndarray]]:
    """Return the weights at the end of the last epochs, `count` arrays of each."""
    return [[arrays[f"recent-{age}-{number}"] for number in range(count)] for age in range(state["recent"])]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return state and arrays of a run."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return json.loads(str(kept["state"])), {name: kept[name] for name in kept.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: expected a run that training wrote; {error}. Begin in a new folder") from error


@contextlib.contextmanager
def held_back_interrupt() -> Iterator[Callable[[], None]]:
    """Hold the first Ctrl-C back until the function that it gives is called, so that no step is cut in half.

    Outside the main thread, where Python delivers no signals, nothing is held back, nor where Ctrl-C is ignored.
    """
    asked = []

    def note(number: int, frame: Any) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def validation(translator: Translator, pairs: Pairs, batch_tokens: int = 8_192) -> dict[str, float]:
    """Return the loss in nats a token, without smoothing, and the share of tokens with the highest score."""
    rows, pad_id = PairRows(pairs, translator.vocabulary), translator.vocabulary.pad_id
    sums = np.zeros(3)
    for batch in token_batches(rows.lengths, batch_tokens, np.random.default_rng(0)):
        inputs, labels = rows.batch(batch)
        logits = translator.model(inputs, training=False)
        loss, accuracy = masked_loss(labels, logits, pad_id), masked_accuracy(labels, logits, pad_id)
        count = rows.count(batch)
        sums += count * float(loss), count * float(accuracy), count
    loss, accuracy = (round(float(value), 4) for value in sums[:2] / sums[2])
    return {"validation_loss": loss, "validation_accuracy": accuracy}
