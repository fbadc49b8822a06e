"""The chain rule: the reverse sweep, un-broadcasting and accumulation.

For every node, consumers first: take its cotangent g (the gradient of the root with respect to it),
apply the op's rule for each input, and add the contribution to the input's cotangent.

`sweep` serves all graphs and returns the cotangents; given `record=True` it runs the rules on
nodes, so that what it returns can be differentiated again. `sweep_scalars` is the same loop for
graphs of floats, written out: with 65,000 nodes of one multiplication each, the loop is the cost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from . import errors, floats, ops
from .backend import Namespace, namespace, on_floats, to_array, to_float
from .node import Node, Scalar, topological_order
from .primitive import ONE, Primitive

_lock = threading.RLock()  # a sweep marks the nodes it passes; two threads may share some


def backward(root: Node, cotangent: Any = None, *, record: bool = False) -> None:
    """Set `.grad` of everything `root` depends on: leaves add to theirs, the rest replace it."""
    if root.op is None and root.constant:
        raise ValueError(
            "backward() on a constant: it was made by detach() or under no_grad(), so nothing "
            "that it was computed from is known"
        )
    seed = _seed(root, cotangent)
    if root.op is None:
        with _lock:
            _accumulate(root, seed, shared=True)
        return
    with _lock:
        meta = root._meta
        debug = meta is not None and meta.copies is not None
        if isinstance(root, Scalar) and not record and not debug:
            sweep_scalars(root, seed)
        else:
            _store(sweep(root, seed, record=record))


def _seed(root: Node, cotangent: Any) -> Any:
    if isinstance(cotangent, Node):
        cotangent = cotangent._data
    if isinstance(root, Scalar):
        return 1.0 if cotangent is None else to_float(cotangent, "backward()")
    xp = namespace(root._data)
    if cotangent is None:
        if prod(root.shape) != 1:
            raise ValueError(
                f"backward() on shape {tuple(root.shape)} needs the gradient of the loss with "
                "respect to it: pass an array of that shape, or reduce to a scalar first, as in "
                ".sum()"
            )
        return xp.ones_like(root._data)
    seed = xp.asarray(to_array(cotangent, "backward()"), dtype=root._data.dtype, copy=True)
    if seed.shape != root.shape:
        raise ValueError(f"backward(): the gradient has shape {seed.shape}, the node {root.shape}")
    return seed


def _store(cotangents: dict[Node, Any]) -> None:
    passed_on = {id(g) for node, g in cotangents.items() if node.op is not None}
    for node, g in cotangents.items():
        if isinstance(g, np.generic) and not isinstance(node, Scalar):
            g = np.asarray(g)  # what NumPy makes of arithmetic on zero-dimensional arrays
        if node.op is not None:
            node._grad = g
        else:
            key = id(g)
            _accumulate(node, g, shared=key in passed_on)
            passed_on.add(key)


def _accumulate(leaf: Node, g: Any, *, shared: bool) -> None:
    """Add g to a leaf's gradient. A `shared` array is also another node's: users change leaf
    gradients in place (clipping), so each leaf owns its own."""
    old = leaf._grad
    if old is not None:
        total = old + g
        leaf._grad = np.asarray(total) if isinstance(total, np.generic) else total
    elif isinstance(g, (Node, float)):
        leaf._grad = g
    elif type(g) is np.ndarray:
        leaf._grad = np.array(g) if shared or g.base is not None else g
    else:
        leaf._grad = namespace(g).asarray(g, copy=True)


def sweep(
    root: Node,
    seed: Any,
    *,
    record: bool = False,
    toward: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """The cotangent of every node that `root` depends on, given the root's, consumers first.

    With `toward`, only along paths to those nodes, and not beyond them. With `record`, rules run on
    nodes and the cotangents are nodes (or constants).
    """
    if root.op is None and root.constant and toward is None:
        raise ValueError("a constant depends on nothing, so no gradient flows back from it")
    order = topological_order(root)
    relevant = None if toward is None else _leading_to(order, set(toward))
    stops = frozenset(toward or ())
    cotangents: dict[Node, Any] = {root: seed}
    for node in order:
        if node.op is None or node in stops or node not in cotangents:
            continue
        g = cotangents[node]
        meta = node._meta
        debug = meta is not None and meta.copies is not None
        if debug:
            errors.refuse_written(node)
        for index, x in enumerate(node.inputs):
            if not isinstance(x, Node):
                continue
            if (x.op is None and x.constant) if relevant is None else x not in relevant:
                continue
            c = contribution(node, index, g, record=record)
            if debug:
                errors.refuse_bad_gradient(node, index, g, c)
            known = cotangents.get(x)
            cotangents[x] = c if known is None else known + c
    return cotangents


def _leading_to(order: list[Node], targets: set[Node]) -> set[Node]:
    """The nodes that depend on a target, the targets too."""
    found: set[Node] = set()
    for node in reversed(order):
        if node in targets or any(x in found for x in node.parents()):
            found.add(node)
    return found


def contribution(node: Node, index: int, g: Any, *, record: bool = False) -> Any:
    """What `node` hands to its input `index`, given its own cotangent g: one step of the chain
    rule. The result has the input's shape and dtype."""
    op = node.op
    assert op is not None
    x = node.inputs[index]
    xp: Namespace
    if record:
        _refuse_changed(node)
        y, operands, xp = node, node.inputs, ops
    else:
        y, operands = node._data, node.operands
        xp = floats if type(y) is float else np if type(y) is np.ndarray else namespace(y)
    if not op.rules:
        raise TypeError(
            f"{op.name} has no derivative rules; state them with "
            f"{op.name}.{'local' if op.elementwise else 'pull'}(...)"
        )
    rule = op.rules[0 if op.arity is None else index]
    params = node.params
    try:
        if op.elementwise:
            if rule is ONE:
                c = g
            elif type(rule) is float:
                c = -g if rule == -1 else g * rule if rule else ops.zeros_like(g)
            elif xp is floats:
                c = g * on_floats(rule, y, *operands, **params)
            elif params:
                c = g * rule(xp, y, *operands, **params)
            else:
                c = g * rule(xp, y, *operands)
        elif op.arity is None:
            c = rule(xp, g, y, index, *operands, **params)
        else:
            c = rule(xp, g, y, *operands, **params)
    except Exception as error:
        errors.note_rule(error, node, index, g)
        raise
    data = x._data
    if (
        type(c) is np.ndarray
        and type(data) is np.ndarray
        and c.shape == data.shape
        and c.dtype is data.dtype
    ):
        return c  # as `fit` would, sooner
    if op.elementwise and not isinstance(node, Scalar) and c.shape != node.shape:
        raise ValueError(
            f"the local derivative of {op.name} for input {errors.input_name(op, index)} does not "
            f"broadcast to the shape {node.shape} of the result: it made the gradient {c.shape}"
        )
    return fit(c, x, op, index)


