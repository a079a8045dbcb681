"""The same expression in PyTorch and here: its value and both derivatives, or the kind of error.

A group of expressions stands behind the shapes of ``x``, ``y``, ``z``: float64 tensors that require grad.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import micrograd_cn as mt  # noqa: E402
from tests.parity import attempt, difference, first_and_second, outcome, tensors  # noqa: E402

READS = """
(4, 5) |
    x[1] ; x[-1] ; x[1, 2] ; x[T.tensor(1)] ; x[T.tensor(1), 2] ; x[np.int64(1)] ; x[1:3] ; x[:, ::2] ;
    x[..., 1] ; x[None] ; x[:, None, 2] ; x[..., None] ; x[1:1] ; x[()] ; x[...] ; x[:] ; x[10:] ; x[-2:] ;
    x[-100:2] ; x[::-1] ; x[::0] ; x[7] ; x[0, 9] ; x[0, 0, 0] ; x[1.] ; x[[0, 2]] ; x[[0, 0, 1]] ;
    x[T.tensor([0, 2])] ; x[T.tensor([0, 0, 0])] ; x[T.tensor([-1, 0])] ; x[T.tensor([9])] ;
    x[T.tensor([-9])] ; x[T.tensor([0, 2]), T.tensor([1, 1])] ; x[T.tensor([[0], [2]]), T.tensor([1, 3])] ;
    x[T.tensor([0, 1, 2]), T.tensor([1, 3])] ; x[:, T.tensor([1, 1])] ; x[T.tensor([1, 1]), :2] ;
    x[T.tensor([1, 1]), 1] ; x[1, T.tensor([1, 1])] ; x[T.tensor([1, 1]), None] ;
    x[None, T.tensor([1, 1])] ; x[..., T.tensor([1, 1])] ; x[T.tensor([1, 1]), ..., T.tensor([0, 2])] ;
    x.gather(1, T.tensor([[0, 0], [1, 2]])) ; x.gather(0, T.tensor([[0, 0, 3]])) ;
    x.gather(-1, T.tensor([[0], [1], [4], [0]])) ; x.gather(1, T.tensor([[-1]])) ;
    x.gather(1, T.tensor([[9]])) ; x.gather(1, T.tensor([0])) ; x.gather(5, T.tensor([[0]])) ;
    x.gather(0, T.tensor([[0, 0, 0, 0, 0, 0]])) ; x.gather(1, T.tensor([[0.]])) ;
    T.gather(x, dim=1, index=T.tensor([[1, 1]])) ; T.take_along_dim(x, T.tensor([[0], [1], [4], [0]]), 1) ;
    T.take_along_dim(x, T.tensor([0, 3, 3])) ; x.take_along_dim(x.argsort(1), dim=1) ;
    x.index_select(1, T.tensor([0, 0, 2])) ; x.index_select(0, T.tensor([-1])) ;
    x.index_select(0, T.tensor([[0]])) ; T.index_select(x, 0, T.tensor(1)) ; x.masked_select(x>.5) ;
    x.masked_select(T.tensor([True, False, True, False, True])) ;
    x.masked_select(T.tensor([1, 0, 1, 0, 1])) ; x.masked_fill(x>.5, 0) ;
    x.masked_fill(T.tensor([1, 0, 1, 0, 1]), 0)
(3, 4, 5) |
    x[T.tensor([1, 1]), :, T.tensor([0, 2])] ; x[:, T.tensor([1, 1]), T.tensor([0, 2])] ;
    x[T.tensor([1, 1]), 2:, T.tensor([0, 2])] ; x[0, :, T.tensor([0, 2])] ; x[0, ..., T.tensor([0, 2])] ;
    x[T.tensor([0, 2]), :, 0] ; x[:, 0, T.tensor([0, 2])] ; x[T.tensor([True, False, True])] ;
    x[T.tensor([True, False, True]), 1] ; x[T.tensor([True, False, True]), :, T.tensor([0, 1])] ;
    x[T.ones(3, 4).bool()] ; x[T.ones(3, 4).bool(), 1] ; x[:, T.ones(4, 5).bool()] ; x[x>.5] ; x[x>5] ;
    x[T.tensor([True, False])] ; x[T.ones(3, 5).bool()] ; x[[True, False, True]] ; x[True] ; x[False] ;
    x[T.tensor(True)] ; x[True, 1] ; x[np.array([0, 1])] ; x[np.array([True, False, True])] ;
    x[T.tensor([0., 1.])] ; x[T.tensor([], dtype=T.int64)] ; x[[]] ; x[T.tensor([0, 1], dtype=T.int32)] ;
    x[T.tensor([0, 1], dtype=T.int16)] ; x[T.tensor([1, 0, 1], dtype=T.uint8)] ;
    x[(0, 1)] ; x[[0, 1], [1, 2]] ; x[range(2)] ; x[slice(0, 2), 1:] ; x[T.tensor(1):] ; x[{}]
