"""Learning by similarity: contrastive and triplet losses, neighbours, word vectors, embeddings."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def info_nce():
    """Contrastive loss: logits = A B^T / tau, cross-entropy with the diagonal, both directions."""
    rng = np.random.default_rng(18)
    n, tau = 5, 0.5
    A, B = tg.Tensor(rng.normal(size=(n, 3))), tg.Tensor(rng.normal(size=(n, 3)))
    logits = A @ B.T / tau
    i = np.arange(n)
    rows = logits - tg.logsumexp(logits, axis=1, keepdims=True)
    columns = logits - tg.logsumexp(logits, axis=0, keepdims=True)
    L = -(rows[i, i].mean() + columns[i, i].mean()) / 2

    eye = np.eye(n)
    d = ((np.exp(rows.data) - eye) + (np.exp(columns.data) - eye)) / (2 * n)
    yield "both directions", L, {logits: d, A: d @ B.data / tau, B: d.T @ A.data / tau}, "right"
    one = (np.exp(rows.data) - eye) / (2 * n)
    yield "one direction only", L, {logits: one}, "missing-term"
    yield "tau forgotten", L, {A: d @ B.data}, "constant-scale"
    yield "d for d^T", L, {B: d @ A.data / tau}, "transpose"
    yield "A's rows for B's", L, {A: d @ A.data / tau}, "other"
    yield "sum over the batch", L, {logits: d * n}, "mean-vs-sum"


def info_nce_normalised():
    """InfoNCE with rows of length 1: u = x / |x|, S = u y^T / tau."""
    rng = np.random.default_rng(46)
    N, d = 4, 3
    x = tg.Tensor(rng.normal(size=(N, d)))
    y = rng.normal(size=(N, d))
    tau = 0.5
    n = tg.sqrt((x**2).sum(axis=1, keepdims=True))
    u = x / n
    S = u @ y.T / tau
    L = -(tg.log_softmax(S, axis=1)).diagonal().mean()
    p = np.exp(S.data)
    p /= p.sum(1, keepdims=True)
    dS = (p - np.eye(N)) / N
    du = dS @ y / tau
    U = u.data
    dx = (du - U * (du * U).sum(1, keepdims=True)) / n.data
    yield "right", L, {S: dS, u: du, x: dx}, "right"
    yield "norm constant", L, {x: du / n.data}, "missing-term"
    yield "no norm", L, {x: du - U * (du * U).sum(1, keepdims=True)}, "missing-factor"
    yield "no tau", L, {u: dS @ y}, "constant-scale"
    yield "y T", L, {u: dS.T @ y / tau}, "transpose"
    yield "plus", L, {x: (du + U * (du * U).sum(1, keepdims=True)) / n.data}, "sign"
    yield "no 1/N", L, {S: dS * N}, "mean-vs-sum"
    yield (
        "x for u",
        L,
        {x: (du - x.data * (du * x.data).sum(1, keepdims=True)) / n.data},
        "missing-factor|other",
    )
    yield (
        "columns softmax",
        L,
        {S: (np.exp(S.data) / np.exp(S.data).sum(0) - np.eye(N)) / N},
        "wrong-axis",
    )


def triplet_loss():
    """mean(relu(|a - p|^2 - |a - n|^2 + 1))."""
    rng = np.random.default_rng(14)
    a, p, n = [tg.Tensor(rng.normal(size=(6, 4))) for _ in range(3)]
    d_ap = ((a - p) ** 2).sum(axis=1)
    d_an = ((a - n) ** 2).sum(axis=1)
    viol = d_ap - d_an + 1.0
    L = tg.relu(viol).mean()
    act = (viol.data > 0)[:, None] / 6
    A, P, N = a.data, p.data, n.data
    yield "right", L, {a: 2 * (N - P) * act, p: 2 * (P - A) * act, n: 2 * (A - N) * act}, "right"
    yield "p sign", L, {p: 2 * (A - P) * act}, "sign"
    yield "no 2", L, {n: (A - N) * act}, "constant-scale"
    yield "a one path", L, {a: 2 * (A - P) * act}, "missing-term"
    yield "a minus dropped", L, {a: 2 * ((A - P) + (A - N)) * act}, "sign"
    yield "no mask", L, {n: 2 * (A - N) / 6}, "missing-activation-derivative"


def cosine():
    """L = 1 - u . v / (|u| |v|)."""
    rng = np.random.default_rng(19)
    u = tg.Tensor(rng.normal(size=4))
    v = tg.Tensor(rng.normal(size=4))
    nu = tg.sqrt((u * u).sum())
    nv = tg.sqrt((v * v).sum())
    c = (u @ v) / (nu * nv)
    L = 1 - c
    U, V, a, b, k = u.data, v.data, nu.data, nv.data, c.data
    yield "right", L, {u: -(V / (a * b) - k * U / a**2)}, "right"
    yield "norm const", L, {u: -V / (a * b)}, "missing-term"
    yield "plus", L, {u: -(V / (a * b) + k * U / a**2)}, "sign"
    yield "sign", L, {v: (U / (a * b) - k * V / b**2)}, "sign"
    yield "unsquared", L, {v: -(U / (a * b) - k * V / b)}, "missing-factor|extra-factor"


def stochastic_neighbours():
    """t-SNE: C = -sum p log q, q_ij = k_ij / sum k, k = 1 / (1 + |y_i - y_j|^2)."""
    rng = np.random.default_rng(92)
    n = 6
    P = rng.uniform(size=(n, n))
    P = (P + P.T) * (1 - np.eye(n))
    P /= P.sum()
    Y = tg.Tensor(rng.normal(size=(n, 2)))
    D = ((Y.reshape(n, 1, 2) - Y.reshape(1, n, 2)) ** 2).sum(axis=2)
    k = 1 / (1 + D)
    kk = k * (1 - np.eye(n))
    total = kk.sum()
    C = -(P * (tg.log(k) - tg.log(total))).sum()

    y, kv = Y.data, kk.data
    q = kv / kv.sum()
    pull = ((P - q) * kv)[:, :, None] * (y[:, None] - y[None])
    yield "4 sum (p - q) k (y_i - y_j)", C, {Y: 4 * pull.sum(1)}, "right"
    yield "2 for 4", C, {Y: 2 * pull.sum(1)}, "constant-scale|missing-term"
    yield "y_j - y_i", C, {Y: -4 * pull.sum(1)}, "sign"
    yield "summed over i", C, {Y: 4 * pull.sum(0)}, "sign|wrong-axis"
    plain = (P - q)[:, :, None] * (y[:, None] - y[None])
    yield (
        "without the kernel (SNE's)",
        C,
        {Y: 4 * plain.sum(1)},
        "missing-activation-derivative|missing-factor|extra-factor|other",
    )
    attract = (P * kv)[:, :, None] * (y[:, None] - y[None])
    yield "attraction only", C, {Y: 4 * attract.sum(1)}, "missing-term"


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


def negative_sampling():
    """-log sigma(u . v) - sum log sigma(-u_k . v) with rows of two tables, one drawn twice."""
    rng = np.random.default_rng(34)
    V, D = 9, 4
    Win = tg.Tensor(rng.normal(size=(V, D)))
    Wout = tg.Tensor(rng.normal(size=(V, D)))
    c, o = 2, 5
    neg = [1, 7, 7]
    v = Win[c]
    u = Wout[o]
    un = Wout[neg]
    L = -tg.log(tg.sigmoid(u @ v)) - tg.log(tg.sigmoid(-(un @ v))).sum()
    s = sigmoid(u.data @ v.data)
    sn = sigmoid(un.data @ v.data)
    dv = (s - 1) * u.data + sn @ un.data
    dun = sn[:, None] * v.data
    dW = np.zeros((V, D))
    dW[o] += (s - 1) * v.data
    np.add.at(dW, neg, dun)
    yield "right", L, {v: dv, u: (s - 1) * v.data, un: dun, Wout: dW}, "right"
    yield "positive only", L, {v: (s - 1) * u.data}, "missing-term"
    yield "neg sign", L, {v: (s - 1) * u.data - sn @ un.data}, "sign"
    yield "s for s-1", L, {u: s * v.data}, "missing-term|activation-derivative-at-wrong-point"
    yield (
        "1-sn for negatives",
        L,
        {un: (1 - sn)[:, None] * v.data},
        "sign|activation-derivative-at-wrong-point|missing-term|wrong-activation-derivative|other",
    )
    b = np.zeros((V, D))
    b[o] = (s - 1) * v.data
    b[neg] = dun
    yield "repeats overwritten", L, {Wout: b}, "missing-term"
    yield (
        "sigmoid' not log",
        L,
        {u: -s * (1 - s) * v.data},
        "missing-factor|missing-activation-derivative|extra-factor",
    )


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


def embedding():
    """H = tanh(C[ix] W), L = mean of squares; a row of C is used several times."""
    rng = np.random.default_rng(34)
    C, W = tg.Tensor(rng.normal(size=(6, 3))), tg.Tensor(rng.normal(size=(3, 4)))
    ix = np.array([0, 2, 2, 5, 1, 2, 0])
    T = rng.normal(size=(7, 4))
    emb = C[ix]
    H = tg.tanh(emb @ W)
    L = ((H - T) ** 2).mean()

    dH = 2 * (H.data - T) / T.size
    demb = (dH * (1 - H.data**2)) @ W.data.T
    dC = np.zeros((6, 3))
    for i, row in zip(ix, demb, strict=True):
        dC[i] += row
    yield "rows added up", L, {C: dC, emb: demb}, "right"
    last = np.zeros((6, 3))
    for i, row in zip(ix, demb, strict=True):
        last[i] = row
    yield "rows overwritten", L, {C: last}, "missing-term"
    counts = np.maximum(np.bincount(ix, minlength=6), 1)[:, None]
    yield "rows averaged", L, {C: dC / counts}, "mean-vs-sum|other"
    yield "the next row", L, {C: np.roll(dC, 1, axis=0)}, "off-by-index"
    yield "demb for dC", L, {C: demb}, "shape|missing-broadcast-sum|missing-term"
    yield "1/N for 1/(N K)", L, {emb: demb * 4}, "mean-vs-sum"
    yield "W for W^T, as a row", L, {W: (dH * (1 - H.data**2)).T @ emb.data}, "transpose|shape"


def embedding_mean():
    """y = mean over words of E[idx], times W; one word stands twice in a row."""
    rng = np.random.default_rng(6)
    E = tg.Tensor(rng.normal(size=(8, 3)))
    idx = np.array([[1, 2, 2], [5, 1, 7]])
    W = tg.Tensor(rng.normal(size=(3, 2)))
    T = rng.normal(size=(2, 2))
    emb = E[idx]
    ctx = emb.mean(axis=1)
    y = ctx @ W
    L = 0.5 * ((y - T) ** 2).sum()
    d = y.data - T
    dctx = d @ W.data.T
    demb = np.repeat(dctx[:, None] / 3, 3, 1)
    dE = np.zeros((8, 3))
    np.add.at(dE, idx, demb)
    bad = np.zeros((8, 3))
    bad[idx] = demb
    yield "right", L, {E: dE, W: ctx.data.T @ d, emb: demb}, "right"
    yield "overwritten", L, {E: bad}, "missing-term"
    yield "mean's 1/3", L, {E: dE * 3}, "mean-vs-sum"
    yield "2 too many", L, {ctx: 2 * dctx}, "constant-scale"
    yield "no upstream", L, {W: ctx.data.T @ np.ones_like(d)}, "missing-factor"
