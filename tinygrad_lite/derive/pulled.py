"""Rules that cannot be recorded: opaque, but still what the sweep runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backprop.chain import applied
from ..graph.node import Node
from ..graph.op import Op
from .paper import Paper, called


def pull_of(node: Node, at: int, g: Paper, inputs: Sequence[Any], y: Paper) -> Paper:
    """The rule of a node for one input as an op of G, the result and the inputs."""
    op = node.op
    assert op is not None
    params = dict(node.params)

    def forward(xp: Any, G: Any, result: Any, *operands: Any) -> Any:
        return applied(op, at, np, G, result, operands, params)

    forward.__name__ = f"{op.name}_pull{at}"
    pull = Op(forward, False, f"pull of {op.name}")
    pull.arity = None
    return called(pull, [g, y, *inputs], {}, node.inputs[at].shape)
