"""The classifier that runs in three pages, used as a reader would: from the disk and over http, with keys, mouse and
finger, light and dark.

Build the pages first (`make book`).
"""

import itertools
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support import live_numpy, site_checks
from tests.support.live_texts import awkward_texts
from tests.support.thinning import SCREENS, thinned
from tests.tools.live.test_forward_pass import check_probabilities, reviews
from tools.bench import pages as bench_pages
from tools.notebooks.chapters import ROOT
from tools.site.pages import SITE

page_visits = pytest.importorskip(
    "tests.support.page_visits", reason="playwright is not installed", exc_type=ModuleNotFoundError
)
sync_api = pytest.importorskip("playwright.sync_api")

PAGES = {
    "live-heads": "chapters/02-multi-head-attention",
    "live-states": "chapters/06-pretrained-models",
    "live-classifier": "chapters/08-fine-tuning-project",
}
PAGE = f"{PAGES['live-classifier']}.html"
PADDING = 4
FASTEST = """() => {
  const ids = Array.from({ length: 32 }, (_, i) => 10 + i);
  const times = [];
  for (let round = 0; round < 10; round += 1) {
    const begun = performance.now();
    live.classify(ids, element.model);
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[5];
}"""


@pytest.fixture
def opened(browser, request):
    """Open a chapter from the disk, and fail on whatever the page complains of or asks another place for.

    The test says which, and with what kind of window: see `in_chapter`.
    """
    name, options = request.param
    options = {"viewport": {"width": 360, "height": 800}, "reduced_motion": "reduce", **options}
    visit = page_visits.Visit()
    with browser.new_context(**options) as context:
        page = context.new_page()
        visit.watch(page, re.compile(f"({re.escape(SITE.as_uri())}/|data:|about:)"))
        page.goto(f"{(SITE / PAGES[name]).as_uri()}.html")
        page.wait_for_selector(f"{name} button")
        yield page
    assert visit.problems == []


def in_chapter(name, **options):
    """Let a test open the chapter of an element."""
    return pytest.mark.parametrize("opened", [(name, options)], indirect=True, ids=[name])


def fetch(page):
    page.click(".live .live-button")
    look_into(page)


def look_into(page):
    """Wait for the network; then `element` is the panel."""
    page.wait_for_selector(".live input[type=text]", timeout=60_000)
    page.evaluate("() => { globalThis.element = document.querySelector('.live').panel; }")


def status(page):
    return page.inner_text(".live .live-status")


def probability(page):
    return page.evaluate("() => element.result.probabilities[1]")


def types(page, text):
    """Type a review in place of the one that stands there, and wait until it has been classified."""
    page.focus(".live input[type=text]")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)
    tokens = ["[CLS]", *re.findall(r"\w+|[.,]", text.lower()), "[SEP]", *["[PAD]"] * PADDING]
    page.wait_for_function("(tokens) => String(element.result.tokens) === tokens", arg=",".join(tokens))


def in_numpy(page, **switches):
    """Return what NumPy finds for the text that stands there; the padding is hidden unless `allowed` is given."""
    tokens = page.evaluate("() => element.result.tokens")
    ids = page.evaluate("() => element.tokenizer.encode(element.result.tokens)")
    return live_numpy.forward(ids, **{"allowed": [token != "[PAD]" for token in tokens], **switches})


