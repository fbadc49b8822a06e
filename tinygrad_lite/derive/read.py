"""A recorded graph read into index expressions: what every node is, and what a step hands on."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

import numpy as np

from ..backprop.chain import applied
from ..backprop.flow import flow, leading_to
from ..backprop.tangents import recorded_step
from ..graph.backend import in_numpy
from ..graph.node import Node, topological_order
from ..graph.op import Op
from ..graph.reach import filled
from ..notation.names import unicode_name
from .algebra import add, multiply, total
from .constants import Made
from .fold import Definitions
from .measure import cost
from .moves import jacobian, moved
from .paper import Paper, Unreadable, again, broadcast, called, named, running, understood
from .parts import is_one, is_zero, number
from .simplify import expand
from .terms import CALL, Ix, Size, Symbol, index, table

# What the meaning of a user's op may raise on paper: it is opaque then.
UNREADABLE = (Unreadable, NotImplementedError, TypeError, ValueError, AttributeError, LookupError)
_LONG = 24.0  # an unnamed intermediate that costs more gets a name
_LONG_IN_LARGE = 2.5
_MANY = 400  # nodes of a graph that is large
SYMMETRIC, SUMS = "symmetric", "sums"  # the kinds of fact


@dataclass
class Graph:
    """The float64 twin of a graph, consumers first, and what its nodes and constants are called.

    `atoms` are the nodes that formulas may name, `variables` what is differentiated by, which no
    fact about the data is used of; by id, `derived` has constants that are made of another, `masks`
    those that hold truths; `declared` what the user says of arrays by name.
    """

    root: Node
    names: Mapping[int, str]
    atoms: Collection[Node]
    variables: Collection[Node]
    derived: Mapping[int, Made] = field(default_factory=dict)
    declared: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    masks: Collection[int] = ()
    order: list[Node] = field(init=False)
    place: dict[Node, int] = field(init=False)
    taken: set[str] = field(init=False)
    _counts: dict[str, Iterator[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.order = topological_order(self.root)
        reached = set(self.order)
        self.order += [x for x in self.variables if x not in reached]
        self.place = {node: k for k, node in enumerate(self.order)}
        self.restart()

    @property
    def large(self) -> bool:
        """Whether there is no time to search for short forms."""
        return len(self.order) > _MANY

    @property
    def long(self) -> float:
        """What an unnamed intermediate may cost without getting a name."""
        return _LONG_IN_LARGE if self.large else _LONG

    def restart(self) -> None:
        """Forget the names that were invented."""
        self.taken = set(self.names.values())
        self._counts.clear()

    def invent(self, letter: str) -> str:
        """A name that is not in use."""
        numbers = self._counts.setdefault(letter, count(1))
        plain = [letter] if letter.isupper() else []
        names = chain(plain, (f"{letter}{k}" for k in numbers))
        found = next(name for name in names if name not in self.taken)
        self.taken.add(found)
        return found


class Reading:
    """What every node of a graph is on paper: `values` by node, `symbols` of those with names."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.definitions = Definitions()
        self.values: dict[Node, Paper] = {}
        self.symbols: dict[Any, Symbol] = {}  # by node, or by id of a constant array
        self.defined: dict[Symbol, Paper] = {}  # what a name stands for
        self.constants: dict[int, Paper] = {}
        self.notes: dict[str, None] = {}
        self.wholes: set[Node] = set()  # what an op makes of arrays that it takes as wholes
        self._sizes: dict[tuple[int, int], Size] = {}
        self._held: list[Any] = []
        self._read()
        if not self._sizes:
            return
        # Once more, now that it is known which axes are equally long.
        self.definitions = Definitions()
        self.graph.restart()
        for found in (self.values, self.symbols, self.defined, self.constants, table().facts):
            found.clear()
        self._read()

    def _read(self) -> None:
        for depth, node in enumerate(reversed(self.graph.order)):
            if node in self.values:
                continue
            inputs = [self.value(x) for x in node.inputs]
            value = None if node.op is None else self._operated(node, inputs)
            self.values[node] = self._named(node, value, depth + 1)

    def _operated(self, node: Node, inputs: Sequence[Any]) -> Paper:
        assert node.op is not None
        found = None
        with suppress(*UNREADABLE):
            found = understood(node.op, inputs, dict(node.params))
        if not isinstance(found, Paper) or found.shape != node.shape:
            found = called(node.op, inputs, dict(node.params), node.shape)
        if found.expr.kind == CALL:
            self.wholes.add(node)
            if any(i.kind == "free" for body in found.expr.args for i in body.free):
                return self._contracted(node, inputs, found)
            self._join_others(node, inputs, found)
            for k, i in enumerate(found.axes):  # sizes are the same each time the node is read
                if i is not None and node in self.graph.place:
                    self._sizes.setdefault((id(node), k), i.size).join(i.size)
            if node.op.plain:
                return self._filled(node, found)
        return found

    def _join_others(self, node: Node, inputs: Sequence[Any], found: Paper) -> None:
        """What moves entries along some axes leaves the others as long as they are."""
        for at, x in enumerate(inputs):
            if isinstance(x, Paper):
                with suppress(*UNREADABLE):
                    moved(node, at, found.axes, x.axes)

    def _contracted(self, node: Node, inputs: Sequence[Any], found: Paper) -> Paper:
        """What an op that moves entries makes of arrays whose entries are arrays: no op takes
        these."""
        parts = []
        for at, x in enumerate(inputs):
            by = jacobian(node, at, found.axes, x.axes) if isinstance(x, Paper) else None
            if by is None:
                return found
            parts.append((1, total(running(x.axes), multiply([(by, 1), (x.expr, 1)]))))
        return Paper(add(parts), found.axes)

    def _filled(self, node: Node, value: Paper) -> Paper:
        """A constant that an op made, such as one-hot labels, gets a name: Y of the labels y."""
        known = self.graph.names.get(id(node.inputs[0]), "y")
        name = known.upper() if known.islower() and len(known) == 1 else "Y"
        symbol = self._symbol(node, self.graph.invent(name), node.data, 0)
        symbol.invented = True
        _look(symbol, in_numpy(node))
        symbol.observed.clear()  # by definition, for any labels
        self.defined[symbol] = value
        return named(symbol, value.again().axes)

    def value(self, x: Any) -> Any:
        """A node, constant array or number on paper."""
        if isinstance(x, Node):
            if x not in self.values:  # what a constant is made of
                self.values[x] = self._named(x, None, 0)
            return self.values[x]
        if not isinstance(x, np.ndarray):
            return Paper(number(float(x)))
        found = self.constants.get(id(x))
        if found is None:
            found = self.constants[id(x)] = self._leaf(x, self.graph.names.get(id(x)), "c", 0)
            self._held.append(x)  # of a rule it would be gone, and its id another array's
        return found

    def _leaf(self, x: Any, name: str | None, letter: str, depth: int) -> Paper:
        made = self.graph.derived.get(id(x))
        if made is not None:
            found: Paper = made.of(self.value(made.base))
            return found
        data = in_numpy(x)
        constant = name is None and letter == "c" and id(x) not in self.graph.masks
        if constant and data.size and (data == data.flat[0]).all():
            return Paper(number(float(data.flat[0])), self._axes(x, data.shape))
        if name is None:
            name = self.graph.invent(letter)
            what = {"c": "a constant", "p": "a leaf"}[letter]
            self.notes[f"{name} is a name for {what} of shape {data.shape} without one"] = None
        symbol = self._symbol(x, name, data, depth)
        symbol.invented = name not in self.graph.names.values()
        if x not in self.graph.variables if isinstance(x, Node) else True:
            _look(symbol, data)
        for kind, axis in self.graph.declared.get(name, ()):
            _declare(symbol, kind, axis)
            if not _holds(kind, axis, data):
                raise ValueError(f"derive: {symbol.observed[axis]} does not hold for the data")
        return named(symbol, self._axes(x, data.shape))

    def _axes(self, x: Any, shape: Sequence[int]) -> list[Ix | None]:
        """A trailing axis of length 1 is one at all sizes, and one that was repeated."""
        axes: list[Ix | None] = []
        for k, n in enumerate(shape):
            size = self._sizes.setdefault((id(x), k), Size(n))
            fixed_at_one = n == 1 and ((k and k == len(shape) - 1) or size.root().repeated)
            axes.append(None if fixed_at_one else index(size))
        return axes

    def _symbol(self, x: Any, name: str, data: Any, depth: int) -> Symbol:
        axes = tuple(range(data.ndim))
        op = x.op if isinstance(x, Node) else None
        mask = id(x) in self.graph.masks or (op is not None and op.plain and op.elementwise)
        found = Symbol(name, data.shape, axes, depth, source=x, mask=mask)
        self.symbols[x if isinstance(x, Node) else id(x)] = found
        return found

    def _named(self, node: Node, value: Paper | None, depth: int) -> Paper:
        """The value, or the atom that stands for it from now on."""
        name = self.graph.names.get(id(node))
        if value is None:
            letter = "c" if node.constant else "p"
            return self._leaf(node, name, letter, 0)
        wanted = node in self.graph.atoms and name is not None
        if not wanted:
            long = cost(value.expr) > self.graph.long and node is not self.graph.root
            if not long and not (node in self.graph.variables and node is not self.graph.root):
                return value
            name = self.graph.invent("t")
        assert name is not None
        symbol = self._symbol(node, name, in_numpy(node), depth)
        symbol.invented = not wanted
        self.defined[symbol] = value = value.again()
        own = running(value.axes)
        self.definitions.define(symbol, own, value.expr)
        for k, i in enumerate([] if self.graph.large else own):
            found = self.definitions.everywhere(expand(total([i], value.expr)))
            if is_one(found) or is_zero(found):
                symbol.sums[k] = int(found.head)
        return named(symbol, value.axes)

    # --- the chain rule

    def handed(self, node: Node, at: int, g: Paper) -> Paper:
        """What a node hands to its input `at`, given its cotangent g: one step."""
        x = node.inputs[at]
        target = Paper(number(0), self.values[x].axes)
        by, axes = None, [again(i) for i in target.axes]
        of_arrays = not g.expr.free <= set(g.axes)  # as what a Jacobian is swept from
        if of_arrays and node in self.wholes:
            by = jacobian(node, at, g.axes, axes)
        rule = recorded_step(node, at) if by is None else None
        if by is not None:
            c = Paper(total(running(g.axes), multiply([(by, 1), (g.expr, 1)])), axes)
        elif rule is None:
            inputs = [self.values[node], *map(self.value, node.inputs)]
            c = called(_pull(node, at), [g, *inputs], {}, x.shape)
        else:
            G, found = rule
            c = self.of_rule(found, {G: g})
        return broadcast(lambda _, e: e, target, c)

    def of_rule(self, root: Node, known: dict[Node, Paper]) -> Paper:
        """A recorded rule on paper, down to the nodes that are known."""
        papers = ChainMap(known, self.values)

        def made(node: Node) -> Paper:
            if node.op is None:
                alone = node.shape == ()
                return Paper(number(float(node.data))) if alone else self.value(node.data)
            return self._operated(
                node, [papers[x] if isinstance(x, Node) else self.value(x) for x in node.inputs]
            )

        found: Paper = filled(root, papers, made)
        return found

    def cotangents(self, seed: Paper, toward: Collection[Node], arrived: Any) -> dict[Node, Paper]:
        """The cotangent of every node that leads to one of `toward`. `arrived(node, g)` may put an
        atom in its place before it is handed on."""
        within = leading_to(self.graph.order, toward)
        put: dict[Node, Paper] = {}

        def step(node: Node, at: int, g: Shares) -> Shares:
            if node not in put:
                put[node] = arrived(node, g.total())
            return Shares([self.handed(node, at, put[node])])

        order = [node for node in self.graph.order if node in within]
        found = flow(order, {self.graph.root: Shares([seed])}, step, within=within)
        return {node: found[node].total() for node in toward if node in found}


