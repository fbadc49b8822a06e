"""Likelihoods that the corpus lacks: chains, filters, ordered and censored observations."""

import numpy as np
from scipy.special import ndtr

import tinygrad_lite as tg

from .case import Case, Slip


def tag_chain(rng):
    """A linear-chain CRF: log Z by the forward recursion minus the score of the tags."""
    T, K, tags = 4, 3, [0, 2, 1, 1]
    U, A = tg.Tensor(rng.normal(size=(T, K))), tg.Tensor(rng.normal(size=(K, K)))
    alpha = U[0]
    for k in range(1, T):
        alpha = tg.logsumexp(alpha.reshape(K, 1) + A, axis=0) + U[k]
    score = sum(U[k, tags[k]] for k in range(T))
    score = score + sum(A[tags[k], tags[k + 1]] for k in range(T - 1))
    nll = tg.logsumexp(alpha, axis=0) - score
    return nll, {"U": U, "A": A, "tags": tags, "T": T, "K": K}


def logsumexp(a, axis):
    """log sum exp over one axis."""
    return np.log(np.exp(a).sum(axis=axis))


def tag_chain_backward(U, A, tags, T, K):
    alpha, beta = np.zeros((T, K)), np.zeros((T, K))
    alpha[0] = U[0]
    for k in range(1, T):
        alpha[k] = logsumexp(alpha[k - 1][:, None] + A, axis=0) + U[k]
    for k in range(T - 2, -1, -1):
        beta[k] = logsumexp(A + U[k + 1] + beta[k + 1], axis=1)
    logZ = logsumexp(alpha[-1], axis=0)
    dU = np.exp(alpha + beta - logZ)
    dA = np.zeros((K, K))
    for k in range(T - 1):
        dA += np.exp(alpha[k][:, None] + A + U[k + 1] + beta[k + 1] - logZ)
        dA[tags[k], tags[k + 1]] -= 1
    dU[np.arange(T), tags] -= 1
    return dU, dA


TAG_CHAIN = Case(
    tag_chain,
    tag_chain_backward,
    (
        Slip(
            "beta[k] = logsumexp(A + U[k + 1] + beta[k + 1], axis=1)",
            "beta[k] = logsumexp(A + U[k + 1] + beta[k + 1], axis=0)",
            "wrong-axis",
        ),
        Slip("beta[k] = logsumexp(A + U[k + 1]", "beta[k] = logsumexp(A + U[k]", "off-by-index"),
        Slip("        dA[tags[k], tags[k + 1]] -= 1\n", "", "missing-term"),
        Slip("dA[tags[k], tags[k + 1]] -= 1", "dA[tags[k + 1], tags[k]] -= 1", "transpose"),
        Slip("+ A + U[k + 1] + beta[k + 1] - logZ", "+ A + beta[k + 1] - logZ", "missing-term"),
        Slip("dA += np.exp(", "dA = np.exp(", "overwritten"),
    ),
    together=((0, 3),),
)


def local_level(rng):
    """A scalar Kalman filter's likelihood in the log variances of state and noise."""
    y = rng.normal(size=5)
    lq, lr = tg.Tensor(-0.3), tg.Tensor(0.2)
    q, r = tg.exp(lq), tg.exp(lr)
    m, P, nll = 0.0, 1.0, 0.0
    for obs in y:
        P = P + q
        S = P + r
        v = obs - m
        nll = nll + 0.5 * (tg.log(S) + v**2 / S)
        m = m + P / S * v
        P = P - P**2 / S
    return nll, {"y": y, "lq": lq, "lr": lr, "q": q, "r": r}


def local_level_backward(y, q, r):
    m, P, kept = 0.0, 1.0, []
    for obs in y:
        prior = P + q
        S = prior + r
        v = obs - m
        kept.append((prior, S, v))
        m = m + prior / S * v
        P = prior - prior**2 / S
    gm, gP, dq, dr = 0.0, 0.0, 0.0, 0.0
    for prior, S, v in reversed(kept):
        gv = v / S + gm * prior / S
        gS = 0.5 * (1 / S - v**2 / S**2) - gm * prior * v / S**2 + gP * prior**2 / S**2
        gprior = gm * v / S + gP * (1 - 2 * prior / S) + gS
        gm = gm - gv
        dr += gS
        dq += gprior
        gP = gprior
    dlq = dq * q
    dlr = dr * r
    return {"lq": dlq, "lr": dlr}


LOCAL_LEVEL = Case(
    local_level,
    local_level_backward,
    (
        Slip("gm = gm - gv", "gm = gm + gv", "sign"),
        Slip("0.5 * (1 / S - v**2 / S**2)", "0.5 * (1 / S - v**2 / S)", "missing-factor"),
        Slip("gP * (1 - 2 * prior / S) + gS", "gP * (1 - 2 * prior / S)", "missing-term"),
        Slip("gP * (1 - 2 * prior / S)", "gP * (1 - prior / S)", "constant-scale"),
        Slip("dlr = dr * r", "dlr = dr", "missing-activation-derivative"),
        Slip("dr += gS", "dr = gS", "overwritten"),
    ),
    together=((0, 4),),
)