def cell_of(chapter, start):
    """Return the source of the Markdown cell of a chapter that begins so."""
    notebook = json.loads((ROOT / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    sources = ("".join(cell["source"]) for cell in notebook["cells"])
    return next(source for source in sources if source.startswith(start))


def test_only_pages_that_have_an_element_load_its_script():
    loading, having = {}, {}
    for page in site_checks.pages_of(SITE):
        text = page.path.read_text(encoding="utf-8")
        if loaded := re.findall(r"_static/live/([a-z.]+)", text):
            loading[page.path.stem] = loaded
        if named := re.findall(r"<(live-[a-z]+)>", text):
            having[page.path.stem] = named
    assert having == {Path(page).name: [name] for name, page in PAGES.items()}
    assert loading == {page: ["live.css", "live.js"] for page in having}


def test_the_weights_lie_in_the_site_once():
    folder = SITE / "_static" / "live" / "weights"
    parts = [path for path in SITE.rglob("*.js") if path.read_bytes().startswith(b"live.receive(")]
    assert {path.parent for path in parts} == {folder}
    assert not list(SITE.rglob("live.safetensors"))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4_500_000


@in_chapter("live-classifier")
def test_a_reader_fetches_the_network_types_a_review_and_looks_into_it_with_the_keyboard_alone(opened):
    page = opened
    loaded = page.evaluate("() => [...document.scripts].map((script) => script.src)")
    assert [found for name in loaded for found in re.findall(r"_static/live/([a-z.-]+)", name)] == ["live.js"]
    assert page.evaluate("() => live.contents === undefined"), "nothing of the network comes before the reader asks"
    page.focus("live-classifier .live-button")
    page.keyboard.press("Enter")
    look_into(page)
    assert page.get_by_text("9 tokens; 4 of padding follow.").is_visible()
    assert page.evaluate("() => document.activeElement.type") == "text"
    types(page, "The soup was awful.")
    assert status(page).startswith("negative")
    types(page, "A superb cast and a gripping plot.")
    assert status(page).startswith("positive")
    words_carry_what_the_probability_loses(page)
    page.focus("live-classifier .live-heads [aria-checked=true]")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.inner_text(".live-note strong") == "Layer 2, head 3"
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3"
    trained = probability(page)
    page.keyboard.press("x")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3, cut"
    assert probability(page) != trained
    assert f"Probability of “positive”: {probability(page):.2f} (as trained: {trained:.2f})" in status(page)
    page.focus("live-classifier .live-tokens [aria-checked=true]")
    page.keyboard.press("End")
    assert page.inner_text("live-classifier .live-tokens [aria-checked=true] span") == "[PAD]"
    assert page.evaluate("() => document.activeElement.getAttribute('aria-checked')") == "true"
    page.focus("live-classifier fieldset input:checked")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => element.mask") == "inverted"
    assert page.evaluate("() => element.result.attention.flat(2).every((row) => row[0] === 0)")
    assert page.locator(".live .live-answer").evaluate("(e) => getComputedStyle(e).position") == "sticky"
    page.get_by_role("button", name="As trained").click()
    assert probability(page) == trained
    is_readable(page)


def words_carry_what_the_probability_loses(page):
    page.wait_for_selector("live-classifier .live-words[aria-busy=false] li:nth-child(7)")
    items = page.eval_on_selector_all(".live-words li", "(items) => items.map((item) => item.textContent)")
    words, shown = zip(*(item.split() for item in items), strict=True)
    assert words == ("A", "superb", "cast", "and", "a", "gripping", "plot.")
    texts = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    rests = page.evaluate("(texts) => texts.map((text) => element.classify(text).probabilities[1])", texts)
    assert np.allclose([float(number) for number in shown], probability(page) - np.array(rests), atol=0.0051)
    assert len(set(shown)) > 1


@in_chapter("live-classifier")
def test_nothing_moves_while_the_words_are_weighed_again(opened):
    page = opened
    fetch(page)
    page.wait_for_selector(".live-words[aria-busy=false] li:nth-child(6)")
    below = "() => [scrollY + document.querySelector('.live-heads').getBoundingClientRect().y, element.words.ariaBusy]"
    place, _ = page.evaluate(below)
    words = page.inner_text(".live-words")
    page.get_by_label("cut its whole layer").check()
    assert page.evaluate(below) == [place, "true"]
    assert page.inner_text(".live-words") == words
    page.wait_for_selector(".live-words[aria-busy=false]")
    assert page.evaluate(below) == [place, "false"]
    assert page.inner_text(".live-words") != words


@in_chapter("live-classifier")
def test_a_review_without_words_and_a_mask_that_hides_them_are_told(opened):
    page = opened
    fetch(page)
    page.get_by_label("inverted: hides the text").check()
    assert "no word is read" in page.inner_text(".live")
    page.fill(".live input[type=text]", " ")
    page.wait_for_function("() => element.result.tokens.length === 6")
    assert status(page).startswith("Nothing is there to read.")
    assert page.locator(".live-words li").count() == 0


@in_chapter("live-classifier")
def test_heads_that_were_cut_before_their_layer_stay_cut_after_it(opened):
    page = opened
    fetch(page)
    page.locator(".live-heads button").nth(9).click()
    page.keyboard.press("x")
    page.get_by_label("cut its whole layer").check()
    assert page.locator(".live-heads .live-cut").count() == 4
    page.get_by_label("cut its whole layer").uncheck()
    assert page.evaluate("() => [...element.cut]") == ["2.1"]


def is_readable(page):
    """Fail unless a phone shows all text with enough contrast and without scrolling sideways, light and dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=scheme)
        visit = page_visits.look(page, page_visits.Visit())
        assert visit.state["faint"] == []
        assert visit.state["overflow"] <= 0


# ---- Chapter 2


def cell_at(page, row, column):
    """Return the middle of a cell of the table on the screen."""
    cell = page.locator(f'.live-matrix rect[data-row="{row}"][data-column="{column}"]')
    cell.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
    box = cell.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def shown_row(page):
    return [float(text) for text in page.locator(".live-tokens span:last-child").all_inner_texts()]


def moved_shares(then, now, count):
    """Return the share of each head's weights that has moved: of the rows of `count` tokens, averaged."""
    return np.abs(now - then)[:, :, :count].sum(axis=-1).mean(axis=-1) / 2


@in_chapter("live-heads")
def test_a_weight_is_dragged_with_the_keyboard_and_python_finds_what_follows(opened):
    page = opened
    fetch(page)
    types(page, "The room was not good, but the staff was kind.")
    before, _, then = in_numpy(page)
    assert abs(probability(page) - before[1]) < 1e-4
    page.focus(".live-heads [aria-checked=true]")
    page.keyboard.press("ArrowDown")
    page.focus(".live-tokens [aria-checked=true]")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.focus(".live-matrix")
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    slider = page.locator(".live-weight")
    slider.focus()
    for key in ("End", "PageDown", "PageDown", "ArrowDown", *["ArrowLeft"] * 9):
        page.keyboard.press(key)
    page.wait_for_function("() => element.dragged.size && Math.abs(element.weight() - 0.7) < 1e-6")
    assert slider.get_attribute("aria-label") == "weight of “room” in the row of “not”"
    assert slider.input_value() == "0.7"
    assert "Row “not”, column “room”: 0.70 (as trained: " in page.inner_text(".live")
    after, _, now = in_numpy(page, dragged=[(1, 0, 4, 2, 0.7)])
    assert abs(probability(page) - after[1]) < 1e-4
    assert abs(after[1] - before[1]) > 0.1
    assert np.allclose(shown_row(page), now[1, 0, 4], atol=0.0051)
    count = page.evaluate("() => element.result.tokens.indexOf('[PAD]')")
    shown = [float(text) for text in page.locator(".live-heads span").all_inner_texts()]
    expected = moved_shares(then, now, count)
    assert np.allclose(np.reshape(shown, (4, 4)), expected, atol=0.0051)
    assert (expected[2:] > 0).all()
    assert (expected.reshape(-1)[[0, 1, 2, 3, 5, 6, 7]] == 0).all(), "earlier layers and neighbours stay"
    page.get_by_role("button", name="As trained").click()
    assert abs(probability(page) - before[1]) < 1e-4
    is_readable(page)


@in_chapter("live-heads", viewport={"width": 1440, "height": 900})
def test_a_weight_is_dragged_with_the_mouse_beside_other_switches(opened):
    page = opened
    fetch(page)
    page.locator(".live-heads button").nth(10).click()
    page.keyboard.press("x")
    page.locator(".live-heads button").nth(4).click()
    page.get_by_label("do not divide by √dₖ").check()
    page.get_by_label("inverted: hides the text").check()
    x, y = cell_at(page, 0, 9)  # from [CLS] to the first [PAD]
    start = page.evaluate("() => element.result.attention[1][0][0][9]")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 40)
    page.mouse.move(x, y + 12)
    page.mouse.up()
    weight = max(0, start - 0.1)
    page.wait_for_function("(weight) => Math.abs(element.weight() - weight) < 1e-6", arg=weight)
    hidden = page.evaluate("() => element.result.tokens.map((token) => token === '[PAD]')")
    drag = (1, 0, 0, 9, weight)
    probabilities, _, weights = in_numpy(page, allowed=hidden, scale=1, cut=[(2, 2)], dragged=[drag])
    assert abs(probability(page) - probabilities[1]) < 1e-4
    assert np.allclose(shown_row(page), weights[1, 0, 0], atol=0.0051)
    assert "One weight is set by hand (●)." in page.inner_text(".live")
    page.locator(".live input[type=text]").fill("Superb soup.")
    page.wait_for_function("() => element.result.tokens[1] === 'superb' && element.dragged.size === 0")
    assert "the weights that were set by hand are as computed again" in page.inner_text(".live")


MARKED_CELLS = """() => [...document.querySelectorAll(".live-matrix circle")].map((mark) => {
  const { x, y, width } = mark.getBoundingClientRect();
  const cell = document.elementsFromPoint(x + width / 2, y + width / 2).find((part) => part.dataset.row);
  return [Number(cell.dataset.row), Number(cell.dataset.column)];
})"""


def pulls(page, row, column, up):
    """Drag a cell with the mouse, and let the page draw what follows."""
    x, y = cell_at(page, row, column)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - up)
    page.mouse.up()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@in_chapter("live-heads", viewport={"width": 1440, "height": 900})
