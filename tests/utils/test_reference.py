import numpy as np
import pytest

from utils.reference import arrays_under, reference_cases


def test_cases_come_back_with_their_arrays_in_order_and_without_the_meta_data(tmp_path):
    arrays = {"b/query": np.arange(6.0).reshape(2, 3), "b/output": np.ones(2), "a/query": np.zeros(5)}
    np.savez(tmp_path / "values.npz", **arrays, **{"meta/torch": np.array("2.13.0")})

    cases = reference_cases(tmp_path / "values.npz")

    assert list(cases) == ["b", "a"]
    assert list(cases["b"]) == ["query", "output"]
    np.testing.assert_array_equal(cases["b"]["query"], arrays["b/query"])


def test_a_file_of_another_kind_is_refused_by_name(tmp_path):
    np.savez(tmp_path / "weights.npz", kernel=np.ones(3))

    with pytest.raises(ValueError, match=r"case/array in weights\.npz; received 'kernel'"):
        reference_cases(tmp_path / "weights.npz")


def test_arrays_under_a_prefix_lose_it_and_others_stay_behind():
    case = {"grad.source": np.ones(2), "source": np.zeros(3), "grad.grad.a": np.ones(5)}
    assert {name: len(array) for name, array in arrays_under(case, "grad.").items()} == {"source": 2, "grad.a": 5}
