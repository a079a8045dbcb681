"""``python -m tests.benchmarks``: every case side by side with its rivals, as a Markdown table of ratios.

The contestants of a case take turns, each in a process of its own. Times and ratio are those of the medians, and
"at best" is the ratio of the smallest samples: where the two differ, the machine was busy with something else.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Iterator

from tqdm import tqdm

from tests.benchmarks.cases import CASES, OURS
from tests.benchmarks.measure import Bound, Case
from tests.benchmarks.turns import Seat, take_turns


def shown(amount: float, unit: str) -> str:
    """An amount of seconds or bytes with a fitting unit."""
    if unit == "B":
        return f"{amount / 2**20:.1f} MiB"
    for factor, name in ((1e6, "µs"), (1e3, "ms")):
        if amount * factor < 1000:
            return f"{amount * factor:.3g} {name}"
    return f"{amount:.3g} s"


def row(case: Case, rival: str, samples: dict[str, list[float]]) -> str:
    """One line of the table."""
    bound = case.bounds.get(rival, Bound())
    ours, theirs = (statistics.median(samples[name]) for name in (OURS, rival))
    best = min(samples[OURS]) / min(samples[rival])
    ratio, extra, promise = ours / theirs, ours - theirs, ""
    if bound.ratio is not None:
        promise = f"{bound.ratio} {'✓' if ratio <= bound.ratio else '✗'}"
    if bound.extra is not None:
        promise = f"+{shown(bound.extra, case.unit)}: {'✓' if extra <= bound.extra else '✗'} +{shown(extra, case.unit)}"
    left, right = shown(ours, case.unit), shown(theirs, case.unit)
    return f"| {case.name} | {left} | {rival}: {right} | {ratio:.3f} | {best:.3f} | {promise} |"


def rows(case: Case, seconds: float, progress: tqdm) -> Iterator[str]:
    """Measure a case; its lines of the table."""
    seats = {name: Seat(case, name) for name in case.contestants}
    present = {name: seat for name, seat in seats.items() if not seat.missing}
    samples: dict[str, list[float]] = {name: [] for name in present}
    for done, turns in enumerate(take_turns(present, case.rounds, seconds), 1):
        progress.set_postfix_str(f"{case.name}, round {done}")
        for name, turn in turns.items():
            samples[name] += turn
    for name, seat in seats.items():
        seat.leave()
        if seat.missing:
            yield f"| {case.name} | | {name}: not installed ({seat.missing}) | | | |"
        elif name != OURS:
            yield row(case, name, samples)


def main() -> None:
    """Measure the cases whose names contain one of the words given, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose names contain one of these")
    parser.add_argument("--seconds", type=float, default=8.0, help="for one case, at least five rounds (%(default)s)")
    options = parser.parse_args()
    cases = [c for c in CASES if not options.words or any(word in c.name for word in options.words)]
    if not cases:
        sys.exit(f"no case matches {options.words}; there are: {', '.join(c.name for c in CASES)}")
    lines = ["| case | micrograd_cn | rival | ratio | at best | bound |", "|---|---|---|---|---|---|"]
    with tqdm(cases, disable=None) as progress:
        for case in progress:
            lines += rows(case, options.seconds, progress)
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, medians of samples taken in turns\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
