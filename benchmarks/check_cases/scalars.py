"""Scalar expressions with Values, as in micrograd."""

import math

import numpy as np

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


def more_scalars():
    """Square roots, logarithms and quotients of Values."""
    x, y = tg.Value(1.3), tg.Value(-0.7)
    r = tg.sqrt(x * x + y * y)
    f = tg.log(r) + x / y
    X, Y = 1.3, -0.7
    R = (X * X + Y * Y) ** 0.5
    yield "x, y, r", f, {x: X / R**2 + 1 / Y, y: Y / R**2 - X / Y**2, r: 1 / R}, "right"
    yield "sqrt' without 1/2", f, {x: 2 * X / R**2 + 1 / Y}, "constant-scale|double-count"
    yield "log' forgotten", f, {x: X / R + 1 / Y}, "missing-activation-derivative|missing-factor"
    yield "the quotient's minus", f, {y: Y / R**2 + X / Y**2}, "sign"
    yield "x/y forgotten", f, {x: X / R**2}, "missing-term"
    yield "1/r^2 for 1/r", f, {r: 1 / R**2}, "extra-factor|other"


def micrograd_values():
    """L = tanh((a b + c) / 5)^2 + a: a has two paths."""
    a, b, c = tg.Value(2.0), tg.Value(-3.0), tg.Value(1.5)
    e = a * b
    d = e + c
    f = tg.tanh(d / 5)
    L = f * f + a
    F = f.data
    dL_df = 2 * F
    dd = dL_df * (1 - F**2) / 5
    yield "right", L, {f: dL_df, d: dd, e: dd, a: dd * -3 + 1, b: dd * 2, c: dd}, "right"
    yield "a lacks the direct path", L, {a: dd * -3}, "missing-term"
    yield "a, b exchanged", L, {b: dd * -3}, "other|missing-factor|extra-factor"
    yield "no 1/5", L, {c: dd * 5}, "constant-scale|missing-factor"
    yield "f missing 2", L, {f: F}, "constant-scale|missing-term"
    yield "1-d^2", L, {c: dL_df * (1 - d.data**2) / 5}, "activation-derivative-at-wrong-point"


def per_sample_loop():
    """A scalar loop with Values: perceptron with squared error."""
    xs = [(1.0, 2.0), (-1.0, 0.5), (0.3, -2.0)]
    ys = [1.0, -1.0, 0.5]
    w1, w2, b = tg.Value(0.3), tg.Value(-0.4), tg.Value(0.1)
    L = 0
    for (p, q), y in zip(xs, ys, strict=True):
        L = L + (tg.tanh(w1 * p + w2 * q + b) - y) ** 2
    L = L / 3
    X = np.array(xs)
    Y = np.array(ys)
    o = np.tanh(X @ [0.3, -0.4] + 0.1)
    d = 2 * (o - Y) * (1 - o**2) / 3
    yield "right", L, {w1: d @ X[:, 0], w2: d @ X[:, 1], b: d.sum()}, "right"
    yield "last only", L, {w1: d[-1] * X[-1, 0]}, "missing-term"
    yield "first only", L, {b: d[0]}, "missing-term"
    yield "no tanh'", L, {w1: (2 * (o - Y) / 3) @ X[:, 0]}, "missing-activation-derivative"
    yield "no x", L, {w1: d.sum()}, "missing-factor"
    yield "no 2", L, {w2: d @ X[:, 1] / 2}, "constant-scale"
    yield "not /3", L, {b: 3 * d.sum()}, "mean-vs-sum|constant-scale"
    yield "y-o", L, {b: -d.sum()}, "sign"
    yield "no error", L, {w2: ((1 - o**2) * 2 / 3) @ X[:, 1]}, "missing-factor"


def values_by_hand():
    """E = exp(x y + sin(z x)) / (1 + y^2) + log x."""
    x, y, z = tg.Value(1.3), tg.Value(0.7), tg.Value(-2.0)
    q = x * y + tg.sin(z * x)
    r = tg.exp(q) / (1 + y**2)
    E = r + tg.log(x)
    X, Y, Z = 1.3, 0.7, -2.0
    Q = q.data
    R = r.data
    dq = R
    yield (
        "right",
        E,
        {
            q: dq,
            x: dq * (Y + Z * np.cos(Z * X)) + 1 / X,
            z: dq * X * np.cos(Z * X),
            y: dq * X - R * 2 * Y / (1 + Y * Y),
        },
        "right",
    )
    yield "no chain z", E, {x: dq * (Y + np.cos(Z * X)) + 1 / X}, "missing-factor"
    yield "sin for cos", E, {z: dq * X * np.sin(Z * X)}, "wrong-activation-derivative"
    yield "-cos", E, {z: -dq * X * np.cos(Z * X)}, "sign"
    yield "log path", E, {x: dq * (Y + Z * np.cos(Z * X))}, "missing-term"
    yield "quotient forgotten", E, {y: dq * X}, "missing-term"
    yield "quotient 2", E, {y: dq * X - R * Y / (1 + Y * Y)}, "constant-scale"
    yield "quotient plus", E, {y: dq * X + R * 2 * Y / (1 + Y * Y)}, "sign"
    yield (
        "exp derivative q",
        E,
        {q: Q * np.exp(Q - 1) / (1 + Y * Y)},
        "wrong-activation-derivative|other",
    )
    yield "log x", E, {x: dq * (Y + Z * np.cos(Z * X)) + np.log(X)}, "wrong-activation-derivative"
    yield "quotient unsquared", E, {y: dq * X - np.exp(Q) * 2 * Y / (1 + Y * Y)}, "missing-factor"
