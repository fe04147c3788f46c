"""What the built site must hold: the pages that `_toc.yml` names, each with a title and text of its own."""

from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
LEAST_WORDS = 40


def page_names(toc: Path = ROOT / "_toc.yml") -> list[str]:
    """Return the pages in reading order, without suffix: "intro", "chapters/01-attention", …."""
    return [name.removesuffix(".md").removesuffix(".ipynb") for name in parse_toc_yaml(toc)]


def article_words(html: str) -> int:
    """Return the number of words in a page's article, 0 if it has no article; navigation does not count."""
    article = BeautifulSoup(html, "html.parser").select_one("main article")
    return len(article.get_text(" ").split()) if article else 0


def missing_pages(site: Path = SITE, names: list[str] | None = None) -> Iterator[str]:
    """Yield a sentence for each page, of `_toc.yml` or of these names, that is absent or empty; `index.html` is one."""
    for name in ["index", *(page_names() if names is None else names)]:
        page = site / f"{name}.html"
        if not page.is_file():
            yield f"{name}.html was not built: expected it because _toc.yml names it"
        elif (words := article_words(page.read_text(encoding="utf-8"))) < LEAST_WORDS:
            yield f"{name}.html is empty: expected an article of at least {LEAST_WORDS} words, found {words}"
