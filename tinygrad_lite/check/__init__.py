"""Is this hand-derived gradient right, and if not, which step is wrong and why?"""

from .findings import WrongGradient
from .kinds import KINDS
from .report import Finding, Report
from .verdict import check

__all__ = ["KINDS", "Finding", "Report", "WrongGradient", "check"]
