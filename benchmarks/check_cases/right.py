"""Right claims that a careless examiner calls wrong: rounding, kinks, scales, cancelling pairs."""

import numpy as np

import tinygrad_lite as tg

from .formulas import sigmoid


def single_precision():
    """float32 data, derived by hand in float32."""
    rng = np.random.default_rng(61)
    f = np.float32
    X, y = rng.normal(size=(64, 20)).astype(f), rng.integers(0, 5, size=64)
    W, b = tg.Tensor(rng.normal(size=(20, 5)).astype(f)), tg.Tensor(np.zeros(5, f))
    Z = X @ W + b
    logp = Z - tg.logsumexp(Z, axis=1, keepdims=True)
    L = -logp[np.arange(64), y].mean()

    P = np.exp(Z.data - Z.data.max(1, keepdims=True))
    P /= P.sum(1, keepdims=True)
    P[np.arange(64), y] -= 1
    dZ = P / f(64)
    assert dZ.dtype == f
    yield "softmax cross-entropy", L, {Z: dZ, W: X.T @ dZ, b: dZ.sum(0)}, "right"
    yield "in float32, a hundredth off", L, {W: (X.T @ dZ) * f(1.01)}, "constant-scale|other"
    yield "in float32, no 1/N", L, {W: X.T @ (dZ * f(64))}, "mean-vs-sum"


def single_precision_layer_norm():
    """Layer norm in float32, by the closed form and in another order of operations."""
    rng = np.random.default_rng(62)
    f = np.float32
    x = tg.Tensor((3 + rng.normal(size=(8, 33))).astype(f))
    C = rng.normal(size=(8, 33)).astype(f)
    mean = x.mean(axis=1, keepdims=True)
    centred = x - mean
    var = (centred**2).mean(axis=1, keepdims=True)
    xhat = centred / tg.sqrt(var + f(1e-5))
    E = (C * xhat).sum()

    s = np.sqrt(var.data + f(1e-5))
    h = (x.data - x.data.mean(1, keepdims=True)) / s
    g = (C - C.mean(1, keepdims=True) - h * (C * h).mean(1, keepdims=True)) / s
    assert g.dtype == f
    yield "closed form", E, {x: g}, "right"
    D = f(33)
    g2 = (D * C - C.sum(1, keepdims=True) - h * (C * h).sum(1, keepdims=True)) / (D * s)
    yield "sums and one division", E, {x: g2}, "right"
    yield "variance held fixed", E, {x: (C - C.mean(1, keepdims=True)) / s}, "missing-term"


def single_precision_sum():
    """A long float32 sum, whose rounding depends on the order."""
    rng = np.random.default_rng(63)
    f = np.float32
    x, w = rng.normal(size=40_000).astype(f), tg.Tensor(f(0.7))
    E = tg.sin(w * x).sum()

    loop = f(0)
    for part in np.split(x, 400):
        loop += (np.cos(f(0.7) * part) * part).sum()
    yield "summed in pieces", E, {w: loop}, "right"
    yield (
        "summed backwards, one by one",
        E,
        {w: np.cumsum((np.cos(f(0.7) * x) * x)[::-1])[-1]},
        ("right"),
    )


def claims_of_less_precision():
    """A float64 loss; the claim was computed or written down in less."""
    rng = np.random.default_rng(64)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    w = tg.Tensor(rng.normal(size=3))
    E = ((X @ w - y) ** 2).sum()

    g = 2 * X.T @ (X @ w.data - y)
    f = np.float32
    single = 2 * X.T.astype(f) @ (X.astype(f) @ w.data.astype(f) - y.astype(f))
    yield "computed in float32", E, {w: single}, "right"
    yield "a nested list", E, {w: g.tolist()}, "right"
    yield "float32, 1e-3 off", E, {w: single * f(1.001)}, "other|constant-scale"


def relu_at_zero():
    """relu at exactly 0, where any slope from 0 to 1 is a subgradient."""
    x = tg.Tensor(np.array([-1.0, 0.0, 2.0, 0.0]))
    c = np.array([2.0, -3.0, 0.5, 1.5])
    E = (c * tg.relu(x)).sum()

    v = x.data
    yield "0 at 0", E, {x: c * (v > 0)}, "right"
    yield "1 at 0", E, {x: c * (v >= 0)}, "right"
    yield "wrong away from 0", E, {x: c * (v < 0)}, "wrong-activation-derivative|other"
    yield "always 1", E, {x: c}, "missing-activation-derivative"


