"""Neural networks: micrograd's neurons on Values, modules and losses on Tensors."""

from ..ops import cross_entropy as cross_entropy
from . import init as init
from .layers import BatchNorm as BatchNorm
from .layers import Dropout as Dropout
from .layers import LayerNorm as LayerNorm
from .layers import Linear as Linear
from .layers import Sequential as Sequential
from .losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .losses import hinge as hinge
from .losses import mse as mse
from .module import Module as Module
from .scalar import MLP as MLP
from .scalar import Layer as Layer
from .scalar import Neuron as Neuron
