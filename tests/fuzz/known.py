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


def _solves_a_stack_with_a_vector(step: Step, inputs: list[Any]) -> bool:
    return step.theirs == "solve" and np.ndim(inputs[0]) > 2 and np.ndim(inputs[1]) == 1


def _has_a_narrow_operand(step: Step, inputs: list[Any]) -> bool:
    narrow = [getattr(x, "dtype", np.dtype(float)) != np.float64 for x in inputs]
    return step.theirs in ("pow", "atan2", "divide") and any(narrow)


def _takes_by_booleans(step: Step, inputs: list[Any]) -> bool:
    return getattr(step.settings.get("indices"), "dtype", None) == np.dtype(bool)


def _example(*entries: Leaf | Step, weight: object = 1.0) -> Program:
    return Program(0, entries, {len(entries) - 1: np.asarray(weight)})


def _value(x: float) -> Leaf:
    return Leaf(x, "Value")


def _tensor(*x: object) -> Leaf:
    return Leaf(np.array(*x, dtype=float), "Tensor")


def _step(text: str, theirs: str, *inputs: int, **settings: object) -> Step:
    return Step(text, theirs, inputs, settings)


KNOWN: dict[str, Known] = {
    "a second backward of a Value": Known(
        "a scalar leaf adds the new contributions one by one to what it holds, so that the second "
        "backward is twice the first to rounding only",
        "twice",
        r"a second backward of v\d+ is twice the first to rounding only",
        None,
        _example(
            _value(0.1),
            _step("a * a + a", "square_and_itself", 0),
            _step("a * a + a", "square_and_itself", 1),
            weight=0.3,
        ),
    ),
    "solve of a stack with one vector": Known(
        "the rules of solve take a vector for a matrix when it stands beside a stack",
        "sweeps",
        "gradient of v|sweeps: ValueError: solve",
        _solves_a_stack_with_a_vector,
        _example(
            _tensor(np.arange(8).reshape(2, 2, 2) / 9),
            _tensor([1, 2]),
            _step("tg.solve(tg.tanh(a) + shift, b)", "solve", 0, 1, shift=3 * np.eye(2)),
            weight=[[1, 2], [3, 4]],
        ),
    ),
    "a rule in a constant's narrow dtype": Known(
        "the exponent's rule takes the logarithm of the base in the base's own dtype, float16 for "
        "int8 and uint8, float32 for int16; the rule of atan2 negates unsigned numbers",
        "sweeps",
        "gradient of v|tg.|check|record",
        _has_a_narrow_operand,
        _example(Leaf(np.int8(3), "constant"), _tensor(0.7), _step("a**b", "pow", 0, 1)),
    ),
    "second order of a Value beside arrays": Known(
        "recorded rules ask a Value for .shape, .dtype or .ndim, and the cotangents of a 0-d "
        "Tensor arrive as Values",
        "transforms",
        "(recorded|transforms): AttributeError: 'float' object has no attribute",
        None,
        _example(_value(1.2), _step("tg.mean(a)", "mean", 0), _step("tg.norm(a)", "norm", 1)),
    ),
    "take by booleans": Known(
        "the rule of take reads booleans as a mask, the op as 0 and 1",
        "sweeps",
        ".*",
        _takes_by_booleans,
        _example(
            _tensor([1, 2]),
            _step("tg.take(a, indices)", "take", 0, indices=np.array([True, False, True])),
            weight=[1, 2, 3],
        ),
    ),
    "np.transpose of a Value": Known(
        "the adapter of np.transpose asks a Value for its axes",
        "sweeps",
        ".*'Value' object has no attribute 'ndim'",
        None,
        _example(_value(1.2), _step("np.transpose(a)", "identity", 0)),
    ),
    "check of a tie without axes": Known(
        "check asks np.nonzero for the ties of an array without axes",
        "checks",
        "checks: ValueError: Calling nonzero on 0d arrays",
        None,
        _example(_tensor(1.5), _step("tg.maximum(a, a)", "identity", 0)),
    ),
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