def relu_after_zero_weights():
    """A dead unit: the pre-activation of a whole column is exactly 0."""
    rng = np.random.default_rng(65)
    X = rng.normal(size=(5, 3))
    w = rng.normal(size=(3, 4))
    w[:, 1] = 0
    W = tg.Tensor(w)
    Z = X @ W
    E = (tg.relu(Z) ** 2).sum() + tg.relu(Z).sum()

    z = Z.data
    yield "1[z > 0]", E, {W: X.T @ ((2 * z + 1) * (z > 0))}, "right"
    yield "1[z >= 0]", E, {W: X.T @ ((2 * z + 1) * (z >= 0))}, "right"
    yield "half a step at 0", E, {W: X.T @ ((2 * z + 1) * np.heaviside(z, 0.5))}, "right"


def ties():
    """max with two equal entries, |x| at 0, a hinge exactly on its margin."""
    x = tg.Tensor(np.array([3.0, 1.0, 3.0]))
    a = tg.Tensor(np.array([0.0, -2.0]))
    m = tg.Tensor(np.array([1.0, 0.5]))
    E = 2 * tg.max(x) + tg.abs(a).sum() + tg.maximum(0, 1 - m).sum()

    yield "shared", E, {x: np.array([1.0, 0, 1.0])}, "right"
    yield "the first one takes all", E, {x: np.array([2.0, 0, 0])}, "right"
    yield "the last one takes all", E, {x: np.array([0, 0, 2.0])}, "right"
    many = "double-count|constant-scale|other|missing-factor"
    yield "both take all", E, {x: np.array([2.0, 0, 2.0])}, many
    yield "|0|' = 1", E, {a: np.array([1.0, -1.0])}, "right"
    yield "|0|' = -1", E, {a: np.array([-1.0, -1.0])}, "right"
    yield "|0|' = 2", E, {a: np.array([2.0, -1.0])}, "other"
    yield "the margin counted", E, {m: np.array([-1.0, -1.0])}, "right"
    yield "the margin not counted", E, {m: np.array([0.0, -1.0])}, "right"


def scales():
    """The same right derivation with numbers near 1e-150, 1e150 and mixed in one array."""
    rng = np.random.default_rng(66)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=6)
    w = tg.Tensor(rng.normal(size=3))
    tiny, huge = 1e-150, 1e150
    E = tiny * ((X @ w - y) ** 2).sum()
    F = huge * ((X @ w - y) ** 2).sum()
    units = np.array([1e-4, 1.0, 1e4])  # the gradient's entries range over 1e8
    r = (X * units) @ w - y
    G = (r**2).sum()

    g = 2 * X.T @ (X @ w.data - y)
    yield "1e-150", E, {w: tiny * g}, "right"
    yield "1e150", F, {w: huge * g}, "right"
    yield "1e-150, sign", E, {w: -tiny * g}, "sign"
    yield "1e150, the 2", F, {w: huge * g / 2}, "constant-scale"
    yield "columns in different units", G, {w: 2 * units * (X.T @ r.data)}, "right"
    bad = 2 * units * (X.T @ r.data)
    bad[0] *= 2
    yield "only the smallest entry wrong", G, {w: bad}, "constant-scale|double-count|other"


def zero_gradients():
    """Gradients that are 0 in exact arithmetic and noise in floating point."""
    rng = np.random.default_rng(67)
    X, b = rng.normal(size=(8, 4)), tg.Tensor(rng.normal(size=4))
    C = rng.normal(size=(8, 4))
    Z = X + b
    mu = Z.mean(axis=0)
    d = Z - mu
    sd = tg.sqrt((d**2).mean(axis=0))
    E = (C * (d / sd)).sum()
    shift = tg.Tensor(0.4)
    P = tg.softmax(X + shift, axis=1)
    F = (C * P).sum()

    h = d.data / sd.data
    by_hand = ((C - C.mean(0) - h * (C * h).mean(0)) / sd.data).sum(0)
    yield "a bias in front of a batch norm: noise", E, {b: by_hand}, "right"
    yield "a bias in front of a batch norm: zeros", E, {b: np.zeros(4)}, "right"
    yield "a shift of all logits", F, {shift: 0.0}, "right"
    p = P.data
    noise = (p * (C - (C * p).sum(1, keepdims=True))).sum()
    yield "a shift of all logits: noise", F, {shift: noise}, "right"
    yield "a bias in front of a batch norm, not 0", E, {b: C.sum(0) / sd.data}, "missing-term"


