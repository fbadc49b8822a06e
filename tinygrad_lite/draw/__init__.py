"""Pictures of computation graphs: `tg.draw(E)`. `build` makes the scene of a graph (`collapse`
folds large ones), `layout` says where everything goes, and `drawing` holds the result and lists
what writes it."""

from .drawing import Drawing, draw, play

__all__ = ["Drawing", "draw", "play"]
