"""The referee for a backward pass that was written by hand."""

from ..check.findings import WrongGradient
from .referee import FunctionFinding, FunctionReport, check_function

__all__ = ["FunctionFinding", "FunctionReport", "WrongGradient", "check_function"]
