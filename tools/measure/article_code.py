"""Ask the installed ktrain and PyTorch what they say to the calls that the five articles make, and record it.

The appendix "Every question, answered by evidence" answers articles whose programs call functions of ktrain and
`torch.nn.Transformer`. Whether a library has a name, what an argument means to it and which error it raises can be
known only by trying it, with the version installed. Each row holds one call in our own words, on small inputs, and what
came of it. Needs ktrain and PyTorch; takes half a minute, nearly all of it imports.
"""

import argparse
import ast
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Collection, Iterator
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
ASKED_OF_ITS_TRANSFORMER = ("get_classifier", "preprocess_train", "preprocess_test")
WIDTH, TOKENS, TEXTS = 16, 7, 5


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


def definitions(folder: Path, names: Collection[str]) -> list[str]:
    """Return where the Python files below a folder define a class, a function or a method of one of these names.

    Args:
        folder: the folder of a package. Its files are read, not imported.
        names: such as {"train"}.

    Returns:
        Sorted names from the package on, such as "text.eda.TopicModel.train".
    """

    def below(node: ast.AST, owner: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                if child.name in names:
                    yield f"{owner}.{child.name}"
                if isinstance(child, ast.ClassDef):
                    yield from below(child, f"{owner}.{child.name}")
            else:
                yield from below(child, owner)

    found: list[str] = []
    for path in folder.rglob("*.py"):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        found += below(ast.parse(path.read_text(encoding="utf-8")), module)
    return sorted(found)


def ask_ktrain() -> list[dict[str, Any]]:
    """Return for each name that an article takes from ktrain whether ktrain has it, and for one argument likewise.

    For the names that article 1 imports from the top, also each place at which ktrain defines them.
    """
    from utils.finetuning import load_ktrain

    ktrain = load_ktrain()
    rows = [
        {"library": "ktrain", "article": article, "asks": name, "there": hasattr(ktrain, name)}
        for name, article in ASKED_OF_KTRAIN.items()
    ]
    imported = {name for name, article in ASKED_OF_KTRAIN.items() if article == 1}
    rows += [
        {"library": "ktrain", "article": 1, "asks": name, "there": True}
        for name in definitions(Path(ktrain.__file__).parent, imported)
    ]
    of_text = ktrain.text.Transformer
    for name in ASKED_OF_ITS_TRANSFORMER:
        rows.append(
            {"library": "ktrain", "article": 2, "asks": f"text.Transformer.{name}"} | {"there": hasattr(of_text, name)}
        )
    accepted = "preprocess_mode" in inspect.signature(of_text.preprocess_train).parameters
    rows.append({"library": "ktrain", "article": 2, "asks": "preprocess_train(preprocess_mode)", "there": accepted})
    return rows


def ask_torch() -> list[dict[str, Any]]:
    """Return what PyTorch makes of each call of the articles, on random arrays.

    The positions of article 4 have shape (1, layers, width). They are added to arrays in the order that
    `nn.Transformer` reads by default, (tokens, texts, width), and in the order (texts, tokens, width).
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers, row_a_layer = 2, torch.randn(1, 2, WIDTH)
    order = list(inspect.signature(nn.Transformer.__init__).parameters)[1:7]

    def add(*shape: int) -> Any:
        return torch.randn(*shape, WIDTH) + row_a_layer

    calls: list[tuple[int, str, Callable[[], Any]]] = [
        (3, "nn.Transformer(width, classes, layers, heads, dropout)", lambda: nn.Transformer(WIDTH, 2, 2, 4, 0.1)),
        (4, "nn.Transformer(width, heads, layers)(x), no target", lambda: nn.Transformer(WIDTH, 4, 2)(add(TOKENS, 2))),
        (5, "nn.Transformer(width, heads, layers, dropout)", lambda: nn.Transformer(WIDTH, 4, 2, 0.1)),
        (5, "nn.Linear(vocabulary, width)(token ids)", lambda: nn.Linear(9, WIDTH)(torch.randint(9, (TEXTS, 9)))),
        (4, f"({TOKENS} tokens, {TEXTS} texts, width) + (1, 2 layers, width)", lambda: add(TOKENS, TEXTS)),
        (4, f"({TOKENS} tokens, 2 texts, width) + (1, 2 layers, width)", lambda: add(TOKENS, layers)),
        (4, f"({TEXTS} texts, {TOKENS} tokens, width) + (1, 2 layers, width)", lambda: add(TEXTS, TOKENS)),
        (4, f"({TEXTS} texts, 2 tokens, width) + (1, 2 layers, width)", lambda: add(TEXTS, layers)),
        (
            3,
            f"({TEXTS} texts, {TOKENS} tokens, width) + (1, width)",
            lambda: torch.randn(TEXTS, TOKENS, WIDTH) + torch.randn(1, WIDTH),
        ),
    ]
    rows = [{"library": "torch", "article": article, "asks": asks} | outcome(call) for article, asks, call in calls]
    for batch_first in (False, True):
        asks = f"texts first, batch_first={batch_first}: does text 1 depend on text 2?"
        mixed = mixes_texts(nn.Transformer(WIDTH, 4, layers, batch_first=batch_first))
        rows.append({"library": "torch", "article": 4, "asks": asks, "says": "yes" if mixed else "no"})
    rows.append(
        {"library": "torch", "article": 3, "asks": "order of nn.Transformer's arguments", "says": ", ".join(order)}
    )
    return rows


def mixes_texts(model: Any) -> bool:
    """Return whether the output for the first of two texts changes with the second; texts are the first axis."""
    import torch

    texts, target = torch.randn(2, TOKENS, WIDTH), torch.randn(2, TOKENS, WIDTH)
    with torch.no_grad():
        before = model.eval()(texts, target)[0]
        texts[1] = torch.randn(TOKENS, WIDTH)
        after = model(texts, target)[0]
    return not torch.allclose(before, after, atol=1e-4)


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
        came = row.get("there", row.get("raises", row.get("says", "runs")))
        print(f"article {row['article']}, {row['library']}: {row['asks']}: {came}")
    print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
