"""The page of a graph: one HTML file, with everything in it, that steps, computes and asks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from importlib import resources
from pathlib import Path as File
from typing import Any

import numpy as np

from ..check.marks import MARKS
from ..graph.files import write_whole
from ..graph.node import Node, topological_order
from ..graph.options import one_of, whole, writable
from .build import build_scene
from .collapse import LIMIT
from .colours import DARK, LIGHT, THEMES, Theme, style
from .figures import summary
from .layout import lay_out
from .live import ENTRYWISE, Numbers, Run, as_json, program, value_of
from .panes import COLUMNS, ROWS
from .predict import Budget
from .scene import DIRECTIONS, Box, Direction, Scene
from .steps import Names, Share, Teller, derivation, heading
from .svg import base_style, drawn, render, xml
from .wording import complete_names, known_names

FINEST = 1200  # nodes of a graph of which the page shows every op too


def html(scene: Scene, theme: str) -> str:
    """The page of a scene's graph, folded as the scene is; of several roots
    and of more than 2,000 nodes the picture alone."""
    if len(scene.roots) == 1 and scene.nodes <= LIMIT:
        return page(scene.roots[0], scene.names, theme=theme, first=scene)
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{xml(scene.title)}</title>'
        f'<body style="margin:0;overflow:auto">{render(scene, theme)}</body></html>'
    )


def page(
    root: Node,
    names: Mapping[int, str],
    *,
    direction: Direction | None = None,
    theme: str = "auto",
    first: Scene | None = None,
) -> str:
    """The page of everything that `root` depends on, as HTML.

    `names` is what `names.name_all` gives; `first` the scene that it opens with. Raises
    `ValueError` for a graph of more than 2,000 nodes.
    """
    order = topological_order(root)
    if len(order) > LIMIT:
        raise ValueError(
            f"graph has {len(order):,} nodes; the page follows up to {LIMIT:,}: step through a "
            "smaller part (one sample, one layer), or save the picture as .svg"
        )
    made, instructions, numbers = program(root)
    scenes = _scenes(root, names, made, direction, first)
    named = {**names, id(root): complete_names([root], names)[id(root)]}
    told = {"program": instructions, **_model(scenes, root, named, made, numbers)}
    model = json.dumps(told, separators=(",", ":"))
    parts = {
        "theme": theme,
        "title": escape(scenes[0].title),
        "heading": escape(heading(root, named)),
        "css": _colours() + _asset("page.css"),
        "svg": "".join(map(_svg, scenes)),
        "model": re.sub(
            "[<>&]", lambda match: f"\\u{ord(match[0]):04x}", model
        ),  # no end of script
        "functions": ",".join(f"{name}:(a,b,c)=>{code}" for name, code in ENTRYWISE.items()),
        "js": "".join(map(_asset, ("live.js", "picture.js", "entries.js", "panel.js", "page.js"))),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


@dataclass(frozen=True, repr=False)
class Player:
    """The page in a notebook, as `tg.play` makes it; `save` writes it to a file."""

    html: str
    title: str
    height: int

    def save(self, path: str | File) -> File:
        """Write the page, which needs nothing but itself. Returns the path."""
        path = writable(path, (".html", ".htm"))
        write_whole(path, self.html)
        return path

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" width="100%" '
            f'height="{self.height}" style="border:1px solid #888;border-radius:6px" '
            f'title="{escape(self.title)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<{self.title}>"


def play(
    root: Node, *, direction: Direction | None = None, theme: str = "auto", height: int = 640
) -> Player:
    """Step through the forward and the backward pass of everything that `root` depends on; change
    its numbers.

    Shows itself in a notebook, `height` pixels high; `.save("E.html")` writes the page. `.grad` is
    neither needed nor touched. Raises `TypeError` for what is not a node, `ValueError` for a graph
    of more than 2,000 nodes and for a bad option.
    """
    if not isinstance(root, Node):
        raise TypeError(f"play: expected a Value or Tensor, got {type(root).__name__}")
    one_of("play", theme=(theme, THEMES), direction=(direction, (None, *DIRECTIONS)))
    whole("play", "height", height, 1)
    names = known_names(topological_order(root))
    html = page(root, names, direction=direction, theme=theme)
    return Player(html, f"stepper for {complete_names([root], names)[id(root)]}", height)


# --- the pictures: folded, every line, every op


def _scenes(
    root: Node, names: Names, made: Run, direction: Direction | None, first: Scene | None
) -> list[Scene]:
    """The picture that the page opens with, and finer ones as long as they differ."""
    gradient = {node: value_of(g) for node, g in made.gradient.items()}
    build = partial(build_scene, root, names, grad=gradient.get)
    asked = dict(first.options) if first else {}
    finer = asked | {"depth": None, "around": None, "max_nodes": LIMIT}
    options = [asked, finer | {"steps": False}]
    if len(topological_order(root)) <= FINEST:
        options.append(finer | {"steps": True})
    scenes: list[Scene] = []
    for wanted in options:
        scene = build(**wanted)
        if not scenes or len(scene.boxes) > len(scenes[-1].boxes):
            scenes.append(scene)
    return [lay_out(scene, direction) for scene in scenes]


# --- what the script is told


def _model(
    scenes: Sequence[Scene], root: Node, names: Names, made: Run, numbers: Numbers
) -> dict[str, Any]:
    budget = Budget()
    recorded = {node: value_of(g) for node, g in made.gradient.items()}
    users: dict[Node, set[Node]] = {}
    for node in topological_order(root):
        for x in node.parents():
            users.setdefault(x, set()).add(node)
    told_of = partial(_told_of, root, users)
    shown = dict.fromkeys(node for scene in scenes for box in scene.boxes for node in told_of(box))
    nodes = {
        node: {
            "shape": list(node.shape),
            "value": _place(made.value, node, numbers),
            "gradient": _place(made.gradient, node, numbers),
            "texts": [summary(node.data).text, summary(recorded.get(node), norm=True).text],
            "leaf": node.op is None,
        }
        for node in shown
    }
    place = {node: k for k, node in enumerate(nodes)}
    told = derivation(root, names)
    checked = [] if made.why else [
        [numbers[id(a)], [as_json(float(f"{x:.16g}")) for x in np.ravel(value_of(a)).tolist()]]
        for node in shown
        for a in (made.value[node] if node.op else None, made.gradient.get(node))
        if a is not None
    ]  # fmt: skip
    return {
        "root": place[root],
        "why": made.why,
        "tiles": [ROWS, COLUMNS],
        "marks": {name: mark.badge for name, mark in MARKS.items()},
        "calls": _calls(made, numbers),
        "nodes": list(nodes.values()),
        "recorded": checked,
        "views": [
            _view(scene, Teller(root, _named(scene), budget), told_of, made, numbers, place)
            for scene in scenes
        ],
        "derivation": [[place.get(node), *row] for node, *row in told],
    }


def _place(arrays: Mapping[Any, Any], key: Any, numbers: Numbers) -> int | None:
    """Where an array is in the page."""
    return numbers.get(id(arrays[key])) if key in arrays else None


def _calls(made: Run, numbers: Numbers) -> list[Any]:
    """How functions of one entry are written: the place, what stands before the brackets, and the
    place of the input."""
    found = []
    for node, value in made.value.items():
        head, bracket, _ = (node.op.text if node.op else "").partition("({0}")
        x = next(node.parents(), None)
        if node.op and node.op.elementwise and len(node.inputs) == 1 and bracket and x is not None:
            found.append([numbers.get(id(value)), head, _place(made.value, x, numbers)])
    return [call for call in found if None not in call]


def _told_of(root: Node, users: Mapping[Node, set[Node]], box: Box) -> list[Node]:
    """The nodes whose numbers a box shows: of a folded scope, what comes out of it."""
    if box.kind != "group":
        return [box.node] if box.nodes else []
    inside = set(box.nodes)
    out = [node for node in box.nodes if node is root or users.get(node, set()) - inside]
    return out or [box.node]


def _named(scene: Scene) -> Names:
    """What nodes are called in a picture."""
    shown = {id(box.node if box.nodes else box.array): box.name for box in scene.boxes}
    return {**scene.names, **shown}


def _view(
    scene: Scene,
    teller: Teller,
    told_of: Callable[[Box], list[Node]],
    made: Run,
    numbers: Numbers,
    place: Mapping[Node, int],
) -> dict[str, Any]:
    """The boxes of a picture in order of execution, and what they hand on."""

    def share(s: Share) -> dict[str, Any]:
        return {
            "to": place.get(s.node),
            "name": teller.names.get(id(s.node), "…"),
            "answers": [[a.formula, a.words] for a in s.answers],
            "parts": [_place(made.share, edge, numbers) for edge in s.edges],
        }

    def box_of(box: Box) -> dict[str, Any]:
        told: dict[str, Any] = {key: getattr(box, key) for key in ("id", "kind", "name", "formula")}
        told |= {"inside": box.inside, "mark": box.mark, "lines": box.lines, "scope": box.scope}
        told["shows"] = [place[node] for node in told_of(box)]
        if not box.nodes:
            return told | {"given": _place(made.given, id(box.array), numbers)}
        told |= {"node": told["shows"][-1], "symbol": teller.symbol(box.node)}
        if box.kind in ("op", "output", "group") and box.node.op is not None:
            shares = () if box.node.constant else teller.shares(box)
            told |= {"shapes": teller.shapes(box), "shares": [share(s) for s in shares]}
        return told

    return {
        "boxes": [box_of(box) for box in scene.boxes],
        "note": scene.note,
        "width": scene.width,
        "height": scene.height,
    }


# --- the parts of the page


def _svg(scene: Scene) -> str:
    """One picture; the script shows it and writes into its cells."""
    w, h = round(scene.width), round(scene.height)
    return (
        f'<svg class="tgl" hidden width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="group" '
        f'aria-label="{xml(scene.alt)}">{drawn(scene.clusters)}{drawn(scene.edges)}'
        f"{drawn(scene.boxes)}</svg>"
    )


def _colours() -> str:
    """Both themes; dark when chosen, or when the system is dark and nothing was chosen."""
    chosen = ":root[data-theme=dark]"
    # Both themes weigh the same, so that what a step marks stands out in either.
    dark = _variables(DARK, chosen) + style("dark", f":where({chosen}) .tgl")
    auto = dark.replace("data-theme=dark", "data-theme=auto")
    return (
        f"{base_style('.tgl')}{_variables(LIGHT, ':root')}{style('light', '.tgl')}"
        f"@media screen{{{dark}}}@media screen and (prefers-color-scheme:dark){{{auto}}}"
    )


def _variables(theme: Theme, root: str) -> str:
    shown = {"line": "cluster", "back": "gradient"}
    names = ("page", "text", "muted", "line", "control", "raised", "accent", "back", "grid")
    body = ";".join(f"--{name}:{theme.roles[shown.get(name, name)]}" for name in names)
    body += f";--neg:{theme.shades['n12']};--zero:{theme.shades['p0']};--pos:{theme.shades['p12']}"
    marks = ";".join(f"--{mark}:{theme.stroke[mark]}" for mark in ("right", "wrong"))
    return f"{root}{{{body};{marks};color-scheme:{theme.name}}}"


def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
