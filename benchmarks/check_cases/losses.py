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
    plus = -2 * (t * union + 2 * q * inter) / union**2
    yield "+ in the quotient rule", E, {p: plus}, "sign"
    yield "denominator not squared", E, {p: dp * union}, "missing-factor|extra-factor"
    frozen = -2 * t / union
    yield "denominator held fixed", E, {p: frozen}, "missing-term"
    flat = -2 * (t * union - inter) / union**2
    yield "sum p for sum p^2", E, {p: flat}, "missing-factor|wrong-activation-derivative"
    yield "sigma' left out", E, {w: X.T @ dp}, "missing-activation-derivative"


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
    yield "weight held fixed", E, {pt: -((1 - q) ** 2) / q / 6}, "missing-term"
    inner = (-2 * (1 - q) * np.log(q) - (1 - q) ** 2 / q) / 6
    yield "-1 of (1 - p) forgotten", E, {pt: inner}, "sign"
    yield "P - Y as in cross-entropy", E, {Z: (P0 - Y) / 6}, "missing-factor|missing-term|other"
    yield "mean forgotten", E, {W: 6 * X.T @ dZ}, "mean-vs-sum"
    yield "only the label's column", E, {Z: (dq * q * (1 - q))[:, None] * Y}, "missing-term"


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
    yield "not divided by n", E, {x: 7 * dx}, "mean-vs-sum"
    counts = np.bincount(labels)[:, None]
    yield "mean per class", E, {c: dc / counts * 7}, "mean-vs-sum|missing-factor|other"
    last = np.zeros((3, 2))
    last[labels] = -dx
    yield "the last row of a class only", E, {c: last}, "missing-term"
    yield "sign of the centre", E, {c: -dc}, "sign"


def triplet():
    """E = mean(max(0, |a - p|^2 - |a - n|^2 + m))."""
    rng = np.random.default_rng(404)
    a, p, n = (tg.Tensor(rng.normal(size=(8, 3))) for _ in range(3))
    gap = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 0.5
    E = tg.relu(gap).mean()
    on = (gap.data > 0)[:, None] / 8
    A, P, N = a.data, p.data, n.data
    yield "right", E, {a: 2 * on * (N - P), p: 2 * on * (P - A), n: 2 * on * (A - N)}, "right"
    yield "anchor from the positive only", E, {a: 2 * on * (A - P)}, "missing-term"
    yield "no hinge", E, {a: (N - P) / 4}, "missing-activation-derivative|missing-factor"
    yield "2 of the square", E, {p: on * (P - A)}, "constant-scale"
    yield "negative's sign", E, {n: 2 * on * (N - A)}, "sign"
    yield "A - n for the anchor", E, {a: 2 * on * ((A - P) + (A - N))}, "sign"


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
    yield "entropy forgotten", E, {Z: pg}, "missing-term"
    yield "entropy's sign", E, {Z: pg - bonus}, "sign"
    yield "entropy -(log p + 1) undiminished", E, {Z: pg + 0.1 * P * (logP + 1) / 5}, "missing-term"
    yield "1 - p at the action only", E, {Z: pg * np.eye(3)[acts] + bonus}, "missing-term"
    unweighted = (P - np.eye(3)[acts]) / 5 + bonus
    yield "advantage forgotten", E, {Z: unweighted}, "missing-factor"


def log_cosh():
    """E = mean log cosh(X w - y)."""
    rng = np.random.default_rng(406)
    X, y = rng.normal(size=(7, 3)), rng.normal(size=7)
    w = tg.Tensor(rng.normal(size=3))
    r = X @ w - y
    E = tg.log(tg.cosh(r)).mean()
    g = np.tanh(r.data) / 7
    yield "right", E, {w: X.T @ g}, "right"
    yield "1 / cosh", E, {w: X.T @ (1 / np.cosh(r.data) / 7)}, "missing-activation-derivative"
    yield (
        "sinh without 1 / cosh",
        E,
        {w: X.T @ (np.sinh(r.data) / 7)},
        ("missing-activation-derivative|missing-factor"),
    )
    yield (
        "tanh' for tanh",
        E,
        {w: X.T @ (1 - np.tanh(r.data) ** 2) / 7},
        ("wrong-activation-derivative|other"),
    )


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
    yield "mu - y of the log left out", E, {w: X.T @ (1 - y / m)}, "missing-activation-derivative"
    yield "exposure left out", E, {w: X.T @ (m / hours - y)}, "missing-factor"
    yield "y - mu", E, {w: X.T @ (y - m)}, "sign"
    yield "y forgotten", E, {b: m.sum()}, "missing-term"
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
    yield "y / mu alone", E, {mu: -y / m}, "missing-term"
    yield "r's share of the sum left out", E, {mu: -(y / m - y / (k + m))}, "missing-term"
    without = -(psi(y + k) - psi(k) + np.log(k) - np.log(k + m) - (k + y) / (k + m)).sum()
    yield "the 1 of r log r", E, {r: without}, "missing-term"
    once = dr - 5 * psi(k)
    yield (
        "psi(r) once, not n times",
        E,
        {r: once},
        "mean-vs-sum|missing-factor|missing-broadcast-sum",
    )


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
    yield "as if logistic", E, {w: X.T @ (f - y)}, "missing-activation-derivative|other"
    yield (
        "phi without 1/2 in the exponent",
        E,
        {w: X.T @ (np.exp(-(z.data**2)) / np.sqrt(2 * np.pi) * (f - y) / (f * (1 - f)))},
        "other|constant-scale|wrong-activation-derivative|missing-factor",
    )
    yield "+ of 1 - y", E, {w: X.T @ (phi * (-y / f - (1 - y) / (1 - f)))}, "sign"
    yield (
        "sqrt(2 pi) left out",
        E,
        {w: np.sqrt(2 * np.pi) * X.T @ dz},
        "constant-scale|missing-factor",
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
    yield "unsorted signs", E, {x: np.sign(x.data - y) / 6}, "other|wrong-order"


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
    yield "upper cut only", E, {eta: up}, "missing-term"
    yield "both signs plus", E, {eta: up + down}, "sign"
    upper = np.zeros(3)
    np.add.at(upper, k, -up)
    yield "cuts of their own class only", E, {cuts: upper}, "missing-term"
    yield (
        "1 / P left out",
        E,
        {eta: (up - down) * P},
        "missing-activation-derivative|missing-factor",
    )
    same = sigmoid(cuts.data[k] - eta.data)
    yield "1 - a - b, shortened wrongly", E, {eta: 1 - same}, "other|missing-term|missing-factor"
