"""Is this hand-derived gradient right, and if not, which step is wrong and why?"""

from .exercise import Exercises, exercise
from .findings import Finding, Report, WrongGradient
from .kinds import KINDS
from .verdict import check

__all__ = [
    "KINDS",
    "Exercises",
    "Finding",
    "Report",
    "WrongGradient",
    "check",
    "exercise",
]
