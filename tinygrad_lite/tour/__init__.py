"""The tour: what the engine does, shown on two questions and on real handwritten digits."""

from .tour import run

__all__ = ["run"]
