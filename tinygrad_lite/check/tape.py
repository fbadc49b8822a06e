"""The recorded graph in float64, with the cotangent of every node and the user's names."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..names import name_all
from ..node import Array, Node, topological_order
from ..notation import write
from ..replay import replay
from ..sweep import contribution, sweep

Vector = Any  # a float64 NumPy array


class Tape:
    """A float64 twin of the graph of `root`, fused ops written out, and its gradients.

    `twin` maps the user's nodes to the tape's; `order` has the tape's nodes, consumers first;
    `g` the cotangent of each; `names` what nodes and constant arrays are called, by id.
    """

    def __init__(self, root: Node, seed: Any = None, names: Mapping[int, str] | None = None):
        order = topological_order(root)
        arrays = [a for n in order for a in n.inputs if not isinstance(a, (Node, float, int))]
        known = dict(name_all([*order, *arrays]) if names is None else names)
        self.user_root, self.user_names = root, known
        self.twin = replay(root, wide=True)
        self.root: Array = self.twin[root]  # type: ignore[assignment]
        self.order = topological_order(self.root)
        self.position = {node: i for i, node in enumerate(self.order)}
        self.seed = np.ones(self.root.shape) if seed is None else np.asarray(seed, dtype=float)
        self.g: dict[Node, Vector] = sweep(self.root, self.seed)
        self.user = {new: old for old, new in self.twin.items()}
        self.names = {id(new): known[id(old)] for old, new in self.twin.items() if id(old) in known}
        for old, new in self.twin.items():
            if new.op is old.op:
                for x, a in zip(old.inputs, new.inputs, strict=True):
                    if not isinstance(x, Node) and id(x) in known:
                        self.names[id(a)] = known[id(x)]
        self.consumers: dict[Node, list[tuple[Node, int]]] = {node: [] for node in self.order}
        for node in self.order:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node) and x in self.g and node in self.g:
                    self.consumers[x].append((node, index))

    def above(self, target: Node) -> list[Node]:
        """The nodes between the root and `target`, both included, consumers first."""
        found = {target}
        for node in self.order[: self.position[target]][::-1]:
            if node in self.g and any(x in found for x in node.parents()):
                found.add(node)
        return [node for node in self.order[: self.position[target] + 1] if node in found]

    def label(self, node: Node) -> str:
        """What a node is called: its name, else how it is computed."""
        name = self.names.get(id(node))
        return name if name is not None else write(node, self.names, depth=2)

    def step(self, node: Node) -> str:
        """A step of the graph: `s = σ(v)`, or the expression alone where the result has no name."""
        if node.op is None:
            return self.label(node)
        name = self.names.get(id(node))
        right = write(node, self.names, depth=2)
        return right if name is None else f"{name} = {right}"

    def rounding(self, targets: Iterable[Node]) -> dict[Node, Vector]:
        """How far a relative error of 1 at every step moves the gradient of each target, per entry.

        Measured: every value and every contribution is moved at random by 1e-8 of itself, three
        times over. Multiplied by an eps it is the size of the rounding error in that precision.
        """
        targets = list(targets)
        worst = {x: np.zeros(x.shape) for x in targets}
        rng = np.random.default_rng(0)
        for _ in range(3):
            for x, g in self._shaken(rng).items():
                if x in worst:
                    worst[x] = np.maximum(worst[x], np.abs(g - self.g[x]) / _SHAKE)
        for x, w in worst.items():
            mean = float(np.sqrt(np.mean(w * w))) if w.size else 0.0
            worst[x] = w + np.abs(self.g[x]) + 0.1 * mean
        return worst

    def _shaken(self, rng: np.random.Generator) -> dict[Node, Vector]:
        def shake(a: Any) -> Any:
            return np.asarray(a * (1 + _SHAKE * rng.standard_normal(np.shape(a))))

        twin = replay(self.root, adjust=lambda _, value: shake(value))
        found: dict[Node, Vector] = {self.root: self.seed}
        for node in self.order:
            g = found.get(node)
            if node.op is None or g is None:
                continue
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node) and x in self.g:
                    calm = contribution(node, index, g)
                    with np.errstate(all="ignore"):  # no entry equals a maximum that was moved
                        c = contribution(twin[node], index, g)
                    # A kink is not conditioning: what jumps keeps the side it was recorded on.
                    jump = ~(np.abs(c - calm) <= 1e-3 * np.max(np.abs(calm), initial=0.0))
                    c = shake(np.where(jump, calm, c))
                    found[x] = c if x not in found else found[x] + c
        return found


_SHAKE = 1e-8


def in_fresh_context(function: Any, *args: Any) -> Any:
    """Run with recording on and debugging off, whatever the caller has switched."""
    return contextvars.Context().run(function, *args)
