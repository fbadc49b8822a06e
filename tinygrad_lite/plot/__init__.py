"""Plots of training, gradients and decisions, with matplotlib (the extra `plot`)."""

from ..graph.public import present
from .plots import decision_boundary, gradient_flow, history, jacobian

__all__ = ["decision_boundary", "gradient_flow", "history", "jacobian"]
present(__name__)
