"""Nodes and derivative rules written down, as Unicode text, LaTeX or NumPy code.

A rule is written by running it: on stand-ins for the op's inputs that carry the user's names, it
records a small graph, and that graph is written. So what is printed is what is computed.
"""

from __future__ import annotations

import ast
import contextvars
import re
from collections.abc import Callable, Mapping
from math import isinf
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backprop.chain import contribution, is_constant, local
from ..graph.context import recording_rules
from ..graph.meta import Meta
from ..graph.node import Array, Node, fresh, raw
from ..graph.op import ATOM, PRODUCT, SUM, UNARY, Op

Names = Mapping[int, str]  # id of a node or array -> name, as `names.name_all` gives it

_DEPTH = 4  # unnamed inputs are written out this deep; what lies below is an ellipsis
_RULE_DEPTH = 12  # no rule nests deeper
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


def local_text(node: Node, index: int, names: Names, style: str = "text", *, depth: int = 2) -> str:
    """The local derivative of an elementwise op for one input, as in `1 - s * s`."""
    op = node.op
    if op is None or not op.elementwise:
        raise ValueError(f"{op} has no local derivative; use pullback_text")
    if is_constant(op, index):
        return _number(local(op, index, None, None, (), {}))
    twin, known = _stand_in(node, names, style, depth)
    slope = _aside(lambda: local(op, index, ops, twin, twin.inputs, node.params))
    return _expression(slope, known, style, _RULE_DEPTH).body


def pullback_text(
    node: Node,
    index: int,
    names: Names,
    style: str = "text",
    *,
    cotangent: str = "G",
    depth: int = 2,
) -> str:
    """What `node` hands to one input, as in `G @ x.T`, given its own cotangent's name.

    The sum over axes along which the input was broadcast is included.
    """
    twin, known = _stand_in(node, names, style, depth)
    G = _leaf(node.data)
    known[id(G)] = _Text(cotangent, ATOM if cotangent.isidentifier() else SUM)
    result = _aside(lambda: contribution(twin, index, G, record=True))
    return _expression(result, known, style, _RULE_DEPTH).body


def _aside(compute: Callable[[], Any]) -> Any:
    """What a rule gives, recorded outside of the user's scopes and settings; one that is run to be
    written may overflow without a warning."""

    def quietly() -> Any:
        with recording_rules(), np.errstate(all="ignore"):
            return compute()

    return contextvars.Context().run(quietly)


def _stand_in(node: Node, names: Names, style: str, depth: int) -> tuple[Array, dict[int, _Text]]:
    """A twin of `node` on fresh leaves, and what each is written as. All are arrays, a Value's
    too: masks of arrays keep their origin."""
    known = {id(x): _Text(names[id(x)], ATOM) for x in node.inputs if id(x) in names}
    inputs = []
    for x, a in zip(node.inputs, node.operands, strict=True):
        inputs.append(_leaf(a) if isinstance(x, Node) else x)
        if isinstance(x, Node):
            known[id(inputs[-1])] = _expression(x, names, style, depth)
    twin = _leaf(node.data)
    twin.op, twin.inputs, twin.operands = node.op, tuple(inputs), tuple(map(raw, inputs))
    twin._meta = Meta(params=node.params)
    known[id(twin)] = _expression(node, names, style, depth)
    return twin, known


def _leaf(data: Any) -> Any:
    return fresh(None, np.asarray(data) if isinstance(data, float) else data)


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
