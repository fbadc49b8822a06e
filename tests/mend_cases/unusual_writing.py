"""Networks in unusual writing: layers in a loop or as objects, row by row, step by step."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def columns_deep(rng):
    m = 6
    X, Y = rng.normal(size=(4, m)), (rng.random((1, m)) > 0.5) * 1.0
    W1, b1 = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=(5, 1)))
    W2, b2 = tg.Tensor(rng.normal(size=(3, 5))), tg.Tensor(rng.normal(size=(3, 1)))
    W3, b3 = tg.Tensor(rng.normal(size=(1, 3))), tg.Tensor(rng.normal(size=(1, 1)))
    Z1 = W1 @ X + b1
    A1 = tg.relu(Z1)
    Z2 = W2 @ A1 + b2
    A2 = tg.tanh(Z2)
    Z3 = W3 @ A2 + b3
    A3 = tg.sigmoid(Z3)
    cost = -(Y * tg.log(A3) + (1 - Y) * tg.log(1 - A3)).sum() / m
    return cost, locals()


def columns_deep_backward(X, Y, W1, W2, W3, Z1, A1, A2, A3):
    m = X.shape[1]
    weights = {2: W2, 3: W3}
    acts = {0: X, 1: A1, 2: A2}
    slope = {1: Z1 > 0, 2: 1 - A2**2}
    grads = {}
    delta = (A3 - Y) / m
    for layer in (3, 2, 1):
        grads[f"W{layer}"] = np.dot(delta, acts[layer - 1].T)
        grads[f"b{layer}"] = delta.sum(axis=1, keepdims=True)
        if layer > 1:
            delta = np.dot(weights[layer].T, delta) * slope[layer - 1]
    return grads


COLUMNS_DEEP = Case(
    columns_deep,
    columns_deep_backward,
    (
        Slip("(A3 - Y) / m", "(Y - A3) / m", "sign"),
        Slip("1 - A2**2", "1 - A2", "wrong-activation-derivative"),
    ),
)


class Dense:
    """A dense layer with its own backward."""

    def __init__(self, W, x):
        self.W, self.x = W, x

    def backward(self, g):
        self.dW = self.x.T @ g
        self.db = g.sum(0)
        return g @ self.W.T


def by_classes(rng):
    N = 5
    x, t = rng.normal(size=(N, 3)), rng.normal(size=(N, 2))
    W1, b1 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=2))
    h = tg.sigmoid(x @ W1 + b1)
    out = h @ W2 + b2
    loss = 0.5 * ((out - t) ** 2).sum() / N
    return loss, locals()


def by_classes_backward(x, t, W1, W2, h, out, N):
    first = Dense(W1, x)
    second = Dense(W2, h)
    g = (out - t) / N
    g = second.backward(g)
    g = g * h * (1 - h)
    first.backward(g)
    return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}


BY_CLASSES = Case(
    by_classes,
    by_classes_backward,
    (
        Slip("(out - t) / N", "(out - t)", "missing-factor"),
        Slip("g * h * (1 - h)", "g * (1 - h)", "missing-factor"),
    ),
    helpers=(Dense,),
)


def softmax_regression(rng):
    n, d, c = 6, 4, 3
    lam = 0.1
    X, y = rng.normal(size=(n, d)), rng.integers(0, c, n)
    theta, bias = tg.Tensor(rng.normal(size=(c, d))), tg.Tensor(rng.normal(size=c))
    scores = X @ theta.T + bias
    logp = tg.log_softmax(scores, axis=1)
    loss = -logp[np.arange(n), y].mean() + 0.5 * lam * (theta**2).sum()
    return loss, locals()


def softmax_regression_backward(X, y, theta, scores, lam):
    n = len(X)
    e = np.exp(scores - scores.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[range(n), y] -= 1
    p /= n
    grad_theta = p.T @ X + lam * theta
    grad_bias = p.sum(axis=0)
    return grad_theta, grad_bias


SOFTMAX_REGRESSION = Case(
    softmax_regression,
    softmax_regression_backward,
    (
        Slip("    p /= n\n", "", "missing-factor"),
        Slip(" + lam * theta", "", "missing-term"),
    ),
    together=((0, 1),),
)


def mean_of_words(rng):
    V, d, B, L, K = 7, 3, 4, 5, 2
    ids = rng.integers(0, V, (B, L))
    E, W = tg.Tensor(rng.normal(size=(V, d))), tg.Tensor(rng.normal(size=(K, d)))
    y = rng.integers(0, K, B)
    avg = E[ids].mean(axis=1)
    logits = avg @ W.T
    p = tg.softmax(logits, axis=1)
    loss = -tg.log(p[np.arange(B), y]).sum()
    return loss, locals()


def mean_of_words_backward(E, W, ids, avg, p, y):
    dE = np.zeros_like(E)
    dW = np.zeros_like(W)
    for r in range(len(ids)):
        g = p[r].copy()
        g[y[r]] -= 1
        dW += np.outer(g, avg[r])
        for word in ids[r]:
            dE[word] += W.T @ g / ids.shape[1]
    return dE, dW


MEAN_OF_WORDS = Case(
    mean_of_words,
    mean_of_words_backward,
    (
        Slip(" / ids.shape[1]", "", "missing-factor"),
        Slip("dE[word] +=", "dE[word] =", "overwritten"),
        Slip("np.outer(g, avg[r])", "np.outer(p[r], avg[r])", "another-name"),
    ),
)


def ranks_of_pages(rng):
    """A few turns of a damped walk on a graph whose links have learnt strengths."""
    n, turns, damp = 4, 3, 0.85
    R = tg.Tensor(rng.normal(size=(n, n)))
    want = rng.random(n)
    P = tg.softmax(R, axis=0)
    r = np.ones(n) / n
    walk = [r]
    for _ in range(turns):
        r = damp * (P @ r) + (1 - damp) / n
        walk.append(r.data)
    loss = ((r - want) ** 2).sum() / 2
    return loss, {k: v for k, v in locals().items() if k not in ("r", "_")}


def ranks_of_pages_backward(P, walk, want, damp):
    g = walk[-1] - want
    dP = np.zeros_like(P)
    for r in walk[-2::-1]:
        dP += damp * np.outer(g, r)
        g = damp * P.T @ g
    dR = P * (dP - (dP * P).sum(axis=0))
    return dR


RANKS_OF_PAGES = Case(
    ranks_of_pages,
    ranks_of_pages_backward,
    (
        Slip("damp * np.outer(g, r)", "damp * np.outer(r, g)", "transpose"),
        Slip("damp * P.T @ g", "P.T @ g", "missing-factor"),
        Slip("walk[-2::-1]", "walk[::-1]", "off-by-index"),
    ),
    together=((0, 2),),
)
