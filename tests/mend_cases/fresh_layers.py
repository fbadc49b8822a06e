"""Layers and networks as courses and repositories write them: caches, dicts, helpers, loops."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def affine_forward_cache(rng):
    """cs231n's layers: affine_backward and relu_backward take a cache, grads is a dict."""
    X, y = rng.normal(size=(6, 2, 2)), np.array([0, 2, 1, 1, 0, 2])
    W1, b1 = tg.Tensor(rng.normal(size=(4, 5))), tg.Tensor(rng.normal(size=5))
    W2, b2 = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=3))
    reg = 0.1
    a1 = X.reshape(6, -1) @ W1 + b1
    h1 = tg.relu(a1)
    scores = h1 @ W2 + b2
    logp = scores - tg.logsumexp(scores, axis=1, keepdims=True)
    loss = -logp[np.arange(6), y].mean() + 0.5 * reg * ((W1**2).sum() + (W2**2).sum())
    return loss, locals()


def affine_backward(dout, cache):
    x, w, _ = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_backward(dout, cache):
    x = cache
    return dout * (x > 0)


def affine_cache_backward(X, y, W1, b1, W2, b2, a1, h1, scores, reg):
    N = X.shape[0]
    probs = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dh1, dW2, db2 = affine_backward(dscores, (h1, W2, b2))
    da1 = relu_backward(dh1, a1)
    _, dW1, db1 = affine_backward(da1, (X, W1, b1))
    dW2 += reg * W2
    dW1 += reg * W1
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


AFFINE = Case(
    affine_forward_cache,
    affine_cache_backward,
    (
        Slip("    dscores /= N\n", "", "mean-vs-sum"),
        Slip("dscores[np.arange(N), y] -= 1", "dscores[np.arange(N), y] += 1", "sign"),
        Slip("return dout * (x > 0)", "return dout * x", "wrong-activation-derivative"),
        Slip("dW1 += reg * W1", "dW1 += reg * W2.sum()", "another-name"),
        Slip(
            "affine_backward(da1, (X, W1, b1))", "affine_backward(dh1, (X, W1, b1))", "another-name"
        ),
        Slip("    dW2 += reg * W2\n", "    dW2 += 2 * reg * W2\n", "constant-scale"),
        Slip(
            "probs /= np.sum(probs, axis=1, keepdims=True)", "probs /= np.sum(probs)", "wrong-axis"
        ),
        Slip("db = np.sum(dout, axis=0)", "db = np.mean(dout, axis=0)", "mean-vs-sum"),
    ),
    together=((0, 5),),
    helpers=(affine_backward, relu_backward),
)


def xor_network(rng):
    """A forum's two-layer network on XOR: columns, sigmoid(x, deriv=True) of an activation."""
    inputs = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]])
    label = np.array([[0.0, 1, 1, 0]])
    w_0, w_1 = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(1, 4)))
    hidden_in = w_0 @ inputs
    hidden = tg.sigmoid(hidden_in)
    output_in = w_1 @ hidden
    output = tg.sigmoid(output_in)
    cost = 0.5 * ((label - output) ** 2).sum()
    return cost, locals()


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def xor_network_backward(inputs, label, w_0, w_1):
    layer1 = nonlin(np.dot(w_0, inputs))
    layer2 = nonlin(np.dot(w_1, layer1))
    error = layer2 - label
    delta_output_in = error * nonlin(layer2, deriv=True)
    hidden_error = np.dot(w_1.T, delta_output_in)
    delta_hidden_in = hidden_error * nonlin(layer1, deriv=True)
    dw_1 = np.dot(delta_output_in, layer1.T)
    dw_0 = np.dot(delta_hidden_in, inputs.T)
    return dw_0, dw_1


