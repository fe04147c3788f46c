"""What stands in the student edition in place of a solution: a cell for the answer, and one that checks it."""

import ast
import re

from tools.editions.syntax import EditionError

_LISTING = re.compile(r"^```python\n(.*?)\n```$", re.M | re.S)
_MADE_FROM = "the cell for the answer is made from"


def answer_cells(solution: str, asked: str) -> tuple[str, str]:
    """Return the source of the cell for an answer, with nothing in it yet, and of the cell that checks it.

    Args:
        solution: the source of the chapter's solution; its last line is `check("…", …)`.
        asked: the text of the exercise, which says how to hand an answer in, and shows the function with a bug.

    Raises:
        EditionError: one of the two does not say so.
    """
    name, functions = _read(solution)
    found = re.search(rf'`check\("{re.escape(name)}", (?P<answer>.+?)\)`', asked)
    if found is None:
        raise EditionError(f'the exercise does not say `check("{name}", …)`; {_MADE_FROM} these words')
    listing = _LISTING.search(asked)
    parts = [_part(one, functions, listing[1] if listing else "") for one in _names(found["answer"])]
    check = f'from utils.exercises import check_answer\n\ncheck_answer("{name}", lambda: {found["answer"]})'
    return "\n\n\n".join(parts), check


def _read(solution: str) -> tuple[str, dict[str, ast.FunctionDef]]:
    """Return the name of a solution's exercise, and the functions that it defines."""
    match ast.parse(solution).body:
        case [*others, ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(name)), _]))]:
            return name, {one.name: one for one in others if isinstance(one, ast.FunctionDef)}
    raise EditionError(f'a solution does not end with check("…", …); {_MADE_FROM} this line')


def _names(answer: str) -> list[str]:
    """Return the names in `numbers`, `shapes` or `(line, function)`."""
    match ast.parse(answer, mode="eval").body:
        case ast.Name(name):
            return [name]
        case ast.Tuple(parts) if all(isinstance(part, ast.Name) for part in parts):
            return [part.id for part in parts]
    raise EditionError(f"an answer {answer!r} is no name and no tuple of names; {_MADE_FROM} these")


def _part(name: str, functions: dict[str, ast.FunctionDef], listing: str) -> str:
    """Return the lines that give a name its first value: a listing to mend, an empty function, or nothing yet."""
    if listing.startswith(f"def {name}("):
        return listing
    if name in functions:
        return f"def {name}({ast.unparse(functions[name].args)}):\n    ...  # your answer; end with return"
    return f"{name} = ...  # your answer" if name != "line" else "line = ...  # the number of the wrong line"
