"""What can be measured, and how a sample of it is taken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Timed:
    """A call to be timed, in seconds.

    Attributes:
        call: what is timed; it gets what ``prepare`` returns, if there is one.
        prepare: runs before each call, outside the time.
        per: how many units of work a call does; the time is that of one.
    """

    call: Callable[..., Any]
    prepare: Callable[[], Any] | None = None
    per: int = 1
    _repeats: int = field(default=0, init=False)

    def once(self) -> float:
        """Seconds for one unit of work, from one call."""
        given = () if self.prepare is None else (self.prepare(),)
        start = time.perf_counter()
        self.call(*given)
        return (time.perf_counter() - start) / self.per

    def sample(self) -> float:
        """Seconds for one unit of work, averaged over enough calls to last 5 ms, after one that is not counted."""
        self.once()
        if not self._repeats:
            fastest = min(self.once() for _ in range(3 if self.per < 1e5 else 1)) * self.per
            self._repeats = max(1, round(0.005 / fastest))
        if self.prepare is not None:
            return sum(self.once() for _ in range(self._repeats)) / self._repeats
        repeats, call = range(self._repeats), self.call
        start = time.perf_counter()
        for _ in repeats:
            call()
        return (time.perf_counter() - start) / self._repeats / self.per


@dataclass
class Script:
    """A program to be run in a fresh Python; it prints the number that is wanted, in seconds or bytes."""

    source: str

    def sample(self) -> float:
        """What the program prints."""
        root, command = Path(__file__).parents[2], [sys.executable, "-c", self.source]
        # Compiled once and kept, as an installed package is, whatever this process was told of bytecode.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the measured program failed:\n{done.stderr}")
        return float(done.stdout)


Contestant = Timed | Script


@dataclass
class Bound:
    """What is promised against one rival: a ratio of at most ``ratio``, or at most ``extra`` seconds more."""

    ratio: float | None = None
    extra: float | None = None


@dataclass
class Case:
    """Contestants that do the same work, ours first. Builders raise ImportError where something is not installed."""

    name: str
    contestants: dict[str, Callable[[], Contestant]]
    bounds: dict[str, Bound] = field(default_factory=dict)
    unit: str = "s"
    rounds: int | None = None
