"""The shortest form that is found: expanded, factored or folded, whichever costs least."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from math import prod

from ..graph.clock import spent
from ..ops.choice import where
from .algebra import add, apply, multiply, opened, rebuilt, rename, total
from .fold import Definitions
from .measure import cost, skeleton
from .moves import composed, undone
from .paper import Paper
from .parts import Power, content, factors, head, is_mask, terms
from .terms import ADD, ATOM, DELTA, MUL, NUM, SIZE, SUM, Expr, Ix, Number, intern

_LEAVES = (NUM, SIZE, ATOM, DELTA)
_TERMS = 32  # more are not expanded to
_TRIES = 8_000  # powers that are tried as common factors, for one expression
_LARGE = 30.0  # an expression that costs more is folded only


@dataclass
class Simplifier:
    """Simplifies expressions, and remembers. `deadline` is when it stops searching; `tries` are
    left for an expression: sums of many products have as many orders in which to factor them."""

    definitions: Definitions = field(default_factory=Definitions)
    deadline: float = float("inf")
    searching: bool = True
    late: bool = False
    tries: int = _TRIES
    _best: dict[Expr, Expr] = field(default_factory=dict)
    _factored: dict[Expr, Expr] = field(default_factory=dict)

    def plain(self) -> Simplifier:
        """One that leaves everything as it is."""
        return Simplifier(self.definitions, searching=False)

    def best(self, e: Expr) -> Expr:
        """The cheapest form found of e and of its parts."""
        if e.kind in _LEAVES or not self.searching:
            return e
        found = self._best.get(e)
        if found is None:
            found = self._best[e] = self._search(e)
        return found

    def shortest(self, array: Paper) -> Paper:
        """The same array, its entry in that form."""
        return Paper(self.best(array.expr), array.axes)

    def _search(self, e: Expr) -> Expr:
        fold = self.definitions
        found = fold.fold(composed(undone(rebuilt(e, self.best), fold.calls)))
        if cost(found) > _LARGE or _spread(found) > _TERMS:
            return found
        if spent() > self.deadline:
            self.late = True
            return found
        self.tries = _TRIES
        flat = expand(found)
        folded = fold.everywhere(flat)
        tried = {found, self.factor(found), flat, folded}
        if found.kind == ADD or len(terms(flat)) < _spread(found):
            tried |= {self.factor(flat), self.factor(folded)}
        tried |= {fold.everywhere(x) for x in tried}
        tried.add(self._chosen(flat))
        return min(tried, key=lambda x: (cost(x), x is not found, x.uid))

    def _chosen(self, e: Expr) -> Expr:
        """A sum where some terms have a mask m as a choice: m a + b is where(m, a + b, b)."""
        masks = dict.fromkeys(b for _, x in terms(e) for b, _ in factors(x)[1] if is_mask(b))
        for mask in masks:
            inside, outside = [], []
            for c, x in terms(e):
                powers = factors(x)[1]
                rest = [(b, k) for b, k in powers if b is not mask]
                if len(rest) == len(powers):
                    outside.append((c, x))
                else:
                    inside.append((c, multiply(rest)))
            if outside:
                choices = add([*inside, *outside]), add(outside)
                return apply(head(where), mask, *map(self.best, choices))
        return e

    def factor(self, e: Expr) -> Expr:
        """A sum with common factors taken out, where that is cheaper."""
        if e.kind != ADD or len(e.args) < 2:
            return e
        found = self._factored.get(e)
        if found is None:
            found = self._factored[e] = self._factor(e)
        return found

    def _factor(self, e: Expr) -> Expr:
        found = e
        c, primitive = content(e)
        if c != 1:
            whole = intern(ADD, (c,), (self.definitions.fold(primitive),))
            found = min(found, add([(c, self.definitions.fold(primitive))]), whole, key=cost)
        taken = [_Term.of(c, x) for c, x in terms(e)]
        seen: set[object] = set()
        for term in taken:
            for b, x in term.powers:
                places = tuple(None if i in term.names else i for i in b.ix)
                outline = (skeleton(b), x > 0, places)
                if outline in seen:
                    continue
                seen.add(outline)
                again = self._taken_out(e, taken, term, b, x)
                if again is not None and cost(again) < cost(found):
                    found = again
        return found

    def _taken_out(
        self, e: Expr, taken: list[_Term], term: _Term, b: Expr, x: Number
    ) -> Expr | None:
        """e with the power b^x taken out of all terms that have it."""
        own = [i for i in term.names if i in b.free]
        self.late |= spent() > self.deadline
        self.tries -= 1
        if self.late or self.tries < 0:
            return None
        shares = [(k, t.share(b, x, own)) for k, t in enumerate(taken)]
        held = [(k, s) for k, s in shares if s is not None]
        if len(held) < 2:
            return None
        common = x
        if any(s.exponent != x for _, s in held):
            if own:
                return None
            common = min((s.exponent for _, s in held), key=lambda y: abs(float(y)))
        rests = [(taken[k].c, taken[k].without(s, b, common)) for k, s in held]
        inner = self.definitions.fold(self.factor(add(rests)))
        gone = {k for k, _ in held}
        found = add(
            [(1, total(own, multiply([(inner, 1), (b, common)])))]
            + [(c, y) for k, (c, y) in enumerate(terms(e)) if k not in gone]
        )
        return self.factor(found) if len(gone) < len(taken) else found


@dataclass(frozen=True)
class _Share:
    """Where a term has a factor: its place, its exponent, and its indices as the factor's."""

    place: int
    exponent: Number
    names: dict[Ix, Ix]


