"""The rules of the house: imports from the ground up, locked requirements, nothing of one machine."""

import ast
import os
import re
import subprocess
import sys

import pytest

from tools.notebooks.chapters import ROOT

# From the ground up: a package, or a file beside the packages, imports only from those before it.
ORDER = (
    *("files", "checks", "masks", "reference", "runtime", "plotting", "drawing", "exploring", "attention", "positions"),
    *(
        "gradients",
        "schedules",
        "comparison",
        "initialisation",
        "wordpiece",
        "pieces",
        "masked_words",
        "probing",
        "number_words",
        "reviews",
        "corpora",
    ),
    *(
        "layers",
        "order_tasks",
        "training",
        "transformer",
        "number_translator",
        "translation",
        "weights",
        "three_frameworks",
        "checkpoints",
        "classification",
        "hub",
        "tuning",
        "finetuning",
        "clinic",
        "exercises",
    ),
)
MODULES = sorted((ROOT / "utils").rglob("*.py"))
PROGRAMS = sorted((ROOT / "tools").rglob("*.py"))

# Written in pieces, so that this file does not name what it forbids.
REGISTRIES = r"pypi\." + r"org|pythonhosted\." + r"org|(?:--|_)index[-_]" + r"url\b[ =]+\S*://"
HOMES = r"(?<![\w.:/~-])/(?:" + "|".join(["home", "root", "Users", "work", "tmp"]) + r")/[\w.-]+"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (?P<marker>[^\\]+?))? ?\\?$")


def named(path):
    """Return a path relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def tracked_texts():
    """Return {name: text} of the files that git tracks, or of all outside the environment where there is no git."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() or [named(path) for path in ROOT.rglob("*") if is_ours(path)]
    texts = {}
    for name in names:
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in data:
            texts[name] = data.decode("utf-8")
    return texts


def is_ours(path):
    """Return whether a file belongs to the book, not to its environment or what was built."""
    return path.is_file() and not {".venv", "_build", "__pycache__", ".git"}.intersection(path.parts)


def imported_modules(path):
    """Return what a file imports, anywhere in it, as dotted names split at the dots."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = (*package, *(node.module.split(".") if node.module else ()))
            found |= {(*module, alias.name) for alias in node.names}
    return found


def imported_siblings(path):
    """Return the names of the files of utils/ that a file imports, as ORDER gives them."""
    return {parts[1] for parts in imported_modules(path) if parts[0] == "utils"} - {own_name(path)}


def own_name(path):
    """Return the name by which ORDER knows a file: that of the module, or of the package that it is part of."""
    return path.relative_to(ROOT / "utils").parts[0].removesuffix(".py")


def rank(name):
    """Return the place of a package in ORDER, or None."""
    return ORDER.index(name) if name in ORDER else None


@pytest.mark.parametrize("path", MODULES + PROGRAMS, ids=named)
def test_no_assert_statement_outside_tests(path):
    found = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
    assert not found, f"lines {found}: raise an error that says what was expected, what came, and the remedy"


def test_order_names_every_package_of_utils_and_nothing_else():
    assert sorted(ORDER) == sorted({own_name(path) for path in MODULES} - {"__init__"})


@pytest.mark.parametrize("path", [path for path in MODULES if own_name(path) != "finetuning"], ids=named)
def test_nothing_reaches_inside_finetuning_which_alone_switches_to_legacy_keras(path):
    inside = [
        ".".join(parts)
        for parts in imported_modules(path)
        if parts[:2] == ("utils", "finetuning")
        and parts[2:3]
        and (ROOT / "utils" / "finetuning" / f"{parts[2]}.py").is_file()
    ]
    assert not inside, "import what utils.finetuning itself hands on, or move the function out of it"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_utils_imports_only_from_below(path):
    own = own_name(path)
    if own == "__init__":
        return
    above = {name for name in imported_siblings(path) if rank(name) is None or rank(name) > rank(own)}
    assert not above, f"{own} may import only what stands before it in {ORDER}; found {sorted(above)}"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_utils_imports_nothing_of_the_build(path):
    assert not {parts[0] for parts in imported_modules(path)} & {"tools", "tests", "chapters"}


def test_utils_init_holds_a_docstring_at_most():
    nodes = ast.parse((ROOT / "utils" / "__init__.py").read_text()).body
    assert [type(node.value) for node in nodes] in ([], [ast.Constant])


def test_no_name_shadows_a_package_of_the_field():
    assert not {"datasets.py", "tokenizers.py", "helpers.py"} & {path.name for path in MODULES + PROGRAMS}


def locked(name):
    """Return {package and marker: (version, hashes)} of a locked file."""
    packages, current = {}, None
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if match := PINNED.match(line):
            current = packages[match[1], match["marker"] or ""] = (match[2], set())
        elif line.strip().startswith("--hash="):
            current[1].add(line.strip(" \\"))
        else:
            assert line.strip() == "" or line.strip().startswith("#"), f"{name}: neither a pin nor a hash: {line!r}"
    assert packages
    return packages


def test_what_the_build_needs_is_part_of_all_with_the_same_hashes():
    everything = locked("all.txt")
    for package, pin in locked("book.txt").items():
        same_name = {key: value for key, value in everything.items() if key[0] == package[0]}
        assert pin in same_name.values(), f"{package}: {pin[0]} in book.txt, {same_name} in all.txt; run `make lock`"


@pytest.mark.parametrize("name", ["all.txt", "book.txt"])
def test_every_requirement_is_locked_with_hashes_and_torch_is_none_of_them(name):
    packages = locked(name)
    assert not [package for package, (_, hashes) in packages.items() if not hashes]
    assert all(len(found.split(":")[1]) == 64 for _, hashes in packages.values() for found in hashes)
    assert "torch" not in {package for package, _ in packages}
    assert "://" not in (ROOT / "requirements" / name).read_text(), "an address in it: `make lock` writes none"


@pytest.mark.parametrize("name", ["all", "book"])
def test_direct_requirements_are_locked_in_the_version_that_is_asked_for(name):
    versions = {package: version for (package, _), (version, _) in locked(f"{name}.txt").items()}
    for requirement, version in direct_requirements(name):
        assert requirement in versions, f"{requirement} is not in {name}.txt; run `make lock`"
        assert version in (None, versions[requirement]), f"{requirement}=={version} is asked for; run `make lock`"


def direct_requirements(name):
    """Return (package, version or None) of each line of a .in file."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines())
    pairs = (line.partition("==") for line in lines if line and not line.startswith("-"))
    return [(package, version or None) for package, _, version in pairs]


