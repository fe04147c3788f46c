"""Chapters that break one rule each, with what the lint must say of them; and sound ones that look as if they did."""

from nbformat import v4

from tests.support.broken import (
    ALT,
    CAPTION,
    LABEL,
    PIXEL,
    code,
    drawn,
    figure,
    imports,
    notebook,
    opening,
    proof,
    proved,
    text,
    with_cell,
    with_more,
)

HOME = "/".join(["", "home", "anna", "book"])  # assembled, so that this file itself names no machine's path
RESULT = v4.new_output("execute_result", data={"text/plain": "<Line2D at 0x7f51c0ffee>"}, execution_count=5)
STDERR = v4.new_output("stream", name="stderr", text="UserWarning: beware\n")
ERROR = v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
IMAGE = v4.new_output("display_data", data={"image/png": PIXEL})
HTML = v4.new_output("display_data", data={"text/html": "<p>Drawn: <svg></svg></p>"})


def check(label=LABEL, source="assert doubled_sum(3, 4) == 14"):
    """Return the sound chapter with another checking cell."""
    return with_cell(5, source=source, metadata={"tags": [f"checks:{label}"]})


def unexecuted():
    """Return the sound chapter as it is before it has ever run."""
    content = notebook()
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    return content


def out_of_order():
    """Return the sound chapter after its second cell ran again."""
    content = notebook()
    content.cells[3].execution_count = 5
    return content


def set_up_late():
    """Return the sound chapter with a cell before the set-up."""
    return notebook([text("Too early."), code("x = 1"), *notebook().cells])


def without_prose():
    """Return the sound chapter with a heading alone before a cell."""
    return with_cell(4, source="## Only a heading\n\n(anchor)=")


