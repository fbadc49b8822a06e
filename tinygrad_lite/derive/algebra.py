"""Index expressions put together, in canonical form.

Sums and products are flat, with like terms collected; deltas are substituted; factors that a sum
does not run over leave it, and what it runs over falls into connected parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

from ..graph import floats
from ..graph.op import Op
from ..ops.choice import where
from ..ops.comparison import logical_and, logical_not
from ..ops.elementwise import log
from ..ops.linalg import inv
from .parts import (
    EXP,
    SIGMOID,
    Power,
    connected,
    content,
    exact,
    factors,
    head,
    in_order,
    is_mask,
    is_one,
    is_zero,
    known_sum,
    logistic,
    logistic_slope,
    number,
    raised,
    size_of,
    terms,
    whole,
)
from .terms import (
    ADD,
    ATOM,
    CALL,
    DELTA,
    MAP,
    MUL,
    NUM,
    SIZE,
    SUM,
    Expr,
    Head,
    Ix,
    Number,
    Symbol,
    bound,
    index,
    intern,
    slot,
    table,
)

ROW, COLUMN = slot(0), slot(1)
_NOTHING = 1e-14  # a coefficient that is rounding


LOG = head(log)
_OF_MASKS: Mapping[Op, Callable[..., Expr]] = {
    logical_not: lambda m: add([(1, number(1)), (-1, m)]),
    logical_and: lambda m, n: multiply([(m, 1), (n, 1)]),
}


def add(parts: Iterable[tuple[Number, Expr]]) -> Expr:
    """The sum of coefficients times expressions."""
    found: dict[Expr, Number] = {}
    for c, e in parts:
        for c2, x in terms(e):
            found[x] = found.get(x, 0) + c * c2
    kept = [(x, exact(c)) for x, c in found.items() if abs(float(c)) > _NOTHING]
    one = next(((x, c) for x, c in kept if is_one(x)), None)
    if one is not None:  # 1 - σ(u) is σ(-u)
        for x, c in kept:
            if x.kind == MAP and x.head == SIGMOID and c == -one[1]:
                rest = [(k, y) for y, k in kept if y is not x and y is not one[0]]
                return add([*rest, (one[1], apply(SIGMOID, scaled(-1, x.args[0])))])
    if not kept:
        return number(0)
    kept.sort(key=lambda t: t[0].uid)
    if len(kept) == 1:
        if is_one(kept[0][0]):
            return number(kept[0][1])
        if kept[0][1] == 1:
            return kept[0][0]
    return intern(ADD, tuple([c for _, c in kept]), tuple([x for x, _ in kept]))


def scaled(c: Number, e: Expr) -> Expr:
    """c times e."""
    return add([(exact(c), e)])


def multiply(parts: Iterable[Power]) -> Expr:
    """The product of powers."""
    c: Number = 1
    found: dict[Expr, Number] = {}
    todo = [*parts]
    while todo:
        base, e = todo.pop()
        e = exact(e)
        if is_zero(base):
            return base
        if base.kind == NUM:
            c *= raised(base.head, e)
        elif base.kind == MUL and (whole(e) or not any(whole(x) and x % 2 == 0 for x in base.head)):
            todo += [(b, x * e) for b, x in zip(base.args, base.head, strict=True)]
        elif base.kind == ADD and len(base.args) == 1 and (whole(e) or base.head[0] > 0):
            c *= raised(base.head[0], e)
            todo.append((base.args[0], e))
        else:
            if base.kind == ADD and whole(e):
                inside, base = content(base)
                c *= raised(inside, e)
            if base.kind == MAP and base.head == EXP and e != 1:
                base, e = apply(EXP, scaled(e, base.args[0])), 1
            unit = is_mask(base) or base.kind == DELTA
            found[base] = 1 if unit else found.get(base, 0) + e
    if not c:
        return number(0)
    pairs = [(b, exact(e)) for b, e in found.items() if e]
    if not pairs:
        return number(c)
    again = _substituted(pairs) or _exponentials(pairs)
    if again is not None:
        return multiply([(number(c), 1), *again])
    pairs = logistic_slope(pairs)
    pairs.sort(key=lambda t: t[0].uid)
    if len(pairs) == 1 and pairs[0][1] == 1:
        return scaled(c, pairs[0][0])
    made = intern(MUL, tuple([x for _, x in pairs]), tuple([b for b, _ in pairs]))
    return made if c == 1 else intern(ADD, (exact(c),), (made,))


def _substituted(pairs: list[Power]) -> list[Power] | None:
    """Beside delta(i, j), j is i."""
    for d, _ in pairs:
        if d.kind != DELTA:
            continue
        i, j = d.ix
        if any(j in b.free for b, _ in pairs if b is not d):
            return [(d, 1), *((rename(b, {j: i}), e) for b, e in pairs if b is not d)]
    return None


def _exponentials(pairs: list[Power]) -> list[Power] | None:
    """exp u exp v is exp(u + v), and what is a logistic function is written as one."""
    exps = [b for b, _ in pairs if b.kind == MAP and b.head == EXP]
    for a, b in combinations(exps, 2):
        if a.free <= b.free or b.free <= a.free:  # of three indices there is no matrix
            power = apply(EXP, add([(1, a.args[0]), (1, b.args[0])]))
            return [(power, 1), *(p for p in pairs if p[0] is not a and p[0] is not b)]
    found = logistic(pairs)
    if found is None:
        return None
    rest, made = found
    return [*rest, *((apply(SIGMOID, scaled(sign, u)), e) for sign, u, e in made)]


def delta(i: Ix, j: Ix) -> Expr:
    """1 where the indices agree, else 0."""
    if i is j:
        return number(1)
    if i.kind == j.kind == "fixed":
        return number(0)
    return intern(DELTA, ix=in_order(i, j))


def atom(symbol: Symbol, ix: Sequence[Ix]) -> Expr:
    """The entry of a named array."""
    ix = tuple(ix)
    if symbol.identity:
        table().facts[f"{symbol.name} = I"] = None
        return delta(*ix)
    if symbol.symmetric and len(ix) == 2 and in_order(*ix) != ix:
        ix = in_order(*ix)
        if -1 in symbol.observed:
            table().facts[symbol.observed[-1]] = None
    return intern(ATOM, symbol, ix=ix)


def apply(f: Head, *args: Expr) -> Expr:
    """A function of entries, each by itself."""
    x = args[0]
    if f == LOG and x.kind == MAP and x.head == EXP:
        return x.args[0]
    if f == EXP:
        if is_zero(x):
            return number(1)
        logs = [
            (c, t) for c, t in terms(x) if t.kind == MAP and t.head == LOG and whole(c)
        ]  # exp(a + log b) is b exp a
        if logs:
            taken = [t for _, t in logs]
            rest = add([(c, t) for c, t in terms(x) if t not in taken])
            return multiply([(apply(EXP, rest), 1), *((t.args[0], c) for c, t in logs)])
    if f.op in _OF_MASKS and all(map(is_mask, args)):
        return _OF_MASKS[f.op](*args)
    if f.op is where:
        if x.kind == ADD and (opposite := add([(1, number(1)), (-1, x)])) and is_mask(opposite):
            return apply(f, opposite, args[2], args[1])
        if args[1].kind == args[2].kind == NUM and is_mask(x):
            low = args[2].head
            return add([(args[1].head - low, x), (low, number(1))])
    if all(a.kind == NUM for a in args):
        try:
            value = f.op.forward(floats, *(float(a.head) for a in args), **f.params)
            return number(float(value))
        except (ValueError, TypeError, ArithmeticError, AttributeError):
            pass
    return intern(MAP, f, args)


def call(f: Head, ix: Sequence[Ix], *bodies: Expr) -> Expr:
    """The entry `ix` of an op of whole arrays; each body is an array over the slots 0, 1, ..."""
    ix = tuple(ix)
    if f.op is inv and len(ix) == 2:
        return _inverse(f, ix, bodies[0])
    return intern(CALL, f, bodies, ix)


def transposed(body: Expr) -> Expr:
    """A body with its two slots exchanged."""
    return rename(body, {ROW: COLUMN, COLUMN: ROW})


def _inverse(f: Head, ix: tuple[Ix, ...], body: Expr) -> Expr:
    turned = transposed(body)
    if turned is body:
        ix = in_order(*ix)
    elif turned.uid < body.uid:
        body, ix = turned, ix[::-1]
    if body.kind == CALL and body.op is inv and body.ix == (ROW, COLUMN):
        return rename(body.args[0], {ROW: ix[0], COLUMN: ix[1]})
    return intern(CALL, f, (body,), ix)


def rename(e: Expr, new: Mapping[Ix, Ix]) -> Expr:
    """e with its free indices renamed."""
    new = {i: j for i, j in new.items() if i in e.free and i is not j}
    if not new:
        return e
    memo = table().renamed
    key = (e, tuple(new.items())) if len(new) == 1 else (e, frozenset(new.items()))
    found = memo.get(key)
    if found is None:
        found = memo[key] = _renamed(e, new)
    return found


def _renamed(e: Expr, new: Mapping[Ix, Ix]) -> Expr:
    kind = e.kind
    if kind == ATOM:
        return atom(e.head, [new.get(i, i) for i in e.ix])
    if kind == DELTA:
        return delta(new.get(e.ix[0], e.ix[0]), new.get(e.ix[1], e.ix[1]))
    if kind == CALL:
        return call(e.head, [new.get(i, i) for i in e.ix], *e.args)
    apart = not any(j in e.free or j.kind == "fixed" for j in new.values())
    if kind == SUM and apart and len(set(new.values())) == len(new):  # the sum stays as it is
        return _canonical(rename(e.args[0], new), e.ix, e.head, e.ix)
    return rebuilt(e, lambda x: rename(x, new))


def rebuilt(e: Expr, f: Any) -> Expr:
    """e put together again from f of its parts."""
    kind = e.kind
    if kind == ADD:
        return add([(c, f(x)) for c, x in zip(e.head, e.args, strict=True)])
    if kind == MUL:
        return multiply([(f(x), c) for c, x in zip(e.head, e.args, strict=True)])
    if kind == MAP:
        return apply(e.head, *map(f, e.args))
    if kind == CALL:
        return call(e.head, e.ix, *map(f, e.args))
    if kind == SUM:
        names, body = opened(e)
        return total(names, f(body))
    if kind == SIZE:
        return intern(SIZE, e.head.root())
    return e


def opened(e: Expr) -> tuple[list[Ix], Expr]:
    """The indices of a sum, fresh, and its body."""
    names = [index(size) for size in e.head]
    return names, rename(e.args[0], dict(zip(e.ix, names, strict=True)))


def total(names: Iterable[Ix], body: Expr) -> Expr:
    """The sum of `body` over free indices."""
    names = list(dict.fromkeys(names))
    if not names or is_zero(body):
        return body
    c, powers = factors(body)
    out: list[Power] = [(size_of(i), 1) for i in names if i not in body.free]
    names = [i for i in names if i in body.free]
    k = 0
    while k < len(powers):  # a sum within the sum is one sum
        b, e = powers[k]
        if b.kind == SUM and e == 1 and not b.free.isdisjoint(names):
            inner, inside = opened(b)
            c2, more = factors(inside)
            c, names = c * c2, names + inner
            powers = [*powers[:k], *more, *powers[k + 1 :]]
        else:
            k += 1
    again = _through_delta(names, powers) or _inverted(names, powers)
    if again is not None:
        return multiply([(number(c), 1), (again, 1), *out])
    mine = set(names)
    out += [(b, e) for b, e in powers if b.free.isdisjoint(mine)]
    parts = connected([(b, e) for b, e in powers if not b.free.isdisjoint(mine)], mine)
    for own, part in parts:
        inside = multiply(part)
        known = known_sum(inside, own) if inside.kind == ATOM else None
        out.append((_bound(own, inside) if known is None else number(known), 1))
    return multiply([(number(c), 1), *out])


def _through_delta(names: list[Ix], powers: list[Power]) -> Expr | None:
    for d, _ in powers:
        if d.kind == DELTA:
            for i, j in (d.ix, d.ix[::-1]):
                if i in names:
                    rest = multiply([p for p in powers if p[0] is not d])
                    return total([n for n in names if n is not i], rename(rest, {i: j}))
    return None


def _inverted(names: list[Ix], powers: list[Power]) -> Expr | None:
    """inv(A) A is the identity."""
    for b, e in powers:
        if b.kind != CALL or b.op is not inv or e != 1 or len(b.ix) != 2:
            continue
        for t in set(b.ix) & set(names):
            holders = [(x, y) for x, y in powers if t in x.free and x is not b]
            if len(holders) != 1 or holders[0][1] != 1 or b.ix[0] is b.ix[1]:
                continue
            other = holders[0][0]
            s = b.ix[1] if b.ix[0] is t else b.ix[0]
            for u in other.free - {t}:
                pair = {ROW: t, COLUMN: u} if b.ix[1] is t else {ROW: u, COLUMN: t}
                if rename(b.args[0], pair) is other:
                    rest = [p for p in powers if p[0] is not b and p[0] is not other]
                    return total(
                        [n for n in names if n is not t], multiply([*rest, (delta(s, u), 1)])
                    )
    return None


def _bound(own: set[Ix], body: Expr) -> Expr:
    """The sum over one connected part, its indices numbered by nesting height: of all orders the
    one whose body was first met, so that equal sums are one."""
    names = tuple(sorted(own, key=lambda i: i.place))
    levels = tuple(bound(body.level + 1 + k) for k in range(len(names)))
    sizes = tuple(i.size.root() for i in names)
    return _canonical(body, names, sizes, levels)


def _canonical(
    body: Expr, names: tuple[Ix, ...], sizes: tuple[Any, ...], levels: tuple[Ix, ...]
) -> Expr:
    places = range(len(names))
    orders = permutations(places) if 1 < len(names) <= 3 else [tuple(places)]
    found = []
    for order in orders:
        new = {names[k]: level for k, level in zip(order, levels, strict=True)}
        c, powers = factors(rename(body, new))
        found.append((multiply(powers), c, tuple(sizes[k] for k in order)))
    inside, c, sizes = min(found, key=lambda t: t[0].uid)
    return scaled(c, intern(SUM, sizes, (inside,), levels))