def test_no_tracked_file_names_a_place_on_one_machine_or_a_registry():
    texts = tracked_texts()
    assert "Makefile" in texts
    found = [
        f"{name}: {match[0]}"
        for name, text in texts.items()
        for match in (re.search(HOMES, text), re.search(REGISTRIES, text))
        if match
    ]
    assert not found, "write paths relative to the repository, and no registry's address: " + "; ".join(found)


def test_search_for_machine_paths_finds_them_and_leaves_addresses_alone():
    path = "/".join(["", "home", "anna", "book"])
    assert re.search(HOMES, f"open('{path}')")
    assert not re.search(HOMES, f"https://example.org{path}")


def test_every_folder_of_code_is_a_package():
    folders = {path.parent for top in ("utils", "tools", "tests") for path in (ROOT / top).rglob("*.py")}
    missing = [
        named(folder) for folder in folders if not (folder / "__init__.py").is_file() and "ipython" not in named(folder)
    ]
    assert not missing, "equal names of tests collide, and imports fail, without an __init__.py"


RUNNABLE = [path for path in PROGRAMS if "__main__" in path.read_text()]
# Each program as its own interpreter would begin it: its folder first on the path, none of our modules loaded yet.
ASK_EACH_FOR_HELP = """
import contextlib, io, os, runpy, sys
paths, variables = list(sys.path), dict(os.environ)
for program in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] in ("tools", "utils")]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:], sys.argv = [os.path.dirname(program), *paths[1:]], [program, "--help"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(program, run_name="__main__")
    except SystemExit as end:
        print(program, "well" if end.code in (None, 0) and "usage:" in said.getvalue() else f"ended with {end.code}")
    except BaseException as error:
        print(program, repr(error))
    else:
        print(program, "did not end")
"""


def ask_for_help(folder, *command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *map(str, command)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_program_answers_help_from_any_folder(tmp_path):
    answers = dict(
        line.split(" ", 1) for line in ask_for_help(tmp_path, "-c", ASK_EACH_FOR_HELP, *RUNNABLE).splitlines()
    )
    assert answers == dict.fromkeys(map(str, RUNNABLE), "well")


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("path", RUNNABLE, ids=named)
def test_every_program_answers_help_in_a_process_of_its_own(path, tmp_path):
    assert "usage:" in ask_for_help(tmp_path, path, "--help")


@pytest.mark.parametrize(
    "source",
    [
        "import utils.layers.multi_head_attention",
        "from utils.layers import A",
        "from utils import layers",
        "from .layers import A",
        "from . import layers",
    ],
)
def test_imports_are_seen_in_every_form(monkeypatch, tmp_path, source):
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    path = tmp_path / "utils" / "attention.py"
    path.parent.mkdir()
    path.write_text(f"def f():\n    {source}\n")
    assert imported_siblings(path) == {"layers"}
