"""The line that a folded cell is read by, where its chapter gives none: the set-up and the imports."""

from docutils import nodes
from sphinx.application import Sphinx

LINES = {"set-up": "Set-up: find the book, or fetch it", "imports": "Imports and seeds"}


def name_folds(_app: Sphinx, doctree: nodes.document) -> None:
    """Give folded cells their line instead of MyST-NB's "Show code cell content"; those with a line keep it."""
    for cell in doctree.findall(nodes.container):
        metadata = cell.get("cell_metadata", {})
        for tag in metadata.get("tags", []):
            if tag in LINES and "prompt_show" in cell and "code_prompt_show" not in metadata.get("mystnb", {}):
                cell["prompt_show"] = cell["prompt_hide"] = LINES[tag]
