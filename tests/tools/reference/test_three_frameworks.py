"""Appendix A: PyTorch's tabs are the file that gave the values; its dictionary holds for the installed libraries."""

import importlib
import inspect
import re

import keras
import numpy as np
import pytest

from tools.editions.syntax import walk
from tools.notebooks.chapters import CHAPTERS, ROOT, read_chapter
from tools.reference import write as reference
from utils.attention import scaled_dot_product_attention
from utils.gradients import weight_gradients
from utils.layers import DecoderLayer
from utils.reference import reference_cases
from utils.transformer import Encoder, TransformerConfig

NAME = "three-frameworks"
FILE = "../tools/reference/models/in_torch.py"
TEXT = "\n\n".join(source for _, source in read_chapter(CHAPTERS / "a1-three-frameworks.ipynb").markdown_cells())
CASES = reference_cases(reference.FOLDER / f"{NAME}.npz")

TABLES = TEXT.split("## A dictionary\n")[1].split("\n## ")[0]
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \| ([^|]*?) ?\|$", TABLES, re.M)
OURS = {
    "TransformerConfig": TransformerConfig,
    "Encoder": Encoder,
    "DecoderLayer": DecoderLayer,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "weight_gradients": weight_gradients,
    "keras": keras,
}
FAMILIES = {"nn": "torch.nn", "F": "torch.nn.functional", "jax": "jax"}


def tabs():
    """Return {title: the bodies of all tabs of that title}."""
    found = {}
    for _, directive in walk(TEXT):
        if directive and directive.name == "tab-item":
            found.setdefault(directive.argument, []).append(directive.body)
    return found


def test_each_piece_stands_in_three_tabs_that_include_files_and_hold_no_code_of_their_own():
    found = tabs()
    assert list(found) == ["NumPy", "Keras", "PyTorch"]
    assert len({len(bodies) for bodies in found.values()}) == 1
    assert len(found["PyTorch"]) >= 7
    for title, body in ((title, body) for title, bodies in found.items() for body in bodies):
        included = re.findall(r"^```\{literalinclude\} (\S+)$", body, re.M)
        assert included
        assert len(included) == body.count("```") / 2
        expected = FILE if title == "PyTorch" else f"../utils/three_frameworks/in_{title.lower()}.py"
        assert {*included} == {expected}


def test_torch_still_says_the_same(require):
    require("torch")
    assert reference.differences(NAME) == []


def test_the_values_are_those_of_the_file_that_the_page_shows(require, monkeypatch):
    """Another line in that file gives other values."""
    require("torch")
    shown = importlib.import_module("tools.reference.models.in_torch")
    assert (ROOT / "chapters" / FILE).resolve().samefile(shown.__file__)
    scores, loss = shown.Translator.forward, shown.next_token_loss
    layer, later = shown.EncoderLayer.forward, shown.later
    for name, owner, other, key in (
        ("forward", shown.Translator, lambda *given: 2 * scores(*given), "pieces/scores"),
        ("forward", shown.EncoderLayer, lambda *given: 2 * layer(*given), "pieces/encoder_layer"),
        ("next_token_loss", shown, lambda *given: 2 * loss(*given), "pieces/loss"),
        ("later", shown, lambda length: ~later(length), "pieces/decoder_layer"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, other)
            assert any(line.startswith(key) for line in reference.differences(NAME))


def test_another_message_of_torch_would_be_seen(require, tmp_path):
    require("torch")
    with np.load(reference.FOLDER / f"{NAME}.npz") as file:
        stored = {key: file[key] for key in file.files}
    stored["messages/no_target"] = np.array("x" * 78)
    np.savez(tmp_path / f"{NAME}.npz", **stored)
    assert [line.partition(":")[0] for line in reference.differences(NAME, tmp_path)] == ["messages/no_target"]


def test_a_query_that_sees_nothing_gets_zero_without_weights_and_nan_with_them(require, monkeypatch):
    torch = require("torch")
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x, hidden = torch.randn(2, 3, 8), torch.ones(3, 3, dtype=torch.bool)
    heads = torch.randn(2, 2, 3, 4)
    assert not torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, attn_mask=~hidden).any()
    assert layer(x, x, x, attn_mask=hidden)[0].isnan().all()
    answer, weights = layer(x, x, x, attn_mask=hidden, need_weights=False)
    assert weights is None
    torch.testing.assert_close(answer, layer.out_proj.bias.expand_as(answer))
    with torch.no_grad():
        assert layer(x, x, x, attn_mask=hidden, need_weights=False)[0].isnan().all()  # the fast path
    forward, asked = torch.nn.MultiheadAttention.forward, []

    def listens(self, *given, **named):
        asked.append(named["need_weights"])
        return forward(self, *given, **named)

    monkeypatch.setattr(torch.nn.MultiheadAttention, "forward", listens)
    torch.nn.Transformer(8, 2, 1, 1, 11, batch_first=True).eval()(x, x)
    assert asked == [False] * 3