def badly_conditioned():
    """Normal equations of a Hilbert matrix, and the log det and inverse of a near-singular one."""
    n = 8
    i = np.arange(n)
    hilbert = 1.0 / (i[:, None] + i + 1)
    w = tg.Tensor(np.linspace(-1, 1, n))
    y = hilbert @ np.ones(n)
    E = ((hilbert @ w - y) ** 2).sum()
    X = tg.Tensor(hilbert[:6, :6].copy())
    f = tg.log(tg.det(X))

    yield "factored", E, {w: 2 * hilbert.T @ (hilbert @ w.data - y)}, "right"
    expanded = 2 * (hilbert.T @ hilbert) @ w.data - 2 * hilbert.T @ y
    yield "expanded", E, {w: expanded}, "right"
    yield "inverse of the transpose, by inv", f, {X: np.linalg.inv(X.data).T}, "right"
    yield "by solving", f, {X: np.linalg.solve(X.data.T, np.eye(6))}, "right"


def cancellation():
    """A small difference of large numbers: the claim is as good as the arithmetic allows."""
    rng = np.random.default_rng(68)
    x = tg.Tensor(1e6 + rng.normal(size=12))
    mu = x.mean()
    E = ((x - mu) ** 2).mean()

    v = x.data
    yield "2 (x - mean) / n", E, {x: 2 * (v - v.mean()) / 12}, "right"
    yield (
        "through both paths",
        E,
        {x: 2 * (v - v.mean()) / 12 - (2 * (v - v.mean()) / 12).mean()},
        ("right"),
    )
    yield "2 x / n - 2 mean / n", E, {x: 2 * v / 12 - 2 * v.mean() / 12}, "right"


def equal_forms():
    """Different formulas for the same gradient."""
    rng = np.random.default_rng(69)
    X, y = rng.normal(size=(7, 3)), rng.integers(0, 2, size=7).astype(float)
    w = tg.Tensor(rng.normal(size=3))
    z = X @ w
    E = (tg.softplus(z) - y * z).sum()
    t = tg.Tensor(rng.normal(size=(4, 4)))
    S = t @ t.T
    F = 0.5 * (S**2).sum()

    s = sigmoid(z.data)
    yield "sigma(z) - y", E, {w: X.T @ (s - y)}, "right"
    yield "by tanh", E, {w: X.T @ (0.5 * (1 + np.tanh(z.data / 2)) - y)}, "right"
    yield "1 - sigma(-z)", E, {z: 1 - sigmoid(-z.data) - y}, "right"
    yield (
        "a sum of outer products",
        E,
        {w: sum(r * e for r, e in zip(X, s - y, strict=True))},
        ("right"),
    )
    a = t.data
    yield "2 T T^T T", F, {t: 2 * a @ a.T @ a}, "right"
    yield "einsum", F, {t: 2 * np.einsum("ij,kj,kl->il", a, a, a)}, "right"
    yield "T T^T T: one of the two uses", F, {t: a @ a.T @ a}, "missing-term|constant-scale"


def saturated():
    """Sigmoids and softmaxes far out: gradients of 1e-40 beside gradients of 1."""
    z = tg.Tensor(np.array([-90.0, -1.0, 0.5, 40.0]))
    E = tg.sigmoid(z).sum()
    Z = tg.Tensor(np.array([[60.0, 0.0, -30.0]]))
    L = -tg.log_softmax(Z, axis=1)[0, 1]

    e = np.exp(-np.abs(z.data))
    yield "e^-|z| / (1 + e^-|z|)^2", E, {z: e / (1 + e) ** 2}, "right"
    s = sigmoid(z.data)
    yield "s (1 - s), which rounds", E, {z: s * (1 - s)}, "right"
    p = np.exp(Z.data - Z.data.max()) / np.exp(Z.data - Z.data.max()).sum()
    yield "p - y", L, {Z: p - np.array([[0.0, 1.0, 0.0]])}, "right"
