"""A function run on recording arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.node import raw
from .arrays import recorder
from .recorder import Held, Instruction, Recording, refusal, same


@dataclass(frozen=True)
class Recorded:
    """The instructions of a run, in order; `inputs` are what the function was given, `outputs` what
    it returned: held values, or constants."""

    instructions: list[Instruction]
    inputs: list[Held]
    outputs: list[Any]


def plain(x: Any) -> Any:
    """What a recording array is in the list, or its value if that is fixed."""
    if not isinstance(x, Recording):
        return x
    x.recorder.read(x)
    return x.value if x.held is None else x.held


def trace(f: Callable[..., Sequence[Any]], arrays: Sequence[Any]) -> Recorded:
    """Run f on recording arrays that hold `arrays`, and note every call of NumPy.

    f(*arrays) may make Tensors of them, call backward() and return arrays and Tensors in a list;
    it computes with the values given. Raises `TypeError` where it takes numbers out of arrays.
    """
    made = recorder()
    inputs = [made.input(a) for a in arrays]
    outputs = [plain(raw(y)) for y in f(*inputs)]
    return Recorded(made.instructions, made.given, outputs)


def fingerprint(recorded: Recorded) -> list[Any]:
    """What a run did, without its numbers: calls, constants, and which result went where."""
    numbers = {id(x): -1 - i for i, x in enumerate(recorded.inputs)}
    numbers |= {id(made.out): i for i, made in enumerate(recorded.instructions)}

    def shown(x: Any) -> Any:
        if isinstance(x, Held):
            return Place(numbers[id(x)])
        if isinstance(x, (tuple, list)):
            return [*map(shown, x)]
        return x

    lines = [
        [made.call, made.expected, shown(made.args), shown([*made.settings.items()])]
        for made in recorded.instructions
    ]
    return [*lines, shown(recorded.outputs)]


class Place(int):
    """The number of an instruction or, below 0, of an input."""


def refuse_difference(first: Any, second: Any) -> None:
    """Raise `TypeError` unless two runs on the same arrays did the same with the same constants."""
    if isinstance(first, list) and isinstance(second, list):
        if len(first) == len(second):
            for a, b in zip(first, second, strict=True):
                refuse_difference(a, b)
            return
    elif first is second or same(first, second):
        return
    what = "something else"
    if isinstance(second, (np.ndarray, np.generic, float, int)):
        of = f" of shape {second.shape}" if isinstance(second, np.ndarray) else ""
        what = f"another {type(second).__name__}{of}"
    raise refusal(
        f"the function computes with {what} when it runs again on the same arguments, as random "
        "numbers do; draw them outside and hand them over as an argument (dropout: model.eval())"
    )
