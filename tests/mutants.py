"""What `tests.mutation` changes: the places that cosmic-ray's operators find, and the bytecode of each mutant.

Not mutated, since no test should notice: type annotations, the texts of errors, the ``domain`` of a row and the
domains that have names (tests draw from them), the ``strict`` of zip, the ``maxsize`` of caches, the ``copy`` of
astype, the -1 of reshape (for which NumPy takes any negative number). Not used of cosmic-ray's operators: removed
decorators (the row is then missing, which is noticed at once) and further replacements of the same operator by a rarer
one.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parent.parent
TARGETS = [ROOT / "micrograd_cn/engine.py", *sorted((ROOT / "micrograd_cn/ops").glob("*.py"))]
# cosmic-ray's names; of what stands behind the last "_" the replacement.
OPERATORS = (
    "AddNot", "ExceptionReplacer", "NumberReplacer", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue", "ReplaceContinueWithBreak", "ReplaceBreakWithContinue", "ZeroIterationForLoop",
    *(f"ReplaceUnaryOperator_{pair}" for pair in ("Delete_Not", "Delete_USub", "Delete_Invert")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Mul_Add", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul",
        "LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr",
    )),
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
        "Is_IsNot", "IsNot_Is",
    )),
)  # fmt: skip


# --- mutants ---------------------------------------------------------------------------------------------------------


class Mutant(NamedTuple):
    """One change: in ``piece``, a statement of the module ``file``, the lines ``before`` become ``after``."""

    file: str
    piece: str
    operator: str
    before: str
    after: str
    source: str  # of the whole mutated module
    lines: range  # where the statement stands, from 0
    sense: str | None  # see `meaning`

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies it as long as the line reads the same, wherever it stands."""
        return self[:5]


class _Plain(ast.NodeTransformer):
    """Takes away what is not mutated: annotations, texts of errors, domains, the ``strict`` of zip, …"""

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Without ``POSITIVE, SMALL, … =``: domains that have names."""
        named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return None if "POSITIVE" in named else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> Any:
        return _WithoutTexts().visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        node.keywords = [k for k in node.keywords if k.arg not in ("domain", "maxsize", "strict")]
        if getattr(node.func, "id", "") == "need":
            node = _WithoutTexts().visit(node)
        if getattr(node.func, "attr", "") == "astype":
            node.keywords = []
        if getattr(node.func, "attr", "") == "reshape":
            node.args = [_any_negative(a) for a in node.args]
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """``not a == b`` is ``a != b``."""
        node = self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.Not) and isinstance(inner, ast.Compare) and type(inner.ops[0]) in _OPPOSITE:
            return ast.Compare(inner.left, [_OPPOSITE[type(inner.ops[0])]()], inner.comparators)
        return node


_OPPOSITE: dict[type, Callable[[], Any]] = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


def _any_negative(length: ast.expr) -> ast.expr:
    """-1 for any negative number, also in a tuple."""
    match length:
        case ast.Tuple(elts):
            return ast.Tuple([_any_negative(n) for n in elts], ast.Load())
        case ast.UnaryOp(ast.USub(), ast.Constant()):
            return ast.Constant(-1)
    return length


class _WithoutTexts(ast.NodeTransformer):
    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        return ast.Constant("")


@functools.lru_cache(maxsize=4)
def meaning(source: str) -> str | None:
    """What two sources have in common if no test can tell them apart; None if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _Plain().visit(ast.parse(source))
            compile(ast.fix_missing_locations(tree), "mutant", "exec")
        return ast.dump(tree)
    except (SyntaxError, ValueError):
        return None


class Place(NamedTuple):
    """The ``k``-th place in ``lines`` of a module that an operator of cosmic-ray can change."""

    path: Path
    piece: str
    lines: range
    operator: str
    k: int


@functools.cache
def lines_of(path: Path) -> list[str]:
    """The lines of a module."""
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def span(node: ast.stmt) -> range:
    """The lines of a statement with its decorators, counted from 0."""
    return range(min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) - 1, node.end_lineno or 0)


