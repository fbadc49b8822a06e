"""The named steps of a derivation, from the result down: what each is, how it moves with its
inputs, and what it hands to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow, leading_to, sweep
from ..graph.node import Node
from ..graph.reach import reached
from .algebra import atom, delta, multiply, total
from .cotangents import substituted
from .measure import cost
from .moves import is_move
from .paper import Axis, Paper, again, named, running
from .parts import is_zero, number
from .printer import Formula, symbols_in
from .terms import Expr, Symbol
from .verify import agrees
from .work import Work

Rewrite = Callable[[Paper], Paper]


def unchanged(paper: Paper) -> Paper:
    """The same."""
    return paper


TOLERANCE = 1e-9
SHORT = 2.5  # a cotangent that costs no more is written out where it is used


@dataclass(frozen=True)
class Part:
    """What a step has to do with one of its named inputs: its part of dy, linear in dx, what it
    adds to ∂E/∂x, and the Jacobian ∂y/∂x, whose axes are those of y, then of x. All were executed;
    of an op that is known by its pullback only there is no Jacobian, and unless it is linear, not
    `held`, only what it adds."""

    x: Node
    name: str
    differential: Formula
    pulled: Formula
    jacobian: Formula | None
    held: bool


@dataclass(frozen=True)
class Line:
    """One named step y. `cotangent` is ∂E/∂y as it is used, by name or written out; `value` is what
    the name stands for, None where it is written out."""

    node: Node
    name: str
    definition: Formula
    cotangent: Formula
    value: Formula | None
    parts: tuple[Part, ...]

    def __repr__(self) -> str:
        return f"<step {self.name} {self.definition.shape}>"


class Finder:
    """Finds the lines of a derivation. Its table of expressions has to be in use. `rewrite` changes
    differentials and what is handed on before they are shown."""

    def __init__(self, work: Work, rewrite: Rewrite) -> None:
        self.work, self.rewrite = work, rewrite
        self.unwritten: dict[str, None] = {}  # what the lines lack
        self.reading, self.cotangents = work.reading, work.cotangents
        self.graph, self.printer = work.graph, work.printer
        self.within = leading_to(self.graph.order, work.xs)
        values = self.cotangents.values
        self.shortest = work.simplifier.shortest
        self.gradients: Mapping[Node, Any] = {}
        if work.scalar:
            self.gradients = sweep(self.graph.root, np.ones(self.graph.root.shape))
        self.known = {s: x.data for x, s in self.reading.symbols.items() if isinstance(x, Node)}
        self.known |= {s: self.gradients[x] for x, s in self.cotangents.symbols.items()}
        self.inlined = {s: v for s, v in values.items() if cost(v.expr) <= SHORT}

    def lines(self) -> Iterator[Line]:
        """The lines, consumers first."""
        for node in self.graph.order:
            known = node in self.reading.symbols or node is self.graph.root
            if node.op is not None and node in self.within and known:
                parts = tuple(self._parts(node))
                if parts:
                    yield self._line(node, parts)

    def _line(self, node: Node, parts: tuple[Part, ...]) -> Line:
        value = self._defined(node)
        delta_ = self.cotangents.symbols.get(node)
        known = None
        if delta_ is not None and delta_ not in self.inlined:
            used = self._used(self.cotangents.values[delta_])
            known = Formula(self.rewrite(used), self.printer)
        definition, cotangent = (
            Formula(paper, self.printer) for paper in (value, self._cotangent(node))
        )
        return Line(node, self.work.name(node), definition, cotangent, known, parts)

    def _defined(self, node: Node) -> Paper:
        """What a step is, in terms of those before it."""
        symbol = self.reading.symbols.get(node)
        known = self.reading.defined.get(symbol) if symbol is not None else None
        return self.reading.values[node] if known is None else known

    def _used(self, paper: Paper) -> Paper:
        """The same with short cotangents written out."""
        return self.shortest(Paper(substituted(paper.expr, self.inlined), paper.axes))

    def _cotangent(self, node: Node) -> Paper:
        """∂E/∂y as it is used: 1 at the root."""
        axes = self.reading.values[node].axes
        symbol = self.cotangents.symbols.get(node)
        if symbol is not None:
            return self._used(Paper(atom(symbol, running(axes)), axes))
        arrived = self.cotangents.arriving.get(node)
        return self._used(arrived) if arrived is not None else Paper(number(1), axes)

    def _parts(self, node: Node) -> Iterator[Part]:
        axes = self.reading.values[node].axes
        out = [again(i) for i in axes]
        over = running(out)
        pairs = zip(over, running(axes), strict=True)
        unit = Paper(multiply([(delta(o, i), 1) for o, i in pairs]), axes)
        g = self._cotangent(node).on(out)
        region, inputs = self._region(node)
        swept = flow(region, {node: unit}, self.reading.handed, within={*region, *inputs})
        for x in (x for x in inputs if x in swept):
            J = self.shortest(swept[x])
            if is_zero(J.expr):
                continue
            name = self.work.name(x)
            plain = [
                Paper(moved(J, name), out),
                Paper(total(over, multiply([(J.expr, 1), (g, 1)])), J.axes),
            ]
            short = [*map(self.shortest, plain)]
            forms, moves = [short, plain], any(map(is_move, reached([J.expr], lambda e: e.args)))
            if not moves:
                known = next((p for p in forms if self._holds(node, x, region, *p)), None)
            if moves or known is None:  # one that is known by its pullback alone, or moves
                at_node = self._cotangent(node)
                alone = flow(region, {node: at_node}, self.reading.handed, within={*region, x})[x]
                handed = self.shortest(alone)
                whole = [self._alike(node, x, J, out), handed]
                forms = [whole, [short[0], handed]] if moves else []
                known = next((p for p in forms if self._holds(node, x, region, *p)), None)
            if known is None:
                short = whole
                if not self._pulls(node, x, region, short[1]):
                    said = f"what {self.work.name(node)} hands to {name} is left out of the steps"
                    self.unwritten[f"{said}: no formula for it passed the check"] = None
                    continue
            differential, pulled = (Formula(self.rewrite(p), self.printer) for p in known or short)
            jacobian = Formula(Paper(J.expr, (*out, *J.axes)), self.printer, first=len(over))
            held = known is not None or self._moves(node, x, region, short[0])
            yield Part(x, name, differential, pulled, jacobian if known else None, held)

    def _alike(self, node: Node, x: Node, J: Paper, out: Sequence[Axis]) -> Paper:
        """dy of an op that is linear in x: what it makes of dx."""
        y = self._defined(node)
        axes = [again(i) for i in self.reading.values[x].axes]
        dx = named(Symbol(f"d:{self.work.name(x)}", J.shape, ()), axes)
        return Paper(substituted(y.on(out), {self.reading.symbols[x]: dx}), out)

    def _holds(
        self, node: Node, x: Node, region: Sequence[Node], differential: Paper, pulled: Paper
    ) -> bool:
        """Whether both are what the rules give."""
        moves = self._moves(node, x, region, differential)
        return moves and self._pulls(node, x, region, pulled)

    def _moves(self, node: Node, x: Node, region: Sequence[Node], differential: Paper) -> bool:
        """Whether this is how a step moves with x, at the recorded data: G : dy = P : dx."""
        rng = np.random.default_rng(0)
        g = self._given(node)
        expected = self._expected(node, x, region)
        dx = rng.normal(size=x.shape)
        d = {s: dx for s in symbols_in(differential.expr) if s.name == f"d:{self.work.name(x)}"}
        dy = self._run(differential, d)
        if dy is None or np.shape(dy) != tuple(node.shape):
            return False
        both = np.array([np.sum(g * dy), np.sum(expected * dx)])
        size = np.sum(np.abs(g * dy)) + np.sum(np.abs(expected * dx))
        return bool(abs(both[0] - both[1]) <= TOLERANCE * size)

    def _pulls(self, node: Node, x: Node, region: Sequence[Node], pulled: Paper) -> bool:
        """Whether what is handed to x is what the rules hand it; of a Jacobian's steps it is not
        shown."""
        if node not in self.gradients or node is self.graph.root:
            return True
        found = self._run(pulled, {})
        noise = self.work.checks.trials[0].noise
        return found is not None and agrees(found, self._expected(node, x, region), noise)

    def _given(self, node: Node) -> Any:
        """A cotangent of a step: its own, where there is one."""
        if node in self.gradients and node is not self.graph.root:
            return self.gradients[node]
        return np.random.default_rng(1).normal(size=node.shape)

    def _expected(self, node: Node, x: Node, region: Sequence[Node]) -> Any:
        g = self._given(node)
        return np.asarray(flow(region, {node: g}, contribution, within={*region, x})[x])

    def _run(self, paper: Paper, more: Mapping[Symbol, Any]) -> Any:
        """The value of an array's code at the recorded data; None if it cannot be run."""
        return self.work.checks.value(Formula(paper, self.printer), {**self.known, **more})

    def _region(self, node: Node) -> tuple[list[Node], list[Node]]:
        """A named node and the unnamed ones that it is made of, consumers first, and the named ones
        that these are made of, as they stand in its definition."""
        named = self.reading.symbols.keys() - {node}

        def ahead(y: Node) -> list[Node]:
            return [x for x in y.parents() if x in self.within][::-1] if y not in named else []

        found = list(reached([node], ahead))
        inside = sorted(set(found) - named, key=self.graph.place.__getitem__)
        return inside, [x for x in found if x in named]


def moved(J: Paper, name: str) -> Expr:
    """J dx, given a Jacobian whose last axes, those on paper, are those of x."""
    dx = named(Symbol(f"d:{name}", J.shape, ()), J.axes)
    return total(running(J.axes), multiply([(J.expr, 1), (dx.expr, 1)]))
