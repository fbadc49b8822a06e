"""A smaller program that fails as well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .compare import Comparison, failure, is_steady
from .program import Leaf, Program, Step
from .truth import Truth


def minimise(program: Program, comparisons: tuple[Comparison, ...], said: str) -> Program:
    """Drop entries while `comparisons` still fail in the same way, at a point where PyTorch is
    steady."""
    best, way = program, way_of(said)
    while smaller := next(
        (p for p in _smaller(best) if size(p) < size(best) and _fails(p, comparisons, way)), None
    ):
        best = smaller
    return best


def size(program: Program) -> tuple[int, ...]:
    """What is made smaller: the steps, the entries, the terms of the sum, the numbers."""
    numbers = sum(np.size(e.data) for e in program.entries if isinstance(e, Leaf))
    steps = sum(isinstance(e, Step) for e in program.entries)
    return steps, len(program.entries), len(program.weights), numbers


def way_of(said: str) -> str:
    """What a failure says, without the numbers and names of this program."""
    is_error = re.match(r"\w+: \w+: ", said)
    return re.sub(r"\d+", "", said if is_error else said.split(":")[0])[:70]


def _fails(program: Program, comparisons: tuple[Comparison, ...], way: str) -> bool:
    said = failure(program, comparisons, Truth(program))
    return bool(said) and way_of(said) == way and is_steady(program, comparisons)


def _smaller(program: Program) -> Iterator[Program]:
    yield program.needed()
    for i in program.weights:
        yield replace(program, weights={i: program.weights[i]}).needed()
    values = Truth(program).first[0]
    for i, entry in enumerate(program.entries):
        if isinstance(entry, Step):
            yield _summed(program, i, values[i])
    for i, entry in enumerate(program.entries):
        if isinstance(entry, Step):
            for kind in ("Tensor", "Value")[: 2 - bool(values[i].ndim)]:
                yield _cut(program, i, Leaf(values[i], kind))


def _summed(program: Program, i: int, value: Any) -> Program:
    """With entry i as the result."""
    weight = np.random.default_rng(1).normal(size=value.shape)
    return replace(program, weights={i: weight}).needed()


def _cut(program: Program, i: int, leaf: Leaf) -> Program:
    """With entry i as a leaf of the value that it has."""
    entries = list(program.entries)
    entries[i] = leaf
    return replace(program, entries=tuple(entries)).needed()
