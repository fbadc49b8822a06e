"""The page of a graph: one HTML file, with everything in it, that steps, computes and asks."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html import escape
from importlib import resources

from .build import build_scene
from .collapse import LIMIT
from .colours import DARK, LIGHT, NAMED, Theme, rules
from .layout import lay_out
from .live import ENTRYWISE, Run, program, value_of
from .scene import Scene
from .steps import heading
from .svg import base_style, render, xml
from .told import Book
from .wording import complete_names

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
