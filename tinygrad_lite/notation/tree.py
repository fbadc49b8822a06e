"""An expression as a tree of matrices (or, in index notation, of entries), which three walks print:
`mathematics` as Unicode and LaTeX, `code` as NumPy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..graph.op import Op

Number = int | Fraction | float
Axes = tuple[Hashable, ...]

# Kinds, and what `value` and `args` hold. `axes` are what the tree runs over: none (a number), one
# (a vector, which is a column) or two (rows, columns).
NUMBER = "number"  # the number
NAME = "name"  # a Name
SIZE = "size"  # a Size
ONE_AT = "one at"  # Kronecker delta of `axes`; over two axes that run: the identity
SUM = "sum"  # coefficients of args
PRODUCT = "product"  # exponents of args, entry by entry; args of fewer axes are repeated
MATMUL = "matmul"
OUTER = "outer"  # u vᵀ
DOT = "dot"  # uᵀ v, of matrices tr(Aᵀ B)
TOTAL = "total"  # the axis that args[0] is summed over
TRACE = "trace"
TRANSPOSE = "transpose"
ONES = "ones"  # a vector of ones
DIAGONAL = "diagonal"  # of a matrix
SPREAD = "spread"  # the matrix with a vector on its diagonal
INVERSE = "inverse"  # whether args[0] is symmetric
APPLY = "apply"  # an op (its notation and settings) of args
EINSUM = "einsum"  # args of any number of axes; those that `axes` lack are summed over
SOFTMAX = "softmax"  # the axis
SIGMA = "sigma"  # the indices that args[0] is summed over: in index notation, or of matrices
ENTRY = "entry"  # of args[0], in index notation: `axes` are its subscripts


@dataclass(frozen=True)
class Name:
    """A named array: as the user calls it, in code, and the axes of the array in code: what runs
    over it, None for an axis of length 1, an integer for a place, a letter for any place."""

    text: str
    code: str
    places: tuple[Hashable, ...] = ()
    symmetric: bool = False
    mask: bool = False


@dataclass(frozen=True)
class Size:
    """The length of an axis: a letter, and code."""

    text: str
    code: str


@dataclass(frozen=True)
class Applied:
    """An op with its settings, and how it is written as code."""

    op: Op
    numpy: str
    settings: tuple[tuple[str, Any], ...] = ()
    # Of each array that is taken as a whole, what runs over its axes, and how far.
    layouts: tuple[tuple[tuple[Hashable, Size] | None, ...], ...] = ()
    # What runs over the axes of its result in code, None where it has one of length 1.
    places: tuple[Hashable, ...] = ()

    @property
    def mask(self) -> bool:
        """Whether its entries are 0 or 1: a question about values."""
        return self.op.plain and self.op.elementwise


@dataclass(frozen=True)
class Tree:
    """A node of the tree: see the kinds."""

    kind: str
    args: tuple[Tree, ...] = ()
    axes: Axes = ()
    value: Any = None

    @property
    def mask(self) -> bool:
        """Whether its entries are truths, in code."""
        return self.kind in (APPLY, NAME) and bool(self.value.mask)


def number(c: Number) -> Tree:
    """A number."""
    return Tree(NUMBER, value=c)


ELLIPSIS = Tree(NAME, value=Name("…", "..."))  # what is not written out


def decimal(c: Number) -> bool:
    """Whether a number is written 0.1 rather than 1/10."""
    return isinstance(c, float) or (
        c.denominator > 8
        and (10**4 % c.denominator == 0 or (c.denominator % 5 == 0 and 10**15 % c.denominator == 0))
    )


def turned(t: Tree) -> Tree:
    """The transpose of a matrix, moved inwards; anything else as it is."""
    if len(t.axes) < 2:
        return t
    axes = t.axes[::-1]
    if t.kind == TRANSPOSE:
        return t.args[0]
    if t.kind == MATMUL:
        return Tree(MATMUL, (turned(t.args[1]), turned(t.args[0])), axes)
    if t.kind == OUTER:
        return Tree(OUTER, t.args[::-1], axes)
    if t.kind == SUM and len(t.args) == 1 and t.args[0].axes == t.axes:  # 3 (A B)ᵀ
        (x,) = t.args
        inside = turned(x)
        if transposes(inside) > transposes(x) + 1:
            inside = Tree(TRANSPOSE, (x,), axes)
        return Tree(SUM, (inside,), axes, t.value)
    if t.kind in (SUM, PRODUCT, SIGMA) or (t.kind == APPLY and t.value.op.elementwise):
        inside = Tree(t.kind, tuple(map(turned, t.args)), axes, t.value)
        if t.kind == SUM:  # A + Aᵀ, not Aᵀ + A
            pairs = sorted(
                zip(inside.args, t.value, strict=True),
                key=lambda p: (p[1] < 0, p[0].kind == TRANSPOSE),
            )
            inside = Tree(SUM, tuple(x for x, _ in pairs), axes, tuple(c for _, c in pairs))
        alone = sum(len(x.axes) == 2 for x in t.args) == 1  # (c A)ᵀ is c Aᵀ
        if transposes(inside) <= transposes(t) + alone:
            return inside
    symmetric = bool(t.value) if t.kind == INVERSE else t.kind == NAME and t.value.symmetric
    if symmetric or t.kind in (ONE_AT, SPREAD):
        return Tree(t.kind, t.args, axes, t.value)
    return Tree(TRANSPOSE, (t,), axes)


def signed(t: Tree) -> Tree:
    """-(a - b) c is written (b - a) c."""
    if t.kind == SUM and len(t.args) == 1 and t.value[0] < 0:
        flipped = _negated(t.args[0])
        if flipped is not None:
            return flipped if t.value[0] == -1 else Tree(SUM, (flipped,), t.axes, (-t.value[0],))
    return t


def _negated(t: Tree) -> Tree | None:
    """-t without a minus in front, by a difference that it is a multiple of."""
    if t.kind == SUM:
        pairs = sorted(zip(t.args, t.value, strict=True), key=lambda p: p[1] > 0)
        if len({c > 0 for _, c in pairs}) < 2:
            return None
        return Tree(SUM, tuple(x for x, _ in pairs), t.axes, tuple(-c for _, c in pairs))
    if t.kind not in (PRODUCT, MATMUL, OUTER, DOT, TOTAL, TRANSPOSE, SPREAD):
        return None
    if any(x in t.args[:k] for k, x in enumerate(t.args)):
        return None
    for k, x in enumerate(t.args):
        flipped = _negated(x) if t.kind != PRODUCT or t.value[k] in (1, -1) else None
        if flipped is not None:
            return Tree(t.kind, (*t.args[:k], flipped, *t.args[k + 1 :]), t.axes, t.value)
    return None


def repeated(t: Tree, axes: Sequence[Hashable]) -> Tree:
    """A number or vector as the vector or matrix that repeats it."""
    if len(t.axes) >= len(axes) or t == ELLIPSIS:
        return t
    if t.kind == SUM and len(t.args) == 1 and t.args[0] != number(1):  # (c a) 𝟏 is c (a 𝟏)
        return Tree(SUM, (repeated(t.args[0], axes),), tuple(axes), t.value)
    if len(axes) == 2 and t.axes:
        parts = tuple(t if i in t.axes else Tree(ONES, (), (i,)) for i in axes)
        return Tree(OUTER, parts, tuple(axes))
    ones = Tree(ONES, (), tuple(axes[:1]))
    if len(axes) == 2:
        ones = Tree(OUTER, (ones, Tree(ONES, (), tuple(axes[1:]))), tuple(axes))
    if t.kind != NUMBER:
        return Tree(PRODUCT, (t, ones), ones.axes, (1, 1))
    if not t.value:
        return t
    return ones if t.value == 1 else Tree(SUM, (ones,), ones.axes, (t.value,))


def along(t: Tree, axes: Sequence[Hashable]) -> Tree:
    """A matrix with its rows and columns as in `axes`."""
    return turned(t) if len(t.axes) == 2 and t.axes != tuple(axes) else t


def transposes(t: Tree) -> int:
    """How many transposes are written."""
    own = t.kind == TRANSPOSE or (t.kind == TOTAL and t.args[0].axes[0] == t.value)
    return own + sum(map(transposes, t.args))
