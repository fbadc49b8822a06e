"""Where everything goes: the first layout engine that works.

The system's Graphviz, else Graphviz as WebAssembly, else our own layered layout. Positions are all
that is taken from them, so that pictures look the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from . import layered
from .engines import LayoutFailed, TooSlow, place_with_dot, place_with_wasm
from .measure import TEXT, width
from .scene import LABELLED, Edge, Scene

ENGINES: dict[str, Callable[[Scene], Scene]] = {
    "dot": place_with_dot,
    "wasm": place_with_wasm,
    "layered": layered.place,
}
BORDER = 16.0  # pixels around the picture


def lay_out(scene: Scene, engine: str | None = None) -> Scene:
    """The scene with positions, by one of `ENGINES` or by the first that works.

    Raises `RuntimeError` when the one asked for fails.
    """
    for name in [engine] if engine else ENGINES:
        try:
            return _framed(ENGINES[name](scene))
        except LayoutFailed as error:
            if engine:
                raise RuntimeError(f"engine {engine!r}: {error}") from None
            if isinstance(error, TooSlow):
                break
    return _framed(layered.place(scene))


def _framed(scene: Scene) -> Scene:
    """The scene with a border around it, and without labels that lie on a box or another label:
    tooltips have them too."""
    x0 = min(0.0, *(b.x for b in scene.boxes)) - BORDER
    y0 = min(0.0, *(b.y for b in scene.boxes)) - BORDER
    right = max(scene.width, *(b.x + b.width for b in scene.boxes))
    bottom = max(scene.height, *(b.y + b.height for b in scene.boxes))
    edges = []
    room = len(scene.edges) <= LABELLED
    taken = [(b.x + b.width / 2, b.y + b.height / 2, b.width, b.height) for b in scene.boxes]
    for e in scene.edges:
        label = None
        if room and e.local is not None and e.label_at is not None:
            place = (*e.label_at, *label_size(e))
            if not any(_overlap(place, other) for other in taken):
                taken.append(place)
                label = (e.label_at[0] - x0, e.label_at[1] - y0)
        points = tuple((x - x0, y - y0) for x, y in e.points)
        edges.append(replace(e, points=points, label_at=label))
    boxes = (replace(b, x=b.x - x0, y=b.y - y0) for b in scene.boxes)
    clusters = (replace(c, x=c.x - x0, y=c.y - y0) for c in scene.clusters)
    return scene.arranged(boxes, edges, clusters, (right - x0 + BORDER, bottom - y0 + BORDER))


def label_size(edge: Edge) -> tuple[float, float]:
    """Width and height of the local derivative beside an edge."""
    return width(f"×{edge.local}", TEXT), TEXT


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two rectangles, given by centre, width and height, overlap."""
    return 2 * abs(a[0] - b[0]) < a[2] + b[2] and 2 * abs(a[1] - b[1]) < a[3] + b[3]
