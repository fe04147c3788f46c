"""A trained translator: texts in, texts out."""

import dataclasses
import io
import json
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from utils.checks import positive_integer
from utils.files import write_whole
from utils.transformer import Transformer, TransformerConfig
from utils.transformer.decoding import beam_search, length_penalty, translate
from utils.translation.batches import pad_rows
from utils.translation.vocabulary import Vocabulary

WEIGHTS, VOCABULARY = "translator.npz", "vocabulary.json"
BATCH = 128  # sentences that are translated side by side
EXTRA = 50  # tokens by which a translation may be longer than its source


class TranslatorError(ValueError):
    """A file of a translator is missing, broken or of another training; the message names it and the remedy."""


class UnknownCharacters(UserWarning):
    """A text holds characters that the vocabulary has no piece for."""


class Translator:
    """An encoder-decoder with its vocabulary.

    Args:
        model: the encoder-decoder.
        vocabulary: of source and target.

    Raises:
        ValueError: the model's table has another size than the vocabulary.
    """

    def __init__(self, model: Transformer, vocabulary: Vocabulary):
        if model.config.vocabulary_size != len(vocabulary):
            sizes = f"{model.config.vocabulary_size:,} tokens; the vocabulary has {len(vocabulary):,}"
            raise ValueError(f"expected the model and the vocabulary of one training; the model knows {sizes}")
        self.model, self.vocabulary = model, vocabulary

    @classmethod
    def load(cls, folder: Path | str) -> "Translator":
        """Return the translator that a training has left in its folder.

        Raises:
            TranslatorError: a file is missing or broken, or the files are of two trainings; the message names it.
        """
        folder = Path(folder)
        for name in (WEIGHTS, VOCABULARY):
            if not (folder / name).is_file():
                raise TranslatorError(
                    f"{folder / name}: there is no such file; `make translation` trains the translator, and its first "
                    "epoch leaves one"
                )
        try:
            vocabulary = Vocabulary.load(folder / VOCABULARY)
        except ValueError as error:
            raise TranslatorError(str(error)) from error
        try:
            with np.load(folder / WEIGHTS, allow_pickle=False) as kept:
                about = json.loads(str(kept["about"]))
                weights = [kept[f"weight-{number}"] for number in range(len(kept.files) - 1)]
            config, digest = TransformerConfig(**about["config"]), str(about["vocabulary"])
            _check_sizes(config, weights)
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TranslatorError(
                f"{folder / WEIGHTS}: expected weights that training wrote; {error}. Train again to write it anew"
            ) from error
        if digest != vocabulary.digest():
            raise TranslatorError(
                f"{folder / VOCABULARY}: expected the vocabulary that {WEIGHTS} was trained with, SHA-256 "
                f"{digest[:12]}…; its own is {vocabulary.digest()[:12]}…. Put both files of one run there"
            )
        model = Transformer(config)
        try:
            model.set_weights(weights)
        except ValueError as error:
            problem = f"expected the weights of a model as its settings tell; {error}"
            raise TranslatorError(f"{folder / WEIGHTS}: {problem}. Train again to write it anew") from error
        return cls(model, vocabulary)

    def save(self, folder: Path | str) -> None:
        """Write the weights to a folder, which then holds the old ones or the new ones, whole, at any moment."""
        about = {"config": dataclasses.asdict(self.model.config), "vocabulary": self.vocabulary.digest()}
        weights = {f"weight-{number}": weight for number, weight in enumerate(self.model.get_weights())}
        write_whole(Path(folder) / WEIGHTS, npz(about=json.dumps(about), **weights))

    def translate(self, texts: Iterable[str], *, beam_size: int = 1, penalty: float = 0.6, first: int = 0) -> list[str]:
        """Return a translation of each text, in their order.

        A translation is at most 50 tokens longer than its source, as in section 6.1 of the paper; or than the longest
        source, of those that are translated side by side.

        Args:
            texts: sentences in the source language.
            beam_size: beginnings that are followed side by side; 1 takes the best token each time.
            penalty: of a short target, with a beam; see `utils.transformer.decoding.beam_search`.
            first: number of the first text in messages.

        Raises:
            TypeError: texts is one text, or holds something else than texts.
            ValueError: a text is empty, or longer than the model was made for; or as `beam_search`.

        Warns:
            UnknownCharacters: a text holds characters that the vocabulary has no piece for; they are left to chance.
        """
        if isinstance(texts, str | bytes):
            raise TypeError(f"expected a list of texts; received one text, {texts[:40]!r}. Put it in brackets")
        positive_integer("beam_size", beam_size)
        length_penalty(1, penalty)  # refused now, also where no beam needs it
        rows = [self._source(text, number) for number, text in enumerate(texts, first)]
        results = [""] * len(rows)
        order = np.argsort([len(row) for row in rows], kind="stable")
        for start in range(0, len(rows), BATCH):
            places = order[start : start + BATCH]
            for place, ids in zip(
                places, self._write([rows[place] for place in places], beam_size, penalty), strict=True
            ):
                results[place] = self.vocabulary.decode(ids[1:])
        return results

    def _source(self, text: str, number: int) -> list[int]:
        if not isinstance(text, str):
            raise TypeError(f"expected text {number} to be a str; received {type(text).__name__}")
        if not text.strip():
            raise ValueError(f"expected text {number} to hold words; it is empty")
        row, longest = self.vocabulary.row(text), self.model.config.max_length
        if len(row) > longest:
            raise ValueError(
                f"expected at most {longest - 1} tokens of text {number}; it has {len(row) - 1}. Translate each "
                "sentence by itself"
            )
        if self.vocabulary.unknown_id in row:
            unknown = "".join(sorted(self.vocabulary.unknown_characters(text)))
            warnings.warn(
                f"text {number} holds {unknown!r}, which no sentence of the training held; what is written there is "
                "left to chance",
                UnknownCharacters,
                stacklevel=3,
            )
        return row

    def _write(self, rows: list[list[int]], beam_size: int, penalty: float) -> np.ndarray:
        source = pad_rows(rows, self.vocabulary.pad_id)
        room, end = source.shape[1] + EXTRA, self.vocabulary.end_id
        if beam_size == 1:
            return translate(self.model, source, room, end_id=end)
        return beam_search(self.model, source, room, beam_size=beam_size, penalty=penalty, end_id=end)


def _check_sizes(config: TransformerConfig, weights: list[np.ndarray]) -> None:
    """Raise ValueError where a configuration asks for more than the weights are, before memory is asked for it."""
    largest, width = max((weight.size for weight in weights), default=0), config.d_model
    tables = {"vocabulary_size": config.vocabulary_size, "intermediate_dim": config.intermediate_dim}
    if config.positions == "learned":
        tables["max_length"] = config.max_length
    for name, size in tables.items():
        if size * width > largest:
            raise ValueError(f"its settings tell {name} {size:,} and d_model {width:,}, more than any weight has")
    if config.num_layers > len(weights):
        raise ValueError(f"its settings tell {config.num_layers:,} layers for {len(weights)} weights")


def npz(**arrays: Any) -> bytes:
    """Return arrays by name in NumPy's format for several of them."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()
