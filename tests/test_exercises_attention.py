"""Chapter 1's exercises: model solutions pass; known mistakes, as learners write them, are recognised."""

import inspect
import time
import tracemalloc

import numpy as np
import pytest

from utils.exercises import check
from utils.exercises.attention import PRIMES, softmax
from utils.exercises.checker import EXERCISES
from utils.exercises.streams import OnceOnlyBlocks, watch_blocks

IDS = (
    "attention-shapes",
    "attention-temperature",
    "attention-stable-softmax",
    "attention-causal-mask",
    "attention-masked",
    "attention-query-gradient",
    "attention-streaming",
)
MISTAKES = [(one, mistake) for one in IDS for mistake in EXERCISES[one].mistakes]


class Solutions:
    """The model solutions, as the chapter folds them under the exercises."""

    @staticmethod
    def shapes(query, key, value):
        *leading, num_queries, _ = query
        num_keys, value_dim = value[-2:]
        return (*leading, num_queries, value_dim), (*leading, num_queries, num_keys)

    @staticmethod
    def soft_lookup(query, keys, values, temperature):
        scores = keys @ query / temperature  # (S,)
        exponentials = np.exp(scores - scores.max())
        weights = exponentials / exponentials.sum()
        return weights @ values

    @staticmethod
    def softmax(scores):
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)

    @staticmethod
    def causal_mask(num_queries, num_keys):
        return np.arange(num_keys)[None, :] <= np.arange(num_queries)[:, None]

    @staticmethod
    def attention(query, key, value, mask):
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])  # (..., T, S)
        scores = np.where(mask, scores, np.finfo(scores.dtype).min)
        exponentials = mask * np.exp(scores - scores.max(axis=-1, keepdims=True))
        total = exponentials.sum(axis=-1, keepdims=True)  # at least 1, but 0 where nothing may be attended to
        weights = exponentials / np.maximum(total, 1)
        return weights @ value, weights

    @staticmethod
    def query_gradient(query, key, value, output_gradient):
        scale = 1 / np.sqrt(query.shape[-1])
        scores = query @ key.T * scale
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
        weights_gradient = output_gradient @ value.T  # (T, S)
        row_mean = (weights * weights_gradient).sum(axis=-1, keepdims=True)
        scores_gradient = weights * (weights_gradient - row_mean)
        return scores_gradient @ key * scale

    @staticmethod
    def streaming_attention(query, blocks):
        largest, total, mixed = -np.inf, 0.0, 0.0
        for key, value in blocks:
            scores = query @ key.T / np.sqrt(query.shape[-1])  # (T, keys in this block)
            new_largest = np.maximum(largest, scores.max(axis=-1, keepdims=True))
            rescale = np.exp(largest - new_largest)
            exponentials = np.exp(scores - new_largest)
            total = rescale * total + exponentials.sum(axis=-1, keepdims=True)
            mixed = rescale * mixed + exponentials @ value
            largest = new_largest
        return mixed / total


def solution(exercise_id):
    return getattr(Solutions, EXERCISES[exercise_id].reference.__name__)


# Model solutions and references


@pytest.mark.parametrize(
    ("exercise_id", "line"),
    list(
        zip(
            IDS,
            [
                "right on all 40 trials, 0 to 3 leading axes",
                "right on all 40 trials, temperatures from 0.1 to 10",
                "right on all 40 trials, float16 and scores of ±10,000 included",
                "right on all 40 trials, T ≠ S included",
                "right on all 40 trials, rows with nothing to attend to included",
                "right on all 40 trials",
                "right on all 8 trials, in one pass, one block at a time",
            ],
            strict=True,
        )
    ),
)
def test_model_solution_passes_with_the_line_that_the_chapter_shows(exercise_id, line):
    assert repr(check(exercise_id, solution(exercise_id))) == f"✓ {exercise_id}: {line}"


