"""More of them, written before anybody looked at what is said of them."""

import numpy as np
from referee_cases import as_class, drawn, torch


def conv(x, k):
    x, k = np.asarray(x), np.asarray(k)
    out = np.zeros(len(x) - len(k) + 1)
    for i in range(len(out)):
        out[i] = x[i : i + len(k)] @ k
    return out, (x, k)


def conv_back(dy, cache):
    x, k = cache
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(len(dy)):
        dx[i : i + len(k)] += dy[i] * k
        dk += dy[i] * x[i : i + len(k)]
    return dx, dk


def xent(z, t):
    z = np.asarray(z)
    m = z.max(axis=1, keepdims=True)
    p = np.exp(z - m)
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(t)), t]).mean(), (p, t)


def xent_back(dy, cache):
    p, t = cache
    n = len(t)
    dz = p.copy()
    dz[np.arange(n), t] -= 1
    return dy * dz / n, None


def gelu(x, b):
    x = np.array(x) + np.asarray(b)
    u = 0.7978845608 * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(u))


def gelu_back(dy, x, b):
    x = x + b
    u = 0.7978845608 * (x + 0.044715 * x**3)
    t = np.tanh(u)
    du = 0.7978845608 * (1 + 3 * 0.044715 * x**2)
    dx = dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * du)
    return dx, dx.sum(axis=0)


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, eps):
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, r)
        return x * r

    @staticmethod
    def backward(ctx, dy):
        x, r = ctx.saved_tensors
        n = x.shape[-1]
        inner = (dy * x).sum(-1, keepdim=True)
        dx = dy * r - x * r**3 * inner / n
        return dx, None


class Bil(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, m, b):
        ctx.save_for_backward(a, m, b)
        return torch.einsum("ni,ij,nj->n", a, m, b).exp()

    @staticmethod
    def backward(ctx, g):
        a, m, b = ctx.saved_tensors
        y = ((a @ m) * b).sum(1).exp()
        gy = (g * y).unsqueeze(1)
        ga = gy * (b @ m.t())
        gm = (gy * a).t() @ b
        gb = gy * (a @ m)
        return ga, gm, gb


def lstm(x, c, W):
    x, c, W = map(np.asarray, (x, c, W))
    z = x @ W
    i, f, g = np.split(z, 3, axis=1)
    i = 1 / (1 + np.exp(-i))
    f = 1 / (1 + np.exp(-f))
    g = np.tanh(g)
    return f * c + i * g, (x, c, W, i, f, g)


def lstm_back(dy, cache):
    x, c, W, i, f, g = cache
    dc = dy * f
    df = dy * c * f * (1 - f)
    di = dy * g * i * (1 - i)
    dg = dy * i * (1 - g**2)
    dz = np.concatenate([di, df, dg], axis=1)
    return dz @ W.T, dc, x.T @ dz


BLIND = (
    (
        conv_back,
        lambda back: (conv, back),
        drawn(7, 3),
        (
            ("dy[i] * k", "dy[i] * k[::-1]"),
            ("dx[i : i + len(k)] +=", "dx[i : i + len(k)] ="),
            ("dk +=", "dk -="),
        ),
    ),
    (
        xent_back,
        lambda back: (xent, back),
        (drawn((4, 3))[0], np.array([0, 2, 1, 2])),
        (("-= 1", "+= 1"), ("-= 1", "-= 2"), ("dy * dz / n", "dy * dz"), ("dy * dz / n", "dz / n")),
    ),
    (
        gelu_back,
        lambda back: (gelu, back),
        drawn((4, 3), 3),
        (
            ("3 * 0.044715 * x**2", "2 * 0.044715 * x**2"),
            ("(1 - t**2)", "(1 - t)"),
            ("0.5 * (1 + t) +", "0.5 * (1 - t) +"),
            ("dx.sum(axis=0)", "dy.sum(axis=0)"),
            ("(1 - t**2) * du", "(1 - t**2)"),
        ),
    ),
    (
        Norm,
        as_class,
        (*map(torch.tensor, drawn((4, 5))), 1e-5),
        (
            ("inner / n", "inner"),
            ("r**3", "r**2"),
            ("dy * r - ", "dy - "),
            ("dy * r - ", "dy * r + "),
            ("(dy * x).sum(-1", "(dy * x).sum(0"),
        ),
    ),
    (
        Bil,
        as_class,
        tuple(map(torch.tensor, drawn((4, 3), (3, 2), (4, 2)))),
        (
            ("(b @ m.t())", "((a @ m) @ m.t())"),
            ("(gy * a).t() @ b", "a.t() @ b"),
            ("(gy * a).t() @ b", "a.t() @ (gy * a) @ m"),
            ("gb = gy * (a @ m)", "gb = g.unsqueeze(1) * (a @ m)"),
            ("(g * y)", "(g / y)"),
        ),
    ),
    (
        lstm_back,
        lambda back: (lstm, back),
        drawn((3, 4), (3, 2), (4, 6)),
        (
            ("dc = dy * f", "dc = dy * i"),
            ("dy * c * f * (1 - f)", "dy * f * (1 - f)"),
            ("i * (1 - i)", "i * (1 - g)"),
            ("(1 - g**2)", "(1 - g)"),
            ("[di, df, dg]", "[df, di, dg]"),
            ("x.T @ dz", "x.T @ dz * 2"),
        ),
    ),
)
# Slips that nothing short mends so far, or not always in the time that there is.
UNSURE = ("a.t() @ (gy * a) @ m",)
