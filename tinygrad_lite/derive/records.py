"""What a derivation is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from .paper import Paper


@dataclass(frozen=True)
class Formula:
    """One expression in every notation. `name` is what it is the value of (∂E/∂W, δ_v, dE), in
    Unicode and in LaTeX; `shape` that of its value; `matrix` whether it has a matrix form (else
    `text` and `latex` are in index notation, and `why` says the reason). `numpy` is code in the
    user's names, "" where there is none; `index` the entry at `indices`; `length` the number of
    symbols; `code` the identifier that it is assigned to, where it is one of the definitions;
    `paper` what it was written from."""

    name: str
    name_latex: str
    text: str
    latex: str
    numpy: str
    index: str
    indices: str
    shape: tuple[int, ...]
    matrix: bool
    why: str
    length: int
    code: str = ""
    paper: Paper | None = field(default=None, repr=False)

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
