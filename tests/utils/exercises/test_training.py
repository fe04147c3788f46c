"""The exercises on training: what is right in more than one way."""

import numpy as np
import pytest

from tests.support.training_slips import from_longest, shares
from utils.exercises import check


@pytest.mark.parametrize("order", [np.sort, from_longest])
@pytest.mark.parametrize("form", [float, np.float64, np.float32, np.array])
def test_useful_share_may_begin_with_the_shortest_text_or_with_the_longest(order, form):
    verdict = check("training-useful-share", lambda lengths, size: form(shares(order=order)(lengths, size)))
    assert verdict.message.startswith("training-useful-share: right on all 40 trials")


@pytest.mark.parametrize("change", [lambda share: 1.001 * share, lambda share: 1 - share, lambda share: [share]])
def test_what_is_near_the_share_from_the_longest_is_wrong(change):
    assert not check("training-useful-share", lambda *inputs: change(shares(order=from_longest)(*inputs)))


def test_sorting_the_argument_itself_is_told_from_the_longest_too():
    def in_place(lengths, size):
        lengths[:] = from_longest(lengths)
        return shares(order=np.array)(lengths, size)

    assert "writes to its argument `lengths`" in check("training-useful-share", in_place).message
