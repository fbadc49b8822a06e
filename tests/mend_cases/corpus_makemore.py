"""The makemore lecture's exercise, line by line; embeddings and recurrences in loops."""

from dataclasses import replace

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def makemore(rng):
    """A. Karpathy, "Becoming a backprop ninja": an MLP with batch norm over an embedding."""
    n, vocabulary, context, width, hidden = 16, 9, 3, 4, 6
    T, fan_in = tg.Tensor, context * width
    Xb = rng.integers(0, vocabulary, size=(n, context))
    Yb = rng.integers(0, vocabulary, size=n)
    C = T(rng.normal(size=(vocabulary, width)))
    W1, b1 = T(rng.normal(size=(fan_in, hidden)) * 0.4), T(rng.normal(size=hidden) * 0.1)
    W2, b2 = T(rng.normal(size=(hidden, vocabulary))), T(rng.normal(size=vocabulary) * 0.1)
    bngain = T(rng.normal(size=(1, hidden)) * 0.1 + 1)
    bnbias = T(rng.normal(size=(1, hidden)) * 0.1)
    emb = C[Xb]
    embcat = emb.reshape(n, fan_in)
    hprebn = embcat @ W1 + b1
    bnmeani = 1 / n * hprebn.sum(axis=0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(axis=0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = tg.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = tg.max(logits, axis=1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = tg.exp(norm_logits)
    counts_sum = counts.sum(axis=1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = tg.log(probs)
    loss = -logprobs[np.arange(n), Yb].mean()
    return loss, locals()


# fmt: off
def makemore_backward(C, Xb, Yb, W1, W2, bngain, emb, embcat, hprebn, bndiff, bndiff2, bnvar,
                      bnvar_inv, bnraw, hpreact, h, logits, counts, counts_sum, counts_sum_inv,
                      probs, logprobs, n):
    dlogprobs = np.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0 / n
    dprobs = (1.0 / probs) * dlogprobs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = (-counts_sum**-2) * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dnorm_logits = counts * dcounts
    dlogits = dnorm_logits.copy()
    dlogit_maxes = (-dnorm_logits).sum(1, keepdims=True)
    dlogits += np.eye(logits.shape[1])[logits.argmax(1)] * dlogit_maxes
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = (-0.5*(bnvar + 1e-5)**-1.5) * dbnvar_inv
    dbndiff2 = (1.0/(n-1))*np.ones_like(bndiff2) * dbnvar
    dbndiff += (2*bndiff) * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmeani = (-dbndiff).sum(0)
    dhprebn += 1.0/n * (np.ones_like(hprebn) * dbnmeani)
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.reshape(emb.shape)
    dC = np.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k, j]
            dC[ix] += demb[k, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
# fmt: on


MAKEMORE = Case(
    makemore,
    makemore_backward,
    (
        Slip("[range(n), Yb] = -1.0 / n", "[range(n), Yb] = -1.0", "mean-vs-sum"),
        Slip("dprobs = (1.0 / probs) * dlogprobs", "dprobs = probs * dlogprobs", "operator"),
        Slip("(counts * dprobs).sum(1,", "(counts * dprobs).sum(0,", "wrong-axis"),
        Slip("(-counts_sum**-2)", "(counts_sum**-2)", "sign"),
        Slip("dcounts += np.ones", "dcounts = np.ones", "overwritten"),
        Slip("dnorm_logits = counts * dcounts", "dnorm_logits = probs * dcounts", "another-name"),
        Slip("dh = dlogits @ W2.T", "dh = dprobs @ W2.T", "another-name"),
        Slip("(1.0 - h**2)", "(1.0 - hpreact**2)", "activation-derivative-at-wrong-point"),
        Slip("dbnraw = bngain * dhpreact", "dbnraw = dhpreact", "missing-factor"),
        Slip("(bnraw * dhpreact).sum(0,", "(bndiff * dhpreact).sum(0,", "another-name"),
        Slip("-0.5*(bnvar + 1e-5)**-1.5", "0.5*(bnvar + 1e-5)**-1.5", "sign"),
        Slip("-0.5*(bnvar + 1e-5)**-1.5", "-0.5*(bnvar + 1e-5)**-0.5", "constant-scale"),
        Slip("(1.0/(n-1))*np.ones", "(1.0/n)*np.ones", "constant-scale"),
        Slip("dbndiff += (2*bndiff) * dbndiff2", "dbndiff = (2*bndiff) * dbndiff2", "overwritten"),
        Slip("    dbndiff += (2*bndiff) * dbndiff2\n", "", "missing-term"),
        Slip("dbndiff += (2*bndiff)", "dbndiff += bndiff", "constant-scale"),
        Slip("dC[ix] += demb[k, j]", "dC[ix] = demb[k, j]", "overwritten"),
        Slip("ix = Xb[k, j]", "ix = Xb[k, j - 1]", "off-by-index"),
    ),
    together=((3, 10), (4, 8), (7, 15), (0, 7, 13), (3, 8, 12), (2, 10, 16)),
    pairs={"dbnmeani": "bnmeani"},
    unseen=(
        Slip("dh = dlogits @ W2.T", "dh = dnorm_logits @ W2.T", "unseen"),
        Slip("dbnmeani = (-dbndiff).sum(0)", "dbnmeani = -dbndiff.sum(0, keepdims=True)", "unseen"),
        Slip("(2*bndiff) * dbndiff2", "2 * (dbndiff2 * bndiff)", "unseen"),
    ),
)


def fused(rng):
    """The same lecture's closed forms: softmax cross-entropy, and batch norm in one line."""
    n, hidden, classes = 8, 5, 4
    X, Yb = rng.normal(size=(n, 3)), rng.integers(0, classes, size=n)
    W1, W2 = tg.Tensor(rng.normal(size=(3, hidden))), tg.Tensor(rng.normal(size=(hidden, classes)))
    bngain = tg.Tensor(rng.normal(size=(1, hidden)) * 0.1 + 1)
    bnbias = tg.Tensor(rng.normal(size=(1, hidden)))
    hprebn = X @ W1
    bndiff = hprebn - hprebn.mean(axis=0, keepdims=True)
    bnvar_inv = ((bndiff**2).sum(axis=0, keepdims=True) / (n - 1) + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    logits = tg.tanh(hpreact) @ W2
    loss = -tg.log_softmax(logits, axis=1)[np.arange(n), Yb].mean()
    return loss, locals()


# fmt: off
def fused_backward(np, X, Yb, W2, logits, hpreact, bngain, bnvar_inv, bnraw, n):
    dlogits = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dhpreact = dlogits @ W2.T * (1 - np.tanh(hpreact)**2)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0)
                                    - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    dW1 = X.T @ dhprebn
    return dW1, dhprebn
# fmt: on


FUSED = Case(
    fused,
    fused_backward,
    (
        Slip("n/(n-1)*bnraw", "bnraw", "missing-factor"),
        Slip("- n/(n-1)*bnraw", "+ n/(n-1)*bnraw", "sign"),
        Slip("(dhpreact*bnraw).sum(0)", "(dhpreact).sum(0)", "missing-factor"),
        Slip("bngain*bnvar_inv/n", "bnvar_inv/n", "missing-factor"),
        Slip("(n*dhpreact - dhpreact.sum(0)", "(dhpreact - dhpreact.sum(0)", "missing-factor"),
        Slip("- dhpreact.sum(0)\n", "- dhpreact.mean(0)\n", "mean-vs-sum"),
        Slip("np.tanh(hpreact)**2", "hpreact**2", "activation-derivative-at-wrong-point"),
        Slip("dlogits[range(n), Yb] -= 1", "dlogits[range(n), Yb] = -1", "operator"),
    ),
    together=((2, 6),),
)


def embedding(rng):
    """H = tanh(C[ix] W), L = mean of squares; a row of C is used several times."""
    C, W = tg.Tensor(rng.normal(size=(6, 3))), tg.Tensor(rng.normal(size=(3, 3)))
    ix, T = np.array([0, 2, 2, 5, 1, 2, 0]), rng.normal(size=(7, 3))
    emb = C[ix]
    H = tg.tanh(emb @ W)
    L = ((H - T) ** 2).mean()
    return L, locals()


def embedding_backward(C, W, ix, T, emb, H):
    dL_dH = 2 * (H - T) / T.size
    dz = dL_dH * (1 - H**2)
    dL_demb = dz @ W.T
    dL_dW = emb.T @ dz
    dL_dC = np.zeros_like(C)
    np.add.at(dL_dC, ix, dL_demb)
    return dL_dC, dL_dW


EMBEDDING = Case(
    embedding,
    embedding_backward,
    (
        Slip("np.add.at(dL_dC, ix, dL_demb)", "dL_dC[ix] = dL_demb", "overwritten"),
        Slip("np.add.at(dL_dC, ix, dL_demb)", "dL_dC[ix] += dL_demb", "overwritten"),
        Slip("/ T.size", "/ len(T)", "mean-vs-sum"),
        Slip("dL_demb = dz @ W.T", "dL_demb = dz @ W", "transpose"),
        Slip("dL_demb = dz @ W.T", "dL_demb = dL_dH @ W.T", "missing-activation-derivative"),
        Slip("np.add.at(dL_dC, ix,", "np.add.at(dL_dC, ix - 1,", "off-by-index"),
    ),
    together=((1, 3),),
)


def recurrent(rng, steps=4):
    """h_t = tanh(Wx x_t + Wh h_{t-1} + b) in a loop, the loss at the end only."""
    width = 3
    xs, target = rng.normal(size=(steps, 3)), rng.normal(size=width)
    Wx, Wh = tg.Tensor(rng.normal(size=(width, 3))), tg.Tensor(rng.normal(size=(width, width)))
    b = tg.Tensor(rng.normal(size=width))
    hs, state = [np.zeros(width)], tg.Tensor(np.zeros(width))
    for x in xs:
        state = tg.tanh(Wx @ x + Wh @ state + b)
        hs.append(state)
    E = 0.5 * ((state - target) ** 2).sum()
    return E, locals()


def recurrent_backward(xs, hs, Wx, Wh, b, target, steps):
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = hs[steps] - target
    for t in reversed(range(steps)):
        draw = (1 - hs[t + 1] ** 2) * dh
        db += draw
        dWx += np.outer(draw, xs[t])
        dWh += np.outer(draw, hs[t])
        dh = Wh.T @ draw
    return dWx, dWh, db


RECURRENT = Case(
    recurrent,
    recurrent_backward,
    (
        Slip("dh = Wh.T @ draw", "dh = Wh @ draw", "transpose"),
        Slip("dh = Wh.T @ draw", "dh = Wh.T @ dh", "another-name"),
        Slip("np.outer(draw, hs[t])", "np.outer(draw, hs[t + 1])", "off-by-index"),
        Slip("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)", "off-by-index"),
        Slip("dWx += np.outer(draw, xs[t])", "dWx = np.outer(draw, xs[t])", "overwritten"),
        Slip("np.outer(draw, xs[t])", "np.outer(xs[t], draw)", "wrong-order"),
        Slip("dh = hs[steps] - target", "dh = target - hs[steps]", "sign"),
        Slip("(1 - hs[t + 1] ** 2) * dh", "(1 - hs[t + 1]) * dh", "wrong-activation-derivative"),
    ),
    together=((0, 2), (3, 5)),
    unseen=(
        Slip("dh = Wh.T @ draw", "dh = draw @ Wh", "unseen"),
        Slip(
            "draw = (1 - hs[t + 1] ** 2) * dh", "draw = dh - dh * hs[t + 1] * hs[t + 1]", "unseen"
        ),
    ),
)


def recurrent_long(rng):
    """The same over 32 steps, with a weight that keeps the state alive."""
    return recurrent(rng, steps=32)


RECURRENT_LONG = replace(RECURRENT, build=recurrent_long)


def recurrent_with_losses(rng):
    """min-char-rnn: a loss at every step, rows of a batch, unrolled by hand."""
    N, D, H = 4, 3, 3
    x = [rng.normal(size=(N, D)) for _ in range(3)]
    t = [rng.normal(size=(N, H)) for _ in range(3)]
    Wx, Wh = tg.Tensor(rng.normal(size=(D, H))), tg.Tensor(0.6 * rng.normal(size=(H, H)))
    b, h0 = tg.Tensor(rng.normal(size=H)), tg.Tensor(rng.normal(size=(N, H)))
    h1 = tg.tanh(x[0] @ Wx + h0 @ Wh + b)
    h2 = tg.tanh(x[1] @ Wx + h1 @ Wh + b)
    h3 = tg.tanh(x[2] @ Wx + h2 @ Wh + b)
    E = 0.5 * (((h1 - t[0]) ** 2).sum() + ((h2 - t[1]) ** 2).sum() + ((h3 - t[2]) ** 2).sum())
    return E, locals()


def recurrent_with_losses_backward(x, t, Wx, Wh, b, h0, h1, h2, h3):
    h = [h0, h1, h2, h3]
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dhnext = np.zeros_like(h0)
    for s in (2, 1, 0):
        dout = h[s + 1] - t[s] + dhnext
        dz = dout * (1 - h[s + 1] ** 2)
        dWx += x[s].T @ dz
        dWh += h[s].T @ dz
        db += dz.sum(0)
        dhnext = dz @ Wh.T
    dh0 = dhnext
    return dWx, dWh, db, dh0


RECURRENT_WITH_LOSSES = Case(
    recurrent_with_losses,
    recurrent_with_losses_backward,
    (
        Slip("h[s + 1] - t[s] + dhnext", "h[s + 1] - t[s]", "missing-term"),
        Slip("h[s + 1] - t[s] + dhnext", "h[s + 1] - t[s] - dhnext", "sign"),
        Slip("h[s + 1] - t[s] + dhnext", "h[s] - t[s] + dhnext", "off-by-index"),
        Slip("dhnext = dz @ Wh.T", "dhnext = dz @ Wh", "transpose"),
        Slip("dWh += h[s].T @ dz", "dWh = h[s].T @ dz", "overwritten"),
        Slip("db += dz.sum(0)", "db += dz.mean(0)", "mean-vs-sum"),
        Slip("dWx += x[s].T @ dz", "dWx += x[s].T @ dout", "another-name"),
    ),
    together=((3, 5),),
)
