"""The referee for a backward pass that was written by hand."""

from ..check.findings import WrongGradient
from .referee import check_function
from .report import FunctionFinding, FunctionReport

__all__ = ["FunctionFinding", "FunctionReport", "WrongGradient", "check_function"]
