"""Plots of training, gradients and decisions, with matplotlib (the extra `plot`). Every function
draws into `ax` or into a new figure, returns the Axes, and never shows a window."""

from ..graph.public import present
from .boundary import decision_boundary
from .gradients import gradient_flow
from .matrix import jacobian
from .runs import history

__all__ = ["decision_boundary", "gradient_flow", "history", "jacobian"]
present(__name__)
