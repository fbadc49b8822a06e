"""Weights used too early: W had become W - step dE/dW before the error went back through it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import ops
from ..backprop.chain import fit
from ..graph.node import Node
from .faults import with_other
from .search import Explanation, Search
from .tape import Vector

BILINEAR = (ops.matmul, ops.multiply)


def updated_weights(search: Search) -> Iterator[Explanation]:
    """A leaf that takes part in products on the way and had been moved down its own gradient.

    The length of the step is free, so that a claim of one or two entries says nothing.
    """
    tape = search.tape
    if search.value.size < 3:
        return
    for W in tape.order:
        if W.op is not None or W not in tape.g or W is search.target:
            continue
        steps = [
            (n, x, fit(with_other(n, i, search.g[n], factor), x, n.op, i))
            for n, i, x in search.edges
            if n.op in BILINEAR and (factor := _moved(n, i, W, tape.g[W])) is not None
        ]
        sites = [(x, delta) for _, x, delta in steps]
        moved = search.carry(sites) - search.expected
        size = float(np.sum(moved * moved))
        if not size > 0:
            continue
        step = -float(np.sum(moved * (search.value - search.expected))) / size
        if 0 < step <= 100 and search.matches(search.expected - step * moved):
            name = tape.label(W)
            text = (
                f"{name} had been updated already: {name} - {step:.3g} {tape.cotangent_name(W)} "
                f"stands where {name} belongs; use the weights of the forward pass"
            )
            scaled = [(x, -step * delta) for x, delta in sites]
            yield search.explained("other", 0.3, text, steps[0][0], scaled)


def _moved(node: Node, index: int, W: Node, gradient: Vector) -> Vector | None:
    """How the other factor of a product moves with W: when it is W, or W transposed."""
    other = node.inputs[1 - index]
    if other is W:
        return gradient
    if isinstance(other, Node) and other.op is ops.permute_dims and other.inputs[0] is W:
        return np.transpose(gradient, other.params["axes"])
    return None
