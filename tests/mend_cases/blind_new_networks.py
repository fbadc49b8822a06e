"""Architectures that the corpus lacks: gates, mixers, scans, implicit and constrained layers."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def swiglu(rng):
    """N. Shazeer's SwiGLU: y = (silu(x W) * (x V)) W2."""
    x, t = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=(5, 4))
    W, V, W2 = (tg.Tensor(rng.normal(size=(4, 4))) for _ in range(3))
    a, b = x @ W, x @ V
    gate = tg.silu(a)
    hidden = gate * b
    y = hidden @ W2
    loss = ((y - t) ** 2).mean()
    return loss, locals()


def swiglu_backward(x, t, W, V, W2, a, b, gate, hidden, y):
    dy = 2 * (y - t) / y.size
    dW2 = hidden.T @ dy
    dhidden = dy @ W2.T
    dgate = dhidden * b
    db = dhidden * gate
    sig = 1 / (1 + np.exp(-a))
    da = dgate * (sig + a * sig * (1 - sig))
    dW = x.T @ da
    dV = x.T @ db
    dx = da @ W.T + db @ V.T
    return dx, dW, dV, dW2


SWIGLU = Case(
    swiglu,
    swiglu_backward,
    (
        Slip("(sig + a * sig * (1 - sig))", "a * sig * (1 - sig)", "missing-term"),
        Slip("(sig + a * sig * (1 - sig))", "(sig + sig * (1 - sig))", "missing-factor"),
        Slip("db = dhidden * gate", "db = dhidden * a", "another-name"),
        Slip("dx = da @ W.T + db @ V.T", "dx = da @ V.T + db @ W.T", "another-name"),
        Slip("dV = x.T @ db", "dV = x.T @ da", "another-name"),
    ),
    together=((0, 3), (2, 4)),
    unseen=(
        Slip("(sig + a * sig * (1 - sig))", "sig * (1 + a * (1 - sig))", "unseen"),
        Slip("(sig + a * sig * (1 - sig))", "(gate + sig * (1 - gate))", "unseen"),
    ),
)


def spectral(rng):
    """Spectral normalisation: W / sigma with sigma = u^T W v, u and v held fixed."""
    W, x, t = tg.Tensor(rng.normal(size=(3, 4))), rng.normal(size=4), rng.normal(size=3)
    u, v = rng.normal(size=3), rng.normal(size=4)
    sigma = u @ W @ v
    Wn = W / sigma
    E = 0.5 * ((Wn @ x - t) ** 2).sum()
    return E, locals()


def spectral_backward(W, x, t, u, v, sigma, Wn):
    dWn = np.outer(Wn @ x - t, x)
    dsigma = -np.sum(dWn * W) / sigma**2
    dW = dWn / sigma + dsigma * np.outer(u, v)
    return dWn, dsigma, dW


SPECTRAL = Case(
    spectral,
    spectral_backward,
    (
        Slip("dW = dWn / sigma + dsigma * np.outer(u, v)", "dW = dWn / sigma", "missing-term"),
        Slip("-np.sum(dWn * W) / sigma**2", "-np.sum(dWn * Wn) / sigma**2", "another-name"),
        Slip("-np.sum(dWn * W) / sigma**2", "-np.trace(dWn.T @ Wn)", "missing-factor"),
    ),
)


def mixer(rng):
    """An MLP-mixer block: mixing over patches on the transposed, then over channels."""
    x, c = tg.Tensor(rng.normal(size=(4, 4))), rng.normal(size=(4, 4))
    U1, U2, V1, V2 = (tg.Tensor(rng.normal(size=(4, 4)) * 0.6) for _ in range(4))
    m1 = x.T @ U1
    tokens = x + (tg.tanh(m1) @ U2).T
    m2 = tokens @ V1
    out = tokens + tg.tanh(m2) @ V2
    loss = (c * out).sum()
    return loss, locals()


def mixer_backward(x, c, U1, U2, V1, V2, m1, tokens, m2):
    dV2 = np.tanh(m2).T @ c
    dm2 = (c @ V2.T) * (1 - np.tanh(m2) ** 2)
    dV1 = tokens.T @ dm2
    dtokens = c + dm2 @ V1.T
    mixed = dtokens.T
    dU2 = np.tanh(m1).T @ mixed
    dm1 = (mixed @ U2.T) * (1 - np.tanh(m1) ** 2)
    dU1 = x @ dm1
    dx = dtokens + (dm1 @ U1.T).T
    return dx, dU1, dU2, dV1, dV2


MIXER = Case(
    mixer,
    mixer_backward,
    (
        Slip("mixed = dtokens.T", "mixed = dtokens", "transpose"),
        Slip("dU1 = x @ dm1", "dU1 = x.T @ dm1", "transpose"),
        Slip("dx = dtokens + (dm1 @ U1.T).T", "dx = dtokens + dm1 @ U1.T", "transpose"),
        Slip("dtokens = c + dm2 @ V1.T", "dtokens = dm2 @ V1.T", "missing-term"),
    ),
    together=((1, 3),),
)


