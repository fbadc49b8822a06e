"""The steps of a derivation: every name, entry or returned value that may be a gradient."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .trace import Instance, Record, Trace


@dataclass(frozen=True, eq=False)
class Step:
    """A value that was given a name. `key` is that of a dict's entry; `adds` says that it was
    added to what the name held before."""

    name: str
    record: Record
    instance: Instance
    key: Any = None
    adds: bool = False

    @property
    def value(self) -> Any:
        """The value, a plain array or number."""
        return raw(self.record.value)


def is_numeric(value: Any) -> bool:
    """Whether something may be a gradient."""
    value = raw(value)
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return True
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(is_numeric, value))
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiu"


def steps(trace: Trace) -> list[Step]:
    """The steps in the order in which they ran; the same for other data."""
    found: list[Step] = []
    for a in trace.assigned:
        if not a.outermost:
            continue
        adds = isinstance(a.statement, ast.AugAssign) and isinstance(a.statement.op, ast.Add)
        key = a.keys[0] if len(a.keys) == 1 and isinstance(a.keys[0], (str, Node)) else None
        if isinstance(a.record.value, dict):
            if a.part is not None and key is not None:
                found.append(Step(a.name, a.part, a.instance, key, adds))
        else:
            found.append(Step(a.name, a.record, a.instance, None, adds))
    return [*found, *_returned(trace)]


def _returned(trace: Trace) -> Iterator[Step]:
    """What a `return` hands on: the entries of a dict by their keys, or else the whole."""
    result = trace.result
    if result is None or result.instance is None or result.value is None:
        return
    site, instance = result.site, result.instance
    if not isinstance(result.value, dict):
        yield Step("", result, instance)
        return
    literal = isinstance(site, ast.Dict) and len(site.values) == len(result.value)
    places = site.values if isinstance(site, ast.Dict) and literal else [None] * len(result.value)
    for (key, value), place in zip(result.value.items(), places, strict=True):
        record = instance.recorded.get(id(place)) if place is not None else None
        if record is None:
            record = trace.add(operator.itemgetter(key), [result], value)
        yield Step(str(key), record, instance, key)
