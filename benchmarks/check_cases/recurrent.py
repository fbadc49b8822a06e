"""Shared weights in time: RNNs, LSTM and GRU cells, a state that is stepped on."""

import numpy as np

import tinygrad_lite as tg


def rnn():
    """h_t = tanh(x_t Wx + h_{t-1} Wh + b), a loss at every step."""
    rng = np.random.default_rng(41)
    N, D, H = 4, 3, 5
    x = [rng.normal(size=(N, D)) for _ in range(3)]
    t = [rng.normal(size=(N, H)) for _ in range(3)]
    Wx, Wh = tg.Tensor(rng.normal(size=(D, H))), tg.Tensor(0.6 * rng.normal(size=(H, H)))
    b, h0 = tg.Tensor(rng.normal(size=H)), tg.Tensor(rng.normal(size=(N, H)))
    h1 = tg.tanh(x[0] @ Wx + h0 @ Wh + b)
    h2 = tg.tanh(x[1] @ Wx + h1 @ Wh + b)
    h3 = tg.tanh(x[2] @ Wx + h2 @ Wh + b)
    E = 0.5 * (((h1 - t[0]) ** 2).sum() + ((h2 - t[1]) ** 2).sum() + ((h3 - t[2]) ** 2).sum())

    h = [h0.data, h1.data, h2.data, h3.data]
    wh = Wh.data

    def backward(
        weights=wh.T, through=True, slope=lambda s: 1 - h[s + 1] ** 2, own=True, previous=0
    ):
        dWx, dWh, db, carry = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H), np.zeros((N, H))
        for s in (2, 1, 0):
            dh = (h[s + 1] - t[s] if own or s == 2 else 0) + (carry if through else 0)
            dz = dh * slope(s)
            dWx += x[s].T @ dz
            dWh += h[s + previous].T @ dz
            db += dz.sum(0)
            carry = dz @ weights
        return {Wx: dWx, Wh: dWh, b: db, h0: carry}

    right = backward()

    def only(grads, *names):
        return {name: grads[name] for name in names}

    yield "backpropagation through time", E, right, "right"
    yield "no gradient through time", E, only(backward(through=False), Wh), "missing-term"
    yield "no gradient through time, at Wx", E, only(backward(through=False), Wx), "missing-term"
    yield "only the last step's loss", E, only(backward(own=False), Wx), "missing-term"
    yield "Wh for Wh^T", E, only(backward(weights=wh), b), "transpose"
    yield "h_t for h_{t-1}", E, only(backward(previous=1), Wh), "off-by-index"
    yield (
        "tanh' of the previous step",
        E,
        only(backward(slope=lambda s: 1 - h[s] ** 2), Wx),
        "off-by-index|activation-derivative-at-wrong-point",
    )
    yield (
        "tanh' left out",
        E,
        only(backward(slope=lambda s: 1), Wx),
        "missing-activation-derivative",
    )
    yield (
        "sigmoid's derivative",
        E,
        only(backward(slope=lambda s: h[s + 1] * (1 - h[s + 1])), b),
        "wrong-activation-derivative",
    )
    dz3 = (h[3] - t[2]) * (1 - h[3] ** 2)
    yield "only the last step's use of Wh", E, {Wh: h[2].T @ dz3}, "missing-term"
    yield "only the last step's use of b", E, {b: dz3.sum(0)}, "missing-term"
    yield "averaged over the steps", E, {Wx: right[Wx] / 3}, "mean-vs-sum|constant-scale"
    yield "the sign of everything", E, {h0: -right[h0]}, "sign"
    yield "dWh transposed", E, {Wh: right[Wh].T}, "transpose"


