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

from ..backprop.chain import is_constant
from ..graph.node import Node
from .scopes import Key, Keys, Path, by_scope, by_visit, no_singles, prefixes, scopes_of, visible

LIMIT = 2000  # boxes: beyond this no layout is readable, nor quick
_CONSTANTS = 8  # of one op; more are folded into one box
_PARTS = 12  # groups that a graph without any structure is cut into
_FEWEST = 4  # boxes: a summary of fewer says nothing


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
        lines = (
            [", ".join(filter(None, (_count(len(leaves), "leaf", "leaves"), inside)))]
            if leaves
            else []
        )
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
        return _plan(order, scopes, _by_structure(order, keys, budget))
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


def _by_structure(order: Sequence[Node], scoped: Keys, budget: int) -> Keys:
    """Fold what scopes leave over by layers and kinds of op, or else by layers, or else in equal
    parts; and when there are too many scopes, fold these along with the rest."""
    if len(set(scoped.values())) > budget // 2:
        scoped = {}
    loose = [node for node in order if node not in scoped]
    layers = _layers(loose)
    count = max(layers.values(), default=0) + 1
    if count <= budget:
        for kinds in (_kinds(loose, layers), None):
            keys = {**scoped, **no_singles(_keyed(loose, layers, kinds))}
            if _FEWEST <= visible(order, keys) <= budget:
                return _opened(order, keys, budget)
    parts = max(1, min(_PARTS, budget - len(set(scoped.values()))))
    place = _equal_parts(loose, layers, parts)
    return {**scoped, **no_singles(_keyed(loose, place))}


def _keyed(
    nodes: Sequence[Node], number: Mapping[Node, int], kinds: Mapping[Node, str] | None = None
) -> Keys:
    """The keys of numbered parts, or of kinds in numbered layers: one object for all of a group,
    since making 100,000 takes longer than the rest."""
    groups = {node: (number[node], kinds[node] if kinds else "") for node in nodes}
    made = {group: Key("kind" if kinds else "part", (), *group) for group in set(groups.values())}
    return {node: made[group] for node, group in groups.items()}


def _layers(nodes: Sequence[Node]) -> dict[Node, int]:
    """How many elementwise functions of one input that are not linear lie before a node; a leaf is
    in the layer that first uses it."""
    layers: dict[Node, int] = {}
    first: dict[Node, int] = {}
    after: dict[Node, int] = {}  # the layer of what uses a node
    for node in nodes:
        if op := node.op:
            layer = max((after[x] for x in node.parents() if x in after), default=0)
            bends = op.elementwise and op.arity == 1 and not is_constant(op, 0)
            layers[node], after[node] = layer, layer + bends
            for x in node.parents():
                if x.op is None:
                    first[x] = min(layer, first.get(x, layer))
    return layers | {node: first.get(node, 0) for node in nodes if node.op is None}


def _kinds(nodes: Sequence[Node], layers: Mapping[Node, int]) -> dict[Node, str]:
    """The op's name within its layer. Ops that feed each other in a circle (x = x * a + b over and
    over) are one kind, so that arrows between groups run one way."""
    names = {node: node.op.name if node.op else "leaf" for node in nodes}
    feeds: dict[int, set[tuple[str, str]]] = {layer: set() for layer in layers.values()}
    for node in nodes:
        for x in node.parents():
            if x.op and layers.get(x) == layers[node] and x.op is not node.op:
                feeds[layers[node]].add((names[x], names[node]))
    merged = {layer: _circles(pairs) for layer, pairs in feeds.items()}
    return {node: merged[layers[node]].get(name, name) for node, name in names.items()}


def _circles(pairs: set[tuple[str, str]]) -> dict[str, str]:
    """Each name in a circle of `pairs` -> all names of the circle."""
    reach: dict[str, set[str]] = {name: set() for pair in pairs for name in pair}
    for a, b in pairs:
        reach[a].add(b)
    for via in reach:
        for found in reach.values():
            if via in found:
                found |= reach[via]
    circles = {a: {b for b in found if a in reach[b]} for a, found in reach.items()}
    return {a: ", ".join(sorted(circle)) for a, circle in circles.items() if circle}


def _opened(order: Sequence[Node], keys: Keys, budget: int) -> Keys:
    """Open the smallest structural groups again while all still fits."""
    sizes = Counter(key for key in keys.values() if key.sort != "scope")
    boxes = visible(order, keys)
    opened = set()
    for key, n in sorted(sizes.items(), key=lambda item: item[1]):
        boxes += n - 1
        if boxes > budget or n > 4:
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
        word = key.word if "," in key.word else f"{len(nodes):,} × {key.word}"
        return _count(len(nodes), "leaf", "leaves") if key.word == "leaf" else word
    parts = [k for k in groups if k.sort == "part"]
    return f"part {parts.index(key) + 1} of {len(parts)}"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
