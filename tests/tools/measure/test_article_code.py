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


def test_all_definitions_of_a_name_are_found_and_no_other(tmp_path):
    (tmp_path / "text").mkdir()
    model = "class Model:\n    def train(self): ...\n    class Inner:\n        def train(self): ...\n"
    (tmp_path / "text" / "eda.py").write_text(model)
    plain = "try:\n    pass\nexcept ImportError:\n    def train(): ...\ntrained = train()\ndef other():\n    train()\n"
    (tmp_path / "core.py").write_text(plain)
    expected = ["core.train", "text.eda.Model.Inner.train", "text.eda.Model.train"]
    assert article_code.definitions(tmp_path, {"train", "Dataset"}) == expected


def test_texts_first_leak_into_each_other_unless_the_module_is_told():
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    for batch_first in (False, True):
        model = torch.nn.Transformer(article_code.WIDTH, 4, 2, batch_first=batch_first)
        assert article_code.mixes_texts(model) is not batch_first


@pytest.mark.slow
def test_the_installed_pytorch_and_ktrain_say_what_is_stored():
    pytest.importorskip("torch")
    rows = article_code.ask_ktrain() + article_code.ask_torch()
    assert rows == STORED["rows"]
