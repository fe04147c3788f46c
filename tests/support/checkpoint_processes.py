"""Processes that save and load a checkpoint: killed at each of their steps, or several at once. Run as a program.

Usage: `python -m tests.support.checkpoint_processes kill|race FOLDER`; the last line of its output is JSON.
"""

import itertools
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from utils.checkpoints import CheckpointError, load_checkpoint, save_checkpoint

STEPS = ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.listdir", "os.scandir", "shutil.rmtree")


class Version:
    """Model and tokenizer of a version: every weight is its number."""

    def __init__(self, number):
        self.number = number

    def save_pretrained(self, folder, safe_serialization=None):
        if safe_serialization:
            save_file({"w": np.full((50, 20), self.number, "float32")}, folder / "model.safetensors")
            (folder / "config.json").write_text("{}")
        else:
            (folder / "vocab.txt").write_text(f"{self.number}\n" * 9)


def save(folder, number):
    details = {"classes": ["a", "b"], "max_length": 3, "version": number}
    save_checkpoint(folder, Version(number), Version(number), details, overwrite=True)


def load(folder):
    """Return the version that is loaded, having seen that it is whole."""
    found = load_checkpoint(folder)
    number = found.details["version"]
    if set(found.weights["w"].ravel()) != {number} or found.files["vocab.txt"] != f"{number}\n".encode() * 9:
        raise RuntimeError(f"a mixture of versions: {number} and others")
    return number


def forked(work):
    """Run a function in a process of its own and return the process's number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def killed_at(step, folder):
    """Replace version 1 by 2 in a process that is killed before its step of that number; return whether it was."""

    def work():
        steps = itertools.count(1)

        def kill_at_step(event, arguments):
            if event in STEPS and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill_at_step)
        save(folder, 2)

    _, status = os.waitpid(forked(work), 0)
    if status and not os.WIFSIGNALED(status):
        raise RuntimeError("saving failed by itself; see above")
    return os.WIFSIGNALED(status)


def kill_at_each_step(parent):
    """Return how often saving was killed, how often that left nothing at the place, and what was loaded after each."""
    gaps, loaded = 0, []
    for step in itertools.count(1):
        folder = parent / str(step) / "kept"
        save(folder, 1)
        was_killed = killed_at(step, folder)
        gaps += not folder.exists()
        loaded.append(load(folder))
        save(folder, 3)
        left = [name for name in os.listdir(folder.parent) if ".earlier-" in name]
        if load(folder) != 3 or left:
            raise RuntimeError(f"after a kill at step {step} a new save left {left}")
        if not was_killed:
            return {"kills": step - 1, "gaps": gaps, "loaded": loaded}


def race(folder, writers=2, readers=2, saves=12):
    """Let writers and readers use one place at once; return what is there in the end, and how often it was read."""
    save(folder, 1)

    def write(first):
        for number in range(first, first + saves):
            save(folder, number)

    def read():
        parent = os.getppid()
        count = 0
        while count < 400 and os.getppid() == parent and not (folder.parent / "done").exists():
            try:
                load(folder)
            except CheckpointError as refusal:
                if "other processes keep" not in str(refusal):
                    raise
            count += 1
        (folder.parent / f"read-{os.getpid()}").write_text(str(count))

    writing = [forked(lambda first=100 * (at + 1): write(first)) for at in range(writers)]
    reading = [forked(read) for _ in range(readers)]
    statuses = [os.waitpid(child, 0)[1] for child in writing]
    (folder.parent / "done").touch()
    statuses += [os.waitpid(child, 0)[1] for child in reading]
    reads = [int(path.read_text()) for path in folder.parent.glob("read-*")]
    hidden = [name for name in os.listdir(folder.parent) if name.startswith(".")]
    return {"statuses": statuses, "reads": reads, "last": load(folder), "hidden": hidden}


if __name__ == "__main__":
    kind, place = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(kill_at_each_step(place) if kind == "kill" else race(place / "kept")))
