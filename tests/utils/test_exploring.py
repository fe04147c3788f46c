"""Drawings that carry numbers: the same drawing, and numbers that a script reads as they were, rounded."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from nbformat import NotebookNode

from tools.notebooks.drawings import read_drawing
from utils import drawing
from utils.exploring import explorable

PLAIN = drawing.figure(drawing.grid([0.5, -1.25]), name="fig-two", title="Two", description="The first one is larger.")
TEXTS = {"question": 'Is "a" < b & c\'s?', "answer": "It is 5 °C."}


def carried(**numbers):
    made = explorable(PLAIN, "look-up", **TEXTS, **numbers)
    root = ElementTree.fromstring(made.svg)
    assert root.get("data-explore") == "look-up"
    return made, json.loads(root.get("data-numbers"))


def test_numbers_arrive_rounded_and_texts_as_they_are():
    numbers = {
        "array": np.array([[1 / 3, -2.0], [1e-9, -1e-9]]),
        "whole": np.arange(3),
        "nested": {"": [("a", np.float32(0.1), True, np.True_)]},
    }
    _, found = carried(**numbers)
    assert found == TEXTS | {
        "array": [[0.333333, -2], [0, 0]],
        "whole": [0, 1, 2],
        "nested": {"": [["a", 0.1, True, True]]},
    }
    assert "-0" not in json.dumps(found["array"][1])
    assert carried(keep=True)[1] == TEXTS | {"keep": True}


def test_the_drawing_is_the_same():
    made, _ = carried(values=[1.5])
    start = made.svg.index(" xmlns=")
    assert "<svg" + made.svg[start:] == PLAIN.svg
    stored = read_drawing(NotebookNode(data={"text/html": made.svg}))
    assert stored.as_image() == read_drawing(NotebookNode(data={"text/html": PLAIN.svg})).as_image()
    assert (made.name, made.title, repr(made)) == (PLAIN.name, PLAIN.title, repr(PLAIN))


@pytest.mark.parametrize(
    ("name", "numbers", "error", "message"),
    [
        ("Look up", {}, ValueError, "expected the name of a script in web/explore, as look-up; received 'Look up'"),
        ("look-up", {"question": " "}, ValueError, "expected a question"),
        ("look-up", {"answer": ""}, ValueError, "expected an answer"),
        ("look-up", {"values": [1.0, np.nan]}, ValueError, "expected finite numbers"),
        ("look-up", {"values": {1, 2}}, TypeError, "received set"),
    ],
)
def test_what_no_script_could_read_is_refused(name, numbers, error, message):
    with pytest.raises(error, match=message):
        explorable(PLAIN, name, **(TEXTS | numbers))
