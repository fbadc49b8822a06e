"""Folding by scope: what a scope holds becomes one box. Which nodes are one box is a key for each
of them; nodes without a key are drawn one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from ..graph.node import Node

Path = tuple[str, ...]
T = TypeVar("T")


class Key(NamedTuple):
    """What the nodes of one group share: a scope and the number of the visit; or a place among
    equal lines or parts. Its title, but for equal lines: what these have in common is not known
    here."""

    path: Path = ()
    visit: int = 0
    place: int = 0
    title: str = ""


Keys = dict[Node, Key]
Owners = dict[Node, Node]  # each node -> the last node of its line


def no_singles(keys: Keys, owner: Owners) -> Keys:
    """A group of one line is that line."""
    sizes = Counter(key for node, key in keys.items() if owner[node] is node)
    return {node: key for node, key in keys.items() if sizes[key] > 1}


def scopes_of(order: Sequence[Node]) -> dict[Node, Path]:
    """The scope of every node. Leaves are made outside of any: they belong where all their
    consumers are, except constants with a name of their own, which are data."""
    adopted: dict[Node, Path] = {}
    for node in order:
        for x in node.parents():
            if x.op is None and not (x.scope or (x.constant and x.name)):
                adopted[x] = common_scope(adopted.get(x, node.scope), node.scope)
    return {node: adopted.get(node, node.scope) for node in order}


def after_inputs(inputs: Mapping[T, Sequence[T]]) -> list[T]:
    """All that have inputs, each after these; circles are entered last."""
    used = set(chain.from_iterable(inputs.values()))
    last = list(inputs)[::-1]
    stack = [(x, False) for x in last] + [(x, False) for x in last if x not in used]
    order: list[T] = []
    seen: set[T] = set()
    while stack:
        x, done = stack.pop()
        if done:
            order.append(x)
        elif x not in seen:
            seen.add(x)
            stack.append((x, True))
            stack += [(y, False) for y in reversed(inputs[x])]
    return order


def prefixes(path: Path) -> list[Path]:
    """The scopes that lie around what is in `path`, outermost first."""
    return [path[:n] for n in range(1, len(path) + 1)]


def common_scope(a: Path, b: Path) -> Path:
    """The scopes that two paths share."""
    return next((path for path in reversed(prefixes(a)) if b[: len(path)] == path), ())


def by_scope(
    scopes: Mapping[Node, Path], owner: Owners, apart: Collection[Node], depth: int
) -> Keys:
    """Scopes deeper than `depth` are folded, without the nodes that stay `apart`."""
    paths = {scopes[node] for node in owner if len(scopes[node]) > depth}
    folded = {path: Key(path[: depth + 1], title=path[depth]) for path in paths}
    return {n: folded[scopes[n]] for n in owner if scopes[n] in folded and n not in apart}


def by_visit(order: Sequence[Node], keys: Keys) -> Keys:
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
                result[node] = key._replace(visit=visit[node])
    return result
