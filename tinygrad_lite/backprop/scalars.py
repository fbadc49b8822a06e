"""The sweep over a graph of floats: `flow` with `contribution`, written out.

With 65,000 nodes of one multiplication each, the loop is the cost. What a node still waits for is
kept in its own gradient slot; that, the operands in slots and products without a call make it
several times faster than the general loop, which is its test.
"""

from __future__ import annotations

from math import inf
from typing import Any

from ..graph import floats
from ..graph.node import Scalar, topological_order
from ..graph.op import FIRST, ONE, SECOND
from .chain import contribution

# In `_grad` of a node that waits for its only consumer. For several a list stands there: [consumers
# left, sum so far]; a leaf waits for infinitely many, until all is done.
_ONCE = object()
_Held = list[tuple[Scalar, Any]]


def sweep_scalars(root: Scalar, seed: float) -> None:
    """`backward` on a graph of floats, all or nothing."""
    before: _Held = []  # nodes that have a gradient, and that
    leaves: list[Scalar] = []
    marked = False
    try:
        _mark(root, before, leaves)
        marked = True
        _release(root, seed)
        _settle(leaves, dict(before))
    except BaseException as error:
        error.__suppress_context__ = True  # the same rule's first failure, on plain floats
        for node in topological_order(root):
            if marked or node._grad is _ONCE or type(node._grad) is list:
                node._grad = None
        for node, grad in before:
            node._grad = grad
        raise


def _mark(root: Scalar, before: _Held, leaves: list[Scalar]) -> None:
    """Count the consumers of everything that root depends on."""
    if root._grad is not None:
        before.append((root, root._grad))
    root._grad = _ONCE
    stack = [root]
    pop, push = stack.pop, stack.append
    while stack:
        node = pop()
        x, y = node._x, node._y
        if y is None:
            if type(x) is tuple:
                for source in x:
                    if type(source) is not float and _count(source, before, leaves):
                        push(source)
                continue
        elif type(y) is not float:
            waits = y._grad
            if waits is _ONCE:
                y._grad = [2, 0.0]
            elif type(waits) is list:
                waits[0] += 1
            elif y.op is not None and waits is None:
                y._grad = _ONCE
                push(y)
            elif _count(y, before, leaves):
                push(y)
        waits = x._grad
        if waits is _ONCE:
            x._grad = [2, 0.0]
        elif type(waits) is list:
            waits[0] += 1
        elif x.op is not None and waits is None:
            x._grad = _ONCE
            push(x)
        elif _count(x, before, leaves):
            push(x)


def _count(x: Scalar, before: _Held, leaves: list[Scalar]) -> bool:
    """Count one more consumer of x; whether it is the first of an op's result."""
    waits = x._grad
    if waits is _ONCE:
        x._grad = [2, 0.0]
    elif type(waits) is list:
        waits[0] += 1
    else:
        if waits is not None:
            before.append((x, waits))
        if x.op is None:
            x._grad = [inf, 0.0]
            leaves.append(x)
            return False
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
                    if type(source) is not float:
                        _add(source, _general(node, index, g), push)
                continue
            (rule,) = node.op.quick  # type: ignore[union-attr]
            if type(rule) is float:
                c = g * rule
            else:
                try:
                    c = g * rule(floats, node._data, node._a)
                except Exception:  # an infinite or undefined derivative
                    c = contribution(node, 0, g)
                if c != c and not g:
                    c = 0.0
        else:
            rule, rule_y = node.op.quick  # type: ignore[union-attr]
            if rule is ONE:
                c = g
            elif rule is SECOND:
                c = g * node._b
                if c != c and not g:
                    c = 0.0
            elif type(rule) is float:
                c = g * rule
            else:
                c = _general(node, 0, g)
            if type(y) is not float:
                held = x._grad
                if held is _ONCE:
                    x._grad = c
                    push(x)
                else:
                    held[1] += c
                    held[0] -= 1
                    if not held[0]:
                        x._grad = held[1]
                        push(x)
                x = y
                if rule_y is ONE:
                    c = g
                elif rule_y is FIRST:
                    c = g * node._a
                    if c != c and not g:
                        c = 0.0
                elif type(rule_y) is float:
                    c = g * rule_y
                else:
                    c = _general(node, 1, g)
        held = x._grad
        if held is _ONCE:
            x._grad = c
            push(x)
        else:
            held[1] += c
            held[0] -= 1
            if not held[0]:
                x._grad = held[1]
                push(x)


def _add(x: Scalar, c: float, push: Any) -> None:
    """Add c to what x has received; release x if that was all."""
    held = x._grad
    if held is _ONCE:
        x._grad = c
        push(x)
    else:
        held[1] += c
        held[0] -= 1
        if not held[0]:
            x._grad = held[1]
            push(x)


def _general(node: Scalar, index: int, g: float) -> float:
    """What any node hands to an input."""
    op = node.op
    assert op is not None
    rule = op.quick[index]
    if type(rule) is float:
        return g * rule if rule else 0.0
    if callable(rule):
        try:
            c = g * rule(floats, node._data, *node.operands, **node.params)
        except Exception:
            return contribution(node, index, g)  # type: ignore[no-any-return]
        if c == c or g:
            return c  # type: ignore[no-any-return]
    return contribution(node, index, g)  # type: ignore[no-any-return]


def _settle(leaves: list[Scalar], before: dict[Scalar, Any]) -> None:
    """Add to every leaf's gradient what it has received."""
    for leaf in leaves:
        total = leaf._grad[1]
        if leaf.constant:
            leaf._grad = before.get(leaf)
        elif leaf in before:
            leaf._grad = before[leaf] + total
        else:
            leaf._grad = total
