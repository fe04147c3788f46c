"""What a chapter folds under a line (checks, imports, the set-up), and the story, which is all but the checks."""

import copy

from nbformat import NotebookNode

from tools.notebooks.chapters import is_code, tags
from web.fold_lines import LINES

FOLD_TAG = "hide-cell"
PROOF_TAG = "check"
IMPORTS_TAG = "imports"


def is_proof(cell: NotebookNode) -> bool:
    """Return whether a cell is a folded check: the story runs without it."""
    return is_code(cell) and PROOF_TAG in tags(cell)


def line_of(cell: NotebookNode) -> str:
    """Return the line that a cell is folded under, its own or that of its kind; empty if there is none."""
    of_its_kind = next((LINES[tag] for tag in tags(cell) if tag in LINES), "")
    return str(cell.metadata.get("mystnb", {}).get("code_prompt_show", of_its_kind))


def story(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook without its checks."""
    told = copy.deepcopy(notebook)
    told.cells = [cell for cell in told.cells if not is_proof(cell)]
    return told
