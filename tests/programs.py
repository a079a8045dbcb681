"""Random programs: lines of Python that build, change and differentiate tensors, run on PyTorch and here.

A program is a list of source lines over the names ``T`` (the library), ``t0, t1, ...`` (tensors), ``net`` (a module)
and ``sgd``. `write` makes one from choices (hypothesis's or a seeded generator's), while PyTorch runs it; `difference`
runs it on both libraries and says what does not agree: a value, a gradient, what a hook saw, how often memory was
written, a flag or the type of an exception.

``python -m tests.programs --count 100000 --seed 0`` runs many and prints those that differ, reduced to what matters.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import random
import re
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

import numpy as np

from tests.program_steps import ADVANCED, ALONE, AROUND, BASIC, CHANGES, HEADER, LEAVES, NUMBERS, VALUES

LENGTH = 50
SIZE = 40  # elements; larger tensors take no further part
HUGE = 1e6  # where a program ends


class Outcome(NamedTuple):
    """What became of a line: the exception, whether a new tensor is contiguous, and what requires grad."""

    error: Exception | None
    contiguous: bool | None
    learning: frozenset[str]

    def __str__(self) -> str:
        return "" if self.error is None else f"{type(self.error).__name__}: {self.error}"


# The differences on purpose, each with its reason, PyTorch's error and ours: patterns, where "" is any or none. From
# such a line on there is nothing to compare. All are in the README's table of differences, or peculiar to PyTorch.
FINE = r"\A\Z"
ON_PURPOSE = {
    "inference tensors are refused when a sweep needs them": ("Inference tensors cannot be saved", FINE),
    "PyTorch has written into an inference tensor before it refuses": ("Inplace update to inference", ""),
    "what is made in inference mode, and what is detached from it, may differ": ("", "Inplace update to inference"),
    "PyTorch knows no base of a view of an inference tensor": (FINE, "Can't detach views in-place"),
    "inference tensors that require grad are peculiar": ("functions with out=|Inference tensors do not track", FINE),
    "expanded memory is written as a whole, or not": ("more than one element of the written-to", ""),
    "expanded memory is not written element by element": ("", "more than one element of the written-to"),
    "PyTorch looks into empty expanded memory": ("setStorage", "Error"),
    "indices are checked for empty tensors, too": (r"\A(?!IndexError)", "out of bounds for dimension"),
    "a view made unrecorded is refused before its index is looked at": ("IndexError", "A view was created in"),
    "an index is looked at before a view made unrecorded is refused": ("A view was created in", "IndexError"),
    "PyTorch breaks": ("INTERNAL ASSERT FAILED|ZeroTensors are immutable", FINE),
    "PyTorch has no second derivative there": ("derivative for .* is not implemented", FINE),
    "what is written may overlap with an operand": ("some elements of the input tensor and the written-to", FINE),
    "einsum keeps all its inputs": (FINE, "EinsumBackward0 saved it"),
    "a leaf may become the result of a change in place": ("moved into the graph interior", FINE),
    "what keeps nothing can be swept twice": ("second time", FINE),
    "only memory of the tensor or its base is known": ("", "detached tensor with gaps in its memory"),
    "PyTorch's losses may lie in memory for more than one number": (FINE, "need 2 elements, but the storage has 1"),
}
SINGULAR = re.compile(r"sinc|std")  # PyTorch's second derivative at 0 is NaN
NUDGES = (1e-11, -1e-11, 7e-11, -7e-11)  # What a number jumps at that moves all inputs by so much is rounding.
STACKED = re.compile("expand|broadcast|tensordot|einsum|diag_embed|stack|unsqueeze|None")
CUMULATIVE = re.compile(r"\.logcumsumexp\((-?\d)\)")  # PyTorch's second derivative is wrong where a gradient is 0
SPARED = re.compile(r"no_grad|inference_mode\(\)|set_grad_enabled\(False|create_graph")
SWEEPS = re.compile(r"backward\(|\.grad\(")
MODIFIED = "modified by an inplace operation"


def on_purpose(theirs: Outcome, ours: Outcome, lines: list[str]) -> bool:
    """Whether the two outcomes of the last of ``lines`` differ for one of the reasons above or below."""
    a, b = str(theirs), str(ours)
    if not a + b:
        # Zeros are computed, or put in for None; in PyTorch the gradient of a product of one zero, or of nothing
        # (an empty view written unrecorded), has no graph; that of a convolution always has one.
        zeros = "materialize" in lines[-1] or any(re.search(r"prod\(|conv1d|\b1:(1\b|\])", line) for line in lines)
        if theirs.contiguous is not ours.contiguous:  # a gradient may lie in any order
            return ours.contiguous is True or any(".grad" in line for line in lines)
        return zeros and len(theirs.learning ^ ours.learning) == 1
    if not b and "leaf Variable" in a and "] += " in lines[-1]:
        return True  # PyTorch assigns the sum to the whole of a view as if that were a leaf, since its base has changed
    if not a and MODIFIED in b and any(re.search(r"= t\d+\.grad", line) for line in lines):
        return True  # a gradient that is in a graph itself grows here share by share
    if not b and re.search("created in (no_grad|inference) mode", a) and SWEEPS.search(lines[-1]):
        return True  # PyTorch had saved a view that was made unrecorded, and cannot follow it
    if not a and re.search("(Bmm|Addmm)Backward0 saved it|Inference tensors", b) and any(map(STACKED.search, lines)):
        return True  # PyTorch lays out anew what it multiplies as one matrix, and keeps that
    if not a and "view size is not" in b and any(map(SWEEPS.search, lines)):
        return True  # nobody promises in which order a gradient lies
    if not a and "second time" in b and any(map(SPARED.search, lines)):
        return True  # PyTorch saves nothing for a view that was made unrecorded, and what is composed here is one node
    return any(re.search(one, a) and re.search(other, b) for one, other in ON_PURPOSE.values())


@functools.lru_cache(1 << 17)
def _compiled(line: str) -> Any:
    return compile(line, "<program>", "exec")


class World:
    """What a program has made in one library."""

    def __init__(self, library: Any) -> None:
        self.names: dict[str, Any] = {"T": library}
        exec(_compiled(HEADER.replace("import micrograd_cn as T", "pass")), self.names)
        self.tensor = library.Tensor
        self.versions: dict[str, int] = {}

    def tensors(self) -> dict[str, Any]:
        """The program's tensors by name."""
        return {n: t for n, t in self.names.items() if n[0] == "t" and isinstance(t, self.tensor)}

    def do(self, line: str) -> Outcome:
        """Run a line."""
        error = None
        try:
            exec(_compiled(line), self.names)
        except Exception as raised:
            error = raised
        tensors = self.tensors()
        name = line.partition(" = ")[0].rpartition(" ")[2]
        if name not in tensors:
            for t in tensors.values():  # PyTorch updates a view when it is asked, and until then takes some for leaves
                _answer(t, "grad_fn")
        new = tensors.get(name)
        if "grad" not in line and isinstance(version := _answer(new, "_version"), int) and self._counts(new):
            self.versions[name] = version
        learning = set()
        if "create_graph" in line:
            learning = {n for n, t in tensors.items() if _answer(t, "requires_grad") is True}
            gradients = {f"{n}.grad": _answer(t, "grad") for n, t in tensors.items()}
            learning |= {n for n, g in gradients.items() if _answer(g, "requires_grad") is True}
        ordered = None if new is None or ".grad" in line else new.is_contiguous()  # of a gradient nobody promises that
        return Outcome(error, ordered, frozenset(learning))

    def _counts(self, t: Any) -> bool:
        """Whether the writes to ``t`` are the program's own: a sweep adds to gradients in as many as it likes."""
        return t.is_floating_point() and (t._base is None or any(t._base is self.names.get(n) for n in self.versions))

    def found(self) -> dict[str, Any]:
        """All that can be seen at the end, by what it is: numbers as arrays, the rest as facts."""
        seen: dict[str, Any] = {}
        tensors = self.tensors()
        net = self.names.get("net")
        if net is not None:
            tensors |= {f"net.{n}": p for n, p in net.named_parameters()}
        first: dict[int, str] = {}
        for name, t in tensors.items():
            seen[f"{name} is"] = first.setdefault(id(t), name)
            seen[f"{name}.dtype"] = str(t.dtype).rpartition(".")[2]
            seen[f"{name}'s value"] = _numbers(t)
            for what in "requires_grad", "is_leaf":
                seen[f"{name}.{what}"] = _answer(t, what)
            seen[f"{name}.retains_grad"] = _answer(t, "requires_grad") is True and t.retains_grad
            if name in self.versions and t.numel():
                seen[f"{name} has been changed, times"] = t._version - self.versions[name]
                bases = (n for n in self.versions if tensors.get(n) is t._base)
                seen[f"{name}'s base"] = next(bases, None) if t._base is not None else None
            g = _answer(t, "grad")
            seen[f"{name}.grad"] = _numbers(g) if isinstance(g, self.tensor) else g
            if isinstance(g, self.tensor):
                seen[f"{name}.grad requires grad"] = g.requires_grad
        calls = Counter[str]()
        for who, g in self.names["log"]:  # in which order the hooks of different tensors run is nobody's business
            calls[who] += 1
            seen[f"what hooks saw at {who}, call {calls[who]}"] = np.asarray(g)
        return seen


