"""Index expressions taken apart: coefficients, factors, terms, what hangs together."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import Any

from .terms import ADD, MAP, MUL, NUM, SIZE, Expr, Head, Ix, Number, intern

Power = tuple[Expr, Number]
_COMMON = 100  # of larger denominators no common factor is taken out: 1e-5 + v stays


def exact(c: Any) -> Number:
    """A number as an integer or a fraction, where it is a simple one."""
    if type(c) is int:
        return c
    if isinstance(c, Fraction):
        return c.numerator if c.denominator == 1 else c
    c = float(c)
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


def number(c: Any) -> Expr:
    """A number as an expression."""
    return intern(NUM, exact(c))


def size_of(i: Ix) -> Expr:
    """The length of the axis that a free index runs over."""
    assert i.size is not None
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
    if hasattr(value, "tobytes"):
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
    if all(not isinstance(c, float) for c in e.head):
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
    """The coefficient of the term that comes first: 1, else what lies most downstream."""
    pairs = zip(e.head, e.args, strict=True)
    return max(pairs, key=lambda t: (is_one(t[1]), t[1].rank, -t[1].uid))[0]


def is_mask(e: Expr) -> bool:
    """Whether e is 0 or 1: a question about values."""
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
