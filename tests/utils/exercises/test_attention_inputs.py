"""The inputs of the exercises on attention: random, of distinct sizes, and every case among them."""

import numpy as np
import pytest

from tests.support.attention_solutions import BY_ID
from utils.exercises.attention.inputs import PRIMES
from utils.exercises.engine.checker import EXERCISES

IDS = tuple(BY_ID)


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_are_random_and_their_sizes_distinct_primes(exercise_id):
    exercise = EXERCISES[exercise_id]
    seen = []
    for trial in range(exercise.trials):
        arrays = [one for one in exercise.draw(trial) if isinstance(one, np.ndarray) and one.dtype != bool]
        allowed = {*PRIMES, 17, 19, 31, 100_003} | ({1} if exercise_id == "attention-streaming" else set())  # one query
        assert all(set(one.shape) <= allowed for one in arrays)
        assert all(np.unique(one).size > 1 for one in arrays if one.size > 1)
        # Sizes agree where two axes are the same; in trial 0 two more may, to tell apart what widths would give away.
        sizes = {size for one in arrays for size in one.shape}
        axes = {"attention-masked": 4, "attention-query-gradient": 4}.get(exercise_id, 0)
        assert len(sizes) >= axes - (trial == 0)
        seen.append(exercise.describe(exercise.draw(trial)))
    assert len(set(seen)) > exercise.trials / 3


def test_scores_of_the_softmax_exercise_show_every_case():
    exercise = EXERCISES["attention-stable-softmax"]
    drawn = [exercise.draw(trial)[0] for trial in range(exercise.trials)]
    assert {(one.dtype.name, one.ndim) for one in drawn} == {
        (f"float{width}", rank) for width in (16, 32, 64) for rank in (1, 2, 3, 4)
    }
    for width in (16, 32, 64):
        of_type = [one.astype(float) for one in drawn if one.dtype == f"float{width}"]
        assert max(np.abs(one).max() for one in of_type) >= 9000
        assert all(np.abs(one).max() <= 1e4 for one in of_type)
        within = [np.ptp(one, axis=-1).max() for one in of_type]
        between = [np.ptp(one.max(axis=-1)) for one in of_type]
        assert any(gap > 1000 and spread < 100 for gap, spread in zip(between, within, strict=True))  # rows far apart
        assert any(spread > 1000 for spread in within)
        assert any(0 < spread < 20 and np.abs(one).max() < 20 for spread, one in zip(within, of_type, strict=True))


def test_a_long_row_of_the_softmax_exercise_has_no_simple_sum():
    """In float16 the sum overflows, and neither the largest number there nor the number of scores may pass for it."""
    exercise = EXERCISES["attention-stable-softmax"]
    drawn = [exercise.draw(trial)[0] for trial in range(exercise.trials)]
    long = [one for one in drawn if one.size > 65504]
    assert {(one.dtype.name, one.ndim) for one in long} == {("float16", 2), ("float32", 1)}
    for scores in long:
        totals = np.exp(scores.astype(float) - scores.max()).sum(axis=-1)
        assert totals.min() > 1.15 * 65520  # from 65,520 on float16 rounds to infinity
        assert totals.max() < scores.shape[-1] / 1.15
        assert (scores == -1e4).mean() > 0.1


def test_masks_of_the_masked_exercise_show_every_case():
    exercise = EXERCISES["attention-masked"]
    masks = [exercise.draw(trial)[-1] for trial in range(exercise.trials)]
    assert sum(not mask.any(axis=-1).all() for mask in masks) >= 15  # with a row that may attend to nothing
    assert sum(bool(mask.any(axis=-1).all()) for mask in masks) >= 5  # without
    assert all(mask.any() and not mask.all() for mask in masks)
    forms = set()
    for trial, mask in enumerate(masks):
        *leading, num_queries, num_keys = (*exercise.draw(trial)[0].shape[:-1], exercise.draw(trial)[1].shape[-2])
        axes = {2: "A", 3: "B", 5: "H"} if len(leading) == 3 else {17: "B", 19: "H"}
        names = {**axes, num_queries: "T", num_keys: "S", 1: "1"}
        forms.add((len(leading), "".join(names[size] for size in mask.shape)))
    shared = {(leading, form) for leading in (0, 1, 2) for form in ("TS", "S", "1S", "T1")}
    of_texts, of_heads = {(1, "BTS"), (1, "B1S"), (2, "BHTS"), (2, "B11S"), (2, "B1TS")}, {(2, "HTS"), (2, "H1S")}
    of_three_axes = {(3, "TS"), (3, "S"), (3, "1S"), (3, "ABHTS")}
    assert forms == shared | of_texts | of_heads | of_three_axes


def test_scores_of_the_masked_exercise_show_every_case():
    exercise = EXERCISES["attention-masked"]
    seen = set()
    for trial in range(exercise.trials):
        query, key, _, mask = exercise.draw(trial)
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(key.shape[-1])
        mask = np.broadcast_to(mask, scores.shape)
        permitted = np.where(mask, scores, -np.inf).max(axis=-1)  # (..., T)
        forbidden = np.where(mask, -np.inf, scores).max(axis=-1)
        # As the chapter says, for every query.
        assert np.abs(np.where(mask, scores, 0)).max() <= 1000 + 1e-6
        assert np.abs(scores).max() <= 2000 + 1e-6
        seen.add("ordinary" if np.abs(scores).max() < 50 else "extreme")
        seen |= {"overflow"} if (permitted > 900).any() else set()
        seen |= {"underflow"} if ((permitted < -900) & mask.any(axis=-1)).any() else set()
        seen |= {"beside"} if (np.isfinite(permitted) & (forbidden - permitted > 900)).any() else set()
    assert seen == {"ordinary", "extreme", "overflow", "underflow", "beside"}