def _numbers(t: Any) -> Any:
    t = t.detach()
    return (t + 0 if t.is_floating_point() else t).numpy(force=True)  # PyTorch's zeros may have no memory


def _answer(tensor: Any, what: str) -> Any:
    """An attribute, or the type of the exception that asking for it raises."""
    try:
        return getattr(tensor, what)
    except Exception as error:
        return type(error)


@contextlib.contextmanager
def _clean(*libraries: Any):
    """The libraries' settings, as they were before."""
    before = [t.get_default_dtype() for t in libraries]
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            yield
    finally:
        for library, dtype in zip(libraries, before, strict=True):
            library.set_grad_enabled(True)
            library.set_default_dtype(dtype)


class Line(dict[str, str]):
    """The blanks of one line, filled by choice with what the program has; a blank that stands twice gets the same."""

    def __init__(self, choose: Any, tensors: dict[str, Any], family: Any) -> None:
        self.choose, self.tensors = choose, tensors
        self.recent = [n for n, t in reversed(tensors.items()) if str(t.dtype).endswith("float64")]
        self.proper = [n for n in self.recent if not _lost(tensors[n])] or self.recent
        if family is VALUES:
            self.recent = self.proper

    def pick(self, names: Any) -> Any:
        return names[self.choose(len(names))]

    def near(self, names: list[str]) -> str:
        """One of the names, one of the first more often."""
        return names[min(self.choose(len(names)), self.choose(len(names)))]

    def fits(self, fit: Any) -> str:
        """A tensor for which ``fit(shape)`` holds, now and then any."""
        found = [n for n in self.recent if fit(tuple(self.tensors[n].shape))]
        return self.near(found if found and self.choose(32) else self.recent)

    def learning(self, blank: str) -> str:
        """A tensor that requires grad; no view for ``h``, a leaf for ``l`` and ``w``; any for ``f`` that is no view."""
        found = [n for n in self.proper if blank == "f" or _answer(self.tensors[n], "requires_grad") is True]
        found = [n for n in found if blank in "qp" or self.tensors[n]._base is None]
        found = [n for n in found if blank not in "lw" or _answer(self.tensors[n], "is_leaf") is True]
        return self.near(found or self.proper)

    def __missing__(self, blank: str) -> str:
        self[blank] = text = self.filled(blank)
        return text

    def filled(self, blank: str) -> str:
        if blank in "abcdjxsrm":
            name = self["a"] if blank != "a" else self.near(self.recent)
            shape = tuple(self.tensors[name].shape)
        match blank:
            case "a":
                return name
            case "b" | "c":
                return self.fits(lambda s: _broadcast(s, shape))
            case "s" | "r":
                return self.fits(lambda s: _broadcast(s, shape) == shape)
            case "m":
                return self.fits(lambda s: s and shape and s[-2:][0] == shape[-1])
            case "t":
                return self.near([*reversed(self.tensors)])
            case "k":
                return self.fits(lambda s: s[-1:] == (3,))
            case "d":
                return str(self.pick(range(-len(shape), len(shape))) if shape else 0)
            case "x":
                return self.pick(BASIC[min(len(shape), 2)])
            case "j":
                return self.pick(ADVANCED[min(len(shape), 2)]).format_map(self)
            case "n":
                return self.pick(NUMBERS)
        return self.learning(blank)


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    if any(m != n and m != 1 and n != 1 for m, n in zip(reversed(a), reversed(b), strict=False)):
        return None
    both = itertools.zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(n if m == 1 else m for m, n in both)[::-1]


