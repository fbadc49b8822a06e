"""The scene: what a picture shows, before it is laid out and in whatever format it is written.

Boxes (one per op with its result, one per leaf or constant, one per collapsed group), the edges
between them and the clusters around them. SVG, DOT and the interactive page are written from it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isinf, isnan
from operator import attrgetter
from typing import Any, Literal

from ..backprop.chain import contribution
from ..graph.node import Node, Scalar, topological_order
from ..notation.write import local_text, pullback_text, write
from . import figures
from .collapse import LIMIT, Group, Unit, partition
from .figures import Heat
from .measure import TEXT, TITLE, shorten, width
from .wording import within, written

Kind = Literal["leaf", "constant", "op", "output", "group"]
Path = tuple[str, ...]
Point = tuple[float, float]

SHOW = ("data", "grad", "shape", "local")
MAX_NODES = 30

PAD, LABEL, ROW, HEAD = 9.0, 34.0, 17.0, 22.0  # pixels: margin, label column, row and title height
CELL = 4.0  # a heat map's cell
LABELLED = 200  # edges: with more of them their labels are left to tooltips
_WRITTEN = 100  # boxes of a backward graph that carry a formula


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a box: a label (data, grad, or none), a text, and an array's heat map."""

    label: str
    text: str
    heat: Heat | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A node, a constant or a group. `x`, `y` is the top left corner once it is laid out.

    `nodes` are what it stands for: one node, several for a group, none for a raw constant.
    `level` is the gradient for colouring: from -1 to 1 on a square-root scale when `signed`
    (scalars), from 0 to 1 for norms, None without a gradient.
    """

    id: str
    kind: Kind
    title: str
    rows: tuple[Row, ...]
    nodes: tuple[Node, ...]
    scope: Path = ()
    path: Path = ()
    name: str = ""
    tooltip: str = ""
    level: float | None = None
    signed: bool = True
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0


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
class Cluster:
    """A scope that is drawn open: `boxes` are the ids of all boxes inside, at any depth."""

    scope: Path
    boxes: tuple[str, ...]
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def label(self) -> str:
        """The scope's own name, as it is drawn."""
        return shorten(self.scope[-1], 32)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn. `nodes` is the size of the whole graph, `note` says what was left out."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    direction: Literal["right", "down"] = "right"
    graph: Literal["forward", "backward"] = "forward"
    title: str = ""
    note: str = ""
    nodes: int = 0
    width: float = 0.0
    height: float = 0.0

    def arranged(
        self,
        boxes: Iterable[Box],
        edges: Iterable[Edge],
        clusters: Iterable[Cluster],
        size: Point,
    ) -> Scene:
        """The scene with positions."""
        parts = replace(self, boxes=tuple(boxes), edges=tuple(edges), clusters=tuple(clusters))
        return replace(parts, width=size[0], height=size[1])

    @property
    def alt(self) -> str:
        """The picture in a sentence, for those who cannot see it."""
        kinds = [box.kind for box in self.boxes]
        parts = [
            f"{n} {word if n == 1 else word + 's'}"
            for word, n in (
                ("leaf node", kinds.count("leaf")),
                ("constant", kinds.count("constant")),
                ("operation", kinds.count("op") + kinds.count("output")),
                ("group", kinds.count("group")),
            )
            if n
        ]
        return f"{self.title}: {', '.join(parts)}." + (f" {self.note}." if self.note else "")


def build_scene(
    roots: Node | Sequence[Node],
    names: Mapping[int, str],
    *,
    show: Collection[str] = SHOW,
    direction: Literal["right", "down"] = "right",
    graph: Literal["forward", "backward"] = "forward",
    depth: int | None = None,
    around: Node | None = None,
    max_nodes: int = MAX_NODES,
    expanded: Iterable[Path] = (),
    grads: Mapping[Node, Any] | None = None,
) -> Scene:
    """The scene of everything that `roots` depend on, not yet laid out.

    `names` is what `names.name_all` gives. `depth` opens that many levels of scopes (None: as many
    as fit into `max_nodes` boxes), `expanded` scopes are open in any case; `around` shows that
    node's surroundings only. `grads` are shown instead of the nodes' own gradients.
    """
    roots = (roots,) if isinstance(roots, Node) else tuple(roots)
    order = topological_order(*roots)[::-1]
    plan = partition(
        order, depth=depth, around=around, max_nodes=max_nodes, expanded=frozenset(expanded)
    )
    shown = order
    if len(order) > LIMIT:
        shown = [unit.content for unit in plan.units if isinstance(unit.content, Node)]
    known = complete_names(shown, names)
    uses: dict[Node, list[tuple[Node, int]]] = {}
    if graph == "backward" and len(plan.units) <= _WRITTEN:
        for node in order:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node):
                    uses.setdefault(x, []).append((node, index))
    grad = attrgetter("grad") if grads is None else grads.get
    maker = _Maker(known, names, frozenset(roots), show, graph == "backward", grad, uses)
    boxes = maker.boxes(plan.units)
    edges = maker.edges(order, plan.unit_of)
    if graph == "backward":
        kept = {box.id for box in boxes if box.kind != "constant"}
        boxes = [box for box in boxes if box.id in kept]
        edges = [
            replace(e, source=e.target, target=e.source)
            for e in edges
            if e.source in kept and e.target in kept
        ]
    title = ", ".join(known.get(id(r), "a result") for r in roots)
    kind = "Backward graph" if graph == "backward" else "Computation graph"
    return Scene(
        boxes=tuple(boxes),
        edges=tuple(edges),
        clusters=_clusters(boxes),
        direction=direction,
        graph=graph,
        title=f"{kind} of {title}",
        note=plan.note,
        nodes=len(order),
    )


