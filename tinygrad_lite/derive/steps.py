"""The derivation as a teacher writes it: one named step after the other, from the result down, each
with its differential and with what it makes of dE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..graph.node import Node
from ..notation.mathematics import CHAIN, LATEX, UNICODE, Mathematics, Style
from ..notation.tree import Tree
from .laws import Law, laws
from .records import Formula, Line, Share


class Row(NamedTuple):
    """One line of the derivation: what is defined, its shape, what follows, and why."""

    left: str
    shape: str
    right: str
    why: str


@dataclass(frozen=True)
class Teacher:
    """Writes the lines of a derivation of `root` by `variables`, in one style."""

    root: Line
    lines: Sequence[Line]
    style: Style

    def rows(self) -> list[Row]:
        return []
