"""Find the GPU of this machine, and the Keras backends that see it."""

import json
import os
import platform
import shutil
import subprocess
import sys
from typing import Any

from tools.notebooks.chapters import ROOT
from tools.notebooks.kernels import kernel_environment
from tools.validate.run import BACKENDS, ENVIRONMENT, installed

PATIENCE = 300.0  # seconds for a backend to start
NO_GPU = 3  # exit status


class NoGpu(LookupError):
    """No installed backend sees a GPU."""

    status = NO_GPU


def find_gpu() -> tuple[list[str], dict[str, str]]:
    """Ask each installed backend, in a process of its own, where its tensors land.

    Returns:
        (backends, gpu): the backends that see a GPU; its model as "gpu" and its "driver".

    Raises:
        NoGpu: there is none; the message says what each backend answered.
    """
    answers = {name: ask(name) if installed(name) else {"error": "not installed"} for name in BACKENDS}
    for name, answer in answers.items():
        print(f"  {name}: {describe(answer)}", flush=True)
    seen = [name for name, answer in answers.items() if answer.get("device") == "gpu"]
    if not seen:
        told = "; ".join(f"{name}: {describe(answer)}" for name, answer in answers.items())
        raise NoGpu(f"expected TensorFlow, JAX or PyTorch to see a GPU; none does ({told}). Nothing was written.")
    named, driver = _nvidia()
    models = [answers[name]["accelerator"] for name in seen if answers[name]["accelerator"]]
    return seen, {"gpu": named or next(iter(models), "unknown"), "driver": driver or platform.platform()}


def describe(answer: dict[str, Any]) -> str:
    """Put a backend's answer into words."""
    return answer.get("error") or f"{answer['device_name']} {answer['accelerator']}".strip()


def ask(backend: str) -> dict[str, Any]:
    """Return the report of a fresh process on a backend, or an object whose only entry, error, says why not."""
    environment = kernel_environment() | ENVIRONMENT["gpu"] | {"KERAS_BACKEND": backend}
    command = [sys.executable, str(ROOT / "tools" / "validate" / "report.py")]
    try:
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return json.loads(told.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        return {"error": f"it failed: {(error.stderr.strip().splitlines() or ['without a word'])[-1]}"}
    except subprocess.TimeoutExpired:
        return {"error": f"it gave no answer within {PATIENCE:g} s"}


def _nvidia() -> tuple[str, str]:
    """Return model and driver as NVIDIA's own program tells them, of the first GPU; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", ""
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    told = subprocess.run(query, capture_output=True, text=True, check=False, env=os.environ, timeout=60)
    lines = told.stdout.splitlines() if told.returncode == 0 else []
    name, _, driver = (lines or [""])[0].partition(",")
    return name.strip(), driver.strip()
