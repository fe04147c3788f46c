"""A fine-tuning under way: the encoder with a fresh head, the texts it learns from, and ktrain's learner over both."""

import hashlib
import math
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.classification.labels import check_pairs, number_classes
from utils.classification.progress import SECONDS_BETWEEN_STATES, progress_bar, read_progress
from utils.finetuning.classifier import Classifier
from utils.finetuning.encoders import (
    folder_digest,
    load_config,
    load_encoder_tokenizer,
    read_config,
    tensorflow_folder,
    usable_positions,
)
from utils.finetuning.ktrain_mends import load_ktrain
from utils.finetuning.networks import check_classifies
from utils.finetuning.progress import (
    Recorder,
    bar_callback,
    continue_onecycle,
    restore_progress,
    save_progress,
    steps_of_epoch,
)
from utils.finetuning.rates import batch_losses, smoothed, suggest_rate
from utils.finetuning.tokens import epoch_batches, pad_each_batch

LIGHT = 0.8  # of the smoothing of the learning-rate finder: some five batches count
FEWEST_RATES = 40  # that the learning-rate finder tries: five for each power of ten


class LearningRates(NamedTuple):
    """What the learning-rate finder saw: the loss, lightly smoothed, at ever higher rates."""

    rates: np.ndarray
    losses: np.ndarray
    suggested: float  # in the longest fall of the loss: `valley` of ktrain, from fastai; NaN without a fall