_FAMILIES = [
    (family, steps) for family in (VALUES, CHANGES) for weight, steps in family.values() for _ in range(weight)
]


def _lost(t: Any) -> bool:
    """Whether it is a view that shows as learning and does not: made before its base did, or unrecorded."""
    return t._base is not None and _answer(t, "is_leaf") is not False and t._base.requires_grad


def _tame(t: Any) -> bool:
    return not t.is_floating_point() or bool((t.detach().abs() < HUGE).all())


def write(choose: Any, library: Any) -> list[str]:
    """A program of up to `LENGTH` lines, written while ``library`` runs it; ``choose(n)`` gives a number below n.

    It ends early where a sweep is refused, which leaves gradients half done, and where numbers grow huge.
    """
    lines: list[str] = []
    with _clean(library):
        world = World(library)
        for line in LEAVES:
            world.do(line)
        known = world.tensors()
        while len(lines) < LENGTH and any(t.is_floating_point() for t in known.values()):
            where = choose(len(_FAMILIES) + 1)
            if where == 0:
                break
            family, steps = _FAMILIES[where - 1]
            blanks = Line(choose, known, family)
            step = blanks.pick(steps).format_map(blanks)
            before = "" if any(s in step for s in ALONE) else blanks.pick(AROUND)
            name = f"t{len(LEAVES) + len(lines)}"
            line = before + (f"{name} = {step}" if family is VALUES else step)
            lines.append(line)
            if _broke(world.do(line)):
                break
            known = {n: t for n, t in world.tensors().items() if t.numel() <= SIZE}
            if len(lines) % 5 == 0 and not all(map(_tame, known.values())):
                break
        else:
            learns = [n for n, t in known.items() if _answer(t, "requires_grad") is True]
            if learns:
                lines += ["loss = 0", *(f"loss = loss + {n}.sum()" for n in learns), "loss.backward()"]
    return [*LEAVES, *lines]


