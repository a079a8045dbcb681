"""What `explain` found, in words and formulas: plain text, Markdown and LaTeX, in Chinese or English.

A derivation is told once, as a row of paragraphs, tables and equations. How a formula is written (`_Plain`, `_Tex`) and
how a block is set (`_LAYOUTS`) are all in which the formats differ.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unicodedata import east_asian_width

import numpy as np

from micrograd_cn.viz.drawing import norm, numeral
from micrograd_cn.viz.formulas import AROUND

SMALL = 24  # so many numbers of an array are shown
EDGE = 4  # of a long row, so many are shown at either end
FAR = 0.05  # a result by hand that is off by more than this part asks for a word

LANGUAGES = ("zh", "en")
SAID: dict[str, tuple[Any, Any]] = {
    "one": ("损失 {L} 只沿一条路径依赖于 {w}。链式法则：把这条路径上的局部导数依次相乘。",
            "{L} depends on {w} along one path. The chain rule: multiply the local derivatives along it."),
    "few": ("从 {L} 到 {w} 有 {n} 条路径。链式法则：沿每条路径把局部导数相乘，再把各条路径的乘积相加。",
            "{L} depends on {w} along {n} paths. The chain rule: multiply the local derivatives along each path, then "
            "add the products."),
    "many": ("从 {L} 到 {w} 有 {n} 条路径。链式法则：沿每条路径把局部导数相乘，再把各条路径的乘积相加。"
             "下面写出乘积最大的 {k} 条，其余的合并成一项。",
             "{L} depends on {w} along {n} paths. The chain rule: multiply the local derivatives along each path, then "
             "add the products. Below are the {k} with the largest products; the others are taken together."),
    "ways": ("竖线后面的数区分同样两站之间的几条路：{d} 是第一条路上的因子。",
             "The number behind the bar tells apart several ways between the same two: {d} belongs to the first."),
    "path": ("路径 {i}：{path}", "Path {i}: {path}"),
    "numbers": (("因子", "值", "由各步运算得到"), ("factor", "value", "operation by operation")),
    "tensors": (("因子", "雅可比矩阵", "运算", "流到这里的梯度"),
                ("factor", "Jacobian", "operation", "gradient that flows")),
    "join": ("多条路径汇合的地方，只需记住到此为止已经到达的梯度（第 1 条路径上的汇合点）：",
             "Where paths join, all that matters is the gradient that has arrived so far (the joins on path 1):"),
    "joins": (("梯度", "已到达", "由几条路径相加"), ("gradient", "arrived so far", "sum of so many paths")),
    "sum": ("各条路径相加：", "The paths add up:"),
    "rest": ("其余 {n} 条", "{n} others"),
    "hand": ("手算（每一步都只保留 {digits} 位有效数字，再接着算）：",
             "On paper (each number is rounded to {digits} significant digits before going on):"),
    "off": ("这与精确值 {exact} 相差很多：舍入误差被放大了，例如两个相近的数相减的时候（1 − t²，t 接近 1）。",
            "This is far from the exact {exact}: errors of rounding grow, as where nearly equal numbers are subtracted "
            "(1 − t² with t near 1)."),
    "gap": ("……（略去 {n} 个）", "… ({n} left out)"),
}  # fmt: skip


@dataclass
class Step:
    """One operation on the way: ``∂(symbol of operands)/∂by``, at which number if that matters, its value if that is
    one number, and whether ``by`` is a name for this step only."""

    symbol: str
    operands: list[Any]
    by: str
    at: Any
    value: Any
    unnamed: bool = False


@dataclass
class Factor:
    """``∂of/∂by``.

    Attributes:
        of, by: the names.
        way: which of several direct ways between the two, from 1 in the order of the paths; 0: the only one.
        value: a number, or the Jacobian as a matrix of ``(elements of `of`, elements of `by`)``; None if it is large.
        by_hand: the number as it is on paper.
        steps: the operations that it is made of.
        shape: of tensors, the two shapes.
        flow: of tensors, the gradient that has flowed down to ``by`` on this path.
    """

    of: str
    by: str
    way: int
    value: Any = None
    by_hand: float = 1.0
    steps: list[Step] = field(default_factory=list)
    shape: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    flow: Any = None


@dataclass
class Path:
    """A path from the loss to the weight: its factors, and their product."""

    factors: list[Factor]
    product: Any


class Join(NamedTuple):
    """Where paths join: the gradient that has arrived at ``name``, in ``ways`` ways."""

    name: str
    arrived: Any
    ways: int


@dataclass(repr=False)
class Explanation:
    """The chain rule for one weight, as `explain` found it. It prints as text, and Jupyter shows its formulas.

    Attributes:
        paths: those with the largest products, the largest first.
        total: the gradient: the sum of the products of all paths; a float, or an array.
        count: how many paths there are.
        rest: what the paths that are not shown add up to; None if all are shown.
        joins: where paths join on the first of them, if not all are shown.
        loss, weight: the names.
        title: with a number, what the product of a path is called.
    """

    paths: list[Path]
    total: Any
    count: int
    rest: Any
    joins: list[Join]
    loss: str
    weight: str
    title: str
    lang: str
    digits: int
    by_hand: int

    text = functools.cached_property(lambda self: _text(self))
    markdown = functools.cached_property(lambda self: _markdown(self))
    latex = functools.cached_property(lambda self: _latex(self))

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.markdown


def rounded(x: Any, digits: int) -> Any:
    """A float with so many significant digits, and anything else as it is."""
    return type(x)(f"{x:.{digits}g}") if isinstance(x, float) else x


# --- how a formula is written ----------------------------------------------------------------------------------------


class _Plain:
    """Formulas in a line of text."""

    times, dot, back, gap, power = " × ", " × ", " ← ", "…", "{}^{}"
    prime = "{}′({})"

    def __init__(self, digits: int) -> None:
        self.digits = digits

    def inline(self, formula: str) -> str:
        return formula

    name = words = symbol = inline

    def function(self, symbol: str) -> str:
        return symbol.partition("(")[0]

    def number(self, x: Any) -> str:
        return numeral(x, self.digits)

    def quotient(self, of: str, by: str, way: int = 0) -> str:
        return f"∂{of}/∂{by}" + (f"|{way}" if way else "")

    def d(self, of: str, by: str, way: int = 0) -> str:
        return self.quotient(self.name(of), self.name(by), way)

    def count(self, n: int) -> str:
        if n < 10**7:
            return f"{n:,}"
        exponent = math.floor(math.log10(n))  # which works beyond the range of floats
        return self.number(float(f"{n:.2e}")) if exponent < 300 else self.power.format(10, exponent)

    def value(self, x: Any) -> str:
        """A number or an array; of a large one its shape and norm."""
        if np.ndim(x) == 0:
            return self.number(x if isinstance(x, float) else np.asarray(x).item())
        large = f"{x.shape}, {self.symbol('‖·‖')} = {self.number(norm(x))}"
        return self.array(x) if np.size(x) <= SMALL else large

    def array(self, x: Any) -> str:
        return self.number(x) if np.ndim(x) == 0 else f"[{', '.join(map(self.array, x))}]"

    def term(self, x: Any) -> str:
        """A number in a sum."""
        return f"({self.value(x)})" if self.value(x).startswith("-") else self.value(x)

    factor = value

    def operand(self, x: Any) -> str:
        if isinstance(x, tuple):
            return self.words(str(x))
        return self.name(x) if isinstance(x, str) else self.term(x)

    def step(self, step: Step) -> str:
        """``∂(u × x)/∂u = 2``, or ``σ′(-3) = 0.04518`` for a function of one number."""
        symbol, given = step.symbol, [self.operand(x) for x in step.operands]
        named = any(c.isalpha() for c in symbol)
        if AROUND.search(symbol) and len(given) == 1:
            whole = f"({AROUND.sub(lambda _: given[0], self.symbol(symbol))})"
        elif named and len(given) == 1 and isinstance(step.at, float):
            return f"{self.prime.format(self.function(symbol), self.number(step.at))} = {self.number(step.value)}"
        elif named or len(given) > 2:
            whole = f"{self.function(symbol)}({', '.join(given)})"
        elif symbol == "**":
            whole = f"({self.power.format(*given)})"
        else:
            whole = f"({f' {self.symbol(symbol)} '.join(given) if len(given) > 1 else self.symbol(symbol) + given[0]})"
        local = self.quotient(whole, self.name(step.by))
        if step.value is not None:
            local += f" = {self.number(step.value)}"
        at = f", {self.name(step.by)} = {self.number(step.at)}" if step.unnamed and step.at is not None else ""
        return local + at


class _Tex(_Plain):
    """Formulas as LaTeX writes them."""

    times, dot, back, gap, power = r" \times ", r" \cdot ", r" \leftarrow ", r" \cdots ", "{}^{{{}}}"
    prime = "{}'({})"

    def inline(self, formula: str) -> str:
        return f"${formula}$"

    def name(self, name: str) -> str:
        stem, index = re.fullmatch(r"(.*?)(\[[\d, ]*\])?", name, re.DOTALL).groups()  # type: ignore[union-attr]
        if found := re.fullmatch(r"([A-Za-z]+)_?(\d*)", stem):
            stem = found[1] if len(found[1]) == 1 else rf"\mathrm{{{found[1]}}}"
            stem += f"_{{{found[2]}}}" if found[2] else ""
        else:
            stem = self.words(stem)
        return stem + (index or "")

    def words(self, words: str) -> str:
        return rf"\text{{{words.translate(_ESCAPED)}}}"

    def function(self, symbol: str) -> str:
        bare = super().function(symbol)
        return self.symbol(bare) if len(bare) == 1 else rf"\mathrm{{{self.symbol(bare)}}}"

    def number(self, x: Any) -> str:
        powers = re.sub(r"e([+-])0*(\d+)", lambda m: rf" \times 10^{{{m[1].strip('+')}{m[2]}}}", super().number(x))
        return powers.replace("inf", r"\infty")

    def quotient(self, of: str, by: str, way: int = 0) -> str:
        fraction = rf"\dfrac{{\partial {of}}}{{\partial {by}}}"
        return rf"\left.{fraction}\right\vert_{{{way}}}" if way else fraction

    def array(self, x: Any) -> str:
        if np.ndim(x) > 2:
            return self.words(_Plain(self.digits).array(x))
        rows = r" \cr ".join(" & ".join(map(self.number, row)) for row in np.atleast_2d(x))
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"

    def factor(self, x: Any) -> str:
        return self.term(x)

    def symbol(self, symbol: str) -> str:
        return symbol.translate(_SYMBOLS)


_ESCAPED = str.maketrans({c: rf"\{c}" for c in "{}%$#&_"} | {"\\": r"\textbackslash{}", "|": "∣", "\n": " "})
_SYMBOLS = str.maketrans({
    "×": r"\times", "÷": r"\div", "·": r"\cdot", "@": r"\mathbin{@}", "σ": r"\sigma", "Σ": r"\Sigma", "Π": r"\Pi",
    "√": r"\surd ", "²": "^{2}", "|": r"\vert ", "‖": r"\Vert ", "−": "-", "ᵀ": "^{T}", "_": r"\_",
    "%": r"\%", "&": r"\&",
})  # fmt: skip


# --- what is said ----------------------------------------------------------------------------------------------------

Block = tuple[Any, ...]


def _cut(items: list[Any], gap: Callable[[int], Any]) -> list[Any]:
    """A long row without its middle."""
    left_out = len(items) - 2 * EDGE
    return items if left_out < 2 else [*items[:EDGE], gap(left_out), *items[-EDGE:]]


def _told(e: Explanation, n: _Plain) -> Iterator[Block]:
    """The derivation: ("paragraph", text), ("table", heads, rows of cells of lines), ("equation", left, rights)."""
    said = {key: both[LANGUAGES.index(e.lang)] for key, both in SAID.items()}
    whole = n.d(e.loss, e.weight)
    left_out = lambda k: said["gap"].format(n=k)  # noqa: E731

    def say(key: str, **facts: Any) -> Block:
        return "paragraph", said[key].format(**{k: n.inline(x) if isinstance(x, str) else x for k, x in facts.items()})

    def joined(items: list[str], by: str) -> str:
        return by.join(_cut(items, lambda k: n.gap.strip()))

    amount = "one" if e.count == 1 else "few" if e.rest is None else "many"
    ends = {"L": n.name(e.loss), "w": n.name(e.weight)}
    yield say(amount, **ends, n=n.count(e.count), k=len(e.paths))
    titles = [n.name(f"{e.title}{i}") for i in range(1, len(e.paths) + 1)]
    if first := next((f for path in e.paths for f in path.factors if f.way), None):
        yield say("ways", d=n.d(first.of, first.by, 1))
    for i, path in enumerate(e.paths):
        stations = [path.factors[0].of, *(f.by for f in path.factors)]
        yield say("path", i=i + 1, path=joined([n.name(s) for s in stations], n.back))
        heads = said["tensors" if path.factors[0].shape else "numbers"]
        shown = _cut(path.factors, left_out)
        empty: list[list[str]] = [[]] * (len(heads) - 1)
        yield "table", heads, [[[f], *empty] if isinstance(f, str) else _row(f, e, n, left_out) for f in shown]
        rights = [n.dot.join(n.gap if isinstance(f, str) else n.d(f.of, f.by, f.way) for f in shown)]
        if not path.factors[0].shape:
            rights.append(n.times.join(n.gap if isinstance(f, str) else n.factor(f.value) for f in shown))
        yield "equation", whole if e.count == 1 else titles[i], [*rights, n.value(path.product)]
    if e.rest is not None:
        if e.joins:
            yield say("join")
            yield "table", said["joins"], [
                [[j], [], []] if isinstance(j, str) else
                [[n.inline(n.d(e.loss, j.name))], [n.inline(n.value(j.arrived))], [n.inline(n.count(j.ways))]]
                for j in _cut(e.joins, left_out)
            ]  # fmt: skip
        titles.append(n.words(said["rest"].format(n=_Plain(e.digits).count(e.count - len(e.paths)))))
    if e.count > 1:
        yield say("sum")
        terms = [path.product for path in e.paths] + ([] if e.rest is None else [e.rest])
        yield "equation", whole, [" + ".join(titles), " + ".join(map(n.term, terms)), n.value(e.total)]
    if e.by_hand:
        n = type(n)(e.by_hand)
        yield say("hand", digits=e.by_hand)
        products = []
        for path, title in zip(e.paths, titles, strict=True):
            numbers = [f.by_hand for f in path.factors]
            products.append(rounded(math.prod(numbers), e.by_hand))
            sides = [joined([n.factor(x) for x in numbers], n.times), n.number(products[-1])]
            yield "equation", "" if e.count == 1 else title, [" = ".join(sides[: len(numbers)])]
        total = rounded(sum(products), e.by_hand)
        if e.count > 1:
            yield "equation", whole, [f"{' + '.join(map(n.term, products))} = {n.number(total)}"]
        if abs(total - e.total) > FAR * abs(e.total):
            yield say("off", exact=n.number(e.total))


def _row(f: Factor, e: Explanation, n: _Plain, left_out: Callable[[int], str]) -> list[list[str]]:
    """The cells of a factor, each a list of lines."""
    if f.shape:
        shapes = [n.inline(n.words(" × ".join(map(str, f.shape))))]
        shapes += [n.inline(n.value(f.value))] if f.value is not None else []
        flow = f"{n.d(e.loss, f.by)} = {n.value(f.flow)}"
        return [[n.inline(n.d(f.of, f.by, f.way))], shapes, [n.inline(n.step(s)) for s in f.steps], [n.inline(flow)]]
    lines = []
    for line, alike in itertools.groupby(map(n.step, f.steps)):
        times = len(list(alike))
        lines.append(n.inline(line) + (f" (×{times})" if times > 1 else ""))
    return [[n.inline(n.d(f.of, f.by, f.way))], [n.inline(n.value(f.value))], _cut(lines, left_out)]


# --- how a block is set ----------------------------------------------------------------------------------------------


def _width(s: str) -> int:
    return sum(1 + (east_asian_width(c) in "WF") for c in s)


def _text(e: Explanation) -> str:
    lines: list[str] = []
    for kind, *block in _told(e, _Plain(e.digits)):
        if kind == "paragraph":
            lines += ["", *block]
        elif kind == "table":
            rows = [[[head] for head in block[0]], *block[1]]
            flat = [cells for row in rows for cells in itertools.zip_longest(*row, fillvalue="")]
            widths = [max(map(_width, column)) for column in zip(*flat, strict=True)]
            for cells in flat:
                padded = (c + " " * (width - _width(c)) for c, width in zip(cells, widths, strict=True))
                lines.append("  " + "   ".join(padded).rstrip())
        else:
            left, rights = block
            pad = " " * _width(left)
            equals = [f"  {left if i == 0 else pad} = {right}" for i, right in enumerate(_different(left, rights))]
            lines += equals if left else [f"  {rights[0]}"]
    return "\n".join(lines[1:])


def _different(left: str, rights: list[str]) -> list[str]:
    """The sides of an equation without those that repeat the one before."""
    return [new for old, new in itertools.pairwise([left, *rights]) if new != old]


def _aligned(left: str, rights: list[str]) -> str:
    rows = " \\\\\n".join(f"&= {right}" for right in _different(left, rights)) if left else rights[0]
    return f"\\begin{{aligned}}\n{left} {rows}\n\\end{{aligned}}"


def _set(e: Explanation, table: Callable[..., str], equation: str) -> str:
    """The derivation with its formulas in TeX: how a table is set, and what stands around an equation."""
    parts = []
    for kind, *block in _told(e, _Tex(e.digits)):
        found = table(*block) if kind == "table" else block[0]
        parts.append(equation.replace("…", _aligned(*block)) if kind == "equation" else found)
    return "\n\n".join(parts)


def _markdown(e: Explanation) -> str:
    def table(heads: Any, body: Any) -> str:
        rows = [list(heads), ["---"] * len(heads), *(["<br>".join(cell) for cell in row] for row in body)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    return _set(e, table, "$$\n…\n$$")


def _latex(e: Explanation) -> str:
    def table(heads: Any, body: Any) -> str:
        rows = [" & ".join(cells) for row in body for cells in itertools.zip_longest(*row, fillvalue="")]
        text = " \\\\\n".join([f"{' & '.join(heads)} \\\\ \\hline\n{rows[0]}", *rows[1:]])
        return f"\\begin{{tabular}}{{{'l' * len(heads)}}}\n{text}\n\\end{{tabular}}"

    return _set(e, table, "\\[\n…\n\\]")
