"""Special functions by SciPy's names: `tg.special.gammaln(x)`."""

from ..functions.special import *
from ..graph.public import present
from ..ops.elementwise import erf as erf
from ..ops.elementwise import expm1 as expm1
from ..ops.elementwise import log1p as log1p
from ..ops.special import *

present(__name__)
