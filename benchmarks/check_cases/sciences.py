"""Formulas of physics, statistics and geometry, differentiated by hand."""

import numpy as np

import tinygrad_lite as tg


def pendulum_energy():
    """H = p^2 / (2 m r^2) + m g r (1 - cos q)."""
    q, p, m, r = (tg.Value(v) for v in (0.7, 1.3, 1.2, 0.9))
    g = 9.81
    H = p**2 / (2 * m * r**2) + m * g * r * (1 - tg.cos(q))
    Q, P, M, L = 0.7, 1.3, 1.2, 0.9
    kinetic = P**2 / (2 * M * L**2)
    yield (
        "right",
        H,
        {q: M * g * L * np.sin(Q), p: P / (M * L**2), m: -kinetic / M + g * L * (1 - np.cos(Q))},
        "right",
    )
    yield "cos for sin", H, {q: M * g * L * np.cos(Q)}, "wrong-activation-derivative"
    yield "2 not cancelled", H, {p: P / (2 * M * L**2)}, "constant-scale|missing-factor"
    yield "kinetic part's sign", H, {m: kinetic / M + g * L * (1 - np.cos(Q))}, "sign"
    yield "potential part alone", H, {m: g * L * (1 - np.cos(Q))}, "missing-term"
    yield "cos added", H, {m: -kinetic / M + g * L * (1 + np.cos(Q))}, "sign|other"
    yield (
        "no 2 for r",
        H,
        {r: -kinetic / L + M * g * (1 - np.cos(Q))},
        "constant-scale|missing-factor|missing-term",
    )


def gravitation():
    """U = -sum m_i / |x_i - c|, the potential of points."""
    rng = np.random.default_rng(331)
    x, m, c = rng.normal(size=(5, 3)), rng.random(5) + 0.5, tg.Tensor(rng.normal(size=3) * 3)
    d = x - c
    r = tg.sqrt((d**2).sum(axis=1))
    U = -(m / r).sum()
    D, R = d.data, r.data
    yield "right", U, {c: -((m / R**3)[:, None] * D).sum(0)}, "right"
    yield "sign", U, {c: ((m / R**3)[:, None] * D).sum(0)}, "sign"
    yield "1/r^2", U, {c: -((m / R**2)[:, None] * D).sum(0)}, "missing-factor|other"
    yield "masses left out", U, {c: -((1 / R**3)[:, None] * D).sum(0)}, "missing-factor"
    yield "not squared", U, {r: m / R}, "missing-factor"
    yield "one point", U, {c: -((m / R**3)[:, None] * D)[-1]}, "missing-broadcast-sum|missing-term"
    yield "r for 1/r", U, {r: m * R**2}, "other|sign|extra-factor"


def gaussian_process():
    """E = 0.5 y^T K^-1 y + 0.5 log det K, K = s S + noise I."""
    rng = np.random.default_rng(332)
    a = rng.normal(size=(4, 4))
    S, y = a @ a.T, rng.normal(size=4)
    s = tg.Tensor(1.7)
    K = s * S + 0.5 * np.eye(4)
    alpha = tg.linalg.solve(K, y)
    E = 0.5 * (y @ alpha) + 0.5 * tg.linalg.slogdet(K)[1]
    inv, A = np.linalg.inv(K.data), alpha.data
    right = 0.5 * (inv.T - np.outer(A, A))
    yield "right", E, {K: right}, "right"
    yield "sign of the fit", E, {K: 0.5 * (inv.T + np.outer(A, A))}, "sign"
    yield "no log det", E, {K: -0.5 * np.outer(A, A)}, "missing-term"
    yield "no 1/2", E, {K: inv.T - np.outer(A, A)}, "constant-scale"
    yield (
        "K for its inverse",
        E,
        {K: 0.5 * (K.data.T - np.outer(A, A))},
        "other|missing-activation-derivative",
    )
    yield (
        "y for alpha once",
        E,
        {K: 0.5 * (inv.T - np.outer(y, A))},
        "missing-factor|other|activation-derivative-at-wrong-point",
    )


