"""A function's own source: its tree, the text of a place, and the text with some places changed."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

Definition = ast.FunctionDef | ast.Lambda


class NoSource(Exception):
    """The source of a function cannot be found."""


class Change(NamedTuple):
    """Other text at a place, or a line that stands `before` it."""

    place: Any
    text: str
    before: bool = False


@dataclass(frozen=True, eq=False)
class Source:
    """A file or a cell: its text, and the tree that the places belong to; of a notebook the lines
    on which its cells begin."""

    path: str
    text: str
    tree: ast.Module
    cells: tuple[int, ...] = ()

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, in bytes, as trees count columns."""
        found = [0]
        for line in self.text.encode().split(b"\n"):
            found.append(found[-1] + len(line) + 1)
        return found

    @cached_property
    def definitions(self) -> list[Definition]:
        """Every function and lambda."""
        return [n for n in ast.walk(self.tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))]

    def called(self, definition: Any) -> str:
        """What a function is called, a method with its class."""
        name, around = getattr(definition, "name", "a lambda"), self.around(definition)
        return name if around is definition else f"{around.name}.{name}"

    def defining(self, place: Any) -> Any:
        """The function that a place is in, the innermost; None where it is in none."""
        return self._inside.get(place)

    @cached_property
    def _inside(self) -> dict[ast.AST, ast.AST]:
        functions = sorted(self.definitions, key=lambda f: (f.lineno, f.col_offset))
        return {place: f for f in functions for place in ast.walk(f)}

    def around(self, definition: Any) -> Any:
        """The class that a method is in; any other function itself."""
        classes = (n for n in ast.walk(self.tree) if isinstance(n, ast.ClassDef))
        return next((c for c in classes if definition in c.body), definition)

    def span(self, place: Any) -> tuple[int, int]:
        """Where a place begins and ends in the text, in bytes."""
        begin = self.starts[place.lineno - 1] + place.col_offset
        return begin, self.starts[place.end_lineno - 1] + place.end_col_offset

    def of(self, place: ast.AST) -> str:
        """The text of a place, as it was typed."""
        begin, end = self.span(place)
        return self.text.encode()[begin:end].decode()

    def replaced(self, changes: Iterable[Change]) -> str:
        """The text with other text at some places that do not overlap, and lines put before some:
        in brackets where it needs them, and without those that are needed no longer."""
        text = self.text.encode()
        new: dict[ast.AST, Any] = {}
        for place, written, before in sorted(changes, key=self._order, reverse=True):
            begin, end = self.span(place)
            if isinstance(place, ast.expr):
                new[place] = ast.parse(written, mode="eval").body
                wanted = ast.dump(replaced(self.tree, new))
                for candidate in _bracketed(text, begin, end, written.encode()):
                    text_of = candidate
                    if _dumped(candidate) == wanted:
                        break
                text = text_of
                continue
            made = ast.parse(written).body
            if before:
                after = replaced(place, new)
                made += after if isinstance(after, list) else [after]
                written, end = f"{written}\n{' ' * place.col_offset}", begin
            new[place] = made
            text = text[:begin] + written.encode() + text[end:]
        return text.decode()

    def _order(self, change: Change) -> tuple[int, bool, int]:
        """The order of places in the text, what is put before one before it."""
        begin, end = self.span(change.place)
        return begin, not change.before, end


def _bracketed(text: bytes, begin: int, end: int, new: bytes) -> Iterator[bytes]:
    before, after = text[:begin], text[end:]
    left, right = before.rstrip(), after.lstrip()
    if left.endswith(b"(") and right.startswith(b")"):
        yield left[:-1] + new + right[1:]
    yield before + new + after
    yield before + b"(" + new + b")" + after


def _dumped(text: bytes) -> str:
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return ""


def replaced(code: Any, new: Mapping[ast.AST, Any]) -> Any:
    """The code with others in the place of some of its parts, several lines in that of one; the
    rest of it is shared."""
    if isinstance(code, list):
        return _field(code, new)
    if code in new:
        return new[code]
    fields = dict(ast.iter_fields(code))
    changed = {name: _field(value, new) for name, value in fields.items()}
    if all(changed[name] is value for name, value in fields.items()):
        return code
    return type(code)(**changed)


def _field(value: Any, new: Mapping[ast.AST, Any]) -> Any:
    if isinstance(value, ast.AST):
        return replaced(value, new)
    if isinstance(value, list):
        changed = [_field(v, new) for v in value]
        if all(a is b for a, b in zip(changed, value, strict=True)):
            return value
        return [x for v in changed for x in (v if isinstance(v, list) else [v])]
    return value


@lru_cache(maxsize=32)  # the same trees for the same text, so that places can be compared
def parsed(path: str, text: str, cells: tuple[int, ...] = ()) -> Source:
    """The source with its tree."""
    return Source(path, text, ast.parse(text), cells)


def source_of(function: FunctionType) -> tuple[Source, Definition]:
    """Where a function stands, and what defines it; raises `NoSource`."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        source = parsed(code.co_filename, "".join(lines))
    except SyntaxError:
        raise NoSource(code.co_name) from None
    found = _defining(source, code)
    if found is None:
        raise NoSource(code.co_name)
    return source, found


@lru_cache(maxsize=256)  # a derivation is run again and again
def _defining(source: Source, code: CodeType) -> Definition | None:
    """What defines a function, by its code."""
    fits = _is_lambda if code.co_name == "<lambda>" else _is_function
    found: list[Any] = [n for n in ast.walk(source.tree) if fits(n, code)]
    return found[-1] if found else None


def _is_function(node: ast.AST, code: CodeType) -> bool:
    first = code.co_firstlineno
    return (
        isinstance(node, ast.FunctionDef)
        and node.name == code.co_name
        and first in (node.lineno, *(d.lineno for d in node.decorator_list))
    )


def _is_lambda(node: ast.AST, code: CodeType) -> bool:
    """Whether a lambda's body is where the code's instructions stand, from first to last."""
    if not isinstance(node, ast.Lambda):
        return False
    spans = [
        ((line, column), (last, end))
        for line, last, column, end in code.co_positions()
        if None not in (line, last, column, end) and (line, column) < (last, end)
    ]
    body = node.body
    begin, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return bool(spans) and (min(s for s, _ in spans), max(e for _, e in spans)) == (begin, end)
