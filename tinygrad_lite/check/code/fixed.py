"""The whole source of a derivation with its edits, helpers included."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from typing import Any

from .source import Source
from .trace import Trace


def fixed(trace: Trace, edits: Mapping[ast.AST, str]) -> str:
    """The source of what was run, with other text at some places: of a function its own, after
    those of the functions that were edited too, of a file or a cell all of it. A lambda becomes
    `mended = lambda ...`."""
    sources = {r.instance.source for r in trace.records if r.instance is not None}
    if isinstance(trace.definition, ast.Module):
        return trace.source.replaced(edits)
    (whole, called), *inside = (*trace.around, (trace.source, trace.definition))
    always = {definition for _, definition in inside}
    parts = [
        _definition(source, definition, edits)
        for source in sources
        for definition in source.definitions
        if isinstance(definition, ast.FunctionDef)
        and definition is not called
        and (definition in always or _holds(definition, edits))
        and not _holds(definition, {called: ""})
        and not _holds(called, {definition: ""})
    ]
    return "\n\n".join([*parts, _definition(whole, called, edits)])


def _holds(definition: ast.AST, places: Mapping[Any, Any]) -> bool:
    return any(node in places for node in ast.walk(definition))


def _definition(source: Source, definition: Any, edits: Mapping[ast.AST, str]) -> str:
    """The text of a function, with the edits in it."""
    inside = set(ast.walk(definition))
    mine = {place: text for place, text in edits.items() if place in inside}
    text = source.replaced(mine)
    at = source.definitions.index(definition)
    new = Source(source.path, text, ast.parse(text))
    found = new.definitions[at]
    if isinstance(found, ast.Lambda):
        return f"mended = {new.of(found)}\n"
    first = min([found.lineno, *(d.lineno for d in found.decorator_list)])
    lines = text.splitlines()[first - 1 : found.end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"
