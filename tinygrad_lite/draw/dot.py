"""The scene as a `graphviz.Digraph`, for those who edit DOT source or want Graphviz's picture."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ..check.marks import MARKS
from .colours import LOOKS, MARKED, THEMES, Theme
from .measure import TEXT
from .scene import LABELLED, Box, Scene
from .scopes import Path

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped]

_FONT = {"fontname": "Courier", "fontsize": str(TEXT)}


def digraph(scene: Scene, theme: Theme) -> graphviz.Digraph:
    """The scene as an object of the graphviz package."""
    import graphviz  # else a fifth of the time that it takes to import this one

    graph = graphviz.Digraph("graph", node_attr={"shape": "box"})
    rankdir = "LR" if scene.direction == "right" else "TB"
    graph.attr(rankdir=rankdir, nodesep="0.22", ranksep="0.42", **_FONT, labeljust="l")
    graph.attr("edge", **_FONT)
    roles = theme.roles
    graph.attr(bgcolor=roles["page"])
    graph.attr("edge", color=roles["edge"], fontcolor=roles["text"], arrowsize="0.7")
    parts: dict[Path, Any] = {(): graph}
    for cluster in scene.clusters:
        part = parts[cluster.scope] = graphviz.Digraph(f"cluster_{len(parts)}")
        part.attr(label=graphviz.escape(cluster.label), margin="12.0")
        part.attr(style="rounded", color=roles["cluster"], fontcolor=roles["muted"])
    for box in scene.boxes:
        tip = graphviz.escape(box.tooltip)
        parts[box.scope].node(box.id, tooltip=tip, **_styled(box, theme))
    for path, part in reversed(parts.items()):
        if path:
            parts[path[:-1]].subgraph(part)
    room = len(scene.edges) <= LABELLED
    for k, edge in enumerate(scene.edges):
        attributes = {"id": f"e{k}"}
        if edge.text and room:
            attributes["label"] = edge.text
        graph.edge(edge.source, edge.target, **attributes)
    return graph


def _styled(box: Box, theme: Theme) -> dict[str, str]:
    """A table of rows as Graphviz's HTML-like label."""
    rows = f'<TR><TD ALIGN="LEFT"><B>{escape(box.title) or " "}</B></TD></TR>'
    texts = [f"{pane.label}: {pane.text}" for pane in box.panes]
    texts += [MARKS[box.mark].badge] if box.mark else []
    for text in (*texts, *box.lines):
        rows += f'<TR><TD ALIGN="LEFT">{escape(text) or " "}</TD></TR>'
    look = LOOKS[box.kind]
    return {
        "label": f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{rows}</TABLE>>',
        **_FONT,
        "style": "filled" + ",dashed" * look.dashed + ",rounded" * (look.radius > 0),
        "fillcolor": theme.fill[box.kind],
        "color": theme.stroke[box.mark or box.kind],
        "fontcolor": theme.roles["text"],
        "penwidth": f"{MARKED if box.mark else look.width:.0f}",
    }


def source(scene: Scene, theme: str) -> str:
    """The picture as DOT source."""
    return str(digraph(scene, THEMES[theme]).source)
