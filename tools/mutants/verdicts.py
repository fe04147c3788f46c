"""Judge the trials of mutants: what was caught, what was not, and what to do about it."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.mutants.mutants import Mutant
from tools.mutants.trial import CANNOT, CAUGHT, OTHER_ERROR, SURVIVED

NO_MUTANT, NO_CELL, NOT_RUN, IDLE = "no mutant", "no check", "not run", "catches none"


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant of one equation; `remedy` is empty when all is well."""

    chapter: str
    equation: str
    mutant: str
    verdict: str
    remedy: str = ""


@dataclass
class Trial:
    """One trial of one checking cell; without a mutant it is the control."""

    number: int
    equation: str
    mutant: Mutant | None
    result: dict[str, Any] = field(default_factory=lambda: {"verdict": NOT_RUN, "error": "", "called": None})


def judge(
    chapter: str, labels: Sequence[str], mutants: Sequence[Mutant], trials: Sequence[Trial], stopped: str
) -> list[Verdict]:
    """Turn trials into verdicts: every mutant caught somewhere, every checking cell catching at least one."""
    verdicts = []
    for label in labels:
        own = [mutant for mutant in mutants if mutant.equation == label]
        at_label = [trial for trial in trials if trial.equation == label]
        if not at_label:
            verdicts.append(Verdict(chapter, label, "-", NO_CELL, f"tag the cell that asserts it `checks:{label}`"))
        elif not own:
            verdicts.append(Verdict(chapter, label, "-", NO_MUTANT, "name a mutant of it in tools/mutants/mutants.py"))
        else:
            verdicts += [_judge_mutant(chapter, mutant, at_label, stopped) for mutant in own]
            verdicts += _idle_cells(chapter, label, at_label)
    return verdicts + ([Verdict(chapter, "-", "-", NOT_RUN, stopped)] if stopped else [])


def _judge_mutant(chapter: str, mutant: Mutant, at_label: Sequence[Trial], stopped: str) -> Verdict:
    """Take the best of a mutant's trials; a control that failed spoils the verdict of its cell."""
    failed = [trial for trial in at_label if trial.mutant is None and trial.result["verdict"] == OTHER_ERROR]
    if failed:
        cell, error = failed[0].number, failed[0].result["error"]
        remedy = f"cell [{cell}] fails when it is tried with no mutant ({error}): let it compute all that it checks"
        return Verdict(chapter, mutant.equation, mutant.name, OTHER_ERROR, remedy)
    tried = [trial for trial in at_label if trial.mutant == mutant]
    order = (CAUGHT, NOT_RUN, CANNOT, OTHER_ERROR, SURVIVED)
    best = min(tried, key=lambda trial: order.index(trial.result["verdict"]))
    verdict = best.result["verdict"]
    remedy = "" if verdict == CAUGHT else _remedy(mutant, best, stopped)
    return Verdict(chapter, mutant.equation, mutant.name, verdict, remedy)


def _remedy(mutant: Mutant, trial: Trial, stopped: str) -> str:
    """Say why a mutant was not caught and what to do."""
    verdict, error, called = (trial.result[key] for key in ("verdict", "error", "called"))
    if verdict == NOT_RUN:
        return stopped or "the run ended before it"
    if verdict == CANNOT:
        return error
    if verdict == OTHER_ERROR:
        return (
            f"cell [{trial.number}] raised {error}, not {mutant.raises}: choose a mutant that runs but computes"
            " wrongly, or say `raises=...` in tools/mutants/mutants.py and why"
        )
    if not called:
        return (
            f"cell [{trial.number}] never calls {mutant.function}: compute what it checks inside the cell; comparing"
            " variables of earlier cells checks nothing that can still change"
        )
    return f"cell [{trial.number}] calls the mutant and passes: assert its value against an independent computation"


def _idle_cells(chapter: str, label: str, at_label: Sequence[Trial]) -> list[Verdict]:
    """Find cells that catch none of the mutants while another cell of the same equation does."""
    results: dict[int, set[str]] = {}
    for trial in at_label:
        results.setdefault(trial.number, set()).add(trial.result["verdict"])
    if not any(CAUGHT in found for found in results.values()):
        return []  # each mutant says so already
    return [
        Verdict(chapter, label, f"cell [{number}]", IDLE, f"add a mutant that it catches, or drop `checks:{label}`")
        for number, found in results.items()
        if SURVIVED in found and CAUGHT not in found
    ]


def strays(mutants: Sequence[Mutant], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return a verdict for each mutant whose equation stands in no chapter."""
    known = {verdict.equation for verdict in verdicts}
    remedy = "no chapter has this equation: mend the label in tools/mutants/mutants.py"
    return [Verdict("-", m.equation, m.name, NOT_RUN, remedy) for m in mutants if m.equation not in known]


def table(verdicts: Sequence[Verdict]) -> str:
    """Set verdicts out in columns, each with its remedy below if it needs one."""
    rows = [(verdict.chapter, verdict.equation, verdict.mutant, verdict.verdict) for verdict in verdicts]
    header = ("chapter", "equation", "mutant", "verdict")
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()]
    for row, verdict in zip(rows, verdicts, strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        lines += [f"    -> {verdict.remedy}"] if verdict.remedy else []
    return "\n".join(lines)


def write_junit(verdicts: Sequence[Verdict], path: Path) -> None:
    """Write the verdicts as JUnit XML, one test case each."""
    failures = sum(bool(verdict.remedy) for verdict in verdicts)
    suite = ElementTree.Element("testsuite", name="mutants", tests=str(len(verdicts)), failures=str(failures))
    for verdict in verdicts:
        name = f"{verdict.equation}: {verdict.mutant}"
        case = ElementTree.SubElement(suite, "testcase", classname=verdict.chapter, name=name)
        if verdict.remedy:
            ElementTree.SubElement(case, "failure", message=f"{verdict.verdict}: {verdict.remedy}")
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
