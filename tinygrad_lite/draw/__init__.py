"""Pictures of computation graphs: `tg.draw(E)`.

`build` makes the scene of a graph (`collapse` folds large ones), `layout` says where everything
goes, `formats` lists what writes it, and `drawing` holds the result.
"""

from .drawing import Drawing
from .page import Player, play
from .picture import draw

__all__ = ["Drawing", "Player", "draw", "play"]
