"""One style sheet for all pages: over a slow line fifteen sheets take longer to ask for than to fetch."""

import hashlib
import posixpath
import re
from pathlib import Path

STATIC = "_static/"
ONE = "site.css"
OWN = ("live/",)  # how the names of sheets begin that some pages alone have
LINK = re.compile(r'<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="(?:\.\./)*_static/([^"?]+)[^"]*"[^>]*>\s*')
IMPORT = re.compile(r'@import\s*"([^"]+)"\s*;?')
ADDRESS = re.compile(r"url\((?!data:|[a-z]+:|/|#)[\"']?([^\"')]+)[\"']?\)")


def sheets_of(head: str) -> list[str]:
    """Return the sheets of a page's head that every page has, as paths in `_static`, in their order."""
    return [match[1] for match in LINK.finditer(head) if not match[1].startswith(OWN)]


def with_one_sheet(head: str) -> str:
    """Return the head with one link for all these sheets, at the place of the first.

    The address changes with those of the sheets, so that a browser does not keep an old one.
    """
    links = [match for match in LINK.finditer(head) if not match[1].startswith(OWN)]
    if not links:
        return head
    root = links[0][0].partition('href="')[2].partition(STATIC)[0]
    asked = "".join(link[0] for link in links).replace(f'"{root}{STATIC}', '"')  # the same from every folder
    version = hashlib.sha256(asked.encode()).hexdigest()[:8]
    one = f'<link rel="stylesheet" href="{root}{STATIC}{ONE}?v={version}" />\n'
    rest = LINK.sub(lambda match: match[0] if match[1].startswith(OWN) else "", head[links[0].end() :])
    return head[: links[0].start()] + one + rest


def text_of(sheet: str, static: Path) -> str:
    """Return a sheet with what it imports in its place, and its addresses as seen from `_static`."""
    folder = posixpath.dirname(sheet)

    def moved(match: re.Match[str]) -> str:
        return f'url("{posixpath.normpath(posixpath.join(folder, match[1]))}")'

    def imported(match: re.Match[str]) -> str:
        return text_of(posixpath.normpath(posixpath.join(folder, match[1])), static)

    text = (static / sheet).read_text(encoding="utf-8")
    return IMPORT.sub(imported, ADDRESS.sub(moved, text))


def write_one_sheet(site: Path, sheets: list[str]) -> None:
    """Write the sheets into one file, in their order, and take away those that no page asks for any more."""
    static = site / "_static"
    one = "\n".join(text_of(sheet, static) for sheet in sheets)
    for sheet in static.rglob("*.css"):
        if not sheet.relative_to(static).as_posix().startswith(OWN):
            sheet.unlink()
    (static / ONE).write_text(one, encoding="utf-8")
