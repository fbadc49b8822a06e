"""Losses that the corpus lacks: focal, dice, style, clipped, counted, adversarial."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def focal(rng):
    """Focal loss (Lin et al., 2017): -mean((1 - p)^gamma log p) of the true class, binary."""
    X, y, gamma = rng.normal(size=(8, 3)), np.array([1.0, 0, 1, 0, 0, 1, 1, 0]), 2.0
    w = tg.Tensor(rng.normal(size=3))
    z = X @ w
    p = tg.sigmoid((2 * y - 1) * z)
    L = -((1 - p) ** gamma * tg.log(p)).mean()
    return L, locals()


def focal_backward(X, y, gamma, p):
    n = len(y)
    dp = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
    dp = dp / n
    dz = dp * p * (1 - p) * (2 * y - 1)
    dw = X.T @ dz
    return dp, dz, dw


FOCAL = Case(
    focal,
    focal_backward,
    (
        Slip("- (1 - p) ** gamma / p", "+ (1 - p) ** gamma / p", "sign"),
        Slip("(gamma - 1) * np.log(p)", "gamma * np.log(p)", "off-by-index"),
        Slip("p * (1 - p) * (2 * y - 1)", "p * (1 - p)", "missing-factor"),
        Slip("- (1 - p) ** gamma / p", "", "missing-term"),
        Slip("dp = gamma * (1 - p)", "dp = (1 - p)", "missing-factor"),
    ),
    together=((0, 2),),
)


def overlap(rng):
    """Soft dice of a mask: 1 - (2 sum p g + 1) / (sum p + sum g + 1)."""
    g = (rng.random((4, 4)) > 0.5) * 1.0
    z = tg.Tensor(rng.normal(size=(4, 4)))
    p = tg.sigmoid(z)
    top, bottom = 2 * (p * g).sum() + 1, p.sum() + g.sum() + 1
    L = 1 - top / bottom
    return L, locals()


def overlap_backward():
    return {
        "p": "-(2 * g * bottom - top) / bottom**2",
        "z": "-(2 * g * bottom - top) / bottom**2 * p * (1 - p)",
    }


OVERLAP = Case(
    overlap,
    overlap_backward,
    (
        Slip('"p": "-(2 * g * bottom - top)', '"p": "-(2 * g * bottom + top)', "sign"),
        Slip("/ bottom**2 * p * (1 - p)", "/ bottom * p * (1 - p)", "missing-factor"),
        Slip('"z": "-(2 * g * bottom - top)', '"z": "-(g * bottom - top)', "constant-scale"),
    ),
    form="text",
)


def style(rng):
    """Neural style: |G - A|^2 / (4 C^2 M^2) with the Gram matrix G = F F^T, plus content."""
    C, M, lam = 3, 5, 0.4
    F, A = tg.Tensor(rng.normal(size=(C, M))), rng.normal(size=(C, C))
    content = rng.normal(size=(C, M))
    G = F @ F.T
    E = ((G - A) ** 2).sum() / (4 * C**2 * M**2) + lam / 2 * ((F - content) ** 2).sum()
    return E, locals()


def style_backward(F, A, G, content, C, M, lam):
    dG = (G - A) / (2 * C**2 * M**2)
    dF = (dG + dG.T) @ F
    dF += lam * (F - content)
    return dG, dF


STYLE = Case(
    style,
    style_backward,
    (
        Slip("dF = (dG + dG.T) @ F", "dF = 2 * dG @ F", "transpose"),
        Slip("dF = (dG + dG.T) @ F", "dF = dG @ F", "missing-term"),
        Slip("/ (2 * C**2 * M**2)", "/ (4 * C**2 * M**2)", "constant-scale"),
        Slip("dF += lam * (F - content)", "dF = lam * (F - content)", "overwritten"),
    ),
    together=((1, 2),),
)


def clipped(rng):
    """PPO: -mean(min(rho A, clip(rho, 1 - e, 1 + e) A)), rho = exp(log pi - log pi_old)."""
    n, e = 8, 0.2
    adv, old = rng.normal(size=n), rng.normal(size=n) * 0.1
    S, w = rng.normal(size=(n, 3)), tg.Tensor(rng.normal(size=3) * 0.2)
    logp = S @ w
    rho = tg.exp(logp - old)
    L = -tg.minimum(rho * adv, tg.clip(rho, 1 - e, 1 + e) * adv).mean()
    return L, locals()


def clipped_backward(S, adv, rho, n, e):
    kept = np.where(adv > 0, rho < 1 + e, rho > 1 - e)
    drho = -adv * kept / n
    dlogp = drho * rho
    dw = S.T @ dlogp
    return drho, dlogp, dw


CLIPPED = Case(
    clipped,
    clipped_backward,
    (
        Slip("dlogp = drho * rho", "dlogp = drho", "missing-activation-derivative"),
        Slip("drho = -adv * kept / n", "drho = adv * kept / n", "sign"),
        Slip("rho < 1 + e, rho > 1 - e", "rho > 1 + e, rho < 1 - e", "operator"),
        Slip("drho = -adv * kept / n", "drho = -adv / n", "missing-factor"),
    ),
    together=((0, 1),),
)


def word_counts(rng):
    """GloVe: sum f(x_ij) (w_i . v_j + b_i + c_j - log x_ij)^2."""
    x = rng.random((5, 5)) * 9 + 1
    f = np.minimum(1, (x / 6) ** 0.75)
    w, v = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(5, 3)))
    b, c = tg.Tensor(rng.normal(size=5)), tg.Tensor(rng.normal(size=5))
    diff = w @ v.T + b.reshape(5, 1) + c - np.log(x)
    J = (f * diff**2).sum()
    return J, locals()


def word_counts_backward():
    return {
        "w": lambda f, diff, v: 2 * (f * diff) @ v,
        "v": lambda f, diff, w: 2 * (f * diff).T @ w,
        "b": lambda f, diff: np.sum(2 * f * diff, axis=1),
        "c": lambda f, diff: np.sum(2 * f * diff, axis=0),
    }


WORD_COUNTS = Case(
    word_counts,
    word_counts_backward,
    (
        Slip("2 * (f * diff).T @ w", "2 * (f * diff) @ w", "transpose"),
        Slip("2 * (f * diff) @ v", "2 * diff @ v", "missing-factor"),
        Slip(
            '"b": lambda f, diff: np.sum(2 * f * diff, axis=1)',
            '"b": lambda f, diff: np.sum(2 * f * diff, axis=0)',
            "wrong-axis",
        ),
        Slip(
            '"c": lambda f, diff: np.sum(2 * f', '"c": lambda f, diff: np.mean(2 * f', "mean-vs-sum"
        ),
    ),
    form="lambdas",
)


def adversaries(rng):
    """A GAN's discriminator loss: -mean log D(x) - mean log(1 - D(g)), D = sigma(. W v)."""
    x, noise, n = rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), 4
    V, W, v = (tg.Tensor(rng.normal(size=size)) for size in ((2, 3), (3, 3), (3,)))
    fake = noise @ V
    hx, hg = tg.tanh(x @ W), tg.tanh(fake @ W)
    real_score, fake_score = tg.sigmoid(hx @ v), tg.sigmoid(hg @ v)
    loss = -tg.log(real_score).mean() - tg.log(1 - fake_score).mean()
    return loss, locals()