@pytest.mark.parametrize("exercise_id", IDS)
def test_model_solution_has_at_most_twelve_lines_and_the_signature_asked_for(exercise_id):
    source = inspect.getsource(solution(exercise_id)).splitlines()[1:]  # without the decorator
    assert len(source) <= 12
    signature = EXERCISES[exercise_id].signature
    assert source[0].strip() == f"def {signature}:"


def test_chapter_has_these_seven_exercises():
    assert tuple(name for name in EXERCISES if name.startswith("attention-")) == IDS
    assert all(EXERCISES[name].reference.__doc__ for name in IDS)


def test_all_checks_together_take_less_than_a_second():
    started = time.process_time()
    assert all(check(name, solution(name)) for name in IDS)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("exercise_id", IDS)
def test_reference_passes_its_own_check(exercise_id):
    assert check(exercise_id, EXERCISES[exercise_id].reference)


def test_library_passes_where_it_answers_the_same_question():
    from keras import ops

    from utils.attention import causal_mask, scaled_dot_product_attention

    assert check("attention-causal-mask", causal_mask)
    assert check("attention-masked", scaled_dot_product_attention)
    assert check("attention-stable-softmax", ops.softmax)
    assert check(
        "attention-temperature",
        lambda query, keys, values, temperature: ops.dot(ops.softmax(keys @ query / temperature), values),
    )


def test_query_gradient_agrees_with_finite_differences():
    def numeric(query, key, value, output_gradient):
        def loss(at):
            return float((softmax(at @ key.T / np.sqrt(key.shape[-1])) @ value * output_gradient).sum())

        gradient = np.empty_like(query)
        for place in np.ndindex(query.shape):
            step = np.zeros_like(query)
            step[place] = 1e-6
            gradient[place] = (loss(query + step) - loss(query - step)) / 2e-6
        return gradient

    assert check("attention-query-gradient", numeric)


def test_soft_lookup_by_hand():
    """Scores 2 and 0 at temperature 2/ln 3 weigh 3 : 1."""
    reference = EXERCISES["attention-temperature"].reference
    keys, values = np.array([[2.0], [0.0]]), np.array([[8.0], [4.0]])
    np.testing.assert_allclose(reference(np.array([1.0]), keys, values, 2 / np.log(3)), [7.0])


def test_streaming_reference_agrees_with_all_keys_at_once():
    exercise = EXERCISES["attention-streaming"]
    for trial in range(exercise.trials):
        query, blocks = exercise.draw(trial)
        keys, values = (np.concatenate(arrays) for arrays in zip(*blocks._blocks, strict=True))
        expected = softmax(query @ keys.T / np.sqrt(query.shape[-1])) @ values
        np.testing.assert_allclose(exercise.reference(query, blocks), expected, rtol=1e-9)


# Mistakes


@pytest.mark.parametrize(("exercise_id", "mistake"), MISTAKES, ids=[f"{one}: {it.name}" for one, it in MISTAKES])
def test_known_mistake_fails_and_is_recognised_as_itself(exercise_id, mistake):
    verdict = check(exercise_id, mistake.answer)
    assert not verdict
    assert verdict.message.startswith(f"{exercise_id}: {mistake.message} (seen on ")
    assert verdict.hint == mistake.hint


@pytest.mark.parametrize("exercise_id", IDS)
def test_mistakes_of_an_exercise_have_names_and_messages_of_their_own(exercise_id):
    mistakes = EXERCISES[exercise_id].mistakes
    assert len(mistakes) >= 5
    for attribute in ("name", "message"):
        assert len({getattr(mistake, attribute) for mistake in mistakes}) == len(mistakes)


def naive_softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def loop_mask(num_queries, num_keys):
    mask = np.zeros((num_queries, num_keys), dtype=bool)
    for row in range(num_queries):
        mask[row, :row] = True
    return mask


def masked_with(forbid):
    def answer(query, key, value, mask):
        weights = naive_softmax(forbid(query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5, mask))
        return weights @ value, weights

    return answer


def masked_late(query, key, value, mask):
    weights = naive_softmax(query @ np.swapaxes(key, -1, -2) / key.shape[-1] ** 0.5)
    weights[~np.broadcast_to(mask, weights.shape)] = 0
    return weights @ value, weights