class FineTuning:
    """A pre-trained encoder with a fresh classification head, and the texts that it is to learn from.

    Args:
        texts: N training texts.
        labels: N labels: words or whole numbers, of any number of classes.
        model: folder of an encoder, in TensorFlow's or PyTorch's safetensors format, or a name on the Hugging Face hub.
        max_length: longer texts are cut to this many tokens; `choose_max_length` finds one.
        classes: names of the classes, if labels count them; those that occur in labels otherwise.
        validation: (texts, labels) on which loss and accuracy are measured after each epoch.
        batch_size: texts in a step of training.
        seed: of the head's weights, the order of texts, and dropout; on one machine's CPU it fixes every bit.
        pretrained: False draws all weights afresh: the same network, for comparison.
        pad_to_max_length: True trains as ktrain does by itself, with every text padded to max_length; False pads
            each batch to its own longest text, and puts texts of like lengths together.
        cache: where an encoder in PyTorch's format is kept once converted.

    Attributes:
        learner: ktrain's learner, with everything that it offers.
        transformer: ktrain's `text.Transformer`, the preprocessor.

    Raises:
        TypeError: texts or labels are a single string, bytes, a mapping or a table.
        ValueError: labels and texts do not fit, max_length is beyond what the encoder has positions for, or tokenizer
            and encoder do not go together.
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
        pad_to_max_length: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        texts, labels = check_pairs(texts, labels)
        numbers, self.classes = number_classes(labels, classes)
        self.folder = tensorflow_folder(model, cache)
        self.seed, self.pretrained, self.pad_to_max_length = seed, pretrained, pad_to_max_length
        self.max_length = _check_length(max_length, self.folder)
        self.batch_size = _positive_integer("batch_size", batch_size)
        self._data = _digest(texts, numbers)
        ktrain = load_ktrain()
        _set_seed(seed)
        self.transformer = self._preprocessor()
        train = self.dataset(texts, labels, "train")
        held_out = self.dataset(*validation) if validation else None
        network = self.transformer.get_classifier()
        network.config.id2label = {number: str(name) for number, name in enumerate(self.classes)}
        network.config.label2id = {str(name): number for number, name in enumerate(self.classes)}
        check_classifies(network, self.transformer.get_tokenizer(), texts[0], self.max_length)
        if not pretrained:
            _draw_weights(network)
        self._scratch = tempfile.TemporaryDirectory()
        with _temporary_files_in(self._scratch.name):
            self.learner = ktrain.get_learner(network, train, held_out, batch_size=batch_size, eval_batch_size=64)
        self.fresh_optimizer()
        self.history: dict[str, list[float]] = {}

    def _preprocessor(self) -> Any:
        from ktrain import text

        load_config(self.folder)  # ktrain loads it too, but would say less where it cannot
        transformer = text.Transformer(str(self.folder), maxlen=self.max_length, class_names=list(self.classes))
        transformer.set_tokenizer(load_encoder_tokenizer(self.folder))
        transformer.lang = "en"  # else ktrain guesses it, at random, for what it prints
        return transformer

    def dataset(self, texts: Iterable[str], labels: Iterable[Any], mode: str = "test") -> Any:
        """Return labelled texts as what ktrain's learner takes, for instance for `learner.view_top_losses`."""
        texts, labels = check_pairs(texts, labels)
        numbers, _ = number_classes(labels, self.classes)
        one_hot = np.eye(len(self.classes), dtype=int)[numbers]
        dataset = self.transformer.preprocess_train(texts, one_hot, mode, verbose=0)
        if not self.pad_to_max_length:
            pad_each_batch(dataset, self.seed)
        return dataset

    def fresh_optimizer(self) -> None:
        """Give the model an Adam of its own: ktrain shares one among all models, and with it the count of steps."""
        from tf_keras.losses import CategoricalCrossentropy
        from tf_keras.optimizers.legacy import Adam

        self.learner.model.compile(Adam(), CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])

    def find_learning_rate(self, epochs: int = 1) -> LearningRates:
        """Try ever higher learning rates, from 1e-7 to 10, with ktrain's `lr_find`; the model is afterwards as before.

        Smith (2017), arXiv:1506.01186, lets the rate rise in a straight line and watches the accuracy; ktrain, as
        fastai, lets it rise by a constant factor and watches the loss.

        Args:
            epochs: over how many the rates are spread.

        Returns:
            LearningRates(rates, losses, suggested). What ktrain plots is averaged twice, by Keras over the epoch so
            far and by ktrain over some fifty batches, so it lags behind; these losses are each batch's own, averaged
            over some five. Where the loss nowhere falls, `suggested` is NaN, and a warning says so.

        Raises:
            ValueError: there are fewer batches than it takes to tell rates apart.
        """
        steps = self.learner.train_data.nsamples() // self.batch_size
        self._check_rates(steps, _positive_integer("epochs", epochs))
        weights = self.learner.model.get_weights()
        try:
            with _temporary_files_in(self._scratch.name), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Shape of array too small")
                self.learner.lr_find(max_epochs=epochs, restore_weights_only=True, verbose=0)
        except UnboundLocalError as error:  # ktrain's own answer to an interruption
            raise KeyboardInterrupt from error
        finally:
            self.learner.model.set_weights(weights)
            self.fresh_optimizer()
        finder = self.learner.lr_finder
        rates = np.array(finder.lrs, float)
        losses = smoothed(batch_losses(np.array(finder.losses, float), finder.beta, steps), LIGHT)
        suggested = suggest_rate(rates, losses, finder.valley)
        if math.isnan(suggested):
            remedy = "try more epochs, or look at the curve of losses over rates"
            warnings.warn(f"the loss falls at no learning rate: none is suggested; {remedy}", stacklevel=2)
        return LearningRates(rates, losses, suggested)

    def _check_rates(self, steps: int, epochs: int) -> None:
        """Raise ValueError unless there is a batch for each of enough learning rates."""
        if steps * epochs >= FEWEST_RATES:
            return
        if not steps:
            texts = self.learner.train_data.nsamples()
            raise ValueError(
                f"expected at least one full batch to try learning rates on; received {texts} texts and batch_size "
                f"{self.batch_size}: make batch_size smaller"
            )
        raise ValueError(
            f"expected at least {FEWEST_RATES} batches to try learning rates on, one for each; received {steps} a pass "
            f"and epochs={epochs}: pass epochs={math.ceil(FEWEST_RATES / steps)}, or make batch_size smaller"
        )

    def fit(
        self,
        learning_rate: float,
        epochs: int = 1,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
        callbacks: Sequence[Any] = (),
        seconds_between_states: float = SECONDS_BETWEEN_STATES,
    ) -> Classifier:
        """Train with ktrain's `fit_onecycle`: the learning rate rises to its peak at half-time, and falls again.

        Args:
            learning_rate: the peak.
            epochs: passes over the texts.
            checkpoints: folder that holds the state of the training, kept after each epoch, within a long one from
                time to time, and when Ctrl-C interrupts it; none is kept if None. With pad_to_max_length, which leaves
                the order of texts to TensorFlow, it is kept after epochs alone.
            resume: go on from that state, if there is one.
            progress: whether to show a progress bar.
            callbacks: further callbacks of Keras 2.
            seconds_between_states: at least so many lie between two states that are kept within an epoch.

        Returns:
            The classifier. `history` holds loss, accuracy, val_loss, val_accuracy and seconds of each epoch.

        Raises:
            FileExistsError: checkpoints holds a finished epoch and resume is False.
            ValueError: what it holds was trained with other settings.
        """
        learning_rate, epochs = _positive_number("learning_rate", learning_rate), _positive_integer("epochs", epochs)
        settings = self._settings(learning_rate, epochs)
        record = read_progress(checkpoints, settings) if checkpoints else None
        if record and not resume:
            state = f"finished epochs, {record['finished']} of {epochs}"
            raise FileExistsError(f"{checkpoints} holds {state}: pass resume=True to go on, or another folder")
        record = record or {"finished": 0, "batches": 0, "partial": {}, "history": {}}
        self.history = record["history"]
        if "weights" in record:
            restore_progress(checkpoints, self.learner.model, record)

        def keep(finished: int, batches: int, partial: dict[str, float]) -> None:
            if checkpoints and not (batches and self.pad_to_max_length):
                place = {"batches": batches, "partial": partial}
                save_progress(checkpoints, self.learner.model, finished, self.history, settings, **place)

        begin = {name: record[name] for name in ("finished", "batches", "partial")}
        if record["finished"] < epochs:
            recorder = Recorder(
                self.learner.model, self.history, keep, self._batch_sizes, **begin, seconds=seconds_between_states
            )
            self._train(learning_rate, epochs, recorder, callbacks, progress)
        return self.classifier(settings)

    def _train(
        self, learning_rate: float, epochs: int, recorder: Recorder, callbacks: Sequence[Any], progress: bool
    ) -> None:
        """Train from where the recorder stands, and let it keep the state if Ctrl-C interrupts that."""
        _set_seed(self.seed)
        finished, batches, steps = recorder.finished, recorder.batches, steps_of_epoch(self.learner)
        done = steps * finished + batches
        with progress_bar(progress, total=steps * epochs, initial=done, unit="batch") as bar:
            own = [recorder.callback(), bar_callback(bar, finished, epochs), *callbacks]
            try:
                if done:
                    continue_onecycle(self.learner, learning_rate, epochs, finished, batches, own, self._begin_at)
                else:
                    self._begin_at(0, 0)
                    self.learner.fit_onecycle(learning_rate, epochs, callbacks=own, verbose=0)
            except KeyboardInterrupt:
                recorder.keep_interrupted()
                raise

    def _begin_at(self, epoch: int, batch: int) -> None:
        """Let the next training begin with this batch of this epoch."""
        if not self.pad_to_max_length:
            pad_each_batch(self.learner.train_data, self.seed, epoch, batch)

    def _batch_sizes(self, epoch: int) -> list[int]:
        """Return how many texts each batch of an epoch has."""
        if not self.pad_to_max_length:
            return [len(rows) for rows in epoch_batches(self.learner.train_data, self.seed, epoch)]
        count = self.learner.train_data.nsamples()
        return [min(self.batch_size, count - start) for start in range(0, count, self.batch_size)]

    def _settings(self, learning_rate: float, epochs: int) -> dict[str, Any]:
        names = ("max_length", "batch_size", "seed", "pretrained", "pad_to_max_length")
        chosen = {name: getattr(self, name) for name in names}
        read = {"classes": self.classes, "data": self._data, "encoder": folder_digest(self.folder)}
        return {**chosen, "learning_rate": learning_rate, "epochs": epochs, **read}

    def classifier(self, settings: dict[str, Any] | None = None) -> Classifier:
        """Return the model as it now is, with what is needed to use it."""
        details = {"training": settings or {}, "history": self.history}
        return Classifier(self.learner.model, self.transformer.get_tokenizer(), self.classes, self.max_length, details)


