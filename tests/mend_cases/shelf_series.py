"""States that run along a series, floats of them kept; low rank; a flow."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def running_attention(rng):
    """Linear attention: a matrix of keys and values grows along the text."""
    T, d, m = 5, 3, 4
    Q, K = tg.Tensor(rng.normal(size=(T, d))), tg.Tensor(rng.normal(size=(T, d)))
    V, C = tg.Tensor(rng.normal(size=(T, m))), rng.normal(size=(T, m))
    S, states, loss = np.zeros((d, m)), [], 0.0
    for t in range(T):
        S = S + tg.outer(K[t], V[t])
        states.append(S.data)
        loss = loss + ((Q[t] @ S) * C[t]).sum()
    return loss, locals()


def running_attention_backward(Q, K, V, C, states):
    T = len(Q)
    Q_grad = np.zeros_like(Q)
    K_grad = np.zeros_like(K)
    V_grad = np.zeros_like(V)
    carry = np.zeros_like(states[0])
    for t in reversed(range(T)):
        carry += np.outer(Q[t], C[t])
        Q_grad[t] = states[t] @ C[t]
        K_grad[t] = carry @ V[t]
        V_grad[t] = carry.T @ K[t]
    return {"Q": Q_grad, "K": K_grad, "V": V_grad}


RUNNING_ATTENTION = Case(
    running_attention,
    running_attention_backward,
    (
        Slip("carry += np.outer(Q[t], C[t])", "carry = np.outer(Q[t], C[t])", "overwritten"),
        Slip("carry += np.outer(Q[t], C[t])", "carry += np.outer(K[t], C[t])", "another-name"),
        Slip("reversed(range(T))", "range(T)", "wrong-order"),
        Slip("states[t] @ C[t]", "states[t - 1] @ C[t]", "off-by-index"),
        Slip("K_grad[t] = carry @ V[t]", "K_grad[t] = carry @ C[t]", "another-name"),
        Slip("V_grad[t] = carry.T @ K[t]", "V_grad[t] = carry.T @ Q[t]", "another-name"),
        Slip("K_grad[t] = carry @ V[t]", "K_grad[t] = states[t] @ V[t]", "another-name"),
    ),
)


def arma(rng):
    """A series with one lag of itself and one of its shocks: the shocks' squares."""
    T = 6
    y = rng.normal(size=T)
    c, phi, theta = tg.Tensor(0.1), tg.Tensor(0.5), tg.Tensor(-0.4)
    e, sse = [tg.Tensor(0.0).detach()], 0.0
    for t in range(1, T):
        e.append(y[t] - c - phi * y[t - 1] - theta * e[t - 1])
        sse = sse + e[t] ** 2
    e = tg.stack([v if isinstance(v, tg.Tensor) else tg.Tensor(v) for v in e]).data
    loss = sse / (T - 1)
    return loss, locals()


def arma_backward(y, e, theta):
    T = len(y)
    dc = dphi = dtheta = 0.0
    de_next = 0.0
    for t in range(T - 1, 0, -1):
        de = 2 * e[t] / (T - 1) - theta * de_next
        dc -= de
        dphi -= de * y[t - 1]
        dtheta -= de * e[t - 1]
        de_next = de
    return dc, dphi, dtheta


ARMA = Case(
    arma,
    arma_backward,
    (
        Slip("/ (T - 1) - theta * de_next", "/ (T - 1) + theta * de_next", "sign"),
        Slip("2 * e[t] / (T - 1) - theta * de_next", "2 * e[t] / (T - 1)", "missing-term"),
        Slip("2 * e[t] / (T - 1)", "2 * e[t] / T", "another-name"),
        Slip("dphi -= de * y[t - 1]", "dphi -= de * y[t]", "off-by-index"),
        Slip("dtheta -= de * e[t - 1]", "dtheta -= de * e[t]", "off-by-index"),
        Slip("dc -= de", "dc += de", "sign"),
        Slip("- theta * de_next", "- de_next", "missing-factor"),
        Slip("2 * e[t] / (T - 1)", "e[t] / (T - 1)", "missing-factor"),
    ),
    pairs={"de_next": "", "de": ""},
)


def planar(rng):
    """Two planar flows of a normal density: log det of each step."""
    n, d = 5, 3
    x = rng.normal(size=(n, d))
    w, u, b = tg.Tensor(rng.normal(size=d) / 2), tg.Tensor(rng.normal(size=d) / 3), tg.Tensor(0.1)
    h = tg.tanh(x @ w + b)
    z = x + h[:, None] * u
    a = w @ u
    det = 1 + (1 - h**2) * a
    loss = (0.5 * (z**2).sum(axis=1) - tg.log(det)).mean()
    return loss, locals()


def planar_backward(x, w, u, h, z, a, det):
    n = len(x)
    dz = z / n
    ddet = -1 / (n * det)
    dh = dz @ u - 2 * h * a * ddet
    da = np.sum((1 - h**2) * ddet)
    ds = dh * (1 - h**2)
    dw = x.T @ ds + da * u
    du = dz.T @ h + da * w
    db = np.sum(ds)
    return dw, du, db


PLANAR = Case(
    planar,
    planar_backward,
    (
        Slip("ddet = -1 / (n * det)", "ddet = 1 / (n * det)", "sign"),
        Slip("ddet = -1 / (n * det)", "ddet = -1 / n * det", "bracket"),
        Slip("dz @ u - 2 * h * a * ddet", "dz @ u", "missing-term"),
        Slip("- 2 * h * a * ddet", "- 2 * h * ddet", "missing-factor"),
        Slip("x.T @ ds + da * u", "x.T @ ds", "missing-term"),
        Slip("dz.T @ h + da * w", "dz.T @ h + da * u", "another-name"),
        Slip("dz = z / n", "dz = z", "mean-vs-sum"),
    ),
    together=((2, 4),),
    pairs={"ds": "", "ddet": "det"},
)


def adapter(rng):
    """A frozen weight with an adapter of low rank; as many examples as columns go in."""
    n, d, k, rank, alpha = 5, 5, 3, 2, 8.0
    X, W0 = rng.normal(size=(n, d)), rng.normal(size=(d, k))
    A, B = tg.Tensor(rng.normal(size=(d, rank))), tg.Tensor(rng.normal(size=(rank, k)))
    Y = rng.normal(size=(n, k))
    H = X @ A
    out = X @ W0 + (alpha / rank) * (H @ B)
    loss = ((out - Y) ** 2).mean()
    return loss, locals()


def adapter_backward(X, A, B, H, Y, out, alpha, rank):
    scale = alpha / rank
    grad_out = 2 * (out - Y) / out.size
    grad_B = scale * H.T @ grad_out
    grad_H = scale * grad_out @ B.T
    grad_A = X.T @ grad_H
    return grad_A, grad_B


ADAPTER = Case(
    adapter,
    adapter_backward,
    (
        Slip("scale = alpha / rank", "scale = alpha", "missing-factor"),
        Slip("scale = alpha / rank", "scale = rank / alpha", "wrong-order"),
        Slip("/ out.size", "/ len(X)", "mean-vs-sum"),
        Slip("scale * H.T @ grad_out", "H.T @ grad_out", "missing-factor"),
        Slip("grad_A = X.T @ grad_H", "grad_A = X @ grad_H", "transpose"),
        Slip("grad_out @ B.T", "grad_out @ B.T @ A.T", "extra-factor"),
        Slip("grad_A = X.T @ grad_H", "grad_A = X.T @ grad_out @ B.T", "missing-factor"),
    ),
    together=((3, 4),),
)
