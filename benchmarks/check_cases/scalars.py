"""Scalar expressions with Values, as in micrograd."""

import math

import tinygrad_lite as tg


def neuron():
    """o = tanh(x1 w1 + x2 w2 + b), the lecture's example with other numbers."""
    x1, x2 = tg.Value(2.0), tg.Value(0.7)
    w1, w2, b = tg.Value(-0.3), tg.Value(1.1), tg.Value(0.4)
    n = x1 * w1 + x2 * w2 + b
    o = tg.tanh(n)

    d = 1 - o.data**2
    yield (
        "all of them",
        o,
        {w1: 2.0 * d, w2: 0.7 * d, x1: -0.3 * d, x2: 1.1 * d, b: d, n: d},
        "right",
    )
    yield "tanh' left out", o, {w1: 2.0}, "missing-activation-derivative|missing-factor"
    yield "1 - tanh", o, {n: 1 - o.data}, "wrong-activation-derivative|other"
    yield "1 - n**2", o, {n: 1 - n.data**2}, "activation-derivative-at-wrong-point"
    yield (
        "sigmoid's derivative",
        o,
        {w2: 0.7 * o.data * (1 - o.data)},
        ("wrong-activation-derivative"),
    )
    yield "the sum's other term", o, {w1: 0.7 * d}, "other|off-by-index"
    yield "its own value", o, {w1: -0.3 * d}, "other"
    yield "minus", o, {x2: -1.1 * d}, "sign"


def polynomial():
    """e = (a b + b^3) / c - a: b and a are used twice."""
    a, b, c = tg.Value(1.7), tg.Value(-1.3), tg.Value(0.6)
    p = a * b + b**3
    e = p / c - a

    av, bv, cv = 1.7, -1.3, 0.6
    yield (
        "a, b, c",
        e,
        {a: bv / cv - 1, b: (av + 3 * bv**2) / cv, c: -p.data / cv**2},
        "right",
    )
    yield "only the cube", e, {b: 3 * bv**2 / cv}, "missing-term"
    yield "only the product", e, {b: av / cv}, "missing-term"
    yield "3 forgotten", e, {b: (av + bv**2) / cv}, "constant-scale"
    yield "exponent not lowered", e, {b: (av + 3 * bv**3) / cv}, "extra-factor|other"
    yield "1/c forgotten", e, {b: av + 3 * bv**2}, "missing-factor"
    yield "quotient's minus", e, {c: p.data / cv**2}, "sign"
    yield "quotient's square", e, {c: -p.data / cv}, "missing-factor|extra-factor|other"
    yield "- a forgotten", e, {a: bv / cv}, "missing-term"
    yield "+ a", e, {a: bv / cv + 1}, "sign"


def micrograd_readme():
    """The expression of micrograd's README, shortened: reuse, relu and powers."""
    a, b = tg.Value(-4.0), tg.Value(2.0)
    c = a + b
    d = a * b + b**3
    c2 = c + c + 1
    d2 = d + d * 2 + 1.5 * tg.relu(b + a)
    e = c2 - d2
    f = e**2
    g = f / 2.0 + 10.0 / f

    ev, fv = e.data, f.data
    de = (0.5 - 10 / fv**2) * 2 * ev
    da = de * 2 - de * 3 * 2.0
    db = de * 2 - de * 3 * (-4.0 + 3 * 4.0)
    yield "a, b, e", g, {e: de, a: da, b: db, f: 0.5 - 10 / fv**2}, "right"
    yield "1/f's minus", g, {f: 0.5 + 10 / fv**2}, "sign"
    yield "10/f forgotten", g, {f: 0.5}, "missing-term"
    yield "c used once", g, {a: de * 1 - de * 3 * 2.0}, "missing-term"
    yield "a's way through d forgotten", g, {a: de * 2}, "missing-term"
    yield "relu always on", g, {b: db - 1.5 * de}, "missing-activation-derivative"
    yield "e's minus", g, {a: de * 2 + de * 3 * 2.0}, "sign"
    yield "the square's 2", g, {e: de / 2}, "constant-scale"


def square_of_a_value():
    """y = x * x + sin(x) exp(-x): both edges of a product are the same node."""
    x = tg.Value(0.8)
    y = x * x + tg.sin(x) * tg.exp(-x)

    v = 0.8
    s, c, e = math.sin(v), math.cos(v), math.exp(-v)
    yield "2x + (cos - sin) exp", y, {x: 2 * v + (c - s) * e}, "right"
    yield "x once", y, {x: v + (c - s) * e}, "missing-term"
    yield "product rule: first half", y, {x: 2 * v + c * e}, "missing-term"
    yield "product rule: plus", y, {x: 2 * v + (c + s) * e}, "sign"
    yield "derivatives multiplied", y, {x: 2 * v - c * e}, "other|sign|missing-term"
    yield "cos' sign", y, {x: 2 * v + (-c - s) * e}, "sign"


PROBLEMS = [neuron, polynomial, micrograd_readme, square_of_a_value]
