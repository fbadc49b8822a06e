"""Folding by scope: what a scope holds becomes one box. Which nodes are one box is a key for each
of them; nodes without a key are drawn one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..graph.node import Node

Path = tuple[str, ...]


class Key(NamedTuple):
    """What the nodes of one group share, by the sort of group: a "scope" and the number of the
    visit; a "kind" of op (or a circle of them, or leaves) in the layer of a number; the number of a
    "part"; a side of what is drawn "around" a node."""

    sort: str
    path: Path = ()
    number: int = 0
    word: str = ""


Keys = dict[Node, Key]


def no_singles(keys: Keys) -> Keys:
    """A group of one node is that node."""
    sizes = Counter(keys.values())
    return {node: key for node, key in keys.items() if sizes[key] > 1}


def visible(order: Sequence[Node], keys: Keys) -> int:
    """How many boxes are left."""
    return len(order) - len(keys) + len(set(keys.values()))


def scopes_of(order: Sequence[Node]) -> dict[Node, Path]:
    """The scope of every node. Leaves are made outside of any: they belong where all their
    consumers are, except constants with a name of their own, which are data."""
    adopted: dict[Node, Path] = {}
    for node in order:
        for x in node.parents():
            if x.op is None and not (x.scope or (x.constant and x.name)):
                adopted[x] = common_scope(adopted.get(x, node.scope), node.scope)
    return {node: adopted.get(node, node.scope) for node in order}


def prefixes(path: Path) -> list[Path]:
    """The scopes that lie around what is in `path`, outermost first."""
    return [path[:n] for n in range(1, len(path) + 1)]


def common_scope(a: Path, b: Path) -> Path:
    """The scopes that two paths share."""
    return next((path for path in reversed(prefixes(a)) if b[: len(path)] == path), ())


def by_scope(
    order: Sequence[Node], scopes: Mapping[Node, Path], depth: int | None, budget: int
) -> Keys:
    """Fold scopes deeper than `depth`; by default the deepest at which the boxes fit."""
    paths = set(scopes.values())
    keys: Keys = {}
    for level in range(max(map(len, paths)), -1, -1) if depth is None else (depth,):
        folded = {path: Key("scope", path[: level + 1]) for path in paths if len(path) > level}
        keys = no_singles({node: folded[scopes[node]] for node in order if scopes[node] in folded})
        if visible(order, keys) <= budget:
            break
    return keys


def by_visit(order: Sequence[Node], keys: Keys) -> Keys:
    """A scope that is entered again with what came out of it, such as a recurrent cell, is a group
    for each visit, so that arrows between groups do not run in circles."""
    result = dict(keys)
    for key in _in_circles(order, keys):
        visit: dict[Node, int] = {}  # of the nodes inside; elsewhere the last one before
        for node in order:
            inside = keys.get(node) == key
            before = [visit[x] + (inside and keys.get(x) != key)
                      for x in node.parents() if x in visit]  # fmt: skip
            if inside or before:
                visit[node] = max(before, default=0)
            if inside:
                result[node] = key._replace(number=visit[node])
    return no_singles(result)


def _in_circles(order: Sequence[Node], keys: Keys) -> list[Key]:
    """The groups that their own output comes back to (or that lie between two such)."""
    box = {node: keys.get(node) or id(node) for node in order}
    near: dict[Key | int, tuple[set[Key | int], set[Key | int]]]  # inputs, users
    near = {a: (set(), set()) for a in box.values()}
    for node in order:
        for x in node.parents():
            if box[x] != box[node]:
                near[box[node]][0].add(box[x])
                near[box[x]][1].add(box[node])
    for side in (0, 1):
        ends = [a for a, sides in near.items() if not sides[side]]
        while ends:
            a = ends.pop()
            for b in near.pop(a)[1 - side]:
                near[b][side].discard(a)
                if not near[b][side]:
                    ends.append(b)
    return [a for a in near if isinstance(a, Key) and a.sort == "scope"]
