"""A graph of scalars becomes a function of arrays: sums of products become matrix products.

`walk` lists the graph, `sums` collapses chains of additions, `blocks` groups what is alike, `steps`
says each group as ops of arrays, `function` is the result; `names` and `text` write it down.
"""

from .function import Lifted, NoMatrices, lift
from .sums import Levels
from .walk import Scalars

__all__ = ["Levels", "Lifted", "NoMatrices", "Scalars", "lift"]
