"""From a recorded graph to formulas that were executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .. import ops
from ..backprop.flow import sweep
from ..backprop.jacobians import pull
from ..backprop.replay import replay
from ..graph.backend import in_numpy
from ..graph.clock import spent
from ..graph.context import enable_grad
from ..graph.meta import Meta
from ..graph.node import Node, fresh, topological_order
from ..graph.reach import reached
from ..notation.names import latex_name, unicode_name, unused
from .algebra import delta, multiply
from .constants import Constants, fixed_numbers
from .cotangents import Cotangents
from .paper import Paper, again, named, running
from .parts import number
from .printer import Formula, Printer, derivative, symbols_in
from .read import Graph, Reading
from .simplify import Simplifier
from .terms import Expr, Ix, Size, Symbol, Table, table
from .verify import SIZES, Checked, Checks


@dataclass(frozen=True)
class Answer:
    """A formula for one variable with the definitions that it uses, executed; `limits` says where
    it does not hold."""

    formula: Formula
    where: tuple[Formula, ...]
    limits: frozenset[str] = frozenset()


@dataclass(eq=False)
class Work:
    """One derivation, of what is asked for: see `derive`. The table of its expressions is in use
    while it works."""

    y: Node
    variables: tuple[Node, ...]
    order: int
    names: Mapping[int, str]
    asked: Mapping[int, Node]  # what masks are the answers of, by id
    arrays: Mapping[str, Any]  # that the user has, by name
    keep: Collection[Any]
    declared: Mapping[str, Sequence[tuple[str, int]]]
    inline: Collection[Any]
    turned: bool
    budget: float
    table: Table = field(default_factory=Table)
    notes: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.deadline = spent() + self.budget
        with self.table:
            self._read()

    # --- the graph

    def _read(self) -> None:
        y, order = self.y, topological_order(self.y)
        self.constants = Constants(order, self.names, self.arrays, self.asked)
        self.twin = replay(y, constants=self.constants.twins, wide=True, asked=self.asked)
        self.twin |= {
            x: fresh(None, in_numpy(x).astype(float)) for x in self.variables if x not in self.twin
        }
        self.back = {new: old for old, new in self.twin.items()}
        names = {id(n): self.names[id(o)] for o, n in self.twin.items() if id(o) in self.names}
        names = self._distinct(names | self.constants.names)
        root = self.twin[y]
        self.xs = [self.twin[x] for x in self.variables]
        if self.order == 2:
            root = _gradient(root, self.xs[0])
        named = {new for new in self.back if id(new) in names}
        inlined = {self.twin[n] for n in order if _chosen(n, self.names, self.inline)}
        self.kept = {self.twin[n] for n in order if _chosen(n, self.names, self.keep)}
        atoms = named - inlined
        if prod(y.shape) == 1 and self.twin[y] not in self.kept:
            atoms.discard(self.twin[y])
        constants = self.constants
        self.graph = Graph(
            root,
            names,
            atoms,
            set(self.xs),
            constants.derived,
            self.declared,
            constants.masks,
        )
        self.reading = Reading(self.graph)
        if self.order == 2:  # a gradient has the lengths of what it is of
            values = self.reading.values
            for i, j in zip(values[root].axes, values[self.xs[0]].axes, strict=False):
                if i is not None and j is not None:
                    j.size.join(i.size)
        self.notes |= self.constants.notes | self.reading.notes
        self.notes |= fixed_numbers(order, self._lengths)
        self.printer = Printer(self.user_symbols)
        self.simplifier = Simplifier(self.reading.definitions, self.deadline)
        if self.graph.large:
            self.simplifier = self.simplifier.plain()
            self.notes[
                f"{len(self.graph.order):,} nodes: cotangents are named, not written out"
            ] = None

    def _distinct(self, names: Mapping[int, str]) -> dict[int, str]:
        """Names of which no two are the same."""
        found: dict[int, str] = {}
        taken: set[str] = set()
        for key, name in names.items():
            new = unused(name, taken)
            if new != name:
                self.notes[f"two arrays are called {name}: the second is {new} here"] = None
            taken.add(new)
            found[key] = new
        return found

    @cached_property
    def user_symbols(self) -> list[Symbol]:
        """The symbols whose arrays the user has."""
        return [
            s
            for s in self.reading.symbols.values()
            if s not in self.reading.defined or not s.invented
        ]

    @property
    def _lengths(self) -> dict[int, str]:
        """The lengths of the user's arrays, each with the name of one."""
        known = [s for s in self.user_symbols if not s.invented]
        return {n: s.name for s in reversed(known) for n in s.shape if n > 2}

    def source(self, s: Symbol) -> Any:
        """The user's node of a symbol, or the id of the constant array."""
        found = self.back.get(s.source) if isinstance(s.source, Node) else None
        return self.constants.keys[id(s.source)] if found is None else found

    # --- what is derived

    @property
    def scalar(self) -> bool:
        return prod(self.graph.root.shape) == 1 and self.order == 1

    @cached_property
    def _out(self) -> list[Ix | None]:
        """The axes of the result that a derivative has: none of a gradient."""
        axes = self.reading.values[self.graph.root].axes
        return [] if self.scalar else [again(i) for i in axes]

    def _swept(self, simplifier: Simplifier) -> tuple[Cotangents, list[Paper]]:
        """The cotangents of the variables: of a gradient from 1, else from the identity."""
        own = self.reading.values[self.graph.root].axes
        units = [(delta(o, i), 1) for o, i in zip(running(self._out), running(own), strict=False)]
        kept = self.kept if self.scalar else ()
        cotangents = Cotangents(self.reading, simplifier, self.scalar, kept)
        live = [x for x in self.xs if not x.constant]
        found = cotangents.toward(Paper(multiply(units), own), live)
        zeros = {x: Paper(number(0), self.reading.values[x].axes) for x in self.xs}
        return cotangents, [found.get(x, zeros[x]) for x in self.xs]

    def handed(self, x: Node) -> tuple[Symbol, Formula | None]:
        """The cotangent of the result, and what the rules hand to x of it, executed; None if no
        formula of that holds."""
        y, twin = self.graph.root, self.twin[x]
        seed = Symbol(f"δ_{self.called(self.y)}", y.shape, (), source=y, cotangent=True)
        delta_y = named(seed, self.reading.values[y].again().axes)
        g = np.random.default_rng(0).normal(size=y.shape)
        (expected,) = pull(y, [twin], g)
        for simplifier in (self.simplifier, self.simplifier.plain()):
            found = Cotangents(self.reading, simplifier, named=False).toward(delta_y, [twin])
            formula = Formula(found[twin], self.printer) if found else None
            if formula is not None and self.checks.gives(formula, {seed: g}, expected):
                return seed, formula
        return seed, None

    def answers(self) -> list[Answer]:
        """The formula for every variable: the shortest form that holds, or as the rules gave it, or
        one that divides by 0 somewhere."""
        with self.table:
            self.cotangents, found = self._swept(self.simplifier)
            forms = [self._forms(g) for g in found]
            answers = [self._answer(k, form) for k, form in enumerate(forms)]
            shared = {w.code for a in answers for w in a.where}
            for k, answer in enumerate(answers):  # a definition that one needs is used by all
                if shared and not answer.where:
                    other = self._written(k, forms[k][-2], self.cotangents)
                    if other.where and {w.code for w in other.where} <= shared:
                        answers[k] = self._checked(other, k) or answer
            return answers

    def _forms(self, g: Paper) -> list[Paper]:
        """Forms to try: written out, with definitions, as it arrived."""
        if self.graph.large:
            return [g, g]
        e = self.cotangents.shortened(g.expr)
        whole = self.cotangents.whole(e)
        return [Paper(x, g.axes) for x in (e if whole is None else whole, e, g.expr)]

    def _attempts(self, k: int, forms: Sequence[Paper]) -> Iterator[tuple[Paper, Cotangents, bool]]:
        """What to try, with the cotangents that it uses, and whether it may have poles."""
        different = {f.expr: f for f in forms}.values()
        yield from ((form, self.cotangents, False) for form in different)
        by, found = self._plain
        yield found[k], by, False
        yield from ((form, self.cotangents, True) for form in different)

    def _answer(self, k: int, forms: Sequence[Paper]) -> Answer:
        """The first form that holds."""
        for form, by, poles in self._attempts(k, forms):
            answer = self._checked(self._written(k, form, by), k, poles=poles)
            if answer is not None:
                if by is not self.cotangents:
                    said = f"{answer.formula.name}: as the rules gave it; shorter forms failed"
                    self.notes[f"{said} the check"] = None
                return answer
        formula = self._written(k, forms[0], self.cotangents).formula
        self.notes[f"{formula.name}: no formula passed the check"] = None
        return Answer(replace(formula, known=False), ())

    def _checked(self, answer: Answer, k: int, *, poles: bool = False) -> Answer | None:
        limits = self.checks.limits(answer.formula, answer.where, k, poles=poles)
        return None if limits is None else replace(answer, limits=limits)

    @cached_property
    def _plain(self) -> tuple[Cotangents, list[Paper]]:
        """As the rules give it."""
        return self._swept(self.simplifier.plain())

    def _written(self, k: int, g: Paper, cotangents: Cotangents) -> Answer:
        value = Paper(g.expr, (*self._out, *g.axes))
        turned = self.turned and self.scalar and len(value.axes) == 2
        if turned:
            value = Paper(value.expr, value.axes[::-1])
        symbol = self.reading.symbols.get(self.xs[k])
        shape = None
        if self.scalar and symbol is not None:
            shape = f"{self.printer.name(symbol)[1]}.shape{'[::-1]' if turned else ''}"
        title = self._title(self.variables[k])
        formula = Formula(value, self.printer, *title, shape_code=shape)
        return Answer(formula, tuple(self._where(value.expr, cotangents)))

    def _title(self, x: Node) -> tuple[str, str]:
        of, by = self.called(self.y), self.called(x)
        if self.order == 2:
            by_latex, of_latex = latex_name(by), latex_name(of)
            return (
                f"∂²{unicode_name(of)}/∂{unicode_name(by)}²",
                rf"\frac{{\partial^2 {of_latex}}}{{\partial {by_latex}^2}}",
            )
        return derivative(of, by)

    def called(self, node: Node) -> str:
        """The name of a user's node."""
        return self.name(self.twin[node])

    def name(self, twin: Node) -> str:
        """The name of a node."""
        symbol = self.reading.symbols.get(twin)
        if symbol is not None:
            return symbol.name
        return self.graph.names.get(id(twin)) or ("f" if "f" not in self.graph.taken else "out")

    def _where(self, e: Expr, cotangents: Cotangents) -> list[Formula]:
        """Definitions of the cotangents and invented names that e uses, in order of use."""
        known = {s: v for s, v in self.reading.defined.items() if s.invented} | cotangents.values
        used = reached(symbols_in(e), lambda s: symbols_in(known[s].expr) if s in known else ())
        order = sorted(used, key=lambda s: -s.depth if s.cotangent else s.depth - 10**9)
        return [self.definition(s, known[s]) for s in order if s in known]

    def definition(self, s: Symbol, value: Paper) -> Formula:
        """The formula of what a symbol stands for."""
        text, code = self.printer.name(s)
        return Formula(value, self.printer, unicode_name(text), latex_name(text), code)

    # --- checks

    @cached_property
    def checks(self) -> Checks:
        """What formulas are put to."""
        symbols = self.user_symbols
        facts = table().facts
        return Checks(
            self.y,
            self.variables,
            symbols,
            {s: self.source(s) for s in symbols},
            self.constants,
            self._sizes,
            self.order,
            frozenset(s for s in symbols if not facts.keys().isdisjoint(s.observed.values())),
            self.turned and self.scalar,
            self.asked,
        )

    def _sizes(self, node: Node) -> Sequence[Size | None]:
        value = self.reading.values.get(self.twin[node])
        return [None if i is None else i.size for i in value.axes] if value is not None else ()

    def checked(self, answers: Sequence[Answer]) -> Checked:
        """What was executed of all formulas."""
        limits = sorted(set().union(*[a.limits for a in answers]))
        some = any(a.formula.known for a in answers)
        sets = 0 if not some else 1 if SIZES in limits else 2
        return Checked(len(self.checks.trials) - 1, sets, "; ".join(f"holds {w}" for w in limits))


def _chosen(node: Node, names: Mapping[int, str], wanted: Collection[Any]) -> bool:
    name = names.get(id(node))
    return any(node is w or (isinstance(w, str) and w == name) for w in wanted)


def _gradient(y: Node, x: Node) -> Node:
    """The gradient as a recorded graph, to be differentiated again."""
    with enable_grad():
        one = fresh(None, np.ones(y.shape))
        one._meta = Meta(constant=True)
        found = sweep(y, one, record=True, toward=[x]).get(x)
    return found if isinstance(found, Node) else ops.multiply(x, 0.0)
