"""How fast a fine-tuning trains, measured so that recipes can be compared."""

import time

from utils.finetuning.tuning import FineTuning


def training_speed(tuning: FineTuning, steps: int = 20, warm_up: int = 3) -> float:
    """Measure on how many texts a second a fine-tuning trains, with the lengths, batches and padding that it has.

    A learning rate of zero leaves the weights as they are, at the cost of a step like any other.

    Args:
        tuning: what is measured; it can be trained afterwards as if it had not been.
        steps: batches that are timed.
        warm_up: batches before, in which TensorFlow builds its graph.

    Returns:
        Texts per second.

    Raises:
        ValueError: steps or warm_up is less than 1.
    """
    if min(steps, warm_up) < 1:
        raise ValueError(f"expected steps and warm_up of at least 1; received {steps} and {warm_up}")
    from tf_keras.callbacks import LambdaCallback

    learner, ends = tuning.learner, []
    learner.set_lr(0.0)
    clock = LambdaCallback(on_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
    batches = learner.train_data.to_tfdataset(train=True)
    learner.model.fit(batches, steps_per_epoch=steps + warm_up, verbose=0, callbacks=[clock])
    tuning.fresh_optimizer()
    return steps * min(learner.batch_size, learner.train_data.nsamples()) / (ends[-1] - ends[warm_up - 1])