def lstm_cell_stacked_gates():
    """The four gates in one matrix, a = W x + U h0 + b, L = |h - t|^2."""
    rng = np.random.default_rng(32)
    n = 4
    x = rng.normal(size=(3,))
    h0 = tg.Tensor(rng.normal(size=n))
    c0 = tg.Tensor(rng.normal(size=n))
    W = tg.Tensor(rng.normal(size=(4 * n, 3)))
    U = tg.Tensor(rng.normal(size=(4 * n, n)))
    b = tg.Tensor(rng.normal(size=4 * n))
    t = rng.normal(size=n)
    a = W @ x + U @ h0 + b
    i = tg.sigmoid(a[:n])
    f = tg.sigmoid(a[n : 2 * n])
    o = tg.sigmoid(a[2 * n : 3 * n])
    g = tg.tanh(a[3 * n :])
    c = f * c0 + i * g
    h = o * tg.tanh(c)
    L = ((h - t) ** 2).sum()
    I_, F, O_, G, C = [v.data for v in (i, f, o, g, c)]
    dh = 2 * (h.data - t)
    do = dh * np.tanh(C)
    dc = dh * O_ * (1 - np.tanh(C) ** 2)
    di = dc * G
    df = dc * c0.data
    dg = dc * I_

    def da(i_=1, f_=1, o_=1, g_=1):
        return np.concatenate(
            [
                di * I_ * (1 - I_) * i_,
                df * F * (1 - F) * f_,
                do * O_ * (1 - O_) * o_,
                dg * (1 - G**2) * g_,
            ]
        )

    A = da()
    yield (
        "right",
        L,
        {c: dc, a: A, U: np.outer(A, h0.data), h0: U.data.T @ A, c0: dc * F, b: A},
        "right",
    )
    yield "tanh'(c) missing", L, {c: dh * O_}, "missing-activation-derivative"
    yield "o missing", L, {c: dh * (1 - np.tanh(C) ** 2)}, "missing-factor"
    yield "1-c^2", L, {c: dh * O_ * (1 - C**2)}, "activation-derivative-at-wrong-point"
    yield "f gate cut", L, {a: da(f_=0)}, "missing-term"
    yield (
        "g with sigmoid'",
        L,
        {b: np.concatenate([A[: 3 * n], dg * G * (1 - G)])},
        "wrong-activation-derivative",
    )
    yield (
        "gates swapped",
        L,
        {a: np.concatenate([A[n : 2 * n], A[:n], A[2 * n :]])},
        "wrong-order|off-by-index|other",
    )
    yield "c0 by i", L, {c0: dc * I_}, "other|missing-factor|wrong-order"
    yield "di with c0", L, {i: dc * c0.data}, "other|missing-term"
    yield "i and f both with f", L, {U: np.outer(A, h.data)}, "off-by-index|other|missing-term"
    yield (
        "do without tanh",
        L,
        {o: dh * C},
        "missing-activation-derivative|activation-derivative-at-wrong-point|missing-factor",
    )


