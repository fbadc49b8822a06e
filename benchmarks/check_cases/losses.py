"""Losses that people write themselves: overlap, focal, margins, ranks, policies, counts."""

from math import erf

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def soft_dice():
    """E = 1 - 2 sum(p t) / (sum p^2 + sum t^2), p = sigma(X w): a quotient."""
    rng = np.random.default_rng(401)
    X, t = rng.normal(size=(9, 3)), (rng.random(9) > 0.4).astype(float)
    w = tg.Tensor(rng.normal(size=3))
    p = tg.sigmoid(X @ w)
    E = 1 - 2 * (p * t).sum() / ((p * p).sum() + (t * t).sum())
    q = p.data
    inter, union = (q * t).sum(), (q * q).sum() + (t * t).sum()
    dp = -2 * (t * union - 2 * q * inter) / union**2
    yield "right", E, {p: dp, w: X.T @ (dp * q * (1 - q))}, "right"
    -2 * (t * union + 2 * q * inter) / union**2
    yield "denominator not squared", E, {p: dp * union}, "missing-factor|extra-factor"
    -2 * t / union
    flat = -2 * (t * union - inter) / union**2
    yield "sum p for sum p^2", E, {p: flat}, "missing-factor|wrong-activation-derivative"


def focal():
    """E = -mean((1 - p)^2 log p), p the probability of the label, p = softmax(X W)[label]."""
    rng = np.random.default_rng(402)
    X, labels = rng.normal(size=(6, 3)), np.array([0, 2, 1, 1, 3, 0])
    W = tg.Tensor(rng.normal(size=(3, 4)))
    Z = X @ W
    P = tg.softmax(Z, axis=1)
    pt = P[np.arange(6), labels]
    E = -((1 - pt) ** 2 * tg.log(pt)).mean()
    q, P0 = pt.data, P.data
    dq = (2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q) / 6
    Y = np.eye(4)[labels]
    dZ = (dq * q)[:, None] * (Y - P0)
    yield "right", E, {pt: dq, W: X.T @ dZ}, "right"
    inner = (-2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q) / 6
    yield "-1 of (1 - p) forgotten", E, {pt: inner}, "sign"


def centers():
    """E = 1/(2 n) sum |x_i - c_[y_i]|^2: rows of c stand several times."""
    rng = np.random.default_rng(403)
    labels = np.array([0, 1, 1, 2, 0, 1, 2])
    x, c = tg.Tensor(rng.normal(size=(7, 2))), tg.Tensor(rng.normal(size=(3, 2)))
    d = x - c[labels]
    E = (d * d).sum() / 14
    dx = d.data / 7
    dc = np.zeros((3, 2))
    np.add.at(dc, labels, -dx)
    yield "right", E, {x: dx, c: dc}, "right"
    counts = np.bincount(labels)[:, None]
    yield "mean per class", E, {c: dc / counts * 7}, "mean-vs-sum|missing-factor|other"
    last = np.zeros((3, 2))
    last[labels] = -dx


def policy_with_entropy():
    """E = -mean(A log pi[a]) - 0.1 mean H(pi), pi = softmax(Z): policy gradient with a bonus."""
    rng = np.random.default_rng(405)
    acts, adv = np.array([1, 0, 2, 2, 1]), rng.normal(size=5)
    Z = tg.Tensor(rng.normal(size=(5, 3)))
    L = tg.log_softmax(Z, axis=1)
    pi = tg.exp(L)
    H = -(pi * L).sum(axis=1)
    E = -(adv * L[np.arange(5), acts]).mean() - 0.1 * H.mean()
    P, logP, h = pi.data, L.data, H.data[:, None]
    pg = adv[:, None] * (P - np.eye(3)[acts]) / 5
    bonus = 0.1 * P * (logP + h) / 5
    yield "right", E, {Z: pg + bonus}, "right"
    yield "entropy -(log p + 1) undiminished", E, {Z: pg + 0.1 * P * (logP + 1) / 5}, "missing-term"
    yield "1 - p at the action only", E, {Z: pg * np.eye(3)[acts] + bonus}, "missing-term"
    (P - np.eye(3)[acts]) / 5 + bonus