def test_cells_beside_the_marked_one_are_chosen_at_a_click(opened):
    page = opened
    fetch(page)
    for row, column in ((4, 4), (3, 4), (4, 4), (5, 4), (4, 4), (4, 3), (4, 4), (4, 5)):
        page.mouse.click(*cell_at(page, row, column))
        assert page.evaluate("() => [element.query, element.key, element.dragged.size]") == [row, column, 0]


@in_chapter("live-heads", viewport={"width": 1440, "height": 900})
def test_a_weight_that_would_change_nothing_cannot_be_set(opened):
    page = opened
    fetch(page)
    pulls(page, 0, 9, 40)  # to the first [PAD]
    assert "The mask hides “[PAD]” (1 of 4): its weight stays 0." in page.inner_text(".live")
    assert page.evaluate("() => [element.key, element.dragged.size, element.slider.disabled]") == [9, 0, True]
    page.get_by_label("inverted: hides the text").check()
    pulls(page, 0, 0, 40)
    assert "The mask hides “[CLS]”: its weight stays 0." in page.inner_text(".live")
    page.get_by_role("button", name="As trained").click()
    page.get_by_label("cut this head").check()
    pulls(page, 1, 0, 40)
    assert "Layer 1, head 1 is cut" in page.inner_text(".live")
    assert page.locator(".live-heads .live-cut span").inner_text() == ""
    assert page.evaluate("() => [element.dragged.size, element.slider.disabled]") == [0, True]
    page.get_by_label("cut this head").uncheck()
    pulls(page, 1, 0, 40)
    assert page.evaluate("() => [element.dragged.size, element.slider.disabled]") == [1, False]


