"""Fits and estimates: thresholds, variances, lengths of several axes."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def huber_fit(rng):
    """A straight line fitted with Huber's loss, large residuals by their sign."""
    n, delta = 7, 0.8
    X, y = rng.normal(size=(n, 3)), rng.normal(size=n) * 2
    w, b = tg.Tensor(rng.normal(size=3)), tg.Tensor(0.3)
    r = X @ w + b - y
    a = tg.abs(r)
    loss = tg.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)).mean()
    return loss, locals()


def huber_fit_backward(X, r, delta):
    small = np.abs(r) <= delta
    dr = np.where(small, r, delta * np.sign(r)) / len(r)
    dw = X.T @ dr
    db = np.sum(dr)
    return dw, db


HUBER_FIT = Case(
    huber_fit,
    huber_fit_backward,
    (
        Slip(
            "np.where(small, r, delta * np.sign(r))",
            "np.where(small, delta * np.sign(r), r)",
            "wrong-order",
        ),
        Slip("delta * np.sign(r)", "np.sign(r)", "missing-factor"),
        Slip("delta * np.sign(r)", "delta", "missing-factor"),
        Slip("np.where(small, r,", "np.where(small, 2 * r,", "extra-factor"),
        Slip("np.abs(r) <= delta", "r <= delta", "missing-factor"),
    ),
)


def shortfall(rng):
    """A portfolio's expected shortfall beyond a quantile, and the costs of trading."""
    T, n, beta, cost = 8, 3, 0.75, 0.2
    R = rng.normal(size=(T, n))
    w, q = tg.Tensor(rng.normal(size=n)), tg.Tensor(1.2)
    w0 = rng.normal(size=n)
    L = -(R @ w)
    excess = tg.relu(L - q)
    J = q + excess.sum() / ((1 - beta) * T) + cost * ((w - w0) ** 2).sum()
    return J, locals()


def shortfall_backward(R, w, q, w0, L, beta, cost, T):
    tail = (q < L).astype(float)
    k = 1 / ((1 - beta) * T)
    dq = 1 - k * tail.sum()
    dL = k * tail
    dw = -R.T @ dL + 2 * cost * (w - w0)
    return dw, dq


SHORTFALL = Case(
    shortfall,
    shortfall_backward,
    (
        Slip("dq = 1 - k * tail.sum()", "dq = 1 + k * tail.sum()", "sign"),
        Slip("dq = 1 - k * tail.sum()", "dq = -k * tail.sum()", "missing-term"),
        Slip("-R.T @ dL", "R.T @ dL", "sign"),
        Slip("k = 1 / ((1 - beta) * T)", "k = 1 / (1 - beta) * T", "bracket"),
        Slip("k = 1 / ((1 - beta) * T)", "k = 1 / (beta * T)", "another-name"),
        Slip("2 * cost * (w - w0)", "2 * cost * w", "missing-term"),
        Slip("tail = (q < L)", "tail = (L > 0)", "another-name"),
    ),
)


def vasicek(rng):
    """A mean-reverting rate: likelihood of what it was at equal times."""
    r = np.abs(rng.normal(size=7)) * 0.05 + 0.02
    dt = 0.25
    kappa, theta, sigma = tg.Tensor(0.9), tg.Tensor(0.04), tg.Tensor(0.08)
    phi = tg.exp(-kappa * dt)
    mean = theta + (r[:-1] - theta) * phi
    v = sigma**2 * (1 - phi**2) / (2 * kappa)
    e = r[1:] - mean
    nll = (0.5 * tg.log(v) + e**2 / (2 * v)).sum()
    return nll, locals()


def vasicek_backward(r, dt, kappa, theta, sigma, phi, v, e):
    m = len(e)
    dv = 0.5 * m / v - np.sum(e**2) / (2 * v**2)
    dmean = -e / v
    dtheta = (1 - phi) * np.sum(dmean)
    dsigma = dv * 2 * v / sigma
    dphi = np.sum(dmean * (r[:-1] - theta)) - dv * sigma**2 * phi / kappa
    dkappa = -dt * phi * dphi - dv * v / kappa
    return dkappa, dtheta, dsigma


