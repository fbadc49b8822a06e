"""What one slip may have changed at a place of the source, undone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, combinations, product
from typing import Any, TypeGuard

import numpy as np

from ...ops import registry
from ..code.forms import NAMES
from ..code.source import replaced
from ..slips import FAR, FIRST, LIKELY, NEAR, ODD, SLIPS
from .indexed import New, indices
from .rows import (
    ANY,
    AXIS,
    ELEMENTARY,
    FORMS,
    KEPT,
    LOST,
    PAIRS,
    REDUCTIONS,
    SHAPE,
    SLOPE,
    SOURCE,
    TWICE,
    UNDOES,
    Edit,
    attempted,
    formed,
    is_numeric,
    stand_in,
)
from .written import Written, negated, number, shifted, turned

MANY = 6  # entries of a list that are exchanged
_CALLED = {"dot": "matmul", "mm": "matmul", "cumsum": "cumulative_sum", "transpose": "permute_dims"}
_COMPARED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {  # and what says the opposite
    ast.Gt: ast.LtE,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.LtE: ast.Gt,
}
Read = Callable[[ast.expr], Any]  # the value of an expression at the place


def edits(e: ast.expr, read: Read, numpy: str, setting: str = "") -> Iterator[Edit]:
    """What one slip may have changed at a place, undone; `setting` is what `settings` says."""
    found = _of_sort(e, read, numpy) if not setting else _set_otherwise(e, setting)
    for new, kind, rank in found:
        yield Edit(e, new, kind, rank)
    whole = stand_in(e, read, numpy)
    if whole is not None and not isinstance(e, ast.Constant):
        for form in FORMS:
            made = formed(form, whole)
            if made is not None:
                yield Edit(e, made.code, form.kind, form.rank)
        for code, kind, rank in chain(_summed(whole), _kept(whole)):
            yield Edit(e, code, kind, rank)


def _summed(x: Any) -> New:
    """Sums that may be missing."""
    axes = np.ndim(x.value)
    for axis in range(axes):
        yield np.sum(x, axis=axis).code, SHAPE, ODD
        yield np.sum(x, axis=axis, keepdims=True).code, SHAPE, ODD + NEAR
        yield np.mean(x, axis=axis, keepdims=True).code, SHAPE, FAR + NEAR
    if axes:
        yield np.sum(x).code, SHAPE, ODD + NEAR


def _kept(x: Any) -> New:
    """An axis of length 1 that may be missing: x[:, :, None]."""
    axes = np.ndim(x.value)
    for before in range(axes + 1) if axes > 1 else ():
        yield x[(*[slice(None)] * before, None)].code, "shape", ODD


def _of_sort(e: ast.expr, read: Read, numpy: str) -> New:
    if isinstance(e, ast.BinOp):
        yield from _slipped(NAMES.get(type(e.op), ""), (e.left, e.right), read, numpy)
        yield from _brackets(e, read)
    elif isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
        yield e.operand, "sign", FIRST
    elif isinstance(e, ast.Attribute) and e.attr in ("T", "mT"):
        yield e.value, "transpose", FIRST
    elif isinstance(e, ast.Constant):
        yield from _constants(e)
    elif isinstance(e, ast.Compare):
        for sort in _COMPARED if len(e.ops) == 1 else ():
            if not isinstance(e.ops[0], sort):
                rank = FIRST if _COMPARED.get(type(e.ops[0])) is sort else NEAR
                yield ast.Compare(e.left, [sort()], e.comparators), SLOPE, rank
        yield e.left, SLOPE, FAR
    elif isinstance(e, ast.Subscript):
        yield e.value, "off-by-index", ODD
        yield from indices(e)
        yield from _lengths(e, read)
    elif isinstance(e, ast.Call):
        yield from _calls(e, read, numpy)
    if isinstance(e, ast.Name) and type(read(e)) in (int, float) and float(read(e)).is_integer():
        whole = isinstance(read(e), int)
        for by in (-1, 1):
            yield (
                shifted(e, by),
                "off-by-index" if whole else "missing-term",
                NEAR + ODD * (not whole),
            )


def _lengths(e: ast.Subscript, read: Read) -> New:
    """x.shape[0] * x.shape[1] for one of the two."""
    sized = isinstance(e.value, ast.Attribute) and e.value.attr == "shape"
    for k in range(len(read(e.value))) if sized else ():
        other = ast.Subscript(e.value, number(k), ast.Load())
        if ast.dump(other) != ast.dump(e):
            yield ast.BinOp(e, ast.Mult(), other), "mean-vs-sum", NEAR


def _slipped(name: str, operands: tuple[ast.expr, ...], read: Read, numpy: str) -> New:
    """The slips of an operation, in what the user wrote."""
    stand_ins = [stand_in(x, read, numpy) for x in operands]
    if not all(stand_ins):
        return
    known = SLIPS.get(registry[name], ()) if name in registry else ()
    for slip in (*known, *SOURCE.get(name, ())):
        made = attempted(slip.how, *stand_ins)
        if made is not None:
            vector = slip.kind == "wrong-order" and any(
                np.ndim(x.value) == 1 for x in stand_ins if x
            )
            yield made.code, UNDOES.get(slip.kind, slip.kind), slip.rank + LIKELY * vector


def _brackets(e: ast.BinOp, read: Read) -> New:
    left, right = e.left, e.right
    if isinstance(left, ast.BinOp):
        new = ast.BinOp(left.left, left.op, ast.BinOp(left.right, e.op, right))
        yield new, "other", NEAR
    if isinstance(right, ast.BinOp):
        new = ast.BinOp(ast.BinOp(left, e.op, right.left), right.op, right.right)
        yield new, "other", NEAR
    if isinstance(left, ast.UnaryOp):
        yield negated(ast.BinOp(left.operand, e.op, right)), "sign", LIKELY
    if isinstance(e.op, ast.Mult) and isinstance(left, ast.Constant) and left.value == 2:
        yield ast.BinOp(right, ast.Add(), turned(right)), "transpose", ODD
    if isinstance(e.op, (ast.Add, ast.Sub)):
        yield from _bracketed(e)
    yield from _products(e, read)
    yield from _exchanged(e, read)


def _exchanged(e: ast.BinOp, read: Read) -> New:
    """Two names exchanged, of which one stands in a sum: u * (1 - v) for (1 - u) * v."""
    factors = [f for _, f in _factors(e, (ast.Mult, ast.Div))]
    if any(isinstance(n, ast.comprehension) for n in ast.walk(e)):  # with names of its own
        return
    inside = {n.id for f in factors if isinstance(f, ast.BinOp) for n in ast.walk(f) if _named(n)}
    names = {n.id: n for n in ast.walk(e) if _named(n)}
    for a, b in combinations(names, 2):
        x, y = (read(names[name]) for name in (a, b))
        alike = is_numeric(x) and is_numeric(y) and np.shape(x) == np.shape(y)
        if alike and inside & {a, b}:
            to = {a: b, b: a}
            used = (n for n in ast.walk(e) if _named(n) and n.id in to)
            new: dict[ast.AST, ast.AST] = {n: ast.Name(to[n.id], ast.Load()) for n in used}
            yield replaced(e, new), "wrong-order", LIKELY + NEAR


def _named(n: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(n, ast.Name)


def _bracketed(e: ast.BinOp) -> New:
    """a * b + c / d where a * (b + c) / d may be meant."""
    before, after = (_factors(x, (ast.Mult, ast.Div, ast.MatMult)) for x in (e.left, e.right))
    for i in range(len(before)):
        op = before[i][0]
        if i and isinstance(op, ast.Div):
            continue
        for j in range(1, len(after) + 1):
            if i or j < len(after):
                inner = ast.BinOp(
                    _chained(before[i][1], before[i + 1 :]), e.op, _chained(after[0][1], after[1:j])
                )
                new: ast.expr = inner
                if i:
                    new = ast.BinOp(_chained(before[0][1], before[1:i]), op, inner)
                yield _chained(new, after[j:]), "other", NEAR


def _factors(
    e: ast.expr, products: tuple[type[ast.operator], ...]
) -> list[tuple[ast.operator, ast.expr]]:
    """What a product by such operators is made of, from left to right, with the one before each."""
    found: list[tuple[ast.operator, ast.expr]] = []
    while isinstance(e, ast.BinOp) and isinstance(e.op, products):
        found.insert(0, (e.op, e.right))
        e = e.left
    return [(ast.Mult(), e), *found]


def _products(e: ast.BinOp, read: Read) -> New:
    """Several factors at once: those at the end dropped, two of one name as another derivative."""
    (_, left), *factors = _factors(e, (ast.Mult, ast.Div))
    shorter: Any = e.left
    for _ in factors[1:]:
        shorter = shorter.left
        yield shorter, TWICE, LIKELY
    for i, j in combinations(range(len(factors)), 2):
        (op, a), (other, b) = factors[i], factors[j]
        used = [{n.id: n for n in ast.walk(f) if _named(n)} for f in (a, b)]
        atom = next((f for f in (a, b) if isinstance(f, (ast.Name, ast.Subscript))), None)
        if atom is None and len(used[0]) == 1:
            atom = next(iter(used[0].values()))
        times = isinstance(op, ast.Mult) and isinstance(other, ast.Mult)
        if (
            times
            and atom is not None
            and used[0].keys() == used[1].keys()
            and is_numeric(read(atom))
        ):
            x = Written(atom, read(atom))
            for form in FORMS:
                made = formed(form, x) if form.kind == SLOPE and form.axes == ANY else None
                if made is not None and not np.all(made.value == 1):  # else it drops them
                    new = [f for k, f in enumerate(factors) if k != j]
                    new[i] = (ast.Mult(), made.code)
                    yield _chained(left, new), SLOPE, LIKELY


def _chained(first: ast.expr, factors: list[tuple[ast.operator, ast.expr]]) -> ast.expr:
    for op, x in factors:
        first = ast.BinOp(first, op, x)
    return first


@lru_cache(maxsize=32)
def settings(tree: ast.AST) -> Mapping[ast.AST, str]:
    """The numbers that are no factors: of an axis, an index, an exponent; and what is written to,
    the "target"."""
    found: dict[ast.AST, str] = {}
    for n in ast.walk(tree):
        if isinstance(n, ast.Call):
            method = isinstance(n.func, ast.Attribute) and not isinstance(n.func.value, ast.Name)
            named = getattr(n.func, "attr", getattr(n.func, "id", ""))
            if named in REDUCTIONS:
                given = n.args[:1] if len(n.args) == 1 or method else n.args[1:2]
                found |= {c: "axis" for x in given for c in _numbers_in(x)}
            elif named in ("range", "arange"):
                found |= {c: "index" for x in n.args for c in _numbers_in(x, ast.BinOp)}
            axes = (k.value for k in n.keywords if k.arg in (*AXIS, *KEPT))
            found |= {c: "axis" for x in axes for c in ast.walk(x)}
        elif isinstance(n, ast.Subscript):
            found |= dict.fromkeys(_numbers_in(n.slice, ast.BinOp), "index")
            if isinstance(n.ctx, ast.Store):
                found |= dict.fromkeys(ast.walk(n.value), "target")
        elif isinstance(n, ast.AugAssign):
            found[n.target] = "target"
        elif isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow):
            found |= dict.fromkeys(_numbers_in(n.right), "exponent")
    return found


def _set_otherwise(e: ast.expr, setting: str) -> New:
    """Another number that is an index or an exponent."""
    if isinstance(e, ast.Constant) and type(e.value) is int:
        index = setting == "index"
        for v in (e.value + 1, e.value - 1):
            if index or v != 1:  # x ** 1 is x
                yield number(v), "off-by-index" if index else LOST, NEAR
    elif isinstance(e, ast.Constant) and type(e.value) is float:
        for by in (1, -1):
            yield number(e.value + by), LOST, NEAR


def _numbers_in(e: ast.expr, *also: type[ast.expr]) -> list[ast.AST]:
    """The number that an expression is, with its sign, or those of a tuple or a slice, and of
    other sorts."""
    inner = (ast.Constant, ast.UnaryOp, ast.Tuple, ast.Slice, *also)
    return [n for n in ast.walk(e) if isinstance(n, ast.Constant)] if isinstance(e, inner) else []


def _constants(e: ast.Constant) -> New:
    v = e.value
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        return
    near = (v + 1, v - 1, 2 * v, v / 2)
    for c in dict.fromkeys((*near, 0, 1, 2, 3, 4, 0.5, 1 / v if v else 1)):
        if c != v:
            likely = c in near and c not in (0, 1)
            yield number(c), "constant-scale", NEAR if likely else LIKELY + NEAR
    if v:
        yield number(-v), "sign", ODD


def _calls(e: ast.Call, read: Read, numpy: str) -> New:
    function = read(e.func)
    name = getattr(function, "__name__", "")
    method = isinstance(e.func, ast.Attribute) and is_numeric(read(e.func.value))
    operands = ([e.func.value] if method else []) + e.args  # type: ignore[attr-defined]
    if any(isinstance(x, ast.Starred) for x in operands):
        return
    yield from _slipped(_CALLED.get(name, name), tuple(operands), read, numpy)
    for x in operands:
        if is_numeric(read(x)):
            yield x, TWICE, LIKELY
    for k, x in enumerate(e.args):
        for turned_ in exchanged(x):
            new = ast.Call(e.func, [*e.args[:k], turned_, *e.args[k + 1 :]], e.keywords)
            yield new, "wrong-order", NEAR
    if len(e.args) >= 2 and name not in REDUCTIONS:
        new = ast.Call(e.func, [e.args[1], e.args[0], *e.args[2:]], e.keywords)
        yield new, "wrong-order", FIRST
    for kind, other, rank in _others(e.func):
        yield ast.Call(other, e.args, e.keywords), kind, rank
    if name == "einsum" and isinstance(e.args[0], ast.Constant):
        for letters in _relabelled(str(e.args[0].value)):
            yield (
                ast.Call(e.func, [ast.Constant(letters), *e.args[1:]], e.keywords),
                "transpose",
                NEAR,
            )
    if name in REDUCTIONS and operands:
        yield from _axes(e, len(np.shape(read(operands[0]))), 0 if method else 1)


def exchanged(e: ast.expr) -> Iterator[ast.expr]:
    """A list or a tuple with two of its entries exchanged."""
    if isinstance(e, (ast.List, ast.Tuple)):
        for i, j in combinations(range(min(len(e.elts), MANY)), 2):
            new = [*e.elts]
            new[i], new[j] = new[j], new[i]
            yield type(e)(new, ast.Load())


def _others(function: ast.expr) -> Iterator[tuple[str, ast.expr, float]]:
    """Functions that one is taken for."""
    named = isinstance(function, ast.Name)
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    found = [(k, b if name == a else a, NEAR) for k, a, b in PAIRS if name in (a, b)]
    if name in ELEMENTARY:
        found += [(SLOPE, other, LIKELY) for other in ELEMENTARY if other != name]
    for kind, other, rank in found:
        if named:
            yield kind, ast.Name(other, ast.Load()), rank
        else:
            of: Any = function
            yield kind, ast.Attribute(of.value, other, ast.Load()), rank


def _relabelled(letters: str) -> Iterator[str]:
    """Two letters of a summation exchanged, in some of its terms."""
    terms = letters.replace("->", ",").split(",")
    for a, b in combinations(sorted(set("".join(terms))), 2):
        swap = str.maketrans(a + b, b + a)
        for chosen in product((False, True), repeat=len(terms)):
            new = [t.translate(swap) if c else t for t, c in zip(terms, chosen, strict=True)]
            if new != terms and "->" in letters:
                yield f"{','.join(new[:-1])}->{new[-1]}"


def _axes(e: ast.Call, axes: int, first: int) -> New:
    """A reduction with other settings."""
    rest = [k for k in e.keywords if k.arg not in (*AXIS, *KEPT)]
    kept = any(k.arg in KEPT for k in e.keywords)
    placed = len(e.args) > first  # the axis has no name
    for axis in (*range(axes), -1, None):
        for keep in (False, True):
            over = [] if axis is None else [number(axis)]
            named = [] if placed else [ast.keyword("axis", x) for x in over]
            named += [ast.keyword("keepdims", ast.Constant(True))] if keep else []
            new = ast.Call(e.func, [*e.args[:first], *over * placed], [*rest, *named])
            yield new, "wrong-axis", NEAR if keep == kept else LIKELY + NEAR
