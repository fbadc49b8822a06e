"""The page of a graph: one HTML file, with everything in it, that steps, computes and asks."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path as File

from ..graph.files import write_whole
from ..graph.node import Node, topological_order
from ..graph.options import one_of, whole, writable
from .build import build_scene
from .collapse import LIMIT
from .colours import DARK, LIGHT, NAMED, THEMES, Theme, rules
from .layout import lay_out
from .live import ENTRYWISE, Run, program, value_of
from .scene import DIRECTIONS, Direction, Scene
from .steps import heading
from .svg import base_style, render, xml
from .told import Book
from .wording import complete_names, known_names

SCRIPTS = ("live.js", "picture.js", "entries.js", "steps.js", "panel.js", "page.js")
FINEST = 1200  # nodes of a graph of which the page shows every op too


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
    order = topological_order(root)
    if len(order) > LIMIT:
        raise ValueError(
            f"graph has {len(order):,} nodes; the page follows up to {LIMIT:,}: step through a "
            "smaller part (one sample, one layer), or save the picture as .svg"
        )
    names = known_names(order)
    page = html(lay_out(build_scene(root, names), direction), theme)
    return Player(page, f"stepper for {complete_names([root], names)[id(root)]}", height)


# --- the pictures: folded, every line, every op


def _scenes(first: Scene, made: Run) -> dict[str, Scene]:
    """The picture that the page opens with, and finer ones as long as they differ, by what a box is
    in them."""
    gradient = {node: value_of(g) for node, g in made.gradient.items()}
    known, asked = dict(first.names), dict(first.options)
    direction = asked.pop("direction")
    finer = asked | {"depth": None, "around": None, "max_nodes": LIMIT}
    options = {"folded": asked, "lines": finer | {"steps": False}, "ops": finer | {"steps": True}}
    scenes: dict[str, Scene] = {}
    for detail, wanted in options.items():
        if detail == "ops" and first.nodes > FINEST:
            break
        scene = build_scene(first.roots, known, grad=gradient.get, **wanted)
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
    return {detail: lay_out(scene, direction) for detail, scene in scenes.items()}


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
