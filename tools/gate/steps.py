"""Run named steps, a few at a time, each with a log; count what passed; leave no process behind."""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GRACE = 5.0  # seconds between asking a process to stop and stopping it
SHOWN = 500  # characters of a command line that its log begins with
TAIL = 30  # lines of a failed step's log that are shown


@dataclass(frozen=True)
class Command:
    """A program to run.

    Attributes:
        arguments: the command line.
        report: the JUnit XML that it writes, whose test cases are counted.
        environment: variables to set on top of those of this process.
        needs: files that must exist; a missing one is a failure.
    """

    arguments: Sequence[str]
    report: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[Path] = ()


@dataclass(frozen=True)
class Step:
    """Commands that run one after the other, all of them, once the steps named in `after` have ended.

    Those without a report count together as one check. `skip` says why the step cannot run here: it counts as skipped.
    """

    name: str
    commands: Sequence[Command]
    after: Sequence[str] = ()
    skip: str = ""


@dataclass
class Outcome:
    """Counts of one or more steps, and the reasons of what was skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Add another outcome to this one."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons
        self.notes += other.notes

    def __str__(self) -> str:
        """The counts, as the closing line states them."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_report(report: Path) -> Outcome:
    """Count the test cases in JUnit XML.

    Raises:
        OSError: there is no such file.
        ElementTree.ParseError: it is not whole.
    """
    outcome = Outcome()
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        elif skipped is not None:
            outcome.skipped += 1
            outcome.reasons[skipped.get("message") or "no reason given"] += 1
        else:
            outcome.passed += 1
    return outcome


def judge(command: Command, status: int) -> Outcome:
    """Turn an exit status and a report into counts; tests that did not run are a failure."""
    if command.report is None:
        return Outcome(failed=1) if status else Outcome(passed=1)
    name = command.report.name
    try:
        outcome = read_report(command.report)
    except (OSError, ElementTree.ParseError):
        return Outcome(failed=1, notes=[f"it ended with status {status} and left no whole report {name}"])
    if not outcome.passed + outcome.failed:
        outcome.add(Outcome(failed=1, notes=[f"it ran no test (status {status}): see what it was to collect"]))
    elif status and not outcome.failed:
        outcome.add(Outcome(failed=1, notes=[f"it ended with status {status} though no test in {name} failed"]))
    return outcome


def combine(outcomes: Sequence[Outcome], step: Step) -> Outcome:
    """Add up what the commands of a step came to; those without a report are one check."""
    total, check = Outcome(), Outcome()
    for command, outcome in zip(step.commands, outcomes, strict=True):
        (total if command.report else check).add(outcome)
    if check.passed + check.failed:
        total.add(Outcome(passed=int(not check.failed), failed=int(bool(check.failed)), notes=check.notes))
    return total


class Runner:
    """Runs steps; `outcomes` and `seconds` (elapsed, of the processors) grow as they end."""

    def __init__(self, root: Path, reports: Path, slots: int = 2):
        self.root = root
        self.reports = reports
        self.slots = slots
        self.outcomes: dict[str, Outcome] = {}
        self.seconds: dict[str, tuple[float, float]] = {}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, steps: Sequence[Step]) -> Outcome:
        """Run all steps, `slots` at a time, in the order given as far as `after` allows; return the sum.

        Raises:
            KeyboardInterrupt: interrupted; every program that was started has been stopped.
        """
        self.reports.mkdir(parents=True, exist_ok=True)
        names = {step.name for step in steps}
        waiting, futures = list(steps), set[Future[None]]()
        with ThreadPoolExecutor(self.slots) as pool:
            try:
                while waiting or futures:
                    ready = [step for step in waiting if names.intersection(step.after) <= self.outcomes.keys()]
                    for step in ready[: self.slots - len(futures)]:
                        waiting.remove(step)
                        futures.add(pool.submit(self._run_step, step))
                    done, futures = wait(futures, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            except BaseException:
                self.stop()
                raise
        total = Outcome()
        for step in steps:
            total.add(self.outcomes[step.name])
        return total

    def stop(self) -> None:
        """Stop every running program with all that it has started: ask, wait, then kill."""
        with self._lock:
            self._stopping = True
            running = list(self._running)
        for number in (signal.SIGINT, signal.SIGKILL):
            for process in running:
                _signal_group(process, number)
            deadline = time.monotonic() + GRACE
            while any(process.poll() is None for process in running) and time.monotonic() < deadline:
                time.sleep(0.05)

    def _run_step(self, step: Step) -> None:
        if step.skip:
            self.outcomes[step.name] = Outcome(skipped=1, reasons=Counter([f"{step.name}: {step.skip}"]))
            self._say(f"  skip   {step.name}: {step.skip}")
            return
        self._say(f"  begin  {step.name}")
        begun = time.monotonic()
        log = self.reports / f"{step.name}.log"
        with log.open("wb") as stream:
            ran = [self._run_command(command, stream) for command in step.commands]
        outcome = combine([outcome for outcome, _ in ran], step)
        seconds = time.monotonic() - begun
        self.seconds[step.name] = seconds, sum(processor for _, processor in ran)
        if not self._stopping:
            self._report(step, outcome, seconds, log)
        self.outcomes[step.name] = outcome

    def _run_command(self, command: Command, log: IO[bytes]) -> tuple[Outcome, float]:
        """Run a command to its end; return its outcome and the processor seconds of it and all that it waited for."""
        missing = [path.relative_to(self.root).as_posix() for path in command.needs if not path.exists()]
        if missing:
            return Outcome(failed=1, notes=[f"expected {', '.join(missing)}, which is missing"]), 0.0
        if command.report:
            command.report.unlink(missing_ok=True)
        shown = shlex.join(map(str, command.arguments))
        log.write(f"$ {shown if len(shown) < SHOWN else shown[:SHOWN] + ' ...'}\n".encode())
        log.flush()
        with self._lock:
            if self._stopping:
                return Outcome(), 0.0
            process = subprocess.Popen(
                command.arguments,
                cwd=self.root,
                env={**os.environ, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        processor = _wait(process)
        with self._lock:
            self._running.discard(process)
        return judge(command, process.wait()), processor

    def _report(self, step: Step, outcome: Outcome, seconds: float, log: Path) -> None:
        """Print how a step ended, and the end of its log if it failed."""
        lines = [f"  {'FAILED' if outcome.failed else 'passed'} {step.name} in {seconds:.1f} s ({outcome})"]
        if outcome.failed:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
            lines += [f"    | {line}" for line in tail] + [f"    {note}" for note in outcome.notes]
            lines.append(f"    The whole log: {os.path.relpath(log, self.root)}")
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        """Print whole lines, one step at a time."""
        with self._lock:
            print(text + "\n", end="", flush=True)


def _wait(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; return the processor seconds that it and those it waited for took."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except ChildProcessError:  # `stop` has seen its end first
        return 0.0
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a program and to all that it has started, if there is any left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
