"""What the script of a page is told: pictures, numbers and steps, as JSON has them.

A box and the place of an array's cells are told once, however many pictures have them: a picture is
a list of boxes with corners, and arrows. Only cells are drawn by the script, which fills them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..check.marks import MARKS
from ..graph.node import Node
from .figures import plain, summary
from .layout import lay_out
from .live import Numbers, Run, doubles, value_of
from .panes import Pane
from .predict import Budget
from .scene import Box, Scene
from .steps import Names, Share, Teller, derivation
from .svg import arrows, face, label, rim

_INSIDE = 150  # boxes of a part that is a picture of its own
_AFTER = 3  # boxes that use it, if these are shown too


@dataclass(frozen=True)
class Book:
    """All that a page tells of the graph of `root`: its numbers are `made`, at the places
    `numbers`; `nodes`, `boxes` and `panes` are told in the order of their first use."""

    root: Node
    made: Run
    numbers: Numbers
    budget: Budget = field(default_factory=Budget)
    nodes: dict[Node, int] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    panes: dict[str, int] = field(default_factory=dict)
    steps: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    def model(self, details: Mapping[str, Scene], names: Names) -> dict[str, Any]:
        """The pictures, the first that opens, and what stands beside them."""
        scenes = [*details.values()]
        parts = _parts(scenes)
        views = [self.view(scene) for scene in scenes]
        views += [self.view(part, whole, box) for box, whole, part in parts]
        self.place(self.root)
        marks = scenes[0].options["marks"]
        claims = {self.place(x): self.claim(said) for x, said in marks.items() if x in self.nodes}
        rows = [(self.nodes.get(node), *row) for node, *row in derivation(self.root, names)]
        return {
            "root": self.place(self.root),
            "name": names[id(self.root)],
            "why": self.made.why,
            "marks": {name: mark.badge for name, mark in MARKS.items()},
            "calls": self.calls(),
            "nodes": [self.node(node) for node in self.nodes],
            "recorded": self.recorded(),
            "panes": [json.loads(key) for key in self.panes],
            "boxes": [json.loads(key) for key in self.boxes],
            "views": views,
            "details": [*details],
            "claims": claims,
            "derivation": rows,
        }

    def place(self, node: Node) -> int:
        """Where a node is in the table of nodes."""
        return self.nodes.setdefault(node, len(self.nodes))

    def at(self, arrays: Mapping[Any, Any], key: Any) -> int | None:
        """Where an array is in the page."""
        return self.numbers.get(id(arrays[key])) if key in arrays else None

    # --- numbers

    def node(self, node: Node) -> list[Any]:
        """Shape, places of value and gradient, whether it is a leaf; without places words."""
        value, gradient = self.at(self.made.value, node), self.at(self.made.gradient, node)
        told: list[Any] = [list(node.shape), value, gradient, int(node.op is None)]
        if value is None:
            recorded = value_of(self.made.gradient.get(node))
            told.append([summary(node.data).text, summary(recorded, norm=True).text])
        return told

    def recorded(self) -> list[Any]:
        """What the script's own arithmetic must reproduce: the places, and all their entries."""
        found = {
            self.numbers[id(a)]: np.ravel(plain(value_of(a)))
            for node in self.nodes
            for a in (self.made.value[node] if node.op else None, self.made.gradient.get(node))
            if a is not None and id(a) in self.numbers and not self.made.why
        }
        return [list(found), doubles(found.values())]

    def calls(self) -> list[Any]:
        """How functions of one entry are written: the place, what stands before the brackets, and
        the place of the input."""
        found = []
        for node in self.made.value:
            head, bracket, _ = (node.op.text if node.op else "").partition("({0}")
            if node.op and node.op.elementwise and bracket and len(node.inputs) == 1:
                places = [self.at(self.made.value, x) for x in (node, *node.inputs)]
                found.append([places[0], head, places[-1]])
        return [call for call in found if None not in call]

    def claim(self, said: Any) -> dict[str, Any]:
        """What was claimed of a gradient, and what `check` says of it."""
        told = _filled(mark=said.mark, words=said.words, line=said.line, mended=said.mended)
        if said.claim is not None and np.size(said.claim):
            told |= {"shape": np.shape(said.claim), "numbers": doubles([plain(said.claim)])}
        return told

    # --- pictures

    def view(self, scene: Scene, whole: Scene | None = None, of: Box | None = None) -> Any:
        """A picture; or the part of a `whole` one that a box holds, whose steps are all it has."""
        whole = whole or scene
        teller = Teller(self.root, _named(whole), self.budget)
        turns = () if of else scene.turns
        at = {box.id: k for k, box in enumerate(scene.boxes)}
        boxes = []
        for box in scene.boxes:
            outside = of is not None and not set(box.nodes) <= set(of.nodes)
            key = json.dumps(self.box(box, whole, teller, turns), separators=(",", ":"))
            row = [self.boxes.setdefault(key, len(self.boxes)), round(box.x), round(box.y)]
            boxes.append(row + [1] * (outside or (of is not None and not box.nodes)))
        told = {
            "placed": boxes,
            "edges": [
                [at[e.source], at[e.target], e.styles, arrows(e)]
                for e in sorted(scene.edges, key=lambda e: bool(e.text))
            ],
            "clusters": [
                [c.label, c.times if turns else 0, rim(c), label(c)] for c in scene.clusters
            ],
            "size": [round(scene.width), round(scene.height)],
            "alt": scene.alt,
        }
        return told | _filled(note=scene.note, of=of and [self.place(of.node), of.name])

    def box(self, box: Box, whole: Scene, teller: Teller, turns: Sequence[Any]) -> dict[str, Any]:
        """What a box shows, and what is told at its steps."""
        size = [round(box.width), round(box.height)]
        told: dict[str, Any] = {"kind": box.kind, "name": box.name, "size": size, "face": face(box)}
        words = {"formula": box.formula, "lines": box.lines, "scope": box.scope, "mark": box.mark}
        told |= _filled(inside=box.inside, **words)
        shows = [*(box.out or box.nodes[-1:])]
        places = [self.place(node) for node in shows]
        symbol = teller.symbol(shows[-1]) if len(shows) == 1 else ""
        seen: list[str] = []
        told["panes"] = []
        for pane in box.panes:
            strip = pane.role in seen
            key = self.pane(pane, box, shows, symbol, strip=strip, fixed=strip and not turns)
            told["panes"].append(self.panes.setdefault(key, len(self.panes)))
            seen.append(pane.role)
        told |= {"shows": places} if places else {"given": self.at(self.made.given, id(box.array))}
        if any(turn.get(id(box.shown), box.shown) is not box.shown for turn in turns):
            told["turns"] = [self.turn(box, turn, whole, teller) for turn in turns]
        return told | self.step(box, whole, teller)

    def pane(
        self, pane: Pane, box: Box, shows: Sequence[Node], symbol: str, *, strip: bool, fixed: bool
    ) -> str:
        """Where an array's cells are; its colours and numbers, where the script has no array."""
        arrays = self.made.value if pane.role == "value" else self.made.gradient
        places = [self.at(arrays, x) for x in shows] or [self.at(self.made.given, id(box.array))]
        told: dict[str, Any] = {"role": pane.role}
        geometry = pane.x, pane.y, *pane.cell
        told["at"] = [*map(round, geometry), pane.rows, pane.columns, len(pane.levels)]
        told |= _filled(
            label=pane.label if pane.label != symbol else "",
            numbers=int(bool(pane.texts)),
            note=pane.note,
            bars=pane.bars,
            strip=int(strip),
            slabs=[[*map(round, corner)] for corner in pane.slabs] * (len(pane.slabs) > 1),
            captions=pane.captions,
        )
        if fixed or None in places or 0 in pane.shape:
            told |= {"levels": pane.levels, "texts": pane.texts}
        return json.dumps(told, separators=(",", ":"))

    def step(self, box: Box, whole: Scene, teller: Teller) -> dict[str, Any]:
        """What a line computes, and what it hands on."""
        if box.kind not in ("op", "output", "group") or not box.nodes or box.node.op is None:
            return {}
        key = id(whole), box.id
        if key not in self.steps:
            shares = (
                [] if box.node.constant else [self.share(s, teller) for s in teller.shares(box)]
            )
            self.steps[key] = {"shares": shares}
        return self.steps[key]

    def share(self, share: Share, teller: Teller) -> list[Any]:
        """To which node; its name; the places of the parts; the answers, the right one first."""
        answers = [[a.formula, a.words] if a.words else [a.formula] for a in share.answers]
        parts = [self.at(self.made.share, edge) for edge in share.edges]
        return [self.place(share.node), teller.names.get(id(share.node), "…"), parts, answers]

    def turn(self, box: Box, turn: Mapping[int, Any], whole: Scene, teller: Teller) -> Any:
        """What a box shows and hands on in one of equal steps."""
        other = turn[id(box.shown)]
        if not box.nodes:
            return [self.at(self.made.given, id(other))]
        shares = teller.handed(box) if "shares" in self.step(box, whole, teller) else {}
        return [self.place(other)] + [
            [
                self.place(turn.get(id(x), x)),
                [self.at(self.made.share, (turn[id(n)], index)) for n, index in edges],
            ]
            for x, edges in shares.items()
        ]


