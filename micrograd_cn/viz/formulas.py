"""Formulas: an operation as it is written, and a derivative rule that writes itself down.

A rule of the table uses operators and NumPy functions only. Handed a `Term` instead of a number or an array, it gives
its result together with the formula for it, so that no second table of derivatives is needed.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.viz.drawing import COMMUTATIVE, SMALL, numeral

# How strongly each binds.
LEVELS = {**dict.fromkeys("=≠<≤>≥&|", 0), **dict.fromkeys("+-", 1), **dict.fromkeys("×÷@·", 2), "**": 3}
ATOM = 9


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
    around = re.compile("(?<![a-z])x(?![a-z])")
    if len(terms) == 1 and around.search(symbol):
        inner = texts if terms[0].level == ATOM or symbol[0] == symbol[-1] else f"({texts})"
        return Term(around.sub(lambda _: inner, symbol), data, 2 if "/" in symbol else ATOM)
    return Term(f"{symbol}({texts})", data)
