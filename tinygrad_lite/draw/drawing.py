"""`Drawing`: a picture that notebooks show and that can be saved."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]

from ..graph.node import Node
from .checks import writable
from .collapse import LIMIT
from .colours import DARK, LIGHT
from .dot import digraph
from .page import page
from .scene import Scene
from .svg import render, xml

ENDINGS = (".svg", ".html", ".dot", ".png", ".pdf")


class Drawing:
    """A picture of a graph as it was when `draw` was called.

    `svg` and `source` (DOT) are its text, `digraph` an object of the graphviz package, `scene` what
    it shows, `alt` a sentence that says so.
    """

    def __init__(
        self, scene: Scene, roots: tuple[Node, ...], names: Mapping[int, str], theme: str
    ) -> None:
        self.scene = scene
        self.roots = roots
        self.names = names
        self.theme = theme

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return render(self.scene, theme=self.theme)

    @cached_property
    def html(self) -> str:
        """The page that steps through the graph, folded as here; of several roots, of a backward
        graph and of more than 2,000 nodes the picture alone."""
        scene = self.scene
        if len(self.roots) == 1 and scene.graph == "forward" and scene.nodes <= LIMIT:
            groups = [box.path for box in scene.boxes if box.kind == "group"]
            return page(
                self.roots[0],
                self.names,
                direction="down" if scene.direction == "down" else None,
                theme=self.theme,
                folded=groups if all(groups) else None,
            )
        return (
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{xml(scene.title)}'
            f'</title><body style="margin:0;overflow:auto">{self.svg}</body></html>'
        )

    @property
    def digraph(self) -> Any:
        """The picture as a `graphviz.Digraph`, labels and colours included."""
        return digraph(self.scene, DARK if self.theme == "dark" else LIGHT)

    @property
    def source(self) -> str:
        """The picture as DOT source."""
        return str(self.digraph.source)

    @property
    def alt(self) -> str:
        """The picture in a sentence."""
        return self.scene.alt

    def save(self, path: str | Path) -> Path:
        """Write the picture to `path`, in the format of its ending: .svg, .html, .dot, .png, .pdf.

        Raises `ValueError` for another ending, `FileNotFoundError` when the folder does not exist,
        `RuntimeError` for .png and .pdf when the Graphviz program dot is not installed.
        """
        path = writable(path, ENDINGS)
        ending = path.suffix.lower()
        if ending in (".png", ".pdf"):
            path.write_bytes(self._painted(ending))
        else:
            texts = {".svg": "svg", ".html": "html", ".dot": "source"}
            path.write_text(getattr(self, texts[ending]), encoding="utf-8")
        return path

    def _painted(self, ending: str) -> bytes:
        theme = DARK if self.theme == "dark" else LIGHT
        try:
            try:
                return bytes(self.digraph.pipe(format=ending[1:], quiet=True))
            except graphviz.CalledProcessError:  # edge labels and clusters: see dot.py
                plain = digraph(self.scene, theme, labelled=False)
                return bytes(plain.pipe(format=ending[1:], quiet=True))
        except graphviz.ExecutableNotFound:
            raise RuntimeError(
                f"save: a {ending} file needs the Graphviz program dot, which is not installed; "
                ".svg and .html need nothing"
            ) from None

    def show(self) -> None:
        """Open the picture in the web browser, from a temporary file."""
        with tempfile.NamedTemporaryFile(
            "w", suffix=".html", prefix="tinygrad_lite-", delete=False, encoding="utf-8"
        ) as file:
            file.write(self.html)
        webbrowser.open(Path(file.name).as_uri())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto">{self.svg}</div>'

    def __repr__(self) -> str:
        return f"<{self.alt}>"
