"""Steps in time, and what is fed back: control, scans, filters of a state."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def linear_quadratic():
    """x_{t+1} = A x_t + B u_t, cost 0.5 sum x^T Q x + u^T R u over 3 steps."""
    rng = np.random.default_rng(40)
    A, B = tg.Tensor(0.5 * rng.normal(size=(3, 3))), tg.Tensor(rng.normal(size=(3, 2)))
    Q, R, x0 = np.diag([1.0, 2, 0.5]), np.diag([0.3, 0.7]), rng.normal(size=3)
    u = [tg.Tensor(rng.normal(size=2), name=f"u{t}") for t in range(3)]
    x = [tg.Tensor(x0, name="x0")]
    E = 0.0
    for t in range(3):
        x.append(A @ x[t] + B @ u[t])
        E = E + 0.5 * (x[t + 1] @ Q @ x[t + 1] + u[t] @ R @ u[t])
    X, U = [n.data for n in x], [n.data for n in u]
    a, b = A.data, B.data
    l3 = Q @ X[3]
    l2 = Q @ X[2] + a.T @ l3
    l1 = Q @ X[1] + a.T @ l2
    u0, u1 = u[0], u[1]
    yield (
        "right",
        E,
        {
            u0: R @ U[0] + b.T @ l1,
            u1: R @ U[1] + b.T @ l2,
            A: np.outer(l1, X[0]) + np.outer(l2, X[1]) + np.outer(l3, X[2]),
            B: np.outer(l1, U[0]) + np.outer(l2, U[1]) + np.outer(l3, U[2]),
        },
        "right",
    )
    yield "control's cost forgotten", E, {u0: b.T @ l1}, "missing-term"
    m2 = Q @ X[2] + a @ l3
    m1 = Q @ X[1] + a @ m2
    yield "costate with A", E, {u0: R @ U[0] + b.T @ m1}, "transpose"
    yield (
        "costate off by one",
        E,
        {u1: R @ U[1] + b.T @ l3},
        "off-by-index|missing-factor|other|missing-activation-derivative",
    )
    yield "running costs forgotten", E, {u0: R @ U[0] + b.T @ (a.T @ (a.T @ l3))}, "missing-term"
    yield (
        "next state",
        E,
        {A: np.outer(l1, X[1]) + np.outer(l2, X[2]) + np.outer(l3, X[3])},
        "off-by-index|other",
    )
    yield "last step only", E, {A: np.outer(l3, X[2])}, "missing-term"
    yield (
        "outer the other way",
        E,
        {A: np.outer(X[0], l1) + np.outer(X[1], l2) + np.outer(X[2], l3)},
        "transpose|wrong-order",
    )
    yield "R twice", E, {u0: 2 * R @ U[0] + b.T @ l1}, "constant-scale|double-count"


def riccati():
    """S = P - P B (r + B^T P B)^-1 B^T P, E = tr(W S)."""
    rng = np.random.default_rng(41)
    M, b, W = rng.normal(size=(3, 3)), tg.Tensor(rng.normal(size=(3, 1))), rng.normal(size=(3, 3))
    P = tg.Tensor(M @ M.T + np.eye(3))
    v = P @ b
    g = 0.8 + b.T @ v
    S = P - v @ v.T / g
    E = (W * S).sum()
    p, B, V, G = P.data, b.data, v.data, g.data
    dV = -(W + W.T) @ V / G
    dg = (V.T @ W @ V) / G**2
    dv = dV + B @ dg
    yield "right", E, {g: dg, v: dv, P: W + dv @ B.T, b: p.T @ dv + V @ dg}, "right"
    yield "gain held fixed", E, {P: W + dV @ B.T}, "missing-term"
    yield "W alone", E, {P: W}, "missing-term"
    yield (
        "W not symmetrised",
        E,
        {P: W + (-2 * W @ V / G + B @ dg) @ B.T},
        "transpose|missing-term|other",
    )
    yield "denominator's sign", E, {P: W + (dV - B @ dg) @ B.T}, "sign"
    yield "g not squared", E, {g: (V.T @ W @ V) / G}, "missing-factor"
    yield "b's direct part forgotten", E, {b: p.T @ dv}, "missing-term"
    yield "outer the other way", E, {P: W + B @ dv.T}, "transpose|wrong-order"


def selective_scan():
    """h_t = exp(-dt_t a) h_{t-1} + dt_t b x_t, dt = softplus(x w + c), y = c . h."""
    rng = np.random.default_rng(73)
    x, w, a, b, t = (
        tg.Tensor(rng.normal(size=4)),
        tg.Tensor(0.8),
        tg.Tensor(rng.random(3) + 0.3),
        tg.Tensor(rng.normal(size=3)),
        rng.normal(size=4),
    )
    c = rng.normal(size=3)
    pre = w * x + 0.2
    dt = tg.softplus(pre)
    h, hs = np.zeros(3), []
    for i in range(4):
        h = tg.exp(-dt[i] * a) * h + dt[i] * b * x[i]
        hs.append(h)
    y = tg.stack([g @ c for g in hs])
    E = 0.5 * ((y - t) ** 2).sum()
    A, B, DT, X = a.data, b.data, dt.data, x.data
    Hs = [np.zeros(3)] + [g.data for g in hs]
    d = y.data - t
    G, g = [None] * 4, np.zeros(3)
    for i in (3, 2, 1, 0):
        g = d[i] * c + (np.exp(-DT[i + 1] * A) * g if i < 3 else 0)
        G[i] = g
    ddt = np.array([(G[i] * (-A * np.exp(-DT[i] * A) * Hs[i] + B * X[i])).sum() for i in range(4)])
    da = sum(-DT[i] * np.exp(-DT[i] * A) * Hs[i] * G[i] for i in range(4))
    db = sum(DT[i] * X[i] * G[i] for i in range(4))
    dpre = ddt * sigmoid(pre.data)
    yield (
        "right",
        E,
        {
            y: d,
            dt: ddt,
            a: da,
            b: db,
            pre: dpre,
            w: (dpre * X).sum(),
            x: dpre * 0.8 + np.array([DT[i] * (B * G[i]).sum() for i in range(4)]),
        },
        "right",
    )
    yield "input's direct path forgotten", E, {x: dpre * 0.8}, "missing-term"
    yield (
        "step's path forgotten",
        E,
        {x: np.array([DT[i] * (B * G[i]).sum() for i in range(4)])},
        "missing-term",
    )
    yield "decay's minus forgotten", E, {a: -da}, "sign"
    yield (
        "recurrence forgotten",
        E,
        {b: sum(DT[i] * X[i] * d[i] * c for i in range(4))},
        "missing-term",
    )
    yield (
        "decay of the state after",
        E,
        {a: sum(-DT[i] * np.exp(-DT[i] * A) * Hs[i + 1] * G[i] for i in range(4))},
        "off-by-index|other",
    )
    yield (
        "decay alone at dt",
        E,
        {dt: np.array([(G[i] * (-A * np.exp(-DT[i] * A) * Hs[i])).sum() for i in range(4)])},
        "missing-term",
    )
    yield "softplus' forgotten", E, {w: (ddt * X).sum()}, "missing-activation-derivative"
    yield "dt forgotten in b", E, {b: sum(X[i] * G[i] for i in range(4))}, "missing-factor"
