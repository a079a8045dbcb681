"""What the comparisons with PyTorch share: handing the same data to both, and finding where the answers differ."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

import micrograd_cn as mt
from micrograd_cn import dtypes

NAMES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
DTYPES = {getattr(torch, name): getattr(dtypes, name) for name in NAMES}
# The exceptions PyTorch documents, the narrower ones first. What we raise must be of the same kind or narrower.
KINDS = (NotImplementedError, IndexError, TypeError, ValueError, RuntimeError)


class Unsupported(Exception):
    """The data is of a kind that there is here on purpose not: complex, sparse, bfloat16."""


def ours(x: Any) -> Any:
    """PyTorch's data, also within lists and dictionaries, as ours: a copy with the same layout in memory."""
    if isinstance(x, torch.Tensor):
        if x.dtype not in DTYPES or x.layout != torch.strided or x.device.type != "cpu":
            raise Unsupported(x.dtype)
        array = np.array(x.detach().numpy(), order="K", copy=True)
        return mt.Tensor._wrap(array).requires_grad_(x.requires_grad)
    if isinstance(x, torch.dtype):
        if x not in DTYPES:
            raise Unsupported(x)
        return DTYPES[x]
    if isinstance(x, torch.Size):
        return mt.Size(x)
    if hasattr(x, "_fields"):
        return our_class(type(x))(*map(ours, x))
    if isinstance(x, (list, tuple)):
        return type(x)(ours(i) for i in x)
    if isinstance(x, dict):
        return {name: ours(v) for name, v in x.items()}
    if dataclasses.is_dataclass(x):
        return our_class(type(x))(**{f.name: ours(getattr(x, f.name)) for f in dataclasses.fields(x)})
    if isinstance(x, torch.nn.TransformerEncoderLayer):
        return our_encoder_layer(x)
    if isinstance(x, torch.nn.PairwiseDistance):
        return mt.nn.PairwiseDistance()
    if callable(x) and hasattr(mt.nn.functional, getattr(x, "__name__", "")):
        return getattr(mt.nn.functional, x.__name__)
    if isinstance(x, (torch.memory_format, torch.layout, torch.Generator)):
        raise Unsupported(x)
    return x


def our_class(theirs: type) -> type:
    """The class that goes by the same name here."""
    rooms = (mt.nn, getattr(mt.nn.utils, "rnn", None)) if hasattr(mt.nn, "utils") else (mt.nn,)
    return next(getattr(room, theirs.__name__) for room in rooms if hasattr(room, theirs.__name__))


def our_encoder_layer(x: torch.nn.TransformerEncoderLayer) -> Any:
    """An encoder layer with the same options and parameters."""
    attention, first = x.self_attn, x.linear1
    mine = mt.nn.TransformerEncoderLayer(
        attention.embed_dim, attention.num_heads, first.out_features, x.dropout.p, ours(x.activation), x.norm1.eps,
        attention.batch_first, x.norm_first, bias=first.bias is not None, dtype=ours(first.weight.dtype),
    )  # fmt: skip
    mine.load_state_dict({name: ours(v) for name, v in x.state_dict().items()})
    return mine.train(x.training)


def fresh(x: Any) -> Any:
    """A copy of PyTorch's data, so that what is done in place on one does not show in the other."""
    if isinstance(x, torch.Tensor):
        return x.detach().clone().requires_grad_(x.requires_grad)
    if hasattr(x, "_fields"):
        return type(x)(*map(fresh, x))
    if isinstance(x, (list, tuple)) and not isinstance(x, torch.Size):
        return type(x)(fresh(i) for i in x)
    return {name: fresh(v) for name, v in x.items()} if isinstance(x, dict) else x


def tensors(x: Any, kind: type) -> list[Any]:
    """All tensors in nested lists and dictionaries."""
    if isinstance(x, kind):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [t for part in parts for t in tensors(part, kind)]


def attempt(function: Any, *args: Any, **named: Any) -> tuple[Any, Exception | None]:
    """``(result, None)`` or ``(None, exception)``."""
    try:
        return function(*args, **named), None
    except Exception as error:
        return None, error


