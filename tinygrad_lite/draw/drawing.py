"""`Drawing`: a picture that notebooks show and that can be saved."""

from __future__ import annotations

import tempfile
import webbrowser
from functools import cached_property
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]

from . import dot, page
from .checks import either, writable
from .colours import THEMES
from .formats import FORMATS
from .scene import Scene
from .svg import render


class Drawing:
    """A picture of a graph as it was when `draw` was called.

    `svg`, `html` and `source` (DOT) are its text, `digraph` an object of the graphviz package,
    `scene` what it shows, `alt` a sentence that says so.
    """

    def __init__(self, scene: Scene, theme: str) -> None:
        self.scene = scene
        self.theme = theme

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return render(self.scene, self.theme)

    @cached_property
    def html(self) -> str:
        """The page that steps through the graph, folded as here; of several roots, of a backward
        graph and of more than 2,000 nodes the picture alone."""
        return page.html(self.scene, self.theme)

    @property
    def digraph(self) -> Any:
        """The picture as a `graphviz.Digraph`, labels and colours included."""
        return dot.digraph(self.scene, THEMES[self.theme])

    @property
    def source(self) -> str:
        """The picture as DOT source."""
        return dot.source(self.scene, self.theme)

    @property
    def alt(self) -> str:
        """The picture in a sentence."""
        return self.scene.alt

    def save(self, path: str | Path) -> Path:
        """Write the picture to `path`, in the format of its ending, such as .svg, .html or .png.

        Raises `ValueError` for another ending and says which there are, `FileNotFoundError` when
        the folder does not exist, `RuntimeError` when what the format needs is not installed: for
        .png and .pdf the Graphviz program dot.
        """
        path = writable(path, FORMATS)
        form = FORMATS[path.suffix.lower()]
        try:
            content = form.write(self.scene, self.theme)
        except (ImportError, graphviz.ExecutableNotFound) as error:
            free = either([ending for ending, known in FORMATS.items() if not known.needs], "and")
            raise RuntimeError(
                f"save: a {path.suffix} file needs {form.needs or error}, which is not installed; "
                f"{free} need nothing"
            ) from None
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        return path

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
