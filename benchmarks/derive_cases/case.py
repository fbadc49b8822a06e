"""What an expression of the examination is, and the arrays that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_lite as tg

Variables = Mapping[str, Any]


class Draw:
    """The leaves of one expression. Every `grown` has other numbers, and, above 0, other sizes: no
    two lengths that were different become equal, and none is 1."""

    def __init__(self, seed: int, grown: int = 0) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.grown = grown

    def sizes(self, *usual: int) -> Sequence[int]:
        """The lengths of axes: as given, or larger ones in the same order, no two equal."""
        order = sorted(range(len(usual)), key=usual.__getitem__)
        rank = {i: place for place, i in enumerate(order)}
        return [n + self.grown * (1 + rank[i]) for i, n in enumerate(usual)]

    def array(self, *shape: int) -> Any:
        return self.rng.normal(size=shape)

    def tensor(self, *shape: int) -> tg.Tensor:
        return tg.Tensor(self.array(*shape))

    def square(self, n: int) -> tg.Tensor:
        """A matrix far from singular, its determinant positive."""
        return tg.Tensor(self.array(n, n) / np.sqrt(n) + 3 * np.eye(n))

    def symmetric(self, n: int) -> Any:
        A = self.array(n, n)
        return A + A.T

    def labels(self, *shape: int) -> Any:
        """Zeros and ones."""
        return self.rng.integers(0, 2, size=shape).astype(float)

    def one_hot(self, rows: int, classes: int) -> Any:
        return np.eye(classes)[self.rng.integers(0, classes, size=rows)]


Build = Callable[[Draw], Variables]


@dataclass(frozen=True)
class Case:
    """`build(draw)` gives the variables of a program; the loss is called E. `by` is the variable,
    `textbook` the derivative as the book has it, in NumPy of the same variables. `printed` is that
    in print, where NumPy writes it longer: tr(A B) as np.sum(A.T * B), a square as a product."""

    name: str
    group: str
    build: Build
    by: str
    textbook: str
    printed: str = ""


_CASES: list[Case] = []


def expected(
    group: str, *, printed: Mapping[str, str] | None = None, **textbook: str
) -> Callable[[Build], Build]:
    """Register the expression that the decorated function builds, with its derivatives."""

    def register(build: Build) -> Build:
        first = (build.__doc__ or "").partition("\n")[0]
        for by, formula in textbook.items():
            said = (printed or {}).get(by, "")
            _CASES.append(Case(first.rstrip("."), group, build, by, formula, said))
        return build

    return register


def cases(group: str) -> list[Case]:
    """All cases of one group, in the order of the files."""
    return [case for case in _CASES if case.group == group]