def adversaries_backward(x, noise, fake, W, v, hx, hg, real_score, fake_score, n):
    ereal = (real_score - 1) / n
    efake = fake_score / n
    dv = hx.T @ ereal + hg.T @ efake
    dhx = np.outer(ereal, v)
    dhg = np.outer(efake, v)
    dW = x.T @ (dhx * (1 - hx**2)) + fake.T @ (dhg * (1 - hg**2))
    dfake = (dhg * (1 - hg**2)) @ W.T
    dV = noise.T @ dfake
    return dv, dW, dV


ADVERSARIES = Case(
    adversaries,
    adversaries_backward,
    (
        Slip("efake = fake_score / n", "efake = (fake_score - 1) / n", "another-name"),
        Slip("dv = hx.T @ ereal + hg.T @ efake", "dv = hx.T @ ereal", "missing-term"),
        Slip("dfake = (dhg * (1 - hg**2)) @ W.T", "dfake = (dhg * (1 - hg**2)) @ W", "transpose"),
        Slip(
            "fake.T @ (dhg * (1 - hg**2))\n",
            "fake.T @ (dhg * (1 - hx**2))\n",
            "activation-derivative-at-wrong-point",
        ),
        Slip("ereal = (real_score - 1) / n", "ereal = (1 - real_score) / n", "sign"),
    ),
    together=((1, 2), (3, 4)),
)
