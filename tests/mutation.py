"""Mutation testing: is there a test that fails when one operator, number or condition of the package is another?

    python -m tests.mutation [FILES…] [--sample N] [--seed S] [--jobs 2] [--seconds 15] [--again FILE]

Each mutant (`tests.mutants`) changes one place of ``engine.py`` or ``ops/`` and is tried with the tests that run the
changed function, until one fails or ``--seconds`` of them have run: the one that killed its neighbour first, then the
fastest, where those of its own module may take ten times as long. It counts as killed, too, if it cannot be imported,
takes ten times as long, or takes 4 GB more memory.
Survivors that ``mutation_survivors.tsv`` does not explain are printed in the form of that file, and the exit code is
then 1; ``--again FILE`` tries only those of such a print, after tests have been added.

The first run measures which test calls which function, in some minutes, and keeps that in ``build/mutation.json``.

A mutant is no new process but a fork of one that has imported all: what is mutated inside functions is put in place
as new bytecode, and what is mutated in a module's own code (decorators, defaults, tables) is imported after the fork.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import gc
import hashlib
import importlib.machinery
import itertools
import json
import math
import os
import pickle
import pkgutil
import random
import re
import resource
import signal
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tqdm import tqdm

from tests.mutants import ROOT, TARGETS, Change, Mutant, change, codes, mutated, original, places, statements, users_of

SURVIVORS = Path(__file__).with_name("mutation_survivors.tsv")
# Nothing of these runs a mutated line that the others do not, and they start processes or train for long.
LEFT_OUT = re.compile(
    "test_(animation|chapters_.*|check_.*|cli|clients|data|endurance|examples|explain|learn|plots|readme|strategies|"
    "stubs|tutorials|viz|viz_draw)"
)
LOOKS = "test_signatures"  # looks at functions without calling them


# --- processes -------------------------------------------------------------------------------------------------------


def forked(work: Callable[[Any], Any], tasks: Iterable[Any], jobs: int) -> Iterator[tuple[Any, Any]]:
    """Each task with what ``work`` makes of it in a fork of this process; None if a signal ended that."""
    running: dict[int, tuple[Any, Any]] = {}
    tasks = iter(tasks)
    while True:
        for task in itertools.islice(tasks, jobs - len(running)):
            answer = tempfile.TemporaryFile()  # noqa: SIM115 (it outlives the loop)
            sys.stdout.flush()
            pid = os.fork()
            if not pid:
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, 1), os.dup2(sink, 2)
                try:
                    pickle.dump((work(task), None), answer)
                except BaseException:
                    pickle.dump((None, traceback.format_exc()), answer)
                answer.flush()
                os._exit(0)
            running[pid] = task, answer
        if not running:
            return
        pid, _ = os.wait()
        task, answer = running.pop(pid)
        answer.seek(0)
        found, error = pickle.loads(answer.read() or pickle.dumps((None, None)))
        if error:
            raise RuntimeError(f"{task}: {error}")
        yield task, found


def passes(item: pytest.Item) -> bool:
    """Run one test as pytest does."""
    from _pytest.runner import runtestprotocol

    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


class Session:
    """A pytest plugin: hands the collected tests to ``serve`` instead of running them."""

    def __init__(self, serve: Callable[[list[pytest.Item]], None]) -> None:
        self.serve = serve
        self.error: BaseException | None = None

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        # No failure is shrunk: that there is one is enough.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", database=None, derandomize=True, deadline=None, phases=phases)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            if not session.testsfailed:  # else a module could not be imported
                self.serve(session.items)
        except BaseException as error:  # pytest would only print it
            self.error = error
        return True


def collect(tests: Iterable[str], serve: Callable[[list[pytest.Item]], None]) -> None:
    """Let pytest collect ``tests`` and hand them to ``serve``."""
    options = ["-s", "-q", "--tb=no", f"--rootdir={ROOT}", "-o", "addopts="]
    options += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "benchmark")]
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
        pytest.main([*options, *tests], plugins=[session := Session(serve)])
    if session.error:
        raise session.error


# --- which test runs what --------------------------------------------------------------------------------------------


class Reach(NamedTuple):
    """A test's CPU seconds and the functions of the package that it calls, as ``(file, first line)``."""

    seconds: float
    calls: frozenset[tuple[str, int]]


