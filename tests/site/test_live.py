"""The classifier that runs in the page, used as a reader would: from the disk and over http, with keys, light and dark.

Build the pages first (`make book`).
"""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support import site_checks
from tests.support.live_texts import awkward_texts
from tests.tools.live.test_forward_pass import check_probabilities, reviews
from tools.site.pages import SITE

page_visits = pytest.importorskip(
    "tests.support.page_visits", reason="playwright is not installed", exc_type=ModuleNotFoundError
)

PAGE = "chapters/08-fine-tuning-project.html"
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
def opened(browser):
    """Open the chapter from the disk, and fail on whatever the page complains of or asks another place for."""
    visit = page_visits.Visit()
    with browser.new_context(viewport={"width": 360, "height": 800}, reduced_motion="reduce") as context:
        page = context.new_page()
        visit.watch(page, re.compile(f"({re.escape(SITE.as_uri())}/|data:|about:)"))
        page.goto((SITE / PAGE).as_uri())
        page.wait_for_selector("live-classifier button")
        yield page
    assert visit.problems == []


def fetch(page):
    page.click("live-classifier .live-button")
    page.wait_for_selector("live-classifier input[type=text]", timeout=20_000)
    page.evaluate("() => { globalThis.element = document.querySelector('live-classifier'); }")


def status(page):
    return page.inner_text("live-classifier .live-status")


def probability(page):
    return page.evaluate("() => element.result.probabilities[1]")


def types(page, text):
    """Type a review in place of the one that stands there, and wait until it has been classified."""
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)
    tokens = ["[CLS]", *re.findall(r"\w+|\.", text.lower()), "[SEP]", *["[PAD]"] * 4]
    page.wait_for_function("(tokens) => String(element.result.tokens) === tokens", arg=",".join(tokens))


def test_only_a_page_that_has_the_element_loads_its_scripts():
    loading, having = set(), set()
    for page in site_checks.pages_of(SITE):
        text = page.path.read_text(encoding="utf-8")
        loading |= {page.path.name} if "_static/live/" in text else set()
        having |= {page.path.name} if "<live-classifier>" in text else set()
    assert loading == having == {Path(PAGE).name}


def test_a_reader_fetches_the_network_types_a_review_and_looks_into_it_with_the_keyboard_alone(opened):
    page = opened
    loaded = page.evaluate("() => [...document.scripts].map((script) => script.src)")
    assert any("live/encoder.js" in name for name in loaded)
    assert page.evaluate("() => live.contents === undefined"), "nothing of the network comes before the reader asks"
    page.focus("live-classifier .live-button")
    page.keyboard.press("Enter")
    page.wait_for_selector("live-classifier input[type=text]", timeout=20_000)
    page.evaluate("() => { globalThis.element = document.querySelector('live-classifier'); }")
    assert page.evaluate("() => document.activeElement.type") == "text"
    types(page, "The soup was awful.")
    assert status(page).startswith("negative")
    types(page, "A superb cast and a gripping plot.")
    assert status(page).startswith("positive")
    words_carry_what_the_probability_loses(page)
    page.focus("live-classifier .live-heads [aria-checked=true]")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.inner_text("live-classifier .live-note strong") == "Layer 2, head 3"
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3"
    trained = probability(page)
    page.keyboard.press("x")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3, cut"
    assert probability(page) != trained
    assert f"as trained: positive, {trained:.3f}" in status(page)
    page.focus("live-classifier .live-tokens [aria-checked=true]")
    page.keyboard.press("End")
    assert page.inner_text("live-classifier .live-tokens [aria-checked=true] span") == "[PAD]"
    assert page.evaluate("() => document.activeElement.getAttribute('aria-checked')") == "true"
    page.focus("live-classifier fieldset input:checked")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => element.mask") == "inverted"
    assert page.evaluate("() => element.result.attention.flat(2).every((row) => row[0] === 0)")
    page.get_by_role("button", name="As trained").click()
    assert probability(page) == trained
    is_readable(page)


def words_carry_what_the_probability_loses(page):
    page.wait_for_selector("live-classifier .live-words li:nth-child(7)", timeout=10_000)
    items = page.eval_on_selector_all(".live-words li", "(items) => items.map((item) => item.textContent)")
    words, shown = zip(*(item.split() for item in items), strict=True)
    assert words == ("A", "superb", "cast", "and", "a", "gripping", "plot.")
    texts = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    rests = page.evaluate("(texts) => texts.map((text) => element.classify(text).probabilities[1])", texts)
    assert np.allclose([float(number) for number in shown], probability(page) - np.array(rests), atol=0.0051)
    assert len(set(shown)) > 1


def is_readable(page):
    """Fail unless a phone shows all text with enough contrast and without scrolling sideways, light and dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=scheme)
        visit = page_visits.look(page, page_visits.Visit())
        assert visit.state["faint"] == []
        assert visit.state["overflow"] <= 0


@pytest.mark.slow
def test_weights_that_do_not_come_are_told_and_can_be_asked_for_again(browser):
    with page_visits.served(SITE) as url, browser.new_context() as context:
        page = context.new_page()
        page.route("**/weights/part-2.js", lambda route: route.abort())
        page.goto(f"{url}/{PAGE}")
        page.click("live-classifier .live-button")
        page.wait_for_function("() => document.querySelector('.live-status').textContent.includes('part-2.js')")
        page.unroute("**/weights/part-2.js")
        fetch(page)
        assert status(page).startswith("negative")


@pytest.mark.slow
def test_the_element_is_not_printed_and_without_a_script_it_is_not_there(browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((SITE / PAGE).as_uri())
        assert not page.is_visible("live-classifier")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((SITE / PAGE).as_uri())
        assert page.is_visible("live-classifier")
        page.emulate_media(media="print")
        assert not page.is_visible("live-classifier")


@pytest.mark.slow
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
