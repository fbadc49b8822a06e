"""Products put together from primitives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from .. import ops
from ..ops.constants import shape_of
from .arrange import asarray

__all__ = ["dot", "einsum"]


def dot(a: Any, b: Any) -> Any:
    """The product of two vectors (a number), of matrices and vectors as in `a @ b`, or with a
    scalar. Raises `ValueError` for more than two axes; see matmul and einsum."""
    a, b = asarray(a), asarray(b)
    if not shape_of(a) or not shape_of(b):
        return ops.multiply(a, b)
    if len(shape_of(a)) > 2 or len(shape_of(b)) > 2:
        raise ValueError(
            f"dot: {shape_of(a)} and {shape_of(b)}: at most two axes; use matmul or einsum"
        )
    return ops.matmul(a, b)


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products over indices, as `einsum("ij,jk->ik", A, B)` is A @ B.

    One letter per axis; a letter that the result lacks is summed over. Without "->" the result has
    the letters that occur once, in alphabetical order. No ellipsis. Operands are contracted from
    left to right, each pair as one matrix product. Raises `ValueError` where letters and shapes do
    not fit.
    """
    if not isinstance(subscripts, str):
        raise TypeError("einsum: the subscripts come first, as in einsum('ij,jk->ik', A, B)")
    arrays = [asarray(x) for x in operands]
    terms, result = _parse(subscripts, [shape_of(x) for x in arrays])
    x, term = arrays[0], terms[0]
    for k in range(len(arrays)):
        later = set(result).union(*terms[k + 1 :])
        if k:
            x, term = _pair(x, term, arrays[k], terms[k], later)
        else:
            x, term = _single(x, term, later)
    return ops.permute_dims(x, tuple(term.index(c) for c in result)) if term != result else x


def _parse(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} is for {len(terms)} operands, got {len(shapes)}")
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape) or not all(c.isalpha() for c in term):
            raise ValueError(f"einsum: {term!r} in {subscripts!r} does not fit the shape {shape}")
        for c, n in zip(term, shape, strict=True):
            if lengths.setdefault(c, n) != n:
                raise ValueError(f"einsum: {c!r} in {subscripts!r} is {lengths[c]} and {n} long")
    if len(set(result)) != len(result) or not set(result) <= lengths.keys():
        raise ValueError(f"einsum: the result {result!r} must name letters of {left!r}, each once")
    return terms, result


def _single(x: Any, term: str, wanted: set[str]) -> tuple[Any, str]:
    """Take diagonals where a letter is doubled; sum over the letters that nothing later wants."""
    for c in sorted(set(term)):
        while term.count(c) > 1:
            i, j = term.index(c), term.rindex(c)
            rest = [k for k in range(len(term)) if k not in (i, j)]
            x = ops.diagonal(ops.permute_dims(x, (*rest, i, j)))
            term = "".join(term[k] for k in rest) + c
    axes = tuple(i for i, c in enumerate(term) if c not in wanted)
    return (ops.sum(x, axis=axes) if axes else x), "".join(c for c in term if c in wanted)


def _pair(a: Any, s: str, b: Any, t: str, wanted: set[str]) -> tuple[Any, str]:
    """The contraction of two operands as one (stacked) matrix product."""
    a, s = _single(a, s, wanted | set(t))
    b, t = _single(b, t, wanted | set(s))
    both = [c for c in s if c in t]
    stacked = [c for c in both if c in wanted]
    summed = [c for c in both if c not in wanted]
    rows, columns = [c for c in s if c not in t], [c for c in t if c not in s]
    length = dict(zip(s + t, shape_of(a) + shape_of(b), strict=True))
    left = _grouped(a, s, length, stacked, rows, summed)
    right = _grouped(b, t, length, stacked, summed, columns)
    letters = stacked + rows + columns
    y = ops.reshape(ops.matmul(left, right), tuple(length[c] for c in letters))
    return y, "".join(letters)


def _grouped(
    x: Any,
    term: str,
    length: dict[str, int],
    stacked: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str],
) -> Any:
    """x as matrices: one axis per stacked letter, then all rows as one axis, then all columns."""
    order = tuple(term.index(c) for c in (*stacked, *rows, *columns))
    x = ops.permute_dims(x, order) if order != tuple(range(len(order))) else x
    sizes = (prod(length[c] for c in rows), prod(length[c] for c in columns))
    return ops.reshape(x, (*(length[c] for c in stacked), *sizes))