@contextlib.contextmanager
def called(found: set[tuple[str, int]]) -> Iterator[None]:
    """Note in ``found`` which functions of the targets are called."""
    files = {str(path): str(path.relative_to(ROOT)) for path in TARGETS}

    def note(frame: types.FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if code.co_filename in files:
            found.add((files[code.co_filename], code.co_firstlineno))

    before = sys.gettrace()
    sys.settrace(note), threading.settrace(note)
    try:
        yield
    finally:
        sys.settrace(before), threading.settrace(before)  # type: ignore[arg-type]


def caches() -> list[Any]:
    """The caches of functions of the package."""
    found = (thing for thing in gc.get_objects() if type(thing).__name__ == "_lru_cache_wrapper")
    return [cache for cache in found if str(cache.__module__).startswith("micrograd_cn")]


def measure(items: list[pytest.Item]) -> dict[str, Any]:
    """The reach of the tests that pass, as JSON writes it."""
    reach: dict[str, Any] = {}
    remembered = caches()
    for item in items:
        for cache in remembered:
            cache.cache_clear()
        calls: set[tuple[str, int]] = set()
        start = os.times()
        with called(calls):
            passed = passes(item)
        end = os.times()
        if passed:
            reach[item.nodeid] = end.user + end.system - start.user - start.system, sorted(calls)
    return reach


def survey(modules: list[Path], jobs: int) -> dict[str, Reach]:
    """The reach of all tests: from the notes of an earlier run as far as no file it depends on has changed."""
    notes = ROOT / "build/mutation.json"
    helpers = [*ROOT.glob("micrograd_cn/**/*.py"), *ROOT.glob("tests/*.py"), *ROOT.glob("tests/parity*.t*")]
    shared = b"".join(p.read_bytes() for p in sorted(helpers) if p not in {*modules, Path(__file__).resolve()})
    digests = {m: hashlib.sha256(shared + m.read_bytes()).hexdigest() for m in modules}
    known = json.loads(notes.read_text()) if notes.exists() else {}
    known = {d: known[d] for d in digests.values() if d in known}

    def one(module: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        collect([str(module)], lambda items: found.update(measure(items)))
        return found

    todo = sorted((m for m in modules if digests[m] not in known), key=lambda m: -m.stat().st_size)
    for module, found in tqdm(forked(one, todo, jobs), "which test runs what", len(todo), disable=not todo):
        known[digests[module]] = found or {}
    notes.parent.mkdir(exist_ok=True)
    notes.write_text(json.dumps(known))
    return {
        test: Reach(seconds, frozenset(map(tuple, calls)))
        for found in known.values()
        for test, (seconds, calls) in found.items()
    }


def at_import() -> set[tuple[str, int]]:
    """The functions that importing the package runs: what they made then is not made anew by new bytecode."""
    found: set[tuple[str, int]] = set()
    with called(found):
        package = importlib.import_module("micrograd_cn")
        for module in pkgutil.walk_packages(package.__path__, "micrograd_cn."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return found


# --- mutated code ----------------------------------------------------------------------------------------------------


class Bytecode:
    """The functions of the package by their code, for putting other code in place."""

    def __init__(self) -> None:
        paths = {str(p) for p in TARGETS}
        self.found = collections.defaultdict(list)
        self.caches = caches()
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType) and thing.__code__.co_filename in paths:
                self.found[thing.__code__].append(thing)

    def put(self, path: str, new: types.CodeType) -> None:
        """Make all functions of a module those of its mutated code."""
        for a, b in zip(codes(original(path)), codes(new), strict=True):
            for function in self.found.get(a, ()) if a != b else ():
                function.__code__ = b
        for cache in self.caches:
            cache.cache_clear()


def limited(item: pytest.Item, seconds: float) -> bool:
    """Run one test; ten times its usual CPU time ends the process."""
    signal.setitimer(signal.ITIMER_PROF, 10 * seconds + 2)
    signal.setitimer(signal.ITIMER_REAL, 3600)
    return passes(item)


def killer(items: Iterable[pytest.Item], reach: dict[str, Reach]) -> str:
    """The first test that fails, "" if none does."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return next((item.nodeid for item in items if not limited(item, reach[item.nodeid].seconds)), "")


def imported_anew(change: Change, tests: list[str], reach: dict[str, Reach]) -> str:
    """Import the package with the mutated module, and try the tests."""
    path, plain = str(ROOT / change.mutant.file), importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, name: str) -> Any:
        return change.new if self.path == path else plain(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    answers: list[str] = []

    def serve(items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        answers.append(killer((found[test] for test in tests if test in found), reach))

    # To collect the other modules takes longer than to run the tests that only look.
    for _, group in itertools.groupby(tests, lambda test: LOOKS in test):
        modules, before = {test.partition("::")[0] for test in group}, len(answers)
        signal.setitimer(signal.ITIMER_PROF, 120)
        collect(sorted(modules), serve)
        if len(answers) == before:
            return "import"
        if answers[-1]:
            return answers[-1]
    return ""


# --- the run ---------------------------------------------------------------------------------------------------------


@functools.cache
def about(file: str) -> re.Pattern[str]:
    """What is found in the names of tests of a module and of tests of something that stands in it."""
    names = set[str]().union(*(s.defines for s in statements() if s.file == file))
    return re.compile(rf"test_{Path(file).stem}\b|[\[.]({'|'.join(sorted(names))})[\](-]")


class Choice:
    """The tests for a mutant, the most promising first."""

    def __init__(self, reach: dict[str, Reach], seconds: float) -> None:
        self.reach, self.seconds = reach, seconds
        self.killers: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.at: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
        for test, found in reach.items():
            for call in found.calls:
                self.at[call].add(test)

    def of(self, change: Change) -> list[str]:
        """Tests that call the changed functions; for what is imported anew, all that has to do with the statement."""
        m = change.mutant
        if not change.cold:
            tests = set.union(*(self.at[m.file, n] for n in change.functions))
        else:
            names, users = users_of(m)
            known = re.compile(rf"[\[_.-]({'|'.join(n.strip('_') for n in names)})[\]_-]|{LOOKS}")
            tests = set.union(*(self.at[at] for at in users)) | {t for t in self.reach if known.search(t)}
        killers, near = self.killers[m.file, m.piece], about(m.file)
        cost = {t: self.reach[t].seconds * (0.1 if near.search(t) else 1) for t in tests}
        order = sorted(tests, key=lambda t: (-killers[t], LOOKS not in t, cost[t], t))
        spent = itertools.accumulate(self.reach[t].seconds for t in order)
        return [t for t, total in zip(order, spent, strict=True) if total <= self.seconds or t == order[0]]

    def killed(self, mutant: Mutant, test: str | None) -> None:
        """Note what killed a mutant."""
        if test in self.reach:
            self.killers[mutant.file, mutant.piece][str(test)] += 1


def explained(table: Path) -> dict[tuple[str, ...], str]:
    """The survivors in a table, each with the reason."""
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    return {tuple(row[:5]): row[5] for row in rows if len(row) == 6}


def interval(killed: int, count: int) -> str:
    """A share in percent with Wilson's 95% interval. (Wilson 1927, doi:10.1080/01621459.1927.10502953)"""
    z, p = 1.96, killed / count
    middle, half = p + z * z / (2 * count), z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    low, high = ((middle + s * half) / (1 + z * z / count) for s in (-1, 1))
    return f"{100 * p:5.1f}% [{100 * low:.1f}, {100 * high:.1f}]"


def run(
    changes: list[Change], choice: Choice, modules: list[Path], jobs: int, report: Callable[[Mutant, str | None], None]
) -> None:
    """Try each mutant and report the test that kills it: "" if none does, None if it ran into a limit."""

    def each(kind: bool, work: Callable[[Change, list[str]], str]) -> None:
        def one(task: tuple[Change, list[str]]) -> str:
            try:
                return work(*task)
            except Exception:
                return f"pytest: {traceback.format_exc()}"  # a mutant that breaks what runs the tests

        tasks = ((c, choice.of(c)) for c in changes if c.cold is kind)
        gc.freeze()  # so that a collection in a fork does not copy all memory
        for (c, _), test in forked(one, tasks, jobs):
            choice.killed(c.mutant, test)
            report(c.mutant, test)

    def serve(items: list[pytest.Item]) -> None:
        found, bytecode = {item.nodeid: item for item in items}, Bytecode()

        def in_place(change: Change, tests: list[str]) -> str:
            bytecode.put(str(ROOT / change.mutant.file), change.new)
            return killer((found[test] for test in tests), choice.reach)

        each(False, in_place)

    each(True, lambda c, tests: imported_anew(c, tests, choice.reach))
    if not all(c.cold for c in changes):
        collect(map(str, modules), serve)


def main() -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="modules to mutate instead of all")
    parser.add_argument("--sample", type=int, help="try this many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=15, help="of tests at most for a mutant")
    parser.add_argument("--again", type=Path, help="try only the survivors in this file, as an earlier run printed it")
    asked = parser.parse_args()
    again = explained(asked.again) if asked.again else {}
    for name in ("torch.testing._internal.common_methods_invocations", "torch.testing._internal.common_modules",
                 "scipy.special", "scipy.linalg", "hypothesis", "matplotlib", "micrograd"):  # fmt: skip
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    modules = [p for p in sorted(ROOT.glob("tests/test_*.py")) if not LEFT_OUT.fullmatch(p.stem)]
    reach = survey(modules, asked.jobs)
    ((_, early),) = forked(lambda _: at_import(), [None], 1)
    paths = [p.resolve() for p in asked.files] or TARGETS
    found = [place for path in paths for place in places(path)]
    if again:
        asked_for = {key[:3] for key in again}
        found = [p for p in found if (str(p.path.relative_to(ROOT)), p.piece, p.operator) in asked_for]
    if asked.sample:
        found = random.Random(asked.seed).sample(found, min(asked.sample, len(found)))
    distinct = {(m.file, m.lines, m.sense): m for p in tqdm(found, "mutants") if (m := mutated(p))}
    changes = [c for m in distinct.values() if (c := change(m, early or set())) and m.key in (again or {m.key})]

    reasons, counts, unexplained = explained(SURVIVORS), collections.defaultdict(collections.Counter), []
    with tqdm(total=len(changes), desc="tried") as bar:

        def report(mutant: Mutant, test: str | None) -> None:
            outcome = "limits" if test is None else "killed" if test else "survived"
            if test and test.startswith("pytest: "):
                tqdm.write(f"{mutant.key}\n{test}", sys.__stderr__)
            counts[mutant.file][outcome] += 1
            if test == "" and mutant.key not in reasons:
                unexplained.append(mutant)
                print(*mutant.key, "", sep="\t", flush=True, file=sys.__stdout__)  # pytest's own output is dropped
            bar.update()

        run(changes, Choice(reach, asked.seconds), modules, asked.jobs, report)
    print(f"{'file':40} mutants killed limits survived share that dies [95%]")
    for file, c in [*sorted(counts.items()), ("all", sum(counts.values(), collections.Counter()))]:
        n, dead = c.total(), c["killed"] + c["limits"]
        print(f"{file:40} {n:7} {c['killed']:6} {c['limits']:6} {c['survived']:8} {interval(dead, n)}")
    print(f"{len(unexplained)} survivors are not explained in {SURVIVORS.name}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
