"""The page "From the articles to the book" covers each part of each article, and says what libraries really hold."""

import ast
import copy
import importlib.metadata
import importlib.util
import json
from pathlib import Path

import pytest

from tools.site import articles_page

DATA = json.loads(articles_page.DATA.read_text(encoding="utf-8"))
COUNTS = [(12, 6), (21, 3), (14, 2), (12, 1), (22, 2)]  # sections with questions, blocks of code


def test_the_committed_page_is_what_the_program_writes_now():
    expected = articles_page.render(articles_page.read_articles(), articles_page.read_versions())
    remedy = "run: .venv/bin/python tools/site/articles_page.py"
    assert articles_page.PAGE.read_text(encoding="utf-8") == expected, remedy


def test_all_sections_and_blocks_of_code_of_the_articles_are_there():
    articles = articles_page.read_articles()
    assert [(article.sections, article.code_blocks) for article in articles] == COUNTS
    found = [
        tuple(sum(part.kind == kind for part in article.parts) for kind in articles_page.KINDS) for article in articles
    ]
    assert found == COUNTS


def section(number, **fields):
    part = {"kind": "section", "number": number, "about": "a thing", "verdict": "works", "remark": ""}
    return part | {"targets": ["chapters/01-attention#the-equation"]} | fields


@pytest.fixture
def written(tmp_path):
    """Write one sound article of six parts, after `change` has spoilt it; return the file."""

    def write(change=lambda article: None):
        parts = [section(number) for number in ("1", "1.1", "1.2", "2")]
        parts[2:2] = [section(number, kind="code") for number in ("1", "2")]
        article = {"about": "many things", "sections": 4, "code_blocks": 2, "parts": copy.deepcopy(parts)}
        change(article)
        path = tmp_path / "articles.json"
        path.write_text(json.dumps({"articles": [article]}))
        return path

    return write


def spoil(place, **fields):
    return lambda article: article["parts"][place].update(fields)


def test_a_sound_file_is_read_and_shown(written):
    (article,) = articles_page.read_articles(written(spoil(5, verdict="cannot", remark="It stops: see `x`.")))
    page = articles_page.render([article], {"torch": "9.8"})
    link = '<a class="reference internal" href="../chapters/01-attention.html#the-equation">1.3 The equation</a>'
    assert f"**Code 2** a thing\n: *Works.* → {link}" in page
    assert f"**2** a thing\n: **Cannot work.** It stops: see `x`. → {link}" in page
    assert "4 sections and 2 blocks of code; works: 5, cannot work: 1." in page
    assert "read or run in torch 9.8." in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda article: article["parts"].pop(), "sections: expected 4, as recorded; there are 3"),
        (lambda article: article["parts"].pop(3), "code blocks: expected 2, as recorded; there are 1"),
        (spoil(4, number="1.3"), "section 1.3: expected 1.1.1 or 2 or 1.2 in its place"),
        (spoil(5, number="3"), "section 3: expected 1.2.1 or 2 or 1.3 in its place"),
        (spoil(0, number="2"), "section 2: expected 1 in its place"),
        (spoil(3, number="3"), "code blocks: expected 1, 2, 3 and so on in this order; found 1, 3"),
        (spoil(1, verdict="corrected"), "section 1.1: expected a remark, because the verdict is 'corrected'"),
        (spoil(1, verdict="left out"), "section 1.1: expected a remark, because the verdict is 'left out'"),
        (spoil(1, verdict="fine"), "section 1.1: expected a kind of"),
        (spoil(1, about=""), "section 1.1: expected what it is about"),
        (spoil(1, targets=[]), "section 1.1: expected a place in the book"),
        (spoil(1, remark="a\nb"), "section 1.1: expected no line break"),
        (spoil(1, targets=["chapters/99-gone"]), "section 1.1: expected chapters/99-gone.ipynb or"),
        (spoil(1, targets=["chapters/01-attention#gone"]), "a heading with the anchor 'gone' in chapters/01-attention"),
        (spoil(1, colour="red"), "expected the fields of Article and Part in articles.json"),
        (lambda article: article.pop("sections"), "expected the fields of Article and Part in articles.json"),
    ],
)
def test_a_fault_is_named(written, change, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 (the message is compared below)
        articles_page.read_articles(written(change))
    assert message in str(raised.value)


def test_check_fails_where_the_page_is_missing_or_out_of_date(written, tmp_path, capsys):
    files = ["--data", str(written()), "--output", str(tmp_path / "articles.md")]
    assert articles_page.main(["--check", *files]) == 1
    assert "out of date. Write it again" in capsys.readouterr().err
    assert articles_page.main(files) == 0
    assert articles_page.main(["--check", *files]) == 0
    written(spoil(0, about="another thing"))
    assert articles_page.main(["--check", *files]) == 1
    written(spoil(0, number="7"))
    assert articles_page.main(files) == 1
    assert "section 7: expected 1" in capsys.readouterr().err


# What the remarks say of ktrain, beside what data/results/article-code.json records; read without importing it.
KTRAIN = Path(importlib.util.find_spec("ktrain").submodule_search_locations[0])
REMARKS = " ".join(part["remark"] for article in DATA["articles"] for part in article["parts"])


def definitions(file):
    """Return functions and classes of a file of ktrain by name, methods as "Class.method"."""
    tree = ast.parse((KTRAIN / file).read_text(encoding="utf-8"))
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in list(found.values()):
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}": one for one in node.body if isinstance(one, ast.FunctionDef)}
    return found


def arguments(function):
    return [one.arg for one in function.args.args]


def test_ktrain_is_the_version_that_the_page_names():
    assert f"ktrain {importlib.metadata.version('ktrain')}" in articles_page.PAGE.read_text(encoding="utf-8")


def test_ktrain_has_at_its_top_what_the_remarks_recommend_and_not_what_they_miss():
    tree = ast.parse((KTRAIN / "__init__.py").read_text(encoding="utf-8"))
    top = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    top |= definitions("__init__.py").keys() | {path.stem for path in KTRAIN.iterdir()}
    missing = ("Dataset", "Tokenizer", "transformer", "train", "evaluate")
    assert top.isdisjoint(missing)
    assert all(f"`{name}`" in REMARKS for name in missing)
    assert {"get_learner", "text", "dataset"} <= top
    assert "Dataset" in definitions("dataset.py")
    assert {"Learner.fit_onecycle", "Learner.evaluate"} <= definitions("core.py").keys()
    assert not list(KTRAIN.rglob("*.csv")), "the remarks say that ktrain brings no labelled texts"


def test_ktrains_preprocessing_takes_and_returns_what_the_remarks_say():
    found = definitions("text/preprocessor.py")
    assert {"maxlen", "class_names"} <= set(arguments(found["Transformer.__init__"]))
    assert "preprocess_mode" not in arguments(found["Transformer.preprocess_train"])
    assert {"Transformer.preprocess_test", "TransformersPreprocessor.get_classifier"} <= found.keys()
    from_array = definitions("text/data.py")["texts_from_array"]
    assert "preprocess_mode" in arguments(from_array)
    returned = [node.value for node in ast.walk(from_array) if isinstance(node, ast.Return)]
    assert [len(value.elts) for value in returned if isinstance(value, ast.Tuple)] == [3] * len(returned)


def test_pip_does_not_bring_tensorflow_along_with_ktrain():
    assert "`pip` does not bring TensorFlow along" in REMARKS
    wanted = [line for line in importlib.metadata.requires("ktrain") if "extra ==" not in line]
    assert len(wanted) > 10
    assert not [line for line in wanted if line.lower().startswith(("tensorflow", "tf-keras", "tf_keras"))]