def _set_seed(seed: int) -> None:
    import tf_keras

    tf_keras.utils.set_random_seed(seed)


def _draw_weights(model: Any) -> None:
    """Replace all weights by such as a network of this kind begins with before any training."""
    fresh = type(model)(model.config)
    fresh.build_in_name_scope()
    model.set_weights(fresh.get_weights())


def _digest(texts: Sequence[str], numbers: np.ndarray) -> str:
    """Return a short word for the training data, to tell whether a training goes on with the same."""
    joined = "\0".join(texts).encode(errors="surrogatepass") + np.asarray(numbers, "int64").tobytes()
    return hashlib.sha256(joined).hexdigest()[:16]


def _positive_integer(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"expected {name} to be an integer of at least 1; received {value!r}")
    return int(value)


def _positive_number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < math.inf:
        raise ValueError(f"expected {name} to be a positive number; received {value!r}")
    return float(value)


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Let what ktrain puts into temporary files, and never removes, go to a folder that is removed."""
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def _check_length(max_length: int, folder: Path) -> int:
    most = usable_positions(read_config(folder))
    if _positive_integer("max_length", max_length) > most:
        raise ValueError(
            f"expected max_length of at most {most}, the positions of {folder.name} that texts can have; "
            f"received {max_length}"
        )
    return int(max_length)


def fine_tune(
    texts: Iterable[str],
    labels: Iterable[Any],
    model: str | Path,
    *,
    learning_rate: float,
    epochs: int = 1,
    checkpoints: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **choices: Any,
) -> Classifier:
    """Fine-tune a pre-trained Transformer in one call.

    Args:
        texts: N training texts.
        labels: N labels.
        model: folder of an encoder, or a name on the hub.
        learning_rate: the highest of the one-cycle schedule, as for `FineTuning.fit`.
        epochs: passes over the texts.
        checkpoints: folder for the state of the training, as for `FineTuning.fit`; none is kept if None.
        resume: go on from the state in that folder, if there is one.
        progress: whether to show a progress bar.
        **choices: as for `FineTuning`; max_length must be among them.

    Returns:
        The classifier.

    Raises:
        TypeError, ValueError, FileExistsError: as `FineTuning` and `FineTuning.fit`.
    """
    tuning = FineTuning(texts, labels, model, **choices)
    return tuning.fit(learning_rate, epochs, checkpoints=checkpoints, resume=resume, progress=progress)
