"""The workflows are valid, run nothing but make targets, pin every action, and may write only where they must."""

import re
import subprocess
import sys

import pytest
import yaml

from tools.notebooks.chapters import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = frozenset(name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", MAKEFILE, re.M) for name in line.split())
WRITERS = {("pages.yml", "publish"): {"contents": "write"}}  # the only jobs that may write, and what
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")
PINNED_LINE = re.compile(r"^\s*(?:- )?uses: [\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
SETTING = re.compile(r"[A-Z][A-Z_]*=\S+")
SCHEMAS = ("vendor.github-workflows", "custom.github-workflows-require-timeout")


def steps(workflow):
    """Return every step of every job."""
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def complaints_about_commands(workflow):
    """Return the commands that are anything but one call of make with targets that exist."""
    found = []
    for command in (step["run"] for step in steps(workflow) if "run" in step):
        program, *words = re.sub(r"\$\{\{.*?\}\}", "VALUE", command).split()
        targets = [word for word in words if not SETTING.fullmatch(word)]
        if program != "make" or "\n" in command.strip() or not targets:
            found.append(f"expected `make <target>`; received {command!r}")
        found += [f"the Makefile has no target {name!r}" for name in targets if name not in TARGETS]
    return found


def complaints_about_actions(workflow, text):
    """Return the actions that are not pinned by a commit, with the version beside it."""
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    used += [job["uses"] for job in workflow["jobs"].values() if "uses" in job]
    found = [f"expected {name} to be pinned by a commit" for name in used if not PINNED.fullmatch(name)]
    lines = [line for line in text.splitlines() if re.match(r"\s*(- )?uses:", line)]
    return found + [f"expected the version after #: {line.strip()}" for line in lines if not PINNED_LINE.match(line)]


def complaints_about_permissions(workflow, name):
    """Return where a workflow or a job may do more than read, beyond WRITERS."""
    found = []
    if workflow.get("permissions") != {"contents": "read"}:
        found.append(f"expected `permissions: contents: read` at the top; received {workflow.get('permissions')}")
    for job_name, job in workflow["jobs"].items():
        allowed = WRITERS.get((name, job_name))
        if job.get("permissions") != allowed:
            found.append(f"expected permissions {allowed} for job {job_name}; received {job.get('permissions')}")
        checkouts = [step for step in job.get("steps", []) if step.get("uses", "").startswith("actions/checkout@")]
        kept = [step for step in checkouts if step.get("with", {}).get("persist-credentials", True)]
        if kept and not allowed:
            found.append(f"expected `persist-credentials: false` in job {job_name}, which only reads")
    return found


def complaints_about_running(workflow):
    """Return where runs may pile up or never end."""
    found = [] if "concurrency" in workflow else ["expected a concurrency group"]
    return found + [
        f"expected timeout-minutes for {name}" for name, job in workflow["jobs"].items() if "timeout-minutes" not in job
    ]


def complaints(text, name="ci.yml"):
    """Return all that is wrong with a workflow beside its form."""
    workflow = yaml.safe_load(text)
    return [
        *complaints_about_commands(workflow),
        *complaints_about_actions(workflow, text),
        *complaints_about_permissions(workflow, name),
        *complaints_about_running(workflow),
    ]


def check_schema(*paths):
    """Hold files to the official schema of workflows, offline; return (status, what was printed)."""
    printed, status = "", 0
    for schema in SCHEMAS:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        printed, status = printed + done.stdout + done.stderr, status or done.returncode
    return status, printed


def test_the_three_workflows_are_there():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "gpu.yml", "pages.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_sound(path):
    assert complaints(path.read_text(encoding="utf-8"), path.name) == []


def test_workflows_fit_the_official_schema(require):
    require("check_jsonschema")
    assert check_schema(*WORKFLOWS)[0] == 0, check_schema(*WORKFLOWS)[1]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("runs-on: ubuntu-latest", "runs_on: ubuntu-latest", "is not valid under any of the given schemas"),
        ("contents: read", "contents: reed", "'reed'"),
        ("pull_request:", "pull_requests:", "pull_requests"),
        ("    timeout-minutes: 90\n", "", "timeout-minutes"),
    ],
)
def test_schema_finds_what_is_not_a_workflow(require, tmp_path, right, wrong, message):
    require("check_jsonschema")
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "ci.yml"
    broken.write_text(text.replace(right, wrong))
    status, printed = check_schema(broken)
    assert status == 1
    assert message in printed


SHA = "de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("run: make test\n", "run: make tset\n", "the Makefile has no target 'tset'"),
        ("run: make test\n", "run: make test lint nothing\n", "the Makefile has no target 'nothing'"),
        ("run: make test\n", "run: make\n", "expected `make <target>`; received 'make'"),
        ("run: make test\n", "run: pytest\n", "expected `make <target>`; received 'pytest'"),
        ("run: make test\n", "run: make test && rm -rf x\n", "the Makefile has no target '&&'"),
        (
            "run: make test\n",
            "run: |\n          make test\n          make lint\n",
            "expected `make <target>`; received",
        ),
        ("run: make test\n", "run: make BACKEND=jax\n", "expected `make <target>`; received 'make BACKEND=jax'"),
        (SHA, "v6", "expected actions/checkout@v6 to be pinned by a commit"),
        (SHA, SHA[:39], f"expected actions/checkout@{SHA[:39]} to be pinned by a commit"),
        (SHA, SHA[:40], f"expected the version after #: - uses: actions/checkout@{SHA[:40]}"),
        ("permissions:\n  contents: read\n", "", "expected `permissions: contents: read` at the top; received None"),
        ("contents: read", "contents: write", "at the top; received {'contents': 'write'}"),
        ("    timeout-minutes: 90\n", "    permissions: write-all\n", "for job slow; received write-all"),
        ("    timeout-minutes: 90\n", "", "expected timeout-minutes for slow"),
        (
            "persist-credentials: false",
            "persist-credentials: true",
            "expected `persist-credentials: false` in job test",
        ),
        ("\nconcurrency:", "\nenv:", "expected a concurrency group"),
    ],
)
def test_each_rule_finds_the_workflow_that_breaks_it(right, wrong, message):
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert right in text
    assert any(message in complaint for complaint in complaints(text.replace(right, wrong)))


def test_only_the_job_that_publishes_may_write():
    text = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    more = text.replace("contents: write", "contents: write\n      packages: write")
    assert any("for job publish" in complaint for complaint in complaints(more, "pages.yml"))
    assert any("expected permissions None for job publish" in complaint for complaint in complaints(text, "ci.yml"))


def test_ci_covers_both_systems_both_pythons_and_all_backends():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert (matrix["os"], matrix["python"]) == (["ubuntu-latest", "macos-latest"], ["3.11", "3.13"])
    assert "chromium" in next(row["require"] for row in matrix["include"] if row["os"] == "ubuntu-latest")
    assert jobs["backends"]["strategy"]["matrix"]["backend"] == ["tensorflow", "jax", "torch"]
