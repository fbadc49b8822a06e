"""Runs of a derivation with edits, on its own data or on other, no farther than is needed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..code.derivation import Data
from ..code.expressions import LONGEST
from ..code.trace import Trace
from .rows import Edit
from .written import standing

KEPT = 24  # runs that are not made again
SHORT = 1_000  # records that one may have beside four times those of the derivation


@dataclass(eq=False)
class Runs:
    """`run` runs a derivation whose record is `trace`."""

    run: Callable[[Data | None, Mapping[ast.AST, Any] | None], Trace]
    trace: Trace
    _made: dict[tuple[Any, ...], tuple[Trace, Any]] = field(default_factory=dict)

    def __call__(
        self, data: Data | None, edits: Sequence[Edit], statement: ast.AST | None = None
    ) -> Trace:
        """The run with some edits, of all or up to the last line that these or a statement are in;
        one that was just made is not made again."""
        ended = self._ended(statement, edits)
        key = (id(data), id(ended), *((id(e.place), id(e.new)) for e in edits))
        if key not in self._made:
            new = standing(edits)
            if ended is not None:
                new[ended] = ast.Return(None)
            token = LONGEST.set(SHORT + 4 * len(self.trace.records))
            try:
                self._made[key] = self.run(data, new), (data, edits)
            finally:
                LONGEST.reset(token)
            if len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
        return self._made[key][0]

    def _ended(self, statement: ast.AST | None, edits: Sequence[Edit]) -> ast.stmt | None:
        """The statement before which a run may end."""
        if statement not in self._lines:
            return None
        after = 1 + max(
            self._lines[x] for x in (statement, *(e.place for e in edits)) if x in self._lines
        )
        return self._body[after] if after < len(self._body) else None

    @cached_property
    def _lines(self) -> dict[Any, int]:
        """In which statement of the body each of its parts is."""
        return {part: k for k, s in enumerate(self._body) for part in ast.walk(s)}

    @property
    def _body(self) -> Sequence[ast.stmt]:
        """The statements of a function; none of what is no function."""
        definition = self.trace.definition
        return definition.body if isinstance(definition, ast.FunctionDef) else ()
