"""Folding a graph without scopes by structure: into layers between functions that are not linear,
in these by the kind of op, or else in equal parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..backprop.chain import is_constant
from ..graph.node import Node
from .scopes import Key, Keys, no_singles, visible

_PARTS = 12  # groups that a graph without any structure is cut into
_FEWEST = 4  # boxes: a summary of fewer says nothing


def by_structure(order: Sequence[Node], scoped: Keys, budget: int) -> Keys:
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
    made: dict[tuple[int, str], Key] = {}
    keys: Keys = {}
    for node in nodes:
        group = (number[node], kinds[node] if kinds else "")
        if group not in made:
            made[group] = Key("kind" if kinds else "part", (), *group)
        keys[node] = made[group]
    return keys


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