def difference(theirs: Any, mine: Any, rtol: float = 1e-6, atol: float = 1e-7) -> str | None:
    """How our answer differs from PyTorch's in type, dtype, shape or value; None if it does not."""
    if isinstance(theirs, torch.Tensor):
        if not isinstance(mine, mt.Tensor):
            return f"{type(mine).__name__} for a tensor"
        if theirs.dtype not in DTYPES:
            raise Unsupported(theirs.dtype)
        if DTYPES[theirs.dtype] is not mine.dtype:
            return f"dtype {mine.dtype} for {theirs.dtype}"
        x, y = (theirs.detach() + 0 if theirs._is_zerotensor() else theirs.detach()).numpy(), mine._array
        if x.shape != y.shape:
            return f"shape {list(y.shape)} for {list(x.shape)}"
        if x.dtype.kind != "f":
            return None if np.array_equal(x, y) else f"values {y} for {x}"
        precision = {"float16": 4e-3, "float32": 1e-5}.get(x.dtype.name, 0.0)
        close = np.allclose(x, y, rtol=max(rtol, precision), atol=max(atol, precision), equal_nan=True)
        return None if close else f"values {y} for {x}"
    if isinstance(theirs, (list, tuple)):
        if not isinstance(mine, (list, tuple)) or len(mine) != len(theirs):
            return f"{mine!r:.200} for {theirs!r:.200}"
        return next((d for a, b in zip(theirs, mine, strict=True) if (d := difference(a, b, rtol, atol))), None)
    if isinstance(theirs, torch.dtype):
        return None if DTYPES.get(theirs) is mine else f"{mine} for {theirs}"
    if isinstance(theirs, float):
        return None if isinstance(mine, float) and np.allclose(theirs, mine, equal_nan=True) else f"{mine} for {theirs}"
    return None if type(theirs) is type(mine) and theirs == mine else f"{mine!r:.200} for {theirs!r:.200}"


def outcome(theirs: Any, mine: Any, rtol: float = 1e-6, atol: float = 1e-7) -> str | None:
    """How two outcomes of `attempt` differ: a result for an error, an error of another kind, or the results."""
    (a, wanted), (b, error) = theirs, mine
    if wanted is None and error is None:
        return difference(a, b, rtol, atol)
    if wanted is None:
        return f"raises {error!r:.300}"
    kind = next((k for k in KINDS if isinstance(wanted, k)), Exception)
    if isinstance(error, kind):
        return None if str(error) else f"raises {kind.__name__} without a message"
    return f"{f'raises {error!r:.200}' if error else f'{b!r:.80}'} where PyTorch raises {wanted!r:.200}"


def first_and_second(
    module: Any, outputs: list[Any], inputs: list[Any], seed: int = 0, *, second: bool = True
) -> list[Any]:
    """The gradients by ``inputs`` of a random combination of ``outputs``, and those of such a one of the gradients."""
    rng = np.random.default_rng(seed)

    def weights(t: Any) -> Any:
        drawn = np.asarray(rng.standard_normal(tuple(t.shape)))
        return module.tensor(drawn, dtype=t.dtype)

    def by_inputs(ys: list[Any], graph: bool) -> list[Any]:
        smooth = [y for y in ys if y.requires_grad]
        if not smooth:
            return [module.zeros(tuple(x.shape), dtype=x.dtype) for x in inputs]
        vs = [weights(y) for y in ys if y.requires_grad]
        found = module.autograd.grad(smooth, inputs, vs, create_graph=graph, allow_unused=True)
        pairs = zip(found, inputs, strict=True)
        return [module.zeros(tuple(x.shape), dtype=x.dtype) if g is None else g for g, x in pairs]

    first = by_inputs(outputs, second)
    if not second:
        return first
    # Where a gradient is constant the one side may know it and the other not: compare a sum, which both have.
    total = sum(((g * weights(g)).sum() for g in first), module.zeros((), dtype=first[0].dtype))
    return [*first, *by_inputs([total], False)]
