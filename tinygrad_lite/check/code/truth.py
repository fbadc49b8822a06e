"""What the lines of a derivation should be: the gradients of a graph, and what they add up from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...backprop.chain import contribution
from ...backprop.jacobians import jacobian
from ...graph.node import Node
from ..tape import Tape, names_for
from .derivation import Data

Vector = Any  # a NumPy array


@dataclass(eq=False)
class Truth:
    """The gradients, by the user's nodes; with `jacobians` the derivative of a loss that is no
    single number, an array of both shapes."""

    tape: Tape
    of: Mapping[Node, Node]  # the tape's node for each of the user's
    jacobians: bool = False
    _known: dict[Node, Vector] = field(default_factory=dict)
    _parts: dict[Node, list[Vector]] = field(default_factory=dict)
    _sums: dict[tuple[Node, tuple[int, ...]], Vector] = field(default_factory=dict)

    def gradient(self, node: Node) -> Vector:
        """The derivative with respect to a node."""
        if not self.jacobians:
            return self.tape.g[self.of[node]]
        if node not in self._known:
            self._known[node] = np.asarray(jacobian(self.tape.root, self.of[node]))
        return self._known[node]

    def parts(self, node: Node) -> list[Vector]:
        """What each use of a node adds to its gradient, the uses nearest to the loss first."""
        tape = self.tape
        if self.jacobians:
            return [self.gradient(node)]
        if node not in self._parts:
            uses = tape.consumers[self.of[node]]
            self._parts[node] = [np.asarray(contribution(n, i, tape.g[n])) for n, i in uses]
        return self._parts[node]

    def sum(self, node: Node, parts: tuple[int, ...]) -> Vector:
        """What some uses of a node add up to."""
        if (node, parts) not in self._sums:
            every = self.parts(node)
            zero = np.zeros(np.shape(every[0]))
            self._sums[node, parts] = sum((every[i] for i in parts), zero)
        return self._sums[node, parts]

    def on(self, data: Data) -> Truth:
        """The same for other data."""
        root = next(user for user, twin in self.of.items() if twin is self.tape.root)
        names = names_for(data.twin, self.tape.user_names)
        tape = Tape(data.twin[root], self.tape.seed, names)
        found = {user: tape.twin[data.twin[user]] for user in self.of if user in data.twin}
        return Truth(tape, found, self.jacobians)
