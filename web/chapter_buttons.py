"""The buttons of a chapter, once the address is set: its editions, which tools/editions/write.py writes, its source."""

from docutils import nodes
from sphinx.application import Sphinx

COLAB = "https://colab.research.google.com/github/{repository}/blob/gh-pages/editions/{edition}/{name}.ipynb"
SOURCE = "https://github.com/{repository}/blob/{branch}/chapters/{name}.ipynb"
BUTTONS = (  # text, class, address, edition
    ("Open in Colab", "open-in-colab", COLAB, "colab"),
    ("Student edition", "open-student-edition", COLAB, "student"),
    ("Source", "chapter-source", SOURCE, ""),
)
GITHUB = "https://github.com/"
UNSET_OWNER = "/OWNER/"


def chapter_addresses(repository: str, page: str, branch: str = "main") -> dict[str, str]:
    """Return where the buttons of a page lead, by their class; nowhere if it is no chapter or no address is set.

    Args:
        repository: its address; Colab opens notebooks from GitHub only.
        page: as Sphinx names it ("chapters/01-attention").
        branch: holds the sources.
    """
    folder, _, name = page.rpartition("/")
    if folder != "chapters" or not repository.startswith(GITHUB) or UNSET_OWNER in repository:
        return {}
    place = {"repository": repository.removeprefix(GITHUB).strip("/"), "branch": branch, "name": name}
    return {style: address.format(edition=edition, **place) for _, style, address, edition in BUTTONS}


def add_chapter_buttons(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the buttons first in the row of the card "At a glance", or in a row of their own below the title."""
    options = app.config.html_theme_options
    addresses = chapter_addresses(options.get("repository_url", ""), page, options.get("repository_branch") or "main")
    if not addresses:
        return
    parts: list[nodes.Node] = []
    for text, style, *_ in BUTTONS:
        parts += [nodes.reference("", text, refuri=addresses[style], internal=False, classes=[style]), nodes.Text(" ")]
    row = next((node for node in doctree.findall(nodes.paragraph) if "buttons" in node["classes"]), None)
    if row is not None:
        row.insert(0, parts)
    else:
        title = next(doctree.findall(nodes.title))
        title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", "", *parts[:-1], classes=["buttons"]))
