"""Networks that the corpus has in another form: deeper, with lists, helpers and whole cells."""

from itertools import pairwise

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def nielsen(rng):
    """M. Nielsen's book: a list of layers, one observation as a column, quadratic cost."""
    sizes = (3, 4, 4, 4)
    x, y = rng.normal(size=(3, 1)), rng.random((4, 1))
    W = [tg.Tensor(rng.normal(size=(n, m))) for m, n in pairwise(sizes)]
    B = [tg.Tensor(rng.normal(size=(n, 1))) for n in sizes[1:]]
    w1, w2, w3 = W
    b1, b2, b3 = B
    a = x
    for w, b in zip(W, B, strict=True):
        a = tg.sigmoid(w @ a + b)
    cost = 0.5 * ((a - y) ** 2).sum()
    return cost, {"x": x, "y": y, "w1": w1, "w2": w2, "w3": w3, "b1": b1, "b2": b2, "b3": b3}


def sigmoid(z):
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    """Derivative of the logistic function."""
    return sigmoid(z) * (1 - sigmoid(z))


def nielsen_backward(x, y, w1, w2, w3, b1, b2, b3):
    weights, biases = [w1, w2, w3], [b1, b2, b3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights, strict=True):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for layer in range(2, 4):
        sp = sigmoid_prime(zs[-layer])
        delta = np.dot(weights[-layer + 1].transpose(), delta) * sp
        nabla_b[-layer] = delta
        nabla_w[-layer] = np.dot(delta, activations[-layer - 1].transpose())
    named = dict(zip(("w1", "w2", "w3"), nabla_w, strict=True))
    return named | dict(zip(("b1", "b2", "b3"), nabla_b, strict=True))


NIELSEN = Case(
    nielsen,
    nielsen_backward,
    (
        Slip(
            "sp = sigmoid_prime(zs[-layer])", "sp = sigmoid_prime(zs[-layer + 1])", "off-by-index"
        ),
        Slip(
            "(activations[-1] - y) * sigmoid_prime(zs[-1])",
            "(activations[-1] - y)",
            "missing-activation-derivative",
        ),
        Slip(
            "sigmoid_prime(zs[-1])",
            "sigmoid_prime(activations[-1])",
            "activation-derivative-at-wrong-point",
        ),
        Slip(
            "return sigmoid(z) * (1 - sigmoid(z))",
            "return z * (1 - z)",
            "activation-derivative-at-wrong-point",
        ),
    ),
    together=((0, 1),),
    helpers=(sigmoid, sigmoid_prime),
)


def char_rnn(rng):
    """A. Karpathy's min-char-rnn: one-hot inputs, softmax at every step, columns."""
    hidden, vocabulary = 4, 5
    inputs, targets = [0, 3, 1, 4], [3, 1, 4, 0]
    Wxh, Whh = (tg.Tensor(rng.normal(size=(hidden, n))) for n in (vocabulary, hidden))
    Why, bh = (
        tg.Tensor(rng.normal(size=(vocabulary, hidden))),
        tg.Tensor(rng.normal(size=(hidden, 1))),
    )
    by, hprev = tg.Tensor(rng.normal(size=(vocabulary, 1))), rng.normal(size=(hidden, 1))
    state, loss = hprev, 0
    for i, k in zip(inputs, targets, strict=True):
        state = tg.tanh(Wxh @ np.eye(vocabulary)[:, [i]] + Whh @ state + bh)
        loss = loss - tg.log_softmax(Why @ state + by, axis=0)[k, 0]
    return loss, locals()