def state_space(rng):
    """A diagonal state space: h_t = a h_(t-1) + B x_t, y_t = C . h_t, a = exp(-exp(log_a))."""
    T, t = 5, rng.normal(size=5)
    x = rng.normal(size=T)
    log_a, B, C = (tg.Tensor(rng.normal(size=3) * 0.5) for _ in range(3))
    a = tg.exp(-tg.exp(log_a))
    h, hs, ys = tg.Tensor(np.zeros(3)), [], []
    for k in range(T):
        h = a * h + B * x[k]
        hs.append(h)
        ys.append(C @ h)
    E = 0.5 * sum((y - t[k]) ** 2 for k, y in enumerate(ys))
    return E, {"x": x, "t": t, "T": T, "log_a": log_a, "a": a, "B": B, "C": C, "hs": hs}


def state_space_backward(x, t, log_a, a, B, C, hs, T):
    grad_a, grad_B, grad_C = np.zeros_like(a), np.zeros_like(B), np.zeros_like(C)
    lam = np.zeros_like(a)
    for k in range(T - 1, -1, -1):
        e = C @ hs[k] - t[k]
        grad_C += e * hs[k]
        lam = a * lam + e * C
        grad_B += lam * x[k]
        if k > 0:
            grad_a += lam * hs[k - 1]
    grad_log_a = -grad_a * a * np.exp(log_a)
    return grad_log_a, grad_B, grad_C


STATE_SPACE = Case(
    state_space,
    state_space_backward,
    (
        Slip("lam = a * lam + e * C", "lam = a * lam + C", "missing-factor"),
        Slip("grad_a += lam * hs[k - 1]", "grad_a += lam * hs[k]", "off-by-index"),
        Slip(
            "grad_log_a = -grad_a * a * np.exp(log_a)",
            "grad_log_a = -grad_a * a * log_a",
            "missing-activation-derivative",
        ),
        Slip("lam = a * lam + e * C", "lam = a * e * C", "missing-term"),
        Slip("grad_log_a = -grad_a * a", "grad_log_a = grad_a * a", "sign"),
    ),
    together=((1, 4),),
)


def equilibrium(rng):
    """An implicit layer: z solves z = A z + B x, E = sum c tanh(z); the adjoint equation."""
    A, B = tg.Tensor(rng.normal(size=(4, 4)) * 0.3), tg.Tensor(rng.normal(size=(4, 4)))
    x, c = rng.normal(size=4), rng.normal(size=4)
    z = tg.solve(np.eye(4) - A, B @ x)
    E = (c * tg.tanh(z)).sum()
    return E, locals()


def equilibrium_backward(A, B, x, c, z):
    dz = c * (1 - np.tanh(z) ** 2)
    lam = np.linalg.solve(np.eye(4) - A.T, dz)
    dA = np.outer(lam, z)
    dB = np.outer(lam, x)
    return dz, dA, dB


EQUILIBRIUM = Case(
    equilibrium,
    equilibrium_backward,
    (
        Slip(
            "np.linalg.solve(np.eye(4) - A.T, dz)",
            "np.linalg.solve(np.eye(4) - A, dz)",
            "transpose",
        ),
        Slip("dA = np.outer(lam, z)", "dA = np.outer(z, lam)", "wrong-order"),
        Slip("np.eye(4) - A.T", "np.eye(4) + A.T", "sign"),
        Slip("dB = np.outer(lam, x)", "dB = np.outer(dz, x)", "another-name"),
    ),
    together=((1, 3),),
    unseen=(
        Slip(
            "lam = np.linalg.solve(np.eye(4) - A.T, dz)",
            "lam = dz @ np.linalg.inv(np.eye(4) - A)",
            "unseen",
        ),
    ),
)


def groups(rng):
    """Group norm: channels in groups share a mean and a variance."""
    N, C, G, P = 2, 4, 2, 3
    x, c = tg.Tensor(rng.normal(size=(N, C, P))), rng.normal(size=(N, C, P))
    gamma = tg.Tensor(rng.normal(size=C))
    g = x.reshape(N, G, C // G * P)
    centred = g - g.mean(axis=2, keepdims=True)
    std = tg.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-5)
    xhat = (centred / std).reshape(N, C, P)
    L = (c * (gamma.reshape(1, C, 1) * xhat) ** 2).sum()
    return L, locals()


def groups_backward(c, gamma, std, xhat, N, C, G, P):
    scaled = gamma[None, :, None] * xhat
    dscaled = 2 * c * scaled
    dgamma = (dscaled * xhat).sum(axis=(0, 2))
    dxhat = dscaled * gamma[None, :, None]
    d = dxhat.reshape(N, G, -1)
    h = xhat.reshape(N, G, -1)
    dg = (d - d.mean(2, keepdims=True) - h * (d * h).mean(2, keepdims=True)) / std
    dx = dg.reshape(N, C, P)
    return dx, dgamma


GROUPS = Case(
    groups,
    groups_backward,
    (
        Slip("axis=(0, 2))", "axis=0)[:, 0]", "missing-broadcast-sum"),
        Slip("(d * h).mean(2, keepdims=True)", "(d * h).mean(1, keepdims=True)", "wrong-axis"),
        Slip("- h * (d * h).mean", "- h * h * (d * h).mean", "extra-factor"),
        Slip("h = xhat.reshape(N, G, -1)", "h = scaled.reshape(N, G, -1)", "another-name"),
    ),
    together=((0, 2),),
)