def complete_names(order: Sequence[Node], names: Mapping[int, str]) -> dict[int, str]:
    """`names`, and a short new one for every node and constant array without: t₁, t₂ for results,
    p₁ for leaves, c₁ for constants."""
    known = {key: shorten(str(name), 24) or "?" for key, name in names.items()}
    taken = set(known.values())
    counts = {"t": 0, "p": 0, "c": 0}

    def fresh(letter: str) -> str:
        while True:
            counts[letter] += 1
            name = letter + str(counts[letter]).translate(_SUBSCRIPTS)
            if name not in taken:
                return name

    for node in order:
        for x in (*node.inputs, node):
            if id(x) in known or isinstance(x, (int, float)):
                continue
            if isinstance(x, Node):
                known[id(x)] = fresh("t" if x.op else "c" if x.constant else "p")
            elif getattr(x, "ndim", 0):
                known[id(x)] = fresh("c")
    return known


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class _Maker:
    """Makes boxes and edges, given the names and what is to be shown; `uses` are the consumers of
    each node, by input, where their formulas are wanted."""

    names: Mapping[int, str]
    given: Mapping[int, str]
    roots: frozenset[Node]
    show: Collection[str]
    backward: bool
    grad: Callable[[Node], Any]
    uses: Mapping[Node, Sequence[tuple[Node, int]]]

    def boxes(self, units: Sequence[Unit]) -> list[Box]:
        return [sized(box) for box in _levelled([self._box(u) for u in units], self.grad)]

    def _box(self, unit: Unit) -> Box:
        if isinstance(unit.content, Group):
            return self._group(unit, unit.content)
        if isinstance(unit.content, Node):
            return self._node(unit, unit.content)
        if isinstance(unit.content, tuple):
            title = f"{len(unit.content):,} constants"
            return Box(unit.id, "constant", title, (), (), unit.scope, tooltip=title)
        return self._constant(unit, unit.content)

    def _node(self, unit: Unit, node: Node) -> Box:
        names = within(unit.scope, self.names, node)
        name = names[id(node)]
        shape = figures.shape_text(node.shape) if node.shape and "shape" in self.show else ""
        title = name
        if node.op:
            title += f" = {shorten(written(write, node, names, depth=0))}"
        data, grad = figures.summary(node.data), figures.summary(self.grad(node), norm=True)
        tooltip = f"{title} {shape}".strip() + f"\ndata: {data.words}"
        rows = []
        if "data" in self.show and not self.backward:
            rows.append(Row("data", data.text, data.heat))
        if not node.constant:
            tooltip += f"\ngrad: {grad.words}"
            if "grad" in self.show or self.backward:
                rows.append(Row("grad", grad.text, grad.heat))
        if node.scope:
            tooltip += f"\nscope: {' / '.join(map(shorten, node.scope))}"
        if node.line:
            tooltip += f"\nat {node.line}"
        kind: Kind = "output" if node in self.roots and node.op else "op" if node.op else "leaf"
        if node.constant:
            kind = "constant"
        if self.backward:
            title = self._derivative(node)
            if node in self.uses:
                rows.insert(0, Row("", shorten(f"= {self._sum(node)}", 60)))
        return Box(
            id=unit.id,
            kind=kind,
            title=f"{title}  {shape}".rstrip(),
            rows=tuple(rows),
            nodes=(node,),
            scope=unit.scope,
            name=name,
            tooltip=tooltip,
        )

    def _derivative(self, node: Node) -> str:
        root = self.names[id(next(iter(self.roots)))] if len(self.roots) == 1 else "out"
        return f"∂{root}/∂{self.names.get(id(node), '…')}"

    def _sum(self, node: Node) -> str:
        """What the consumers of a node hand to its gradient, written out."""
        terms = [
            written(pullback_text, user, index, self.names, cotangent=self._derivative(user))
            for user, index in self.uses[node]
        ]
        return " + ".join(term or "…" for term in terms)

    def _constant(self, unit: Unit, value: Any) -> Box:
        name = self.names.get(id(value), "")
        summary = figures.summary(value)
        shape = tuple(getattr(value, "shape", ()))
        text = figures.shape_text(shape) if shape and "shape" in self.show else ""
        rows: tuple[Row, ...] = ()
        if shape and "data" in self.show:
            rows = (Row("data", summary.text, summary.heat),)
        title = f"{name}  {text}".strip() if shape else summary.text
        return Box(
            id=unit.id,
            kind="constant",
            title=title,
            rows=rows,
            nodes=(),
            scope=() if id(value) in self.given else unit.scope,  # data is nobody's part
            name=name,
            tooltip=f"constant {name}\ndata: {summary.words}".replace(" \n", "\n"),
        )

    def _group(self, unit: Unit, group: Group) -> Box:
        rows = [Row("", line) for line in group.lines()]
        shape = group.nodes[-1].shape
        if shape and "shape" in self.show:
            rows.append(Row("out", figures.shape_text(shape)))
        if "grad" in self.show:
            grads = [g for g in map(self.grad, group.nodes) if g is not None]
            rows.append(Row("grad", f"norm {figures.joint_norm(grads)}" if grads else figures.NONE))
        return Box(
            id=unit.id,
            kind="group",
            title=shorten(group.title),
            rows=tuple(rows),
            nodes=tuple(group.nodes),
            scope=unit.scope,
            path=group.path,
            name=shorten(group.title),
            tooltip=f"{shorten(group.title)}: {', '.join(group.lines(99))}",
        )

    def edges(self, order: Sequence[Node], unit_of: Mapping[Any, str]) -> list[Edge]:
        found: dict[tuple[str, str, int], Edge] = {}
        counts: dict[tuple[str, str, int], int] = {}
        for node in order:
            target = unit_of.get(node)
            if target is None:
                continue
            for index, x in enumerate(node.inputs):
                source = unit_of.get(x if isinstance(x, Node) else (node, index))
                if source is None or source == target:
                    continue
                plain = source[0] != "g" and target[0] != "g"
                key = (source, target, index if plain else -1)
                counts[key] = counts.get(key, 0) + 1
                if key not in found:
                    edge = Edge(source, target, index)
                    found[key] = self._with_local(edge, node, x) if plain else edge
        return [replace(edge, count=counts[key]) for key, edge in found.items()]

    def _with_local(self, edge: Edge, node: Node, x: Any) -> Edge:
        op = node.op
        assert op is not None
        if (
            not isinstance(x, Node)
            or x.constant
            or not op.elementwise
            or op.rules[edge.index] is None
        ):
            return edge
        names = self.names
        text = written(local_text, node, edge.index, names)
        rule = f"∂{names[id(node)]}/∂{names[id(x)]} = {text}" if text else ""
        local = None
        if isinstance(node, Scalar) and "local" in self.show:
            local = figures.number(float(contribution(node, edge.index, 1.0)))
        return replace(edge, local=local, rule=rule)


