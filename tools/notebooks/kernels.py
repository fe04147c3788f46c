"""Run the cells of a notebook in a fresh kernel of this very interpreter."""

import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools.notebooks.chapters import ROOT, is_code

CELL_TIMEOUT = 600.0  # seconds; the project chapter trains, and a busy machine takes its time
_SILENT = logging.Logger("nbclient", level=logging.CRITICAL)


class CellFailed(Exception):
    """A cell raised, hung, or its kernel died: `index` is its place in the notebook, `reason` says which."""

    def __init__(self, index: int, reason: str):
        super().__init__(reason)
        self.index = index
        self.reason = reason


class ThisInterpreter(AsyncKernelManager):
    """Starts the kernel with the running Python, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of `sys.executable`."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def kernel_environment(search: Sequence[Path] = ()) -> dict[str, str]:
    """Return the environment of a kernel: the book's profile, and `search` then the repository on its path."""
    environment = {**os.environ}
    environment.setdefault("IPYTHONDIR", str(ROOT / "tools" / "notebooks" / "ipython"))
    environment.setdefault("KERAS_BACKEND", "tensorflow")
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment.pop("MPLBACKEND", None)  # figures belong in the notebook
    paths = [*map(str, search), str(ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    return environment


def run_cells(
    notebook: NotebookNode,
    folder: Path,
    *,
    timeout: float = CELL_TIMEOUT,
    search: Sequence[Path] = (),
    on_cell: Callable[[int], None] = lambda index: None,
) -> None:
    """Run every code cell in order in one fresh kernel and store the outputs in `notebook`.

    The kernel is gone when this returns, however it returns.

    Args:
        notebook: changed in place.
        folder: the kernel's working directory.
        timeout: seconds that one cell may take.
        search: folders that come first on the kernel's module search path.
        on_cell: called with the index of each code cell before it runs.

    Raises:
        CellFailed: a cell raised or took longer than `timeout`, or the kernel died.
    """
    with tempfile.TemporaryFile() as log:
        client = NotebookClient(
            notebook,
            kernel_manager_class=ThisInterpreter,
            timeout=timeout,
            record_timing=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
            log=_SILENT,  # what goes wrong is raised, and said once
        )
        # Unlike `client.execute`, this leaves Ctrl-C to Python: it arrives as KeyboardInterrupt.
        with client.setup_kernel(env=kernel_environment(search), stdout=subprocess.DEVNULL, stderr=log):
            for index, cell in enumerate(notebook.cells):
                if is_code(cell):
                    on_cell(index)
                    _run_cell(client, index, timeout, log)


def _run_cell(client: NotebookClient, index: int, timeout: float, log: IO[bytes]) -> None:
    cell = client.nb.cells[index]
    try:
        client.execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
    except CellExecutionError as error:
        raise CellFailed(index, f"{error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise CellFailed(index, f"it ran for more than {timeout:g} seconds and was stopped") from error
    except DeadKernelError as error:
        raise CellFailed(index, f"the kernel died. {_last_words(log)}") from error


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if "[IPKernelApp]" not in line]
    return "Its last words:\n" + "\n".join(lines[-5:]) if lines else "It left no message."
