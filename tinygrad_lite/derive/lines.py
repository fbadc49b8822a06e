"""The steps of a derivation: every named node, its definition, and what it hands on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow, sweep
from ..graph.node import Node
from .algebra import atom, delta, multiply, total
from .checks import Program
from .cotangents import Cotangents
from .paper import Paper
from .parts import number
from .records import Formula, Line, Share
from .terms import Ix, Symbol, index
from .verify import agrees
from .work import Work


class Lines:
    """Makes the lines of a derivation, from the result down."""

    def __init__(self, work: Work) -> None:
        self.work, self.reading = work, work.reading
        graph = work.graph
        self.named = {n for n in graph.order if n in self.reading.symbols and not n.constant}
        self.named.add(graph.root)
        self.cotangents = Cotangents(self.reading, work.simplifier, True, self.named)
        leaves = [n for n in self.named if n.op is None]
        axes = self.reading.values[graph.root].axes
        self.gradients: Mapping[Node, object] = {}
        if work.scalar:
            self.found = self.cotangents.toward(Paper(number(1), axes), leaves)
            self.gradients = sweep(graph.root, np.ones(graph.root.shape))
        else:
            self.found = {}

    def adjoints(self) -> dict[Node, Formula]:
        """The cotangent of every named node below the result, in terms of those above it."""
        arriving = {**self.cotangents.arriving, **self.found}
        back, order = self.work.back, self.work.graph.order
        named = [n for n in order if n in self.named and n in arriving and n in back]
        return {back[n]: self._adjoint(n, arriving[n]) for n in named if n is not order[0]}

    def _adjoint(self, node: Node, value: Paper) -> Formula:
        name = f"δ_{self._name(node)}"
        return self.work.formula(name, value)

    def _name(self, node: Node) -> str:
        symbol = self.reading.symbols.get(node)
        return symbol.name if symbol is not None else self.work.called(self.work.request.y)

    def lines(self) -> tuple[Line, ...]:
        """A line for every named node that an op made, consumers first."""
        back = self.work.back
        adjoints = self.adjoints()
        found = []
        for node in self.work.graph.order:
            if node not in self.named or node.op is None or node not in back:
                continue
            old = back[node]
            if node is not self.work.graph.root and old not in adjoints:
                continue
            symbol = self.reading.symbols.get(node)
            value = self.reading.defined[symbol] if symbol else self.reading.values[node]
            definition = self.work.formula(self._name(node), value)
            found.append(
                Line(old, self._name(node), definition, adjoints.get(old), self._shares(node))
            )
        return tuple(found)

    def _region(self, node: Node) -> set[Node]:
        """The unnamed nodes that a named one is made of."""
        found = {node}
        stack = [node]
        while stack:
            for x in stack.pop().parents():
                if x not in found and x not in self.named and not x.constant:
                    found.add(x)
                    stack.append(x)
        return found

    def _shares(self, node: Node) -> tuple[Share, ...]:
        region = self._region(node)
        order = [n for n in self.work.graph.order if n in region]
        symbol = self.cotangents.symbols.get(node)
        axes = self.reading.values[node].axes
        if symbol is None:
            g = Paper(number(1), axes)
        else:
            g = Paper(atom(symbol, [i for i in axes if i is not None]), axes)
        pulled = flow(order, {node: g}, self.reading.handed)
        out, units = self._units(node)
        moved = flow(order, {node: units}, self.reading.handed)
        shares = []
        for x in reversed(self.work.graph.order):
            if x in pulled and x in self.named and x is not node and x in self.work.back:
                shares.append(self._share(node, x, pulled[x], moved[x], out, order))
        return tuple(shares)

    def _units(self, node: Node) -> tuple[list[Ix | None], Paper]:
        axes = self.reading.values[node].axes
        out = [None if i is None else index(i.size) for i in axes]  # type: ignore[arg-type]
        pairs = [(o, i) for o, i in zip(out, axes, strict=True) if o is not None and i is not None]
        return out, Paper(multiply([(delta(o, i), 1) for o, i in pairs]), axes)

    def _share(
        self,
        node: Node,
        x: Node,
        pulled: Paper,
        moved: Paper,
        out: list[Ix | None],
        order: Collection[Node],
    ) -> Share:
        work = self.work
        best = work.simplifier.best
        name = self._name(x)
        handed = work.formula(f"δ_{name}", Paper(best(pulled.expr), pulled.axes))
        if not self._agrees(handed, node, x, order):
            handed = work.formula(f"δ_{name}", pulled)
        known = self.reading.symbols[x]
        d = Symbol(f"d:{name}", known.shape, known.axes, known.depth, x, known.sizes)
        own = [i for i in moved.axes if i is not None]
        change = total(own, multiply([(moved.expr, 1), (atom(d, own), 1)]))
        differential = work.formula(f"d:{self._name(node)}", Paper(best(change), out))
        return Share(work.back[x], name, handed, differential)

    def _agrees(self, handed: Formula, node: Node, x: Node, order: Collection[Node]) -> bool:
        """Whether what is written gives what the rules give, at the recorded data."""
        g = self.gradients.get(node)
        if g is None:
            return True
        expected = flow(order, {node: g}, contribution).get(x)
        values = dict(self.work.checks.trials[0].values)
        symbol = self.cotangents.symbols.get(node)
        if symbol is not None:
            values[symbol] = g
        try:
            found = Program(handed, (), self.work.printer)(values)
            return agrees(found, expected, self.work.checks.trials[0].noise)
        except (SyntaxError, NameError, ValueError, TypeError):
            return False