def run(
    lines: list[str], library: Any, nudge: float = 0.0, around: Any = contextlib.nullcontext
) -> tuple[list[Outcome], dict[str, Any]]:
    """Each line's outcome, and what can be seen at the end; ``nudge`` moves the numbers of the leaves by so much."""
    with _clean(library):
        with around():
            world = World(library)
            outcomes = []
            for i, line in enumerate(lines):
                outcomes.append(world.do(line))
                if nudge and line in LEAVES and line[0] == "t":
                    world.names[line.split()[0]].data.mul_(1 + nudge * (i + 1))
        return outcomes, world.found()


def difference(lines: list[str]) -> str | None:
    """What PyTorch and this library do not agree on when they run a program; None if they agree on everything."""
    import torch

    import micrograd_cn

    around: Any = contextlib.nullcontext
    theirs, ours = run(lines, torch), run(lines, micrograd_cn)
    plain = theirs[0]
    if any(b.error is None and MODIFIED in str(a) for a, b in zip(plain, ours[0], strict=True)):
        # A rule here may need less than PyTorch keeps. Its gradient must be what PyTorch finds from copies of that.
        around = functools.partial(torch.autograd.graph.saved_tensors_hooks, lambda t: t.detach().clone(), lambda t: t)
        theirs = run(lines, torch, around=around)
    # PyTorch's second derivatives of products lead through the results, too.
    products = [line.partition(" = ")[0].split()[-1] for line in lines if "prod(" in line]
    through = {f"{name}.grad" for name in products}
    for n, (refused, a, b) in enumerate(zip(plain, theirs[0], ours[0], strict=True)):
        a = refused if b.error else a
        if on_purpose(a, b, lines[: n + 1]):
            return difference(lines[:n])
        if type(a.error).__name__ != type(b.error).__name__:
            return _told(lines[n], str(a) or "no error", str(b) or "no error")
        if a.error is None and (a.contiguous, a.learning - through) != (b.contiguous, b.learning - through):
            return _told(lines[n], *(f"contiguous: {x.contiguous}, learning: {sorted(x.learning)}" for x in (a, b)))
    half_done = [f"{line.split(' = ')[0].split()[-1]}'" for line in lines if "grad" in line] + ["grad", "hook"]
    kept = any(re.search(r"= t\d+\.grad", line) for line in lines)
    half_done += ["value"] if kept else []  # there may be views of it
    broken = any(map(_broke, plain))

    def counts(what: str) -> bool:
        """Whether the libraries have to agree on it."""
        if (broken and any(s in what for s in half_done)) or any(f"{name}.grad" in what for name in products):
            return False
        if any(f" at {name}," in what for name in products):
            return False
        if kept and what.endswith(("times", "is_leaf")):
            return False  # here each share of a gradient is added by itself, and views of it see that
        placed = what.endswith(" is") and any(f"{what[:-3]} = " in line and "contiguous()" in line for line in lines)
        return not (placed and any(".grad" in line for line in lines))  # nobody promises in which order a gradient lies

    rtol = 1e-6 if any("hardsigmoid" in line for line in lines) else 1e-8  # PyTorch's 1 / 6 is of type float32
    singular = any(map(SINGULAR.search, lines))
    wrong = list(filter(counts, differing(theirs[1], ours[1], rtol, singular)))
    if wrong and (spelled := [CUMULATIVE.sub(r".exp().cumsum(\1).log()", line) for line in lines]) != lines:
        wrong = [
            what for what in wrong if what in differing(run(spelled, torch, 0, around)[1], ours[1], rtol, singular)
        ]
    for what in wrong:
        kinds = (torch, theirs, around), (micrograd_cn, ours, contextlib.nullcontext)
        moved = (
            what in differing(found[1], run(lines, library, nudge, mode)[1], 10 * rtol)
            for library, found, mode in kinds for nudge in NUDGES
        )  # fmt: skip
        if not any(moved):
            return _told(what, theirs[1].get(what, "missing"), ours[1].get(what, "missing"))
    return None


