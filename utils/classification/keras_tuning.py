"""Fine-tuning on Keras 3, any backend: the recipe of `utils.finetuning`, without ktrain and without Keras 2.

The same batches, schedule, loss and head as there. Two things differ: ktrain also moves Adam's β₁, from 0.95 down to
0.85 and back, where this keeps 0.9; and each backend draws the head and dropout from its own random numbers.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from utils import runtime
from utils.checks import positive_integer, positive_number
from utils.classification.evaluation import Evaluation
from utils.classification.keras_classifier import KerasClassifier, padded
from utils.classification.labels import check_pairs, number_classes
from utils.classification.progress import (
    SECONDS_BETWEEN_STATES,
    progress_bar,
    read_progress,
    read_state,
    write_progress,
)
from utils.classification.tokenizer import PlainTokenizer
from utils.classification.tokens import batches_by_length
from utils.schedules import one_cycle
from utils.weights.bert_classifier import load_bert_classifier


class KerasFineTuning:
    """A pre-trained encoder with a fresh classification head, and the texts that it is to learn from.

    Args:
        texts: N training texts.
        labels: N labels: words or whole numbers, of any number of classes.
        model: folder of a BERT, in TensorFlow's or PyTorch's safetensors format.
        max_length: longer texts are cut to this many tokens; `choose_max_length` finds one.
        classes: names of the classes, if labels count them; those that occur in labels otherwise.
        validation: (texts, labels) on which loss and accuracy are measured after each epoch.
        batch_size: texts in a step of training.
        seed: of the head's weights, the order of texts, and dropout; on one machine and backend it fixes every bit.
        pretrained: False draws all weights afresh: the same network, for comparison.

    Attributes:
        model: the `TextClassifier` in training, an ordinary model of Keras 3.

    Raises:
        TypeError: texts or labels are a single string, bytes, a mapping or a table.
        ValueError: labels and texts do not fit, max_length is beyond the encoder's positions, or it is no BERT.
    """

    def __init__(
        self,
        texts: Iterable[str],
        labels: Iterable[Any],
        model: str | Path,
        *,
        max_length: int,
        classes: Sequence[Any] | None = None,
        validation: tuple[Sequence[str], Sequence[Any]] | None = None,
        batch_size: int = 32,
        seed: int = 0,
        pretrained: bool = True,
    ) -> None:
        texts, labels = check_pairs(texts, labels)
        self.labels, self.classes = number_classes(labels, classes)
        self.folder, self.seed, self.pretrained, self.validation = Path(model), seed, pretrained, validation
        self.max_length = positive_integer("max_length", max_length)
        self.batch_size = positive_integer("batch_size", batch_size)
        keras.utils.set_random_seed(seed)
        self.model, _ = load_bert_classifier(self.folder, len(self.classes), seed=seed)
        if max_length > (most := self.model.config.max_length):
            raise ValueError(
                f"expected max_length of at most {most}, the positions of {self.folder.name}; received {max_length}"
            )
        if not pretrained:
            _draw_weights(self.model, seed)
        self.tokenizer = PlainTokenizer(self.folder)
        self.rows = self.tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        self.fresh_optimizer()
        self.history: dict[str, list[float]] = {}
        self._partial: dict[str, float] = {}  # sums over the batches of the epoch under way
        self._done = (0, 0)  # epochs, and batches of the next one
        self._answering: KerasClassifier | None = None

    def fresh_optimizer(self) -> None:
        """Compile the model anew, as is needed when other weights are to be trained than before."""
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"], jit_compile=runtime.jit_compile())
        self.model.optimizer.build(self.model.trainable_variables)

    def fit(
        self,
        learning_rate: float,
        epochs: int = 1,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
        seconds_between_states: float = SECONDS_BETWEEN_STATES,
    ) -> KerasClassifier:
        """Train with one cycle of the learning rate, which rises to its peak at half-time and falls again.

        Args:
            learning_rate: the peak.
            epochs: passes over the texts.
            checkpoints: folder that holds the state of the training, kept after each epoch, within a long one from
                time to time, and when Ctrl-C interrupts it between two steps; none is kept if None.
            resume: go on from that state, if there is one.
            progress: whether to show a progress bar.
            seconds_between_states: at least so many lie between two states that are kept within an epoch.

        Returns:
            The classifier. Its history holds loss, accuracy, val_loss, val_accuracy and seconds of each epoch.

        Raises:
            FileExistsError: checkpoints holds a finished epoch and resume is False.
            ValueError: what it holds was trained with other settings.
        """
        learning_rate, epochs = positive_number("learning_rate", learning_rate), positive_integer("epochs", epochs)
        settings = self._settings(learning_rate, epochs)
        self._take_up(checkpoints, settings, resume, epochs)
        steps = math.ceil(len(self.rows) / self.batch_size)
        rates = one_cycle(steps * epochs, learning_rate)
        self._trace()
        kept = time.monotonic()
        whole = True  # whether weights and counts belong together, so that they may be kept
        with progress_bar(
            progress, total=len(rates), initial=steps * self._done[0] + self._done[1], unit="batch"
        ) as bar:
            try:
                while self._done[0] < epochs:
                    epoch, first = self._done
                    bar.set_description(f"epoch {epoch + 1} of {epochs}")
                    batches = batches_by_length([len(row) for row in self.rows], self.batch_size, [self.seed, epoch])
                    for number, rows in enumerate(batches[first:], start=first):
                        whole = False
                        loss = self._learn(rows, rates[steps * epoch + number])
                        self._done, whole = (epoch, number + 1), True
                        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
                        bar.update(1)
                        if time.monotonic() - kept >= seconds_between_states and number + 1 < len(batches):
                            self._keep(checkpoints, settings)
                            kept = time.monotonic()
                    whole = False
                    self._end_epoch()
                    self._done, whole = (epoch + 1, 0), True
                    self._keep(checkpoints, settings)
                    kept = time.monotonic()
            except KeyboardInterrupt:
                if whole and self._done[1]:
                    self._keep(checkpoints, settings)
                raise
        return self.classifier(settings)

    def _learn(self, rows: np.ndarray, rate: float) -> float:
        """Take one step on these rows; return the mean loss before it."""
        begun = time.monotonic()
        ids = padded([self.rows[row] for row in rows], self.model.config)
        self.model.optimizer.learning_rate.assign(rate)
        figures = self.model.train_on_batch(ids, self.labels[rows], return_dict=True)
        share = {"loss": float(figures["loss"]), "accuracy": float(figures["accuracy"])}
        for name, value in share.items():
            self._partial[name] = self._partial.get(name, 0.0) + value * len(rows)
        self._partial["seconds"] = self._partial.get("seconds", 0.0) + time.monotonic() - begun
        return share["loss"]

    def _end_epoch(self) -> None:
        """Write down the epoch's figures."""
        figures = {name: self._partial[name] / len(self.rows) for name in ("loss", "accuracy")}
        if self.validation:
            evaluation = self.evaluate()
            figures |= {"val_loss": evaluation.loss, "val_accuracy": evaluation.accuracy}
        for name, value in {**figures, "seconds": self._partial["seconds"]}.items():
            self.history.setdefault(name, []).append(value)
        self._partial = {}

    def evaluate(self) -> Evaluation:
        """Return what the model, as it now is, says of the validation texts."""
        self._answering = self._answering or self.classifier()  # one for all epochs: it is compiled once
        return self._answering.evaluate(*self.validation)

    def classifier(self, settings: dict[str, Any] | None = None) -> KerasClassifier:
        """Return the model as it now is, with what is needed to use it."""
        details = {"training": settings or {}, "history": self.history}
        return KerasClassifier(self.model, self.tokenizer, self.classes, self.max_length, details)

    def _trace(self) -> None:
        """Let TensorFlow compile the step for batches of any shape, and change nothing.

        It compiles the first shape that it meets as it is, and the second for all shapes, which rounds otherwise. A
        training that is resumed would meet other shapes first and end with other weights in the last digits.
        """
        if keras.backend.backend() != "tensorflow":
            return
        before = self._state()
        for count, length in ((2, 8), (3, 16)):
            self.model.train_on_batch(np.ones((count, length), "int32"), np.zeros(count, "int64"))
        self._restore(before)

    def _variables(self) -> list[Any]:
        """Return all that a step changes: weights, dropout's seeds, the optimizer's moments and its count of steps."""
        return [*self.model.trainable_variables, *self.model.non_trainable_variables, *self.model.optimizer.variables]

    def _state(self) -> dict[str, np.ndarray]:
        variables = enumerate(self._variables())
        return {f"{place:05d}": np.array(ops.convert_to_numpy(variable)) for place, variable in variables}

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        variables = self._variables()
        if len(state) != len(variables):
            raise ValueError(f"expected {len(variables)} arrays in the kept state; received {len(state)}: remove it")
        for place, variable in enumerate(variables):
            variable.assign(state[f"{place:05d}"])

    def _keep(self, folder: str | Path | None, settings: dict[str, Any]) -> None:
        if folder:
            epoch, batches = self._done
            state = self._state()
            write_progress(folder, state, epoch, self.history, settings, batches=batches, partial=self._partial)

    def _take_up(self, folder: str | Path | None, settings: dict[str, Any], resume: bool, epochs: int) -> None:
        """Go on from the state in a folder, if there is one."""
        record = read_progress(folder, settings) if folder else None
        if not record:
            return
        if not resume:
            finished = f"finished epochs, {record['finished']} of {epochs}"
            raise FileExistsError(f"{folder} holds {finished}: pass resume=True to go on, or another folder")
        if "weights" in record:
            self._restore(read_state(folder, record))
        self._done = (record["finished"], record["batches"])
        self.history, self._partial = record["history"], dict(record["partial"])

    def _settings(self, learning_rate: float, epochs: int) -> dict[str, Any]:
        names = ("max_length", "batch_size", "seed", "pretrained", "classes")
        chosen = {name: getattr(self, name) for name in names}
        data = hashlib.sha256(json.dumps([self.rows, self.labels.tolist()]).encode()).hexdigest()[:16]
        encoder = hashlib.sha256((self.folder / "model.safetensors").read_bytes()).hexdigest()[:16]
        backend = keras.backend.backend()
        chosen |= {"learning_rate": learning_rate, "epochs": epochs, "data": data, "encoder": encoder}
        return {**chosen, "engine": "keras", "backend": backend}


def _draw_weights(model: Any, seed: int) -> None:
    """Replace all weights by such as BERT begins with: small normal ones, norms with scale 1, biases of 0."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "gamma" in weight.name or "beta" in weight.name or "bias" in weight.name:
            weight.assign(np.full(weight.shape, float("gamma" in weight.name), "float32"))
        else:
            weight.assign(0.02 * rng.standard_normal(weight.shape).astype("float32"))
