"""A derivation: formulas, the steps that lead to them, the code, and what was checked."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from ..backprop.flow import sweep
from ..graph.node import Node, raw
from ..graph.trees import map_tree
from ..notation.mathematics import Mathematics
from ..notation.names import unicode_name
from ..notation.style import BRACKETS, LATEX, UNICODE, Style
from .diagonals import with_diagonals
from .paper import Paper
from .parts import is_zero
from .printer import ENVIRONMENT, Formula, derivative
from .steps import Finder, Line, Rewrite, moved, unchanged
from .teaching import Row, Teacher, aligned, latex_of, text_of
from .verify import Checked, Program, run
from .work import Work

LARGEST = 1_000_000  # entries of a Jacobian that is looked at
MOST = 60  # steps that are written out
_GAP = "      "


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """The derivatives of `y` by `variables`, each a `Formula` in `formulas`.

    `where` has the named cotangents (and invented names) that the formulas use, in the order in
    which they can be computed; `facts` what was used about the data; `checked` what was executed;
    `notes` what is to be said beside.
    """

    y: Node
    variables: tuple[Node, ...]
    formulas: tuple[Formula, ...]
    where: tuple[Formula, ...]
    facts: tuple[str, ...]
    checked: Checked
    notes: tuple[str, ...]
    _work: Work = field(repr=False)
    _rewrite: Rewrite = field(default=unchanged, repr=False)

    def __getitem__(self, x: Node) -> Formula:
        """The formula of the derivative by one variable."""
        return next(f for v, f in zip(self.variables, self.formulas, strict=True) if v is x)

    @property
    def latex(self) -> str:
        """The formulas in LaTeX, one a line in `aligned` where there are several."""
        lines = [f"{f.titles()[1]} &= {f.latex}" for f in (*self.formulas, *self.where)]
        return aligned(lines) if len(lines) > 1 else lines[0].replace(" &= ", " = ", 1)

    @property
    def numpy(self) -> str:
        """The formulas as NumPy code in the user's names: assignments of what they use, then an
        expression (of several variables, a tuple)."""
        lines = [f"{w.code} = {w.numpy}" for w in self.where]
        last = [f.numpy for f in self.formulas]
        lines.append(last[0] if len(last) == 1 else f"({', '.join(last)})")
        return "\n".join(lines)

    @property
    def index(self) -> str:
        """The formulas in index notation, a line each."""
        return "\n".join(f"{_subscripted(f)} = {f.index}" for f in (*self.formulas, *self.where))

    def diagonals(self) -> Derivation:
        """The same with entrywise factors as diagonal matrices: (S − S²) v for s ⊙ (1 − s) ⊙ v."""
        formulas, where, rewrite = with_diagonals(self._work, self.formulas, self.where)
        return replace(self, formulas=formulas, where=where, _rewrite=rewrite)

    def evaluate(self) -> Any:
        """What the NumPy code gives at the recorded data: an array, or one per variable."""
        found = [self._value(f) for f in self.formulas]
        return found[0] if len(found) == 1 else tuple(found)

    def _value(self, f: Formula) -> Any:
        self._coded(f)
        return Program(f, self.where)(self._work.checks.trials[0].values)

    def _coded(self, f: Formula) -> None:
        """Refuse what has no code."""
        if not f.numpy:
            way = "y.backward()" if self._work.scalar else "y.jacobian(x)"
            way = "tg.hessian(f)(x)" if self._work.order > 1 else way
            raise ValueError(f"derive: {f.name} {f.shape} has no code; {way} gives its numbers")

    def function(self) -> Callable[..., Any]:
        """The NumPy code as a function of the names that it uses, by keyword."""
        for f in self.formulas:
            self._coded(f)
        *lines, last = self.numpy.splitlines()
        program = compile("\n".join(lines), "<derive>", "exec")
        final = compile(last, "<derive>", "eval")
        known = {**ENVIRONMENT, **self._work.printer.callables}
        used = _names_in(self.numpy)
        wanted = sorted(used.keys() - known.keys() - {n for n, made in used.items() if made})

        def evaluated(**names: Any) -> Any:
            missing = [n for n in wanted if n not in names]
            if missing:
                raise TypeError(f"the formula needs {', '.join(missing)}")
            values = {k: map_tree(raw, v) for k, v in names.items()}
            return run(program, final, {**known, **values})

        evaluated.__doc__ = f"{self.numpy}\n\nof {', '.join(wanted)}, by keyword."
        return evaluated

    # --- the derivation as a teacher writes it

    @cached_property
    def _lines(self) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        """The named steps, and what they lack; of a second derivative none."""
        if self._work.order > 1:
            return (), ()
        with self._work.table:
            finder = Finder(self._work, self._rewrite)
            return tuple(islice(finder.lines(), MOST)), tuple(finder.unwritten)

    @property
    def steps(self) -> Steps:
        """The named steps, from y down; `steps(values=True)` is their text with numbers."""
        return Steps(self)

    def _rows(self, style: Style, *, values: bool = False) -> list[Row]:
        """The steps in one style, with the numbers on request."""
        lines, _ = self._lines
        if not lines:
            return []
        root = self._work.graph.root
        found: dict[Node, Any] = {}
        if values and self._work.scalar:
            found = sweep(root, np.ones(root.shape), toward=[line.node for line in lines])
        with self._work.table:
            return Teacher(lines, style, found if values else None).rows()

    @property
    def text(self) -> str:
        """The derivation step by step, in Unicode."""
        lines, unwritten = self._lines
        found = text_of(self._rows(UNICODE))
        if len(lines) == MOST:
            found.append("… and more steps, which are not written out")
        several = len(self.formulas) > 1
        found += [f"    {w.code} = {w.numpy}" for w in self.where] if several else []
        for f in self.formulas:
            index = f"{f.name}{UNICODE.subscript(f.indices)} = {f.index}"
            closed = [_shaped(f), *([index] if f.indices and f.shown is not f.entry else [])]
            found += [_GAP.join(closed), *([f"    {f.numpy}"] if several else [])]
        found += [f"    where {w}" for w in self._untold()]
        found += self.numpy.splitlines() if not several else []
        last = [str(self.checked)] if self.checked.sizes else []
        last += [] if several else self._jacobians(UNICODE)
        found += [_GAP.join(last)] if last else []
        return "\n".join([*found, *unwritten, *self._uses, *self.notes, *self._explanations])

    @property
    def latex_text(self) -> str:
        """The steps and the formulas in LaTeX."""
        rows = self._rows(LATEX)
        rows += [Row("", "", rf"{f.titles()[1]} = {f.latex}", f"{f.shape}") for f in self.formulas]
        rows += [Row("", "", rf"{w.titles()[1]} = {w.latex}") for w in self._untold()]
        return latex_of(rows)

    def _untold(self) -> list[Formula]:
        """The definitions that are not among the steps."""
        lines, _ = self._lines
        told = {unicode_name(f"δ_{line.name}") for line in lines if line.value is not None}
        return [w for w in self.where if w.name not in told]

    @property
    def _uses(self) -> list[str]:
        return [f"uses {fact}: holds for this data" for fact in self.facts]

    @property
    def differential(self) -> str:
        """How y moves with the variables, as in dE = ((s − y) ⊙ s ⊙ (1 − s)) xᵀ : dW."""
        lines, _ = self._lines
        if not lines:
            return ""
        work, teacher, terms = self._work, Teacher(lines, UNICODE), []
        with work.table:
            out = 0 if work.scalar else len(lines[0].definition.paper.axes)
            for x, f in zip(self.variables, self.formulas, strict=True):
                if is_zero(f.paper.expr):
                    continue
                name = work.called(x)
                J = Paper(f.paper.expr, f.paper.axes[out:])
                if work.scalar:
                    shown = Formula(J, work.printer)
                    terms.append(teacher.product(shown, UNICODE.name(f"d:{name}"), f.shape))
                else:
                    along = work.simplifier.shortest(Paper(moved(J, name), f.paper.axes[:out]))
                    terms.append(teacher.term(Formula(along, work.printer)))
        return f"{UNICODE.name(f'd:{lines[0].name}')} = {teacher.joined(terms or ['0'])}"

    # --- Jacobians

    @cached_property
    def _explanations(self) -> list[str]:
        """What a Jacobian is made of, and why the chain rule never builds it."""
        work = self._work
        if work.scalar or work.order > 1 or not work.graph.root.shape:
            return []
        with work.table:
            return [
                line
                for x, f in zip(self.variables, self.formulas, strict=True)
                for line in self._explained(x, f)
            ]

    def _explained(self, x: Node, f: Formula) -> list[str]:
        work, y, name = self._work, self._work.called(self.y), self._work.called(x)
        out = len(work.reading.values[work.graph.root].axes)
        over = [i for i in f.paper.axes[:out] if i is not None]
        of, by = f.indices[: len(over)], f.indices[len(over) :]
        left = f"∂{y}{BRACKETS.subscript(of)}/∂{name}{BRACKETS.subscript(by) if by else ''}"
        lines = [f"{left} = {Mathematics(BRACKETS).write(f.entry).body}   {f.shape}"]
        value = self._value(f) if prod(f.shape) <= LARGEST and f.numpy else np.ones(1)
        if not np.all(value):
            zeros = value.size - np.count_nonzero(value)
            lines.append(f"    {zeros:,} of its {value.size:,} entries are 0")
        upstream, shown = work.handed(x)
        if shown is not None:
            title, *_ = derivative("E", y)
            lines.append(
                f"    the chain rule never builds it: of {unicode_name(upstream.name)} = {title} "
                f"it makes {Teacher((), UNICODE).term(shown)}   {shown.shape}"
            )
        return lines

    def _jacobians(self, style: Style) -> list[str]:
        """∂v/∂W entry by entry, of the steps that W itself is in."""
        if not self._work.scalar:
            return []
        found = []
        for line in self._lines[0]:
            for part in line.parts:
                J = part.jacobian
                arrays = line.definition.shape and part.pulled.shape
                if J is not None and arrays and any(part.x is x for x in self._work.xs):
                    of, by = (style.name(name) for name in (line.name, part.name))
                    rows, columns = J.indices[: J.first], J.indices[J.first :]
                    name = f"∂{of}{style.subscript(rows)}/∂{by}{style.subscript(columns)}"
                    found.append(f"{name} = {Mathematics(style).write(J.entry).body}   {J.shape}")
        return found

    def __str__(self) -> str:
        lines = [_shaped(f) for f in self.formulas]
        lines += [f"    where {w}" for w in self.where]
        indexed = [f for f in self.formulas if f.known and f.shown is f.entry and not f.matrix]
        lines += [f"    in index notation: {f.why}" for f in indexed]
        said = [*self._uses, *([str(self.checked)] if self.checked.sizes else []), *self.notes]
        lines += [f"    {line}" for line in said]
        return "\n".join([*lines, *self._explanations])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


class Steps(tuple[Line, ...]):
    """The named steps of a derivation, from the result down."""

    _derivation: Derivation

    def __new__(cls, derivation: Derivation) -> Steps:
        """The steps of a derivation."""
        self = super().__new__(cls, derivation._lines[0])
        self._derivation = derivation
        return self

    def __call__(self, *, values: bool = False) -> str:
        """The steps as text, with `values` followed by the recorded numbers and gradients."""
        return "\n".join(text_of(self._derivation._rows(UNICODE, values=values)))

    def by_line(self) -> list[tuple[Node, list[Row]]]:
        """The rows that are told where the gradient passes each named step, and the user's node."""
        back, told = self._derivation._work.back, list[tuple[Node, list[Row]]]()
        for row in self._derivation._rows(UNICODE):
            if row.left:
                told.append((back.get(self[len(told)].node, self._derivation.y), []))
            if told:
                told[-1][1].append(row)
        return told

    def __str__(self) -> str:
        return self()

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex_of(self._derivation._rows(LATEX))}$"


def _names_in(code: str) -> dict[str, bool]:
    """The names in code, and whether it makes them."""
    found: dict[str, bool] = {}
    for n in ast.walk(ast.parse(code)):
        if isinstance(n, ast.Name):
            found[n.id] = found.get(n.id, False) or isinstance(n.ctx, ast.Store)
    return found


def _subscripted(f: Formula) -> str:
    return f"{f.name}[{', '.join(f.indices)}]" if f.indices else f.name


def _shaped(f: Formula) -> str:
    return f"{f}   {f.shape or ''}".rstrip()
