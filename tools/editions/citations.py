"""Citations by author and year, and the list of the works cited, from `references.bib`."""

import re
from pathlib import Path

from pybtex.database import BibliographyData, Entry, Person, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

from tools.editions.syntax import EditionError
from tools.notebooks.chapters import ROOT

BIBLIOGRAPHY = ROOT / "references.bib"
_NEEDLESS = re.compile(r"\\([.-])")  # pybtex escapes what means nothing within a line


class Citations:
    """The works of a bibliography; remembers those that were cited."""

    def __init__(self, bibliography: Path = BIBLIOGRAPHY):
        self._data: BibliographyData = parse_file(str(bibliography))
        self._name = bibliography.name
        self.cited: dict[str, None] = {}

    def textual(self, keys: str) -> str:
        """Return "Vaswani *et al.* (2017)" for keys with commas between them."""
        return _joined([f"{authors(entry)} ({year(entry)})" for entry in self._entries(keys)])

    def parenthetical(self, keys: str) -> str:
        """Return "(Vaswani *et al.*, 2017; Press *et al.*, 2022)" for keys with commas between them."""
        return "(" + "; ".join(f"{authors(entry)}, {year(entry)}" for entry in self._entries(keys)) + ")"

    def listed(self) -> list[str]:
        """Return the works cited so far as Markdown, sorted as in the book's bibliography."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        backend = find_plugin("pybtex.backends", "markdown")()
        entries = style.format_bibliography(self._data, list(self.cited))
        return [_NEEDLESS.sub(r"\1", " ".join(entry.text.render(backend).split())) for entry in entries]

    def _entries(self, keys: str) -> list[Entry]:
        entries = []
        for key in (part.strip() for part in keys.split(",")):
            if key not in self._data.entries:
                raise EditionError(f"the citation {key!r} is not in {self._name}; add the work or correct the key")
            self.cited[key] = None
            entries.append(self._data.entries[key])
        return entries


def authors(entry: Entry) -> str:
    """Return the family names of one or two authors; of more, the first with "et al."; of none, the title."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [_family_name(person) for person in people]
    if not names:
        return str(Text.from_latex(entry.fields["title"]))
    return f"{names[0]} *et al.*" if len(names) > 2 else " and ".join(names)


def year(entry: Entry) -> str:
    """Return the year of a work."""
    return entry.fields.get("year", "n.d.")


def _family_name(person: Person) -> str:
    return " ".join(str(part) for part in [*person.rich_prelast_names, *person.rich_last_names]).replace("\xa0", " ")


def _joined(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
