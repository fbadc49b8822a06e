"""`draw`: a picture of the graph that computed a node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from ..graph.node import Node, topological_order
from .build import MAX_NODES, SHOW, build_scene
from .checks import DIRECTIONS, one_of, whole
from .colours import THEMES
from .drawing import Drawing
from .layout import ENGINES, lay_out
from .scene import Direction
from .wording import known_names


def draw(
    E: Node | Sequence[Node],
    *,
    direction: Direction = "right",
    depth: int | None = None,
    around: Node | str | None = None,
    max_nodes: int = MAX_NODES,
    show: Collection[str] = SHOW,
    graph: Literal["forward", "backward"] = "forward",
    theme: Literal["auto", "light", "dark"] = "auto",
    engine: Literal["dot", "wasm", "layered"] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Drawing:
    """A picture of the graph that computed `E`, a Value or Tensor or several of them.

    Every op is one box with its result: its name, op, shape, data and gradient (a dash before any
    `backward()`), and on the edges of scalars the local derivative. Leaves are square with a thick
    border, constants dashed, the output thickest. Notebooks show it; `.save("g.svg")` writes it
    (its ending says in which of `drawing.FORMATS`) and `.show()` opens a browser.

    Scopes are clusters. A graph of more than `max_nodes` nodes is folded: by scope, as deep as
    fits, or by layers and ops; `depth` opens that many levels of scopes, `around` (a node or its
    name) shows its surroundings. `show` selects from data, grad, shape and local. The "backward"
    graph follows the gradients from E to the leaves. `engine` forces a layout: the program dot,
    Graphviz as WebAssembly, or our own; by default the first that works. Names come from `name=`,
    from `names` (name -> node or constant array, such as `locals()`), or your variables.

    Raises `TypeError` for what is no graph and `ValueError` for a bad option.
    """
    roots = _roots(E)
    one_of(
        "draw",
        direction=(direction, DIRECTIONS),
        graph=(graph, ("forward", "backward")),
        theme=(theme, THEMES),
        engine=(engine, (None, *ENGINES)),
    )
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
    scene = build_scene(
        roots,
        known,
        show=show,
        direction=direction,
        graph=graph,
        depth=depth,
        around=None if around is None else _found(around, nodes, known),
        max_nodes=max_nodes,
    )
    return Drawing(lay_out(scene, engine), theme)


def _roots(E: Any) -> tuple[Node, ...]:
    roots = tuple(E) if isinstance(E, (list, tuple)) else (E,)
    for root in roots:
        if not isinstance(root, Node):
            raise TypeError(
                f"draw: expected a Value or Tensor, got {type(root).__name__}; plain numbers and "
                "arrays record no graph"
            )
    if not roots:
        raise TypeError("draw: expected a Value or Tensor, got an empty list")
    return roots


def _found(around: Node | str, nodes: Sequence[Node], names: dict[int, str]) -> Node:
    """The node `around` in the graph, by itself or by its name."""
    for node in nodes:
        if node is around or (isinstance(around, str) and names.get(id(node)) == around):
            return node
    if isinstance(around, Node):
        raise ValueError("draw: around= is a node that this graph does not contain")
    if not isinstance(around, str):
        raise TypeError(f"draw: around= takes a node or its name, got {type(around).__name__}")
    known = sorted({names[id(node)] for node in nodes if id(node) in names})
    hint = f"; it has {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}" if known else ""
    raise ValueError(f"draw: around={around!r}: the graph has no node of that name{hint}")
