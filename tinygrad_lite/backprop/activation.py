"""Is an op an activation? Asked of its own rule, so that a user's op counts too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph import floats
from ..graph.backend import on_floats
from ..graph.op import NO_PARAMS, Op
from .chain import is_constant, local

FAR = 50.0  # where functions that level off have done so


def tails(op: Op, params: Mapping[str, Any]) -> tuple[float, float] | None:
    """|slope| of a function of each entry far out on the left and on the right, by its own rule;
    None for an op of another sort, for one whose slope is a number, and for a user's that refuses
    such inputs."""
    if not op.elementwise or op.arity != 1 or is_constant(op, 0):
        return None
    try:
        left, right = (
            abs(float(local(op, 0, floats, on_floats(op.forward, x, **params), (x,), params)))
            for x in (-FAR, FAR)
        )
    except Exception:
        return None
    return left, right


def is_activation(op: Op, params: Mapping[str, Any] = NO_PARAMS) -> bool:
    """Whether an op is an activation: its slope is bounded, and vanishes or differs on the two
    sides (tanh, relu, leaky_relu, gelu; a user's too)."""
    found = tails(op, params)
    if found is None or not max(found) < 10.0:
        return False
    return min(found) < 1e-3 or abs(found[0] - found[1]) > 1e-3
