"""The forward pass of the page gives Python's probabilities and weights, and the book ships what its record says."""

import gzip
import hashlib
import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load

from tests.support import live_numpy
from tests.support.live_node import ROOT, VOCABULARY, in_node
from tools.live.model import PADDING, WEIGHTS, LiveClassifier
from tools.live.write import round_rows, serialized
from tools.measure.results import RESULTS
from utils import corpora

sys.path.insert(0, str(ROOT / "web"))
import live_pages

EVERYDAY = 30  # of the 500 sentences; tests/site/test_live.py takes all
PROBABILITIES = """
return given.cases.map(({ texts, padding, scale, cut, mask, attention }) => texts.map((text) => {
  const tokens = [...tokenizer.tokens(text, model.max_length), ...Array(padding ?? 0).fill("[PAD]")];
  const allowed = tokens.map((token) => mask === "none" || (token === "[PAD]") === (mask === "inverted"));
  const found = live.classify(tokenizer.encode(tokens), model, { allowed, scale, cut: new Set(cut) });
  const rows = found.attention.map((heads) => heads.map((weights) => weights.map((row) => [...row])));
  return attention ? [[...found.probabilities], rows] : [...found.probabilities];
}));
"""
EVERYTHING = """
const plain = (nested) => (nested.length === undefined ? nested : Array.from(nested, plain));
return given.cases.map(({ ids, cut, ...switches }) => {
  const found = live.classify(ids, model, { ...switches, cut: new Set(cut) });
  return plain([found.probabilities, found.hiddenStates, found.attention]);
});
"""
SETTINGS = {
    "cut": {"cut": [(1, 2), (3, 0)]},
    "inverted": {"allowed": "inverted"},
    "scale": {"scale": 1},
    "dragged": {"dragged": [(0, 1, 0, 2, 0.9), (2, 3, 4, 1, 0.0), (2, 3, 4, 0, 0.35)]},  # two of one row, in this order
    "all": {"cut": [(2, 1)], "allowed": "inverted", "scale": 0.5, "dragged": [(1, 0, 5, 3, 1.0), (3, 2, 0, 4, 0.6)]},
}


def record():
    return json.loads((RESULTS / "live.json").read_text(encoding="utf-8"))


def recorded(name):
    """Return the probability of "positive" that Python found for the first 500 test reviews."""
    row = next(row for row in record()["rows"] if row["weights"] == name)
    return 1 / (1 + np.exp(-np.array(row["logits"].split(), float)))


def reviews(count):
    return corpora.load("reviews", "test").texts[:count]


def in_page(*cases):
    """Return what the page finds for the texts of each case, with its switches."""
    return in_node(PROBABILITIES, cases=cases)


def check_probabilities(found):
    """Fail unless what the page found for the first reviews is what Python recorded."""
    rounded, trained = (recorded(name)[: len(found)] for name in ("rounded", "as trained"))
    assert np.abs(found - rounded).max() < 1e-4
    assert np.abs(found - trained).max() < 0.02
    assert ((found > 0.5) == (trained > 0.5)).all()
    assert 0.3 < (found > 0.5).mean() < 0.7, "reviews of one class would prove little"
    assert np.abs(rounded - trained).max() > 1e-4, "the rounded weights are to be others"


# Of equal length in tokens, but for the last.
SAME_LENGTH = ["The room was clean.", "The soup was awful.", "Nobody was rude today.", "The room was very clean."]
CASES = {
    "reviews": {},
    "padded": {"texts": SAME_LENGTH, "padding": PADDING},
    "plain": {"texts": SAME_LENGTH},
    "seen": {"texts": SAME_LENGTH, "padding": PADDING, "mask": "none"},
    "inverted": {"texts": SAME_LENGTH, "padding": PADDING, "mask": "inverted"},
}


@pytest.fixture(scope="module")
def positive():
    """Return the probability of "positive" in each case."""
    cases = [{"texts": reviews(EVERYDAY)} | case for case in CASES.values()]
    return {name: np.array(rows)[:, 1] for name, rows in zip(CASES, in_page(*cases), strict=True)}


def test_probabilities_are_pythons_and_near_those_of_unrounded_weights(positive):
    check_probabilities(positive["reviews"])


