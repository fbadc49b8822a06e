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

from ..backprop.chain import contribution, local
from ..backprop.chain import slope as slope_of
from ..backprop.recording import RECORDING
from ..backprop.tangents import recorded_step
from ..graph.backend import in_numpy
from ..graph.context import enable_grad, recording_rules
from ..graph.meta import Meta
from ..graph.node import Array, Node, fresh, topological_order
from ..graph.op import ATOM, SUM
from ..notation import mathematics, tree
from ..notation.code import NoCode, code
from ..notation.mathematics import Mathematics, Written
from ..notation.style import UNICODE
from ..notation.tree import ELLIPSIS, Tree
from .algebra import rebuilt
from .matrices import NoMatrix
from .paper import Paper, Unreadable, broadcast, named
from .parts import exact, head, number
from .printer import Formula, Printer, symbols_in
from .read import UNREADABLE, Graph, Reading
from .simplify import Simplifier
from .terms import SIZE, Expr, Size, Symbol, Table
from .verify import agrees, run

Names = Mapping[int, Any]  # id of a node or array -> a name, or `Written`
_REMEMBERED = 4096  # forms; when they are more, all are forgotten
_LITERAL = (0, 1)  # numbers that arithmetic would leave out of an op's own formula
_DEPTH = 2  # inputs without a name are written out so deep
_FIRST = 10**6  # the rank of a cotangent in a product: it comes first
_LAST = 10**5  # of the result; of inputs less, by their place
_SAMPLES = (0.5, 2.0)  # one of them is in the domain of every function of one variable here
NOTHING = Written("", mathematics.ATOM)
_STYLE = replace(UNICODE, name=str)  # names as the user writes them


class _Plain(Printer):
    """Writes names as they are, and lengths as numbers."""

    def name(self, symbol: Symbol) -> tuple[str, str]:
        return symbol.name, symbol.name

    def size(self, size: Size) -> tree.Size:
        return tree.Size(str(size.root().number), str(size.root().number))


