"""Round the weights of the classifier that runs in the page to eight bits, and measure what that changes.

`tools/live/train.py` comes first. Two files are written. data/checkpoints/live.safetensors is all that the book ships
of this network. data/results/live.json holds its digest and size, and what the network says of reviews, with the
rounded weights and with those that training left. Each row of a matrix, which makes one output or is one token, becomes
whole numbers from -127 to 127 times a scale of its own; biases and normalisations stay as they are. The tokens of the
reviews, a small part of the table, get a second row of such numbers for what the first leaves over.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from tools.live.model import WEIGHTS, LiveClassifier, dequantized, page_weights
from tools.live.train import CLASSIFIER, SEED
from tools.measure.answers import logits, written
from tools.measure.recipe import BATCH, EPOCHS, LEARNING_RATE, digest
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora
from utils.files import write_whole

RESULT = "live"
COMPARED = 500  # test reviews whose answers are kept digit by digit


def round_rows(rows: np.ndarray, steps: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers (R, N) of eight bits and scales (R,) whose product is about the rows.

    Example:
        >>> codes, scales = round_rows(np.array([[1.27, -0.5], [0.0, 0.0]]))
        >>> codes.tolist(), [round(float(scale), 4) for scale in scales]
        ([[127, -50], [0, 0]], [0.01, 0.0])
    """
    scales = np.abs(rows).max(axis=1) / steps
    codes = np.round(rows / np.where(scales > 0, scales, 1)[:, None])
    return codes.astype("int8"), scales.astype("float32")


def rounded(weights: dict[str, np.ndarray], finer_ids: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of the file: matrices as codes, with their scales under a name of their own.

    Args:
        weights: float32, as `page_weights` returns them.
        finer_ids: tokens (N,) whose rows are to be closer to what they were.
    """
    arrays = {}
    for name, array in weights.items():
        if array.ndim > 1:
            arrays[name], arrays[f"{name}.scale"] = round_rows(array)
        else:
            arrays[name] = array
    tokens = weights["embedding.tokens"]
    left_over = (tokens - dequantized(arrays)["embedding.tokens"])[finer_ids]
    arrays["embedding.finer"], arrays["embedding.finer.scale"] = round_rows(left_over)
    arrays["embedding.finer_ids"] = finer_ids.astype("int32")
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # as the format lays them out


def serialized(arrays: dict[str, np.ndarray], about: dict[str, str]) -> bytes:
    """Return a file in safetensors format, the same bytes each time: the library puts what is said about it anyhow.

    Example:
        >>> content = serialized({"bias": np.ones(2, "float32")}, {"b": "1", "a": "2"})
        >>> content[8:49]
        b'{"__metadata__":{"b":"1","a":"2"},"bias":'
    """
    from safetensors.numpy import save

    content = save(arrays, about)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length]) | {"__metadata__": about}
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return content[:8] + ordered.ljust(length) + content[8 + length :]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when both files are written, 2 when the classifier is missing."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", type=Path, default=CLASSIFIER, help="folder (default: _build/live/classifier)")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="default: data/checkpoints/live.safetensors")
    chosen = parser.parse_args(arguments)
    try:
        weights, about = page_weights(chosen.classifier)
    except (OSError, ValueError) as error:
        print(f"live: {error}; run tools/live/train.py first", file=sys.stderr)
        return 2
    trained = LiveClassifier(weights, about)
    test = corpora.load("reviews", "test")
    encoded = trained.tokenizer.encode_batch([*corpora.load("reviews", "train").texts, *test.texts])
    finer_ids = np.unique([at for encoding in encoded for at in encoding.ids])
    write_whole(chosen.output, serialized(rounded(weights, finer_ids), about))
    models = {"as trained": trained, "rounded": LiveClassifier.load(chosen.output)}
    answers = {name: model.predict_probability(test.texts) for name, model in models.items()}
    first, second = answers.values()
    shift = np.abs(first - second).max(axis=1)
    alone = test.columns["support"] == "no"
    rows = [
        {
            "weights": name,
            "accuracy": round(float((found.argmax(axis=1) == test.labels)[alone].mean()), 4),
            "logits": " ".join(f"{value:.5f}" for value in logits(found[:COMPARED])),
        }
        for name, found in answers.items()
    ]
    facts = {
        "sha256": digest(chosen.output),
        "bytes": chosen.output.stat().st_size,
        "finer_tokens": len(finer_ids),
        "training": {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "batch_size": BATCH},
        "reviews": len(test),
        "largest_shift": round(float(shift.max()), 5),
        "mean_shift": round(float(shift.mean()), 6),
        "classes_changed": int((first.argmax(axis=1) != second.argmax(axis=1)).sum()),
        "largest_shift_of_first_500": round(float(shift[:COMPARED].max()), 5),
        "gap_to_answers": gap_to_answers(first),
    }
    command = command_line("tools/live/write.py", arguments)
    write_result(RESULT, rows, command, SEED, packages=FINE_TUNING_PACKAGES, **facts)
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
    print(*(f"{row['weights']}: accuracy {row['accuracy']}" for row in rows), sep="\n")
    return 0


def gap_to_answers(found: np.ndarray) -> float:
    """Return how far the logits of the test are from those that answers.json holds of the same seed, to two digits."""
    path = ROOT / "data" / "results" / "answers.json"
    row = next(row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["seed"] == SEED)
    stored = np.array(row["test_logits"].split(), float)
    return round(float(np.abs(np.array(written(logits(found)).split(), float) - stored).max()), 2)


if __name__ == "__main__":
    sys.exit(main())
