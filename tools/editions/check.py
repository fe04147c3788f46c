"""See that a text holds nothing that plain Markdown would show raw, and no link that leads nowhere."""

import functools
import html
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

# A tag of raw HTML, and in it an attribute that holds an address.
HTML_TAG = r"""<[a-zA-Z](?:"[^"]*"|'[^']*'|[^<>"'])*>"""
HTML_ADDRESS = re.compile(
    r"""\s(?P<name>href|src|srcset|poster|data|action)\s*=\s*(?P<address>"[^"]*"|'[^']*'|[^\s"'>]+)""", re.I
)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_SCHEME = re.compile(r"https?://|mailto:|attachment:|data:")
_ROLE = re.compile(r"\{[a-zA-Z][\w:+-]*\}$")
_RAW = re.compile(
    r":::|```|\{\{|\$\$|\(eq-|\[\^|\x02|\]\(|\{[ \t]*[.#][^{}\n]*\}|\{[a-z][\w:-]*\}`"
    r"|(?<!\w)(?:eq|fig|ex|sol)-[a-z][\w-]*"
)
_RAW_LINE = re.compile(r"^(?:\+\+\+|\([\w-]+\)=|:[\w-]+:[ \t].*|: .*|%.*)$", re.M)


@functools.cache
def reader() -> MarkdownIt:
    """Return a parser of what all viewers of notebooks understand: CommonMark, tables, formulas between dollars."""
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, allow_space=True, double_inline=True)


def leads_somewhere(address: str) -> bool:
    """Return whether an address is found from a notebook that has left the book."""
    return _SCHEME.match(address) is not None


def problems(markdown: str, attachments: Mapping[str, object] | None = None) -> Iterator[str]:
    """Yield a sentence for each piece of a text that would be shown raw, and for each link that leads nowhere.

    Args:
        markdown: a cell's text.
        attachments: the pictures that the cell holds, by name.
    """
    for token in reader().parse(markdown):
        for address in _addresses(token):
            name = _attachment(address)
            if not leads_somewhere(address):
                yield f"the link {address!r} leads nowhere from an edition"
            elif name is not None and name not in (attachments or {}):
                yield f"the cell holds no attachment {name!r}; add the picture to it again"
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


def attached(markdown: str) -> set[str]:
    """Return the names of the attachments that a text shows."""
    names = {_attachment(address) for token in reader().parse(markdown) for address in _addresses(token)}
    return names - {None}


def _attachment(address: str) -> str | None:
    """Return the name in the address of an attachment, None for another address."""
    return unquote(address.removeprefix("attachment:")) if address.startswith("attachment:") else None


def _addresses(token: Token) -> Iterator[str]:
    """Yield what the links and pictures of a block lead to, those in raw HTML included."""
    for part in [token, *(token.children or [])]:
        yield from (str(part.attrGet(name)) for name in ("href", "src") if part.attrGet(name) is not None)
        if part.type in ("html_block", "html_inline"):
            for tag in re.findall(HTML_TAG, _COMMENT.sub("", part.content)):
                found = (html.unescape(one["address"].strip("\"'")) for one in HTML_ADDRESS.finditer(tag))
                yield from filter(None, found)
