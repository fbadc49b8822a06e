"""Formulas: an expression in every notation."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, count
from typing import Any

import numpy as np

from .. import ops
from ..graph.reach import reached
from ..notation import mathematics
from ..notation.code import NoCode, code
from ..notation.names import identifier, latex_name, unicode_name, unused
from ..notation.style import UNICODE
from ..notation.tree import ELLIPSIS, Tree, along, repeated
from ..notation.tree import Size as SizeName
from ..ops.reduce import softmax
from .arrays import Arrays, Entries, Stacks, is_whole, letters
from .matrices import Matrices, NoMatrix
from .paper import Paper, length
from .terms import ATOM, Expr, Ix, Size, Symbol, Table, table

ENVIRONMENT: Mapping[str, Any] = {  # what code may use beside the user's names
    "np": np,
    "math": math,
    "tg": ops,
    "softmax": softmax,
    "len": len,
    "float": float,
}

_LONGER = 1.25  # than an entry a matrix in a stack may be


class Printer:
    """Writes expressions with the user's names. `symbols` are those whose arrays are at hand, so
    that sizes can be told by them."""

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        self.symbols = list(symbols)
        self.codes: dict[Symbol, str] = {}
        self.matrices = Matrices(self.name, self.size)
        self.arrays = Arrays(self.name, self.size)
        self._cotangents: dict[str, str] = {}
        self._taken: set[str] = {*ENVIRONMENT, "lambda"}
        self._sizes: dict[Size, SizeName] = {}

    def name(self, symbol: Symbol) -> tuple[str, str]:
        """A symbol's name, and an identifier for it."""
        found = self.codes.get(symbol)
        if found is None and symbol.cotangent and symbol.name in self._cotangents:
            found = self.codes[symbol] = self._cotangents[symbol.name]
        if found is None:
            base = self._entry(symbol) or identifier(symbol.name)
            found = self.codes[symbol] = unused(base, self._taken)
            self._taken.add(found)
            if symbol.cotangent:
                self._cotangents[symbol.name] = found
        return symbol.name, found

    def _entry(self, symbol: Symbol) -> str:
        """The name of an entry of a container, such as Ws[0], which is code as it is."""
        root = symbol.name.partition("[")[0]
        if symbol.cotangent or root == symbol.name or root in (s.name for s in self.symbols):
            return ""
        with suppress(SyntaxError):
            parsed = ast.parse(symbol.name, mode="eval").body
            if isinstance(parsed, ast.Subscript) and isinstance(parsed.value, ast.Name):
                return symbol.name if isinstance(parsed.slice, ast.Constant) else ""
        return ""

    @property
    def callables(self) -> Mapping[str, Callable[..., Any]]:
        """The ops in its code that NumPy lacks, by name."""
        return self.matrices.callables | self.arrays.callables

    def size(self, size: Size) -> SizeName:
        """The length of an axis: n, or N for observations."""
        root = size.root()
        # Classes may have become one since they got their letters.
        found = next((name for s, name in self._sizes.items() if s.root() is root), None)
        if found is None:
            found = self._sizes[root] = self._sized(root)
        return found

    def _sized(self, root: Size) -> SizeName:
        for symbol in sorted(self.symbols, key=lambda s: (s.invented, s.depth)):
            for axis, size in zip(symbol.axes, symbol.sizes, strict=False):
                if size.root() is root:
                    name = self.name(symbol)[1]
                    text = f"len({name})" if axis == 0 else f"{name}.shape[{axis}]"
                    first = "N" if axis == 0 and len(symbol.shape) > 1 else "n"
                    used = {s.text for s in self._sizes.values()}
                    used |= {s.name for s in self.symbols}
                    letters = chain([first], "nmpqdkrlhNMPQDKRLH", (f"n{k}" for k in count(1)))
                    letter = next(c for c in letters if c not in used)
                    return SizeName(letter, text)
        return SizeName(str(root.number), str(root.number))

    def sizes(self) -> Mapping[str, str]:
        """The letters that were used for sizes, and their code."""
        return {s.text: s.code for s in self._sizes.values() if s.text != s.code}


