"""For tests of ops and functions, ours and yours."""

from ..graph.public import present
from .gradients import assert_gradients

__all__ = ["assert_gradients"]
present(__name__)
