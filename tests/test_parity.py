"""Every operation against PyTorch's own samples of it: results, both derivatives, types, errors.

The samples come from PyTorch's operator database, the names from our table: a new row is compared as soon as it
stands there. What differs on purpose is listed here, with the reason.
"""

from __future__ import annotations

import inspect
import itertools
import operator
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
common_methods_invocations = pytest.importorskip("torch.testing._internal.common_methods_invocations")

from torch.testing._internal.opinfo import core  # noqa: E402

import micrograd_cn as mt  # noqa: E402
from micrograd_cn.ops.table import FUNCTIONS, TABLE  # noqa: E402
from tests import (  # noqa: E402
    parity,
    test_parity_calls as calls,
    test_parity_gradients as gradients,
)
from tests.parity import NAMES, Unsupported, attempt, difference, fresh, ours, outcome, tensors  # noqa: E402
from tests.parity_table import Tally  # noqa: E402
from tests.samples import samples  # noqa: E402

# --- what is compared ------------------------------------------------------------------------------------------------

# The database calls these with the arguments in another order than users do, or on a copy of a leaf.
RENAMED = {
    "where": lambda x, condition, y: mt.where(condition, x, y),
    "einsum": lambda tensors, equation: mt.einsum(equation, *tensors),
    "polygamma": lambda x, n: mt.polygamma(n, x),
    "special.polygamma": lambda x, n: mt.special.polygamma(n, x),
    "zero_": lambda x: x.clone().zero_(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "H": lambda x: x.H,
    "mH": lambda x: x.mH,
    "rand_like": lambda x, **named: mt.randn_like(x, **named),
    "normal_number_mean": lambda std, mean, *args, **named: mt.normal(mean, std, *args, **named),
    "linalg.lstsq_grad_oriented": lambda a, b, driver: mt.linalg.lstsq(a, b, driver=driver)[:2],
    "linalg.pinv_singular": lambda a, b: mt.linalg.pinv(a @ b.mT),
    "nn.functional.embedding": lambda weight, input, **named: mt.nn.functional.embedding(input, weight, **named),
    "nn.functional.embedding_bag": lambda w, input, **named: mt.nn.functional.embedding_bag(input, w, **named),
    "normal_in_place": lambda x, *args: x.normal_(*args),
}
MEMORY = {"empty", "empty_like", "new_empty"}  # whatever stood there: only the shape and type are comparable
SEED = 42  # that PyTorch's database sets before it draws


def find(root, name: str):
    for part in name.split("."):
        root = getattr(root, part, None)
    return root


def mine(name: str):
    """Our function, or else our method, of that name; None where we have neither."""
    if name in RENAMED:
        return RENAMED[name] if all(hasattr(mt.Tensor, n) for n in [name] if n[-1:] in "TH") else None
    found = find(mt, name)
    return found if callable(found) and not isinstance(found, type) else getattr(mt.Tensor, name, None)


def entry(op) -> str:
    return op.name + ("_" + op.variant_test_name).rstrip("_")


def function_of(op):
    return RENAMED.get(entry(op)) or mine(op.name)


OPS = [op for op in common_methods_invocations.op_db if op.op is not None and function_of(op) is not None]
NAMED = pytest.mark.parametrize("op", OPS, ids=entry)


def processed(sample, function, args, named):
    """The result without what is free in it, such as the signs of singular vectors."""
    return sample.output_process_fn_grad(function(*args, **named))


def compared(op, dtype, requires_grad: bool, cap: int | None = None):
    """The samples (the first ``cap``) that both can be given, with what both make of them."""
    torch.manual_seed(0)
    function = function_of(op)
    # Not op.sample_inputs, which walks Python's whole stack for every sample.
    for sample in itertools.islice(op.sample_inputs_func(op, "cpu", dtype, requires_grad), cap):
        args, named = [sample.input, *sample.args], sample.kwargs
        try:
            my_args, my_named = ours(args), ours(named)
        except Unsupported:
            continue
        args, named = fresh(args), fresh(named)
        theirs = attempt(processed, sample, op.op, args, named)
        mt.manual_seed(SEED)
        my = attempt(processed, sample, function, my_args, my_named)
        if op.name in MEMORY and theirs[1] is None:
            theirs, my = (theirs[0].zero_(), None), attempt(my[0].zero_)
        yield (args, named, theirs), (my_args, my_named, my)


def described(args, named) -> str:
    def short(x):
        if isinstance(x, (list, tuple)):
            return [short(i) for i in x]
        return f"{list(x.shape)} {x.dtype}" if isinstance(x, torch.Tensor) else x

    return f"{short(args)} { {n: short(x) for n, x in named.items()} }"


# --- results and derivatives -----------------------------------------------------------------------------------------


def largest(found) -> float:
    """The largest finite number in tensors, or 1: a sum of large parts is no more exact than they are."""
    sizes = (float(t.detach().nan_to_num(0, 0, 0).abs().max()) for t in found if t.numel() and t.is_floating_point())
    return max(1.0, *sizes, 1.0)


def problem_of(op, dtype, theirs, mine) -> str | None:
    """What differs for one sample: the results, or their first or second gradients."""
    (args, named, (result, error)), (my_args, my_named, (my_result, my_error)) = theirs, mine
    by_element = isinstance(op, (core.UnaryUfuncInfo, core.BinaryUfuncInfo))
    rounding = 1e-7 if by_element or dtype == torch.float64 else 5e-6 * largest(tensors(result, torch.Tensor))
    problem = outcome((result, error), (my_result, my_error), atol=rounding)
    if problem or error is not None:
        return problem
    results, my_results = tensors(result, torch.Tensor), tensors(my_result, mt.Tensor)
    smooth = [t.requires_grad for t in results]
    if smooth != [t.requires_grad for t in my_results]:
        return f"requires_grad differs: {[t.requires_grad for t in my_results]} for {smooth}"
    if not any(smooth):
        return None
    inputs = [t for t in tensors((args, named), torch.Tensor) if t.requires_grad]
    my_inputs = [t for t in tensors((my_args, my_named), mt.Tensor) if t.requires_grad]
    double = all(t.dtype == torch.float64 for t in (*results, *inputs))
    tolerance = 1e-6 if double else 1e-3
    second = op.supports_gradgrad
    expected = attempt(parity.first_and_second, torch, results, inputs, second=second)
    if second and expected[1]:  # PyTorch has no second derivative of everything
        second, expected = False, attempt(parity.first_and_second, torch, results, inputs, second=False)
    found = expected, attempt(parity.first_and_second, mt, my_results, my_inputs, second=second)
    problem = outcome(*found, tolerance, tolerance * largest(expected[0] or ()))
    return problem and f"derivatives: {problem}"


@pytest.fixture
def tally(record_property, op):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Tally(record_property, "op_db", len(common_methods_invocations.op_db), entry(op), op.name)


@NAMED
def test_all_samples_agree(op, tally):
    with tally as counts:
        for dtype in (torch.float64, torch.float32):
            for sample in compared(op, dtype, op.supports_autograd) if dtype in op.dtypes else ():
                try:
                    counts.add(problem_of(op, dtype, *sample), described(*sample[0][:2]))
                except Unsupported:
                    continue


# Where equal elements stand, the order of their positions is not said, and PyTorch's sort is not stable.
ORDER_OF_EQUALS = {"sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "msort", "mode"}


@NAMED
def test_results_in_every_type(op, tally):
    with tally as counts:
        for name in NAMES[:-2]:
            rounds_differently = name == "float16" and op.name not in TABLE  # in sums
            if getattr(torch, name) not in op.dtypes or op.name in ORDER_OF_EQUALS or rounds_differently:
                continue
            for sample in compared(op, getattr(torch, name), False, 3):
                try:
                    counts.add(outcome(sample[0][2], sample[1][2]), f"{name} {described(*sample[0][:2])}")
                except Unsupported:
                    continue


def a_number_for_a_tensor(args) -> bool:
    """We take Python numbers where PyTorch wants tensors, since derivative rules read better so."""
    return any(isinstance(x, (bool, int, float)) for x in args[:2])


@NAMED
def test_errors(op, tally):
    with tally as counts:
        for case in op.error_inputs_func(op, "cpu") if op.error_inputs_func else ():
            args, named = [case.sample_input.input, *case.sample_input.args], case.sample_input.kwargs
            try:
                my_args, my_named = ours(args), ours(named)
            except (Unsupported, ValueError):  # ValueError: more than the 64 dimensions that arrays have
                continue
            theirs = attempt(op.op, *fresh(args), **fresh(named))
            my = attempt(function_of(op), *my_args, **my_named)
            if theirs[1] is None or "out" in named or a_number_for_a_tensor(args):
                continue
            counts.add(outcome(theirs, my), described(args, named))


# --- element-wise rows: derivatives in every shape, types in every combination ----------------------------------------


def their_function(name: str):
    return find(torch, name) or find(torch.nn.functional, name)


def my_function(name: str):
    return find(mt, name) or find(mt.nn.functional, name)


ELEMENTWISE = [
    name for name, call in TABLE.items() if call.primitive.elementwise and their_function(name) and my_function(name)
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if TABLE[n].primitive.differentiable])
def test_shapes_and_derivatives_of_rows(name, dtype):
    row = TABLE[name].primitive
    for arrays, settings in samples(row, np.random.default_rng(3)):
        if settings != tuple(row.defaults):
            continue
        if name == "clamp" and len({a.shape for a in arrays}) == 3:
            continue  # PyTorch's second derivative fails for bounds that broadcast the input
        sides = []
        for module, function in ((torch, their_function(name)), (mt, my_function(name))):
            xs = [module.tensor(a, dtype=getattr(module, "bool" if a.dtype == bool else dtype)) for a in arrays]
            smooth = [x.requires_grad_() for x in xs if x.is_floating_point()]
            out = function(*xs)
            sides.append([out, *parity.first_and_second(module, [out], smooth)])
        tolerance = 1e-4 if dtype == "float32" else 1e-8
        assert difference(*sides, tolerance, tolerance) is None, [a.shape for a in arrays]


def operands():
    for name in NAMES:
        yield torch.tensor([1, 0, 3]).to(getattr(torch, name))
        yield torch.tensor(2).to(getattr(torch, name))
    yield from (True, 2, -2, 2.5, float("nan"), 0)


def type_problems(theirs, my, *args) -> list[str]:
    """What differs when both are called with ``args``, as one line or none."""
    a, b = attempt(theirs, *fresh(args)), attempt(my, *ours(args))
    if isinstance(a[1], TypeError) and a_number_for_a_tensor(args):
        return []
    found = outcome(a, b)
    return [f"{described(args, {})}: {found}"] if found else []


def differs_on_purpose(name: str, args) -> bool:
    """Where we answer though PyTorch refuses, or refuse what makes no sense."""
    bools = [isinstance(x, bool) or getattr(x, "dtype", None) == torch.bool for x in args]
    if name == "sub":
        return any(bools)  # bools are subtracted from numbers as 0 and 1
    if name == "pow":
        unsigned = getattr(args[0], "dtype", None) == torch.uint8 and isinstance(args[1], int) and args[1] < 0
        return unsigned or all(bools)
    return False


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if TABLE[n].primitive.arity == 1])
def test_types_of_unary_rows(name):
    problems = []
    for x in operands():
        if isinstance(x, torch.Tensor):
            problems += type_problems(their_function(name), my_function(name), x)
            if hasattr(torch.Tensor, f"{name}_"):
                problems += type_problems(getattr(torch.Tensor, f"{name}_"), getattr(mt.Tensor, f"{name}_"), x)
    assert not problems, "\n".join(problems[:8])