@dataclass(frozen=True)
class Formula:
    """One expression in every notation, each written when it is asked for. `name` is what it is the
    value of (∂E/∂W, δ_v, dE), in Unicode and in LaTeX; `code` the identifier that it is assigned
    to, where it is one of the definitions; `first` axes are named after the others. One that is not
    `known`, since nothing held, is an ellipsis."""

    paper: Paper = field(repr=False)
    printer: Printer = field(repr=False)
    name: str = ""
    name_latex: str = ""
    code: str = ""
    shape_code: str | None = field(default=None, repr=False)
    first: int = 0
    known: bool = True
    _table: Table = field(default_factory=table, repr=False)

    @property
    def axes(self) -> tuple[Ix, ...]:
        """The axes that are not of length 1."""
        return tuple(i for i in self.paper.axes if i is not None)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return tuple(length(i) for i in self.paper.axes)

    @cached_property
    def _matrix(self) -> Tree | str:
        if not self.known:
            return "nothing held"
        if 0 < len(self.paper.expr.free) < len(self.axes) > 2:
            return "repeated along more than two axes"
        with self._table:
            try:
                return along(self.printer.matrices.tree(self.paper.expr), self.axes)
            except NoMatrix as error:
                with suppress(NoMatrix):  # of more axes, if nothing runs over some of them alone
                    whole = self.printer.arrays.tree(self.paper.expr)
                    if is_whole(whole) and whole.axes == self.axes:
                        return whole
                return str(error)

    @property
    def tree(self) -> Tree | None:
        """The matrix form, if any: it may lack axes along which it is repeated."""
        return self._matrix if isinstance(self._matrix, Tree) else None

    @property
    def matrix(self) -> bool:
        """Whether it has a matrix form; else `text` and `latex` are in index notation."""
        return self.tree is not None

    @property
    def why(self) -> str:
        """Why there is no matrix form."""
        return self._matrix if isinstance(self._matrix, str) else ""

    @cached_property
    def _letters(self) -> Mapping[Ix, str]:
        order = self.axes[self.first :] + self.axes[: self.first]
        named = dict(zip(order, letters(), strict=False))
        return {i: named[i] for i in self.axes}

    @property
    def indices(self) -> str:
        """The indices of `index`."""
        return "".join(self._letters.values())

    @cached_property
    def entry(self) -> Tree:
        """The entry at `indices`."""
        with self._table:
            entries = Entries(self.printer.matrices, self._letters)
            return entries.tree(self.paper.expr) if self.known else ELLIPSIS

    @cached_property
    def _stacked(self) -> Tree | None:
        """Without a matrix form, that of a matrix in a stack, such as Xᵢ W, if it is not much
        longer than the entry."""
        first, *axes = (None, *self.axes) if len(self.axes) < 3 else self.axes
        if not self.known or self.matrix or len(axes) > 2:
            return None
        used = self._letters.values()
        stacks = Stacks(self.printer.matrices, (c for c in letters() if c not in used))
        with self._table, suppress(NoMatrix):
            e = self.paper.expr
            t = stacks.tree(e) if first is None else stacks.at(first, self._letters[first], e)
            found = repeated(along(t, axes), axes)
            long, entry = (len(mathematics.text(t)) for t in (found, self.entry))
            return found if long <= _LONGER * entry else None
        return None

    @property
    def subscript(self) -> str:
        """The indices of what is `shown`: none of a matrix form."""
        if self._stacked is None:
            return "" if self.matrix else self.indices
        return self._letters[self.axes[0]] if len(self.axes) == 3 else ""

    @property
    def shown(self) -> Tree:
        """The matrix form, or that of the matrices in a stack, else the entry."""
        if self.tree is not None:
            return repeated(self.tree, self.axes)
        return self.entry if self._stacked is None else self._stacked

    @cached_property
    def text(self) -> str:
        """The expression in Unicode."""
        return mathematics.text(self.shown)

    @cached_property
    def latex(self) -> str:
        """The expression in LaTeX."""
        return mathematics.latex(self.shown)

    @cached_property
    def index(self) -> str:
        """The entry at `indices`, in index notation."""
        return mathematics.text(self.entry)

    @cached_property
    def numpy(self) -> str:
        """Code in the user's names; "" where there is none."""
        if not self.known:
            return ""
        with self._table:
            try:
                t = self.tree or self.printer.arrays.tree(self.paper.expr)
                return code(t, self.paper.axes, self._shape_code)
            except (NoCode, NoMatrix):
                return ""

    def _shape_code(self) -> str:
        if self.shape_code is not None:
            return self.shape_code
        sizes = [None if i is None else i.size for i in self.paper.axes]
        codes = ["1" if size is None else self.printer.size(size).code for size in sizes]
        return f"({''.join(f'{n}, ' for n in codes)})"

    def titles(self) -> tuple[str, str]:
        """Its name in Unicode and in LaTeX, of a stack with the index of a matrix."""
        letter = "" if self._stacked is None else self.subscript
        if not letter:
            return self.name, self.name_latex
        return self.name + UNICODE.subscript(letter), f"{{{self.name_latex}}}_{{{letter}}}"

    def __str__(self) -> str:
        return f"{self.titles()[0]} = {self.text}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.titles()[1]} = {self.latex}$"


def derivative(y: str, x: str) -> tuple[str, str]:
    """∂y/∂x in Unicode and LaTeX."""
    return (
        f"∂{unicode_name(y)}/∂{unicode_name(x)}",
        rf"\frac{{\partial {latex_name(y)}}}{{\partial {latex_name(x)}}}",
    )


def symbols_in(e: Expr) -> dict[Symbol, None]:
    """The symbols of an expression, in no particular order."""
    parts = reached([e], lambda x: x.args)
    return {x.head: None for x in parts if x.kind == ATOM}
