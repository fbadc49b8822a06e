"""Functions from functions to their derivatives. They nest to any order.

Of a recorded node they give the derivative itself: `grad(E, W)` beside `grad(f)(W)`.

Each wraps the function's argument in a fresh node. That is what keeps nested derivatives apart: an
inner derivative is taken along paths that end at its own fresh node and at no other, so a value
that belongs to an outer derivative is a constant for the inner one, whatever it is called.

Arguments may be arrays, numbers, and lists, tuples or dicts of them, nested; gradients come in the
same structure (lists are structure, not arrays: wrap matrices with np.array). Inside the function
arrays are Tensors and numbers Values. Results are plain arrays and floats: a parameter that the
function closes over is a constant. They are nodes, so that they can be differentiated in turn, if
an argument is a node, if an outer transform differentiates by what the function closes over, or
with `record=True`. Under `no_grad` derivatives are still computed, and plain.
"""

from ..graph.public import present
from .derivatives import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
present(__name__)
