"""Cotangents of named nodes, each in terms of those above: δ_z1 = W2ᵀ δ_z2 ⊙ a1 ⊙ (1 − a1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ..graph.node import Node
from ..graph.reach import reached
from .algebra import rebuilt
from .measure import cost
from .paper import Paper, named
from .printer import symbols_in
from .read import Reading
from .simplify import Simplifier
from .terms import ATOM, SIZE, Expr, Symbol

_MORE = 2.5  # what writing a cotangent out in another may add
_WHOLE = 9.0  # a formula that costs no more has no `where`
_SHARE = 0.8  # or costs at most this share of what it is put together from
_TOO_LONG = 24.0
_MANY = 8  # definitions, of which none is counted any more


def substituted(
    e: Expr, values: Mapping[Symbol, Paper], memo: dict[Expr, Expr] | None = None
) -> Expr:
    """e with entries of `values` in the place of some symbols."""
    memo = {} if memo is None else memo
    found = memo.get(e)
    if found is None:
        if e.kind == ATOM:
            value = values.get(e.head)
            found = e if value is None else entry(value, e)
        else:
            found = rebuilt(e, lambda x: substituted(x, values, memo))
        memo[e] = found
    return found


def entry(value: Paper, e: Expr) -> Expr:
    """The entry of an array that an atom asks for."""
    ix = iter(e.ix)
    return value.on([None if i is None else next(ix) for i in value.axes])


@dataclass
class Cotangents:
    """The sweep on paper. `arriving` has what arrives at named nodes in terms of those above them,
    `values` what the atoms stand for, `kept` the nodes whose cotangents are never written out.

    Without `named`, nothing gets an atom: the cotangents are in terms of the seed.
    """

    reading: Reading
    simplifier: Simplifier
    named: bool = True
    kept: Collection[Node] = ()
    arriving: dict[Node, Paper] = field(default_factory=dict)
    symbols: dict[Node, Symbol] = field(default_factory=dict)
    values: dict[Symbol, Paper] = field(default_factory=dict)

    def toward(self, seed: Paper, nodes: Collection[Node]) -> dict[Node, Paper]:
        """The cotangents of `nodes`, in terms of named ones."""
        found = self.reading.cotangents(seed, nodes, self._arrived)
        return {x: self.simplifier.shortest(found[x]) for x in nodes if x in found}

    def _arrived(self, node: Node, g: Paper) -> Paper:
        g = self.simplifier.shortest(g)
        known = self.reading.symbols.get(node)
        if not self.named or (known is None and cost(g.expr) <= self.reading.graph.long):
            return g
        self.arriving[node] = g
        graph = self.reading.graph
        closed = g if graph.large else Paper(self.shortened(g.expr), g.axes)
        if cost(closed.expr) <= 1 and node not in self.kept:
            return closed
        name = known.name if known is not None else graph.invent("t")
        count = len(graph.order)
        depth = count + (count - graph.place[node] if known is None else known.depth)
        symbol = Symbol(f"δ_{name}", g.shape, (), depth, source=node, cotangent=True)
        self.symbols[node] = symbol
        self.values[symbol] = value = closed.again()
        return named(symbol, value.axes)

    def above(self, e: Expr) -> list[Symbol]:
        """The cotangents that e is in terms of, nearest first."""
        found = [s for s in symbols_in(e) if s in self.values]
        return sorted(found, key=lambda s: s.depth)

    def shortened(self, e: Expr) -> Expr:
        """e with those cotangents written out that add little, or cancel."""
        tried: set[Symbol] = set()
        parts = reached([e], lambda x: x.args)
        if any(x.kind == SIZE and x.head is not x.head.root() for x in parts):
            e = self.simplifier.best(substituted(e, {}))  # some sizes are one by now
        while True:
            wanted = [s for s in self.above(e) if s not in tried and s.source not in self.kept]
            if not wanted:
                return e
            s = wanted[0]
            tried.add(s)
            again = substituted(e, {s: self.values[s]})
            if cost(again) > _TOO_LONG:
                continue
            again = self.simplifier.best(again)
            if cost(again) <= cost(e) + _MORE:
                e = again

    def whole(self, e: Expr) -> Expr | None:
        """e with all cotangents written out, if that is short, or shorter than its parts: then
        something cancelled."""
        most = max(_WHOLE, _SHARE * self._parts(e))
        while True:
            wanted = self.above(e)
            if not wanted:
                return e if cost(e) <= most else None
            if any(s.source in self.kept for s in wanted) or cost(e) > _TOO_LONG:
                return None
            e = substituted(e, {s: self.values[s] for s in wanted})
            e = self.simplifier.best(e) if cost(e) <= _TOO_LONG else e

    def _parts(self, e: Expr) -> float:
        definitions = reached(self.above(e), lambda s: self.above(self.values[s].expr))
        return cost(e) + sum(cost(self.values[s].expr) - 1 for s in islice(definitions, _MANY))
