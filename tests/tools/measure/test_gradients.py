"""Gradients by depth: what a row holds, the lengths by another way, figures of the program as it stands."""

import json

import keras
import numpy as np
import pytest

from tools.measure import gradients
from tools.measure.results import RESULTS


@pytest.mark.slow
def test_a_row_holds_one_length_for_each_layer_and_kernel(tmp_path):
    rows = gradients.measure([3], [8], [0, 1], tmp_path / "kept.json")
    assert [(row["norm_first"], row["seed"]) for row in rows] == [(False, 0), (False, 1), (True, 0), (True, 1)]
    for kernel in gradients.KERNELS:
        found = gradients.curves(rows, 3, 8, kernel, norm_first=True)
        assert found.shape == (2, 3)
        assert found.min() > 0
        assert not np.allclose(found[0], found[1])
    assert gradients.norms_by_layer(1, 3, 8, norm_first=True)["first"] == rows[3]["first"]
    with pytest.raises(ValueError, match="expected rows of depth 4 and width 8; the file has none"):
        gradients.curves(rows, 4, 8, "first", norm_first=True)


def test_the_two_orders_share_their_kernels():
    post, pre = (
        gradients.random_model(np.random.default_rng(2), 2, 8, norm_first=norm_first) for norm_first in (False, True)
    )
    pairs = zip(post.encoder.blocks, pre.encoder.blocks, strict=True)
    for one, other in pairs:
        kernels = (keras.ops.convert_to_numpy(each.feed_forward.output_dense.kernel) for each in (one, other))
        np.testing.assert_array_equal(*kernels)


def test_an_interrupted_run_goes_on_with_the_models_it_has(tmp_path, monkeypatch):
    asked = []

    def measured(seed, depth, width, *, norm_first):
        asked.append((norm_first, seed))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"first": [float(seed)], "second": [0.0]}

    monkeypatch.setattr(gradients, "norms_by_layer", measured)
    with pytest.raises(KeyboardInterrupt):
        gradients.measure([1], [8], [4, 5], tmp_path / "kept.json")
    rows = gradients.measure([1], [8], [4, 5], tmp_path / "kept.json")
    assert asked == [(False, 4), (False, 5), (True, 4), (True, 4), (True, 5)]
    assert [(row["norm_first"], row["seed"], row["first"]) for row in rows] == [
        (norm_first, seed, [seed]) for norm_first in (False, True) for seed in (4, 5)
    ]


def test_the_program_refuses_a_depth_of_zero_and_says_that_it_goes_on_after_an_interruption(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        gradients.main(["--depths", "0"])
    assert stopped.value.code == 2

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(gradients, "measure", interrupt)
    assert gradients.main([]) == 130
    assert "goes on with the models it has" in capsys.readouterr().err


def test_the_stored_figures_are_of_the_program_as_it_stands():
    rows = json.loads((RESULTS / "gradients.json").read_text(encoding="utf-8"))["rows"]
    cases = {(row["depth"], row["width"], row["norm_first"], row["seed"]): row for row in rows}
    assert len(cases) == len(rows) == 2 * len(gradients.DEPTHS) * len(gradients.WIDTHS) * len(gradients.SEEDS)
    again = gradients.norms_by_layer(3, 2, 32, norm_first=True)
    (stored,) = (
        row for row in rows if (row["depth"], row["width"], row["norm_first"], row["seed"]) == (2, 32, True, 3)
    )
    for kernel in gradients.KERNELS:
        np.testing.assert_allclose(again[kernel], stored[kernel], rtol=1e-2, atol=1e-4)
