"""The recorded graph in float64, with the cotangent of every node and the user's names."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any

import numpy as np

from ..backprop.chain import is_constant
from ..backprop.flow import flow, sweep
from ..backprop.replay import questions, replay
from ..derive.step import pullback_text, write
from ..graph.node import Array, Node, raw, topological_order
from ..graph.op import Op
from .rules import Rule, rule_of
from .slips import turned

Vector = Any  # a float64 NumPy array
Site = tuple[Node, Vector]  # a node, and what is added to its cotangent


class Tape:
    """A float64 twin of the graph of `root`, fused ops written out, and its gradients.

    `twin` maps the user's nodes to the tape's; `order` has the tape's nodes, consumers first;
    `g` the cotangent of each; `names` what nodes and constant arrays are called, by id.
    """

    def __init__(self, root: Node, seed: Any = None, names: Mapping[int, str] | None = None):
        self.user_names = known = dict(names or {})
        self.twin = replay(root, wide=True)
        self.root: Array = self.twin[root]  # type: ignore[assignment]
        self.order = topological_order(self.root)
        self.position = {node: i for i, node in enumerate(self.order)}
        self.seed = np.ones(self.root.shape) if seed is None else np.asarray(seed, dtype=float)
        self.g: dict[Node, Vector] = sweep(self.root, self.seed)
        asked = questions(topological_order(root)).items()
        masks = {key: text for key, mask in asked if (text := write(mask, known))}
        self.names = names_for(self.twin, {**masks, **known})
        self.rule: Callable[[Node, int], Rule | None] = cache(rule_of)  # that of a step
        self._labels: dict[Node, str] = {}
        self.consumers: dict[Node, list[tuple[Node, int]]] = {node: [] for node in self.order}
        for node in self.order:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node) and x in self.g and node in self.g:
                    self.consumers[x].append((node, index))

    def above(self, target: Node, blocked: Container[Node] = ()) -> list[Node]:
        """The nodes that feel `target`, itself included, without passing a blocked one in between,
        consumers first."""
        found = {target}
        stack = [target]
        while stack:
            for node, _ in self.consumers[stack.pop()]:
                if node not in found:
                    found.add(node)
                    if node not in blocked:
                        stack.append(node)
        return sorted(found, key=self.position.__getitem__)

    def reads_half(self, node: Node) -> bool:
        """Whether a node is a symmetric matrix of which what follows reads one triangle."""
        a = node.data
        if np.ndim(a) < 2 or a.shape[-1] != a.shape[-2] or not np.allclose(a, turned(a), 1e-9):
            return False
        return any(op_of(n).symmetric for n in self.above(node)[:-1])

    def carried(self, sites: Iterable[Site], target: Node) -> Vector:
        """What deltas at some nodes add to the gradient of `target`."""
        above = self.above(target)
        return carried(sites, above, set(above)).get(target, np.zeros(target.shape))

    def made_by(self, *names: str) -> Iterator[Node]:
        """The results of some ops, consumers first."""
        return (n for n in self.order if op_name(n) in names)

    def label(self, node: Node) -> str:
        """What a node is called: its name, else how it is computed."""
        name = self.names.get(id(node)) or self._labels.get(node)
        if name is None:
            name = self._labels[node] = self._written(node)
        return name

    def _written(self, node: Node) -> str:
        return write(node, self.names) or f"a result of {op_name(node)}"

    def label_of(self, value: Any) -> str:
        """What an op's input is called, node or constant."""
        if isinstance(value, Node):
            return self.label(value)
        if id(value) in self.names:
            return self.names[id(value)]
        return f"{float(value):g}" if np.ndim(value) == 0 else f"the constant {np.shape(value)}"

    def cotangent_name(self, node: Node) -> str:
        """How the gradient with respect to a node is written: dE/dz."""
        return self.cotangent_of(node) if self.is_named(node) else "G"

    def cotangent_of(self, node: Node) -> str:
        """The same, for a node without a name too: dE/d(x + y)."""
        root, name = self.names.get(id(self.root)) or "E", self.label(node)
        return f"d{root}/d{name if self.is_named(node) else f'({name})'}"

    def uses(self, user: Node) -> str:
        """The steps that use one of the user's nodes, and what each of them hands to its gradient:
        "W is used in v = W x, which hands it dE/dv xᵀ"."""
        told = []
        for n, i in self.consumers[self.twin[user]]:
            handed = pullback_text(n, i, self.names, cotangent=self.cotangent_name(n))
            told.append(f"in {self.step(n)}" + f", which hands it {handed}" * bool(handed))
        name = self.label(self.twin[user])
        return f"{name} is used {'; and '.join(told)}." if told else ""

    def is_named(self, node: Node) -> bool:
        """Whether the user has a name for a node."""
        return id(node) in self.names

    def named_along(self, shape: tuple[int, ...]) -> Iterator[tuple[str, Vector]]:
        """The data of everything that the user has named and that has a shape, or is broadcast to
        it along its first axis or its last."""
        wider = ((1, *shape[1:]), shape[1:], (*shape[:-1], 1)) if shape else ()
        for wanted in dict.fromkeys((shape, *wider)):
            yield from ((name, v) for name, v in self._named if np.shape(v) == wanted)

    @cached_property
    def _named(self) -> list[tuple[str, Vector]]:
        found: dict[int, tuple[str, Vector]] = {}
        for node in self.order:
            for x in (node, *node.inputs):
                name = self.names.get(id(x))
                if name is not None and id(x) not in found:  # a mask is read as numbers too
                    found[id(x)] = name, np.asarray(raw(x), dtype=np.float64)
        return list(found.values())

    def step(self, node: Node) -> str:
        """A step of the graph: `s = σ(v)`, or the expression alone where the result has no name."""
        if node.op is None:
            return self.label(node)
        name = self.names.get(id(node))
        right = self._written(node)
        return right if name is None else f"{name} = {right}"


