"""A fine-tuning under way: the encoder with a fresh head, the texts it learns from, and ktrain's learner over both."""

import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from utils.finetuning.bars import shown, tqdm
from utils.finetuning.classifier import Classifier
from utils.finetuning.encoders import read_config, tensorflow_folder
from utils.finetuning.ktrain_mends import load_ktrain
from utils.finetuning.labels import check_pairs, check_texts, number_classes
from utils.finetuning.progress import read_progress, restore_progress, save_progress
from utils.finetuning.rates import batch_losses, smoothed
from utils.finetuning.schedule import bar_callback, continue_onecycle, epoch_callback, steps_of_epoch
from utils.finetuning.tokens import pad_each_batch

LIGHT = 0.8  # of the smoothing of the learning-rate finder: some five batches count


class LearningRates(NamedTuple):
    """What the learning-rate finder saw: the loss, lightly smoothed, at ever higher rates."""

    rates: np.ndarray
    losses: np.ndarray
    suggested: float  # half-way along the longest fall of the loss: `valley` of ktrain, from fastai


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
        ValueError: labels and texts do not fit, or max_length is beyond what the encoder has positions for.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[Any],
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
        texts, (numbers, self.classes) = check_texts(texts), number_classes(labels, classes)
        check_pairs(texts, labels)
        self.folder = tensorflow_folder(model, cache)
        self.seed, self.pretrained, self.pad_to_max_length = seed, pretrained, pad_to_max_length
        self.max_length, self.batch_size = (
            _check_length(max_length, self.folder),
            _whole("batch_size", batch_size),
        )
        self._data = _digest(texts, numbers)
        ktrain = load_ktrain()
        _set_seed(seed)
        self.transformer = self._preprocessor()
        train = self.dataset(texts, labels, "train")
        held_out = self.dataset(*validation) if validation else None
        network = self.transformer.get_classifier()
        if not pretrained:
            _draw_weights(network)
        self._scratch = tempfile.TemporaryDirectory()
        with _temporary_files_in(self._scratch.name):
            self.learner = ktrain.get_learner(network, train, held_out, batch_size=batch_size, eval_batch_size=64)
        self.fresh_optimizer()
        self.history: dict[str, list[float]] = {}

    def _preprocessor(self) -> Any:
        from ktrain import text

        transformer = text.Transformer(str(self.folder), maxlen=self.max_length, class_names=list(self.classes))
        transformer.lang = "en"  # else ktrain guesses it, at random, for what it prints
        return transformer

    def dataset(self, texts: Sequence[str], labels: Sequence[Any], mode: str = "test") -> Any:
        """Return labelled texts as what ktrain's learner takes, for instance for `learner.view_top_losses`."""
        texts, (numbers, _) = check_texts(texts), number_classes(labels, self.classes)
        check_pairs(texts, labels)
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
            over some five.
        """
        with _temporary_files_in(self._scratch.name), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Shape of array too small")
            self.learner.lr_find(max_epochs=_whole("epochs", epochs), restore_weights_only=True, verbose=0)
        finder = self.learner.lr_finder
        self.fresh_optimizer()
        rates = np.array(finder.lrs, float)
        steps = self.learner.train_data.nsamples() // self.batch_size
        losses = smoothed(batch_losses(np.array(finder.losses, float), finder.beta, steps), LIGHT)
        return LearningRates(rates, losses, float(rates[finder.valley(rates.tolist(), losses.tolist())]))

    def fit(
        self,
        learning_rate: float,
        epochs: int = 1,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
        callbacks: Sequence[Any] = (),
    ) -> Classifier:
        """Train with ktrain's `fit_onecycle`: the learning rate rises to its peak at half-time, and falls again.

        Args:
            learning_rate: the peak.
            epochs: passes over the texts.
            checkpoints: folder that holds the state after the last finished epoch; none is kept if None.
            resume: go on from that state, if there is one, so that an interrupted training loses no finished epoch.
            progress: whether to show a progress bar.
            callbacks: further callbacks of Keras 2.

        Returns:
            The classifier. `history` holds loss, accuracy, val_loss, val_accuracy and seconds of each epoch.

        Raises:
            FileExistsError: checkpoints holds a finished epoch and resume is False.
            ValueError: what it holds was trained with other settings.
        """
        settings = self._settings(_above_zero("learning_rate", learning_rate), _whole("epochs", epochs))
        record = read_progress(checkpoints, settings) if checkpoints else None
        if record and not resume:
            told = f"finished epochs, {record['finished']} of {epochs}"
            raise FileExistsError(f"{checkpoints} holds {told}: pass resume=True to go on, or another folder")
        finished, self.history = (record["finished"], record["history"]) if record else (0, {})
        if record:
            restore_progress(checkpoints, self.learner.model, record)
        if finished < epochs:
            with self._callbacks(finished, settings, checkpoints, progress) as own:
                self._train(learning_rate, epochs, finished, [*own, *callbacks])
        return self.classifier(settings)

    def _train(self, learning_rate: float, epochs: int, finished: int, callbacks: list[Any]) -> None:
        _set_seed(self.seed)
        if not self.pad_to_max_length:
            pad_each_batch(self.learner.train_data, self.seed, first_epoch=finished)
        if finished:
            continue_onecycle(self.learner, learning_rate, epochs, finished, callbacks)
        else:
            self.learner.fit_onecycle(learning_rate, epochs, callbacks=callbacks, verbose=0)

    @contextmanager
    def _callbacks(
        self, finished: int, settings: dict[str, Any], checkpoints: str | Path | None, progress: bool
    ) -> Iterator[list[Any]]:
        def keep(done: int) -> None:
            if checkpoints:
                save_progress(checkpoints, self.learner.model, done, self.history, settings)

        steps, epochs = steps_of_epoch(self.learner), settings["epochs"]
        with tqdm(total=steps * epochs, initial=steps * finished, unit="batch", **shown(progress)) as bar:
            yield [epoch_callback(finished, self.history, keep), bar_callback(bar, finished, epochs)]

    def _settings(self, learning_rate: float, epochs: int) -> dict[str, Any]:
        names = ("max_length", "batch_size", "seed", "pretrained", "pad_to_max_length")
        chosen = {name: getattr(self, name) for name in names}
        read = {"classes": self.classes, "data": self._data, "encoder": _files_digest(self.folder)}
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


def _files_digest(folder: Path) -> str:
    """Return a short word for the files of an encoder, to tell whether a training goes on with the same."""
    found = hashlib.sha256()
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def _whole(name: str, value: int) -> int:
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"expected {name} to be a whole number of at least 1; received {value!r}")
    return int(value)


def _above_zero(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
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
    most = read_config(folder).get("max_position_embeddings", 512)
    if _whole("max_length", max_length) > most:
        told = f"positions of {folder.name}; received {max_length}"
        raise ValueError(f"expected max_length of at most {most}, the {told}")
    return int(max_length)