() |
    x[0] ; x[...] ; x[None] ; x[()] ; x[True] ; x[T.tensor(True)] ; x[T.tensor(False)] ;
    x.gather(0, T.tensor(0)) ; x.sort() ; x.median(0)
(4,) | x[1]+x[1]*x[2] ; x[T.tensor([0, 0, 1])]*x[T.tensor([3, 3, 3])]
(4, 5), () | x.masked_fill(x>.5, y)*x
(4, 5), (1,) | x.masked_fill(x>.5, y)
(4, 5), (20,) | x.masked_scatter(x>.5, y)
(4, 5), (2,) | x.masked_scatter(x>.5, y)
(3, 4) |
    x.scatter(1, T.tensor([[0], [1], [3]]), 5.)*x ; x.scatter(1, T.tensor([[0], [1], [9]]), 5.) ;
    x.scatter(1, T.tensor([[0]]), value=5.)*x ; x.index_fill(0, T.tensor([0, -1]), 5.)*x ;
    x.take(T.tensor([[0, -1], [3, 3]])) ; x.take(T.tensor([99])) ; x.sort(1) ; x.sort(0, descending=True) ;
    T.sort(x)[0] ; x.sort(dim=1).values ; x.topk(2) ; x.topk(2, 0, largest=False) ; x.topk(9) ;
    x.median() ; x.median(1) ; x.median(0, keepdim=True) ; x.kthvalue(2, 1) ; x.kthvalue(9, 1)
(3, 4), (2, 4) |
    x.index_add(0, T.tensor([0, 0]), y)*x ; x.index_add(0, T.tensor([0, 2]), y, alpha=3)*x ;
    x.index_copy(0, T.tensor([0, 2]), y)*x
(3, 4), () | x.index_fill(1, T.tensor([0, 0]), y)*x
(3, 4), (2,) |
    x.index_put((T.tensor([0, 1]), T.tensor([1, 1])), y)*x ;
    x.index_put((T.tensor([0, 0]), T.tensor([1, 1])), y, accumulate=True)*x
(3, 4), (4,) | x.index_put((T.tensor([0, 0]), ), y, accumulate=True)*x
(0,) | x.median()
"""

WRITES = """
(3, 4), (3, 2) |
    x.scatter(1, T.tensor([[0, 1], [2, 3], [3, 0]]), y)*x ; x.scatter(0, T.tensor([[0, 1], [2, 2], [1, 0]]), y)*x ;
    x.scatter_add(1, T.tensor([[0, 0], [2, 3], [3, 3]]), y)*x ; x.scatter(1, T.tensor([[9, 0]] * 3), y) ;
    change(x, lambda v: v.scatter_(1, T.tensor([[0, 1], [2, 3], [3, 0]]), y)) ;
    change(x, lambda v: v.scatter_add_(1, T.tensor([[0, 0], [2, 3], [3, 3]]), y)) ;
    x.scatter_add(1, T.tensor([[0, 0], [2, 3], [3, 3]]), y.float())
(4, 5), (4,) |
    put(x, s[:, 1], y) ; put(x, s[1], y) ; put(x, s[:, ::2][:, 1], y) ; put(x, s[x>2], y) ;
    change(x, lambda v: v[:, 0].mul_(y)) ; change(x, lambda v: v[:, 0].add_(y))
(4, 5), (5,) | put(x, s[1], y) ; put(x, s[T.tensor([0, 1])], y)
(4, 5), () | put(x, s[1], y) ; put(x, s[...], y) ; put(x, s[x>.5], y)
(4, 5), (1, 5) | put(x, s[1], y)
(4, 5), (2, 5) |
    put(x, s[1:3], y) ; put(x, s[T.tensor([0, 1])], y) ;
    put(x, s[T.tensor([0, 1])], x[T.tensor([0, 1])] + y) ;
    put(x, s[T.tensor([0, 0])], x[T.tensor([0, 0])] * y) ;
    change(x, lambda v: v.index_copy_(0, T.tensor([3, 0]), y))
