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
        return [np.asarray(contribution(n, i, tape.g[n])) for n, i in tape.consumers[self.of[node]]]

    def on(self, data: Data) -> Truth:
        """The same for other data."""
        root = next(user for user, twin in self.of.items() if twin is self.tape.root)
        names = names_for(data.twin, self.tape.user_names)
        tape = Tape(data.twin[root], self.tape.seed, names)
        found = {user: tape.twin[data.twin[user]] for user in self.of if user in data.twin}
        return Truth(tape, found, self.jacobians)