def char_rnn_backward(inputs, targets, Wxh, Whh, Why, bh, by, hprev):
    xs, hs, ps = {}, {-1: hprev}, {}
    for t in range(len(inputs)):
        xs[t] = np.zeros((len(by), 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return dWxh, dWhh, dWhy, dbh, dby


CHAR_RNN = Case(
    char_rnn,
    char_rnn_backward,
    (
        Slip("dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)", "missing-term"),
        Slip("dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)", "another-name"),
        Slip(
            "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(dhraw, hs[t].T)", "off-by-index"
        ),
        Slip("dby += dy", "dby = dy", "overwritten"),
        Slip("dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", "another-name"),
        Slip("(1 - hs[t] * hs[t])", "(1 - hs[t])", "wrong-activation-derivative"),
    ),
    together=((1, 3), (2, 5)),
    unseen=(
        Slip(
            "dhraw = (1 - hs[t] * hs[t]) * dh",
            "dhraw = dh / np.cosh(np.arctanh(hs[t])) ** 2",
            "unseen",
        ),
    ),
)


def gru(rng):
    """A whole GRU step with its weights, as rows: reset before the candidate's matrix."""
    x, h, target = (
        rng.normal(size=(2, 3)),
        tg.Tensor(rng.normal(size=(2, 4))),
        rng.normal(size=(2, 4)),
    )
    Wz, Wr, Wn = (tg.Tensor(rng.normal(size=(3, 4))) for _ in range(3))
    Uz, Ur, Un = (tg.Tensor(rng.normal(size=(4, 4))) for _ in range(3))
    z = tg.sigmoid(x @ Wz + h @ Uz)
    r = tg.sigmoid(x @ Wr + h @ Ur)
    n = tg.tanh(x @ Wn + (r * h) @ Un)
    out = (1 - z) * n + z * h
    loss = ((out - target) ** 2).mean()
    return loss, locals()


def gru_step_backward(x, h, z, r, n, Uz, Ur, Un, out, target):
    d0 = 2 * (out - target) / out.size
    d1 = d0 * z
    dn = d0 * (1 - z)
    d2 = dn * (1 - n * n)
    dz = d0 * (h - n)
    d3 = dz * z * (1 - z)
    d4 = d2 @ Un.T
    dr = d4 * h
    d5 = dr * r * (1 - r)
    dWn = x.T @ d2
    dUn = (r * h).T @ d2
    dWz = x.T @ d3
    dUz = h.T @ d3
    dWr = x.T @ d5
    dUr = h.T @ d5
    dh = d1 + d4 * r + d3 @ Uz.T + d5 @ Ur.T
    return dh, dWz, dWr, dWn, dUz, dUr, dUn


GRU = Case(
    gru,
    gru_step_backward,
    (
        Slip("dUn = (r * h).T @ d2", "dUn = h.T @ d2", "missing-factor"),
        Slip(
            "dh = d1 + d4 * r + d3 @ Uz.T + d5 @ Ur.T",
            "dh = d1 + d4 * r + d3 @ Uz.T",
            "missing-term",
        ),
        Slip("d4 * r + d3", "d4 + d3", "missing-factor"),
        Slip("d5 = dr * r * (1 - r)", "d5 = dr * (1 - r * r)", "wrong-activation-derivative"),
        Slip("dz = d0 * (h - n)", "dz = d0 * (n - h)", "sign"),
    ),
    together=((0, 2),),
)


def residual(rng):
    """Two residual blocks: x + relu(x W1) W2, twice, mean squared error."""
    x, t = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=(5, 4))
    W1, W2, W3, W4 = (tg.Tensor(rng.normal(size=(4, 4)) * 0.7) for _ in range(4))
    a1 = x @ W1
    x1 = x + tg.relu(a1) @ W2
    a2 = x1 @ W3
    x2 = x1 + tg.relu(a2) @ W4
    loss = ((x2 - t) ** 2).sum() / (2 * len(t))
    return loss, locals()


def block_backward(dout, inp, pre, W_in, W_out):
    """The gradient of inp + relu(inp W_in) W_out: to the input and to both matrices."""
    dact = dout @ W_out.T
    dpre = dact * (pre > 0)
    dinp = dout + dpre @ W_in.T
    return dinp, inp.T @ dpre, np.maximum(pre, 0).T @ dout


def residual_backward(x, x1, x2, a1, a2, W1, W2, W3, W4, t):
    dx2 = (x2 - t) / len(t)
    dx1, dW3, dW4 = block_backward(dx2, x1, a2, W3, W4)
    dx, dW1, dW2 = block_backward(dx1, x, a1, W1, W2)
    return {"x": dx, "W1": dW1, "W2": dW2, "W3": dW3, "W4": dW4}


RESIDUAL = Case(
    residual,
    residual_backward,
    (
        Slip("dinp = dout + dpre @ W_in.T", "dinp = dpre @ W_in.T", "missing-term"),
        Slip("dact = dout @ W_out.T", "dact = dout @ W_in.T", "another-name"),
        Slip("dpre = dact * (pre > 0)", "dpre = dact * (dact > 0)", "another-name"),
        Slip(
            "block_backward(dx1, x, a1, W1, W2)",
            "block_backward(dx2, x, a1, W1, W2)",
            "another-name",
        ),
        Slip("dx2 = (x2 - t) / len(t)", "dx2 = (x2 - t)", "mean-vs-sum"),
    ),
    together=((2, 3),),
    helpers=(block_backward,),
)


def heads(rng):
    """Causal attention with several heads: einsum as in annotated transformers."""
    H, T, D = 2, 4, 3
    q, k, v = (tg.Tensor(rng.normal(size=(H, T, D))) for _ in range(3))
    g, scale = rng.normal(size=(H, T, D)), 1 / np.sqrt(D)
    mask = np.where(np.tril(np.ones((T, T))) > 0, 0.0, -1e9)
    att = tg.softmax(tg.einsum("htd,hsd->hts", q, k) * scale + mask, axis=-1)
    y = tg.einsum("hts,hsd->htd", att, v)
    loss = (g * y**2).sum()
    return loss, locals()


def softmax_backward(p, dp):
    """The pullback of a softmax over the last axis."""
    return p * (dp - (p * dp).sum(-1, keepdims=True))


def heads_backward(q, k, v, g, att, y, scale):
    dy = 2 * g * y
    datt = np.einsum("htd,hsd->hts", dy, v)
    dv = np.einsum("hts,htd->hsd", att, dy)
    scores = softmax_backward(att, datt) * scale
    dq = np.einsum("hts,hsd->htd", scores, k)
    dk = np.einsum("hts,htd->hsd", scores, q)
    return dq, dk, dv


HEADS = Case(
    heads,
    heads_backward,
    (
        Slip(
            "softmax_backward(att, datt) * scale", "softmax_backward(att, datt)", "missing-factor"
        ),
        Slip('"hts,htd->hsd", att, dy', '"hst,htd->hsd", att, dy', "transpose"),
        Slip("(p * dp).sum(-1, keepdims=True)", "(p * dp).sum(1, keepdims=True)", "wrong-axis"),
        Slip('"hts,htd->hsd", scores, q', '"hts,hsd->htd", scores, q', "transpose"),
        Slip("p * (dp - (p * dp)", "p * (dp - dp * (p * dp)", "extra-factor"),
    ),
    together=((0, 1), (2, 3)),
    helpers=(softmax_backward,),
)


def low_rank(rng):
    """LoRA: h = x W0 + (alpha / r) x A B, then tanh, E = 1/2 |h - t|^2."""
    x, W0, t = rng.normal(size=(5, 3)), rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
    A, B = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(2, 3)))
    scaling = 4.0 / 3
    h = tg.tanh(x @ W0 + scaling * (x @ A @ B))
    E = 0.5 * ((h - t) ** 2).sum()
    return E, locals()


def low_rank_backward():
    return {
        "A": lambda x, h, t, B, scaling: scaling * x.T @ ((h - t) * (1 - h**2)) @ B.T,
        "B": lambda x, h, t, A, scaling: scaling * (x @ A).T @ ((h - t) * (1 - h**2)),
    }


LOW_RANK = Case(
    low_rank,
    low_rank_backward,
    (
        Slip("scaling * x.T @ ((h - t)", "x.T @ ((h - t)", "missing-factor"),
        Slip(
            "(x @ A).T @ ((h - t) * (1 - h**2))",
            "(x @ A).T @ (h - t)",
            "missing-activation-derivative",
        ),
        Slip("(x @ A).T @ ((h - t) * (1 - h**2))", "(x @ A).T @ ((h - t) * 1 - h**2)", "bracket"),
    ),
    form="lambdas",
)
