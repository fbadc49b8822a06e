"""tinygrad_lite: the autodiff engine that shows its work."""

from typing import TYPE_CHECKING

from . import fft as fft
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import plot as plot
from . import special as special
from . import testing as testing
from .functions import *
from .functions.standard import *
from .graph.context import debug as debug
from .graph.context import enable_grad as enable_grad
from .graph.context import no_grad as no_grad
from .graph.context import scope as scope
from .graph.primitive import elementwise as elementwise
from .graph.primitive import primitive as primitive
from .graph.public import present
from .ops import *
from .ops import abs as abs
from .ops import max as max
from .ops import min as min
from .ops import pow as pow
from .ops import round as round
from .ops import sum as sum
from .tensor import Tensor as Tensor
from .transforms import *
from .value import Value as Value

if TYPE_CHECKING:  # loaded when one of them is asked for
    from .rooms import *

__version__: str

present(__name__, "fft", "linalg", "nn", "optim", "plot", "special", "testing", late="rooms")
