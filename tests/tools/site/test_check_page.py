"""The generated tables of "How this book is checked" say what the chapters, the mutants and the records say."""

import json
import os
from types import SimpleNamespace

import nbformat.v4 as nbf
import numpy as np
import pytest

from tools.gate import record as record_gate
from tools.mutants.mutants import Mutant
from tools.notebooks.counts import count_chapter
from tools.site import check_page

TEXT = """# Of two things

$$ a = b $$ (eq-first)

$$ c = d $$ (eq-second)

$$ e = f $$

```{exercise-start} Try
:label: ex-try
```
"""
REPORT = """<testsuites><testsuite name="pytest" timestamp="2026-03-05T07:11:13+00:00">{}</testsuite></testsuites>"""
CASE = '<testcase classname="chapters.{}" name="Cell {}" time="{}">{}</testcase>'
CELLS = 5


def printed(text):
    return nbf.new_output("stream", text=text)


def code(source, *tags, outputs=()):
    return nbf.new_code_cell(source, execution_count=1, metadata={"tags": list(tags)}, outputs=list(outputs))


@pytest.fixture
def chapter(tmp_path):
    """A notebook with five cells that run, two of them ignored, one picture and four assertions."""
    picture = nbf.new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
    cells = [
        nbf.new_markdown_cell(TEXT),
        code("assert a == b\nprint('ok')", "checks:eq-first", outputs=[printed("ok\n")]),
        code("assert a\nnp.testing.assert_allclose(a, b)", "checks:eq-first"),
        code("%matplotlib inline\nplot()", outputs=[picture]),
        code("time()", "nbval-ignore-output", outputs=[printed("3 s\n")]),
        code("assert_array_equal(a, b)", "nbval-skip"),
        code("  "),
    ]
    path = tmp_path / "07-things.ipynb"
    path.write_text(json.dumps(nbf.new_notebook(cells=cells)))
    return path


def report_for(path, *, cases=CELLS, results=None):
    """Write nbval's report of a run of the chapter, and make it younger than the chapter."""
    bodies = {**dict.fromkeys(range(cases), ""), **(results or {})}
    report = path.with_name("cells.xml")
    report.write_text(REPORT.format("".join(CASE.format(path.name, n, 2.5, body) for n, body in bodies.items())))
    os.utime(report, (path.stat().st_mtime + 5,) * 2)
    return report


def record(path, **options):
    return record_gate.build_record(report_for(path, **options), [path], "jax", "cpu")


def render(path, **sources):
    return check_page.render(check_page.Sources([count_chapter(path)], **sources))


def test_chapter_is_counted_by_kind(chapter):
    counts = count_chapter(chapter)
    assert (counts.title, counts.name) == ("Of two things", "07-things")
    assert (counts.cells, counts.compared, counts.ignored, counts.pictures) == (CELLS, 3, 2, 1)
    assert counts.assertions == 4
    assert counts.checks == {"eq-first": 2, "eq-second": 0}
    assert counts.checked == 1
    assert counts.exercises == 1


def test_chapter_without_heading_is_refused(chapter):
    chapter.write_text(chapter.read_text().replace("# Of two things", "Of two things"))
    with pytest.raises(ValueError, match=r"07-things\.ipynb to have a heading"):
        count_chapter(chapter)


def test_cell_that_is_not_python_is_refused(chapter):
    chapter.write_text(chapter.read_text().replace("plot()", "plot("))
    with pytest.raises(ValueError, match=r"expected Python in every code cell of 07-things\.ipynb"):
        count_chapter(chapter)


def test_table_aligns_numbers_to_the_right():
    assert check_page.table(["a", "n"], [("x", 1), ("y", 23)]) == "| a | n |\n| --- | ---: |\n| x | 1 |\n| y | 23 |"