def unscaled(query, key, value, mask):
    weights = np.nan_to_num(naive_softmax(np.where(mask, np.einsum("...td,...sd->...ts", query, key), -np.inf)))
    return weights @ value, weights


def gradient_by_diagonal(query, key, value, output_gradient):
    weights = naive_softmax(query @ key.T / key.shape[-1] ** 0.5)
    derivative = np.array([np.diag(row * (1 - row)) for row in weights])
    return np.einsum("tsr,tr,sd->td", derivative, output_gradient @ value.T, key) / key.shape[-1] ** 0.5


def stream_with_list(query, blocks):
    blocks = list(blocks)
    scores = np.concatenate([query @ key.T for key, _ in blocks], axis=-1) / query.shape[-1] ** 0.5
    return Solutions.softmax(scores) @ np.concatenate([value for _, value in blocks])


def stream_averaged(query, blocks):
    total, count = 0, 0
    for key, value in blocks:
        total, count = total + Solutions.softmax(query @ key.T / query.shape[-1] ** 0.5) @ value, count + 1
    return total / count


def stream_naive(query, blocks):
    total = mixed = 0
    for key, value in blocks:
        exponentials = np.exp(query @ key.T / query.shape[-1] ** 0.5)
        total, mixed = total + exponentials.sum(axis=1)[:, None], mixed + exponentials @ value
    return mixed / total


def stream_not_rescaled(query, blocks):
    largest, total, mixed = np.full((len(query), 1), -np.inf), 0, 0
    for key, value in blocks:
        scores = query @ key.T / query.shape[-1] ** 0.5
        largest = np.maximum(largest, scores.max(axis=1, keepdims=True))
        total = total + np.exp(scores - largest).sum(axis=1, keepdims=True)
        mixed = mixed + np.exp(scores - largest) @ value
    return mixed / total


WRITTEN_BY_LEARNERS = [
    ("attention-shapes", "key_dim for value_dim", lambda q, k, v: (q, (*q[:-1], k[-2]))),
    ("attention-shapes", "leading axes dropped", lambda q, k, v: ((q[-2], v[-1]), [q[-2], k[-2]])),
    ("attention-temperature", "multiplies by the temperature", lambda q, k, v, t: v.T @ naive_softmax(k @ q * t)),
    ("attention-temperature", "ignores the temperature", lambda q, k, v, t: naive_softmax(k @ q) @ v),
    ("attention-temperature", "hard look-up", lambda q, k, v, t: v[(k @ q / t).argmax()]),
    ("attention-temperature", "√d as well", lambda q, k, v, t: naive_softmax(k @ q / np.sqrt(q.size) / t) @ v),
    ("attention-stable-softmax", "no maximum", naive_softmax),
    ("attention-stable-softmax", "maximum of the array", lambda scores: naive_softmax(scores - np.max(scores))),
    (
        "attention-stable-softmax",
        "first axis",
        lambda scores: Solutions.softmax(scores.swapaxes(0, -1)).swapaxes(0, -1),
    ),
    ("attention-causal-mask", "diagonal left out", loop_mask),
    ("attention-causal-mask", "floats", lambda num_queries, num_keys: np.tril(np.ones((num_queries, num_keys)))),
    ("attention-causal-mask", "integers", lambda t, s: [[int(key <= query) for key in range(s)] for query in range(t)]),
    ("attention-causal-mask", "sees the future", lambda t, s: np.triu(np.ones((t, s), dtype=bool))),
    ("attention-causal-mask", "True forbids", lambda t, s: np.triu(np.ones((t, s)), k=1) == 1),
    ("attention-masked", "NaN in empty rows", masked_with(lambda scores, mask: np.where(mask, scores, -np.inf))),
    ("attention-masked", "mask ignored in empty rows", masked_with(lambda scores, mask: stable(scores - 1e9 * ~mask))),
    ("attention-masked", "uniform empty rows", masked_with(lambda scores, mask: stable(np.where(mask, scores, -1e9)))),
    ("attention-masked", "scores multiplied by the mask", masked_with(lambda scores, mask: scores * mask)),
    ("attention-masked", "not renormalised", masked_late),
    ("attention-masked", "no scale", unscaled),
    ("attention-masked", "mask inverted", lambda q, k, v, mask: Solutions.attention(q, k, v, np.logical_not(mask))),
    ("attention-query-gradient", "softmax elementwise", gradient_by_diagonal),
    ("attention-streaming", "blocks kept", stream_with_list),
    ("attention-streaming", "outputs averaged", stream_averaged),
    ("attention-streaming", "no maximum", stream_naive),
    ("attention-streaming", "nothing rescaled", stream_not_rescaled),
]