(4, 5), (2,) | put(x, s[T.tensor([0, 1]), T.tensor([1, 2])], y) ; change(x, lambda v: v.add_(y))
(4, 5) |
    put(x, s[x>.5], 0) ; put(x, s[T.tensor([0, 1])], 2.) ; put(x, s[9], 1) ; put(x, s[1], 'a') ;
    put(x, s[None, 1], 5.) ; put(x, s[True], 5.) ; put(x, s[T.tensor([], dtype=T.int64)], 5.) ;
    change(x, lambda v: v.diagonal().fill_(0)) ; change(x, lambda v: v.masked_fill_(v>.5, -inf)) ;
    change(x, lambda v: v[1].copy_(v[2])) ; change(x, lambda v: v[1:].copy_(v[:-1].clone())) ;
    change(x, lambda v: v.masked_fill_(v > .5, 0).mul_(2)) ; change(x, lambda v: v.clamp_(.4, .6)) ;
    change(x, lambda v: v.tril_().add_(1)) ; change(x, lambda v: v[0].zero_()) ; x.add_(1)
(4, 5), (3,) | put(x, s[T.tensor([0, 1])], y)
(4, 5), (4, 5) |
    put(x, s[x>.5], y[x>.5]) ; put(x, s[:], y) ; change(x, lambda v: v.addcmul_(y, y, value=2)) ;
    change(x, lambda v: v.lerp_(y, .3))
(4, 4), (4,) |
    change(x, lambda v: v.diagonal().copy_(y)) ; change(x, lambda v: v.diagonal().mul_(y)) ;
    change(x, lambda v: v.t()[1].copy_(y)) ; change(x, lambda v: v.t()[1].add_(y))
(4, 4), (16,) | change(x, lambda v: v.view(-1).mul_(y))
(3, 4), (3, 2) | change(x, lambda v: v.index_add_(1, T.tensor([0, 3]), y))
(3, 4, 5), (4, 2) | put(x, s[0, :, T.tensor([0, 2])], y)
(3, 4, 5), (2,) | put(x, s[0, ..., T.tensor([0, 2])], y)
(3, 4, 5), (3, 2) | put(x, s[:, 0, T.tensor([0, 2])], y)
"""

OPERATIONS = """
(2, 3), (3, 4) | T.einsum('ij,jk->ik',x,y) ; T.einsum('ij,jk',x,y) ; T.einsum(' i j , j k -> i k ',x,y)
(2, 3) |
    T.einsum('ij->ji',x) ; T.einsum('ij->',x) ; T.einsum('ij->i',x) ; T.einsum('ba',x) ;
    T.einsum('i...->...',x) ; T.einsum('i...',x) ; T.einsum('...',x) ; T.einsum('...->',x) ;
    T.einsum('ij->ik',x) ; T.einsum('ij,jk',x) ; T.einsum('ijk',x) ; T.einsum('ii',x) ;
    T.einsum('i1->i',x) ; T.einsum('ij->jj',x) ; T.einsum('ij->I',x) ; T.einsum('i.j->ij',x) ;
    T.where(x>.5, x, 0.) ; x.trace() ; T.diag_embed(x, 1, 0, -1) ; x.repeat_interleave(2, 0) ;
    x.repeat_interleave(T.tensor([0, 2]), 0) ; x.unbind(1) ; x**2 ; 2**x ; x**0 ; x**.5 ; x**-1
(3, 3) |
    T.einsum('ii',x) ; T.einsum('ii->i',x) ; T.diag(x, 1) ; x.diagonal()*x.diagonal(1)[:1] ;
    x.tril()@x.triu(1)
(3, 3, 2) | T.einsum('iij->j',x) ; T.einsum('iij',x)
(2, 3, 4), (2, 4, 3) | T.einsum('bij,bjk->bik',x,y)
(2, 1, 3, 4), (5, 4, 3) | T.einsum('...ij,...jk->...ik',x,y)
(2, 3), (3,) |
    T.einsum('...i,...i->...',x,y) ; T.einsum('ij,j',x,y) ; T.lerp(x, y, .3) ; T.lerp(x, y, .7) ;
    T.where(x>.5, x, y) ; x.pow(y)
