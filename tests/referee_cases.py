"""Backward passes written by hand, and slips in them: a fragment, and what was written instead.

The forwards write in place, loop and mask, or are of other libraries, so that the gradients of the
inputs are all that is known; one this engine records. Each entry of `CASES` has the backward, how
forward and backward are made of it, inputs and slips.
"""

import numpy as np
import pytest

import tinygrad_lite as tg

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
jnp = jax.numpy


def drawn(*shapes):
    """Normal numbers."""
    rng = np.random.default_rng(1)
    return tuple(rng.normal(size=shape) for shape in shapes)


# --- NumPy, opaque


def layer(x, W, b):
    z = np.asarray(x) @ np.asarray(W) + np.asarray(b)
    y = np.empty_like(z)
    for i in range(len(z)):
        y[i] = np.maximum(z[i], 0)
    return y, (x, W, z)


def layer_back(dy, cache):
    x, W, z = cache
    dz = dy.copy()
    dz[z <= 0] = 0
    db = dz.sum(axis=0)
    dW = x.T @ dz
    dx = dz @ W.T
    return dx, dW, db


def softmaxed(z):
    e = np.exp(np.asarray(z))
    e /= e.sum(axis=1, keepdims=True)
    return e


def softmaxed_back(dy, z):
    p = softmaxed(z)
    inner = np.sum(dy * p, axis=1, keepdims=True)
    return p * (dy - inner)


def normed(x, gamma, beta):
    x = np.array(x)
    x -= x.mean(axis=0)
    std = np.sqrt((x**2).mean(axis=0) + 1e-5)
    x /= std
    return np.asarray(gamma) * x + np.asarray(beta), (x, std, gamma)


def normed_back(dy, cache):
    xhat, std, gamma = cache
    dgamma = np.sum(dy * xhat, axis=0)
    dbeta = np.sum(dy, axis=0)
    g = dy * gamma
    dx = (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta


def running(x, h, W, U):
    h = np.asarray(h)
    kept = [h]
    for t in range(len(x)):
        h = np.tanh(np.asarray(x)[t] @ np.asarray(W) + h @ np.asarray(U))
        kept.append(h)
    return np.stack(kept[1:]), (x, W, U, kept)


def running_back(dy, cache):
    x, W, U, hs = cache
    dx, dW, dU = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U)
    dh = np.zeros_like(hs[0])
    for t in range(len(x))[::-1]:
        da = (dh + dy[t]) * (1 - hs[t + 1] ** 2)
        dx[t] = da @ W.T
        dW += np.outer(x[t], da)
        dU += np.outer(hs[t], da)
        dh = da @ U.T
    return dx, dh, dW, dU


def picked(W, i, scale):
    out = np.zeros((len(i), np.shape(W)[1]))
    for row, k in enumerate(i):
        out[row] = np.asarray(W)[k] * float(scale)
    return out


def picked_back(dy, W, i, scale):
    dW = np.zeros_like(W)
    np.add.at(dW, i, scale * dy)
    return {"W": dW, "scale": np.sum(dy * W[i])}


# --- NumPy, recorded by this engine


def attention(q, k, v):
    scores = q @ k.T / 2.0
    p = tg.softmax(scores, axis=1)
    return p @ v


def attention_back(dy, q, k, v):
    scores = q @ k.T / 2.0
    e = np.exp(scores)
    p = e / e.sum(axis=1, keepdims=True)
    dv = p.T @ dy
    dp = dy @ v.T
    dscores = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    dq = dscores @ k / 2.0
    dk = dscores.T @ q / 2.0
    return dq, dk, dv


# --- PyTorch


class Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, v):
        a, b = x @ w, x @ v
        s = torch.sigmoid(a)
        ctx.save_for_backward(x, w, v, b, s)
        return s * b

    @staticmethod
    def backward(ctx, grad_out):
        x, w, v, b, s = ctx.saved_tensors
        grad_x = grad_w = grad_v = None
        da = grad_out * b * s * (1 - s)
        db = grad_out * s
        if ctx.needs_input_grad[0]:
            grad_x = da.mm(w.t()) + db.mm(v.t())
        if ctx.needs_input_grad[1]:
            grad_w = x.t().mm(da)
        if ctx.needs_input_grad[2]:
            grad_v = x.t().mm(db)
        return grad_x, grad_w, grad_v


class Clipped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, bias):
        mask = x > 0.1
        y = x.clone()
        y.masked_fill_(~mask, 0.0)
        ctx.save_for_backward(x, scale, mask)
        return y * scale + bias

    @staticmethod
    def backward(ctx, g):
        x, scale, mask = ctx.saved_tensors
        dx = g * scale * mask
        dscale = (g * x * mask).sum(0)
        return dx, dscale, g.sum(0)


# --- JAX


@jax.custom_vjp
def swish(x, w):
    return x @ w * jax.nn.sigmoid(x @ w)


def swish_kept(x, w):
    z = x @ w
    s = jax.nn.sigmoid(z)
    return z * s, (x, w, z, s)


def swish_back(res, g):
    x, w, z, s = res
    dz = g * (s + z * s * (1 - s))
    return dz @ w.T, x.T @ dz