def _broke(outcome: Outcome) -> bool:
    """Whether a sweep broke off half-way: the order in which each library goes decides which gradients are done."""
    said = str(outcome)
    return any(s in said for s in (MODIFIED, "second time", "hooks should", "created in", "derivative for"))


def _told(what: str, theirs: Any, ours: Any) -> str:
    return f"{what}\n    PyTorch: {theirs!s:.300}\n    here:    {ours!s:.300}"


def differing(a: dict[str, Any], b: dict[str, Any], rtol: float = 1e-8, singular: bool = False) -> list[str]:
    """The keys of what is not equal, numbers up to rounding at the largest number in sight; if ``singular``, those that
    are NaN in ``a`` are equal to all."""
    arrays = [x for x in a.values() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    finite = [np.abs(x[np.isfinite(x)]).max(initial=1.0) for x in arrays]
    coarse = any(x.dtype == np.float32 for x in arrays)
    scale = (1e-4 if coarse else rtol) * max(finite, default=1.0)

    def same(x: Any, y: Any) -> bool:
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            if x.shape != y.shape or x.dtype != y.dtype:
                return False
            y = np.where(np.isnan(x), x, y) if singular else y
            return np.allclose(x, y, scale, scale, equal_nan=True)
        return type(x) is type(y) and x == y

    # What is made in inference mode is not everywhere an inference tensor, which counts no changes.
    alone = {what for what in a.keys() ^ b.keys() if not what.endswith(("times", "base"))}
    return [what for what in {**a, **b} if what in alone or (what in a and what in b and not same(a[what], b[what]))]


def reduced(lines: list[str]) -> list[str]:
    """A shortest part of a program that still differs: no line of it can be left out."""
    size = max(len(lines) // 2, 1)
    while True:
        at = len(lines)
        shorter = False
        while at > 0:
            at -= size
            part = lines[: max(at, 0)] + lines[at + size :]
            if len(part) < len(lines) and difference(part):
                lines, shorter = part, True
        if size == 1 and not shorter:
            return lines
        size = max(size // 2, 1)


def report(lines: list[str]) -> str:
    """A program that differs, reduced, as code to paste, and what differs."""
    lines = reduced(lines)
    return HEADER + "\n".join(lines) + f"\n{difference(lines)}".replace("\n", "\n# ")


def seeded(seed: int, number: int) -> list[str]:
    """Program ``number`` of the series ``seed``."""
    import torch

    return write(random.Random(f"{seed}/{number}").randrange, torch)


def _failures(seed: int, numbers: range) -> tuple[int, list[tuple[int, str]]]:
    import torch

    torch.set_num_threads(1)
    found = []
    lines = 0
    for number in numbers:
        program = seeded(seed, number)
        lines += len(program)
        if difference(program):
            found.append((number, report(program)))
    return lines, found


def main() -> int:
    """The command."""
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description="Run random programs on PyTorch and here; print those that differ.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    end, size = options.first + options.count, 100
    chunks = [range(n, min(n + size, end)) for n in range(options.first, end, size)]
    lines = failures = 0
    crashed = 0
    with tqdm(total=options.count, unit=" programs") as bar:
        while chunks:
            alone = list(itertools.takewhile(lambda chunk: len(chunk) == 1, chunks))
            with ProcessPoolExecutor(1 if alone else options.processes) as pool, contextlib.suppress(BrokenProcessPool):
                for count, found in pool.map(functools.partial(_failures, options.seed), alone or chunks[:]):
                    lines, failures = lines + count, failures + len(found)
                    for number, text in found:
                        bar.write(f"--- program {number} of seed {options.seed}\n{text}\n", sys.stdout)
                    bar.update(len(chunks.pop(0)))
                continue
            first = chunks.pop(0)  # PyTorch has crashed the process that ran it, or the one beside it
            if len(first) > 1:
                chunks[:0] = [range(n, n + 1) for n in first]
                continue
            bar.write(f"--- a process crashed in program {first[0]}", sys.stdout)
            crashed += 1
            bar.update()
    done = options.count - crashed
    mean = lines / max(done, 1)
    print(f"{done} programs of {mean:.1f} lines, {failures} differ, {crashed} not compared after a crash")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
