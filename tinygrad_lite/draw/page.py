"""The page of a graph: one HTML file, with everything in it, that steps, computes and asks.

Its script is told pictures, numbers and steps as JSON. A picture is its SVG, whose boxes the script
fills; what several have is said again, since that is compressed.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from ..check.marks import MARKS
from ..graph.node import Node, fresh
from .build import build_scene
from .collapse import LIMIT
from .colours import DARK, LIGHT, NAMED, Theme, rules
from .figures import plain, summary
from .layout import lay_out
from .live import ENTRYWISE, Numbers, Run, doubles, program, value_of
from .scene import Box, Scene
from .steps import Budget, Names, answers, derivation, handed, heading
from .svg import base_style, content, render, xml
from .wording import complete_names

SCRIPTS = ("live.js", "picture.js", "entries.js", "steps.js", "panel.js", "page.js")
FINEST = 1200  # nodes of a graph of which the page shows every op too
_INSIDE = 150  # boxes of a part that is a picture of its own
_AFTER = 3  # boxes that use it, if these are shown too

Turn = Mapping[int, Any]


def html(scene: Scene, theme: str) -> str:
    """The page of a scene's graph, folded as the scene is; of several roots
    and of more than 2,000 nodes the picture alone."""
    root, *others = scene.roots
    if others or scene.nodes > LIMIT:
        return (
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{xml(scene.title)}'
            f'</title><body style="margin:0;overflow:auto">{render(scene, theme)}</body></html>'
        )
    made, instructions, numbers = program(root)
    scenes = _scenes(scene, made)
    named = {**scene.names, id(root): complete_names([root], scene.names)[id(root)]}
    told = {"program": instructions, **Book(root, made, numbers).model(scenes, named)}
    parts = {
        "theme": theme,
        "title": escape(scene.title),
        "heading": escape(heading(root, named)),
        "css": _colours() + _asset("page.css"),
        "model": base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode(),
        "functions": ",".join(f"{name}:(a,b,c)=>{code}" for name, code in ENTRYWISE.items()),
        "js": re.sub(r"(?ms)^ +|^/\*.*?\*/\n", "", "".join(map(_asset, SCRIPTS))),  # uncommented
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


# --- the pictures: folded, every line, every op


def _scenes(first: Scene, made: Run) -> dict[str, Scene]:
    """The picture that the page opens with, and finer ones as long as they differ, by what a box is
    in them."""
    gradient = {node: value_of(g) for node, g in made.gradient.items()}
    known = dict(first.names)
    lines = replace(first.asked, depth=None, max_nodes=LIMIT, steps=False)
    details = {"folded": first.asked, "lines": lines, "ops": replace(lines, steps=True)}
    scenes: dict[str, Scene] = {}
    for detail, asked in details.items():
        if detail == "ops" and first.nodes > FINEST:
            break
        scene = build_scene(first.roots, known, asked, gradient.get)
        for box in scene.boxes if not scenes else ():  # called the same in all
            if box.kind in ("op", "output"):
                known.setdefault(id(box.node), box.name)
        last = [*scenes.values()][-1:]
        if last and len(scene.boxes) <= len(last[0].boxes):  # the same picture again
            if last[0].note:
                continue
            scenes.popitem()
            scene = last[0]
        scenes[detail] = scene
    return {detail: lay_out(scene) for detail, scene in scenes.items()}


# --- what its script is told


@dataclass(frozen=True)
class Book:
    """All that a page tells of the graph of `root`: its numbers are `made`, at the places
    `numbers`; `nodes` are told in the order of their first use."""

    root: Node
    made: Run
    numbers: Numbers
    budget: Budget = field(default_factory=Budget)
    nodes: dict[Node, int] = field(default_factory=dict)

    def model(self, details: Mapping[str, Scene], names: Names) -> dict[str, Any]:
        """The pictures, the first that opens, and what stands beside them."""
        scenes = [*details.values()]
        views = self.views(scenes)
        self.place(self.root)
        marks = scenes[0].asked.marks
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
            "views": views,
            "details": [*details],
            "claims": claims,
            "derivation": rows,
        }

    def place(self, node: Any) -> int:
        """Where a node is in the table of nodes; a number, as a loop begins with, is a new one."""
        node = node if isinstance(node, Node) else fresh(None, plain(node))
        return self.nodes.setdefault(node, len(self.nodes))

    def at(self, arrays: Mapping[Any, Any], key: Any) -> int | None:
        """Where an array is in the page."""
        return self.numbers.get(id(arrays[key])) if key in arrays else None

    # --- numbers

    def node(self, node: Node) -> dict[str, Any]:
        """Shape, places of value and gradient, whether it is a leaf, and both in words."""
        recorded = value_of(self.made.gradient.get(node))
        return {
            "shape": node.shape,
            "value": self.at(self.made.value, node),
            "gradient": self.at(self.made.gradient, node),
            "leaf": node.op is None,
            "texts": [summary(node.data).text, summary(recorded, norm=True).text],
        }

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
        given = said.claim is not None and np.size(said.claim)
        return _fields(said, "mark words line mended") | {
            "shape": np.shape(said.claim) if given else None,
            "numbers": doubles([plain(said.claim)]) if given else "",
        }

    # --- pictures

    def views(self, scenes: Sequence[Scene]) -> list[dict[str, Any]]:
        """The pictures, and then what each box of the first holds, as a picture of its own: its
        boxes in the coarsest one that has several, with all that they use and the few that use
        them."""
        views = [self.view(scene) for scene in scenes]
        finer = [*zip(scenes, views, strict=True)][1:]
        for box, told in zip(scenes[0].boxes, views[0]["boxes"], strict=True):
            for whole, view in finer if box.inside else ():
                inside = {b.id for b in whole.boxes if b.nodes and {*b.nodes} <= {*box.nodes}}
                if 1 < len(inside) <= _INSIDE:
                    told["opens"] = len(views)
                    views.append(self.part(box, inside, whole, view))
                    break
        return views

    def view(self, scene: Scene) -> dict[str, Any]:
        """A picture, and what is told at the steps of its boxes."""
        shown = {id(box.shown): box.name for box in scene.boxes if len(box.out) < 2}
        names = {**scene.names, **shown}
        boxes = [self.box(box, names, scene.turns) for box in scene.boxes]
        return _picture(scene) | {"boxes": boxes, "times": len(scene.turns)}

    def part(
        self, of: Box, inside: set[str], whole: Scene, view: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The boxes `inside` a box as a part of the `whole` picture: their steps are all it has."""
        edges = [e for e in whole.edges if {e.source, e.target} & inside]
        after = {e.target for e in edges} - inside
        edges = [e for e in edges if e.target in inside or len(after) <= _AFTER]
        near = inside.union(*((e.source, e.target) for e in edges))
        boxes = tuple(b for b in whole.boxes if b.id in near)
        scene = lay_out(replace(whole, boxes=boxes, edges=tuple(edges), clusters=(), note=""))
        known = {b.id: told for b, told in zip(whole.boxes, view["boxes"], strict=True)}
        found = []
        for box in scene.boxes:
            told = known[box.id] | _fields(box, "x y width height") | {"turns": []}
            outside = {"outside": True, "shares": None}
            found.append(told if box.id in inside else told | outside)
        root = {"of": of.name, "root": self.place(of.node)}
        return _picture(scene) | {"boxes": found, "times": 0} | root

    def box(self, box: Box, names: Names, turns: Sequence[Turn]) -> dict[str, Any]:
        """What a box shows, and what is told at its steps."""
        shows = box.out or box.nodes[-1:]
        shared = any(turn.get(id(box.shown), box.shown) is not box.shown for turn in turns)
        return _fields(box, "kind name formula lines scope mark inside x y width height") | {
            "panes": [_fields(pane, "role rows columns strip note") for pane in box.panes],
            "shows": [self.place(node) for node in shows],
            "given": None if shows else self.at(self.made.given, id(box.array)),
            "shares": self.handed(box, names) if _hands_on(box) else None,
            "turns": [self.turn(box, turn) for turn in turns] if shared else [],
        }

    def handed(self, box: Box, names: Names) -> list[dict[str, Any]]:
        """What a line hands on: to which node, by what name, the places of the parts, the
        answers."""
        edges = handed(box)
        told = {} if box.node.constant else answers(box, self.root, names, self.budget)
        return [
            {
                "to": self.place(x),
                "name": names.get(id(x), "…"),
                "parts": [self.at(self.made.share, edge) for edge in edges[x]],
                "answers": told[x],
            }
            for x in told
        ]

    def turn(self, box: Box, turn: Turn) -> list[Any]:
        """What a box shows and hands on in one of equal steps."""
        other = turn[id(box.shown)]
        if not box.nodes:
            return [self.at(self.made.given, id(other))]
        shares = handed(box) if _hands_on(box) else {}
        return [self.place(other)] + [
            [
                self.place(turn.get(id(x), x)),
                [self.at(self.made.share, (turn[id(n)], index)) for n, index in edges],
            ]
            for x, edges in shares.items()
        ]


def _fields(of: Any, names: str) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names.split()}


def _picture(scene: Scene) -> dict[str, Any]:
    svg, *size = content(scene, live=True)
    return {"svg": svg, "size": size, "alt": scene.alt}


def _hands_on(box: Box) -> bool:
    """Whether it is a line, or several."""
    return box.kind in ("op", "output", "group") and box.nodes != () and box.node.op is not None


# --- the parts of the page


def _colours() -> str:
    """Both themes; dark when chosen, or when the system is dark and nothing was chosen."""
    dark = _variables(DARK, ":root[data-theme=dark]", "dark")
    auto = dark.replace("data-theme=dark", "data-theme=auto")
    return (
        f"{base_style('.tgl')}{rules(NAMED, '.tgl')}{_variables(LIGHT, ':root', 'light')}"
        f"@media screen{{{dark}}}@media screen and (prefers-color-scheme:dark){{{auto}}}"
    )


def _variables(theme: Theme, root: str, scheme: str) -> str:
    body = "".join(f"--{name}:{colour};" for name, colour in theme.items())
    return f"{root}{{{body}color-scheme:{scheme}}}"


def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
