"""A graph of scalars becomes a function of arrays: sums of products become matrix products.

`walk` lists the graph, `sums` collapses chains of additions, `blocks` groups what is alike, `steps`
says each group as ops of arrays, `function` is the result.
"""

from .function import Lifted, NoMatrices, lift

__all__ = ["Lifted", "NoMatrices", "lift"]