def stable(scores):
    return scores - scores.max(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("exercise_id", "name", "answer"),
    WRITTEN_BY_LEARNERS,
    ids=[f"{one}: {name}" for one, name, _ in WRITTEN_BY_LEARNERS],
)
def test_mistake_is_recognised_in_other_words(exercise_id, name, answer):
    (mistake,) = (one for one in EXERCISES[exercise_id].mistakes if one.name == name)
    assert check(exercise_id, answer).message.startswith(f"{exercise_id}: {mistake.message} (seen on ")


# Answers that must not pass


def not_written(*inputs):
    raise NotImplementedError


@pytest.mark.parametrize("exercise_id", IDS)
def test_stubs_inputs_and_constants_fail(exercise_id):
    exercise = EXERCISES[exercise_id]
    memorised = exercise.reference(*exercise.draw(0))
    assert "not written yet" in check(exercise_id, not_written).message
    assert "not written yet" in check(exercise_id, lambda *inputs: None).message
    assert "not written yet" in check(exercise_id, lambda *inputs: ...).message
    for position, name in enumerate(exercise.parameters):
        text = check(exercise_id, lambda *inputs, position=position: inputs[position]).message
        assert text == f"{exercise_id}: returned its input `{name}` as it came"
    assert "the same result on every trial" in check(exercise_id, lambda *inputs: memorised).message
    for constant in (0, 1.0, True, "text", (), [], np.zeros((3, 3)), ((2, 3), (2, 3)), (np.ones(2), np.ones(2))):
        assert not check(exercise_id, lambda *inputs, constant=constant: constant)
    assert "expected a function" in check(exercise_id, memorised).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_that_is_right_on_all_trials_but_one_fails(exercise_id):
    exercise = EXERCISES[exercise_id]
    calls = iter(range(exercise.trials))

    def answer(*inputs):
        result = solution(exercise_id)(*inputs)
        if next(calls) < exercise.trials - 1:
            return result
        if exercise_id == "attention-shapes":
            return result[::-1]
        if exercise_id == "attention-causal-mask":
            return ~result
        return (result[0] * 1.05, result[1]) if isinstance(result, tuple) else result * result.dtype.type(1.05)

    assert f"wrong on 1 of {exercise.trials} trials" in check(exercise_id, answer).message


@pytest.mark.parametrize("exercise_id", IDS)
def test_inputs_are_random_and_their_sizes_distinct_primes(exercise_id):
    exercise = EXERCISES[exercise_id]
    seen = []
    for trial in range(exercise.trials):
        arrays = [one for one in exercise.draw(trial) if isinstance(one, np.ndarray) and one.dtype != bool]
        assert all(set(one.shape) <= {*PRIMES, 17, 31} for one in arrays)
        assert all(np.unique(one).size > 1 for one in arrays if one.size > 1)
        # Sizes agree where two axes are the same; in trial 0 two more may, to tell apart what widths would give away.
        sizes = {size for one in arrays for size in one.shape}
        axes = {"attention-temperature": 3, "attention-masked": 4, "attention-query-gradient": 4}.get(exercise_id, 0)
        assert len(sizes) >= axes - (trial == 0)
        seen.append(exercise.describe(exercise.draw(trial)))
    assert len(set(seen)) > exercise.trials / 3


