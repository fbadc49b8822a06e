"""The scene: what a picture shows, in whatever format it is written.

A box is a line of the derivation: a node with a name, a parameter, an output, with the ops without
a name that only it uses folded in. `build` makes the scene, `layout` says where everything goes,
and each format of `drawing` is a function of it; lengths are pixels.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from ..check.marks import MARKS, Said
from ..graph.node import Node
from ..notation.words import counted
from .measure import CAPTION, LONGEST, TITLE, shorten, width
from .panes import Pane
from .scopes import Path

Point = tuple[float, float]
Direction = Literal["right", "down"]
DIRECTIONS: tuple[Direction, ...] = ("right", "down")

PAD, HEAD, CAPTIONS, LINE, GAP = 10.0, 24.0, 15.0, 15.0, 10.0  # pixels
SIDE_BY_SIDE = 400.0  # pixels: wider panes stand one below the other
MARK = 96.0  # for the badge of `check` in the title's line
_ROWS: dict[str, Any] = {"subsequent_indent": "  ", "break_long_words": False,
                         "break_on_hyphens": False}  # fmt: skip
SHOW = ("data", "grad", "shape", "local")
MAX_NODES = 30
LABELLED = 60  # edges: with more of them their labels, and the gradients' arrows, are left out
SHORT = 9  # ops of a line of which it is read what it hands on: for longer ones that takes seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Something with a place: `x`, `y` is its top left corner once it is laid out."""

    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    def at(self, x: float, y: float) -> Self:
        """The same elsewhere."""
        return replace(self, x=x, y=y)


@dataclass(frozen=True, slots=True)
class Box(Placed):
    """A line of the derivation, a leaf, a constant, a folded scope, or a stub of another box.

    `nodes` are what it stands for in order of execution, the shown one last; none for a raw
    constant, which is its `array`. `copies` are, of one of several equal steps, the shown node of
    each. `out` are the nodes whose numbers a folded scope shows. `scope` is where it lies.
    """

    id: str
    kind: str
    name: str = ""
    formula: str = ""
    shape: str = ""
    panes: tuple[Pane, ...] = ()
    lines: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    copies: tuple[Node, ...] = ()
    out: tuple[Node, ...] = ()
    array: Any = None
    scope: Path = ()
    tooltip: str = ""
    mark: str = ""

    @property
    def title(self) -> str:
        """`v = W x  (5,)`."""
        head = f"{self.name} = {self.formula}" if self.formula else self.name
        return f"{head}  {self.shape}" if self.shape else head

    @property
    def rows(self) -> list[str]:
        """The title without its shape, in rows of about the same length."""
        text = self.title.removesuffix(f"  {self.shape}")
        found = textwrap.wrap(text, LONGEST, **_ROWS)
        if len(found) < 2:
            return found or [""]
        tried = (textwrap.wrap(text, k, **_ROWS) for k in range(LONGEST // 2, LONGEST))
        return next((rows for rows in tried if len(rows) == len(found)), found)

    @property
    def inside(self) -> int:
        """How many ops are folded in."""
        return max(0, sum(node.op is not None for node in self.nodes) - 1)

    @property
    def node(self) -> Node:
        """The node whose value and gradient are shown."""
        return self.nodes[-1]

    @property
    def shown(self) -> Any:
        """That node, or the raw constant."""
        return self.nodes[-1] if self.nodes else self.array


@dataclass(frozen=True, slots=True)
class Edge:
    """From the box of an input to the box that uses it.

    `index` says which input it is, `count` how many edges of the graph it stands for, `slope` is
    the derivative of one scalar by the other, `rule` what flows back: ×2, or a formula. `gradient`
    says whether it does, `rail` whether as it is beside longer ways, `mark` what `check` says of
    it. `points` is the path once laid out: a start point and then cubic Bezier segments of three
    points each, `back` that of the gradient's arrow; `label_at` is the centre of the label.
    """

    source: str
    target: str
    index: int
    count: int = 1
    slope: float | None = None
    rule: str = ""
    gradient: bool = False
    rail: bool = False
    mark: str = ""
    points: tuple[Point, ...] = ()
    back: tuple[Point, ...] = ()
    label_at: Point | None = None

    @property
    def text(self) -> str:
        """What stands beside the arrow of the gradient, if there is one, and what `check` says."""
        if not self.gradient:
            return ""
        return f"{MARKS[self.mark].sign if self.mark else ''} {self.rule}".strip()


@dataclass(frozen=True, slots=True)
class Cluster(Placed):
    """A scope that is drawn open, with its frame; or one of `times` equal steps."""

    scope: Path
    times: int = 1

    @property
    def label(self) -> str:
        """The scope's own name, as it is drawn."""
        return shorten(self.scope[-1], 32)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a picture shall show, as `draw` is asked; `marks` are what `check` says of nodes.

    `depth` opens that many levels of scopes (None: as many as fit into `max_nodes` boxes), `steps`
    makes every op a box (None: of scalars, if they fit)."""

    show: Collection[str] = SHOW
    depth: int | None = None
    max_nodes: int = MAX_NODES
    steps: bool | None = None
    direction: Direction | None = None
    marks: Mapping[Node, Said] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn of what `roots` depend on, with the `names` that are the user's. `nodes` is
    the size of the whole graph, `note` says what was left out. `turns` are, of each of several
    equal steps, what stands where the picture has the last one."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    roots: tuple[Node, ...]
    names: Mapping[int, str]
    title: str
    note: str
    nodes: int
    asked: Asked
    turns: Sequence[Mapping[int, Any]] = ()
    direction: Direction = "down"
    width: float = 0.0
    height: float = 0.0

    @property
    def alt(self) -> str:
        """The picture in a sentence, for those who cannot see it."""
        words = {"leaf": "leaf node", "constant": "constant", "op": "line", "group": "group"}
        counts = Counter("op" if box.kind == "output" else box.kind for box in self.boxes)
        numbers = [(counts[kind], word) for kind, word in words.items()]
        parts = ", ".join(counted(n, word) for n, word in numbers if n)
        return f"{self.title}: {parts}." + (f" {self.note}." if self.note else "")


def sized(box: Box) -> Box:
    """The box as wide and high as its title, panes and lines need, with its panes in place."""
    rows = box.rows
    x, bottom = PAD, HEAD + LINE * (len(rows) - 1)
    y = bottom
    panes: list[Pane] = []
    for pane in box.panes:
        if x > PAD and x + pane.width > PAD + SIDE_BY_SIDE:
            x, y = PAD, bottom + 4
        panes.append(replace(pane, x=x, y=y + CAPTIONS))
        bottom = max(bottom, y + CAPTIONS + pane.height)
        x += max(pane.width, width(pane.label, CAPTION)) + GAP
    w = max(
        [
            width(f"{rows[0]}  {box.shape}", TITLE) + MARK * bool(box.mark),
            *(width(row, TITLE) for row in rows[1:]),
            *(pane.x - PAD + max(pane.width, width(pane.label, CAPTION)) for pane in panes),
            *(width(line, CAPTION) for line in box.lines),
        ]
    )
    h = bottom + LINE * len(box.lines) + (8 if panes or box.lines else 4)
    return replace(box, panes=tuple(panes), width=round(w + 2 * PAD + 0.5), height=h)
