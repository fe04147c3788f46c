"""Turn roles, links, substitutions and inline attributes of MyST into plain Markdown."""

import html
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.editions.check import HTML_ADDRESS, HTML_TAG, leads_somewhere
from tools.editions.citations import Citations
from tools.editions.labels import Labels, Target
from tools.editions.syntax import EditionError
from tools.notebooks.chapters import ROOT
from tools.site.addresses import Addresses

GLOSSARY = "pages/glossary.md"

_TEXT = r"(?:[^\[\]]|\[[^\[\]]*\])*"
_PIECE = re.compile(
    r"(?:\{(?P<role>[a-zA-Z][\w:+-]*)\})?(?P<ticks>`+)(?P<code>(?:(?!\n[ \t]*\n).)+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<math>(?<![\\$])\$(?=\S)(?:\\.|[^$\\])+?(?<=\S)\$(?!\d))"
    rf"|(?P<image>!)?\[(?P<text>{_TEXT})\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?P<title>\s+\"[^\"]*\")?\)"
    r"|\{\{[ \t]*(?P<substitution>[^{}]+?)[ \t]*\}\}"
    rf"|(?P<comment><!--.*?-->)|(?P<tag>{HTML_TAG})",
    re.S,
)
_TAGS = re.compile(rf"(?P<comment><!--.*?-->)|(?P<tag>{HTML_TAG})", re.S)
_ATTRIBUTES = re.compile(r"(?<=[\])`$])\{[ \t]*[.#][^{}\n]*\}")
_TITLED = re.compile(r"^(?P<text>.*?)\s*<(?P<target>[^<>]+)>$", re.S)


@dataclass
class Inline:
    """Converts the running text of one page.

    Attributes:
        page: the source of the page ("chapters/01-attention.ipynb"), from which relative links start.
        labels: of the whole book.
        addresses: where links lead to.
        citations: collects what is cited.
        substitutions: values of `{{ name }}`.
    """

    page: str
    labels: Labels
    addresses: Addresses
    citations: Citations
    substitutions: dict[str, str] = field(default_factory=dict)

    def convert(self, text: str) -> str:
        """Return running text without anything that only MyST understands.

        Raises:
            EditionError: a role, label, key, link or footnote that cannot be turned into Markdown.
        """
        return _ATTRIBUTES.sub("", _PIECE.sub(self._piece, text))

    def tags(self, text: str) -> str:
        """Return raw HTML with its links led to where they lead from an edition; all else as it is."""
        return _TAGS.sub(self._tag, text)

    def _tag(self, found: re.Match[str]) -> str:
        return found[0] if found["comment"] else HTML_ADDRESS.sub(self._html_address, found["tag"])

    def _piece(self, found: re.Match[str]) -> str:
        if found["role"]:
            return self._role(found["role"], found["code"].strip())
        if found["substitution"]:
            return self._substitution(found["substitution"])
        if found["text"] is not None:
            return self._link(found)
        if found["tag"]:
            return self._tag(found)
        return found[0]

    def _html_address(self, found: re.Match[str]) -> str:
        """Return an attribute of a raw HTML tag, led to where the same link in Markdown would lead."""
        address = html.unescape(found["address"].strip("\"'"))
        if not address or leads_somewhere(address):
            return found[0]
        if found["name"].lower() != "href":
            raise EditionError(f"the picture {address!r} would not be found beside an edition; draw it in a code cell")
        name, _, fragment = address.partition("#")
        if name:
            address = self._address(self._source(name), fragment)
        else:
            target = self.labels.find(fragment)
            address = "" if target.page == self.page else self.addresses.page(target.page, target.fragment)
        return f' {found["name"]}="{html.escape(address)}"' if address else ""

    def _role(self, role: str, content: str) -> str:
        titled = _TITLED.match(content)
        text, target = (titled["text"], titled["target"]) if titled else ("", content)
        match role:
            case "cite:t":
                return self.citations.textual(content)
            case "cite:p" | "cite":
                return self.citations.parenthetical(content)
            case "eq":
                return f"({self.labels.find(target, 'Equation').number})"
            case "term":
                return self._term(text or target, target)
            case "ref" | "numref" | "prf:ref":
                return self._reference(role, text, target)
            case "doc":
                return self._page(text, f"/{target.lstrip('/')}" if target.startswith("/") else target)
            case "math":
                return f"${content}$"
            case "download":
                return ""
        raise EditionError(f"the role {{{role}}} is unknown to editions; use another, or teach tools/editions/spans.py")

    def _term(self, text: str, term: str) -> str:
        known = {name.casefold(): name for name in self.labels.terms}
        if term.casefold() not in known:
            raise EditionError(f"the term {term!r} is not in the glossary; add it to {GLOSSARY}")
        anchor = re.sub(r"[^A-Za-z0-9]+", "-", known[term.casefold()]).strip("-")
        return _linked(text, self.addresses.page(GLOSSARY, f"term-{anchor}") if self.addresses.site else "")

    def _reference(self, role: str, text: str, label: str) -> str:
        target = self.labels.find(label)
        if role == "numref" and "%s" in text:
            text = text.replace("%s", target.number)
        named = target.name if role == "numref" or not target.title or target.kind == "Exercise" else target.title
        return self._to(target, text or named)

    def _to(self, target: Target, text: str) -> str:
        """Link to a target on another page; within the same notebook its name is enough."""
        return text if target.page == self.page else _linked(text, self.addresses.page(target.page, target.fragment))

    def _link(self, found: re.Match[str]) -> str:
        text, target = self.convert(found["text"]), found["target"].strip("<>")
        if re.match(r"[a-z][a-z+.-]*:", target):
            return f"{found['image'] or ''}[{text}]({target}{found['title'] or ''})"
        if found["image"]:
            raise EditionError(f"the picture {target!r} would not be found beside an edition; draw it in a code cell")
        name, _, fragment = target.partition("#")
        if name:
            return self._page(text, name, fragment)
        found_target = self.labels.find(fragment)
        return self._to(found_target, text or found_target.name)

    def _page(self, text: str, name: str, fragment: str = "") -> str:
        """Link to a file of the book, given relative to the page: to its page on the site if it has one."""
        source = self._source(name)
        known = self.labels.titles.get(source) or Path(source).name
        return _linked(text or known, self._address(source, fragment))

    def _source(self, name: str) -> str:
        """Return the file of the book that a path relative to the page leads to."""
        base = "" if name.startswith("/") else posixpath.dirname(self.page)
        path = posixpath.normpath(posixpath.join(base, name.lstrip("/")))
        candidates = [path, f"{path}.md", f"{path}.ipynb", *self._built_from(path)]
        source = next((item for item in candidates if (ROOT / item).is_file() or item in self.labels.titles), None)
        if source is None:
            raise EditionError(f"the link to {name!r} leads to no file of the book; correct it")
        return source

    def _built_from(self, path: str) -> list[str]:
        """Return what a page of the built site, as raw HTML may name it, can have been built from."""
        stem = path.removesuffix(".html")
        return [f"{stem}.md", f"{stem}.ipynb"] if stem != path else []

    def _address(self, source: str, fragment: str) -> str:
        """Return where a file of the book is read: its page on the site if it has one, else in the repository."""
        return self.addresses.page(source, fragment) if source in self.labels.titles else self.addresses.file(source)

    def _substitution(self, name: str) -> str:
        if name not in self.substitutions:
            raise EditionError(f"the substitution {{{{ {name} }}}} is not defined under `parse:` in _config.yml")
        return str(self.substitutions[name])


def _linked(text: str, address: str) -> str:
    return f"[{text}]({address})" if address else text
