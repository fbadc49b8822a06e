"""Definitions found again: Σ exp z is a name if a node has it, also as a part of a product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from .algebra import atom, multiply, opened, rebuilt, rename, total
from .measure import cost, skeleton
from .parts import Power, content, factors, number, over
from .terms import ADD, ATOM, CALL, DELTA, MAP, MUL, NUM, SIZE, SUM, Expr, Ix, Symbol, slot

Binding = Mapping[Ix, Ix]
_LEAVES = (NUM, SIZE, ATOM, DELTA)


@dataclass(frozen=True)
class Definition:
    """`pattern`, over the slots, is `factor` (a number and sizes) times an entry of `symbol`."""

    symbol: Symbol
    slots: tuple[Ix, ...]
    pattern: Expr
    factor: Expr


@dataclass
class Definitions:
    """What named nodes are, to be recognised; `calls` are those that an op of whole arrays made."""

    by_pattern: dict[Expr, Definition] = field(default_factory=dict)
    calls: dict[Symbol, Expr] = field(default_factory=dict)
    parts: list[Definition] = field(default_factory=list)
    shapes: set[int] = field(default_factory=set)
    _folded: dict[Expr, Expr] = field(default_factory=dict)
    _everywhere: dict[Expr, Expr] = field(default_factory=dict)

    def define(self, symbol: Symbol, axes: Sequence[Ix], e: Expr) -> None:
        """From now on e, at any indices in the place of `axes`, is an entry of `symbol`."""
        slots = tuple(slot(k) for k in range(len(axes)))
        pattern = rename(e, dict(zip(axes, slots, strict=True)))
        if pattern.kind == CALL:
            self.calls[symbol] = pattern
        if len(axes) == 2 and rename(pattern, {slots[0]: slots[1], slots[1]: slots[0]}) is pattern:
            symbol.symmetric = True
        c, pattern = content(pattern, single=True)
        factor = [(number(over(1, c)), 1)]
        if pattern.kind == MUL:  # μ = Σx / n says that Σx = n μ
            powers = list(zip(pattern.args, pattern.head, strict=True))
            factor += [(x, -y) for x, y in powers if x.kind == SIZE]
            pattern = multiply([(x, y) for x, y in powers if x.kind != SIZE])
        if pattern.kind in _LEAVES or pattern in self.by_pattern:
            return
        found = Definition(symbol, slots, pattern, multiply(factor))
        self.by_pattern[pattern] = found
        self.shapes.add(skeleton(pattern))
        if pattern.kind in (MUL, SUM):
            self.parts.append(found)
        self._folded.clear()
        self._everywhere.clear()

    def fold(self, e: Expr) -> Expr:
        """e with what is defined written as its name: e itself or parts of its product."""
        if e.kind in _LEAVES:
            return e
        found = self._folded.get(e)
        if found is None:
            found, before = e, None
            while found is not before and found.kind not in _LEAVES:
                before, found = found, self._part(self._whole(found))
            self._folded[e] = found
        return found

    def everywhere(self, e: Expr) -> Expr:
        """The same in every part of e."""
        if e.kind in _LEAVES:
            return e
        found = self._everywhere.get(e)
        if found is None:
            found = self._everywhere[e] = self.fold(rebuilt(e, self.everywhere))
        return found

    def _whole(self, e: Expr) -> Expr:
        c, p = content(e, single=True)
        if len(p.free) > 2 or skeleton(p) not in self.shapes:
            return e
        for order in permutations(sorted(p.free, key=lambda i: i.place)):
            pattern = rename(p, {i: slot(k) for k, i in enumerate(order)})
            d = self.by_pattern.get(pattern)
            if d is not None and len(d.slots) == len(order):
                return multiply([(number(c), 1), (d.factor, 1), (atom(d.symbol, order), 1)])
        return e

    def _part(self, e: Expr) -> Expr:
        """Definitions that are a part of a product, possibly under a sum."""
        if e.kind not in (MUL, SUM):
            return e
        best = e
        have = {skeleton(x) for x, _ in factors(e.args[0] if e.kind == SUM else e)[1]}
        for d in self.parts:
            inner = d.pattern.args[0] if d.pattern.kind == SUM else d.pattern
            _, needed = factors(inner)
            if d.pattern is e or not {skeleton(x) for x, _ in needed} <= have:
                continue
            again = _with_part(e, d, needed)
            if again is not None and cost(again) < cost(best):
                best = again
        return best


def _with_part(e: Expr, d: Definition, needed: list[Power]) -> Expr | None:
    names, body = opened(e) if e.kind == SUM else ([], e)
    c, body = content(body, single=True)
    private = d.pattern.ix if d.pattern.kind == SUM else ()
    for rest, binding in _matches(needed, factors(body)[1], {}, exact=bool(private)):
        if len(set(binding.values())) < len(binding) or any(s not in binding for s in d.slots):
            continue
        inner = [binding[i] for i in private]
        if any(i not in names or any(i in x.free for x, _ in rest) for i in inner):
            continue
        named = atom(d.symbol, [binding[s] for s in d.slots])
        product = [(number(c), 1), (d.factor, 1), *rest, (named, 1)]
        return total([i for i in names if i not in inner], multiply(product))
    return None


def _matches(
    needed: list[Power], have: list[Power], binding: Binding, *, exact: bool
) -> Iterator[tuple[list[Power], Binding]]:
    """Ways to take the powers `needed` out of those at hand: what is left, and the indices."""
    if not needed:
        yield have, binding
        return
    (p, wanted), *more = needed
    for k, (x, given) in enumerate(have):
        apart = float(given) * float(wanted) <= 0 or abs(float(given)) < abs(float(wanted))
        if (given != wanted) if exact else apart:
            continue
        for found in unified(p, x, binding):
            left = given - wanted
            rest = [*have[:k], *([(x, left)] if left else []), *have[k + 1 :]]
            yield from _matches(more, rest, found, exact=exact)


def unified(p: Expr, e: Expr, binding: Binding) -> Iterator[Binding]:
    """The ways in which the pattern p, its indices bound to those of e, is e."""
    if p.kind != e.kind or len(p.args) != len(e.args) or len(p.ix) != len(e.ix):
        return
    if p.kind == SUM:
        for order in permutations(e.ix):
            extended = _bind(p.ix, order, binding)
            if extended is not None:
                yield from unified(p.args[0], e.args[0], extended)
    elif p.kind == CALL and p.args != e.args:
        return
    elif p.kind in (ADD, MUL):
        if sorted(p.head) == sorted(e.head):
            yield from _unified_parts(list(zip(p.args, p.head, strict=True)), e, [], binding)
    elif p.head != e.head:
        return
    elif p.kind == MAP:
        found = [binding]
        for q, x in zip(p.args, e.args, strict=True):
            found = [more for known in found for more in unified(q, x, known)]
        yield from found
    else:
        orders = [e.ix]
        turns = p.kind == DELTA or (p.kind == ATOM and p.head.symmetric)
        if len(e.ix) == 2 and turns:
            orders.append(e.ix[::-1])
        for order in orders:
            extended = _bind(p.ix, order, binding)
            if extended is not None:
                yield extended


def _bind(pattern: Sequence[Ix], ix: Sequence[Ix], binding: Binding) -> dict[Ix, Ix] | None:
    found = dict(binding)
    for i, j in zip(pattern, ix, strict=True):
        if (i is not j) if i.kind == "fixed" else (found.setdefault(i, j) is not j):
            return None
    return found


def _unified_parts(
    ps: list[Power], e: Expr, used: list[Expr], binding: Binding
) -> Iterator[Binding]:
    if not ps:
        yield binding
        return
    (p, c), *more = ps
    for x, c2 in zip(e.args, e.head, strict=True):
        if c2 == c and x not in used:
            for found in unified(p, x, binding):
                yield from _unified_parts(more, e, [*used, x], found)