(2, 3, 4) | T.einsum('...ij->...ji',x)
(2,), (3,) | T.einsum('i,j->ij',x,y) ; T.meshgrid(x, y, indexing="xy") ; T.meshgrid(x, y)
(3,), (3,) | T.einsum('i,i',x,y) ; T.einsum('i,i->i',x,y) ; T.xlogy(x-x, y-y) ; 2-x*y/3 ; x.float()*y
(3,), (2,) | T.einsum('i,j',x,y)
(2, 3), (2, 2) | T.einsum('ij,kl->',x,y)
(2, 3), (3, 2), (2, 2) | T.einsum('ab,bc,cd->ad',x,y,z)
(1, 2, 3, 4), (1, 2, 5, 4) | T.einsum('bhid,bhjd->bhij',x,y)
(2, 3), (4, 4) | T.einsum('ij,jk->ik',x,y)
(2, 3), (1, 3) | T.einsum('ij,ij->ij',x,y)
(2, 1), (3, 4) | T.einsum('ij,jk->ik',x,y)
() | T.einsum('',x)
(2,) | T.einsum('i->ii',x) ; (x-x)**2 ; (x-x)**0
(2, 3, 3) | T.einsum('...ii->...i',x)
(2, 2, 3), (3,) | T.einsum('aab,b->a',x,y)
(2, 3), (3, 2) | T.einsum('Ij,jK->IK',x,y) ; T.einsum("ij,jk",[x,y])
(2, 2), (2, 3), (3, 2) | T.addmm(x, y, z)
(2,), (2, 3), (3, 2) | T.addmm(x, y, z, beta=.5, alpha=2)
(2,), (2, 3), (3,) | T.addmv(x, y, z)
(2,), (2, 2, 3), (2, 3, 2) | T.baddbmm(x, y, z, beta=2)
(2, 3), (3,), (2, 1) | T.addcmul(x, y, z, value=2) ; T.addcdiv(x, y, z, value=2) ; x.lerp(y, z)
(2, 3), (3,), (3,) | T.lerp(x, y, z)
(2, 3, 4), (3, 4, 2) | T.tensordot(x, y, 2)
(2, 3, 4), (3, 2) | T.tensordot(x, y, ([0, 1], [1, 0]))
(2, 3), () | x.where(x>.5, y)
(2, 3), (4, 3), (4,) | F.linear(x, y, z)
(3,), (4, 3) | F.linear(x, y)
(2, 2, 3), (4, 3), (4,) | F.linear(x, y, z)
(2, 3), (4, 2) | F.linear(x, y)
(2, 3), (3,), () | F.linear(x, y, z)
(3,), (3,), () | F.linear(x, y) ; F.linear(x, y, z)
(2, 3), (3,) | F.linear(x, y)
(2, 2, 3), (3,), () | F.linear(x, y, z)
(2, 3), (2, 3) |
    F.binary_cross_entropy(x, y) ; F.binary_cross_entropy(x, y, reduction="none") ;
    F.binary_cross_entropy_with_logits(x, y) ;
    F.binary_cross_entropy_with_logits(x, y, pos_weight=T.tensor([1., 2, 3], dtype=T.float64)) ;
    F.mse_loss(x, y)
(3,) |
    T.diag(x) ; T.minimum(x, x) ; abs(x-x) ; (x-x).relu() ; (x-x).sqrt() ; x.add(2, alpha=.5) ; 1-x ; 1/x ;
    x.prod() ; (x-x).prod() ; (x-x).std() ; (x-x).norm(1) ; (x-x).amax() ; (x-x).max() ; (x-x).max(0)[0] ;
    (x-x).logsumexp(0) ; x.nan_to_num() ; (x/0).nan_to_num() ; x.logit() ; x.logit(.3) ;
    x.half().double() ; x.long() ; x.to(T.float32).sum() ; x.type(T.float32)
