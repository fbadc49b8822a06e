"""A layered layout of our own, so that there is always a picture.

Sugiyama's method: ranks by the longest path, order within a rank by barycentres, and positions by
least squares that keep the order. Scopes are laid out innermost first, each then a box in the scope
around it, so that no two clusters overlap. Everything runs to the right; for a picture that runs
down the axes are exchanged before and after.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from .measure import CAPTION, TITLE, width
from .ordering import SWEEPS, Item, Near, order
from .routes import along, paths, rising
from .scene import Point, Scene
from .scopes import Path, after_inputs, common_scope, prefixes

GAP, BEND_GAP, RANK_GAP, MARGIN, HEADER = 20.0, 14.0, 44.0, 14.0, 20.0  # pixels
PAIR = 14.0  # pixels between an arrow and that of its gradient
ACROSS = 900.0  # of a rank; leaves of a longer one are drawn further up
_RAISED = 3  # ranks that a leaf may be raised by
_BENDS = 30_000  # bends of long edges; with more, long edges run straight

ENTRY, EXIT = -1, -2
Link = tuple[int, Item, Item]  # edge number, source, target
Points = Mapping[Item, Point]


def place(scene: Scene) -> Scene:
    """The scene with positions."""
    down = scene.direction == "down"

    def turned(point: Point) -> Point:
        return point[::-1] if down else point

    sizes: dict[Item, Point] = {b.id: turned((b.width, b.height)) for b in scene.boxes}
    room = {k: (CAPTION if down else width(e.text, CAPTION)) + 10
            for k, e in enumerate(scene.edges) if e.text}  # fmt: skip
    levels, crossed = _levels(scene)
    titles = {c.scope: width(c.label, TITLE) for c in scene.clusters}
    planes: dict[Path, _Plane] = {}
    shifts: dict[tuple[Any, ...], float] = {}  # of ports, from the middles of their scopes
    for path in sorted(levels, key=len, reverse=True):
        across = ACROSS if down else inf
        plane = planes[path] = _Plane(*levels[path], sizes, room, across, shifts)
        edge, header = (2 * MARGIN, HEADER) if path else (0.0, 0.0)
        title = titles.get(path, 0.0) + edge
        w, h = plane.size[0] + edge, plane.size[1] + edge
        sizes[path] = (w + header, max(h, title)) if down else (max(w, title), h + header)
        inset = MARGIN + HEADER * (not down) - sizes[path][1] / 2
        shifts |= {(path, *port): inset + y for port, y in plane.ports.items()}
    corner: dict[Item, Point] = {(): (0.0, 0.0)}
    bends: dict[tuple[Path, int], list[Point]] = {}
    ranks: dict[Item, Point] = {}
    for path in sorted(levels, key=len):
        x, y = corner[path]
        if path:
            x, y = (x + MARGIN + HEADER * down, y + MARGIN + HEADER * (not down))
        for item, (px, py) in planes[path].at.items():
            corner[item] = (x + px, y + py)
            left, right = planes[path].ranks[item]
            ranks[item] = (x + left, x + right)
        for k, points in planes[path].bends.items():
            bends[path, k] = [(x + px, y + py) for px, py in points]
    routes = [[p for path in paths for p in bends[path, k]] for k, paths in enumerate(crossed)]
    found = paths(scene.edges, corner, sizes, ranks, routes)
    boxes = tuple(box.at(*turned(corner[box.id])) for box in scene.boxes)
    clusters = []
    for cluster in scene.clusters:
        w, h = turned(sizes[cluster.scope])
        clusters.append(replace(cluster, width=w, height=h).at(*turned(corner[cluster.scope])))
    edges = []
    for e, line in zip(scene.edges, found, strict=True):
        side = PAIR / 2 if e.gradient else 0.0
        forth = tuple(turned((x, y - side)) for x, y in line)
        back = tuple(turned((x, y + side)) for x, y in line[::-1]) if side else ()
        near = 0.75 if down else 0.6  # the end, where arrows into one box are further apart
        x, y = turned(tuple(along(line[-7:-3], near).tolist()))
        beside = PAIR / 2 + 8 + width(e.text, CAPTION) / 2 if down else 0.0
        label = (x + beside, y if down else y - CAPTION)
        edges.append(replace(e, points=forth, back=back, label_at=label))
    w, h = turned(sizes[()])
    laid = replace(scene, boxes=boxes, edges=tuple(edges), clusters=tuple(clusters))
    return replace(laid, width=w, height=h)


def _levels(scene: Scene) -> tuple[dict[Path, tuple[list[Item], list[Link]]], list[list[Path]]]:
    """For each scope its boxes and inner scopes, in order, and the edges between these; and for
    each edge of the scene the scopes that it leaves, stays in, and enters."""
    scope_of = {box.id: box.scope for box in scene.boxes}
    levels: dict[Path, tuple[list[Item], list[Link]]] = {(): ([], [])}
    crossed = []
    for name in _read(scene):
        for inner in prefixes(scope_of[name]):
            if inner not in levels:
                levels[inner] = ([], [])
                levels[inner[:-1]][0].append(inner)
        levels[scope_of[name]][0].append(name)
    for k, edge in enumerate(scene.edges):
        a, b = scope_of[edge.source], scope_of[edge.target]
        common = common_scope(a, b)
        out, into = prefixes(a)[len(common) :][::-1], prefixes(b)[len(common) :]
        crossed.append([*out, common, *into])
        source: Item = edge.source
        for path in out:
            levels[path][0].append((k, EXIT))
            levels[path][1].append((k, source, (k, EXIT)))
            source = path
        target: Item = edge.target
        for path in reversed(into):
            levels[path][0].append((k, ENTRY))
            levels[path][1].append((k, (k, ENTRY), target))
            target = path
        levels[common][1].append((k, source, target))
    return levels, crossed


def _read(scene: Scene) -> list[str]:
    """The boxes in the order of the formulas: the inputs of each from left to right, then it."""
    inputs: dict[str, list[str]] = {box.id: [] for box in scene.boxes}
    for e in sorted(scene.edges, key=lambda e: e.index):
        inputs[e.target].append(e.source)
    return after_inputs(inputs)


class _Plane:
    """One scope's items laid out: `at` their top left corners, `ranks` from where to where their
    ranks reach, the heights of its `ports`, the `bends` of edges, its `size`."""

    def __init__(
        self,
        items: Sequence[Item],
        edges: Sequence[Link],
        sizes: Points,
        room: Mapping[int, float],
        across: float,
        shifts: Mapping[tuple[Any, ...], float],
    ) -> None:
        rank = _narrowed(_ranks(items, edges), edges, sizes, across)
        columns: list[list[Item]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
        for item in items:
            columns[rank[item]].append(item)
        full = [any(item in sizes for item in column) for column in columns]
        gaps = [RANK_GAP if all(both) else RANK_GAP / 2
                for both in itertools.pairwise([*full, True])]  # fmt: skip
        chains: dict[int, list[Item]] = {}
        near: Near = defaultdict(list)
        bent = sum(abs(rank[b] - rank[a]) - 1 for _, a, b in edges) <= _BENDS
        for k, a, b in edges:
            step = 1 if rank[a] < rank[b] else -1
            between = range(rank[a] + step, rank[b], step) if bent else ()
            for r in between:
                columns[r].append((k, r))
                rank[k, r] = r
            chain = chains[k] = [a, *((k, r) for r in between), b]
            at = [shifts.get((a, k, EXIT), 0.0), *(0.0 for _ in between),
                  shifts.get((b, k, ENTRY), 0.0)]  # fmt: skip
            for (one, s), (other, t) in itertools.pairwise(zip(chain, at, strict=True)):
                near[one].append((other, t, s))
                near[other].append((one, s, t))
            before = rank[b] - (step > 0)
            if isinstance(b, str):
                gaps[before] = max(gaps[before], RANK_GAP / 2 + room.get(k, 0.0))
        size = {item: sizes.get(item, (0.0, 0.0)) for column in columns for item in column}
        order(columns, near)
        centre = _centres(columns, near, size, {b for _, _, b in edges})
        top = min((y - size[item][1] / 2 for item, y in centre.items()), default=0.0)
        self.at: dict[Item, Point] = {}
        self.ranks: dict[Item, Point] = {}
        self.ports: dict[Any, float] = {}
        spans = []
        x = 0.0
        for column, gap in zip(columns, gaps, strict=True):
            w = max(size[item][0] for item in column)
            spans.append((x, x + w))
            for item in column:
                y = centre[item] = centre[item] - top
                if item in sizes:
                    self.at[item] = (x + (w - size[item][0]) / 2, y - size[item][1] / 2)
                    self.ranks[item] = (x, x + w)
                elif item[1] in (ENTRY, EXIT):
                    self.ports[item] = y
            x += w + gap + min(60.0, len(column))
        self.bends: dict[int, list[Point]] = {}
        for k, a, b in edges:
            step = 1 if rank[a] < rank[b] else -1
            stops = [item for item in chains[k] if item not in sizes]
            self.bends[k] = [(x, centre[stop]) for stop in stops for x in spans[rank[stop]][::step]]
        bottom = max((y + size[item][1] / 2 for item, y in centre.items()), default=0.0)
        self.size = (spans[-1][1] if spans else 0.0, bottom)


def _ranks(items: Sequence[Item], edges: Sequence[Link]) -> dict[Item, int]:
    """The longest path to each item, an item without inputs just before its first consumer, one
    without any before all others. A circle (of scopes that are entered again) is cut."""
    inputs: dict[Item, list[Item]] = {item: [] for item in items}
    out: dict[Item, list[Item]] = {item: [] for item in items}
    for _, a, b in edges:
        inputs[b].append(a)
        out[a].append(b)
    rank: dict[Item, int] = {}
    for item in after_inputs(inputs):
        rank[item] = max((rank[x] + 1 for x in inputs[item] if x in rank), default=0)
    for item in items:
        if not inputs[item]:
            rank[item] = min((rank[b] for b in out[item]), default=0) - 1
    low = min(rank.values(), default=0)
    last = max((r for item, r in rank.items() if item[1:] != (EXIT,)), default=0) + 1
    ports: dict[Any, int] = {(ENTRY,): low, (EXIT,): last}
    return {item: ports.get(item[1:], rank[item]) - low for item in items}


def _narrowed(
    rank: dict[Item, int], edges: Sequence[Link], sizes: Points, across: float
) -> dict[Item, int]:
    """The ranks with every other leaf an earlier one, as far as they are else too long."""
    fed, users = {b for _, _, b in edges}, Counter(a for _, a, _ in edges)
    columns: defaultdict[int, list[Item]] = defaultdict(list)
    for item, r in rank.items():
        if item in sizes:
            columns[r].append(item)
    rank = dict(rank)
    for r in sorted(columns, reverse=True):
        for _ in range(_RAISED):
            leaves = [item for item in columns[r] if item not in fed and users[item] == 1]
            if sum(sizes[item][1] + GAP for item in columns[r]) <= across or len(leaves) < 2:
                break
            for item in leaves[1::2]:
                columns[r].remove(item)
                columns[r - 1].append(item)
                rank[item] = r - 1
    low = min(rank.values(), default=0)
    return {item: r - low for item, r in rank.items()}


def _centres(
    columns: Sequence[Sequence[Item]],
    near: Near,
    size: Points,
    fed: Collection[Item],
) -> dict[Item, float]:
    """The height of each item: as near to its neighbours' as the order in its rank allows. Those
    that are `fed` by others come first, so that the line of a derivation is straight."""

    def weight(a: Item, b: Item) -> float:
        return 30.0 if a in fed and b in fed else 1.0

    centre: dict[Item, float] = {}
    offsets = []
    for column in columns:
        offset = [0.0]
        for a, b in itertools.pairwise(column):
            both = size[a][1] and size[b][1]
            gap = GAP if both else BEND_GAP
            offset.append(offset[-1] + (size[a][1] + size[b][1]) / 2 + gap)
        offsets.append(offset)
        centre.update((i, o - offset[-1] / 2) for i, o in zip(column, offset, strict=True))
    for sweep in range(SWEEPS):
        pairs = list(zip(columns, offsets, strict=True))
        for column, offset in pairs if sweep % 2 == 0 else reversed(pairs):
            wanted, weights = [], []
            for item, o in zip(column, offset, strict=True):
                around = [(centre[i] + s - t, weight(item, i)) for i, s, t in near[item]]
                around = around or [(centre[item], 0.1)]
                total = sum(w for _, w in around)
                wanted.append(sum(y * w for y, w in around) / total - o)
                weights.append(total)
            for item, o, y in zip(column, offset, rising(wanted, weights), strict=True):
                centre[item] = y + o
    return centre
