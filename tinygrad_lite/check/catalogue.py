"""The faults of every step, made once per graph."""

from __future__ import annotations

from functools import cached_property

from ..node import Node
from .array_faults import array_faults
from .elementwise_faults import elementwise_faults
from .faults import Fault
from .shadows import Shadow, shadows
from .tape import Tape

PAIRS_SECONDS = 0.4  # what a report may spend on two mistakes in one claim


class Catalogue:
    """`catalogue(node, index)`: the faults of one step of a tape, or of a shadow.

    `seconds` is the time left for pairs of faults.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.seconds = PAIRS_SECONDS
        self._known: dict[tuple[int, int], list[Fault]] = {}

    @cached_property
    def shadows(self) -> list[Shadow]:
        """The functions that the user wrote out in several steps."""
        return shadows(self.tape)

    def __call__(self, node: Node, index: int) -> list[Fault]:
        key = (id(node), index)
        if key not in self._known:
            assert node.op is not None
            make = elementwise_faults if node.op.elementwise else array_faults
            self._known[key] = list(make(self.tape, node, index))
        return self._known[key]
