"""One recorded step on paper, in the names at hand: an op, its slopes, and what it hands on.

A step is read on a twin whose arrays are called x0, x1, ..., y and G. What is found is remembered
by op, settings and shapes, and written with other names each time.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import ops
from ..backprop.chain import local
from ..backprop.tangents import recorded_step
from ..graph.context import recording_rules
from ..graph.meta import Meta
from ..graph.node import Array, Node, fresh, raw
from ..graph.op import ATOM, SUM
from ..notation import mathematics, tree
from ..notation.mathematics import Mathematics, Written
from ..notation.style import UNICODE
from ..notation.tree import Tree, along, repeated
from .algebra import atom, rebuilt
from .arrays import Entries, letters
from .matrices import Matrices, NoMatrix
from .paper import Paper
from .parts import exact, head, number
from .read import UNREADABLE, Graph, Reading
from .simplify import Simplifier
from .terms import NUM, SIZE, Expr, Ix, Size, Symbol, Table

Names = Mapping[int, Any]  # id of a node or array -> a name, or `Written`
_REMEMBERED = 4096  # forms; when they are more, all are forgotten
_LITERAL = (0, 1)  # numbers that arithmetic would leave out of an op's own formula
_FIRST = 10**6  # the rank of a cotangent in a product: it comes first
_LAST = 10**5  # of the result; of inputs less, by their place
_SAMPLES = (0.5, 2.0)  # one of them is in the domain of every function of one variable here
_STYLE = replace(UNICODE, name=str)  # names as the user writes them
_NUMBERS = replace(_STYLE, times=" · ")


@dataclass(frozen=True)
class Form:
    """What was found: its tree, in index notation where it has no `matrix` form, with `indices`.
    `within` are the trees of what has a name of ours in it, such as labels by place."""

    tree: Tree
    indices: str
    paper: Paper
    within: Mapping[str, Tree] = field(default_factory=dict)
    matrix: bool = True

    def text(self, known: Mapping[str, Written], *, numbers: bool) -> str:
        """The same in Unicode."""
        style = _NUMBERS if numbers else _STYLE
        inner = Mathematics(style, known)
        known = {**{name: inner.write(t) for name, t in self.within.items()}, **known}
        body = Mathematics(style, known).write(self.tree).body
        return f"{body} at {self.indices}" if self.indices else body


def write(node: Node, names: Names, *, numbers: bool = False) -> str:
    """The op of `node` with its inputs' names, as in `W x`; functions by their name, with settings.
    With `numbers`, the names are numbers, which are not written side by side."""
    assert node.op is not None
    return _written(operation(node), node, names, "", numbers)


def local_text(node: Node, index: int, names: Names, *, numbers: bool = False) -> str:
    """The local derivative of an elementwise op for one input, as in `s ⊙ (1 − s)`; "" if its rule
    cannot be read."""
    return _written(slope(node, index), node, names, "", numbers)


def pullback_text(node: Node, index: int, names: Names, *, cotangent: str = "G") -> str:
    """What `node` hands to one input, as in `G xᵀ`, given its own cotangent's name. The sum over
    axes along which the input was broadcast is included. "" if its rule cannot be read."""
    return _written(pulled(node, index), node, names, cotangent, False)


def _written(form: Form | None, node: Node, names: Names, cotangent: str, numbers: bool) -> str:
    if form is None:
        return ""
    known = {f"x{k}": _called(x, names) for k, x in enumerate(node.inputs)}
    known["y"] = _called(node, names)
    known["G"] = Written(
        cotangent, mathematics.ATOM if cotangent.isidentifier() else mathematics.SUM
    )
    return form.text(known, numbers=numbers)


def _called(x: Any, names: Names) -> Written:
    found = names.get(id(x))
    if isinstance(found, Written):
        return found
    if found is None:
        plain = not isinstance(x, Node) and not np.ndim(x)
        return (
            Mathematics(_STYLE).write(tree.number(exact(float(x))))
            if plain
            else Written("…", mathematics.ATOM)
        )
    return Written(found, mathematics.ATOM)


def operation(node: Node) -> Form | None:
    """The op of `node`, as the code has it: x ⊙ x is no square."""
    op: Any = node.op

    def read(twin: Array) -> Form:
        reading = _reading(twin)
        form = _form(reading.defined[reading.symbols[twin]], reading, shorter=False)
        if op.precedence < ATOM or form.tree.kind in (tree.TRANSPOSE, tree.INVERSE):
            return form
        names = [Tree(tree.NAME, value=tree.Name(f"x{k}", "")) for k in range(len(twin.inputs))]
        applied = Matrices(_names, _sized).applied(head(op, **node.params))
        return Form(Tree(tree.APPLY, tuple(names), (), applied), "", form.paper, matrix=False)

    return _remembered("op", node, read, literal=True)


def slope(node: Node, index: int) -> Form | None:
    """The local derivative of an elementwise op."""
    op: Any = node.op

    def read(twin: Array) -> Form:
        with recording_rules(), np.errstate(all="ignore"):
            found = local(op, index, ops, twin, twin.inputs, twin.params)
        reading = _reading(twin)
        if isinstance(found, Node):
            value = reading.of_rule(found, {})
        else:
            value = Paper(number(exact(found)))
        return _form(value, reading)

    return _remembered(("slope", index), node, read)


def pulled(node: Node, index: int) -> Form | None:
    """What `node` hands to its input `index`, given its cotangent G."""

    def read(twin: Array) -> Form | None:
        reading = _reading(twin)
        with np.errstate(all="ignore"):
            if recorded_step(twin, index) is None:
                return None
            value = reading.values[twin]
            symbol = Symbol("G", value.shape, _places(value), _FIRST, cotangent=True)
            symbol.sizes = tuple(i.size.root() for i in _own(value) if i.size is not None)
            G = Paper(atom(symbol, _own(value)), value.axes)
            found = reading.handed(twin, index, G)
        return _form(found, reading)

    return _remembered(("pull", index), node, read)


# --- reading


_found: dict[Any, Form | None] = {}


def _remembered(
    what: Any, node: Node, read: Callable[[Array], Form | None], *, literal: bool = False
) -> Form | None:
    """The form of a step of this kind. It is read outside of the user's scopes and settings."""
    key = (what, *_kind(node, literal))
    if key not in _found:
        if len(_found) >= _REMEMBERED:
            _found.clear()

        def reading() -> Form | None:
            with Table():
                return read(_twin(node, literal))

        try:
            _found[key] = contextvars.Context().run(reading)
        except (*UNREADABLE, NoMatrix, ArithmeticError):
            _found[key] = None
    return _found[key]


