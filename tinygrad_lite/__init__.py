"""tinygrad_lite: the autodiff engine that shows its work."""

from .node import debug, no_grad, scope
from .ops import *  # noqa: F403
from .primitive import elementwise, primitive
from .tensor import Tensor
from .transforms import grad, value_and_grad
from .value import Value
