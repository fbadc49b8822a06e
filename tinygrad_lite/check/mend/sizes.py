"""Data of other sizes that a derivation is tried on, as far as its numbers may be lengths."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ...graph.backend import is_array
from ...graph.node import raw
from ...graph.trees import leaves
from ..code.derivation import Data
from ..code.trace import Trace
from ..code.truth import Truth
from ..scales import Scales
from .slipped import settings

World = tuple[Data, Truth]
Ways = Iterable[Callable[[], Data]]


@dataclass(eq=False)
class Sizes:
    """A derivation's `trace`, the gradients, and the `ways` in which there are other sizes, the
    likeliest first; `holds` tells whether what is right is right there, None where that can be told
    of no others: as many lines do not run, as in a loop over a length."""

    trace: Trace
    truth: Truth
    ways: Iterable[Ways]
    holds: Callable[[Data], bool | None]
    told: bool = field(default=True, init=False)

    @cached_property
    def likeliest(self) -> list[World]:
        """In the likeliest ways; none where the graph is not made for other sizes."""
        return next((found for ways in self._worlds if (found := [*ways])), [])

    @cached_property
    def likely(self) -> list[World]:
        """In these, and in others that are possible."""
        return [*self.likeliest, *(self._worlds[1] if self.likeliest else ())]

    @cached_property
    def stay(self) -> set[int]:
        """The lengths that are the same there."""
        pairs = [pair for draw, _ in self.likeliest[:1] for pair in draw.twin.items()]
        shapes = [zip(old.shape, new.shape, strict=True) for old, new in pairs]
        moved = {n for both in shapes for n, m in both if n != m}
        return Scales(self.truth.tape).sizes.keys() - moved

    @cached_property
    def _worlds(self) -> list[Iterator[World]]:
        one = self.truth.tape.root.data.size == 1
        return [self._made(ways) for ways in self.ways] if one else []

    def _made(self, ways: Ways) -> Iterator[World]:
        for draw in ways:
            if not self.told:
                return
            with suppress(Exception):  # it is not made for other sizes
                data = draw()
                held = self.holds(data)
                self.told = held is not None
                if held:
                    yield data, self.truth.on(data)


def written(tree: Any) -> tuple[Set[float], Set[float]]:
    """The whole numbers in the source that may be lengths, where a 2 is a factor, but in a call;
    and all of its numbers but a 2, which may be any."""
    no_factors, calls = settings(tree), (n for n in ast.walk(tree) if isinstance(n, ast.Call))
    given = {x for call in calls for a in call.args for x in ast.walk(a)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n not in no_factors]
    numbers = [(n, n.value) for n in constants if isinstance(n.value, (int, float))]
    lengths = {v for n, v in numbers if type(v) is int and (v > 2 or n in given)}
    return lengths, {v for _, v in numbers} - {2}


def reads_all(trace: Trace, truth: Truth, other: Trace, there: Truth) -> bool:
    """Whether no array that a derivation reads is as it was in another run but those of the
    graph that are: else it would be one that is not in the graph."""
    same = [a for a, b in zip(_given(trace), _given(other), strict=False) if np.array_equal(a, b)]
    pairs = list(zip(_arrays(truth), _arrays(there), strict=True)) if same else []
    found = ([y for x, y in pairs if np.array_equal(x, a)] for a in same)
    return all(
        ys and all(y.shape == a.shape for y in ys) for a, ys in zip(same, found, strict=True)
    )


def _arrays(truth: Truth) -> list[Any]:
    """The arrays of the graph."""
    return [raw(x) for n in truth.tape.order for x in (n, *n.inputs) if is_array(raw(x))]


def _given(trace: Trace) -> list[Any]:
    """The arrays that have names before the first line, those in lists too."""
    instance = next((r.instance for r in trace.records if r.instance is not None), None)
    names = {} if instance is None else instance.names
    every = [raw(x) for r in names.values() for x in leaves(r.value)]
    return [a for a in every if is_array(a) and prod(a.shape) > 1]
