"""How far a training is: the bar, the state on disk from which it goes on, and its schedule taken up in the middle."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from utils.classification.progress import SECONDS_BETWEEN_STATES, read_state, write_progress
from utils.finetuning.networks import assign_weights, weight_name

_OPTIMIZER = "optimizer/"


def save_progress(
    folder: str | Path,
    model: Any,
    finished: int,
    history: Mapping[str, list],
    settings: Mapping[str, Any],
    *,
    batches: int = 0,
    partial: Mapping[str, float] | None = None,
) -> None:
    """Keep the state of a training, so that an interruption at any moment leaves the last one that was kept intact.

    Args:
        folder: is made if need be; holds one fine-tuning.
        model: compiled Keras 2 model; its weights and its optimizer's are kept, in safetensors format.
        finished: number of finished epochs.
        history: figures of each finished epoch.
        settings: what must be the same when training goes on.
        batches: how many batches of the next epoch are done.
        partial: its figures so far, means over those batches and their seconds.
    """
    arrays = {weight_name(variable): variable.numpy() for variable in model.weights}
    for place, array in enumerate(model.optimizer.get_weights()):
        arrays[f"{_OPTIMIZER}{place:04d}"] = np.array(array)
    write_progress(folder, arrays, finished, history, settings, batches=batches, partial=partial)


def restore_progress(folder: str | Path, model: Any, record: Mapping[str, Any]) -> None:
    """Give a model and its optimizer the state that was kept last.

    Args:
        folder: as for `save_progress`.
        model: compiled, with the same network.
        record: as `read_progress` returns it.

    Raises:
        ValueError: the file is gone or does not fit the network.
    """
    arrays = read_state(folder, record)
    state = [arrays.pop(name) for name in sorted(arrays) if name.startswith(_OPTIMIZER)]
    assign_weights(model, arrays)
    model.optimizer._create_all_weights(model.trainable_variables)
    model.optimizer.set_weights(state)


def steps_of_epoch(learner: Any) -> int:
    """Return how many batches one epoch of a ktrain learner has."""
    return math.ceil(learner.train_data.nsamples() / learner.batch_size)


class Recorder:
    """Writes down each epoch's figures, and keeps the state after each epoch, from time to time, and on Ctrl-C.

    Args:
        model: the network in training, its optimizer in the state of the last batch.
        history: lists of figures, one for each finished epoch, "seconds" among them; is added to.
        keep: takes the number of finished epochs, that of batches of the next one, and its figures so far.
        sizes: takes the number of an epoch and returns how many texts each of its batches has.
        finished: epochs that are done before this training.
        batches: batches of the next one that are done.
        partial: figures of those.
        seconds: at least so many lie between two states that are kept within an epoch.
    """

    def __init__(
        self,
        model: Any,
        history: dict[str, list[float]],
        keep: Callable[[int, int, dict[str, float]], None],
        sizes: Callable[[int], Sequence[int]],
        *,
        finished: int = 0,
        batches: int = 0,
        partial: Mapping[str, float] | None = None,
        seconds: float = SECONDS_BETWEEN_STATES,
    ) -> None:
        self.model, self.history, self.keep, self.sizes = model, history, keep, sizes
        self.finished, self.batches, self.first, self.partial = finished, batches, batches, dict(partial or {})
        self.seconds, self._figures = seconds, self.partial
        self._sizes = list(sizes(finished))
        self._iterations = int(model.optimizer.iterations) - batches  # of the optimizer, when this epoch began
        self._began = self._last_kept = time.monotonic()

    def callback(self) -> Any:
        """Return the callback of Keras 2."""
        from tf_keras.callbacks import LambdaCallback

        return LambdaCallback(
            on_epoch_begin=self._begin_epoch, on_batch_end=self._end_batch, on_epoch_end=self._end_epoch
        )

    def _begin_epoch(self, epoch: int, logs: Any) -> None:
        self._began = self._last_kept = time.monotonic()

    def _end_batch(self, batch: int, logs: Mapping[str, float]) -> None:
        self.batches += 1
        self._figures = self._merged(logs)
        if time.monotonic() - self._last_kept >= self.seconds:
            self._keep_within_epoch()

    def _keep_within_epoch(self) -> None:
        """Keep the state unless the epoch's batches are all done: it then ends with the validation, in a moment."""
        if self.batches < len(self._sizes):
            self.keep(self.finished, self.batches, self._figures)
        self._last_kept = time.monotonic()

    def _end_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        for name, value in self._merged(logs).items():
            self.history.setdefault(name, []).append(value)
        self._iterations += self.batches
        self.finished, self.batches, self.first, self.partial = self.finished + 1, 0, 0, {}
        self._sizes = list(self.sizes(self.finished))
        self.keep(self.finished, 0, {})

    def keep_interrupted(self) -> None:
        """Keep the state in which an interruption has found the training, if it has done a batch.

        The interruption comes where Python has the word: mostly right after a batch that `_end_batch` has not heard of
        yet. The optimizer has counted it, and the model's metrics hold it.
        """
        done = int(self.model.optimizer.iterations) - self._iterations
        if done == self.batches + 1:
            self._end_batch(done - 1, {metric.name: float(metric.result()) for metric in self.model.metrics})
        if done == self.batches > self.first:
            self._keep_within_epoch()

    def _merged(self, logs: Mapping[str, float]) -> dict[str, float]:
        """Return figures over the whole epoch so far, those of the batches before an interruption included."""
        figures = {name: float(value) for name, value in logs.items()}
        if self.first:
            before = sum(self._sizes[: self.first]) / sum(self._sizes[: self.batches])
            for name in figures.keys() & self.partial.keys():
                figures[name] = before * self.partial[name] + (1 - before) * figures[name]
        return {**figures, "seconds": self.partial.get("seconds", 0.0) + time.monotonic() - self._began}