def test_masks_of_the_masked_exercise_show_every_case():
    exercise = EXERCISES["attention-masked"]
    masks = [exercise.draw(trial)[-1] for trial in range(exercise.trials)]
    assert sum(not mask.any(axis=-1).all() for mask in masks) >= 15  # with a row that may attend to nothing
    assert sum(bool(mask.any(axis=-1).all()) for mask in masks) >= 5  # without
    assert all(mask.any() and not mask.all() for mask in masks)
    assert {mask.ndim for mask in masks} == {2, 3}


# The stream of blocks


def blocks_of(*lengths):
    rng = np.random.default_rng(5)
    return OnceOnlyBlocks([(rng.normal(size=(length, 31)), rng.normal(size=(length, 3))) for length in lengths])


def test_block_is_overwritten_when_the_next_is_asked_for():
    blocks = blocks_of(2, 3)
    first = next(blocks)
    assert np.isfinite(first[0]).all()
    second = next(blocks)
    assert all(np.isnan(array).all() for array in first)
    assert np.isfinite(second[1]).all()
    assert list(blocks) == []
    assert all(np.isnan(array).all() for array in second)
    assert watch_blocks(blocks) is None


def test_second_round_is_noticed():
    def two_rounds(query, blocks):
        scale = query.shape[-1] ** 0.5
        largest = np.max([(query @ key.T / scale).max(axis=1) for key, _ in blocks], axis=0)[:, None]
        pairs = [(np.exp(query @ key.T / scale - largest), value) for key, value in blocks]
        return sum(one @ value for one, value in pairs) / sum(one.sum(axis=1, keepdims=True) for one, _ in pairs)

    verdict = check("attention-streaming", two_rounds)
    assert verdict.message == "attention-streaming: asks for the blocks again after the last one has gone"


def test_copies_of_all_blocks_are_noticed():
    def copies(query, blocks):
        keys, values = [], []
        for key, value in blocks:
            keys.append(key.copy())
            values.append(value.copy())
        return softmax(query @ np.concatenate(keys).T / query.shape[-1] ** 0.5) @ np.concatenate(values)

    def grows(query, blocks):
        keys, values = next(blocks)
        for key, value in blocks:
            keys, values = np.concatenate([keys, key]), np.concatenate([values, value])
        return softmax(query @ keys.T / query.shape[-1] ** 0.5) @ values

    for answer in (copies, grows):
        verdict = check("attention-streaming", answer)
        assert (
            verdict.message == "attention-streaming: copies the blocks and still holds them after the last one has gone"
        )


def test_states_kept_for_each_block_are_no_copies():
    """Combining the maxima, sums and mixes of all blocks at the end is another right way."""

    def combine(query, blocks):
        states = []
        for key, value in blocks:
            scores = query @ key.T / query.shape[-1] ** 0.5
            largest = scores.max(axis=1, keepdims=True)
            exponentials = np.exp(scores - largest)
            states.append((largest, exponentials.sum(axis=1, keepdims=True), exponentials @ value))
        top = np.max([largest for largest, _, _ in states], axis=0)
        total = sum(np.exp(largest - top) * one for largest, one, _ in states)
        return sum(np.exp(largest - top) * mix for largest, _, mix in states) / total

    assert check("attention-streaming", combine)


def test_memory_is_traced_only_while_blocks_pass():
    assert not tracemalloc.is_tracing()
    check("attention-streaming", lambda query, blocks: next(blocks)[1])
    assert not tracemalloc.is_tracing()

    def interrupted(query, blocks):
        next(blocks)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("attention-streaming", interrupted)
    assert not tracemalloc.is_tracing()


def test_trace_that_the_reader_started_goes_on():
    tracemalloc.start()
    try:
        mine = np.random.default_rng(2).normal(size=100_000)
        assert check("attention-streaming", Solutions.streaming_attention)
        assert tracemalloc.is_tracing()
        assert mine.size == 100_000
    finally:
        tracemalloc.stop()
