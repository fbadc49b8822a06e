"""SVG from a scene that is laid out: one file, no script, nothing fetched."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .colours import LOOKS, shade, style
from .layout import label_size
from .measure import FONT, TEXT, TITLE, columns, width
from .scene import CELL, HEAD, LABEL, PAD, ROW, Box, Cluster, Edge, Point, Scene, heat_size

_NOTE = 26.0  # pixels for the line that says what is left out
_ARROW = 7.0
# Compiled when first used: that takes milliseconds.
_NOT_XML = "[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def render(scene: Scene, theme: str = "auto", font: str = FONT) -> str:
    """The SVG document. `theme` is "light", "dark" or "auto" (as the reader's system is set)."""
    w, h = scene.width, scene.height
    root = f"tgl-{theme}"
    body = drawn(scene.clusters) + drawn(scene.edges) + drawn(scene.boxes)
    if scene.note:
        body += _text("note", PAD, h + 10, scene.note)
        w, h = max(w, width(scene.note, TEXT) + 2 * PAD), h + _NOTE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{root}" width="{_n(w)}" height="{_n(h)}" '
        f'viewBox="0 0 {_n(w)} {_n(h)}" role="graphics-document document" '
        f'aria-roledescription="computation graph" aria-label="{xml(scene.alt)}">'
        f"<title>{xml(scene.alt)}</title><style>{base_style('.' + root, font)}"
        f"{style(theme, '.' + root)}</style>"
        f'<rect class="page" width="100%" height="100%"/>{body}</svg>'
    )


def base_style(root: str, font: str = FONT) -> str:
    """Fonts: what both themes share."""
    return (
        f"{root} text{{font-family:{font};font-size:{TEXT:g}px}}"
        f"{root} .title{{font-size:{TITLE:g}px}}{root} .name{{font-weight:bold}}"
    )


def xml(text: str) -> str:
    """`text` escaped for XML content and attributes, without what XML cannot hold."""
    return html.escape(re.sub(_NOT_XML, "", text))


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def _rect(kind: str, place: str, w: float, h: float, radius: str = "") -> str:
    return f'<rect class="{kind}"{place} width="{_n(w)}" height="{_n(h)}"{radius}/>'


def _at(x: float, y: float) -> str:
    return f' x="{_n(x)}" y="{_n(y)}"'


def _text(kind: str, x: float, y: float, text: str, more: str = "") -> str:
    return f'<text class="{kind}"{_at(x, y)}{more}>{_spaced(text)}</text>'


def _spaced(text: str) -> str:
    """Escaped, with runs of spaces that no renderer joins."""
    return xml(text).replace("  ", "\u00a0\u00a0")


def drawn(parts: Iterable[Cluster | Edge | Box]) -> str:
    """Parts of a scene, one after the other."""
    return "".join(_DRAWN[type(part)](part) for part in parts)


def _cluster(c: Cluster) -> str:
    """A scope: a frame and its name."""
    frame = _rect("cluster", _at(c.x, c.y), c.width, c.height, ' rx="10"')
    label = _text("label", c.x + 10, c.y + 15, c.label)
    return f'<g class="scope" data-scope="{xml("/".join(c.scope))}">{frame}{label}</g>'


def _edge(edge: Edge) -> str:
    """An arrow, the local derivative beside it, the rule as a tooltip."""
    shaft, tip = _arrow(edge.points)
    x0, y0 = shaft[0]
    path = f"M{_n(x0)} {_n(y0)}C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in shaft[1:])
    head = " ".join(f"{_n(x)},{_n(y)}" for x, y in tip)
    value = f" = {edge.local}" if edge.local is not None else ""
    words = f"{edge.count:,} edges" if edge.count > 1 else edge.rule and edge.rule + value
    told = f"<title>{xml(words)}</title>" if words else ""
    bundle = ""
    if edge.count > 1:  # the more edges of the graph, the thicker
        bundle = f' style="stroke-width:{1.3 + 0.6 * math.log10(edge.count):.1f}"'
    label = ""
    if edge.local is not None and edge.label_at is not None:
        x, y = edge.label_at
        w, h = label_size(edge)
        label = _rect("page", _at(x - w / 2, y - h / 2), w, h) + _text(
            "local", x, y + 4, f"×{edge.local}", ' text-anchor="middle"'
        )
    return (
        f'<g class="link" data-from="{edge.source}" data-to="{edge.target}" '
        f'data-input="{edge.index}">{told}<path class="edge" d="{path}"{bundle}/>'
        f'<polygon class="head" points="{head}"/>{label}</g>'
    )


def _arrow(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """The shaft, and the triangle at its end."""
    end = points[-1]
    before = next((p for p in reversed(points) if math.dist(p, end) > 1), points[0])
    length = math.dist(before, end) or 1.0
    ux, uy = (end[0] - before[0]) / length, (end[1] - before[1]) / length
    neck = (end[0] - ux * _ARROW, end[1] - uy * _ARROW)
    half = _ARROW * 0.42
    wings = [(neck[0] - uy * half, neck[1] + ux * half), (neck[0] + uy * half, neck[1] - ux * half)]
    return [*points[:-1], neck], [end, *wings]


def _box(box: Box) -> str:
    """A node, constant or group with its rows."""
    size = box.width, box.height, f' rx="{LOOKS[box.kind].radius}"'
    behind = _rect("frame", _at(4, 4), *size) if box.kind == "group" else ""
    parts = [
        f'<g class="{" ".join(filter(None, ("box", box.kind, box.mark)))}" data-id="{box.id}" '
        f'role="graphics-symbol" aria-label="{xml(box.tooltip)}" '
        f'transform="translate({_n(box.x)} {_n(box.y)})"><title>{xml(box.tooltip)}</title>'
        f"{behind}{_rect('frame', '', *size)}{_title(box)}"
    ]
    y = HEAD
    for row in box.rows:
        map_width, map_height = heat_size(row.heat)
        height = max(ROW, map_height + 5)
        at = LABEL if row.label else 0.0
        middle = y + height / 2
        back = box.shade(row)
        if back:
            place = _at(PAD / 2, y + 1)
            parts.append(_rect(f"shade {back}", place, box.width - PAD, height - 2, ' rx="3"'))
        if row.label:
            parts.append(_text("value" if back else "label", PAD, middle + 4, row.label))
        parts.append(_text(f"value {row.label}", PAD + at, middle + 4, row.text))
        if row.heat:
            parts.append(f'<g class="heat {row.label}">')
            left, top = box.width - PAD - map_width, middle - map_height / 2
            cell = map_height / len(row.heat)
            for i, line in enumerate(row.heat):
                for j, v in enumerate(line):
                    place = _at(left + j * CELL, top + i * cell)
                    parts.append(_rect(shade(v, "h"), place, CELL, cell))
            parts.append("</g>")
        y += height
    return "".join(parts) + "</g>"


def _title(box: Box) -> str:
    head, _, shape = box.title.partition("  ")
    rest = f'<tspan class="shape">{_spaced("  " + shape)}</tspan>' if shape else ""
    formula = box.kind != "group" and head.startswith(f"{box.name} = ")
    name = box.name if formula else head
    x = PAD if box.rows else (box.width - columns(box.title) * 0.6 * TITLE) / 2
    return (
        f'<text class="title" x="{_n(x)}" y="{_n(HEAD - 6.5)}">'
        f'<tspan class="name">{_spaced(name)}</tspan>{_spaced(head[len(name) :])}{rest}</text>'
    )


_DRAWN: dict[type, Callable[[Any], str]] = {Cluster: _cluster, Edge: _edge, Box: _box}
