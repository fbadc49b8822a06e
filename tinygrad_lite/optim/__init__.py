"""Optimisers: they move parameters (Values or Tensors) against their gradients."""

from ..graph.public import present
from .optimizers import SGD, Adam, AdamW, Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
present(__name__)
