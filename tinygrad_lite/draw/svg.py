"""SVG from a scene that is laid out: one file, no script, nothing fetched."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .colours import LOOKS, shade, style
from .measure import FONT, TEXT, TITLE, columns, width
from .scene import CELL, HEAD, LABEL, PAD, ROW, Box, Cluster, Edge, Point, Scene, heat_size

_NOTE = 26.0  # pixels for the line that says what is left out
_ARROW = 7.0


def render(scene: Scene, theme: str = "auto") -> str:
    """The SVG document. `theme` is "light", "dark" or "auto" (as the reader's system is set)."""
    w, h = scene.width, scene.height
    note = ""
    if scene.note:
        note = f'<text class="note" x="{PAD:g}" y="{_n(h + 10)}">{xml(scene.note)}</text>'
        w, h = max(w, width(scene.note, TEXT) + 2 * PAD), h + _NOTE
    root = f"tgl-{theme}"
    body = "".join(
        (
            *(cluster_svg(c) for c in scene.clusters),
            *(edge_svg(e) for e in scene.edges),
            *(box_svg(b) for b in scene.boxes),
        )
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{root}" width="{_n(w)}" height="{_n(h)}" '
        f'viewBox="0 0 {_n(w)} {_n(h)}" role="graphics-document document" '
        f'aria-roledescription="computation graph" aria-label="{xml(scene.alt)}">'
        f"<title>{xml(scene.alt)}</title><style>{base_style('.' + root)}"
        f"{style(theme, '.' + root)}</style>"
        f'<rect class="page" width="100%" height="100%"/>{body}{note}</svg>'
    )


def base_style(root: str) -> str:
    """Fonts: what both themes share."""
    return (
        f"{root} text{{font-family:{FONT};font-size:{TEXT:g}px;white-space:pre}}"
        f"{root} .title{{font-size:{TITLE:g}px}}{root} .name{{font-weight:bold}}"
    )


def xml(text: str) -> str:
    """`text` escaped for XML content and attributes, without what XML cannot hold."""
    clean = "".join(
        c for c in text if c in "\n\t" or (c >= " " and not 0xD800 <= ord(c) <= 0xDFFF)
    ).translate({0xFFFE: None, 0xFFFF: None})
    for c, entity in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "#39")):
        clean = clean.replace(c, f"&{entity};")
    return clean


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def cluster_svg(cluster: Cluster) -> str:
    """A scope: a frame and its name."""
    c = cluster
    return (
        f'<g class="scope" data-scope="{xml("/".join(c.scope))}">'
        f'<rect class="cluster" x="{_n(c.x)}" y="{_n(c.y)}" width="{_n(c.width)}" '
        f'height="{_n(c.height)}" rx="10"/>'
        f'<text class="label" x="{_n(c.x + 10)}" y="{_n(c.y + 15)}">{xml(c.label)}</text></g>'
    )


def edge_svg(edge: Edge) -> str:
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
        label = (
            f'<text class="local" x="{_n(x)}" y="{_n(y + 4)}" text-anchor="middle">'
            f"×{xml(edge.local)}</text>"
        )
    return (
        f'<g class="link" data-from="{edge.source}" data-to="{edge.target}" '
        f'data-input="{edge.index}">{told}<path class="edge" d="{path}"{bundle}/>'
        f'<polygon class="head" points="{head}"/>{label}</g>'
    )


def _arrow(points: Iterable[Point]) -> tuple[list[Point], list[Point]]:
    """The shaft, and the triangle at its end."""
    shaft = list(points)
    end = shaft[-1]
    before = next((p for p in reversed(shaft) if math.dist(p, end) > 1), shaft[0])
    length = math.dist(before, end) or 1.0
    ux, uy = (end[0] - before[0]) / length, (end[1] - before[1]) / length
    neck = (end[0] - ux * _ARROW, end[1] - uy * _ARROW)
    half = _ARROW * 0.42
    wings = [(neck[0] - uy * half, neck[1] + ux * half), (neck[0] + uy * half, neck[1] - ux * half)]
    return [*shaft[:-1], neck], [end, *wings]


def box_svg(box: Box) -> str:
    """A node, constant or group with its rows."""
    radius = LOOKS[box.kind].radius
    frame = f'width="{_n(box.width)}" height="{_n(box.height)}" rx="{radius}"'
    behind = f'<rect class="frame" x="4" y="4" {frame}/>' if box.kind == "group" else ""
    parts = [
        f'<g class="box {box.kind}" data-id="{box.id}" role="graphics-symbol" '
        f'aria-label="{xml(box.tooltip)}" '
        f'transform="translate({_n(box.x)} {_n(box.y)})"><title>{xml(box.tooltip)}</title>'
        f'{behind}<rect class="frame" {frame}/>{_title(box)}'
    ]
    y = HEAD
    for row in box.rows:
        map_width, map_height = heat_size(row.heat)
        height = max(ROW, map_height + 5)
        at = LABEL if row.label else 0.0
        middle = y + height / 2
        back = box.shade(row)
        if back:
            parts.append(
                f'<rect class="shade {back}" x="{PAD / 2:g}" y="{_n(y + 1)}" '
                f'width="{_n(box.width - PAD)}" height="{_n(height - 2)}" rx="3"/>'
            )
        if row.label:
            name = "value" if back else "label"
            parts.append(
                f'<text class="{name}" x="{PAD:g}" y="{_n(middle + 4)}">{row.label}</text>'
            )
        parts.append(
            f'<text class="value {row.label}" x="{_n(PAD + at)}" y="{_n(middle + 4)}">'
            f"{xml(row.text)}</text>"
        )
        if row.heat:
            parts.append(f'<g class="heat {row.label}">')
            left = box.width - PAD - map_width
            cell = map_height / len(row.heat)
            for i, line in enumerate(row.heat):
                for j, v in enumerate(line):
                    parts.append(
                        f'<rect class="{shade(v, "h")}" x="{_n(left + j * CELL)}" '
                        f'y="{_n(middle - map_height / 2 + i * cell)}" '
                        f'width="{CELL:g}" height="{_n(cell)}"/>'
                    )
            parts.append("</g>")
        y += height
    return "".join(parts) + "</g>"


def _title(box: Box) -> str:
    head, _, shape = box.title.partition("  ")
    rest = f'<tspan class="shape">  {xml(shape)}</tspan>' if shape else ""
    if box.kind != "group" and head.startswith(f"{box.name} = "):
        name, tail = box.name, head[len(box.name) :]
    else:
        name, tail = head, ""
    x = PAD if box.rows else (box.width - columns(box.title) * 0.6 * TITLE) / 2
    return (
        f'<text class="title" x="{_n(x)}" y="{_n(HEAD - 6.5)}">'
        f'<tspan class="name">{xml(name)}</tspan>{xml(tail)}{rest}</text>'
    )
