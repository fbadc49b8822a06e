"""The faults of every step, made once per graph."""

from __future__ import annotations

from functools import cached_property

from ..graph.node import Node
from .array_faults import array_faults
from .elementwise_faults import elementwise_faults
from .faults import Fault
from .shadows import Shadow, shadows
from .tape import Tape

BUDGET = 100_000  # steps that a report may spend on several mistakes at once: about a second


class Catalogue:
    """`catalogue(node, index)`: the faults of one step of a tape, or of a shadow.

    It also keeps the budget for the long searches.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._budget = BUDGET
        self._known: dict[tuple[int, int], list[Fault]] = {}

    @cached_property
    def shadows(self) -> list[Shadow]:
        """The functions that the user wrote out in several steps."""
        return shadows(self.tape)

    def spend(self, steps: int) -> bool:
        """Take `steps` out of the budget; False once it is used up."""
        self._budget -= steps
        return self._budget >= 0

    def __call__(self, node: Node, index: int) -> list[Fault]:
        key = (id(node), index)
        if key not in self._known:
            assert node.op is not None
            make = elementwise_faults if node.op.elementwise else array_faults
            self._known[key] = list(make(self.tape, node, index)) if node.data.size else []
        return self._known[key]
