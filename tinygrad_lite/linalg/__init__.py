"""Linear algebra by the Array API's names: `tg.linalg.solve(A, b)`."""

from numpy.linalg import matrix_rank as matrix_rank

from ..functions.arrange import matrix_transpose as matrix_transpose
from ..functions.linalg import *
from ..functions.products import cross as cross
from ..functions.products import tensordot as tensordot
from ..functions.products import vecdot as vecdot
from ..graph.public import present
from ..ops.decompositions import *
from ..ops.linalg import *
from ..ops.shape import diagonal as diagonal

present(__name__)
