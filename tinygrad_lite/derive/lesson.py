"""A whole derivation as text or LaTeX: the steps, the closed forms, the code, what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from ..backprop.flow import sweep
from ..graph.node import Node
from ..notation.mathematics import LATEX, UNICODE, Mathematics, Style
from ..notation.names import unicode_name
from .paper import Paper
from .records import Checked, Formula
from .steps import Finder, Line, Part, Rewrite, Shown, moved, unchanged
from .teaching import Row, Teacher, latex_of, text_of
from .work import Work

MOST = 60  # steps that are written out
_GAP = "      "


@dataclass(frozen=True)
class Lesson:
    """A derivation to be told. `work` is None where nothing depends on anything."""

    work: Work | None
    formulas: Sequence[Formula]
    where: Sequence[Formula]
    numpy: str
    said: Sequence[str]  # facts, and what else is to be said
    checked: Checked
    rewrite: Rewrite = unchanged

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The named steps; of a second derivative none."""
        if self.work is None or self.work.request.order > 1:
            return ()
        with self.work.table:
            return tuple(islice(Finder(self.work, self.rewrite).lines(), MOST))

    def rows(self, style: Style, *, values: bool = False) -> list[Row]:
        """The steps in one style, with the numbers on request."""
        if self.work is None or not self.lines:
            return []
        root = self.work.graph.root
        found: dict[Node, Any] = {}
        if values and self.work.scalar:
            found = sweep(root, np.ones(root.shape), toward=[line.node for line in self.lines])
        with self.work.table:
            return Teacher(self.lines, style, found if values else None).rows()

    def text(self) -> str:
        """The derivation in Unicode."""
        found = text_of(self.rows(UNICODE))
        if len(self.lines) == MOST:
            found.append("… and more steps, which are not written out")
        for f in self.formulas:
            shape = f"   {f.shape}" if f.shape else ""
            found.append(_GAP.join([f"{f}{shape}", *_entry(f)]))
        found += [f"    where {w}" for w in self.where if not self._told(w)]
        found += self.numpy.splitlines()
        last = [str(self.checked)] if self.checked.sizes else []
        jacobians = self.jacobians(UNICODE)
        if len(jacobians) == 1:
            last, jacobians = [_GAP.join([*last, *jacobians])], []
        return "\n".join([*found, *last, *self.said, *jacobians])

    def latex(self) -> str:
        """The steps and the closed forms, in `aligned`."""
        rows = self.rows(LATEX)
        rows += [Row("", "", rf"{f.name_latex} = {f.latex}", f"{f.shape}") for f in self.formulas]
        rows += [
            Row("", "", rf"{w.name_latex} = {w.latex}") for w in self.where if not self._told(w)
        ]
        return latex_of(rows)

    def differential(self, style: Style = UNICODE) -> str:
        """How y moves with the variables: dE = (...) : dW + (...) : db."""
        if self.work is None or not self.lines:
            return ""
        teacher, terms = Teacher(self.lines, style), []
        with self.work.table:
            out = 0 if self.work.scalar else len(self.lines[0].definition.paper.axes)
            for x, f in zip(self.work.xs, self.formulas, strict=True):
                name = self.work.called(self.work.back[x])
                if f.paper is None:
                    continue
                J = Paper(f.paper.expr, f.paper.axes[out:])
                if self.work.scalar:
                    terms.append(teacher.product(self._shown(J), style.name(f"d {name}"), f.shape))
                else:
                    turned = self.work.simplifier.best(moved(J, name))
                    terms.append(teacher.term(self._shown(Paper(turned, f.paper.axes[:out]))))
        return f"{style.name(f'd {self.lines[0].name}')} = {teacher.joined(terms)}"

    def _shown(self, paper: Paper) -> Shown:
        assert self.work is not None
        return Shown(paper, self.work.printer)

    def _told(self, w: Formula) -> bool:
        """Whether a definition is among the steps."""
        return any(
            line.value is not None and unicode_name(f"δ_{line.name}") == w.name
            for line in self.lines
        )

    def jacobians(self, style: Style) -> list[str]:
        """∂v/∂W entry by entry, of the steps that W itself is in."""
        if self.work is None:
            return []
        with self.work.table:
            return [
                _jacobian(line, part, style)
                for line in self.lines
                for part in line.parts
                if part.x in self.work.xs and line.definition.shape and part.pulled.shape
            ]


def _entry(f: Formula) -> list[str]:
    if not f.indices or not f.matrix:
        return []
    return [f"{f.name}{UNICODE.subscript(f.indices)} = {f.index}"]


def _jacobian(line: Line, part: Part, style: Style) -> str:
    J = part.jacobian
    out = J.indices[: J.last]
    body = Mathematics(style).write(J.entry).body
    of, by = (style.name(name) for name in (line.name, part.name))
    name = f"∂{of}{style.subscript(out)}/∂{by}{style.subscript(J.indices[J.last :])}"
    return f"{name} = {body}   {J.shape}"


class Steps(tuple[Line, ...]):
    """The named steps of a derivation, from the result down."""

    _lesson: Lesson

    def __new__(cls, lesson: Lesson) -> Steps:
        """The steps that a lesson tells."""
        self = super().__new__(cls, lesson.lines)
        self._lesson = lesson
        return self

    def __call__(self, *, values: bool = False) -> str:
        """The steps as text, with `values` followed by the recorded numbers and gradients."""
        return "\n".join(text_of(self._lesson.rows(UNICODE, values=values)))

    def __str__(self) -> str:
        return self()
