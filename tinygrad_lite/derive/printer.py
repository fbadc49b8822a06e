"""Formulas: an expression in every notation."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, count

from ..notation.code import NoCode, code
from ..notation.names import identifier, latex_name, unicode_name
from ..notation.tree import Size as SizeName
from ..notation.tree import Tree, along, repeated
from .arrays import Arrays, Entries, letters
from .matrices import Matrices, NoMatrix
from .paper import Paper, length
from .records import Formula
from .terms import Expr, Size, Symbol, table

RESERVED = {"np", "math", "tg", "softmax", "lambda"}


class Printer:
    """Writes expressions with the user's names. `symbols` are those whose arrays are at hand, so
    that sizes can be told by them."""

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        self.symbols = list(symbols)
        self.codes: dict[Symbol, str] = {}
        self.matrices = Matrices(self.name, self.size)
        self.arrays = Arrays(self.name, self.size)
        self.unsized = False  # whether a length had to be written as a number
        self._cotangents: dict[str, str] = {}
        self._taken: set[str] = set(RESERVED)
        self._sizes: dict[Size, SizeName] = {}

    def name(self, symbol: Symbol) -> tuple[str, str]:
        """A symbol's name, and an identifier for it."""
        found = self.codes.get(symbol)
        if found is None and symbol.cotangent and symbol.name in self._cotangents:
            found = self.codes[symbol] = self._cotangents[symbol.name]
        if found is None:
            base = self._entry(symbol) or identifier(symbol.name)
            names = chain([base], (f"{base}_{k}" for k in count(1)))
            found = self.codes[symbol] = next(n for n in names if n not in self._taken)
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

    def size(self, size: Size) -> SizeName:
        """The length of an axis: n, or N for observations."""
        root = size.root()
        # Classes may have become one since they got their letters.
        found = next((name for s, name in self._sizes.items() if s.root() is root), None)
        if found is None:
            found = self._sizes[root] = self._sized(root)
        return found

    def _sized(self, root: Size) -> SizeName:
        for symbol in sorted(self.symbols, key=lambda s: s.depth):
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
        self.unsized = True
        return SizeName(str(root.number), str(root.number))

    def sizes(self) -> Mapping[str, str]:
        """The letters that were used for sizes, and their code."""
        return {s.text: s.code for s in self._sizes.values() if s.text != s.code}

    def formula(
        self,
        names: tuple[str, str],
        value: Paper,
        shape: Callable[[], str],
        indices: Sequence[str] = (),
    ) -> Formula:
        """The formula of an array: `names` is what it is called in Unicode and LaTeX."""
        e = value.expr
        axes = [i for i in value.axes if i is not None]
        supply = (c for c in letters() if c not in indices)
        given = dict(zip(axes, chain(indices, supply), strict=False))
        reason = ""
        try:
            t: Tree | None = along(self.matrices.tree(e), axes)
        except NoMatrix as error:
            t, reason = None, str(error)
        terms = table()

        def entry() -> Tree:
            with terms:
                return Entries(self.matrices, given).tree(e)

        return Formula(
            name=names[0],
            name_latex=names[1],
            numpy=self._code(t, value, shape),
            indices="".join(given[i] for i in axes),
            shape=tuple(length(i) for i in value.axes),
            tree=None if t is None else repeated(t, axes),
            entry=entry,
            why=reason,
            paper=value,
        )

    def _code(self, t: Tree | None, value: Paper, shape: Callable[[], str]) -> str:
        try:
            t = self.arrays.tree(value.expr) if t is None else t
            return code(t, value.axes, shape)
        except (NoCode, NoMatrix):
            return ""


def derivative(y: str, x: str) -> tuple[str, str]:
    """∂y/∂x in Unicode and LaTeX."""
    return (
        f"∂{unicode_name(y)}/∂{unicode_name(x)}",
        rf"\frac{{\partial {latex_name(y)}}}{{\partial {latex_name(x)}}}",
    )


def symbols_in(e: Expr) -> dict[Symbol, None]:
    """The symbols of an expression, in no particular order."""
    found: dict[Symbol, None] = {}
    seen: set[int] = set()
    stack = [e]
    while stack:
        x = stack.pop()
        if x.uid in seen:
            continue
        seen.add(x.uid)
        if x.kind == "atom":
            found[x.head] = None
        stack.extend(x.args)
    return found
