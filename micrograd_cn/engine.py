"""The engine: keeps what was computed as a graph of nodes and sweeps the chain rule back over it.

It knows no operation and no layer. Running a primitive (a row of the table in `micrograd_cn.ops`) on tensors or
values that require gradients leaves a `Node`; `sweep` walks the nodes from the newest to the oldest.

Every node takes a number when it is made, and what an operation reads is always older than what it
makes. So "the highest number first" is a topological order: nothing is sorted, nothing recurses, and a chain
of a million operations is as safe as one of ten.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

next_number = itertools.count(1).__next__
"""The next creation number, never 0. One count serves nodes and writes, so both stand on one time line."""


class _Mode(threading.local):
    """What this thread records: `grad`, whether at all; `inference`, whether tensors made now may ever take part."""

    grad = True
    inference = False


mode = _Mode()


class Anomaly:
    """Who watches the sweeps: `micrograd_cn.autograd.anomaly_mode` while that is on, else nobody."""

    watch: Any = None


class Clock:
    """When any memory was last written: a node younger than that need not check what it saved."""

    last_write = 0


def written(cell: list[int]) -> None:
    """Note in a version cell ``[last write, number of writes, last rebase]`` that its memory has changed."""
    cell[0] = number = next_number()
    if number > Clock.last_write:  # another thread may have drawn a later number since, and noted it
        Clock.last_write = number
    cell[1] += 1


class Face:
    """What users hold and primitives recognise: a number (`Value`) or an array (`Tensor`)."""

    __slots__ = ()

    def _apply(self, row: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Run a primitive on arguments among which there is a face of this kind, and record it."""
        raise NotImplementedError


class Node:
    """One recorded operation, or a leaf: a number or array that gradients end in.

    Attributes:
        number: when it was made.
        plan: the primitive it ran and the rules it needs (`micrograd_cn.ops.table.Plan`); None for a leaf.
        parents: the nodes of the inputs that take part, in the order of the rules.
        saved: what the rules need; None once freed.
        kept: the owners of the memory that ``saved`` refers to: faces, or their version cells.
        hooks: functions to run on the gradient when it is complete, or None.
        retains: whether the gradients that arrive here are kept in a ``.grad``: leaves do, and all values.
        trace: where it was recorded, if that was in anomaly mode; else not set.
    """

    __slots__ = ("__weakref__", "hooks", "kept", "number", "parents", "plan", "saved", "trace")

    number: int
    plan: Any
    parents: tuple[Any, ...]
    saved: tuple[Any, ...] | None
    kept: tuple[Any, ...]
    hooks: dict[int, Any] | None
    retains = False

    def face(self, data: Any, owner: Any = None) -> Any:
        """``data`` as the kind of object users hold, standing here; it changes when ``owner`` (see kept) does."""
        raise NotImplementedError

    def constant(self, data: Any, owner: Any = None) -> Any:
        """``data`` as the kind of object users hold, standing in no graph."""
        raise NotImplementedError

    def raw(self, face: Any) -> Any:
        """The data that a face wraps."""
        raise NotImplementedError

    def fit(self, gradient: Any) -> Any:
        """A gradient that arrives here, in this node's shape and type: the one place that un-broadcasts."""
        raise NotImplementedError

    def accumulate(self, gradient: Any, shared: bool) -> None:
        """Add a complete gradient to ``.grad``; ``shared``: others may hold the same object."""
        raise NotImplementedError

    def check_versions(self) -> None:
        """Raise RuntimeError if memory that this node saved has been written since."""
        for owner in self.kept:
            cell = owner if isinstance(owner, list) else getattr(owner, "_cell", ())
            if cell is None:
                raise RuntimeError(
                    "Inference tensors cannot be saved for backward: they do not notice changes in place. Make a "
                    "clone() outside inference mode to get a normal tensor."
                )
            if cell and cell[0] > self.number:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"{self.plan.row.backward_name} saved it, and it has been written since (it is at version "
                    f"{cell[1]} now). Hint: use the out-of-place form (x = x + 1, not x += 1), or change a clone()."
                )


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


