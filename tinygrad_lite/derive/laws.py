"""Why a differential moves from one side of A : B = tr(Aᵀ B) to the other: one law per operation
that a formula is written with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..notation import tree
from ..notation.tree import Tree


class Law(NamedTuple):
    """An identity of inner products, as text and as LaTeX."""

    text: str
    latex: str


ENTRYWISE = Law("a : (b ⊙ c) = (a ⊙ b) : c", r"a : (b \odot c) = (a \odot b) : c")
LEFT = Law("a : B c = Bᵀ a : c", r"a : B c = B^{\top} a : c")
LEFT_OF_MATRIX = Law("A : B C = Bᵀ A : C", r"A : B C = B^{\top} A : C")
OUTER = Law("a : B c = a cᵀ : B", r"a : B c = a c^{\top} : B")
RIGHT = Law("A : B C = A Cᵀ : B", r"A : B C = A C^{\top} : B")
FROM_COLUMN = Law("A : b cᵀ = A c : b", r"A : b c^{\top} = A c : b")
FROM_ROW = Law("A : b cᵀ = Aᵀ b : c", r"A : b c^{\top} = A^{\top} b : c")
TRANSPOSE = Law("A : Bᵀ = Aᵀ : B", r"A : B^{\top} = A^{\top} : B")
REPEATED = Law("A : 𝟏 bᵀ = Aᵀ 𝟏 : b", r"A : \mathbf{1} b^{\top} = A^{\top} \mathbf{1} : b")
REPEATED_COLUMN = Law("A : b 𝟏ᵀ = A 𝟏 : b", r"A : b \mathbf{1}^{\top} = A \mathbf{1} : b")
NUMBER = Law("a : β b = (a : b) β", r"a : \beta b = (a : b) \beta")
SUM = Law("α 𝟏ᵀ b = α 𝟏 : b", r"\alpha \mathbf{1}^{\top} b = \alpha \mathbf{1} : b")
ROW_SUMS = Law("a : B 𝟏 = a 𝟏ᵀ : B", r"a : B \mathbf{1} = a \mathbf{1}^{\top} : B")
DOT = Law("α aᵀ b = α a : b", r"\alpha a^{\top} b = \alpha a : b")
DIAGONAL = Law(
    "a : diag(B) = Diag(a) : B",
    r"a : \operatorname{diag}(B) = \operatorname{Diag}(a) : B",
)
DIAGONAL_MATRIX = Law(
    "A : Diag(b) = diag(A) : b",
    r"A : \operatorname{Diag}(b) = \operatorname{diag}(A) : b",
)


def laws(differential: Tree, moved: str, axes: tree.Axes) -> list[Law]:
    """The laws that bring the array called `moved`, in which a differential is linear, to stand
    alone on one side, in the order of their use. The differential is repeated along those of
    `axes` that it lacks."""
    repeated = [] if len(differential.axes) == len(axes) else [_repeated(differential, axes)]
    return list(dict.fromkeys([*repeated, *_along(differential, moved)]))


def _repeated(t: Tree, axes: tree.Axes) -> Law:
    if not t.axes:
        return NUMBER
    return REPEATED_COLUMN if t.axes[0] == axes[0] else REPEATED


def _along(t: Tree, moved: str) -> Iterator[Law]:
    for k, x in enumerate(t.args):
        if holds(x, moved):
            found = _law(t, k)
            if found is not None:
                yield found
            yield from _along(x, moved)


def holds(t: Tree, moved: str) -> bool:
    """Whether a name is in a tree."""
    if t.kind == tree.NAME:
        return bool(t.value.text == moved)
    return any(holds(x, moved) for x in t.args)


def _law(t: Tree, k: int) -> Law | None:
    """How argument `k` of an operation gets out of it."""
    x = t.args[k]
    if t.kind == tree.MATMUL:
        matrix = len(t.axes) == 2
        if k:
            return LEFT_OF_MATRIX if matrix else LEFT
        return RIGHT if matrix else OUTER
    if t.kind in (tree.SUM, tree.PRODUCT) and len(x.axes) < len(t.axes):
        if t.kind == tree.PRODUCT and any(y.kind == tree.ONE_AT for y in t.args):
            return DIAGONAL_MATRIX
        return _repeated(x, t.axes)
    if t.kind == tree.PRODUCT:
        others = [y for j, y in enumerate(t.args) if j != k and y.axes]
        return ENTRYWISE if others else None
    if t.kind == tree.TOTAL:
        return ROW_SUMS if t.axes else SUM
    simple = {
        tree.OUTER: FROM_ROW if k else FROM_COLUMN,
        tree.TRANSPOSE: TRANSPOSE,
        tree.DOT: DOT,
        tree.DIAGONAL: DIAGONAL,
    }
    return simple.get(t.kind)
