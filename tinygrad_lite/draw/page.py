"""The stepper: one HTML page of a graph, with everything in it, that works from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from importlib import resources
from pathlib import Path as File
from typing import Any

from ..graph.files import write_whole
from ..graph.node import Node, topological_order
from .build import MAX_NODES, build_scene
from .checks import DIRECTIONS, one_of, whole, writable
from .collapse import LIMIT
from .colours import DARK, LIGHT, THEMES, Theme, style
from .figures import summary
from .layout import lay_out
from .scene import Box, Direction, Scene, rectangle, sized
from .scopes import Path, prefixes
from .steps import Share, Steps, trace
from .svg import base_style, drawn, render, xml
from .wording import complete_names, known_names

_ROOM = (880.0, 640.0)  # pixels, of the picture beside the panel


def html(scene: Scene, theme: str) -> str:
    """The page that steps through a scene's graph, folded as the scene is; of several roots, of a
    backward graph and of more than 2,000 nodes the picture alone."""
    if len(scene.roots) == 1 and scene.graph == "forward" and scene.nodes <= LIMIT:
        groups = [box.path for box in scene.boxes if box.kind == "group"]
        folded = groups if all(groups) else None
        down: Direction | None = "down" if scene.direction == "down" else None
        return page(scene.roots[0], scene.names, direction=down, theme=theme, folded=folded)
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
    folded: Collection[Path] | None = None,
) -> str:
    """The page of everything that `root` depends on, as HTML.

    `names` is what `names.name_all` gives; without a `direction`, the one that shows more at a
    readable size is taken. `folded` are the scopes that are folded at first; by default as many as
    leave at most 30 nodes. Raises `ValueError` for a graph of more than 2,000 nodes.
    """
    order = topological_order(root)[::-1]
    if len(order) > LIMIT:
        raise ValueError(
            f"graph has {len(order):,} nodes; the stepper follows up to {LIMIT:,}: step through a "
            "smaller part (one sample, one layer), or save the picture as .svg"
        )
    names = complete_names(order, names)
    steps = trace(root, names)
    scene, groups, level = _scenes(order, steps)
    if folded is None:
        folded = {box.path for box in groups if len(box.path) > level}
    closed = {box.id for box in groups if any(p in folded for p in prefixes(box.path))}
    scene = lay_out(scene, direction, _ROOM)
    groups = _framed(scene, groups)
    model = json.dumps(_model(scene, steps, groups, closed), separators=(",", ":"))
    parts = {
        "theme": theme,
        "title": escape(scene.title),
        "css": _colours() + _asset("page.css"),
        "svg": _svg(scene, groups),
        "model": re.sub(
            "[<>&]", lambda match: f"\\u{ord(match[0]):04x}", model
        ),  # no end of script
        "js": _asset("picture.js") + _asset("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


@dataclass(frozen=True, repr=False)
class Player:
    """The stepper in a notebook, as `tg.play` makes it; `save` writes the page to a file."""

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
    root: Node, *, direction: Direction | None = None, theme: str = "auto", height: int = 560
) -> Player:
    """Step through the forward and the backward pass of everything that `root` depends on.

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


# --- the scenes: everything open, and the box of every scope that can be folded


def _scenes(order: Sequence[Node], steps: Steps) -> tuple[Scene, list[Box], int]:
    """All boxes; the boxes of scopes; how many levels of scopes fit when open."""
    shares = [share for b in steps.backward for share in b.shares]
    grads = {s.node: s.gradient for s in shares} | {steps.root: steps.one}
    made = partial(
        build_scene, steps.root, steps.names, max_nodes=LIMIT, steps=True, grad=grads.get
    )
    depths = range(max(len(node.scope) for node in order), -1, -1)
    scenes = [made(depth=depth) for depth in depths]
    boxes = [len(scene.boxes) - scene.counts["constant"] for scene in scenes]
    level = next((d for d, n in zip(depths, boxes, strict=True) if n <= MAX_NODES), 0)
    groups: dict[str, Box] = {}
    for box in (box for scene in scenes for box in scene.boxes if box.kind == "group"):
        panes = tuple(pane for pane in box.panes if pane.role == "value")
        groups.setdefault(box.id, sized(replace(box, panes=panes)))
    place = {f.node: k for k, f in enumerate(steps.forward)}
    ordered = sorted(groups.values(), key=lambda box: max(place.get(n, -1) for n in box.nodes))
    return scenes[0], ordered, level


