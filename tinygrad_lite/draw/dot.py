"""Graphviz: the scene as a `graphviz.Digraph`.

With a theme it has labels and colours, for those who edit DOT source, and for PNG and PDF. Without
one it is what Graphviz lays out.
"""

from __future__ import annotations

from html import escape
from typing import Any

import graphviz  # type: ignore[import-untyped]

from .colours import LOOKS, THEMES, Theme
from .measure import TEXT
from .scene import LABELLED, Box, Scene
from .scopes import Path

POINTS = 72.0  # per inch; a pixel is laid out as a point
_MARGIN = 12.0


def digraph(scene: Scene, theme: Theme | None = None, *, labelled: bool = True) -> graphviz.Digraph:
    """The scene as an object of the graphviz package."""
    graph = graphviz.Digraph("graph", node_attr={"shape": "box"})
    graph.attr(
        rankdir="LR" if scene.direction == "right" else "TB",
        nodesep="0.22",
        ranksep="0.42",
        fontname="Courier",
        fontsize=str(TEXT),
        labeljust="l",
    )
    graph.attr("edge", fontname="Courier", fontsize=str(TEXT))
    if theme:
        graph.attr(bgcolor=theme.roles["page"])
        graph.attr(
            "edge", color=theme.roles["edge"], fontcolor=theme.roles["text"], arrowsize="0.7"
        )
    inside: dict[Path, list[Box]] = {}
    for box in scene.boxes:
        inside.setdefault(box.scope, []).append(box)
    parts: dict[Path, Any] = {(): graph}
    for cluster in scene.clusters:
        name = f"cluster_{len(parts)}"
        part = graphviz.Digraph(name)
        part.attr(label=graphviz.escape(cluster.label), margin=str(_MARGIN))
        if theme:
            part.attr(style="rounded", color=theme.roles["cluster"], fontcolor=theme.roles["muted"])
        parts[cluster.scope] = part
    for path, part in parts.items():
        for box in inside.get(path, ()):
            attributes = _styled(box, theme) if theme else _sized(box)
            part.node(box.id, **attributes)
    for path, part in reversed(parts.items()):
        if path:
            parts[path[:-1]].subgraph(part)
    room = labelled and len(scene.edges) <= LABELLED
    for k, edge in enumerate(scene.edges):
        attributes = {"id": f"e{k}"}
        if edge.local is not None and room:
            attributes["label"] = f"×{edge.local}" if theme else "0" * (len(edge.local) + 2)
        graph.edge(edge.source, edge.target, **attributes)
    return graph


def _sized(box: Box) -> dict[str, str]:
    return {
        "label": "",
        "fixedsize": "true",
        "width": f"{box.width / POINTS:.4f}",
        "height": f"{box.height / POINTS:.4f}",
    }


def _styled(box: Box, theme: Theme) -> dict[str, str]:
    """A table of rows as Graphviz's HTML-like label."""
    rows = f'<TR><TD ALIGN="LEFT"><B>{_html(box.title)}</B></TD></TR>'
    for row in box.rows:
        shade = box.shade(row)
        back = f' BGCOLOR="{theme.shades[shade]}"' if shade else ""
        colour = theme.roles["text" if shade else "muted"]
        head = f'<FONT COLOR="{colour}">{_html(row.label)}</FONT> ' if row.label else ""
        rows += f'<TR><TD ALIGN="LEFT"{back}>{head}{_html(row.text)}</TD></TR>'
    look = LOOKS[box.kind]
    return {
        "label": f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{rows}</TABLE>>',
        "fontname": "Courier",
        "fontsize": str(TEXT),
        "style": "filled" + ",dashed" * look.dashed + ",rounded" * (look.radius > 0),
        "fillcolor": theme.fill[box.kind],
        "color": theme.stroke[box.kind],
        "fontcolor": theme.roles["text"],
        "penwidth": f"{look.width:.0f}",
        "tooltip": graphviz.escape(box.tooltip),
    }


def _html(text: str) -> str:
    return escape(text, quote=True) or " "


def source(scene: Scene, theme: str) -> str:
    """The picture as DOT source."""
    return str(digraph(scene, THEMES[theme]).source)


def painted(scene: Scene, theme: str, kind: str) -> bytes:
    """The picture as Graphviz's program paints it, "png" or "pdf"."""
    try:
        return bytes(digraph(scene, THEMES[theme]).pipe(format=kind, quiet=True))
    except graphviz.CalledProcessError:  # edge labels and clusters: see engines.py
        plain = digraph(scene, THEMES[theme], labelled=False)
        return bytes(plain.pipe(format=kind, quiet=True))
