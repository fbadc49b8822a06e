"""Is this hand-derived gradient right, and if not, which step is wrong and why?"""

from .report import KINDS, Finding, Report
from .verdict import check

__all__ = ["KINDS", "Finding", "Report", "check"]
