"""Sphinx extension: what the book's pages need beyond the theme.

- pages link to the repository only once its address is set in `_config.yml`;
- each chapter has a button that opens its edition on Colab, once that address is set;
- `index.html` is the front page itself, not a page that forwards to it;
- a formula and the punctuation after it stay on one line;
- the theme's icon script (1.5 MB to a page) is left out; `icons.css` draws the icons.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

UNSET_OWNER = "/OWNER/"
REPOSITORY_OPTIONS = ("use_repository_button", "use_issues_button", "use_edit_page_button", "use_source_button")
COLAB = "https://colab.research.google.com/github/{repository}/blob/gh-pages/editions/colab/{name}.ipynb"
GITHUB = "https://github.com/"
ICON_SCRIPT = re.compile(r"<script[^>]*/fontawesome\.js[^>]*></script>\s*")
CLOSING = re.compile(r"[.,;:!?)\]’”]+")
REPEATED_IDS = ("exercise-content", "solution-content")


def restore_repository(app: Sphinx, config: Config) -> None:
    """Tell the theme the repository's address and buttons: Jupyter Book loses them where `html_theme_options` is set.

    While the repository's owner is unset, no page links to it.
    """
    settings = yaml.safe_load(Path(app.srcdir, "_config.yml").read_text(encoding="utf-8"))
    repository, html = settings.get("repository", {}), settings.get("html", {})
    known = bool(repository.get("url")) and UNSET_OWNER not in repository["url"]
    config.html_theme_options.update(
        {option: known and html.get(option, False) for option in REPOSITORY_OPTIONS},
        repository_url=repository["url"] if known else "",
        repository_branch=repository.get("branch", "main"),
    )


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


def without_icon_script(head: str) -> str:
    """Return the page's head without the script element that loads `fontawesome.js`."""
    return ICON_SCRIPT.sub("", head)


def extend_page_context(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give `templates/layout.html` its function; drop MathJax (1.2 MB) from pages with nothing to typeset."""
    context["without_icon_script"] = without_icon_script
    if doctree is None or not any(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))):
        context["script_files"] = [file for file in context["script_files"] if "mathjax" not in str(file.filename)]


def drop_repeated_ids(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Take away the ids that sphinx-exercise gives to the body of every exercise and every solution alike."""
    for section in doctree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in REPEATED_IDS]


def bind_punctuation(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Keep a full stop or comma on the line of the formula that it follows; browsers would break between them."""
    for formula in list(doctree.findall(nodes.math)):
        following = formula.next_node(descend=False, siblings=True)
        if isinstance(following, nodes.Text) and (mark := CLOSING.match(following)):
            following.parent.replace(following, nodes.Text(following[mark.end() :]))
            formula.replace_self(nodes.inline("", "", formula.deepcopy(), nodes.Text(mark[0]), classes=["nobreak"]))


def write_index(app: Sphinx, failure: Exception | None) -> None:
    """Copy the root page to `index.html`; both lie in the top folder, so its links hold."""
    page = Path(app.outdir) / f"{app.config.root_doc}.html"
    if failure is None and page.name != "index.html" and page.is_file():
        shutil.copyfile(page, page.with_name("index.html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.add_config_value("comments_config", {}, "html")  # Jupyter Book sets it even where comments are not loaded
    app.connect("config-inited", restore_repository, priority=100)
    app.connect("doctree-resolved", add_colab_button)
    app.connect("doctree-resolved", drop_repeated_ids)
    app.connect("doctree-resolved", bind_punctuation)
    app.connect("html-page-context", extend_page_context)
    app.connect("build-finished", write_index, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
