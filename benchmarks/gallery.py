"""The graphs that pictures are judged on."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.draw import Drawing

rng = np.random.default_rng(0)
Picture = Callable[[], Drawing]


def tensor(*shape: int, scale: float = 0.5) -> tg.Tensor:
    return tg.Tensor(rng.normal(size=shape) * scale)


def product_and_sum() -> Picture:
    a, b, c = tg.Value(2.0), tg.Value(-3.0), tg.Value(10.0)
    e = a * b + c
    e.backward()
    return partial(tg.draw, e, names=locals())


def micrograd() -> Picture:
    a, b = tg.Value(-4.0), tg.Value(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + tg.relu(b + a)
    d = d + 3 * d + tg.relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    return partial(tg.draw, g, names=locals())


def neuron() -> Picture:
    x1, x2 = tg.Value(2.0), tg.Value(0.0)
    w1, w2 = tg.Value(-3.0), tg.Value(1.0)
    b = tg.Value(6.88)
    n = x1 * w1 + x2 * w2 + b
    o = tg.tanh(n)
    o.backward()
    return partial(tg.draw, o, names=locals())


def network(sizes: tuple[int, ...], *, scoped: bool) -> Picture:
    draws = random.Random(0)
    x = [tg.Value(draws.gauss(0, 1), name=f"x{i}") for i in range(sizes[0])]
    for layer, n in enumerate(sizes[1:], 1):
        out = []
        for k in range(n):
            w, b = [tg.Value(draws.gauss(0, 1)) for _ in x], tg.Value(0.1)
            with ExitStack() as scopes:
                if scoped:
                    scopes.enter_context(tg.scope(f"layer {layer}"))
                    scopes.enter_context(tg.scope(f"neuron {k}"))
                out.append(sum((a * c for a, c in zip(w, x, strict=True)), b).tanh())
        x = out
    o = x[0]
    o.backward()
    return partial(tg.draw, o, names=locals())


def question1(*, checked: bool = False) -> Picture:
    X, y = rng.normal(size=(3, 6)), (rng.random((2, 6)) > 0.5).astype(float)
    X = tg.Tensor(X)
    W1, b1 = tensor(4, 3), tensor(4, 1)
    W2, b2 = tensor(2, 4), tensor(2, 1)
    z1 = W1 @ X + b1
    a1 = tg.sigmoid(z1)
    z2 = W2 @ a1 + b2
    y_hat = tg.sigmoid(z2)
    J = 0.5 * ((y - y_hat) ** 2).sum()
    J.backward()
    d2 = (y_hat.data - y) * y_hat.data * (1 - y_hat.data)
    da1 = W2.data.T @ d2
    claims = {
        y_hat: y_hat.data - y, z2: d2, W2: d2 @ a1.data.T, b2: d2.sum(1, keepdims=True), a1: da1,
        z1: da1, W1: da1 @ X.data.T, b1: da1.sum(1, keepdims=True),
    }  # fmt: skip
    report = tg.check(J, claims)
    return partial(tg.draw, J, names=locals(), check=report if checked else None)


def question2() -> Picture:
    W, x, y = tensor(5, 4), tensor(4), np.array([1.0, 0, 1, 0, 1])
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    E.backward()
    return partial(tg.draw, E, names=locals())


def cross_entropy() -> Picture:
    X, target = rng.normal(size=(8, 4)), rng.integers(0, 3, size=8)
    W1, b1, W2, b2 = tensor(4, 6), tensor(6), tensor(6, 3), tensor(3)
    h = tg.relu(X @ W1 + b1)
    logits = h @ W2 + b2
    loss = tg.nn.cross_entropy(logits, target)
    loss.backward()
    return partial(tg.draw, loss, names=locals())


def recurrent() -> Picture:
    xs, y = rng.normal(size=(20, 2)), rng.normal(size=4)
    Wx, Wh, b = tensor(4, 2), tensor(4, 4), tensor(4)
    h = tg.Tensor(np.zeros(4), name="h0")
    for x in xs:
        z = Wx @ x + Wh @ h + b
        h = tg.tanh(z)
    L = 0.5 * ((h - y) ** 2).sum()
    L.backward()
    return partial(tg.draw, L, names=locals())


class Gated:
    """A gated recurrent unit, as a class of the user's."""

    def __init__(self) -> None:
        self.Wz, self.Wr, self.Wh = (tensor(4, 3) for _ in range(3))
        self.Uz, self.Ur, self.Uh = (tensor(4, 4) for _ in range(3))

    def __call__(self, x: np.ndarray, h: tg.Tensor) -> tg.Tensor:
        z = tg.sigmoid(self.Wz @ x + self.Uz @ h)
        r = tg.sigmoid(self.Wr @ x + self.Ur @ h)
        return (1 - z) * h + z * tg.tanh(self.Wh @ x + self.Uh @ (r * h))


def gated() -> Picture:
    cell, h, xs = Gated(), tg.Tensor(np.zeros(4), name="h0"), rng.normal(size=(3, 3))
    for x in xs:
        h = cell(x, h)
    L = (h**2).sum()
    L.backward()

    def picture() -> Drawing:
        assert cell.Wz.grad is not None  # the cell is seen from here, with its names
        return tg.draw(L)

    return picture


def kalman() -> Picture:
    A, H = np.array([[1, 0.1], [0, 1]]), np.array([1.0, 0.0])
    q, r = tg.Tensor(0.1), tg.Tensor(0.3)
    m, P, ll = tg.Tensor(np.zeros(2), name="m0"), tg.Tensor(np.eye(2), name="P0"), 0.0
    for z in rng.normal(size=8):
        m, P = A @ m, A @ P @ A.T + q * np.eye(2)
        v, S = z - H @ m, H @ P @ H + r
        K = P @ H / S
        m, P = m + K * v, P - S * tg.outer(K, K)
        ll = ll - 0.5 * (v**2 / S + tg.log(S))
    ll.backward()
    return partial(tg.draw, ll, names=locals())