BROKEN = {
    "unexecuted": (unexecuted, "counts_run_from_one", "expected execution count 1, found None", "make execute CH=01"),
    "run out of order": (out_of_order, "counts_run_from_one", "expected execution count 2, found 5", "make execute"),
    "stderr": (lambda: with_more(code("1", STDERR)), "no_stderr", "UserWarning: beware", "Mend what warns"),
    "error": (lambda: with_more(code("1", ERROR)), "no_error", "ValueError is stored", "catch it and print"),
    "path in a source": (
        lambda: with_more(code(f"open('{HOME}')")), "no_machine_path", "the source names", "relative to the repository",
    ),
    "path in the text": (
        lambda: with_more(text(f"See {HOME}.")), "no_machine_path", "text after the last cell", "relative",
    ),
    "path in an output": (
        lambda: with_more(code("print(p)", f"{HOME}\n")), "no_machine_path", "an output shows", "its last part only",
    ),
    "Windows path": (
        lambda: with_more(code("print(p)", "C:\\Users\\anna\n")), "no_machine_path", "an output shows", "relative",
    ),
    "address in memory": (
        lambda: with_more(code("plot()", RESULT)), "no_memory_address", "at 0x7f51c0ffee", "assign the result",
    ),
    "nbval comment": (
        lambda: with_more(code("# NBVAL_IGNORE_OUTPUT\nprint('x')", "x\n")),
        "no_nbval_comment", "NBVAL_IGNORE_OUTPUT steers nbval", "the tag `nbval-ignore-output`",
    ),
    "skipped cell": (
        lambda: with_more(code("x = 1", tags=["nbval-skip"])), "no_skipped_cell", "'nbval-skip' takes it out", "Remove",
    ),
    "cell not executed": (
        lambda: with_more(code("x = 1", tags=["skip-execution"])), "no_skipped_cell", "'skip-execution'", "Remove",
    ),
    "cell that may raise": (
        lambda: with_more(code("x = 1", tags=["raises-exception"])), "no_skipped_cell", "'raises-exception'", "Remove",
    ),
    "too little compared": (
        lambda: with_more(code("print(y)", "7\n", tags=["nbval-ignore-output"])),
        "enough_is_compared", "2 of 3 cells with a computed output", "Print what must hold",
    ),
    "nothing compared": (
        lambda: notebook([*opening(), text("A literal."), code("print('fine')", "fine\n")]),
        "enough_is_compared", "0 of 0 cells", "Print what must hold",
    ),
    "no prose": (without_prose, "prose_before_each_cell", "cell [3]: no prose", "Say in a Markdown cell before it"),
    "code after code": (lambda: with_more(code("x = 1"), code("y = 1")), "prose_before_each_cell", "[6]", "Say in"),
    "large file": (lambda: with_more(text("a" * 300_000)), "small_file", "expected 300 kB at most", "fewer figures"),
    "no alt": (lambda: with_more(figure(alt="")), "alt_on_every_figure", "alt text is missing", "Say in the cell's"),
    "a path as alt": (
        lambda: with_more(figure(alt="_images/cb31f0a0e1b2c3d4e5f60718293a4b5c.png")),
        "alt_on_every_figure", "is a file name", "what the picture shows",
    ),
    "caption repeated": (
        lambda: with_more(figure(alt="scores,  before AND after scaling")),
        "alt_on_every_figure", "only repeats the caption", "what the picture shows",
    ),
    "short alt": (lambda: with_more(figure(alt="A bar chart of scores.")), "alt_on_every_figure", "22 char", "Say"),
    "no caption": (lambda: with_more(figure(caption=" ")), "alt_on_every_figure", "has no caption", "figure: {caption"),
    "no metadata": (lambda: with_more(code("draw()", IMAGE)), "alt_on_every_figure", "alt text is missing", "mystnb"),
    "two figures": (
        lambda: with_more(code("draw()", IMAGE, IMAGE, **figure().metadata)),
        "alt_on_every_figure", "2 images share one alt text", "one figure per cell",
    ),
    "Markdown image": (
        lambda: with_more(text("![](mask.png)")), "alt_on_every_picture", "a picture is missing", "![the finding]",
    ),
    "image in HTML": (
        lambda: with_more(text('<img src="mask.png" alt="mask.png">')), "alt_on_every_picture", "a file name", "alt=",
    ),
    "image in a directive": (
        lambda: with_more(text("```{figure} mask.png\n:name: fig-mask\n\nThe mask.\n```")),
        "alt_on_every_picture", "a picture is missing", ":alt:",
    ),
    "image in a link": (
        lambda: with_more(text("[![](badge.svg)](page)")), "alt_on_every_picture", "a picture is missing", "State what",
    ),
    "drawing without caption": (
        lambda: with_more(drawn(caption="")), "drawings_say_what_they_show", "has no caption", "figure: {caption",
    ),
    "drawing that repeats its caption": (
        lambda: with_more(drawn(description="Scores before and after scaling")),
        "drawings_say_what_they_show", "description only repeats the caption", "description=...",
    ),
    "drawing with a short description": (
        lambda: with_more(drawn(description="Two scores.")), "drawings_say_what_they_show", "11 char", "description=",
    ),
    "drawing without title": (
        lambda: with_more(drawn(("Two scores", ""))), "drawings_say_what_they_show", "title is missing", "title=...",
    ),
    "drawing with another name": (
        lambda: with_more(drawn(figure_name="fig-other")),
        "drawings_say_what_they_show", "is called 'fig-scores', its figure 'fig-other'", "one name",
    ),
    "drawing twice": (
        lambda: with_more(drawn(), text("Again."), drawn()),
        "drawings_say_what_they_show", "'fig-scores' is that of cell [5]", "a name of its own",
    ),
    "two drawings": (
        lambda: with_more(code("draw()", *drawn().outputs, IMAGE, **drawn(image={"alt": ALT}).metadata)),
        "drawings_say_what_they_show", "2 pictures share one caption", "one figure per cell",
    ),
    "drawing that is not compared": (
        lambda: with_more(drawn(tags=["nbval-ignore-output"])),
        "drawings_say_what_they_show", "is not compared", "Remove what keeps",
    ),
    "drawing without role": (
        lambda: with_more(drawn((' role="img"', ""))),
        "drawings_say_what_they_show", "has the role None, not 'img'", "utils.drawing",
    ),
    "drawing without desc": (
        lambda: with_more(drawn(("desc", "metadata"))), "drawings_say_what_they_show", "<desc>", "utils.drawing",
    ),
    "drawing not named by its title": (
        lambda: with_more(drawn(('id="fig-scores-title"', ""))),
        "drawings_say_what_they_show", "aria-labelledby", "utils.drawing",
    ),
    "drawing in other HTML": (
        lambda: with_more(code("draw()", HTML, mystnb={"figure": {"caption": CAPTION}})),
        "drawings_say_what_they_show", "is not an <svg", "utils.drawing",
    ),
    "drawing that is not well formed": (
        lambda: with_more(drawn(("</svg>", ""))), "drawings_say_what_they_show", "not one well-formed", "utils.drawing",
    ),
    "not Python": (lambda: with_more(code("x = = 1")), "cells_are_python", "it is not Python", "Mend its syntax"),
    "backend in the environment": (
        lambda: with_more(code("import os\nos.environ['KERAS_BACKEND'] = 'jax'")),
        "backend_is_chosen_outside", "KERAS_BACKEND ties the chapter", "before the kernel starts",
    ),
    "backend by a magic": (
        lambda: with_more(code("%env KERAS_BACKEND=jax")), "backend_is_chosen_outside", "KERAS_BACKEND", "keras.ops",
    ),
    "backend by a call": (
        lambda: with_more(code("import keras\nkeras.config.set_backend('jax')")),
        "backend_is_chosen_outside", "set_backend ties", "keras.ops",
    ),
    "backend's function imported": (
        lambda: with_more(code("from keras.config import set_backend as choose")),
        "backend_is_chosen_outside", "set_backend ties", "keras.ops",
    ),
    "torch": (
        lambda: with_more(code("import numpy, torch.nn as nn")), "backend_is_chosen_outside", "torch.nn", "keras.ops",
    ),
    "TensorFlow": (
        lambda: with_more(code("def f():\n    from tensorflow.math import exp")),
        "backend_is_chosen_outside", "importing tensorflow.math", "keras.ops",
    ),
    "JAX by name": (
        lambda: with_more(code("import importlib\nimportlib.import_module('jax.numpy')")),
        "backend_is_chosen_outside", "importing jax.numpy", "keras.ops",
    ),
    "assertion of a constant": (
        lambda: with_more(code("assert True")), "assertions_can_fail", "only, so it cannot fail", "independent",
    ),
    "set-up not tagged": (
        lambda: with_cell(1, metadata={}), "set_up_comes_first", "found it on none", "tag it `set-up`",
    ),
    "set-up not first": (set_up_late, "set_up_comes_first", "first code cell alone, found it on [2]", "Begin with"),
    "set up twice": (
        lambda: with_more(code("x = 1", tags=["set-up"])), "set_up_comes_first", "on [1], [5]", "Begin with",
    ),
    "defined in the package": (
        lambda: with_more(code("def doubled_sum(a, b):\n    return 2 * (a + b)")),
        "defined_once", "tinypackage/sums.py defines it first", "naive_doubled_sum",
    ),
    "class of the package": (
        lambda: with_more(code("class Layer:\n    pass")), "defined_once", "'Layer' is defined again", "naive_Layer",
    ),
    "defined twice in a chapter": (
        lambda: with_more(code("def f():\n    pass"), text("Again."), code("if 1:\n    def f():\n        pass")),
        "defined_once", "01.ipynb cell [5] defines it first", "import it",
    ),
    "label without prefix": (
        lambda: with_more(text("$$a = b$$ (sum)")), "equations_have_labels", "label 'sum'", "Call it `eq-sum`",
    ),
    "numbered without label": (
        lambda: with_more(text("\\begin{align}\na &= b\n\\end{align}")),
        "equations_have_labels", "\\begin{align} is numbered", "$$ ... $$ (eq-name)",
    ),
    "unchecked equation": (
        lambda: with_cell(5, metadata={}), "equations_are_checked", "no cell checks the equation eq-sum", "checks:",
    ),
    "check of no equation": (
        lambda: with_more(code("assert total == 6", tags=["checks:eq-som"])),
        "checks_check_something", "eq-som, which is no equation here", "the labels are: eq-sum",
    ),
    "check without assertion": (
        lambda: check(source="print(doubled_sum(3, 4) == 14)"),
        "checks_check_something", "asserts nothing when it runs", "Add `assert ...`",
    ),
    "label twice": (
        lambda: with_more(text("$$a = b$$ (eq-sum)")), "labels_are_unique", "eq-sum is used again", "a name of its own",
    ),
    "check not folded": (
        lambda: proved(text("A check."), proof(tags=["check"])),
        "checks_say_what_they_established", "[7]: the check is not folded", "`hide-cell`",
    ),
    "check without a line": (
        lambda: proved(check=code("assert doubled_sum(3, 4) == 14", tags=["check", "hide-cell"])),
        "checks_say_what_they_established", "its line is ''", "code_prompt_show",
    ),
    "check with an empty line": (
        lambda: proved(check=proof(line="Checked:  ")),
        "checks_say_what_they_established", "is 'Checked:  '", "code_prompt_show",
    ),
    "line of another kind": (
        lambda: proved(check=proof(line="Show the proof for 10,000 random sums")),
        "checks_say_what_they_established", "expected 'Checked: '", "code_prompt_show",
    ),
    "line that is long": (
        lambda: proved(check=proof(line=f"Checked: {'x' * 101}")),
        "checks_say_what_they_established", "has 110 characters, expected fewer than 110", "code_prompt_show",
    ),
    "line with a formula": (
        lambda: proved(check=proof(line="Checked: $s = 2$ in 20 draws")),
        "checks_say_what_they_established", "holds a formula", "code_prompt_show",
    ),
    "line that changes": (
        lambda: proved(check=proof(opened="Hide")),
        "checks_say_what_they_established", "becomes 'Hide'", "Let `code_prompt_hide` equal",
    ),
    "check that is a solution": (
        lambda: proved(check=proof(tags=["check", "hide-cell", "solution"])),
        "checks_say_what_they_established", "tagged 'solution'", "Keep what the story needs",
    ),
    "check of nothing": (
        lambda: proved(check=proof("total_again = doubled_sum(1, 2)")),
        "checks_establish_something", "[6]: the check neither asserts nor prints", "Assert what its line says",
    ),
    "folded without a reason": (
        lambda: proved(code("count = 3", tags=["hide-cell"])),
        "folded_cells_have_a_reason", "[7]: it is folded and says not why", "tag it `check`",
    ),
    "no imports": (
        lambda: proved(first=[code("import itertools", tags=["hide-cell"])]),
        "folded_cells_have_a_reason", "on the second code cell alone, found it on none", "Gather",
    ),
    "imports twice": (
        lambda: proved(imports()), "folded_cells_have_a_reason", "found it on [2], [7]", "Gather imports and seeds",
    ),
    "imports not folded": (
        lambda: proved(first=[imports(tags=["imports"])]),
        "folded_cells_have_a_reason", "[2]: the imports are not folded", "`hide-cell`",
    ),
    "function among the imports": (
        lambda: proved(first=[imports("import numpy as np\ndef naive_sum(a, b):\n    return a + b")]),
        "folded_cells_have_a_reason", "the folded imports define 'naive_sum'", "Show it where",
    ),
    "story that needs a check": (
        lambda: proved(text("Use it."), code("print(worst)", "0.0\n"), check=proof("worst = 0.0\nassert worst < 1")),
        "story_needs_no_check", "[7]: it needs 'worst', which the check of cell [6] alone defines", "another name",
    ),
    "drawing without caption in a check": (
        lambda: proved(check=proof("assert draw() == 1", *drawn().outputs)),
        "drawings_say_what_they_show", "has no caption", "figure: {caption",
    ),
    "figure without alt in a check": (
        lambda: proved(check=proof("assert draw() == 1", *figure().outputs)),
        "alt_on_every_figure", "alt text is missing", "image: {alt",
    ),
    "no prose after a check": (
        lambda: proved(code("x = 1")), "prose_before_each_cell", "[7]: no prose before it", "Say in",
    ),
}  # fmt: skip

