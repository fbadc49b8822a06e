"""Ways to learn that the other sets lack: flows, diffusion, margins, rankings, energies."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def coupling(rng):
    """A coupling layer of a flow: scale and shift from one half, the other half's likelihood."""
    xa, xb = rng.normal(size=(5, 2)), tg.Tensor(rng.normal(size=(5, 2)))
    Ws, Wt = tg.Tensor(rng.normal(size=(2, 2))), tg.Tensor(rng.normal(size=(2, 2)))
    s = tg.tanh(xa @ Ws)
    t = xa @ Wt
    y = xb * tg.exp(s) + t
    nll = (0.5 * (y**2).sum() - s.sum()) / 5
    return nll, locals()


def coupling_backward(xa, xb, s, t, y):
    n = y.shape[0]
    dy = y / n
    dxb = dy * np.exp(s)
    ds = dy * xb * np.exp(s) - 1 / n
    dWs = np.matmul(xa.T, ds * (1 - s * s))
    dWt = np.matmul(xa.T, dy)
    return dxb, dWs, dWt


COUPLING = Case(
    coupling,
    coupling_backward,
    (
        Slip("np.exp(s) - 1 / n", "np.exp(s) - 1", "mean-vs-sum"),
        Slip("dxb = dy * np.exp(s)", "dxb = dy * np.exp(-s)", "sign"),
        Slip("ds * (1 - s * s)", "ds * (1 - s)", "wrong-activation-derivative"),
        Slip("ds = dy * xb * np.exp(s)", "ds = dy * y * np.exp(s)", "another-name"),
        Slip(" - 1 / n\n", "\n", "missing-term"),
        Slip(
            "ds * (1 - s * s)", "ds * (1 - np.tanh(s)**2)", "activation-derivative-at-wrong-point"
        ),
    ),
    together=((1, 2),),
)


def denoiser(rng):
    """Noise is predicted from a noised picture and the time's embedding, silu between."""
    x0, eps = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    abar = np.array([0.9, 0.7, 0.4, 0.2])
    temb = rng.normal(size=(4, 5))
    W1, U = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(5, 5)) * 0.4)
    W2 = tg.Tensor(rng.normal(size=(5, 3)))
    xt = np.sqrt(abar)[:, None] * x0 + np.sqrt(1 - abar)[:, None] * eps
    h = xt @ W1 + temb @ U
    a = tg.silu(h)
    pred = a @ W2
    w = abar / (1 - abar)
    loss = (w[:, None] * (pred - eps) ** 2).mean()
    return loss, locals()


def denoiser_backward(eps, xt, temb, W2, h, a, pred, w):
    sig = 1.0 / (1.0 + np.exp(-h))
    dpred = 2.0 * w[:, None] * (pred - eps) / pred.size
    grads = {}
    grads["W2"] = np.tensordot(a, dpred, axes=(0, 0))
    dh = (dpred @ W2.T) * sig * (1.0 + h * (1.0 - sig))
    grads["W1"], grads["U"] = xt.T @ dh, temb.T @ dh
    return grads


DENOISER = Case(
    denoiser,
    denoiser_backward,
    (
        Slip("/ pred.size", "/ len(pred)", "mean-vs-sum"),
        Slip("2.0 * w[:, None] * (pred", "2.0 * (pred", "missing-factor"),
        Slip("sig * (1.0 + h * (1.0 - sig))", "sig * (1.0 - sig)", "wrong-activation-derivative"),
        Slip("(pred - eps) / pred.size", "(pred + eps) / pred.size", "sign"),
        Slip("sig * (1.0 + h * (1.0 - sig))", "sig * (1.0 + (1.0 - sig))", "missing-factor"),
    ),
    together=((0, 4),),
)


def hyper(rng):
    """A small net writes the weights of another: they are a vector that is given a shape."""
    z, X, Y = rng.normal(size=3), rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    H, c = tg.Tensor(rng.normal(size=(8, 3))), tg.Tensor(rng.normal(size=8))
    theta = H @ z + c
    W = theta.reshape(4, 2)
    P = tg.tanh(X @ W)
    L = 0.5 * ((P - Y) ** 2).sum(axis=1).mean()
    return L, locals()


