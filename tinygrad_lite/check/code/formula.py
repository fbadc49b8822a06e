"""A claim as text, `{W: "((s - y) * s) @ x.T"}`: names, arithmetic and known functions only."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np

from ... import functions as composites
from ... import ops
from .derivation import NUMPY, Data, Edits, Known, number
from .interpreter import run_expression
from .source import Source, parsed
from .trace import Trace

PARTS = (  # what a formula is made of
    *(ast.Expression, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.BinOp),
    *(ast.UnaryOp, ast.Compare, ast.Call, ast.keyword, ast.Name, ast.Constant, ast.Attribute),
    *(ast.Subscript, ast.Slice, ast.Tuple, ast.List),
)
OF_ARRAYS = (
    *("T", "mT", "shape", "size", "ndim", "reshape", "ravel", "transpose", "squeeze", "swapaxes"),
    *("sum", "mean", "dot", "max", "min", "std", "var", "prod", "trace", "cumsum", "clip"),
    *("astype", "copy", "diagonal", "argmax", "argmin"),
)
BUILT_IN = {"len": len, "float": float, "range": range}
MAKERS = ("eye", "ones", "zeros", "full", "arange", "identity", "newaxis")
TYPED = {"⊙": "*", "·": "*", "×": "*", "−": "-", "ᵀ": ".T", "²": "**2", "^": "**", "½": "0.5"}


def functions() -> dict[str, Any]:
    """What may be called: NumPy's functions, and the ops beside them."""
    ours = {**vars(composites), **vars(ops)}
    found = {n: f for n, f in ours.items() if callable(f) and not n.startswith("_")}
    known = {*found, *MAKERS}
    plain = {n: f for n, f in vars(np).items() if isinstance(f, np.ufunc) or n in known}
    return {**found, **plain, **BUILT_IN, "pi": np.pi, "linalg": np.linalg}


class Formula:
    """A formula that is claimed for a gradient; raises `ValueError` where it is none, with what is
    wrong underlined."""

    def __init__(self, text: str, name: str, known: Known) -> None:
        self.text, self.name, self.known = " ".join(text.split()), name, known
        self.functions = functions()
        self.source = self._read()
        self.body = self._body()
        for node in ast.walk(self.body):
            self._allowed(node)

    def _read(self) -> Source:
        try:
            return parsed("<claim>", self.text)
        except SyntaxError as error:
            at = max((error.offset or 1) - 1, 0)
            typed = self.text[at : at + 1]
            way_out = f"; write {TYPED[typed]} for {typed}" if typed in TYPED else ""
            raise ValueError(self._underlined(f"{error.msg}{way_out}", at, at + 1)) from None

    def _body(self) -> ast.expr:
        body = self.source.tree.body
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            raise ValueError(self._underlined("it is no formula", 0, len(self.text)))
        return body[0].value

    def _allowed(self, node: Any) -> None:
        told = ""
        if not isinstance(node, PARTS):
            told = "a formula has names, arithmetic and known functions only"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            told = "^ is no power in Python; write **"
        elif isinstance(node, ast.Name) and not self._means(node.id):
            close = self.known.close_to(node.id)
            close = close or difflib.get_close_matches(node.id, [*self.functions], n=2)
            told = f"{node.id!r} is no name of the graph or of the caller"
            told += f"; did you mean {' or '.join(close)}?" if close else ""
        elif isinstance(node, ast.Attribute) and not self._attribute(node):
            told = f"{node.attr!r} is nothing that a formula may use"
        if told:
            begin, end = self.columns(node) if hasattr(node, "lineno") else (0, len(self.text))
            raise ValueError(self._underlined(told, begin, end))

    def _attribute(self, node: ast.Attribute) -> bool:
        of = node.value
        if isinstance(of, ast.Name) and of.id in NUMPY:
            return node.attr in self.functions
        if isinstance(of, ast.Attribute) and of.attr == "linalg":
            return hasattr(np.linalg, node.attr) and not node.attr.startswith("_")
        return node.attr in OF_ARRAYS

    def _means(self, name: str) -> bool:
        try:
            self.known.value(name)
        except KeyError:
            return name in self.functions
        return True

    def columns(self, place: Any) -> tuple[int, int]:
        """Where a place stands in the text, in characters."""
        data = self.text.encode()
        begin, end = self.source.span(place)
        return len(data[:begin].decode()), len(data[:end].decode())

    def _underlined(self, told: str, begin: int, end: int) -> str:
        marks = " " * begin + "^" * max(end - begin, 1)
        return f"check: the claim for {self.name}: {told}\n    {self.text}\n    {marks}"

    def marked(self, places: Iterable[ast.AST]) -> tuple[str, str]:
        """The text, and a line that underlines some places of it."""
        spans = [self.columns(place) for place in places if hasattr(place, "lineno")]
        under = (any(b <= i < e for b, e in spans) for i in range(len(self.text)))
        return self.text, "".join("^" if wrong else " " for wrong in under).rstrip()

    def names(self, data: Data | None = None, *, columns: bool = False) -> dict[str, Any]:
        """What the names of the formula stand for; with `columns` vectors are matrices of one."""
        found: dict[str, Any] = {}
        used = (node.id for node in ast.walk(self.body) if isinstance(node, ast.Name))
        for name in dict.fromkeys((*used, *self.known.values)):
            found[name] = self._value(name, data)
        if columns:
            found = {n: v[:, None] if _is_vector(v) else v for n, v in found.items()}
        return found

    def _value(self, name: str, data: Data | None) -> Any:
        try:
            return number(self.known.value(name), data)
        except KeyError:
            return self.functions[name]

    def trace(
        self, data: Data | None = None, edits: Edits | None = None, *, columns: bool = False
    ) -> Trace:
        """Compute it with a record of every part."""
        names = self.names(data, columns=columns)
        return run_expression(self.source, self.body, names, edits, self.functions)


def _is_vector(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1
