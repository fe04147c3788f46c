"""The Colab editions beside the built pages: the same numbers, citations and source; and buttons between them."""

import functools
import re
import textwrap

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from tests.tools.site.test_build import small_book  # noqa: F401 (a fixture)
from tools.editions import write as editions
from tools.editions.labels import book_labels
from tools.notebooks.chapters import ROOT, find_chapters, read_chapter
from tools.site.addresses import EDITIONS, EDITIONS_FOLDER, PUBLISHED, Addresses, read_addresses
from tools.site.repository import with_address
from web import chapter_buttons

REPOSITORY = "https://github.com/ada/transformer"
HTML = ROOT / "_build" / "html"
CHAPTERS = find_chapters()
each_chapter = pytest.mark.parametrize("name", [path.stem for path in CHAPTERS])


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The Markdown of all editions, {name: text}."""
    written = editions.write_editions(Addresses(REPOSITORY), output=tmp_path_factory.mktemp("editions"))
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in written}
    return {
        name: "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for name, notebook in notebooks.items()
    }


def page(name):
    """Return the article of a chapter's page; skip the test where the site is not built from this chapter."""
    path = HTML / "chapters" / f"{name}.html"
    sources = [ROOT / "chapters" / f"{name}.ipynb", ROOT / "_config.yml", *ROOT.glob("utils/**/*.py")]
    if not path.is_file() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        pytest.skip("the site is not built from this state of the book: make book")
    return article_of(path)