def pairs():
    for x, y in itertools.product(operands(), repeat=2):
        if isinstance(x, torch.Tensor) or isinstance(y, torch.Tensor):
            yield x, y


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if TABLE[n].primitive.arity == 2])
def test_types_of_binary_rows(name):
    problems = []
    for x, y in pairs():
        if differs_on_purpose(name, (x, y)):
            continue
        problems += type_problems(their_function(name), my_function(name), x, y)
        # An element that is written may be wider than its memory: PyTorch then says so before it computes.
        if isinstance(x, torch.Tensor) and x.ndim and hasattr(torch.Tensor, f"{name}_"):
            problems += type_problems(getattr(torch.Tensor, f"{name}_"), getattr(mt.Tensor, f"{name}_"), x, y)
    assert not problems, "\n".join(problems[:8])


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor"]
OPERATORS += ["lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", OPERATORS)
def test_types_of_operators(name):
    plain, in_place = getattr(operator, name), getattr(operator, f"i{name.strip('_')}", None)
    problems = []
    for x, y in pairs():
        if not differs_on_purpose(name, (x, y)):
            problems += type_problems(plain, plain, x, y)
            if in_place and isinstance(x, torch.Tensor) and x.ndim:
                problems += type_problems(in_place, in_place, x, y)
    assert not problems, "\n".join(problems[:8])


