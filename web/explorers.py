"""Give a page the scripts of the pictures in it that move (utils/exploring.py), and no other page."""

import re
from typing import Any

from sphinx.application import Sphinx

EXPLORABLE = re.compile(r'<svg [^>]*?data-explore="([a-z-]+)"')


def add_explorers(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Add `web/explore/explore.js` and a script for each kind of picture in the page's body."""
    names = dict.fromkeys(EXPLORABLE.findall(context.get("body", "")))
    for name in ["explore", *names] if names else []:
        app.add_js_file(f"{name}.js", loading_method="defer")