FOLLOWS = {  # rules that are broken with it
    "drawing that is not compared": {"enough_is_compared"},
    "unexecuted": {"enough_is_compared"},
    "label without prefix": {"equations_are_checked", "equations_have_mutants"},
    "set up twice": {"set_up_is_one_text"},
    "imports not folded": {"prose_before_each_cell"},
}

SOUND_MORE = {
    "solution after solution": lambda: with_more(code("x = 1"), code("y = 1", tags=["solution"])),
    "picture that says what it shows": lambda: with_more(text(f"![{ALT}](mask.png)")),
    "directive with alt": lambda: with_more(text(f"```{{figure}} mask.png\n:alt: {ALT}\n\n{CAPTION}\n```")),
    "drawing": lambda: with_more(drawn()),
    "drawing of links": lambda: with_more(
        drawn(('role="img"', 'role="group"'), ("</svg>", '<a href="#here"><text>here</text></a></svg>'), caption="")
    ),
    "badge": lambda: with_more(text("[![Open in Colab](badge.svg)](page)")),
    "image shown as code": lambda: with_more(text("Write `![](a.png)`:\n\n```\n![](b.png)\n$$x$$ (eq-code)\n```")),
    "equation in a directive": lambda: with_cell(2, source="Doubled:\n\n```{math}\n:label: eq-sum\ns = 2 (a + b)\n```"),
    "environment in dollars": lambda: with_more(text("$$\n\\begin{align}\na &= b\n\\end{align}\n$$")),
    "web address": lambda: with_more(text("See https://example.org/home/tmp/page and the ratio a/root.")),
    "mapping in LaTeX": lambda: with_more(text("A map $F:\\mathbb{R} \\to \\mathbb{R}$.")),
    "exception shown as text": lambda: with_more(code("try:\n    f()\nexcept E as e:\n    print(e)", "no mask\n")),
    "numpy assertion": lambda: check(source="import numpy as np\nnp.testing.assert_allclose(doubled_sum(1, 2), 6)"),
    "solution called what it is": lambda: with_more(
        code("x = 1"), code("def doubled_sum(a, b):\n    return 2 * (a + b)", tags=["solution"])
    ),
    "naive version": lambda: with_more(code("def naive_doubled_sum(a, b):\n    return a + b + a + b")),
    "check that is folded": lambda: proved(),
    "check that prints": lambda: proved(check=proof("print(doubled_sum(1, 2))", "6.0\n")),
    "check of an equation": lambda: proved(check=proof(tags=["check", "hide-cell", "checks:eq-sum"])),
    "prose before a check serves the cell after it": lambda: proved(text("A number."), proof(), code("x = 1")),
    "folded cell of a chapter without checks": lambda: with_more(code("x = 1", tags=["hide-cell"]), text("So.")),
    "magic": lambda: with_more(code("%config InlineBackend.figure_format = 'retina'")),
}
