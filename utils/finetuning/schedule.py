"""The callbacks of a training: the one-cycle schedule taken up where it was left, a progress bar, a state per epoch."""

import math
import time
from collections.abc import Callable
from typing import Any

from utils.finetuning.bars import tqdm


def steps_of_epoch(learner: Any) -> int:
    """Return how many batches one epoch of a ktrain learner has."""
    return math.ceil(learner.train_data.nsamples() / learner.batch_size)


def continue_onecycle(learner: Any, learning_rate: float, epochs: int, finished: int, callbacks: list[Any]) -> Any:
    """Do the remaining epochs of ktrain's `fit_onecycle`, which itself can only begin at the beginning.

    The same schedule is made as there, played through the epochs that are finished, and given to the same `fit`.

    Args:
        learner: a ktrain learner whose model and optimizer are as after the finished epochs.
        learning_rate: the highest of the cycle.
        epochs: of the whole cycle.
        finished: how many of them are done.
        callbacks: further Keras 2 callbacks.

    Returns:
        The history of Keras, with the whole cycle's learning rates under "lr" and momenta under "momentum".
    """
    from tf_keras import backend
    from tf_keras.callbacks import LambdaCallback

    cycle, optimizer = _onecycle(learner, learning_rate, epochs), learner.model.optimizer
    cycle.set_model(learner.model)
    cycle.on_train_begin()
    first = cycle.base_lr
    for step in range(finished * steps_of_epoch(learner)):
        cycle.on_batch_end(step)
    rate = backend.get_value(optimizer.lr)

    def take_up(logs: Any) -> None:  # after the schedule's own beginning, which knows no middle
        cycle.orig_base_lr = first
        backend.set_value(optimizer.lr, rate)

    callbacks = [*callbacks, cycle, LambdaCallback(on_train_begin=take_up)]
    history = learner.fit(learning_rate, epochs - finished, callbacks=callbacks, verbose=0)
    history.history.update({name: cycle.history[name] for name in ("lr", "iterations", "momentum")})
    return history


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


def epoch_callback(finished: int, history: dict[str, list], keep: Callable[[int], None]) -> Any:
    """Return a callback that adds each epoch's figures to a history, then calls `keep` with the epochs finished.

    Args:
        finished: epochs that are done before this training.
        history: lists of figures, one for each epoch; "seconds" among them.
        keep: takes the number of finished epochs.
    """
    from tf_keras.callbacks import LambdaCallback

    began = [time.perf_counter()]

    def begin(epoch: int, logs: Any) -> None:
        began[0] = time.perf_counter()

    def end(epoch: int, logs: dict[str, Any]) -> None:
        figures = {**logs, "seconds": time.perf_counter() - began[0]}
        for name, value in figures.items():
            history.setdefault(name, []).append(float(value))
        keep(finished + epoch + 1)

    return LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)


def bar_callback(bar: tqdm, finished: int, epochs: int) -> Any:
    """Return a callback that moves a progress bar by one for each batch and shows the loss."""
    from tf_keras.callbacks import LambdaCallback

    def show(batch: int, logs: dict[str, Any]) -> None:
        bar.set_postfix(loss=f"{logs.get('loss', math.nan):.4f}", refresh=False)
        bar.update(1)

    def name(epoch: int, logs: Any) -> None:
        bar.set_description(f"epoch {finished + epoch + 1} of {epochs}")

    return LambdaCallback(on_batch_end=show, on_epoch_begin=name)
