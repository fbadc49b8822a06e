"""Where arrows leave and arrive, and how they run: level through the ranks, bent between them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .scene import Edge, Point

END = 26.0  # pixels between two ends on a box's side
Points = Mapping[Any, Point]


def rising(wanted: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The rising numbers nearest to `wanted` in least squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, length
    for y, weight in zip(wanted, weights or [1.0] * len(wanted), strict=True):
        total, w, n = y * weight, weight, 1
        while pools and pools[-1][0] * w >= total * pools[-1][1]:
            total, w, n = total + pools[-1][0], w + pools[-1][1], n + pools[-1][2]
            pools.pop()
        pools.append((total, w, n))
    return [total / w for total, w, n in pools for _ in range(n)]


def along(cubic: Sequence[Point], t: Any) -> np.ndarray[Any, Any]:
    """The points of a cubic segment at t, from 0 to 1."""
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
    return np.asarray(np.stack(weights, axis=-1) @ cubic)


def paths(
    edges: Sequence[Edge],
    corner: Points,
    sizes: Points,
    ranks: Points,
    routes: Sequence[Sequence[Point]],
) -> list[list[Point]]:
    """Each edge as cubic segments: level to the end of its box's rank, so that it passes below no
    wider box, then from bend to bend; straight where its boxes overlap."""
    back = [corner[e.source][0] > corner[e.target][0] for e in edges]
    sides: dict[tuple[str, bool], list[tuple[int, bool]]] = {}  # of boxes -> the ends there
    wanted: dict[tuple[int, bool], float] = {}
    for k, edge in enumerate(edges):
        sides.setdefault((edge.source, not back[k]), []).append((k, True))
        sides.setdefault((edge.target, back[k]), []).append((k, False))
        spans = [
            (corner[box][1], corner[box][1] + sizes[box][1]) for box in (edge.source, edge.target)
        ]
        low, high = max(a for a, _ in spans), min(b for _, b in spans)
        middle = sum(spans[0]) / 2 if low > high else (low + high) / 2
        wanted[k, True] = (
            routes[k][0][1] if routes[k] else middle if low <= high else sum(spans[1]) / 2
        )
        wanted[k, False] = routes[k][-1][1] if routes[k] else middle
    attached: dict[tuple[int, bool], float] = {}
    for leaves in (False, True):
        for (box, _), ends in sides.items():
            mine = [end for end in ends if end[1] == leaves]
            top, height = corner[box][1], sizes[box][1]
            spread = _spread([wanted[end] for end in mine], top, top + height)
            for (k, _), y in zip(mine, spread, strict=True):
                attached[k, leaves] = y
                if not leaves and not routes[k]:
                    a, h = corner[edges[k].source][1], sizes[edges[k].source][1]
                    if a + END / 2 <= y <= a + h - END / 2:
                        wanted[k, True] = y
    found = []
    for k, edge in enumerate(edges):
        start, end = attached[k, True], attached[k, False]
        leave = corner[edge.source][0] + (0.0 if back[k] else sizes[edge.source][0])
        arrive = corner[edge.target][0] + (sizes[edge.target][0] if back[k] else 0.0)
        out = (ranks[edge.source][not back[k]], start)
        into = (ranks[edge.target][back[k]], end)
        path = [(leave, start)]
        stops = [(leave, start), out, *routes[k], into, (arrive, end)]
        for (x0, y0), (x1, y1) in itertools.pairwise(stops):
            path += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        found.append(path)
    return found


def _spread(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Places on a box's side as near to the wanted ones as leaves room between them."""
    n = len(wanted)
    apart = min(END, (high - low) / (n + 1) if n else END)
    order = sorted(range(n), key=lambda k: (wanted[k], k))
    risen = rising([wanted[k] - apart * place for place, k in enumerate(order)])
    edge = min(END / 2, (high - low) / 2, apart)
    first, last = low + edge, high - edge - apart * (n - 1)
    found = [0.0] * n
    for place, (k, y) in enumerate(zip(order, risen, strict=True)):
        found[k] = min(max(y, first), max(first, last)) + apart * place
    return found
