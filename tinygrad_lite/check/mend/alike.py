"""Edits by analogy: a line that is like another one, in its names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, product
from typing import Any

import numpy as np

from ..code.source import replaced
from ..slips import LIKELY, NEAR
from .looked import Place
from .pool import NAME, Item
from .rows import Edit, is_numeric

ASSIGNED = (ast.Assign, ast.AugAssign)
MOST = 40  # expressions that are tried at a place
LEAST = 5  # parts of an expression that may be like another
PLAIN = (
    *(ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Attribute, ast.Subscript),
    *(ast.Slice, ast.Tuple, ast.List, ast.Name, ast.Constant),
)


def alike(at: Place, tree: ast.AST) -> Iterator[Edit]:
    """What another line, entry or term says, with the names of this one: of dzi = di * i * (1 - i)
    where dzf = df * f stands, df * f * (1 - f)."""
    found = units(tree)
    if at.e in found:
        likely = (e for e in found if found[e] >= LEAST and e is not at.e)
        for new in islice(_others(at, likely), MOST):
            yield Edit(at.e, new, "other", LIKELY + NEAR)


def _others(at: Place, likely: Iterable[ast.expr]) -> Iterator[ast.expr]:
    mine, text = set(ast.walk(at.e)), ast.dump(at.e)
    for other in likely:
        names: dict[str, str] = {}
        if type(other) is not type(at.e) or other in mine or at.e in set(ast.walk(other)):
            continue
        if not _aligned(other, at.e, names) or not names:
            continue
        for new in _renamed(at, other, names):
            if ast.dump(new) != text:
                yield new


@lru_cache(maxsize=32)
def units(tree: ast.AST) -> Mapping[ast.expr, int]:
    """The expressions that are assigned, the entries of what is assigned, and their terms; of how
    many parts each is."""
    stack: list[Any] = [n.value for n in ast.walk(tree) if isinstance(n, ASSIGNED)]
    found: dict[ast.expr, int] = {}
    while stack:
        e = stack.pop()
        parts = [n for n in ast.walk(e) if isinstance(n, ast.expr)]
        if all(type(n) in PLAIN for n in parts) and len(parts) > 2:
            found[e] = len(parts)
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub)):
            stack += [e.left, e.right]
        elif isinstance(e, (ast.Tuple, ast.List)):
            stack += e.elts
        elif isinstance(e, ast.Call):
            stack += [x for x in e.args if isinstance(x, (ast.Tuple, ast.List))]
    return found


def _fits(item: Item, value: Any) -> bool:
    return is_numeric(value) and bool(item.value.shape == np.shape(value))


def _aligned(a: ast.AST, b: ast.AST, names: dict[str, str]) -> bool:
    """Note what each name of one is called in the other; whether that is one and the same."""
    if isinstance(a, ast.Name) and isinstance(b, ast.Name):
        return names.setdefault(a.id, b.id) == b.id
    if type(a) is not type(b):
        return True
    pairs = zip(ast.iter_child_nodes(a), ast.iter_child_nodes(b), strict=False)
    return all(_aligned(x, y, names) for x, y in pairs)


def _renamed(at: Place, other: ast.expr, names: Mapping[str, str]) -> Iterator[ast.expr]:
    """The other expression with names for its own; what has no counterpart is kept, or any of its
    shape."""
    used = [n for n in ast.walk(other) if isinstance(n, ast.Name)]
    scope = at.pool.instance.names
    free = [n for n in dict.fromkeys(n.id for n in used) if n not in names and n in scope]
    alike = [i for i in at.pool.items if i.tier == NAME and isinstance(i.code, ast.Name)]
    choices = [
        [name, *(ast.unparse(i.code) for i in alike if _fits(i, scope[name].value))]
        for name in free
    ]
    for chosen in product(*choices):
        to = {**names, **dict(zip(free, chosen, strict=True))}
        yield replaced(
            other, {n: ast.Name(to[n.id], ast.Load()) for n in used if to.get(n.id, n.id) != n.id}
        )
