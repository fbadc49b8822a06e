"""Where everything goes: the layered layout, with a border around it and only labels that fit."""

from __future__ import annotations

from dataclasses import replace

from . import layered
from .measure import CAPTION, width
from .scene import LABELLED, Box, Direction, Edge, Point, Scene, overlap, sized

CELL = (900.0, float("inf"))  # the room of a notebook's cell, which scrolls down
BORDER = 16.0  # pixels around the picture
_WORTH = 1.2  # times as wide a picture may be, to have more numbers
_QUICK = 300  # boxes: with more, only one layout is tried
_NUMBERS = (64, 36, 16)  # entries of an array that are printed, as far as there is room


def lay_out(scene: Scene, direction: Direction | None = None, room: Point = CELL) -> Scene:
    """The scene with positions. Without a direction it runs down, or to the right where that stands
    clearly larger in the `room`, pixels to the right and down. Where it is too wide, large arrays
    have colours only."""
    if len(scene.boxes) > _QUICK:
        return _placed(scene, direction or "down")
    found: list[tuple[tuple[Box, ...], Scene]] = []
    for most in _NUMBERS:
        boxes = tuple(
            sized(replace(box, panes=tuple(pane.compact(most) for pane in box.panes)))
            for box in scene.boxes
        )
        if found and boxes == found[-1][0]:
            continue
        down = _placed(replace(scene, boxes=boxes), direction or "down")
        found.append((boxes, down))
        if _scale(down, room) >= 1:
            return down
    least = min(laid.width for _, laid in found)
    down = next(laid for _, laid in found if laid.width <= _WORTH * least)
    right = _placed(scene, direction or "right")
    return right if _scale(right, room) > 1.3 * _scale(down, room) else down


def _placed(scene: Scene, direction: Direction) -> Scene:
    return _framed(layered.place(replace(scene, direction=direction)))


def _scale(scene: Scene, room: Point) -> float:
    """How large the picture stands in the room."""
    return min(room[0] / scene.width, room[1] / scene.height)


def _framed(scene: Scene) -> Scene:
    """The scene with a border around it, and without labels that lie on a box or another label:
    tooltips have them too."""
    x0 = min(0.0, *(b.x for b in scene.boxes)) - BORDER
    y0 = min(0.0, *(b.y for b in scene.boxes)) - BORDER
    right = max(scene.width, *(b.x + b.width for b in scene.boxes))
    bottom = max(scene.height, *(b.y + b.height for b in scene.boxes))
    edges = []
    room = len(scene.edges) <= LABELLED
    taken = [b.rectangle for b in scene.boxes]
    for e in scene.edges:
        label = None
        if room and e.text and e.label_at is not None:
            w, h = label_size(e)
            place = (e.label_at[0] - w / 2, e.label_at[1] - h / 2, w, h)
            if not any(overlap(place, other) for other in taken):
                taken.append(place)
                label = (e.label_at[0] - x0, e.label_at[1] - y0)
        points, back = (tuple((x - x0, y - y0) for x, y in line) for line in (e.points, e.back))
        edges.append(replace(e, points=points, back=back, label_at=label))
    boxes = (b.at(b.x - x0, b.y - y0) for b in scene.boxes)
    clusters = (c.at(c.x - x0, c.y - y0) for c in scene.clusters)
    return scene.arranged(boxes, edges, clusters, (right - x0 + BORDER, bottom - y0 + BORDER))


def label_size(edge: Edge) -> tuple[float, float]:
    """Width and height of what stands beside an edge."""
    return width(edge.text, CAPTION) + 8, CAPTION + 5
