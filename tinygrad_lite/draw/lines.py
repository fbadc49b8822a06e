"""A line of the derivation: a node with a name, and the ops without one that only it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..backprop.chain import is_constant
from ..graph.node import Node, Scalar
from .scopes import Key, Keys, Owners, Path

SHORT = 12  # ops in a line that is read as one formula
_FEW = 2  # ops that a function has a line of its own with
_EQUAL = 4  # lines; of fewer, each is a box


def lines(
    order: Sequence[Node],
    kept: Collection[Node],
    scopes: Mapping[Node, Path],
    *,
    weights: bool = False,
) -> Owners:
    """Each node's line, by its last node. `kept` nodes have a line of their own, and so has what
    several lines use, or what is in another scope than its user. With `weights`, numbers without a
    name that only one line uses are parts of it too."""
    sole: dict[Node, Node | None] = {}  # the only line that uses a node; None if there are several
    owner: Owners = {}
    for node in reversed(order):
        line = sole.get(node)
        leaf = node.op is None and not (weights and isinstance(node, Scalar))
        apart = line is None or leaf or node in kept or node.constant
        if line is None or apart or scopes[node] != scopes[line]:
            line = node
        owner[node] = line
        for x in node.parents():
            if sole.setdefault(x, line) is not line:
                sole[x] = None
    return owner


def read_lines(
    order: Sequence[Node], kept: Collection[Node], scopes: Mapping[Node, Path]
) -> Owners:
    """Lines that end, too, where those of many ops come apart on paper: at what is used more than
    once, and if they are still too long at functions of a few ops."""
    ends = set(kept)
    uses = Counter(x for node in order for x in node.parents())
    owner = lines(order, ends, scopes)
    for parted in (lambda node: uses[node] > 1, bends):
        sizes = Counter(owner[node] for node in order if node.op is not None)
        if max(sizes.values(), default=0) <= SHORT:
            break
        held: dict[Node, int] = {}  # ops of a line that are above a node, from the last end on
        for node in order:
            held[node] = sum(held[x] for x in node.parents() if owner.get(x) is owner[node])
            held[node] += node.op is not None
            if sizes[owner[node]] > SHORT and held[node] >= _FEW and parted(node):
                ends.add(node)
                held[node] = 0
        owner = lines(order, ends, scopes)
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
    made = {k: Key(place=k) for k, n in count.items() if n >= _EQUAL}
    return {node: made[sort[owner[node]]] for node in order if sort[owner[node]] in made}
