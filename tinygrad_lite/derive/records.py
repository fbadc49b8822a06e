"""What a derivation is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from ..notation import mathematics
from ..notation.tree import Tree
from ..notation.tree import length as symbols
from .paper import Paper


@dataclass(frozen=True)
class Formula:
    """One expression in every notation. `name` is what it is the value of (∂E/∂W, δ_v, dE), in
    Unicode and in LaTeX; `shape` that of its value. `numpy` is code in the user's names, "" where
    there is none; `indices` those of `index`; `why` says why there is no matrix form; `code` is the
    identifier that it is assigned to, where it is one of the definitions. `tree` is the matrix
    form, if any, `entry()` that in index notation: both are written when they are asked for.
    `paper` is what it is a formula of."""

    name: str
    name_latex: str
    numpy: str
    indices: str
    shape: tuple[int, ...]
    tree: Tree | None = field(repr=False)
    entry: Callable[[], Tree] = field(repr=False)
    why: str = ""
    code: str = ""
    paper: Paper | None = field(default=None, repr=False)

    @property
    def matrix(self) -> bool:
        """Whether it has a matrix form; else `text` and `latex` are in index notation."""
        return self.tree is not None

    @cached_property
    def _entry(self) -> Tree:
        return self.entry()

    @cached_property
    def text(self) -> str:
        """The expression in Unicode."""
        return mathematics.text(self.tree or self._entry)

    @cached_property
    def latex(self) -> str:
        """The expression in LaTeX."""
        return mathematics.latex(self.tree or self._entry)

    @cached_property
    def index(self) -> str:
        """The entry at `indices`, in index notation."""
        return mathematics.text(self._entry)

    @property
    def length(self) -> int:
        """How many symbols it has."""
        return symbols(self.tree or self._entry)

    def __str__(self) -> str:
        return f"{self.name} = {self.text}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.name_latex} = {self.latex}$"


@dataclass(frozen=True)
class Checked:
    """What was executed: at the recorded data, at `redraws` of all leaves, at `sizes` sets of
    sizes; `where` says what it does not hold for, or "" for nothing that was found."""

    redraws: int
    sizes: int
    where: str = ""

    def __str__(self) -> str:
        sets = f"{self.sizes} set{'s' if self.sizes != 1 else ''} of sizes"
        limits = f"; {self.where}" if self.where else ""
        return f"checked: {1 + self.redraws} draws, {sets}, value and shape{limits}"