@in_chapter("live-heads", viewport={"width": 1440, "height": 900})
def test_weights_set_by_hand_are_marked_and_a_row_can_be_put_back(opened):
    page = opened
    fetch(page)
    trained = probability(page)
    pulls(page, 1, 1, 40)
    pulls(page, 4, 2, 40)
    pulls(page, 4, 3, 30)  # in the place of the one before
    assert "2 weights are set by hand (●)." in page.inner_text(".live")
    marks = page.locator(".live-matrix circle")
    assert page.evaluate(MARKED_CELLS) == [[1, 1], [4, 3]]
    back = page.get_by_role("button", name="Put this row back")
    back.click()
    assert marks.count() == 1
    assert back.get_attribute("aria-disabled") == "true"
    page.mouse.click(*cell_at(page, 1, 5))
    page.keyboard.press("Delete")
    assert marks.count() == 0
    assert probability(page) == trained
    pulls(page, 1, 1, 40)
    page.get_by_role("button", name="The soup was not good").click()
    assert "the weights that were set by hand are as computed again" in page.inner_text(".live")


SHORT, LONG = "The soup was not good, but kind.", " ".join(["Superb soup"] * 15)


@in_chapter("live-heads")
def test_the_table_fits_or_keeps_its_names_in_sight(opened):
    page = opened
    fetch(page)
    more = page.get_by_text("More columns to the right")
    for width, text, fits in ((360, SHORT, True), (360, LONG, False), (1440, LONG, True)):
        page.set_viewport_size({"width": width, "height": 800})
        page.fill(".live input[type=text]", text)
        page.wait_for_function("(text) => element.trained.tokens.includes('but') === text.includes('but')", arg=text)
        page.wait_for_function("() => element.width === element.matrix.clientWidth")
        assert page.evaluate("() => element.matrix.scrollWidth <= element.matrix.clientWidth") == fits
        assert more.is_visible() != fits
        if not fits:
            page.evaluate("() => { element.matrix.scrollLeft = 1000; }")
            page.wait_for_function(
                "() => element.matrix.scrollLeft > 0 && element.names.getAttribute('transform') !== 'translate(0 0)'"
            )
            shown, name = (
                page.locator(".live-matrix").bounding_box(),
                page.locator(".live-matrix g .live-chosen").bounding_box(),
            )
            assert shown["x"] <= name["x"] < shown["x"] + 100


