"""The trainings behind `python -m utils.finetuning train`: one, or one for each fold and one more on all texts."""

import argparse
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from utils import corpora
from utils.classification.base import BaseClassifier
from utils.classification.evaluation import Evaluation
from utils.corpora import Corpus
from utils.files import write_whole
from utils.finetuning.command.engines import KERAS
from utils.finetuning.command.errors import CommandError, Interruptions, say, using
from utils.finetuning.command.state import Unfinished
from utils.finetuning.encoders import CacheError, tensorflow_folder
from utils.finetuning.tuning import FineTuning


class Teacher:
    """Trains on what it is given, and goes on where an interruption has left it.

    Args:
        options: as the parser returns them.
        encoder: folder of what training begins with.
        max_length: longer texts are cut to this many tokens.
        state: keeps what is unfinished.
        interruptions: open.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        encoder: Path,
        max_length: int,
        state: Unfinished,
        interruptions: Interruptions,
    ) -> None:
        self.options, self.max_length, self.state, self.interruptions = options, max_length, state, interruptions
        with using(f"--model {options.model}"):
            try:
                self.encoder = encoder if options.engine == KERAS else tensorflow_folder(encoder)
            except CacheError as error:  # nothing that another --model would change
                raise CommandError(str(error)) from error
        self.begun = False

    def fit(self, training: Corpus, validation: Corpus | None = None) -> BaseClassifier:
        """Train, and measure after each epoch if there is something to measure on."""
        options = self.options
        with using(f"--model {options.model}"):
            tuning = tuning_class(options.engine)(
                training.texts,
                training.labels,
                self.encoder,
                max_length=self.max_length,
                classes=list(training.classes),
                validation=(validation.texts, validation.labels) if validation else None,
                batch_size=options.batch_size,
                seed=options.seed,
            )
        self.interruptions.check()
        self._begin()
        checkpoints, progress = self.state.checkpoints(), not options.quiet
        checkpoints.mkdir(exist_ok=True)
        classifier = tuning.fit(
            options.learning_rate, options.epochs, checkpoints=checkpoints, resume=True, progress=progress
        )
        self.interruptions.check()
        if not math.isfinite(classifier.details["history"]["loss"][-1]):
            self.state.remove()
            raise CommandError(
                "the loss is no longer a number: the training has diverged; use a smaller --learning-rate"
            )
        return classifier

    def _begin(self) -> None:
        """Write down which training it is, and say, once, what is kept of it."""
        if self.begun:
            return
        self.state.begin()
        if kept := self.state.kept():
            note(self.options, f"going on after {kept}")
        self.begun = True

    def cross_validate(self, corpus: Corpus) -> tuple[Evaluation, dict[str, Any]]:
        """Hold out each fold once.

        Returns:
            (evaluation, figures): what was answered on each text by the one classifier that had not seen it, and
            "folds", "fold_accuracies", their "accuracy_mean" and "accuracy_spread", the sample standard deviation.
        """
        folds = self.options.folds
        dealt = corpora.stratified_folds(corpus, folds, self.options.seed)
        probability = np.zeros((len(corpus), len(corpus.classes)))
        for fold in range(folds):
            rows, answers = np.flatnonzero(dealt == fold), self.state.answers(fold)
            if not answers.is_file():
                note(self.options, f"fold {fold + 1} of {folds}: {len(rows):,} texts held out")
                held_out = corpus.take(rows)
                classifier, place = self.fit(corpus.take(np.flatnonzero(dealt != fold))), self.state.checkpoints()
                found = classifier.predict_probability(held_out.texts)
                write_whole(answers, json.dumps(found.tolist()).encode())
                shutil.rmtree(place, ignore_errors=True)
            probability[rows] = json.loads(answers.read_text(encoding="utf-8"))
        evaluation = Evaluation(tuple(corpus.classes), np.asarray(corpus.labels), probability)
        accuracies = [float(evaluation.correct[dealt == fold].mean()) for fold in range(folds)]
        figures: dict[str, Any] = {"folds": folds, "fold_accuracies": accuracies}
        figures |= {"accuracy_mean": float(np.mean(accuracies)), "accuracy_spread": float(np.std(accuracies, ddof=1))}
        return evaluation, figures


def tuning_class(engine: str) -> Any:
    """Return what fine-tunes: ktrain's, or this book's own on Keras 3, which is imported only when it is asked for."""
    if engine == KERAS:
        from utils.classification import KerasFineTuning

        return KerasFineTuning
    return FineTuning


def note(options: argparse.Namespace, message: str) -> None:
    """Write a line to standard error unless --quiet."""
    if not options.quiet:
        say(message)
