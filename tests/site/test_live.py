"""The classifier that runs in the page, used as a reader would: from the disk and over http, with keys, light and dark.

Build the pages first (`make book`).
"""

import re

import numpy as np
import pytest

from tests.conftest import missing_is_failure
from tests.support.live_texts import awkward_texts
from tests.tools.live.test_forward_pass import recorded, reviews
from tools.site import browser as chromium_finder
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


@pytest.fixture(scope="module")
def browser(require):
    sync_api = require("playwright.sync_api")
    if missing_is_failure("chromium"):
        chromium_finder.install()
    path = chromium_finder.find_chromium() or chromium_finder.playwright_browser() or require("chromium")
    with sync_api.sync_playwright() as playwright, page_visits.chromium(playwright, path) as running:
        yield running


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


def test_nothing_of_the_network_is_fetched_before_the_reader_asks(opened):
    loaded = opened.evaluate("() => performance.getEntriesByType('resource').map((entry) => entry.name)")
    scripts = [name for name in loaded if "/live/" in name]
    assert any(name.endswith("encoder.js") or "encoder.js?" in name for name in scripts)
    assert not [name for name in scripts if "weights/" in name]


def test_a_reader_types_a_review_and_looks_into_it_with_the_keyboard_alone(opened):
    page = opened
    page.focus("live-classifier .live-button")
    page.keyboard.press("Enter")
    page.wait_for_selector("live-classifier input[type=text]", timeout=20_000)
    page.evaluate("() => { globalThis.element = document.querySelector('live-classifier'); }")
    assert page.evaluate("() => document.activeElement.type") == "text"
    for text, answer in (("The soup was awful.", "negative"), ("A superb cast and a gripping plot.", "positive")):
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(text)
        page.wait_for_function("(answer) => element.status.textContent.startsWith(answer)", arg=answer)
        tokens = ["[CLS]", *re.findall(r"\w+|\.", text.lower()), "[SEP]", *["[PAD]"] * 4]
        assert page.evaluate("() => element.result.tokens") == tokens
    page.wait_for_selector("live-classifier .live-words li:nth-child(7)", timeout=10_000)
    drops = page.eval_on_selector_all(".live-words li", "(items) => items.map((item) => item.textContent)")
    assert [drop.split()[0] for drop in drops] == ["A", "superb", "cast", "and", "a", "gripping", "plot."]
    page.focus("live-classifier .live-heads [aria-checked=true]")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.inner_text("live-classifier .live-note strong") == "Layer 2, head 3"
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3"
    trained = probability(page)
    page.keyboard.press("x")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "layer 2, head 3, cut"
    assert probability(page) != trained
    assert f"as trained: positive {trained:.3f}" in status(page)
    page.focus("live-classifier .live-tokens [aria-checked=true]")
    page.keyboard.press("End")
    assert page.inner_text("live-classifier .live-tokens [aria-checked=true] span") == "[PAD]"
    assert page.evaluate("() => document.activeElement.getAttribute('aria-checked')") == "true"
    page.focus("live-classifier fieldset input:checked")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => element.mask") == "inverted"
    assert page.evaluate("() => element.result.attention.flat(2).every((row) => row[0] === 0)")
    page.click("text=As trained")
    assert probability(page) == trained
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_the_words_drops_are_differences_of_probabilities(opened):
    fetch(opened)
    opened.wait_for_selector("live-classifier .live-words li", timeout=10_000)
    shown = opened.eval_on_selector_all(
        ".live-words li span", "(items) => items.map((item) => Number(item.textContent))"
    )
    words = opened.evaluate("() => element.input.value").split()
    rests = [" ".join(words[:at] + words[at + 1 :]) for at in range(len(words))]
    found = opened.evaluate(
        "(texts) => texts.map((text) => element.classify(text).probabilities[0])", [" ".join(words), *rests]
    )
    assert np.allclose(shown, found[0] - np.array(found[1:]), atol=0.0051)
    assert max(shown) > 0.05


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_seen_after_the_click_is_readable_and_fits_a_phone(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    fetch(opened)
    opened.wait_for_selector("live-classifier .live-words li", timeout=10_000)
    visit = page_visits.look(opened, page_visits.Visit())
    assert visit.state["faint"] == []
    assert visit.state["overflow"] <= 0


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
    assert np.abs(np.array(shown) - recorded("rounded")).max() < 1e-4
    print(f"one forward pass of 32 tokens: {opened.evaluate(FASTEST):.1f} ms")
