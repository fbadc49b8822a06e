"""One example after the other: rows that are added up, lists, columns that are left out."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def nn_cost(rng):
    """Two layers with bias columns, example by example, biases not decayed."""
    m, lam = 4, 0.8
    X = rng.normal(size=(m, 3))
    Y = np.eye(2)[rng.integers(0, 2, m)]
    Theta1, Theta2 = tg.Tensor(rng.normal(size=(4, 4))), tg.Tensor(rng.normal(size=(2, 5)))
    A1 = np.hstack([np.ones((m, 1)), X])
    hid = tg.sigmoid(A1 @ Theta1.T)
    h = tg.sigmoid(tg.concat([np.ones((m, 1)), hid], axis=1) @ Theta2.T)
    J = -(Y * tg.log(h) + (1 - Y) * tg.log(1 - h)).sum() / m
    J = J + lam / (2 * m) * ((Theta1[:, 1:] ** 2).sum() + (Theta2[:, 1:] ** 2).sum())
    return J, dict(X=X, Y=Y, Theta1=Theta1, Theta2=Theta2, lam=lam, m=m)


def sigm(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoidGradient(z):
    g = sigm(z)
    return g * (1 - g)


def nn_cost_backward(X, Y, Theta1, Theta2, lam, m):
    Theta1_grad = np.zeros(Theta1.shape)
    Theta2_grad = np.zeros(Theta2.shape)
    for t in range(m):
        a1 = np.concatenate(([1.0], X[t]))
        z2 = Theta1.dot(a1)
        a2 = np.concatenate(([1.0], sigm(z2)))
        z3 = Theta2.dot(a2)
        a3 = sigm(z3)
        delta3 = a3 - Y[t]
        delta2 = Theta2.T.dot(delta3)[1:] * sigmoidGradient(z2)
        Theta1_grad += np.outer(delta2, a1)
        Theta2_grad += np.outer(delta3, a2)
    Theta1_grad /= m
    Theta2_grad /= m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return Theta1_grad, Theta2_grad


NN_COST = Case(
    nn_cost,
    nn_cost_backward,
    (
        Slip(
            "Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]",
            "Theta1_grad += lam / m * Theta1",
            "off-by-index",
        ),
        Slip(
            "* sigmoidGradient(z2)",
            "* sigmoidGradient(a2[1:])",
            "activation-derivative-at-wrong-point",
        ),
        Slip(
            "Theta2_grad += np.outer(delta3, a2)",
            "Theta2_grad = np.outer(delta3, a2)",
            "overwritten",
        ),
        Slip(
            "Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]",
            "Theta2_grad[:, 1:] += lam * Theta2[:, 1:]",
            "missing-factor",
        ),
        Slip("Theta2.T.dot(delta3)[1:]", "Theta2.T.dot(delta3)[:-1]", "off-by-index"),
        Slip("    Theta1_grad /= m\n", "", "mean-vs-sum"),
    ),
    helpers=(
        sigm,
        sigmoidGradient,
    ),
    together=((0, 2),),
)


def bpr(rng):
    """Preferences: triples of a user and two things, one by one."""
    U, V, lam = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=(5, 3))), 0.02
    b = tg.Tensor(rng.normal(size=5))
    us, ps, ns = np.array([0, 1, 0, 2]), np.array([1, 3, 4, 1]), np.array([2, 0, 2, 3])
    loss = 0
    for u, i, j in zip(us, ps, ns, strict=True):
        x = b[i] - b[j] + (U[u] * (V[i] - V[j])).sum()
        loss = loss - tg.log(tg.sigmoid(x)) + lam * (U[u] ** 2).sum()
    return loss, dict(U=U, V=V, b=b, us=us, ps=ps, ns=ns, lam=lam)


def bpr_backward(U, V, b, us, ps, ns, lam):
    dU, dV, db = np.zeros_like(U), np.zeros_like(V), np.zeros_like(b)
    for u, i, j in zip(us, ps, ns, strict=True):
        x_uij = b[i] - b[j] + U[u] @ (V[i] - V[j])
        e = 1 / (1 + np.exp(x_uij))
        dU[u] += -e * (V[i] - V[j]) + 2 * lam * U[u]
        dV[i] += -e * U[u]
        dV[j] += e * U[u]
        db[i] -= e
        db[j] += e
    return dU, dV, db


BPR = Case(
    bpr,
    bpr_backward,
    (
        Slip("dV[j] += e * U[u]", "dV[j] += -e * U[u]", "sign"),
        Slip("dU[u] += -e", "dU[u] = -e", "overwritten"),
        Slip("+ 2 * lam * U[u]", "+ lam * U[u]", "missing-factor"),
        Slip("e = 1 / (1 + np.exp(x_uij))", "e = 1 / (1 + np.exp(-x_uij))", "sign"),
        Slip("db[j] += e", "db[j] = e", "overwritten"),
        Slip("dV[i] += -e * U[u]", "dV[u] += -e * U[u]", "off-by-index"),
    ),
)


def cbow(rng):
    """A word from the mean of those around it, lists of different lengths."""
    V, d = 7, 4
    W_in, W_out = tg.Tensor(rng.normal(size=(V, d))), tg.Tensor(rng.normal(size=(d, V)))
    pairs_ = [([0, 2, 2], 1), ([3, 5, 6], 4)]
    contexts, targets = [c for c, _ in pairs_], [t for _, t in pairs_]
    loss = 0
    for ctx, t in zip(contexts, targets, strict=True):
        h = W_in[np.array(ctx)].mean(axis=0)
        loss = loss - tg.log_softmax(h @ W_out, axis=0)[t]
    return loss, dict(W_in=W_in, W_out=W_out, contexts=contexts, targets=targets)


def cbow_backward(W_in, W_out, contexts, targets):
    def softmax(a):
        b = np.exp(a - np.max(a))
        return b / b.sum()

    dW_in = np.zeros_like(W_in)
    dW_out = np.zeros_like(W_out)
    for context, target in zip(contexts, targets, strict=True):
        h = np.mean([W_in[c] for c in context], axis=0)
        err = softmax(h @ W_out)
        err[target] -= 1
        dW_out += np.outer(h, err)
        dh = W_out @ err
        for c in context:
            dW_in[c] += dh / len(context)
    return dW_in, dW_out


CBOW = Case(
    cbow,
    cbow_backward,
    (
        Slip("dW_in[c] += dh / len(context)", "dW_in[c] = dh / len(context)", "overwritten"),
        Slip("dW_in[c] += dh / len(context)", "dW_in[c] += dh", "missing-factor"),
        Slip("dW_in[c] += dh", "dW_in[target] += dh", "off-by-index"),
        Slip("dW_out += np.outer(h, err)", "dW_out = np.outer(h, err)", "overwritten"),
        Slip("err[target] -= 1", "err[target] = 1", "operator"),
        Slip("/ len(context)", "/ len(contexts)", "another-name"),
    ),
)
