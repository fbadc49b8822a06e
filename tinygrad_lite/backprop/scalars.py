"""The reverse sweep over a graph of floats: the loop of `sweep`, written out.

With 65,000 nodes of one multiplication each, the loop is the cost. What a node still waits for is
kept in its own gradient slot; that and the operands in slots make it several times faster.
"""

from __future__ import annotations

from ..graph import floats
from ..graph.node import Scalar, topological_order
from ..graph.op import ONE
from .chain import contribution


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
    except BaseException as error:
        error.__suppress_context__ = True  # the same rule's first failure, on plain floats
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
                    if type(source) is not float and _add(source, _general(node, index, g)):
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
                held = x._grad
                if held is _ONCE:
                    x._grad = c
                    push(x)
                elif type(held) is float:  # a leaf
                    x._grad = held + c
                elif type(held) is list:
                    held[1] += c
                    held[0] -= 1
                    if not held[0]:
                        x._grad = held[1]
                        push(x)
                else:
                    _add(x, c)
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
        held = x._grad
        if held is _ONCE:
            x._grad = c
            push(x)
        elif type(held) is float:
            x._grad = held + c
        elif type(held) is list:
            held[1] += c
            held[0] -= 1
            if not held[0]:
                x._grad = held[1]
                push(x)
        else:
            _add(x, c)


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


def _general(node: Scalar, index: int, g: float) -> float:
    """What node hands to an input when it has settings, a number first or more than two inputs."""
    assert node.op is not None
    rule = node.op.rules[index]
    if type(rule) is float:
        return g * rule if rule else 0.0
    try:
        return g * rule(floats, node._data, *node._a, **node.params)  # type: ignore[no-any-return]
    except Exception:
        return contribution(node, index, g)  # type: ignore[no-any-return]
