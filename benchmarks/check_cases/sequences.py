"""Shared weights in time: an RNN of three steps, LSTM and GRU cells, word2vec."""

import numpy as np

import tinygrad_lite as tg


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


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


def lstm_cell():
    """c = f c0 + i g, h = o tanh(c), E = sum a h + sum e c: both outputs are used."""
    rng = np.random.default_rng(42)
    N, H = 4, 3
    zi, zf, zo, zg = (tg.Tensor(rng.normal(size=(N, H))) for _ in range(4))
    c0 = tg.Tensor(rng.normal(size=(N, H)))
    i, f, o, g = tg.sigmoid(zi), tg.sigmoid(zf), tg.sigmoid(zo), tg.tanh(zg)
    c = f * c0 + i * g
    q = tg.tanh(c)
    h = o * q
    a, e = rng.normal(size=(N, H)), rng.normal(size=(N, H))
    E = (a * h).sum() + (e * c).sum()

    iv, fv, ov, gv, qv = i.data, f.data, o.data, g.data, q.data
    dc = e + a * ov * (1 - qv**2)
    yield (
        "every gate",
        E,
        {
            zi: dc * gv * iv * (1 - iv),
            zf: dc * c0.data * fv * (1 - fv),
            zo: a * qv * ov * (1 - ov),
            zg: dc * iv * (1 - gv**2),
            c0: dc * fv,
            c: dc,
        },
        "right",
    )
    yield "the path through h dropped", E, {c0: e * fv}, "missing-term"
    yield "the cell's own gradient dropped", E, {c: dc - e}, "missing-term"
    yield (
        "sigmoid' for the candidate",
        E,
        {zg: dc * iv * gv * (1 - gv)},
        ("wrong-activation-derivative"),
    )
    yield "tanh' for the input gate", E, {zi: dc * gv * (1 - iv**2)}, "wrong-activation-derivative"
    yield "no sigma' at the output gate", E, {zo: a * qv}, "missing-activation-derivative"
    yield (
        "c for tanh(c) at the output gate",
        E,
        {zo: a * c.data * ov * (1 - ov)},
        ("missing-activation-derivative|activation-derivative-at-wrong-point|other"),
    )
    yield (
        "1 - c**2 for 1 - tanh(c)**2",
        E,
        {c: e + a * ov * (1 - c.data**2)},
        ("activation-derivative-at-wrong-point"),
    )
    yield "forget gate left out", E, {c0: dc}, "missing-factor"
    yield "c for c0 at the forget gate", E, {zf: dc * c.data * fv * (1 - fv)}, "off-by-index|other"
    yield "tanh(c)' left out", E, {c: e + a * ov}, "missing-activation-derivative"


def gru_cell():
    """h = (1 - z) n + z h0 with n = tanh(u + r (h0 V)), E = 1/2 |h - t|^2."""
    rng = np.random.default_rng(43)
    N, H = 4, 3
    u, r = tg.Tensor(rng.normal(size=(N, H))), tg.Tensor(rng.uniform(size=(N, H)))
    z, h0 = tg.Tensor(rng.uniform(size=(N, H))), tg.Tensor(rng.normal(size=(N, H)))
    V = tg.Tensor(rng.normal(size=(H, H)))
    t = rng.normal(size=(N, H))
    m = h0 @ V
    n = tg.tanh(u + r * m)
    h = (1 - z) * n + z * h0
    E = 0.5 * ((h - t) ** 2).sum()

    dh = h.data - t
    dn = dh * (1 - z.data)
    da = dn * (1 - n.data**2)
    dm = da * r.data
    yield (
        "every path",
        E,
        {
            z: dh * (h0.data - n.data),
            h0: dh * z.data + dm @ V.data.T,
            r: da * m.data,
            V: h0.data.T @ dm,
        },
        "right",
    )
    yield "h0's direct path forgotten", E, {h0: dm @ V.data.T}, "missing-term"
    yield "h0's path through the candidate forgotten", E, {h0: dh * z.data}, "missing-term"
    yield "z's minus n forgotten", E, {z: dh * h0.data}, "missing-term"
    yield "z's sign", E, {z: dh * (n.data - h0.data)}, "sign"
    yield "r left out", E, {V: h0.data.T @ da}, "missing-factor"
    yield "z for 1 - z", E, {u: dh * z.data * (1 - n.data**2)}, "other"
    yield "n's derivative left out", E, {r: dn * m.data}, "missing-activation-derivative"


