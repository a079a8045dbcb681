"""Every module against PyTorch's own samples of it: construction, state, results, both derivatives, errors.

The samples come from PyTorch's database of modules, the names from `micrograd_cn.nn`: a new module is compared as soon
as it stands there. What differs on purpose is a row of ``parity_exceptions.tsv``.
"""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
common_modules = pytest.importorskip("torch.testing._internal.common_modules")

import micrograd_cn as mt  # noqa: E402
from tests import parity  # noqa: E402
from tests.parity import attempt, difference, fresh, ours, outcome, tensors  # noqa: E402
from tests.parity_table import MOST_EXCEPTIONS, Tally, exceptions  # noqa: E402

DATABASE = common_modules.module_db
SHARED = [info for info in DATABASE if hasattr(mt.nn, info.module_cls.__name__)]
NAMED = pytest.mark.parametrize("info", SHARED, ids=lambda info: info.module_cls.__name__)
TYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


@pytest.fixture
def tally(record_property, info):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield lambda: Tally(record_property, "module_db", len(DATABASE), info.module_cls.__name__)


def described(given) -> str:
    def short(x):
        if isinstance(x, (list, tuple)):
            return [short(i) for i in x]
        return f"{list(x.shape)} {x.dtype}" if isinstance(x, torch.Tensor) else x

    kinds = {name: short(x) for name, x in given.kwargs.items()}
    return f"({', '.join([*map(str, map(short, given.args)), *(f'{n}={x}' for n, x in kinds.items())])})"


def constructed(info, given):
    """The module and ours, from the same seed, as two outcomes of `attempt`; what they draw later is the same too."""
    my_args, my_named = ours(given.args), ours(given.kwargs)
    torch.manual_seed(0)
    theirs = attempt(info.module_cls, *fresh(given.args), **fresh(given.kwargs))
    mt.manual_seed(0)
    return theirs, attempt(getattr(mt.nn, info.module_cls.__name__), *my_args, **my_named)


def called(pair, given):
    """What both modules of a pair make of the same data, as two outcomes, and what the derivatives are taken by."""
    args, my_args = (given.args, given.kwargs), ours((given.args, given.kwargs))
    args = fresh(args)
    outcomes, inputs = [], []
    for library, module, (positional, named), kind in zip(
        (torch, mt), pair, (args, my_args), (torch.Tensor, mt.Tensor), strict=True
    ):
        library.manual_seed(1)
        outcomes.append(attempt(module, *positional, **named))
        smooth = [t for t in tensors((positional, named), kind) if t.requires_grad]
        inputs.append(smooth + [p for p in module.parameters() if p.requires_grad])
    return outcomes, inputs


def state_problem(theirs, mine) -> str | None:
    a, b = theirs.state_dict(), mine.state_dict()
    if list(a) != list(b):
        return f"state {list(b)} for {list(a)}"
    lazy = [torch.nn.parameter.is_lazy(x) for x in a.values()]
    known = zip(a.items(), b.values(), lazy, strict=True)
    found = (f"state {n}: {d}" for (n, x), y, hidden in known if not hidden and (d := difference(x, y)))
    if [n for n, p in theirs.named_parameters() if p.requires_grad] != [
        n for n, p in mine.named_parameters() if p.requires_grad
    ]:
        return "other parameters"
    return next(found, None)


def sample_problem(info, sample, training: bool, dtype: str) -> str | None:
    """What differs between the module and ours from construction to the second derivatives; None if nothing does."""
    theirs, mine = constructed(info, sample.constructor_input)
    if theirs[1] or mine[1]:
        return outcome(theirs, mine)
    pair = theirs[0], mine[0]
    if problem := state_problem(*pair):
        return problem
    for library, module in zip((torch, mt), pair, strict=True):
        module.to(getattr(library, dtype)).train(training)
    (a, b), inputs = called(pair, sample.forward_input)
    if problem := outcome(a, b) or (None if a[1] else state_problem(*pair)):
        return problem
    if repr(pair[0]) != repr(pair[1]):
        return f"repr {pair[1]!r} for {pair[0]!r}"
    results = [t for t in tensors(a[0], torch.Tensor)], [t for t in tensors(b[0], mt.Tensor)]
    if [t.requires_grad for t in results[0]] != [t.requires_grad for t in results[1]]:
        return "requires_grad differs"
    if not any(t.requires_grad for t in results[0]):
        return None

    def gradients(library, side: int, second: bool):
        return attempt(parity.first_and_second, library, results[side], inputs[side], second=second)

    second = info.supports_gradgrad and dtype == "float64"
    expected = gradients(torch, 0, second)
    if second and expected[1]:  # PyTorch has no second derivative of everything
        second, expected = False, gradients(torch, 0, False)
    found = gradients(mt, 1, second)
    if expected[1] or found[1]:
        return outcome(expected, found)
    tolerances, count = (1e-4, 1e-4) if dtype == "float32" else (1e-6, 1e-7), len(inputs[0])
    if problem := difference(expected[0][:count], found[0][:count], *tolerances):
        return f"gradients: {problem}"
    problem = difference(expected[0][count:], found[0][count:], *tolerances)
    return problem and f"second gradients: {problem}"


@TYPES
@NAMED
def test_modules(info, dtype, tally):
    with tally() as counts:
        for training in (True, False) if info.train_and_eval_differ else (True,):
            torch.manual_seed(0)
            samples = info.module_inputs_func(
                info, device="cpu", dtype=getattr(torch, dtype), requires_grad=True, training=training
            )
            for sample in samples:
                problem = sample_problem(info, sample, training, dtype)
                which = f"{described(sample.constructor_input)} on {described(sample.forward_input)}, {training=}"
                counts.add(problem, which)


@pytest.mark.parametrize(
    "info", [i for i in SHARED if i.module_error_inputs_func], ids=lambda info: info.module_cls.__name__
)
def test_module_errors(info, tally):
    with tally() as counts:
        torch.manual_seed(0)
        for case in info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=True
        ):
            sample = case.module_error_input
            theirs, mine = constructed(info, sample.constructor_input)
            if theirs[1] is None and mine[1] is None:
                theirs, mine = called((theirs[0], mine[0]), sample.forward_input)[0]
            counts.add(outcome(theirs, mine), f"{described(sample.constructor_input)} {sample.forward_input}")


def test_exceptions_are_few_and_have_reasons():
    assert len(exceptions()) <= MOST_EXCEPTIONS
    assert all(row.database in ("op_db", "module_db") and row.entry and row.reason for row in exceptions())
