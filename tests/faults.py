"""``python -m tests.faults``: processes killed while they save, and files that are damaged or made to do harm.

A kill must leave the old file or the new one. A bad file must raise `pickle.UnpicklingError` or `RuntimeError`, or load
as what it says; do nothing else (by the audit events of Python: https://peps.python.org/pep-0578/); and take no more
memory than `most` allows for its length.
"""

from __future__ import annotations

import argparse
import codecs
import collections
import itertools
import multiprocessing
import os
import pickle
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

import micrograd_cn as mt
from tests.hostile import DAMAGED, KINDS, originals

ENDINGS = (".pt", ".safetensors")
FORK: Any = multiprocessing.get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None
SECONDS = 20  # that one file may take, on a busy machine


# --- kills -----------------------------------------------------------------------------------------------------------


def state(n: int) -> dict[str, Any]:
    """One of the states that are saved in turn: every number says which."""
    return {name: mt.full((size,), float(n)) for name, size in (("a", 10), ("b", 100_000), ("c", 1000))}


def which(path: Path) -> int:
    """The number of the state in a file; raises if it is no whole one."""
    back = mt.load(path)
    n = int(back["a"][0])
    if any(not mt.equal(back.get(name), t) for name, t in state(n).items()):
        raise AssertionError(f"{path.name} mixes states")
    return n


def _save_for_ever(path: Path, begun: Any) -> None:
    states = [state(0), state(1)]
    begun.set()
    for n in itertools.count(1):
        mt.save(states[n % 2], path)


def kills(ending: str, dice: random.Random) -> Iterator[bool]:
    """Kill a process that saves, again and again, at a random moment, and look at the file; gives whether that was
    while a file was being written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x" + ending)
        start = time.perf_counter()
        for n in range(5):
            mt.save(state(n % 2), path)
        typical = (time.perf_counter() - start) / 5
        while True:
            process = FORK.Process(target=_save_for_ever, args=(path, begun := FORK.Event()))
            process.start()
            begun.wait()  # on a busy machine a process is slow to start
            time.sleep(dice.uniform(0, 6 * typical))
            process.kill()
            process.join()
            which(path)
            parts = [p for p in Path(folder).iterdir() if p != path]
            for p in parts:
                p.unlink()
            yield bool(parts)


# --- bad files -------------------------------------------------------------------------------------------------------

PER_BYTE, CONSTANT = 300, 1 << 18


def most(length: int) -> int:
    """The bytes that reading a file of this length may take: a pickle makes a set of 216 bytes out of one."""
    return PER_BYTE * length + CONSTANT


class Outcome(NamedTuple):
    """What came of a file: "raised", "loaded", "loaded other data" or, if that must not be, what is wrong."""

    said: str
    wrong: bool
    peak: float = 0.0  # of the memory taken, in bytes for each byte of the file beyond `CONSTANT`


# What opening and reading a file may do.
_AUDITED = {"open", "builtins.id", "pickle.find_class"}


class _Watch:
    """Notes what the process does, by Python's audit events, while it is on."""

    def __init__(self) -> None:
        self.on, self.seen = False, set()
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and (event not in _AUDITED or (event == "open" and arguments[2] & os.O_ACCMODE)):
            self.seen.add(event)


def _same(a: Any, b: Any) -> bool:
    from tests.test_serialization import same

    return same(a, b)


def _judged(kind: str, ending: str, content: bytes, watch: _Watch, folder: str) -> Outcome:
    path = Path(folder, "x" + ending)
    path.write_bytes(content)
    tracemalloc.reset_peak()
    before, back, error = tracemalloc.get_traced_memory()[0], None, None
    watch.on = True
    try:
        back = mt.load(path)
    except BaseException as raised:
        error = raised
    watch.on = False
    taken = tracemalloc.get_traced_memory()[1] - before
    peak = max(0, taken - CONSTANT) / max(1, len(content))
    if watch.seen or len(os.listdir(folder)) > 1:
        return Outcome(f"did {sorted(watch.seen)} {os.listdir(folder)}", True, peak)
    if taken > most(len(content)):
        return Outcome(f"took {taken:,} bytes for {len(content):,}", True, peak)
    if error is not None:
        fine = isinstance(error, (pickle.UnpicklingError, RuntimeError)) and not isinstance(error, RecursionError)
        return Outcome("raised" if fine else f"raised {type(error).__name__}: {str(error)[:300]}", not fine, peak)
    if kind not in DAMAGED:
        return Outcome("loaded", False, peak)
    other = not _same(originals()[ending], back)
    # The parts of a .pt file have checksums; the data of safetensors have none, and other data is not to be told.
    return Outcome("loaded other data" if other else "loaded", other and ending == ".pt", peak)


