"""The options of the command line, each checked before anything is read."""

import argparse
import functools
import math
from typing import Any

KTRAIN, KERAS = ENGINES = ("ktrain", "keras")
PROGRAM = "python -m utils.finetuning"
ABOUT = """Fine-tune a pre-trained Transformer on labelled texts, and use what came of it.

exit status: 0 done, 1 failed on the way, 2 wrong use or unusable input, 130 interrupted
"""
TRAIN = """Fine-tune an encoder on labelled texts and keep the classifier in a folder.

The result for a person, accuracy and recall on the held-out texts and warnings, goes to standard error like all that
happens on the way; all figures go to standard output as one line of JSON, the last. After each epoch, every two minutes
and when it is interrupted (Ctrl-C or SIGTERM) the whole state is kept in OUTPUT.unfinished: the same command goes on
there.

--engine ktrain (the default) is the way of chapter 8: any encoder that transformers knows, its learning-rate finder in
Python. --engine keras is the way of chapter 7: the book's own network on Keras 3, with TensorFlow, JAX or PyTorch
(KERAS_BACKEND), for encoders of the kind BERT. Batches, schedule, loss and head are those of ktrain's recipe. On the
book's reviews and on SST-2 their mean accuracies lay within 0.01 of each other (five seeds each, data/results/engines
and engines-sst2). So choose keras where ktrain, tf-keras or transformers cannot be installed or where pace counts, and
ktrain for other encoders. `predict` and `evaluate` find out by themselves which of the two has trained a classifier.

example: python -m utils.finetuning train --data mine.csv --model data/checkpoints/mini-bert --output mine
"""
PREDICT = """Classify texts, one a line, from standard input; or with --data the rows of a file, however many.

One line of output for each line of input: class, tab, probability; with --json an object with the probabilities of all
classes. Lines without text get an empty line, or null. With --data and --output FILE.csv, each row gets two more
columns, predicted and probability; what is finished is kept in OUTPUT.unfinished, and the same command goes on there.

example: echo 'not bad at all' | python -m utils.finetuning predict --model mine
"""
EVALUATE = """Measure a classifier on labelled texts that it was not trained on.

Prints accuracy beside the majority's share, precision, recall and F1 of each class, the confusion matrix, how far the
probabilities can be believed, and the worst errors with the words that decided them. With --json it prints all of this
as one line of JSON instead; with --output it also writes report.json, errors.csv and confusion.png.

example: python -m utils.finetuning evaluate --model mine --data test.csv --output mine-on-test
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; the name of the chosen command is under `command`."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=PROGRAM, description=ABOUT, formatter_class=layout)
    commands = parser.add_subparsers(dest="command", required=True, metavar="train | evaluate | predict")
    _add_train(commands.add_parser("train", help="fine-tune and keep", description=TRAIN, formatter_class=layout))
    _add_evaluate(
        commands.add_parser("evaluate", help="measure on labelled texts", description=EVALUATE, formatter_class=layout)
    )
    text = "classify lines, or the rows of a file"
    _add_predict(commands.add_parser("predict", help=text, description=PREDICT, formatter_class=layout))
    for command in commands.choices.values():
        command.add_argument("--quiet", action="store_true", help="no progress bar, no notes; errors only")
        command.add_argument("--traceback", action="store_true", help="show where in the code an error came from")
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    add = parser.add_argument
    text = "CSV, TSV or JSON Lines file, folder with train.csv, or reviews, sst2, imdb"
    add("--data", required=True, metavar="FILE|NAME", help=text)
    add("--model", required=True, metavar="FOLDER|NAME", help="encoder: a folder, or a name on the Hugging Face hub")
    add("--output", required=True, metavar="FOLDER", help="where the classifier goes")
    text = "what to measure on: a share of --data, one of its splits (dev), or a file (default: 0.1)"
    add("--validation", metavar="SHARE|SPLIT|FILE", help=text)
    text = "small data: measure on all of --data in N turns, each on a part that was not trained on; then train on all"
    add("--folds", type=integer(2), metavar="N", help=text)
    add("--epochs", type=integer(1), default=3, metavar="N", help="passes over the texts (default: %(default)s)")
    text = "longest text in tokens; longer ones are cut (default: holds 99 of 100 texts whole)"
    add("--max-length", type=integer(3), metavar="N", help=text)
    add("--batch-size", type=integer(1), default=32, metavar="N", help="texts in a step (default: %(default)s)")
    text = "highest of the cycle (default: %(default)s; small encoders want more, 1e-4 to 5e-4)"
    add("--learning-rate", type=learning_rate, default=5e-5, metavar="RATE", help=text)
    add("--seed", type=integer(0, 2**32 - 1), default=0, metavar="N", help="of random numbers (default: %(default)s)")
    text = "what trains: ktrain, for every kind of encoder; keras, for a BERT, without ktrain and tf-keras; see above"
    add("--engine", choices=ENGINES, default=KTRAIN, help=text + " (default: %(default)s)")
    _add_file_options(parser)
    text = "write OUTPUT-onnx as well, a folder that serves with onnxruntime and without this book"
    add("--export", choices=["onnx"], help=text)
    add("--overwrite", action="store_true", help="replace a classifier that is already in --output")
    add("--restart", action="store_true", help="do not go on with an interrupted training, begin anew")


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how a file of labelled texts is to be read."""
    add = parser.add_argument
    add("--text-column", metavar="NAME", help="column of texts (default: text, review or sentence)")
    add("--label-column", metavar="NAME", help="column of labels, words or numbers (default: label)")
    text = "names of all columns of a file without a header, such as text,label (default: the first row names them)"
    add("--columns", type=names, metavar="NAME,NAME", help=text)
    add("--encoding", help="of the file (default: UTF-8)")
    add("--no-quotes", action="store_true", help="double quotes are part of the text and enclose no field")


