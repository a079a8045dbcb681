"""What agrees with PyTorch's own databases of operators and modules, counted over a whole run of the tests.

A comparison of one entry of a database is a `Tally`::

    with Tally(record_property, "module_db", len(module_db), info.name) as tally:
        for sample in samples:
            tally.add(problem_or_none, "which sample it was")

On leaving it the test fails, if a sample did. Its counts travel as a property of the test's report, also from the
workers of pytest-xdist, and `lines` makes the table that ends the session. What differs on purpose is a row of
``parity_exceptions.tsv``; nothing else is excused.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

KEY = "parity"
FILE = Path(__file__).with_name("parity_exceptions.tsv")
MOST_EXCEPTIONS = 15


class Allowed(NamedTuple):
    """A difference on purpose: the samples of an entry whose problem contains the word (all, if it is empty)."""

    database: str
    entry: str
    word: str
    reason: str


@functools.cache
def exceptions() -> tuple[Allowed, ...]:
    """The rows of ``parity_exceptions.tsv``."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(Allowed(*row) for row in rows[1:])


def excuse(database: str, entry: str, problem: str) -> int | None:
    """The number of the exception that allows this problem; None if there is none."""
    fitting = (
        i for i, e in enumerate(exceptions()) if (e.database, e.entry) == (database, entry) and e.word in problem
    )
    return next(fitting, None)


class Tally:
    """Counts the samples of one entry in one test, and lets the test fail at the end.

    Args:
        record: pytest's fixture ``record_property``.
        database: "op_db" or "module_db".
        size: how many entries the database has.
        entry: which of them this is; one entry may be counted in several tests.
        name: under which the exceptions know it; as ``entry`` if None.
    """

    def __init__(
        self, record: Callable[[str, Any], None], database: str, size: int, entry: str, name: str | None = None
    ) -> None:
        self.record, self.database, self.size, self.entry, self.name = record, database, size, entry, name or entry
        self.passed = 0
        self.problems: list[str] = []
        self.excused: list[int] = []

    def add(self, problem: str | None, sample: str = "") -> None:
        """Count a sample: what is wrong with it, or None."""
        if not problem:
            self.passed += 1
        elif (number := excuse(self.database, self.name, problem)) is not None:
            self.excused.append(number)
        else:
            self.problems.append(f"{sample}: {problem}")

    def __enter__(self) -> Tally:
        return self

    def __exit__(self, kind: Any, *exc: object) -> None:
        counts = (self.passed, len(self.problems) + (kind is not None), self.excused)
        self.record(KEY, (self.database, self.size, self.entry, *counts))
        if kind is None and self.problems:
            found = "\n".join(self.problems[:5])
            raise AssertionError(
                f"{len(self.problems)} samples of {self.entry} differ from PyTorch's, such as\n{found}"
            )


def lines(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """The table, from the properties of all reports; nothing, if no entry was compared."""
    found: dict[str, list[Any]] = {}
    for key, value in properties:
        if key == KEY:
            database, size, entry, passed, failed, excused = value
            row = found.setdefault(database, [size, set(), 0, 0, 0, set()])
            row[1].add(entry)
            row[2:5] = row[2] + passed, row[3] + failed, row[4] + len(excused)
            row[5].update(excused)
    if not found:
        return []
    titles = ("database", "entries", "compared", "passed", "failed", "excused", "exceptions used")
    rows = []
    for database, (size, entries, *counts, used) in found.items():
        allowed = sum(row.database == database for row in exceptions())
        rows.append((database, size, len(entries), *counts, f"{len(used)} of {allowed}"))
    return ["  ".join(f"{c!s:>{len(t)}}" for c, t in zip(r, titles, strict=True)) for r in (titles, *sorted(rows))]