@dataclass(frozen=True)
class Form:
    """What was found, and its tree as it is `shown`: in index notation, with `indices`, where there
    is no matrix form. `within` are the trees of what has a name of ours, such as labels by place.
    """

    formula: Formula
    shown: Tree
    indices: str = ""
    within: Mapping[str, Tree] = field(default_factory=dict)

    @property
    def matrix(self) -> bool:
        """Whether it has a matrix form."""
        return self.formula.matrix

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it is of arrays x0, x1, ..., y and G."""
        lines = [f"{name} = {code(t, t.axes, str)}" for name, t in self.within.items()]
        names = {**self.formula.printer.callables, **values}
        return run("\n".join(lines), self.formula.numpy, names)

    def written(self, known: Mapping[str, Written]) -> Written:
        """The same in Unicode."""
        inner = Mathematics(_STYLE, known)
        known = {**{name: inner.write(t) for name, t in self.within.items()}, **known}
        found = Mathematics(_STYLE, known).write(self.shown)
        if not self.indices:
            return found
        return Written(f"{found.body} at {self.indices}", mathematics.SUM)

    def of(
        self, inputs: Sequence[Any], y: Any, names: Names, G: Written = NOTHING, depth: int = _DEPTH
    ) -> Written:
        """The same in the names of the inputs and the result, given the cotangent's. Inputs without
        a name are written out `depth` deep."""
        known = {f"x{k}": called(x, names, depth) for k, x in enumerate(inputs)}
        known |= {"y": called(y, names, depth + 1), "G": G}
        return self.written(known)


def write(node: Node, names: Names, *, depth: int = _DEPTH) -> str:
    """The op of `node` with its inputs' names, as in `W x`; functions by their name, with settings.
    Inputs without a name are written out `depth` deep. "" for an op that cannot be read."""
    if node.op is None:
        return called(node, names, 0).body
    form = operation(node)
    return form.of(node.inputs, node, names, depth=depth).body if form is not None else ""


def local_text(node: Node, index: int, names: Names) -> str:
    """The local derivative of an elementwise op for one input, as in `s ⊙ (1 − s)`; "" if its rule
    cannot be read."""
    form = slope(node, index)
    return form.of(node.inputs, node, names).body if form is not None else ""


def pullback_text(node: Node, index: int, names: Names, *, cotangent: str = "G") -> str:
    """What `node` hands to one input, as in `G xᵀ`, given its own cotangent's name. The sum over
    axes along which the input was broadcast is included. "" if its rule cannot be read."""
    found = handed(node, index, names, worded(cotangent))
    return found.body if found is not None else ""


def worded(cotangent: str) -> Written:
    """The words for a cotangent: a name, or a sum for all that is known."""
    return Written(cotangent, mathematics.ATOM if cotangent.isidentifier() else mathematics.SUM)


def handed(node: Node, index: int, names: Names, cotangent: Written) -> Written | None:
    """The same, given how the cotangent is written; None if the rule cannot be read."""
    form = pulled(node, index)
    return form.of(node.inputs, node, names, cotangent) if form is not None else None


def called(x: Any, names: Names, depth: int) -> Written:
    """A name, a number, or what has no name written out `depth` deep."""
    found = names.get(id(x))
    if found is not None:
        return found if isinstance(found, Written) else Written(found, mathematics.ATOM)
    if is_number(x):
        return Mathematics(_STYLE).write(tree.number(exact(float(x))))
    if isinstance(x, Node) and x.op is not None and depth:
        form = operation(x)
        if form is not None:
            known = {f"x{k}": called(a, names, depth - 1) for k, a in enumerate(x.inputs)}
            return form.written(known)
    return Written("…", mathematics.ATOM)


def operation(node: Node) -> Form | None:
    """The op of `node`, as the code has it: x ⊙ x is no square."""
    op: Any = node.op

    def read(twin: Array) -> Form:
        reading = reading_of(twin)
        form = form_of(reading.defined[reading.symbols[twin]], reading, shorter=False)
        mask = op.elementwise and form.shown.kind == tree.NAME
        if mask or op.precedence < ATOM or form.shown.kind in (tree.TRANSPOSE, tree.INVERSE):
            return form
        names = [Tree(tree.NAME, value=tree.Name(f"x{k}", "")) for k in range(len(twin.inputs))]
        applied = form.formula.printer.matrices.applied(head(op, **node.params))
        return Form(form.formula, Tree(tree.APPLY, tuple(names), (), applied))

    key = "op", *_kind(node, literal=True)
    return _remembered(key, lambda: read(_twin(node, literal=True)))


def slope(node: Node, index: int) -> Form | None:
    """The local derivative of an elementwise op; None if its rule cannot be read, or if what was
    read is not what the rule gives."""
    op: Any = node.op

    def read(twin: Array) -> Form | None:
        found = local(op, index, RECORDING, twin, twin.inputs, twin.params)
        reading = reading_of(twin)
        known = isinstance(found, Node)
        value = reading.of_rule(found, {}) if known else Paper(number(exact(found)))
        form = form_of(value, reading)
        expected = np.broadcast_to(slope_of(twin, index), twin.shape)
        got = np.broadcast_to(form.value(_values(twin)), twin.shape)
        return form if agrees(got, expected) else None

    return _remembered(("slope", index, *_kind(node)), lambda: read(_twin(node)))


def pulled(node: Node, index: int) -> Form | None:
    """What `node` hands to its input `index`, given its cotangent G; None as for `slope`."""

    def read(twin: Array, rule: tuple[Node, Node] | None) -> Form | None:
        if rule is None:
            return None
        values = _values(twin)
        expected = contribution(twin, index, values["G"])
        return handed_form(twin, twin.inputs[index], *rule, values, expected)

    key = "pull", index, *_kind(node)
    assert node.op is not None
    if node.op.elementwise:
        return _remembered(key, lambda: read(twin := _twin(node), recorded_step(twin, index)))
    twin = aside(lambda: _twin(node))
    rule = aside(lambda: recorded_step(twin, index)) if twin is not None else None
    parts = [] if rule is None else topological_order(rule[1])  # a rule may look at its data
    branch = tuple((n.op, head(n.op, **n.params).key) for n in parts if n.op is not None)
    return _remembered((*key, branch), lambda: read(twin, rule))


# --- reading


_found: dict[Any, Form | None] = {}
_UNREADABLE = (*UNREADABLE, NoMatrix, NoCode, ArithmeticError, SyntaxError)


def aside(f: Callable[[], Any]) -> Any:
    """f outside of the user's scopes and settings, None for what cannot be read; what is run to be
    read may overflow."""

    def run_() -> Any:
        with suppress(*_UNREADABLE), Table(), recording_rules(), np.errstate(all="ignore"):
            return f()

    return contextvars.Context().run(run_)


def _remembered(key: Any, read: Callable[[], Form | None]) -> Form | None:
    """The form of a step of this kind."""
    if key not in _found:
        if len(_found) >= _REMEMBERED:
            _found.clear()
        _found[key] = aside(read)
    return _found[key]


def _kind(node: Node, *, literal: bool = False) -> tuple[Any, ...]:
    """What tells steps apart."""
    op: Any = node.op
    places: dict[int, int] = {}
    inputs: list[Any] = []
    for k, (x, a) in enumerate(zip(node.inputs, node.operands, strict=True)):
        if is_number(x):
            inputs.append(float(x))
        else:
            kind = getattr(a, "shape", ()), getattr(a, "dtype", None)
            inputs.append((*kind, k if literal else places.setdefault(id(x), k)))
    settings = head(op, **node.params).key if node.params else ()
    return op, settings, tuple(inputs), node.shape


def is_number(x: Any) -> bool:
    """Whether an input is a plain number."""
    return not isinstance(x, Node) and not getattr(x, "ndim", 0)


def _twin(node: Node, *, literal: bool = False) -> Any:
    """The same op on leaves of its own, in float64. One that works entry by entry is run in its
    domain, since rules record more where they are NaN, and axes that run together are one."""
    op: Any = node.op
    data = [wide(a) for a in node.operands]
    if not op.elementwise:
        return _run(node, data, literal)
    data = _merged(data)
    for value in _SAMPLES:
        tried = [
            a if is_number(x) or a.dtype.kind != "f" else np.full_like(a, value)
            for x, a in zip(node.inputs, data, strict=True)
        ]
        with suppress(Exception):
            twin = _run(node, tried, literal)
            if np.isfinite(twin.data).all():
                return twin
    return _run(node, data, literal)


def _run(node: Node, data: Sequence[Any], literal: bool) -> Any:
    op: Any = node.op
    made: dict[Any, Any] = {}
    inputs: list[Any] = []
    for k, (x, a) in enumerate(zip(node.inputs, data, strict=True)):
        if is_number(x) and not (literal and (op.precedence == SUM or x in _LITERAL)):
            inputs.append(x)
            continue
        key = k if literal else id(x)
        if key not in made:
            made[key] = fresh(None, a)
            made[key]._meta = Meta(f"x{k}")
        inputs.append(made[key])
    with enable_grad():
        twin = op(*inputs, **node.params)
    if not isinstance(twin, Array) or twin.op is not op:
        raise Unreadable(op.name)
    return twin


def wide(a: Any) -> Any:
    """An array to be read at: finite, in float64."""
    a = in_numpy(a)
    return np.where(np.isfinite(a), a, _SAMPLES[0]).astype(float) if a.dtype.kind == "f" else a


def _merged(arrays: Sequence[Any]) -> list[Any]:
    """Arrays that broadcast, with neighbouring axes made one that all of them have or lack."""
    ndim = max((a.ndim for a in arrays), default=0)
    if ndim < 3:
        return list(arrays)
    padded = [a.reshape((1,) * (ndim - a.ndim) + a.shape) for a in arrays]
    kinds = [tuple(a.shape[k] == 1 for a in padded) for k in range(ndim)]
    starts = [k for k in range(ndim) if not k or kinds[k] != kinds[k - 1]]
    pairs = list(zip(starts, [*starts[1:], ndim], strict=True))
    return [a.reshape([int(np.prod(a.shape[i:j])) for i, j in pairs]) for a in padded]


def _values(twin: Array) -> dict[str, Any]:
    """The arrays of a twin by their names, and a cotangent."""
    G = np.random.default_rng(0).normal(size=twin.shape)
    return {f"x{k}": in_numpy(a) for k, a in enumerate(twin.operands)} | {"y": twin.data, "G": G}


def reading_of(twin: Array) -> Reading:
    """The twin on paper, without names for parts. No fact about its data is used."""
    leaves = [x for x in topological_order(twin) if x.op is None]
    names = {id(x): str(x._meta.name) for x in leaves if x._meta is not None} | {id(twin): "y"}
    return _Reading(_Graph(twin, names, {twin}, set(leaves)))


class _Graph(Graph):
    """A graph of which no fact is looked for, and whose parts get no names."""

    large = True
    long = float("inf")


class _Reading(Reading):
    """Names in the order of the op's inputs."""

    def _symbol(self, x: Any, name: str, data: Any, depth: int) -> Symbol:
        place = int(name[1:]) if name[1:].isdigit() else -1
        return super()._symbol(x, name, data, _LAST - place)