def hyper_backward(z, X, Y, P):
    n = len(X)
    dP = (P - Y) / n
    dA = dP * (1 - P**2)
    dW = X.T.dot(dA)
    dtheta = dW.reshape(-1)
    dH = dtheta[:, None] * z
    dc = dtheta
    return dH, dc


HYPER = Case(
    hyper,
    hyper_backward,
    (
        Slip("dW.reshape(-1)", "dW.T.reshape(-1)", "transpose"),
        Slip("dA = dP * (1 - P**2)", "dA = dP * (1 - P) ** 2", "bracket"),
        Slip("dP = (P - Y) / n", "dP = (P - Y) / P.size", "mean-vs-sum"),
        Slip("(P - Y) / n", "2 * (P - Y) / n", "constant-scale"),
        Slip("dW = X.T.dot(dA)", "dW = X.T.dot(dP)", "missing-activation-derivative"),
    ),
    pairs={"dA": ""},
    together=((0, 3),),
)


def capsules(rng):
    """Squashed vectors: the length says how likely, and margins of it are the loss."""
    s = tg.Tensor(rng.normal(size=(3, 4)))
    T, lam = np.array([1.0, 0.0, 1.0]), 0.5
    sq = (s**2).sum(axis=1)
    length = sq / (1 + sq)
    up, down = tg.relu(0.9 - length), tg.relu(length - 0.1)
    L = (T * up**2 + lam * (1 - T) * down**2).sum()
    return L, locals()


def capsules_backward(s, T, lam, sq, up, down):
    dlength = -2 * T * up + 2 * lam * (1 - T) * down
    dsq = dlength / (1 + sq) ** 2
    ds = 2 * s * dsq[..., None]
    return ds


CAPSULES = Case(
    capsules,
    capsules_backward,
    (
        Slip("dlength / (1 + sq) ** 2", "dlength / (1 + sq)", "missing-factor"),
        Slip("dlength / (1 + sq) ** 2", "dlength * sq / (1 + sq) ** 2", "extra-factor"),
        Slip("-2 * T * up", "2 * T * up", "sign"),
        Slip("+ 2 * lam * (1 - T) * down", "+ 2 * (1 - T) * down", "missing-factor"),
        Slip("ds = 2 * s * dsq", "ds = s * dsq", "constant-scale"),
    ),
    together=((0, 3),),
)


def cosine_margin(rng):
    """Faces: cosines to prototypes, a margin off the right one, a scale, smoothed labels."""
    X, W = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=(3, 5)))
    label, scale, margin, smooth = np.array([0, 2, 1, 2]), 4.0, 0.2, 0.1
    Y = np.eye(3)[label]
    T = (1 - smooth) * Y + smooth / 3
    nx, nw = tg.norm(X, axis=1, keepdims=True), tg.norm(W, axis=1, keepdims=True)
    xh, wh = X / nx, W / nw
    cos = xh @ wh.T
    logits = scale * (cos - margin * Y)
    loss = -(T * tg.log_softmax(logits, axis=1)).sum() / 4
    return loss, locals()


def cosine_margin_backward(nx, nw, xh, wh, logits, T, scale):
    P = np.exp(logits)
    P /= P.sum(axis=1, keepdims=True)
    dlogits = (P - T) / P.shape[0]
    dcos = scale * dlogits
    dxh, dwh = dcos @ wh, dcos.T @ xh
    dX = (dxh - xh * np.sum(dxh * xh, axis=1, keepdims=True)) / nx
    dW = (dwh - wh * np.sum(dwh * wh, axis=1, keepdims=True)) / nw
    return dX, dW


