"""Short formulas that the corpus lacks, given as lambdas and as text."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def log_cosh(rng):
    """L = mean log cosh(X w - y) + lam |w|^2."""
    n, lam = 7, 0.2
    X, y, w = rng.normal(size=(n, 3)), rng.normal(size=n), tg.Tensor(rng.normal(size=3))
    r = X @ w - y
    L = tg.log(tg.cosh(r)).mean() + lam * (w * w).sum()
    return L, locals()


def log_cosh_backward():
    return {"r": "tanh(r) / n", "w": "X.T @ tanh(X @ w - y) / n + 2 * lam * w"}


LOG_COSH = Case(
    log_cosh,
    log_cosh_backward,
    (
        Slip("X.T @ tanh(X @ w - y)", "X.T @ tanh(X @ w + y)", "sign"),
        Slip("+ 2 * lam * w", "+ lam * w", "constant-scale"),
        Slip('"tanh(r) / n"', '"sinh(r) / n"', "missing-factor"),
    ),
    together=((0, 1),),
    form="text",
)


def free_energy(rng):
    """A restricted Boltzmann machine: F(v) - F(g) with F(v) = -b . v - sum softplus(c + v W)."""
    v, g = (rng.random(4) > 0.5) * 1.0, rng.random(4)
    W, b, c = (tg.Tensor(rng.normal(size=size)) for size in ((4, 3), (4,), (3,)))
    hv, hg = tg.sigmoid(c + v @ W), tg.sigmoid(c + g @ W)
    positive = -(b @ v) - tg.softplus(c + v @ W).sum()
    negative = -(b @ g) - tg.softplus(c + g @ W).sum()
    loss = positive - negative
    return loss, locals()


def free_energy_backward():
    return {
        "W": "np.outer(g, hg) - np.outer(v, hv)",
        "b": "g - v",
        "c": "hg - hv",
    }


FREE_ENERGY = Case(
    free_energy,
    free_energy_backward,
    (
        Slip("np.outer(g, hg) - np.outer(v, hv)", "np.outer(v, hv) - np.outer(g, hg)", "sign"),
        Slip(
            "np.outer(g, hg) - np.outer(v, hv)", "np.outer(g, hg) - np.outer(g, hv)", "another-name"
        ),
        Slip('"hg - hv"', '"hg + hv"', "sign"),
    ),
    together=((1, 2),),
    form="text",
)


def translations(rng):
    """TransE: mean of max(0, 1 + |h + r - t|^2 - |h + r - f|^2), f a corrupted tail."""
    h, t, f = (tg.Tensor(rng.normal(size=(5, 3))) for _ in range(3))
    r = tg.Tensor(rng.normal(size=3))
    near, far = h + r - t, h + r - f
    gap = 1 + (near**2).sum(axis=1) - (far**2).sum(axis=1)
    loss = tg.relu(gap).mean()
    return loss, locals()


def translations_backward():
    return {
        "h": lambda near, far, gap: 2 * (near - far) * (gap > 0)[:, None] / len(gap),
        "r": lambda near, far, gap: np.sum(2 * (near - far) * (gap > 0)[:, None], axis=0) / 5,
        "t": lambda near, gap: -2 * near * (gap > 0)[:, None] / len(gap),
        "f": lambda far, gap: 2 * far * (gap > 0)[:, None] / len(gap),
    }


TRANSLATIONS = Case(
    translations,
    translations_backward,
    (
        Slip('"f": lambda far, gap: 2 * far', '"f": lambda far, gap: -2 * far', "sign"),
        Slip("[:, None], axis=0) / 5", "[:, None], axis=0)", "mean-vs-sum"),
        Slip(
            "-2 * near * (gap > 0)[:, None] / len(gap)",
            "-2 * near / len(gap)",
            "missing-activation-derivative",
        ),
    ),
    form="lambdas",
)


def option_price(rng):
    """Black and Scholes: a call's price S Phi(d1) - K exp(-r T) Phi(d2), its delta and vega."""
    K, r, T = 1.1, 0.03, 0.8
    S, vol = tg.Tensor(1.0 + 0.2 * rng.random()), tg.Tensor(0.3 + 0.1 * rng.random())
    root = np.sqrt(T)
    d1 = (tg.log(S / K) + (r + vol**2 / 2) * T) / (vol * root)
    d2 = d1 - vol * root
    price = S * 0.5 * (1 + tg.erf(d1 / np.sqrt(2)))
    price = price - K * np.exp(-r * T) * 0.5 * (1 + tg.erf(d2 / np.sqrt(2)))
    return price, {"S": S, "vol": vol, "K": K, "r": r, "T": T}


def normal_density(a):
    """exp(-a^2 / 2) / sqrt(2 pi)."""
    return np.exp(-a * a / 2) / np.sqrt(2 * np.pi)


def option_price_backward(S, vol, K, r, T):
    d1 = (np.log(S / K) + (r + vol**2 / 2) * T) / (vol * np.sqrt(T))
    vega = S * normal_density(d1) * np.sqrt(T)
    return {"vol": vega}


OPTION_PRICE = Case(
    option_price,
    option_price_backward,
    (
        Slip("(r + vol**2 / 2) * T)", "(r - vol**2 / 2) * T)", "sign"),
        Slip("normal_density(d1) * np.sqrt(T)", "normal_density(d1)", "missing-factor"),
        Slip("np.exp(-a * a / 2)", "np.exp(-a / 2)", "missing-factor"),
    ),
    together=((0, 1),),
    helpers=(normal_density,),
)


def reaction(rng):
    """Arrhenius: k = A exp(-Ea / (R T)), fitted to measured rates, E = sum (k - m)^2 / n."""
    T, m, R = np.array([0.8, 1.0, 1.2, 1.5]), rng.random(4), 1.0
    A, Ea = tg.Tensor(2.0 + rng.random()), tg.Tensor(1.0 + rng.random())
    k = A * tg.exp(-Ea / (R * T))
    E = ((k - m) ** 2).sum() / len(T)
    return E, locals()


def reaction_backward():
    return {
        "A": lambda k, m, A: np.sum(2 * (k - m) * k) / A / len(m),
        "Ea": lambda k, m, R, T: -np.sum(2 * (k - m) * k / (R * T)) / len(m),
    }


REACTION = Case(
    reaction,
    reaction_backward,
    (
        Slip("-np.sum(2 * (k - m) * k / (R * T))", "np.sum(2 * (k - m) * k / (R * T))", "sign"),
        Slip("np.sum(2 * (k - m) * k) / A", "np.sum(2 * (k - m) * k) * A", "operator"),
        Slip("k / (R * T)", "k / R * T", "bracket"),
    ),
    form="lambdas",
)
