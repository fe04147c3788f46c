"""Programs that are interrupted while they run, and whether what they had started is gone."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.support.broken import plain_environment, take_interrupts, wait_for


def interrupted(command, begun, number=signal.SIGINT, folder=None):
    """Send a program a signal once it has written its child's process number to the file `begun`.

    Returns:
        (exit status, output, errors, number of the child).
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=folder, env=plain_environment(), preexec_fn=take_interrupts, **pipes)
    child = int(wait_for(begun, 60))
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors, child


def is_running(pid, seconds=10):
    """Return whether a process is still there after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
            return False  # ended, and its parent has not asked yet
        time.sleep(0.05)
    return True
