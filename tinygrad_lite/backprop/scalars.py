"""The sweep over a graph of floats: `flow` with `contribution`, written out.

With 65,000 nodes of one multiplication each, the loop is the cost. What a node still waits for is
kept in its own gradient slot; that, the operands in slots and products without a call make it
several times faster than the general loop, which is its test.
"""

from __future__ import annotations

from typing import Any

from ..graph import floats
from ..graph.node import Scalar, topological_order
from ..graph.op import ONE, first, second
from .chain import contribution


class _Once:
    """In `_grad` of an op's result that waits for its only consumer; a list stands there for
    several: [consumers left, sum so far]."""

    __slots__ = ()


_ONCE = _Once()
_Held = list[tuple[Scalar, Any]]


def sweep_scalars(root: Scalar, seed: float) -> None:
    """`backward` on a graph of floats, all or nothing."""
    before: _Held = []  # what had a gradient already, and that
    swept = False
    try:
        _mark(root, before)
        swept = True
        _release(root, seed)
        for node, grad in before:  # the sum is complete: two sweeps are exactly twice one
            if node.op is None:
                new = node._grad
                node._grad = grad if new is None else grad + new
    except BaseException as error:
        error.__suppress_context__ = True  # the same rule's first failure, on plain floats
        for passed in topological_order(root):
            if swept or isinstance(passed._grad, (_Once, list)):
                passed._grad = None
        for node, grad in before:
            node._grad = grad
        raise


def _mark(root: Scalar, before: _Held) -> None:
    """Count the consumers of every op's result below root, and set old gradients aside."""
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
                    if type(source) is not float and _count(source, before):
                        push(source)
                continue
        elif type(y) is not float:
            waits = y._grad
            if y.op is None:
                if waits is not None:
                    before.append((y, waits))
                    y._grad = None
            elif waits is None:
                y._grad = _ONCE
                push(y)
            elif waits is _ONCE:
                y._grad = [2, 0.0]
            elif type(waits) is list:
                waits[0] += 1
            elif _count(y, before):
                push(y)
        waits = x._grad
        if x.op is None:
            if waits is not None:
                before.append((x, waits))
                x._grad = None
        elif waits is None:
            x._grad = _ONCE
            push(x)
        elif waits is _ONCE:
            x._grad = [2, 0.0]
        elif type(waits) is list:
            waits[0] += 1
        elif _count(x, before):
            push(x)


def _count(x: Scalar, before: _Held) -> bool:
    """Count one more consumer of x; whether it is the first of an op's result."""
    waits = x._grad
    if waits is _ONCE:
        x._grad = [2, 0.0]
        return False
    if type(waits) is list:
        waits[0] += 1
        return False
    if waits is not None:
        before.append((x, waits))
    x._grad = None if x.op is None else _ONCE
    return x.op is not None


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
            (rule,) = node.op.rules  # type: ignore[union-attr]
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
            rule, rule_y = node.op.rules  # type: ignore[union-attr]
            if rule is ONE:
                c = g
            elif rule is second:
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
                elif type(held) is float:  # a leaf
                    x._grad = held + c
                elif type(held) is list:
                    held[1] += c
                    held[0] -= 1
                    if not held[0]:
                        x._grad = held[1]
                        push(x)
                else:
                    _add(x, c, push)
                x = y
                if rule_y is ONE:
                    c = g
                elif rule_y is first:
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
        elif type(held) is float:
            x._grad = held + c
        elif type(held) is list:
            held[1] += c
            held[0] -= 1
            if not held[0]:
                x._grad = held[1]
                push(x)
        else:
            _add(x, c, push)


def _add(x: Scalar, c: float, push: Any) -> None:
    """Add c to what x has received; release x if that was all."""
    held = x._grad
    if x.op is None:
        if held is not None:
            x._grad = held + c
        elif not x.constant:
            x._grad = c
    elif held is _ONCE:
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
    rule = op.rules[index]
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