def _kind(node: Node, literal: bool) -> tuple[Any, ...]:
    """What tells steps apart."""
    op: Any = node.op
    places: dict[int, int] = {}
    inputs = []
    for k, (x, a) in enumerate(zip(node.inputs, node.operands, strict=True)):
        if _is_number(x):
            inputs.append(float(x))
        else:
            dtype = getattr(a, "dtype", None)
            inputs.append((np.shape(a), str(dtype), k if literal else places.setdefault(id(x), k)))
    return op, head(op, **node.params).key, tuple(inputs), node.shape


def _is_number(x: Any) -> bool:
    return not isinstance(x, Node) and not np.ndim(x)


def _twin(node: Node, literal: bool) -> Array:
    """The same op on leaves of its own; of an op that works entry by entry, axes that run together
    are one."""
    made: dict[Any, Any] = {}
    inputs: list[Any] = []
    assert node.op is not None
    data, result = _sampled(node)
    for k, (x, a) in enumerate(zip(node.inputs, data, strict=True)):
        if _is_number(x) and not (literal and (node.op.precedence == SUM or x in _LITERAL)):
            inputs.append(x)
            continue
        key = k if literal else id(x)
        if key not in made:
            made[key] = _leaf(f"x{k}", a)
        inputs.append(made[key])
    twin = _leaf("y", result)
    twin.op, twin.inputs, twin.operands = node.op, tuple(inputs), tuple(map(raw, inputs))
    twin._meta = Meta("y", params=node.params)
    return twin


