"""Optimisers: they move parameters (Values or Tensors) against their gradients."""

from ..graph.public import names_of
from .optimizers import SGD, Adam, AdamW, Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
__dir__ = names_of(__name__)
