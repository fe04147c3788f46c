"""Pictures that move: the drawings of the chapters that carry their numbers, on one page opened from the disk.

Their arithmetic is compared with what the notebooks wrote, and with NumPy on random inputs of our own.
"""

import json
import re
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.support import site_checks
from tests.support.thinning import SCREENS, thinned
from tools.bench import pages as bench_pages
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.site.pages import SITE

page_visits = pytest.importorskip(
    "tests.support.page_visits", reason="playwright is not installed", exc_type=ModuleNotFoundError
)

SCRIPTS = ROOT / "web" / "explore"
SVG = "{http://www.w3.org/2000/svg}"
EXPLORABLE = re.compile(r'<svg data-explore="([a-z-]+)"')
MOST_BYTES = 30_000  # of scripts and styles that a page's moving pictures need
HEARD_AFTER = 700  # milliseconds
LOW_HIGH = 0.01, 1000  # temperatures at the ends of the slider


def stored_drawings():
    """Return the explorable drawings of all chapters, {name: (chapter, SVG text)}."""
    found = {}
    for path in find_chapters():
        for cell in read_chapter(path).notebook.cells:
            for output in cell.get("outputs", ()):
                svg = output.get("data", {}).get("text/html", "")
                if named := EXPLORABLE.match(svg):
                    assert named[1] not in found, f"{path.stem}: a second picture {named[1]}"
                    found[named[1]] = path.stem, svg
    return found


