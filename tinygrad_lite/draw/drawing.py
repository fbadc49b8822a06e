"""`Drawing`, a picture that notebooks show and that can be saved, and the formats for that."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]

from . import dot, page
from .checks import either, writable
from .colours import THEMES
from .scene import Scene
from .svg import render


@dataclass(frozen=True, slots=True)
class Format:
    """How a scene becomes the text or the bytes of a file, in a theme (auto, light or dark).

    Without what `needs` names, a program or the extra with a package, `write` raises an
    `ImportError` or graphviz's `ExecutableNotFound`.
    """

    write: Callable[[Scene, str], str | bytes]
    needs: str = ""


_DOT = "the Graphviz program dot"
FORMATS: Mapping[str, Format] = {  # by the ending of a file's name: a new one is a row here
    ".svg": Format(render),
    ".html": Format(page.html),
    ".dot": Format(dot.source),
    ".png": Format(partial(dot.painted, kind="png"), needs=_DOT),
    ".pdf": Format(partial(dot.painted, kind="pdf"), needs=_DOT),
}


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
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
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