def _sampled(node: Node) -> tuple[list[Any], Any]:
    """Arrays in the domain of a node's op, and its result: where a rule is NaN, more is recorded."""
    op: Any = node.op
    data = [_finite(np.asarray(raw(a))) for a in node.operands]
    result = _finite(np.asarray(raw(node.data)))
    if not op.elementwise:
        return data, result
    *data, result = _merged([*data, result])
    for value in _SAMPLES:
        tried = [
            a if _is_number(x) or a.dtype.kind != "f" else np.full_like(a, value)
            for x, a in zip(node.inputs, data, strict=True)
        ]
        with suppress(Exception), np.errstate(all="ignore"):
            found = np.asarray(op.forward(np, *tried, **node.params))
            if found.shape == result.shape and np.isfinite(found).all():
                return tried, found
    return data, result


def _finite(a: Any) -> Any:
    return np.where(np.isfinite(a), a, _SAMPLES[0]) if a.dtype.kind == "f" else a


def _leaf(name: str, data: Any) -> Any:
    leaf = fresh(None, data)
    leaf._meta = Meta(name)
    return leaf


def _merged(arrays: Sequence[Any]) -> list[Any]:
    """Arrays that broadcast, with neighbouring axes made one that all of them have or lack."""
    ndim = max(a.ndim for a in arrays)
    if ndim < 3:
        return list(arrays)
    padded = [a.reshape((1,) * (ndim - a.ndim) + a.shape) for a in arrays]
    kinds = [tuple(a.shape[k] == 1 for a in padded) for k in range(ndim)]
    starts = [k for k in range(ndim) if not k or kinds[k] != kinds[k - 1]]
    ends = [*starts[1:], ndim]
    pairs = list(zip(starts, ends, strict=True))
    return [a.reshape([int(np.prod(a.shape[i:j])) for i, j in pairs]) for a in padded]


def _reading(twin: Array) -> Reading:
    """The twin on paper. No fact about its data is used."""
    leaves = [x for x in twin.inputs if isinstance(x, Node)]
    nodes = [*leaves, twin]
    names = {id(x): str(x._meta.name) for x in nodes if x._meta is not None}
    return _Reading(Graph(twin, names, {twin}, set(leaves)))


class _Reading(Reading):
    """Names in the order of the op's inputs."""

    def _symbol(self, x: Any, name: str, data: Any, depth: int) -> Symbol:
        place = int(name[1:]) if name[1:].isdigit() else -1
        return super()._symbol(x, name, data, _LAST - place)


# --- writing

_ELLIPSIS = Tree(tree.NAME, value=tree.Name("…", "..."))


def _form(value: Paper, reading: Reading, *, shorter: bool = True) -> Form:
    e = _with_lengths(value.expr)
    if shorter:
        e = Simplifier(reading.definitions).best(e)
    value = Paper(e, value.axes)
    axes = _own(value)
    matrices = Matrices(_names, _sized)
    within = {}
    for s in reading.symbols.values():
        if s.invented:
            made = reading.defined.get(s)
            within[s.name] = _ELLIPSIS if made is None else matrices.tree(made.expr)
    try:
        if len(axes) > 2 and len(e.free) < len(axes) and e.kind != NUM:
            raise NoMatrix("repeated along more than two axes")
        return Form(repeated(along(matrices.tree(e), axes), axes), "", value, within)
    except NoMatrix:
        named: dict[Ix, str] = dict(zip(axes, letters(), strict=False))
        t, indices = Entries(matrices, named).tree(e), "".join(named.values())
        if t.kind == tree.ENTRY and t.axes == tuple(indices):  # all entries: the array
            t, indices = t.args[0], ""
        return Form(t, indices, value, within, matrix=False)


def _with_lengths(e: Expr) -> Expr:
    """The same with lengths as numbers."""
    if e.kind == SIZE:
        return number(e.head.root().number)
    return rebuilt(e, _with_lengths)


def _names(symbol: Symbol) -> tuple[str, str]:
    return symbol.name, symbol.name


def _sized(size: Size) -> tree.Size:
    return tree.Size(str(size.root().number), str(size.root().number))


def _own(value: Paper) -> list[Ix]:
    return [i for i in value.axes if i is not None]


def _places(value: Paper) -> tuple[int, ...]:
    return tuple(k for k, i in enumerate(value.axes) if i is not None)
