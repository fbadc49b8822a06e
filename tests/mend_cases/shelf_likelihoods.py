"""Likelihoods with a helper, censoring, a determinant."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def no_zeros(rng):
    """Counts of which zeros are never seen: a Poisson cut off at one."""
    n, d = 5, 2
    X, y = rng.normal(size=(n, d)), rng.poisson(2.0, size=n) + 1.0
    b = tg.Tensor(rng.normal(size=d) / 2)
    lam = tg.exp(X @ b)
    nll = (lam - y * tg.log(lam) + tg.log(1 - tg.exp(-lam))).sum()
    return nll, locals()


def no_zeros_backward(X, y, lam):
    p0 = np.exp(-lam)
    lam_grad = 1 - y / lam + p0 / (1 - p0)
    b_grad = X.T @ (lam_grad * lam)
    return {"b": b_grad, "lam": lam_grad}


NO_ZEROS = Case(
    no_zeros,
    no_zeros_backward,
    (
        Slip("+ p0 / (1 - p0)", "- p0 / (1 - p0)", "sign"),
        Slip("+ p0 / (1 - p0)", "+ 1 / (1 - p0)", "missing-factor"),
        Slip(" + p0 / (1 - p0)", "", "missing-term"),
        Slip("p0 = np.exp(-lam)", "p0 = np.exp(lam)", "sign"),
        Slip("1 - y / lam", "1 - y", "missing-factor"),
        Slip("lam_grad * lam", "lam_grad", "missing-factor"),
        Slip("1 - y / lam", "-y / lam", "missing-term"),
    ),
)


def proportions(rng):
    """Beta regression: proportions with a mean by logit and a precision."""
    n, d = 5, 3
    X, y = rng.normal(size=(n, d)), rng.uniform(0.1, 0.9, size=n)
    w, log_phi = tg.Tensor(rng.normal(size=d) / 2), tg.Tensor(0.9)
    mu, phi = tg.sigmoid(X @ w), tg.exp(log_phi)
    a, b = mu * phi, (1 - mu) * phi
    ll = tg.special.gammaln(phi) - tg.special.gammaln(a) - tg.special.gammaln(b)
    ll = ll + (a - 1) * np.log(y) + (b - 1) * np.log(1 - y)
    L = -ll.sum()
    return L, locals()


def digamma(z):
    """Digamma by recurrence and the asymptotic series."""
    z = np.asarray(z, dtype=float)
    shift = 0.0
    for _ in range(12):
        shift = shift - 1 / z
        z = z + 1
    i = 1 / z**2
    return shift + np.log(z) - 0.5 / z - i * (1 / 12 - i * (1 / 120 - i * (1 / 252 - i / 240)))


def proportions_backward(X, y, mu, phi, a, b):
    da = digamma(a) - np.log(y)
    db = digamma(b) - np.log(1 - y)
    dmu = phi * (da - db)
    dphi = np.sum(da * mu + db * (1 - mu) - digamma(phi))
    dw = X.T @ (dmu * mu * (1 - mu))
    dlog_phi = dphi * phi
    return dw, dlog_phi


PROPORTIONS = Case(
    proportions,
    proportions_backward,
    (
        Slip("da = digamma(a) - np.log(y)", "da = digamma(a) + np.log(y)", "sign"),
        Slip("np.log(1 - y)", "(1 - np.log(y))", "bracket"),
        Slip("dmu = phi * (da - db)", "dmu = da - db", "missing-factor"),
        Slip("phi * (da - db)", "phi * (da + db)", "sign"),
        Slip(" - digamma(phi))", ")", "missing-term"),
        Slip("db * (1 - mu)", "db * mu", "another-name"),
        Slip("dlog_phi = dphi * phi", "dlog_phi = dphi", "missing-factor"),
        Slip("dmu * mu * (1 - mu)", "dmu * mu", "missing-factor"),
    ),
    together=((2, 6),),
    helpers=(digamma,),
)


def failures(rng):
    """Times to failure by Weibull, some not seen to the end; log scale and log shape."""
    n, d = 6, 3
    X, t = rng.normal(size=(n, d)) / 2, rng.exponential(size=n) + 0.2
    seen = np.array([1, 1, 0, 1, 0, 1.0])[:n]
    b, log_k = tg.Tensor(rng.normal(size=d) / 2), tg.Tensor(0.3)
    k = tg.exp(log_k)
    z = k * (np.log(t) - X @ b)
    h = tg.exp(z)
    ll = (seen * (log_k + z) - h).sum()
    loss = -ll
    return loss, locals()


def failures_backward(X, seen, k, z, h):
    dz = h - seen
    db = -k * X.T @ dz
    dlog_k = (dz * z).sum() - seen.sum()
    return db, dlog_k


FAILURES = Case(
    failures,
    failures_backward,
    (
        Slip("dz = h - seen", "dz = seen - h", "sign"),
        Slip("dz = h - seen", "dz = seen * (h - 1)", "bracket"),
        Slip("db = -k * X.T @ dz", "db = -X.T @ dz", "missing-factor"),
        Slip("db = -k * X.T @ dz", "db = k * X.T @ dz", "sign"),
        Slip("(dz * z).sum() - seen.sum()", "(dz * z).sum()", "missing-term"),
        Slip("(dz * z).sum() - seen.sum()", "(dz * z).sum() - len(seen)", "another-name"),
        Slip("(dz * z).sum()", "(dz * h).sum()", "another-name"),
    ),
)


def sources(rng):
    """Independent sources: log cosh contrasts and the log determinant of the unmixing."""
    T, n = 6, 3
    X = rng.normal(size=(T, n))
    W, b = tg.Tensor(rng.normal(size=(n, n)) + 2 * np.eye(n)), tg.Tensor(rng.normal(size=n))
    S = X @ W.T + b
    contrast = tg.log(tg.cosh(S)).sum(axis=1).mean()
    sign, logdet = tg.linalg.slogdet(W)
    loss = contrast - logdet
    return loss, locals()


def sources_backward(X, W, S):
    T = X.shape[0]
    delta_S = np.tanh(S) / T
    delta_W = delta_S.T @ X - np.linalg.inv(W).T
    delta_b = delta_S.sum(axis=0)
    return delta_W, delta_b


SOURCES = Case(
    sources,
    sources_backward,
    (
        Slip("- np.linalg.inv(W).T", "- np.linalg.inv(W)", "transpose"),
        Slip("- np.linalg.inv(W).T", "+ np.linalg.inv(W).T", "sign"),
        Slip("np.tanh(S) / T", "np.tanh(S)", "mean-vs-sum"),
        Slip("np.tanh(S) / T", "np.sinh(S) / T", "wrong-activation-derivative"),
        Slip("delta_S.T @ X", "X.T @ delta_S", "wrong-order"),
        Slip(" - np.linalg.inv(W).T", "", "missing-term"),
        Slip("np.tanh(S) / T", "(1 - np.tanh(S) ** 2) / T", "wrong-activation-derivative"),
    ),
)