def _framed(scene: Scene, groups: list[Box]) -> list[Box]:
    """The groups in the middle of their scopes' frames."""
    frames = {cluster.scope: cluster for cluster in scene.clusters}
    return [
        box.at(f.x + (f.width - box.width) / 2, f.y + (f.height - box.height) / 2)
        for box, f in ((box, frames[box.path]) for box in groups)
    ]


# --- what the script is told

_SHARE = ("symbol", "name", "rule", "rule_numbers", "pull", "pull_numbers", "value", "adds", "grad",
          "arrived", "expected")  # fmt: skip
_COUNTS = {"ops": "op", "leaves": "leaf", "constants": "constant"}


def _model(scene: Scene, steps: Steps, groups: list[Box], folded: set[str]) -> dict[str, Any]:
    id_of = {box.nodes[0]: box.id for box in scene.boxes if box.nodes}
    group_of = {box.path: box.id for box in groups}
    frames = {cluster.scope: k for k, cluster in enumerate(scene.clusters)}
    formulas = {f.node: f.formula for f in steps.forward}

    def about(node: Node) -> dict[str, Any]:
        return {"box": id_of[node], "formula": formulas[node]}

    def around(scope: Path) -> list[str]:
        """The groups, outermost first; a scope that holds a single node has none."""
        return [group_of[path] for path in prefixes(scope) if path in group_of]

    def share(s: Share) -> dict[str, Any]:
        return {"box": id_of[s.node]} | {key: getattr(s, key) for key in _SHARE}

    def words(box: Box) -> str:
        ops = " ".join(node.op.name for node in box.nodes if node.op)
        return f"{box.title} {ops} {'/'.join(box.scope)}"

    return {
        "heading": scene.title,
        "direction": scene.direction,
        "root": id_of[steps.root],
        "one": summary(steps.one, norm=True).text,
        "seed": steps.seed,
        "counts": {word: scene.counts[kind] for word, kind in _COUNTS.items()},
        "boxes": [
            {"id": box.id, **rectangle(box), "path": around(box.scope), "find": words(box)}
            for box in scene.boxes
        ],
        "groups": [
            {"id": box.id, **rectangle(box), "title": box.title, "path": around(box.path[:-1])}
            | {"scope": frames[box.path], "frame": rectangle(scene.clusters[frames[box.path]])}
            for box in groups
        ],
        "folded": sorted(folded),
        "forward": [
            {**about(f.node), "scope": " / ".join(f.node.scope)}
            | {"numbers": f.numbers, "shapes": f.shapes, "data": summary(f.node.data).text}
            | {"from": [id_of[x] for x in f.node.parents()]}
            for f in steps.forward
        ],
        "backward": [
            {**about(b.node), "symbol": b.symbol, "scope": " / ".join(b.node.scope)}
            | {"arrives": b.arrives, "shares": [share(s) for s in b.shares]}
            for b in steps.backward
        ],
    }


# --- the parts of the page


def _svg(scene: Scene, groups: list[Box]) -> str:
    """The picture, in layers that the script rearranges."""
    return (
        f'<svg class="tgl" role="group" aria-label="{xml(scene.alt)}"><g class="view">'
        f'<g>{drawn(scene.clusters)}</g><g class="bundles"></g><g>{drawn(scene.edges)}</g>'
        f"<g>{drawn([*scene.boxes, *groups])}</g></g></svg>"
    )


def _colours() -> str:
    """Both themes; dark when chosen, or when the system is dark and nothing was chosen."""
    chosen = ":root[data-theme=dark]"
    dark = _variables(DARK, chosen) + style("dark", f"{chosen} .tgl")
    auto = dark.replace("data-theme=dark", "data-theme=auto")
    return (
        f"{base_style('.tgl')}{_variables(LIGHT, ':root')}{style('light', '.tgl')}{dark}"
        f"@media(prefers-color-scheme:dark){{{auto}}}"
    )


def _variables(theme: Theme, root: str) -> str:
    shown = {"line": "cluster", "control": "edge"}
    names = ("page", "text", "muted", "line", "control", "raised", "accent", "warm")
    body = ";".join(f"--{name}:{theme.roles[shown.get(name, name)]}" for name in names)
    return f"{root}{{{body};color-scheme:{theme.name}}}"


def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