def test_page_shows_counts_equations_and_mutants(chapter):
    mutants = [
        Mutant("scale-left-out", "eq-first", "utils.attention.causal_mask", "a", "b"),
        Mutant("mask-turned-round", "eq-first", "utils.attention.causal_mask", "a", "b"),
    ]
    page = render(chapter, mutants=mutants)
    assert "| [Of two things](../chapters/07-things.ipynb) | 5 | 3 | 2 | 1 |" in page
    assert "| [Of two things](../chapters/07-things.ipynb) | 2 | 1 | 4 | 1 |" in page
    assert "| {eq}`eq-first` | 2 | scale left out, mask turned round |" in page
    assert "| {eq}`eq-second` | 0 | none |" in page


def test_page_shows_what_each_checker_knows():
    function = SimpleNamespace(title="a mask", mistakes=("one", "two", "three"), asks_for_value=False, trials=37)
    value = SimpleNamespace(title="a shape", mistakes=("one",), asks_for_value=True, trials=37)
    section = check_page.exercises_section([function, value])
    assert "| a mask | 3 | 37 |" in section
    assert "| a shape | 1 | 1 |" in section


def test_page_shows_how_many_numbers_pytorch_gave_for_each_case(chapter):
    arrays = {
        "float_mask/query": np.zeros((2, 3)),
        "float_mask/output": np.zeros((2, 5)),
        "float_mask/weights": np.zeros((2, 7)),
        "float_mask/grad_query": np.zeros((2, 3)),
        "plain/output": np.zeros(11),
        "meta/torch": np.array("9.8.7"),
        "meta/seed": np.array(41),
    }
    page = render(chapter, reference={"attention": arrays})
    assert "| attention, float mask | 30 | PyTorch 9.8.7, seed 41 |" in page
    assert "| attention, plain | 11 | PyTorch 9.8.7, seed 41 |" in page
    assert "## Values from PyTorch\n\nNone are stored yet." in render(chapter)


def test_page_says_which_command_measured_each_figure(chapter):
    results = {"attention_cost": {"date": "2026-02-03", "command": "python tools/measure.py --repeats 7", "rows": []}}
    page = render(chapter, results=results | {"gate": record(chapter)})
    assert "| attention cost | 2026-02-03 | `python tools/measure.py --repeats 7` |" in page
    assert "| gate |" not in page
    assert "## Measured figures\n\nNone are stored yet." in render(chapter)


def test_page_without_a_record_says_so(chapter):
    page = render(chapter)
    assert "Not recorded yet." in page
    assert "Not yet run on a GPU." in page


def test_page_shows_the_record_and_whether_the_chapter_has_changed_since(chapter):
    gate = record(chapter)
    page = render(chapter, results={"gate": gate})
    assert "On 2026-03-05: jax on CPU, Python" in page
    assert "| 5 | 3 | 2 | 0 | 12 | unchanged |" in page
    chapter.write_text(chapter.read_text().replace("time()", "time( )"))
    assert "| 5 | 3 | 2 | 0 | 12 | changed |" in render(chapter, results={"gate": gate})
    assert "| 07-things | 5 | 3 | 2 | 0 | 12 | removed |" in check_page.render(
        check_page.Sources([], results={"gate": gate})
    )


def runs(path, *backends, device="cpu", **extra):
    """Return a record as tools/validate/validate.py writes it, of the chapter on backends."""
    rows = [
        {
            "chapter": path.stem,
            "backend": backend,
            "cells": 5,
            "compared": 3,
            "different": number,
            "seconds": 40 + number,
            "reported": {"backend": backend, "device_name": f"{device}:{number}", "versions": {backend: f"9.{number}"}},
            "sha256": count_chapter(path).sha256,
        }
        for number, backend in enumerate(backends)
    ]
    machine = {"processor": "Model 7", "cores": 3, "system": "Plan 9"}
    envelope = {"date": "2026-04-07", "command": "python tools/validate/validate.py --all", "machine": machine}
    return envelope | {"versions": {"python": "3.12.9", "keras": "8.7"}, "rows": rows} | extra