def places(path: Path) -> Iterator[Place]:
    """All that can be mutated in a module, one of its statements after the other."""
    for node in ast.parse("".join(lines_of(path))).body:
        names = [t.id for t in ast.walk(node) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)]
        name = getattr(node, "name", names[0] if names else type(node).__name__)
        lines = span(node)
        nodes = list(ast_nodes(get_ast("".join(lines_of(path)[lines.start : lines.stop]))))
        for label in OPERATORS:
            operator = get_operator(f"core/{label}")()
            for k in range(sum(len(list(operator.mutation_positions(n))) for n in nodes)):
                yield Place(path, name, lines, label, k)


def mutated(place: Place) -> Mutant | None:
    """What stands at a place once it is mutated; None if no test should tell that apart, or if it is no Python."""
    lines, (first, end) = lines_of(place.path), (place.lines.start, place.lines.stop)
    old = "".join(lines[first:end])
    new = mutate_code(old, get_operator(f"core/{place.operator}")(), place.k)
    if meaning(new) in (None, meaning(old)):
        return None
    both = itertools.zip_longest(old.splitlines(), new.splitlines(), fillvalue="")
    pairs = [(a.strip(), b.strip()) for a, b in both if a != b]
    whole = "".join([*lines[:first], new, *lines[end:]])
    file = str(place.path.relative_to(ROOT))
    return Mutant(
        file, place.piece, place.operator, *map("⏎".join, zip(*pairs, strict=True)), whole, place.lines, meaning(new)
    )


# --- their bytecode --------------------------------------------------------------------------------------------------


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and all that stand in it, in a fixed order."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


class Statement(NamedTuple):
    """A statement of a module, with the names that it mentions and those that it defines."""

    file: str
    lines: range
    mentions: set[str]
    defines: set[str]


@functools.cache
def statements() -> list[Statement]:
    """All statements of the targets."""
    found = []
    for path in TARGETS:
        for node in ast.parse("".join(lines_of(path))).body:
            names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
            defines = {node.name} if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else stored
            found.append(Statement(str(path.relative_to(ROOT)), span(node), {n.id for n in names}, defines))
    return found


def users_of(mutant: Mutant) -> tuple[set[str], set[tuple[str, int]]]:
    """What a statement defines, with all that other assignments make of it; and the lines that mention any of that."""
    (own,) = (s for s in statements() if s.file == mutant.file and s.lines == mutant.lines)
    names, users = own.defines or {mutant.piece}, [own]
    for s in statements():  # in order, so that what one makes of a name is known to the next
        if s is not own and s.mentions & names:
            users.append(s)
            names |= s.defines & s.mentions  # an assignment's; what a function defines it does not mention
    return names, {(s.file, n + 1) for s in users for n in s.lines}


def own(code: types.CodeType) -> Any:
    """What a code object does by itself, not what those within it do."""
    constants = [(type(c), repr(c)) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return code.co_code, constants, code.co_names, code.co_freevars, code.co_cellvars, code.co_varnames


class Change(NamedTuple):
    """How a mutant differs: the lines where the functions begin that it changes; ``cold``: it must be imported."""

    mutant: Mutant
    new: types.CodeType
    functions: tuple[int, ...]
    cold: bool


@functools.cache
def original(path: str) -> types.CodeType:
    """The code of a module as it stands."""
    return compile(Path(path).read_text(encoding="utf-8"), path, "exec")


def change(mutant: Mutant, early: set[tuple[str, int]]) -> Change | None:
    """What to put in place for a mutant; None if its bytecode is that of the original."""
    path = str(ROOT / mutant.file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        new = compile(mutant.source, path, "exec")
    pairs = list(itertools.zip_longest(codes(original(path)), codes(new)))
    alike = all(a and b and a.co_name == b.co_name for a, b in pairs)
    differ = [(a, b) for a, b in pairs if a and b and own(a) != own(b)]
    if alike and not differ:
        return None
    cold = not alike or any(
        a.co_freevars != b.co_freevars or (mutant.file, a.co_firstlineno) in early
        or not a.co_flags & inspect.CO_OPTIMIZED  # a module or the body of a class
        for a, b in differ
    )  # fmt: skip
    return Change(mutant, new, tuple(a.co_firstlineno for a, _ in differ), cold)
