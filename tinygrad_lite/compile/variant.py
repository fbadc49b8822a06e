"""One recorded run of a function as a program, and the state of things for which it holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.meta import Meta
from ..graph.node import Array, fresh
from .emit import build
from .recorder import NUMBERS
from .run import Output, Run, Template
from .state import Place


class Variant:
    """The program of a run, for arguments of its signature while the settings that the function
    reaches are what they were."""

    def __init__(self, run: Run) -> None:
        self.executable = build(run.recorded, run.names, own=False)
        self._result, self._effects = run.result, run.effects
        arguments = run.arguments
        self._reached = {x for x in run.state.leaves if x not in arguments}
        self._both = {n: x for x, n in arguments.items() if x in run.state.leaves}
        self._sources = [
            (s.kind, s.where, s.part, *_outline(x.value))
            for s, x in zip(run.sources, run.recorded.inputs, strict=True)
        ]
        read = {id(s.where) for s in run.sources if s.kind == "place" and not s.part}
        self._fixed = [(p.get, p.key, p.before, p) for p in run.state.places if id(p) not in read]
        self._sizes = [(x, len(copy)) for x, copy in run.state.containers]
        self._without = [x for x in self._reached if x._grad is None]

    def changed(self) -> Place | str | None:
        """What the function reaches that is not as it was."""
        for get, key, before, place in self._fixed:
            try:
                now = get(key)
            except (IndexError, AttributeError, ValueError):
                return place
            if now is not before and not _equal(now, before):
                return place
        for x, n in self._sizes:
            if len(x) != n:
                return f"the size of a {type(x).__name__}"
        for node in self._without:
            if node._grad is not None:
                return f"the gradient of {node.name or 'a Tensor'}"
        return None

    def moved(self) -> list[Place]:
        """The places that held a number and hold another one."""
        return [
            place
            for get, key, before, place in self._fixed
            if type(before) in NUMBERS
            and type(now := _held(get, key)) is type(before)
            and not _equal(now, before)
        ]

    def inputs(self, given: list[Any]) -> list[Any] | None:
        """What the program is run with: the arrays and numbers `given` as arguments, and those that
        the function reaches; None where one does not fit."""
        for number, x in enumerate(given):
            if isinstance(x, Array) and (x in self._reached or self._both.get(number, x) is not x):
                return None
        found = []
        for kind, where, part, of, shape, dtype, strides in self._sources:
            if kind == "argument":
                found.append(given[where])
                continue
            if kind == "place":
                x = where.get(where.key)
                for i in part:
                    x = x[i]
            else:
                node = given[where] if type(where) is int else where
                x = node._data if kind == "data" else node.grad
            if type(x) is not of:
                return None
            if shape is not None and (
                x.shape != shape or x.strides != strides or x.dtype is not dtype
            ):
                return None
            found.append(x)
        return found

    def finish(self, results: list[Any], given: list[Any]) -> Any:
        """Set what the function sets, and give what it returns, in arrays of the caller's own."""
        own = [
            x if new or type(x) in NUMBERS else np.array(x)
            for x, new in zip(results, self.executable.fresh, strict=True)
        ]
        for effect in self._effects:
            kind, where = effect.kind, effect.where
            value = filled(effect.template, own)
            if kind == "data":
                (given[where] if type(where) is int else where)._data = value
            elif kind == "grad":
                (given[where] if type(where) is int else where)._grad = value
            elif kind == "place":
                where.set(value)
            elif kind == "more":
                where.extend(value)
            elif kind == "gone":
                del where[0][where[1]]
            else:
                where[0][where[1]] = value
        return filled(self._result, own)


def _outline(x: Any) -> tuple[Any, ...]:
    """The type of an input and, of an array, what else must be the same."""
    return (type(x), *((x.shape, x.dtype, x.strides) if isinstance(x, np.ndarray) else (None,) * 3))


def filled(template: Template, arrays: list[Any]) -> Any:
    """What a template stands for, given the program's results."""
    kind = type(template)
    if kind is Output:
        array = arrays[template.number]
        if not template.tensor:
            return array
        made = fresh(None, array)
        made._meta = Meta(constant=True)
        return made
    if isinstance(template, (list, tuple)):
        parts = [filled(part, arrays) for part in template]
        return template._make(parts) if hasattr(template, "_make") else kind(parts)
    if kind is dict:
        return {k: filled(part, arrays) for k, part in template.items()}
    return template


def _held(get: Any, key: Any) -> Any:
    try:
        return get(key)
    except (IndexError, AttributeError, ValueError):
        return None


def _equal(a: Any, b: Any) -> bool:
    """Whether two settings are the same number or word."""
    if type(a) is not type(b) or not isinstance(a, (int, float, str, bytes, np.generic)):
        return False
    return bool(a == b or (a != a and b != b))
