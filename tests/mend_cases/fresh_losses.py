"""Losses, embeddings and small layers that neither set has."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def clip_loss(rng):
    """CLIP: symmetric cross-entropy of scaled cosines between two towers' rows."""
    N, D = 4, 3
    img, txt = tg.Tensor(rng.normal(size=(N, D))), tg.Tensor(rng.normal(size=(N, D)))
    scale = tg.Tensor(0.7)
    norm_i = tg.sqrt((img**2).sum(axis=1, keepdims=True))
    norm_t = tg.sqrt((txt**2).sum(axis=1, keepdims=True))
    U, V = img / norm_i, txt / norm_t
    tau = tg.exp(scale)
    cos = U @ V.T
    logits = tau * cos
    P = tg.softmax(logits, axis=1)
    Q = tg.softmax(logits, axis=0)
    loss = -(tg.log(tg.diag(P)).mean() + tg.log(tg.diag(Q)).mean()) / 2
    return loss, locals()


def clip_loss_backward(U, V, P, Q, cos, tau, norm_i, norm_t, N):
    eye = np.eye(N)
    dlogits = ((P - eye) + (Q - eye)) / (2 * N)
    dscale = (dlogits * cos).sum() * tau
    dcos = dlogits * tau
    dU = dcos @ V
    dV = dcos.T @ U
    dimg = (dU - U * (dU * U).sum(axis=1, keepdims=True)) / norm_i
    dtxt = (dV - V * (dV * V).sum(axis=1, keepdims=True)) / norm_t
    return dscale, dimg, dtxt


CLIP = Case(
    clip_loss,
    clip_loss_backward,
    (
        Slip("((P - eye) + (Q - eye)) / (2 * N)", "((P - eye) + (Q - eye)) / N", "constant-scale"),
        Slip(
            "((P - eye) + (Q - eye)) / (2 * N)", "((P - eye) + (Q - eye).T) / (2 * N)", "transpose"
        ),
        Slip("dV = dcos.T @ U", "dV = dcos @ U", "transpose"),
        Slip(
            "dimg = (dU - U * (dU * U).sum(axis=1, keepdims=True)) / norm_i",
            "dimg = dU / norm_i",
            "missing-term",
        ),
        Slip(
            "(dV * V).sum(axis=1, keepdims=True)",
            "(dV * V).sum(axis=0, keepdims=True)",
            "wrong-axis",
        ),
        Slip(
            "dscale = (dlogits * cos).sum() * tau",
            "dscale = (dlogits * cos).sum()",
            "missing-factor",
        ),
    ),
    together=((2, 5),),
)


def glove(rng):
    """GloVe: sum f(X) (w_i . c_j + b_i + b_j - log X)^2."""
    counts = rng.integers(1, 40, size=(5, 4)).astype(float)
    weight = np.minimum(1, (counts / 20) ** 0.75)
    W, C = tg.Tensor(rng.normal(size=(5, 2))), tg.Tensor(rng.normal(size=(4, 2)))
    bw, bc = tg.Tensor(rng.normal(size=(5, 1))), tg.Tensor(rng.normal(size=(1, 4)))
    diff = W @ C.T + bw + bc - np.log(counts)
    J = (weight * diff**2).sum()
    return J, locals()


def glove_backward(W, C, weight, diff):
    ddiff = 2 * weight * diff
    dW = np.zeros(W.shape)
    dC = np.zeros(C.shape)
    for i in range(len(W)):
        for j in range(len(C)):
            dW[i] += ddiff[i, j] * C[j]
            dC[j] += ddiff[i, j] * W[i]
    dbw = np.sum(ddiff, axis=1, keepdims=True)
    dbc = np.sum(ddiff, axis=0, keepdims=True)
    return dW, dC, dbw, dbc


GLOVE = Case(
    glove,
    glove_backward,
    (
        Slip("ddiff = 2 * weight * diff", "ddiff = 2 * diff", "missing-factor"),
        Slip("dC[j] += ddiff[i, j] * W[i]", "dC[j] += ddiff[i, j] * W[j]", "off-by-index"),
        Slip("dW[i] += ddiff[i, j] * C[j]", "dW[i] = ddiff[i, j] * C[j]", "overwritten"),
        Slip("ddiff = 2 * weight * diff", "ddiff = 2 * weight**2 * diff", "extra-factor"),
        Slip(
            "dbc = np.sum(ddiff, axis=0, keepdims=True)",
            "dbc = np.sum(diff, axis=0, keepdims=True)",
            "another-name",
        ),
    ),
    together=((2, 4),),
)


