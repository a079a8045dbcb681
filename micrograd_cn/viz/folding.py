"""Graphs that are too large to read, made small: many operations in a row become one.

Operations stand in the order in which they ran. A stretch of that order can always be replaced by a single operation
without a cycle, since what it reads is older and what reads it is younger. So a repeated structure (the steps of a
loop, a chain, the neurons of a layer) is found as a period in that order.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.viz.tracing import Box, Operation, Quantity, involved

ALIKE = 4  # so many repetitions in a row are folded
OPEN = 3  # the last repetition stays to be seen if it has more operations than that
LONG = 10_000  # ranks that arrows run past: more would take Graphviz over a second
FEW = 3  # so many quantities between the same operations stay apart


class Part(NamedTuple):
    """A stretch of the operations, and what it becomes."""

    start: int
    stop: int
    symbol: str
    description: str
    boxes: tuple[Box, ...]


def contract(operations: list[Operation], parts: Iterable[Part]) -> list[Operation]:
    """Make each part one operation. It reads what its members read from outside, and makes what others read."""
    read = Counter(q for operation in operations for q in set(operation.inputs))
    result: list[Operation] = []
    done = 0
    for start, stop, symbol, description, boxes in parts:
        members = operations[start:stop]
        made = dict.fromkeys(q for member in members for q in member.outputs)
        inside = Counter(q for member in members for q in dict.fromkeys(member.inputs))
        outputs = [q for q in made if q.kind == "root" or inside[q] < read[q] or not read[q]]
        one = Operation(symbol, description, [q for q in inside if q not in made], outputs, boxes)
        one.count, one.folded = sum(member.count for member in members), True
        result += [*operations[done:start], one]
        done = stop
    return result + operations[done:]


def close(operations: list[Operation], depth: int) -> list[Operation]:
    """Make every box at this depth of nesting one operation. Parameters that nobody else reads go into it."""
    parts: list[Part] = []
    start = 0
    for i, operation in enumerate(operations, 1):
        box = operation.boxes[depth : depth + 1]
        if i == len(operations) or operations[i].boxes[depth : depth + 1] != box:
            if box:
                parts.append(Part(start, i, box[0].title, box[0].title, operation.boxes[:depth]))
            start = i
    closed = contract(operations, parts)
    readers = Counter(q for operation in closed for q in set(operation.inputs))
    for operation in closed:
        own = [q for q in operation.inputs if q.kind == "parameter" and readers[q] == 1 and operation.folded]
        operation.inputs = [q for q in operation.inputs if q not in own]
        operation.symbol += f"\n{sum(np.size(q.data) for q in own):,} parameters" if own else ""
    return closed


def shorten(operations: list[Operation], most: int) -> list[Operation]:
    """Fold what repeats in a row, the smallest patterns first, until nothing repeats or little is left.

    If more than ``most`` nodes or too long arrows are left then, the middle of the graph becomes one operation.
    """
    before = 0
    while before != len(operations):
        before, period, codes = len(operations), 1, _codes(operations)
        while period * ALIKE <= len(operations):
            if runs := _runs(codes, period):
                operations = contract(operations, [part for run in runs for part in _folded(operations, *run, period)])
                codes, period = _codes(operations), 0
            period += 1
    _merge(operations)
    nodes = len(operations) + len(involved(operations, ()))
    ends = len(operations) * most // (6 * max(nodes, most))  # what repeats nowhere takes Graphviz long
    stop = len(operations) - ends
    if (nodes > most or excess(operations) > LONG) and stop > ends + 1:
        what = f"{sum(operation.count for operation in operations[ends:stop]):,} operations"
        operations = contract(operations, [Part(ends, stop, f"⋯\n{what}", what, ())])
        _merge(operations)
    return operations


def excess(operations: list[Operation]) -> int:
    """How many ranks all arrows together run past, which is what Graphviz needs its time for."""
    ranks: dict[Quantity, int] = {}
    passed = 0
    for operation in operations:
        rank = 1 + max((ranks[q] for q in operation.inputs if q in ranks), default=0)
        passed += sum(rank - 1 - ranks.setdefault(q, rank - 1) for q in operation.inputs)
        ranks |= dict.fromkeys(operation.outputs, rank)
    return passed


def shared(boxes: Iterable[tuple[Box, ...]]) -> tuple[Box, ...]:
    """The frames that all stand in."""
    alike = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*boxes, strict=False))
    return tuple(column[0] for column in alike)


def _merge(operations: list[Operation]) -> None:
    """Make one of the quantities that go the same way to or from a folded operation, if they are many."""
    ways: dict[Quantity, list[int]] = defaultdict(lambda: [-1])
    for i, operation in enumerate(operations):
        for q in operation.outputs:
            ways[q][0] = i
        for q in dict.fromkeys(operation.inputs):
            ways[q].append(i)
    alike: dict[Any, list[Quantity]] = defaultdict(list)
    for q, way in ways.items():
        if q.kind != "root" and any(i >= 0 and operations[i].folded for i in way):
            alike[q.kind, *way].append(q)
    instead: dict[Quantity, Quantity] = {}
    for same in alike.values():
        if len(same) > FEW:
            first, last = same[0].name, same[-1].name
            name = first if first == last else f"{first} … {last}" if first and last else ""
            instead |= dict.fromkeys(same, Quantity(same[0].kind, name, count=sum(q.count for q in same)))
    for operation in operations:
        operation.outputs = list(dict.fromkeys(instead.get(q, q) for q in operation.outputs))
        inputs = [instead.get(q, q) for q in operation.inputs]
        operation.inputs = list(dict.fromkeys(inputs)) if operation.folded else inputs


def _codes(operations: list[Operation]) -> np.ndarray[Any, Any]:
    """A number for each operation, the same for those that look alike."""
    known: dict[Any, int] = {}
    looks = (
        (o.symbol, len(o.inputs), *(box.title for box in o.boxes), *(q.shape for q in o.outputs)) for o in operations
    )
    return np.array([known.setdefault(look, len(known)) for look in looks])


def _runs(codes: np.ndarray[Any, Any], period: int) -> list[tuple[int, int]]:
    """Where a pattern of this length repeats often enough: the start, and how many times; none overlap."""
    same = np.concatenate([[False], codes[:-period] == codes[period:], [False]])
    starts, stops = np.flatnonzero(np.diff(same.astype(np.int8))).reshape(-1, 2).T
    found: list[tuple[int, int]] = []
    done = 0
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        start = max(start, done)
        if (times := (stop - start) // period + 1) >= ALIKE:
            found.append((start, times))
            done = start + times * period
    return found


def _folded(operations: list[Operation], start: int, times: int, period: int) -> list[Part]:
    """The part that stands for a run of repetitions; the last one stays, in the same frame, if it is long."""
    stop = start + times * period
    members = operations[start:stop]
    outside = shared(member.boxes for member in members)
    symbols = [f"[{m.symbol}]".replace("\n", " ") if "\n" in m.symbol else m.symbol for m in members[:period]]
    body = " ".join(symbols[:6]) + (" …" if period > 6 else "")
    if period <= OPEN:
        return [Part(start, stop, f"× {times}\n{body}", f"{times} × {body}", outside)]
    frame = (*outside, Box(f"× {times}"))
    for member in members[-period:]:
        member.boxes = frame + member.boxes[len(outside) :]
    return [Part(start, stop - period, f"⋯ × {times - 1}\n{body}", f"{times - 1} × {body}", frame)]
