"""The built pages hold together: links, references, headings, images, nothing from another host.

Build them first (`make book`). The second half feeds each check a page with one fault and sees the fault reported.
"""

import hashlib
import re

import pytest
import yaml
from pygments import token
from pygments.styles import get_style_by_name
from sphinx.config import Config
from sphinxcontrib import katex

from tests.support import site_checks
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.notebooks.folds import is_proof, line_of
from tools.site.pages import SITE, missing_pages, page_names
from web import included_code, used_styles

PAGES = site_checks.pages_of(SITE)
STYLES = sorted(SITE.rglob("*.css"))
NAMES = [page.path.relative_to(SITE).as_posix() for page in PAGES]


def report(problems):
    """Fail with one line for each problem."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_page_of_the_table_of_contents_is_built_and_not_empty():
    assert page_names()[0] == "intro"
    report([f"{problem} (run `make book`)" for problem in missing_pages()])


@pytest.mark.parametrize("check", site_checks.PAGE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_page_has_no_problem(page, check):
    report(check(page))


@pytest.mark.parametrize("path", find_chapters(), ids=lambda path: path.stem)
def test_every_check_is_folded_under_its_line(path):
    page = site_checks.Page(SITE / "chapters" / f"{path.stem}.html", SITE)
    lines = [line_of(cell) for cell in read_chapter(path).notebook.cells if is_proof(cell)]
    report(site_checks.folded_checks(page, lines))


def test_links_of_the_articles_page_say_the_heading_that_they_lead_to():
    (articles,) = (page for page in PAGES if page.path == SITE / "pages" / "articles.html")
    links = articles.article.select(".by-part dd a")
    assert len(links) > 200
    report(site_checks.links_that_say_another_heading(articles, links, PAGES))


@pytest.mark.parametrize("sheet", STYLES, ids=lambda sheet: sheet.name)
def test_style_sheet_loads_only_files_of_the_site(sheet):
    report(site_checks.foreign_styles(sheet))


SOUND = """<!doctype html>
<html lang="en"><head><title>Attention</title><meta name="viewport" content="width=device-width">
<meta name="description" content="How attention works.">
<link rel="icon" href="icon.svg"><script defer src="own.js"></script>{head}</head>
<body><main><article><h1 id="title">Attention</h1>
<p>See <a href="#title">above</a>, <a href="other.html#there">there</a>, <a href="https://example.org/">elsewhere</a>.</p>
<p>Inline <code>{{eq}}`eq-one`</code> and <span class="math">\\(x\\)</span> are no faults.</p>
<img alt="Rows of weights; the last one spreads evenly." src="icon.svg">{body}</article></main></body></html>"""

FAULTS = {
    "a dead page": ("dead_links", "", '<a href="gone.html">x</a>', "does not exist"),
    "a dead anchor": ("dead_links", "", '<a href="other.html#gone">x</a>', "anchor that other.html does not have"),
    "a dead anchor on the page": ("dead_links", "", '<a href="#gone">x</a>', "anchor"),
    "a missing script": ("dead_links", '<script src="gone.js"></script>', "", "does not exist"),
    "an absolute path": ("dead_links", "", '<a href="/other.html">x</a>', "make it relative"),
    "a foreign script": ("foreign_resources", '<script src="https://cdn.example/x.js"></script>', "", "another host"),
    "a foreign script, short": ("foreign_resources", '<script src="//cdn.example/x.js"></script>', "", "another host"),
    "a foreign style": ("foreign_resources", '<link rel="stylesheet" href="https://cdn.example/x.css">', "", "host"),
    "a preconnect": ("foreign_resources", '<link rel="preconnect" href="https://fonts.example">', "", "another host"),
    "a foreign image": ("foreign_resources", "", '<img alt="" src="https://cdn.example/x.png">', "another host"),
    "a foreign image set": ("foreign_resources", "", '<img srcset="icon.svg 1x, https://cdn.example/x 2x">', "host"),
    "a foreign frame": ("foreign_resources", "", '<iframe src="https://cdn.example/"></iframe>', "another host"),
    "a foreign font": ("foreign_resources", "<style>@font-face{src:url('https://f.example/a')}</style>", "", "host"),
    "a foreign import": ("foreign_resources", '<style>@import "https://f.example/a";</style>', "", "another host"),
    "a foreign background": ("foreign_resources", "", '<p style="background:url(//f.example/a)">x</p>', "host"),
    "a second h1": ("headings", "", "<h1>Again</h1>", "exactly one h1, found 2"),
    "an image without alt": ("image_texts", "", '<img src="icon.svg">', "no alt text"),
    "an image with an empty alt": ("image_texts", "", '<img alt=" " src="icon.svg">', "no alt text"),
    "a path for alt": ("image_texts", "", '<img alt="../_images/0123456789abcdef0123.png" src="icon.svg">', "a path"),
    "a short alt": ("image_texts", "", '<img alt="heatmap" src="icon.svg">', "25 characters or more"),
    "a raw directive": ("raw_markup", "", "<p>:::{note} Mind</p>", "raw markup"),
    "a raw fence": ("raw_markup", "", "<p>```{margin}</p>", "raw markup"),
    "a raw role": ("raw_markup", "", "<p>as {term}`score` says</p>", "raw markup"),
    "a role that became code": ("raw_markup", "", "<p>{eq}<code>eq-one</code></p>", "raw markup"),
    "a raw formula": ("raw_markup", "", "<p>$$ x = y $$</p>", "raw markup"),
    "a raw option": ("raw_markup", "", "<p>:label: ex-one</p>", "raw markup"),
    "an id twice": ("repeated_ids", "", '<p id="title">x</p>', "used 2 times"),
    "a fold that hides its line": (
        "names_for_screen_readers",
        "",
        '<details><summary aria-label="Toggle">Checked</summary></details>',
        "'Checked'",
    ),
    "a search button named twice": (
        "names_for_screen_readers",
        "",
        '<button class="search-button-field" aria-label="Find">x</button>',
        "'Find'",
    ),
    "a title outside landmarks": (
        "names_for_screen_readers",
        "",
        '<a class="navbar-brand" href="#title">x</a>',
        "<header>",
    ),
    "a plot without room": ("room_for_images", "", f'<img alt="{"spreads evenly " * 3}" src="a.png">', "no width"),
    "an unresolved reference": ("unresolved_references", "", '<span class="xref std-ref">ch-x</span>', "leads nowhere"),
    "an unresolved term": ("unresolved_references", "", '<span class="xref std-term">sore</span>', "leads nowhere"),
    "an unresolved equation": ("unresolved_references", "", "<p>by eq-gone we see</p>", "'eq-gone'"),
    "an unresolved citation": ("unresolved_references", "", "<p>as shown [?] by</p>", "[?]"),
    "a problematic node": ("unresolved_references", "", '<a><span class="problematic">x</span></a>', "leads nowhere"),
    "a reference without a number": ("unresolved_references", "", '<a href="#title">None</a>', "no number or title"),
}


@pytest.fixture
def faulty(tmp_path):
    """Write a site of two pages with a fault, return the first page."""

    def write(head="", body="", page=SOUND):
        (tmp_path / "own.js").write_text("")
        (tmp_path / "icon.svg").write_text("<svg/>")
        (tmp_path / "other.html").write_text('<h1 id="there">Other</h1>')
        (tmp_path / "page.html").write_text(page.format(head=head, body=body))
        site_checks.ids_of.cache_clear()
        return site_checks.Page(tmp_path / "page.html", tmp_path)

    return write


def test_a_sound_page_has_no_problem(faulty):
    page = faulty()
    assert {check.__name__: check(page) for check in site_checks.PAGE_CHECKS} == {
        check.__name__: [] for check in site_checks.PAGE_CHECKS
    }


@pytest.mark.parametrize(("name", "head", "body", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_reported_with_its_remedy(faulty, name, head, body, message):
    problems = getattr(site_checks, name)(faulty(head, body))
    assert len(problems) == 1
    assert message in problems[0]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (' lang="en"', "no lang"),
        ("<title>Attention</title>", "no <title>"),
        ('<meta name="viewport" content="width=device-width">', "no meta viewport"),
        ('<link rel="icon" href="icon.svg">', "no icon"),
        ('<meta name="description" content="How attention works.">', "no description"),
    ],
)
def test_a_poor_head_is_reported(faulty, cut, message):
    assert cut in SOUND
    problems = site_checks.head_of_page(faulty(page=SOUND.replace(cut, "")))
    assert len(problems) == 1
    assert message in problems[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_code_that_lost_its_marks_has_the_colour_that_they_give(theme):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    style = get_style_by_name(config["html_theme_options"][f"pygments_{theme}_style"])
    marks = (token.Name, token.Name.Namespace, token.Name.Other, token.Punctuation, token.Text.Whitespace)
    assert all(style.style_for_token(mark) == style.style_for_token(token.Text) for mark in marks)
    assert sorted(token.STANDARD_TYPES[mark] for mark in marks) == ["n", "nn", "nx", "p", "w"]
    assert f'"{theme}"] .highlight{{background: {style.background_color}' in (SITE / "_static/site.css").read_text()
    code = (SITE / "chapters" / "01-attention.html").read_text(encoding="utf-8")
    assert '<span class="k">def</span> <span class="nf">' in code
    assert not re.search(r'<span class="(nn?|nx|p|w)">[^<]*</span>', code)


def test_the_icon_script_is_reported(faulty):
    assert "fontawesome" in site_checks.head_of_page(faulty('<script defer src="s/fontawesome.js?d=1"></script>'))[0]


@pytest.mark.parametrize("tag", ['<script src="s/a.js"></script>', '<link rel="preload" as="script" href="s/a.js"/>'])
def test_a_script_that_holds_up_the_page_is_reported(faulty, tag):
    assert "before its styles" in site_checks.head_of_page(faulty(tag))[0]


FOLD = """<div class="cell tag_check"><details class="hide"{}><summary><p class="collapsed">{}</p>
<p class="expanded">{}</p></summary><div>code</div></details>{}</div>"""
CHECKED = "Checked: 20 draws"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected 1 checks, found 0"),
        (FOLD.format(" open", CHECKED, CHECKED, ""), "is not folded"),
        (FOLD.format("", CHECKED, CHECKED, "<div>its output</div>"), "not all of it"),
        (FOLD.format("", "Show code cell content", "Hide code cell content", ""), "found ['Hide code cell content"),
        (FOLD.format("", CHECKED, "Hide", ""), "found ['Checked: 20 draws', 'Hide']"),
    ],
)
def test_a_check_that_is_not_folded_under_its_line_is_reported(faulty, body, message):
    problems = site_checks.folded_checks(faulty(body=body), [CHECKED])
    assert len(problems) == 1
    assert message in problems[0]
    assert site_checks.folded_checks(faulty(body=FOLD.format("", CHECKED, CHECKED, "")), [CHECKED]) == []


@pytest.mark.parametrize(
    ("target", "text", "said"),
    [
        ("other.html#there", "1.2 Elsewhere", "'Other'"),
        ("other.html", "Elsewhere", "'Other'"),
        ("other.html#gone", "Other", "no heading"),
    ],
)
def test_a_link_that_says_another_heading_is_reported(faulty, target, text, said):
    page = faulty(body=f'<a class="t" href="{target}">{text}</a><a class="t" href="other.html#there">Other</a>')
    pages = [page, site_checks.Page(page.site / "other.html", page.site)]
    problems = site_checks.links_that_say_another_heading(page, page.article.select(".t"), pages)
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize(
    "wrong", ['<span class="eqno">(5.1)</span>', '<span class="caption-number">Figure 5.2 </span>']
)
def test_a_number_that_is_not_the_files_is_reported(tmp_path, wrong):
    right = '<span class="section-number">8.1. </span><span class="eqno">(8.1)</span>'
    (tmp_path / "08-x.html").write_text(f"<main><article>{right}{wrong}</article></main>")
    problems = site_checks.numbers_of_files(site_checks.Page(tmp_path / "08-x.html", tmp_path))
    assert len(problems) == 1
    assert "5." in problems[0]


def test_a_page_without_h1_is_reported(faulty):
    page = faulty(page=re.sub(r"<h1.*?</h1>", "", SOUND))
    assert "found 0" in site_checks.headings(page)[0]


@pytest.mark.parametrize(
    ("css", "message"),
    [
        ("a{background:url(https://cdn.example/x.png)}", "another host"),
        ('@import url("//cdn.example/x.css");', "another host"),
        ("a{background:url(gone.png)}", "does not exist"),
    ],
)
def test_a_style_sheet_that_loads_elsewhere_is_reported(tmp_path, css, message):
    (tmp_path / "book.css").write_text(css)
    problems = site_checks.foreign_styles(tmp_path / "book.css")
    assert len(problems) == 1
    assert message in problems[0]


def test_a_style_sheet_may_load_its_own_files_and_data(tmp_path):
    (tmp_path / "x.woff2").write_text("")
    sheet = tmp_path / "book.css"
    sheet.write_text("/* url(https://a.example/) */ a{src:url(x.woff2);mask:url(\"data:image/svg+xml,x='y'\")}")
    assert site_checks.foreign_styles(sheet) == []


@pytest.mark.parametrize(
    ("html", "message"),
    [(None, "was not built"), ("<main><article></article></main>", "found 0"), ("<p>" + "word " * 99, "found 0")],
)
def test_a_missing_or_empty_page_is_reported(tmp_path, html, message):
    (tmp_path / "index.html").write_text(f"<main><article>{'word ' * 50}</article></main>")
    if html is not None:
        (tmp_path / "intro.html").write_text(html)
    problems = list(missing_pages(tmp_path, ["intro"]))
    assert len(problems) == 1
    assert message in problems[0]


def test_styles_that_no_page_uses_go_and_all_others_stay():
    css = """/* a{b} */ @charset "utf-8"; a > .here:not(.gone), .gone { color: red } .gone p{margin:0}
    @media print { .gone {top:0} #here{left:0} } @media screen{.gone{top:0}} @font-face{font-family:Gone;src:url(x;y)}
    .sd-p\\/2{padding:";}"} :is(.gone, .here) b { top: 1px }"""
    kept = used_styles.used(css, frozenset({"here", "sd-p/2"}))
    assert kept == (
        '@charset "utf-8";a > .here:not(.gone){color: red}@media print{#here{left:0}}'
        '@font-face{font-family:Gone;src:url(x;y)}.sd-p\\/2{padding:";}"}:is(.gone, .here) b{top: 1px}'
    )


def test_the_words_of_a_site_are_its_classes_ids_and_what_scripts_name(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "own.js").write_text("box.classList.add('is-open')")
    (tmp_path / "page.html").write_text("<p id=\"one\" class='two three'>four</p>")
    words = used_styles.words_of(tmp_path)
    assert {"one", "two", "three", "is-open"} <= words
    assert "four" not in words


def test_styles_and_fonts_are_those_of_the_katex_that_typesets():
    folder, digest = ROOT / "web" / "katex", hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    assert digest.hexdigest()[:16] == "f3c2c0cb4655fd62", "expected KaTeX 0.16.22: licence, style sheet, 20 fonts"
    assert f'content:"{katex.katex_version}"' in (folder / "katex.min.css").read_text(encoding="utf-8")


def test_included_code_begins_with_the_signature_and_says_what_it_leaves_out(tmp_path):
    source = '''
class Layer:
    """A layer."""

    def call(self, x):
        """Return twice x."""
        y = x
        return 2 * y


def plain(
    x,
):
    """Return x."""
    return x
'''
    (tmp_path / "code.py").write_text(source)

    def read(**options):
        return included_code.CodeReader(str(tmp_path / "code.py"), options, Config()).read()

    assert read(**{"pyobject": "plain", "start-at": "return"}) == ("def plain(\n    x,\n):\n    return x\n", 4)
    assert read(**{"pyobject": "Layer.call", "start-at": "y = x"})[0] == (
        "class Layer:\n    def call(self, x):\n        y = x\n        return 2 * y\n"
    )
    assert "        ...\n        return" in read(**{"pyobject": "Layer.call", "start-at": "return 2"})[0]
    assert read(pyobject="Layer.call")[0].startswith('class Layer:\n    def call(self, x):\n        """Return')
    assert read()[0] == source