def file_format(options: argparse.Namespace) -> dict[str, Any]:
    """Return what these options say of a file, as arguments of `utils.corpora.load`."""
    own = {"text": options.text_column, "label": options.label_column, "encoding": options.encoding}
    return own | {"quotes": not options.no_quotes, "columns": options.columns}


def _add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the options of `predict`."""
    add = parser.add_argument
    add("--model", required=True, metavar="FOLDER", help="what `train` wrote to its --output")
    add("--json", action="store_true", help="write one JSON object a line")
    add("--fingerprint", metavar="SHA256", help="refuse any other classifier; in the JSON of `train`")
    add("--encoding", help="of standard input, or of the file (default: UTF-8)")
    add("--data", metavar="FILE", help="CSV, TSV or JSON Lines file with a column of texts, instead of standard input")
    add("--output", metavar="FILE.csv", help="where its rows go, with their classes")
    add("--text-column", metavar="NAME", help="column of texts (default: text, review or sentence)")
    text = "names of all columns of a file without a header, such as id,text (default: the first row names them)"
    add("--columns", type=functools.partial(names, least=1), metavar="NAME,NAME", help=text)
    add("--no-quotes", action="store_true", help="double quotes are part of the text and enclose no field")
    add("--overwrite", action="store_true", help="replace a file that is already at --output")
    add("--restart", action="store_true", help="do not go on with what was interrupted, begin anew")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Add the options of `evaluate`."""
    add = parser.add_argument
    add("--model", required=True, metavar="FOLDER", help="what `train` wrote to its --output")
    text = "CSV, TSV or JSON Lines file, folder with test.csv, or reviews, sst2, imdb"
    add("--data", required=True, metavar="FILE|NAME", help=text)
    add("--split", metavar="NAME", help="of a folder or a name (default: test)")
    add(
        "--output",
        metavar="FOLDER",
        help="where report.json, errors.csv and confusion.png go; existing ones are replaced",
    )
    add("--errors", type=integer(0), default=5, metavar="N", help="worst errors to show (default: %(default)s)")
    add("--json", action="store_true", help="write one line of JSON instead of the report")
    add("--fingerprint", metavar="SHA256", help="refuse any other classifier; in the JSON of `train`")
    _add_file_options(parser)


def integer(least: int, most: float = math.inf):
    """Return a converter of an option's words that accepts integers within bounds.

    Example:
        >>> integer(1)("8")
        8
    """

    def convert(word: str) -> int:
        bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        try:
            number = int(word)
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected an integer, {bounds}; received {word!r}")
        return number

    return convert


def names(word: str, least: int = 2) -> tuple[str, ...]:
    """Convert names of columns, so many at least, with commas between them.

    Example:
        >>> names("text, label")
        ('text', 'label')
    """
    found = tuple(name.strip() for name in word.split(","))
    if len(found) < least or not all(found) or len(set(found)) < len(found):
        told = f"the names of {least} columns or more, each once, with commas between them, such as text,label"
        raise argparse.ArgumentTypeError(f"expected {told}; received {word!r}")
    return found


def learning_rate(word: str) -> float:
    """Convert a learning rate, which is above 0 and below 1."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and below 1, such as 5e-5; received {word!r}")
    return number


def share(word: str) -> float | None:
    """Return the share that --validation names, or None where it names a split or a file.

    Raises:
        ValueError: it is a number, but none between 0 and 1.
    """
    try:
        number = float(word)
    except ValueError:
        return None
    if not 0 < number < 1:
        raise ValueError(f"expected a share between 0 and 1, the name of a split, or a file; received {word!r}")
    return number
