"""Plots of training, gradients and decisions, with matplotlib (the extra `plot`)."""

from ..graph.public import names_of
from .plots import decision_boundary, gradient_flow, history, jacobian

__all__ = ["decision_boundary", "gradient_flow", "history", "jacobian"]
__dir__ = names_of(__name__)