COSINE_MARGIN = Case(
    cosine_margin,
    cosine_margin_backward,
    (
        Slip("dcos = scale * dlogits", "dcos = dlogits", "missing-factor"),
        Slip(
            "P /= P.sum(axis=1, keepdims=True)", "P /= P.sum(axis=0, keepdims=True)", "wrong-axis"
        ),
        Slip("dcos = scale * dlogits", "dcos = dlogits / scale", "operator"),
        Slip(
            "xh * np.sum(dxh * xh, axis=1, keepdims=True)",
            "xh * np.sum(dxh, axis=1, keepdims=True)",
            "missing-factor",
        ),
        Slip(
            "wh * np.sum(dwh * wh, axis=1, keepdims=True)) / nw",
            "wh * np.sum(dwh * wh, axis=1, keepdims=True))",
            "missing-factor",
        ),
        Slip("(P - T) / P.shape[0]", "(P - T) / P.shape[1]", "off-by-index"),
    ),
    together=((0, 4),),
)


def jaccard(rng):
    """A soft intersection over union of masks, one ratio for each picture."""
    M = (rng.random((3, 6)) < 0.5) * 1.0
    M[:, 0] = 1.0
    z = tg.Tensor(rng.normal(size=(3, 6)))
    p = tg.sigmoid(z)
    inter = (p * M).sum(axis=1)
    union = p.sum(axis=1) + M.sum(axis=1) - inter
    loss = (1 - inter / union).mean()
    return loss, locals()


def jaccard_backward(M, p, inter, union):
    B = M.shape[0]
    d_inter = -1 / union / B
    d_union = inter / union**2 / B
    d_p = M * (d_inter - d_union)[:, None] + d_union[:, None]
    d_z = d_p * p * (1 - p)
    return d_z


JACCARD = Case(
    jaccard,
    jaccard_backward,
    (
        Slip("M * (d_inter - d_union)[:, None]", "M * d_inter[:, None]", "missing-term"),
        Slip("inter / union**2 / B", "inter / union / B", "missing-factor"),
        Slip("d_inter = -1 / union / B", "d_inter = 1 / union / B", "sign"),
        Slip(
            "d_p * p * (1 - p)",
            "d_p * np.exp(-p) / (1 + np.exp(-p)) ** 2",
            "activation-derivative-at-wrong-point",
        ),
        Slip("+ d_union[:, None]", "- d_union[:, None]", "sign"),
        Slip("d_p * p * (1 - p)", "d_p * (1 - p)", "missing-factor"),
    ),
    pairs={"d_inter": ""},
    together=((1, 5),),
)


def soft_values(rng):
    """Soft Q-learning: values by a tempered logsumexp, targets fixed, and an entropy's price."""
    S, act = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    target, tau = rng.normal(size=5), 0.7
    W = tg.Tensor(rng.normal(size=(3, 2)))
    Q = S @ W
    V = tau * tg.logsumexp(Q / tau, axis=1)
    adv = Q[np.arange(5), act] - V
    loss = 0.5 * ((V - target) ** 2).mean() - adv.mean()
    return loss, locals()


def soft_values_backward(S, act, target, tau, Q, V):
    n = len(act)
    pi = np.exp((Q - V[:, None]) / tau)
    dV = (V - target + 1) / n
    dQ = dV[:, None] * pi
    dQ[np.arange(n), act] -= 1 / n
    dW = S.T @ dQ
    return dQ, dW


SOFT_VALUES = Case(
    soft_values,
    soft_values_backward,
    (
        Slip("dQ = dV[:, None] * pi", "dQ = dV[:, None] * pi / tau", "extra-factor"),
        Slip("(Q - V[:, None]) / tau", "Q - V[:, None]", "missing-factor"),
        Slip("act] -= 1 / n", "act] += 1 / n", "sign"),
        Slip("(V - target + 1) / n", "(V - target) / n", "missing-term"),
        Slip("act] -= 1 / n", "act] = -1 / n", "overwritten"),
    ),
    together=((1, 2),),
)


def wish_list(rng):
    """Pairs of a liked and an unliked item for every user; factors and item biases."""
    user, liked, other = np.array([0, 1, 1, 2]), np.array([2, 0, 3, 1]), np.array([1, 3, 2, 0])
    P, Q = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(4, 2)))
    bias, reg = tg.Tensor(rng.normal(size=4)), 0.01
    gap = (P[user] * (Q[liked] - Q[other])).sum(axis=1) + bias[liked] - bias[other]
    loss = tg.softplus(-gap).sum() + reg * ((P**2).sum() + (Q**2).sum())
    return loss, locals()


