"""Edits of a line that raised an error: it has no value from which one could be looked up."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..code.forms import CannotRecord
from ..code.trace import Instance
from .rows import Edit
from .slipped import edits
from .written import FAILS

MOST = 60  # edits that are run, the likeliest first


def edits_of(instance: Instance, numpy: str) -> list[Edit]:
    """What one slip may have changed in a line, undone."""
    places = (e for e in ast.walk(instance.statement) if isinstance(e, ast.expr))
    read = (e for e in places if not isinstance(getattr(e, "ctx", None), ast.Store))
    found = [edit for e in read for edit in _edits(e, instance, numpy)]
    return sorted(found, key=lambda edit: edit.rank)[:MOST]


def _edits(e: ast.expr, instance: Instance, numpy: str) -> Iterator[Edit]:
    try:
        yield from edits(e, instance.value, numpy)
    except (*FAILS, CannotRecord):  # the place that raised has no value itself
        return
