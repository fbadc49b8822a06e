"""Learning by similarity, matrix calculus and likelihoods."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def info_nce(rng):
    """InfoNCE: u = x / |x|, S = u v^T / tau, cross-entropy with the diagonal."""
    N, tau = 4, 0.5
    x, v = tg.Tensor(rng.normal(size=(N, 3))), tg.Tensor(rng.normal(size=(N, 3)))
    norm = tg.sqrt((x**2).sum(axis=1, keepdims=True))
    u = x / norm
    S = u @ v.T / tau
    L = -tg.log_softmax(S, axis=1).diagonal().mean()
    return L, locals()


def info_nce_backward(S, u, v, norm, N, tau):
    p = np.exp(S) / np.exp(S).sum(1, keepdims=True)
    dS = (p - np.eye(N)) / N
    du = dS @ v / tau
    dv = dS.T @ u / tau
    dx = (du - u * (du * u).sum(1, keepdims=True)) / norm
    return dx, dv


INFO_NCE = Case(
    info_nce,
    info_nce_backward,
    (
        Slip("(p - np.eye(N)) / N", "(p - np.eye(N))", "mean-vs-sum"),
        Slip("du = dS @ v / tau", "du = dS @ v", "missing-factor"),
        Slip("du = dS @ v / tau", "du = dS @ v * tau", "operator"),
        Slip("dv = dS.T @ u", "dv = dS @ u", "transpose"),
        Slip("(du - u * (du * u).sum(1, keepdims=True)) / norm", "du / norm", "missing-term"),
        Slip("(du - u * (du * u)", "(du + u * (du * u)", "sign"),
        Slip("np.exp(S).sum(1, keepdims=True)", "np.exp(S).sum(0, keepdims=True)", "wrong-axis"),
        Slip("np.exp(S).sum(1, keepdims=True)", "np.exp(S).sum(1)", "keepdims"),
    ),
    together=((1, 5), (3, 6)),
)


def triplet(rng):
    """mean(relu(|a - p|^2 - |a - n|^2 + 1))."""
    a, p, n = (tg.Tensor(rng.normal(size=(6, 4))) for _ in range(3))
    violation = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 1.0
    L = tg.relu(violation).mean()
    return L, locals()


def triplet_backward(a, p, n, violation):
    active = (violation > 0)[:, None] / len(a)
    da = 2 * (n - p) * active
    dp = 2 * (p - a) * active
    dn = 2 * (a - n) * active
    return da, dp, dn


TRIPLET = Case(
    triplet,
    triplet_backward,
    (
        Slip("dp = 2 * (p - a)", "dp = 2 * (a - p)", "sign"),
        Slip("dn = 2 * (a - n)", "dn = (a - n)", "constant-scale"),
        Slip("da = 2 * (n - p)", "da = 2 * (a - p)", "another-name"),
        Slip("[:, None] / len(a)", "[:, None]", "mean-vs-sum"),
        Slip(
            "dn = 2 * (a - n) * active",
            "dn = 2 * (a - n) / len(a)",
            "missing-activation-derivative",
        ),
    ),
    together=((0, 1),),
)


def negative_sampling(rng):
    """word2vec: -log sigma(u_o . v) - sum log sigma(-u_k . v), a word is drawn twice."""
    o, c, neg = 5, 2, [1, 7, 7]
    Win, Wout = tg.Tensor(rng.normal(size=(9, 4))), tg.Tensor(rng.normal(size=(9, 4)))
    v = Win[c]
    L = -tg.log(tg.sigmoid(Wout[o] @ v)) - tg.log(tg.sigmoid(-(Wout[neg] @ v))).sum()
    return L, locals()


def sigmoid(a):
    """1 / (1 + exp(-a))."""
    return 1 / (1 + np.exp(-a))


def negative_sampling_backward(Win, Wout, v, o, c, neg):
    gradWout = np.zeros_like(Wout)
    pull = sigmoid(Wout[o] @ v) - 1
    gradv = pull * Wout[o]
    gradWout[o] += pull * v
    for k in neg:
        push = sigmoid(Wout[k] @ v)
        gradv += push * Wout[k]
        gradWout[k] += push * v
    gradWin = np.zeros_like(Win)
    gradWin[c] = gradv
    return {"Wout": gradWout, "Win": gradWin, "v": gradv}


NEGATIVE_SAMPLING = Case(
    negative_sampling,
    negative_sampling_backward,
    (
        Slip("pull = sigmoid(Wout[o] @ v) - 1", "pull = 1 - sigmoid(Wout[o] @ v)", "sign"),
        Slip("pull = sigmoid(Wout[o] @ v) - 1", "pull = sigmoid(Wout[o] @ v)", "missing-term"),
        Slip("push = sigmoid(Wout[k] @ v)", "push = sigmoid(-Wout[k] @ v)", "sign"),
        Slip("gradv += push * Wout[k]", "gradv -= push * Wout[k]", "sign"),
        Slip("gradv += push * Wout[k]", "gradv += push * Wout[o]", "another-name"),
        Slip("gradWout[k] += push * v", "gradWout[k] = push * v", "overwritten"),
        Slip("gradWout[k] += push * v", "gradWout[k] += push * Wout[k]", "another-name"),
    ),
    together=((0, 5),),
    helpers=(sigmoid,),
)


def factorisation(rng):
    """J = 1/2 |M (R - U V^T)|^2 + lam/2 (|U|^2 + |V|^2): entries are missing."""
    lam = 0.3
    U, V = tg.Tensor(rng.normal(size=(5, 2))), tg.Tensor(rng.normal(size=(5, 2)))
    R, M = rng.normal(size=(5, 5)), (rng.random((5, 5)) > 0.4) * 1.0
    E = M * (R - U @ V.T)
    J = 0.5 * (E**2).sum() + 0.5 * lam * ((U**2).sum() + (V**2).sum())
    return J, locals()


def factorisation_backward():
    return {
        "U": lambda E, U, V, lam: -E @ V + lam * U,
        "V": lambda E, U, V, lam: -E.T @ U + lam * V,
    }


FACTORISATION = Case(
    factorisation,
    factorisation_backward,
    (
        Slip("-E @ V + lam * U", "E @ V + lam * U", "sign"),
        Slip("-E @ V + lam * U", "-2 * E @ V + lam * U", "constant-scale"),
        Slip("-E.T @ U + lam * V", "-E @ U + lam * V", "transpose"),
        Slip("-E.T @ U + lam * V", "-E.T @ U", "missing-term"),
        Slip("-E.T @ U + lam * V", "-E.T @ V + lam * V", "another-name"),
    ),
    form="lambdas",
)


def quadratic(rng):
    """f = 1/2 x^T A x - b^T x with A not symmetric, and a^T X^-1 b."""
    A, x, b = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=4)), rng.normal(size=4)
    X, a = tg.Tensor(rng.normal(size=(4, 4)) + 3 * np.eye(4)), rng.normal(size=4)
    f = 0.5 * (x @ A @ x) - b @ x + a @ tg.inv(X) @ b
    return f, locals()


def quadratic_backward():
    return {
        "x": "0.5 * (A + A.T) @ x - b",
        "A": "0.5 * np.outer(x, x)",
        "X": "-np.linalg.inv(X).T @ np.outer(a, b) @ np.linalg.inv(X).T",
    }


QUADRATIC = Case(
    quadratic,
    quadratic_backward,
    (
        Slip("0.5 * (A + A.T) @ x - b", "A @ x - b", "transpose"),
        Slip("0.5 * (A + A.T) @ x - b", "0.5 * (A + A.T) @ x + b", "sign"),
        Slip('"0.5 * np.outer(x, x)"', '"np.outer(x, x)"', "constant-scale"),
        Slip('"-np.linalg.inv(X).T @', '"np.linalg.inv(X).T @', "sign"),
        Slip("np.outer(a, b)", "np.outer(b, a)", "wrong-order"),
        Slip(
            "np.outer(a, b) @ np.linalg.inv(X).T", "np.outer(a, b) @ np.linalg.inv(X)", "transpose"
        ),
    ),
    form="text",
)


def gaussian(rng):
    """f = 1/2 log det S + 1/2 (y - m)^T S^-1 (y - m)."""
    F = rng.normal(size=(3, 3))
    S = tg.Tensor(F @ F.T + np.eye(3))
    m, y = tg.Tensor(rng.normal(size=3)), rng.normal(size=3)
    d = y - m
    f = 0.5 * tg.log(tg.det(S)) + 0.5 * (d @ tg.inv(S) @ d)
    return f, locals()


def gaussian_backward(S, d):
    P = np.linalg.inv(S)
    u = P @ d
    dm = -u
    dS = 0.5 * P - 0.5 * np.outer(u, u)
    return dm, dS


GAUSSIAN = Case(
    gaussian,
    gaussian_backward,
    (
        Slip("dm = -u", "dm = u", "sign"),
        Slip("dm = -u", "dm = -d", "another-name"),
        Slip("0.5 * P - 0.5 * np.outer(u, u)", "0.5 * P + 0.5 * np.outer(u, u)", "sign"),
        Slip("0.5 * P - 0.5 * np.outer(u, u)", "0.5 * P - 0.5 * np.outer(d, d)", "another-name"),
        Slip("0.5 * P - 0.5 * np.outer(u, u)", "-0.5 * np.outer(u, u)", "missing-term"),
        Slip("0.5 * P - 0.5 * np.outer(u, u)", "0.5 * (P - 0.5 * np.outer(u, u))", "bracket"),
    ),
    together=((0, 2),),
)


def mixture(rng):
    """-mean log sum_k pi_k exp(-(x - mu_k)^2 / (2 s^2)), pi = softmax(a): responsibilities."""
    x, s = rng.normal(size=(9, 1)), 0.8
    mu, a = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=3))
    joint = tg.log_softmax(a, axis=0) - (x - mu) ** 2 / (2 * s**2)
    nll = -tg.logsumexp(joint, axis=1).mean()
    return nll, locals()


def mixture_backward(x, mu, a, joint, s):
    r = np.exp(joint)
    r = r / r.sum(axis=1, keepdims=True)
    pi = np.exp(a) / np.exp(a).sum()
    dmu = -np.mean(r * (x - mu), axis=0) / s**2
    da = pi - r.mean(axis=0)
    return dmu, da


MIXTURE = Case(
    mixture,
    mixture_backward,
    (
        Slip("r / r.sum(axis=1, keepdims=True)", "r / r.sum(axis=0, keepdims=True)", "wrong-axis"),
        Slip("dmu = -np.mean(", "dmu = np.mean(", "sign"),
        Slip("axis=0) / s**2", "axis=0) / s", "constant-scale"),
        Slip("r * (x - mu)", "(x - mu)", "missing-factor"),
        Slip("da = pi - r.mean(axis=0)", "da = -r.mean(axis=0)", "missing-term"),
        Slip("da = pi - r.mean(axis=0)", "da = pi - r.sum(axis=0)", "mean-vs-sum"),
    ),
    together=((1, 4),),
)


def autoencoder(rng):
    """A VAE's z = mu + exp(lv / 2) eps, squared error and KL, per row of the batch."""
    B = 4
    mu, lv = tg.Tensor(rng.normal(size=(B, 3))), tg.Tensor(rng.normal(size=(B, 3)))
    eps, W, x = rng.normal(size=(B, 3)), tg.Tensor(rng.normal(size=(3, 5))), rng.random((B, 5))
    std = tg.exp(0.5 * lv)
    z = mu + std * eps
    recon = tg.sigmoid(z @ W)
    loss = ((recon - x) ** 2).sum() / B - 0.5 * (1 + lv - mu**2 - tg.exp(lv)).sum() / B
    return loss, locals()


