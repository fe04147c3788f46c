"""Measure how many texts a second a classifier answers: batches of like lengths, beside padding to the longest text.

The first is what `predict` does: texts of like lengths go through the network together, each batch padded to its own
longest. The other pads all texts to the longest of them, and takes them in the order in which they come. Texts are the
book's reviews, and the same joined 1 to 8 at a time, whose lengths differ more. Tokens are counted in both.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.bench.pairs import SEED, compare, run_here
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT
from utils import corpora

ENCODER = ROOT / "data" / "checkpoints" / "mini-bert"
TEXTS, MOST_JOINED, REPEATS = 1024, 8, 7
LARGEST_GAP = 1e-4


def joined(texts: Sequence[str], count: int, most: int, seed: int) -> list[str]:
    """Return texts made of 1 to `most` texts each, drawn with a seed.

    Example:
        >>> joined(["a", "b"], 2, 1, seed=0)
        ['b', 'b']
    """
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(texts, rng.integers(1, most + 1))) for _ in range(count)]


def make_classifier(texts: Sequence[str]) -> Any:
    """Return mini-bert with an untrained head, that reads as much of these texts as it has positions for."""
    from utils.finetuning import FineTuning, choose_max_length, load_encoder_tokenizer
    from utils.finetuning.encoders import read_config, usable_positions

    length = choose_max_length(load_encoder_tokenizer(ENCODER), texts, 1.0)
    length = min(length, usable_positions(read_config(ENCODER)))
    tuning = FineTuning(["no", "yes"], [0, 1], ENCODER, classes=["no", "yes"], max_length=length, seed=SEED)
    return tuning.classifier()


def padded_to_longest(classifier: Any, texts: Sequence[str]) -> np.ndarray:
    """Return the probabilities (N, C), every batch padded to the longest of all texts."""
    import tensorflow as tf

    from utils.classification.base import PREDICTION_BATCH
    from utils.finetuning.networks import encode

    encoded = encode(classifier.tokenizer, texts, classifier.max_length, classifier.inputs)
    arrays = classifier.tokenizer.pad(encoded, return_tensors="np", verbose=False)
    found = []
    for start in range(0, len(texts), PREDICTION_BATCH):
        rows = slice(start, start + PREDICTION_BATCH)
        inputs = {name: tf.constant(arrays[name][rows], tf.int32) for name in classifier.inputs}
        found.append(tf.nn.softmax(classifier.network_logits(inputs) / classifier.temperature).numpy())
    return np.concatenate(found)


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure both kinds of texts, one row each.

    Raises:
        RuntimeError: the two ways answer differently, so that the race would mean nothing.
    """
    reviews = corpora.load("reviews", "test").texts
    longer = joined(reviews, TEXTS, MOST_JOINED, SEED)
    yield row("reviews", reviews[:TEXTS], repeats)
    yield row(f"reviews, 1 to {MOST_JOINED} joined", longer, repeats)


def row(kind: str, texts: Sequence[str], repeats: int) -> dict[str, Any]:
    """Return what was measured on texts of one kind."""
    classifier = make_classifier(texts)
    check_same(classifier, texts)
    calls = (lambda: classifier.predict_probability(texts), lambda: padded_to_longest(classifier, texts))
    alike, longest, ratio = compare(calls, repeats)
    tokens = np.array([len(ids) for ids in classifier.tokenizer(list(texts), verbose=False)["input_ids"]])
    read = np.minimum(tokens, classifier.max_length)
    return {
        **{"texts": kind, "mean_tokens": round(float(read.mean()), 1), "longest": int(read.max())},
        "like_lengths_texts_per_second": round(1e3 * len(texts) / alike),
        "padded_texts_per_second": round(1e3 * len(texts) / longest),
        "ratio": round(ratio, 2),
    }


def check_same(classifier: Any, texts: Sequence[str]) -> None:
    """Raise RuntimeError unless both ways give the same probabilities."""
    gap = float(abs(classifier.predict_probability(texts) - padded_to_longest(classifier, texts)).max())
    if not gap < LARGEST_GAP:
        raise RuntimeError(f"expected both ways to give the same probabilities; they differ by {gap:.1e}")


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    sizes = {"number_of_texts": TEXTS}
    return run_here(__file__, __doc__, measure, "predict-bench", arguments, REPEATS, FINE_TUNING_PACKAGES, **sizes)


if __name__ == "__main__":
    sys.exit(main())