def survival():
    """Cox: E = -sum_i (x_i b - log sum_{j >= i} exp(x_j b)), times sorted."""
    rng = np.random.default_rng(333)
    X, b = rng.normal(size=(5, 2)), tg.Tensor(rng.normal(size=2))
    n = X @ b
    e = tg.exp(n)
    risk = tg.triu(np.ones((5, 5))) @ e
    E = -(n - tg.log(risk)).sum()
    w, R = e.data, risk.data
    dn = -1 + w * (np.tril(np.ones((5, 5))) @ (1 / R))
    yield "right", E, {b: X.T @ dn}, "right"
    yield "no event term", E, {b: X.T @ (dn + 1)}, "missing-term"
    yield "own risk alone", E, {b: X.T @ (-1 + w / R)}, "missing-term|missing-factor|other"
    yield (
        "transposed risk",
        E,
        {b: X.T @ (-1 + w * (np.triu(np.ones((5, 5))) @ (1 / R)))},
        "transpose",
    )
    yield (
        "no exp'",
        E,
        {b: X.T @ (-1 + np.tril(np.ones((5, 5))) @ (1 / R))},
        "missing-activation-derivative",
    )
    yield "sign", E, {b: -X.T @ dn}, "sign"


def growth_curve():
    """y = K / (1 + exp(-r (t - m))), E = sum (y - d)^2, parameters are numbers."""
    rng = np.random.default_rng(334)
    t, d = np.linspace(0, 4, 7), rng.random(7) * 5
    K, r, m = (tg.Tensor(v) for v in (4.0, 1.3, 2.1))
    u = tg.exp(-r * (t - m))
    y = K / (1 + u)
    E = ((y - d) ** 2).sum()
    G, U, Y = 2 * (y.data - d), u.data, y.data
    yield (
        "right",
        E,
        {
            K: (G / (1 + U)).sum(),
            r: (G * Y * U / (1 + U) * (t - 2.1)).sum(),
            m: -(G * Y * U / (1 + U) * 1.3).sum(),
        },
        "right",
    )
    yield "K left in", E, {K: (G * Y).sum()}, "extra-factor"
    yield "sign of m", E, {m: (G * Y * U / (1 + U) * 1.3).sum()}, "sign"
    yield "r left out", E, {m: -(G * Y * U / (1 + U)).sum()}, "missing-factor"
    yield "not squared", E, {u: -G * 4.0 / (1 + U)}, "missing-factor"
    yield "sign of u", E, {u: G * 4.0 / (1 + U) ** 2}, "sign"


def principal_axis():
    """E = -|X v|^2 / (v.v): the direction of the largest variance."""
    rng = np.random.default_rng(335)
    X, v = rng.normal(size=(6, 3)), tg.Tensor(rng.normal(size=3))
    s = X @ v
    n = v @ v
    E = -(s @ s) / n
    S, V, N = s.data, v.data, n.data
    q = S @ S
    yield "right", E, {v: -2 * X.T @ S / N + 2 * q / N**2 * V}, "right"
    yield "length held fixed", E, {v: -2 * X.T @ S / N}, "missing-term"
    yield "n for n^2", E, {v: -2 * X.T @ S / N + 2 * q / N * V}, "missing-factor|other"
    yield "both signs alike", E, {v: -2 * X.T @ S / N - 2 * q / N**2 * V}, "sign"
    yield (
        "no 2 in the second",
        E,
        {v: -2 * X.T @ S / N + q / N**2 * V},
        "constant-scale|missing-term",
    )
    yield "Rayleigh without X^T X", E, {n: q / N}, "missing-factor"