def logged(x, a):
    y = jnp.log1p(jnp.exp(x * a))
    return y - jnp.mean(y, axis=1, keepdims=True)


def logged_back(dy, x, a):
    g = dy - jnp.mean(dy, axis=1, keepdims=True)
    dz = g * jax.nn.sigmoid(x * a)
    return dz * a, jnp.sum(dz * x, axis=0)


def swishing(backward):
    made = jax.custom_vjp(swish.fun)
    made.defvjp(swish_kept, backward)
    return made, None


def as_class(function):
    return function, None


CASES = (
    (
        layer_back,
        lambda back: (layer, back),
        drawn((5, 4), (4, 3), 3),
        (
            ("dW = x.T @ dz", "dW = dz.T @ x"),
            ("dx = dz @ W.T", "dx = -dz @ W.T"),
            ("db = dz.sum(axis=0)", "db = dz.mean(axis=0)"),
            ("db = dz.sum(axis=0)", "db = dy.sum(axis=0)"),
            ("dz[z <= 0] = 0", "dz[z >= 0] = 0"),
        ),
    ),
    (
        softmaxed_back,
        lambda back: (softmaxed, back),
        drawn((4, 3)),
        (
            ("p * (dy - inner)", "p * (dy + inner)"),
            ("p * (dy - inner)", "p * dy"),
            ("p * (dy - inner)", "dy - inner"),
            ("axis=1, keepdims", "axis=0, keepdims"),
        ),
    ),
    (
        normed_back,
        lambda back: (normed, back),
        drawn((6, 3), 3, 3),
        (
            ("np.sum(dy * xhat, axis=0)", "np.sum(dy, axis=0)"),
            ("dbeta = np.sum(dy, axis=0)", "dbeta = np.sum(dy * gamma, axis=0)"),
            ("- g.mean(axis=0) -", "-"),
            ("/ std", "* std"),
            ("g = dy * gamma", "g = dy"),
        ),
    ),
    (
        running_back,
        lambda back: (running, back),
        drawn((3, 4), 2, (4, 2), (2, 2)),
        (
            ("dh = da @ U.T", "dh = da @ U"),
            ("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)"),
            ("dW += np.outer(x[t], da)", "dW = np.outer(x[t], da)"),
            ("dU += np.outer(hs[t], da)", "dU += np.outer(hs[t + 1], da)"),
        ),
    ),
    (
        picked_back,
        lambda back: (picked, back),
        (*drawn((5, 3)), np.array([0, 2, 2, 4]), 1.5),
        (
            ("np.add.at(dW, i, scale * dy)", "dW[i] += scale * dy"),
            ("scale * dy", "dy"),
            ("np.sum(dy * W[i])", "-np.sum(dy * W[i])"),
        ),
    ),
    (
        attention_back,
        lambda back: (attention, back),
        drawn((3, 4), (5, 4), (5, 2)),
        (
            ("dk = dscores.T @ q / 2.0", "dk = dscores.T @ q"),
            ("(dp - (dp * p).sum(axis=1, keepdims=True))", "dp"),
            ("dv = p.T @ dy", "dv = scores.T @ dy"),
            ("dp = dy @ v.T", "dp = -dy @ v.T"),
        ),
    ),
    (
        Gated,
        as_class,
        tuple(map(torch.tensor, drawn((5, 4), (4, 3), (4, 3)))),
        (
            ("grad_out * b * s * (1 - s)", "grad_out * b * s * (1 + s)"),
            ("grad_out * b * s * (1 - s)", "grad_out * s * (1 - s)"),
            ("da.mm(w.t()) + db.mm(v.t())", "da.mm(w.t())"),
            ("da.mm(w.t()) + db.mm(v.t())", "da.mm(w.t()) + db.mm(w.t())"),
            ("grad_w = x.t().mm(da)", "grad_w = x.t().mm(db)"),
        ),
    ),
    (
        Clipped,
        as_class,
        tuple(map(torch.tensor, drawn((5, 4), 4, 4))),
        (
            ("dx = g * scale * mask", "dx = g * scale"),
            ("(g * x * mask).sum(0)", "(g * x).sum(0)"),
            ("(g * x * mask).sum(0)", "(g * mask).sum(0)"),
            ("g.sum(0)", "g.mean(0)"),
        ),
    ),
    (
        swish_back,
        swishing,
        tuple(map(jnp.asarray, drawn((5, 4), (4, 3)))),
        (
            ("z * s * (1 - s)", "s * (1 - s)"),
            ("(s + z * s * (1 - s))", "(s - z * s * (1 - s))"),
            ("dz @ w.T", "2 * dz @ w.T"),
        ),
    ),
    (
        logged_back,
        lambda back: (logged, back),
        tuple(map(jnp.asarray, drawn((4, 3), 3))),
        (
            ("sum(dz * x, axis=0)", "sum(dz * a, axis=0)"),
            ("g = dy - jnp.mean", "g = dy + jnp.mean"),
            ("g * jax.nn.sigmoid(x * a)", "g * jnp.exp(x * a)"),
        ),
    ),
)
