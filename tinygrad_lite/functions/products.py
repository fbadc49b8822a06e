"""Products put together from primitives."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from string import ascii_letters
from typing import Any

from .. import ops
from ..ops.constants import reduced_axes, shape_of
from .arrange import asarray, moveaxis, squeeze

__all__ = ["dot", "einsum", "tensordot", "vecdot"]


def dot(a: Any, b: Any) -> Any:
    """The product of two vectors (a number), of matrices and vectors as in `a @ b`, or with a
    scalar; of more axes, over the last of a and the last but one of b."""
    if not shape_of(a) or not shape_of(b):  # a Python number, say, or a list
        a, b = (asarray(x) if isinstance(x, (list, tuple)) else x for x in (a, b))
    if not shape_of(a) or not shape_of(b):
        return ops.multiply(a, b)
    a, b = asarray(a), asarray(b)
    if len(shape_of(a)) > 2 or len(shape_of(b)) > 2:
        return tensordot(a, b, axes=(-1, -min(2, len(shape_of(b)))))
    return ops.matmul(a, b)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: the last of x1 with the first of x2 by their number,
    or as two sequences. The other axes remain, those of x1 first. Raises `ValueError` where lengths
    differ."""
    x1, x2 = asarray(x1), asarray(x2)
    n1, n2 = len(shape_of(x1)), len(shape_of(x2))
    if isinstance(axes, int):
        axes = tuple(range(n1 - axes, n1)), tuple(range(axes))
    first, second = (reduced_axes(shape_of(x), a) for x, a in zip((x1, x2), axes, strict=True))
    lengths = [[shape_of(x)[i] for i in taken] for x, taken in ((x1, first), (x2, second))]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"tensordot: {shape_of(x1)} and {shape_of(x2)} with axes={axes!r}: the lengths "
            f"{lengths[0]} and {lengths[1]} differ"
        )
    rest1, rest2 = (
        [i for i in range(n1) if i not in first],
        [i for i in range(n2) if i not in second],
    )
    shape1, shape2 = [shape_of(x1)[i] for i in rest1], [shape_of(x2)[i] for i in rest2]
    left = ops.reshape(ops.permute_dims(x1, (*rest1, *first)), (prod(shape1), prod(lengths[0])))
    right = ops.reshape(ops.permute_dims(x2, (*second, *rest2)), (prod(lengths[0]), prod(shape2)))
    return ops.reshape(ops.matmul(left, right), (*shape1, *shape2))


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """The sum of the products x1 * x2 along `axis`."""
    return ops.sum(ops.multiply(x1, x2), axis=axis)


def inner(a: Any, b: Any) -> Any:
    """The sums of products over both last axes."""
    scalar = not shape_of(asarray(a)) or not shape_of(asarray(b))
    return ops.multiply(a, b) if scalar else tensordot(a, b, axes=(-1, -1))


def kron(a: Any, b: Any) -> Any:
    """Blocks: each entry of a times all of b."""
    a, b = asarray(a), asarray(b)
    n = max(len(shape_of(a)), len(shape_of(b)))
    shapes = [(1,) * (n - len(shape_of(x))) + shape_of(x) for x in (a, b)]
    blocks = ops.reshape(a, [k for n in shapes[0] for k in (n, 1)]) * ops.reshape(
        b, [k for n in shapes[1] for k in (1, n)]
    )
    return ops.reshape(blocks, [p * q for p, q in zip(*shapes, strict=True)])


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Cross product of vectors with three entries along their axes."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if shape_of(a)[-1] != 3 or shape_of(b)[-1] != 3:
        raise ValueError(f"cross: {shape_of(a)} and {shape_of(b)}: vectors must have 3 entries")
    turned = [[ops.roll(x, shift=s, axis=-1) for x in (a, b)] for s in (-1, -2)]
    y = turned[0][0] * turned[1][1] - turned[1][0] * turned[0][1]
    return moveaxis(y, -1, axisc)


