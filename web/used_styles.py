"""Leave out of the site's style sheets what no page uses: the theme ships rules for all that it could draw."""

import re
from collections.abc import Iterator
from pathlib import Path

TOKEN = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^"')]*\)|[{};]""", re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
ATTRIBUTE = re.compile(r"""\b(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
WORD = re.compile(r"[A-Za-z_][\w-]*")
NAME = re.compile(r"[.#](-?(?:[A-Za-z_]|\\.)(?:[\w-]|\\.)*)")
ARGUMENTS = re.compile(r"\((?:[^()]|\([^()]*\))*\)")
COMMA = re.compile(r",(?![^(]*\))")
GROUPS = ("@media", "@supports", "@layer", "@container")


def statements(css: str) -> Iterator[tuple[str, str | None]]:
    """Yield what stands in a style sheet: (selectors or at-rule, what is in its braces or None)."""
    depth, start, opened, prelude = 0, 0, 0, ""
    for match in TOKEN.finditer(css):
        token = match[0]
        if token == "{":
            if depth == 0:
                prelude, opened = css[start : match.start()], match.end()
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                yield COMMENT.sub("", prelude).strip(), css[opened : match.start()]
                start = match.end()
        elif token == ";" and depth == 0:
            yield COMMENT.sub("", css[start : match.start()]).strip(), None
            start = match.end()


def used(css: str, words: frozenset[str]) -> str:
    """Return the style sheet without the selectors that name a class or an id that is not among `words`.

    What stands in the parentheses of `:is()`, `:not()` and their like is not looked at: such a selector stays.

    Example:
        >>> used("a{b:c} .gone,.here{d:e} @media print{.gone{f:g}}", frozenset({"here"}))
        'a{b:c}.here{d:e}'
    """
    kept = []
    for prelude, body in statements(css):
        if body is None:
            kept.append(f"{prelude};")
        elif prelude.startswith(GROUPS):
            inside = used(body, words)
            kept += [f"{prelude}{{{inside}}}"] if inside else []
        elif prelude.startswith("@"):
            kept.append(f"{prelude}{{{body}}}")
        else:
            selectors = [selector.strip() for selector in COMMA.split(prelude) if _may_match(selector, words)]
            kept += [f"{','.join(selectors)}{{{body.strip()}}}"] if selectors else []
    return "".join(kept)


def _may_match(selector: str, words: frozenset[str]) -> bool:
    names = NAME.findall(ARGUMENTS.sub("", selector))
    return all(name.replace("\\", "") in words for name in names)


def words_of(site: Path) -> frozenset[str]:
    """Return every class and id of a built site's pages, and every word of its scripts, which may set them."""
    words: set[str] = set()
    for page in site.rglob("*.html"):
        for match in ATTRIBUTE.finditer(page.read_text(encoding="utf-8")):
            words.update((match[1] or match[2] or "").split())
    for script in (site / "_static").rglob("*.js"):
        words.update(WORD.findall(script.read_text(encoding="utf-8")))
    return frozenset(words)


def purge(site: Path) -> None:
    """Rewrite the style sheets of a built site; those that go with pictures or fonts keep their place."""
    words = words_of(site)
    for sheet in (site / "_static").rglob("*.css"):
        sheet.write_text(used(sheet.read_text(encoding="utf-8"), words), encoding="utf-8")