def _levelled(boxes: list[Box], grad_of: Callable[[Node], Any]) -> list[Box]:
    """Boxes with the level of their gradient relative to the largest shown, for colouring."""
    found: dict[bool, dict[str, float]] = {True: {}, False: {}}  # by whether it has a sign
    for box in boxes:
        if box.kind in ("group", "constant") or (grad := grad_of(box.nodes[0])) is None:
            continue
        signed = not box.nodes[0].shape
        value = float(figures.plain(grad).reshape(())) if signed else figures.magnitude(grad)
        if not isnan(value):
            found[signed][box.id] = value
    for signed, values in found.items():
        top = max((abs(v) for v in values.values() if not isinf(v)), default=0.0)
        boxes = [
            replace(box, level=figures.level(values[box.id], top), signed=signed)
            if box.id in values
            else box
            for box in boxes
        ]
    return boxes


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


def _clusters(boxes: Sequence[Box]) -> tuple[Cluster, ...]:
    inside: dict[Path, list[str]] = {}
    for box in boxes:
        for n in range(1, len(box.scope) + 1):
            inside.setdefault(box.scope[:n], []).append(box.id)
    ordered = sorted(inside.items(), key=lambda item: len(item[0]))
    return tuple(Cluster(scope, tuple(ids)) for scope, ids in ordered)