def softmax_naive(rng):
    """cs231n's softmax_loss_naive: two loops, dW by columns, regularised."""
    N, D, K, reg = 5, 3, 4, 0.05
    X, y = rng.normal(size=(N, D)), np.array([0, 3, 1, 1, 2])
    W = tg.Tensor(rng.normal(size=(D, K)))
    scores = X @ W
    picked = scores[np.arange(N), y] - tg.logsumexp(scores, axis=1)
    loss = -picked.mean() + reg * (W * W).sum()
    return loss, locals()


def softmax_naive_backward(W, X, y, reg):
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        s = X[i].dot(W)
        s -= np.max(s)
        p = np.exp(s) / np.sum(np.exp(s))
        for j in range(W.shape[1]):
            if j == y[i]:
                dW[:, j] += (p[j] - 1) * X[i]
            else:
                dW[:, j] += p[j] * X[i]
    dW /= X.shape[0]
    dW += 2 * reg * W
    return dW


SOFTMAX_NAIVE = Case(
    softmax_naive,
    softmax_naive_backward,
    (
        Slip("dW[:, j] += (p[j] - 1) * X[i]", "dW[:, j] += (1 - p[j]) * X[i]", "sign"),
        Slip("dW += 2 * reg * W", "dW += reg * W", "constant-scale"),
        Slip("    dW /= X.shape[0]\n", "    dW /= W.shape[0]\n", "another-name"),
        Slip("dW[:, j] += p[j] * X[i]", "dW[:, j] -= p[j] * X[i]", "sign"),
        Slip("if j == y[i]", "if i == y[i]", "off-by-index"),
        Slip("dW[:, j] += (p[j] - 1) * X[i]", "dW[:, j] += p[y[i]] * X[i]", "missing-term"),
    ),
    together=((1, 3),),
)


def mahalanobis(rng):
    """Metric learning: contrastive loss of |L (x_i - x_j)|^2, a margin for unlike pairs."""
    n, margin = 6, 2.0
    A = rng.normal(size=(n, 3))
    B = A + np.array([[0.5], [0.2], [1.0], [4.0], [0.3], [0.7]]) * rng.normal(size=(n, 3))
    same = np.array([1.0, 0, 1, 0, 0, 1])
    L = tg.Tensor(rng.normal(size=(2, 3)))
    D = A - B
    Z = D @ L.T
    dist = (Z**2).sum(axis=1)
    hinge = tg.relu(margin - dist)
    loss = (same * dist + (1 - same) * hinge).mean()
    return loss, locals()


def mahalanobis_backward(D, L, Z, dist, same, margin, n):
    active = (dist < margin).astype(float)
    ddist = (same - (1 - same) * active) / n
    dZ = 2 * Z * ddist[:, None]
    dL = dZ.T @ D
    return ddist, dZ, dL


MAHALANOBIS = Case(
    mahalanobis,
    mahalanobis_backward,
    (
        Slip("(same - (1 - same) * active)", "(same + (1 - same) * active)", "sign"),
        Slip("(same - (1 - same) * active)", "(same - (1 - same))", "missing-factor"),
        Slip("dL = dZ.T @ D", "dL = D.T @ dZ", "transpose"),
        Slip("(dist < margin)", "(dist > margin)", "operator"),
        Slip("dZ = 2 * Z * ddist[:, None]", "dZ = Z * ddist[:, None]", "constant-scale"),
    ),
    together=((0, 4),),
)


def factorization_machine(rng):
    """w0 + x w + 1/2 sum((x V)^2 - x^2 V^2), squared error."""
    n = 6
    X, y = rng.normal(size=(n, 4)), rng.normal(size=n)
    w0, w, V = tg.Tensor(0.2), tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=(4, 2)))
    S = X @ V
    pair = 0.5 * (S**2 - (X**2) @ (V**2)).sum(axis=1)
    yhat = w0 + X @ w + pair
    loss = ((yhat - y) ** 2).sum() / n
    return loss, locals()


def factorization_machine_backward(X, y, V, S, yhat, n):
    dyhat = 2.0 / n * (yhat - y)
    dw0 = dyhat.sum()
    dw = X.T @ dyhat
    dV = X.T @ (dyhat[:, np.newaxis] * S) - (X**2).T.dot(dyhat)[:, np.newaxis] * V
    return {"w0": dw0, "w": dw, "V": dV}


FACTORIZATION_MACHINE = Case(
    factorization_machine,
    factorization_machine_backward,
    (
        Slip("(X**2).T.dot(dyhat)", "X.T.dot(dyhat)", "missing-factor"),
        Slip("* S) - (X**2)", "* S) + (X**2)", "sign"),
        Slip("dw0 = dyhat.sum()", "dw0 = dyhat.mean()", "mean-vs-sum"),
        Slip("2.0 / n * (yhat - y)", "1.0 / n * (yhat - y)", "constant-scale"),
        Slip(" - (X**2).T.dot(dyhat)[:, np.newaxis] * V", "", "missing-term"),
    ),
    together=((0, 3),),
)


