"""The edit of a user's own line that makes it right."""

from .mending import Mend, Mender, told
from .redraw import Draw

__all__ = ["Draw", "Mend", "Mender", "told"]
