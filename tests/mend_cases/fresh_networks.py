"""Networks that neither set has, in the hands of people who copy from one line to the next."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def prenorm_block(rng):
    """A pre-norm transformer MLP block: x + W2 gelu(W1 LN(x)), tanh's form of gelu."""
    N, D, H, eps = 4, 3, 5, 1e-5
    x, tgt = tg.Tensor(rng.normal(size=(N, D))), rng.normal(size=(N, D))
    W1, W2 = tg.Tensor(rng.normal(size=(D, H)) * 0.5), tg.Tensor(rng.normal(size=(H, D)) * 0.5)
    mean = x.mean(axis=-1, keepdims=True)
    rstd = 1 / tg.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    norm = (x - mean) * rstd
    u = norm @ W1
    th = tg.tanh(0.7978845608 * (u + 0.044715 * u**3))
    act = 0.5 * u * (1 + th)
    y = x + act @ W2
    loss = 0.5 * ((y - tgt) ** 2).sum() / N
    return loss, locals()


def prenorm_block_backward(W1, W2, tgt, norm, rstd, u, th, act, y, N):
    k = 0.7978845608
    dy = (y - tgt) / N
    dW2 = act.T @ dy
    dact = dy @ W2.T
    dth = dact * 0.5 * u
    du = dact * 0.5 * (1 + th) + dth * (1 - th**2) * k * (1 + 3 * 0.044715 * u**2)
    dW1 = norm.T @ du
    dnorm = du @ W1.T
    m1 = dnorm.mean(-1, keepdims=True)
    m2 = (dnorm * norm).mean(-1, keepdims=True)
    dx = dy + rstd * (dnorm - m1 - norm * m2)
    return dW1, dW2, dx


PRENORM = Case(
    prenorm_block,
    prenorm_block_backward,
    (
        Slip("dx = dy + rstd * (dnorm - m1", "dx = rstd * (dnorm - m1", "missing-term"),
        Slip(
            "m1 = dnorm.mean(-1, keepdims=True)", "m1 = dnorm.mean(0, keepdims=True)", "wrong-axis"
        ),
        Slip("(1 + 3 * 0.044715 * u**2)", "(1 + 0.044715 * u**2)", "constant-scale"),
        Slip("dth = dact * 0.5 * u", "dth = dact * 0.5 * u**2", "extra-factor"),
        Slip("dact * 0.5 * (1 + th) + dth", "dact * 0.5 * (1 + th) - dth", "sign"),
        Slip(
            "m2 = (dnorm * norm).mean(-1, keepdims=True)",
            "m2 = (du * u).mean(-1, keepdims=True)",
            "another-name",
        ),
        Slip("(1 - th**2) * k * (1", "(1 - th**2) * (1", "missing-factor"),
    ),
    together=((0, 3), (1, 2)),
)


def gaussian_vae(rng):
    """A VAE with a Gaussian decoder: sum of squares / 2 plus KL(N(mu, e^logvar) | N(0, 1))."""
    N, D, Z = 5, 4, 2
    x, noise = rng.normal(size=(N, D)), rng.normal(size=(N, Z))
    We, be = tg.Tensor(rng.normal(size=(D, 2 * Z)) * 0.5), tg.Tensor(np.full(2 * Z, 0.1))
    Wd, bd = tg.Tensor(rng.normal(size=(Z, D))), tg.Tensor(rng.normal(size=D))
    enc = x @ We + be
    mu, logvar = enc[:, :Z], enc[:, Z:]
    std = tg.exp(0.5 * logvar)
    z = mu + std * noise
    xhat = z @ Wd + bd
    rec = 0.5 * ((xhat - x) ** 2).sum() / N
    kl = -0.5 * (1 + logvar - mu**2 - tg.exp(logvar)).sum() / N
    elbo = rec + kl
    return elbo, locals()


def gaussian_vae_backward(x, noise, Wd, mu, logvar, std, z, xhat, N):
    dxhat = (xhat - x) / N
    dWd = z.T @ dxhat
    dbd = dxhat.sum(axis=0)
    dz = dxhat @ Wd.T
    dmu = dz + mu / N
    dlogvar = dz * noise * 0.5 * std + 0.5 * (np.exp(logvar) - 1) / N
    denc = np.concatenate([dmu, dlogvar], axis=1)
    dWe = x.T @ denc
    dbe = denc.sum(axis=0)
    return dWe, dbe, dWd, dbd


GAUSSIAN_VAE = Case(
    gaussian_vae,
    gaussian_vae_backward,
    (
        Slip("dmu = dz + mu / N", "dmu = dz + mu", "mean-vs-sum"),
        Slip("dmu = dz + mu / N", "dmu = dz - mu / N", "sign"),
        Slip("dz * noise * 0.5 * std", "dz * noise * std", "constant-scale"),
        Slip("dz * noise * 0.5 * std", "dz * 0.5 * std", "missing-factor"),
        Slip("(np.exp(logvar) - 1) / N", "(std - 1) / N", "another-name"),
        Slip(
            "np.concatenate([dmu, dlogvar], axis=1)",
            "np.concatenate([dlogvar, dmu], axis=1)",
            "wrong-order",
        ),
        Slip("dz = dxhat @ Wd.T", "dz = xhat @ Wd.T", "another-name"),
    ),
    together=((2, 0), (1, 6)),
)


