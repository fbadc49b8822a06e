"""A function run on recording arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..graph.node import raw
from .arrays import recorder
from .recorder import Held, Instruction


@dataclass(frozen=True)
class Recorded:
    """The instructions of a run, in order; `inputs` are what the function was given, `outputs` what
    it returned: held values, or constants."""

    instructions: list[Instruction]
    inputs: list[Held]
    outputs: list[Any]


def plain(x: Any) -> Any:
    """The value of a fixed array; anything else as it is."""
    return x.value if isinstance(x, Held) and x.fixed else x


def trace(f: Callable[..., Sequence[Any]], arrays: Sequence[Any]) -> Recorded:
    """Run f on recording arrays that hold `arrays`, and note every call of NumPy.

    f(*arrays) may make Tensors of them, call backward() and return arrays and Tensors in a list;
    it computes with the values given. Raises `TypeError` where it takes numbers out of arrays.
    """
    made = recorder()
    inputs = [made.input(a) for a in arrays]
    outputs = [plain(raw(y)) for y in f(*inputs)]
    return Recorded(made.instructions, inputs, outputs)
