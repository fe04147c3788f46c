"""Measure how fast a classifier of the Keras engine answers: operation by operation, compiled, and as an ONNX file.

One classifier, trained for a minute, answers the same reviews in four ways: by Keras, operation by operation; compiled
by TensorFlow, in the order in which the reviews come; the same with reviews of like lengths together, as
`KerasClassifier` does it; and by onnxruntime from the file that `export_onnx` writes. All four take turns. Throughput:
reviews a second, 64 in a batch. Latency: milliseconds for one review, asked alone. All must give the same
probabilities.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.bench.pairs import SEED, run_here, take_turns
from tools.measure.recipe import BATCH, ENCODER, LEARNING_RATE
from utils import corpora
from utils.classification.base import PREDICTION_BATCH, in_order_of_length

REVIEWS, ALONE, REPEATS = 1_024, 32, 5
TRAINED, EPOCHS, MAX_LENGTH = 1_536, 2, 32
LARGEST_GAP = 1e-4
PACKAGES = ("numpy", "keras", "tensorflow", "onnx", "onnxruntime", "tf2onnx")
Network = Callable[[np.ndarray], np.ndarray]  # token ids (B, T) to probabilities (B, C)


def make_classifier() -> Any:
    """Return mini-bert, fine-tuned on some reviews with the Keras engine."""
    from utils.classification import KerasFineTuning

    train = corpora.load("reviews", "train")
    texts, labels = train.texts[:TRAINED], train.labels[:TRAINED]
    options = {"max_length": MAX_LENGTH, "classes": train.classes, "batch_size": BATCH, "seed": SEED}
    return KerasFineTuning(texts, labels, ENCODER, **options).fit(LEARNING_RATE, EPOCHS)


def networks(classifier: Any, folder: Path) -> dict[str, Network]:
    """Return the ways to compute: Keras operation by operation, compiled by TensorFlow, and the exported file.

    Args:
        classifier: on Keras with TensorFlow.
        folder: where the export goes.
    """
    import onnxruntime
    import tensorflow as tf

    from utils.classification.onnx_export import NETWORK, OUTPUT, export_onnx

    def probability(logits: Any) -> np.ndarray:
        return tf.nn.softmax(logits / classifier.temperature).numpy()

    file = export_onnx(classifier, folder) / NETWORK
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return {
        "one by one": lambda ids: probability(classifier.compute_logits({"input_ids": ids})),
        "compiled": lambda ids: probability(classifier.network_logits({"input_ids": ids})),
        "ONNX": lambda ids: session.run([OUTPUT], {"input_ids": ids})[0],
    }


def as_they_come(rows: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
    """Yield the places of rows in batches, in their own order.

    Example:
        >>> [batch.tolist() for batch in as_they_come([[1, 2, 3], [1], [1, 2]])]
        [[0, 1, 2]]
    """
    for start in range(0, len(rows), PREDICTION_BATCH):
        yield np.arange(start, min(start + PREDICTION_BATCH, len(rows)))


def answer(classifier: Any, texts: Sequence[str], network: Network, batches: Any = in_order_of_length) -> np.ndarray:
    """Return the probabilities (N, C) of N texts."""
    from utils.classification.keras_classifier import padded

    encoded = classifier.tokenizer(texts, truncation=True, max_length=classifier.max_length)["input_ids"]
    found = np.zeros((len(texts), len(classifier.classes)), "float32")
    for rows in batches(encoded):
        found[rows] = network(padded([encoded[row] for row in rows], classifier.model.config))
    return found


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Measure the four ways, a row each.

    Raises:
        RuntimeError: two of them answer differently, so that the race would mean nothing.
    """
    classifier, texts = make_classifier(), corpora.load("reviews", "test").texts[:REVIEWS]
    with tempfile.TemporaryDirectory() as place:
        known = networks(classifier, Path(place) / "onnx")
        ways = {
            "operations one by one": (known["one by one"], in_order_of_length),
            "compiled, as they come": (known["compiled"], as_they_come),
            "compiled": (known["compiled"], in_order_of_length),
            "ONNX": (known["ONNX"], in_order_of_length),
        }
        yield from rows_of(classifier, texts, ways, repeats)


def rows_of(
    classifier: Any, texts: Sequence[str], ways: dict[str, tuple[Network, Any]], repeats: int
) -> Iterator[dict[str, Any]]:
    """Yield for each way its pace, alone and in batches, and what they are in times that of the first."""
    first = classifier.predict_probability(texts)
    gaps = {name: float(abs(answer(classifier, texts, *way) - first).max()) for name, way in ways.items()}
    if not max(gaps.values()) < LARGEST_GAP:
        raise RuntimeError(f"expected all ways to give the same probabilities; they differ by {gaps}")
    together = take_turns([lambda way=way: answer(classifier, texts, *way) for way in ways.values()], repeats)
    alone = take_turns(
        [lambda way=way: [answer(classifier, [text], *way) for text in texts[:ALONE]] for way in ways.values()], repeats
    )
    for name, whole, single in zip(ways, together, alone, strict=True):
        yield {
            "way": name,
            "reviews_per_second": round(1e3 * len(texts) / statistics.median(whole)),
            "throughput_ratio": round(median_ratio(together[0], whole), 2),
            "latency_ms": round(statistics.median(single) / len(texts[:ALONE]), 2),
            "latency_ratio": round(median_ratio(alone[0], single), 2),
            "largest_gap": float(f"{gaps[name]:.1e}"),
        }


def median_ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the median over the turns of first / second: how many times as fast the second is.

    Example:
        >>> median_ratio([4.0, 6.0, 9.0], [2.0, 2.0, 3.0])
        3.0
    """
    return statistics.median(before / after for before, after in zip(first, second, strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; return 0, or 130 when interrupted."""
    sizes = {"reviews": REVIEWS, "alone": ALONE, "batch": PREDICTION_BATCH}
    return run_here(__file__, __doc__, measure, "serving-bench", arguments, REPEATS, PACKAGES, **sizes)


if __name__ == "__main__":
    sys.exit(main())
