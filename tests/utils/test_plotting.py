"""What the figures show: data, limits, labels, contrast and styles that can be told apart."""

import io

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from utils import plotting

WEIGHTS = np.array([[0.0, 0.25, 0.75], [0.5, 0.5, 0.0]])


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        plotting.apply_style()
        yield
    plt.close("all")


def test_attention_is_drawn_as_given_from_0_to_1():
    fig, ax = plotting.plot_attention(WEIGHTS, ["a", "b"], ["x", "y", "z"], title="Where they look")
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), WEIGHTS)
    assert image.get_clim() == (0, 1)
    assert image.get_cmap().name == "cividis"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("key", "query", "Where they look")
    assert [text.get_text() for text in ax.texts] == ["0.00", "0.25", "0.75", "0.50", "0.50", "0.00"]
    assert fig is ax.figure


def test_numbers_can_be_left_out_and_axes_given():
    fig, (left, right) = plt.subplots(1, 2)
    assert plotting.plot_attention(WEIGHTS, "ab", "xyz", ax=right, numbers=False) == (fig, right)
    assert not right.texts
    assert not left.get_images()


@pytest.mark.parametrize("bad", [1.01, -0.01, np.nan])
def test_weights_outside_0_to_1_are_refused(bad):
    with pytest.raises(ValueError, match="expected weights from 0 to 1; received"):
        plotting.plot_attention([[0.5, bad]], "a", "xy")


def test_labels_must_match_the_shape():
    with pytest.raises(ValueError, match=r"expected shape \(3, 2\), one row .* received \(2, 3\)"):
        plotting.plot_attention(WEIGHTS, "abc", "xy")
    with pytest.raises(ValueError, match=r"expected shape \(2, 4\), one row .* received \(2, 3\)"):
        plotting.plot_signed(WEIGHTS, "ab", "wxyz")


def test_signed_data_gets_symmetric_limits():
    ax = plotting.plot_signed([[-3.0, 1.0]], ["a"], ["x", "y"], x_label="feature", y_label="token")[1]
    assert ax.get_images()[0].get_clim() == (-3, 3)
    assert ax.get_images()[0].get_cmap().name == "RdBu_r"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature", "token")
    assert plotting.plot_signed([[0.0]], "a", "x")[1].get_images()[0].get_clim() == (-1, 1)


def test_signed_data_must_be_finite():
    with pytest.raises(ValueError, match="expected finite values; received NaN or infinity"):
        plotting.plot_signed([[np.nan, 1.0]], "a", "xy")


def contrast(one, other):
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""
    lights = []
    for colour in (one, other):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


@pytest.mark.parametrize("draw", [plotting.plot_attention, plotting.plot_signed])
def test_numbers_can_be_read_on_every_cell(draw):
    values = np.linspace(0 if draw is plotting.plot_attention else -1, 1, 41)[None]
    ax = draw(values, ["a"], [str(number) for number in range(41)])[1]
    image = ax.get_images()[0]
    for text, value in zip(ax.texts, values[0], strict=True):
        cell = image.cmap(image.norm(value))[:3]
        assert contrast(to_rgb(text.get_color()), cell) >= 4.5, value


def test_lines_are_drawn_as_given():
    x, series = [1, 10, 100], {"one": [1, 2, 3], "two": [4, 5, 7]}
    ax = plotting.plot_lines(x, series, x_label="length (tokens)", y_label="time (ms)", log="xy", title="Cost")[1]
    assert {line.get_label(): line.get_ydata().tolist() for line in ax.lines} == series
    assert [line.get_xdata().tolist() for line in ax.lines] == [x, x]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("length (tokens)", "time (ms)", "Cost")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]


def test_one_line_needs_no_legend_and_no_logarithm():
    ax = plotting.plot_lines([1, 2], {"one": [1, 2]}, x_label="x", y_label="y", log="x")[1]
    assert ax.get_legend() is None
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")


def test_six_series_differ_in_colour_and_seven_are_refused():
    series = {str(number): [number, number] for number in range(6)}
    ax = plotting.plot_lines([0, 1], series, x_label="x", y_label="y")[1]
    assert len({line.get_color() for line in ax.lines}) == 6
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 6
    assert {line.get_color() for line in ax.lines} <= set(plotting.OKABE_ITO)
    assert len({line.get_linestyle() for line in ax.lines[:4]}) == 4
    with pytest.raises(ValueError, match="expected at most 6 series, to tell them apart; received 7"):
        plotting.plot_lines([0, 1], series | {"6": [6, 6]}, x_label="x", y_label="y")


def test_log_names_axes():
    with pytest.raises(ValueError, match=r"expected log to be .* received 'z'"):
        plotting.plot_lines([0, 1], {"one": [1, 2]}, x_label="x", y_label="y", log="z")


def test_style_replaces_whatever_was_set_before():
    plt.rcParams["image.cmap"] = "jet"
    plt.rcParams["axes.facecolor"] = "black"
    plt.rcParams["lines.linewidth"] = 9
    plotting.apply_style()
    assert plt.rcParams["image.cmap"] == "cividis"
    assert plt.rcParams["lines.linewidth"] == 1.8
    assert plt.rcParams["axes.facecolor"] == "white"


def test_the_same_figure_is_the_same_picture(tmp_path):
    for name in ("one.png", "two.png"):
        plotting.plot_attention(WEIGHTS, ["a", "b"], ["long label", "y", "z"])[0].savefig(tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert Image.open(tmp_path / "one.png").size[0] > 200


def test_a_few_points_are_marked_and_named_on_a_logarithmic_axis():
    _, ax = plotting.plot_lines([4, 16, 64], {"size": [1.0, 2.0, 3.0]}, x_label="width", y_label="size", log="x")

    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "16", "64"]
    assert ax.lines[0].get_marker() == "o"


def test_many_points_are_drawn_as_a_plain_line():
    x = np.arange(1, 50)
    _, ax = plotting.plot_lines(x, {"size": x}, x_label="width", y_label="size", log="x")

    assert ax.lines[0].get_marker() == "None"


def test_a_small_png_has_the_same_size_and_colours_in_a_quarter_of_the_bytes():
    plotting.apply_style()
    fig, _ = plotting.plot_lines(range(20), {"a": np.arange(20) ** 2, "b": np.arange(20)}, x_label="x", y_label="y")
    plain = io.BytesIO()
    fig.savefig(plain, format="png")
    small = plotting.small_png(fig)
    assert len(small.data) < len(plain.getvalue()) / 3
    pictures = (Image.open(io.BytesIO(data)).convert("RGB") for data in (plain.getvalue(), small.data))
    one, other = (np.asarray(picture, float) for picture in pictures)
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 1
    assert not plt.fignum_exists(fig.number)
