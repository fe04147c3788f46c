"""The exercises on the project: what the book's own functions answer, and inputs that show every case."""

import hashlib
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from tests.support.exercise_draws import drawn
from tests.support.project_solutions import BY_ID
from utils.classification.evaluation import occlusion
from utils.exercises import check
from utils.exercises.engine.checker import EXERCISES


def test_exercises_are_checked_without_tensorflow_keras_or_ktrain():
    heavy = {"tensorflow", "keras", "tf_keras", "ktrain", "transformers", "torch"}
    code = f"import sys, utils.exercises; print(sorted({heavy!r} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


# The same answers, from the book's own functions and from others


def test_books_own_occlusion_passes():
    def answer(predict_probability, text):
        return [drop for _, drop in occlusion(predict_probability, text)]

    assert check("project-occlusion", answer)


def test_growing_the_length_passes_and_so_does_counting_in_fractions():
    def by_fractions(counts, share, multiple):
        texts = math.ceil(Fraction(share).limit_denominator(100) * len(counts))
        return math.ceil(int(np.sort(counts)[texts - 1]) / multiple) * multiple

    def by_growing(counts, share, multiple):
        length = multiple
        while np.mean(counts <= length) < share:
            length += multiple
        return length

    assert check("project-max-length", by_fractions)
    assert check("project-max-length", by_growing)


def test_differences_in_float32_pass():
    def difference(first, second):
        return tuple(np.float32(part) for part in BY_ID["project-paired"](first, second))

    assert check("project-paired", difference)


def test_closed_forms():
    assert EXERCISES["project-max-length"].reference(np.array([9, 3, 17, 5]), 0.75, 4) == 12
    assert EXERCISES["project-max-length"].reference(np.array([9, 3, 16, 5]), 1.0, 8) == 16
    assert EXERCISES["project-max-length"].reference(np.arange(1, 101), 0.55, 1) == 55
    assert EXERCISES["project-noise"].reference(0.868, 0.04) == pytest.approx(0.9)
    one_step = EXERCISES["project-bug-step"].reference(np.eye(2), np.array([1, 0]), np.zeros((2, 2)), 4.0, 1)
    assert one_step.tolist() == [[-1, 1], [1, -1]]  # each text's error is half, and counts for half
    told = {"a": hashlib.sha256(b"one").hexdigest(), "b": hashlib.sha256(b"two").hexdigest(), "c": "0" * 64}
    assert EXERCISES["project-manifest"].reference(told, {"d": b"", "b": b"two", "a": b"One"}) == "a, c, d"


def test_toy_answers_alike_for_one_text_and_for_many_and_asks_for_a_list():
    predict, text = EXERCISES["project-occlusion"].draw(1)
    variants = [text, "no  film", "", "film no"]
    together = predict(variants)
    assert together.tolist() == [float(predict([one])[0]) for one in variants]
    assert predict(np.array(variants)).tolist() == together.tolist()
    assert len(set(together)) == 4
    with pytest.raises(TypeError, match="expected a list of texts; received one text"):
        predict(text)


# Answers that must not pass


def test_length_that_is_right_where_nothing_is_rounded_is_caught_and_told_why():
    def by_product(counts, share, multiple):
        return math.ceil(int(np.sort(counts)[math.ceil(share * len(counts)) - 1]) / multiple) * multiple

    def by_quantile(counts, share, multiple):
        return int(np.ceil(np.quantile(counts, share, method="inverted_cdf") / multiple)) * multiple

    reference = EXERCISES["project-max-length"].reference
    trials = drawn("project-max-length")
    whole = [given for given in trials if len(given[0]).bit_count() == 1]
    assert 20 <= len(whole) < len(trials)
    for answer in (by_product, by_quantile):
        assert all(answer(*given) == reference(*given) for given in whole)
        assert "rounding in binary makes that one text too many" in check("project-max-length", answer).message