XOR = Case(
    xor_network,
    xor_network_backward,
    (
        Slip("error = layer2 - label", "error = label - layer2", "sign"),
        Slip(
            "hidden_error = np.dot(w_1.T, delta_output_in)",
            "hidden_error = np.dot(w_1.T, error)",
            "another-name",
        ),
        Slip(
            "hidden_error * nonlin(layer1, deriv=True)",
            "hidden_error * nonlin(layer1)",
            "wrong-activation-derivative",
        ),
        Slip(
            "hidden_error * nonlin(layer1, deriv=True)",
            "hidden_error * nonlin(np.dot(w_0, inputs), deriv=True)",
            "activation-derivative-at-wrong-point",
        ),
        Slip(
            "return x * (1 - x)",
            "return nonlin(x) * (1 - nonlin(x))",
            "activation-derivative-at-wrong-point",
        ),
        Slip(
            "dw_1 = np.dot(delta_output_in, layer1.T)",
            "dw_1 = np.dot(error, layer1.T)",
            "another-name",
        ),
    ),
    together=((0, 3),),
    helpers=(nonlin,),
)


def l_layer_model(rng):
    """A. Ng's course: caches of (A_prev, W, b) and Z, (m) columns, 1/m in every linear_backward."""
    m = 5
    X, Y = rng.normal(size=(3, m)), np.array([[1.0, 0, 0, 1, 1]])
    W1, b1 = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(4, 1)))
    W2, b2 = tg.Tensor(rng.normal(size=(3, 4))), tg.Tensor(rng.normal(size=(3, 1)))
    W3, b3 = tg.Tensor(rng.normal(size=(1, 3))), tg.Tensor(rng.normal(size=(1, 1)))
    Z1 = W1 @ X + b1
    A1 = tg.relu(Z1)
    Z2 = W2 @ A1 + b2
    A2 = tg.tanh(Z2)
    Z3 = W3 @ A2 + b3
    A3 = tg.sigmoid(Z3)
    cost = -(Y * tg.log(A3) + (1 - Y) * tg.log(1 - A3)).sum() / m
    return cost, locals()


def l_layer_model_backward(X, Y, W2, W3, A1, A2, A3, Z1, m):
    grads = {}
    dZ3 = (A3 - Y) / m
    grads["W3"] = np.dot(dZ3, A2.T)
    grads["b3"] = np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = np.multiply(dA2, 1 - np.power(A2, 2))
    grads["W2"] = np.dot(dZ2, A1.T)
    grads["b2"] = np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(Z1 > 0))
    grads["W1"] = np.dot(dZ1, X.T)
    grads["b1"] = np.sum(dZ1, axis=1, keepdims=True)
    return grads


L_LAYERS = Case(
    l_layer_model,
    l_layer_model_backward,
    (
        Slip(
            'grads["W2"] = np.dot(dZ2, A1.T)',
            'grads["W2"] = 2 / m * np.dot(dZ2, A1.T)',
            "constant-scale",
        ),
        Slip(
            'grads["b2"] = np.sum(dZ2, axis=1, keepdims=True)',
            'grads["b2"] = np.sum(dZ2, keepdims=True)',
            "wrong-axis",
        ),
        Slip("np.int64(Z1 > 0)", "np.int64(A2[:1] > 0)", "another-name"),
        Slip("1 - np.power(A2, 2)", "1 - np.power(A2, 3)", "off-by-index"),
        Slip(
            'grads["b1"] = np.sum(dZ1, axis=1, keepdims=True)',
            'grads["b1"] = np.sum(dA1, axis=1, keepdims=True)',
            "another-name",
        ),
        Slip("dZ3 = (A3 - Y) / m", "dZ3 = (A3 - Y) * A3 * (1 - A3) / m", "extra-factor"),
    ),
    together=((0, 1),),
)


def min_char_lstm(rng):
    """An LSTM over time, gates stacked in one matrix, walked back with dhnext and dcnext."""
    T, D, H = 3, 2, 3
    xs, ys = rng.normal(size=(T, D, 1)), rng.normal(size=(T, H, 1))
    W, b = tg.Tensor(rng.normal(size=(4 * H, D + H)) * 0.5), tg.Tensor(rng.normal(size=(4 * H, 1)))
    h, c = np.zeros((H, 1)), np.zeros((H, 1))
    hs, cs, i, f, o, g = [], [], [], [], [], []
    loss = 0
    for t in range(T):
        z = W @ tg.concat([tg.asarray(xs[t]), tg.asarray(h)], axis=0) + b
        i.append(tg.sigmoid(z[:H]))
        f.append(tg.sigmoid(z[H : 2 * H]))
        o.append(tg.sigmoid(z[2 * H : 3 * H]))
        g.append(tg.tanh(z[3 * H :]))
        c = f[t] * c + i[t] * g[t]
        h = o[t] * tg.tanh(c)
        hs.append(h)
        cs.append(c)
        loss = loss + 0.5 * ((h - ys[t]) ** 2).sum()
    del z, h, c, t
    return loss, locals()


