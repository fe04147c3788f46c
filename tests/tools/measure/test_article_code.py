"""What libraries say to the calls of the articles is told as they say it, and is what they still say."""

import json

import numpy as np
import pytest

from tools.measure import article_code
from tools.measure.results import RESULTS

STORED = json.loads((RESULTS / "article-code.json").read_text(encoding="utf-8"))


def test_an_outcome_is_a_shape_or_an_error_with_its_first_line():
    def refuse():
        raise ValueError("no\nand more")

    assert article_code.outcome(refuse) == {"raises": "ValueError", "says": "no"}
    assert article_code.outcome(lambda: np.zeros((2, 3))) == {"returns": "(2, 3)"}


def test_a_name_is_there_to_import_or_not():
    assert article_code.has("json.decoder:JSONDecoder.decode")
    assert not article_code.has("json.decoder:JSONDecoder.encode")
    assert not article_code.has("json.decode:JSONDecoder")


@pytest.mark.slow
def test_the_installed_pytorch_and_ktrain_say_what_is_stored():
    pytest.importorskip("torch")
    rows = article_code.ask_ktrain() + article_code.ask_torch()
    assert rows == STORED["rows"]
