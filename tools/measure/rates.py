"""Run the learning-rate finder on the reviews with five seeds: the loss at ever higher rates, and what is read from it.

Each seed draws the classification head and the order of the training reviews anew. `valley`, of ktrain, picks a rate
from each curve; `steepest` is the rate at which the mean of the curves falls fastest, which is what the eye looks for.
Finished curves are kept: Ctrl-C loses only the one under way. The figures go to data/results/learning-rates.json.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from tqdm import tqdm

from tools.files import Kept
from tools.measure.recipe import BATCH, ENCODER, HELD_OUT, REVIEWS, SPLIT_SEED, command_parser, digest
from tools.measure.results import FINE_TUNING_PACKAGES, ROOT, command_line, write_result
from utils import corpora

RESULT = "learning-rates"
WORK = ROOT / "_build" / "learning-rates.json"
EPOCHS = 2  # over which the rates are spread
LOWEST, HIGHEST = 1e-5, 1e-2  # where the eye looks: below nothing happens, above training diverges


def find(seed: int, train: corpora.Corpus) -> dict[str, Any]:
    """Run the finder once; return rates, losses, and the rate that `valley` picks."""
    from utils.finetuning import FineTuning, choose_max_length, load_encoder_tokenizer

    length = choose_max_length(load_encoder_tokenizer(ENCODER), train.texts)
    options = {"max_length": length, "classes": train.classes, "batch_size": BATCH, "seed": seed}
    found = FineTuning(train.texts, train.labels, ENCODER, **options).find_learning_rate(EPOCHS)
    suggested = None if math.isnan(found.suggested) else found.suggested
    return {"rates": found.rates.tolist(), "losses": found.losses.tolist(), "suggested": suggested}


def steepest(rates: np.ndarray, losses: np.ndarray, window: int = 20) -> float:
    """Return the rate between LOWEST and HIGHEST at which a curve falls fastest, on a logarithmic axis of rates.

    Args:
        rates: shape (K,), each the same factor above the one before.
        losses: shape (K,).
        window: how many steps a fall is measured over.

    Raises:
        ValueError: the curve falls nowhere between the two.

    Example:
        >>> rates = 10.0 ** np.arange(-6, 0, 0.1)
        >>> losses = np.where(rates < 1e-4, 1.0, np.where(rates < 1e-3, 0.5, 9.0))
        >>> round(steepest(rates, losses, 2), 5)
        0.0001
    """
    half = window // 2
    falls = np.full(len(rates), np.inf)
    falls[half : len(rates) - half] = losses[window:] - losses[: len(losses) - window]
    falls[(rates < LOWEST) | (rates > HIGHEST) | ~np.isfinite(falls)] = np.inf
    place = int(falls.argmin())
    if not falls[place] < 0:
        raise ValueError(f"expected a loss that falls between the rates {LOWEST} and {HIGHEST}; it falls nowhere")
    return float(rates[place])


def summary(found: dict[int, dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each seed, and what the curves have in common.

    Args:
        found: by seed, what `find` returned.
    """
    rates = np.array(next(iter(found.values()))["rates"])
    shortest = min(len(one["losses"]) for one in found.values())  # a curve ends where the loss has diverged
    curves = np.array([one["losses"][:shortest] for one in found.values()])
    rates, mean = rates[:shortest], curves.mean(axis=0)
    rows = [
        {"seed": seed, "valley": one["suggested"], "losses": np.round(curve, 4).tolist()}
        for (seed, one), curve in zip(found.items(), curves, strict=True)
    ]
    about = {"steepest": steepest(rates, mean), "rates": [float(f"{rate:.4g}") for rate in rates]}
    return rows, about


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the file is written, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = command_parser(__doc__, WORK).parse_args(arguments)
    try:
        read = {
            "reviews_sha256": digest(REVIEWS / "train.csv"),
            "weights_sha256": digest(ENCODER / "model.safetensors"),
        }
        train, _ = corpora.split(corpora.load("reviews", "train"), HELD_OUT, SPLIT_SEED)
    except (OSError, corpora.CorpusError) as error:
        print(f"rates: {error}", file=sys.stderr)
        return 2
    kept = Kept(chosen.work, {**read, "epochs": EPOCHS, "batch_size": BATCH})
    try:
        for seed in tqdm(chosen.seeds, unit="curve"):
            if str(seed) not in kept:
                kept[str(seed)] = find(seed, train)
        rows, about = summary({seed: kept[str(seed)] for seed in chosen.seeds})
    except KeyboardInterrupt:
        print("rates: interrupted; finished curves are kept", file=sys.stderr)
        return 130
    except ValueError as error:
        print(f"rates: {error}", file=sys.stderr)
        return 2
    settings = {"training_reviews": len(train), "epochs": EPOCHS, "batch_size": BATCH, "seeds": chosen.seeds, **read}
    command = command_line("tools/measure/rates.py", arguments)
    write_result(
        RESULT,
        rows,
        command,
        chosen.seeds[0],
        packages=FINE_TUNING_PACKAGES,
        folder=chosen.results,
        **settings,
        **about,
    )
    for row in rows:
        print(f"seed {row['seed']}: valley {row['valley'] or 'none'}")
    print(f"steepest fall of the mean curve: {about['steepest']:.2g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