def resistors():
    """P = U^2 / (R1 + R1 R2 / (R1 + R2)): numbers, as at school."""
    a, b = tg.Value(2.0), tg.Value(3.5)
    s = a + b
    p = a * b / s
    R = a + p
    P = 12.0 / R
    A, B, S, T = 2.0, 3.5, s.data, R.data
    g = -12.0 / T**2
    yield "right", P, {a: g * (1 + B / S - A * B / S**2), b: g * (A / S - A * B / S**2)}, "right"
    yield "direct path forgotten", P, {a: g * (B / S - A * B / S**2)}, "missing-term"
    yield "through s forgotten", P, {b: g * A / S}, "missing-term"
    yield "quotient's sign", P, {b: g * (A / S + A * B / S**2)}, "sign"
    yield "1/R", P, {R: -12.0 / T}, "missing-factor"
    yield "no sign", P, {R: 12.0 / T**2}, "sign"


def weighted_spread():
    """v = sum w (x - mu)^2 / sum w, mu = sum w x / sum w; E = log v."""
    rng = np.random.default_rng(336)
    x, w = tg.Tensor(rng.normal(size=6)), rng.random(6) + 0.2
    W = w.sum()
    mu = (w * x).sum() / W
    c = x - mu
    v = (w * c**2).sum() / W
    E = tg.log(v)
    C, V = c.data, v.data
    yield "right", E, {x: 2 * w * C / W / V}, "right"
    yield "no 1/v", E, {x: 2 * w * C / W}, "missing-factor|missing-activation-derivative"
    yield "no 2", E, {x: w * C / W / V}, "constant-scale"
    yield "no weights", E, {x: 2 * C / W / V}, "missing-factor"
    yield "no 1/W", E, {x: 2 * w * C / V}, "missing-factor|constant-scale|mean-vs-sum"
    yield "x for x - mu", E, {x: 2 * w * x.data / W / V}, "missing-term|other"


def splatting():
    """Splats on pixels: a = o exp(-0.5 d^T S d), C = sum a c, E = 0.5 |C - t|^2."""
    rng = np.random.default_rng(45)
    px = rng.normal(size=(6, 1, 2))
    m, S, o, c, t = (
        tg.Tensor(rng.normal(size=(3, 2))),
        tg.Tensor(rng.random((3, 2)) + 0.5),
        tg.Tensor(rng.normal(size=3)),
        tg.Tensor(rng.normal(size=(3, 2))),
        rng.normal(size=(6, 2)),
    )
    d = px - m
    g = tg.exp(-0.5 * (S * d**2).sum(axis=2))
    a = tg.sigmoid(o) * g
    C = a @ c
    E = 0.5 * ((C - t) ** 2).sum()
    D, G, A, dd = C.data - t, g.data, a.data, d.data
    da = D @ c.data.T
    so = A / G
    dg = da * so
    dm = ((dg * G)[:, :, None] * S.data * dd).sum(0)
    yield (
        "right",
        E,
        {
            C: D,
            c: A.T @ D,
            a: da,
            g: dg,
            o: (da * G * so * (1 - so)).sum(0),
            m: dm,
            S: (-0.5 * (dg * G)[:, :, None] * dd**2).sum(0),
        },
        "right",
    )
    yield "sign of d", E, {m: -dm}, "sign"
    yield "0.5 kept", E, {m: 0.5 * dm}, "constant-scale"
    yield (
        "gaussian forgotten",
        E,
        {m: (dg[:, :, None] * S.data * dd).sum(0)},
        "missing-activation-derivative|missing-factor",
    )
    yield "opacity forgotten", E, {m: ((da * G)[:, :, None] * S.data * dd).sum(0)}, "missing-factor"
    yield "sigmoid' forgotten", E, {o: (da * G).sum(0)}, "missing-activation-derivative"
    yield "d not squared", E, {S: (-0.5 * (dg * G)[:, :, None] * dd).sum(0)}, "missing-factor"
    yield "C for its residual", E, {c: A.T @ C.data}, "missing-term"
    yield "averaged over the pixels", E, {c: A.T @ D / 6}, "mean-vs-sum"