def word2vec():
    """Skip-gram with negative sampling: -log sigma(u_o . v) - sum log sigma(-u_k . v)."""
    rng = np.random.default_rng(44)
    U, v = tg.Tensor(rng.normal(size=(6, 4))), tg.Tensor(rng.normal(size=4))
    o, neg = 2, np.array([0, 5, 5, 3])
    pos = U[o] @ v
    negs = U[neg] @ v
    L = -tg.log(tg.sigmoid(pos)) - tg.log(tg.sigmoid(-negs)).sum()

    w, x = U.data, v.data
    sp, sn = sigmoid(pos.data), sigmoid(negs.data)
    dv = (sp - 1) * w[o] + sn @ w[neg]
    dU = np.zeros_like(w)
    dU[o] = (sp - 1) * x
    np.add.at(dU, neg, np.outer(sn, x))
    yield "v and U", L, {v: dv, U: dU}, "right"
    yield "without the negatives", L, {v: (sp - 1) * w[o]}, "missing-term"
    yield "without the positive", L, {v: sn @ w[neg]}, "missing-term"
    yield "the negatives' sign", L, {v: (sp - 1) * w[o] - sn @ w[neg]}, "sign"
    yield "1 - sigma for sigma - 1", L, {pos: 1 - sp}, "sign"
    yield "sigma without - 1", L, {pos: sp}, "missing-term|other"
    once = np.zeros_like(w)
    once[o] = (sp - 1) * x
    once[neg] = np.outer(sn, x)
    yield "a word drawn twice counted once", L, {U: once}, "missing-term"
    only = np.zeros_like(w)
    only[o] = (sp - 1) * x
    yield "U without the negatives", L, {U: only}, "missing-term"
    yield "negatives averaged", L, {v: (sp - 1) * w[o] + sn @ w[neg] / 4}, "mean-vs-sum"
    yield (
        "sigma of minus the score for the negatives",
        L,
        {negs: sigmoid(-negs.data)},
        "other|activation-derivative-at-wrong-point|wrong-activation-derivative",
    )
    yield "the neighbour of the outside word", L, {U: np.roll(dU, 1, axis=0)}, "off-by-index"


def softmax_word2vec():
    """Naive softmax: p = softmax(U v), L = -log p_o (CS224n, assignment 2)."""
    rng = np.random.default_rng(45)
    U, v = tg.Tensor(rng.normal(size=(5, 5))), tg.Tensor(rng.normal(size=5))
    o = 3
    scores = U @ v
    p = tg.softmax(scores)
    L = -tg.log(p[o])

    d = p.data - np.eye(5)[o]
    yield "U^T (p - y) and (p - y) v^T", L, {v: U.data.T @ d, U: np.outer(d, v.data)}, "right"
    yield "U (p - y)", L, {v: U.data @ d}, "transpose"
    yield "v (p - y)^T", L, {U: np.outer(v.data, d)}, "transpose|wrong-order"
    yield "y - p", L, {v: -U.data.T @ d}, "sign"
    yield "only u_o", L, {v: -U.data[o]}, "missing-term"
    yield "only the expectation", L, {v: U.data.T @ p.data}, "missing-term"
    yield "the next word", L, {v: U.data.T @ (p.data - np.eye(5)[o - 1])}, "off-by-index|other"


PROBLEMS = [rnn, lstm_cell, gru_cell, word2vec, softmax_word2vec]
