"""The button that opens a chapter's edition on Colab, once the address is set; tools/editions/write.py writes it."""

from docutils import nodes
from sphinx.application import Sphinx

COLAB = "https://colab.research.google.com/github/{repository}/blob/gh-pages/editions/colab/{name}.ipynb"
GITHUB = "https://github.com/"
UNSET_OWNER = "/OWNER/"


def colab_address(repository: str, page: str) -> str:
    """Return where Colab opens the edition of a page; nowhere, an empty string, if it has none or no address is set.

    Args:
        repository: its address; Colab opens notebooks from GitHub only.
        page: as Sphinx names it ("chapters/01-attention").
    """
    folder, _, name = page.rpartition("/")
    if folder != "chapters" or not repository.startswith(GITHUB) or UNSET_OWNER in repository:
        return ""
    return COLAB.format(repository=repository.removeprefix(GITHUB).strip("/"), name=name)


def add_colab_button(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the button first in the row of the card "At a glance", or in a row of its own below the title."""
    address = colab_address(app.config.html_theme_options.get("repository_url", ""), page)
    if not address:
        return
    button = nodes.reference("", "Open in Colab", refuri=address, internal=False, classes=["open-in-colab"])
    row = next((node for node in doctree.findall(nodes.paragraph) if "buttons" in node["classes"]), None)
    if row is not None:
        row.insert(0, [button, nodes.Text(" ")])
    else:
        title = next(doctree.findall(nodes.title))
        title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", "", button, classes=["buttons"]))
