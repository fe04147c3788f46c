"""Fine-tune mini-bert on the reviews as chapter 8 does, for the classifier that runs in the page.

The recipe is that of `tools/measure/answers.py`; of its seeds the first is taken, before any result is seen. The
classifier is kept in _build/live, and Ctrl-C loses nothing: the same command goes on. `tools/live/write.py` rounds it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.recipe import BATCH, ENCODER, EPOCHS, HELD_OUT, LEARNING_RATE, SPLIT_SEED
from tools.measure.results import ROOT
from utils import corpora

SEED = 0
WORK = ROOT / "_build" / "live"
CLASSIFIER = WORK / "classifier"


def train(work: Path = WORK) -> Path:
    """Fine-tune, or go on with it, and return the folder of the classifier, `work / "classifier"`."""
    from utils.finetuning import choose_max_length, fine_tune, load_encoder_tokenizer

    training, dev = corpora.split(corpora.load("reviews", "train"), HELD_OUT, SPLIT_SEED)
    classifier = fine_tune(
        training.texts,
        training.labels,
        ENCODER,
        classes=training.classes,
        max_length=choose_max_length(load_encoder_tokenizer(ENCODER), training.texts),
        validation=(dev.texts, dev.labels),
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        epochs=EPOCHS,
        seed=SEED,
        checkpoints=work / "training",
        resume=True,
    )
    return classifier.save(work / "classifier", overwrite=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the classifier is there, 2 when something is missing, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="where to keep it (default: _build/live)")
    chosen = parser.parse_args(arguments)
    try:
        print(f"the classifier is in {train(chosen.work)}")
    except (OSError, corpora.CorpusError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("live: interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