def _pull(node: Node, at: int) -> Op:
    """The rule of a node for one input as an op of G, the result and the inputs: opaque."""
    op, params = node.op, dict(node.params)
    assert op is not None

    def forward(xp: Any, G: Any, result: Any, *operands: Any) -> Any:
        return applied(op, at, np, G, result, operands, params)

    forward.__name__ = f"{op.name}_pull{at}"
    pull = Op(forward, False, f"pull of {op.name}")
    pull.arity = None
    return pull


class Shares:
    """What has arrived at a node: added up once, since every sum of terms is sorted."""

    def __init__(self, parts: list[Paper]) -> None:
        self.parts = parts

    def __add__(self, other: Shares) -> Shares:
        self.parts += other.parts
        return self

    def total(self) -> Paper:
        """The sum."""
        return broadcast(lambda *entries: add([(1, e) for e in entries]), *self.parts)


def _look(symbol: Symbol, data: Any) -> None:
    """Facts that hold for the data of a leaf."""
    if data.ndim not in (1, 2) or not data.size:
        return
    if data.ndim == 2 and 1 < len(data) == data.shape[1]:
        symbol.identity = bool((data == np.eye(len(data))).all())
        if _holds(SYMMETRIC, -1, data):
            _declare(symbol, SYMMETRIC, -1)
    for axis, n in enumerate(data.shape):
        if n > 1 and _holds(SUMS, axis, data):
            _declare(symbol, SUMS, axis)


def _holds(kind: str, axis: int, data: Any) -> bool:
    if kind == SYMMETRIC:
        return bool(data.shape == data.T.shape and np.allclose(data, data.T, rtol=0, atol=1e-12))
    return bool(axis < data.ndim and np.allclose(data.sum(axis=axis), 1, rtol=0, atol=1e-12))


def _declare(symbol: Symbol, kind: str, axis: int) -> None:
    """A fact, and how it is told when it is used."""
    name, one = unicode_name(symbol.name), "𝟏"
    if kind == SYMMETRIC:
        symbol.symmetric = True
        symbol.observed[-1] = f"{name} = {name}ᵀ"
        return
    symbol.sums[axis] = 1
    row = f"{one}ᵀ {name} = {one}ᵀ" if len(symbol.shape) == 2 else f"{one}ᵀ {name} = 1"
    symbol.observed[axis] = row if axis == 0 else f"{name} {one} = {one}"