@in_chapter("live-heads", has_touch=True, is_mobile=True)
def test_a_finger_chooses_cells_scrolls_over_them_and_sets_a_weight_with_the_slider(opened):
    page = opened
    fetch(page)
    assert page.evaluate("() => document.activeElement.type") != "text", "this would bring up the keyboard"
    assert page.locator(".live .live-keys:visible").count() == 0
    for row, column in ((3, 2), (3, 1), (2, 1), (3, 1)):
        page.touchscreen.tap(*cell_at(page, row, column))
        assert page.evaluate("() => [element.query, element.key, element.dragged.size]") == [row, column, 0]
    scrolled = page.evaluate("() => scrollY")

    def upwards():
        x, y = cell_at(page, 3, 1)
        return [(x, y - up) for up in range(0, 120, 20)]

    def to_the_right():
        box = page.locator(".live-weight").bounding_box()
        start = box["x"] + 8 + (box["width"] - 16) * page.evaluate("() => element.weight()")
        return [(start + right, box["y"] + box["height"] / 2) for right in range(0, 80, 20)]

    swipes(page, upwards, f"() => scrollY > {scrolled} + 50")
    assert page.evaluate("() => element.dragged.size") == 0
    page.locator(".live-weight").evaluate("(e) => e.scrollIntoView({ block: 'center' })")
    swipes(page, to_the_right, "() => element.dragged.size === 1 && element.weight() > 0.2")


STILL = """() => new Promise((done) => {
  let last;
  const timer = setInterval(() => {
    if (scrollY === last) done(clearInterval(timer));
    last = scrollY;
  }, 200);
})"""


