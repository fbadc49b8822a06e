"""Chains of additions, subtractions and negations as one sum of signed terms, and levels.

((b + w0 * x0) + w1 * x1) - c is the sum of b, w0 * x0, w1 * x1 and -c. A number that has one
consumer, a sum, is not computed by itself; level by level, what is left depends on lower levels.
"""

from __future__ import annotations

from ... import ops
from ...graph.op import NO_PARAMS
from .walk import CONSTANT, NOTHING, Kind, Scalars

Term = tuple[int, ...]  # (sign, z), or (sign, u, v) for a product
SUM = Kind(ops.add, NO_PARAMS)  # what every sum of terms is called
_LONG = 1000  # terms that are not turned around again


class Levels:
    """The numbers that are computed: `terms` of each sum, `level` of each number (leaves are 0),
    and `groups`, by level and kind, the numbers in order."""

    def __init__(self, graph: Scalars) -> None:
        self.terms: dict[int, list[Term]] = {}
        self.level = [0] * len(graph.kinds)
        self.groups: dict[tuple[int, Kind], list[int]] = {}
        self._absorbed = bytearray(len(graph.kinds))
        self._graph = graph
        self._zeros = {graph.constant(0.0), graph.constant(-0.0)}
        self._collapse()
        self._order()

    def _collapse(self) -> None:
        graph, terms = self._graph, self.terms
        first, second = graph.first, graph.second
        self._uses = _uses(graph)
        for i, kind in enumerate(graph.kinds):
            if kind is None:
                continue
            op = kind.op
            if op is ops.add or op is ops.subtract:
                found = self._joined([], first[i], 1)
                terms[i] = self._joined(found, second[i], 1 if op is ops.add else -1)
            elif op is ops.negative:
                terms[i] = self._joined([], first[i], -1)

    def _joined(self, found: list[Term], z: int, sign: int) -> list[Term]:
        """The terms `found` and `sign` times number z."""
        if z in self._zeros:
            return found
        graph, alone = self._graph, z < CONSTANT and self._uses[z] == 1
        old = self.terms.get(z) if alone else None
        if old is not None and (sign > 0 or len(old) < _LONG):
            self._absorbed[z] = 1
            del self.terms[z]
            if sign < 0:
                old = [(-term[0], *term[1:]) for term in old]
            if len(found) < len(old):
                found, old = old, found
            found += old
        elif alone and (kind := graph.kinds[z]) is not None and kind.op is ops.multiply:
            self._absorbed[z] = 1
            found.append((sign, graph.first[z], graph.second[z]))
        else:
            found.append((sign, z))
        return found

    def _order(self) -> None:
        graph, level, terms, absorbed = self._graph, self.level, self.terms, self._absorbed
        for i, kind in enumerate(graph.kinds):
            if kind is None or absorbed[i]:
                continue
            highest = 0
            if i in terms:
                kind = SUM
                for term in terms[i]:
                    for z in term[1:]:
                        if z < CONSTANT and level[z] > highest:
                            highest = level[z]
            else:
                for z in graph.inputs(i):
                    if z < CONSTANT and level[z] > highest:
                        highest = level[z]
            level[i] = highest + 1
            self.groups.setdefault((highest + 1, kind), []).append(i)


def _uses(graph: Scalars) -> list[int]:
    """How often each number is used; two is many."""
    uses = [0] * len(graph.kinds)
    for inputs in (graph.first, graph.second):
        for z in inputs:
            if NOTHING < z < CONSTANT:
                uses[z] += 1
    for several in graph.more.values():
        for z in several:
            if z < CONSTANT:
                uses[z] += 2
    uses[-1] += 2  # the root is asked for
    return uses
