"""Which nodes are drawn one by one and which are folded into groups.

Scopes fold first. A graph without scopes folds by structure: into layers between activations, and
in these by the kind of op. Everything is a pass over the nodes in order of execution; nothing
recurses, so 100,000 nodes take a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..graph.node import Node
from .scopes import Key, Keys, Path, by_scope, by_visit, no_singles, prefixes, scopes_of, visible
from .structure import by_structure

LIMIT = 2000  # boxes: beyond this no layout is readable, nor quick
_CONSTANTS = 8  # of one op; more are folded into one box


@dataclass(frozen=True)
class Group:
    """Nodes folded into one box, in order of execution. `path` is the scope that
    they are, empty when they were folded by structure."""

    title: str
    nodes: list[Node]
    path: Path
    one_kind: bool

    def lines(self, limit: int = 3) -> list[str]:
        """What is inside: counts of leaves and of each op, unless the title says it."""
        leaves = [node for node in self.nodes if node.op is None]
        ops = Counter(node.op.name for node in self.nodes if node.op).most_common()
        size = sum(math.prod(leaf.shape) for leaf in leaves)
        inside = f"{size:,} entries" if size != len(leaves) else ""
        if self.one_kind and len(ops) + bool(leaves) == 1:
            return [inside] if inside else []
        lines = [", ".join(filter(None, (_leaves(leaves), inside)))] if leaves else []
        lines += [f"{n:,} × {name}" for name, n in ops[:limit]]
        if rest := sum(n for _, n in ops[limit:]):
            lines.append(_count(rest, "other op"))
        return lines


class Unit(NamedTuple):
    """One box to come: a node, a raw constant, a tuple of many raw constants of one op, or a group;
    its id and the open scope it is in. Edges of boxes whose id begins with "g" are bundled."""

    id: str
    content: Any
    scope: Path


@dataclass(frozen=True)
class Plan:
    """The units in order of execution; the id of a node's unit, and of a raw constant's, by
    `(consumer, input index)`; and what to tell the reader about what is folded."""

    units: list[Unit]
    unit_of: dict[Any, str]
    note: str


def partition(
    order: Sequence[Node], *, depth: int | None, around: Node | None, max_nodes: int
) -> Plan:
    """Fold the nodes (in order of execution) until at most `max_nodes` boxes are left."""
    scopes = scopes_of(order)
    budget = min(max_nodes, LIMIT)
    if around is not None:
        return _plan(order, scopes, _surroundings(order, around, budget))
    keys = by_scope(order, scopes, depth, budget)
    allowed = budget if depth is None else LIMIT
    if visible(order, keys) > allowed:
        return _plan(order, scopes, by_structure(order, keys, budget))
    visits = by_visit(order, keys)
    return _plan(order, scopes, visits if visible(order, visits) <= allowed else keys)


def _surroundings(order: Sequence[Node], around: Node, budget: int) -> Keys:
    """Fold all but the nodes nearest to `around`: what it depends on, what uses it, the rest."""
    consumers: dict[Node, list[Node]] = {node: [] for node in order}
    for node in order:
        for x in node.parents():
            consumers[x].append(node)
    near = {around: None}
    ring = [around]
    while ring and len(near) < budget:
        reached = [x for node in ring for x in (*node.parents(), *consumers[node])]
        ring = list(dict.fromkeys(x for x in reached if x not in near))[: budget - len(near)]
        near.update(dict.fromkeys(ring))
    sides = {around: "around"}
    for node in reversed(order):
        if sides.get(node) in ("around", "before"):
            sides.update((x, "before") for x in node.parents())
    for node in order:
        if any(sides.get(x) in ("around", "after") for x in node.parents()):
            sides[node] = "after"
    rest = [node for node in order if node not in near]
    return no_singles({node: Key("around", word=sides.get(node, "beside")) for node in rest})


def _plan(order: Sequence[Node], scopes: Mapping[Node, Path], keys: Keys) -> Plan:
    plan: list[Unit] = []
    unit_of: dict[Any, str] = {}
    groups: dict[Key, list[Node]] = {}
    for node in order:
        if node in keys:
            groups.setdefault(keys[node], []).append(node)
    ids = _group_ids(order, scopes, groups)
    arrays: dict[int, str] = {}
    for k, node in enumerate(order):
        if key := keys.get(node):
            unit_of[node] = ids[key]
            if node is groups[key][0]:
                title = _title(key, groups[key], groups)
                group = Group(title, groups[key], key.path, one_kind=key.sort == "kind")
                plan.append(Unit(ids[key], group, key.path[:-1]))
            continue
        raw = [(index, x) for index, x in enumerate(node.inputs) if not isinstance(x, Node)]
        if len(raw) > _CONSTANTS:
            plan.append(Unit(f"gc{k}", tuple(x for _, x in raw), scopes[node]))
            unit_of.update(((node, index), f"gc{k}") for index, _ in raw)
            raw = []
        for index, x in raw:
            new = f"c{k}_{index}"
            unit_of[node, index] = arrays.setdefault(id(x), new) if getattr(x, "ndim", 0) else new
            if unit_of[node, index] == new:
                plan.append(Unit(new, x, scopes[node]))
        unit_of[node] = f"n{k}"
        plan.append(Unit(unit_of[node], node, scopes[node]))
    if not groups:
        return Plan(plan, unit_of, "")
    singles = len(order) - len(keys)
    shown = _count(len(groups), "group") + (f" and {_count(singles, 'node')}" if singles else "")
    note = f"graph has {len(order):,} nodes; showing {shown}; use depth=, around=, or max_nodes="
    return Plan(plan, unit_of, note)


def _group_ids(
    order: Sequence[Node], scopes: Mapping[Node, Path], groups: Mapping[Key, list[Node]]
) -> dict[Key, str]:
    """An id per group; a scope's is the same whatever else is folded."""
    numbers: dict[Path, int] = {}
    for node in order:
        for path in prefixes(scopes[node]):
            numbers.setdefault(path, len(numbers))
    ids = {}
    for k, key in enumerate(groups):
        visit = f"_{key.number}" if key.number else ""
        ids[key] = f"g{numbers[key.path]}{visit}" if key.sort == "scope" else f"gs{k}"
    return ids


def _title(key: Key, nodes: Sequence[Node], groups: Mapping[Key, Any]) -> str:
    if key.sort == "scope":
        again = key.number or key._replace(number=1) in groups
        return f"{key.path[-1]} ({key.number + 1})" if again else key.path[-1]
    if key.sort == "around":
        return f"{len(nodes):,} nodes {key.word}"
    if key.sort == "kind":
        if key.word == "leaf":
            return _leaves(nodes)
        return key.word if "," in key.word else f"{len(nodes):,} × {key.word}"
    parts = [k for k in groups if k.sort == "part"]
    return f"part {parts.index(key) + 1} of {len(parts)}"


def _count(n: int, one: str) -> str:
    return f"{n:,} {one}{'s' * (n != 1)}"


def _leaves(nodes: Sequence[Node]) -> str:
    return "1 leaf" if len(nodes) == 1 else f"{len(nodes):,} leaves"
