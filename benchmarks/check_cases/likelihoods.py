"""Likelihoods and bounds: normal densities, mixtures, variational autoencoders, policies."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def gaussian_precision():
    """1/2 sum d^T Lam d - N/2 log |det Lam|, d = x - mu: the likelihood in the precision."""
    rng = np.random.default_rng(36)
    N, d = 7, 3
    X = rng.normal(size=(N, d))
    mu = tg.Tensor(rng.normal(size=d))
    B = rng.normal(size=(d, d))
    Lam = tg.Tensor(B @ B.T + np.eye(d) + 0.1 * rng.normal(size=(d, d)))
    D = X - mu
    q = (D @ Lam * D).sum()
    nll = 0.5 * q - N / 2 * tg.logabsdet(Lam)
    L = Lam.data
    dv = D.data
    dL = 0.5 * dv.T @ dv - N / 2 * np.linalg.inv(L).T
    dm = -0.5 * ((L + L.T) @ dv.T).sum(1)
    yield "right", nll, {Lam: dL, mu: dm}, "right"
    yield "mu sign", nll, {mu: -dm}, "sign"
    yield "one of two", nll, {mu: -0.5 * (L @ dv.T).sum(1)}, "missing-term"
    yield "inv not T", nll, {Lam: 0.5 * dv.T @ dv - N / 2 * np.linalg.inv(L)}, "transpose"
    yield (
        "no N",
        nll,
        {Lam: 0.5 * dv.T @ dv - 0.5 * np.linalg.inv(L).T},
        "mean-vs-sum|constant-scale|missing-factor",
    )
    yield "no logdet", nll, {Lam: 0.5 * dv.T @ dv}, "missing-term"
    yield "Lam not inverted", nll, {Lam: 0.5 * dv.T @ dv - N / 2 * L}, "other"
    yield "mean mu", nll, {mu: dm / N}, "mean-vs-sum"


def gauss_ll():
    """-log of a normal density in mu and log sigma, a loop over Values."""
    rng = np.random.default_rng(17)
    x = rng.normal(size=9) * 2
    mu = tg.Value(0.4)
    log_sigma = tg.Value(-0.2)
    sigma = log_sigma.exp()
    nll = 0
    for v in x:
        nll = nll + 0.5 * ((v - mu) / sigma) ** 2 + log_sigma
    m, s = mu.data, sigma.data
    yield (
        "right",
        nll,
        {mu: -((x - m) / s**2).sum(), log_sigma: 9 - (((x - m) / s) ** 2).sum()},
        "right",
    )
    yield "mu sign", nll, {mu: ((x - m) / s**2).sum()}, "sign"
    yield "mu one sigma", nll, {mu: -((x - m) / s).sum()}, "missing-factor"
    yield "no N", nll, {log_sigma: -(((x - m) / s) ** 2).sum()}, "missing-term"
    yield (
        "1-",
        nll,
        {log_sigma: 1 - (((x - m) / s) ** 2).sum()},
        "mean-vs-sum|missing-term|missing-factor|other|constant-scale",
    )
    yield (
        "d/dsigma",
        nll,
        {log_sigma: (9 - (((x - m) / s) ** 2).sum()) / s},
        "missing-activation-derivative|missing-factor|extra-factor",
    )
    yield "plus", nll, {log_sigma: 9 + (((x - m) / s) ** 2).sum()}, "sign"


def mixture():
    """-sum_n log sum_k pi_k exp(-(x_n - m_k)^2 / (2 s^2)): responsibilities."""
    rng = np.random.default_rng(72)
    x, s = rng.normal(size=(9, 1)), 0.8
    m, a = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
    q = -((x - m) ** 2) / (2 * s**2)
    L = -tg.logsumexp(q + a, axis=1).sum()

    e = np.exp(q.data + a.data)
    r = e / e.sum(1, keepdims=True)
    yield "-sum r (x - m) / s^2", L, {m: -(r * (x - m.data)).sum(0) / s**2, a: -r.sum(0)}, "right"
    yield (
        "no responsibilities",
        L,
        {m: -(x - m.data).sum(0) / s**2},
        ("missing-factor|missing-activation-derivative"),
    )
    yield "the sign", L, {m: (r * (x - m.data)).sum(0) / s**2}, "sign"
    yield "no 1/s^2", L, {m: -(r * (x - m.data)).sum(0)}, "constant-scale"
    wrong = e / e.sum(0, keepdims=True)
    yield (
        "normalised over the data",
        L,
        {m: -(wrong * (x - m.data)).sum(0) / s**2},
        "wrong-axis|other",
    )
    yield "not summed", L, {m: -r * (x - m.data) / s**2}, "missing-broadcast-sum|shape"


def kullback_leibler():
    """A variational autoencoder's latent: z = mu + exp(lv / 2) eps, KL and reconstruction."""
    rng = np.random.default_rng(17)
    mu, lv = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 3)))
    eps, t = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    std = tg.exp(0.5 * lv)
    z = mu + std * eps
    kl = 0.5 * (tg.exp(lv) + mu**2 - 1 - lv).sum()
    E = 0.5 * ((z - t) ** 2).sum() + kl

    dz = z.data - t
    dlv = dz * eps * 0.5 * std.data + 0.5 * (np.exp(lv.data) - 1)
    yield "mu and lv", E, {mu: dz + mu.data, lv: dlv, std: dz * eps}, "right"
    yield "KL left out for mu", E, {mu: dz}, "missing-term"
    yield "reconstruction left out for lv", E, {lv: 0.5 * (np.exp(lv.data) - 1)}, "missing-term"
    yield (
        "the inner 1/2 of exp(lv / 2)",
        E,
        {lv: dz * eps * std.data + 0.5 * (np.exp(lv.data) - 1)},
        "constant-scale",
    )
    yield (
        "the -lv term",
        E,
        {lv: dz * eps * 0.5 * std.data + 0.5 * np.exp(lv.data)},
        "missing-term",
    )
    yield "eps left out", E, {std: dz}, "missing-factor"
    yield (
        "exp' left out",
        E,
        {lv: dz * eps * 0.5 + 0.5 * (np.exp(lv.data) - 1)},
        "missing-activation-derivative|missing-factor",
    )