def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Sum of products over indices, as `einsum("ij,jk->ik", A, B)` is A @ B.

    One letter per axis, "..." for axes that broadcast; a letter that the result lacks is summed
    over. Without "->" the result has the letters that occur once, in alphabetical order. The form
    `einsum(A, [0, 1], B, [1, 2], [0, 2])` says the same. Operands are contracted from left to
    right, each pair as one matrix product or, over all axes of both, as the sum of their product,
    whatever `optimize` says. Raises `ValueError` where letters and shapes do not fit.
    """
    if not operands or not isinstance(operands[0], str):
        operands = _lettered(operands)
    subscripts, *given = operands
    arrays = [asarray(x) for x in given]
    terms, result = _parse(subscripts, [shape_of(x) for x in arrays])
    arrays, terms = _unstretched(arrays, terms)
    x, term = arrays[0], terms[0]
    for k in range(len(arrays)):
        later = set(result).union(*terms[k + 1 :])
        if k:
            x, term = _pair(x, term, arrays[k], terms[k], later)
        else:
            x, term = _single(x, term, later)
    return ops.permute_dims(x, tuple(term.index(c) for c in result)) if term != result else x


def _lettered(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands, each followed by its axes as numbers, as subscripts and operands."""
    if len(operands) < 2 or not isinstance(operands[1], (list, tuple)):
        raise TypeError("einsum: the subscripts come first, as in einsum('ij,jk->ik', A, B)")
    pairs = len(operands) // 2
    axes = [*operands[1 : 2 * pairs : 2], *operands[2 * pairs :]]
    texts = ["".join("..." if i is ... else ascii_letters[i] for i in a) for a in axes]
    result = "".join(f"->{text}" for text in texts[pairs:])
    return ",".join(texts[:pairs]) + result, *operands[: 2 * pairs : 2]


def _unstretched(arrays: list[Any], terms: list[str]) -> tuple[list[Any], list[str]]:
    """Operands without the axes of length 1 that broadcast along a longer one of another."""
    length: dict[str, int] = {}
    for x, term in zip(arrays, terms, strict=True):
        for c, n in zip(term, shape_of(x), strict=True):
            length[c] = n if length.get(c, 1) == 1 else length[c]
    for k, (x, term) in enumerate(zip(arrays, terms, strict=True)):
        gone = [i for i, c in enumerate(term) if shape_of(x)[i] == 1 != length[c]]
        if gone:
            arrays[k] = squeeze(x, tuple(gone))
            terms[k] = "".join(c for i, c in enumerate(term) if i not in gone)
    return arrays, terms


def _parse(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    if "..." in left:
        left, result = _spelled_out(left, result, arrow, shapes)
    terms = left.split(",")
    if not arrow:
        once = [c for c in set(left) - {",", *result} if left.count(c) == 1]
        result += "".join(sorted(once))  # behind what "..." stands for
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} is for {len(terms)} operands, got {len(shapes)}")
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape) or not all(c.isalpha() for c in term):
            raise ValueError(f"einsum: {term!r} in {subscripts!r} does not fit the shape {shape}")
        for c, n in zip(term, shape, strict=True):
            if lengths.setdefault(c, n) == 1:
                lengths[c] = n  # an axis of length 1 broadcasts
            if n not in (1, lengths[c]):
                raise ValueError(f"einsum: {c!r} in {subscripts!r} is {lengths[c]} and {n} long")
    if len(set(result)) != len(result) or not set(result) <= lengths.keys():
        raise ValueError(f"einsum: the result {result!r} must name letters of {left!r}, each once")
    return terms, result


def _spelled_out(
    left: str, result: str, arrow: str, shapes: list[tuple[int, ...]]
) -> tuple[str, str]:
    """Subscripts with letters, all unused, for the axes that "..." stands for."""
    terms = left.split(",")
    free = [c for c in ascii_letters if c not in left + result]
    counts = [len(s) - len(t) + 3 if "..." in t else 0 for t, s in zip(terms, shapes, strict=False)]
    most = max(counts, default=0)
    letters = "".join(free[:most])
    terms = [t.replace("...", letters[most - n :]) for t, n in zip(terms, counts, strict=True)]
    return ",".join(terms), result.replace("...", letters) if arrow else letters


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
    """The contraction of two operands as one (stacked) matrix product, or of all of both as the sum
    of their product."""
    a, s = _single(a, s, wanted | set(t))
    b, t = _single(b, t, wanted | set(s))
    both = [c for c in s if c in t]
    stacked = [c for c in both if c in wanted]
    summed = [c for c in both if c not in wanted]
    rows, columns = [c for c in s if c not in t], [c for c in t if c not in s]
    if len(summed) > 1 and not rows and not columns:  # of whole arrays
        order = tuple(t.index(c) for c in s)
        return _single(a * (ops.permute_dims(b, order) if t != s else b), s, set(stacked))
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
