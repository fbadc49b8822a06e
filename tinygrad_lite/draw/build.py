"""Makes the scene of a graph: which boxes, edges and clusters there are, and what they say."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow
from ..check.marks import MARKS
from ..derive.line import Line, line_of
from ..derive.step import is_number, pullback_text, write
from ..graph.node import Node, Scalar, topological_order
from ..notation.names import subscripts
from ..notation.views import part_of
from ..notation.words import counted
from . import figures
from .collapse import LIMIT, Plan, planned
from .measure import LONGEST, columns, shorten
from .panes import Pane, pane, strip
from .rails import with_rails
from .scene import LABELLED, SHORT, Asked, Box, Cluster, Edge, Scene, sized
from .scopes import prefixes
from .wording import complete_names, within

_DEPTHS = (6, 3, 2, 1, 0)  # that a line is written out to, as far as it then is short enough
_FORMULA = 3 * LONGEST  # characters of a line that is read as a whole
_READ = 200  # lines of a picture that are: two seconds
_SYMBOL = 10  # characters of the name of a gradient over its cells
_RULE = 36  # characters of a formula beside an arrow
_FAR = 4  # ranks of its users, at which a leaf has a stub at each
_SAID = 44  # characters in a row of what `check` says


def build_scene(
    roots: Node | Sequence[Node],
    names: Mapping[int, str],
    asked: Asked,
    grad: Callable[[Node], Any] = attrgetter("grad"),
) -> Scene:
    """The scene of everything that `roots` depend on, not yet laid out. `names` is what
    `names.name_all` gives, `grad` gives the gradients to show."""
    roots = (roots,) if isinstance(roots, Node) else tuple(roots)
    nodes = topological_order(*roots)
    kept = {node for node in nodes if id(node) in names or node in asked.marks} | set(roots)
    plan = planned(nodes, names, kept, asked)
    known = _known(plan, names)
    title = "Computation graph of " + ", ".join(known.get(id(r), "a result") for r in roots)
    maker = _Maker(plan, known, names, dict.fromkeys(roots), asked, grad)
    boxes = maker.boxes()
    boxes, edges = maker.stubs(boxes, maker.edges(boxes))
    edges = with_rails(boxes, edges)
    scopes = dict.fromkeys(path for box in boxes for path in prefixes(box.scope))
    frame, times = plan.repeats.frame, plan.repeats.times
    clusters = (Cluster(p, times if p == frame else 1) for p in sorted(scopes, key=len))
    parts, turns = (tuple(boxes), tuple(edges), tuple(clusters)), plan.repeats.steps()
    return Scene(*parts, roots, names, title, plan.note, len(nodes), asked, turns)


def _known(plan: Plan, names: Mapping[int, str]) -> dict[int, str]:
    """Names of all that is shown: h₋₁ is what h was one step before."""
    shown = {box.node for box in plan.boxes if box.kind in ("line", "stub")}
    order = plan.order if len(plan.order) <= LIMIT else list(shown)
    known = complete_names(order, names, shown)
    for box in plan.boxes:
        x = box.shown
        if box.kind == "stub" and id(x) not in names and x in plan.repeats.same:
            last = plan.repeats.same[x]
            back = plan.repeats.turn[last] - plan.repeats.turn[x]
            known[id(x)] = f"{known[id(last)]}₋{subscripts(str(back))}"
    return known


@dataclass(frozen=True)
class _Maker:
    """Makes boxes and edges, given the names and what is to be shown."""

    plan: Plan
    names: Mapping[int, str]
    given: Mapping[int, str]
    roots: Mapping[Node, None]  # in order, and found by identity
    asked: Asked
    grad: Callable[[Node], Any]
    lines: dict[str, Line | None] = field(default_factory=dict)

    def boxes(self) -> list[Box]:
        make = {"line": self._line, "group": self._group, "stub": self._stub}
        make["constant"] = self._constant
        return [sized(self._marked(make[box.kind](box))) for box in self.plan.boxes]

    def _marked(self, box: Box) -> Box:
        """The box with the worst that `check` says of its nodes, in any of equal steps, as its
        mark, and why."""
        held = dict.fromkeys((*box.nodes, *box.copies))
        said = [self.asked.marks[node] for node in held if node in self.asked.marks]
        if not said or box.kind == "stub":
            return box
        found = Counter(each.mark for each in said)
        worst = next(mark for mark in MARKS if mark in found)
        lines = box.lines
        if len(said) > 1:
            words = [f"{found[m]} {MARKS[m].badge[2:]}" for m in MARKS if m in found]
            lines += (f"{MARKS[worst].sign} {', '.join(words)}",)
        if worst in ("first", "wrong") and box.kind != "group":
            text = next(each.words for each in said if each.mark == worst)
            lines += tuple(textwrap.wrap(shorten(text, 4 * _SAID), _SAID))
        tooltip = "\n".join([box.tooltip, *(f"check: {each.words}" for each in said[:3])])
        return replace(box, lines=lines, tooltip=tooltip, mark=worst)

    def _shape(self, shape: tuple[int, ...]) -> str:
        return str(tuple(shape)) if shape and "shape" in self.asked.show else ""

    def _panes(self, node: Node, data: Any, grad: Any) -> tuple[Pane, ...]:
        found = [pane("value", "value", data)] * ("data" in self.asked.show)
        if isinstance(node, Node) and not node.constant and "grad" in self.asked.show:
            found.append(pane("gradient", self._derivative(node), grad))
        return tuple(found)

    def _line(self, box: Box) -> Box:
        nodes, node = box.nodes, box.node
        names = within(box.scope, self.names, *nodes)
        panes = self._panes(node, node.data, self.grad(node))
        copies = self.plan.repeats.copies.get(node, ())
        if node in self.plan.repeats.carried:
            panes += (strip(copies, "value", attrgetter("data")),)
            panes += (strip(copies, "gradient", self.grad),)
        kind = "output" if node in self.roots else "op"
        if node.constant or not node.op:
            kind = "constant" if node.constant else "leaf"
        ops = sum(part.op is not None for part in nodes)
        held = [counted(ops, "step")] * (ops > 1)
        if rest := len(nodes) - max(ops, 1):
            held.append(counted(rest, "parameter"))
        lines = (f"{', '.join(held)} inside",) * bool(held)
        lines += ("numbers: of the last step",) * any(map(self._differs, nodes))
        formula = self._formula(box.id, nodes, names) if node.op else ""
        box = replace(box, kind=kind, name=names[id(node)], formula=formula, copies=copies)
        box = replace(box, shape=self._shape(node.shape), panes=panes, lines=lines)
        return replace(box, tooltip=self._told(box.title, node))

    def _differs(self, node: Node) -> bool:
        """Whether a plain number in it is another one in others of several equal steps."""
        copies = self.plan.repeats.copies.get(node, ())
        pairs = [pair for copy in copies for pair in zip(node.inputs, copy.inputs, strict=True)]
        return any(is_number(a) and is_number(b) and a != b for a, b in pairs)

    def _told(self, title: str, node: Node) -> str:
        """A node in words."""
        tooltip = f"{title}\ndata: {figures.summary(node.data).words}"
        if not node.constant:
            tooltip += f"\ngrad: {figures.summary(self.grad(node)).words}"
        if node.scope:
            tooltip += f"\nscope: {' / '.join(map(shorten, node.scope))}"
        return f"{tooltip}\nat {node.line}" if node.line else tooltip

    def _formula(self, box: str, nodes: Sequence[Node], names: Mapping[int, str]) -> str:
        """What is right of the equals sign: the line as a whole, or if that is long or not read,
        written out as far as it stays short."""
        line = self._read(box, nodes) if len(nodes) > 1 else None
        text = line.definition(names) if line else ""
        if text and columns(text) <= _FORMULA:
            return text
        texts = [write(nodes[-1], names, depth=depth) for depth in _DEPTHS]
        whole = [text for text in texts if columns(text) <= _FORMULA and "…" not in text]
        short = [text for text in texts if columns(text) <= LONGEST and text.count("…") <= 2]
        return next(iter(whole + short), shorten(texts[-1]))

    def _read(self, box: str, nodes: Sequence[Node]) -> Line | None:
        """A line of several ops as one, where there is time for that."""
        if box not in self.lines and len(self.plan.order) <= LIMIT and len(self.lines) < _READ:
            one = nodes[-1] in self.roots and not nodes[-1].shape
            self.lines[box] = line_of(nodes[-1], set(nodes), one=one)
        return self.lines.get(box)

    def _derivative(self, node: Node) -> str:
        """∂E/∂W."""
        root = next(iter(self.roots))
        if id(node) not in self.names:
            return "gradient"
        label = f"∂{self.names.get(id(root), 'out')}/∂{self.names[id(node)]}"
        return label if len(self.roots) == 1 and columns(label) <= _SYMBOL else "gradient"

    def _constant(self, box: Box) -> Box:
        value = box.array
        if isinstance(value, list):
            name = f"{len(value):,} constants"
            return replace(box, name=name, tooltip=name, array=None)
        name, own = self.names[id(value)], id(value) in self.given
        tooltip = f"constant {name}\ndata: {figures.summary(value).words}"
        box = replace(box, name=name, shape=self._shape(tuple(value.shape)), tooltip=tooltip)
        box = replace(box, panes=self._panes(value, value, None))
        if own:
            return replace(box, scope=())  # data is nobody's part
        base = getattr(value, "base", None)
        part = part_of(value, base, self.given.get(id(base), "")) if id(base) in self.given else ""
        return replace(box, formula=part.replace(".T", "ᵀ"))

    def _stub(self, box: Box) -> Box:
        """A node of the step before: no arrow runs back to it."""
        node, lines = box.node, ("from the step before",)
        panes = self._panes(node, node.data, None)[: "data" in self.asked.show]
        box = replace(box, name=self.names[id(node)], shape=self._shape(node.shape))
        told = self._told(f"{box.title}, {lines[0]}", node)
        return replace(box, panes=panes, lines=lines, tooltip=told)

    def _group(self, box: Box) -> Box:
        """A folded scope with what comes out of it; of equal lines, with that of each."""
        nodes = box.nodes
        out = tuple(node for node in nodes if node in self.wires.out or node in self.roots)
        panes: tuple[Pane, ...] = ()
        shape = ""
        if len(out) == 1:
            shape = self._shape(out[0].shape)
            panes = self._panes(out[0], out[0].data, self.grad(out[0]))
        elif not box.name and len({x.shape for x in out}) == 1:
            shape = self._shape(out[0].shape)
            grads = [self.grad(x) for x in out]
            grad = None if any(g is None for g in grads) else np.stack([*map(figures.plain, grads)])
            panes = self._panes(out[0], np.stack([figures.plain(x.data) for x in out]), grad)
        if box.name:
            name = shorten(box.name)
        elif all(id(x) in self.given for x in out):
            name = shorten(f"{self.given[id(out[0])]} … {self.given[id(out[-1])]}")
        else:
            of = f"× {self._formula(box.id, out[:1], self.names)}" if out[0].op else "parameters"
            name = f"{len(out):,} {of}"
        lines = (f"{counted(len(nodes), 'node')} inside",)
        tooltip = f"{name}: {', '.join(_inside(nodes))}"
        box = replace(box, name=name, shape=shape, panes=panes, lines=lines)
        return replace(box, out=out, tooltip=tooltip)

    def edges(self, boxes: Sequence[Box]) -> list[Edge]:
        at = {box.id: box for box in boxes}
        found = []
        for (source, target), (index, x, number) in self.wires.of.items():
            flows = isinstance(x, Node) and not x.constant and self.grad(x) is not None
            mark = at[source].mark if at[source].kind != "group" else ""
            found.append(Edge(source, target, index, number, gradient=flows, mark=mark))
        if len(found) > LABELLED:
            return [replace(e, gradient=False) for e in found]
        return [self._labelled(e, at[e.source], at[e.target]) for e in found]

    @cached_property
    def wires(self) -> _Wires:
        """What runs between the boxes, in all of equal steps."""
        plan, box_of = self.plan, self.plan.box_of
        found: dict[tuple[str, str], tuple[int, Any, int]] = {}
        out: set[Node] = set()
        for node in (*plan.order, *plan.repeats.same):
            last = plan.repeats.same.get(node, node)
            for index, x in enumerate(node.inputs):
                source, target = box_of.get((node, index)), box_of[node]
                if isinstance(x, Node):
                    if not source and not plan.repeats.before(x, node):
                        source = box_of[x]
                        if plan.repeats.before(last.inputs[index], last):
                            target = box_of[last, index]  # what a loop begins with
                    if source != target:
                        out.add(x)
                if source and source != target:
                    first = found.get((source, target), (index, x, 0))
                    found[source, target] = (*first[:2], first[2] + 1)
        return _Wires(found, out)

    def stubs(self, boxes: Sequence[Box], edges: Sequence[Edge]) -> tuple[list[Box], list[Edge]]:
        """With a stub at each user of a leaf that is used all over the picture, and there its share
        of the gradient, instead of arrows across."""
        at = {box.id: box for box in boxes}
        users: dict[str, list[Edge]] = {box.id: [] for box in boxes}
        for e in edges:
            users[e.source].append(e)
        rank: Counter[str] = Counter()
        for box in boxes:  # in order of execution
            for e in users[box.id]:
                rank[e.target] = max(rank[e.target], rank[box.id] + 1)
        leaves = [box.id for box in boxes if box.kind in ("leaf", "constant")]
        far = {x for x in leaves if len({rank[e.target] for e in users[x]}) >= _FAR}
        made: defaultdict[str, list[Box]] = defaultdict(list)
        kept: list[Edge] = []
        for e in edges:
            if e.source in far:
                leaf, target = at[e.source], at[e.target]
                panes: tuple[Pane, ...] = ()
                if e.slope is not None and (g := self.grad(target.node)) is not None:
                    share = e.slope * float(figures.plain(g))
                    panes = (pane("gradient", "share", share),)
                stub = Box(f"{leaf.id}_{len(kept)}", "stub", leaf.name, panes=panes)
                stub = replace(stub, nodes=leaf.nodes, array=leaf.array, scope=target.scope)
                made[e.target].append(sized(replace(stub, tooltip=f"{leaf.title}, used here")))
                e = replace(e, source=stub.id)
            kept.append(e)
        for x in far:
            lines = (*at[x].lines, f"used {len(users[x])} times, see there")
            at[x] = sized(replace(at[x], lines=lines))
        return [new for box in boxes for new in (*made[box.id], at[box.id])], kept

    def _labelled(self, edge: Edge, source: Box, target: Box) -> Edge:
        """With what flows back along it, as a number or a formula."""
        told = source.kind != "group" and target.kind not in ("group", "stub")
        if not told or not source.nodes or source.node.constant:
            return edge
        node, x = target.node, source.node
        if isinstance(node, Scalar) and isinstance(x, Scalar):
            if "local" not in self.asked.show:
                return edge
            order = target.nodes[::-1]
            with suppress(Exception):  # a user's op may have no rule
                slope = flow(order, {node: 1.0}, contribution, within={*order, x}).get(x)
                if slope is not None:
                    edge = replace(edge, rule=f"×{figures.number(slope)}", slope=float(slope))
            return edge
        text = self._handed(target, edge.index, x)
        short = text != "δ" and "…" not in text and columns(text) <= _RULE
        return replace(edge, rule=text) if short else edge

    def _handed(self, box: Box, index: int, x: Node) -> str:
        """What a line hands to x, given δ, the gradient of its result; "" if that is not read."""
        if not box.inside:
            return pullback_text(box.node, index, self.names, cotangent="δ")
        line = self._read(box.id, box.nodes) if box.inside < SHORT else None
        handed = line.handed(x) if line and x in line.twin else None
        form = line.form(x, handed) if line and handed is not None else None
        return line.text(form, self.names, "δ") if line and form else ""


class _Wires(NamedTuple):
    """By source and target, the first input that is one, its place, and how many there are; `out`
    are the nodes that another box uses."""

    of: Mapping[tuple[str, str], tuple[int, Any, int]]
    out: Collection[Node]


def _inside(nodes: Sequence[Node]) -> list[str]:
    """What a group holds: counts of leaves and of each op."""
    leaves = [node for node in nodes if node.op is None]
    ops = Counter(node.op.name for node in nodes if node.op).most_common()
    size = sum(prod(leaf.shape) for leaf in leaves)
    held = [counted(len(leaves), "leaf", "leaves")] * bool(leaves)
    if size != len(leaves):
        held.append(f"{size:,} entries")
    return [", ".join(held)] * bool(held) + [f"{n:,} × {name}" for name, n in ops]