VASICEK = Case(
    vasicek,
    vasicek_backward,
    (
        Slip(
            "dkappa = -dt * phi * dphi - dv * v / kappa",
            "dkappa = -dt * phi * dphi",
            "missing-term",
        ),
        Slip("dsigma = dv * 2 * v / sigma", "dsigma = dv * v / sigma", "missing-factor"),
        Slip("0.5 * m / v -", "0.5 / v -", "missing-factor"),
        Slip("dmean = -e / v", "dmean = -e / v**2", "missing-factor"),
        Slip("dtheta = (1 - phi) * np.sum(dmean)", "dtheta = phi * np.sum(dmean)", "another-name"),
        Slip("(r[:-1] - theta)) - dv", "(r[1:] - theta)) - dv", "off-by-index"),
    ),
)


def gmm(rng):
    """A mixture of round Gaussians, responsibilities from their logarithms."""
    n, d, k = 6, 2, 3
    X = rng.normal(size=(n, d))
    logits = tg.Tensor(rng.normal(size=k))
    mu = tg.Tensor(rng.normal(size=(k, d)))
    logs = tg.Tensor(rng.normal(size=k) * 0.3)
    var = tg.exp(2 * logs)
    D = ((X[:, None, :] - mu) ** 2).sum(axis=2)
    lp = tg.log_softmax(logits, axis=0) - d * logs - 0.5 * D / var
    ll = tg.logsumexp(lp, axis=1)
    nll = -ll.sum()
    return nll, locals()


def gmm_backward(X, logits, mu, var, D, lp, ll):
    n, d = X.shape
    r = np.exp(lp - ll[:, None])
    pi = np.exp(logits) / np.exp(logits).sum()
    Nk = r.sum(axis=0)
    dlogits = n * pi - Nk
    dmu = (Nk[:, None] * mu - r.T @ X) / var[:, None]
    dlogs = (r * (d - D / var)).sum(axis=0)
    return dlogits, dmu, dlogs


GMM = Case(
    gmm,
    gmm_backward,
    (
        Slip("dlogits = n * pi - Nk", "dlogits = pi - Nk", "missing-factor"),
        Slip("dlogits = n * pi - Nk", "dlogits = Nk - n * pi", "sign"),
        Slip("/ var[:, None]", "/ np.sqrt(var)[:, None]", "another-name"),
        Slip("(d - D / var)", "(1 - D / var)", "another-name"),
        Slip("(Nk[:, None] * mu - r.T @ X)", "(mu - r.T @ X)", "missing-factor"),
        Slip("r.sum(axis=0)", "r.sum(axis=1)[:3]", "wrong-axis"),
    ),
)


def mish_net(rng):
    """A network with mish that gives a mean and a deviation."""
    n, d, h, floor = 5, 3, 4, 0.1
    X, t = rng.normal(size=(n, d)), rng.normal(size=n)
    W, b = tg.Tensor(rng.normal(size=(d, h))), tg.Tensor(rng.normal(size=h))
    u, s = tg.Tensor(rng.normal(size=h)), tg.Tensor(rng.normal(size=h))
    z = X @ W + b
    sp = tg.softplus(z)
    w = tg.tanh(sp)
    a = z * w
    mu = a @ u
    r = a @ s
    sigma = tg.softplus(r) + floor
    nll = (tg.log(sigma) + 0.5 * ((t - mu) / sigma) ** 2).mean()
    return nll, locals()


def mish_net_backward(X, t, W, b, u, s, z, w, a, mu, r, sigma):
    n = len(t)
    dmu = (mu - t) / sigma**2 / n
    dsigma = (1 / sigma - (t - mu) ** 2 / sigma**3) / n
    dr = dsigma / (1 + np.exp(-r))
    du = a.T @ dmu
    ds = a.T @ dr
    da = np.outer(dmu, u) + np.outer(dr, s)
    dz = da * (w + z * (1 - w**2) / (1 + np.exp(-z)))
    dW = X.T @ dz
    db = dz.sum(0)
    return dW, db, du, ds


MISH_NET = Case(
    mish_net,
    mish_net_backward,
    (
        Slip("(mu - t) / sigma**2 / n", "(mu - t) / sigma / n", "missing-factor"),
        Slip("(t - mu) ** 2 / sigma**3", "(t - mu) ** 2 / sigma**2", "missing-factor"),
        Slip("da = np.outer(dmu, u) + np.outer(dr, s)", "da = np.outer(dmu, u)", "missing-term"),
        Slip("(1 - w**2) / (1 + np.exp(-z))", "(1 - w**2) * z", "wrong-activation-derivative"),
        Slip("dr = dsigma / (1 + np.exp(-r))", "dr = dsigma / (1 + np.exp(r))", "sign"),
        Slip("dz = da * (w + z", "dz = da * (z", "missing-term"),
    ),
)