def _filled(**told: Any) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in told.items() if value}


def _named(scene: Scene) -> Names:
    """What nodes are called in a picture."""
    shown = {id(box.shown): box.name for box in scene.boxes if len(box.out) < 2}
    return {**scene.names, **shown}


# --- parts of a picture


def _parts(scenes: Sequence[Scene]) -> list[tuple[Box, Scene, Scene]]:
    """What each box of the first picture holds, as a picture of its own: its boxes in the coarsest
    one that has several, with all that they use and the few that use them."""
    found = []
    for box in scenes[0].boxes:
        held = set(box.nodes)
        for whole in scenes[1:] if box.inside else ():
            inside = {b.id for b in whole.boxes if b.nodes and held.issuperset(b.nodes)}
            if 1 < len(inside) <= _INSIDE:
                edges = [e for e in whole.edges if {e.source, e.target} & inside]
                after = {e.target for e in edges} - inside
                edges = [e for e in edges if e.target in inside or len(after) <= _AFTER]
                near = inside.union(*((e.source, e.target) for e in edges))
                boxes = tuple(b for b in whole.boxes if b.id in near)
                part = replace(whole, boxes=boxes, edges=tuple(edges), clusters=(), note="")
                found.append((box, whole, lay_out(part)))
                break
    return found