def counts_by_rate():
    """Poisson regression: E = sum(exp(eta) - y eta), eta = X w + log exposure."""
    rng = np.random.default_rng(407)
    X, y = rng.normal(size=(8, 3)), rng.poisson(2.0, size=8).astype(float)
    hours = rng.random(8) + 0.5
    w, b = tg.Tensor(rng.normal(size=3) / 2), tg.Tensor(0.3)
    mu = hours * tg.exp(X @ w + b)
    E = (mu - y * tg.log(mu)).sum()
    m = mu.data
    yield "right", E, {w: X.T @ (m - y), b: (m - y).sum()}, "right"
    yield (
        "mu - y of the log left out",
        E,
        {w: X.T @ (1 - y / m)},
        "missing-activation-derivative|missing-factor",
    )
    yield "exposure left out", E, {w: X.T @ (m / hours - y)}, "missing-factor"
    yield "not summed", E, {b: m - y}, "missing-broadcast-sum"


def over_dispersed():
    """Negative binomial: log likelihood in r and the rates, with gammaln."""
    rng = np.random.default_rng(408)
    y = rng.poisson(3.0, size=6).astype(float)
    r, mu = tg.Tensor(2.5), tg.Tensor(rng.random(6) * 3 + 1)
    s = r + mu
    E = -(
        tg.gammaln(y + r) - tg.gammaln(r) + r * tg.log(r) - r * tg.log(s) + y * tg.log(mu / s)
    ).sum()
    k, m, psi = 2.5, mu.data, lambda v: tg.digamma(v)
    dmu = -(y / m - (y + k) / (k + m))
    dr = -(psi(y + k) - psi(k) + np.log(k) + 1 - np.log(k + m) - (k + y) / (k + m)).sum()
    yield "right", E, {mu: dmu, r: dr}, "right"
    -(psi(y + k) - psi(k) + np.log(k) - np.log(k + m) - (k + y) / (k + m)).sum()
    dr - 5 * psi(k)


def probit():
    """E = -sum(y log Phi(z) + (1 - y) log(1 - Phi(z))), z = X w."""
    rng = np.random.default_rng(409)
    X, y = rng.normal(size=(8, 2)), (rng.random(8) > 0.5).astype(float)
    w = tg.Tensor(rng.normal(size=2) / 2)
    z = X @ w
    F = 0.5 * (1 + tg.erf(z / np.sqrt(2)))
    E = -(y * tg.log(F) + (1 - y) * tg.log(1 - F)).sum()
    phi = np.exp(-(z.data**2) / 2) / np.sqrt(2 * np.pi)
    f = np.array([0.5 * (1 + erf(v / np.sqrt(2))) for v in z.data])
    dz = phi * (f - y) / (f * (1 - f))
    yield "right", E, {w: X.T @ dz}, "right"
    yield (
        "as if logistic",
        E,
        {w: X.T @ (f - y)},
        "wrong-activation-derivative|missing-activation-derivative",
    )
    yield (
        "phi without 1/2 in the exponent",
        E,
        {w: X.T @ (np.exp(-(z.data**2)) / np.sqrt(2 * np.pi) * (f - y) / (f * (1 - f)))},
        "wrong-activation-derivative|extra-factor",
    )


def earth_movers():
    """E = mean |sort(x) - sort(y)|: the distance between two samples."""
    rng = np.random.default_rng(410)
    x, y = tg.Tensor(rng.normal(size=6)), np.sort(rng.normal(size=6))
    s = tg.sort(x)
    E = tg.abs(s - y).mean()
    order = np.argsort(x.data)
    ds = np.sign(s.data - y) / 6
    dx = np.zeros(6)
    dx[order] = ds
    yield "right", E, {x: dx}, "right"
    yield "order not undone", E, {x: ds}, "wrong-order|missing-factor"
    yield "order in place of its inverse", E, {x: ds[order]}, "wrong-order"


def ordinal():
    """Cut points: P(k) = sigma(c_k - eta) - sigma(c_(k-1) - eta), E = -sum log P."""
    rng = np.random.default_rng(411)
    eta, cuts = tg.Tensor(rng.normal(size=5)), tg.Tensor(np.array([-1.0, 0.4, 1.5]))
    k = np.array([1, 2, 1, 2, 1])
    hi, lo = tg.sigmoid(cuts[k] - eta), tg.sigmoid(cuts[k - 1] - eta)
    E = -tg.log(hi - lo).sum()
    a, b = hi.data, lo.data
    P = a - b
    up, down = a * (1 - a) / P, b * (1 - b) / P
    dc = np.zeros(3)
    np.add.at(dc, k, -up)
    np.add.at(dc, k - 1, down)
    yield "right", E, {eta: up - down, cuts: dc}, "right"
    upper = np.zeros(3)
    np.add.at(upper, k, -up)
    yield "cuts of their own class only", E, {cuts: upper}, "missing-term"
    sigmoid(cuts.data[k] - eta.data)
