"""Faults of the package that are known and not mended yet.

A mismatch of such a kind is counted apart. Whoever mends one removes its row here: a test demands
that each example still fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .compare import Truth
from .program import Leaf, Program, Step

Where = Callable[[Step, list[Any]], bool]  # (step, its inputs: a leaf's data, else the values)


@dataclass(frozen=True)
class Known:
    """`says` is what the mismatch begins with; `where`, if that is not enough, holds for a step of
    the minimised program. `example` fails in the comparison of that name."""

    reason: str
    comparison: str
    says: str
    where: Where | None
    example: Program

    def explains(self, said: str, program: Program) -> bool:
        return bool(re.match(self.says, said)) and (self.where is None or self._occurs(program))

    def _occurs(self, program: Program) -> bool:
        values = Truth(program).first[0]
        operands = [
            e.data if isinstance(e, Leaf) else v
            for e, v in zip(program.entries, values, strict=True)
        ]
        steps = [e for e in program.entries if isinstance(e, Step)]
        return any(self.where and self.where(s, [operands[i] for i in s.inputs]) for s in steps)


def _example(*entries: Leaf | Step, weight: object = 1.0) -> Program:
    return Program(0, entries, {len(entries) - 1: np.asarray(weight)})


def _value(x: float) -> Leaf:
    return Leaf(x, "Value")


def _tensor(*x: object) -> Leaf:
    return Leaf(np.array(*x, dtype=float), "Tensor")


def _step(text: str, theirs: str, *inputs: int, **settings: object) -> Step:
    return Step(text, theirs, inputs, settings)


KNOWN: dict[str, Known] = {
    "check of a softmax over several axes": Known(
        "check takes the axis of softmax for a number",
        "checks",
        r"checks: TypeError: unsupported operand type.* for %: '(tuple|NoneType)' and 'int'",
        None,
        _example(
            _tensor([[1, 2], [3, 5]]),
            _step("tg.softmax(a, axis)", "softmax", 0, axis=(0, 1)),
            weight=[[1, 2], [3, 5]],
        ),
    ),
    "check beside a constant that is a number or boolean": Known(
        "check tries another argument of an op, its operand, as it is, and that has no dtype, no "
        "sign or no negative",
        "checks",
        "checks: .*(The numpy boolean negative|BoolDType|'(bool|float)' object has no attribute)",
        None,
        _example(
            _tensor([10.0, 11.0]),
            _step("a * tg.isfinite(a)", "identity", 0),
            _step("tg.sigmoid(a)", "sigmoid", 1),
            weight=[1, 2],
        ),
    ),
    "check of the log determinants of a stack": Known(
        "a likely mistake is tried on a stack as if it were one number",
        "checks",
        "checks: ValueError: The truth value of an array with more than one element",
        None,
        _example(
            _tensor(np.arange(18).reshape(2, 3, 3) / 9),
            _step("tg.logabsdet(tg.tanh(a) + shift)", "logabsdet", 0, shift=3 * np.eye(3)),
            weight=[1, 2],
        ),
    ),
    "check of a graph with an empty leaf": Known(
        "the kinks of a graph are sought one step to the side, of one entry at least",
        "checks",
        "checks: ValueError: cannot reshape array of size 1 into shape",
        None,
        Program(
            0,
            (
                _tensor([1, 2]),
                _tensor([]),
                _step("tg.sum(a)", "sum", 1),
            ),
            {0: np.array([1.0, 2.0]), 2: np.array(1.5)},
        ),
    ),
}


def explanation(said: str, program: Program, *, minimised: bool) -> str:
    """The known fault that a mismatch shows; "" for a new one. What is told by a step is told of
    a minimised program only."""
    faults = ((name, k) for name, k in KNOWN.items() if minimised or k.where is None)
    return next((name for name, k in faults if k.explains(said, program)), "")
