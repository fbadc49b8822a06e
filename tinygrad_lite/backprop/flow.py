"""The sweep: values carried over a graph, from consumers to inputs.

For every node, consumers first: take its cotangent g (the gradient of the root with respect to it),
apply the op's rule for each input, and add the contribution to the input's cotangent. `flow` is
that loop, whatever is handed on at a step; `sweep` are all cotangents of a root; `sweep_scalars` is
the same loop written out for graphs of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import errors
from ..graph.context import recording_rules
from ..graph.moved import moved_once
from ..graph.node import Node, topological_order
from .chain import contribution

Step = Callable[[Node, int, Any], Any]


def flow(
    order: Iterable[Node],
    seeds: Mapping[Node, Any],
    step: Step = contribution,
    *,
    within: Container[Node] | None = None,
    fixed: Container[Node] = (),
) -> dict[Node, Any]:
    """What arrives at every node, the seeds included.

    `order` lists the nodes, consumers first. `step(node, index, g)` is what a node that received g
    hands to its input `index` (None: nothing); contributions add up. Only nodes `within` receive,
    constants and `fixed` nodes do not.
    """
    found: dict[Node, Any] = dict(seeds)
    with np.errstate(all="ignore"):  # a slope may be infinite where nothing of it is used
        for node in order:
            if node.op is None or node not in found:
                continue
            g = found[node]
            for index, x in enumerate(node.inputs):
                if not isinstance(x, Node) or x in fixed:
                    continue
                if within is None:
                    meta = x._meta
                    if meta is not None and meta.constant:
                        if x._data is not node.operands[index]:
                            errors.refuse_overwritten(node)
                        continue
                elif x not in within:
                    continue
                c = step(node, index, g)
                if c is not None:
                    known = found.get(x)
                    found[x] = c if known is None else known + c
    return found


def sweep(
    root: Node,
    seed: Any,
    *,
    record: bool = False,
    toward: Collection[Node] | None = None,
) -> dict[Node, Any]:
    """The cotangent of every node that `root` depends on, given the root's, consumers first.

    With `toward`, only along paths to those nodes. With `record`, rules run on nodes and the
    cotangents are nodes (or constants); the seed may be a node.
    """
    return sweeper(root, record=record, toward=toward)(seed)


def sweeper(
    root: Node, *, record: bool = False, toward: Collection[Node] | None = None
) -> Callable[[Any], dict[Node, Any]]:
    """`sweep` from a root, prepared for any number of seeds."""
    if root.constant:
        if toward is None:
            raise ValueError("a constant depends on nothing, so no gradient flows back from it")
        return lambda seed: {root: seed}
    order = topological_order(root)
    within = None
    if toward is not None:
        within = leading_to(order, toward)
        order = [node for node in order if node in within]
        for node in order:  # steps look at the input they hand to; others may be written into too
            errors.refuse_overwritten(node)
    if record:

        def run(seed: Any) -> dict[Node, Any]:
            with recording_rules(), moved_once():
                return flow(order, {root: seed}, recorded, within=within)

        return run
    step: Step = checked if in_debug(root) else contribution
    return lambda seed: flow(order, {root: seed}, step, within=within)


def recorded(node: Node, index: int, g: Any) -> Any:
    """The step whose rules run on nodes, so that what it gives can be differentiated."""
    return (checked if in_debug(node) else contribution)(node, index, g, record=True)


def checked(node: Node, index: int, g: Any, *, record: bool = False) -> Any:
    """The step of a graph that was recorded under `debug()`."""
    errors.refuse_written(node)
    c = contribution(node, index, g, record=record)
    errors.refuse_bad_gradient(node, index, g, c)
    return c


def in_debug(node: Node) -> bool:
    """Whether a node was recorded under `debug()`."""
    return node._meta is not None and node._meta.copies is not None


def leading_to(order: Sequence[Node], targets: Collection[Node]) -> set[Node]:
    """The nodes of `order`, consumers first, that depend on a target, and the targets."""
    found = set(targets)
    for node in reversed(order):
        if not node.constant and any(x in found for x in node.parents()):
            found.add(node)
    return found