def min_char_lstm_backward(W, b, xs, ys, hs, cs, i, f, o, g, T, D, H):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    dhnext, dcnext = np.zeros((H, 1)), np.zeros((H, 1))
    for t in reversed(range(T)):
        hprev = hs[t - 1] if t > 0 else np.zeros((H, 1))
        cprev = cs[t - 1] if t > 0 else np.zeros((H, 1))
        dh = hs[t] - ys[t] + dhnext
        do = dh * np.tanh(cs[t])
        dc = dh * o[t] * (1 - np.tanh(cs[t]) ** 2) + dcnext
        di = dc * g[t]
        df = dc * cprev
        dg = dc * i[t]
        dzi = di * i[t] * (1 - i[t])
        dzf = df * f[t] * (1 - f[t])
        dzo = do * o[t] * (1 - o[t])
        dzg = dg * (1 - g[t] ** 2)
        dz = np.vstack((dzi, dzf, dzo, dzg))
        dW += dz @ np.vstack((xs[t], hprev)).T
        db += dz
        dxh = W.T @ dz
        dhnext = dxh[D:]
        dcnext = f[t] * dc
    return dW, db


MIN_CHAR_LSTM = Case(
    min_char_lstm,
    min_char_lstm_backward,
    (
        Slip("dcnext = f[t] * dc", "dcnext = dc", "missing-factor"),
        Slip("(1 - np.tanh(cs[t]) ** 2) + dcnext", "(1 - np.tanh(cs[t]) ** 2)", "missing-term"),
        Slip("dzf = df * f[t] * (1 - f[t])", "dzf = df * f[t]", "missing-factor"),
        Slip("df = dc * cprev", "df = dc * cs[t]", "off-by-index"),
        Slip(
            "dzg = dg * (1 - g[t] ** 2)",
            "dzg = dg * g[t] * (1 - g[t])",
            "wrong-activation-derivative",
        ),
        Slip("dhnext = dxh[D:]", "dhnext = dxh[:H]", "off-by-index"),
        Slip("dh = hs[t] - ys[t] + dhnext", "dh = hs[t] - ys[t]", "missing-term"),
        Slip("np.vstack((dzi, dzf, dzo, dzg))", "np.vstack((dzi, dzo, dzf, dzg))", "wrong-order"),
    ),
)


def causal_attention(rng):
    """Masked self-attention of a batch by einsum, with an output projection."""
    B, T, C = 2, 4, 3
    x, target = rng.normal(size=(B, T, C)), rng.normal(size=(B, T, C))
    wq, wk = tg.Tensor(rng.normal(size=(C, C))), tg.Tensor(rng.normal(size=(C, C)))
    wv, wo = tg.Tensor(rng.normal(size=(C, C))), tg.Tensor(rng.normal(size=(C, C)))
    mask = np.triu(np.full((T, T), -1e9), k=1)
    q, k, v = tg.matmul(x, wq), tg.matmul(x, wk), tg.matmul(x, wv)
    att = tg.einsum("btc,bsc->bts", q, k) / C**0.5 + mask
    p = tg.softmax(att, axis=-1)
    out = tg.einsum("bts,bsc->btc", p, v)
    y = out @ wo
    loss = ((y - target) ** 2).mean()
    return loss, locals()


