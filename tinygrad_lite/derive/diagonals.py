"""Entrywise factors as diagonal matrices: s ⊙ (1 − s) ⊙ v is (S − S²) v with S = Diag(s)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .algebra import add, atom, delta, multiply, rebuilt, rename, total
from .paper import Paper
from .parts import Power, terms
from .printer import Formula
from .simplify import expand
from .terms import ADD, ATOM, MUL, NUM, Expr, Ix, Number, Symbol, index
from .work import Work


def with_diagonals(
    work: Work, formulas: Sequence[Formula], where: Sequence[Formula]
) -> tuple[tuple[Formula, ...], tuple[Formula, ...], Callable[[Paper], Paper]]:
    """The formulas so rewritten, with what they use, each executed as it is now printed: one that
    does not hold stays as it is."""
    with work.table:
        names = {s.name for s in work.reading.symbols.values()}
        diagonals = Diagonals(names)
        new = [
            Formula(diagonals.rewritten(f.paper), work.printer, f.name, f.name_latex)
            for f in formulas
        ]
        matrices = [work.definition(s, v) for s, v in diagonals.definitions().items()]
        used = (*where, *matrices)
        limits = [work.checks.limits(f, used, k) for k, f in enumerate(new)]
        held = [found is not None for found in limits]
    kept = tuple(f2 if ok else f for f, f2, ok in zip(formulas, new, held, strict=True))
    return kept, used if any(held) else tuple(where), diagonals.rewritten


@dataclass
class Diagonals:
    """Rewrites expressions. `matrices` has the diagonal matrix of each vector that was met; `taken`
    are the names in use."""

    taken: set[str]
    matrices: dict[Symbol, Symbol] = field(default_factory=dict)

    def rewritten(self, paper: Paper) -> Paper:
        """The same array, with diagonal matrices."""
        return Paper(self._expr(paper.expr), paper.axes)

    def definitions(self) -> dict[Symbol, Paper]:
        """What the matrices are: S = Diag(s)."""
        found = {}
        for vector, matrix in self.matrices.items():
            i, j = (index(size) for size in matrix.sizes)
            diagonal = multiply([(delta(i, j), 1), (atom(vector, [i]), 1)])
            found[matrix] = Paper(diagonal, (i, j))
        return found

    def _expr(self, e: Expr) -> Expr:
        if e.kind != MUL:
            return rebuilt(e, self._expr)
        powers: list[Power] = list(zip(e.args, e.head, strict=True))
        for b, _ in powers:
            vector = b.head if b.kind == ATOM and len(b.ix) == 1 == len(b.head.shape) else None
            if vector is not None and b.ix[0].kind == "free":
                found = self._taken_out(powers, vector, b.ix[0])
                if found is not None:
                    return found
        return rebuilt(e, self._expr)

    def _taken_out(self, powers: Sequence[Power], vector: Symbol, i: Ix) -> Expr | None:
        """The factors that are polynomials of vector[i], as a matrix before the rest."""
        own = [(b, e) for b, e in powers if e > 0 and e == int(e) and _polynomial(b, vector, i)]
        rest = [p for p in powers if p not in own]
        moving = [(b, e) for b, e in rest if b.free == {i}] or [p for p in rest if i in p[0].free]
        if not moving or (len(own) == 1 and own[0][1] == 1 and own[0][0].kind == ATOM):
            return None
        k = index(i.size)
        matrix = self._matrix(vector, i)
        parts = [(c, self._power(x, matrix, i, k)) for c, x in terms(expand(multiply(own)))]
        moved = rename(multiply(moving), {i: k})
        product = total([k], multiply([(add(parts), 1), (moved, 1)]))
        return multiply([(product, 1), *(p for p in rest if p not in moving)])

    def _power(self, x: Expr, matrix: Symbol, i: Ix, k: Ix) -> Expr:
        """c, s, s² as I, S, S²."""
        if x.kind == NUM:
            return delta(i, k)
        power: Number = x.head[0] if x.kind == MUL else 1
        return multiply([(atom(matrix, [i, k]), power)])

    def _matrix(self, vector: Symbol, i: Ix) -> Symbol:
        found = self.matrices.get(vector)
        if found is None:
            name = vector.name[0].upper() + vector.name[1:]
            if name in self.taken:
                name = f"D_{vector.name}"
            self.taken.add(name)
            n = i.size.number
            found = Symbol(name, (n, n), (0, 1), vector.depth, symmetric=True)
            found.sizes = (i.size.root(), i.size.root())
            found.invented = True
            self.matrices[vector] = found
        return found


def _polynomial(e: Expr, vector: Symbol, i: Ix) -> bool:
    """Whether e is a polynomial of vector[i] and of nothing else."""
    if e.kind == ATOM:
        return e.head is vector and e.ix == (i,)
    if e.kind == NUM:
        return True
    if e.kind == ADD:
        return all(_polynomial(x, vector, i) for x in e.args)
    if e.kind == MUL:
        whole = all(c > 0 and c == int(c) for c in e.head)
        return whole and all(_polynomial(x, vector, i) for x in e.args)
    return False
