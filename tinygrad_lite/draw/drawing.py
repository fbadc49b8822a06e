"""`draw` gives a `Drawing`, a picture that notebooks show and that can be saved; the formats."""

from __future__ import annotations

import base64
import importlib
import tempfile
import webbrowser
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import Any, Literal, Protocol

from ..check.marks import Said
from ..compile.program import ScalarProgram
from ..graph.files import write_whole
from ..graph.node import Node, topological_order
from ..graph.options import either, one_of, whole, writable
from . import dot, page
from .build import build_scene
from .collapse import LIMIT
from .colours import THEMES
from .layout import lay_out
from .scene import DIRECTIONS, MAX_NODES, SHOW, Asked, Direction, Scene
from .svg import render, xml
from .wording import known_names


@dataclass(frozen=True, slots=True)
class Format:
    """How a scene becomes the text or the bytes of a file, in a theme (auto, light or dark).
    Without what `needs` names, the extra with a package, `write` raises an `ImportError` or, where
    a library of the system is missing, an `OSError`."""

    write: Callable[[Scene, str], str | bytes]
    needs: str = ""


def _converted(scene: Scene, theme: str, kind: str) -> bytes:
    """The SVG as "png" (two pixels to one, for sharp text) or "pdf"."""
    cairosvg = importlib.import_module("cairosvg")
    svg = render(scene, "light" if theme == "auto" else theme, "monospace").encode()
    return bytes(getattr(cairosvg, f"svg2{kind}")(svg, scale=2 if kind == "png" else 1))


_CAIRO = "the package cairosvg, with the library cairo: pip install 'tinygrad_lite[viz]'"
FORMATS: Mapping[str, Format] = {  # by the ending of a file's name: a new one is a row here
    ".svg": Format(render),
    ".html": Format(page.html),
    ".dot": Format(dot.source),
    ".png": Format(partial(_converted, kind="png"), needs=_CAIRO),
    ".pdf": Format(partial(_converted, kind="pdf"), needs=_CAIRO),
}


class Checked(Protocol):
    """A report that says something of nodes."""

    def marks(self) -> Mapping[Node, Said]: ...


@dataclass(eq=False)
class Drawing:
    """A picture of a graph as it was when `draw` was called.

    `svg`, `html` (the page that steps through the graph, folded as here) and `source` (DOT) are its
    text, `digraph` an object of the graphviz package, `scene` what it shows, `alt` a sentence that
    says so. With a `height` in pixels, as `play` gives one, a notebook shows the page.
    """

    scene: Scene
    theme: str
    height: int | None = None

    @cached_property
    def svg(self) -> str:
        return render(self.scene, self.theme)

    @cached_property
    def html(self) -> str:
        return page.html(self.scene, self.theme)

    @property
    def digraph(self) -> Any:
        return dot.digraph(self.scene, THEMES[self.theme])

    @property
    def source(self) -> str:
        return dot.source(self.scene, self.theme)

    @property
    def alt(self) -> str:
        return self.scene.alt

    def save(self, path: str | Path) -> Path:
        """Write the picture to `path`, in the format of its ending, such as .svg, .html or .png.

        Raises `ValueError` for another ending and says which there are, `FileNotFoundError` when
        the folder does not exist, `RuntimeError` when what the format needs is not installed: .png
        and .pdf are converted from the SVG by cairosvg.
        """
        path = writable(path, FORMATS)
        form = FORMATS[path.suffix.lower()]
        try:
            content = form.write(self.scene, self.theme)
        except (ImportError, OSError) as error:
            free = either([ending for ending, known in FORMATS.items() if not known.needs], "and")
            raise RuntimeError(
                f"save: a {path.suffix} file needs {form.needs or error} ({error}); "
                f"{free} need nothing"
            ) from None
        write_whole(path, content)
        return path

    def show(self) -> None:
        """Open the picture in the web browser, from a temporary file."""
        folder = tempfile.mkdtemp(prefix="tinygrad_lite-")
        webbrowser.open(self.save(Path(folder, "graph.html")).as_uri())

    def _repr_svg_(self) -> str | None:
        return self.svg if self.height is None else None

    def _repr_html_(self) -> str:
        """The page in a frame; or an image at its own size, in one that scrolls: notebooks shrink a
        bare SVG, and take it out of one that is not trusted."""
        if self.height is not None:
            return (
                f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" width="100%" '
                f'height="{self.height}" style="border:1px solid #888;border-radius:6px" '
                f'title="{escape(self.scene.title)}"></iframe>'
            )
        data = base64.b64encode(self.svg.encode()).decode()
        return (
            f'<div style="overflow:auto"><img src="data:image/svg+xml;base64,{data}" '
            f'alt="{xml(self.alt)}" style="max-width:none"></div>'
        )

    def __repr__(self) -> str:
        return f"<{self.alt}>"


