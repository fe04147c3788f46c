"""A command that is killed at any of its steps on disk goes on, or begins again, when it is given again."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("kind", ["train", "folds", "predict"])
def test_killed_at_any_of_its_steps_the_same_command_finishes(tmp_path, kind):
    command = [sys.executable, "-m", "tests.support.command_kills", kind, str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] >= 10
    assert told["stuck"] == []