def parameters(function) -> set[str]:
    return set(inspect.signature(inspect.unwrap(function)).parameters)


REDUCTIONS = [
    name
    for name, function in (TABLE | FUNCTIONS).items()
    if {"dim", "keepdim"} <= parameters(function) and their_function(name) and my_function(name)
]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_types_of_reductions(name):
    problems = []
    for dtype in NAMES:
        x = torch.tensor([[1, 0, 3], [2, 5, 4]]).to(getattr(torch, dtype))
        for named in ({}, {"dim": 1}, {"dim": 0, "keepdim": True}):
            if name == "kthvalue":
                named = {"k": 2, **named}
            theirs, my = attempt(their_function(name), x, **named), attempt(my_function(name), ours(x), **named)
            if found := outcome(theirs, my):
                problems.append(f"{dtype} {named}: {found}")
    assert not problems, "\n".join(problems)


# --- nothing is missing ----------------------------------------------------------------------------------------------


# Parts of other functions; PyTorch has undocumented functions of these names.
INNER = {"index", "put", "binary_cross_entropy_with_logits", "celu", "selu", "hardshrink", "batch_norm", "embedding"}
INNER |= {"group_norm", "layer_norm", "rms_norm"}


@pytest.mark.parametrize("name", sorted((TABLE | FUNCTIONS).keys() - INNER))
def test_every_function_that_torch_has_is_exported(name):
    if hasattr(torch, name):
        assert callable(getattr(mt, name, None)), f"micrograd_cn.{name} is missing"
    if hasattr(torch.Tensor, name):
        assert hasattr(mt.Tensor, name), f"Tensor.{name} is missing"
    if name in ELEMENTWISE and hasattr(torch.Tensor, f"{name}_"):
        assert hasattr(mt.Tensor, f"{name}_"), f"Tensor.{name}_ is missing"


def test_every_function_that_torch_has_is_compared():
    texts = [gradients.READS, gradients.WRITES, gradients.OPERATIONS, gradients.OTHERS]
    in_expressions = " ".join([*calls.CREATION.values(), *calls.SHAPES.values(), *texts])
    compared = {op.name.rpartition(".")[2] for op in OPS} | set(ELEMENTWISE) | INNER | {"inverse"}  # linalg.inv
    names = [n for n in TABLE | FUNCTIONS if their_function(n) or hasattr(torch.Tensor, n)]
    assert not [n for n in names if n not in compared and f"{n}(" not in in_expressions]