def handed_form(
    y: Array,
    x: Node,
    G: Node,
    handed: Node,
    values: Mapping[str, Any],
    expected: Any,
    *,
    one: bool = False,
) -> Form | None:
    """What is handed to x, recorded with the leaf G as the cotangent of y (with `one`, that is 1);
    None if it says something else than is `expected` at the arrays `values`."""
    reading = reading_of(y)
    value, target = reading.values[y], reading.values[x]
    seed = named(Symbol("G", value.shape, (), _FIRST, cotangent=True), value.axes)
    found = reading.of_rule(handed, {G: Paper(number(1)) if one else seed})
    if np.shape(expected) == x.shape:
        found = broadcast(lambda _, e: e, Paper(number(0), target.axes), found)
    form = form_of(found, reading)
    return form if agrees(np.squeeze(form.value(values)), np.squeeze(expected)) else None


def form_of(value: Paper, reading: Reading, *, shorter: bool = True) -> Form:
    """What a value on paper is written as."""
    e = value.expr
    if shorter:
        e = _with_lengths(e)
        e = Simplifier(reading.definitions).best(e)
    printer = _Plain(())
    used, within = symbols_in(e), {}
    for s in reversed(reading.symbols.values()):
        if s.invented and s in used:
            made = reading.defined.get(s)
            within[s.name] = ELLIPSIS if made is None else printer.matrices.tree(made.expr)
            used |= symbols_in(made.expr) if made is not None else {}
    within = dict(reversed(within.items()))
    formula = Formula(Paper(e, value.axes), printer)
    shown, indices = formula.shown, ""
    if not formula.matrix:
        shown, indices = formula.entry, formula.indices
    if shown.kind == tree.ENTRY and shown.axes == tuple(indices):  # all entries: the array
        shown, indices = shown.args[0], ""
    return Form(formula, shown, indices, within)


def _with_lengths(e: Expr) -> Expr:
    """The same with lengths as numbers."""
    if e.kind == SIZE:
        return number(e.head.root().number)
    return rebuilt(e, _with_lengths)