def test_page_shows_the_table_of_backends_as_the_result_file_has_it(chapter):
    record = runs(chapter, "tensorflow", "jax", "torch")
    page = render(chapter, results={"backends": record})
    assert "## On three backends\n\nOn 2026-04-07, Model 7, 3 cores, Plan 9." in page
    link = "[Of two things](../chapters/07-things.ipynb)"
    assert f"| {link} | TensorFlow 9.0 | cpu:0 | 5 | 3 | 0 | 40 | unchanged |" in page
    assert f"| {link} | JAX 9.1 | cpu:1 | 5 | 3 | 1 | 41 | unchanged |" in page
    assert f"| {link} | PyTorch 9.2 | cpu:2 | 5 | 3 | 2 | 42 | unchanged |" in page
    assert "Versions: python 3.12.9, keras 8.7." in page
    assert "tools/validate/validate.py" not in page, "a recorded run stands among the measured figures"
    chapter.write_text(chapter.read_text().replace("time()", "time( )"))
    assert "| 0 | 40 | changed |" in render(chapter, results={"backends": record})
    assert "| 07-things | JAX 9.1 |" in check_page.render(check_page.Sources([], results={"backends": record}))
    assert "Not yet run on the three backends." in render(chapter)
    chapter.write_text(chapter.read_text().replace("# Of two things", "# Of two things: a subtitle"))
    assert f"| {link} | JAX 9.1 |" in render(chapter, results={"backends": record})


def test_page_shows_a_run_on_a_gpu_and_what_has_not_been_run_there(chapter):
    record = runs(chapter, "torch", device="cuda", gpu="Fake GPU 7", driver="123.45")
    page = render(chapter, results={"gpu": record})
    assert "## On a GPU\n\nOn 2026-04-07, Fake GPU 7, driver 123.45, Plan 9." in page
    assert "| PyTorch 9.0 | cuda:0 | 5 | 3 | 0 | 40 | unchanged |" in page
    assert "yet run on a GPU" not in page
    record["rows"][0]["chapter"] = "06-other"
    link = "[Of two things](../chapters/07-things.ipynb)"
    assert f"Not yet run on a GPU: {link}." in render(chapter, results={"gpu": record})


def test_page_shows_what_the_pages_weigh_and_how_audits_judge_them(chapter):
    assert "## The pages, measured\n\nNot yet measured." in render(chapter)
    scores = {"performance": 99, "accessibility": 100, "best-practices": 96.5, "seo": 92}
    row = {"page": "chapters/07-things", "kilobytes": 303, "layout_shift": 0.001, "axe_nodes": 2}
    row |= {"desktop": scores, "mobile": {**scores, "performance": 91}}
    record = {"date": "2026-03-05", "command": "python x.py", "tools": {"axe-core": "4"}, "lighthouse_runs": 5}
    page = render(chapter, results={"pages": {**record, "rows": [row]}})
    row = "| 07-things | 303 | 0.001 | 2 | 99 / 100 / 96.5 / 92 | 91 / 100 / 96.5 / 92 |"
    assert row.replace(" / ", "\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}") in page  # scores stay on one line
    assert "On 2026-03-05, axe-core 4." in page
    assert "the median of 5 runs" in page


def test_record_counts_cells_that_differ_or_fail(chapter):
    failures = {1: "<failure message='differs'/>", 3: "<error message='raised'/>"}
    (entry,) = record(chapter, results=failures)["chapters"]
    assert (entry["cells"], entry["compared"], entry["ignored"], entry["different"]) == (CELLS, 3, 2, 2)
    assert entry["seconds"] == 12


def test_record_ignores_other_notebooks_with_a_similar_name(chapter):
    report = report_for(chapter)
    stranger = CASE.format("107-things.ipynb", 0, 100, "<failure/>")
    report.write_text(report.read_text().replace("</testsuite>", f"{stranger}</testsuite>"))
    os.utime(report, (chapter.stat().st_mtime + 5,) * 2)
    (entry,) = record_gate.build_record(report, [chapter], "jax", "cpu")["chapters"]
    assert (entry["different"], entry["seconds"]) == (0, 12)