def swipes(page, places, wanted, times=3):
    """Move a finger over places of the page, once it has come to rest; again if the browser took it for nothing."""
    page.evaluate(STILL)
    session = page.context.new_cdp_session(page)
    for at, (x, y) in enumerate(places()):
        kind = "touchMove" if at else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    try:
        page.wait_for_function(wanted, timeout=10_000)
    except sync_api.TimeoutError:
        if times == 1:
            raise
        swipes(page, places, wanted, times - 1)


SECOND = "the soup was not good , but the staff was kind ."
HEADS = list(itertools.product(range(4), repeat=2))
DECIDING = 1, 0  # head 1 of layer 2


def found_by_numpy(sentence, **switches):
    """Return what NumPy finds for words and marks with spaces between them."""
    vocabulary = (ROOT / "data/checkpoints/mini-bert/vocab.txt").read_text(encoding="utf-8").split("\n")
    ids = [vocabulary.index(token) for token in f"[CLS] {sentence} [SEP]".split()]
    allowed = [True] * len(ids) + [False] * PADDING
    return live_numpy.forward([*ids, *[0] * PADDING], allowed=allowed, **switches)


def positive(sentence, **switches):
    """Return the probability of "positive"."""
    return found_by_numpy(sentence, **switches)[0][1]


def test_the_answer_about_the_head_that_decides_is_so():
    story = cell_of(PAGES["live-heads"], "(heads-to-play-with)=")
    assert "The soup was not good, but the staff was kind." in story
    assert "Nobody could call the room clean" in story
    cut = {each: positive(SECOND, cut=[each]) for each in HEADS}
    without, *others = sorted(cut.values())
    assert cut[DECIDING] == without
    assert min(others) > 0.95
    row, key = 1 + SECOND.split().index("not"), 1 + SECOND.split().index("but")
    last_was = 1 + SECOND.split().index("was", row)
    assert found_by_numpy(SECOND, dragged=[(*DECIDING, row, last_was, 1.0)])[2][(*DECIDING, row, key)] == 0
    for words, value in (
        ('As trained, the probability of "positive" is {:.2f}.', positive(SECOND)),
        ("Without this head it is {:.2f}.", without),
        ("Its weight on *but* is {:.2f}.", found_by_numpy(SECOND)[2][(*DECIDING, row, key)]),
        ("Set it to 0, and the probability is {:.2f}.", positive(SECOND, dragged=[(*DECIDING, row, key, 0.0)])),
        ("yet the probability is {:.2f}.", positive(SECOND, dragged=[(*DECIDING, row, last_was, 1.0)])),
    ):
        assert words.format(value) in story
    first = "nobody could call the room clean ."
    assert max(positive(first, cut=[each]) for each in HEADS) < 0.5


def test_what_counts_is_where_the_weight_of_but_goes():
    """Each weight of the row of *not* up to 1: *but* and the second *was* keep the answer, and no other does."""
    words = SECOND.split()
    drags = [(*DECIDING, 1 + words.index("not"), key, 1.0) for key in range(2 + len(words) + PADDING)]
    kept = [key for key, drag in enumerate(drags) if positive(SECOND, dragged=[drag]) > 0.5]
    assert kept == [1 + words.index("but"), 1 + words.index("was", words.index("but"))]


@pytest.mark.slow
def test_no_weight_of_another_row_of_this_head_turns_the_answer():
    size = 2 + len(SECOND.split()) + PADDING
    rows = set(range(size)) - {1 + SECOND.split().index("not")}
    drags = [(*DECIDING, row, key, 1.0) for row in rows for key in range(size)]
    assert min(positive(SECOND, dragged=[drag]) for drag in drags) > 0.5


# ---- Chapter 6


