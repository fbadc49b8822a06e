"""The edit of a user's own line that makes it right."""

from .mending import Mend, Mender, told

__all__ = ["Mend", "Mender", "told"]