def ordinal(rng):
    """Proportional odds: P(y <= k) = sigma(theta_k - x w), ratings of four levels."""
    X, y = rng.normal(size=(8, 2)), np.array([0, 1, 2, 3, 1, 2, 0, 3])
    w, theta = tg.Tensor(rng.normal(size=2)), tg.Tensor(np.array([-1.0, 0.2, 1.3]))
    eta = X @ w
    upper = tg.sigmoid(theta.reshape(1, 3) - eta.reshape(8, 1))
    ends = tg.concat([np.zeros((8, 1)), upper, np.ones((8, 1))], axis=1)
    prob = ends[np.arange(8), y + 1] - ends[np.arange(8), y]
    nll = -tg.log(prob).sum()
    return nll, locals()


def ordinal_backward(X, y, w, theta, prob):
    dtheta, dw = np.zeros_like(theta), np.zeros_like(w)
    for i, level in enumerate(y):
        z = theta - X[i] @ w
        s = 1 / (1 + np.exp(-z))
        density = s * (1 - s)
        g = -1 / prob[i]
        if level < 3:
            dtheta[level] += g * density[level]
            dw -= g * density[level] * X[i]
        if level > 0:
            dtheta[level - 1] -= g * density[level - 1]
            dw += g * density[level - 1] * X[i]
    return dw, dtheta


ORDINAL = Case(
    ordinal,
    ordinal_backward,
    (
        Slip("density = s * (1 - s)", "density = s", "wrong-activation-derivative"),
        Slip(
            "dtheta[level - 1] -= g * density[level - 1]",
            "dtheta[level - 1] += g * density[level - 1]",
            "sign",
        ),
        Slip(
            "dw += g * density[level - 1] * X[i]", "dw += g * s[level - 1] * X[i]", "another-name"
        ),
        Slip("g = -1 / prob[i]", "g = -np.log(prob[i])", "operator"),
        Slip("dw -= g * density[level] * X[i]", "dw += g * density[level] * X[i]", "sign"),
    ),
    together=((1, 4),),
)


def probit(rng):
    """-sum log Phi(s x w), s = +-1: the inverse Mills ratio."""
    X, s = rng.normal(size=(7, 3)), np.array([1.0, -1, 1, 1, -1, -1, 1])
    w = tg.Tensor(rng.normal(size=3))
    m = s * (X @ w)
    nll = -tg.log(0.5 * (1 + tg.erf(m / np.sqrt(2)))).sum()
    return nll, locals()


def probit_backward(X, s, m):
    phi = np.exp(-(m**2) / 2) / np.sqrt(2 * np.pi)
    dm = -phi / ndtr(m)
    dw = X.T @ (s * dm)
    return dm, dw


PROBIT = Case(
    probit,
    probit_backward,
    (
        Slip("dm = -phi / ndtr(m)", "dm = -phi", "missing-factor"),
        Slip("np.sqrt(2 * np.pi)", "2 * np.pi", "constant-scale"),
        Slip("(m**2) / 2)", "(m**2))", "constant-scale"),
        Slip("dw = X.T @ (s * dm)", "dw = X.T @ dm", "missing-factor"),
    ),
    together=((0, 3),),
)


def density_network(rng):
    """C. Bishop's mixture density network: pi, mu and log sigma from one layer each."""
    N, K = 5, 3
    X, t = rng.normal(size=(N, 2)), rng.normal(size=(N, 1))
    Wp, Wm, Ws = (tg.Tensor(rng.normal(size=(2, K)) * 0.7) for _ in range(3))
    logits, mu, ls = X @ Wp, X @ Wm, X @ Ws
    comp = tg.log_softmax(logits, axis=1) - ls - 0.5 * ((t - mu) / tg.exp(ls)) ** 2
    nll = -tg.logsumexp(comp, axis=1).sum()
    return nll, locals()


def density_network_backward(X, t, logits, mu, ls, comp):
    gamma = np.exp(comp - comp.max(1, keepdims=True))
    gamma /= gamma.sum(1, keepdims=True)
    pi = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sigma = np.exp(ls)
    dlogits = pi - gamma
    dmu = gamma * (mu - t) / sigma**2
    dls = gamma * (1 - (t - mu) ** 2 / sigma**2)
    dWp, dWm, dWs = X.T @ dlogits, X.T @ dmu, X.T @ dls
    return dWp, dWm, dWs


DENSITY_NETWORK = Case(
    density_network,
    density_network_backward,
    (
        Slip("dmu = gamma * (mu - t) / sigma**2", "dmu = gamma * (t - mu) / sigma**2", "sign"),
        Slip("dlogits = pi - gamma", "dlogits = gamma - pi", "sign"),
        Slip("gamma * (mu - t) / sigma**2", "pi * (mu - t) / sigma**2", "another-name"),
        Slip(
            "gamma * (1 - (t - mu) ** 2 / sigma**2)",
            "gamma * (1 / sigma - (t - mu) ** 2 / sigma**3)",
            "missing-activation-derivative",
        ),
        Slip("gamma.sum(1, keepdims=True)", "gamma.sum()", "wrong-axis"),
    ),
    together=((0, 3), (1, 2)),
    unseen=(
        Slip(
            "gamma /= gamma.sum(1, keepdims=True)",
            "gamma = gamma / gamma.sum(1)[:, None]",
            "unseen",
        ),
    ),
)


