"""Faults of the package that are known and not mended yet.

A mismatch of such a kind is counted apart. Whoever mends one removes its row here: a test demands
that each example still fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .program import Leaf, Program, Step


@dataclass(frozen=True)
class Known:
    """`says` is what the mismatch begins with, `steps`, where that is not enough, what a text of
    the minimised program holds. `example` fails in the comparison of that name."""

    reason: str
    comparison: str
    says: str
    steps: str
    example: Program

    def explains(self, said: str, program: Program) -> bool:
        if not self.steps:
            return bool(re.match(self.says, said))
        texts = [e.text for e in program.entries if isinstance(e, Step)]
        return bool(re.match(self.says, said)) and any(re.search(self.steps, t) for t in texts)


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
        "",
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
        r"solve\(",
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
        r"\*\*|pow|atan2|arctan2",
        _example(Leaf(np.int8(3), "constant"), _tensor(0.7), _step("a**b", "pow", 0, 1)),
    ),
    "second order of a Value beside arrays": Known(
        "recorded rules ask a Value for .shape, .dtype or .ndim, and the cotangents of a 0-d "
        "Tensor arrive as Values",
        "transforms",
        "(recorded|transforms): AttributeError: 'float' object has no attribute",
        "",
        _example(_value(1.2), _step("tg.mean(a)", "mean", 0), _step("tg.norm(a)", "norm", 1)),
    ),
    "np.transpose of a Value": Known(
        "the adapter of np.transpose asks a Value for its axes",
        "sweeps",
        ".*'Value' object has no attribute 'ndim'",
        "",
        _example(_value(1.2), _step("np.transpose(a)", "identity", 0)),
    ),
    "check of a tie without axes": Known(
        "check asks np.nonzero for the ties of an array without axes",
        "checks",
        "checks: ValueError: Calling nonzero on 0d arrays",
        "",
        _example(_tensor(1.5), _step("tg.maximum(a, a)", "identity", 0)),
    ),
    "check of a softmax over several axes": Known(
        "check takes the axis of softmax for a number",
        "checks",
        r"checks: TypeError: unsupported operand type.* for %: '(tuple|NoneType)' and 'int'",
        "",
        _example(
            _tensor([[1, 2], [3, 5]]),
            _step("tg.softmax(a, axis)", "softmax", 0, axis=(0, 1)),
            weight=[[1, 2], [3, 5]],
        ),
    ),
    "check beside a boolean constant": Known(
        "check takes the sign, the negative or the dtype of a constant that may be boolean",
        "checks",
        "checks: .*(The numpy boolean negative|BoolDType|'bool' object has no attribute)",
        "",
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
        "",
        _example(
            _tensor(np.arange(18).reshape(2, 3, 3) / 9),
            _step("tg.logabsdet(tg.tanh(a) + shift)", "logabsdet", 0, shift=3 * np.eye(3)),
            weight=[1, 2],
        ),
    ),
    "check of a graph with an empty leaf": Known(
        "check draws the tangent of a leaf without entries as one entry",
        "checks",
        "checks: ValueError: cannot reshape array of size 1 into shape",
        "",
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
    """The known fault that a mismatch shows; "" for a new one. What is told by its steps is told of
    a minimised program only."""
    faults = ((name, k) for name, k in KNOWN.items() if minimised or not k.steps)
    return next((name for name, k in faults if k.explains(said, program)), "")
