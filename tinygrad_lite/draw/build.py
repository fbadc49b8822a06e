"""Makes the scene of a graph: which boxes, edges and clusters there are, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal

from ..backprop.chain import is_constant, slope
from ..derive.step import local_text, pullback_text, write
from ..graph.node import Node, Scalar, topological_order
from . import figures
from .collapse import LIMIT, Group, Unit, partition
from .colours import MARKS
from .measure import shorten
from .scene import Box, Cluster, Edge, Row, Scene, sized
from .scopes import prefixes
from .wording import complete_names, within

SHOW = ("data", "grad", "shape", "local")
MAX_NODES = 30
NO_MARKS: Mapping[Node, tuple[str, str]] = MappingProxyType({})
_WRITTEN = 100  # boxes of a backward graph that carry a formula


def build_scene(
    roots: Node | Sequence[Node],
    names: Mapping[int, str],
    *,
    show: Collection[str] = SHOW,
    graph: Literal["forward", "backward"] = "forward",
    depth: int | None = None,
    around: Node | None = None,
    max_nodes: int = MAX_NODES,
    grad: Callable[[Node], Any] = attrgetter("grad"),
    marks: Mapping[Node, tuple[str, str]] = NO_MARKS,
) -> Scene:
    """The scene of everything that `roots` depend on, not yet laid out.

    `names` is what `names.name_all` gives. `depth` opens that many levels of scopes (None: as many
    as fit into `max_nodes` boxes); `around` shows that node's surroundings only. `grad` gives the
    gradients to show, `marks` what `check` says of nodes: one of `MARKS`, and a line.
    """
    roots = (roots,) if isinstance(roots, Node) else tuple(roots)
    backward = graph == "backward"
    order = topological_order(*roots)[::-1]
    plan = partition(order, depth=depth, around=around, max_nodes=max_nodes)
    shown = order
    if len(order) > LIMIT:
        shown = [unit.content for unit in plan.units if isinstance(unit.content, Node)]
    known = complete_names(shown, names)
    uses: dict[Node, list[tuple[Node, int]]] = {}
    if backward and len(plan.units) <= _WRITTEN:
        for node in order:
            for index, x in enumerate(node.inputs):
                if isinstance(x, Node):
                    uses.setdefault(x, []).append((node, index))
    maker = _Maker(known, names, dict.fromkeys(roots), show, backward, grad, uses, marks)
    boxes = maker.boxes(plan.units)
    edges = maker.edges(order, plan.unit_of)
    if backward:
        boxes = [box for box in boxes if box.kind != "constant"]
        kept = {box.id for box in boxes}
        edges = [e for e in edges if {e.source, e.target} <= kept]
        edges = [replace(e, source=e.target, target=e.source) for e in edges]
    title = ", ".join(known.get(id(r), "a result") for r in roots)
    title = f"{'Backward' if backward else 'Computation'} graph of {title}"
    scopes = dict.fromkeys(path for box in boxes for path in prefixes(box.scope))
    parts = tuple(boxes), tuple(edges), tuple(map(Cluster, sorted(scopes, key=len)))
    return Scene(*parts, roots, names, graph, title, plan.note, len(order))


@dataclass(frozen=True)
class _Maker:
    """Makes boxes and edges, given the names and what is to be shown; `uses` are the consumers of
    each node, by input, where their formulas are wanted."""

    names: Mapping[int, str]
    given: Mapping[int, str]
    roots: Mapping[Node, None]  # in order, and found by identity
    show: Collection[str]
    backward: bool
    grad: Callable[[Node], Any]
    uses: Mapping[Node, Sequence[tuple[Node, int]]]
    marks: Mapping[Node, tuple[str, str]]

    def boxes(self, units: Sequence[Unit]) -> list[Box]:
        boxes = [self._marked(self._box(unit)) for unit in units]
        levels = self._levels(boxes)
        return [sized(replace(box, level=levels.get(box.id))) for box in boxes]

    def _marked(self, box: Box) -> Box:
        """The box with what `check` says of its nodes as a row, and the worst as its mark."""
        said = [self.marks[node] for node in box.nodes if node in self.marks]
        if not said:
            return box
        count = Counter(mark for mark, _ in said)
        worst = next(mark for mark in MARKS if mark in count)
        words = [f"{count[m]} {m} " if box.kind == "group" else m for m in MARKS if m in count]
        text = f"{MARKS[worst].sign} {', '.join(map(str.strip, words))}"
        rows = (*box.rows, Row("", text.replace("first", "first wrong")))
        tooltip = "\n".join([box.tooltip, *(f"check: {line}" for _, line in said[:3])])
        return replace(box, rows=rows, tooltip=tooltip, mark=worst)

    def _box(self, unit: Unit) -> Box:
        content = unit.content
        if isinstance(content, Group):
            return self._group(unit, content)
        if isinstance(content, Node):
            return self._node(unit, content)
        if isinstance(content, tuple):
            title = f"{len(content):,} constants"
            return Box(unit.id, "constant", title, scope=unit.scope, tooltip=title)
        return self._constant(unit, content)

    def _shape(self, shape: tuple[int, ...]) -> str:
        return figures.shape_text(shape) if shape and "shape" in self.show else ""

    def _node(self, unit: Unit, node: Node) -> Box:
        names = within(unit.scope, self.names, node)
        name = names[id(node)]
        shape = self._shape(node.shape)
        title = f"{name} = {shorten(write(node, names))}" if node.op else name
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
        kind = "output" if node in self.roots else "op"
        if node.constant or not node.op:
            kind = "constant" if node.constant else "leaf"
        if self.backward:
            title = self._derivative(node)
            if node in self.uses:
                rows.insert(0, Row("", shorten(f"= {self._sum(node)}", 60)))
        title = f"{title}  {shape}".rstrip()
        return Box(unit.id, kind, title, tuple(rows), (node,), unit.scope, (), name, tooltip)

    def _derivative(self, node: Node) -> str:
        root = self.names[id(next(iter(self.roots)))] if len(self.roots) == 1 else "out"
        return f"∂{root}/∂{self.names.get(id(node), '…')}"

    def _sum(self, node: Node) -> str:
        """What the consumers of a node hand to its gradient, written out."""
        terms = [
            pullback_text(user, index, self.names, cotangent=self._derivative(user))
            for user, index in self.uses[node]
        ]
        return " + ".join(term or "…" for term in terms)

    def _constant(self, unit: Unit, value: Any) -> Box:
        name = self.names.get(id(value), "")
        data = figures.summary(value)
        shape = tuple(getattr(value, "shape", ()))
        title = f"{name}  {self._shape(shape)}".strip() if shape else data.text
        rows = (Row("data", data.text, data.heat),) if shape and "data" in self.show else ()
        scope = () if id(value) in self.given else unit.scope  # data is nobody's part
        tooltip = f"constant {name}".rstrip() + f"\ndata: {data.words}"
        return Box(unit.id, "constant", title, rows, (), scope, (), name, tooltip)

    def _group(self, unit: Unit, group: Group) -> Box:
        rows = [Row("", line) for line in group.lines()]
        if shape := self._shape(group.nodes[-1].shape):
            rows.append(Row("out", shape))
        if "grad" in self.show:
            grads = [g for g in map(self.grad, group.nodes) if g is not None]
            rows.append(Row("grad", f"norm {figures.joint_norm(grads)}" if grads else figures.NONE))
        name = shorten(group.title)
        tooltip = f"{name}: {', '.join(group.lines(99))}"
        nodes = tuple(group.nodes)
        return Box(
            unit.id, "group", name, tuple(rows), nodes, unit.scope, group.path, name, tooltip
        )

    def _levels(self, boxes: Sequence[Box]) -> dict[str, float]:
        """The gradients of single nodes relative to the largest shown, for colouring, by box."""
        found: tuple[dict[str, float], dict[str, float]] = ({}, {})  # of scalars, of arrays
        for box in boxes:
            grad = None if box.kind in ("group", "constant") else self.grad(box.nodes[0])
            if grad is not None:
                array = bool(box.nodes[0].shape)
                value = figures.magnitude(grad) if array else float(figures.plain(grad).item())
                found[array][box.id] = value
        levels: dict[str, float] = {}
        for values in found:
            top = max((abs(v) for v in values.values() if isfinite(v)), default=0.0)
            levels |= {key: figures.level(v, top) for key, v in values.items() if not isnan(v)}
        return levels

    def edges(self, order: Sequence[Node], unit_of: Mapping[Any, str]) -> list[Edge]:
        found: dict[tuple[str, str, int], Edge] = {}
        counts: Counter[tuple[str, str, int]] = Counter()
        for node in order:
            target = unit_of[node]
            for index, x in enumerate(node.inputs):
                source = unit_of.get(x if isinstance(x, Node) else (node, index))
                if source is None or source == target:
                    continue
                plain = source[0] != "g" and target[0] != "g"
                key = (source, target, index if plain else -1)
                counts[key] += 1
                if key not in found:
                    local, rule = self._local(node, index, x) if plain else (None, "")
                    found[key] = Edge(source, target, index, local=local, rule=rule)
        return [replace(edge, count=counts[key]) for key, edge in found.items()]

    def _local(self, node: Node, index: int, x: Any) -> tuple[str | None, str]:
        """The local derivative along an edge, of scalars as a number, and of any as a formula."""
        op, names = node.op, self.names
        if not (op and op.elementwise and isinstance(x, Node)) or x.constant:
            return None, ""
        text = local_text(node, index, names)
        if not text and is_constant(op, index):
            return None, ""  # no rule is stated
        rule = f"∂{names[id(node)]}/∂{names[id(x)]} = {text}" if text else ""
        scalar = isinstance(node, Scalar) and "local" in self.show
        return figures.number(slope(node, index)) if scalar else None, rule