def item_response():
    """2PL: P = sigma(a_j (theta_i - b_j)), Bernoulli loss, prior on theta."""
    rng = np.random.default_rng(14)
    th, a, b = (
        tg.Tensor(rng.normal(size=(5, 1))),
        tg.Tensor(rng.random(4) + 0.5),
        tg.Tensor(rng.normal(size=4)),
    )
    Y = rng.integers(0, 2, (5, 4)) * 1.0
    z = a * (th - b)
    E = (tg.softplus(z) - Y * z).sum() + 0.5 * (th**2).sum()
    R, T, A, B = sigmoid(z.data) - Y, th.data, a.data, b.data
    yield (
        "right",
        E,
        {z: R, th: (R * A).sum(1, keepdims=True) + T, a: (R * (T - B)).sum(0), b: -(R * A).sum(0)},
        "right",
    )
    yield "difficulty's sign", E, {b: (R * A).sum(0)}, "sign"
    yield "discrimination from theta alone", E, {a: (R * T).sum(0)}, "missing-term"
    yield "prior forgotten", E, {th: (R * A).sum(1, keepdims=True)}, "missing-term"
    yield "a forgotten at b", E, {b: -R.sum(0)}, "missing-factor"
    yield (
        "summed over the persons' axis of theta",
        E,
        {th: np.broadcast_to((R * A).sum(), (5, 1)) + T},
        "wrong-axis|missing-broadcast-sum|other",
    )
    yield "mean over persons", E, {b: -(R * A).mean(0)}, "mean-vs-sum"
    yield "prior's 2", E, {th: (R * A).sum(1, keepdims=True) + 2 * T}, "constant-scale"