def causal_attention_backward(x, target, wo, q, k, v, p, out, y, C):
    dy = 2 * (y - target) / y.size
    dwo = np.einsum("btc,btd->cd", out, dy)
    dout = np.einsum("btd,cd->btc", dy, wo)
    dp = np.einsum("btc,bsc->bts", dout, v)
    dv = np.einsum("bts,btc->bsc", p, dout)
    datt = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    dq = np.einsum("bts,bsc->btc", datt, k) / np.sqrt(C)
    dk = np.einsum("bts,btc->bsc", datt, q) / np.sqrt(C)
    dwq = np.einsum("btc,btd->cd", x, dq)
    dwk = np.einsum("btc,btd->cd", x, dk)
    dwv = np.einsum("btc,btd->cd", x, dv)
    return dwq, dwk, dwv, dwo


CAUSAL = Case(
    causal_attention,
    causal_attention_backward,
    (
        Slip(
            'dv = np.einsum("bts,btc->bsc", p, dout)',
            'dv = np.einsum("bst,btc->bsc", p, dout)',
            "transpose",
        ),
        Slip(
            "np.sum(dp * p, axis=-1, keepdims=True)",
            "np.sum(dp, axis=-1, keepdims=True)",
            "missing-factor",
        ),
        Slip(
            "np.sum(dp * p, axis=-1, keepdims=True)",
            "np.sum(dp * p, axis=1, keepdims=True)",
            "wrong-axis",
        ),
        Slip(
            'dk = np.einsum("bts,btc->bsc", datt, q) / np.sqrt(C)',
            'dk = np.einsum("bts,btc->bsc", datt, q)',
            "missing-factor",
        ),
        Slip(
            'dout = np.einsum("btd,cd->btc", dy, wo)',
            'dout = np.einsum("btd,dc->btc", dy, wo)',
            "transpose",
        ),
        Slip(
            'dwk = np.einsum("btc,btd->cd", x, dk)',
            'dwk = np.einsum("btc,btd->cd", x, dq)',
            "another-name",
        ),
        Slip(
            'dq = np.einsum("bts,bsc->btc", datt, k) / np.sqrt(C)',
            'dq = np.einsum("bts,bsc->btc", datt, k) / C',
            "constant-scale",
        ),
    ),
    together=((0, 3),),
)


def im2col_convolution(rng):
    """A convolution by im2col, then 2 x 2 average pooling, as in a repository of plain NumPy."""
    C, H, F, K = 2, 5, 3, 2
    img, t = rng.normal(size=(C, H, H)), rng.normal(size=(F, 2, 2))
    kernel, bias = tg.Tensor(rng.normal(size=(F, C * K * K))), tg.Tensor(rng.normal(size=(F, 1)))
    n = H - K + 1
    rows = [img[:, r : r + K, s : s + K].ravel() for r in range(n) for s in range(n)]
    cols = np.array(rows).T
    act = tg.tanh(kernel @ cols + bias)
    grid = act.reshape(F, n // 2, 2, n // 2, 2)
    pooled = grid.mean(axis=(2, 4))
    loss = 0.5 * ((pooled - t) ** 2).sum()
    return loss, locals()


def im2col_convolution_backward(cols, act, pooled, t, F, n):
    dpooled = pooled - t
    dgrid = np.repeat(np.repeat(dpooled, 2, axis=1), 2, axis=2) / 4
    dact = dgrid.reshape(F, n * n)
    dpre = dact * (1 - act**2)
    dkernel = dpre.dot(cols.T)
    dbias = dpre.sum(axis=1, keepdims=True)
    return dpooled, dact, dkernel, dbias


IM2COL = Case(
    im2col_convolution,
    im2col_convolution_backward,
    (
        Slip("2, axis=2) / 4", "2, axis=2)", "mean-vs-sum"),
        Slip("2, axis=2) / 4", "2, axis=2) / 2", "constant-scale"),
        Slip("dpre = dact * (1 - act**2)", "dpre = dact * (1 - act) ** 2", "bracket"),
        Slip("dkernel = dpre.dot(cols.T)", "dkernel = dact.dot(cols.T)", "another-name"),
        Slip(
            "dbias = dpre.sum(axis=1, keepdims=True)",
            "dbias = dpre.sum(keepdims=True)",
            "wrong-axis",
        ),
    ),
    pairs={"dgrid": ""},
)
