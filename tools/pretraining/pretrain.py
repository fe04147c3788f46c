"""Pre-train mini-bert: a small BERT encoder that learns, without labels, from what a large one says of plain text.

Reads IMDB's training reviews and old novels, asks the teacher about each sentence once, trains the student on the
answers, and writes it as a folder that transformers' TensorFlow classes load. Ctrl-C loses nothing: the same command
goes on where it stopped. PyTorch is needed for this program alone; `make reference` installs it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import PACKAGES, RESULTS, ROOT, command_line, write_result

OUTPUT = ROOT / "data" / "checkpoints" / "mini-bert"
WORK = ROOT / "_build" / "pretrain"
TEACHER = "all-MiniLM-L6-v2"
RESULT = "mini-bert-training"
INTERRUPTED = 130
NUMBERS = {  # option: (default, what it is)
    "vocabulary-size": (14_000, "pieces of the vocabulary"),
    "items": (240_000, "sentences and passages at most"),
    "novel-documents": (2_000, "stretches of novels, of twelve sentences each"),
    "twins": (0, "of 100 sentences that can have a twin, which differs by a *not*, get one"),
    "steps": (5_000, "batches that the student learns from"),
    "batch-pieces": (2_048, "pieces of a batch, with padding"),
    "warm-up": (300, "steps in which the learning rate rises"),
    "save-every": (500, "steps between two checkpoints"),
    "layers": (4, "of the student"),
    "width": (128, "of the student's vectors"),
    "heads": (4, "of each layer"),
    "threads": (2, "of PyTorch"),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; BOOK_DATA_DIR and BOOK_MODEL_DIR say where data and teacher are, unless it does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data, models = os.environ.get("BOOK_DATA_DIR"), os.environ.get("BOOK_MODEL_DIR")
    teacher = Path(models) / TEACHER if models else None
    parser.add_argument("--data", type=Path, default=data, help="folder with imdb/ and novels/ ($BOOK_DATA_DIR)")
    parser.add_argument("--teacher", type=Path, default=teacher, help=f"its folder ($BOOK_MODEL_DIR/{TEACHER})")
    parser.add_argument(
        "--output", type=Path, default=OUTPUT, help="the checkpoint (default: data/checkpoints/mini-bert)"
    )
    parser.add_argument("--work", type=Path, default=WORK, help="what is kept between runs (default: _build/pretrain)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the curve goes (default: data/results)")
    for name, (default, told) in NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{told} (default: {default:,})")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3, help="the highest (default: 0.0015)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: 0)")
    chosen = parser.parse_args(arguments)
    if problem := find_problem(chosen):
        parser.error(problem)
    return chosen


def find_problem(chosen: argparse.Namespace) -> str | None:
    """Return what is wrong with the command line, if anything is."""
    for name in NUMBERS:
        least = 0 if name == "twins" else 1
        if (value := getattr(chosen, name.replace("-", "_"))) < least:
            return f"expected --{name} of at least {least}; received {value}"
    if chosen.twins > 100:
        return f"expected --twins of at most 100; received {chosen.twins}"
    for name, variable in {"data": "BOOK_DATA_DIR", "teacher": "BOOK_MODEL_DIR"}.items():
        if not (folder := getattr(chosen, name)):
            return f"expected --{name}, or {variable} to name a folder; neither is given"
        if not folder.is_dir():
            return f"expected --{name} to name a folder; there is none at {folder}"
    return None


def pretrain(chosen: argparse.Namespace) -> tuple[Any, Any, float]:
    """Run the stages; return text, the trainer where its plan or an interrupt ended it, and the teacher's seconds."""
    from tools.pretraining import stages, training

    names = ("vocabulary_size", "items", "novel_documents", "seed", "twins")
    text_choices = stages.TextChoices(**{name: getattr(chosen, name) for name in names})
    text = stages.prepare_text(text_choices, chosen.data, chosen.teacher, chosen.work)
    print(
        f"{len(text.corpus):,} items of text, {len(text.corpus.ids):,} pieces; {len(text.pieces):,} in the vocabulary"
    )
    names = ("steps", "batch_pieces", "learning_rate", "warm_up", "seed", "save_every")
    plan = training.Plan(**{name: getattr(chosen, name) for name in names})
    sizes = {name: getattr(chosen, name) for name in ("layers", "width", "heads")}
    trainer, teacher_seconds = stages.prepare_student(text, chosen.teacher, plan, sizes)
    trainer.run()
    return text, trainer, teacher_seconds


def finish(chosen: argparse.Namespace, text: Any, trainer: Any, teacher_seconds: float, command: str) -> None:
    """Write the checkpoint, its curve and its card."""
    from tools.pretraining import card, export

    encoder = trainer.student.encoder
    weights = {name: value.numpy() for name, value in encoder.state_dict().items()}
    path = export.export_encoder(trainer.student.config, weights, text.pieces, chosen.output)
    about = {
        "sha256": export.sha256(path),
        "bytes": sum(file.stat().st_size for file in chosen.output.iterdir() if file.name != "README.md"),
        "parameters": sum(value.size for value in weights.values()),
        "vocabulary": len(text.pieces),
        "items": len(text.corpus),
        "pieces": len(text.corpus.ids),
        "twins": chosen.twins,
        "teacher": chosen.teacher.name,
        "teacher_seconds": teacher_seconds,
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "items_read": trainer.items,
    }
    packages = (*PACKAGES, "transformers", "tokenizers", "safetensors")
    write_result(RESULT, trainer.curve, command, chosen.seed, packages=packages, folder=chosen.results, **about)
    card.write_card(chosen.output, chosen.results)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when done, 2 when something is missing, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = parse(arguments)
    try:
        import torch

        torch.set_num_threads(chosen.threads)
        text, trainer, teacher_seconds = pretrain(chosen)
        if trainer.step < trainer.plan.steps:
            raise KeyboardInterrupt(f" at step {trainer.step:,} of {trainer.plan.steps:,}")
        finish(chosen, text, trainer, teacher_seconds, command_line("tools/pretraining/pretrain.py", arguments))
    except ModuleNotFoundError as error:
        print(f"pretrain: {error}. `make reference` installs PyTorch; see README.md.", file=sys.stderr)
        return 2
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"pretrain: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as where:
        print(f"pretrain: interrupted{where}; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    print(f"wrote {chosen.output.name}: {trainer.items:,} items read in {trainer.seconds:,.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