def upsampling(rng):
    """A transposed convolution of one channel with stride 2: out[2 i + k] += x[i] w[k]."""
    n, s = 4, 2
    x, w = tg.Tensor(rng.normal(size=n)), tg.Tensor(rng.normal(size=3))
    t = rng.normal(size=9)
    rows = [tg.pad(x[i] * w, pad_width=(s * i, 9 - s * i - 3)) for i in range(n)]
    out = sum(rows)
    E = ((out - t) ** 2).sum()
    return E, locals()


def upsampling_backward(x, w, out, t, n, s):
    dout = 2 * (out - t)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(n):
        for k in range(len(w)):
            dx[i] += dout[s * i + k] * w[k]
            dw[k] += dout[s * i + k] * x[i]
    return dx, dw


UPSAMPLING = Case(
    upsampling,
    upsampling_backward,
    (
        Slip("dx[i] += dout[s * i + k] * w[k]", "dx[i] += dout[i + k] * w[k]", "off-by-index"),
        Slip("dw[k] += dout[s * i + k] * x[i]", "dw[k] = dout[s * i + k] * x[i]", "overwritten"),
        Slip("* w[k]", "* w[-k]", "wrong-order"),
        Slip("dout = 2 * (out - t)", "dout = 2 * (t - out)", "sign"),
    ),
    together=((1, 3),),
)


def learned_slopes(rng):
    """PReLU with a slope for every unit, after it a swish with a learned beta."""
    X, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    W, slope, beta = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.random(4)), tg.Tensor(1.3)
    z = X @ W
    p = tg.where(z > 0, z, slope * z)
    s = tg.sigmoid(beta * p)
    y = p * s
    E = 0.5 * ((y - t) ** 2).sum()
    return E, locals()


def learned_slopes_backward(X, t, z, slope, beta, p, s, y):
    dy = y - t
    ds = dy * p
    dbeta = (ds * s * (1 - s) * p).sum()
    dp = dy * s + ds * s * (1 - s) * beta
    dslope = np.where(z > 0, 0, dp * z).sum(0)
    dz = np.where(z > 0, dp, dp * slope)
    dW = X.T @ dz
    return dW, dslope, dbeta


LEARNED_SLOPES = Case(
    learned_slopes,
    learned_slopes_backward,
    (
        Slip("ds * s * (1 - s) * beta", "ds * s * (1 - s)", "missing-factor"),
        Slip("np.where(z > 0, 0, dp * z)", "np.where(z > 0, 0, dp)", "missing-factor"),
        Slip("np.where(z > 0, 0, dp * z).sum(0)", "np.where(z > 0, 0, dp * z).sum()", "wrong-axis"),
        Slip(
            "dbeta = (ds * s * (1 - s) * p).sum()",
            "dbeta = (ds * s * (1 - s) * z).sum()",
            "another-name",
        ),
        Slip("dp = dy * s + ds", "dp = dy * s - ds", "sign"),
    ),
    together=((0, 3),),
)


def dueling(rng):
    """A dueling Q network: Q = V + A - mean(A), squared TD error with a fixed target."""
    n, gamma = 5, 0.9
    S, R = rng.normal(size=(n, 3)), rng.normal(size=n)
    act, nxt = np.array([0, 2, 1, 1, 0]), rng.normal(size=n)
    Wv, Wa = tg.Tensor(rng.normal(size=(3, 1))), tg.Tensor(rng.normal(size=(3, 3)))
    value, adv = S @ Wv, S @ Wa
    Q = value + adv - adv.mean(axis=1, keepdims=True)
    td = Q[np.arange(n), act] - (R + gamma * nxt)
    loss = (td**2).mean()
    return loss, locals()


def dueling_backward(S, act, td, Q, n):
    dQ = np.zeros_like(Q)
    dQ[np.arange(n), act] = 2 * td / n
    dvalue = dQ.sum(axis=1, keepdims=True)
    dadv = dQ - dQ.mean(axis=1, keepdims=True)
    dWv = S.T @ dvalue
    dWa = S.T @ dadv
    return dQ, dWv, dWa


DUELING = Case(
    dueling,
    dueling_backward,
    (
        Slip("dadv = dQ - dQ.mean(axis=1, keepdims=True)", "dadv = dQ", "missing-term"),
        Slip(
            "dQ - dQ.mean(axis=1, keepdims=True)",
            "dQ - dQ.sum(axis=1, keepdims=True)",
            "mean-vs-sum",
        ),
        Slip(
            "dvalue = dQ.sum(axis=1, keepdims=True)",
            "dvalue = dQ.mean(axis=1, keepdims=True)",
            "mean-vs-sum",
        ),
        Slip(
            "dQ[np.arange(n), act] = 2 * td / n", "dQ[np.arange(n), act] = td / n", "constant-scale"
        ),
    ),
    together=((0, 3),),
)
