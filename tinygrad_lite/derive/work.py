"""From a recorded graph to formulas that were executed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from time import monotonic
from typing import Any

import numpy as np

from .. import ops
from ..backprop.flow import sweep
from ..backprop.replay import replay
from ..graph.context import enable_grad
from ..graph.node import Node, fresh, topological_order
from ..notation.names import latex_name, unicode_name
from .algebra import delta, multiply
from .constants import Constants
from .cotangents import Cotangents
from .paper import Paper
from .parts import number
from .printer import Printer, derivative, symbols_in
from .read import Graph, Reading
from .records import Checked, Formula
from .simplify import Simplifier
from .terms import Expr, Ix, Size, Symbol, Table, index, table
from .verify import REDRAWS, Laboratory, Trial, agrees, run


@dataclass(frozen=True)
class Request:
    """What is asked for: see `derive`."""

    y: Node
    variables: tuple[Node, ...]
    order: int
    names: Mapping[int, str]
    arrays: Mapping[str, Any]  # that the user has, by name
    keep: Collection[Any]
    inline: Collection[Any]
    turned: bool
    budget: float


@dataclass(frozen=True)
class Answer:
    """A formula for one variable with the definitions that it uses, all executed."""

    formula: Formula
    where: tuple[Formula, ...]


class Work:
    """One derivation. Its table of expressions is in use while it works."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.table = Table()
        self.names = request.names
        self.notes: dict[str, None] = {}
        self.failed: dict[str, None] = {}
        self.started = monotonic()
        with self.table:
            self._read()

    # --- the graph

    def _read(self) -> None:
        y, variables = self.request.y, self.request.variables
        order = topological_order(y)
        self.constants = Constants(order, self.names, self.request.arrays)
        self.twin = replay(y, constants=self.constants.twins, wide=True)
        self.back = {new: old for old, new in self.twin.items()}
        names = {id(n): self.names[id(o)] for o, n in self.twin.items() if id(o) in self.names}
        names = self._distinct(names | self.constants.names)
        root = self.twin[y]
        self.xs = [self.twin[x] for x in variables]
        if self.request.order == 2:
            root = _gradient(root, self.xs[0])
        named = {new for new in self.back if id(new) in names}
        inlined = {self.twin[n] for n in order if _chosen(n, self.names, self.request.inline)}
        self.kept = {self.twin[n] for n in order if _chosen(n, self.names, self.request.keep)}
        atoms = named - inlined
        if prod(y.shape) == 1 and self.twin[y] not in self.kept:
            atoms.discard(self.twin[y])
        self.graph = Graph(root, names, atoms, set(self.xs), self.constants.derived)
        self.reading = Reading(self.graph)
        self.notes |= self.constants.notes | self.reading.notes
        self.printer = Printer(self.user_symbols)
        self.simplifier = Simplifier(self.reading.definitions, self.started + self.request.budget)

    def _distinct(self, names: Mapping[int, str]) -> dict[int, str]:
        """Names of which no two are the same."""
        found: dict[int, str] = {}
        taken: set[str] = set()
        for key, name in names.items():
            new = name
            k = 2
            while new in taken:
                new, k = f"{name}_{k}", k + 1
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

    def source(self, s: Symbol) -> Any:
        """The user's node of a symbol, or the id of the constant array."""
        found = self.back.get(s.source) if isinstance(s.source, Node) else None
        return self.constants.keys[id(s.source)] if found is None else found

    # --- what is derived

    @property
    def scalar(self) -> bool:
        return prod(self.graph.root.shape) == 1 and self.request.order == 1

    def _seed(self) -> tuple[Paper, list[Ix]]:
        """The cotangent to start from: 1, or delta with the indices of the result."""
        axes = self.reading.values[self.graph.root].axes
        if self.scalar:
            return Paper(number(1), axes), []
        out = [index(i.size) for i in axes if i is not None]  # type: ignore[arg-type]
        own = [i for i in axes if i is not None]
        units = [(delta(o, i), 1) for o, i in zip(out, own, strict=True)]
        return Paper(multiply(units), axes), out

    def _swept(
        self, simplifier: Simplifier, *, named: bool
    ) -> tuple[Cotangents, dict[Node, Paper], list[Ix]]:
        seed, out = self._seed()
        kept = self.kept if self.scalar else ()
        cotangents = Cotangents(self.reading, simplifier, named and self.scalar, kept)
        return cotangents, cotangents.toward(seed, self.xs), out

    def answers(self) -> list[Answer]:
        """The formula for every variable, checked."""
        with self.table:
            self.cotangents, found, out = self._swept(self.simplifier, named=True)
            self.found = found
            pairs = [(k, x, found[x], out) for k, x in enumerate(self.xs)]
            answers = [self._answer(*pair) for pair in pairs]
            shared = {w.code for a in answers if a is not None for w in a.where}
            if shared:  # a definition that another formula needs is used by all
                answers = [
                    self._answer(*p, shared) or a for p, a in zip(pairs, answers, strict=True)
                ]
            if None in answers:
                return self._plainly(answers)
            return [a for a in answers if a is not None]

    def _answer(
        self, k: int, x: Node, g: Paper, out: list[Ix], shared: Collection[str] = ()
    ) -> Answer | None:
        """The first form that holds: written out, with definitions, and as the rules gave it.
        With `shared`, one that uses these definitions and no others."""
        e = self.cotangents.shortened(g.expr)
        whole = None if shared else self.cotangents.whole(e)
        candidates = dict.fromkeys([e if whole is None else whole, e, g.expr])
        for expr in candidates:
            answer = self._written(k, Paper(expr, (*self._out_axes(out), *g.axes)), self.cotangents)
            used = {w.code for w in answer.where}
            if shared and not (used and used <= set(shared)):
                return None
            if self._holds(answer, k):
                return answer
        return None

    def _out_axes(self, out: list[Ix]) -> list[Ix | None]:
        if self.scalar:
            return []
        own = iter(out)
        return [None if i is None else next(own) for i in self.reading.values[self.graph.root].axes]

    def _plainly(self, answers: Sequence[Answer | None]) -> list[Answer]:
        """What did not hold in a simplified form, as the rules gave it."""
        self.printer = Printer(self.user_symbols)
        plain = Simplifier(self.reading.definitions, 0.0, searching=False)
        cotangents, found, out = self._swept(plain, named=True)
        done = []
        for k, (x, answer) in enumerate(zip(self.xs, answers, strict=True)):
            if answer is None:
                g = found[x]
                answer = self._written(
                    k, Paper(g.expr, (*self._out_axes(out), *g.axes)), cotangents
                )
                name = answer.formula.name
                if self._holds(answer, k):
                    self.notes[f"{name}: as the rules gave it; shorter forms failed the check"] = (
                        None
                    )
                else:
                    answer = Answer(
                        replace(answer.formula, text="…", latex=r"\ldots", numpy="", index="…"), ()
                    )
                    self.notes[f"{name}: no formula passed the check"] = None
            done.append(answer)
        return done

    def _written(self, k: int, value: Paper, cotangents: Cotangents) -> Answer:
        x, y = self.request.variables[k], self.request.y
        shape = f"{self._code(self.xs[k])}.shape"
        if not self.scalar:
            shape = str(tuple(1 if i is None else i.size.number for i in value.axes))  # type: ignore[union-attr]
            parts = ["1" if i is None else self.printer.size(i.size).code for i in value.axes]  # type: ignore[arg-type]
            shape = f"({', '.join(parts)},)"
        names = self._title(y, x)
        if self.request.turned and self.scalar and len(value.axes) == 2:
            value = Paper(value.expr, value.axes[::-1])
            shape = f"{shape}[::-1]"
        formula = self.printer.formula(names, value, shape)
        return Answer(formula, tuple(self._where(value.expr, cotangents)))

    def _title(self, y: Node, x: Node) -> tuple[str, str]:
        of, by = self.called(y), self.called(x)
        if self.request.order == 2:
            by_latex, of_latex = latex_name(by), latex_name(of)
            return (
                f"∂²{unicode_name(of)}/∂{unicode_name(by)}²",
                rf"\frac{{\partial^2 {of_latex}}}{{\partial {by_latex}^2}}",
            )
        return derivative(of, by)

    def called(self, node: Node) -> str:
        """The name of a user's node."""
        twin = self.twin[node]
        symbol = self.reading.symbols.get(twin)
        return symbol.name if symbol is not None else self.graph.names.get(id(twin), "y")

    def _code(self, twin: Node) -> str:
        symbol = self.reading.symbols.get(twin)
        return self.printer.name(symbol)[1] if symbol is not None else "y"

    def _where(self, e: Expr, cotangents: Cotangents) -> list[Formula]:
        """Definitions of the cotangents and invented names that e uses, in order of use."""
        found: dict[Symbol, Paper] = {}
        stack = list(symbols_in(e))
        while stack:
            s = stack.pop()
            value = cotangents.values.get(s)
            if value is None and s.invented:
                value = self.reading.defined.get(s)
            if value is not None and s not in found:
                found[s] = value
                stack.extend(symbols_in(value.expr))
        order = sorted(found, key=lambda s: -s.depth if s.cotangent else s.depth - 10**9)
        return [self.definition(s, found[s]) for s in order]

    def definition(self, s: Symbol, value: Paper) -> Formula:
        """The formula of what a symbol stands for."""
        text, code = self.printer.name(s)
        return replace(self.formula(text, value), code=code)

    def formula(self, name: str, value: Paper) -> Formula:
        """The formula of an array that is called `name`."""
        sizes = [self.printer.size(i.size).code if i is not None else "1" for i in value.axes]  # type: ignore[arg-type]
        names = unicode_name(name), latex_name(name)
        return self.printer.formula(names, value, f"({''.join(f'{n}, ' for n in sizes)})")

    # --- checks

    @cached_property
    def laboratory(self) -> Laboratory:
        symbols = self.user_symbols
        return Laboratory(
            self.request.y,
            self.request.variables,
            symbols,
            {s: self.source(s) for s in symbols},
            self.constants,
            self._sizes,
            self.request.order,
            frozenset(
                s for s in symbols if not table().facts.keys().isdisjoint(s.observed.values())
            ),
        )

    def _sizes(self, node: Node) -> Sequence[Size | None]:
        axes = self.reading.values[self.twin[node]].axes
        return [None if i is None else i.size for i in axes]

    @cached_property
    def trials(self) -> list[Trial]:
        """The recorded data, and redraws of it."""
        rng = np.random.default_rng(0)
        draws = (self.laboratory.redrawn(rng) for _ in range(REDRAWS))
        return [self.laboratory.recorded(), *(t for t in draws if t is not None)]

    @cached_property
    def resized(self) -> Trial | None:
        return self.laboratory.resized(np.random.default_rng(1))

    @cached_property
    def zeroed(self) -> Trial | None:
        return self.laboratory.redrawn(np.random.default_rng(2), zeros=True)

    def _holds(self, answer: Answer, k: int) -> bool:
        """Whether a formula gives the derivative, in value and shape, at all trials."""
        if not answer.formula.numpy or any(not w.numpy for w in answer.where):
            return False
        try:
            execute = Program(answer.formula, answer.where, self.printer)
            good = all(self._agrees(execute, t, k) for t in self.trials)
        except (
            SyntaxError,
            ValueError,
            TypeError,
            IndexError,
            NameError,
            np.linalg.LinAlgError,
            ZeroDivisionError,
            AttributeError,
        ):
            return False
        if good:
            name = answer.formula.name
            for trial, words in (
                (self.resized, "at these sizes"),
                (self.zeroed, "where no entry is 0"),
            ):
                try:
                    held = trial is not None and self._agrees(
                        execute, trial, k, finite=trial is self.zeroed
                    )
                except Exception:
                    held = False
                if not held and not (trial is None and words != "at these sizes"):
                    self.failed[f"{name}: {words}"] = None
        return good

    def _agrees(self, execute: Program, trial: Trial, k: int, *, finite: bool = False) -> bool:
        expected = np.asarray(trial.expected[k])
        if self.request.turned and self.scalar:
            expected = expected.T
        return agrees(execute(trial.values), expected, trial.noise, finite=finite)

    def checked(self) -> Checked:
        """What was executed of all formulas."""
        limited = {f.rpartition(": ")[2] for f in self.failed}
        where = "; ".join(f"holds {w}" for w in sorted(limited))
        return Checked(len(self.trials) - 1, 1 if "at these sizes" in limited else 2, where)


class Program:
    """The code of a formula with its definitions, to be run on data."""

    def __init__(self, formula: Formula, where: Sequence[Formula], printer: Printer) -> None:
        self.lines = [(w.code, compile(w.numpy, "<where>", "eval")) for w in where]
        self.last = compile(formula.numpy, "<formula>", "eval")
        self.codes = dict(printer.codes)
        self.callables = printer.matrices.callables | printer.arrays.callables

    def __call__(self, values: Mapping[Symbol, Any]) -> Any:
        names = {code: values[s] for s, code in self.codes.items() if s in values}
        return run(self.lines, self.last, {**self.callables, **names})


def _chosen(node: Node, names: Mapping[int, str], wanted: Collection[Any]) -> bool:
    name = names.get(id(node))
    return any(node is w or (isinstance(w, str) and w == name) for w in wanted)


def _gradient(y: Node, x: Node) -> Node:
    """The gradient as a recorded graph, to be differentiated again."""
    with enable_grad():
        one = fresh(None, np.ones(y.shape))
        found = sweep(y, one, record=True, toward=[x]).get(x)
    return found if isinstance(found, Node) else ops.multiply(x, 0.0)
