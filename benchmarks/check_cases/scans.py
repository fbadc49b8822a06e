"""Scans, masks, moved entries and functions of one's own: what networks rarely have."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


@tg.elementwise("hyp({0}, {1})")
def _hyp(xp, a, b):
    return xp.sqrt(a * a + b * b)


_hyp.local(lambda xp, y, a, b: a / y, lambda xp, y, a, b: b / y)


@tg.elementwise("softsign({0})")
def _softsign(xp, x):
    return x / (1 + xp.abs(x))


_softsign.local(lambda xp, y, x: (1 - xp.abs(y)) ** 2)


def discounted_returns():
    """R = cumsum(r), E = sum(w R^2): every reward counts for all later returns."""
    rng = np.random.default_rng(301)
    r, w = tg.Tensor(rng.normal(size=6)), rng.normal(size=6)
    R = tg.cumulative_sum(r)
    E = (w * R**2).sum()
    G = 2 * w * R.data
    yield "summed from the other end", E, {r: np.cumsum(G[::-1])[::-1]}, "right"
    yield "summed from the same end", E, {r: np.cumsum(G)}, "wrong-order|wrong-axis|other"
    yield "not summed", E, {r: G}, "missing-term|missing-factor|missing-activation-derivative"
    yield "no 2", E, {r: np.cumsum((G / 2)[::-1])[::-1]}, "constant-scale"
    yield "R left out", E, {r: np.cumsum(2 * w[::-1])[::-1]}, "missing-factor"


def causal_mixing():
    """Y = tril(A) X, E = 0.5 sum (Y - T)^2."""
    rng = np.random.default_rng(302)
    A, X, T = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(4, 3))), 1.5
    L = tg.tril(A)
    Y = L @ X
    E = 0.5 * ((Y - T) ** 2).sum()
    d = Y.data - T
    right = d @ X.data.T
    yield "right", E, {A: np.tril(right), X: L.data.T @ d}, "right"
    yield "not masked", E, {A: right}, "missing-factor|missing-activation-derivative|other"
    yield "upper triangle", E, {A: np.triu(right)}, "other|wrong-order|transpose"
    yield "transposed", E, {A: np.tril(right).T}, "transpose"
    yield "A for L", E, {X: A.data.T @ d}, "other|missing-factor"
    yield "L not transposed", E, {X: L.data @ d}, "transpose"


def signal_reversed():
    """E = sum((flip(x) * k - t)^2), a correlation by hand."""
    rng = np.random.default_rng(303)
    x, k, t = tg.Tensor(rng.normal(size=5)), tg.Tensor(rng.normal(size=5)), rng.normal(size=5)
    f = tg.flip(x)
    e = f * k - t
    E = (e**2).sum()
    G = 2 * e.data
    yield "right", E, {x: (G * k.data)[::-1], k: G * f.data}, "right"
    yield "not turned back", E, {x: G * k.data}, "wrong-order|missing-factor|other"
    yield "k turned too", E, {x: G[::-1] * k.data}, "wrong-order|other"
    yield "x for f", E, {k: G * x.data}, "wrong-order|other|activation-derivative-at-wrong-point"


def distances():
    """h = hyp(a, b), a user's own op, E = sum(w h^2)."""
    rng = np.random.default_rng(304)
    a, b, w = (tg.Tensor(rng.normal(size=5)) for _ in range(3))
    h = _hyp(a, b)
    E = (w * h**2).sum()
    G = 2 * w.data * h.data
    yield "right", E, {a: G * a.data / h.data, b: G * b.data / h.data}, "right"
    yield "no division by h", E, {a: G * a.data}, "missing-factor"
    yield "b for a", E, {a: G * b.data / h.data}, "other"
    yield "h squared below", E, {a: G * a.data / h.data**2}, "extra-factor|missing-factor"
    yield "1/h alone", E, {b: G / h.data}, "missing-factor"


def softsign_layer():
    """s = softsign(W x), a user's own activation."""
    rng = np.random.default_rng(305)
    W, x, c = tg.Tensor(rng.normal(size=(3, 4))), rng.normal(size=4), rng.normal(size=3)
    z = W @ x
    s = _softsign(z)
    E = (c * s**2).sum()
    G, S, Z = 2 * c * s.data, np.abs(s.data), np.abs(z.data)
    yield "right", E, {W: np.outer(G * (1 - S) ** 2, x)}, "right"
    yield (
        "not squared",
        E,
        {W: np.outer(G * (1 - S), x)},
        "missing-factor|wrong-activation-derivative",
    )
    yield "plus", E, {W: np.outer(G * (1 + S) ** 2, x)}, "sign|wrong-activation-derivative"
    yield (
        "z for s",
        E,
        {W: np.outer(G * (1 - Z) ** 2, x)},
        "activation-derivative-at-wrong-point",
    )
    yield "none", E, {W: np.outer(G, x)}, "missing-activation-derivative"
    yield "tanh'", E, {W: np.outer(G * (1 - S**2), x)}, "wrong-activation-derivative|sign"


def bearings():
    """t = atan2(y, x): the angle of a target, E = sum (t - m)^2."""
    rng = np.random.default_rng(306)
    y, x, m = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4)), rng.normal(size=4)
    t = tg.atan2(y, x)
    E = ((t - m) ** 2).sum()
    G, r2 = 2 * (t.data - m), x.data**2 + y.data**2
    yield "right", E, {y: G * x.data / r2, x: -G * y.data / r2}, "right"
    yield "no r^2", E, {y: G * x.data}, "missing-factor"
    yield "sign of dx", E, {x: G * y.data / r2}, "sign"
    yield "difference for sum", E, {y: G * x.data / (x.data**2 - y.data**2)}, "sign"
    yield "r for r^2", E, {y: G * x.data / np.sqrt(r2)}, "missing-factor|other|extra-factor"
    yield "y and x exchanged", E, {y: G * y.data / r2}, "other|wrong-order"


