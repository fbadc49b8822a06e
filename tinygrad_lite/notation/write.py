"""Nodes written down as they were computed, as Unicode text, LaTeX or NumPy code."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from math import isinf
from typing import Any, NamedTuple

import numpy as np

from ..graph.node import Node, raw
from ..graph.op import ATOM, PRODUCT, UNARY, Op

Names = Mapping[int, str]  # id of a node or array -> name, as `names.name_all` gives it

_DEPTH = 4  # unnamed inputs are written out this deep; what lies below is an ellipsis
_ELLIPSIS = {"text": "…", "latex": r"\ldots", "numpy": "..."}


class _Text(NamedTuple):
    body: str
    precedence: int


def write(node: Node, names: Names, style: str = "text", *, depth: int = _DEPTH) -> str:
    """The op of `node` with its inputs' names, as in `W @ x`; a leaf is its name.

    `style` is "text" (Unicode), "latex" or "numpy". Unnamed inputs are written out in their turn,
    at most `depth` deep, then as an ellipsis.
    """
    if node.op is None:
        return _atom(node, names, style).body
    return _operation(node, names, style, depth).body


def _expression(value: Any, names: Mapping[int, Any], style: str, depth: int) -> _Text:
    """A node or constant by its name, else written out."""
    if id(value) in names or not isinstance(value, Node) or value.op is None:
        return _atom(value, names, style)
    if value.op.plain and not value.shape:
        return _Text(_number(float(value.data)), ATOM)  # a size, say
    if depth == 0:
        return _Text(_ELLIPSIS[style], ATOM)
    return _operation(value, names, style, depth - 1)


def _atom(value: Any, names: Mapping[int, Any], style: str) -> _Text:
    known = names.get(id(value))
    if isinstance(known, _Text):
        return known
    if known is not None and not isinstance(value, (int, float)):
        return _Text(_latex_name(known) if style == "latex" else known, ATOM)
    if isinstance(value, Node) and value.op is not None:
        return _operation(value, names, style, 0)
    data = raw(value)
    if np.ndim(data) == 0:
        body = _number(float(data))
        return _Text(body, UNARY if body.startswith(("-", "−")) else ATOM)
    array = np.asarray(data)
    if array.size and (array == array.flat[0]).all():
        return _Text(_number(float(array.flat[0])), ATOM)  # an array of ones is written 1
    return _Text(f"[{', '.join(map(str, array.shape))}]", ATOM)


def _operation(node: Node, names: Mapping[int, Any], style: str, depth: int) -> _Text:
    op = node.op
    assert op is not None
    inputs = [_expression(x, names, style, depth) for x in node.inputs]
    settings = {key: _setting(value) for key, value in node.params.items()}
    if style == "numpy":
        return _numpy(op, inputs, settings)
    template = op.latex if style == "latex" else op.text
    if any(np.ndim(a) == 0 for a in node.operands):
        template = template.replace(r" \odot ", r" \, ")  # entry by entry says nothing here
    bodies = [
        _bracketed(text, op, i, template, style) if _is_open(template, i) else text.body
        for i, text in enumerate(inputs)
    ]
    body = template.format(*bodies, inputs=", ".join(t.body for t in inputs), **settings)
    return _Text(body, op.precedence)


def _is_open(template: str, index: int) -> bool:
    """Whether input {index} stands bare in a template, so that it may need brackets."""
    place = "{" + str(index) + "}"
    at = template.find(place)
    before, after = template[:at].rstrip(), template[at + len(place) :].lstrip()
    return not (before.endswith(("(", ",", "|", "{{")) and after.startswith((")", ",", "|", "}}")))


def _bracketed(text: _Text, op: Op, index: int, template: str, style: str) -> str:
    first = template.startswith("{" + str(index) + "}")
    tight = text.precedence > op.precedence or (
        text.precedence == op.precedence
        and (text.precedence == ATOM or (first and op.precedence <= PRODUCT) or op.name == "add")
    )
    if op.name == "multiply" and text.precedence == PRODUCT and " / " not in text.body:
        tight = tight or "@" not in text.body
    if tight:
        return text.body
    return rf"\left({text.body}\right)" if style == "latex" else f"({text.body})"


def _numpy(op: Op, inputs: list[_Text], settings: dict[str, str]) -> _Text:
    """Python's own parser and printer place the brackets."""
    holes = [f"_input{i}_" for i in range(len(inputs))]
    code = op.numpy.format(*holes, inputs=", ".join(holes), **settings)
    filled = _Fill(dict(zip(holes, (t.body for t in inputs), strict=True)))
    return _Text(ast.unparse(filled.visit(ast.parse(code, mode="eval"))), ATOM)


class _Fill(ast.NodeTransformer):
    """Puts the inputs' expressions in the place of their holes."""

    def __init__(self, inputs: Mapping[str, str]) -> None:
        self.inputs = inputs

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Leave out settings that are off: `axis=None`, `keepdims=False`."""
        node.keywords = [
            k
            for k in node.keywords
            if not isinstance(k.value, ast.Constant)
            or (k.value.value is not None and k.value.value is not False)
        ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        body = self.inputs.get(node.id)
        if body is None:
            return node
        try:
            return ast.parse(body, mode="eval").body
        except SyntaxError:  # a name that is no identifier is printed as it is
            return ast.Name(body)


def _setting(value: Any) -> str:
    """A setting as code: an index such as `1:3, None` is written as it would be between []."""
    if isinstance(value, slice):
        parts = ("" if p is None else repr(p) for p in (value.start, value.stop, value.step))
        return ":".join(parts).removesuffix(":")
    if isinstance(value, tuple) and any(
        isinstance(v, (slice, type(...), np.ndarray)) for v in value
    ):
        return ", ".join(_setting(v) for v in value)
    if isinstance(value, type(...)):
        return "..."
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, (type, np.dtype)):
        return f"np.{np.dtype(value).name}"
    if isinstance(value, float) and isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else f"{value:.6g}"


def _latex_name(name: str) -> str:
    """A variable name as LaTeX: `y_hat` is \\hat{y}, `W1` is W_1, `dlogits` upright."""
    greek = {"alpha", "beta", "gamma", "delta", "eta", "theta", "lambda", "mu", "sigma", "phi"}
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d*)(_hat)?", name)
    if match is None:
        return r"\mathrm{" + name.replace("_", r"\_") + "}"
    base, digits, hat = match.groups()
    if base.lower() in greek:
        base = "\\" + base
    elif len(base) > 1:
        base = rf"\mathrm{{{base}}}"
    if hat:
        base = rf"\hat{{{base}}}"
    return f"{base}_{{{digits}}}" if digits else base
