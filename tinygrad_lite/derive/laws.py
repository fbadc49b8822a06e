"""Why a differential moves from one side of A : B = tr(Aᵀ B) to the other: one law per operation
that a formula is written with."""

from __future__ import annotations

from collections.abc import Iterator

from ..notation import tree
from ..notation.tree import Tree

ENTRYWISE = "a : (b ⊙ c) = (a ⊙ b) : c"
LEFT, LEFT_OF_MATRIX = "a : B c = Bᵀ a : c", "A : B C = Bᵀ A : C"
OUTER, RIGHT = "a : B c = a cᵀ : B", "A : B C = A Cᵀ : B"
FROM_COLUMN, FROM_ROW = "A : b cᵀ = A c : b", "A : b cᵀ = Aᵀ b : c"
REPEATED, REPEATED_COLUMN = "A : 𝟏 bᵀ = Aᵀ 𝟏 : b", "A : b 𝟏ᵀ = A 𝟏 : b"
NUMBER = "a : β b = (a : b) β"
SUM, ROW_SUMS = "α 𝟏ᵀ b = α 𝟏 : b", "a : B 𝟏 = a 𝟏ᵀ : B"
_ALONE = {  # of operations whose only law it is
    tree.TRANSPOSE: "A : Bᵀ = Aᵀ : B",
    tree.TRACE: "α tr(B) = α I : B",
    tree.APPLY: "A : f(B) = f*(A) : B, f* the adjoint of f",
    tree.DOT: "α aᵀ b = α a : b",
    tree.DIAGONAL: "a : diag(B) = Diag(a) : B",
    tree.SPREAD: "A : Diag(b) = diag(A) : b",
}
_COMMANDS = {
    "⊙": r"\odot",
    "ᵀ": r"^{\top}",
    "𝟏": r"\mathbf{1}",
    "α": r"\alpha",
    "β": r"\beta",
    "diag": r"\operatorname{diag}",
    "Diag": r"\operatorname{Diag}",
    "tr(": r"\operatorname{tr}(",
    ", f* the adjoint of f": r"\text{, } f^* \text{ the adjoint of } f",
    "f*(": "f^*(",
}


def latex(law: str) -> str:
    """A law in LaTeX."""
    for sign, command in _COMMANDS.items():
        law = law.replace(sign, command)
    return law


def laws(differential: Tree, moved: str, axes: tree.Axes) -> list[str]:
    """The laws that bring the array called `moved`, in which a differential is linear, to stand
    alone on one side, in the order of their use. The differential is repeated along those of
    `axes` that it lacks."""
    repeated = [] if len(differential.axes) == len(axes) else [_repeated(differential, axes)]
    return list(dict.fromkeys([*repeated, *_along(differential, moved)]))


def _repeated(t: Tree, axes: tree.Axes) -> str:
    if not t.axes:
        return NUMBER
    return REPEATED_COLUMN if t.axes[0] == axes[0] else REPEATED


def _along(t: Tree, moved: str) -> Iterator[str]:
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


def _law(t: Tree, k: int) -> str | None:
    """How argument `k` of an operation gets out of it."""
    x = t.args[k]
    if t.kind == tree.MATMUL:
        matrix = len(t.axes) == 2
        if k:
            return LEFT_OF_MATRIX if matrix else LEFT
        return RIGHT if matrix else OUTER
    if t.kind in (tree.SUM, tree.PRODUCT) and len(x.axes) < len(t.axes):
        return _repeated(x, t.axes)
    if t.kind == tree.PRODUCT:
        return ENTRYWISE if any(y.axes for j, y in enumerate(t.args) if j != k) else None
    if t.kind == tree.TOTAL:
        return ROW_SUMS if t.axes else SUM
    if t.kind == tree.OUTER:
        return FROM_ROW if k else FROM_COLUMN
    return _ALONE.get(t.kind)
