"""Read the MyST Markdown of a chapter: its tokens and directives, in the order in which the site numbers them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from tools.site.addresses import CONFIG

ADMONITIONS = ("note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "error", "seealso")
NESTING = frozenset({*ADMONITIONS, "admonition", "margin", "dropdown", "exercise", "solution", "tab-set", "tab-item"})

_INFO = re.compile(r"\{(?P<name>[^}\s]+)\}[ \t]*(?P<argument>.*)", re.S)
_OPTION = re.compile(r"^:(?P<key>[\w-]+):[ \t]*(?P<value>.*)$")


class EditionError(Exception):
    """A chapter holds something that an edition cannot show; the message says what and what to write instead."""


@dataclass(frozen=True)
class Directive:
    """A directive as written: name, argument on its first line, options, and the lines of its body."""

    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict)
    body: str = ""


@cache
def parser() -> MarkdownIt:
    """Return the parser of the site, with the extensions that `_config.yml` names."""
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    extensions = set(settings["parse"]["myst_enable_extensions"])
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)


def parse(markdown: str) -> list[Token]:
    """Return the tokens of a Markdown text."""
    return parser().parse(markdown)


def directive_of(token: Token) -> Directive | None:
    """Return the directive that a token stands for, or None if it is another kind of token."""
    found = _INFO.match(token.info) if token.type in ("fence", "colon_fence") else None
    if found is None:
        return None
    options, body = _split_options(token.content)
    return Directive(found["name"], found["argument"].strip(), options, body)


def _split_options(content: str) -> tuple[dict[str, str], str]:
    lines = content.splitlines()
    if lines and lines[0].strip() == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        settings = yaml.safe_load("\n".join(lines[1:end])) or {}
        return {key: str(value) for key, value in settings.items()}, "\n".join(lines[end + 1 :]).strip("\n")
    options = {}
    while lines and (found := _OPTION.match(lines[0])):
        options[found["key"]] = found["value"].strip()
        lines.pop(0)
    return options, "\n".join(lines).strip("\n")


def walk(markdown: str) -> Iterator[tuple[Token, Directive | None]]:
    """Yield the tokens of a text in reading order with their directives, those inside directives included."""
    for token in parse(markdown):
        directive = directive_of(token)
        yield token, directive
        if directive and directive.name in NESTING:
            yield from walk(directive.body)
