"""The edit of a user's own line that makes it right."""

from .edited import Mend, told
from .mending import Mender
from .redraw import Draw

__all__ = ["Draw", "Mend", "Mender", "told"]