def fit(c: Any, x: Node, op: Primitive, index: int) -> Any:
    """Bring a contribution to its input's shape and dtype: sum over the axes along which the op
    broadcast the input. This is the only place that un-broadcasts."""
    if isinstance(x, Scalar):
        if isinstance(c, (float, Scalar)):
            return c if type(c) is not np.float64 else float(c)
        if not hasattr(c, "shape"):
            raise errors.misfit(op, index, x, c)
        return ops.sum(c) if isinstance(c, Node) else float(c.sum())
    data = x._data
    shape = data.shape
    if not hasattr(c, "shape"):
        raise errors.misfit(op, index, x, c)
    if c.shape != shape:
        extra = len(c.shape) - len(shape)
        axes = tuple(
            i for i, n in enumerate(c.shape) if i < extra or (shape[i - extra] == 1 and n != 1)
        )
        if extra < 0 or any(n != c.shape[i + extra] and n != 1 for i, n in enumerate(shape)):
            raise errors.misfit(op, index, x, c)
        xp = ops if isinstance(c, Node) else namespace(c)
        if axes == (0,) and type(c) is np.ndarray and c.ndim == 2:
            c = np.ones(len(c), c.dtype) @ c  # a third of the time of c.sum(axis=0)
        else:
            c = xp.sum(c, axis=axes)
        if c.shape != shape:
            c = xp.reshape(c, shape)
    dtype = c._data.dtype if isinstance(c, Node) else c.dtype
    if dtype != data.dtype:
        c = ops.astype(c, dtype=data.dtype)
    return c


