"""What each directive of the chapters becomes in an edition."""

import posixpath
import textwrap
from collections.abc import Callable

from sphinx.config import Config
from sphinx.directives.code import LiteralInclude

from tools.editions.convert import Converter
from tools.editions.syntax import ADMONITIONS, Directive, EditionError
from tools.notebooks.chapters import ROOT
from web.included_code import CodeReader

# Between these the text of a solution is folded; tools/editions/notebook.py does it, for a solution spans cells.
SOLUTION_START, SOLUTION_END = "\x02solution", "\x02end of solution"


def fold(summary: str, text: str) -> str:
    """Return Markdown that unfolds on a click."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def quote(text: str) -> str:
    """Return Markdown as a quotation."""
    return textwrap.indent(text, "> ", lambda line: True).replace("> \n", ">\n")


def _box(converter: Converter, directive: Directive) -> str:
    """Return an admonition: a quotation below its title. Named ones have no title of their own, but may begin there."""
    named = directive.name != "admonition"
    title = directive.name.capitalize() if named else converter.inline.convert(directive.argument)
    body = f"{directive.argument}\n{directive.body}" if named and directive.argument else directive.body
    return quote(f"**{title}**\n\n{converter.blocks(body)}")


def _margin(converter: Converter, directive: Directive) -> str:
    return quote(converter.blocks("\n\n".join(filter(None, [directive.argument, directive.body]))))


def _dropdown(converter: Converter, directive: Directive) -> str:
    return fold(converter.inline.convert(directive.argument), converter.blocks(directive.body))


def _tabs(converter: Converter, directive: Directive) -> str:
    """Return the tabs one below the other, each under its title: a notebook has nothing to switch them with."""
    return converter.blocks(directive.body)


def _tab(converter: Converter, directive: Directive) -> str:
    return f"**{converter.inline.convert(directive.argument)}**\n\n{converter.blocks(directive.body)}"


def _exercise(converter: Converter, directive: Directive) -> str:
    title = f": {converter.inline.convert(directive.argument)}" if directive.argument else ""
    return f"### Exercise {converter.counts.next('Exercise')}{title}\n\n{converter.blocks(directive.body)}"


def _solution(converter: Converter, directive: Directive) -> str:
    return fold(f"Solution to {_exercise_of(converter, directive)}", converter.blocks(directive.body))


def _solution_start(converter: Converter, directive: Directive) -> str:
    return f"{SOLUTION_START} to {_exercise_of(converter, directive)}"


def _solution_end(_converter: Converter, _directive: Directive) -> str:
    return SOLUTION_END


def _exercise_of(converter: Converter, directive: Directive) -> str:
    return f"exercise {converter.inline.labels.find(directive.argument, 'Exercise').number}"


def _math(converter: Converter, directive: Directive) -> str:
    return converter.equation(directive.body, numbered="label" in directive.options)


def _code(converter: Converter, directive: Directive) -> str:
    return _listing(converter, directive, directive.body, directive.argument or "python")


def _literalinclude(converter: Converter, directive: Directive) -> str:
    """Return the lines of a file that the site shows, read by the reader that the site uses."""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(converter.inline.page), directive.argument))
    try:
        options = {key: LiteralInclude.option_spec[key](value or None) for key, value in directive.options.items()}
        text, _ = CodeReader(str(ROOT / name), options, Config()).read()
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise EditionError(f"{{literalinclude}} of {name} cannot be read: {error}; correct its options") from error
    shown = _listing(converter, directive, textwrap.dedent(text).strip("\n"), options.get("language", "python"))
    address = converter.inline.addresses.file(name)
    source = f"[`{name}`]({address})" if address else f"`{name}`"
    member = f"`{options['pyobject']}` in " if "pyobject" in options else ""
    return f"{shown}\n\n*From {member}{source}.*"


def _listing(converter: Converter, directive: Directive, text: str, language: str) -> str:
    fence = "```" if "```" not in text else "~~~~"
    block = f"{fence}{language}\n{text}\n{fence}"
    caption = directive.options.get("caption")
    if not caption:
        return block
    return f"**Listing {converter.counts.next('Listing')}.** {converter.inline.convert(caption)}\n\n{block}"


def _table(converter: Converter, directive: Directive) -> str:
    body = converter.blocks(directive.body)
    if not directive.argument:
        return body
    return f"**Table {converter.counts.next('Table')}.** {converter.inline.convert(directive.argument)}\n\n{body}"


DIRECTIVES: dict[str, Callable[[Converter, Directive], str]] = {
    **dict.fromkeys(["admonition", *ADMONITIONS], _box),
    "margin": _margin,
    "dropdown": _dropdown,
    "tab-set": _tabs,
    "tab-item": _tab,
    "exercise": _exercise,
    "solution": _solution,
    "solution-start": _solution_start,
    "solution-end": _solution_end,
    "math": _math,
    "code": _code,
    "code-block": _code,
    "literalinclude": _literalinclude,
    "table": _table,
}
