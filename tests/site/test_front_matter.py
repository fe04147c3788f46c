"""The pages around the chapters: what they show is run, what they name exists, what they claim is measured."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
SHOWN = re.compile(r"^```python\n(?P<code>.*?)^```\n\n```text\n(?P<output>.*?)^```$", re.M | re.S)
KEY = re.compile(r"^@\w+\{([^,]+),", re.M)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def run(code):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "snippet", "exec"), {"__name__": "snippet"})
    return printed.getvalue()


def requirements(name):
    lines = (line.split("#")[0].strip() for line in read(name).splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


@pytest.mark.parametrize("name", ["intro.md", "README.md"])
def test_code_blocks_print_what_the_page_shows(name):
    shown = list(SHOWN.finditer(read(name)))
    assert len(shown) == read(name).count("```python\n") > 0
    for block in shown:
        assert run(block["code"]) == block["output"]


def test_make_targets_in_readme_are_those_of_the_makefile():
    documented = set(re.findall(r"^\| `make ([a-z-]+)` \|", read("README.md"), re.M))
    assert documented == set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.M))


def test_readme_says_why_each_direct_dependency_is_there():
    section = read("README.md").split("## Dependencies, and why")[1]
    explained = re.findall(r"^\| ([a-z0-9-]+) \| \S", section.replace("| package | is here because |", ""), re.M)
    direct = [item.name for name in ("requirements/book.in", "requirements/all.in") for item in requirements(name)]
    assert sorted(explained) == sorted(direct)


def test_loose_requirements_admit_the_locked_versions():
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", read("requirements/all.txt"), re.M))
    loose = {item.name: item.specifier for item in requirements("requirements.txt")}
    assert {"keras", "tensorflow", "numpy", "matplotlib"} <= loose.keys() & locked.keys()
    for name in loose.keys() & locked.keys():
        assert Version(locked[name]) in loose[name], name


@pytest.mark.parametrize("name", ["README.md", "LICENSE-TEXT.md"])
def test_links_into_the_repository_lead_to_files(name):
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", read(name)) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_paths_in_readme_exist():
    house = read("README.md").split("## The house")[1].split("## ")[0]
    paths = re.findall(r"`([\w./]+)`", "\n".join(line.split("|")[1] for line in house.splitlines() if "`" in line))
    assert "chapters/" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_citation_file_has_what_the_format_requires():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["title"] == "{}: {}".format(*re.match(r"# (.+)\n\n\*(.+)\.\*", read("intro.md")).groups())


def test_every_bibliography_key_is_unique_and_says_author_year_and_word():
    keys = KEY.findall(read("references.bib"))
    years = re.findall(r"^  year\s*=\s*\{(\d{4})\}", read("references.bib"), re.M)
    assert len(keys) == len(set(keys)) == len(years)
    pairs = zip(keys, years, strict=True)
    assert [key for key, year in pairs if not re.fullmatch(f"[a-z]+{year}[a-z]*", key)] == []


def test_every_work_has_a_place_where_it_can_be_read():
    entries = re.split(r"(?=^@)", read("references.bib"), flags=re.M)[1:]
    assert [KEY.match(entry)[1] for entry in entries if not re.search(r"^  (doi|url)\s*=", entry, re.M)] == []


def test_glossary_is_in_alphabetical_order_and_defines_each_term_once():
    terms = re.findall(r"^(\S.*)\n  \S", read("pages/glossary.md").split(":::{glossary}")[1], re.M)
    assert terms == sorted(set(terms), key=lambda term: term.lower().replace("-", " "))
    assert len(terms) > 30
