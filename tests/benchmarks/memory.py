"""The memory of this process, now and at most."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def _linux(field: str) -> int | None:
    """A field of Linux's account of this process, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    # On Linux, ru_maxrss starts from the size of the process that started this one.
    found = _linux("VmHWM")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found or (most if sys.platform == "darwin" else most * 1024)


def now() -> int:
    """The memory of this process, in bytes; where that is not known, the most it has had."""
    return _linux("VmRSS") or peak()


def forget_peak() -> None:
    """Let `peak` count from here, where the system can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")
