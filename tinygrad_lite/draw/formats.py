"""The formats of pictures, by the ending of a file's name: a new one is its file and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from . import dot, page, svg
from .checks import either
from .scene import Scene


@dataclass(frozen=True, slots=True)
class Format:
    """How a scene becomes the text or the bytes of a file, in a theme (auto, light or dark).

    Without what `needs` names, a program or the extra with a package, `write` raises an
    `ImportError` or graphviz's `ExecutableNotFound`.
    """

    write: Callable[[Scene, str], str | bytes]
    needs: str = ""


DOT = "the Graphviz program dot"
FORMATS: Mapping[str, Format] = {
    ".svg": Format(svg.render),
    ".html": Format(page.html),
    ".dot": Format(dot.source),
    ".png": Format(partial(dot.painted, kind="png"), needs=DOT),
    ".pdf": Format(partial(dot.painted, kind="pdf"), needs=DOT),
}


def endings() -> str:
    """The endings in words: `.svg, .html or .pdf`."""
    return either(FORMATS)
