"""Neural networks: micrograd's neurons on Values, modules and losses on Tensors."""

from ..graph.public import present
from ..ops import cross_entropy
from . import init
from .layers import BatchNorm, Dropout, LayerNorm, Linear, Sequential
from .losses import binary_cross_entropy_with_logits, hinge, mse
from .module import Module
from .scalar import MLP, Layer, Neuron

__all__ = [
    "MLP",
    "BatchNorm",
    "Dropout",
    "Layer",
    "LayerNorm",
    "Linear",
    "Module",
    "Neuron",
    "Sequential",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge",
    "init",
    "mse",
]
present(__name__)
