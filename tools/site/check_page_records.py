"""Put recorded runs into tables for the page "How this book is checked": the gate, the backends, a GPU."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.notebooks.counts import ChapterCounts

NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; columns are right-aligned where they hold numbers only."""
    rows = [list(row) for row in rows]
    numeric = [all(isinstance(row[column], int) for row in rows) for column in range(len(header))]
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, rule, *rows])


def chapter_link(chapter: ChapterCounts, title: str = "") -> str:
    """Return a link to the chapter from a page in pages/, by its own title or by another."""
    return f"[{title or chapter.title}](../chapters/{chapter.name}.ipynb)"


def gate_section(record: Mapping[str, Any] | None, chapters: Sequence[ChapterCounts]) -> str:
    """Return the last recorded run of the gate, or the sentence that there is none."""
    title = "## The last recorded run\n\n"
    if record is None:
        return title + "Not recorded yet."
    rows = [
        (
            _named(entry, chapters),
            *(entry[key] for key in ("cells", "compared", "ignored", "different", "seconds")),
            _since(entry, chapters),
        )
        for entry in record["chapters"]
    ]
    return (
        f"{title}On {record['date']}: {record['backend']} on {record['device'].upper()}, "
        f"Python {record['python']}, {record['platform']}; {_listed(record['packages'])}.\n\n"
        + table(["chapter", "cells run", "compared", "not compared", "different", "seconds", "chapter since"], rows)
    )


def backends_section(record: Mapping[str, Any] | None, chapters: Sequence[ChapterCounts]) -> str:
    """Return the recorded comparison on all three backends, or the sentence that there has been none."""
    title = "## On three backends"
    if record is None:
        return f"{title}\n\nNot yet run on the three backends."
    machine = record["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"
    return f"{title}\n\nOn {record['date']}, {where}.\n\n{_runs(record, chapters)}"


def gpu_section(record: Mapping[str, Any] | None, chapters: Sequence[ChapterCounts]) -> str:
    """Return the recorded comparison on a GPU, and what has not yet been run on one."""
    title = "## On a GPU"
    if record is None:
        return f"{title}\n\nNot yet run on a GPU."
    ran = {row["chapter"] for row in record["rows"]}
    left = ", ".join(chapter_link(chapter) for chapter in chapters if chapter.name not in ran)
    rest = f"\n\nNot yet run on a GPU: {left}." if left else ""
    where = f"{record['gpu']}, driver {record['driver']}, {record['machine']['system']}"
    return f"{title}\n\nOn {record['date']}, {where}.\n\n{_runs(record, chapters)}{rest}"


def pages_section(record: Mapping[str, Any] | None) -> str:
    """Return what the built pages weigh and how audits judge them, or the sentence that nobody has measured."""
    title = "## The pages, measured"
    if record is None:
        return f"{title}\n\nNot yet measured."
    scores = ("performance", "accessibility", "best-practices", "seo")
    rows = [
        (
            row["page"].rpartition("/")[2],
            *(row[key] for key in ("kilobytes", "layout_shift", "axe_nodes")),
            *(
                "\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}".join(f"{row[device][score]:g}" for score in scores)
                for device in ("desktop", "mobile")
            ),
        )
        for row in record["rows"]
    ]
    header = ["page", "kB, compressed", "layout shift", "axe's findings", "Lighthouse, desktop", "Lighthouse, phone"]
    tools = _listed(record["tools"])
    said = (
        f"On {record['date']}, {tools}. Lighthouse scores performance, accessibility, best practices and what search "
        f"engines ask for; performance is the median of {record['lighthouse_runs']} runs."
    )
    return f"{title}\n\n{said}\n\n{table(header, rows)}"


def _runs(record: Mapping[str, Any], chapters: Sequence[ChapterCounts]) -> str:
    """Return the table of chapters and backends, and the versions of what ran them."""
    rows = [
        (
            _named(row, chapters),
            *_kernel(row["reported"]),
            *(row[key] for key in ("cells", "compared", "different", "seconds")),
            _since(row, chapters),
        )
        for row in record["rows"]
    ]
    header = ["chapter", "backend", "device", "cells run", "compared", "different", "seconds", "chapter since"]
    said = "Backend and device are what the kernel that ran the cells reported after the last of them."
    return f"{table(header, rows)}\n\n{said} Versions: {_listed(record['versions'])}."


def _kernel(reported: Mapping[str, Any]) -> tuple[str, str]:
    """Return backend with version, and device, as the kernel told them."""
    name = reported["backend"]
    return f"{NAMES.get(name, name)} {reported['versions'][name]}", reported["device_name"]


def _listed(versions: Mapping[str, str]) -> str:
    """Return packages with their versions as words."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _named(entry: Mapping[str, Any], chapters: Sequence[ChapterCounts]) -> str:
    """Return a link to the chapter that an entry is about, less its subtitle; its name where it is no more."""
    links = (chapter_link(c, c.title.partition(":")[0]) for c in chapters if c.name == entry["chapter"])
    return next(links, entry["chapter"])


def _since(entry: Mapping[str, Any], chapters: Sequence[ChapterCounts]) -> str:
    """Say whether a chapter is still the file that was run."""
    digests = {chapter.name: chapter.sha256 for chapter in chapters}
    if entry["chapter"] not in digests:
        return "removed"
    return "unchanged" if entry["sha256"] == digests[entry["chapter"]] else "changed"
