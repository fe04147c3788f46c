"""What the chapter lint finds, and what it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.mutants.mutants import Mutant
from tools.notebooks.chapters import Chapter


@dataclass(frozen=True)
class Finding:
    """One thing that breaks a rule.

    Attributes:
        file: the chapter, or the file of `utils/`.
        place: where in it, in words ("cell [3]"); empty for the whole file.
        problem: what is wrong.
        remedy: what to do.
        rule: the name of the rule, filled in by whoever applies it.
    """

    file: str
    place: str
    problem: str
    remedy: str
    rule: str = ""

    def __str__(self) -> str:
        """Everything on one line, as compilers do it."""
        where = ": ".join(filter(None, (self.file, self.place)))
        return f"{where}: {self.problem}. {self.remedy}. ({self.rule})"


@dataclass(frozen=True)
class Book:
    """All that the rules across chapters look at: the chapters, the folder above the package, the mutants."""

    chapters: Sequence[Chapter]
    package: Path
    mutants: Sequence[Mutant] = ()