def gru_cell_reset_first():
    """h' = (1 - z) n + z h with n = tanh(x Wh + (r h) Uh): the reset comes before Uh."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(1, 3))
    h = tg.Tensor(rng.normal(size=(1, 4)))
    Wz, Wr, Wh = [tg.Tensor(rng.normal(size=(3, 4))) for _ in range(3)]
    Uz, Ur, Uh = [tg.Tensor(rng.normal(size=(4, 4))) for _ in range(3)]
    t = rng.normal(size=(1, 4))
    z = tg.sigmoid(x @ Wz + h @ Uz)
    r = tg.sigmoid(x @ Wr + h @ Ur)
    rh = r * h
    n = tg.tanh(x @ Wh + rh @ Uh)
    h_new = (1 - z) * n + z * h
    loss = 0.5 * ((h_new - t) ** 2).sum()
    dn_ = h_new.data - t
    zv, rv, nv, hv = z.data, r.data, n.data, h.data
    dz = dn_ * (hv - nv)
    dn = dn_ * (1 - zv)
    dnp = dn * (1 - nv**2)
    drh = dnp @ Uh.data.T
    dr = drh * hv
    dzp = dz * zv * (1 - zv)
    drp = dr * rv * (1 - rv)
    dh = dn_ * zv + drh * rv + dzp @ Uz.data.T + drp @ Ur.data.T
    yield "right", loss, {h: dh, z: dz, n: dn, r: dr, Uh: rh.data.T @ dnp, Wr: x.T @ drp}, "right"
    yield "dz sign", loss, {z: dn_ * (nv - hv)}, "sign"
    yield "dz without n", loss, {z: dn_ * hv}, "missing-term"
    yield "dn by z", loss, {n: dn_ * zv}, "missing-term|other|sign"
    yield "dh no reset path", loss, {h: dh - drp @ Ur.data.T}, "missing-term"
    yield "dh only leak", loss, {h: dn_ * zv}, "missing-term"
    yield "r' missing", loss, {Wr: x.T @ dr}, "missing-activation-derivative"
    yield "tanh' for sigmoid'", loss, {Wr: x.T @ (dr * (1 - rv**2))}, "wrong-activation-derivative"
    yield "Uh with h", loss, {Uh: hv.T @ dnp}, "missing-factor|missing-term"
    yield "Uh not transposed", loss, {r: dnp @ Uh.data * hv}, "transpose"


def euler_steps():
    """A state that goes round a residual loop: x <- x + h tanh(A x), three times."""
    rng = np.random.default_rng(98)
    A, x0, t = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4)), rng.normal(size=4)
    h = 0.3
    x1 = x0 + h * tg.tanh(A @ x0)
    x2 = x1 + h * tg.tanh(A @ x1)
    x3 = x2 + h * tg.tanh(A @ x2)
    E = 0.5 * ((x3 - t) ** 2).sum()

    a, xs = A.data, [x0.data, x1.data, x2.data]

    def adjoint(skip=True, step=h, weights=a.T, last=0):
        g, dA = x3.data - t, np.zeros((4, 4))
        for s in (2, 1, 0):
            d = step * g * (1 - np.tanh(a @ xs[s]) ** 2)
            if s >= last:
                dA += np.outer(d, xs[s])
            g = (g if skip else 0) + weights @ d
        return {A: dA, x0: g}

    right = adjoint()
    yield "the adjoint", E, right, "right"
    yield "skips forgotten", E, {x0: adjoint(skip=False)[x0]}, "missing-term"
    yield "A for A^T", E, {x0: adjoint(weights=a)[x0]}, "transpose"
    yield "h forgotten", E, {x0: adjoint(step=1.0)[x0]}, "constant-scale|missing-factor"
    yield "only the last step's A", E, {A: adjoint(last=2)[A]}, "missing-term"
    yield "the first step's A forgotten", E, {A: adjoint(last=1)[A]}, "missing-term"
    yield "transposed outer products", E, {A: right[A].T}, "transpose"


def peephole_cell():
    """Gates see the cell: i = sigma(a + p c), c1 = c (1 - i) + i tanh(g), o = sigma(b + q c1)."""
    rng = np.random.default_rng(101)
    a, b, g, c, p, q = (tg.Tensor(rng.normal(size=4)) for _ in range(6))
    t = rng.normal(size=4)
    i = tg.sigmoid(a + p * c)
    k = tg.tanh(g)
    c1 = c * (1 - i) + i * k
    o = tg.sigmoid(b + q * c1)
    h = o * tg.tanh(c1)
    E = 0.5 * ((h - t) ** 2).sum()
    II, K, C1, OO, C = i.data, k.data, c1.data, o.data, c.data
    d, T = h.data - t, np.tanh(c1.data)
    do = d * T
    dbz = do * OO * (1 - OO)
    dc1 = d * OO * (1 - T**2) + dbz * q.data
    di = dc1 * (K - C)
    dz = di * II * (1 - II)
    yield (
        "right",
        E,
        {
            o: do,
            b: dbz,
            c1: dc1,
            i: di,
            a: dz,
            p: dz * C,
            q: dbz * C1,
            g: dc1 * II * (1 - K**2),
            c: dc1 * (1 - II) + dz * p.data,
        },
        "right",
    )
    yield "output peephole forgotten", E, {c1: d * OO * (1 - T**2)}, "missing-term"
    yield "input peephole forgotten", E, {c: dc1 * (1 - II)}, "missing-term"
    yield "old cell for the new", E, {q: dbz * C}, "other|off-by-index"
    yield "k alone", E, {i: dc1 * K}, "missing-term"
    yield "k + c", E, {i: dc1 * (K + C)}, "sign"
    yield (
        "tanh' at k",
        E,
        {c1: d * OO * (1 - C1**2) + dbz * q.data},
        "activation-derivative-at-wrong-point",
    )
    yield (
        "i for 1 - i",
        E,
        {c: dc1 * II + dz * p.data},
        "other|missing-term|sign|wrong-activation-derivative",
    )
    yield "sigma' forgotten", E, {p: di * C}, "missing-activation-derivative"