def test_answers_in_another_form_are_told_what_is_asked_for():
    listed = check("project-manifest", lambda manifest, files: sorted(manifest))
    assert "expected a string, received list" in listed.message
    assert listed.hint == "Return a string of the names."
    pairs = check("project-occlusion", occlusion)
    assert "expected an array of numbers" in pairs.message
    text = check("project-occlusion", lambda predict, text: [predict(word) for word in text.split()])
    assert "raised TypeError: expected a list of texts" in text.message
    absent = check("project-manifest", lambda manifest, files: ", ".join(n for n in manifest if not files[n]))
    assert "raised KeyError: '" in absent.message


def test_inputs_are_told_in_few_words_without_addresses():
    for exercise_id in BY_ID:
        exercise = EXERCISES[exercise_id]
        told = exercise.describe(exercise.draw(3))
        assert "0x" not in told
        assert len(told) < 250


# Inputs


def test_noise_is_absent_and_accuracy_perfect_on_some_trials():
    given = drawn("project-noise")
    assert {noise == 0 for _, noise in given} == {True, False}
    assert {measured == 1 - noise for measured, noise in given} == {True, False}
    assert all(0.5 < measured <= 1 - noise <= 1 for measured, noise in given)


def test_lengths_show_shares_that_are_met_exactly_and_texts_that_just_fit():
    exact, just_fit = set(), set()
    for counts, share, multiple in drawn("project-max-length"):
        assert 0 < share < 1
        if len(counts).bit_count() == 1:  # N times the share has no rounding error
            exact.add((share * len(counts)).is_integer())
        else:
            assert share * len(counts) > round(share * len(counts))
        length = EXERCISES["project-max-length"].reference(counts, share, multiple)
        just_fit.add(length in counts)
        assert np.mean(counts <= length) >= share > np.mean(counts <= length - multiple)
    assert exact == just_fit == {True, False}


def test_step_that_divides_by_the_words_is_wrong_whatever_stands_in_the_batch():
    listing = EXERCISES["project-bug-step"].mistakes[0].answer
    for x, y, weights, rate, steps in drawn("project-bug-step"):
        twice = listing(np.tile(x, (2, 1)), np.tile(y, 2), weights, rate, steps)
        right = EXERCISES["project-bug-step"].reference
        assert not np.allclose(twice, listing(x, y, weights, rate, steps))
        assert np.allclose(
            right(np.tile(x, (2, 1)), np.tile(y, 2), weights, rate, steps), right(x, y, weights, rate, steps)
        )


def test_texts_repeat_words_on_odd_trials_and_hold_words_within_words():
    inside = []
    for trial, (_, text) in enumerate(drawn("project-occlusion")):
        words = text.split()
        assert (len(set(words)) < len(words)) == bool(trial % 2)
        inside += [one for one in words for other in words if one != other and one in other]
    assert {"no", "art"} <= set(inside)


def test_classifiers_are_each_right_alone_somewhere_and_share_errors():
    for first, second in drawn("project-paired"):
        assert 12 <= len(first) == len(second) < 160
        assert all(((first == a) & (second == b)).any() for a in (True, False) for b in (True, False))


def test_folders_are_sound_or_show_each_kind_of_fault():
    kinds = set()
    for trial, (manifest, files) in enumerate(drawn("project-manifest")):
        found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        altered = {name for name in manifest if name in found and found[name] != manifest[name]}
        if altered:
            kinds.add("altered")
        if any(found[name] in manifest.values() for name in altered):
            kinds.add("swapped")
        if any(found[name][:63] == manifest[name][:63] for name in altered):
            kinds.add("last digit")
        kinds |= {
            kind
            for kind, names in (("lost", manifest.keys() - found.keys()), ("added", found.keys() - manifest.keys()))
            if names
        }
        assert (found == manifest) == (trial % 8 == 0)
    assert kinds == {"altered", "swapped", "last digit", "lost", "added"}
