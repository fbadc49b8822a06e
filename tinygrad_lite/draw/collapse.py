"""Which nodes are one box: lines of the derivation first; if these are too many, steps that are
repeated, scopes, longer lines, equal ones, and at last parts.

Everything is a pass over the nodes in order of execution; nothing recurses, so 100,000 nodes take a
second.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..graph.node import Node, Scalar
from .lines import SHORT, bends, equal_lines, lines, read_lines
from .repeats import Repeats, execution, repeats
from .scopes import (
    Key,
    Keys,
    Owners,
    Path,
    by_scope,
    by_visit,
    no_singles,
    prefixes,
    scopes_of,
    visible,
)  # fmt: skip

LIMIT = 2000  # boxes: beyond this no layout is readable, nor quick
_CONSTANTS = 6  # arrays without a name of one line; more are folded into one box
_PARTS = 12  # groups that a graph without any structure is cut into


class Unit(NamedTuple):
    """One box to come: a "line" or a "group" of nodes, the last of a line its own; a raw "constant"
    or many "constants"; a "stub" of a node of the step before. Its id, and the open scope it is in;
    of a group its title."""

    id: str
    kind: str
    content: Any
    scope: Path
    title: str = ""


@dataclass(frozen=True)
class Plan:
    """The units in order of execution, and the `order` of the nodes in them; the id of a node's
    unit, of a raw array's by `(consumer, input index)`, and of a stub's likewise; what is repeated;
    and what to tell the reader about what is folded."""

    units: list[Unit]
    order: Sequence[Node]
    unit_of: dict[Any, str]
    repeats: Repeats
    note: str


def folded(
    nodes: Sequence[Node],
    kept: Collection[Node],
    *,
    own: Collection[Node],
    weak: Collection[Node],
    depth: int | None,
    max_nodes: int,
    steps: bool | None,
) -> tuple[list[Node], Repeats, Owners, Keys]:
    """The nodes to draw in order of execution, what is repeated, lines, and groups: folded until at
    most `max_nodes` boxes are left; those that are `kept`, having a name, as late as possible, with
    `weak` ones earlier, and `own` leaves the last. `steps` makes every op a box, None does so for
    scalars that fit."""
    order = execution(nodes)
    scopes = scopes_of(order)
    budget = min(max_nodes, LIMIT)
    every = {node: node for node in order}
    scalars = all(isinstance(node, Scalar) for node in order)
    few = steps is None and scalars and (len(order) <= budget or depth is not None)
    found = Repeats(scopes) if steps or few else repeats(nodes, order, scopes)
    many = len(found.copies) > 1 or found.times > SHORT  # else all turns are one line
    ends = found.carried if many else ()
    turns = {x for node in ends for x in found.copies.get(node, ())}  # each ends a line
    short = every if steps or few else read_lines(order, {*kept, *turns}, scopes)
    if len(set(short.values())) > budget // 2 and depth is None and found.times:
        inside = [node for node in order if node not in found.same]
        owner = read_lines(inside, {*kept, *found.carried}, found.scopes)
        keys = by_scope(found.scopes, owner, own, depth, budget)
        if visible(keys, owner) <= budget:
            return inside, found, owner, keys
    keys = by_scope(scopes, short, own, depth, budget)
    allowed = budget if depth is None else LIMIT
    if visible(keys, short) <= allowed:
        visits = by_visit(order, keys, short)
        fits = visible(visits, short) <= allowed
        return order, Repeats(scopes), short, visits if fits else keys
    for bent in ([node for node in order if bends(node)], ()):
        long = lines(order, {*kept, *bent} - set(weak), scopes, weights=True)
        for equal in ({}, equal_lines(order, long)):
            if visible(equal, long) <= budget:
                return order, Repeats(scopes), long, equal
    parts = max(1, min(_PARTS, budget))  # of about equal size
    keys = {node: Key("part", (), k * parts // len(order)) for k, node in enumerate(order)}
    return order, Repeats(scopes), every, no_singles(keys, every)


def planned(
    order: Sequence[Node], found: Repeats, owner: Owners, keys: Keys, names: Container[int]
) -> Plan:
    """What `folded` gives as units; constant arrays with one of the `names` are never together."""
    scopes = found.scopes
    units: list[Unit] = []
    unit_of: dict[Any, str] = {}
    groups: dict[Key, list[Node]] = {}
    parts: dict[Node, list[Node]] = {}
    for node in order:
        if node in keys:
            groups.setdefault(keys[node], []).append(node)
        else:
            parts.setdefault(owner[node], []).append(node)
    ids = _group_ids(order, scopes, groups)
    closed = {key.path for key in groups if key.sort == "scope"}
    raws: dict[int, str] = {}
    many = {line: _unnamed(inside, names) for line, inside in parts.items()}
    many = {line: arrays for line, arrays in many.items() if len(arrays) > _CONSTANTS}
    for k, node in enumerate(order):
        if key := keys.get(node):
            unit_of[node] = ids[key]
            if node is groups[key][-1]:
                title = _title(key, groups)
                units.append(Unit(ids[key], "group", groups[key], key.path[:-1], title))
            continue
        apart = {
            i: ("stub" if isinstance(x, Node) else "constant", x)
            for i, x in enumerate(node.inputs)
            if (found.before(x, node) if isinstance(x, Node) else getattr(x, "ndim", 0))
        }
        for i, (kind, x) in apart.items():
            arrays = many.get(owner[node], {})
            if id(x) in arrays:
                kind, x = "constants", list(arrays.values())
            new = f"{'g' * (kind == 'constants')}{kind[0]}{k}_{i}"
            unit_of[node, i] = raws.setdefault(id(x[0] if kind == "constants" else x), new)
            if unit_of[node, i] == new:
                units.append(Unit(new, kind, x, scopes[node]))
        unit_of[node] = f"n{k}"
        if owner[node] is node:
            unit_of.update((part, f"n{k}") for part in parts[node])
            held = (path[:-1] for path in prefixes(scopes[node]) if path in closed)
            units.append(Unit(f"n{k}", "line", parts[node], next(held, scopes[node])))
    unit_of.update((x, unit_of[node]) for x, node in found.same.items())
    return Plan(units, order, unit_of, found, _note(len(order) + len(found.same), units, found))


def _unnamed(nodes: Sequence[Node], names: Container[int]) -> dict[int, Any]:
    """The constant arrays of some ops that have no name, by id."""
    arrays = (x for n in nodes for x in n.inputs if getattr(x, "ndim", 0) and id(x) not in names)
    return {id(x): x for x in arrays if not isinstance(x, Node)}


def _note(nodes: int, units: Sequence[Unit], found: Repeats) -> str:
    """What is folded: nothing that is said of lines, since these say it themselves."""
    groups = sum(unit.kind == "group" for unit in units)
    if not groups and not found.times:
        return ""
    single = sum(unit.kind == "line" for unit in units)
    shown = [count(groups, "group")] * (groups > 0) + [count(single, "line")] * (single > 0)
    times = f", one of {found.times:,} equal steps" if found.times else ""
    return (
        f"graph has {nodes:,} nodes; showing {' and '.join(shown)}{times}; use depth= or max_nodes="
    )


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


def _title(key: Key, groups: Mapping[Key, Any]) -> str:
    """What a group is called; equal lines by what they have in common, which is not known here."""
    if key.sort == "scope":
        again = key.number or key._replace(number=1) in groups
        return f"{key.path[-1]} ({key.number + 1})" if again else key.path[-1]
    parts = [k for k in groups if k.sort == "part"]
    if key in parts:
        return f"part {parts.index(key) + 1} of {len(parts)}"
    return ""


def count(n: int, one: str, many: str = "") -> str:
    """`3 groups`, `1 group`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
