"""Drawings: the numbers are the array's, the bytes the same everywhere, the words there, the texts within reach."""

import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from tools.notebooks.chapters import ROOT
from utils import drawing

SVG = "{http://www.w3.org/2000/svg}"
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(3, 5))
TOKENS = ("dog", "bites", "man")
HEADS = RANDOM.normal(size=(2, 3, 5))

KINDS = {
    "grid": lambda: drawing.grid(SCORES, name="scores", axes=("T", "S"), rows=TOKENS, columns=tuple("abcde"), digits=1),
    "signed": lambda: drawing.grid(SCORES, shade=True, marked=np.s_[1:, 2], colour=2),
    "masked": lambda: drawing.grid(SCORES, allowed=np.tri(3, 5, dtype=bool), groups=np.arange(5), digits=0),
    "equation": lambda: drawing.side_by_side(drawing.grid(SCORES), "=", drawing.grid(SCORES), drawing.arrow("masks")),
    "above": lambda: drawing.above(drawing.grid(["a", "b"]), "is above", drawing.arrow(down=True), drawing.label("x")),
    "flow": lambda: drawing.flow([("tokens", "(B, T)"), ("vectors", (2, 3)), drawing.grid([1, 2])], arrows=["a", "b"]),
    "skips": lambda: drawing.flow(["x", "attend", "add", "norm", "work", "add"], skips=[(0, 2), (3, 5)]),
    "across": lambda: drawing.flow(["embed", "attend", "predict"], across=True),
    "box": lambda: drawing.box("attention", SCORES, colour=3),
    "sheets": lambda: drawing.sheets(HEADS, names=("head 1", "head 2"), rows=TOKENS, shade=True, digits=1),
    "product": lambda: drawing.product(
        SCORES, HEADS[0].T, entry=(2, 1), names=("Q", "Kᵀ", "Q Kᵀ"), axes=(("T", "d"), ("d", "S")), digits=1
    ),
    "vectors": lambda: drawing.vectors(SCORES[:, :2], TOKENS, groups=[0, -1, 2]),
    "split": lambda: drawing.heads_split(np.arange(12.0).reshape(3, 4), 2, rows=TOKENS, digits=0),
    "merge": lambda: drawing.heads_merged(np.arange(12.0).reshape(2, 3, 2), digits=0),
    "residual": lambda: drawing.residual_stream([1.0, -2.0], [("attention", [0.5, 0.25]), ("feed-forward", [0, 1])]),
    "cache": lambda: drawing.growing_cache(SCORES[:, :2], TOKENS),
    "teacher": lambda: drawing.teacher_forcing(TOKENS),
    "linked": lambda: drawing.linked(["Q1", "Q2", "Q3"], ["K1", "K2"], [0, 0, 1]),
    "tree": lambda: drawing.tree(("model", "(B, T)", [("layer", SCORES, [("part", None)]), ("end", (2, 3))])),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def finished(picture, name="fig-one", title="One", description="Number one is larger than all the others."):
    return drawing.figure(picture, name=name, title=title, description=description)


def shown(kind):
    """Return a drawing of this kind and its root element."""
    made = finished(KINDS[kind](), name=f"fig-{kind}")
    return made, ElementTree.fromstring(made._repr_html_())


def texts_of(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def read_number(text):
    return float(text.strip("()").replace("−", "-").replace("∞", "inf"))


def numbers(picture, shape, start=0):
    """Return what the cells of a grid say, as an array."""
    texts = picture.texts[start : start + int(np.prod(shape))]
    return np.array([read_number(text) for text in texts]).reshape(shape)


# ---- The numbers


@pytest.mark.parametrize("digits", [0, 1, 3])
def test_a_grid_says_the_numbers_of_its_array(digits):
    picture = drawing.grid(SCORES, digits=digits)
    np.testing.assert_array_equal(numbers(picture, (3, 5)), SCORES.round(digits))
    assert texts_of(shown("grid")[1])[:15] == [f"{value:.1f}".replace("-", "−") for value in SCORES.round(1).flat]


def test_what_is_not_finite_is_named_and_zero_has_no_sign():
    picture = drawing.grid([[np.nan, -np.inf, np.inf], [-1e-9, 0.0, -0.0]])
    assert picture.texts[:6] == ["NaN", "−∞", "∞", "0.00", "0.00", "0.00"]


def test_integers_booleans_and_strings_are_written_as_they_are():
    assert drawing.grid([[3, -4]], axes=None).texts == ["3", "−4"]
    assert drawing.grid([True, False], axes=None).texts == ["1", "0"]
    assert drawing.grid(["<s>", "cat"], axes=None).texts == ["<s>", "cat"]


def test_tensors_of_keras_are_drawn_as_their_arrays_whatever_their_type():
    import keras

    plain = finished(drawing.grid(SCORES.astype("float32"))).svg
    assert finished(drawing.grid(keras.ops.convert_to_tensor(SCORES, "float32"))).svg == plain
    assert finished(drawing.grid(keras.Variable(SCORES, dtype="float32"))).svg == plain
    half = keras.ops.cast([[0.5, -2.0]], "bfloat16")
    assert drawing.grid(half).texts[:2] == ["0.50", "−2.00"]


def test_a_product_says_its_factors_its_entries_and_the_sum_of_one():
    left, right = SCORES, HEADS[0].T
    picture = drawing.product(left, right, entry=(2, 1), names=("Q", "Kᵀ", "S"), digits=3, axes=((), ()))
    np.testing.assert_array_equal(numbers(picture, (3, 5)), left.round(3))
    np.testing.assert_array_equal(numbers(picture, (5, 3), start=17), right.round(3))
    np.testing.assert_array_equal(numbers(picture, (3, 3), start=34), (left @ right).round(3))
    sentence = " ".join(text for text in picture.texts if "·" in text or text.startswith(("S[", "= ", "+ ")))
    assert sentence.startswith("S[2, 1] = ")
    terms = re.findall(r"(\(?[−\d.]+\)?)·(\(?[−\d.]+\)?)", sentence)
    np.testing.assert_allclose(
        [[read_number(a), read_number(b)] for a, b in terms], np.stack([left[2], right[:, 1]], -1).round(3)
    )
    assert read_number(sentence.split("= ")[-1]) == (left @ right)[2, 1].round(3)


def rectangles(root, **attributes):
    """Return (x, y, width, height) of the rectangles with these attributes, in the coordinates of the drawing."""

    def walk(element, x, y):
        found = re.match(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
        x, y = (x + float(found[1]), y + float(found[2])) if found else (x, y)
        if element.tag == f"{SVG}rect" and all(element.get(key) == value for key, value in attributes.items()):
            place = [float(element.get(key)) for key in ("x", "y", "width", "height")]
            yield x + place[0], y + place[1], *place[2:]
        for child in element:
            yield from walk(child, x, y)

    return list(walk(root, 0, 0))


def test_row_and_column_of_a_product_meet_in_its_entry():
    _, root = shown("product")
    (row,) = rectangles(root, stroke=drawing.COLOURS[0])
    (column,) = rectangles(root, stroke=drawing.COLOURS[1])
    (entry,) = rectangles(root, stroke=drawing.COLOURS[2])
    assert (row[1], row[3]) == (entry[1], entry[3])
    assert (column[0], column[2]) == (entry[0], entry[2])
    options = {"names": "abc", "digits": 1}
    last = drawing.product(SCORES, HEADS[0].T, entry=(-1, -1), **options)
    assert finished(last).svg == finished(drawing.product(SCORES, HEADS[0].T, entry=(2, 2), **options)).svg
    assert row[0] + row[2] < entry[0]
    assert column[1] + column[3] < entry[1]


def test_vectors_point_where_they_point_in_the_colour_of_their_group():
    picture = drawing.vectors([[0, 1], [3, -4]], ("up", "down"), groups=[-1, 2], radius=10)
    root = ElementTree.fromstring(finished(picture).svg)
    heads = [polygon.get("points").split()[0] for polygon in root.iter(f"{SVG}polygon")]
    assert heads == ["0,-10", "30,40"]
    assert [line.get("stroke") for line in root.iter(f"{SVG}line")] == ["currentColor", drawing.COLOURS[2]]
    assert texts_of(root) == ["up", "down"]
    x, y, width, height = picture.core
    assert (width, height, picture.width >= x + width, picture.height >= y + height) == (100, 100, True, True)


def test_heads_are_split_and_merged_as_numpy_does_it_and_keep_their_colours():
    values = np.arange(12.0).reshape(3, 4)
    split = values.reshape(3, 2, 2)
    picture = drawing.heads_split(values, 2, rows=TOKENS, digits=0)
    cells = [float(text) for text in picture.texts if text.isdigit()]
    np.testing.assert_array_equal(cells, [*values.flat, *split.flat, *split.transpose(1, 0, 2).flat])
    heads = split.transpose(1, 0, 2)
    merged = [float(text) for text in drawing.heads_merged(heads, digits=0).texts if text.isdigit()]
    np.testing.assert_array_equal(merged, [*heads.flat, *split.flat, *values.flat])
    made = finished(picture).svg
    for head in (0, 1):  # in each of the three steps half of the cells are of one head
        assert made.count(f'fill="{drawing.COLOURS[head]}"') == 3 * 6
    assert "(T, H, d_k) = (3, 2, 2)" in picture.texts
    assert "(H, T, d_k) = (2, 3, 2)" in picture.texts


def test_the_residual_stream_adds_each_update():
    picture = drawing.residual_stream([1.0, -2.0], [("attention", [0.5, 0.25]), ("feed-forward", [0, 1])], digits=2)
    assert picture.texts == [
        *("1.00", "−2.00", "x"),
        *("attention", "0.50", "0.25", "1.50", "−1.75"),
        *("feed-forward", "0", "1", "1.50", "−0.75"),
    ]


def test_the_cache_grows_by_the_row_that_is_framed():
    picture = drawing.growing_cache([[1, 2], [3, 4], [5, 6]], TOKENS)
    cells = [text for text in picture.texts if text.isdigit()]
    assert cells == [*"12", *"1234", *"123456"]
    assert [text for text in picture.texts if "step" in text] == [f"keys, step {step}" for step in (1, 2, 3)]
    frames = rectangles(ElementTree.fromstring(finished(picture).svg), stroke=drawing.COLOURS[0])
    tops = [round(frame[1] - frames[0][1]) for frame in frames[:2]]
    assert tops == [0, drawing.CELL_HEIGHT]  # the second step's frame is one row lower


def test_teacher_forcing_shifts_by_one():
    texts = drawing.teacher_forcing(TOKENS).texts
    assert texts[:4] == [*TOKENS, "[end]"]
    assert texts[4:8] == ["[start]", *TOKENS]


def test_a_mask_strikes_out_exactly_what_is_forbidden():
    root = ElementTree.fromstring(finished(drawing.grid(np.zeros((3, 3)), allowed=np.tri(3, dtype=bool))).svg)
    greys = {(x, y) for x, y, _, _ in rectangles(root, fill="currentColor")}
    left, top = min(x for x, _ in greys), min(y for _, y in greys)
    (width,) = {w for _, _, w, _ in rectangles(root, fill="currentColor")}
    cells = {(round((y - top) / drawing.CELL_HEIGHT), round((x - left) / width) + 1) for x, y in greys}
    assert cells == {(0, 1), (0, 2), (1, 2)}
    assert len(list(root.iter(f"{SVG}line"))) == 3


def test_shade_is_in_proportion_to_magnitude_and_its_colour_is_the_sign():
    root = ElementTree.fromstring(finished(drawing.grid([[1.0, -2.0, 0.0, np.nan, -np.inf]], shade=True)).svg)
    tints = [(rect.get("fill"), rect.get("fill-opacity")) for rect in root.iter(f"{SVG}rect")]
    assert tints == [(drawing.COLOURS[0], "0.25"), (drawing.COLOURS[1], "0.5")]


def test_groups_colour_cells_and_minus_one_has_none():
    root = ElementTree.fromstring(finished(drawing.grid([[1, 2, 3]], groups=[1, -1, 7])).svg)
    assert [rect.get("fill") for rect in root.iter(f"{SVG}rect")] == [drawing.COLOURS[1], drawing.COLOURS[1]]


# ---- The bytes


@each_kind
def test_coordinates_are_rounded(kind):
    _, root = shown(kind)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key not in ("xmlns", "font-family", "style", "id", "aria-labelledby"):
                for number in re.findall(r"\d+\.(\d+)", value):
                    assert len(number) <= (2 if "opacity" in key else 1), (key, value)


def test_noise_of_the_backend_changes_no_byte():
    noisy = SCORES + RANDOM.normal(size=SCORES.shape) * 1e-7
    options = {"shade": True, "digits": 2}
    assert finished(drawing.grid(noisy, **options)).svg == finished(drawing.grid(SCORES, **options)).svg
    assert finished(drawing.grid(SCORES + 0.01, **options)).svg != finished(drawing.grid(SCORES, **options)).svg


def test_a_picture_may_be_used_twice():
    part = drawing.grid(SCORES[:, :2])
    once = finished(part).svg
    twice = drawing.side_by_side(part, part)
    assert twice.texts == part.texts * 2
    assert finished(twice).svg == finished(twice).svg
    assert finished(part).svg == once


def test_two_processes_draw_the_same_bytes_and_neither_loads_keras():
    program = """
import sys, numpy as np
from utils import drawing as d
values = np.random.default_rng(0).normal(size=(3, 4))
parts = [d.grid(values, shade=True), d.heads_split(values, 2), d.product(values, values.T, entry=(0, 1), names="abc")]
print(d.figure(d.above(*parts), name="fig-a", title="A", description="B").svg)
assert "keras" not in sys.modules
"""
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert printed[0].startswith(b"<svg")


# ---- The words


@each_kind
def test_a_drawing_is_one_picture_with_title_and_description(kind):
    made, root = shown(kind)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert (title.text, description.text) == (made.title, made.description)
    assert repr(made) == f"[{made.title}] {made.description}"


def test_no_id_occurs_twice_on_a_page_and_each_begins_with_the_name_of_its_figure():
    ids = []
    for kind in KINDS:
        found = [element.get("id") for element in shown(kind)[1].iter() if element.get("id")]
        assert found
        assert all(each.startswith(f"fig-{kind}-") for each in found)
        ids += found
    assert len(set(ids)) == len(ids) == 2 * len(KINDS)


def test_signs_of_markup_in_words_are_escaped():
    odd = '<b> & "quoted" </svg>'
    picture = drawing.above(drawing.grid([[odd]], name=odd, rows=[odd], columns=[odd], axes=None), drawing.box(odd))
    made = drawing.figure(picture, name="fig-odd", title=odd, description=odd)
    root = ElementTree.fromstring(made.svg)
    assert texts_of(root) == [odd] * 5
    assert root.find(f"{SVG}title").text == root.find(f"{SVG}desc").text == odd
    assert made.svg.count("</svg>") == 1


def test_a_picture_that_is_not_finished_says_how_to_show_it():
    assert "drawing.figure(picture, name=..., title=..., description=...)" in repr(drawing.label("x"))
    assert not hasattr(drawing.label("x"), "_repr_html_")


# ---- What is seen


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def read_colour(text):
    return np.array([int(text[place : place + 2], 16) for place in (1, 3, 5)]) / 255


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_words_can_be_read_on_every_tint_of_both_themes(theme, kind):
    style = (ROOT / "web" / "book.css").read_text("utf-8").split(f'html[data-theme="{theme}"] {{')[1]
    paper, ink = (read_colour(re.search(rf"--{name}: (#\w{{6}})", style)[1]) for name in ("paper", "ink"))
    for element in shown(kind)[1].iter():
        if element.get("fill-opacity"):
            opacity = float(element.get("fill-opacity"))
            fill = ink if element.get("fill") == "currentColor" else read_colour(element.get("fill"))
            lights = sorted([luminance(ink), luminance(opacity * fill + (1 - opacity) * paper)])
            assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, element.attrib


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_every_colour(theme):
    style = (ROOT / "web" / "book.css").read_text("utf-8").split(f'html[data-theme="{theme}"] {{')[1]
    paper, ink = (read_colour(re.search(rf"--{name}: (#\w{{6}})", style)[1]) for name in ("paper", "ink"))
    root = ElementTree.fromstring(finished(drawing.grid([list(range(6))], groups=range(6))).svg)
    fills = [(rect.get("fill"), float(rect.get("fill-opacity"))) for rect in root.iter(f"{SVG}rect")]
    assert len(set(fills)) == len(drawing.COLOURS) == 6
    for fill, opacity in fills:
        lights = sorted([luminance(ink), luminance(opacity * read_colour(fill) + (1 - opacity) * paper)])
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, fill


def test_texts_stay_within_their_drawing_and_measure_nine_pixels_on_a_phone(require):
    chromium = require("chromium")
    playwright = require("playwright.sync_api")
    widest = drawing.grid([[0.5] * 10], cell_width=(drawing.WIDEST - 8) / 10, axes=None)
    drawings = "".join([*(shown(kind)[0].svg for kind in KINDS), finished(widest, name="fig-widest").svg])
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 800})
        # What the page leaves for a figure on a phone: 308 of 360 pixels.
        page.set_content(f'<meta charset="utf-8"><body style="margin:0;width:307.8px">{drawings}')
        seen = page.evaluate(
            """() => [...document.querySelectorAll("svg")].map(svg => {
              const all = svg.getBoundingClientRect();
              const boxes = [...svg.querySelectorAll("text")].map(text => text.getBoundingClientRect());
              return {
                id: svg.querySelector("title").id,
                size: 13 * all.width / svg.viewBox.baseVal.width,
                inside: boxes.every(box => box.left >= all.left && box.right <= all.right
                  && box.top >= all.top - 1 && box.bottom <= all.bottom + 1),
              };
            })"""
        )
        browser.close()
    assert len(seen) == len(KINDS) + 1
    assert [each["id"] for each in seen if not each["inside"]] == []
    assert min(each["size"] for each in seen) >= 9


def test_a_row_that_does_not_fit_is_broken_before_its_sign():
    part = drawing.grid([[0.5] * 5], axes=None)
    broken = drawing.side_by_side(part, "=", part, "+", part)
    assert broken.width < drawing.WIDEST
    assert broken.height > 2 * part.height
    root = ElementTree.fromstring(finished(broken).svg)
    levels = [
        float(re.match(r"translate\(\S+ (\S+)\)", group.get("transform"))[1])
        + float(group.find(f".//{SVG}text").get("y"))
        for group in root.find(f"{SVG}g").findall(f"{SVG}g")
    ]
    rows = [sum(abs(level - other) < 12 for other in levels) for level in levels]
    assert rows == [1, 2, 2, 2, 2]  # a part; a sign and a part; a sign and a part
    tall, low = drawing.grid(SCORES[:, :2], axes=None), drawing.grid(SCORES[:1, :2], axes=None)
    assert drawing.side_by_side(low, tall, align="top").texts == drawing.side_by_side(low, tall).texts
    assert finished(drawing.side_by_side(low, tall, align="top")).svg != finished(drawing.side_by_side(low, tall)).svg


def test_a_tree_has_a_line_for_each_part_below_its_parent():
    picture = drawing.tree(("model", "(B, T)", [("layer", SCORES, [("part", None)]), ("end", (2, 3))]))
    assert picture.texts == ["model", "(B, T)", "layer", "(3, 5)", "part", "", "end", "(2, 3)"]
    root = ElementTree.fromstring(finished(picture).svg)
    starts = [float(re.match(r"M\S+ ([\d.]+)V", path.get("d"))[1]) for path in root.iter(f"{SVG}path")]
    assert starts == [22, 46, 22]  # below lines 0, 1 and again 0


def test_linked_boxes_are_joined_to_the_one_they_use_and_share_its_colour():
    links = [0, 0, 1, 2, 2, 1]
    picture = drawing.linked([f"Q{n}" for n in range(6)], ["K0", "K1", "K2"], links)
    assert picture.texts == ["Q0", "Q1", "Q2", "Q3", "Q4", "Q5", "K0", "K1", "K2"]
    root = ElementTree.fromstring(finished(picture).svg)
    boxes = sorted(rectangles(root, rx="5"), key=lambda place: place[1])
    assert len(boxes) == 9
    middles = sorted(x + width / 2 for x, _, width, _ in boxes[:6])  # of the boxes above, from the left
    ends = [(float(line.get("x1")), float(line.get("x2"))) for line in root.iter(f"{SVG}line")]
    below = [sum(middles[n] for n in range(6) if links[n] == link) / 2 for link in range(3)]
    starts = np.array(middles) - middles[0]
    np.testing.assert_allclose([x - ends[0][0] for x, _ in ends], starts, atol=0.2)
    np.testing.assert_allclose([x - ends[0][0] for _, x in ends], np.array(below)[links] - middles[0], atol=0.2)
    fills = [rect.get("fill") for rect in root.iter(f"{SVG}rect")]
    assert fills == [drawing.COLOURS[link] for link in [*links, 0, 1, 2]]


# ---- What is refused

REFUSED = {
    "three axes": (lambda: drawing.grid(HEADS), ValueError, r"expected a vector or a matrix .* shape \(2, 3, 5\)"),
    "one number": (lambda: drawing.grid(3.0), ValueError, r"expected a vector or a matrix .* received shape \(\)"),
    "no number": (lambda: drawing.grid(np.ones((0, 3))), ValueError, r"one number at least; received shape \(0, 3\)"),
    "too many rows": (lambda: drawing.grid(np.ones((64, 2))), ValueError, r"at most 16 rows.* 64: draw .* array\[:8\]"),
    "too many columns": (
        lambda: drawing.grid(np.ones((2, 64))), ValueError, r"at most 14 columns.* received 64: draw .* array\[:, :8\]",
    ),
    "objects": (lambda: drawing.grid([{}]), TypeError, "expected numbers, booleans or strings .* object"),
    "complex numbers": (lambda: drawing.grid([1j]), TypeError, "expected numbers, booleans or strings .* complex128"),
    "names of axes": (lambda: drawing.grid([[1]], axes=("T",)), ValueError, "expected 2 names of axes for"),
    "rows": (lambda: drawing.grid([[1], [2]], rows=("a",)), ValueError, "expected 2 labels of rows.* received 1"),
    "columns": (lambda: drawing.grid([[1, 2]], columns="abc"), ValueError, "expected 2 labels of columns.* received 3"),
    "an added mask": (
        lambda: drawing.grid([[1, 2]], allowed=[0.0, -np.inf]), ValueError, "True = may attend; received float64",
    ),
    "a mask of counts": (lambda: drawing.grid([[1, 2]], allowed=[2, 0]), ValueError, "allowed to be boolean"),
    "nothing marked": (
        lambda: drawing.grid([[1, 2]], marked=np.s_[5:]), ValueError, r"select a cell of shape \(1, 2\); .* slice\(5",
    ),
    "an entry outside": (
        lambda: drawing.product([[1]], [[2]], entry=(1, 0), names="abc"), IndexError, "range object index out of range",
    ),
    "control character": (lambda: drawing.label("a\x07"), ValueError, r"control characters; .* leave out '\\x07'"),
    "name": (lambda: finished(drawing.label("a"), name="Fig 1"), ValueError, "as fig-scores; received 'Fig 1'"),
    "no title": (lambda: finished(drawing.label("a"), title=" "), ValueError, "expected a title of the figure fig-one"),
    "no description": (lambda: finished(drawing.label("a"), description=""), ValueError, "expected a description of"),
    "too wide": (
        lambda: finished(drawing.label("m" * 40)), ValueError, "at most 444 wide, .* it is 502: draw a slice",
    ),
    "sheets of a matrix": (lambda: drawing.sheets(SCORES, names="ab"), ValueError, r"one name .* \(3, 5\) and 2"),
    "names of sheets": (lambda: drawing.sheets(HEADS, names="abc"), ValueError, r"shape \(2, 3, 5\) and 3 names"),
    "alignment": (lambda: drawing.side_by_side("a", align="left"), ValueError, "or \"top\"; received 'left'"),
    "texts of arrows": (lambda: drawing.flow("abc", arrows=["a"]), ValueError, "expected 2 texts .* received 1"),
    "sizes of a product": (
        lambda: drawing.product(SCORES, SCORES, entry=(0, 0), names="abc"), ValueError, r"\(K, S\); .* \(3, 5\)",
    ),
    "a product of a vector": (
        lambda: drawing.product(SCORES[0], SCORES, entry=(0, 0), names="abc"), ValueError, r"\(5,\) and \(3, 5\)",
    ),
    "vectors in space": (lambda: drawing.vectors(SCORES, TOKENS), ValueError, r"\(N, 2\) and one .* \(3, 5\) and 3"),
    "a vector of zeros": (lambda: drawing.vectors([[0, 0]], "a"), ValueError, "zero, which have a direction"),
    "groups of vectors": (
        lambda: drawing.vectors([[0, 1]], "a", groups=[1, 2]), ValueError, r"expected 1 groups, .* shape \(2,\)",
    ),
    "heads": (lambda: drawing.heads_split(SCORES, 2), ValueError, r"multiple of num_heads; .* \(3, 5\), 2 heads"),
    "no heads": (lambda: drawing.heads_split(SCORES, 0), ValueError, r"multiple of num_heads; .* \(3, 5\), 0 heads"),
    "heads to merge": (lambda: drawing.heads_merged(SCORES), ValueError, r"\(H, T, key_dim\); .* \(3, 5\)"),
    "a stream of matrices": (lambda: drawing.residual_stream(SCORES, []), ValueError, r"expected x to be a vector"),
    "an update": (
        lambda: drawing.residual_stream([1, 2], [("attention", [1])]), ValueError, r"attention .* \(2,\); .* \(1,\)",
    ),
    "links": (lambda: drawing.linked("ab", "c", [0]), ValueError, r"expected one link, .* of 2 boxes above; .* \[0\]"),
    "a link to nowhere": (lambda: drawing.linked("a", "b", [1]), ValueError, r"from 0 to 0, .* received \[1\]"),
    "a cache of a vector": (lambda: drawing.growing_cache([1, 2], TOKENS), ValueError, r"\(T, key_dim\); .* \(2,\)"),
    "tokens of a cache": (lambda: drawing.growing_cache(SCORES, "ab"), ValueError, "expected 3 tokens, .* received 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_drawn_is_refused_with_the_remedy(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        make()


def test_a_skip_leaves_below_its_first_step_and_enters_the_side_of_its_last():
    steps = ["x", "attend", "add"]
    plain, skipping = (finished(drawing.flow(steps, skips=skips)) for skips in ([], [(0, 2)]))
    lines = [ElementTree.fromstring(made.svg).findall(f".//{SVG}line") for made in (plain, skipping)]
    assert [len(found) for found in lines] == [2, 5]
    out, down, back = (tuple(float(line.get(end)) for end in ("x1", "y1", "x2", "y2")) for line in lines[1][2:])
    assert out[2:] == down[:2]
    assert down[2:] == back[:2]
    assert out[0] < back[2] < down[0] == down[2]  # from the middle, round the side, to the edge of the last step
    assert out[1] < back[1]


@pytest.mark.parametrize(
    ("skip", "across"), [((1, 1), False), ((2, 0), False), ((0, 3), False), ((-1, 2), False), ((0, 2), True)]
)
def test_a_skip_that_leads_nowhere_is_refused(skip, across):
    with pytest.raises(ValueError, match=r"expected skips downwards, from a step to a later one of 3; received \("):
        drawing.flow(["x", "attend", "add"], skips=[skip], across=across)