@in_chapter("live-states")
def test_a_word_is_cut_try_by_try_and_hidden_states_are_pythons(opened):
    page = opened
    fetch(page)
    told = page.locator(".live-told")
    page.focus(".live-tokens [aria-checked=true]")
    page.keyboard.press("ArrowRight")
    assert told.inner_text() == "Is “cookbooks”, whole, a piece of the vocabulary?"
    onwards = page.get_by_role("button", name="Next try")
    onwards.focus()
    texts = []
    for _ in range(12):
        page.keyboard.press("Enter")
        texts.append(told.inner_text())
    assert texts[0] == "Try 1: “cookbooks” is no piece of the vocabulary."
    assert texts[5] == "Try 6: “cook” is a piece of the vocabulary."
    assert texts[8] == texts[11] == "Try 9: “##s” is a piece of the vocabulary. “cookbooks” becomes cook ##book ##s."
    assert onwards.get_attribute("aria-disabled") == "true"
    page.get_by_role("button", name="Back").click()
    assert told.inner_text().startswith("Try 8: “##book” ")
    types(page, "The soup was dull, the room was not.")
    _, states, _ = in_numpy(page)
    assert (
        np.abs(
            np.array(page.evaluate("() => element.result.hiddenStates.map((s) => s.map((v) => [...v]))")) - states
        ).max()
        < 1e-4
    )
    page.focus(".live-layers [aria-checked=true]")
    for layer in range(5):
        unit = states[layer] / np.linalg.norm(states[layer], axis=-1, keepdims=True)
        row = page.locator(".live-tokens").nth(1).locator("span:last-child").all_inner_texts()
        shown = [float(text.replace("−", "-")) for text in row]
        assert np.allclose(shown, unit @ unit[0], atol=0.0051)
        page.keyboard.press("ArrowRight")
    is_readable(page)


@in_chapter("live-states")
def test_an_empty_text_has_no_word_to_cut(opened):
    page = opened
    fetch(page)
    page.fill(".live input[type=text]", "")
    page.wait_for_function("() => element.cuts.length === 0")
    page.get_by_role("button", name="Next try").focus()
    page.keyboard.press("Enter")
    assert page.locator(".live-told").inner_text() == ""


@in_chapter("live-states")
def test_of_a_long_text_the_words_that_are_read_are_offered(opened):
    page = opened
    fetch(page)
    page.fill(".live input[type=text]", "soup " * 28 + "snowboarders never came")
    page.wait_for_function("() => element.result.tokens.filter((token) => token === 'soup').length === 28")
    assert page.evaluate("() => element.result.tokens.slice(-6, -4)") == ["##board", "[SEP]"]
    assert page.evaluate("() => element.words.buttons.at(-1).firstChild.textContent") == "snowboarders"
    assert page.evaluate("() => element.words.buttons.length") == 29
    assert "of which the first 31 and [SEP] are read" in page.inner_text(".live")


@in_chapter("live-heads")
def test_a_cell_that_keys_choose_comes_into_sight(opened):
    page = opened
    fetch(page)
    page.fill(".live input[type=text]", "the soup was good " * 6)
    page.wait_for_function("() => element.result.tokens.length > 25")
    page.focus(".live-matrix")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    seen = """() => {
        const cell = element.picture.querySelector(`[data-row="${element.query}"][data-column="${element.key}"]`);
        const [inner, outer] = [cell, element.matrix].map((part) => part.getBoundingClientRect());
        return element.key > 20 && inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
    }"""
    page.wait_for_function(seen)


@in_chapter("live-states")
def test_the_chosen_token_stays_when_another_word_is_exchanged(opened):
    page = opened
    fetch(page)
    page.get_by_role("button", name="The soup was delicious").click()
    page.locator(".live-matrix rect[data-row='8'][data-column='3']").click()
    assert "Row “was” (2 of 2), column “was” (1 of 2): 0.65" in page.inner_text(".live")
    for verdict in ("unaffordable", "", "superb"):
        text = f"The soup was {verdict}, the service was awful."
        page.fill(".live input[type=text]", text)
        page.wait_for_function(
            "(text) => element.tokenizer.tokens(text).length === element.result.tokens.length - 4", arg=text
        )
        assert "Row “was” (2 of 2), column “was” (1 of 2)" in page.inner_text(".live")
        assert page.locator(".live-tokens").nth(1).locator("[aria-checked=true] span").first.inner_text() == "was"
    assert page.locator(".live .live-answer").evaluate("(e) => getComputedStyle(e).position") == "static"


