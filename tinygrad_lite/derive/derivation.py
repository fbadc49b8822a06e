"""`tg.derive`: the formula of a derivative, in the user's names, from the graph that ran."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..graph import errors
from ..graph.names import arrays, name_all
from ..graph.node import Node, raw, topological_order
from ..graph.trees import map_tree
from ..notation.tree import number
from .checks import Program
from .diagonals import with_diagonals
from .lesson import Lesson, Steps
from .printer import derivative
from .read import SUMS, SYMMETRIC
from .records import Checked, Formula
from .steps import Rewrite, unchanged
from .verify import environment, run
from .work import Answer, Request, Work

Layout = Literal["denominator", "numerator"]


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
    where: tuple[Formula, ...] = ()
    facts: tuple[str, ...] = ()
    checked: Checked = Checked(0, 0)  # noqa: RUF009
    notes: tuple[str, ...] = ()
    _work: Work | None = field(default=None, repr=False)
    _rewrite: Rewrite = field(default=unchanged, repr=False)

    def __getitem__(self, x: Node) -> Formula:
        """The formula of the derivative by one variable."""
        return next(f for v, f in zip(self.variables, self.formulas, strict=True) if v is x)

    @property
    def latex(self) -> str:
        """The formulas in LaTeX, one a line in `aligned` where there are several."""
        lines = [f"{f.name_latex} &= {f.latex}" for f in (*self.formulas, *self.where)]
        if len(lines) == 1:
            return lines[0].replace(" &= ", " = ", 1)
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    @property
    def numpy(self) -> str:
        """The formulas as NumPy code in the user's names: assignments of what they use, then an
        expression (of several variables, a tuple)."""
        lines = [f"{w.code} = {w.numpy}" for w in self.where]
        last = [f.numpy for f in self.formulas]
        return "\n".join([*lines, last[0] if len(last) == 1 else f"({', '.join(last)})"])

    @property
    def index(self) -> str:
        """The formulas in index notation, a line each."""
        return "\n".join(f"{_subscripted(f)} = {f.index}" for f in (*self.formulas, *self.where))

    @property
    def text(self) -> str:
        """The derivation as a teacher writes it, step by step, in Unicode."""
        return self._lesson.text()

    @property
    def latex_text(self) -> str:
        """The same in LaTeX."""
        return self._lesson.latex()

    @property
    def differential(self) -> str:
        """How y moves with the variables, as in dE = ((s − y) ⊙ s ⊙ (1 − s)) xᵀ : dW."""
        return self._lesson.differential()

    @property
    def steps(self) -> Steps:
        """The named steps, from y down; `steps(values=True)` is their text with numbers."""
        return Steps(self._lesson)

    def diagonals(self) -> Derivation:
        """The same with entrywise factors as diagonal matrices: (S − S²) v for s ⊙ (1 − s) ⊙ v."""
        if self._work is None:
            return self
        formulas, where, rewrite = with_diagonals(self._work, self.formulas, self.where)
        return replace(self, formulas=formulas, where=where, _rewrite=rewrite)

    @cached_property
    def _lesson(self) -> Lesson:
        said = [f"uses {fact}: holds for this data" for fact in self.facts]
        told = self.formulas, self.where, self.numpy, [*said, *self.notes], self.checked
        return Lesson(self._work, *told, self._rewrite)

    def evaluate(self) -> Any:
        """What the NumPy code gives at the recorded data: an array, or one per variable."""
        work = self._work
        if work is None:
            return np.zeros(self.variables[0].shape)
        values = work.checks.trials[0].values
        found = [Program(f, self.where, work.printer)(values) for f in self.formulas]
        return found[0] if len(found) == 1 else tuple(found)

    def function(self) -> Callable[..., Any]:
        """The NumPy code as a function of the names that it uses, by keyword."""
        *lines, last = self.numpy.splitlines()
        pairs = [line.partition(" = ") for line in lines]
        program = [(name, compile(code, "<derive>", "eval")) for name, _, code in pairs]
        final = compile(last, "<derive>", "eval")
        known = {**environment(), **(_callables(self._work) if self._work else {})}
        used = {n for _, c in [*program, ("", final)] for n in c.co_names}
        wanted = sorted(
            used - known.keys() - {name for name, _ in program} - _attributes(self.numpy)
        )

        def evaluated(**names: Any) -> Any:
            missing = [n for n in wanted if n not in names]
            if missing:
                raise TypeError(f"the formula needs {', '.join(missing)}")
            values = {k: map_tree(raw, v) for k, v in names.items()}
            return run(program, final, {**known, **values})

        evaluated.__doc__ = f"{self.numpy}\n\nof {', '.join(wanted)}, by keyword."
        return evaluated

    @cached_property
    def adjoints(self) -> Mapping[Node, Formula]:
        """The cotangent of every named step in terms of those of the steps that use it."""
        return self._lesson.adjoints() if self._work is not None else {}

    def __str__(self) -> str:
        lines = [f"{f}   {f.shape or ''}".rstrip() for f in self.formulas]
        lines += [f"    where {w}" for w in self.where]
        if not all(f.matrix for f in self.formulas):
            lines += [f"    in index notation: {f.why}" for f in self.formulas if not f.matrix]
        lines += [f"    uses {fact}: holds for this data" for fact in self.facts]
        lines += [f"    {self.checked}"] if self.checked.sizes else []
        lines += [f"    {note}" for note in self.notes]
        return "\n".join([*lines, *self._lesson.explanations()])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


def _subscripted(f: Formula) -> str:
    return f"{f.name}[{', '.join(f.indices)}]" if f.indices else f.name


def _callables(work: Work) -> Mapping[str, Any]:
    return work.printer.matrices.callables | work.printer.arrays.callables


def _attributes(code: str) -> set[str]:
    return {n.attr for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Attribute)}


def derive(
    y: Node,
    *variables: Node,
    keep: Collection[Any] = (),
    inline: Collection[Any] = (),
    layout: Layout = "denominator",
    facts: Collection[str] = (),
    budget: float = 4.0,
    names: Mapping[str, Any] | None = None,
) -> Derivation:
    """The derivative of y by each variable as a formula: see `Derivation`.

    `tg.derive(E, W, b)` are gradients, `tg.derive(v, W)` is a Jacobian (axes of v, then of W),
    `tg.derive(E, x, x)` a Hessian. Named nodes are names in formulas; those in `inline` are written
    out, the cotangents of those in `keep` never are (nodes or names). `layout="numerator"` gives
    the transpose of a matrix's gradient. `facts` say what holds for all data of interest:
    "A = A.T", "Y.sum(axis=1) = 1". After `budget` seconds no shorter form is looked for. `names`
    holds variables to take names from before the caller's. Every formula is executed before it is
    shown, see `checked`.
    """
    _refuse(y, variables)
    consumers_first = topological_order(y)
    reached = set(consumers_first)
    order = 2 if len(variables) == 2 and variables[0] is variables[1] else 1
    wanted = variables[:1] if order == 2 else variables
    live = tuple(x for x in wanted if x in reached and not x.constant)
    constants = [a for n in reached for a in n.inputs if not isinstance(a, (Node, float, int))]
    known = name_all([*reached, *constants, *variables])
    for name, value in (names or {}).items():
        if isinstance(value, (Node, np.ndarray)) and not getattr(value, "name", None):
            known[id(value)] = name
    notes: dict[str, None] = {}
    compared = [n for n in reversed(consumers_first) if n._meta and n._meta.compared]
    asked = dict.fromkeys(known.get(id(n), "a result") for n in compared)
    if asked:
        notes[f"holds for this branch: the code compared {', '.join(asked)} while it ran"] = None
    answers: dict[Node, Answer] = {}
    work = None
    if live:
        work = Work(
            Request(
                y,
                live,
                order,
                known,
                arrays(),
                keep,
                _declared(facts, known.values()),
                inline,
                layout == "numerator",
                budget,
            )
        )
        answers = dict(zip(live, work.answers(), strict=True))
        notes |= work.notes
        if work.simplifier.late:
            notes[f"the time of {budget:g} s ran out: there may be shorter forms"] = None
    for x in wanted:
        if x not in answers:
            answers[x] = _zero(y, x, known)
            notes[errors.why_unreached(y, x)] = None
    checked = work.checked([*answers.values()]) if work else Checked(0, 0)
    where = {w.code: w for a in answers.values() for w in a.where}
    return Derivation(
        y,
        tuple(wanted),
        tuple(answers[x].formula for x in wanted),
        tuple(where.values()),
        tuple(work.table.facts) if work else (),
        checked,
        tuple(notes),
        work,
    )


def _declared(facts: Collection[str], names: Collection[str]) -> dict[str, list[tuple[str, int]]]:
    """What the user says of arrays: "A = A.T" or "Y.sum(axis=1) = 1"."""
    found: dict[str, list[tuple[str, int]]] = {}
    for fact in facts:
        left, _, right = (side.strip() for side in fact.partition("="))
        if "sum(axis" in fact:
            left, _, right = (side.strip() for side in fact.rpartition("="))
        name = left.partition(".sum")[0]
        known = {f"{name}.sum(axis={axis})": (SUMS, axis) for axis in (0, 1)}
        known[f"{name}.sum()"] = (SUMS, 0)
        if name not in names or not (right == f"{name}.T" if left == name else right == "1"):
            raise ValueError(
                f'derive: the fact {fact!r} is not of the form "A = A.T" or "Y.sum(axis=1) = 1" '
                f"with a name of the graph: {', '.join(sorted(names))}"
            )
        found.setdefault(name, []).append(known.get(left, (SYMMETRIC, -1)))
    return found


def _refuse(y: Any, variables: tuple[Any, ...]) -> None:
    if not isinstance(y, Node):
        raise TypeError(
            f"derive: a {type(y).__name__} has no graph; derive(E, W) takes recorded nodes"
        )
    if not variables:
        raise TypeError("derive: by what? derive(E, W) takes the variables after the result")
    for x in variables:
        if not isinstance(x, Node):
            kind = type(x).__name__
            raise TypeError(
                f"derive(y, x): differentiate by recorded nodes; a {kind} is a constant"
            )


def _zero(y: Node, x: Node, names: Mapping[int, str]) -> Answer:
    text = derivative(names.get(id(y), "y"), names.get(id(x), "x"))
    shape = tuple(x.shape)
    code = f"np.zeros({shape})" if shape else "0.0"
    zero = number(0)
    return Answer(Formula(*text, code, "", shape, zero, lambda: zero), ())
