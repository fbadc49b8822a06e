"""Which nodes are drawn one by one and which are folded into groups.

Scopes fold first. A graph without scopes folds by structure: into layers between activations, and
in these by the kind of op. Everything is a pass over the nodes in order of execution; nothing
recurses, so 100,000 nodes take a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..graph.node import Node

Path = tuple[str, ...]

LIMIT = 2000  # boxes: beyond this no layout is readable, nor quick
_PARTS = 12  # groups that a graph without any structure is cut into
_CONSTANTS = 8  # of one op; more are folded into one box
_FEWEST = 4  # boxes: a summary of fewer says nothing


@dataclass(frozen=True)
class Group:
    """Nodes folded into one box, in order of execution. `path` is the scope that
    they are, empty when they were folded by structure."""

    title: str
    nodes: list[Node]
    path: Path = ()
    one_kind: bool = False

    def lines(self, limit: int = 3) -> list[str]:
        """What is inside: counts of leaves and of each op, unless the title says it."""
        leaves = sum(node.op is None for node in self.nodes)
        ops = Counter(node.op.name for node in self.nodes if node.op is not None)
        lines = []
        inside = ""
        if leaves:
            size = sum(math.prod(node.shape) for node in self.nodes if node.op is None)
            inside = f", {size:,} entries" if size != leaves else ""
            lines.append(f"{_count(leaves, 'leaf', 'leaves')}{inside}")
        common = ops.most_common()
        if self.one_kind and len(common) + (leaves > 0) == 1:
            return [inside[2:]] if inside else []
        lines += [f"{n:,} × {name}" for name, n in common[:limit]]
        if len(common) > limit:
            lines.append(f"{_count(sum(n for _, n in common[limit:]), 'other op', 'other ops')}")
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

    units: list[Unit] = field(default_factory=list)
    unit_of: dict[Any, str] = field(default_factory=dict)
    note: str = ""


def partition(
    order: Sequence[Node],
    *,
    depth: int | None,
    around: Node | None,
    max_nodes: int,
    expanded: frozenset[Path],
) -> Plan:
    """Fold the nodes (in order of execution) until at most `max_nodes` boxes are left."""
    scopes = scopes_of(order)
    budget = min(max_nodes, LIMIT)
    if around is not None:
        keys = _surroundings(order, around, budget)
    else:
        keys = _by_scope(order, scopes, depth, budget, expanded)
        allowed = LIMIT if depth is not None or expanded else budget
        if _visible(order, keys) > allowed:
            keys = _by_structure(order, keys, budget)
        else:
            visits = _by_visit(order, keys)
            if _visible(order, visits) <= allowed:
                keys = visits
    return _plan(order, scopes, keys)


# Of a group: ("scope", path, visit), ("kind", layer, ops), ("part", number), ("around", side).
Key = tuple[Hashable, ...]
Keys = dict[Node, Key]


def scopes_of(order: Sequence[Node]) -> dict[Node, Path]:
    """The scope of every node. Leaves are made outside of any: they belong where all their
    consumers are, except constants with a name of their own, which are data."""
    scopes: dict[Node, Path] = {}
    adopted: dict[Node, Path] = {}
    for node in order:
        if node.op is None:
            scopes[node] = node.scope
            continue
        path = scopes[node] = node.scope
        for x in node.parents():
            if x.op is None and not x.scope:
                known = adopted.get(x)
                adopted[x] = path if known is None else common_scope(known, path)
    for leaf, path in adopted.items():
        if not (leaf.constant and leaf.name):
            scopes[leaf] = path
    return scopes


def common_scope(a: Path, b: Path) -> Path:
    """The scopes that two paths share."""
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]


def _by_scope(
    order: Sequence[Node],
    scopes: Mapping[Node, Path],
    depth: int | None,
    budget: int,
    expanded: frozenset[Path],
) -> Keys:
    """Fold scopes deeper than `depth`; by default the deepest at which the boxes fit."""
    deepest = max((len(path) for path in scopes.values()), default=0)
    tries = range(deepest, -1, -1) if depth is None else (depth,)
    keys: Keys = {}
    for level in tries:
        keys = {}
        for node in order:
            path = scopes[node]
            for n in range(level + 1, len(path) + 1):
                if path[:n] not in expanded:
                    keys[node] = ("scope", path[:n], 0)
                    break
        keys = _without_singles(keys)
        if _visible(order, keys) <= budget:
            break
    return keys


def _by_visit(order: Sequence[Node], keys: Keys) -> Keys:
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
                result[node] = (*key[:2], visit[node])
    return _without_singles(result)


def _in_circles(order: Sequence[Node], keys: Keys) -> list[Key]:
    """The groups that their own output comes back to (or that lie between two such)."""
    near: dict[Key, tuple[set[Key], set[Key]]] = {}  # of a group or single node: inputs, users
    for node in order:
        a = keys.get(node) or ("node", id(node))
        near.setdefault(a, (set(), set()))
        for x in node.parents():
            b = keys.get(x) or ("node", id(x))
            if a != b:
                near[a][0].add(b)
                near[b][1].add(a)
    for side in (0, 1):
        ends = [a for a, sides in near.items() if not sides[side]]
        while ends:
            a = ends.pop()
            for b in near.pop(a)[1 - side]:
                near[b][side].discard(a)
                if not near[b][side]:
                    ends.append(b)
    return [a for a in near if a[0] == "scope"]


def _without_singles(keys: Keys) -> Keys:
    """A group of one node is that node."""
    sizes = Counter(keys.values())
    return {node: key for node, key in keys.items() if sizes[key] > 1}


def _visible(order: Sequence[Node], keys: Keys) -> int:
    return len(order) - len(keys) + len(set(keys.values()))


def _by_structure(order: Sequence[Node], scoped: Keys, budget: int) -> Keys:
    """Fold what scopes leave over by layers and kinds of op, or else by layers, or else in equal
    parts; and when there are too many scopes, fold these along with the rest."""
    if len(set(scoped.values())) > budget // 2:
        scoped = {}
    loose = [node for node in order if node not in scoped]
    layers = _layers(loose)
    count = max(layers.values(), default=0) + 1
    if count <= budget:
        kinds = _kinds(loose, layers)
        by_kind: Keys = {node: ("kind", layers[node], kinds[node]) for node in loose}
        by_layer: Keys = {node: ("part", layers[node]) for node in loose}
        for tried in (by_kind, by_layer):
            keys = {**scoped, **_without_singles(tried)}
            if _FEWEST <= _visible(order, keys) <= budget:
                return _opened(order, keys, budget)
    parts = max(1, min(_PARTS, budget - len(set(scoped.values()))))
    place = _equal_parts(loose, layers, parts)
    return {**scoped, **_without_singles({node: ("part", place[node]) for node in loose})}


def _layers(nodes: Sequence[Node]) -> dict[Node, int]:
    """How many activations (elementwise functions of one input that are not linear) lie before a
    node; a leaf is in the layer that first uses it."""
    layers: dict[Node, int] = {}
    first: dict[Node, int] = {}
    inside = set(nodes)
    for node in nodes:
        if node.op is None:
            continue
        layer = 0
        for x in node.parents():
            if x in inside and x.op is not None:
                layer = max(layer, layers[x] + _activates(x))
        layers[node] = layer
        for x in node.parents():
            if x.op is None:
                first[x] = min(layer, first.get(x, layer))
    for node in nodes:
        if node.op is None:
            layers[node] = first.get(node, 0)
    return layers


def _activates(node: Node) -> bool:
    op = node.op
    return op is not None and op.elementwise and op.arity == 1 and callable(op.rules[0])


def _kinds(nodes: Sequence[Node], layers: Mapping[Node, int]) -> dict[Node, str]:
    """The op's name within its layer. Ops that feed each other in a circle (x = x * a + b over and
    over) are one kind, so that arrows between groups run one way."""
    feeds: dict[int, set[tuple[str, str]]] = {}
    for node in nodes:
        if node.op is not None:
            for x in node.parents():
                if x.op is not None and layers.get(x) == layers[node] and x.op is not node.op:
                    feeds.setdefault(layers[node], set()).add((x.op.name, node.op.name))
    merged = {layer: _circles(pairs) for layer, pairs in feeds.items()}
    return {
        node: "leaf"
        if node.op is None
        else merged.get(layers[node], {}).get(node.op.name) or node.op.name
        for node in nodes
    }


def _circles(pairs: set[tuple[str, str]]) -> dict[str, str]:
    """Each name in a circle of `pairs` -> all names of the circle."""
    reach: dict[str, set[str]] = {}
    for a, b in pairs:
        reach.setdefault(a, set()).add(b)
        reach.setdefault(b, set())
    for via in reach:
        for a in reach:
            if via in reach[a]:
                reach[a] |= reach[via]
    return {
        a: ", ".join(sorted({a} | {b for b in reach[a] if a in reach[b]}))
        for a in reach
        if a in reach[a]
    }


def _opened(order: Sequence[Node], keys: Keys, budget: int) -> Keys:
    """Open the smallest structural groups again while all still fits."""
    sizes = Counter(key for key in keys.values() if key[0] != "scope")
    visible = _visible(order, keys)
    opened = set()
    for key, n in sorted(sizes.items(), key=lambda item: item[1]):
        visible += n - 1
        if visible > budget or n > 4:
            break
        opened.add(key)
    return {node: key for node, key in keys.items() if key not in opened}


def _equal_parts(nodes: Sequence[Node], layers: Mapping[Node, int], parts: int) -> dict[Node, int]:
    """Consecutive parts of about equal size: of layers when there are enough, else of ranks."""
    ranks = dict(layers)
    if max(ranks.values(), default=0) < 2 * parts:
        for node in nodes:
            ranks[node] = max((ranks.get(x, 0) + 1 for x in node.parents()), default=0)
        for node in nodes:
            for x in node.parents():
                if x.op is None and x in ranks:
                    ranks[x] = min(ranks[node], ranks[x] or ranks[node])
    place: dict[Node, int] = {}
    start: dict[int, int] = {}  # a rank is not torn apart: it goes where it begins
    for k, node in enumerate(sorted(nodes, key=ranks.__getitem__)):
        place[node] = start.setdefault(ranks[node], k * parts // len(nodes))
    return place


def _surroundings(order: Sequence[Node], around: Node, budget: int) -> Keys:
    """Fold all but the nodes nearest to `around`: what it depends on, what uses it, the rest."""
    consumers: dict[Node, list[Node]] = {}
    for node in order:
        for x in node.parents():
            consumers.setdefault(x, []).append(node)
    near = {around: None}
    ring = [around]
    while ring and len(near) < budget:
        reached = [x for node in ring for x in (*node.parents(), *consumers.get(node, ()))]
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
    return _without_singles({node: ("around", sides.get(node, "beside")) for node in rest})


def _plan(order: Sequence[Node], scopes: Mapping[Node, Path], keys: Keys) -> Plan:
    plan: list[Unit] = []
    unit_of: dict[Any, str] = {}
    groups: dict[Key, list[Node]] = {}
    for node in order:
        if node in keys:
            groups.setdefault(keys[node], []).append(node)
    ids = _group_ids(order, scopes, groups)
    arrays: dict[int, str] = {}
    seen: set[Key] = set()
    for k, node in enumerate(order):
        key = keys.get(node)
        if key is not None:
            unit_of[node] = ids[key]
            if key not in seen:
                seen.add(key)
                path = key[1] if isinstance(key[1], tuple) else ()
                title = _title(key, groups[key], groups)
                group = Group(title, groups[key], path, one_kind=key[0] == "kind")
                plan.append(Unit(ids[key], group, path[:-1]))
            continue
        raw = [(index, x) for index, x in enumerate(node.inputs) if not isinstance(x, Node)]
        if len(raw) > _CONSTANTS:
            plan.append(Unit(f"gc{k}", tuple(x for _, x in raw), scopes[node]))
            unit_of.update(((node, index), f"gc{k}") for index, _ in raw)
            raw = []
        for index, x in raw:
            shared = bool(getattr(x, "ndim", 0))
            known = arrays.get(id(x)) if shared else None
            if known is None:
                known = f"c{k}_{index}"
                plan.append(Unit(known, x, scopes[node]))
                if shared:
                    arrays[id(x)] = known
            unit_of[node, index] = known
        unit_of[node] = f"n{k}"
        plan.append(Unit(unit_of[node], node, scopes[node]))
    singles = len(order) - len(keys)
    note = ""
    if groups:
        shown = _count(len(groups), "group", "groups")
        shown += f" and {_count(singles, 'node', 'nodes')}" if singles else ""
        note = (
            f"graph has {len(order):,} nodes; showing {shown}; use depth=, around=, or max_nodes="
        )
    return Plan(plan, unit_of, note)


def _group_ids(
    order: Sequence[Node], scopes: Mapping[Node, Path], groups: Mapping[Key, list[Node]]
) -> dict[Key, str]:
    """An id per group; a scope's is the same whatever else is folded."""
    numbers: dict[Path, int] = {}
    for node in order:
        path = scopes[node]
        for n in range(1, len(path) + 1):
            numbers.setdefault(path[:n], len(numbers))
    ids = {}
    for k, key in enumerate(groups):
        if key[0] == "scope":
            visit = f"_{key[2]}" if key[2] else ""
            ids[key] = f"g{numbers[key[1]]}{visit}"  # type: ignore[index]
        else:
            ids[key] = f"gs{k}"
    return ids


def _title(key: Key, nodes: Sequence[Node], groups: Mapping[Key, Any]) -> str:
    if key[0] == "scope":
        _, path, visit = key
        assert isinstance(path, tuple)
        again = visit or (*key[:2], 1) in groups
        return f"{path[-1]} ({int(str(visit)) + 1})" if again else str(path[-1])
    if key[0] == "around":
        return f"{len(nodes):,} nodes {key[1]}"
    if key[0] == "kind":
        if key[2] == "leaf":
            return _count(len(nodes), "leaf", "leaves")
        return f"{len(nodes):,} × {key[2]}" if "," not in str(key[2]) else str(key[2])
    parts = [k for k in groups if k[0] == "part"]
    return f"part {parts.index(key) + 1} of {len(parts)}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