def test_record_refuses_a_report_older_than_the_chapter(chapter):
    report = report_for(chapter)
    os.utime(report, (chapter.stat().st_mtime - 5,) * 2)
    with pytest.raises(ValueError, match=r"expected cells\.xml to be newer than 07-things\.ipynb"):
        record_gate.build_record(report, [chapter], "jax", "cpu")


@pytest.mark.parametrize("cases", [0, CELLS - 1, CELLS + 1])
def test_record_refuses_a_report_with_another_number_of_cells(chapter, cases):
    with pytest.raises(ValueError, match=rf"expected 5 cells of 07-things\.ipynb in cells\.xml; received {cases}"):
        record(chapter, cases=cases)


def test_record_refuses_skipped_cells(chapter):
    with pytest.raises(ValueError, match=r"every cell of 07-things\.ipynb to be run; 1 were skipped"):
        record(chapter, results={2: "<skipped/>"})


def test_recording_without_a_report_fails_and_says_what_to_do(tmp_path, capsys):
    assert record_gate.main(["--report", str(tmp_path / "none.xml"), "--output", str(tmp_path / "gate.json")]) == 1
    assert "Run `make test` first" in capsys.readouterr().err
    assert not (tmp_path / "gate.json").exists()


def test_recording_writes_what_the_page_reads(chapter, tmp_path, monkeypatch):
    monkeypatch.setattr(record_gate, "find_chapters", lambda: [chapter])
    monkeypatch.setattr(record_gate, "ask_device", lambda: ("torch", "gpu"))
    output = tmp_path / "results" / "gate.json"
    assert record_gate.main(["--report", str(report_for(chapter)), "--output", str(output)]) == 0
    gate = check_page.read_results(output.parent)["gate"]
    assert (gate["backend"], gate["device"], gate["date"]) == ("torch", "gpu", "2026-03-05")
    assert gate["packages"].keys() == set(record_gate.PACKAGES)
    assert gate["chapters"][0]["sha256"] == count_chapter(chapter).sha256


def test_check_fails_where_the_tables_are_missing_or_out_of_date(tmp_path, monkeypatch, chapter, capsys):
    monkeypatch.setattr(check_page, "find_chapters", lambda: [chapter])
    output = tmp_path / "generated" / "checks.md"
    assert check_page.main(["--check", "--output", str(output)]) == 1
    assert "out of date. Write it again" in capsys.readouterr().err
    assert check_page.main(["--output", str(output)]) == 0
    assert check_page.main(["--check", "--output", str(output)]) == 0
    output.write_text(output.read_text().replace("| 5 |", "| 6 |"))
    assert check_page.main(["--check", "--output", str(output)]) == 1


def test_committed_tables_are_what_the_program_writes_now():
    expected = check_page.render(check_page.read_sources())
    assert check_page.PAGE.read_text(encoding="utf-8") == expected, "run: .venv/bin/python tools/site/check_page.py"


def test_committed_record_found_no_difference_and_is_on_the_page():
    gate, page = check_page.read_results().get("gate"), check_page.PAGE.read_text(encoding="utf-8")
    assert (gate is None) == ("Not recorded yet." in page)
    assert sum(entry["different"] for entry in (gate or {"chapters": []})["chapters"]) == 0


def test_committed_runs_on_backends_found_no_difference_and_are_on_the_page():
    found, page = check_page.read_results(), check_page.PAGE.read_text(encoding="utf-8")
    for name, none in (("backends", "Not yet run on the three backends."), ("gpu", "Not yet run on a GPU.")):
        assert (name not in found) == (none in page)
        assert [row for row in found.get(name, {"rows": []})["rows"] if row["different"]] == []
    if "backends" in found:
        assert {row["reported"]["backend"] for row in found["backends"]["rows"]} == {"tensorflow", "jax", "torch"}
