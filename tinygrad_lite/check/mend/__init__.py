"""The edit of a user's own line that makes it right."""

from .edited import Mend, compatible, told
from .mending import Mender
from .trials import Trials

__all__ = ["Mend", "Mender", "Trials", "compatible", "told"]
