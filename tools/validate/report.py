"""Say what this very process runs on: Keras backend, device, versions. Called inside the kernel that ran a chapter.

`python tools/validate/report.py` prints the same for a fresh process, as one line of JSON.
"""

import argparse
import importlib.metadata
import json
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "matplotlib")


def report() -> str:
    """Ask the backend itself, and return the answer as JSON.

    Returns:
        An object with backend, device ("cpu", "gpu" or the backend's own word), device_name (as the backend writes
        it, for instance "cuda:0"), accelerator (the model of a GPU, else "") and versions.
    """
    from utils.runtime import device  # imports Keras, seconds

    found = device()
    model = _accelerator(found.backend) if found.kind == "gpu" else ""
    answer = {"backend": found.backend, "device": found.kind, "device_name": found.name, "accelerator": model}
    return json.dumps(answer | {"versions": _versions(found.backend)})


def _versions(backend: str) -> dict[str, str]:
    """Return the version of Python and of each package that bears on the numbers; other backends are left out."""
    unused = {"tensorflow", "jax", "torch"} - {backend}
    wanted = [name for name in PACKAGES if name not in unused]
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in wanted}


def _accelerator(backend: str) -> str:
    """Return the model of the first GPU, as the backend calls it."""
    if backend == "tensorflow":
        import tensorflow as tf

        first = tf.config.list_physical_devices("GPU")[0]
        return tf.config.experimental.get_device_details(first).get("device_name", "")
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()


def main() -> int:
    """Print the report of this process."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
