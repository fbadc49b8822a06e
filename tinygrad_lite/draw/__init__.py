"""Pictures of computation graphs: `tg.draw(E)`.

`scene` says what is drawn and folds large graphs, `layout` where, `svg`, `dot` and `page` write it.
"""

from .drawing import Drawing
from .page import Player, play
from .picture import draw

__all__ = ["Drawing", "Player", "draw", "play"]
