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
    visit; the number of "equal" lines or of a "part"; a side of what is drawn "around" a node."""

    sort: str
    path: Path = ()
    number: int = 0
    word: str = ""


Keys = dict[Node, Key]
Owners = dict[Node, Node]  # each node -> the last node of its line


def no_singles(keys: Keys, owner: Owners) -> Keys:
    """A group of one line is that line."""
    sizes = Counter(key for node, key in keys.items() if owner[node] is node)
    return {node: key for node, key in keys.items() if sizes[key] > 1}


def visible(keys: Keys, owner: Owners) -> int:
    """How many boxes are left."""
    alone = sum(line is node and node not in keys for node, line in owner.items())
    return alone + len(set(keys.values()))


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


def by_scope(scopes: Mapping[Node, Path], owner: Owners, depth: int | None, budget: int) -> Keys:
    """Fold scopes deeper than `depth`; by default the deepest at which the boxes fit."""
    paths = {scopes[node] for node in owner}
    keys: Keys = {}
    for level in range(max(map(len, paths)), -1, -1) if depth is None else (depth,):
        folded = {path: Key("scope", path[: level + 1]) for path in paths if len(path) > level}
        held = {node: folded[scopes[node]] for node in owner if scopes[node] in folded}
        keys = no_singles(held, owner)
        if visible(keys, owner) <= budget:
            break
    return keys


def by_visit(order: Sequence[Node], keys: Keys, owner: Owners) -> Keys:
    """A scope that is entered again with what came out of it, such as a recurrent cell, is a group
    for each visit, so that arrows between groups do not run in circles."""
    result = dict(keys)
    for key in _in_circles(order, keys, owner):
        visit: dict[Node, int] = {}  # of the nodes inside; elsewhere the last one before
        for node in order:
            inside = keys.get(node) == key
            before = [visit[x] + (inside and keys.get(x) != key)
                      for x in node.parents() if x in visit]  # fmt: skip
            if inside or before:
                visit[node] = max(before, default=0)
            if inside:
                result[node] = key._replace(number=visit[node])
    return no_singles(result, owner)


def _in_circles(order: Sequence[Node], keys: Keys, owner: Owners) -> list[Key]:
    """The groups that their own output comes back to (or that lie between two such)."""
    box = {node: keys.get(node) or id(owner[node]) for node in order}
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
