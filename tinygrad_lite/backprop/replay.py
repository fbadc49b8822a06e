"""A recorded graph evaluated again: on other data, in float64, with fused ops written out."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..graph import errors
from ..graph.backend import in_numpy, is_array
from ..graph.clock import spend
from ..graph.context import recording_rules
from ..graph.meta import NO_META, Meta
from ..graph.node import Array, Node, topological_order

Adjust = Callable[[Node, Any], Any]
Settings = Callable[[Node, Mapping[str, Any]], Mapping[str, Any]]

NODE = 65  # microseconds of a node that is computed again, and of what is done with it


def replay(
    root: Node,
    data: Mapping[Node, Any] | None = None,
    *,
    constants: Mapping[Any, Any] | None = None,
    wide: bool = False,
    adjust: Adjust | None = None,
    settings: Settings | None = None,
    asked: Mapping[int, Node] | None = None,
) -> dict[Node, Node]:
    """Record the graph of `root` anew: {old node: new node}, inputs first.

    `data` gives leaves other values, `constants` (by id, or by node and place) the raw arrays and
    numbers that are constants of ops, `asked` (by id) the nodes that masks are the answers of: see
    `questions`. With `wide`, every leaf and constant is a float64 NumPy array (scalars are 0-d
    arrays) and a fused op is recorded as its expansion into primitives. `adjust(old, value)` may
    change the value of every new node before others use it, `settings(old, params)` the settings of
    its op. The old graph is left as it is, and leaves whose data was set after it was recorded
    count with the value they had then.
    """
    others, asked = constants or {}, asked or {}
    order = topological_order(root)
    replaced = {**recorded(order), **(data or {})}

    def leaf(node: Node) -> Node:
        value = replaced.get(node, node.data)
        new: Any = Array.result if wide else type(node)
        fresh: Any = new(_widened(value) if wide else value)
        fresh._meta = Meta(name=node.name, scope=node.scope, constant=node.constant)
        return fresh  # type: ignore[no-any-return]

    found: dict[Node, Node] = {}

    def put(node: Node) -> Node:
        spend(NODE, node.data)
        op = node.op
        if op is None:
            new = leaf(node)
        else:
            inputs = []
            for i, (x, a) in enumerate(zip(node.inputs, node.operands, strict=True)):
                if (mask := asked.get(id(x))) is not None:
                    for x in reversed(topological_order(mask)):
                        if x not in found:
                            put(x)
                if isinstance(x, Node):
                    inputs.append(found[x])
                else:
                    value = others.get((node, i), others.get(id(x), a))
                    inputs.append(_constant(value, wide, i in op.untouched))
            params = dict(node.params if settings is None else settings(node, node.params))
            if wide and "dtype" in params:
                params["dtype"] = np.float64
            call = op.expansion if wide and op.expansion is not None else op
            with recording_rules() if call is not op or op.plain else nullcontext():
                new = call(*inputs, **params)  # one-hot labels, say, keep their origin
        if adjust is not None:
            new._data = adjust(node, new._data)
        found[node] = new
        return new

    def record() -> dict[Node, Node]:
        for node in reversed(order):
            if node not in found:
                put(node)
        return found

    # A fresh context: recording is on, whatever the caller switched off.
    quiet = np.errstate(all="ignore")  # NumPy warned when it was first computed
    return contextvars.Context().run(quiet(record))


def questions(order: list[Node]) -> dict[int, Node]:
    """By the id of a mask, the comparison that it is the answer of, as a node: where that is of the
    leaves of the graph as they were there, and the mask is the answer still."""
    values, found = recorded(order), dict[int, Node]()
    for node in order:
        for place, (op, inputs, params) in ((node._meta or NO_META).asked or {}).items():
            with recording_rules():
                asked = op(*inputs, **params)
            if np.array_equal(asked.data, node.operands[place]) and within(asked, values):
                found[id(node.inputs[place])] = asked
    return found


def within(asked: Node, values: Mapping[Node, Any]) -> bool:
    """Whether a question is of these leaves with their values."""
    try:
        own = recorded(topological_order(asked))
    except ValueError:  # which are no more what they were
        return False
    return all(x in values and np.array_equal(values[x], a) for x, a in own.items())


def recorded(order: list[Node]) -> dict[Node, Any]:
    """The value of every leaf that an op used, as it was then."""
    values: dict[Node, Any] = {}
    for node in order:
        for x, a in zip(node.inputs, node.operands, strict=True):
            if not isinstance(x, Node) or x.op is not None:
                continue
            errors.refuse_overwritten(node)
            known = values.setdefault(x, a)
            if known is not a and not np.array_equal(in_numpy(known), in_numpy(a)):
                raise ValueError(
                    f"replay: the data of {x.name or 'a leaf'} was set between two uses in one "
                    "graph; record the graph anew"
                )
    return values


def _constant(value: Any, wide: bool, untouched: bool) -> Any:
    """A constant as it is or, wide, a float64 array; masks and indices keep their dtype."""
    if not wide or not is_array(value):
        return value
    array = in_numpy(value)
    return array if untouched and array.dtype.kind in "iub" else _widened(array)


def _widened(value: Any) -> Any:
    return np.asarray(in_numpy(value), dtype=np.float64)