def lstm() -> Picture:
    x, h, c = rng.normal(size=3), tensor(4), tensor(4)
    Wi, Wf, Wo, Wg = (tensor(4, 7) for _ in range(4))
    bi, bf, bo, bg = (tensor(4) for _ in range(4))
    u = tg.concat([tg.Tensor(x, name="x"), h])
    i, f = tg.sigmoid(Wi @ u + bi), tg.sigmoid(Wf @ u + bf)
    o, g = tg.sigmoid(Wo @ u + bo), tg.tanh(Wg @ u + bg)
    c_new = f * c + i * g
    h_new = o * tg.tanh(c_new)
    L = (h_new**2).sum()
    L.backward()
    return partial(tg.draw, L, names=locals())


def attention() -> Picture:
    X = tensor(6, 8, scale=1.0)
    Wq, Wk, Wv, Wo = (tensor(8, 8) for _ in range(4))
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    mask = np.triu(np.full((6, 6), -1e9), 1)
    A = tg.softmax(q @ k.T / np.sqrt(8) + mask, axis=-1)
    C = A @ v @ Wo
    L = (C**2).mean()
    L.backward()
    return partial(tg.draw, L, names=locals())


def transformer() -> Picture:
    h = tensor(6, 8, scale=1.0)
    h.name = "h in"
    for _ in range(4):
        Wq, Wk, Wv, Wo, W1, W2 = (tensor(8, 8) for _ in range(6))
        u = (h - h.mean(axis=-1, keepdims=True)) / tg.sqrt(h.var(axis=-1, keepdims=True) + 1e-5)
        q, k, v = u @ Wq, u @ Wk, u @ Wv
        A = tg.softmax(q @ k.T / np.sqrt(8), axis=-1)
        r = h + A @ v @ Wo
        h = r + tg.tanh(r @ W1) @ W2
    loss = (h**2).mean()
    loss.backward()
    return partial(tg.draw, loss, names=locals())


def autoencoder() -> Picture:
    x, eps = rng.random((5, 6)), rng.normal(size=(5, 2))
    We, Wm, Ws, Wd, Wo = tensor(6, 8), tensor(8, 2), tensor(8, 2), tensor(2, 8), tensor(8, 6)
    h = tg.tanh(x @ We)
    mu, logvar = h @ Wm, h @ Ws
    z = mu + tg.exp(0.5 * logvar) * eps
    x_hat = tg.sigmoid(tg.tanh(z @ Wd) @ Wo)
    recon = -(x * tg.log(x_hat) + (1 - x) * tg.log(1 - x_hat)).sum()
    kl = -0.5 * (1 + logvar - mu**2 - tg.exp(logvar)).sum()
    L = recon + kl
    L.backward()
    return partial(tg.draw, L, names=locals())


def hessian() -> Picture:
    A = rng.normal(size=(3, 3))
    x = tensor(3)
    (g,) = (tg.grad(lambda t: tg.tanh(A @ t).sum(), record=True)(x),)
    n = (g * g).sum()
    n.backward()
    return partial(tg.draw, n, names=locals())


def gaussian() -> Picture:
    X = rng.normal(size=(7, 3))
    mu, L = tensor(3), tg.Tensor(np.eye(3) + 0.1 * np.tril(rng.normal(size=(3, 3))))
    S = L @ L.T
    D = X - mu
    quad = (D @ tg.linalg.inv(S) * D).sum()
    logdet = tg.linalg.slogdet(S)[1]
    ll = -0.5 * (quad + 7 * logdet)
    ll.backward()
    return partial(tg.draw, ll, names=locals())


def logistic() -> Picture:
    c, x0 = tg.Value(2.9), tg.Value(0.1)
    x1 = c * x0 * (1 - x0)
    x2 = c * x1 * (1 - x1)
    x3 = c * x2 * (1 - x2)
    x4 = c * x3 * (1 - x3)
    x5 = c * x4 * (1 - x4)
    x5.backward()
    return partial(tg.draw, x5, names=locals(), steps=False)


def chain() -> Picture:
    x = tg.Value(1.0)
    for _ in range(50_000):
        x = x * 0.5 + 0.1
    x.backward()
    return partial(tg.draw, x, names=locals())


def wide() -> Picture:
    return network((100, 140, 140, 4), scoped=False)


GALLERY: dict[str, Callable[[], Picture]] = {
    "a b + c": product_and_sum,
    "micrograd's demo": micrograd,
    "neuron": neuron,
    "MLP of 53 Values": lambda: network((2, 3, 3, 1), scoped=True),
    "MLP of 341 Values": lambda: network((3, 7, 10, 1), scoped=False),
    "question 1": question1,
    "question 1, checked": partial(question1, checked=True),
    "question 2": question2,
    "MLP with cross-entropy": cross_entropy,
    "RNN of 20 steps": recurrent,
    "LSTM cell": lstm,
    "self-attention": attention,
    "4 transformer blocks": transformer,
    "VAE": autoencoder,
    "Hessian": hessian,
    "Gaussian log-likelihood": gaussian,
    "gated cell, 3 steps": gated,
    "Kalman filter, 8 steps": kalman,
    "logistic map, 5 steps": logistic,
    "chain of 100,000 ops": chain,
    "34,000 Values": wide,
}
