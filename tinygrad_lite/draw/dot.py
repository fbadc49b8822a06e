"""The scene as a `graphviz.Digraph`, for those who edit DOT source or want Graphviz's picture."""

from __future__ import annotations

from typing import Any

from ..check.marks import MARKS
from .colours import LOOKS, MARKED, THEMES, Theme
from .scene import LABELLED, Scene
from .scopes import Path

_FONT = {"fontname": "Courier", "fontsize": "12"}


def digraph(scene: Scene, theme: Theme) -> Any:
    """The scene as an object of the graphviz package."""
    import graphviz  # type: ignore[import-untyped]  # else a fifth of the time that it takes to import this one

    escape = graphviz.escape
    rankdir = "LR" if scene.direction == "right" else "TB"
    graph = graphviz.Digraph("graph")
    graph.attr(rankdir=rankdir, bgcolor=theme["page"], fontcolor=theme["muted"], **_FONT)
    graph.attr("node", shape="box", fontcolor=theme["text"], **_FONT)
    graph.attr("edge", color=theme["edge"], fontcolor=theme["text"], arrowsize="0.7", **_FONT)
    parts: dict[Path, Any] = {(): graph}
    for cluster in scene.clusters:
        part = parts[cluster.scope] = graphviz.Digraph(f"cluster_{len(parts)}")
        part.attr(label=escape(cluster.label), style="rounded", color=theme["cluster"])
    for box in scene.boxes:
        look = LOOKS[box.kind]
        rows = [box.title, *(f"{pane.label}: {pane.text}" for pane in box.panes)]
        rows += [MARKS[box.mark].badge, *box.lines] if box.mark else box.lines
        parts[box.scope].node(
            box.id,
            "".join(f"{escape(row)}\\l" for row in rows),  # each on the left
            tooltip=escape(box.tooltip),
            style="filled" + ",dashed" * look.dashed + ",rounded" * (look.radius > 0),
            fillcolor=theme[f"{box.kind}-fill"],
            color=theme[box.mark or box.kind],
            penwidth=f"{MARKED if box.mark else look.width:.0f}",
        )
    for path, part in reversed(parts.items()):
        if path:
            parts[path[:-1]].subgraph(part)
    for edge in scene.edges:
        label = edge.text if len(scene.edges) <= LABELLED else ""
        graph.edge(edge.source, edge.target, escape(label) if label else None)
    return graph


def source(scene: Scene, theme: str) -> str:
    """The picture as DOT source."""
    return str(digraph(scene, THEMES[theme]).source)