def draw(
    E: Node | Sequence[Node] | ScalarProgram,
    *,
    direction: Direction | None = None,
    steps: bool | None = None,
    depth: int | None = None,
    max_nodes: int = MAX_NODES,
    show: Collection[str] = SHOW,
    theme: Literal["auto", "light", "dark"] = "auto",
    names: Mapping[str, Any] | None = None,
    check: Checked | None = None,
) -> Drawing:
    """A picture of the graph that computed `E`, a Value or Tensor or several of them, or of a graph
    of Values that was compiled.

    A box is a line of the derivation: something with a name, a parameter or the result, with the
    ops without a name that only it uses inside; its entries and those of its gradient (a dash
    before any `backward()`), as numbers or as colours. Solid arrows run forward, dashed ones carry
    the gradient back, with what the line hands on, given its own gradient δ; of scalars with the
    local derivative. Notebooks show it; `.save("g.svg")` writes it (its ending says in which of
    `FORMATS`) and `.show()` opens a browser.

    `steps=True` makes every op a box, as is done with few scalars. More than `max_nodes` boxes are
    folded: a loop is one step of it, a scope its result, as deep as fits; `depth` opens that many
    levels of scopes. `show` selects from
    data, grad, shape and local. The picture runs down, or to the right where it is then larger in a
    notebook's cell, or as `direction` says. Names come from `name=`, from `names` (name -> node or
    constant array, such as `locals()`), or your variables. `check`, a report of `tg.check` on this
    graph, marks what is right, wrong, first wrong and what follows, in boxes and at arrows.

    Raises `TypeError` for what is no graph and `ValueError` for a bad option.
    """
    if isinstance(E, ScalarProgram):
        names, E = names or E.constants, E.graph()
    roots = _roots(E)
    one_of("draw", direction=(direction, (None, *DIRECTIONS)), theme=(theme, THEMES))
    one_of("draw", steps=(steps, (None, True, False)))
    whole("draw", "max_nodes", max_nodes, 1)
    if depth is not None:
        whole("draw", "depth", depth, 0)
    show = tuple(show) if isinstance(show, Collection) and not isinstance(show, str) else (show,)
    for part in show:
        if part not in SHOW:
            raise ValueError(f"draw: show has {part!r}; it selects from {', '.join(SHOW)}")
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"draw: names= maps names to nodes, as locals() does; got {names!r}")
    nodes = topological_order(*roots)
    known = known_names(nodes)
    for name, value in (names or {}).items():
        own = value.name if isinstance(value, Node) else None
        if not own and not name.startswith("_") and hasattr(value, "shape"):
            known[id(value)] = name
    marks = {} if check is None else _marks(check, nodes)
    asked = Asked(show, depth, max_nodes, steps, direction, marks)
    return Drawing(lay_out(build_scene(roots, known, asked)), theme)


def play(
    root: Node,
    *,
    direction: Direction | None = None,
    theme: Literal["auto", "light", "dark"] = "auto",
    height: int = 640,
) -> Drawing:
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
    if (nodes := len(topological_order(root))) > LIMIT:
        raise ValueError(
            f"graph has {nodes:,} nodes; the page follows up to {LIMIT:,}: step through a "
            "smaller part (one sample, one layer), or save the picture as .svg"
        )
    return replace(draw(root, direction=direction, theme=theme), height=height)


def _roots(E: Any) -> tuple[Node, ...]:
    roots = tuple(E) if isinstance(E, (list, tuple)) else (E,)
    others = [type(root).__name__ for root in roots if not isinstance(root, Node)]
    if others or not roots:
        why = "; plain numbers and arrays record no graph" if others else ""
        given = others[0] if others else "an empty list"
        raise TypeError(f"draw: expected a Value or Tensor, got {given}{why}")
    return roots


def _marks(check: Any, nodes: Sequence[Node]) -> Mapping[Node, Said]:
    """What a report says of the nodes of this graph."""
    if not hasattr(check, "marks"):
        raise TypeError(f"draw: check= takes a report of tg.check, got {type(check).__name__}")
    marks: Mapping[Node, Said] = check.marks()
    if marks.keys().isdisjoint(nodes):
        raise ValueError("draw: check= is a report on another graph")
    return marks
