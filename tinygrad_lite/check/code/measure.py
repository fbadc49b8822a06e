"""How the value of a line is held against a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...graph.node import Node
from ..claims import Allowance, Asked, Claim, compare, in_shape, not_scalar
from ..findings import Finding
from ..mend import Draw
from ..rounding import Blur, Rounding, precision
from .judged import Equal


@dataclass(eq=False)
class Measure:
    """How a value is held against a gradient: up to rounding, and up to axes of length 1."""

    about: Asked
    allowance: Allowance
    nodes: Sequence[Node]
    _blurs: dict[tuple[Node, float], Blur] = field(default_factory=dict)

    @cached_property
    def _rounding(self) -> Rounding:
        return Rounding(self.about.tape, [self.about.tape.twin[n] for n in self.nodes])

    def blur(self, node: Node, eps: float) -> Blur:
        """What rounding does to the gradient of a node."""
        if (node, eps) not in self._blurs:
            self._blurs[node, eps] = self._rounding.blur(self.about.tape.twin[node], eps)
        return self._blurs[node, eps]

    def equal(self, node: Node, value: Any, wanted: Any) -> bool:
        """Whether a value is the wanted one."""
        try:
            array = in_shape(np.asarray(value, dtype=float), np.shape(wanted))
        except (ValueError, TypeError):
            return False
        if array.shape != np.shape(wanted) or not np.isfinite(array).all():
            return False
        blur = self.blur(node, precision(value))
        if self.about.seed is not None:
            axes = np.ndim(self.about.seed)
            array, wanted = (np.tensordot(self.about.seed, v, axes) for v in (array, wanted))
        tolerance = np.maximum(blur.tolerance, self.allowance.of(wanted))
        return compare(array, wanted, tolerance, blur.size).right

    def claim(self, name: str, node: Node, value: Any) -> Claim:
        """The value as a claim, judged."""
        shape = node.shape if self.about.seed is None else self.about.order[0].shape + node.shape
        array = in_shape(np.asarray(value, dtype=float), shape)
        fits = self.about.seed is None or array.shape == shape
        claim = self.about.claim(name, node, array if fits else np.full(shape, np.nan))
        claim.note = "" if fits else not_scalar(self.about.order[0], name, node)
        claim.eps = precision(value)
        claim.judge(self.about.tape.g[claim.node], self.blur(node, claim.eps), self.allowance)
        if np.shape(value) != shape and claim.right:
            claim.note = f"its shape is {np.shape(value)}, the node's {shape}"
        return claim


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """What is known of gradients whose graph is not: how a value is held against one, other data
    with the gradients there, and what was found out of what is wrong."""

    equal: Equal
    fresh: Callable[[], Iterable[list[Draw]]]
    told: Mapping[Node, Finding]