def _refuse_changed(node: Node) -> None:
    """Rules that run on nodes read the inputs' current data; it must be what was recorded."""
    for x, a in zip(node.inputs, node.operands, strict=True):
        if isinstance(x, Node) and x._data is not a:
            raise ValueError(
                f"{node.op}: the data of an input was set after it was used; differentiate the "
                "gradient before changing the data"
            )


class _Once:
    """In `_grad` of a node that waits for its only consumer; a list stands there for several:
    [consumers left, sum so far]."""

    __slots__ = ()


_ONCE = _Once()


def sweep_scalars(root: Scalar, seed: float) -> None:
    """`backward` on a graph of floats.

    What a node still waits for is kept in its own gradient slot. That and the operands in slots
    make it several times faster than the general sweep.
    """
    try:
        _mark(root)
        _release(root, seed)
    except BaseException:
        for node in topological_order(root):
            if isinstance(node._grad, (_Once, list)):
                node._grad = None
        raise


def _mark(root: Scalar) -> None:
    """Count the consumers of every op's result that root depends on."""
    root._grad = _ONCE
    stack = [root]
    pop, push = stack.pop, stack.append
    while stack:
        node = pop()
        x, y = node._x, node._y
        if y is None:
            if type(x) is tuple:
                for source in x:
                    if type(source) is not float and source.op is not None and _count(source):
                        push(source)
                continue
        elif type(y) is not float and y.op is not None:
            waits = y._grad
            if waits is _ONCE:
                y._grad = [2, 0.0]
            elif type(waits) is list:
                waits[0] += 1
            else:
                y._grad = _ONCE
                push(y)
        if x.op is not None:
            waits = x._grad
            if waits is _ONCE:
                x._grad = [2, 0.0]
            elif type(waits) is list:
                waits[0] += 1
            else:
                x._grad = _ONCE
                push(x)


def _count(x: Scalar) -> bool:
    """Count one more consumer of x; whether it is the first."""
    waits = x._grad
    if waits is _ONCE:
        x._grad = [2, 0.0]
    elif type(waits) is list:
        waits[0] += 1
    else:
        x._grad = _ONCE
        return True
    return False


def _release(root: Scalar, seed: float) -> None:
    """Hand on the cotangent of every node whose consumers have all contributed to it."""
    root._grad = seed
    ready = [root]
    pop, push = ready.pop, ready.append
    while ready:
        node = pop()
        g = node._grad
        x, y = node._x, node._y
        if y is None:
            if type(x) is tuple:
                for index, source in enumerate(x):
                    if type(source) is not float and _add(source, contribution(node, index, g)):
                        push(source)
                continue
            (rule,) = node.op.rules  # type: ignore[union-attr]
            if type(rule) is float:
                c = g * rule
            else:
                try:
                    c = g * rule(floats, node._data, node._a)
                except Exception:  # an infinite or undefined derivative
                    c = contribution(node, 0, g)
        else:
            rule, rule_y = node.op.rules  # type: ignore[union-attr]
            if rule is ONE:
                c = g
            elif type(rule) is float:
                c = g * rule
            else:
                try:
                    c = g * rule(floats, node._data, node._a, node._b)
                except Exception:
                    c = contribution(node, 0, g)
            if type(y) is not float:
                if x._grad is _ONCE:
                    x._grad = c
                    push(x)
                elif _add(x, c):
                    push(x)
                x = y
                if rule_y is ONE:
                    c = g
                elif type(rule_y) is float:
                    c = g * rule_y
                else:
                    try:
                        c = g * rule_y(floats, node._data, node._a, node._b)
                    except Exception:
                        c = contribution(node, 1, g)
        if x._grad is _ONCE:
            x._grad = c
            push(x)
        elif _add(x, c):
            push(x)


def _add(x: Scalar, c: float) -> bool:
    """Add c to what x has received; whether x, an op's result, has now received everything."""
    old = x._grad
    if x.op is None:
        if old is not None:
            x._grad = old + c
        elif not x.constant:
            x._grad = c
        return False
    if old is _ONCE:
        x._grad = c
        return True
    old[1] += c
    old[0] -= 1
    if old[0]:
        return False
    x._grad = old[1]
    return True
