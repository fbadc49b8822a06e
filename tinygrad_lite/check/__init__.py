"""Is this hand-derived gradient right, and if not, which step is wrong and why?"""

from .exercise import Exercises, exercise
from .findings import Finding, Report, WrongGradient
from .kinds import KINDS
from .verdict import check, check_text

__all__ = [
    "KINDS",
    "Exercises",
    "Finding",
    "Report",
    "WrongGradient",
    "check",
    "check_text",
    "exercise",
]
