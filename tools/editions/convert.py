"""Turn the blocks of MyST Markdown into plain Markdown, which Colab, JupyterLab and VS Code show alike."""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from markdown_it.token import Token

from tools.editions.labels import Counts
from tools.editions.spans import Inline
from tools.editions.syntax import Directive, EditionError, directive_of, parse

ATTRIBUTES_LINE = re.compile(r"^[ \t]*\{[ \t]*[.#][^{}]*\}[ \t]*$")
INVISIBLE = frozenset({"myst_target", "myst_line_comment", "myst_block_break", "front_matter"})
VERBATIM = frozenset({"fence", "code_block", "html_block"})
ELEMENT = re.compile(r"</?live-[a-z]+>\n?")  # of the site; an edition shows the sentence that stands in it
_MARKER = re.compile(r"[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*")


@dataclass(frozen=True)
class Edit:
    """Lines `start` to `end` of a text become `text`."""

    start: int
    end: int
    text: str


@dataclass
class Converter:
    """Converts the Markdown cells of one chapter, in order.

    Attributes:
        inline: converts running text.
        counts: the numbers given so far.
        directives: {name: function of converter and directive that returns Markdown}.
    """

    inline: Inline
    counts: Counts
    directives: dict[str, Callable[["Converter", Directive], str]]

    def blocks(self, markdown: str) -> str:
        """Return a text as plain Markdown; EditionError if something in it has no such form."""
        lines = markdown.split("\n")
        result, running, position = [], [], 0
        for edit in [*self._edits(parse(markdown), lines), Edit(len(lines), len(lines), "")]:
            running += [line for line in lines[position : edit.start] if not ATTRIBUTES_LINE.match(line)]
            result += [self.inline.convert("\n".join(running)), edit.text] if running else [edit.text]
            running, position = [], edit.end
        return re.sub(r"\n{3,}", "\n\n", "\n".join(result)).strip("\n")

    def _edits(self, tokens: list[Token], lines: list[str]) -> list[Edit]:
        edits: list[Edit] = []
        for index, token in enumerate(tokens):
            if token.map is None or (edits and token.map[0] < edits[-1].end):
                continue
            new = self._new_text(tokens, index, lines)
            if new is not None:
                edits.append(Edit(token.map[0], token.map[1], _indented(new, lines[token.map[0]], token)))
        return edits

    def _new_text(self, tokens: list[Token], index: int, lines: list[str]) -> str | None:
        """Return what the block that begins with a token becomes; None for running text."""
        token, kind = tokens[index], tokens[index].type
        if directive := directive_of(token):
            return self._directive(directive)
        if kind == "html_block":
            return self.inline.tags(ELEMENT.sub("", "\n".join(lines[slice(*token.map)])))
        if kind in VERBATIM:
            return "\n".join(lines[slice(*token.map)])
        if kind in INVISIBLE:
            return ""
        if kind == "heading_open":
            return self._heading(int(token.tag[1]), tokens[index + 1].content)
        if kind in ("math_block", "math_block_label"):
            return self.equation(token.content, numbered=kind == "math_block_label")
        if kind == "dl_open":
            return self._definitions(tokens[index:], lines)
        if kind == "paragraph_open" and token.attrGet("class") == "buttons":
            return self._buttons(tokens[index + 1])
        return _refuse(token)

    def _directive(self, directive: Directive) -> str:
        if directive.name not in self.directives:
            known = ", ".join(sorted(self.directives))
            raise EditionError(f"the directive {{{directive.name}}} is unknown to editions; they know: {known}")
        return self.directives[directive.name](self, directive)

    def _heading(self, level: int, text: str) -> str:
        number = self.counts.heading(level)
        return f"{'#' * level} {number}. {self.inline.convert(text)}" if number else f"{'#' * level} {text}"

    def equation(self, content: str, *, numbered: bool) -> str:
        """Return a displayed equation, with the number that the site gives it."""
        body = content.strip()
        if r"\\" in body and r"\begin{" not in body:
            body = f"\\begin{{split}}\n{body}\n\\end{{split}}"  # as Sphinx does
        tag = f"\n\\tag{{{self.counts.next('Equation')}}}" if numbered else ""
        return f"$$\n{body}{tag}\n$$"

    def _definitions(self, tokens: list[Token], lines: list[str]) -> str:
        """Return a definition list as paragraphs that begin with the term in bold."""
        level, term, parts = tokens[0].level, "", []
        for index, token in enumerate(tokens):
            if token.type == "dl_close" and token.level == level:
                break
            if token.type == "dt_open" and token.level == level + 1:
                term = self.inline.convert(tokens[index + 1].content)
            elif token.type == "dd_open" and token.level == level + 1:
                body = self.blocks(_definition(lines[slice(*token.map)]))
                separator = "\n\n" if tokens[index + 1].type != "paragraph_open" else " "
                parts.append(f"**{term}:**{separator}{body}")
        return "\n\n".join(parts)

    def _buttons(self, inline: Token) -> str:
        """Return a row of buttons as links with dots between them; those that lead nowhere are left out."""
        converted = self.inline.convert(inline.content).splitlines()
        return " · ".join(line.strip() for line in converted if "](" in line)


def _definition(lines: list[str]) -> str:
    """Return the body of a definition without its colon and indentation; the parser may count the term's line to it."""
    first = next(index for index, line in enumerate(lines) if line.lstrip().startswith(":"))
    return textwrap.dedent("\n".join([lines[first].replace(":", " ", 1), *lines[first + 1 :]])).strip("\n")


def _indented(text: str, first_line: str, token: Token) -> str:
    """Return a block's new text where the old one stood: apart, or in its list item or quotation."""
    if token.type in VERBATIM and directive_of(token) is None:
        return text
    if token.level == 0:
        return f"\n{text}\n"
    marker = _MARKER.match(first_line)[0]
    return marker + textwrap.indent(text, re.sub(r"[^\s>]", " ", marker), lambda line: True)[len(marker) :]


def _refuse(token: Token) -> None:
    """Raise EditionError for what only the site can show."""
    if token.type == "amsmath":
        raise EditionError("an equation without $$: write it as `$$ ... $$ (eq-name)`")
    if token.type == "colon_fence":
        raise EditionError(f"a block of colons without a directive: {token.info!r}")
    if token.type.startswith("footnote") or any(child.type == "footnote_ref" for child in token.children or []):
        raise EditionError("a footnote: say it in the text, or in a {margin}")
