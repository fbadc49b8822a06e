"""tinygrad_lite: the autodiff engine that shows its work."""

from . import fft as fft
from . import linalg as linalg
from . import nn as nn
from . import optim as optim
from . import plot as plot
from . import special as special
from . import testing as testing
from .check import Finding as Finding
from .check import Report as Report
from .check import check as check
from .check import exercise as exercise
from .check.magic import load_ipython_extension as load_ipython_extension
from .compile import compile as compile
from .derive import Derivation as Derivation
from .derive import derive as derive
from .draw import draw as draw
from .draw import play as play
from .functions import *
from .functions.standard import *
from .graph.context import debug as debug
from .graph.context import enable_grad as enable_grad
from .graph.context import no_grad as no_grad
from .graph.context import scope as scope
from .graph.primitive import elementwise as elementwise
from .graph.primitive import primitive as primitive
from .graph.public import present
from .jit import jit as jit
from .ops import *
from .ops import abs as abs
from .ops import max as max
from .ops import min as min
from .ops import pow as pow
from .ops import round as round
from .ops import sum as sum
from .referee import check_function as check_function
from .tensor import Tensor as Tensor
from .transforms import *
from .value import Value as Value

__version__: str

present(__name__, "fft", "linalg", "nn", "optim", "plot", "special", "testing")
