"""Networks and layers that the other sets lack, in the styles of many hands."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def crosses(rng):
    """Two cross layers of a recommender: x0 times a number, a bias, and what came in."""
    x0, y = rng.normal(size=(5, 3)), rng.normal(size=5)
    w1, w2 = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=3))
    b1, b2 = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=3))
    v = tg.Tensor(rng.normal(size=3))
    p1 = x0 @ w1
    x1 = x0 * p1[:, None] + b1 + x0
    p2 = x1 @ w2
    x2 = x0 * p2[:, None] + b2 + x1
    out = x2 @ v
    loss = ((out - y) ** 2).mean()
    return loss, locals()


def crosses_backward(x0, y, w2, v, x1, x2, out):
    dout = 2 * (out - y) / len(y)
    dv = x2.T @ dout
    dx2 = np.outer(dout, v)
    dp2 = (dx2 * x0).sum(1)
    dw2 = x1.T @ dp2
    db2 = dx2.sum(0)
    dx1 = dx2 + dp2[:, None] * w2
    dp1 = (dx1 * x0).sum(1)
    dw1 = x0.T @ dp1
    db1 = dx1.sum(0)
    return dv, dw2, db2, dw1, db1


CROSSES = Case(
    crosses,
    crosses_backward,
    (
        Slip("dx1 = dx2 + dp2[:, None] * w2", "dx1 = dp2[:, None] * w2", "missing-term"),
        Slip("dw2 = x1.T @ dp2", "dw2 = x0.T @ dp2", "another-name"),
        Slip("dp2 = (dx2 * x0).sum(1)", "dp2 = (dx2 * x1).sum(1)", "another-name"),
        Slip("db1 = dx1.sum(0)", "db1 = dx1.mean(0)", "mean-vs-sum"),
        Slip("dw1 = x0.T @ dp1", "dw1 = x0.T @ dp2", "another-name"),
        Slip("dout = 2 * (out - y) / len(y)", "dout = (out - y) / len(y)", "constant-scale"),
    ),
    together=((2, 4), (0, 3)),
)


def radial(rng):
    """Radial basis functions: learned centres and a width, a readout, one sum of squares."""
    X, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    C, w = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=3))
    gamma = tg.Tensor(0.5)
    diff = X[:, None, :] - C[None, :, :]
    D = (diff**2).sum(axis=-1)
    Phi = tg.exp(-gamma * D)
    r = Phi @ w - y
    E = 0.5 * (r @ r)
    return E, locals()


def radial_backward(X, C, w, gamma, D, Phi, r):
    dw = Phi.T @ r
    dPhi = r[:, None] * w[None, :]
    dD = -gamma * Phi * dPhi
    dgamma = -np.sum(D * Phi * dPhi)
    dC = np.stack([(2 * dD[:, [k]] * (C[k] - X)).sum(axis=0) for k in range(len(C))])
    return dw, dgamma, dC


RADIAL = Case(
    radial,
    radial_backward,
    (
        Slip("(C[k] - X)", "(X - C[k])", "sign"),
        Slip("dgamma = -np.sum(D * Phi * dPhi)", "dgamma = -np.sum(Phi * dPhi)", "missing-factor"),
        Slip("dD = -gamma * Phi * dPhi", "dD = -gamma * dPhi", "missing-factor"),
        Slip("(2 * dD[:, [k]]", "(dD[:, [k]]", "constant-scale"),
        Slip("dgamma = -np.sum(D", "dgamma = -gamma * np.sum(D", "extra-factor"),
    ),
    together=((0, 1),),
)


def maxout(rng):
    """A layer of maxima over pieces, then a softmax classifier; masks say which piece won."""
    X, lab = rng.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
    W, b = tg.Tensor(rng.normal(size=(2, 3, 4))), tg.Tensor(rng.normal(size=(2, 1, 4)))
    V = tg.Tensor(rng.normal(size=(4, 3)))
    Z = X @ W + b
    H = tg.max(Z, axis=0)
    S = H @ V
    loss = (tg.logsumexp(S, axis=1) - S[np.arange(5), lab]).mean()
    return loss, locals()


def maxout_backward(X, lab, V, Z, H, S):
    P = np.exp(S - S.max(1)[:, None])
    P = P / P.sum(1)[:, None]
    dS = (P - np.eye(3)[lab]) / len(lab)
    dV = np.dot(H.T, dS)
    dH = np.dot(dS, V.T)
    dZ = (Z == H) * dH
    dW = np.einsum("ni,knj->kij", X, dZ)
    db = dZ.sum(axis=1)[:, None]
    return dV, dW, db


MAXOUT = Case(
    maxout,
    maxout_backward,
    (
        Slip("dZ = (Z == H) * dH", "dZ = (Z > 0) * dH", "wrong-activation-derivative"),
        Slip("dZ.sum(axis=1)[:, None]", "dZ.sum(axis=0)[None].sum(1)[:, None]", "wrong-axis"),
        Slip("dH = np.dot(dS, V.T)", "dH = np.dot(S, V.T)", "another-name"),
        Slip("(P - np.eye(3)[lab]) / len(lab)", "P - np.eye(3)[lab] / len(lab)", "bracket"),
        Slip('"ni,knj->kij", X, dZ', '"ni,knj->kij", X, Z', "another-name"),
    ),
    together=((0, 2),),
)


def fourier(rng):
    """Random features with learned frequencies and phases, columns as observations."""
    eingabe, ziel = rng.normal(size=(2, 6)), rng.normal(size=(1, 6))
    omega, phase = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=(4, 1)))
    gewichte = tg.Tensor(rng.normal(size=(1, 4)))
    arg = omega @ eingabe + phase
    merkmal = tg.cos(arg)
    ausgabe = gewichte @ merkmal
    kosten = ((ausgabe - ziel) ** 2).sum() / (2 * 6)
    return kosten, locals()


def fourier_backward(eingabe, ziel, gewichte, arg, merkmal, ausgabe):
    m = eingabe.shape[1]
    d_ausgabe = np.subtract(ausgabe, ziel) / m
    d_gewichte = np.dot(d_ausgabe, merkmal.T)
    d_merkmal = np.dot(gewichte.T, d_ausgabe)
    d_arg = np.multiply(d_merkmal, -np.sin(arg))
    d_omega = np.dot(d_arg, eingabe.T)
    d_phase = np.sum(d_arg, axis=1, keepdims=True)
    return d_gewichte, d_omega, d_phase


FOURIER = Case(
    fourier,
    fourier_backward,
    (
        Slip("-np.sin(arg)", "np.sin(arg)", "sign"),
        Slip("-np.sin(arg)", "-np.sin(merkmal)", "activation-derivative-at-wrong-point"),
        Slip(
            "np.sum(d_arg, axis=1, keepdims=True)",
            "np.mean(d_arg, axis=1, keepdims=True)",
            "mean-vs-sum",
        ),
        Slip("np.dot(d_ausgabe, merkmal.T)", "np.dot(d_ausgabe, arg.T)", "another-name"),
        Slip("np.subtract(ausgabe, ziel) / m", "np.subtract(ziel, ausgabe) / m", "sign"),
        Slip(
            "np.dot(d_arg, eingabe.T)",
            "np.dot(d_merkmal, eingabe.T)",
            "missing-activation-derivative",
        ),
    ),
    together=((1, 2), (3, 5)),
)


def graph_attention(rng):
    """One head of attention over neighbours: scores of pairs, a mask, leaky, rows of softmax."""
    adj = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]]) > 0
    X, goal = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W = tg.Tensor(rng.normal(size=(3, 2)))
    left, right = tg.Tensor(rng.normal(size=2)), tg.Tensor(rng.normal(size=2))
    H = X @ W
    raw = (H @ left)[:, None] + (H @ right)[None, :]
    e = tg.leaky_relu(raw, 0.2)
    A = tg.softmax(tg.where(adj, e, -1e9), axis=1)
    out = A @ H
    loss = 0.5 * ((out - goal) ** 2).sum()
    return loss, locals()


def graph_attention_backward(adj, X, goal, left, right, H, raw, A, out):
    dout = out - goal
    dA = dout @ H.T
    de = A * (dA - (A * dA).sum(axis=1)[:, None])
    draw = de * np.where(raw > 0, 1.0, 0.2)
    rows, cols = draw.sum(axis=1), draw.sum(axis=0)
    dleft = H.T @ rows
    dright = H.T @ cols
    dH = A.T @ dout + np.outer(rows, left) + np.outer(cols, right)
    dW = X.T @ dH
    return dleft, dright, dW


GRAPH_ATTENTION = Case(
    graph_attention,
    graph_attention_backward,
    (
        Slip(
            "rows, cols = draw.sum(axis=1), draw.sum(axis=0)",
            "rows, cols = draw.sum(axis=0), draw.sum(axis=1)",
            "wrong-axis",
        ),
        Slip("dH = A.T @ dout + ", "dH = A @ dout + ", "transpose"),
        Slip(" + np.outer(cols, right)\n", "\n", "missing-term"),
        Slip("np.where(raw > 0, 1.0, 0.2)", "np.where(raw > 0, 1.0, 0.0)", "constant-scale"),
        Slip("(A * dA).sum(axis=1)[:, None]", "(A * dA).sum(axis=0)[:, None]", "wrong-axis"),
    ),
    together=((1, 3),),
)


def feature_attention(rng):
    """Attention without softmax: elu(x) + 1 of queries and keys, sums divided by sums."""
    Q, K = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(5, 3)))
    V, Y = tg.Tensor(rng.normal(size=(5, 2))), rng.normal(size=(4, 2))
    q, k = tg.elu(Q) + 1, tg.elu(K) + 1
    KV = k.T @ V
    z = k.sum(axis=0)
    num = q @ KV
    den = q @ z
    O = num / den[:, None]
    loss = ((O - Y) ** 2).sum() / 2
    return loss, locals()


def feature_attention_backward(Q, K, V, Y, q, k, KV, z, den, O):
    slope = {n: np.where(x > 0, 1.0, np.exp(x)) for n, x in dict(Q=Q, K=K).items()}
    dO = O - Y
    dnum = dO / den[:, None]
    dden = -(dO * O).sum(axis=1) / den
    dq = dnum @ KV.T + dden[:, None] * z
    dKV = q.T @ dnum
    dz = q.T @ dden
    dk = V @ dKV.T + dz
    dV = k @ dKV
    dQ, dK = dq * slope["Q"], dk * slope["K"]
    return dQ, dK, dV


FEATURE_ATTENTION = Case(
    feature_attention,
    feature_attention_backward,
    (
        Slip("dden = -(dO * O)", "dden = (dO * O)", "sign"),
        Slip("dq = dnum @ KV.T + dden[:, None] * z", "dq = dnum @ KV.T", "missing-term"),
        Slip("dV = k @ dKV", "dV = k @ KV", "another-name"),
        Slip(
            'dK = dq * slope["Q"], dk * slope["K"]',
            'dK = dq * slope["Q"], dk',
            "missing-activation-derivative",
        ),
        Slip("V @ dKV.T + dz", "V @ dKV.T - dz", "sign"),
    ),
    together=((0, 4),),
)


def sets(rng):
    """A function of sets: members one by one, their mean, and a readout; loops over samples."""
    X, y = rng.normal(size=(3, 4, 2)), rng.normal(size=3)
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=3))
    v = tg.Tensor(rng.normal(size=3))
    Z = X @ W.T + b
    F = tg.tanh(Z)
    pooled = F.mean(axis=1)
    pred = pooled @ v
    J = ((pred - y) ** 2).mean()
    return J, locals()


def sets_backward(X, y, v, F, pooled, pred):
    W_grad, b_grad, v_grad = 0, 0, 0
    n, m = X.shape[:2]
    for i in range(n):
        err = pred[i] - y[i]
        v_grad = v_grad + 2 * err * pooled[i]
        for j in range(m):
            delta = 2 * err * v / m * (1 - F[i, j] ** 2)
            W_grad = W_grad + delta[:, None] * X[i, j]
            b_grad = b_grad + delta
    W_grad, b_grad, v_grad = W_grad / n, b_grad / n, v_grad / n
    return W_grad, b_grad, v_grad


SETS = Case(
    sets,
    sets_backward,
    (
        Slip("2 * err * v / m * (1", "2 * err * v * (1", "mean-vs-sum"),
        Slip("(1 - F[i, j] ** 2)", "F[i, j] * (1 - F[i, j])", "wrong-activation-derivative"),
        Slip("delta[:, None] * X[i, j]", "delta[:, None] * X[i, 0]", "off-by-index"),
        Slip("b_grad = b_grad + delta", "b_grad = delta", "overwritten"),
        Slip("W_grad / n, b_grad / n, v_grad / n", "W_grad / n, b_grad / n, v_grad", "mean-vs-sum"),
        Slip("2 * err * pooled[i]", "err * pooled[i]", "constant-scale"),
    ),
    pairs={"delta": ""},
    together=((0, 5), (1, 4)),
)


def alignment(rng):
    """All monotone ways through a table of probabilities: a recursion like that of CTC."""
    P = tg.Tensor(rng.uniform(0.1, 0.9, size=(4, 2)))
    rows = [(P[0, 0], P[0, 1])]
    for t in range(1, 4):
        one, two = rows[-1]
        rows.append((one * P[t, 0], (one + two) * P[t, 1]))
    total = rows[-1][1]
    alpha = [list(row) for row in rows]
    loss = -tg.log(total)
    del rows, one, two, alpha
    return loss, locals()


def alignment_backward(P, total):
    T = len(P)
    alpha, beta = np.zeros((T, 2)), np.zeros((T, 2))
    alpha[0] = P[0]
    for t in range(1, T):
        alpha[t, 0] = alpha[t - 1, 0] * P[t, 0]
        alpha[t, 1] = (alpha[t - 1, 0] + alpha[t - 1, 1]) * P[t, 1]
    beta[T - 1, 1] = 1.0
    for t in range(T - 2, -1, -1):
        beta[t, 0] = beta[t + 1, 0] * P[t + 1, 0] + beta[t + 1, 1] * P[t + 1, 1]
        beta[t, 1] = beta[t + 1, 1] * P[t + 1, 1]
    dP = -alpha * beta / P / total
    return dP


ALIGNMENT = Case(
    alignment,
    alignment_backward,
    (
        Slip("alpha * beta / P / total", "alpha * beta / total", "missing-factor"),
        Slip("dP = -alpha", "dP = alpha", "sign"),
        Slip(
            "beta[t + 1, 0] * P[t + 1, 0] + beta", "beta[t + 1, 0] * P[t, 0] + beta", "off-by-index"
        ),
        Slip(" + beta[t + 1, 1] * P[t + 1, 1]\n", "\n", "missing-term"),
        Slip(
            "beta[t, 1] = beta[t + 1, 1] * P[t + 1, 1]",
            "beta[t, 1] = beta[t + 1, 1]",
            "missing-factor",
        ),
    ),
    together=((0, 2),),
)
