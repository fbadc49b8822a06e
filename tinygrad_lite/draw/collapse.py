"""Which nodes are one box: lines of the derivation first; if these are too many, steps that are
repeated, scopes, longer lines, equal ones, and at last parts.

Everything is a pass over the nodes in order of execution; nothing recurses, so 100,000 nodes take a
second.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

from ..backprop.chain import is_constant
from ..graph.node import Node, Scalar
from ..notation.words import counted
from .repeats import Repeats, execution, repeats
from .scene import Asked, Box
from .scopes import Key, Keys, Owners, Path, by_scope, by_visit, no_singles, prefixes, scopes_of

LIMIT = 2000  # boxes: beyond this no layout is readable, nor quick
_SHORT = 12  # ops in a line that is read as one formula
_FEW = 2  # ops that a function has a line of its own with
_EQUAL = 4  # lines; of fewer, each is a box
_CONSTANTS = 6  # arrays without a name of one line; more are folded into one box
_PARTS = 12  # groups that a graph without any structure is cut into


@dataclass(frozen=True)
class Plan:
    """The boxes to come in order of execution: a "line" or a "group" of nodes, the name of which is
    a title, or nothing of equal lines; a raw "constant", or a list of them; a "stub" of a node of
    the step before. The `order` of the nodes in them; the id of a node's box, of a raw array's by
    `(consumer, input index)`, and of a stub's likewise; what is repeated; and what to tell the
    reader about what is folded."""

    boxes: list[Box]
    order: Sequence[Node]
    box_of: dict[Any, str]
    repeats: Repeats
    note: str


class Fold(NamedTuple):
    """A way to fold: the nodes to draw in order of execution, what is repeated, each node's line,
    and what is a group."""

    order: Sequence[Node]
    repeats: Repeats
    owner: Owners
    keys: Keys

    @property
    def boxes(self) -> int:
        """How many are left."""
        alone = sum(x is node and node not in self.keys for node, x in self.owner.items())
        return alone + len(set(self.keys.values()))


def _ways(
    nodes: Sequence[Node], names: Mapping[int, str], kept: Collection[Node], asked: Asked
) -> Iterator[tuple[float, Fold]]:
    """Ways to fold the nodes (consumers first), the best first, and how many boxes each may have.
    Those `kept`, having a name, are folded as late as possible, with numbers in containers earlier,
    and leaves of the user's own name the last."""
    depth, steps = asked.depth, asked.steps
    leaves = {node for node in kept if node.op is None}
    own = {node for node in leaves if names.get(id(node), "").isidentifier()}  # in no container
    weak = {node for node in leaves - own if isinstance(node, Scalar)}
    order = execution(nodes)
    scopes = scopes_of(order)
    budget = min(asked.max_nodes, LIMIT)
    allowed = budget if depth is None else LIMIT
    once = Repeats(scopes)
    every = {node: node for node in order}
    scalars = all(isinstance(node, Scalar) for node in order)
    few = steps is None and scalars and (len(order) <= budget or depth is not None)
    found = once if steps or few else repeats(nodes, order, scopes)
    many = len(found.copies) > 1 or found.times > _SHORT  # else all turns are one line
    ends = found.carried if many else ()
    turns = {x for node in ends for x in found.copies.get(node, ())}  # each ends a line
    short = every if steps or few else _read_lines(order, {*kept, *turns}, scopes)

    def scoped(order: Sequence[Node], found: Repeats, owner: Owners) -> Iterator[tuple[int, Fold]]:
        """With open scopes as deep as they go, then less deep."""
        deepest = max(len(found.scopes[node]) for node in owner)
        for apart in (own, ()):
            for level in range(deepest, -1, -1) if depth is None else (depth,):
                keys = by_scope(found.scopes, owner, apart, level)
                yield budget if apart else allowed, Fold(order, found, owner, keys)

    if len(set(short.values())) > budget // 2 and depth is None and found.times:
        inside = [node for node in order if node not in found.same]
        yield from scoped(inside, found, _read_lines(inside, {*kept, *found.carried}, found.scopes))
    for most, fold in scoped(order, once, short):
        if fold.boxes <= most:
            yield most, fold._replace(keys=by_visit(order, fold.keys))
            yield most, fold
    for bent in ([node for node in order if _bends(node)], ()):
        long = _lines(order, {*kept, *bent} - set(weak), scopes, weights=True)
        yield budget, Fold(order, once, long, {})
        yield budget, Fold(order, once, long, _equal_lines(order, long))
    parts = max(1, min(_PARTS, budget))  # of about equal size
    places = {node: k * parts // len(order) for k, node in enumerate(order)}
    keys = {node: Key(place=k, title=f"part {k + 1} of {parts}") for node, k in places.items()}
    yield inf, Fold(order, once, every, keys)


def planned(
    nodes: Sequence[Node], names: Mapping[int, str], kept: Collection[Node], asked: Asked
) -> Plan:
    """The nodes as boxes, folded in the first of the ways that fits; constant arrays with a name
    are never together."""
    ways = _ways(nodes, names, kept, asked)
    order, found, owner, keys = next(fold for most, fold in ways if fold.boxes <= most)
    keys = no_singles(keys, owner)
    scopes = found.scopes
    boxes: list[Box] = []
    box_of: dict[Any, str] = {}
    groups: dict[Key, list[Node]] = {}
    parts: dict[Node, list[Node]] = {}
    for node in order:
        if node in keys:
            groups.setdefault(keys[node], []).append(node)
        else:
            parts.setdefault(owner[node], []).append(node)
    ids = {key: f"g{k}" for k, key in enumerate(groups)}
    closed = {key.path for key in groups if key.path}
    raws: dict[int, str] = {}
    unnamed = {line: _unnamed(inside, names) for line, inside in parts.items()}
    for k, node in enumerate(order):
        if key := keys.get(node):
            box_of[node] = ids[key]
            if node is groups[key][-1]:
                again = key.visit or key._replace(visit=1) in groups
                title = f"{key.title} ({key.visit + 1})" if again else key.title
                held = tuple(groups[key])
                boxes.append(Box(ids[key], "group", title, nodes=held, scope=key.path[:-1]))
            continue
        arrays = unnamed[owner[node]]
        for i, x in enumerate(node.inputs):
            stub = isinstance(x, Node)
            if not (found.before(x, node) if stub else getattr(x, "ndim", 0)):
                continue
            many = id(x) in arrays and len(arrays) > _CONSTANTS
            new = f"c{k}_{i}"
            box_of[node, i] = raws.setdefault(next(iter(arrays)) if many else id(x), new)
            if box_of[node, i] == new:
                array = [*arrays.values()] if many else x
                content = {"nodes": (x,)} if stub else {"array": array}
                kind = "stub" if stub else "constant"
                boxes.append(Box(new, kind, scope=scopes[node], **content))
        box_of[node] = f"n{k}"
        if owner[node] is node:
            box_of.update((part, f"n{k}") for part in parts[node])
            around = (path[:-1] for path in prefixes(scopes[node]) if path in closed)
            scope = next(around, scopes[node])
            boxes.append(Box(f"n{k}", "line", nodes=tuple(parts[node]), scope=scope))
    box_of.update((x, box_of[node]) for x, node in found.same.items())
    note = _note(len(order) + len(found.same), boxes, found)
    return Plan(_beside_users(boxes), order, box_of, found, note)


def _beside_users(boxes: Sequence[Box]) -> list[Box]:
    """The boxes, but leaves that were put where their users are stand in no scope without any:
    what that holds may be drawn elsewhere, as one of equal steps."""
    put = {box.id for box in boxes if box.scope and _is_put(box)}
    held = {path for box in boxes if box.id not in put for path in prefixes(box.scope)}
    return [
        replace(box, scope=max((p for p in prefixes(box.scope) if p in held), key=len, default=()))
        if box.id in put
        else box
        for box in boxes
    ]


def _is_put(box: Box) -> bool:
    return box.kind == "line" and box.nodes[-1].op is None and box.nodes[-1].scope != box.scope


def _unnamed(nodes: Sequence[Node], names: Container[int]) -> dict[int, Any]:
    """The constant arrays of some ops that have no name, by id."""
    arrays = (x for n in nodes for x in n.inputs if getattr(x, "ndim", 0) and id(x) not in names)
    return {id(x): x for x in arrays if not isinstance(x, Node)}


def _note(nodes: int, boxes: Sequence[Box], found: Repeats) -> str:
    """What is folded: nothing that is said of lines, since these say it themselves."""
    groups = sum(box.kind == "group" for box in boxes)
    if not groups and not found.times:
        return ""
    single = sum(box.kind == "line" for box in boxes)
    shown = [counted(groups, "group")] * (groups > 0) + [counted(single, "line")] * (single > 0)
    times = f", one of {found.times:,} equal steps" if found.times else ""
    return (
        f"graph has {nodes:,} nodes; showing {' and '.join(shown)}{times}; use depth= or max_nodes="
    )


# --- lines


def _lines(
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


def _read_lines(
    order: Sequence[Node], kept: Collection[Node], scopes: Mapping[Node, Path]
) -> Owners:
    """Lines that end, too, where those of many ops come apart on paper: at what is used more than
    once, and if they are still too long at functions of a few ops."""
    ends = set(kept)
    uses = Counter(x for node in order for x in node.parents())
    owner = _lines(order, ends, scopes)
    for parted in (lambda node: uses[node] > 1, _bends):
        sizes = Counter(owner[node] for node in order if node.op is not None)
        if max(sizes.values(), default=0) <= _SHORT:
            break
        held: dict[Node, int] = {}  # ops of a line that are above a node, from the last end on
        for node in order:
            held[node] = sum(held[x] for x in node.parents() if owner.get(x) is owner[node])
            held[node] += node.op is not None
            if sizes[owner[node]] > _SHORT and held[node] >= _FEW and parted(node):
                ends.add(node)
                held[node] = 0
        owner = _lines(order, ends, scopes)
    return owner


def _bends(node: Node) -> bool:
    """Whether a node is a function of one input, entry by entry, that is not linear."""
    op = node.op
    return op is not None and op.elementwise and op.arity == 1 and not is_constant(op, 0)


def _equal_lines(order: Sequence[Node], owner: Owners) -> Keys:
    """Lines with equal ops and the same inputs, such as the neurons of a layer, are one group, and
    leaves that the same lines use."""
    users: defaultdict[Node, set[Node]] = defaultdict(set)
    inside: defaultdict[Node, dict[Node, int]] = defaultdict(dict)
    for node in order:
        inside[owner[node]][node] = len(inside[owner[node]])
        for x in node.parents():
            users[x].add(owner[node])
    sorts: dict[Any, int] = {}
    sort: dict[Node, int] = {}  # of each node's line
    for line in order:
        if owner[line] is not line:
            continue
        place = inside[line]
        said: Any = frozenset(map(id, users[line]))
        if line.op is not None:
            inputs = ((node.op, *(place.get(x, -1 - sort.get(x, 0)) for x in node.parents()))
                      for node in place)  # fmt: skip
            said = tuple(inputs)
        found = sorts.setdefault((line.op, line.shape, said), len(sorts))
        sort |= dict.fromkeys(place, found)
    count = Counter(sort[line] for line in inside)
    return {node: Key(place=k) for node, k in sort.items() if count[k] >= _EQUAL}