def product_of_odds():
    """p = prod(x), E = (p - 2)^2."""
    rng = np.random.default_rng(307)
    x = tg.Tensor(rng.random(4) + 0.5)
    p = tg.prod(x)
    E = (p - 2) ** 2
    g = 2 * (p.data - 2)
    yield "right", E, {x: g * p.data / x.data}, "right"
    yield "no / x", E, {x: g * p.data * np.ones(4)}, "missing-factor"
    yield "times x", E, {x: g * p.data * x.data}, "other|missing-factor|extra-factor"
    yield "like a sum", E, {x: g * np.ones(4)}, "missing-factor|missing-activation-derivative"
    yield "no 2", E, {x: g / 2 * p.data / x.data}, "constant-scale"


def padded_filter():
    """y = pad(x) k by shifts, E = sum(c y): a convolution of one channel."""
    rng = np.random.default_rng(308)
    x, k, c = tg.Tensor(rng.normal(size=5)), tg.Tensor(rng.normal(size=3)), rng.normal(size=5)
    q = tg.pad(x, pad_width=1)
    y = q[0:5] * k[0] + q[1:6] * k[1] + q[2:7] * k[2]
    E = (c * y**2).sum()
    G = 2 * c * y.data
    full = np.zeros(7)
    for i in range(3):
        full[i : i + 5] += G * k.data[i]
    dk = np.array([G @ q.data[i : i + 5] for i in range(3)])
    yield "right", E, {x: full[1:6], k: dk}, "right"
    yield "off by one", E, {x: full[:5]}, "off-by-index"
    yield "kernel flipped", E, {k: dk[::-1]}, "wrong-order"
    yield "middle alone", E, {x: G * k.data[1]}, "missing-term|other"


def normalising_flow():
    """z = cholesky-like scaling: E = 0.5 sum(z^2) - sum(log |s|), z = (x - m) / s."""
    rng = np.random.default_rng(309)
    x, m = rng.normal(size=(6, 3)), tg.Tensor(rng.normal(size=3))
    s = tg.Tensor(rng.random(3) + 0.5)
    z = (x - m) / s
    E = 0.5 * (z**2).sum() + 6 * tg.log(s).sum()
    Z, S = z.data, s.data
    yield "right", E, {m: -(Z / S).sum(0), s: -(Z**2 / S).sum(0) + 6 / S}, "right"
    yield "no volume term", E, {s: -(Z**2 / S).sum(0)}, "missing-term"
    yield (
        "volume once",
        E,
        {s: -(Z**2 / S).sum(0) + 1 / S},
        "missing-factor|constant-scale|mean-vs-sum",
    )
    yield "sign of m", E, {m: (Z / S).sum(0)}, "sign"
    yield "volume's sign", E, {s: -(Z**2 / S).sum(0) - 6 / S}, "sign"
    yield "z for z^2", E, {s: -(Z / S).sum(0) + 6 / S}, "missing-factor"
    yield "1/s^2", E, {m: -(Z / S**2).sum(0)}, "extra-factor"


def log_partition():
    """Forward recursion of a chain: a = logaddexp(a + u, b + v), E = (logaddexp(a, b) - 1)^2."""
    rng = np.random.default_rng(310)
    a, b = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
    n = tg.logaddexp(a, b)
    E = ((n - 1) ** 2).sum()
    G = 2 * (n.data - 1)
    p = np.exp(a.data - n.data)
    yield "right", E, {a: G * p, b: G * (1 - p)}, "right"
    yield "exp(a)", E, {a: G * np.exp(a.data)}, "missing-term|missing-factor"
    yield "plus for minus", E, {a: G * np.exp(a.data + n.data)}, "sign"
    yield "none", E, {a: G}, "missing-activation-derivative|missing-factor"
    yield "b's", E, {a: G * (1 - p)}, "other"
    yield "p(1 - p)", E, {a: G * p * (1 - p)}, "wrong-activation-derivative|extra-factor|other"


def logistic_of_scores():
    """Bradley and Terry: E = -mean log sigma(s_w - s_l), s = X v, picked by index."""
    rng = np.random.default_rng(311)
    X, v = rng.normal(size=(5, 3)), tg.Tensor(rng.normal(size=3))
    w, o = np.array([0, 1, 2, 4]), np.array([3, 0, 4, 1])
    s = X @ v
    d = s[w] - s[o]
    E = -tg.log(tg.sigmoid(d)).mean()
    g = -(1 - sigmoid(d.data)) / 4
    ds = np.zeros(5)
    np.add.at(ds, w, g)
    np.add.at(ds, o, -g)
    yield "right", E, {s: ds, v: X.T @ ds}, "right"
    both = np.zeros(5)
    np.add.at(both, w, g)
    np.add.at(both, o, g)
    yield "loser's sign", E, {v: X.T @ both}, "sign"
    winners = np.zeros(5)
    np.add.at(winners, w, g)
    yield "winners only", E, {v: X.T @ winners}, "missing-term"
    over = np.zeros(5)
    over[w] = g
    over[o] = -g
    yield "overwritten", E, {s: over}, "missing-term|other"
    yield (
        "sigma for 1 - sigma",
        E,
        {d: -sigmoid(d.data) / 4},
        "missing-term|other|wrong-activation-derivative",
    )
    yield "no 1/4", E, {v: X.T @ ds * 4}, "mean-vs-sum"
