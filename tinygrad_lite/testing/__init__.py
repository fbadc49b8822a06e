"""For tests of ops and functions, ours and yours."""

from ..graph.public import names_of
from .gradients import assert_gradients

__all__ = ["assert_gradients"]
__dir__ = names_of(__name__)