DRAWINGS = stored_drawings()
NUMBERS = {name: json.loads(ElementTree.fromstring(svg).get("data-numbers")) for name, (_, svg) in DRAWINGS.items()}
each_picture = pytest.mark.parametrize("name", DRAWINGS)
CHOOSE = (
    "document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pictures</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><script>{choose}</script>
<link rel="stylesheet" href="book.css"><link rel="stylesheet" href="explore.css">{scripts}
<style>body {{ background: var(--paper); color: var(--ink); margin: 8px; }} figure {{ margin: 1em 0; }}</style></head>
<body><main class="bd-content"><article><h1>Pictures</h1>{figures}</article></main></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one page of all drawings and with what the page loads."""
    place = tmp_path_factory.mktemp("pictures")
    for source in [*SCRIPTS.iterdir(), ROOT / "web" / "book.css"]:
        (place / source.name).write_bytes(source.read_bytes())
    scripts = "".join(f'<script defer src="{name}.js"></script>' for name in ("explore", *DRAWINGS))
    figures = "".join(f'<figure><div class="text_html">{svg}</div></figure>' for _, svg in DRAWINGS.values())
    text = PAGE.format(choose=CHOOSE, scripts=scripts, figures=figures)
    (place / "page.html").write_text(text, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def shared(browser, folder):
    """The page on a phone, what went wrong on it and what it looked like, and the texts that it began with."""
    own = re.compile(f"({re.escape(folder.as_uri())}/|data:|blob:|about:)")
    with browser.new_context(viewport={"width": 360, "height": 800}, reduced_motion="reduce") as context:
        page, visit = context.new_page(), page_visits.Visit()
        visit.watch(page, own)
        page.goto((folder / "page.html").as_uri())
        began = {
            "look-up": page.locator("explore-look-up").locator("td, thead button").all_inner_texts(),
            "beam": page.locator("explore-beam ol.tree li > :not(.state)").all_inner_texts(),
        }
        yield page, page_visits.look(page, visit), began


@pytest.fixture
def page(shared):
    """The same page, its pictures as they began."""
    opened, *_ = shared
    for again in opened.get_by_role("button", name=re.compile("^(Start again|From the start)$")).all():
        again.click()
    opened.get_by_role("slider", name="width of the beam").fill("3")  # which stays as it was chosen
    return opened


def run(page, call, *cases):
    """Return what a function of the scripts gives for each case, a tuple of its arguments."""
    return page.evaluate(
        f"(cases) => cases.map((case_) => explore.arithmetic.{call}(...case_))", list(map(list, cases))
    )


def heard(element):
    """Return what a screen reader hears of an element after a moment."""
    element.page.wait_for_timeout(HEARD_AFTER)
    return element.get_by_role("status").inner_text().replace("\u00a0", " ")


def test_four_chapters_have_one_each():
    chapters = {name: chapter[:2] for name, (chapter, _) in DRAWINGS.items()}
    assert chapters == {
        "look-up": "01",
        "mask": "02",
        "rotary": "03",
        "beam": "05",
    }
    assert set(DRAWINGS) == {path.stem for path in SCRIPTS.glob("*.js")} - {"explore"}


def test_a_page_loads_little():
    common = sum((SCRIPTS / name).stat().st_size for name in ("explore.js", "explore.css"))
    for chapter in {chapter for chapter, _ in DRAWINGS.values()}:
        own = [(SCRIPTS / f"{name}.js").stat().st_size for name, (where, _) in DRAWINGS.items() if where == chapter]
        assert common + sum(own) <= MOST_BYTES, chapter


def test_pages_load_the_scripts_of_their_pictures_alone():
    ours = {path.name for path in SCRIPTS.iterdir()}
    found = {}
    for built in site_checks.pages_of(SITE):
        text = built.path.read_text(encoding="utf-8")
        loaded = ours.intersection(re.findall(r'(?:src|href)="[./]*_static/([a-z.-]+)', text))
        wanted = EXPLORABLE.findall(text)
        assert loaded == {*(f"{name}.js" for name in wanted), *(("explore.js",) if wanted else ())}
        found |= dict.fromkeys(wanted, built.path.stem)
    assert found == {name: chapter for name, (chapter, _) in DRAWINGS.items()}


def test_all_becomes_elements_on_a_phone_without_a_fault_or_a_request(shared):
    page, visit, _ = shared
    assert visit.judge() == []
    for name in DRAWINGS:
        element = page.locator(f"explore-{name}")
        assert element.count() == 1
        assert element.locator("svg.still").is_visible() == NUMBERS[name].get("keep", False)
        assert element.locator("details").evaluate("(fold) => fold.open") is False
        assert element.locator("p.asked").inner_text().startswith("Play and find out.")


def test_a_picture_begins_with_what_its_drawing_shows(shared):
    *_, began = shared
    drawn = {
        name: [text.text for text in ElementTree.fromstring(DRAWINGS[name][1]).iter(f"{SVG}text")] for name in began
    }
    assert began["beam"] == [text.split(",")[0] for text in drawn["beam"]]
    numbers = [
        text for text in drawn["look-up"] if re.fullmatch(r"−?\d+\.\d\d|\d+ h", text)
    ]  # exponentials have one digit there
    assert len(numbers) == 16
    assert set(numbers) <= set(began["look-up"])


@each_picture
def test_paper_shows_the_drawing_alone(page, name):
    page.emulate_media(media="print")
    element = page.locator(f"explore-{name}")
    assert element.evaluate(
        "(e) => [...e.children].filter((part) => part.checkVisibility()).map((part) => part.tagName)"
    ) == ["svg"]
    assert element.locator("> svg.still").is_visible()
    page.emulate_media(media="screen")


# ---- Chapter 1


def look_up(hours, values, hour, temperature, allowed):
    """The look-up in NumPy: products, scores, exponentials, weights, answer."""
    products = np.cos(2 * np.pi * (np.array(hours) - hour) / 24)
    scores = products / temperature
    exponentials = np.where(allowed, np.exp(scores), 0)
    weights = exponentials / exponentials.sum()
    return products, scores, exponentials, weights, weights @ values


def test_a_look_up_is_that_of_the_notebook(page):
    given = NUMBERS["look-up"]
    allowed = [True] * len(given["hours"])
    case = given["hours"], given["values"], given["query"], given["temperature"], allowed
    (found,) = run(page, "lookUp", case)
    for name, expected in zip(("products", "scores", "exponentials", "weights"), given["steps"], strict=True):
        assert np.allclose(found[name], expected, rtol=0, atol=1e-5), name
    assert abs(found["answer"] - given["result"]) < 1e-5


def test_look_ups_are_those_of_numpy(page):
    random, cases = np.random.default_rng(0), []
    for _ in range(100):
        size = int(random.integers(1, 8))
        hours, values = random.uniform(0, 24, size), random.normal(0, 30, size)
        allowed = random.random(size) < 0.6
        allowed[random.integers(size)] = True
        hour, temperature = random.uniform(0, 24), 10 ** random.uniform(-1, 3)
        cases.append((hours.tolist(), values.tolist(), hour, temperature, allowed.tolist()))
    for case, found in zip(cases, run(page, "lookUp", *cases), strict=True):
        for theirs, ours in zip(found.values(), look_up(*case), strict=True):
            assert np.allclose(theirs, ours, rtol=1e-9, atol=1e-5)


def test_a_look_up_does_not_overflow(page):
    (found,) = run(page, "lookUp", ([0, 0, 12], [1, 2, 5], 0, 1e-4, [True] * 3))
    assert np.allclose(found["weights"], [0.5, 0.5, 0])
    assert found["answer"] == 1.5


def test_the_answer_about_18_o_clock_is_so(page):
    given = NUMBERS["look-up"]
    temperatures = np.logspace(-2, 3, 101)
    for allowed in ([True] * 4, [True, True, False, True]):
        answers = [look_up(given["hours"], given["values"], 18, t, allowed)[-1] for t in temperatures]
        assert f"{max(answers):.2f} °C" in given["answer"]
        if all(allowed):
            assert abs(temperatures[np.argmax(answers)] - 0.6) < 0.05
            assert max(answers) > max(answers[0], answers[-1]) + 1
            assert f"answers {answers[0]:.2f} °C, the largest {answers[-1]:.2f} °C" in given["question"]
    element = page.locator("explore-look-up")
    element.get_by_role("slider", name="hour asked").fill("18")
    element.get_by_role("slider", name="temperature").press("Home")
    assert "temperature 0.01, the answer is 14.00 °C" in heard(element)


def test_the_arrow_keys_choose_the_query_and_a_space_hides_a_key(page):
    element = page.locator("explore-look-up")
    asked = element.get_by_role("slider", name="hour asked")
    asked.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert asked.get_attribute("aria-valuetext") == "15:00"
    assert asked.evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
    answer = look_up(*(NUMBERS["look-up"][name] for name in ("hours", "values")), 15, 0.2, [True] * 4)[-1]
    assert f"At 15:00, temperature 0.2, the answer is {answer:.2f} °C." in heard(element)
    keys = element.locator("thead button")
    for key in keys.all():
        key.focus()
        page.keyboard.press("Space")
    assert [key.get_attribute("aria-pressed") for key in keys.all()] == ["true", "true", "true", "false"]
    assert heard(element).startswith("One key must be left")
    assert element.locator("td.total").inner_text() == "14.00\u00a0°C"


def test_a_finger_turns_the_hand_of_the_clock(page):
    clock = page.locator("explore-look-up svg.clock")
    clock.scroll_into_view_if_needed()
    box = clock.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    assert page.get_by_role("slider", name="hour asked").get_attribute("aria-valuetext") == "6:00"


# ---- Chapter 2


def arrived(mask, layers):
    """What of each token arrives after several layers of attention with equal scores."""
    counts = np.sum(mask, axis=1, keepdims=True)
    return np.linalg.matrix_power(np.divide(mask, counts, out=np.zeros(np.shape(mask)), where=counts > 0), layers)


def test_shares_are_those_of_numpy_and_of_the_notebook(page):
    given = NUMBERS["mask"]
    random, cases = np.random.default_rng(3), [(given["masks"]["window"], given["layers"])]
    for _ in range(40):
        size = random.integers(1, 9)
        mask = random.random((size, size)) < random.random()  # some rows allow nothing
        cases.append((mask.astype(int).tolist(), int(random.integers(1, 7))))
    found = run(page, "arrived", *cases)
    for case, shares in zip(cases, found, strict=True):
        assert np.allclose(shares, arrived(*case), rtol=0, atol=1e-5)
    assert np.allclose(found[0][-1], given["shares"], rtol=0, atol=1e-5)


def test_the_answer_about_the_gap_is_found_with_the_arrow_keys(page):
    element = page.locator("explore-mask")
    assert heard(element) == "After 2 layers, query 6 knows tokens 2, 3, 4, 5 and 6. No row has more than 3 keys."
    element.get_by_role("button", name="query 6, key 6").focus()
    assert element.locator('button[tabindex="0"]').count() == 1
    for key in ("ArrowLeft", "ArrowLeft", "Space", "ArrowDown", "ArrowLeft", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "query 6, key 2"
    assert heard(element).endswith(
        "query 6 knows tokens 0, 1, 2, 3, 4, 5 and 6. No row has more than 3 keys. That is a solution."
    )
    shown = element.locator("table").nth(1).locator("tr").last.locator("td").all_inner_texts()
    mask = np.array(NUMBERS["mask"]["masks"]["window"])
    mask[6, [2, 4]] = 1, 0
    assert shown == [f"{share:.2f}" for share in arrived(mask, 2)[6]]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert heard(element).endswith("Looking ahead: query 4.")


def test_a_mouse_draws_on_the_mask(page):
    element = page.locator("explore-mask")
    for key in (0, 3):
        element.get_by_role("button", name=f"query 6, key {key}").hover()
        page.mouse.down() if key == 0 else page.mouse.up()
    row = element.locator("table").first.locator("tr").last.locator("button")
    assert [cell.get_attribute("aria-pressed") for cell in row.all()] == ["true", "false", "false", *["true"] * 4]


# ---- Chapter 3


def turned(vector, place, base):
    """The pairs of a vector as complex numbers, turned to a place."""
    pairs = np.array(vector[::2]) + 1j * np.array(vector[1::2])
    return pairs * np.exp(1j * place * base ** (-np.arange(len(pairs)) / len(pairs)))


def terms_of(query, key, t, s, base):
    return (turned(query, t, base).conj() * turned(key, s, base)).real


def test_rotary_scores_are_those_of_the_notebook_at_every_place(page):
    given = NUMBERS["rotary"]
    assert len(given["scores"]) == 11
    for place in (0, 100, 1000):
        cases = [(given["query"], given["key"], place, place + away, given["base"]) for away in range(-5, 6)]
        found = [sum(terms) for terms in run(page, "rotaryTerms", *cases)]
        assert np.allclose(found, given["scores"], rtol=0, atol=1e-5)


def test_rotary_terms_are_those_of_numpy(page):
    random, cases = np.random.default_rng(1), []
    for _ in range(100):
        query, key = random.normal(size=(2, 2 * random.integers(1, 9))).tolist()
        t, s = random.integers(0, 2000, 2).tolist()
        cases.append((query, key, t, s, 10 ** random.uniform(0, 6)))
    for case, found in zip(cases, run(page, "rotaryTerms", *cases), strict=True):
        assert np.allclose(found, terms_of(*case), rtol=0, atol=1e-5)
    for (query, _, t, _, base), found in zip(
        cases, run(page, "rotate", *((case[0], case[2], case[4]) for case in cases)), strict=True
    ):
        pairs = turned(query, t, base)
        assert np.allclose(found, np.stack([pairs.real, pairs.imag], axis=1).ravel(), rtol=0, atol=1e-5)


def test_the_answer_about_44_tokens_is_so(page):
    given = NUMBERS["rotary"]
    scores = {
        base: {away: terms_of(given["query"], given["query"], 0, away, base).sum() for away in range(-60, 61)}
        for base in (1, 10_000)
    }
    near = [away for away, score in scores[1].items() if away and abs(score - scores[1][0]) < 0.01]
    assert near == [-44, 44]
    assert f"{scores[1][0]:.1f}" in given["question"]
    assert f"the score is {scores[10_000][44]:.1f}." in given["answer"]
    assert max(scores[10_000], key=scores[10_000].get) == 0
    element = page.locator("explore-rotary")
    element.get_by_role("button", name="key like query").press("Enter")
    element.get_by_role("slider", name="base").press("Home")
    distance = element.get_by_role("slider", name="distance of the key")
    distance.fill("44")
    assert heard(element).endswith(f"the score is {scores[1][44]:.3f}.")


def test_the_axes_of_the_scores_say_what_they_are(page):
    texts = page.locator("explore-rotary svg.day text").all_text_contents()
    assert {"score", "distance of the key, in tokens"} < set(texts)


def test_the_query_moves_and_the_score_stays(page):
    element = page.locator("explore-rotary")
    place, before = element.get_by_role("slider", name="place of the query"), heard(element)
    clock = element.locator("path.arrow").first
    arrow = clock.get_attribute("d")
    place.press("End")
    after = heard(element)
    assert "Query at place 1000, key at place 1002, distance 2." in after
    assert before.split("The pairs add")[1] == after.split("The pairs add")[1]
    assert clock.get_attribute("d") != arrow
    element.get_by_role("slider", name="distance of the key").press("ArrowLeft")
    assert "key at place 1001, distance 1." in heard(element)


# ---- Chapter 5


def beam(continuations, width, penalty, end, longest):
    """A beam search by loops: the kept texts of each step with their log-probabilities, and the best ended text."""
    followed, ended, steps = [((), 0.0)], [], []
    for length in range(1, longest + 1):
        room = width - len(ended)
        ways = [
            ((*tokens, token), total + np.log(p))
            for tokens, total in followed
            for token, p in continuations[" ".join(tokens)]
        ]
        kept = sorted(ways, key=lambda way: -way[1])[:room]
        steps.append([(" ".join(tokens), total) for tokens, total in kept])
        ended += [(total / ((5 + length) / 6) ** penalty, tokens) for tokens, total in kept if tokens[-1] == end]
        followed = [way for way in kept if way[0][-1] != end]
        best = max(ended, default=(-np.inf, ()))
        if not followed or followed[0][1] / ((5 + longest) / 6) ** penalty <= best[0]:
            break
    return steps, best


def steps_of(page, *given):
    """Return what the script keeps at each step, and the text of the best score among those that ended."""
    steps = [[each for each in step if each["kept"]] for step in run(page, "beamSearch", given)[0]]
    ended = [each for step in steps for each in step if each["ended"]]
    return steps, max(ended, key=lambda each: each["score"], default=None)


def check_search(page, *given):
    expected, (score, tokens) = beam(*given)
    steps, best = steps_of(page, *given)
    assert [[each["text"] for each in step] for step in steps] == [[text for text, _ in step] for step in expected]
    for step, ours in zip(steps, expected, strict=True):
        assert np.allclose([each["total"] for each in step], [total for _, total in ours], atol=1e-5)
    if best is not None:
        assert best["text"] == " ".join(tokens)
        assert abs(best["score"] - score) < 1e-5
    return best


def test_beam_searches_are_those_of_loops(page):
    random = np.random.default_rng(2)
    for trial in range(12):
        words, continuations, level = ["a", "b", "c", "."], {}, [""]
        for _ in range(5):
            for text in level:
                continuations[text] = list(zip(words, random.dirichlet(np.ones(4)).tolist(), strict=True))
            level = [f"{text} {word}".strip() for text in level for word in words[:3]]
        check_search(page, continuations, 1 + trial % 4, random.uniform(0, 2), ".", 5)


def test_the_answer_about_the_width_is_so(page):
    given = NUMBERS["beam"]
    texts = []
    for width in (1, 2, 3):
        best = check_search(page, given["continuations"], width, given["penalty"], given["end"], given["longest"])
        texts.append(best["text"])
    assert texts == ["ein und dreißig [end]", *["ein hundert ein und dreißig [end]"] * 2]
    case = given["continuations"], 1, given["penalty"], given["end"], given["longest"]
    step = run(page, "beamSearch", case)[0][1]
    assert [(each["text"], each["kept"]) for each in step[:2]] == [("ein und", True), ("ein hundert", False)]
    for each in step[:2]:
        assert f"{np.exp(each['total']):.2f}" in given["answer"]


def test_a_search_can_be_taken_step_by_step(page):
    element = page.locator("explore-beam")
    onwards = element.get_by_role("button", name="Next step")
    onwards.focus()
    page.keyboard.press("Enter")
    assert heard(element) == "Step 1 of a beam of 3 keeps ein (0.84), elf (0.03), eins (0.02)."
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    assert onwards.evaluate("(e) => e === document.activeElement")
    assert onwards.get_attribute("aria-disabled") == "true"
    assert heard(element).endswith("“ein hundert ein und dreißig” wins.")
    page.keyboard.press("ArrowLeft")
    assert heard(element).startswith("Step 5 ")
    element.get_by_role("slider", name="width of the beam").press("Home")
    assert heard(element).endswith("“ein und dreißig” wins.")


# ---- Slow: what needs other contexts


@pytest.fixture
def opened(browser, folder):
    """Open the page in a context of its own."""
    contexts = []

    def open_page(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.goto((folder / "page.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


IN_SIGHT = """(part) => {
  const box = part.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  return box.top >= 0 && box.bottom <= innerHeight && part.contains(document.elementFromPoint(x, y));
}"""
FOLLOWING = [
    ("look-up", "temperature", "table"),
    ("look-up", "hour asked", "svg.day"),
    ("mask", "layers", "table >> nth=1"),
    ("rotary", "base", "svg.day"),
    ("rotary", "distance", ".clocks"),
]


@pytest.fixture
def at_home(browser):
    """Open a picture's own chapter."""
    contexts = []

    def open_chapter(name, **options):
        (built,) = (SITE / "chapters").glob(f"{DRAWINGS[name][0]}.html")
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.goto(built.as_uri())
        return page.locator(f"explore-{name}")

    yield open_chapter
    for context in contexts:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "slider", "result"), FOLLOWING)
