"""Every primitive op. The module is also the array namespace that rules meet on nodes."""

from ..graph.public import present
from .activations import *
from .choice import *
from .choice import abs as abs
from .choice import round as round
from .comparison import *
from .constants import *
from .decompositions import *
from .elementwise import *
from .elementwise import pow as pow
from .fourier import *
from .fused import *
from .index import plain_ops as plain_ops
from .index import registry as registry
from .linalg import *
from .reduce import *
from .reduce import max as max
from .reduce import min as min
from .reduce import sum as sum
from .shape import *
from .special import *

present(__name__)