def nt_xent(rng):
    """Contrastive learning: each view against all others."""
    B, d, tau = 3, 4, 0.5
    z = tg.Tensor(rng.normal(size=(2 * B, d)))
    pos = np.concatenate([np.arange(B, 2 * B), np.arange(B)])
    norm = tg.sqrt((z**2).sum(axis=1, keepdims=True))
    u = z / norm
    sim = u @ u.T / tau
    masked = sim + np.diag(np.full(2 * B, -1e9))
    logp = tg.log_softmax(masked, axis=1)
    loss = -logp[np.arange(2 * B), pos].mean()
    return loss, locals()


def nt_xent_backward(z, pos, norm, u, masked, tau):
    M = len(z)
    P = np.exp(masked - masked.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    G = P.copy()
    G[np.arange(M), pos] -= 1
    G /= M
    du = (G + G.T) @ u / tau
    dz = (du - u * (du * u).sum(axis=1, keepdims=True)) / norm
    return dz


NT_XENT = Case(
    nt_xent,
    nt_xent_backward,
    (
        Slip("(G + G.T) @ u / tau", "G @ u / tau", "missing-term"),
        Slip("(G + G.T) @ u / tau", "2 * G @ u / tau", "another-name"),
        Slip("keepdims=True)) / norm", "keepdims=True))", "missing-factor"),
        Slip("(G + G.T) @ u / tau", "(G + G.T) @ u * tau", "operator"),
        Slip("G[np.arange(M), pos] -= 1", "G[np.arange(M), np.arange(M)] -= 1", "off-by-index"),
        Slip("u * (du * u).sum(axis=1", "u * (du * z).sum(axis=1", "another-name"),
    ),
)


def wavenet(rng):
    """Pairs of neighbours flattened, normalised over two axes, as in makemore."""
    B, T, C, nh, eps = 4, 4, 3, 3, 1e-5
    x, y = tg.Tensor(rng.normal(size=(B, T, C))), rng.integers(0, 3, B)
    W1, W2 = tg.Tensor(rng.normal(size=(2 * C, nh))), tg.Tensor(rng.normal(size=(2 * nh, 3)))
    gamma, beta = tg.Tensor(rng.normal(size=nh)), tg.Tensor(rng.normal(size=nh))
    f1 = x.reshape(B, T // 2, 2 * C)
    h1 = f1 @ W1
    mean = h1.mean(axis=(0, 1), keepdims=True)
    var = ((h1 - mean) ** 2).mean(axis=(0, 1), keepdims=True)
    inv = (var + eps) ** -0.5
    raw = (h1 - mean) * inv
    bn = gamma * raw + beta
    h2 = tg.tanh(bn)
    f2 = h2.reshape(B, T // 2 * nh)
    logits = f2 @ W2
    loss = -tg.log_softmax(logits, axis=1)[np.arange(B), y].mean()
    return loss, locals()


def wavenet_backward(x, y, W1, W2, gamma, f1, h1, inv, raw, h2, f2, logits):
    n = len(y)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    p[range(n), y] -= 1
    dlogits = p / n
    df2 = dlogits @ W2.T
    dW2 = f2.T @ dlogits
    dh2 = df2.reshape(h2.shape)
    dbn = (1.0 - h2**2) * dh2
    dgamma = (raw * dbn).sum((0, 1))
    dbeta = dbn.sum((0, 1))
    m = h1.shape[0] * h1.shape[1]
    dh1 = gamma * inv / m * (m * dbn - dbn.sum((0, 1)) - raw * (dbn * raw).sum((0, 1)))
    dW1 = np.einsum("btc,bth->ch", f1, dh1)
    df1 = dh1 @ W1.T
    dx = df1.reshape(x.shape)
    return dx, dW1, dW2, dgamma, dbeta


WAVENET = Case(
    wavenet,
    wavenet_backward,
    (
        Slip("m = h1.shape[0] * h1.shape[1]", "m = h1.shape[0]", "mean-vs-sum"),
        Slip("dbeta = dbn.sum((0, 1))", "dbeta = dbn.sum(0).mean(0)", "mean-vs-sum"),
        Slip("- raw * (dbn * raw).sum((0, 1))", "- raw * (dbn * raw).sum(0)", "wrong-axis"),
        Slip("(1.0 - h2**2) * dh2", "(1.0 - raw**2) * dh2", "another-name"),
        Slip("gamma * inv / m * (m", "inv / m * (m", "missing-factor"),
        Slip("dlogits = p / n", "dlogits = p / p.shape[1]", "wrong-axis"),
    ),
    together=((3, 4),),
)
