"""Edits of a line that raised an error: it has no value from which one could be looked up."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..claims import in_shape
from ..code.forms import CannotRecord
from ..code.source import replaced
from ..code.trace import Instance, Record
from ..slips import NEAR, ODD
from .known import agrees
from .rows import Edit, is_numeric
from .slipped import edits
from .written import FAILS

MOST = 60  # edits that are run, the likeliest first
FIRST = 150  # of two edits


def repairs(
    instance: Instance,
    numpy: str,
    wanted: Any,
    changed: Mapping[Record, Any],
    until: float,
) -> Iterator[tuple[Edit, ...]]:
    """What one slip, or two, may have changed in a line, undone: first what gives what is `wanted`
    there, given what some records should be, then what only a run can tell. It ends when the
    thread's clock says `until`."""
    singles = _singles(instance, numpy)
    body = getattr(instance.statement, "value", None) or getattr(instance.statement, "body", None)
    assigns = isinstance(instance.statement, ast.AugAssign) or not isinstance(body, ast.expr)

    def gives(found: Sequence[Edit]) -> bool:
        try:
            value = instance.value(replaced(body, {e.place: e.new for e in found}), changed)
            return agrees(in_shape(np.asarray(value, dtype=float), wanted.shape), wanted)
        except (*FAILS, CannotRecord):
            return False

    if not assigns:
        yield from ((edit,) for edit in singles if gives((edit,)))
    yield from ((edit,) for edit in singles[:MOST])
    if not assigns:
        inside = {e.place: set(ast.walk(e.place)) for e in singles[:FIRST]}
        for a, b in product(singles[:FIRST], repeat=2):
            if time.thread_time() > until:
                return
            apart = a.place not in inside[b.place] and b.place not in inside[a.place]
            if a.rank <= b.rank and apart and gives((a, b)):
                yield a, b


def _singles(instance: Instance, numpy: str) -> list[Edit]:
    places = (e for e in ast.walk(instance.statement) if isinstance(e, ast.expr))
    read = (e for e in places if not isinstance(getattr(e, "ctx", None), ast.Store))
    found = [edit for e in read for edit in _edits(e, instance, numpy)]
    return sorted(found, key=lambda edit: edit.rank)


def _edits(e: ast.expr, instance: Instance, numpy: str) -> Iterator[Edit]:
    if isinstance(e, ast.Name):  # another stands there
        for name, record in instance.names.items():
            if name != e.id and is_numeric(record.value):
                yield Edit(e, ast.Name(name, ast.Load()), "other", ODD + NEAR)
    try:
        yield from edits(e, instance.value, numpy)
    except (*FAILS, CannotRecord):  # the place that raised has no value itself
        return
