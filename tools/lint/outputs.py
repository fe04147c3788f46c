"""Rules about what is stored under the cells: run from the top, nothing of the machine, compared by nbval."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from tools.lint.findings import Finding
from tools.notebooks.cells import parse_cell, printed_literals
from tools.notebooks.chapters import Chapter, tags

COMPARED_SHARE = 0.9
IGNORING_TAG = "nbval-ignore-output"
FORBIDDEN_TAGS = frozenset({"nbval-skip", "skip-execution", "raises-exception", "nbval-raises-exception"})

_MACHINE_PATH = re.compile(
    r"(?<![\w.:/~-])/(?:home|root|Users|tmp|private|mnt|opt|usr|work|var/folders)\b(?!-)|\bfile:///"
    r"|(?<![\w\\])[A-Z]:\\{1,2}(?:[\w.-]+\\|Users\b|Temp\b|tmp\b)"
)
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,}")
_NBVAL_COMMENT = re.compile(r"#\s*(NBVAL_[A-Z_]+|PYTEST_VALIDATE_IGNORE_OUTPUT)")


def rerun(chapter: Chapter) -> str:
    """Say how to run this chapter again."""
    return f"Run `make execute CH={chapter.path.stem}`"


def output_texts(cell: NotebookNode) -> Iterator[str]:
    """Yield every text that a cell's outputs hold; pictures are left aside."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield "\n".join(output.get("traceback", []))
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/") or kind == "image/svg+xml":
                yield data if isinstance(data, str) else repr(data)


def has_image(output: NotebookNode) -> bool:
    """Return whether an output holds a picture."""
    return any(kind.startswith("image/") for kind in output.get("data", {}))


def counts_run_from_one(chapter: Chapter) -> Iterator[Finding]:
    """Refuse a notebook that did not run once, from the top, in a fresh kernel: nbval would compare nothing."""
    for number, cell in chapter.code_cells():
        if cell.execution_count != number:
            problem = f"expected execution count {number}, found {cell.execution_count}"
            yield Finding(chapter.name, f"cell [{number}]", problem, rerun(chapter))
            return


def no_stderr(chapter: Chapter) -> Iterator[Finding]:
    """Refuse warnings and logs among the outputs."""
    for number, cell in chapter.code_cells():
        for output in cell.outputs:
            if output.get("name") == "stderr":
                first = (output.text.strip().splitlines() or [""])[0][:80]
                remedy = "Mend what warns, or silence exactly this warning in the cell, then run `make execute`"
                yield Finding(chapter.name, f"cell [{number}]", f"stderr is stored: {first!r}", remedy)


def no_error(chapter: Chapter) -> Iterator[Finding]:
    """Refuse a stored exception."""
    for number, cell in chapter.code_cells():
        for output in cell.outputs:
            if output.output_type == "error":
                remedy = "Mend the cell; to show an exception, catch it and print its message"
                yield Finding(chapter.name, f"cell [{number}]", f"{output.ename} is stored as an error", remedy)


def no_machine_path(chapter: Chapter) -> Iterator[Finding]:
    """Refuse paths that exist on the author's machine only, in sources and outputs."""
    numbers = {id(cell): number for number, cell in chapter.code_cells()}
    for index, cell in enumerate(chapter.notebook.cells):
        found = _MACHINE_PATH.search(cell.source)
        if found:
            remedy = "Write a path relative to the repository"
            yield Finding(chapter.name, chapter.place(index), f"the source names {found[0]!r}", remedy)
        found = _first_match(_MACHINE_PATH, cell) if id(cell) in numbers else None
        if found:
            remedy = "Print a path relative to the repository, or its last part only"
            yield Finding(chapter.name, chapter.place(index), f"an output shows {found!r}", remedy)


def no_memory_address(chapter: Chapter) -> Iterator[Finding]:
    """Refuse outputs such as `<Line2D at 0x7f...>`, which are other at every run."""
    for number, cell in chapter.code_cells():
        if found := _first_match(_ADDRESS, cell):
            remedy = "End the cell with a value or assign the result (`_ = ax.plot(...)`); a semicolon does not help"
            yield Finding(chapter.name, f"cell [{number}]", f"an output shows an object '{found}'", remedy)


def _first_match(pattern: re.Pattern[str], cell: NotebookNode) -> str:
    return next((match[0] for text in output_texts(cell) if (match := pattern.search(text))), "")


def no_nbval_comment(chapter: Chapter) -> Iterator[Finding]:
    """Refuse nbval's magic comments, which readers would see and the share of compared cells would miss."""
    for number, cell in chapter.code_cells():
        if found := _NBVAL_COMMENT.search(cell.source):
            remedy = f"Use the cell's metadata: the tag `{IGNORING_TAG}`"
            yield Finding(chapter.name, f"cell [{number}]", f"the comment {found[1]} steers nbval", remedy)


def no_skipped_cell(chapter: Chapter) -> Iterator[Finding]:
    """Refuse tags that keep a cell from being run, or let it fail."""
    for number, cell in chapter.code_cells():
        for tag in sorted(FORBIDDEN_TAGS.intersection(tags(cell))):
            remedy = (
                f"Remove the tag; if only its output varies, use `{IGNORING_TAG}` and state in the next cell what holds"
            )
            yield Finding(chapter.name, f"cell [{number}]", f"the tag {tag!r} takes it out of the proof", remedy)


def enough_is_compared(chapter: Chapter) -> Iterator[Finding]:
    """Ask that nbval compares at least nine in ten of the cells with a computed output."""
    computed = [cell for _, cell in chapter.code_cells() if has_computed_output(cell)]
    compared = [cell for cell in computed if not is_taken_out(cell)]
    if chapter.code_cells() and len(compared) < max(1, COMPARED_SHARE * len(computed)):
        problem = f"{len(compared)} of {len(computed)} cells with a computed output are compared, expected 90 %"
        remedy = f"Print what must hold in a cell without `{IGNORING_TAG}`; images, imports and literals do not count"
        yield Finding(chapter.name, "", problem, remedy)


def is_taken_out(cell: NotebookNode) -> bool:
    """Return whether a tag or a comment keeps nbval from comparing a cell."""
    return bool({IGNORING_TAG, *FORBIDDEN_TAGS}.intersection(tags(cell)) or _NBVAL_COMMENT.search(cell.source))


def has_computed_output(cell: NotebookNode) -> bool:
    """Return whether an output depends on what the cell computed: not an image, an import or a printed literal."""
    lines = {
        line
        for output in cell.outputs
        if not has_image(output)
        for text in (output.get("text", ""), *map(str, output.get("data", {}).values()))
        for line in text.splitlines()
        if line.strip()
    }
    tree = parse_cell(cell.source)
    return bool(lines if tree is None else lines - printed_literals(tree))


RULES = (
    counts_run_from_one,
    no_stderr,
    no_error,
    no_machine_path,
    no_memory_address,
    no_nbval_comment,
    no_skipped_cell,
    enough_is_compared,
)
