"""Layers, likelihoods and regressions that the corpus has, in other people's writing."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def step_by_step_norm(rng):
    """F. Kratzert's batch norm: the forward cut into nine steps and walked back through."""
    N, D, eps = 6, 3, 1e-5
    x, c = tg.Tensor(rng.normal(size=(N, D))), rng.normal(size=(N, D))
    gamma, beta = tg.Tensor(rng.normal(size=D)), tg.Tensor(rng.normal(size=D))
    mu = 1.0 / N * x.sum(axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * sq.sum(axis=0)
    sqrtvar = tg.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    loss = (c * tg.sin(out)).sum()
    return loss, locals()


# fmt: off
def step_by_step_norm_backward(c, out, xhat, gamma, ivar, sqrtvar, var, xmu, N, D, eps):
    dout = c * np.cos(out)
    #step9
    dbeta = np.sum(dout, axis=0)
    dgammax = dout #not necessary, but more understandable
    #step8
    dgamma = np.sum(dgammax*xhat, axis=0)
    dxhat = dgammax * gamma
    #step7
    divar = np.sum(dxhat*xmu, axis=0)
    dxmu1 = dxhat * ivar
    #step6
    dsqrtvar = -1. /(sqrtvar**2) * divar
    #step5
    dvar = 0.5 * 1. /np.sqrt(var+eps) * dsqrtvar
    #step4
    dsq = 1. /N * np.ones((N,D)) * dvar
    #step3
    dxmu2 = 2 * xmu * dsq
    #step2
    dx1 = (dxmu1 + dxmu2)
    dmu = -1 * np.sum(dxmu1+dxmu2, axis=0)
    #step1
    dx2 = 1. /N * np.ones((N,D)) * dmu
    #step0
    dx = dx1 + dx2
    return dx, dgamma, dbeta
# fmt: on


STEP_BY_STEP_NORM = Case(
    step_by_step_norm,
    step_by_step_norm_backward,
    (
        Slip("-1. /(sqrtvar**2) * divar", "-1. /sqrtvar * divar", "missing-factor"),
        Slip("0.5 * 1. /np.sqrt(var+eps)", "0.5 * np.sqrt(var+eps)", "operator"),
        Slip(
            "dmu = -1 * np.sum(dxmu1+dxmu2, axis=0)",
            "dmu = np.sum(dxmu1+dxmu2, axis=0)",
            "sign",
        ),
        Slip("dx = dx1 + dx2", "dx = dx1", "missing-term"),
        Slip("dsq = 1. /N * np.ones((N,D)) * dvar", "dsq = np.ones((N,D)) * dvar", "mean-vs-sum"),
        Slip("dout = c * np.cos(out)", "dout = c * -np.cos(out)", "sign"),
    ),
    together=((0, 5), (1, 4)),
    unseen=(
        Slip("np.sum(dxmu1+dxmu2, axis=0)", "np.sum(dxmu1, axis=0)", "unseen"),
        Slip("divar = np.sum(dxhat*xmu, axis=0)", "divar = (dxhat*xmu).sum(0)", "unseen"),
    ),
)


def images(rng):
    """A convolution of a batch of images with channels: cs231n's naive loops, stride 1."""
    N, C, H, W, F, K = 2, 2, 4, 4, 3, 2
    x, w = tg.Tensor(rng.normal(size=(N, C, H, W))), tg.Tensor(rng.normal(size=(F, C, K, K)))
    b = tg.Tensor(rng.normal(size=F))
    taps = [(i, j) for i in range(K) for j in range(K)]
    parts = [
        tg.einsum("nchw,fc->nfhw", x[:, :, i : i + 3, j : j + 3], w[:, :, i, j]) for i, j in taps
    ]
    out = tg.relu(sum(parts) + b.reshape(1, F, 1, 1))
    target = rng.normal(size=(N, F, 3, 3))
    loss = 0.5 * ((out - target) ** 2).mean()
    return loss, locals()


def images_backward(x, w, b, out, target, N, F, K):
    dout = (out - target) / out.size
    dz = dout * (out > 0)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    db = dz.sum(axis=(0, 2, 3))
    for n in range(N):
        for f in range(F):
            for i in range(dz.shape[2]):
                for j in range(dz.shape[3]):
                    patch = x[n, :, i : i + K, j : j + K]
                    dw[f] += dz[n, f, i, j] * patch
                    dx[n, :, i : i + K, j : j + K] += dz[n, f, i, j] * w[f]
    return {"x": dx, "w": dw, "b": db}


IMAGES = Case(
    images,
    images_backward,
    (
        Slip("dz.sum(axis=(0, 2, 3))", "dz.mean(axis=(0, 2, 3))", "mean-vs-sum"),
        Slip(
            "j : j + K] += dz[n, f, i, j] * w[f]",
            "j : j + K] = dz[n, f, i, j] * w[f]",
            "overwritten",
        ),
        Slip("dw[f] += dz[n, f, i, j] * patch", "dw[f] += dz[n, f, j, i] * patch", "transpose"),
        Slip("dz = dout * (out > 0)", "dz = dout", "missing-activation-derivative"),
    ),
    together=((0, 2),),
)


def bernoulli_decoder(rng):
    """The ELBO of a variational autoencoder with one hidden layer and Bernoulli pixels."""
    B = 4
    x = (rng.random((B, 5)) > 0.5) * 1.0
    eps, h = rng.normal(size=(B, 3)), rng.normal(size=(B, 3))
    Wm, Ws, Wd = (tg.Tensor(rng.normal(size=size) * 0.6) for size in ((3, 3), (3, 3), (3, 5)))
    mu, logvar = h @ Wm, h @ Ws
    sigma = tg.exp(logvar / 2)
    z = mu + sigma * eps
    logits = z @ Wd
    bce = (tg.softplus(logits) - x * logits).sum()
    kld = -0.5 * (1 + logvar - mu**2 - tg.exp(logvar)).sum()
    elbo = bce + kld
    return elbo, locals()


def bernoulli_decoder_backward(x, h, eps, Wd, mu, logvar, sigma, z, logits):
    dlogits = 1 / (1 + np.exp(-logits)) - x
    dWd = z.T @ dlogits
    dz = dlogits @ Wd.T
    dsigma = dz * eps
    dmu = dz + mu
    dlogvar = dsigma * sigma / 2 - 0.5 * (1 - np.exp(logvar))
    dWm = h.T @ dmu
    dWs = h.T @ dlogvar
    return dWm, dWs, dWd


BERNOULLI_DECODER = Case(
    bernoulli_decoder,
    bernoulli_decoder_backward,
    (
        Slip("- 0.5 * (1 - np.exp(logvar))", "+ 0.5 * (1 - np.exp(logvar))", "sign"),
        Slip("dsigma = dz * eps", "dsigma = dz * z", "another-name"),
        Slip("dsigma * sigma / 2", "dsigma / 2", "missing-activation-derivative"),
        Slip("dmu = dz + mu", "dmu = dz + 2 * mu", "constant-scale"),
        Slip("dWs = h.T @ dlogvar", "dWs = h.T @ dsigma", "another-name"),
    ),
    together=((0, 3), (1, 2)),
)


def length_scale(rng):
    """A Gaussian process's likelihood in log length scale, log amplitude and log noise."""
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    D2 = ((X[:, None] - X[None]) ** 2).sum(-1)
    ell, amp, noise = (tg.Tensor(v) for v in (0.1, 0.3, -1.0))
    Kf = tg.exp(2 * amp) * tg.exp(-0.5 * D2 * tg.exp(-2 * ell))
    K = Kf + tg.exp(2 * noise) * np.eye(5)
    nll = 0.5 * (y @ tg.solve(K, y)) + 0.5 * tg.logabsdet(K) + 2.5 * np.log(2 * np.pi)
    return nll, locals()


def length_scale_backward(D2, y, ell, noise, Kf, K):
    alpha = np.linalg.solve(K, y)
    dK = 0.5 * (np.linalg.inv(K) - np.outer(alpha, alpha))
    grad_amp = np.sum(dK * 2 * Kf)
    grad_ell = np.sum(dK * Kf * D2 * np.exp(-2 * ell))
    grad_noise = np.trace(dK) * 2 * np.exp(2 * noise)
    return grad_amp, grad_ell, grad_noise


LENGTH_SCALE = Case(
    length_scale,
    length_scale_backward,
    (
        Slip("dK = 0.5 * (np.linalg.inv(K)", "dK = 0.5 * (np.linalg.inv(Kf)", "another-name"),
        Slip("grad_amp = np.sum(dK * 2 * Kf)", "grad_amp = np.sum(dK * Kf)", "constant-scale"),
        Slip("np.exp(-2 * ell)", "np.exp(2 * ell)", "sign"),
        Slip("np.sum(dK * Kf * D2", "np.trace(dK @ Kf * D2", "elementwise-vs-matmul"),
        Slip("np.trace(dK) * 2 *", "np.sum(dK) * 2 *", "operator"),
    ),
    together=((1, 2),),
)


def ratings(rng):
    """Matrix factorisation with biases over a list of ratings: S. Funk's loop."""
    users, items = np.array([0, 1, 1, 2, 3, 0]), np.array([1, 0, 2, 2, 1, 3])
    r, lam, mean = rng.normal(size=6) + 3, 0.1, 3.0
    P, Q = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=(4, 2)))
    bu, bi = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=4))
    err = r - (mean + bu[users] + bi[items] + (P[users] * Q[items]).sum(axis=1))
    penalty = (P**2).sum() + (Q**2).sum() + (bu**2).sum() + (bi**2).sum()
    loss = 0.5 * (err**2).sum() + 0.5 * lam * penalty
    return loss, locals()


