"""The whole source of a derivation with its edits, helpers included."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Container, Sequence
from typing import Any

from .source import Change, Source
from .trace import Trace


def fixed(trace: Trace, changes: Sequence[Change]) -> str:
    """The source of what was run, with other text at some places: of a function its own, after
    those of the functions that were edited too, of a method that of its class, of a file or a cell
    all of it. A lambda becomes `mended = lambda ...`."""
    sources = {r.instance.source for r in trace.records if r.instance is not None}
    if isinstance(trace.definition, ast.Module):
        return trace.source.replaced(changes)
    places = {change.place for change in changes}
    (whole, called), *inside = (*trace.around, (trace.source, trace.definition))
    always = {definition for _, definition in inside}
    found = [
        (source, definition)
        for source in sources
        for definition in source.definitions
        if isinstance(definition, ast.FunctionDef)
        and definition is not called
        and (definition in always or _holds(definition, places))
        and not _holds(definition, {called})
        and not _holds(called, {definition})
    ]
    parts = [
        (source, source.around(definition)) for source, definition in (*found, (whole, called))
    ]
    return "\n\n".join(_definition(*part, changes) for part in dict.fromkeys(parts))


def _holds(definition: ast.AST, places: Container[ast.AST]) -> bool:
    return any(node in places for node in ast.walk(definition))


def _definition(source: Source, definition: Any, changes: Sequence[Change]) -> str:
    """The text of a function or a class, with the changes in it."""
    inside = set(ast.walk(definition))
    text = source.replaced(change for change in changes if change.place in inside)
    at = [n for n in ast.walk(source.tree) if type(n) is type(definition)].index(definition)
    new = Source(source.path, text, ast.parse(text))
    found: Any = [n for n in ast.walk(new.tree) if type(n) is type(definition)][at]
    if isinstance(found, ast.Lambda):
        return f"mended = {new.of(found)}\n"
    first = min([found.lineno, *(d.lineno for d in found.decorator_list)])
    lines = text.splitlines()[first - 1 : found.end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"