def resolved(word, require):
    """Return (object, argument or None) that a word such as `nn.Linear(in_features)` names."""
    path, _, argument = word.removesuffix(")").partition("(")
    first, *rest = path.split(".")
    if first in OURS:
        found = OURS[first]
    elif first in FAMILIES:
        require(FAMILIES[first].partition(".")[0])
        found = importlib.import_module(FAMILIES[first])
    else:
        require("torch")
        found, rest = require("transformers"), [first, *rest]
    for part in rest:
        found = getattr(found, part)
    return found, argument or None


@pytest.mark.parametrize("word", [word for row in ROWS for word in (row[0], *re.findall(r"`([^`]+)`", row[1]))])
def test_a_word_of_the_dictionary_is_one_of_the_installed_library(require, word):
    found, argument = resolved(word, require)
    if argument is None:
        assert callable(found)
    elif word.startswith("F."):  # compiled: its documentation alone says what it takes
        assert f"{argument}=" in found.__doc__
    else:
        assert argument in inspect.signature(found).parameters


def test_the_dictionary_has_a_part_for_each_family():
    assert len(ROWS) >= 30
    assert len(ROWS) == len(re.findall(r"^\| `", TABLES, re.M))
    assert [word in TABLES for word in ("**From PyTorch**", "**From Hugging Face**", "**From JAX**")] == [True] * 3


DEFAULTS = {
    "nn.Transformer(dim_feedforward)": (2048, "2048 unless said"),
    "nn.MultiheadAttention(batch_first)": (False, "False unless said"),
    "nn.LayerNorm(eps)": (1e-5, "1e-5; 1e-3"),
    "nn.CrossEntropyLoss(ignore_index)": (-100, "−100 unless said"),
    "BertConfig(layer_norm_eps)": (1e-12, "1e-12 unless said"),
    "BertConfig(attention_probs_dropout_prob)": (0.1, "0.1; ours is 0"),
    "jax.nn.gelu(approximate)": (True, "True unless said"),
}


@pytest.mark.parametrize("word", DEFAULTS)
def test_defaults_are_those_that_the_dictionary_says(require, word):
    found, argument = resolved(word, require)
    value, said = DEFAULTS[word]
    assert inspect.signature(found).parameters[argument].default == value
    assert next(row[2] for row in ROWS if row[0] == word).startswith(said)
    assert keras.layers.LayerNormalization().epsilon == 1e-3
    assert TransformerConfig(vocabulary_size=5).attention_dropout == 0


def test_jax_shows_where_its_mask_is_true_and_has_tokens_before_heads(require):
    jax = require("jax")
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(3, 2, 5, 3, 4)).astype("float32")  # (B, T, H, D)
    mask = np.arange(5) < 3
    found = np.asarray(jax.nn.dot_product_attention(query, key, value, mask=mask[None, None, None]))
    ours, _ = scaled_dot_product_attention(*(x.swapaxes(1, 2) for x in (query, key, value)), mask)
    np.testing.assert_allclose(found, np.asarray(keras.ops.convert_to_numpy(ours)).swapaxes(1, 2), atol=1e-5)


def test_hugging_face_shows_where_its_mask_is_one(require):
    torch, transformers = require("torch"), require("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 11}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=18, **sizes)).eval()
    one, other = torch.tensor([[3, 4, 5, 6, 7]]), torch.tensor([[3, 4, 5, 8, 9]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    with torch.no_grad():
        hidden = [model(ids, attention_mask=mask).last_hidden_state[:, :3].numpy() for ids in (one, other)]
        seen = [model(ids).last_hidden_state[:, :3].numpy() for ids in (one, other)]
    np.testing.assert_allclose(*hidden, atol=1e-6)
    assert np.abs(seen[0] - seen[1]).max() > 1e-4


def test_first_numbers_of_keras_and_torch_keep_the_limits_that_the_page_explains():
    first = {name: float(number) for name, number in CASES["first"].items()}
    assert first["linear"] == first["linear_bias"] == first["bias_inside"] == pytest.approx(512**-0.5, abs=5e-4)
    assert first["linear_inside"] == pytest.approx((6 / (512 + 2048)) ** 0.5, abs=5e-4)
    assert first["projections"] == first["projections_inside"] == pytest.approx((6 / (4 * 512)) ** 0.5, abs=5e-4)
    assert first["output_inside"] == pytest.approx((6 / (512 + 512)) ** 0.5, abs=5e-4)
    heads = keras.layers.MultiHeadAttention(8, 64)
    heads.build((None, None, 512), (None, None, 512))
    largest = np.abs(heads.get_weights()[0]).max()
    assert largest == pytest.approx((6 / (512 + 512)) ** 0.5, rel=1e-2)
    assert largest / first["projections"] == pytest.approx(2**0.5, rel=2e-2)
