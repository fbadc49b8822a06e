"""Attention: one head, several, masked, in batches, with Q, K and V from one X."""

import numpy as np

import tinygrad_lite as tg


def attention():
    """A = softmax(Q K^T / sqrt d), O = A V, E = sum C * O."""
    rng = np.random.default_rng(32)
    n = d = 4
    Q, K = tg.Tensor(rng.normal(size=(n, d))), tg.Tensor(rng.normal(size=(n, d)))
    V = tg.Tensor(rng.normal(size=(n, d)))
    C = rng.normal(size=(n, d))
    S = Q @ K.T / np.sqrt(d)
    A = tg.softmax(S, axis=-1)
    O = A @ V  # noqa: E741
    E = (C * O).sum()

    a, q, k, v = A.data, Q.data, K.data, V.data
    dA = C @ v.T
    dS = a * (dA - (a * dA).sum(-1, keepdims=True))
    root = np.sqrt(d)
    yield (
        "all of them",
        E,
        {V: a.T @ C, A: dA, S: dS, Q: dS @ k / root, K: dS.T @ q / root},
        "right",
    )
    yield "A for A^T", E, {V: a @ C}, "transpose"
    yield "V for V^T", E, {A: C @ v}, "transpose"
    yield "no 1/sqrt d", E, {Q: dS @ k}, "constant-scale"
    yield "1/d", E, {Q: dS @ k / d}, "constant-scale"
    yield "softmax's diagonal only", E, {S: dA * a * (1 - a)}, "missing-term"
    yield "softmax's diagonal only, at Q", E, {Q: (dA * a * (1 - a)) @ k / root}, "missing-term"
    yield "softmax's sum dropped", E, {S: a * dA}, "missing-term"
    yield (
        "softmax over the wrong axis",
        E,
        {S: a * (dA - (a * dA).sum(0, keepdims=True))},
        ("wrong-axis"),
    )
    yield "softmax left out", E, {Q: dA @ k / root}, "missing-activation-derivative"
    yield "dS for dS^T", E, {K: dS @ q / root}, "transpose"
    yield "dK returned as Q^T dS", E, {K: q.T @ dS / root}, "transpose"
    yield "dS Q for dS K", E, {Q: dS @ q / root}, "other"
    yield "K^T in Q's gradient", E, {Q: dS @ k.T / root}, "transpose"
    yield "V left out", E, {A: C}, "missing-factor"
    yield "C V elementwise", E, {A: C * v}, "elementwise-vs-matmul"
    yield (
        "line by line, the diagonal only",
        E,
        {A: dA, S: dA * a * (1 - a), Q: (dA * a * (1 - a)) @ k / root, V: a.T @ C},
        {A: "right", S: "missing-term", Q: "inherited", V: "right"},
    )


def self_attention():
    """Q, K and V from one X: the gradient of X has three paths and a skip."""
    rng = np.random.default_rng(76)
    n, d = 5, 4
    X = tg.Tensor(rng.normal(size=(n, d)))
    Wq, Wk, Wv = (tg.Tensor(rng.normal(size=(d, d))) for _ in range(3))
    C = rng.normal(size=(n, d))
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    A = tg.softmax(Q @ K.T / 2.0, axis=1)
    O = A @ V + X  # noqa: E741
    E = (C * O).sum()

    x, a = X.data, A.data
    dA = C @ V.data.T
    dS = a * (dA - (dA * a).sum(1, keepdims=True)) / 2.0
    q = dS @ K.data @ Wq.data.T
    k = dS.T @ Q.data @ Wk.data.T
    v = a.T @ C @ Wv.data.T
    yield "all four", E, {X: q + k + v + C, Wq: x.T @ dS @ K.data, Wv: x.T @ a.T @ C}, "right"
    yield "the query path forgotten", E, {X: k + v + C}, "missing-term"
    yield "the key path forgotten", E, {X: q + v + C}, "missing-term"
    yield "the value path forgotten", E, {X: q + k + C}, "missing-term"
    yield "the skip forgotten", E, {X: q + k + v}, "missing-term"
    yield "no 1/2 in the scores", E, {Wk: 2 * x.T @ dS.T @ Q.data}, "constant-scale"
    yield "dS for dS^T", E, {Wk: x.T @ dS @ Q.data}, "transpose"
    yield "Wq for Wq^T", E, {X: dS @ K.data @ Wq.data + k + v + C}, "transpose"
    yield "the diagonal only", E, {Wq: x.T @ (dA * a * (1 - a) / 2.0) @ K.data}, "missing-term"


