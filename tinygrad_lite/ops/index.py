"""Every op of the package, by its name."""

from __future__ import annotations

from ..graph.primitive import Plain, Primitive
from . import (
    activations,
    choice,
    comparison,
    constants,
    decompositions,
    elementwise,
    fourier,
    fused,
    linalg,
    reduce,
    shape,
    special,
)

_MODULES = (
    *(elementwise, activations, special, choice),
    *(reduce, shape, linalg, decompositions, fourier, fused),
)

registry: dict[str, Primitive] = {
    op.name: op
    for module in _MODULES
    for op in vars(module).values()
    if isinstance(op, Primitive) and op.__module__ == module.__name__
}

plain_ops: dict[str, Plain] = {
    op.name: op
    for module in (comparison, constants)
    for op in vars(module).values()
    if isinstance(op, Plain) and op.__module__ == module.__name__
}
