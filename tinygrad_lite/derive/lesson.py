"""A whole derivation as text or LaTeX: the steps, the closed forms, the code, what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from ..backprop.flow import sweep
from ..graph.node import Node
from ..notation.mathematics import Mathematics
from ..notation.names import unicode_name
from ..notation.style import BRACKETS, LATEX, UNICODE, Style
from .algebra import atom, multiply, total
from .checks import Program
from .paper import Paper
from .printer import derivative
from .records import Checked, Formula
from .steps import Finder, Line, Part, Rewrite, Shown, moved, unchanged, written
from .teaching import Row, Teacher, latex_of, text_of
from .terms import Symbol
from .work import Work

LARGEST = 1_000_000  # entries of a Jacobian that is looked at
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
    def _steps(self) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """The named steps, and what they lack; of a second derivative none."""
        if self.work is None or self.work.request.order > 1:
            return (), ()
        with self.work.table:
            finder = Finder(self.work, self.rewrite)
            return tuple(islice(finder.lines(), MOST)), tuple(finder.unwritten)

    @property
    def lines(self) -> tuple[Line, ...]:
        """The named steps."""
        return self._steps[0]

    def adjoints(self) -> dict[Node, Formula]:
        """∂E/∂y of every step y, by the names of those above it."""
        assert self.work is not None
        back = self.work.back
        with self.work.table:
            return {
                back[line.node]: written(
                    self.work.printer, derivative(self.lines[0].name, line.name), shown.paper
                )
                for line in self.lines[1:]
                for shown in [line.value or line.cotangent]
                if line.node in back
            }

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
        several = len(self.formulas) > 1
        found += [f"    {w.code} = {w.numpy}" for w in self.where] if several else []
        found += [line for f in self.formulas for line in self._closed(f)]
        found += [f"    where {w}" for w in self.where if not self._told(w)]
        found += self.numpy.splitlines() if not several else []
        last = [str(self.checked)] if self.checked.sizes else []
        last += [] if several else self.jacobians(UNICODE)
        found += [_GAP.join(last)] if last else []
        return "\n".join([*found, *self._steps[1], *self.said, *self.explanations()])

    def _closed(self, f: Formula) -> list[str]:
        """A formula with its index form; of several, with its code."""
        shape = f"   {f.shape}" if f.shape else ""
        line = _GAP.join([f"{f}{shape}", *_entry(f)])
        return [line, f"    {f.numpy}"] if len(self.formulas) > 1 else [line]

    def explanations(self) -> list[str]:
        """What a Jacobian is made of, and why the chain rule never builds it."""
        work = self.work
        if work is None or work.scalar or work.request.order > 1 or not work.graph.root.shape:
            return []
        with work.table:
            return [
                line
                for x, f in zip(work.xs, self.formulas, strict=True)
                if f.paper is not None
                for line in self._explained(work.called(work.back[x]), f)
            ]

    def _explained(self, name: str, f: Formula) -> list[str]:
        assert self.work is not None
        assert f.paper is not None
        work, y = self.work, self.work.called(self.work.request.y)
        out = len(work.reading.values[work.graph.root].axes)
        J = Shown(f.paper, work.printer)
        places = len([i for i in f.paper.axes[:out] if i is not None])
        of, by = J.indices[:places], J.indices[places:]
        left = f"∂{y}{BRACKETS.subscript(of)}/∂{name}{BRACKETS.subscript(by) if by else ''}"
        lines = [f"{left} = {Mathematics(BRACKETS).write(J.entry).body}   {f.shape}"]
        value = self.values(f)
        if value is not None and not np.all(value):
            zeros = value.size - np.count_nonzero(value)
            lines.append(f"    {zeros:,} of its {value.size:,} entries are 0")
        upstream = Symbol(f"δ_{y}", work.graph.root.shape, tuple(range(out)))
        upstream.axes = tuple(k for k, i in enumerate(f.paper.axes[:out]) if i is not None)
        over = [i for i in f.paper.axes[:out] if i is not None]
        pulled = total(over, multiply([(f.paper.expr, 1), (atom(upstream, over), 1)]))
        shown = self._shown(Paper(work.simplifier.best(pulled), f.paper.axes[out:]))
        title, *_ = derivative("E", y)
        lines.append(
            f"    the chain rule never builds it: of {unicode_name(upstream.name)} = {title} it "
            f"makes {Teacher(self.lines, UNICODE).term(shown)}   {shown.shape}"
        )
        return lines

    def values(self, f: Formula) -> Any:
        """What a formula's code gives at the recorded data, if that is not too large."""
        assert self.work is not None
        if prod(f.shape) > LARGEST or not f.numpy:
            return None
        return np.asarray(
            Program(f, self.where, self.work.printer)(self.work.checks.trials[0].values)
        )

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
                    terms.append(teacher.product(self._shown(J), style.name(f"d:{name}"), f.shape))
                else:
                    turned = self.work.simplifier.best(moved(J, name))
                    terms.append(teacher.term(self._shown(Paper(turned, f.paper.axes[:out]))))
        return f"{style.name(f'd:{self.lines[0].name}')} = {teacher.joined(terms)}"

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
        if self.work is None or not self.work.scalar:
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

    def by_line(self) -> list[tuple[Node, list[Row]]]:
        """The rows that are told where the gradient passes each named step, and the user's node."""
        work = self._lesson.work
        if work is None or not self:
            return []
        told: list[tuple[Node, list[Row]]] = []
        for row in self._lesson.rows(UNICODE):
            if row.left:
                told.append((work.back.get(self[len(told)].node, work.request.y), []))
            if told:
                told[-1][1].append(row)
        return told

    def __str__(self) -> str:
        return self()

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex_of(self._lesson.rows(LATEX))}$"