def _serve(pipe: Any) -> None:
    """Judge the files that come through a pipe, in a process that cannot take all the memory of the machine."""
    import gc
    import resource

    gc.freeze()  # what came with the fork, such as folders to be removed, is the parent's to finish

    for ending in ENDINGS:  # so that all modules are there
        with tempfile.TemporaryDirectory() as folder:
            mt.save(originals()[ending], Path(folder, "x" + ending))
            mt.load(Path(folder, "x" + ending))
    for encoding in ("ascii", "latin1", "raw_unicode_escape", "unicode_escape", "utf8"):  # which pickles may use
        codecs.lookup(encoding)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
    tracemalloc.start()
    watch = _Watch()
    while True:
        kind, ending, content = pipe.recv()
        watch.seen.clear()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            outcome = _judged(kind, ending, content, watch, folder)
        pipe.send(outcome)


class Judge:
    """Reads files in a process of its own, and starts another when a file has killed or stopped that."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self, kind: str, ending: str, content: bytes) -> Outcome:
        self.pipe.send((kind, ending, content))
        try:
            if self.pipe.poll(SECONDS):
                return self.pipe.recv()
            said = f"still reading after {SECONDS} s"
        except EOFError:
            said = "ended the process"
        self.process.kill()
        self.process.join()
        self._start()
        return Outcome(said, True)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()


class Finding(NamedTuple):
    """A bad file and what came of it."""

    kind: str
    seed: int
    outcome: Outcome


def files(count: int, seed: int = 0) -> Iterator[Finding]:
    """Make and judge ``count`` bad files, of each kind in turn; the same seed makes the same ones."""
    with Judge() as judge:
        for i, kind in zip(range(seed, seed + count), itertools.cycle(KINDS), strict=False):
            ending, content = KINDS[kind](random.Random(i))
            yield Finding(kind, i, judge(kind, ending, content))


def main() -> None:
    """Kill and read, count and tell; exit with an error if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many saving processes are killed (%(default)s)")
    parser.add_argument("--files", type=int, default=2000, help="how many bad files are read (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the files (%(default)s)")
    options = parser.parse_args()
    dice, wrong = random.Random(options.seed), []
    for ending in ENDINGS:
        count = options.kills // len(ENDINGS)
        moments = tqdm(kills(ending, dice), f"kills, {ending}", count, disable=None)
        caught = [moment for moment, _ in zip(moments, range(count), strict=False)]
        print(f"{ending}: {count} kills, {sum(caught)} while a file was being written; each left a whole file")
    table: dict[str, collections.Counter[str]] = {kind: collections.Counter() for kind in KINDS}
    peaks: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    for kind, seed, outcome in tqdm(files(options.files, options.seed), "bad files", options.files, disable=None):
        table[kind]["wrong" if outcome.wrong else outcome.said] += 1
        peaks[kind] = max(peaks[kind], outcome.peak)
        if outcome.wrong:
            wrong.append(f"{kind}, seed {seed}: {outcome.said}")
    columns = ("raised", "loaded", "loaded other data", "wrong")
    print(f"\n| file | {' | '.join(columns)} | most memory, times the file beyond 256 KiB |\n|---|" + "---|" * 5)
    for kind, counts in table.items():
        print(f"| {kind} | {' | '.join(str(counts[c]) for c in columns)} | {peaks[kind]:.0f} |")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