def ratings_backward(users, items, r, P, Q, bu, bi, mean, lam):
    P_grad, Q_grad = lam * P, lam * Q
    bu_grad, bi_grad = lam * bu, lam * bi
    for u, i, rating in zip(users, items, r, strict=True):
        e = rating - (mean + bu[u] + bi[i] + P[u] @ Q[i])
        bu_grad[u] -= e
        bi_grad[i] -= e
        P_grad[u] -= e * Q[i]
        Q_grad[i] -= e * P[u]
    return P_grad, Q_grad, bu_grad, bi_grad


RATINGS = Case(
    ratings,
    ratings_backward,
    (
        Slip("P_grad[u] -= e * Q[i]", "P_grad[u] -= e * P[u]", "another-name"),
        Slip("Q_grad[i] -= e * P[u]", "Q_grad[u] -= e * P[u]", "off-by-index"),
        Slip("bi_grad[i] -= e", "bi_grad[i] += e", "sign"),
        Slip("bu_grad[u] -= e", "bu_grad[u] = -e", "overwritten"),
        Slip(
            "(mean + bu[u] + bi[i] + P[u] @ Q[i])", "(mean + bu[u] + P[u] @ Q[i])", "missing-term"
        ),
    ),
    together=((0, 2),),
)


def bag_of_words(rng):
    """CBOW: the mean of the context's vectors, softmax over the vocabulary."""
    E, U = tg.Tensor(rng.normal(size=(7, 3))), tg.Tensor(rng.normal(size=(7, 3)))
    context, word = [0, 4, 4, 6], 2
    hbar = E[context].mean(axis=0)
    scores = U @ hbar
    loss = -tg.log_softmax(scores, axis=0)[word]
    return loss, locals()