def autoencoder_backward(x, mu, lv, eps, W, std, z, recon, B):
    drecon = 2 * (recon - x) / B
    dlogit = drecon * recon * (1 - recon)
    dW = z.T @ dlogit
    dz = dlogit @ W.T
    dmu = dz + mu / B
    dstd = dz * eps
    dlv = dstd * 0.5 * std
    dlv += 0.5 * (np.exp(lv) - 1) / B
    return dmu, dlv, dW


AUTOENCODER = Case(
    autoencoder,
    autoencoder_backward,
    (
        Slip("dmu = dz + mu / B", "dmu = dz", "missing-term"),
        Slip("dmu = dz + mu / B", "dmu = dz + mu", "mean-vs-sum"),
        Slip("dlv = dstd * 0.5 * std", "dlv = dstd * std", "constant-scale"),
        Slip("dlv = dstd * 0.5 * std", "dlv = dstd * 0.5", "missing-activation-derivative"),
        Slip("0.5 * (np.exp(lv) - 1)", "0.5 * (np.exp(lv) + 1)", "sign"),
        Slip("dlv += 0.5", "dlv = 0.5", "overwritten"),
        Slip("dstd = dz * eps", "dstd = dz", "missing-factor"),
        Slip("dW = z.T @ dlogit", "dW = mu.T @ dlogit", "another-name"),
    ),
    together=((1, 4), (2, 7)),
)


