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
