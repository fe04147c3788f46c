"""Every built page, opened in a browser that reaches nothing but the site: over http and from the disk, light and dark.

Build the pages first (`make book`). The second half opens pages with one fault each and sees the fault reported.
"""

import re

import pytest

from tests.support import site_checks
from tools.bench import pages as bench_pages
from tools.notebooks.chapters import ROOT, read_chapter
from tools.site.pages import SITE

page_visits = pytest.importorskip(
    "tests.support.page_visits", reason="playwright is not installed", exc_type=ModuleNotFoundError
)

# index.html is a copy of the front page.
NAMES = [
    name for page in site_checks.pages_of(SITE) if (name := page.path.relative_to(SITE).as_posix()) != "index.html"
]
DARKEST, LIGHTEST = 0.05, 0.8  # relative luminance that a dark page stays below, a light one above


@pytest.fixture(scope="session")
def context(browser):
    with browser.new_context() as shared:
        yield shared


@pytest.fixture(scope="session")
def address():
    with page_visits.served(SITE) as url:
        yield url


def report(problems):
    """Fail with one line for each problem."""
    if problems:
        pytest.fail("\n".join(dict.fromkeys(problems)), pytrace=False)


def displayed_formulas(name):
    """Return how many formulas a page's source sets on lines of their own; Sphinx's own pages have no source."""
    source = (ROOT / name).with_suffix(".md")
    if source.with_suffix(".ipynb").is_file():
        text = "\n".join(cell for _, cell in read_chapter(source.with_suffix(".ipynb")).markdown_cells())
    else:
        text = source.read_text(encoding="utf-8") if source.is_file() else ""
    return text.count("$$") // 2


def test_the_chapters_have_formulas_to_count():
    assert displayed_formulas("chapters/01-attention.html") >= 10
    assert displayed_formulas("search.html") == 0


@pytest.mark.parametrize("name", NAMES)
def test_page_is_sound_over_http_on_a_light_phone_a_dark_desk_and_paper(context, address, name):
    light, dark, paper = (
        (visit.state["background"], visit.judge(displayed_formulas(name)))
        for visit in page_visits.visit(context, f"{address}/{name}")
    )
    assert light[0] > LIGHTEST
    assert dark[0] < DARKEST
    assert paper[0] > LIGHTEST
    report(light[1] + dark[1] + paper[1])


@pytest.mark.parametrize("name", NAMES)
def test_page_is_sound_from_the_disk(context, name):
    report(
        next(page_visits.visit(context, (SITE / name).as_uri(), folder=SITE, width=768)).judge(displayed_formulas(name))
    )


@pytest.mark.parametrize("way", ["http", "disk"])
def test_search_finds_a_page_without_a_network(context, address, way):
    page = context.new_page()
    page.goto((address if way == "http" else SITE.as_uri()) + "/search.html?q=divide")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() > 1
    if way == "http":  # from the disk no browser lets a page read another, so there is no text below the titles
        page.wait_for_selector("#search-results li .context")
        assert not re.search(r"\\[a-z(]", page.inner_text("#search-results"), re.I), "formulas as they are typed"
    page.close()


def test_the_skip_link_is_the_first_stop_of_the_keyboard_and_leads_to_the_text(context, address):
    page = context.new_page()
    page.goto(f"{address}/{NAMES[0]}")
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
    assert page.evaluate("document.activeElement.hash") == "#main-content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.close()


def test_what_scrolls_is_a_stop_of_the_keyboard_and_nothing_else_is(context, address):
    page = context.new_page()
    page.goto(f"{address}/chapters/03-positions.html")
    found = set()
    for box in page.locator("article pre:visible").all():
        box.scroll_into_view_if_needed()
        scrolls = box.evaluate("box => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight")
        found.add(scrolls)
        page.wait_for_function("([box, wanted]) => box.tabIndex === wanted", arg=[box.element_handle(), scrolls - 1])
    assert found == {True, False}
    page.close()


def test_what_scrolls_is_a_stop_of_the_keyboard_before_it_comes_near(context, address):
    page = context.new_page()
    page.add_init_script("window.IntersectionObserver = class { observe() {} unobserve() {} }")
    page.goto(f"{address}/chapters/03-positions.html")
    boxes = page.locator("article :is(pre, .pst-scrollable-table-container)")
    assert boxes.count() > 20
    assert set(boxes.evaluate_all("boxes => boxes.map((box) => box.tabIndex)")) == {0}
    page.close()


@pytest.mark.parametrize("width", bench_pages.WIDTHS)
def test_a_finger_finds_the_line_of_a_fold(context, address, width):
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    for name in ("chapters/01-attention.html", "chapters/02-multi-head-attention.html"):
        page.goto(f"{address}/{name}")
        heights = page.eval_on_selector_all("summary", "all => all.map((fold) => fold.getBoundingClientRect().height)")
        shown = [height for height in heights if height]  # a fold may be inside another
        assert len(shown) > 10
        assert min(shown) >= 24
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_light_and_its_first_screen_stays_where_it_is(context, name):
    with bench_pages.served(SITE) as compressed:
        kilobytes, shift = bench_pages.weight_and_shift(context.browser, f"{compressed}/{name}")
    assert kilobytes <= 350
    assert shift <= 0.02