def test_the_answer_about_the_two_verdicts_is_so():
    story = cell_of(PAGES["live-states"], "(pretrained-live)=")
    vocabulary = (ROOT / "data/checkpoints/mini-bert/vocab.txt").read_text(encoding="utf-8").split("\n")

    def alike(first, noun, second):
        """Return the cosines of the two "was" after each layer."""
        tokens = f"[CLS] the soup was {first} , the {noun} was {second} . [SEP]".split()
        states = live_numpy.forward([vocabulary.index(token) for token in tokens])[1]
        unit = states / np.linalg.norm(states, axis=-1, keepdims=True)
        return (unit[:, 3] * unit[:, 8]).sum(axis=-1)

    assert "The soup was delicious, the service was awful." in story
    found = alike("delicious", "service", "awful")
    assert f"{found[0]:.2f} after the embedding and {found[2]:.2f} after layer 2" in story
    same = [alike("delicious", "service", other)[2] for other in ("delicious", "superb")]
    assert f"it is {same[0]:.2f} or {same[1]:.2f}" in story
    both = alike("awful", "service", "awful")[2]
    assert f"in place of *delicious*, and it is {both:.2f}" in story
    assert "is 0.91 or more" in story
    assert min(round(found, 2) for found in (*same, both)) >= 0.91
    assert f"leaves it at {alike('delicious', 'soup', 'awful')[2]:.2f}" in story


# ---- All three


@pytest.mark.slow
def test_weights_that_do_not_come_are_told_and_can_be_asked_for_again(browser):
    with page_visits.served(SITE) as url, browser.new_context() as context:
        page = context.new_page()
        page.route("**/weights/part-2.js", lambda route: route.abort())
        page.goto(f"{url}/{PAGE}")
        page.click(".live .live-button")
        page.wait_for_function("() => document.querySelector('.live-status').textContent.includes('part-2.js')")
        page.unroute("**/weights/part-2.js")
        fetch(page)
        assert status(page).startswith("negative")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_element_is_not_printed_and_without_a_script_it_is_not_there(browser, name):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{(SITE / PAGES[name]).as_uri()}.html")
        assert not page.is_visible(name)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{(SITE / PAGES[name]).as_uri()}.html")
        assert page.is_visible(name)
        page.emulate_media(media="print")
        assert not page.is_visible(name)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), thinned(SCREENS.items()))
@pytest.mark.parametrize("name", PAGES)
def test_axe_has_no_objection(browser, name, width, scheme):
    try:
        bench_pages.install(bench_pages.environment(""))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm could not fetch axe: {error.stderr.strip()[-200:]}")
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{(SITE / PAGES[name]).as_uri()}.html")
        fetch(page)
        page.add_script_tag(path=bench_pages.TOOLS / "node_modules/axe-core/axe.min.js")
        violations = page.evaluate("async () => (await axe.run('.live')).violations")
        assert [f"{each['id']}: {node['target'][0]}" for each in violations for node in each["nodes"]] == []


@pytest.mark.slow
@in_chapter("live-classifier")
def test_chromium_gives_pythons_tokens_and_probabilities_from_the_disk(opened):
    from tools.measure.recipe import ENCODER
    from utils import wordpiece

    fetch(opened)
    texts = awkward_texts(2000, seed=16)
    found = opened.evaluate("(texts) => texts.map((t) => element.tokenizer.encode(element.tokenizer.tokens(t)))", texts)
    assert found == [encoding.ids for encoding in wordpiece.load_tokenizer(ENCODER).encode_batch(texts)]
    shown = opened.evaluate(
        "(texts) => texts.map((text) => element.classify(text).probabilities[1])", list(reviews(500))
    )
    check_probabilities(np.array(shown))
    print(f"one forward pass of 32 tokens: {opened.evaluate(FASTEST):.1f} ms")
