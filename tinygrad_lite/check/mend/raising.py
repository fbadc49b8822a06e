"""Edits of a line that raised an error: it has no value from which one could be looked up."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ...graph.clock import spent
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
    found = singles(instance, numpy)
    body = getattr(instance.statement, "value", None) or getattr(instance.statement, "body", None)
    assigns = isinstance(instance.statement, ast.AugAssign) or not isinstance(body, ast.expr)

    def gives(some: Sequence[Edit]) -> bool:
        try:
            value = instance.value(replaced(body, {e.place: e.new for e in some}), changed)
            return agrees(in_shape(np.asarray(value, dtype=float), wanted.shape), wanted)
        except (*FAILS, CannotRecord):
            return False

    if not assigns:
        yield from ((edit,) for edit in found if gives((edit,)))
    yield from ((edit,) for edit in found[:MOST])
    if not assigns:
        inside = {e.place: set(ast.walk(e.place)) for e in found[:FIRST]}
        for a, b in product(found[:FIRST], repeat=2):
            if spent() > until:
                return
            apart = a.place not in inside[b.place] and b.place not in inside[a.place]
            if a.rank <= b.rank and apart and gives((a, b)):
                yield a, b


def singles(instance: Instance, numpy: str) -> list[Edit]:
    """What one slip may have changed in a line, undone, the likeliest first."""
    places = (e for e in ast.walk(instance.statement) if isinstance(e, ast.expr))
    read = [e for e in places if not isinstance(getattr(e, "ctx", None), ast.Store)]
    found = [edit for e in read for edit in _edits(e, instance, numpy)]
    found += _everywhere(instance)
    return sorted(found, key=lambda edit: edit.rank)


def _others(instance: Instance, name: str) -> list[str]:
    every = instance.names.items()
    return [n for n, record in every if n != name and is_numeric(record.value)]


def _everywhere(instance: Instance) -> Iterator[Edit]:
    """Another name for one at all of its uses."""
    body = getattr(instance.statement, "value", None)
    uses: dict[str, list[ast.AST]] = {}
    for n in ast.walk(body) if isinstance(body, ast.expr) else ():
        if isinstance(n, ast.Name) and is_numeric(getattr(instance.names.get(n.id), "value", None)):
            uses.setdefault(n.id, []).append(n)
    for name, places in uses.items():
        for other in _others(instance, name) if len(places) > 1 else ():
            new = dict.fromkeys(places, ast.Name(other, ast.Load()))
            yield Edit(body, replaced(body, new), "other", ODD + NEAR)


def _edits(e: ast.expr, instance: Instance, numpy: str) -> Iterator[Edit]:
    own = e.id if isinstance(e, ast.Name) else ""
    index = own in instance.names and type(instance.names[own].value) is int
    for name in _others(instance, own) if own else ():
        yield Edit(e, ast.Name(name, ast.Load()), "other", ODD + NEAR)
        if index and _picks(instance.names[name].value):
            entry = ast.Subscript(ast.Name(name, ast.Load()), e, ast.Load())  # y[i] for i
            yield Edit(e, entry, "other", ODD)
    try:
        yield from edits(e, instance.value, numpy)
    except (*FAILS, CannotRecord):  # the place that raised has no value itself
        return


def _picks(v: Any) -> bool:
    """Whether it is a row of indices."""
    return isinstance(v, np.ndarray) and v.ndim == 1 and v.dtype.kind == "i"
