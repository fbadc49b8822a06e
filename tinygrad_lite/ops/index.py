"""Every op of the package, by its name."""

from __future__ import annotations

from ..graph.primitive import Primitive
from . import activations, choice, elementwise, fused, linalg, reduce, shape

registry: dict[str, Primitive] = {
    op.name: op
    for module in (elementwise, activations, choice, reduce, shape, linalg, fused)
    for op in vars(module).values()
    if isinstance(op, Primitive)
}
