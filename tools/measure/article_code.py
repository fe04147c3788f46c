"""Ask the installed ktrain and PyTorch what they say to the calls that the five articles make, and record it.

The appendix "Every question, answered by evidence" answers articles whose programs call functions of ktrain and
`torch.nn.Transformer`. Whether a library has a name, what an argument means to it and which error it raises can be
known only by trying it, with the version installed. Each row holds one call in our own words, on small inputs, and what
came of it. Needs ktrain and PyTorch; takes half a minute, nearly all of it imports.
"""

import argparse
import importlib.metadata
import inspect
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.measure.results import FINE_TUNING_PACKAGES, command_line, write_result

ASKED_OF_KTRAIN = {  # name: the article that asks for it
    "Dataset": 1,
    "Tokenizer": 1,
    "transformer": 1,
    "train": 1,
    "evaluate": 1,
    "text": 2,
    "get_learner": 2,
}
ELSEWHERE_IN_KTRAIN = {"dataset:Dataset": 1, "core:Learner.evaluate": 1}  # two of these names: module, and what of it
ASKED_OF_ITS_TRANSFORMER = ("get_classifier", "preprocess_train", "preprocess_test")
WIDTH, TOKENS, BATCH = 16, 7, 5


def outcome(call: Callable[[], Any]) -> dict[str, str]:
    """Return what a call comes to: the shape it returns, or its error and the first line of what the error says.

    Example:
        >>> outcome(lambda: [][0])
        {'raises': 'IndexError', 'says': 'list index out of range'}
    """
    try:
        result = call()
    except Exception as error:
        return {"raises": type(error).__name__, "says": str(error).splitlines()[0]}
    return {"returns": str(tuple(getattr(result, "shape", ())))}


def has(name: str) -> bool:
    """Return whether a name is there to import, such as "json.decoder:JSONDecoder.decode".

    Example:
        >>> has("inspect:Signature.bind"), has("inspect:Signature.unbind")
        (True, False)
    """
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def ask_ktrain() -> list[dict[str, Any]]:
    """Return for each name that an article takes from ktrain whether ktrain has it, and for one argument likewise."""
    from utils.finetuning import load_ktrain

    ktrain = load_ktrain()
    rows = [
        {"library": "ktrain", "article": article, "asks": name, "there": hasattr(ktrain, name)}
        for name, article in ASKED_OF_KTRAIN.items()
    ]
    rows += [
        {"library": "ktrain", "article": article, "asks": name.replace(":", "."), "there": has(f"ktrain.{name}")}
        for name, article in ELSEWHERE_IN_KTRAIN.items()
    ]
    of_text = ktrain.text.Transformer
    for name in ASKED_OF_ITS_TRANSFORMER:
        rows.append(
            {"library": "ktrain", "article": 2, "asks": f"text.Transformer.{name}"} | {"there": hasattr(of_text, name)}
        )
    accepted = "preprocess_mode" in inspect.signature(of_text.preprocess_train).parameters
    rows.append({"library": "ktrain", "article": 2, "asks": "its argument preprocess_mode", "there": accepted})
    return rows


def ask_torch() -> list[dict[str, Any]]:
    """Return what PyTorch makes of each call of the articles, on a random batch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    batch = torch.randn(BATCH, TOKENS, WIDTH)
    order = list(inspect.signature(nn.Transformer.__init__).parameters)[1:7]
    calls: list[tuple[int, str, Callable[[], Any]]] = [
        (3, "nn.Transformer(width, classes, layers, heads, dropout)", lambda: nn.Transformer(WIDTH, 2, 2, 4, 0.1)),
        (4, "nn.Transformer(width, heads, layers)(x), no target", lambda: nn.Transformer(WIDTH, 4, 2)(batch)),
        (5, "nn.Transformer(width, heads, layers, dropout)", lambda: nn.Transformer(WIDTH, 4, 2, 0.1)),
        (5, "nn.Linear(vocabulary, width)(token ids)", lambda: nn.Linear(9, WIDTH)(torch.randint(9, (BATCH, 9)))),
        (4, f"x of {TOKENS} tokens + positions (1, 2 layers, width)", lambda: batch + torch.randn(1, 2, WIDTH)),
        (4, "x of 2 tokens + positions (1, 2 layers, width)", lambda: batch[:, :2] + torch.randn(1, 2, WIDTH)),
        (3, f"x of {TOKENS} tokens + positions (1, width)", lambda: batch + torch.randn(1, WIDTH)),
    ]
    rows = [{"library": "torch", "article": article, "asks": asks} | outcome(call) for article, asks, call in calls]
    rows.append(
        {"library": "torch", "article": 3, "asks": "order of nn.Transformer's arguments", "says": ", ".join(order)}
    )
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    rows = ask_ktrain() + ask_torch()
    command = command_line("tools/measure/article_code.py", sys.argv[1:] if arguments is None else arguments)
    needs = [need for need in importlib.metadata.requires("ktrain") or () if "extra ==" not in need]
    about = {"packages": FINE_TUNING_PACKAGES, "ktrain_requires": len(needs)}
    path = write_result("article-code", rows, command, 0, **about)
    for row in rows:
        print(
            f"article {row['article']}, {row['library']}: {row['asks']}: {row.get('there', row.get('raises', 'runs'))}"
        )
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