def names_for(twin: Mapping[Node, Node], names: Mapping[int, str]) -> dict[int, str]:
    """What the nodes and constants of a graph are called, by id, for those that stand for them."""
    found = {id(new): names[id(old)] for old, new in twin.items() if id(old) in names}
    for old, new in twin.items():
        if new.op is old.op:
            for x, a in zip(old.inputs, new.inputs, strict=True):
                if not isinstance(x, Node) and id(x) in names:
                    found[id(a)] = names[id(x)]
    return found


def carried(
    sites: Iterable[Site],
    order: Iterable[Node],
    within: Container[Node],
    blocked: Container[Node] = (),
) -> dict[Node, Vector]:
    """What deltas at some nodes add to the cotangents of the nodes `within`; `blocked` ones receive
    nothing and hand nothing on."""
    seeds: dict[Node, Vector] = {}
    for x, delta in sites:
        seeds[x] = seeds[x] + delta if x in seeds else delta
    passing = (node for node in order if node not in blocked)
    return flow(passing, seeds, within=within, fixed=blocked)


def op_of(node: Node) -> Op:
    """The op that made a node which is no leaf."""
    assert node.op is not None
    return node.op


def op_name(x: Any) -> str:
    """The name of the op that made a value, "" for a leaf or a constant."""
    op = x.op if isinstance(x, Node) else None
    return op.name if op else ""


def is_sum(node: Node) -> bool:
    """Whether a step adds up its inputs, entry by entry, each times a number."""
    op, several = op_of(node), range(len(node.inputs))
    return op.elementwise and len(several) > 1 and all(is_constant(op, i) for i in several)


def largest(a: Any) -> float:
    """The size of the largest entry; 0 where there is none."""
    return float(np.abs(a).max(initial=0.0))


def terms_of(node: Node) -> int:
    """How many terms each entry of a sum or a mean has; 1 where there are none."""
    return int(node.operands[0].size // max(node.data.size, 1)) or 1
