"""Where everything goes: the layered layout, with a border around it and only labels that fit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import layered
from .layered import PAIR
from .measure import CAPTION, width
from .panes import Pane
from .routes import along
from .scene import LABELLED, Direction, Edge, Point, Scene, sized

Rectangle = tuple[float, float, float, float]  # left, top, width, height
CELL = 900.0  # pixels across of a notebook's cell, which scrolls down
BORDER = 16.0  # pixels around the picture
_WORTH = 1.2  # times as wide a picture may be, to have more numbers
_TURNED = 1.3  # times as wide as one that runs to the right
_QUICK = 300  # boxes: with more, only one layout is tried
_PARTS = (0.75, 0.5, 0.25)  # of a piece of an arrow, where a label may stand
_GAP = 6.0  # pixels between such a label and what else there is
_NUMBERS = (64, 36, 16)  # entries of an array that are printed, as far as there is room


def lay_out(scene: Scene) -> Scene:
    """The scene with positions. Without a direction it runs down, or to the right where that is
    clearly narrower. Where it is too wide for a cell, large arrays have colours only."""
    direction = scene.asked.direction
    if len(scene.boxes) > _QUICK:
        return _placed(scene, direction or "down")
    tried: dict[tuple[tuple[Pane, ...], ...], Scene] = {}
    for most in _NUMBERS:
        panes = tuple(tuple(pane.compact(most) for pane in box.panes) for box in scene.boxes)
        if panes not in tried:
            pairs = zip(scene.boxes, panes, strict=True)
            boxes = tuple(sized(replace(box, panes=found)) for box, found in pairs)
            tried[panes] = down = _placed(replace(scene, boxes=boxes), direction or "down")
            if down.width <= CELL:
                return down
    least = min(laid.width for laid in tried.values())
    down = next(laid for laid in tried.values() if laid.width <= _WORTH * least)
    right = _placed(scene, direction or "right")
    return right if down.width > _TURNED * right.width else down


def _placed(scene: Scene, direction: Direction) -> Scene:
    return _framed(layered.place(replace(scene, direction=direction)))


def _framed(scene: Scene) -> Scene:
    """The scene with a border around it, and without labels that lie on a box or another label:
    tooltips have them too."""
    taken = [(b.x, b.y, b.width, b.height) for b in scene.boxes]
    few = len(scene.edges) <= LABELLED
    lines = [_points(e) for e in scene.edges] if few else []
    edges = []
    for k, e in enumerate(scene.edges):
        label = _free(scene, k, taken, lines) if few and e.text else None
        if label is not None:
            taken.append(_around(e, label))
        edges.append(replace(e, label_at=label))
    corners = [p for x, y, w, h in taken for p in ((x, y), (x + w, y + h))]
    ends = [p for e in edges for p in (*e.points, *e.back)]
    xs, ys = zip((0.0, 0.0), (scene.width, scene.height), *corners, *ends, strict=True)
    x0, y0 = min(xs) - BORDER, min(ys) - BORDER

    def moved(points: Iterable[Point]) -> tuple[Point, ...]:
        return tuple((x - x0, y - y0) for x, y in points)

    return replace(
        scene,
        boxes=tuple(b.at(b.x - x0, b.y - y0) for b in scene.boxes),
        clusters=tuple(c.at(c.x - x0, c.y - y0) for c in scene.clusters),
        edges=tuple(
            replace(e, points=moved(e.points), back=moved(e.back),
                    label_at=e.label_at and moved([e.label_at])[0])
            for e in edges
        ),
        width=max(xs) - x0 + BORDER,
        height=max(ys) - y0 + BORDER,
    )  # fmt: skip


def _free(
    scene: Scene, k: int, taken: Sequence[Rectangle], lines: Sequence[np.ndarray[Any, Any]]
) -> Point | None:
    """Where the label of an edge lies on no box, label or other arrow: at its end, on the right or
    on the left of it, there or further up; else beside another part of it, off its own arrow."""
    e = scene.edges[k]
    assert e.label_at is not None
    x, y = e.label_at
    others = np.concatenate([np.empty((0, 2)), *lines[:k], *lines[k + 1 :]])
    w, h = label_size(e)

    def free(place: Point, arrows: np.ndarray[Any, Any], gap: float = 0.0) -> bool:
        left, top, *_ = _around(e, place)
        if any(_overlap((left - gap, top - gap, w + 2 * gap, h + 2 * gap), r) for r in taken):
            return False
        return not (np.abs(arrows - place) < (w / 2, h / 2)).all(axis=1).any()

    down = scene.direction == "down"
    across = (w + PAIR + 16) * down
    near = itertools.product((x, x - across), (y, y - 9, y - 18))
    found = next((place for place in near if free(place, others)), None)
    if found is not None or not down:
        return found
    every = np.concatenate([others, lines[k]])
    along_it = (
        (px + PAIR / 2 + side, py)
        for at in range(len(e.points) - 4, -1, -3)
        for px, py in along(e.points[at : at + 4], np.array(_PARTS)).tolist()
        for side in (across / 2, -across / 2)
    )
    return next((place for place in along_it if free(place, every, _GAP)), None)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return all(min(a[i] + a[i + 2], b[i] + b[i + 2]) > max(a[i], b[i]) for i in (0, 1))


def _around(edge: Edge, label: Point) -> Rectangle:
    w, h = label_size(edge)
    return (label[0] - w / 2, label[1] - h / 2, w, h)


def _points(edge: Edge) -> np.ndarray[Any, Any]:
    """Points of an edge's arrows, close to each other."""
    t = np.linspace(0, 1, 12)
    return np.concatenate(
        [
            along(line[k : k + 4], t)
            for line in (edge.points, edge.back)
            for k in range(0, len(line) - 1, 3)
        ]
    )


def label_size(edge: Edge) -> tuple[float, float]:
    """Width and height of what stands beside an edge."""
    return width(edge.text, CAPTION) + 8, CAPTION + 5