def test_padding_that_the_mask_hides_changes_nothing(positive):
    assert np.abs(positive["plain"] - positive["padded"]).max() < 1e-6
    assert np.abs(positive["plain"] - positive["seen"]).max() > 1e-3


def test_with_the_mask_turned_round_only_the_number_of_tokens_counts(positive):
    *same, longer = positive["inverted"]
    assert np.ptp(same) < 1e-6
    assert abs(longer - same[0]) > 1e-6
    assert np.ptp(positive["plain"][:3]) > 0.5


def draw_tokens(draws):
    """Return ids of seven tokens, and which of them are text: the first five."""
    return draws.integers(0, 14_000, 7).tolist(), [True] * 5 + [False] * 2


@pytest.mark.parametrize("name", SETTINGS)
def test_each_switch_does_what_it_does_in_numpy(name):
    ids, allowed = draw_tokens(np.random.default_rng(sum(map(ord, name))))
    settings = {"allowed": allowed, **SETTINGS[name]}
    if settings["allowed"] == "inverted":
        settings["allowed"] = [not one for one in allowed]
    keys = ("layer", "head", "query", "key", "weight")
    dragged = [dict(zip(keys, one, strict=True)) for one in settings.get("dragged", ())]
    cut = [f"{layer}.{head}" for layer, head in settings.get("cut", ())]
    (found,) = in_node(EVERYTHING, cases=[{"ids": ids, **settings, "cut": cut, "dragged": dragged}])
    expected = live_numpy.forward(ids, **settings)
    for what, ours, theirs in zip(("probabilities", "states", "weights"), expected, found, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4, what
    as_trained = live_numpy.forward(ids, allowed=allowed)
    assert np.abs(expected[0] - as_trained[0]).max() > 1e-4, "the switch is to do something"
    for layer, head, query, key, weight in SETTINGS[name].get("dragged", ())[-1:]:
        row = found[2][layer][head][query]
        assert np.isclose(row[key], weight)
        assert np.isclose(sum(row), 1)


def test_a_row_with_nobody_to_share_keeps_its_weight():
    ids, only = [101, 5, 102], [False, True, False]
    drag = {"layer": 0, "head": 0, "query": 0, "key": 1, "weight": 0.25}
    (found,) = in_node(EVERYTHING, cases=[{"ids": ids, "cut": [], "allowed": only, "dragged": [drag]}])
    assert found[2][0][0][0] == [0, 1, 0]


def test_the_forward_pass_is_short_enough_to_be_read():
    lines = (ROOT / "web" / "live" / "encoder.js").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200


def test_the_shipped_file_is_the_one_that_was_measured():
    content, measured = WEIGHTS.read_bytes(), record()
    assert hashlib.sha256(content).hexdigest() == measured["sha256"]
    assert len(content) == measured["bytes"] <= 4_000_000
    assert measured["largest_shift_of_first_500"] < 0.02


def test_the_scripts_hold_the_file_and_are_small_enough_to_fetch():
    vocabulary = VOCABULARY.read_text(encoding="utf-8").split("\n")[:-1]
    scripts = live_pages.weight_scripts(WEIGHTS.read_bytes(), vocabulary)
    assert sum(len(gzip.compress(text.encode(), 6)) for text in scripts.values()) <= 3_500_000
    handed = {f"given{number}": text for number, text in enumerate(scripts.values())}
    body = """
    const parts = [];
    live.receive = (number, text) => (parts[number] = text);
    Object.keys(given).filter((name) => name.startsWith("given")).forEach((name) => (0, eval)(given[name]));
    const bytes = Buffer.from(parts.join(""), "base64");
    return [live.contents, require("crypto").createHash("sha256").update(bytes).digest("hex")];
    """
    contents, digest = in_node(body, **handed)
    assert contents["vocabulary"] == vocabulary
    assert contents["count"] == len(scripts) - 1
    assert digest == record()["sha256"]


def test_rounding_moves_no_weight_by_more_than_half_a_step():
    rows = np.random.default_rng(3).normal(size=(7, 11)).astype("float32")
    codes, scales = round_rows(rows)
    assert np.abs(codes * scales[:, None] - rows).max() <= 0.5001 * scales.max()
    assert codes.dtype == np.int8
    assert (np.abs(codes).max(axis=1) == 127).all()


@pytest.fixture(scope="module")
def python():
    return LiveClassifier.load()


def batch(python, texts):
    """Return ids (B, T) with four tokens of padding, as the page has them, and whether a token stands there."""
    encoded = [encoding.ids for encoding in python.tokenizer.encode_batch(list(texts))]
    assert len({len(ids) for ids in encoded}) == 1
    ids = np.array([[*row, *[0] * PADDING] for row in encoded], "int32")
    return ids, ids != 0


@pytest.mark.slow
@pytest.mark.parametrize("switch", ["trained", "none", "inverted", "scale", "head", "layer"])
def test_each_switch_does_what_it_does_in_python(python, switch):
    draws = np.random.default_rng(len(switch))
    words = ["the", "room", "was", "clean", "nobody", "could", "call", "awful", "superb", "not", "but", "soup", "dull"]
    texts = [" ".join(draws.choice(words, 9)) for _ in range(4)]
    ids, stands = batch(python, texts)
    weights, width = dict(python.weights), 32
    given = {"texts": texts, "padding": PADDING, "attention": True}
    allowed = stands
    if switch in ("none", "inverted"):
        given["mask"] = switch
        allowed = ~stands if switch == "inverted" else np.ones_like(stands)
    elif switch == "scale":
        given["scale"] = 1
        for number in range(4):
            for kind in ("kernel", "bias"):
                name = f"blocks.{number}.attention.query.{kind}"
                weights[name] = weights[name] * np.float32(np.sqrt(width))
    elif switch in ("head", "layer"):
        heads = [2] if switch == "head" else range(4)
        given["cut"] = [f"1.{head}" for head in heads]
        name = "blocks.1.attention.attention_output.kernel"
        weights[name] = weights[name].copy()
        for head in heads:
            weights[name][:, head * width : (head + 1) * width] = 0
    model = LiveClassifier(weights, python_about())
    expected = model.probabilities(ids, allowed)
    found = in_page(given)[0]
    probabilities = np.array([row for row, _ in found])
    assert np.abs(probabilities - expected).max() < 1e-4
    if switch != "trained":
        assert np.abs(probabilities - python.probabilities(ids, stands)).max() > 1e-4, "the switch is to do something"
    attention = np.array([weights for _, weights in found])  # (B, layers, H, T, T)
    states = model.encoder(ids, attention_mask=allowed, return_hidden_states=True)
    for number, block in enumerate(model.encoder.blocks):
        state, mask = states[number], allowed[:, None]
        _, theirs = block.attention(state, value=state, attention_mask=mask, return_attention_scores=True)
        assert np.abs(attention[:, number] - np.asarray(theirs)).max() < 1e-4


@pytest.mark.slow
def test_the_forward_pass_in_numpy_is_that_of_the_books_encoder(python):
    draws = np.random.default_rng(29)
    for _ in range(3):
        ids, allowed = draw_tokens(draws)
        probabilities, states, weights = live_numpy.forward(ids, allowed=allowed)
        inputs = {"token_ids": np.array([ids]), "attention_mask": np.array([allowed])}
        expected = python.encoder(**inputs, return_hidden_states=True)
        for ours, theirs in zip(states, expected, strict=True):
            assert np.abs(ours - np.asarray(theirs)[0]).max() < 1e-4
        mask = np.array([[allowed]])
        for number, block in enumerate(python.encoder.blocks):
            state = expected[number]
            _, theirs = block.attention(state, value=state, attention_mask=mask, return_attention_scores=True)
            assert np.abs(weights[number] - np.asarray(theirs)[0]).max() < 1e-4
        theirs = python.probabilities(np.array([ids]), np.array([allowed]))[0]
        assert np.abs(probabilities - theirs).max() < 1e-4


def python_about():
    from safetensors import safe_open

    with safe_open(WEIGHTS, "numpy") as file:
        return file.metadata()


def test_a_file_that_is_written_again_is_the_same_to_the_byte_and_says_what_it_is():
    draws = np.random.default_rng(5)
    arrays = {name: draws.normal(size=(3, 2)).astype("float32") for name in ("second", "first")}
    about = {"epsilon": "1e-12", "classes": '["böse", "gut"]', "max_length": "32"}
    content = serialized(arrays, about)
    assert len({serialized(arrays, dict(about)) for _ in range(9)}) == 1
    assert all((load(content)[name] == array).all() for name, array in arrays.items())
    length = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + length])["__metadata__"] == about