def lifetimes(rng):
    """A Weibull regression with censoring: log-likelihood in log shape and coefficients."""
    X, t = rng.normal(size=(8, 2)), rng.random(8) * 3 + 0.3
    seen = np.array([1.0, 0, 1, 1, 0, 1, 1, 0])
    beta, lk = tg.Tensor(rng.normal(size=2) * 0.5), tg.Tensor(0.2)
    k = tg.exp(lk)
    z = k * (np.log(t) - X @ beta)
    nll = -(seen * (lk + z - np.log(t)) - tg.exp(z)).sum()
    return nll, locals()


def lifetimes_backward(X, seen, k, z):
    dz = np.exp(z) - seen
    dbeta = -k * X.T @ dz
    dlk = -seen.sum() + (dz * z).sum()
    return dz, dbeta, dlk


LIFETIMES = Case(
    lifetimes,
    lifetimes_backward,
    (
        Slip("dz = np.exp(z) - seen", "dz = seen * (np.exp(z) - 1)", "extra-factor"),
        Slip("dbeta = -k * X.T @ dz", "dbeta = -X.T @ dz", "missing-factor"),
        Slip("-seen.sum() + (dz * z).sum()", "-len(z) + (dz * z).sum()", "another-name"),
        Slip("(dz * z).sum()", "(dz * z / k).sum()", "extra-factor"),
    ),
    together=((1, 2),),
    unseen=(Slip("dbeta = -k * X.T @ dz", "dbeta = -(k * dz) @ X", "unseen"),),
)


def excess_zeros(rng):
    """Zero-inflated counts: pi + (1 - pi) exp(-lam) at 0, pi = sigma(a), lam = exp(x w)."""
    X, y = rng.normal(size=(8, 2)), np.array([0.0, 2, 0, 1, 0, 3, 0, 1])
    w, a = tg.Tensor(rng.normal(size=2) * 0.5), tg.Tensor(-0.4)
    pi, eta = tg.sigmoid(a), X @ w
    lam = tg.exp(eta)
    zero = tg.log(pi + (1 - pi) * tg.exp(-lam))
    nll = -tg.where(y == 0, zero, tg.log(1 - pi) + y * eta - lam).sum()
    return nll, locals()


def excess_zeros_backward(X, y, pi, lam):
    p0 = pi + (1 - pi) * np.exp(-lam)
    deta = np.where(y == 0, (1 - pi) * np.exp(-lam) / p0 * lam, lam - y)
    dw = X.T @ deta
    dpi = np.where(y == 0, -(1 - np.exp(-lam)) / p0, 1 / (1 - pi)).sum()
    da = dpi * pi * (1 - pi)
    return dw, da


EXCESS_ZEROS = Case(
    excess_zeros,
    excess_zeros_backward,
    (
        Slip("np.exp(-lam) / p0 * lam", "np.exp(-lam) * lam", "missing-factor"),
        Slip("/ p0 * lam, lam - y)", "/ p0, lam - y)", "missing-activation-derivative"),
        Slip("-(1 - np.exp(-lam)) / p0", "(1 - np.exp(-lam)) / p0", "sign"),
        Slip("lam - y)", "y - lam)", "sign"),
        Slip("da = dpi * pi * (1 - pi)", "da = dpi * pi * (1 + pi)", "sign"),
    ),
    together=((1, 2),),
)


def orderings(rng):
    """Plackett and Luce: -sum_i (s_i - log sum_(j >= i) exp s_j), items as they were ranked."""
    X, w = rng.normal(size=(5, 3)), tg.Tensor(rng.normal(size=3))
    s = tg.tanh(X @ w)
    E = 0.0
    for i in range(5):
        E = E - s[i] + tg.logsumexp(s[i:], axis=0)
    return E, {"X": X, "w": w, "s": s}


def orderings_backward(X, s):
    ds = -np.ones_like(s)
    for i in range(len(s)):
        ds[i:] += np.exp(s[i:]) / np.exp(s[i:]).sum()
    dw = X.T @ (ds * (1 - s**2))
    return ds, dw


ORDERINGS = Case(
    orderings,
    orderings_backward,
    (
        Slip("/ np.exp(s[i:]).sum()", "/ np.exp(s).sum()", "another-name"),
        Slip("ds[i:] += np.exp", "ds[i:] = np.exp", "overwritten"),
        Slip("dw = X.T @ (ds * (1 - s**2))", "dw = X.T @ ds", "missing-activation-derivative"),
        Slip("ds[i:] += np.exp(s[i:]) /", "ds[i] += np.exp(s[i]) /", "off-by-index"),
    ),
    together=((0, 2),),
)