def wave_layer(rng):
    """A dilated causal convolution, gated: tanh(Wf * x) sigmoid(Wg * x), with a skip."""
    T, C, d = 6, 2, 2
    x, tgt = tg.Tensor(rng.normal(size=(C, T))), rng.normal(size=(C, T))
    f0, f1 = tg.Tensor(rng.normal(size=(C, C))), tg.Tensor(rng.normal(size=(C, C)))
    g0, g1 = tg.Tensor(rng.normal(size=(C, C))), tg.Tensor(rng.normal(size=(C, C)))
    past = tg.concat([tg.asarray(np.zeros((C, d))), x[:, :-d]], axis=1)
    filt = tg.tanh(f0 @ x + f1 @ past)
    gate = tg.sigmoid(g0 @ x + g1 @ past)
    res = x + filt * gate
    loss = 0.5 * ((res - tgt) ** 2).sum()
    return loss, locals()


def wave_layer_backward(x, tgt, f0, f1, g0, g1, past, filt, gate, res, d):
    dres = res - tgt
    dfilt = dres * gate
    dgate = dres * filt
    dzf = dfilt * (1 - filt**2)
    dzg = dgate * gate * (1 - gate)
    df0, df1 = dzf @ x.T, dzf @ past.T
    dg0, dg1 = dzg @ x.T, dzg @ past.T
    dpast = f1.T @ dzf + g1.T @ dzg
    dx = dres + f0.T @ dzf + g0.T @ dzg
    dx[:, :-d] += dpast[:, d:]
    return dx, df0, df1, dg0, dg1


WAVE = Case(
    wave_layer,
    wave_layer_backward,
    (
        Slip("dx[:, :-d] += dpast[:, d:]", "dx[:, d:] += dpast[:, :-d]", "off-by-index"),
        Slip("dfilt = dres * gate", "dfilt = dres * filt", "another-name"),
        Slip(
            "df0, df1 = dzf @ x.T, dzf @ past.T",
            "df0, df1 = dzf @ past.T, dzf @ x.T",
            "wrong-order",
        ),
        Slip("dx = dres + f0.T", "dx = f0.T", "missing-term"),
        Slip("dpast = f1.T @ dzf + g1.T @ dzg", "dpast = f1.T @ dzf + g1.T @ dzf", "another-name"),
        Slip(
            "dzg = dgate * gate * (1 - gate)",
            "dzg = dgate * (1 - gate**2)",
            "wrong-activation-derivative",
        ),
    ),
    together=((1, 3),),
)


def soft_tree(rng):
    """A soft decision tree of two levels: leaf probabilities multiply along the path."""
    n = 7
    X, y = rng.normal(size=(n, 3)), rng.normal(size=n)
    w1, w2, w3 = (tg.Tensor(rng.normal(size=3)) for _ in range(3))
    leaf = tg.Tensor(rng.normal(size=4))
    p1, p2, p3 = tg.sigmoid(X @ w1), tg.sigmoid(X @ w2), tg.sigmoid(X @ w3)
    left = p2 * leaf[0] + (1 - p2) * leaf[1]
    right = p3 * leaf[2] + (1 - p3) * leaf[3]
    out = p1 * left + (1 - p1) * right
    loss = ((out - y) ** 2).mean()
    return loss, locals()


def soft_tree_backward(X, y, p1, p2, p3, leaf, left, right, out, n):
    dout = 2 * (out - y) / n
    dp1 = dout * (left - right)
    dleft, dright = dout * p1, dout * (1 - p1)
    dp2 = dleft * (leaf[0] - leaf[1])
    dp3 = dright * (leaf[2] - leaf[3])
    dleaf = np.array(
        [
            np.sum(dleft * p2),
            np.sum(dleft * (1 - p2)),
            np.sum(dright * p3),
            np.sum(dright * (1 - p3)),
        ]
    )
    dw1 = X.T @ (dp1 * p1 * (1 - p1))
    dw2 = X.T @ (dp2 * p2 * (1 - p2))
    dw3 = X.T @ (dp3 * p3 * (1 - p3))
    return dleaf, dw1, dw2, dw3


SOFT_TREE = Case(
    soft_tree,
    soft_tree_backward,
    (
        Slip("np.sum(dright * (1 - p3))", "np.sum(dright * (1 - p2))", "another-name"),
        Slip("dp1 = dout * (left - right)", "dp1 = dout * left", "missing-term"),
        Slip(
            "dw3 = X.T @ (dp3 * p3 * (1 - p3))", "dw3 = X.T @ (dp3 * p3 * (1 - p2))", "another-name"
        ),
        Slip(
            "dleft, dright = dout * p1, dout * (1 - p1)",
            "dleft, dright = dout * p1, dout * p1",
            "another-name",
        ),
        Slip(
            "dp3 = dright * (leaf[2] - leaf[3])",
            "dp3 = dright * (leaf[1] - leaf[3])",
            "off-by-index",
        ),
        Slip("np.sum(dleft * p2)", "np.mean(dleft * p2)", "mean-vs-sum"),
    ),
    together=((1, 4),),
)