@dataclass(frozen=True)
class _Term:
    """A term with its sums opened: c Σ_names of powers."""

    c: Number
    names: list[Ix]
    powers: list[Power]

    @staticmethod
    def of(c: Number, e: Expr) -> _Term:
        c2, powers = factors(e)
        c *= c2
        names: list[Ix] = []
        found: list[Power] = []
        for b, x in powers:
            if b.kind == SUM and x == 1:
                inner, body = opened(b)
                c2, more = factors(body)
                c, names, found = c * c2, names + inner, found + more
            else:
                found.append((b, x))
        return _Term(c, names, found)

    def share(self, b: Expr, x: Number, own: list[Ix]) -> _Share | None:
        outline = skeleton(b)
        for place, (b2, x2) in enumerate(self.powers):
            if x2 * x <= 0 or skeleton(b2) != outline:
                continue
            mine = [i for i in self.names if i in b2.free]
            if len(mine) != len(own):
                continue
            for order in permutations(own):
                names = dict(zip(mine, order, strict=True))
                if rename(b2, names) is b:
                    return _Share(place, x2, names)
        return None

    def without(self, share: _Share, b: Expr, common: Number) -> Expr:
        rest = [
            (rename(y, share.names), e) for k, (y, e) in enumerate(self.powers) if k != share.place
        ]
        if share.exponent != common:
            rest.append((b, share.exponent - common))
        return total([i for i in self.names if i not in share.names], multiply(rest))


def expand(e: Expr, most: int = _TERMS) -> Expr:
    """e multiplied out, first where terms hold negative powers: those may cancel."""
    if e.kind == ADD:
        return add([(c, expand(x, most)) for c, x in zip(e.head, e.args, strict=True)])
    if e.kind == SUM:
        names, body = opened(e)
        return add([(c, total(names, x)) for c, x in terms(expand(body, most))])
    if e.kind != MUL or most <= 1:
        return e
    powers = list(zip(e.args, e.head, strict=True))
    for k, (b, x) in enumerate(powers):
        if x == 1 and b.kind == SUM:
            flat = expand(b, most)
            if flat is not b:
                return expand(multiply([*powers[:k], (flat, 1), *powers[k + 1 :]]), most)
    open_ = [
        k
        for k, (b, x) in enumerate(powers)
        if b.kind == ADD and x > 0 and x == int(x) and len(b.args) ** int(x) <= most
    ]
    if not open_:
        return e
    k = min(open_, key=lambda k: not _divides(powers[k][0]))
    b, x = powers[k]
    rest = [*powers[:k], *powers[k + 1 :], *([(b, x - 1)] if x != 1 else [])]
    parts = [(c, multiply([*rest, (y, 1)])) for c, y in terms(b)]
    return add([(c, expand(y, most // len(b.args))) for c, y in parts])


def _spread(e: Expr) -> int:
    """How many terms e has when it is multiplied out, before like ones are collected."""
    if e.kind == ADD:
        return sum(map(_spread, e.args))
    if e.kind == SUM:
        return _spread(e.args[0])
    if e.kind == MUL:
        return prod(
            _spread(b) ** x if x == int(x) and x > 0 else 1
            for b, x in zip(e.args, e.head, strict=True)
        )
    return 1


def _divides(e: Expr) -> bool:
    return any(x.kind == MUL and any(c < 0 for c in x.head) for x in e.args)