@functools.cache
def article_of(path):
    """Return the article of an HTML file, which takes a second to read."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("main article")


@functools.cache
def texts_behind_buttons():
    """Return the editions as the site offers them, {file name: text}."""
    return editions.edition_texts(read_addresses())


@each_chapter
def test_numbers_are_those_of_the_site(texts, name):
    article, text = page(name), texts[name]
    equations = [tag.get_text().strip("()#") for tag in article.select(".eqno")]
    assert re.findall(r"\\tag\{([^}]+)\}", text) == equations
    captions = [tag.get_text().strip() for tag in article.select("figcaption .caption-number")]
    assert re.findall(r"^\*\*(Figure [\dA-C.]+)\.\*\*", text, re.M) == captions
    sections = [tag.get_text().strip() for tag in article.select(":is(h1, h2, h3) .section-number")]
    assert re.findall(r"^#{1,3} ([\dA-C.]+\.) ", text, re.M) == sections
    exercises = [tag.get_text().strip() for tag in article.select(".exercise .caption-number")]
    assert re.findall(r"^### (Exercise [\dA-C.]+)", text, re.M) == exercises


@each_chapter
def test_the_buttons_of_a_page_lead_to_the_edition_and_not_to_the_source(name):
    page(name)
    linked = [*HTML.glob(f"_downloads/*/{name}.ipynb"), *HTML.glob(f"_sources/chapters/{name}.ipynb")]
    assert len(linked) == 2
    text = texts_behind_buttons()[f"{name}.ipynb"]
    assert all(path.read_text(encoding="utf-8") == text for path in linked)


@each_chapter
def test_references_to_equations_read_as_on_the_site(name):
    source = "\n".join(source for _, source in read_chapter(ROOT / "chapters" / f"{name}.ipynb").markdown_cells())
    labels = re.findall(r"\{eq\}`([^`]+)`", source)
    shown = [
        tag.get_text() for tag in page(name).select('a[href*="#equation-"]') if "headerlink" not in tag.get("class", [])
    ]
    assert [f"({book_labels().find(label).number})" for label in labels] == shown


@each_chapter
def test_works_are_cited_as_on_the_site_in_round_brackets(texts, name):
    text = re.sub(r"\s+", " ", texts[name].replace("*", ""))
    for tag in page(name).select(".bibtex-citation"):
        shown = " ".join(tag.get_text().replace("[", "(").replace("]", ")").split())
        assert shown in text or re.sub(r"(\d{4}), ", r"\1; ", shown) in text


@each_chapter
def test_shown_source_is_that_of_the_site(texts, name):
    article, text = page(name), texts[name]
    shown = [textwrap.dedent(tag.get_text()).strip("\n") for tag in article.select(".highlight-python pre")]
    assert [block.strip("\n") for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)] == shown


def test_terms_lead_to_places_that_the_built_glossary_has():
    glossary = HTML / "pages" / "glossary.html"
    if not glossary.is_file():
        pytest.skip("the site is not built: make book")
    places = set(re.findall(r'id="(term-[^"]+)"', glossary.read_text(encoding="utf-8")))
    terms = book_labels().terms
    assert len(terms) > 30
    assert {f"term-{re.sub(r'[^A-Za-z0-9]+', '-', term)}" for term in terms} <= places


@each_chapter
def test_page_has_its_buttons_if_an_address_is_set(name):
    found = {style: page(name).select(f"a.{style}") for _, style, *_ in chapter_buttons.BUTTONS}
    shown = {style: links[0]["href"] for style, links in found.items() if links}
    assert shown == chapter_buttons.chapter_addresses(read_addresses().repository, f"chapters/{name}")


def test_buttons_lead_to_what_is_published_and_to_the_source():
    addresses = chapter_buttons.chapter_addresses(REPOSITORY, "chapters/01-attention", "trunk")
    published = f"https://colab.research.google.com/github/ada/transformer/blob/{PUBLISHED}/{EDITIONS_FOLDER}"
    assert addresses == {
        "open-in-colab": f"{published}/colab/01-attention.ipynb",
        "open-student-edition": f"{published}/student/01-attention.ipynb",
        "chapter-source": f"{REPOSITORY}/blob/trunk/chapters/01-attention.ipynb",
    }
    assert {edition for *_, edition in chapter_buttons.BUTTONS} - {""} < set(EDITIONS)


@pytest.mark.parametrize(
    ("repository", "page_name"),
    [
        ("", "chapters/01-attention"),
        ("https://github.com/OWNER/the-executable-transformer", "chapters/01-attention"),
        ("https://gitlab.com/ada/transformer", "chapters/01-attention"),
        (REPOSITORY, "pages/notation"),
        (REPOSITORY, "intro"),
    ],
)
def test_no_button_where_there_is_nothing_to_open(repository, page_name):
    assert chapter_buttons.chapter_addresses(repository, page_name) == {}


class FakeApp:
    """What `add_chapter_buttons` asks of Sphinx."""

    class config:
        html_theme_options = {"repository_url": REPOSITORY}  # noqa: RUF012


def section(*children):
    tree = nodes.document(None, None)
    tree += nodes.section("", nodes.title("", "One"), *children)
    return tree


def test_the_buttons_are_ordinary_links_first_in_the_row_of_the_card():
    row = nodes.paragraph("", "", nodes.reference("", "Notation", refuri="x"), classes=["buttons"])
    tree = section(nodes.admonition("", nodes.paragraph("", "You need"), row))
    chapter_buttons.add_chapter_buttons(FakeApp, tree, "chapters/01-attention")
    links = list(row.findall(nodes.reference))
    assert [link.astext() for link in links] == ["Open in Colab", "Student edition", "Source", "Notation"]
    addresses = chapter_buttons.chapter_addresses(REPOSITORY, "chapters/01-attention")
    assert [link["refuri"] for link in links] == [*addresses.values(), "x"]
    assert not list(tree.findall(nodes.image))


def test_a_page_without_a_card_has_the_buttons_below_its_title():
    tree = section(nodes.paragraph("", "Text"))
    chapter_buttons.add_chapter_buttons(FakeApp, tree, "chapters/01-attention")
    kinds = [type(node).__name__ for node in tree[0]]
    assert kinds == ["title", "paragraph", "paragraph"]
    assert tree[0][1]["classes"] == ["buttons"]
    assert len(list(tree[0][1].findall(nodes.reference))) == len(chapter_buttons.BUTTONS)
    chapter_buttons.add_chapter_buttons(FakeApp, other := section(), "pages/notation")
    assert len(other[0]) == 1


@pytest.mark.slow  # builds a small book
def test_a_site_with_an_address_links_to_colab_and_to_the_repository(small_book):  # noqa: F811
    folder, build = small_book
    toc = folder / "_toc.yml"
    toc.write_text(toc.read_text().replace("file: second", "file: chapters/01-one"))
    (folder / "chapters").mkdir()
    (folder / "second.md").rename(folder / "chapters" / "01-one.md")
    config = folder / "_config.yml"
    config.write_text(with_address(config.read_text(encoding="utf-8"), REPOSITORY), encoding="utf-8")
    assert (result := build()).returncode == 0, result.stderr
    built = BeautifulSoup((folder / "_build/html/chapters/01-one.html").read_text(encoding="utf-8"), "html.parser")
    [button] = built.select("main article a.open-in-colab")
    assert button["href"] == chapter_buttons.chapter_addresses(REPOSITORY, "chapters/01-one")["open-in-colab"]
    assert built.select(f'a[href="{REPOSITORY}"]')
    assert "Open in Colab" not in (folder / "_build/html/index.html").read_text(encoding="utf-8")