def several_heads():
    """Attention with a batch of heads: stacked matrix products and a 3-d softmax."""
    rng = np.random.default_rng(93)
    h, n, d = 5, 3, 4
    Q, K, V = (tg.Tensor(rng.normal(size=(h, n, d))) for _ in range(3))
    C = rng.normal(size=(h, n, d))
    S = Q @ K.mT / np.sqrt(d)
    A = tg.softmax(S, axis=-1)
    E = (C * (A @ V)).sum()

    a, q, k, v = A.data, Q.data, K.data, V.data
    dA = C @ v.swapaxes(1, 2)
    dS = a * (dA - (a * dA).sum(-1, keepdims=True)) / 2
    yield "all", E, {Q: dS @ k, K: dS.swapaxes(1, 2) @ q, V: a.swapaxes(1, 2) @ C}, "right"
    yield "dS for its transpose", E, {K: dS @ q}, "transpose"
    yield "A for its transpose", E, {V: a @ C}, "transpose"
    yield "no scale", E, {Q: 2 * dS @ k}, "constant-scale"
    yield "no softmax", E, {Q: dA @ k / 2}, "missing-activation-derivative"
    yield "the diagonal only", E, {S: 2 * (dA * a * (1 - a)) / 2}, "missing-term"
    yield (
        "softmax over the queries",
        E,
        {S: a * (dA - (a * dA).sum(1, keepdims=True))},
        "wrong-axis",
    )


def masked_attention():
    """softmax(Q K^T / sqrt d + mask) V with Q, K and V from one X, L = |O - T|^2 / n."""
    rng = np.random.default_rng(8)
    n, dk = 5, 3
    X = rng.normal(size=(n, 4))
    Wq, Wk, Wv = [tg.Tensor(rng.normal(size=(4, dk))) for _ in range(3)]
    T = rng.normal(size=(n, dk))
    mask = np.triu(np.full((n, n), -1e9), 1)
    Q = X @ Wq
    K = X @ Wk
    V = X @ Wv
    S = Q @ K.T / np.sqrt(dk) + mask
    P = tg.softmax(S, axis=-1)
    out = P @ V
    L = ((out - T) ** 2).sum() / n
    dO = 2 * (out.data - T) / n
    dV = P.data.T @ dO
    dP = dO @ V.data.T
    p = P.data
    dS = p * (dP - (dP * p).sum(1, keepdims=True))
    dQ = dS @ K.data / np.sqrt(dk)
    dK = dS.T @ Q.data / np.sqrt(dk)
    yield (
        "right",
        L,
        {V: dV, P: dP, Q: dQ, K: dK, Wq: X.T @ dQ, Wk: X.T @ dK, Wv: X.T @ dV},
        "right",
    )
    yield "dV P not T", L, {V: p @ dO}, "transpose"
    yield "dK dS not T", L, {K: dS @ Q.data / np.sqrt(dk)}, "transpose"
    yield "no sqrt", L, {Wq: X.T @ dQ * np.sqrt(dk)}, "constant-scale"
    yield "diag", L, {Q: (p * (1 - p) * dP) @ K.data / np.sqrt(dk)}, "missing-term"
    yield (
        "wrong axis",
        L,
        {Q: (p * (dP - (dP * p).sum(0, keepdims=True))) @ K.data / np.sqrt(dk)},
        "wrong-axis",
    )
    yield "scale twice", L, {Wk: X.T @ dK / np.sqrt(dk)}, "constant-scale"
    yield (
        "softmax' left out",
        L,
        {Wk: X.T @ (dP.T @ Q.data / np.sqrt(dk))},
        "missing-activation-derivative",
    )
    yield "1/dk for 1/sqrt dk", L, {Q: dS @ K.data / dk}, "constant-scale"


def attention_block_batched():
    """softmax(Q K^T / sqrt d) V for a batch of stacked matrices."""
    rng = np.random.default_rng(44)
    B, T, d = 2, 3, 4
    Q = tg.Tensor(rng.normal(size=(B, T, d)))
    K = tg.Tensor(rng.normal(size=(B, T, d)))
    V = tg.Tensor(rng.normal(size=(B, T, d)))
    G = rng.normal(size=(B, T, d))
    S = Q @ K.swapaxes(1, 2) * d**-0.5
    A = tg.softmax(S, axis=-1)
    L = (A @ V * G).sum()
    a = A.data
    dA = G @ V.data.swapaxes(1, 2)
    dS = a * (dA - (a * dA).sum(-1, keepdims=True)) * d**-0.5
    yield (
        "right",
        L,
        {Q: dS @ K.data, K: dS.swapaxes(1, 2) @ Q.data, V: a.swapaxes(1, 2) @ G},
        "right",
    )
    yield "V: A not T", L, {V: a @ G}, "transpose"
    yield "K: dS not T", L, {K: dS @ Q.data}, "transpose"
    yield "no scale", L, {Q: dS @ K.data * 2}, "constant-scale"
    yield (
        "sum axis",
        L,
        {Q: (a * (dA - (a * dA).sum(1, keepdims=True)) * 0.5) @ K.data},
        "wrong-axis",
    )
    yield "no sum", L, {Q: (a * dA * 0.5) @ K.data}, "missing-term"
    yield "V dropped", L, {A: G.sum(-1, keepdims=True) + np.zeros((B, T, T))}, "missing-factor"
    yield "G dropped", L, {V: a.swapaxes(1, 2) @ np.ones_like(G)}, "missing-factor"