@pytest.mark.parametrize("width", thinned([("phone", 360), ("desk", 1440)]))
def test_a_slider_stays_in_sight_beside_what_follows_it(at_home, name, slider, result, width):
    element = at_home(name, viewport={"width": width, "height": 800})
    followed = element.locator(result)
    followed.evaluate("(part) => part.scrollIntoView({ block: 'center' })")
    assert element.get_by_role("slider", name=slider).evaluate(IN_SIGHT)
    assert followed.evaluate(IN_SIGHT)


@pytest.mark.slow
def test_columns_keep_their_width_when_a_key_is_hidden(at_home):
    element = at_home("look-up", viewport={"width": 360, "height": 800})
    measure = "(e) => [...e.querySelectorAll('tr > *')].map((cell) => cell.getBoundingClientRect().width)"
    before = element.evaluate(measure)
    element.locator("thead button").nth(1).click()
    assert element.locator("thead button").nth(1).get_attribute("aria-pressed") == "true"
    assert element.evaluate(measure) == before


@pytest.mark.slow
def test_without_scripts_the_drawings_stay(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("svg").count() == len(DRAWINGS)
    for drawing in page.locator("svg").all():
        assert drawing.is_visible()


@pytest.mark.slow
def test_a_drawing_whose_numbers_are_broken_stays(browser, folder):
    text = (folder / "page.html").read_text(encoding="utf-8").replace("&quot;hours&quot;", "&quot;ours&quot;")
    (folder / "broken.html").write_text(text, encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((folder / "broken.html").as_uri())
        assert page.locator("explore-look-up").count() == 0
        assert page.locator('svg[data-explore="look-up"]').is_visible()
        assert page.locator("explore-rotary").count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(("wish", "seconds"), [("reduce", "0s"), ("no-preference", "0.15s")])
def test_nothing_glides_for_those_who_ask_for_less_motion(opened, wish, seconds):
    bar = opened(reduced_motion=wish).locator("explore-look-up .bar i").first
    assert bar.evaluate("(e) => getComputedStyle(e).transitionDuration") == seconds


def test_the_beam_keeps_the_width_that_was_chosen_before_the_start(page):
    page.get_by_role("slider", name="width of the beam").fill("2")
    page.get_by_role("button", name="From the start").click()
    page.locator("explore-beam").get_by_role("button", name="Next step").click()
    assert "Step 1 of a beam of 2" in page.locator("explore-beam").inner_text()


@pytest.mark.slow
def test_a_touch_asks_and_steps(opened):
    page = opened(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 800})
    page.locator("explore-beam").get_by_role("button", name="From the start").tap()
    page.locator("explore-beam").get_by_role("button", name="Next step").tap()
    assert page.locator("explore-beam ol.tree li").count() == 4
    day = page.locator("explore-look-up svg.day")
    day.scroll_into_view_if_needed()
    box = day.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 171 / 320, box["y"] + 40)
    assert page.get_by_role("slider", name="hour asked").get_attribute("aria-valuetext") == "12:00"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), thinned(SCREENS.items()))
def test_axe_has_no_objection(opened, width, scheme):
    try:
        bench_pages.install(bench_pages.environment(""))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm could not fetch axe: {error.stderr.strip()[-200:]}")
    page = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.locator("details").evaluate_all("(all) => all.forEach((fold) => (fold.open = true))")
    page.locator("explore-beam").get_by_role("button", name="Back").click()
    page.add_script_tag(path=bench_pages.TOOLS / "node_modules/axe-core/axe.min.js")
    violations = page.evaluate("async () => (await axe.run()).violations")
    assert [f"{each['id']}: {node['target'][0]}" for each in violations for node in each["nodes"]] == []
