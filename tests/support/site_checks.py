"""What is wrong with a built page: each check takes a page and returns sentences, none where all is well."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

LEAST_ALT = 25
LOADING_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch"}
LOADING_TAGS = (
    "script",
    "img",
    "iframe",
    "source",
    "video",
    "audio",
    "embed",
    "object",
    "track",
    "input",
    "image",
    "use",
)
OUTSIDE_TEXT = ("script", "style", "pre", "code", "math", "kbd")
RAW_MARKUP = re.compile(
    r"```|:::|\{[a-z][a-z:_-]*\}\s*`|\{(?:ref|eq|term|numref|doc|download|math|cite(?::[a-z]+)?)\}"
    r"|\$\$|\\begin\{|\\\(|\]\(|^\s*:(?:label|class|name|caption|tags):",
    re.MULTILINE,
)
UNRESOLVED_TEXT = re.compile(r"\[\?\]|\(\?\)|\?\?|\b(?:eq|fig|sec|tab|ex)-[a-z][\w-]*")
CSS_URL = re.compile(r"""url\(\s*(['"]?)(.*?)\1\s*\)|@import\s+(['"])(.*?)\3""", re.DOTALL)
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@cache
def ids_of(path: Path) -> frozenset[str]:
    """Return the anchors of an HTML file."""
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    return frozenset(tag.get("id") or tag["name"] for tag in soup.select("[id], a[name]"))


@dataclass(frozen=True)
class Page:
    """One HTML file of a site that lies in the folder `site`."""

    path: Path
    site: Path

    @cached_property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.path.read_text(encoding="utf-8"), "html.parser")

    @property
    def article(self) -> Tag:
        return self.soup.select_one("main article") or self.soup.body or self.soup

    @cached_property
    def headings(self) -> dict[str, str]:
        """Headings as read, "1.3 The equation", by the anchors of their sections and their own; "" is the first."""
        found: dict[str, str] = {}
        for tag in self.article.select("h1, h2, h3, h4"):
            text = re.sub(r"^([\w.]+)\. ", r"\1 ", " ".join(tag.get_text().split()).removesuffix("#"))
            section = tag.find_parent("section")
            spans = section.find_all("span", id=True, recursive=False) if section else []
            anchors = ("", tag.get("id"), section and section.get("id"), *(span["id"] for span in spans))
            for anchor in anchors:
                if anchor is not None:
                    found.setdefault(anchor, text)
        return found


def pages_of(site: Path) -> list[Page]:
    """Return the pages of a site, without the copies that Sphinx keeps in folders with a leading underscore."""
    files = sorted(path.relative_to(site) for path in site.rglob("*.html"))
    return [Page(site / file, site) for file in files if not file.parts[0].startswith("_")]


def is_foreign(url: str) -> bool:
    """Return whether an address names another host."""
    return bool(urlsplit(url.strip()).netloc)


def loaded(page: Page) -> Iterator[tuple[str, str]]:
    """Yield (tag, address) of everything that the browser fetches by itself to show the page."""
    for tag in page.soup.find_all(LOADING_TAGS):
        for name in ("src", "data", "poster", "href", "xlink:href"):
            if tag.get(name):
                yield tag.name, tag[name]
        for candidate in filter(None, tag.get("srcset", "").split(",")):
            yield tag.name, candidate.split()[0]
    for link in page.soup.find_all("link", href=True):
        if LOADING_RELATIONS & {name.lower() for name in link.get("rel", [])}:
            yield "link", link["href"]


def css_addresses(text: str) -> list[str]:
    """Return the addresses that a style sheet loads, data: ones left out."""
    found = [match[2] or match[4] for match in CSS_URL.finditer(CSS_COMMENT.sub("", text))]
    return [url for url in found if url and not url.startswith(("data:", "#"))]


def foreign_resources(page: Page) -> list[str]:
    """Scripts, styles, images, fonts and frames must come from the site itself."""
    urls = list(loaded(page))
    urls += [("style", url) for tag in page.soup.find_all("style") for url in css_addresses(tag.get_text())]
    urls += [("style", url) for tag in page.soup.find_all(style=True) for url in css_addresses(tag["style"])]
    return [f"<{tag}> loads {url} from another host: serve it from the site" for tag, url in urls if is_foreign(url)]


def foreign_styles(sheet: Path) -> list[str]:
    """A style sheet must load from the site itself, and only files that exist."""
    problems = []
    for url in css_addresses(sheet.read_text(encoding="utf-8")):
        if is_foreign(url):
            problems.append(f"{sheet.name} loads {url} from another host: serve it from the site")
        elif not (sheet.parent / unquote(urlsplit(url).path)).is_file():
            problems.append(f"{sheet.name} loads {url}, which does not exist: correct the path")
    return problems


def link_problem(page: Page, url: str) -> str | None:
    """Return what is wrong with one address inside the site, or None; addresses of other hosts are not followed."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return f"{url} has a scheme that pages do not use" if parts.scheme == "javascript" else None
    if parts.path.startswith("/"):
        return f"{url} starts with a slash, which breaks under file:// and below a folder: make it relative"
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return f"{url} leads to a file that does not exist: correct the link or add the page to _toc.yml"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in ids_of(target):
        return f"{url} leads to an anchor that {target.name} does not have: correct the label"
    return None


def dead_links(page: Page) -> list[str]:
    """Every link, script, image and style of the site must lead to a file, and every anchor to an id."""
    urls = [tag["href"] for tag in page.soup.find_all(["a", "link"], href=True)]
    urls += [url for _, url in loaded(page)]
    return [problem for url in dict.fromkeys(urls) if (problem := link_problem(page, url))]


def visible_text(page: Page) -> str:
    """Return the article's text without code, formulas and scripts."""
    article = BeautifulSoup(str(page.article), "html.parser")
    for tag in article.select(", ".join([*OUTSIDE_TEXT, ".math", ".headerlink"])):
        tag.replace_with(" ")
    return article.get_text("\n")


def unresolved_references(page: Page) -> list[str]:
    """Every citation, equation, term and cross-reference must have become a link."""
    article = page.article
    problems = [
        f"{tag.get_text(' ', strip=True)!r} is a reference that leads nowhere: define its target or correct its name"
        for tag in article.select(".xref, .problematic, .system-message")
        if tag.find_parent("a") is None or "problematic" in tag["class"]
    ]
    problems += [
        f"the link to {tag['href']} reads {tag.get_text()!r}: its target has no number or title"
        for tag in article.find_all("a", href=True)
        if tag.get_text(strip=True) in {"", "?", "None", "undefined"}
        and not tag.find(["img", "svg"])
        and not tag.get("aria-label")
        and "sd-stretched-link" not in tag.get("class", [])
    ]
    found = dict.fromkeys(UNRESOLVED_TEXT.findall(visible_text(page)))
    return problems + [f"{text!r} stands in the text: write it as a reference that resolves" for text in found]


def raw_markup(page: Page) -> list[str]:
    """No directive, role or formula may reach the reader as it was typed."""
    lines = [line.strip() for line in visible_text(page).splitlines() if RAW_MARKUP.search(line)]
    return [f"raw markup in the text: {line[:80]!r}: close or correct the directive or role" for line in lines]


def headings(page: Page) -> list[str]:
    """A page has exactly one h1, and it says something."""
    titles = [tag.get_text(" ", strip=True) for tag in page.soup.find_all("h1")]
    if len(titles) != 1:
        return [f"expected exactly one h1, found {len(titles)}: {titles}: use ## below the title"]
    return [] if titles[0] else ["the h1 is empty: give the page a title"]


def image_texts(page: Page) -> list[str]:
    """Every image has an alt text that says what it shows; logos only need a name."""
    problems = []
    for image in page.soup.find_all("img"):
        alt, source = image.get("alt", "").strip(), image.get("src", "?")
        logo = any("logo" in name for name in image.get("class", []))
        if not alt:
            problems.append(f"{source} has no alt text: say what it shows, in the cell's metadata mystnb.image.alt")
        elif re.fullmatch(r"\S*\.(png|svg|jpe?g|gif|webp)", alt) or re.fullmatch(r"\S*/\S*", alt):
            problems.append(f"{source} has a path for alt text ({alt}): say what the image shows")
        elif len(alt) < LEAST_ALT and not logo:
            problems.append(f"{source}: expected an alt text of {LEAST_ALT} characters or more, received {alt!r}")
    return problems


def head_of_page(page: Page) -> list[str]:
    """The page names its language and title, fits a phone, and has an icon."""
    soup = page.soup
    checks = {
        "no lang on <html>: set `language` in _config.yml": soup.html and soup.html.get("lang"),
        "no <title>": soup.title and soup.title.get_text(strip=True),
        "no meta viewport: the page cannot fit a phone": soup.select_one('meta[name=viewport][content*="width"]'),
        "no icon: set html.favicon in _config.yml": soup.select_one('link[rel~="icon"][href]'),
        "no description for search engines: see web/book_pages.py": soup.select_one(
            'meta[name=description][content*=" "]'
        ),
        "loads fontawesome.js (1.5 MB): see web/book_pages.py": not soup.select_one('script[src*="fontawesome"]'),
        "loads a script before its styles or its text: see web/book_pages.py": page.path.stem == "search"
        or not soup.select_one(
            'head :is(link[rel=preload][as=script], script[src]:not([defer], [src*="/documentation_options.js"]))'
        ),
    }
    return [problem for problem, present in checks.items() if not present]


def names_for_screen_readers(page: Page) -> list[str]:
    """A name that hides what a reader sees is none: what unfolds is named by its line, the search by its words."""
    hidden = [tag for tag in page.soup.find_all("summary") if tag.get("aria-label")]
    problems = [f"the line {tag.get_text(' ', strip=True)!r} is read as {tag['aria-label']!r}" for tag in hidden]
    for button in page.soup.select("button.search-button-field[aria-label]"):
        problems.append(f"the search button is read as {button['aria-label']!r}: let its words name it")
    if page.soup.select_one("a.navbar-brand") and not page.soup.select_one("header a.navbar-brand"):
        problems.append("the book's title stands in no landmark: put it into a <header>")
    return problems


def room_for_images(page: Page) -> list[str]:
    """A plot's room is kept before it is loaded, or the text would move when it comes."""
    plots = [image for image in page.soup.select("article img") if image.get("src", "").endswith(".png")]
    return [f"{image['src']} has no width and height" for image in plots if not image.get("width", "").isdigit()]


def numbers_of_files(page: Page) -> list[str]:
    """A chapter's number on the page is that of its file."""
    number = re.match(r"(\d+)-", page.path.name)
    found = page.soup.select(".section-number, .eqno, .caption-number") if number else []
    wrong = [
        text for tag in found if page.article in tag.parents and not _begins_with(number[1], text := tag.get_text())
    ]
    return [f"{text.strip()!r} on a page whose file is {page.path.name}: see web/book_pages.py" for text in wrong]


def _begins_with(number: str, text: str) -> bool:
    first = re.search(r"\d+", text)
    return first is not None and int(first[0]) == int(number)


def repeated_ids(page: Page) -> list[str]:
    """An id names one place."""
    ids = [tag["id"] for tag in page.soup.find_all(id=True)]
    return [
        f"the id {name!r} is used {ids.count(name)} times: rename" for name in dict.fromkeys(ids) if ids.count(name) > 1
    ]


def folded_checks(page: Page, lines: list[str]) -> list[str]:
    """The checks of a chapter are folded, each under its line.

    Args:
        page: of the chapter.
        lines: what the checks established, in their order.
    """
    cells = page.article.select("div.cell.tag_check")
    if len(cells) != len(lines):
        return [f"expected {len(lines)} checks, found {len(cells)}: see the tags of the chapter's cells"]
    problems = []
    for cell, line in zip(cells, lines, strict=True):
        folds = [part for part in cell.find_all(recursive=False) if part.name == "details" and part.get("open") is None]
        shown = {text.get_text() for fold in folds for text in fold.select(":scope > summary > p")}
        if len(folds) != 1 or cell.find_all(recursive=False) != folds:
            problems.append(f"the check is not folded, or not all of it: {line!r}: tag its cell `hide-cell`")
        elif shown != {line}:
            problems.append(f"expected the line {line!r}, found {sorted(shown)}: see `code_prompt_show` and web/")
    return problems


PAGE_CHECKS = (
    dead_links,
    foreign_resources,
    head_of_page,
    headings,
    image_texts,
    names_for_screen_readers,
    numbers_of_files,
    raw_markup,
    repeated_ids,
    room_for_images,
    unresolved_references,
)


def links_that_say_another_heading(page: Page, links: Iterable[Tag], pages: Iterable[Page]) -> list[str]:
    """A link made by a program says the heading that it leads to, on one of these pages, or a question's number."""
    headings, problems = {other.path: other.headings for other in pages}, []
    for link in links:
        parts = urlsplit(link["href"])
        target = (page.path.parent / unquote(parts.path)).resolve()
        found = headings.get(target, {}).get(parts.fragment)
        said = " ".join(link.get_text().split())
        if found is None:
            problems.append(f"{link['href']} leads to no heading")
        elif said != found and not re.match(rf"(\S+ )?{re.escape(said)}\. ", found):
            problems.append(f"{link['href']} is called {said!r} and leads to {found!r}: write the page again")
    return problems
