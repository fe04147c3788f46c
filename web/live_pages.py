"""The elements that run a classifier in the page: one small script on the pages that have one, all else beside.

A page names `<live-heads>`, `<live-states>` or `<live-classifier>` in raw HTML. The weights are the bytes of one file
of the book, cut into scripts with base64 in them: from the disk a page may load scripts, and nothing else. They, and
the scripts that use them, are fetched only when the reader asks.
"""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

ELEMENT = re.compile("<live-(heads|states|classifier)>")
WEIGHTS = Path("data/checkpoints/live.safetensors")
RECORD = Path("data/results/live.json")
VOCABULARY = Path("data/checkpoints/mini-bert/vocab.txt")
AT_ONCE = ("live.js", "live.css")
SOURCES = Path("web/live")
FOLDER = Path("_static/live")
PART = 480_000  # bytes of a script's weights: a multiple of three, so that only the last has padding


def weight_scripts(weights: bytes, vocabulary: list[str], **facts: float) -> dict[str, str]:
    """Return {name: text} of the scripts that hand over a file's bytes, the vocabulary, and facts about both.

    Example:
        >>> sorted(weight_scripts(bytes(PART + 1), ["[PAD]"], changed=3))
        ['contents.js', 'part-0.js', 'part-1.js']
    """
    parts = [weights[start : start + PART] for start in range(0, len(weights), PART)]
    contents = {"count": len(parts), "bytes": len(weights), "vocabulary": vocabulary, **facts}
    scripts = {"contents.js": f"live.contents = {json.dumps(contents, ensure_ascii=False, separators=(',', ':'))};\n"}
    for number, part in enumerate(parts):
        scripts[f"part-{number}.js"] = f'live.receive({number}, "{base64.b64encode(part).decode()}");\n'
    return scripts


def has_element(doctree: nodes.document | None) -> bool:
    """Return whether a page has one of the elements."""
    return doctree is not None and any(ELEMENT.search(raw.astext()) for raw in doctree.findall(nodes.raw))


def add_scripts(app: Sphinx, _page: str, _template: str, _context: dict[str, Any], doctree: Any) -> None:
    """Let a page with an element load the script that fetches the others, and its styles."""
    if has_element(doctree):
        script, styles = AT_ONCE
        app.add_css_file(f"live/{styles}")
        app.add_js_file(f"live/{script}", loading_method="defer")


def copy_sources(app: Sphinx) -> None:
    """Put scripts and styles where pages load them from."""
    target = Path(app.outdir) / FOLDER
    shutil.rmtree(target, ignore_errors=True)  # weights of an earlier build among them
    shutil.copytree(Path(app.srcdir) / SOURCES, target)


def write_weights(app: Sphinx, failure: Exception | None) -> None:
    """Write the scripts that hold the weights if a page has an element; last, as nothing else should read these."""
    if failure is not None or not any(has_element(app.env.get_doctree(page)) for page in app.env.found_docs):
        return
    folder, source = Path(app.outdir) / FOLDER / "weights", Path(app.srcdir)
    folder.mkdir(exist_ok=True)
    vocabulary = (source / VOCABULARY).read_text(encoding="utf-8").split("\n")[:-1]
    record = json.loads((source / RECORD).read_text(encoding="utf-8"))
    facts = {"shift": record["largest_shift"], "changed": record["classes_changed"], "reviews": record["reviews"]}
    for name, text in weight_scripts((source / WEIGHTS).read_bytes(), vocabulary, **facts).items():
        (folder / name).write_text(text, encoding="utf-8")


def connect(app: Sphinx) -> None:
    """Connect all this with the build."""
    app.connect("builder-inited", copy_sources)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_weights, priority=950)  # after unused styles have been left out