def positions(rng):
    """Token and position embeddings, dropout, mean pooling, one logit per sentence."""
    tokens, y = np.array([[0, 2, 1], [2, 2, 3]]), np.array([1.0, 0.0])
    B, T, D, keep = 2, 3, 4, 0.8
    E, P = tg.Tensor(rng.normal(size=(5, D))), tg.Tensor(rng.normal(size=(T, D)))
    w, b = tg.Tensor(rng.normal(size=(D, 1))), tg.Tensor(0.1)
    drop = (rng.random((B, T, D)) < keep) / keep
    emb = (E[tokens] + P) * drop
    pooled = tg.tanh(emb.mean(axis=1))
    logit = (pooled @ w)[:, 0] + b
    loss = (tg.softplus(logit) - y * logit).mean()
    return loss, locals()


def positions_backward(tokens, y, E, w, drop, pooled, logit, B, T):
    prob = 1 / (1 + np.exp(-logit))
    dlogit = (prob - y) / B
    db = dlogit.sum()
    dw = pooled.T @ dlogit[:, None]
    dpooled = dlogit[:, None] @ w.T
    dmean = dpooled * (1 - pooled**2)
    demb = np.repeat(dmean[:, None, :], T, axis=1) / T
    demb_in = demb * drop
    dP = demb_in.sum(axis=0)
    dE = np.zeros_like(E)
    np.add.at(dE, tokens, demb_in)
    return dE, dP, dw, db


POSITIONS = Case(
    positions,
    positions_backward,
    (
        Slip("demb_in = demb * drop", "demb_in = demb", "missing-factor"),
        Slip("np.add.at(dE, tokens, demb_in)", "dE[tokens] += demb_in", "overwritten"),
        Slip("T, axis=1) / T", "T, axis=1)", "mean-vs-sum"),
        Slip("dP = demb_in.sum(axis=0)", "dP = demb_in.sum(axis=1)", "wrong-axis"),
        Slip(
            "dmean = dpooled * (1 - pooled**2)",
            "dmean = dpooled * pooled * (1 - pooled)",
            "wrong-activation-derivative",
        ),
        Slip("db = dlogit.sum()", "db = (prob - y).sum()", "mean-vs-sum"),
        Slip("np.add.at(dE, tokens, demb_in)", "np.add.at(dE, tokens, demb)", "another-name"),
    ),
    together=((2, 5),),
    pairs={"demb_in": ""},
)


def tensor_layer(rng):
    """Socher's neural tensor layer: score u . tanh(e1 T e2 + V [e1; e2] + b) with a margin."""
    K, D = 2, 3
    a, c, bad = rng.normal(size=D), rng.normal(size=D), rng.normal(size=D)
    T, V = tg.Tensor(rng.normal(size=(K, D, D))), tg.Tensor(rng.normal(size=(K, 2 * D)))
    b, u = tg.Tensor(rng.normal(size=K)), tg.Tensor(rng.normal(size=K))
    pos = tg.tanh(tg.einsum("i,kij,j->k", a, T, c) + V @ np.concatenate([a, c]) + b)
    neg = tg.tanh(tg.einsum("i,kij,j->k", a, T, bad) + V @ np.concatenate([a, bad]) + b)
    gap = 3.0 - (u * pos).sum() + (u * neg).sum()
    loss = tg.relu(gap) + 0.05 * (T**2).sum()
    return loss, locals()


def tensor_layer_backward(a, c, bad, T, u, pos, neg, gap):
    on = float(gap > 0)
    du = on * (neg - pos)
    dpos, dneg = -on * u, on * u
    zp, zn = dpos * (1 - pos**2), dneg * (1 - neg**2)
    dT = np.einsum("k,i,j->kij", zp, a, c) + np.einsum("k,i,j->kij", zn, a, bad)
    dT += 0.1 * T
    dV = np.outer(zp, np.concatenate([a, c])) + np.outer(zn, np.concatenate([a, bad]))
    db = zp + zn
    return {"T": dT, "V": dV, "b": db, "u": du}


TENSOR_LAYER = Case(
    tensor_layer,
    tensor_layer_backward,
    (
        Slip("du = on * (neg - pos)", "du = on * (pos - neg)", "sign"),
        Slip(
            'np.einsum("k,i,j->kij", zn, a, bad)',
            'np.einsum("k,i,j->kij", zn, a, c)',
            "another-name",
        ),
        Slip("dT += 0.1 * T", "dT += 0.05 * T", "constant-scale"),
        Slip(
            "np.outer(zn, np.concatenate([a, bad]))",
            "np.outer(zn, np.concatenate([bad, a]))",
            "wrong-order",
        ),
        Slip("db = zp + zn", "db = zp - zn", "sign"),
        Slip(
            'np.einsum("k,i,j->kij", zp, a, c) +',
            'np.einsum("k,i,j->kji", zp, a, c) +',
            "transpose",
        ),
    ),
    together=((0, 2),),
)
