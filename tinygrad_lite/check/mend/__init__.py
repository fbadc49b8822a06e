"""The edit of a user's own line that makes it right."""

from .edited import Mend, told
from .mending import Mender
from .redraw import Draw
from .trials import Trials

__all__ = ["Draw", "Mend", "Mender", "Trials", "told"]
