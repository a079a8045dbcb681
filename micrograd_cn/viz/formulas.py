"""Formulas: an operation as it is written, and a derivative rule that writes itself down.

A rule of the table uses operators and NumPy functions only. Handed a `Term` instead of a number or an array, it gives
its result together with the formula for it, so that no second table of derivatives is needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.viz.drawing import COMMUTATIVE, SMALL, numeral
from micrograd_cn.viz.tracing import Quantity

# How strongly each binds.
LEVELS = {**dict.fromkeys("=≠<≤>≥&|", 0), **dict.fromkeys("+-", 1), **dict.fromkeys("×÷@·", 2), "**": 3}
ATOM = 9
AROUND = re.compile("(?<![a-z])x(?![a-z])")  # where in a symbol the operand stands, as in x² and 1/x but not in max


def primed(i: int) -> str:
    """The mark on the name of the second, third, … of one name; the first has none."""
    return ("", "′")[i] if i < 2 else f"′{i}"


def numbered(i: int) -> str:
    """The mark on a name that always has a number, from 1."""
    return str(i + 1)


class Names:
    """Gives each of the quantities a name in one line that no other has, those without a name excepted."""

    def __init__(self, quantities: Iterable[Quantity]) -> None:
        given = {q: " ".join(q.name.split()) for q in quantities}
        self.taken, self._marks, seen = set(given.values()), Counter[Any](), set()
        for q, name in given.items():
            q.name = self.free(name) if name and name in seen else name
            seen.add(name)

    def free(self, stem: str, mark: Callable[[int], str] = primed) -> str:
        """A name that is free, with the first mark that makes it so; from now on it is taken."""
        while (name := stem + mark(self._marks[stem, mark])) in self.taken:
            self._marks[stem, mark] += 1
        self.taken.add(name)
        return name

    def stem(self, stem: str, count: int) -> str:
        """What ``count`` names may begin with, all free when they are numbered."""
        return next(s for s in map(stem.__add__, map(primed, range(len(self.taken) + 1)))
                    if self.taken.isdisjoint(s + numbered(i) for i in range(count)))  # fmt: skip


class Term(NumpyProtocol, np.lib.mixins.NDArrayOperatorsMixin):
    """A number or an array with the formula that gives it: a face of the engine, beside values and tensors.

    Args:
        text: the formula.
        data: what it gives.
        level: how strongly its outermost operation binds, which tells where it needs parentheses.
    """

    def __init__(self, text: str, data: Any, level: int = ATOM) -> None:
        self.text, self.data, self.level = text, data, level

    _raw = property(lambda self: self.data)
    ndim = property(lambda self: np.ndim(self.data))
    shape = property(lambda self: np.shape(self.data))
    size = property(lambda self: np.size(self.data))
    dtype = property(lambda self: np.result_type(self.data))
    T = property(lambda self: Term(f"{self.text}ᵀ" if self.level == ATOM else f"({self.text})ᵀ", self.data.T))

    def _constant(self, data: Any) -> Term:
        return number(data)

    def _apply(self, row: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Term:
        inputs, settings = row.bind(args, named)
        data = row.forward(*(x.data if isinstance(x, Term) else x for x in inputs), *settings)
        terms = [x if isinstance(x, Term) else number(x) for x in inputs]
        if row.name == "where" and not terms[0].ndim:  # one number takes one of the branches
            return terms[1 if terms[0].data else 2]
        if row.name == "flat":  # the second, whose derivative by the first is 0
            return terms[1]
        if gate := row.name == "gated":  # of ReLU; Iverson's bracket is 1 where it holds, else 0
            terms[1] = Term(f"[{terms[1].text} > 0]", None)
        symbol = "×" if gate else row.symbol
        for k, neutral in enumerate((("×",), ("×", "÷", "**"))):  # 1 × x, x × 1, x ÷ 1, x ** 1
            if symbol in neutral and terms[k].text == "1":
                return Term(terms[1 - k].text, data, terms[1 - k].level)
        return written(symbol, terms, data)


def number(x: Any) -> Term:
    """Numbers as they stand within a formula; the shape, where they are many."""
    array = np.asarray(x)
    if array.size > SMALL:
        return Term(f"[{'×'.join(map(str, array.shape))}]", x)
    text = np.array2string(array, separator=", ", formatter={"all": lambda x: numeral(x, 4)}).replace("\n", "")
    return Term(text, x, -1 if text.startswith("-") else ATOM)


def written(symbol: str, terms: list[Term], data: Any = None) -> Term:
    """The formula of an operation: between two terms, around one, or before them."""
    level = LEVELS.get(symbol, ATOM)
    if len(terms) == 2 and symbol in LEVELS:
        needs = (level if level == 3 or terms[0].level >= 0 else -1, level + (symbol not in COMMUTATIVE))
        a, b = (f"({t.text})" if t.level < need else t.text for t, need in zip(terms, needs, strict=True))
        return Term(f"{a} {symbol} {b}", data, level)
    texts = ", ".join(t.text for t in terms)
    if len(terms) == 1 and symbol == "-":
        return Term(f"-{texts}" if terms[0].level >= 2 else f"-({texts})", data, -1)
    if len(terms) == 1 and AROUND.search(symbol):
        inner = texts if terms[0].level == ATOM or symbol[0] == symbol[-1] else f"({texts})"
        return Term(AROUND.sub(lambda _: inner, symbol), data, 2 if "/" in symbol else ATOM)
    return Term(f"{symbol}({texts})", data)
