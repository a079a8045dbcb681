"""Anomaly mode: where was recorded what fails in backward, or makes the first NaN there.

While it is on, a node remembers the lines that led to it when it takes its number, which every node does once it
stands in the graph; and each sweep is watched. While it is off nothing of this runs: ``Node.number`` is a plain slot.

https://pytorch.org/docs/stable/autograd.html#anomaly-detection
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.engine import Anomaly, Node, sweep
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import ArrayNode

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_SWEEP = sweep.__wrapped__.__code__  # type: ignore[attr-defined]
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class _Trace(NamedTuple):
    """Where a node was recorded: the user's lines, the outermost first; and if that was in a sweep, the name and the
    trace of the node that the sweep was at."""

    lines: Any  # a traceback.StackSummary
    cause: str = ""
    before: _Trace | None = None


def _trace(frame: Any) -> _Trace:
    """The trace of a node that ``frame`` records."""
    import traceback

    stack = traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False)
    users = [line for line in reversed(stack) if not line.filename.startswith(_PACKAGE)]
    lines = traceback.StackSummary.from_list(users or stack[::-1])
    while frame is not None and frame.f_code is not _SWEEP:
        frame = frame.f_back
    if frame is None:
        return _Trace(lines)
    at = frame.f_locals["node"]
    return _Trace(lines, _name(at), getattr(at, "trace", None))


class _Tracing:
    """Stands for a slot of nodes, and notes on each node whose slot is set where that was."""

    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, node: Any, kind: Any = None) -> Any:
        return self.slot.__get__(node, kind)

    def __set__(self, node: Any, number: int) -> None:
        self.slot.__set__(node, number)
        if number:  # 0 marks constants
            node.trace = _trace(sys._getframe(1))


_off, _on = Node.__dict__["number"], _Tracing(Node.__dict__["number"])


def _name(node: Node) -> str:
    return node.plan.row.backward_name if node.plan is not None else "torch::autograd::AccumulateGrad"


class _Watch:
    """What a sweep tells of itself."""

    check_nan = True

    @classmethod
    def check(cls, node: Node, pick: Any, share: Any) -> None:
        """Raise RuntimeError if the ``share`` that the rule of ``node`` with this ``pick`` has given holds a NaN."""
        # The outputs of a user's function collect their gradients in a dict, which has been looked at by element.
        data = getattr(share, "_raw", share)
        if cls.check_nan and not isinstance(data, dict) and np.isnan(data).any():
            edges = [e for e, _ in node.next_functions] if isinstance(node, ArrayNode) else node.parents
            places = [i for i, edge in enumerate(edges) if edge is not None]
            at = places[[p for _, p in node.plan.pulls].index(pick)]
            said = f"Function '{_name(node)}' returned nan values in its {at}th output."
            name, trace = "It", getattr(node, "trace", None)
            while trace is not None:
                line = trace.lines[-1]
                said += f"\n{name} was recorded at {line.filename}:{line.lineno}: {line.line}"
                name, trace = f"That is the derivative of {trace.cause}, which", trace.before
            raise RuntimeError(said)

    @staticmethod
    def report(error: Exception) -> None:
        """Warn that a sweep has failed: at which node, where that was recorded and what had led to it."""
        at = error.__traceback__
        while at is not None and at.tb_frame.f_code is not _SWEEP:
            at = at.tb_next
        node = at.tb_frame.f_locals.get("node") if at is not None else None
        if node is None:
            return
        said, what, name, trace = "Error detected in", "caused the error", _name(node), getattr(node, "trace", None)
        while name:
            shown = f"Traceback of forward call that {what}:\n{''.join(trace.lines.format())}" if trace else _UNKNOWN
            warnings.warn(f"{said} {name}. {shown}", stacklevel=4)
            said, what = "\n\nPrevious calculation was induced by", "induced the previous calculation"
            name, trace = (trace.cause, trace.before) if trace else ("", None)


_UNKNOWN = "No forward pass information available. Enable detect anomaly during forward pass for more information."


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return Anomaly.watch is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when it is on, takes a NaN for an error."""
    return _Watch.check_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Switch anomaly mode on or off, in all threads; TypeError unless both are bools."""
    for name, x in {"enabled": enabled, "check_nan": check_nan}.items():
        what = f"argument '{name}' must be bool, not {type(x).__name__}"
        need(isinstance(x, bool), f"set_anomaly_enabled(): {what}", TypeError)
    Anomaly.watch, _Watch.check_nan = _Watch if enabled else None, check_nan
    Node.number = _on if enabled else _off  # type: ignore[assignment, misc]


class set_detect_anomaly:
    """Switch anomaly mode on or off from here on, or inside a ``with`` block.

    A backward that fails then warns with the traceback of the operation, made while the mode was on, that it failed at.

    Args:
        mode: on or off.
        check_nan: let backward raise RuntimeError as soon as a derivative is NaN; the message names the line.

    Raises:
        TypeError: unless both are bools.

    https://pytorch.org/docs/stable/autograd.html#torch.autograd.set_detect_anomaly
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        set_anomaly_enabled(*self.before)


class detect_anomaly(set_detect_anomaly):
    """``with detect_anomaly(): ...``: anomaly mode inside the block, with a warning that it is slow.

    Args:
        check_nan: see `set_detect_anomaly`.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.before, self.check_nan = (is_anomaly_enabled(), is_anomaly_check_nan_enabled()), check_nan
        what = "This mode will increase the runtime and should only be enabled for debugging."
        warnings.warn(f"Anomaly Detection has been enabled. {what}", stacklevel=2)

    def __enter__(self) -> None:
        set_anomaly_enabled(True, self.check_nan)
