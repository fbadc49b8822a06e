"""Every primitive op. The module is also the array namespace that rules meet on nodes."""

from . import activations, choice, comparison, constants, elementwise, fused, linalg, reduce, shape
from .activations import *
from .choice import *
from .comparison import *
from .constants import *
from .elementwise import *
from .fused import *
from .index import plain_ops as plain_ops
from .index import registry as registry
from .linalg import *
from .reduce import *
from .shape import *

__all__ = []
__all__ += activations.__all__
__all__ += choice.__all__
__all__ += comparison.__all__
__all__ += constants.__all__
__all__ += elementwise.__all__
__all__ += fused.__all__
__all__ += linalg.__all__
__all__ += reduce.__all__
__all__ += shape.__all__
