"""What chapter 8 trains: its encoder and reviews, how it divides them, and the recipe. All its figures share them."""

import hashlib
from pathlib import Path

from tools.measure.results import ROOT

ENCODER = ROOT / "data" / "checkpoints" / "mini-bert"
REVIEWS = ROOT / "data" / "reviews"
HELD_OUT, SPLIT_SEED = 0.1, 8  # of the training reviews, for validation
LEARNING_RATE, EPOCHS, BATCH = 5e-4, 8, 32
SEEDS = (0, 1, 2, 3, 4)


def digest(*files: Path) -> str:
    """Return the SHA-256 of some files, one after the other."""
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()
