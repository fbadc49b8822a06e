"""A line of the derivation: a node with a name, and the ops without one that only it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..backprop.chain import is_constant
from ..graph.node import Node, Scalar
from .scopes import Key, Keys, Owners, Path

_EQUAL = 4  # lines; of fewer, each is a box


def lines(
    order: Sequence[Node], kept: Collection[Node], scopes: Mapping[Node, Path], most: int | None
) -> Owners:
    """Each node's line, by its last node, of at most so many ops. `kept` nodes have a line of
    their own, and so has what several lines use, or what is in another scope than its user. Of
    lines of any length (None), numbers without a name that only one uses are parts too."""
    sole: dict[Node, Node | None] = {}  # the only line that uses a node; None if there are several
    size: dict[Node, int] = {}
    owner: Owners = {}
    for node in reversed(order):
        line = sole.get(node)
        if line is None:
            line = node
        else:
            full = most is not None and (size[line] >= most or node.op is None)
            leaf = node.op is None and not isinstance(node, Scalar)
            if full or leaf or node in kept or node.constant or scopes[node] != scopes[line]:
                line = node
        owner[node] = line
        size[line] = size.get(line, 0) + (node.op is not None)
        for x in node.parents():
            if sole.setdefault(x, line) is not line:
                sole[x] = None
    return owner


def bends(node: Node) -> bool:
    """Whether a node is a function of one input, entry by entry, that is not linear."""
    op = node.op
    return op is not None and op.elementwise and op.arity == 1 and not is_constant(op, 0)


def equal_lines(order: Sequence[Node], owner: Owners) -> Keys:
    """Lines with equal ops and the same inputs, such as the neurons of a layer, are one group, and
    leaves that the same lines use."""
    users: dict[Node, set[Node]] = {}
    within: dict[Node, dict[Node, int]] = {}
    for node in order:
        inside = within.setdefault(owner[node], {})
        inside[node] = len(inside)
        for x in node.parents():
            users.setdefault(x, set()).add(owner[node])
    sorts: dict[Any, int] = {}
    sort: dict[Node, int] = {}
    for line in order:
        if owner[line] is not line:
            continue
        inside = within[line]
        said: Any = frozenset(map(id, users.get(line, ())))
        if line.op is not None:
            said = tuple(
                (
                    node.op,
                    tuple(
                        inside[x] if x in inside else -1 - sort[owner[x]] for x in node.parents()
                    ),
                )
                for node in inside
            )
        sort[line] = sorts.setdefault((line.op, line.shape, said), len(sorts))
    count = Counter(sort.values())
    made = {k: Key("equal", (), k) for k, n in count.items() if n >= _EQUAL}
    return {node: made[sort[owner[node]]] for node in order if sort[owner[node]] in made}