def weight_normalised(rng):
    """Weight normalisation (Salimans and Kingma, 2016): w = g v / |v| by rows, then softplus."""
    n = 5
    X, y = rng.normal(size=(n, 4)), rng.normal(size=(n, 3))
    v, g = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(3, 1)))
    nv = tg.sqrt((v**2).sum(axis=1, keepdims=True))
    w = g * v / nv
    z = X @ w.T
    a = tg.softplus(z)
    loss = 0.5 * ((a - y) ** 2).sum() / n
    return loss, locals()


def weight_normalised_backward(X, y, v, g, nv, z, a, n):
    da = (a - y) / n
    dz = da / (1 + np.exp(-z))
    dw = dz.T @ X
    dg = (dw * v / nv).sum(axis=1, keepdims=True)
    dv = g / nv * dw - g * dg / nv**2 * v
    return dw, dg, dv


WEIGHT_NORMALISED = Case(
    weight_normalised,
    weight_normalised_backward,
    (
        Slip("g / nv * dw - g * dg / nv**2 * v", "g / nv * dw", "missing-term"),
        Slip("g * dg / nv**2 * v", "g * dg / nv * v", "off-by-index"),
        Slip(
            "dz = da / (1 + np.exp(-z))",
            "dz = da * np.exp(-z) / (1 + np.exp(-z)) ** 2",
            "wrong-activation-derivative",
        ),
        Slip(
            "(dw * v / nv).sum(axis=1, keepdims=True)",
            "(dw * v).sum(axis=1, keepdims=True)",
            "missing-factor",
        ),
        Slip("dw = dz.T @ X", "dw = da.T @ X", "another-name"),
        Slip("g / nv * dw - g * dg", "g / nv * dw - dg", "missing-factor"),
    ),
    together=((3, 4),),
)


def film(rng):
    """FiLM: a condition scales and shifts the channels of a signal; instance norm before it."""
    N, C, T, eps = 2, 3, 5, 1e-5
    x, cond, tgt = rng.normal(size=(N, 2, T)), rng.normal(size=(N, 4)), rng.normal(size=(N, C, T))
    K = tg.Tensor(rng.normal(size=(C, 2)))
    Wg, Wb = tg.Tensor(rng.normal(size=(4, C))), tg.Tensor(rng.normal(size=(4, C)))
    h = tg.einsum("cd,ndt->nct", K, x)
    mu = h.mean(axis=2, keepdims=True)
    var = ((h - mu) ** 2).mean(axis=2, keepdims=True)
    inv = 1 / tg.sqrt(var + eps)
    hhat = (h - mu) * inv
    gamma, beta = cond @ Wg, cond @ Wb
    out = gamma.reshape(N, C, 1) * hhat + beta.reshape(N, C, 1)
    loss = 0.5 * ((out - tgt) ** 2).mean()
    return loss, locals()


def film_backward(x, cond, tgt, hhat, inv, gamma, out, N, C, T):
    dout = (out - tgt) / (N * C * T)
    dgamma = (dout * hhat).sum(-1)
    dbeta = dout.sum(-1)
    dWg = cond.T @ dgamma
    dWb = cond.T @ dbeta
    dhhat = dout * gamma[:, :, None]
    s1 = dhhat.sum(2, keepdims=True)
    s2 = (dhhat * hhat).sum(2, keepdims=True)
    dh = inv / T * (T * dhhat - s1 - hhat * s2)
    dK = np.einsum("nct,ndt->cd", dh, x)
    return dWg, dWb, dh, dK


FILM = Case(
    film,
    film_backward,
    (
        Slip("(T * dhhat - s1 - hhat * s2)", "(T * dhhat - s1 - s2)", "missing-factor"),
        Slip("(T * dhhat - s1 - hhat * s2)", "(T * dhhat - hhat * s2)", "missing-term"),
        Slip("dh = inv / T * (T * dhhat", "dh = inv * (T * dhhat", "mean-vs-sum"),
        Slip("s1 = dhhat.sum(2, keepdims=True)", "s1 = dhhat.sum(1, keepdims=True)", "wrong-axis"),
        Slip("dWb = cond.T @ dbeta", "dWb = cond.T @ dgamma", "another-name"),
        Slip("/ (N * C * T)", "/ N", "mean-vs-sum"),
    ),
    together=((1, 4),),
)