def bar_callback(bar: tqdm, finished: int, epochs: int) -> Any:
    """Return a callback that moves a progress bar by one for each batch and shows the loss."""
    from tf_keras.callbacks import LambdaCallback

    numbers = iter(range(finished + 1, epochs + 1))

    def show(batch: int, logs: dict[str, Any]) -> None:
        bar.set_postfix(loss=f"{logs.get('loss', math.nan):.4f}", refresh=False)
        bar.update(1)

    def describe(epoch: int, logs: Any) -> None:
        bar.set_description(f"epoch {next(numbers)} of {epochs}")

    return LambdaCallback(on_batch_end=show, on_epoch_begin=describe)


def continue_onecycle(
    learner: Any,
    learning_rate: float,
    epochs: int,
    finished: int,
    batches: int,
    callbacks: list[Any],
    begin_at: Callable[[int, int], None],
) -> None:
    """Do the remaining epochs of ktrain's `fit_onecycle`, which itself can only begin at the beginning.

    The same schedule is made as there, played through the batches that are done, and given to the same `fit`.

    Args:
        learner: a ktrain learner whose model and optimizer are as after the batches that are done; its `history`
            has afterwards the whole cycle's learning rates under "lr" and momenta under "momentum".
        learning_rate: the highest of the cycle.
        epochs: of the whole cycle.
        finished: how many of them are done.
        batches: how many batches of the next one are done.
        callbacks: further Keras 2 callbacks.
        begin_at: takes an epoch and a batch, with which the next training on the learner's data is to begin.
    """
    from tf_keras import backend
    from tf_keras.callbacks import LambdaCallback

    steps = steps_of_epoch(learner)
    cycle, optimizer = _onecycle(learner, learning_rate, epochs), learner.model.optimizer
    cycle.set_model(learner.model)
    cycle.on_train_begin()
    base_rate = cycle.base_lr
    for step in range(finished * steps + batches):
        cycle.on_batch_end(step)
    parts = [(finished, batches, 1, steps - batches)] if 0 < batches < steps else []
    begun = finished + (batches > 0)
    parts += [(begun, 0, epochs - begun, steps)] if begun < epochs else []
    for epoch, batch, count, length in parts:
        rate = backend.get_value(optimizer.lr)  # the schedule's; `fit` begins by setting another

        def take_up(logs: Any, rate: float = rate) -> None:  # after the schedule's own beginning, which knows no middle
            cycle.orig_base_lr = base_rate
            backend.set_value(optimizer.lr, rate)

        begin_at(epoch, batch)
        own = [*callbacks, cycle, LambdaCallback(on_train_begin=take_up)]
        learner.history = learner.fit(learning_rate, count, callbacks=own, steps_per_epoch=length, verbose=0)
    learner.history.history.update({name: cycle.history[name] for name in ("lr", "iterations", "momentum")})


def _onecycle(learner: Any, learning_rate: float, epochs: int) -> Any:
    """Return the schedule that `fit_onecycle` makes."""
    from ktrain.lroptimize.triangular import CyclicLR

    return CyclicLR(
        base_lr=learning_rate / 10,
        max_lr=learning_rate,
        step_size=math.ceil(steps_of_epoch(learner) * epochs / 2),
        reduce_on_plateau=0,
        max_momentum=0.95,
        min_momentum=0.85,
        verbose=0,
    )
