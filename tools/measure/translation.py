"""Train the book's translator, English to German, on Multi30k, and score it; go on where it was stopped.

The run lives in a folder of its own and is resumed from there: Ctrl-C and a kill lose minutes at most. The corpus comes
from the folder that BOOK_DATA_DIR names. With --score nothing is trained: what the run has reached is scored on the
test set of 2016, beside a dictionary, and written to data/results/translation.json. That file holds scores and numbers
of rows, no sentence of the corpus.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import PACKAGES, RESULTS, ROOT, command_line, write_result
from tools.measure.translation_scores import bleu, row_scores, rows_at_percentiles, score_system
from tools.measure.word_dictionary import learn_dictionary, translate_words

FOLDER = ROOT / "_build" / "translation"
NORM_LAST_FOLDER = ROOT / "_build" / "translation-norm-last"
NORM_LAST = {"norm_first": False, "peak": 4e-3, "warmup_steps": 1_500}  # the run that fails in chapter 5
TEST = "test_2016_flickr"
BEAM, PENALTY = 4, 0.6
SCORED_EPOCHS = 5  # every so many the curve holds BLEU of the validation set, too


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="of the run (default: _build/translation[-norm-last])")
    parser.add_argument(
        "--norm-last",
        action="store_true",
        help="train the run that fails in chapter 5: layers that normalise last, a higher peak of the rate",
    )
    parser.add_argument("--epochs", type=int, default=60, help="passes over the 29,000 pairs (default: 60)")
    parser.add_argument("--minutes", type=float, default=150, help="of this call (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    parser.add_argument("--score", action="store_true", help="score what the run has reached instead of training")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the scores (default: data/results)")
    parser.add_argument("--beam", type=int, default=BEAM, help=f"scored beside greedy; 1 for none (default: {BEAM})")
    chosen = parser.parse_args(arguments)
    if chosen.folder is None:
        chosen.folder = NORM_LAST_FOLDER if chosen.norm_last else FOLDER
    if chosen.beam < 1:
        parser.error(f"expected --beam of at least 1; received {chosen.beam}")
    if chosen.epochs < 1 or not chosen.minutes > 0:
        parser.error(
            f"expected --epochs of at least 1 and --minutes above 0; received {chosen.epochs} and {chosen.minutes}"
        )
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Train or score; 0 when that is done, 1 for what a reader can mend, 130 when interrupted."""
    chosen = parse(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from utils.corpora import CorpusError
    from utils.translation.fitting import TrainingError
    from utils.translation.translator import TranslatorError

    try:
        if chosen.score:
            typed = sys.argv[1:] if arguments is None else arguments
            print(f"wrote {score(chosen, command_line('tools/measure/translation.py', written(typed)))}")
        else:
            train(chosen)
    except (CorpusError, TrainingError, TranslatorError, ValueError, OSError) as error:
        print(f"translation: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name != "sacrebleu":
            raise
        print("translation: sacrebleu is not installed; `pip install sacrebleu==2.5.1` adds it", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {chosen.folder}", file=sys.stderr)
        return 130
    return 0


def train(chosen: argparse.Namespace) -> None:
    """Train until the epochs or the minutes are over, and print the last lines of the curve."""
    from utils.translation.fitting import Fitting, Settings, validation
    from utils.translation.pairs import load_multi30k
    from utils.translation.translator import Translator

    def measure(translator: Translator) -> dict[str, Any]:
        found = validation(translator, held_out)
        if (len(fitting.curve) + 1) % SCORED_EPOCHS == 0:
            found["validation_bleu"] = bleu(translator.translate(held_out.source), held_out.target)[0]
        return found

    pairs, held_out = load_multi30k("train"), load_multi30k("val")
    bleu(["a"], ["a"])  # a missing package is told now, not after five epochs
    fitting = Fitting(chosen.folder, pairs, Settings(seed=chosen.seed, **(NORM_LAST if chosen.norm_last else {})))
    fitting.fit(epochs=chosen.epochs, seconds=60 * chosen.minutes, after_epoch=measure)
    for line in fitting.curve[-3:]:
        print(line)


def score(chosen: argparse.Namespace, command: str) -> Path:
    """Score what the run has reached, and a dictionary from the same pairs; return the file of results."""
    from utils.translation.fitting import read_run
    from utils.translation.pairs import load_multi30k

    pairs, test = load_multi30k("train"), load_multi30k(TEST)
    state, translator = read_run(chosen.folder)
    settings = state["about"]["settings"]
    about = {
        "seeds": [settings["seed"]],
        "epochs": len(state["curve"]),
        "training_seconds": state["curve"][-1]["seconds"],
        "parameters": int(translator.model.count_params()),
    }

    def search(beam_size: int) -> tuple[dict[str, Any], list[str]]:
        options = {"beam_size": beam_size, "penalty": PENALTY}
        begun = time.monotonic()
        row, lines = score_system(
            "Transformer",
            lambda texts: translator.translate(texts, **options),
            *(test.source, test.target),
            search=f"beam {beam_size}" if beam_size > 1 else "greedy",
            **about,
        )
        return row | {"seconds_for_the_test_set": round(time.monotonic() - begun, 1)}, lines

    begun = time.monotonic()
    dictionary = learn_dictionary(pairs.source, pairs.target)
    words = {"search": "word by word", "seeds": [], "epochs": 5, "parameters": len(dictionary)}
    words["training_seconds"] = round(time.monotonic() - begun, 1)
    row, _ = score_system(
        "dictionary", lambda texts: translate_words(dictionary, texts), test.source, test.target, **words
    )
    rows = [shown(row)]
    for beam_size in sorted({1, chosen.beam}):
        row, lines = search(beam_size)
        rows.append(shown(row))
    chrf = row_scores(lines, test.target)
    return write_result(
        "translation",
        rows,
        command,
        settings["seed"],
        packages=(*PACKAGES, "tokenizers", "sacrebleu"),
        folder=chosen.results,
        corpus="multi30k",
        test_set=TEST,
        settings=settings,
        length_penalty=PENALTY,
        signature=bleu(lines, test.target)[1],
        signature_lowercase=bleu(lines, test.target, lowercase=True)[1],
        curve=state["curve"],
        row_chrf=chrf,
        rows_at_percentiles=rows_at_percentiles(chrf),
    )


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Print the scores of a row, and return it."""
    scores = f"BLEU {row['bleu']:5.2f}, of lower case {row['bleu_lowercase']:5.2f}"
    print(f"{row['system']:<12} {row['search']:<13} {scores}", flush=True)
    return row


def written(arguments: Sequence[str]) -> list[str]:
    """Return arguments without the folders of one machine."""
    kept, skip = [], False
    for word in arguments:
        if skip or word.startswith(("--folder=", "--results=", "--beside=")):
            skip = False
        elif word in ("--folder", "--results", "--beside"):
            skip = True
        else:
            kept.append(word)
    return kept


if __name__ == "__main__":
    sys.exit(main())
