"""Ops and formulas written down, with the user's names."""

from .write import write

__all__ = ["write"]
