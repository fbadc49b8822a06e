"""Index expressions taken apart: coefficients, factors, terms, what hangs together."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import Any

from ..ops.activations import sigmoid
from ..ops.elementwise import exp
from .measure import cost
from .terms import ADD, ATOM, MAP, MUL, NUM, SIZE, Expr, Head, Ix, Number, Symbol, intern, table

Power = tuple[Expr, Number]
_COMMON = 4  # of larger denominators no common factor is taken out: s - 0.7 stays


def exact(c: Number) -> Number:
    """A number as an integer or a fraction, where it is a simple one."""
    if isinstance(c, int):
        return c
    if isinstance(c, Fraction):
        return c.numerator if c.denominator == 1 else c
    if c != c or abs(c) > 1e15:
        return c
    if c.is_integer():
        return int(c)
    near = Fraction(c).limit_denominator(10000)
    return near if abs(float(near) - c) <= 1e-15 * max(1.0, abs(c)) else c


def over(a: Number, b: Number) -> Number:
    """a / b."""
    if isinstance(a, float) or isinstance(b, float):
        return exact(float(a) / float(b))
    return exact(Fraction(a) / b)


def number(c: Number) -> Expr:
    """A number as an expression."""
    return intern(NUM, exact(c))


def size_of(i: Ix) -> Expr:
    """The length of the axis that a free index runs over."""
    return intern(SIZE, i.size.root())


def is_one(e: Expr) -> bool:
    """Whether e is the number 1."""
    return e.kind == NUM and e.head == 1


def is_zero(e: Expr) -> bool:
    """Whether e is the number 0."""
    return e.kind == NUM and e.head == 0


def factors(e: Expr) -> tuple[Number, list[tuple[Expr, Number]]]:
    """e as a coefficient and powers."""
    if e.kind == NUM:
        return e.head, []
    if e.kind == ADD and len(e.args) == 1:
        c, found = factors(e.args[0])
        return c * e.head[0], found
    if e.kind == MUL:
        return 1, list(zip(e.args, e.head, strict=True))
    return 1, [(e, 1)]


def terms(e: Expr) -> list[tuple[Number, Expr]]:
    """e as coefficients and terms."""
    if e.kind == NUM:
        return [(e.head, number(1))] if e.head else []
    if e.kind == ADD:
        return list(zip(e.head, e.args, strict=True))
    return [(1, e)]


def head(op: Any, **params: Any) -> Head:
    """An op with its settings, as a head."""
    return Head(op, tuple((k, _key(v)) for k, v in sorted(params.items())), params)


def _key(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_key(v) for v in value)
    if hasattr(value, "tobytes") and not isinstance(value, type):
        return value.shape, value.tobytes()
    return repr(value)


def content(e: Expr, *, single: bool = False) -> tuple[Number, Expr]:
    """e as a number times a sum whose coefficients are whole and mostly positive. With `single`, a
    multiple of one term is taken apart too."""
    if e.kind != ADD or (len(e.args) == 1 and not single):
        return 1, e
    if len(e.args) == 1:
        return e.head[0], e.args[0]
    g: Number = 1
    if len({abs(c) for c in e.head}) == 1:
        g = abs(e.head[0])
    elif all(not isinstance(c, float) for c in e.head):
        common = lcm(*[c.denominator for c in e.head])
        if common <= _COMMON:
            g = Fraction(gcd(*[int(c * common) for c in e.head]), common)
    negative = sum(c < 0 for c in e.head)
    if 2 * negative > len(e.head) or (2 * negative == len(e.head) and _lead(e) < 0):
        g = -g
    if g == 1:
        return g, e
    return g, intern(ADD, tuple([over(c, g) for c in e.head]), e.args)


def _lead(e: Expr) -> Number:
    """The coefficient of the term that comes first: 1, else what lies most downstream, what is no
    mean, what is long."""

    def weight(term: tuple[Number, Expr]) -> tuple[Any, ...]:
        x = term[1]
        averaged = x.kind == MUL and any(y.kind == SIZE for y in x.args)
        return is_one(x), x.rank, not averaged, cost(x), -x.uid

    return max(terms(e), key=weight)[0]


def is_mask(e: Expr) -> bool:
    """Whether e is 0 or 1: a question about values, or an array of the answers, or several."""
    if e.kind == ATOM:
        return bool(e.head.mask)
    if e.kind == MUL:
        return all(map(is_mask, e.args))
    return e.kind == MAP and e.head.op.plain


def connected(powers: list[Power], mine: set[Ix]) -> list[tuple[set[Ix], list[Power]]]:
    """The factors in groups that share no index of the sum."""
    parts: list[tuple[set[Ix], list[Power]]] = []
    for b, e in powers:
        own, group = set(b.free & mine), [(b, e)]
        for part in [p for p in parts if not own.isdisjoint(p[0])]:
            parts.remove(part)
            own, group = own | part[0], part[1] + group
        parts.append((own, group))
    return parts


def whole(c: Number) -> bool:
    """Whether c is an integer."""
    return type(c) is int


def raised(c: Number, e: Number) -> Number:
    """c to the power e."""
    if not whole(e) or isinstance(c, float):
        return exact(float(c) ** float(e))
    return c**e if e >= 0 and type(c) is int else exact(Fraction(c) ** e)


def known_sum(e: Expr, own: set[Ix]) -> int | None:
    """What an array is known to sum to along an axis."""
    symbol: Symbol = e.head
    (i, *more) = own
    if more or e.ix.count(i) != 1:
        return None
    k = e.ix.index(i)
    if k in symbol.sums and symbol.observed:
        table().facts[symbol.observed[k]] = None
    return symbol.sums.get(k)


def in_order(i: Ix, j: Ix) -> tuple[Ix, Ix]:
    """Two indices in canonical order."""
    return (i, j) if (i.kind, i.place) <= (j.kind, j.place) else (j, i)


# --- the logistic function, found in products

SIGMOID, EXP = head(sigmoid), head(exp)


def opposite(a: Expr, b: Expr) -> bool:
    """Whether b is -a."""
    return {x: -c for c, x in terms(a)} == {x: c for c, x in terms(b)}


def logistic(pairs: list[Power]) -> tuple[list[Power], list[tuple[int, Expr, Number]]] | None:
    """exp(u) / (1 + exp u) is σ(u), 1 / (1 + exp u) is σ(-u), exp(u) σ(-u) is σ(u): the factors
    that are left, and (sign, u, exponent) of logistic ones."""
    u = next((b for b, _ in pairs if b.kind == MAP and b.head == EXP), None)
    for b, e in pairs:
        is_logistic = u is not None and e > 0 and b.kind == MAP and b.head == SIGMOID
        if u is not None and is_logistic and opposite(u.args[0], b.args[0]):
            rest = [(a, x) for a, x in pairs if a is not b and a is not u]
            return [*rest, (b, e - 1)], [(1, u.args[0], 1)]
        v = _plus_one(b) if e < 0 and type(e) is int else None
        if v is not None:
            ups = next((x for a, x in pairs if a is v), 0)
            both = min(max(ups, 0), -e)
            rest = [(a, x) for a, x in pairs if a is not b and a is not v]
            return [*rest, (v, ups - both)], [(1, v.args[0], both), (-1, v.args[0], -e - both)]
    return None


def _plus_one(e: Expr) -> Expr | None:
    """exp(u) of 1 + exp(u)."""
    if e.kind == ADD and e.head == (1, 1) and any(is_one(x) for x in e.args):
        u = next(x for x in e.args if not is_one(x))
        return u if u.kind == MAP and u.head == EXP else None
    return None


def logistic_slope(pairs: list[Power]) -> list[Power]:
    """σ(u) σ(-u) is written σ(u) (1 - σ(u)), as everybody does."""
    maps = [(b, e) for b, e in pairs if b.kind == MAP and b.head == SIGMOID]
    for b, _ in maps:
        for other, e in maps:
            if opposite(b.args[0], other.args[0]) and content(b.args[0], single=True)[0] > 0:
                slope = sorted([(number(1), 1), (b, -1)], key=lambda t: t[0].uid)
                rest = intern(ADD, tuple(c for _, c in slope), tuple(x for x, _ in slope))
                return [*((a, x) for a, x in pairs if a is not other), (rest, e)]
    return pairs