(2, 3), (3, 1, 1) | x.expand(3, 2, 3)*y
(2, 3), (2, 1) | T.hstack([x, y])
(3,), (2, 3) | T.vstack([x, y])
(2,), (0,) | T.cat([x, y, x])
(2,), (2,) | T.stack([x, x, y]) ; (x-x)**y
(3, 2), (2, 2) | x.split(2)[0]*y
(3, 2) | x.chunk(2)
(5,) | x.clamp(.4, .6) ; T.maximum(x, x) ; x.diff() ; x.diff(2)
(5,), () | x.clamp(min=y)
(5,), (5,), () | x.clamp(y, z)
(5,), (5,) | T.maximum(x, y)
(3,), (2, 1) |
    T.atan2(x, y) ; T.hypot(x, y) ; T.logaddexp(x, y) ; x%y ; T.fmod(x, y) ;
    T.div(x, y, rounding_mode="floor") ; T.div(x, y, rounding_mode="trunc") ; T.xlogy(x, y) ;
    T.add(x, y, alpha=3) ; x.sub(y, alpha=3)
(1,), (3,) | T.cat([x-x, y]).prod(0) ; T.cat([x-x, y]).cumprod(0)
"""


def groups(text: str) -> list[tuple[str, list[str]]]:
    """``(shapes, expressions)`` for each group: one begins where a line is not indented."""
    found: list[tuple[str, list[str]]] = []
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            shapes, _, line = line.partition("|")
            found.append((shapes.strip(), []))
        found[-1][1].extend(e.strip() for e in line.split(" ;") if e.strip(" ;"))
    return found


class Index:
    """``s[1:, None]`` is the index that it is written with."""

    def __getitem__(self, index):
        return index


def put(x, index, value):
    """The square of ``x`` after a value has been assigned."""
    v = x.clone()
    v[index] = value
    return v * v


def change(x, function):
    """The square of ``x`` after a function has changed it in place."""
    v = x.clone()
    function(v)
    return v * v


def run(expression: str, shapes, module):
    rng = np.random.default_rng(7)
    leaves = [module.tensor(np.asarray(rng.uniform(0.2, 0.9, shape)), requires_grad=True) for shape in shapes]
    names = {"T": module, "F": module.nn.functional, "np": np, "inf": math.inf, "nan": math.nan}
    names |= {"s": Index(), "put": put, "change": change, **dict(zip("xyz", leaves, strict=False))}
    result, error = attempt(eval, expression, names)
    if error is None and any(t.requires_grad for t in tensors(result, module.Tensor)):
        gradients, error = attempt(first_and_second, module, tensors(result, module.Tensor), leaves)
        return (result, gradients), error
    return (result, None), error


def problem(expression: str, shapes) -> list[str]:
    theirs, mine = run(expression, shapes, torch), run(expression, shapes, mt)
    if theirs[1] is None and mine[1] is None:
        (value, gradients), (my_value, my_gradients) = theirs[0], mine[0]
        loose = 1e6 if "float32" in expression else 1.0
        found = difference(value, my_value, 1e-10, 1e-12)
        if found is None and (gradients is None) != (my_gradients is None):
            found = f"a gradient {'only here' if gradients is None else 'is missing'}"
        found = found or (gradients and difference(gradients, my_gradients, loose * 1e-8, loose * 1e-10))
    else:
        found = outcome(theirs, mine)
    return [f"{expression} for {shapes}: {found}"] if found else []


@pytest.mark.parametrize(
    ("shapes", "expressions"),
    [g for text in (READS, WRITES, OPERATIONS) for g in groups(text)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_expressions(shapes, expressions):
    sizes = eval(f"[{shapes}]")
    problems = [p for e in expressions for p in problem(e, sizes)]
    assert not problems, "\n".join(problems)


# --- reductions, in all forms ----------------------------------------------------------------------------------------

SIZES = [(), (3,), (2, 3), (2, 3, 4), (0,), (2, 0), (0, 3)]
DIMS = ["0", "-1", "1", "(0,)", "(0, 1)", "(-1, -2)", "[0]", "5"]


def forms(name: str) -> list[str]:
    found = [f"x.{name}({dim}, keepdim={keepdim})" for dim in DIMS for keepdim in (False, True)]
    return found if name == "logsumexp" else [f"x.{name}()", *found]


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "var", "std", "logsumexp", "nansum", "nanmean"])
def test_dim_and_keepdim(name):
    pairs = [(size, e) for size in SIZES for e in forms(name)]
    if name in ("var", "std"):  # the second derivative of what has no freedom is NaN here and 0 there
        pairs = [(size, e) for size, e in pairs if size != ()]
    assert not [p for size, e in pairs for p in problem(e, [size])]


OTHERS = """
x.prod(0) ; x.prod(-1, keepdim=True) ; x.prod() ; x.max() ; x.min() ; x.max(0) ; x.min(-1) ;
x.max(dim=0, keepdim=True) ; x.min(0, True) ; x.max(x) ; T.max(x, x * 2) ; T.min(x, other=x * .5) ; x.max(5) ;
T.max(x, dim=0).indices ; x.max(0)[1] ; x.max(0).values ; T.amax(x, 0) ; x.argmax() ; x.argmax(0) ;
x.argmin(dim=-1, keepdim=True) ; x.argmax(keepdim=True) ; x.argmax(5) ; x.cumsum(0) ; x.cumsum(-1) ;
x.cumprod(0) ; x.cumprod(dim=-1) ; x.cumsum(5) ; T.cumsum(x, 0) ; x.cumsum(0, dtype=T.float32) ;
x.sum(dtype=T.float32) ; x.mean(dtype=T.float32) ; x.prod(dtype=T.float32) ; x.softmax(0) ; x.log_softmax(-1) ;
x.softmax(5) ; x.softmax(0, dtype=T.float32) ; T.softmax(x, dim=0) ; (x > .5).all() ; (x > .5).any(0) ;
(x > .5).all(dim=-1, keepdim=True) ; (x > .5).sum() ; (x > .5).any((0,)) ; x.count_nonzero() ;
x.count_nonzero(0) ; x.nonzero() ; (x > .5).nonzero(as_tuple=True) ; x.all() ; x.any() ; x.norm() ; x.norm(1) ;
x.norm(3) ; x.norm(.5, 0) ; x.norm(inf) ; x.norm(-inf, -1) ; x.norm(0) ; x.norm("fro") ; x.norm("foo") ;
T.norm(x, p=2, dim=-1, keepdim=True) ; x.norm(dim=(0, 1)) ; x.median(-1) ; x.argsort(-1) ; x.diff() ;
x.mean(0).mean() ; x.sum().is_nonzero() ; x.is_nonzero() ; x.sort(0) ; T.std_mean(x, -1) ;
T.var_mean(x, dim=0, correction=0)
"""
FREEDOM = """
correction=0 ; correction=1 ; correction=2 ; correction=.5 ; unbiased=False ; unbiased=True ; False ; 0, False ;
0, True, True ; dim=0, correction=0, keepdim=True ; dim=(0,), unbiased=False
"""


@pytest.mark.parametrize("size", SIZES)
def test_other_reductions(size):
    expressions = [e.strip() for e in OTHERS.split(" ;")]
    if size == ():  # see test_dim_and_keepdim
        expressions = [e for e in expressions if "_mean(" not in e]
    assert not [p for e in expressions for p in problem(e, [size])]


@pytest.mark.parametrize("size", [(3,), (2, 3), (2, 3, 4)])
def test_variance(size):
    calls = [f"{name}(x, {how.strip()})" for how in FREEDOM.split(" ;") for name in ("T.var", "T.std", "T.std_mean")]
    assert not [p for e in calls for p in problem(e, [size])]


def test_what_max_returns_prints_as_in_pytorch():
    for expression in ("x.max(0)", "x.min(0)", "x.sort()", "x.topk(2)", "x.median(0)", "x.kthvalue(1)"):
        printed = [repr(eval(expression, {"x": t.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])})) for t in (torch, mt)]
        assert printed[0] == printed[1]


# --- products of every pair of shapes --------------------------------------------------------------------------------

FACTORS = [
    (), (3,), (4,), (0,), (2, 3), (3, 2), (3, 3), (0, 3), (3, 0), (2, 3, 3), (1, 2, 3), (2, 3, 2), (0, 3, 3),
    (2, 1, 2, 3), (1, 2, 3, 2), (2, 2, 3, 3),
]  # fmt: skip


@pytest.mark.parametrize("left", FACTORS, ids=str)
def test_matmul_of_every_pair_of_shapes(left):
    assert not [p for right in FACTORS for p in problem("x @ y", [left, right])]


@pytest.mark.parametrize("name", ["mm", "mv", "dot", "bmm", "outer", "inner", "vdot"])
def test_products_of_given_shapes(name):
    some = [s for s in FACTORS if 0 < len(s) < 4]
    assert not [p for pair in itertools.product(some, repeat=2) for p in problem(f"T.{name}(x, y)", pair)]
