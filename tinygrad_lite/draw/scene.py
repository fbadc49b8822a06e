"""The scene: what a picture shows, in whatever format it is written.

Boxes (one per op with its result, one per leaf or constant, one per folded group), the edges
between them and the clusters around them. `build` makes it, `layout` says where everything goes,
and each format of `drawing` is a function of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from ..graph.node import Node
from .colours import shade
from .figures import Heat
from .measure import TEXT, TITLE, shorten, width
from .scopes import Path

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, width, height
Direction = Literal["right", "down"]

PAD, LABEL, ROW, HEAD = 9.0, 34.0, 17.0, 22.0  # pixels: margin, label column, row and title height
CELL = 4.0  # a heat map's cell
LABELLED = 200  # edges: with more of them their labels are left to tooltips


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a box: a label (data, grad, or none), a text, and an array's heat map."""

    label: str
    text: str
    heat: Heat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Something with a place: `x`, `y` is its top left corner once it is laid out."""

    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def rectangle(self) -> Rectangle:
        return (self.x, self.y, self.width, self.height)

    def at(self, x: float, y: float) -> Self:
        """The same elsewhere."""
        return replace(self, x=x, y=y)


@dataclass(frozen=True, slots=True)
class Box(Placed):
    """A node, a constant or a group.

    `kind` is one of `colours.LOOKS`. `nodes` are what it stands for: one node, several for a group,
    none for a raw constant; `path` is the scope that a group is. `level` is the gradient for
    colouring: of scalars from -1 to 1 on a square-root scale, of arrays' norms from 0 to 1, None
    without a gradient. `mark` is one of `colours.MARKS`, or nothing.
    """

    id: str
    kind: str
    title: str
    rows: tuple[Row, ...] = ()
    nodes: tuple[Node, ...] = ()
    scope: Path = ()
    path: Path = ()
    name: str = ""
    tooltip: str = ""
    level: float | None = None
    mark: str = ""

    def shade(self, row: Row) -> str | None:
        """The style class of the colour behind a row: of the gradient's, by its level."""
        if row.label != "grad" or self.level is None:
            return None
        return shade(self.level, "p" if self.nodes[0].shape else "s")


@dataclass(frozen=True, slots=True)
class Edge:
    """From the box of an input to the box that uses it (against that in a backward graph).

    `index` says which input it is, `count` how many edges of the graph it stands for, `local` is
    the local derivative of scalars as a number, `rule` as a formula. `points` is the path once laid
    out: a start point and then cubic Bezier segments of three points each; `label_at` is the
    centre of the label.
    """

    source: str
    target: str
    index: int
    count: int = 1
    local: str | None = None
    rule: str = ""
    points: tuple[Point, ...] = ()
    label_at: Point | None = None


@dataclass(frozen=True, slots=True)
class Cluster(Placed):
    """A scope that is drawn open, with its frame."""

    scope: Path

    @property
    def label(self) -> str:
        """The scope's own name, as it is drawn."""
        return shorten(self.scope[-1], 32)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn of what `roots` depend on, with the `names` that are the user's. `nodes` is
    the size of the whole graph, `note` says what was left out."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    roots: tuple[Node, ...]
    names: Mapping[int, str]
    graph: Literal["forward", "backward"]
    title: str
    note: str
    nodes: int
    direction: Direction = "right"
    width: float = 0.0
    height: float = 0.0

    def arranged(
        self, boxes: Iterable[Box], edges: Iterable[Edge], clusters: Iterable[Cluster], size: Point
    ) -> Scene:
        """The scene with positions."""
        parts = replace(self, boxes=tuple(boxes), edges=tuple(edges), clusters=tuple(clusters))
        return replace(parts, width=size[0], height=size[1])

    @property
    def counts(self) -> Counter[str]:
        """How many boxes of each kind there are, outputs among the ops."""
        return Counter("op" if box.kind == "output" else box.kind for box in self.boxes)

    @property
    def alt(self) -> str:
        """The picture in a sentence, for those who cannot see it."""
        words = {"leaf": "leaf node", "constant": "constant", "op": "operation", "group": "group"}
        numbers = [(self.counts[kind], word) for kind, word in words.items()]
        parts = ", ".join(f"{n} {word}{'s' * (n > 1)}" for n, word in numbers if n)
        return f"{self.title}: {parts}." + (f" {self.note}." if self.note else "")


def sized(box: Box) -> Box:
    """The box as wide and high as its texts and heat maps need."""
    w = width(box.title, TITLE)
    h = HEAD
    for row in box.rows:
        label = LABEL if row.label else 0.0
        heat_width, heat_height = heat_size(row.heat)
        w = max(w, label + width(row.text, TEXT) + (heat_width + 8 if row.heat else 0))
        h += max(ROW, heat_height + 5)
    return replace(box, width=round(w + 2 * PAD + 0.5), height=h + (5 if box.rows else 2))


def heat_size(heat: Heat | None) -> Point:
    """Width and height of a heat map in pixels."""
    return (len(heat[0]) * CELL, max(len(heat) * CELL, 8.0)) if heat else (0.0, 0.0)


def overlap(a: Rectangle, b: Rectangle, by: float = 0.0) -> bool:
    """Whether two rectangles overlap by more than so many pixels."""
    return all(min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) > by for i in (0, 1))
