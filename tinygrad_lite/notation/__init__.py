"""Ops and their rules written down, with the user's names."""

from .write import local_text, pullback_text, write

__all__ = ["local_text", "pullback_text", "write"]