def policy(rng):
    """J = -mean(R log pi(a | s)) - beta entropy, pi = softmax(S theta)."""
    T, A, beta = 6, 3, 0.3
    S, R, act = rng.normal(size=(T, 4)), rng.normal(size=T), rng.integers(0, A, T)
    theta = tg.Tensor(rng.normal(size=(4, A)))
    logits = S @ theta
    logp = tg.log_softmax(logits, axis=1)
    entropy = -(tg.exp(logp) * logp).sum(axis=1).mean()
    loss = -(R * logp[np.arange(T), act]).mean() - beta * entropy
    return loss, locals()


def policy_backward(S, R, act, logp, T, A, beta):
    p = np.exp(logp)
    onehot = np.eye(A)[act]
    dlogits = -R[:, None] * (onehot - p) / T
    H = -(p * logp).sum(axis=1, keepdims=True)
    dlogits += beta * p * (logp + H) / T
    dtheta = S.T @ dlogits
    return dlogits, dtheta


POLICY = Case(
    policy,
    policy_backward,
    (
        Slip("dlogits = -R[:, None]", "dlogits = R[:, None]", "sign"),
        Slip("-R[:, None] * (onehot - p)", "-(onehot - p)", "missing-factor"),
        Slip(
            "dlogits += beta * p * (logp + H) / T", "dlogits -= beta * p * (logp + H) / T", "sign"
        ),
        Slip("p * (logp + H)", "p * (logp + 1)", "missing-term"),
        Slip("beta * p * (logp + H) / T", "beta * p * (logp + H)", "mean-vs-sum"),
        Slip("(onehot - p) / T", "(1 - p) / T", "another-name"),
    ),
    together=((0, 4),),
)
