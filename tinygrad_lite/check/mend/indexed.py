"""Another index at a place of the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from ..slips import LIKELY, NEAR
from .written import negated, number, shifted

New = Iterator[tuple[ast.expr, str, float]]
BACKWARDS = ast.Slice(None, None, negated(ast.Constant(1)))


def indices(e: ast.Subscript) -> New:
    """Another index: a neighbour, a slice moved by one, two indices exchanged."""
    several = isinstance(e.slice, ast.Tuple)
    parts = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]

    def made(k: int, part: ast.expr) -> ast.Subscript:
        whole = ast.Tuple([*parts[:k], part, *parts[k + 1 :]], ast.Load())
        return ast.Subscript(e.value, whole if several else part, ast.Load())

    if ast.dump(e.slice) == ast.dump(BACKWARDS):  # in order, or without the last or the first
        yield e.value, "wrong-order", -NEAR
        yield made(0, ast.Slice(number(-2), None, BACKWARDS.step)), "off-by-index", NEAR
        yield made(0, ast.Slice(None, number(0), BACKWARDS.step)), "off-by-index", NEAR
    for k, part in enumerate(parts):
        if isinstance(part, ast.Slice) and bool(part.lower) != bool(part.upper):
            rest = ast.Slice(part.upper, part.lower, part.step)
            named = any(isinstance(x, ast.Name) for x in (part.lower, part.upper))
            yield made(k, rest), "off-by-index", NEAR if named else LIKELY
            low, high = (x and negated(x) for x in (part.upper, part.lower))  # as many, moved
            moved = ast.Slice(low, high, part.step)
            yield made(k, moved), "off-by-index", LIKELY if named else NEAR
        for by in (-1, 1):
            if isinstance(part, ast.Slice):
                low, high = (x and shifted(x, by) for x in (part.lower, part.upper))
                yield made(k, ast.Slice(low, high, part.step)), "off-by-index", NEAR
            elif isinstance(part, ast.BinOp):
                yield made(k, shifted(part, by)), "off-by-index", NEAR
    for i, j in combinations(range(len(parts)), 2):
        for first, second in ((parts[j], parts[i]), *_moved(parts[i], parts[j])):
            new = [*parts]
            new[i], new[j] = first, second
            index = ast.Tuple(new, ast.Load())
            yield ast.Subscript(e.value, index, ast.Load()), "transpose", NEAR


def _moved(a: ast.expr, b: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """a, b + 1 for a + 1, b, and the other way round."""
    sorts = (ast.BinOp, ast.Name, ast.Constant)
    if isinstance(a, sorts) and isinstance(b, sorts) and ast.BinOp in (type(a), type(b)):
        yield from ((shifted(a, -by), shifted(b, by)) for by in (1, -1))
