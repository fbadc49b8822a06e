"""Folding by scope: what a scope holds becomes one box. Which nodes are one box is a key for each
of them; nodes without a key are drawn one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..graph.node import Node

Path = tuple[str, ...]


class Key(NamedTuple):
    """What the nodes of one group share, by the sort of group: a "scope" and the number of the
    visit; the number of "equal" lines or of a "part"."""

    sort: str
    path: Path = ()
    number: int = 0


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


def by_scope(
    scopes: Mapping[Node, Path],
    owner: Owners,
    own: Collection[Node],
    depth: int | None,
    budget: int,
) -> Keys:
    """Fold scopes deeper than `depth`; by default the deepest at which the boxes fit, with leaves
    that the user calls their `own` name not folded if they fit too."""
    paths = {scopes[node] for node in owner}
    levels = range(max(map(len, paths)), -1, -1) if depth is None else (depth,)
    keys: Keys = {}
    for apart, level in itertools.product((own, ()), levels):
        folded = {path: Key("scope", path[: level + 1]) for path in paths if len(path) > level}
        held = {n: folded[scopes[n]] for n in owner if scopes[n] in folded and n not in apart}
        keys = no_singles(held, owner)
        if visible(keys, owner) <= budget:
            break
    return keys


def by_visit(order: Sequence[Node], keys: Keys, owner: Owners) -> Keys:
    """A scope that is entered again with what came out of it, such as a recurrent cell, is a group
    for each visit, so that arrows between groups do not run in circles."""
    result = dict(keys)
    places: dict[Key, list[int]] = {}
    for k, node in enumerate(order):
        if node in keys:
            places.setdefault(keys[node], []).append(k)
    for key, at in places.items():
        visit: dict[Node, int] = {}  # of the nodes inside; elsewhere the last one before
        for node in order[at[0] : at[-1] + 1]:
            inside = keys.get(node) == key
            before = [visit[x] + (inside and keys.get(x) != key)
                      for x in node.parents() if x in visit]  # fmt: skip
            if inside or before:
                visit[node] = max(before, default=0)
            if inside:
                result[node] = key._replace(number=visit[node])
    return no_singles(result, owner)