TABLE_ON_FIRST_SCREEN = """[...document.querySelectorAll("article table")]
  .find((table) => table.getBoundingClientRect().height && table.getBoundingClientRect().top < innerHeight)"""
WIDTHS_OF_COLUMNS = "(table) => [...table.rows[0].cells].map((cell) => cell.getBoundingClientRect().width)"
FIRST_ROW_ONLY = "(table) => table.querySelectorAll('tbody tr:not(:first-child)').forEach((row) => row.remove())"


@pytest.mark.slow
def test_a_table_on_a_first_screen_does_not_move_as_its_rows_arrive(context, address):
    page, tables = context.new_page(), 0
    for width in (800, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        for name in NAMES:
            page.goto(f"{address}/{name}")
            if table := page.evaluate_handle(TABLE_ON_FIRST_SCREEN).as_element():
                whole = table.evaluate(WIDTHS_OF_COLUMNS)
                table.evaluate(FIRST_ROW_ONLY)
                assert table.evaluate(WIDTHS_OF_COLUMNS) == whole, f"{name} at {width} px: give it .fixed-columns"
                tables += 1
    assert tables
    page.close()


SOUND = """<!doctype html><html lang="en" style="background:#fff"><head><title>x</title>
<link rel="icon" href="data:,"></head><body><article><p>Plain text.</p>{}</article></body></html>"""
MATHML = '<span class="katex-mathml" style="position:absolute"><math><mi>x</mi></math></span>'
TYPESET = f'<span class="math"><span class="katex">{MATHML}<span class="katex-html">x</span></span></span>'
BAD_FONT = "<style>@font-face{font-family:KaTeX_Main;src:url(page.html)}p{font-family:KaTeX_Main}</style>"

FAULTS = {
    "a foreign script": ('<script src="https://cdn.example/x.js"></script>', "asks another host"),
    "a foreign address by number": ('<img alt="x" src="http://203.0.113.1/x.png">', "asks another host"),
    "a foreign fetch": ("<script>fetch('http://api.example/').catch(() => 0)</script>", "asks another host"),
    "a missing file": ('<script src="gone.js"></script>', "answered 404"),
    "a script error": ("<script>throw new Error('lost')</script>", "script error"),
    "a console error": ("<script>console.error('lost')</script>", "console error: lost"),
    "a formula left as it was": ('<span class="math">\\(x\\)</span>' + TYPESET, "1 of 2 formulas"),
    "a formula without MathML": (TYPESET.replace(MATHML, ""), "1 of 1 formulas"),
    "a formula without its styles": (TYPESET.replace(' style="position:absolute"', ""), "1 of 1 formulas"),
    "a formula that the source has not": (
        f'<div class="math">{TYPESET}</div>',
        "1 formulas stand on lines of their own",
    ),
    "a formula with an error": ('<span class="katex-error" title="Undefined control sequence">x</span>', "Undefined"),
    "formulas left to the browser": ('<script src="data:text/javascript,/*mathjax*/"></script>', "in the browser"),
    "a font that does not load": (BAD_FONT, "font KaTeX_Main"),
    "a broken image": ('<img alt="x" src="page.html">', "image shows nothing"),
    "a box cut beside an empty margin": (f'<pre style="width:50px;overflow:auto">{"x" * 40}</pre>', "room, "),
    "text that a box laid out late clips": (
        f'<p style="content-visibility:auto;width:50px">{"x" * 40}</p>',
        "clipped there",
    ),
    "faint text": ('<p style="color:#999">pale</p>', "pale (P ): 2.85"),
    "a page wider than the phone": ('<div class="wide" style="width:500px">x</div>', "DIV wide"),
}


@pytest.fixture
def opened(context, tmp_path):
    """Serve one page with the given body and open it."""

    def open_page(body):
        (tmp_path / "page.html").write_text(SOUND.format(body))
        with page_visits.served(tmp_path) as url:
            return next(page_visits.visit(context, f"{url}/page.html")).judge()

    return open_page


def test_a_sound_page_has_no_problem(opened):
    assert opened(TYPESET) == []


@pytest.mark.parametrize(("body", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_seen(opened, body, message):
    problems = opened(body)
    assert any(message in problem for problem in problems), problems


def test_formulas_that_are_missing_are_seen(context, tmp_path):
    (tmp_path / "page.html").write_text(SOUND.format(TYPESET))
    with page_visits.served(tmp_path) as url:
        visit = next(page_visits.visit(context, f"{url}/page.html"))
    assert visit.judge(2) == ["0 formulas stand on lines of their own; the source has 2"]


@pytest.mark.parametrize(
    ("address", "problem"),
    [("https://cdn.example/x.js", "asks another host for https://cdn.example"), ("gone.js", "could not load")],
)
def test_a_fault_is_seen_from_the_disk_too(context, tmp_path, address, problem):
    (tmp_path / "page.html").write_text(SOUND.format(f'<script src="{address}"></script>'))
    visit = next(page_visits.visit(context, (tmp_path / "page.html").as_uri(), folder=tmp_path))
    assert any(problem in each for each in visit.problems)
