"""One net of two layers as people write it: a class, a dict, lists, plain names, one sample after
the other; with the slips that are commonest."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def data(rng):
    X, y = rng.normal(size=(6, 3)), rng.random((6, 2))
    W1, b1 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=4))
    W2, b2 = tg.Tensor(rng.normal(size=(4, 2))), tg.Tensor(rng.normal(size=2))
    out = tg.sigmoid(tg.sigmoid(X @ W1 + b1) @ W2 + b2)
    loss = 0.5 * ((out - y) ** 2).sum() / 6
    return loss, {"X": X, "y": y, "W1": W1, "b1": b1, "W2": W2, "b2": b2}


def in_a_class(rng):
    return data(rng)


def in_a_dict(rng):
    return data(rng)


def in_lists(rng):
    return data(rng)


def in_plain_names(rng):
    return data(rng)


def by_sample(rng):
    return data(rng)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dsigmoid(z):
    s = sigmoid(z)
    return s * (1 - s)


class Net:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2

    def forward(self, X):
        self.X = X
        self.z1 = X @ self.W1 + self.b1
        self.a1 = sigmoid(self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.out = sigmoid(self.z2)
        return self.out

    def backward(self, y):
        m = y.shape[0]
        error = (self.out - y) / m
        delta = error * self.out * (1 - self.out)
        self.gW2 = self.a1.T @ delta
        self.gb2 = delta.sum(axis=0)
        hidden = delta @ self.W2.T
        delta = hidden * self.a1 * (1 - self.a1)
        self.gW1 = self.X.T @ delta
        self.gb1 = delta.sum(axis=0)


def in_a_class_backward(X, y, W1, b1, W2, b2):
    net = Net(W1, b1, W2, b2)
    net.forward(X)
    net.backward(y)
    return {"W1": net.gW1, "b1": net.gb1, "W2": net.gW2, "b2": net.gb2}


def in_a_dict_backward(X, y, W1, b1, W2, b2):
    cache = {}
    cache["A0"] = X
    cache["Z1"] = X @ W1 + b1
    cache["A1"] = sigmoid(cache["Z1"])
    cache["Z2"] = cache["A1"] @ W2 + b2
    cache["A2"] = sigmoid(cache["Z2"])
    m = X.shape[0]
    grads = {}
    err = (cache["A2"] - y) / m
    d = err * dsigmoid(cache["Z2"])
    grads["W2"] = np.dot(cache["A1"].T, d)
    grads["b2"] = np.sum(d, axis=0)
    d = np.dot(d, W2.T) * dsigmoid(cache["Z1"])
    grads["W1"] = np.dot(cache["A0"].T, d)
    grads["b1"] = np.sum(d, axis=0)
    return grads


def in_lists_backward(X, y, W1, b1, W2, b2):
    weights, biases = [W1, W2], [b1, b2]
    acts, zs = [X], []
    for W, b in zip(weights, biases, strict=True):
        zs.append(acts[-1] @ W + b)
        acts.append(sigmoid(zs[-1]))
    grads_w, grads_b = [None, None], [None, None]
    delta = (acts[-1] - y) / len(X) * dsigmoid(zs[-1])
    for l in range(1, -1, -1):
        grads_w[l] = acts[l].T.dot(delta)
        grads_b[l] = delta.sum(0)
        if l > 0:
            delta = delta.dot(weights[l].T) * dsigmoid(zs[l - 1])
    return {"W1": grads_w[0], "W2": grads_w[1], "b1": grads_b[0], "b2": grads_b[1]}


def in_plain_names_backward(X, y, W1, b1, W2, b2):
    N = len(X)
    h = sigmoid(X.dot(W1) + b1)
    p = sigmoid(h.dot(W2) + b2)
    diff = p - y
    g = diff * p * (1 - p) / N
    W2_update = h.T.dot(g)
    b2_update = g.sum(0)
    back = g.dot(W2.T)
    g1 = back * h * (1 - h)
    W1_update = X.T.dot(g1)
    b1_update = g1.sum(0)
    return {"W2": W2_update, "b2": b2_update, "W1": W1_update, "b1": b1_update}


def by_sample_backward(X, y, W1, b1, W2, b2):
    gW1, gb1, gW2, gb2 = (np.zeros_like(p) for p in (W1, b1, W2, b2))
    n = len(X)
    for x, t in zip(X, y, strict=True):
        h = sigmoid(x @ W1 + b1)
        o = sigmoid(h @ W2 + b2)
        e = o - t
        s2 = e * o * (1 - o)
        gW2 += np.outer(h, s2)
        gb2 += s2
        s1 = (W2 @ s2) * h * (1 - h)
        gW1 += np.outer(x, s1)
        gb1 += s1
    return {"W1": gW1 / n, "W2": gW2 / n, "b1": gb1 / n, "b2": gb2 / n}


CLASS = Case(
    in_a_class,
    in_a_class_backward,
    (
        Slip("error * self.out * (1 - self.out)", "error", "missing-activation-derivative"),
        Slip("(self.out - y) / m", "(y - self.out) / m", "sign"),
        Slip("(self.out - y) / m", "self.out - y", "mean-vs-sum"),
        Slip("self.a1.T @ delta", "delta.T @ self.a1", "wrong-order"),
        Slip(
            "hidden * self.a1 * (1 - self.a1)",
            "hidden * self.z1 * (1 - self.z1)",
            "activation-derivative-at-wrong-point",
        ),
        Slip("hidden * self.a1 * (1 - self.a1)", "hidden", "missing-activation-derivative"),
        Slip("hidden = delta @", "hidden = error @", "another-name"),
        Slip("self.gb1 = delta.sum(axis=0)", "self.gb1 = delta.mean(axis=0)", "mean-vs-sum"),
        Slip("self.X.T @ delta", "self.X.T @ hidden", "another-name"),
    ),
    helpers=(sigmoid, Net),
)

DICT = Case(
    in_a_dict,
    in_a_dict_backward,
    (
        Slip('err * dsigmoid(cache["Z2"])', "err", "missing-activation-derivative"),
        Slip('dsigmoid(cache["Z2"])', 'dsigmoid(cache["A2"])', "another-name"),
        Slip('(cache["A2"] - y) / m', 'cache["A2"] - y', "mean-vs-sum"),
        Slip('(cache["A2"] - y) / m', '(y - cache["A2"]) / m', "sign"),
        Slip(' * dsigmoid(cache["Z1"])', "", "missing-activation-derivative"),
        Slip("np.dot(d, W2.T)", "np.dot(d, W2.T) / m", "extra-factor"),
        Slip('cache["A0"].T', 'cache["A1"].T', "another-name"),
        Slip("return s * (1 - s)", "return s * (1 + s)", "sign"),
        Slip("return s * (1 - s)", "return z * (1 - z)", "another-name"),
    ),
    helpers=(sigmoid, dsigmoid),
)

LISTS = Case(
    in_lists,
    in_lists_backward,
    (
        Slip(" * dsigmoid(zs[-1])", "", "missing-activation-derivative"),
        Slip("dsigmoid(zs[-1])", "dsigmoid(acts[-1])", "another-name"),
        Slip("dsigmoid(zs[l - 1])", "dsigmoid(zs[l])", "off-by-index"),
        Slip(" * dsigmoid(zs[l - 1])", "", "missing-activation-derivative"),
        Slip("acts[l].T", "acts[l + 1].T", "off-by-index"),
        Slip("(acts[-1] - y)", "(y - acts[-1])", "sign"),
        Slip(" / len(X)", "", "mean-vs-sum"),
        Slip("delta.sum(0)", "delta.mean(0)", "mean-vs-sum"),
    ),
    helpers=(sigmoid, dsigmoid),
)

PLAIN = Case(
    in_plain_names,
    in_plain_names_backward,
    (
        Slip("diff * p * (1 - p) / N", "diff / N", "missing-activation-derivative"),
        Slip("(1 - p) / N", "(1 - p)", "mean-vs-sum"),
        Slip("diff = p - y", "diff = y - p", "sign"),
        Slip("back * h * (1 - h)", "back * (1 - h**2)", "wrong-activation-derivative"),
        Slip("back * h * (1 - h)", "back", "missing-activation-derivative"),
        Slip("back = g.dot", "back = diff.dot", "another-name"),
        Slip("b1_update = g1.sum(0)", "b1_update = g1.sum()", "wrong-axis"),
        Slip("X.T.dot(g1)", "X.T.dot(back)", "another-name"),
    ),
    helpers=(sigmoid,),
)

SAMPLE = Case(
    by_sample,
    by_sample_backward,
    (
        Slip("e * o * (1 - o)", "e", "missing-activation-derivative"),
        Slip("e = o - t", "e = t - o", "sign"),
        Slip("np.outer(h, s2)", "np.outer(h, e)", "another-name"),
        Slip("gb2 += s2", "gb2 = s2", "overwritten"),
        Slip("(W2 @ s2)", "(W2 @ e)", "another-name"),
        Slip("(W2 @ s2) * h", "(W2 @ s2)", "missing-factor"),
        Slip("gW1 / n", "gW1", "mean-vs-sum"),
        Slip("np.outer(x, s1)", "np.outer(h, s1)", "another-name"),
    ),
    helpers=(sigmoid,),
)
