"""Functions from functions to their derivatives. They nest to any order.

Each wraps its argument in a fresh node. That is what keeps nested derivatives apart: an inner
derivative is taken along paths that end at its own fresh node and at no other, so a value that
belongs to an outer derivative is a constant for the inner one, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ops
from .node import Array, Meta, Node, topological_order
from .sweep import sweep
from .tensor import Tensor
from .value import Value

Function = Callable[..., Any]


def _fresh(x: Any) -> Node:
    """A new node with x's value that is linked to x, if x is a node, by an identity op."""
    if isinstance(x, Node):
        return ops.identity(x)  # type: ignore[no-any-return]
    if isinstance(x, (int, float)):
        return Value(x)
    return Tensor(x)


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """g(*args) = (f(*args), the gradient of f with respect to argument `argnums`).

    f must return a scalar (a node of one entry). For a tuple of positions the gradient is a tuple.
    Arrays give Tensors inside f and plain arrays back; numbers give Values and floats. The results
    are nodes where f depends on other nodes (an argument or a variable around it), so that they can
    be differentiated in turn.
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def g(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        fresh = {i: _fresh(args[i]) for i in positions}
        y = f(*(fresh.get(i, x) for i, x in enumerate(args)), **kwargs)
        if not isinstance(y, Node):
            return y, _pick(argnums, [ops.zeros_like(x) for x in fresh.values()])
        if isinstance(y, Array) and y.data.size != 1:
            raise ValueError(
                f"grad needs a function with a scalar result; this one returned shape {y.shape}. "
                "Reduce it, as in .sum(), or use jacobian"
            )
        record = _depends_on_others(y, fresh.values())
        cotangents = sweep(y, ops.ones_like(y), record=record, toward=fresh.values())
        for x in fresh.values():
            if x.op is None:  # its value was plain data: a constant for every outer derivative
                x._meta = Meta(constant=True)  # type: ignore[misc]
        gradients = [cotangents.get(x, ops.zeros_like(x)) for x in fresh.values()]
        return (y if record else y.data), _pick(argnums, gradients)

    return g


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The gradient of a scalar function, as a function: `value_and_grad` without the value."""
    both = value_and_grad(f, argnums)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def _pick(argnums: int | tuple[int, ...], gradients: list[Any]) -> Any:
    return gradients[0] if isinstance(argnums, int) else tuple(gradients)


def _depends_on_others(y: Node, fresh: Any) -> bool:
    """Whether y depends on a differentiable leaf other than the fresh ones."""
    own = set(fresh)
    return any(
        node.op is None and not node.constant and node not in own for node in topological_order(y)
    )
