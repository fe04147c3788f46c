"""A small sound chapter with its package, and ways to break it: the material of the gate's own tests."""

import base64
import copy
import os
import signal
import time
from pathlib import Path

import nbformat
from nbformat import v4

from tools.mutants.mutants import Mutant
from utils import drawing

PACKAGE = '''"""A package of one function, and one class that needs super()."""


def doubled_sum(first, second, *, scale=2.0):
    """Add two numbers and scale the sum."""
    return scale * (first + second)


class Base:
    """Adds."""

    def call(self, number):
        """Return number + 1."""
        return number + 1


class Layer(Base):
    """Adds, then doubles."""

    def call(self, number):
        """Return 2 * (number + 1)."""
        return 2 * super().call(number)
'''
FUNCTION = "tinypackage.sums.doubled_sum"
LABEL = "eq-sum"
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n not looked at by the lint").decode()
CAPTION = "Scores before and after scaling."
ALT = "After scaling, the three bars are of nearly equal height; before, the last towers over the rest."

LINE = "Checked: 10,000 random sums, none off by more than 1e-12"

CAUGHT_MUTANT = Mutant("minus", LABEL, FUNCTION, "first + second", "first - second")


def text(source):
    """Make a Markdown cell."""
    return v4.new_markdown_cell(source)


def code(source, *outputs, tags=(), **metadata):
    """Make a code cell; outputs given as text are what it printed."""
    stored = [v4.new_output("stream", name="stdout", text=o) if isinstance(o, str) else o for o in outputs]
    cell = v4.new_code_cell(source, outputs=stored, metadata=metadata)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def figure(alt=ALT, caption=CAPTION):
    """Make a cell with an image output."""
    image = v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure size 640x480 with 1 Axes>"})
    return code("draw = 1", image, mystnb={"image": {"alt": alt}, "figure": {"caption": caption, "name": "fig-bars"}})


def drawn(*edits, caption=CAPTION, description=ALT, figure_name="fig-scores", tags=(), **mystnb):
    """Make a cell with a drawing; edits are pairs (old, new) of its SVG."""
    scores = drawing.grid([[0.5, -2.0]], name="scores")
    shown = drawing.figure(scores, name="fig-scores", title="Two scores", description=description)
    svg = shown._repr_html_()
    for old, new in edits:
        svg = svg.replace(old, new)
    output = v4.new_output("display_data", data={"text/html": svg, "text/plain": repr(shown)})
    settings = {"figure": {"caption": caption, "name": figure_name}} | mystnb
    return code("draw = 1", output, tags=tags, mystnb=settings)


def opening(set_up="from tinypackage.sums import doubled_sum"):
    """Return what every chapter begins with: a line of prose and the set-up cell."""
    return [text("# A chapter\n\nFirst what it needs."), code(set_up, tags=["set-up"])]


def sound_cells():
    """Return the cells of a chapter that breaks no rule."""
    return [
        *opening(),
        text("Two numbers are added and doubled:\n\n$$s = 2 (a + b)$$ (eq-sum)"),
        code("total = doubled_sum(1, 2)\nprint(total)", "6.0\n"),
        text("The next cell checks {eq}`eq-sum` against a sum by hand."),
        code(
            "assert doubled_sum(3, 4) == 3 + 4 + 3 + 4\nprint(doubled_sum(3, 4) - 14)", "0.0\n", tags=["checks:eq-sum"]
        ),
        text("Bars show the same."),
        figure(),
    ]


def notebook(cells=None):
    """Make a notebook of cells, counted as if it had just run from a fresh kernel."""
    cells = sound_cells() if cells is None else cells
    counted = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(counted, start=1):
        cell.execution_count = number
    return v4.new_notebook(cells=cells)


def with_cell(index, **changes):
    """Return the sound notebook with one cell's fields replaced."""
    changed = notebook()
    cell = copy.deepcopy(changed.cells[index])
    cell.update(changes)
    changed.cells[index] = nbformat.from_dict(cell)
    return changed


def with_more(*cells):
    """Return the sound notebook with cells added, after a line of prose."""
    return notebook([*sound_cells(), text("One thing more, the example that this test is about."), *cells])


def proof(source="assert doubled_sum(3, 4) == 14", *outputs, line=LINE, opened=None, tags=("check", "hide-cell")):
    """Make a check that is folded under a line."""
    shown = {"code_prompt_show": line, "code_prompt_hide": line if opened is None else opened}
    return code(source, *outputs, tags=tags, mystnb=shown)


def imports(source="import itertools\n\nimport numpy as np", tags=("hide-cell", "imports")):
    """Make the folded cell of imports."""
    return code(source, tags=tags)


def proved(*more, first=(), check=None):
    """Return the sound chapter with folded imports, cells `first`, a folded check as cell [6], and cells after it."""
    return notebook([*opening(), *(first or [imports()]), *sound_cells()[2:], check or proof(), *more])


def write_book(folder: Path, **chapters):
    """Write chapters/01-<name>.ipynb for each notebook given, and the package; return the folder of the chapters."""
    package = folder / "tinypackage"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "sums.py").write_text(PACKAGE)
    chapters_folder = folder / "chapters"
    chapters_folder.mkdir(exist_ok=True)
    for number, (name, content) in enumerate(chapters.items(), start=1):
        nbformat.write(content, chapters_folder / f"{number:02d}-{name}.ipynb")
    return chapters_folder


def plain_environment(**variables):
    """Return the environment for a program under test: no coverage in it, whose remarks would mix with its own."""
    return {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_PROCESS")} | variables


def take_interrupts():
    """Undo what a shell does to its background jobs: let SIGINT interrupt again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_for(path, seconds=30):
    """Return what a file holds, once it holds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise TimeoutError(f"{path} did not come within {seconds} s")