def _prepared(sweep: Callable[..., Any]) -> Callable[..., Any]:
    """A sweep that records only if asked to, whatever mode the caller is in, and whose errors anomaly mode sees."""

    @functools.wraps(sweep)
    def run(roots: Any, retain_graph: bool = False, create_graph: bool = False, wanted: Any = None) -> Any:
        before, mode.grad = mode.grad, create_graph and not mode.inference  # hooks and rules run on faces
        try:
            return sweep(roots, retain_graph, create_graph, wanted)
        except Exception as error:
            if Anomaly.watch is not None:
                Anomaly.watch.report(error)
            raise
        finally:
            mode.grad = before

    return run


@_prepared
def sweep(
    roots: Iterable[tuple[Node, Any]], retain_graph: bool, create_graph: bool, wanted: Sequence[Node] | None
) -> dict[int, Any]:
    """The chain rule: carry gradients from the roots to the leaves.

    The gradient of the waiting node with the highest number is complete, since all that reads it is younger
    and has been done. Each rule of the node then gives one parent its share, and shares add up.

    Args:
        roots: nodes, each with the gradient it starts from.
        retain_graph: keep what the rules need, for another sweep.
        create_graph: run the rules on faces instead of raw data, so that gradients have a graph themselves.
        wanted: return the gradients of these nodes and add to no leaf's ``.grad``; None: add to every leaf's.

    Returns:
        The gradients of ``wanted`` by node number, None where none arrived; empty if ``wanted`` is None.

    Raises:
        RuntimeError: if the graph has been freed, or memory that a rule needs has been written.
    """
    caught: dict[int, Any] = {} if wanted is None else {node.number: None for node in wanted}
    needed = None if wanted is None else _leading_to(roots, caught)
    pending: dict[int, list[Any]] = {}
    heap: list[int] = []
    watch = Anomaly.watch
    for node, gradient in roots:
        entry = pending.get(-node.number)
        pending[-node.number] = [node, gradient if entry is None else entry[1] + gradient, True]
        if entry is None:
            heappush(heap, -node.number)
    while heap:
        node, g, shared = pending.pop(heappop(heap))
        if node.hooks is not None:
            g, shared = _run_hooks(node, g, create_graph), True  # the hooks have seen it and may keep it
        if needed is not None:
            if node.number in caught:
                caught[node.number] = g
            if node.number not in needed:
                continue
        if node.retains and wanted is None:
            node.accumulate(g, shared)
        plan = node.plan
        if plan is None:
            continue
        saved = node.saved
        if saved is None:
            raise RuntimeError(FREED)
        if node.number < Clock.last_write:
            node.check_versions()
        if create_graph:
            saved = plan.lift(node)
        for parent, (rule, pick) in zip(node.parents, plan.pulls):  # noqa: B905 (strict costs 0.1 µs)
            if needed is None or parent.number in needed or parent.number in caught:
                share = rule(g, *pick(saved))
                if share is None:
                    continue  # a user's function says: no gradient this way
                share = parent.fit(share)
                if watch is not None:
                    watch.check(node, pick, share)
                key = -parent.number
                if parent.plan is None and parent.hooks is None and wanted is None:
                    parent.accumulate(share, share is g)  # a leaf need not wait for its total: it adds up itself
                elif key in pending:
                    entry = pending[key]
                    entry[1], entry[2] = entry[1] + share, False
                else:
                    pending[key] = [parent, share, share is g]
                    heappush(heap, key)
        if plan.frees and not retain_graph:
            node.saved, node.kept = None, ()
    return caught


def _leading_to(roots: Iterable[tuple[Node, Any]], targets: dict[int, Any]) -> set[int]:
    """The numbers of those nodes below the roots that pass a gradient on towards one of the targets."""
    oldest = min(targets, default=0)
    found: dict[int, Node] = {}
    stack = [node for node, _ in roots]
    while stack:
        node = stack.pop()
        if node.number > oldest and node.number not in found:
            found[node.number] = node
            stack.extend(node.parents)
    needed: set[int] = set()
    for number in sorted(found):
        if any(p.number in needed or p.number in targets for p in found[number].parents):
            needed.add(number)
    return needed


def _run_hooks(node: Node, g: Any, create_graph: bool) -> Any:
    """The gradient after the user's hooks have seen it as a face; one that returns something replaces it."""
    face = g if isinstance(g, Face) else node.constant(g)
    for hook in list(node.hooks.values()):  # type: ignore[union-attr]
        answer = hook(face)
        face = face if answer is None else answer
    return face if create_graph else node.fit(node.raw(face))