def bag_of_words_backward(E, U, context, word, hbar, scores):
    d = np.exp(scores) / np.sum(np.exp(scores))
    d[word] -= 1
    dU = np.outer(d, hbar)
    dhbar = U.T @ d
    dE = np.zeros_like(E)
    for j in context:
        dE[j] += dhbar / len(context)
    return dE, dU


BAG_OF_WORDS = Case(
    bag_of_words,
    bag_of_words_backward,
    (
        Slip("dE[j] += dhbar / len(context)", "dE[j] += dhbar", "mean-vs-sum"),
        Slip("dE[j] += dhbar / len(context)", "dE[j] = dhbar / len(context)", "overwritten"),
        Slip("dU = np.outer(d, hbar)", "dU = np.outer(d, E[word])", "another-name"),
        Slip("dhbar = U.T @ d", "dhbar = U.T @ d - U[word]", "double-count"),
    ),
    together=((0, 2),),
)


def siamese(rng):
    """Hadsell, Chopra and LeCun's contrastive loss: y D^2 + (1 - y) max(0, m - D)^2."""
    x1, x2 = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    y, margin = np.array([1.0, 0, 0, 1, 0, 1]), 4.0
    W = tg.Tensor(rng.normal(size=(3, 2)) * 0.6)
    diff = x1 @ W - x2 @ W
    D = tg.sqrt((diff**2).sum(axis=1))
    loss = 0.5 * (y * D**2 + (1 - y) * tg.maximum(0, margin - D) ** 2).mean()
    return loss, locals()


