"""See that a text holds nothing that plain Markdown would show raw, and no link that leads nowhere."""

import re
from collections.abc import Iterator
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

_ROLE = re.compile(r"\{[a-zA-Z][\w:+-]*\}$")
_RAW = re.compile(
    r":::|```|\{\{|\$\$|\(eq-|\[\^|\x02|\]\(|\{[ \t]*[.#][^{}\n]*\}|\{[a-z][\w:-]*\}`"
    r"|(?<!\w)(?:eq|fig|ex|sol)-[a-z][\w-]*"
)
_RAW_LINE = re.compile(r"^(?:\+\+\+|\([\w-]+\)=|:[\w-]+:[ \t].*|: .*|%.*)$", re.M)


def reader() -> MarkdownIt:
    """Return a parser of what all viewers of notebooks understand: CommonMark, tables, formulas between dollars."""
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, allow_space=True, double_inline=True)


def problems(markdown: str) -> Iterator[str]:
    """Yield a sentence for each piece of a text that would be shown raw, and for each link that leads nowhere."""
    for token in reader().parse(markdown):
        if token.type == "fence" and token.info.lstrip().startswith("{"):
            yield f"the directive {token.info.strip()} is shown as code"
        if token.type == "inline" and (line := _RAW_LINE.search(token.content)):
            yield f"the line {line[0]!r} is shown raw"
        yield from _inline_problems(token.children or [])


def _inline_problems(children: list[Token]) -> Iterator[str]:
    for child, following in pairwise([*children, None]):
        if child.type == "text":
            if following is not None and following.type == "code_inline" and (role := _ROLE.search(child.content)):
                yield f"the role {role[0]} is shown raw before `{following.content}`"
            if raw := _RAW.search(child.content):
                yield f"{raw[0]!r} is shown raw in {child.content[:60]!r}"
        for attribute in ("href", "src"):
            address = child.attrGet(attribute)
            if address is not None and not re.match(r"https?://|mailto:|attachment:|data:", str(address)):
                yield f"the link {address!r} leads nowhere from an edition"