def wish_list_backward(user, liked, other, P, Q, bias, reg):
    dP, dQ, dbias = 2 * reg * P, 2 * reg * Q, np.zeros_like(bias)
    for u, i, j in zip(user, liked, other, strict=True):
        x = np.dot(P[u], Q[i] - Q[j]) + bias[i] - bias[j]
        e = -1 / (1 + np.exp(x))
        dP[u] += e * (Q[i] - Q[j])
        dQ[i] += e * P[u]
        dQ[j] -= e * P[u]
        dbias[i] += e
        dbias[j] -= e
    return dP, dQ, dbias


WISH_LIST = Case(
    wish_list,
    wish_list_backward,
    (
        Slip("-1 / (1 + np.exp(x))", "-1 / (1 + np.exp(-x))", "sign"),
        Slip("dQ[j] -= e * P[u]", "dQ[j] -= e * Q[u]", "another-name"),
        Slip("dP[u] += e * (Q[i] - Q[j])", "dP[u] += e * Q[i] - Q[j]", "bracket"),
        Slip("2 * reg * P, 2 * reg * Q", "reg * P, reg * Q", "constant-scale"),
        Slip("dbias[j] -= e", "dbias[j] += e", "sign"),
        Slip("dQ[i] += e * P[u]", "dQ[i] = e * P[u]", "overwritten"),
    ),
    pairs={"x": "", "e": ""},
    together=((2, 4),),
)


def listwise(rng):
    """A list's scores against its grades: cross entropy of two softmaxes, at a temperature."""
    X, grades, temp = rng.normal(size=(5, 3)), np.array([3.0, 0, 2, 1, 0]), 2.0
    w = tg.Tensor(rng.normal(size=3))
    s = X @ w / temp
    goal = np.exp(grades) / np.exp(grades).sum()
    loss = tg.logsumexp(s) - (goal * s).sum()
    return loss, locals()


def listwise_backward():
    return {
        "s": lambda s, goal: np.exp(s) / np.exp(s).sum() - goal,
        "w": lambda X, s, goal, temp: X.T @ (np.exp(s) / np.sum(np.exp(s)) - goal) / temp,
    }


LISTWISE = Case(
    listwise,
    listwise_backward,
    (
        Slip(" - goal) / temp", " - goal) / temp**2", "extra-factor"),
        Slip("np.exp(s) / np.exp(s).sum() - goal", "goal - np.exp(s) / np.exp(s).sum()", "sign"),
        Slip(
            "np.exp(s) / np.sum(np.exp(s))",
            "np.exp(s / temp) / np.sum(np.exp(s / temp))",
            "extra-factor",
        ),
    ),
    together=((0, 1),),
    form="lambdas",
)


def twins(rng):
    """Two views' features, scaled: their cross-correlation is drawn to the identity."""
    A, B = tg.Tensor(rng.normal(size=(6, 3))), tg.Tensor(rng.normal(size=(6, 3)))
    lam, N = 0.1, 6
    C = A.T @ B / N
    on = ((tg.diagonal(C) - 1) ** 2).sum()
    off = (C**2).sum() - (tg.diagonal(C) ** 2).sum()
    loss = on + lam * off
    return loss, locals()


def twins_backward(A, B, C, lam, N):
    I = np.eye(len(C))
    dC = 2 * I * (C - 1) + 2 * lam * (1 - I) * C
    dA, dB = B @ dC.T / N, A @ dC / N
    return dA, dB


TWINS = Case(
    twins,
    twins_backward,
    (
        Slip("B @ dC.T / N", "B @ dC / N", "transpose"),
        Slip("2 * lam * (1 - I) * C", "2 * lam * C", "missing-factor"),
        Slip("2 * I * (C - 1)", "2 * (C - I)", "bracket"),
        Slip("A @ dC / N", "A @ dC", "mean-vs-sum"),
        Slip("+ 2 * lam * (1 - I)", "+ lam * (1 - I)", "constant-scale"),
    ),
    together=((0, 4),),
)