def siamese_backward(x1, x2, y, margin, diff, D):
    dD = (y * D - (1 - y) * np.maximum(0, margin - D)) / len(y)
    ddiff = (dD / D)[:, np.newaxis] * diff
    dW = x1.T @ ddiff - x2.T @ ddiff
    return dD, ddiff, dW


SIAMESE = Case(
    siamese,
    siamese_backward,
    (
        Slip("y * D - (1 - y)", "y * D + (1 - y)", "sign"),
        Slip("(dD / D)[:, np.newaxis] * diff", "dD[:, np.newaxis] * diff", "missing-factor"),
        Slip("dW = x1.T @ ddiff - x2.T @ ddiff", "dW = x1.T @ ddiff", "missing-term"),
        Slip("np.maximum(0, margin - D)", "(margin > D)", "wrong-activation-derivative"),
    ),
    together=((0, 2),),
)


def two_quantiles(rng):
    """Pinball losses of two quantile levels, one vector of weights each."""
    X, y, n = rng.normal(size=(9, 3)), rng.normal(size=9), 9
    lo, hi = 0.1, 0.8
    w, v = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=3))
    e, f = y - X @ w, y - X @ v
    loss = (tg.maximum(lo * e, (lo - 1) * e) + tg.maximum(hi * f, (hi - 1) * f)).sum() / n
    return loss, locals()


def two_quantiles_backward():
    return {
        "w": "X.T @ ((e < 0) - lo) / n",
        "v": "X.T @ where(f >= 0, -hi, 1 - hi) / n",
    }


TWO_QUANTILES = Case(
    two_quantiles,
    two_quantiles_backward,
    (
        Slip("((e < 0) - lo)", "(lo - (e < 0))", "sign"),
        Slip("where(f >= 0, -hi, 1 - hi)", "where(f >= 0, 1 - hi, -hi)", "wrong-order"),
        Slip("where(f >= 0, -hi, 1 - hi) / n", "where(e >= 0, -hi, 1 - hi) / n", "another-name"),
    ),
    form="text",
)


def temperature(rng):
    """Softmax regression with a temperature that is learned, and weights per class."""
    X, n = rng.normal(size=(6, 3)), 6
    Y, weight = np.eye(4)[rng.integers(0, 4, n)], rng.random(4) + 0.5
    W, tau = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(1.6)
    s = X @ W
    logp = tg.log_softmax(s / tau, axis=1)
    loss = -(weight * Y * logp).sum() / n
    return loss, locals()


def temperature_backward(X, Y, W, weight, s, logp, tau, n):
    c = (Y * weight).sum(axis=1, keepdims=True)
    du = c * (np.exp(logp) - Y) / n
    ds = du / tau
    dW = X.T @ ds
    dtau = -np.sum(du * s) / tau**2
    return ds, dW, dtau


TEMPERATURE = Case(
    temperature,
    temperature_backward,
    (
        Slip(
            "du = c * (np.exp(logp) - Y) / n",
            "du = (weight * np.exp(logp) - weight * Y) / n",
            "another-name",
        ),
        Slip("dtau = -np.sum(du * s) / tau**2", "dtau = -np.sum(ds * s) / tau**2", "another-name"),
        Slip("ds = du / tau", "ds = du * tau", "operator"),
        Slip("dtau = -np.sum(du * s)", "dtau = -np.mean(du * s)", "mean-vs-sum"),
    ),
    together=((0, 3),),
    unseen=(Slip("dtau = -np.sum(du * s) / tau**2", "dtau = -np.sum(dW * W) / tau", "unseen"),),
)
