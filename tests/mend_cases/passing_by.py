"""Programs of one more hand, written after the repair had been mended on all the others."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def oscillators(rng):
    """Coupled phases: every pair's cosine, and a field that pulls on each."""
    theta, K = tg.Tensor(rng.normal(size=5)), tg.Tensor(0.7)
    field = rng.normal(size=5)
    gap = theta[:, None] - theta[None, :]
    E = -K / (2 * 5) * tg.cos(gap).sum() - (field * tg.sin(theta)).sum()
    return E, locals()


def oscillators_backward(theta, K, field):
    n = len(theta)
    gap = theta[:, None] - theta
    dtheta = K / n * np.sin(gap).sum(axis=1) - field * np.cos(theta)
    dK = -np.cos(gap).sum() / (2 * n)
    return dtheta, dK


OSCILLATORS = Case(
    oscillators,
    oscillators_backward,
    (
        Slip("np.sin(gap).sum(axis=1)", "np.sin(gap).sum(axis=0)", "wrong-axis"),
        Slip("- field * np.cos(theta)", "+ field * np.cos(theta)", "sign"),
        Slip("dK = -np.cos(gap).sum() / (2 * n)", "dK = -np.cos(gap).sum() / n", "constant-scale"),
        Slip("dtheta = K / n * np.sin", "dtheta = K * np.sin", "mean-vs-sum"),
    ),
    together=((1, 2),),
)


def words_around(rng):
    """A word from the mean of those around it: embeddings in, a softmax out."""
    ctx, word = np.array([[0, 2], [1, 3], [2, 4], [0, 1]]), np.array([1, 2, 3, 4])
    Emb, Out = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(3, 5)))
    h = (Emb[ctx[:, 0]] + Emb[ctx[:, 1]]) / 2
    scores = h @ Out
    loss = -tg.log_softmax(scores, axis=1)[np.arange(4), word].mean()
    return loss, locals()


def words_around_backward(ctx, word, Emb, Out, h, scores):
    B = len(word)
    p = np.exp(scores - scores.max(axis=1)[:, None])
    p = p / p.sum(axis=1)[:, None]
    p[np.arange(B), word] -= 1
    g = p / B
    dOut = h.T @ g
    dh = g @ Out.T
    dEmb = np.zeros_like(Emb)
    for row, pair in zip(dh, ctx, strict=True):
        for w in pair:
            dEmb[w] += row / 2
    return dOut, dEmb


WORDS = Case(
    words_around,
    words_around_backward,
    (
        Slip("dEmb[w] += row / 2", "dEmb[w] += row", "constant-scale"),
        Slip("dEmb[w] += row / 2", "dEmb[w] = row / 2", "overwritten"),
        Slip("p[np.arange(B), word] -= 1", "p[np.arange(B), word] = 1", "overwritten"),
        Slip("g = p / B", "g = p", "mean-vs-sum"),
        Slip("dh = g @ Out.T", "dh = p @ Out.T", "another-name"),
    ),
    pairs={"g": "scores"},
    together=((0, 3),),
)


def gated(rng):
    """One step of a minimal gate: what is joined with the input, a gate, a candidate."""
    x, h, goal = rng.normal(size=3), tg.Tensor(rng.normal(size=2)), rng.normal(size=2)
    Wf, Wc = tg.Tensor(rng.normal(size=(2, 5))), tg.Tensor(rng.normal(size=(2, 5)))
    z = tg.concat([h, x])
    f = tg.sigmoid(Wf @ z)
    zc = tg.concat([f * h, x])
    c = tg.tanh(Wc @ zc)
    hn = (1 - f) * h + f * c
    L = 0.5 * ((hn - goal) ** 2).sum()
    return L, locals()


def gated_backward(h, goal, Wf, Wc, z, f, zc, c, hn):
    dhn = hn - goal
    dc = dhn * f
    da = dc * (1 - c**2)
    dWc = np.outer(da, zc)
    back = Wc.T @ da
    df = dhn * (c - h) + back[:2] * h
    db = df * f * (1 - f)
    dWf = np.outer(db, z)
    dh = dhn * (1 - f) + back[:2] * f + (Wf.T @ db)[:2]
    return {"Wf": dWf, "Wc": dWc, "h": dh}


GATED = Case(
    gated,
    gated_backward,
    (
        Slip("df = dhn * (c - h) + back[:2] * h", "df = dhn * c + back[:2] * h", "missing-term"),
        Slip("df = dhn * (c - h) + back[:2] * h", "df = dhn * (c - h)", "missing-term"),
        Slip("back = Wc.T @ da", "back = Wc.T @ dc", "another-name"),
        Slip(
            "dh = dhn * (1 - f) + back[:2] * f", "dh = dhn * (1 - f) + back[:2]", "missing-factor"
        ),
        Slip("db = df * f * (1 - f)", "db = df * (1 - f**2)", "wrong-activation-derivative"),
        Slip(" + (Wf.T @ db)[:2]", " + (Wf.T @ db)[2:4]", "off-by-index"),
    ),
    pairs={"da": "", "db": ""},
    together=((0, 3),),
)


def additive(rng):
    """Additive attention over memories: scores by tanh, weights, a context, a squared error."""
    M, goal = tg.Tensor(rng.normal(size=(4, 3))), rng.normal(size=3)
    W, v = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    T = tg.tanh(M @ W)
    a = tg.softmax(T @ v)
    ctx = a @ M
    J = ((ctx - goal) ** 2).sum()
    return J, locals()


def additive_backward(M, goal, W, v, T, a, ctx):
    g = 2 * (ctx - goal)
    da = M @ g
    ds = a * (da - np.dot(a, da))
    dv = np.dot(T.T, ds)
    dT = ds[:, None] * v[None, :]
    dpre = dT * (1 - T * T)
    dW = np.dot(M.T, dpre)
    dM = np.dot(dpre, W.T) + a[:, None] * g[None, :]
    return dv, dW, dM


ADDITIVE = Case(
    additive,
    additive_backward,
    (
        Slip(" + a[:, None] * g[None, :]", "", "missing-term"),
        Slip(
            "ds = a * (da - np.dot(a, da))", "ds = a * (1 - a) * da", "wrong-activation-derivative"
        ),
        Slip("dpre = dT * (1 - T * T)", "dpre = dT * (1 - T) * T", "wrong-activation-derivative"),
        Slip("g = 2 * (ctx - goal)", "g = ctx - goal", "constant-scale"),
        Slip("dv = np.dot(T.T, ds)", "dv = np.dot(T.T, da)", "another-name"),
    ),
    pairs={"g": "ctx", "ds": "", "dpre": ""},
    together=((2, 4),),
)


def bond(rng):
    """A bond's price by its yield and coupon, against the market's."""
    t, market = np.arange(1.0, 6.0), 98.0
    y, c = tg.Tensor(0.04 + 0.01 * rng.random()), tg.Tensor(3.5)
    disc = (1 + y) ** (-t)
    price = c * disc.sum() + 100 * disc[4]
    L = (price - market) ** 2
    return L, locals()


def bond_backward():
    return {
        "price": lambda price, market: 2 * (price - market),
        "c": lambda price, market, disc: 2 * (price - market) * disc.sum(),
        "y": lambda price, market, disc, t, c, y: (
            -2 * (price - market) * (c * np.sum(t * disc) + 500 * disc[-1]) / (1 + y)
        ),
    }


BOND = Case(
    bond,
    bond_backward,
    (
        Slip(" / (1 + y)\n", "\n", "missing-factor"),
        Slip("-2 * (price - market) * (c", "2 * (price - market) * (c", "sign"),
        Slip("500 * disc[-1]", "100 * disc[-1]", "constant-scale"),
        Slip("np.sum(t * disc)", "np.sum(disc)", "missing-factor"),
    ),
    form="lambdas",
)


def drag(rng):
    """A thrown body with drag, by steps: how far off its end is, by the first speed."""
    k, v0 = tg.Tensor(0.1), tg.Tensor(3.0 + rng.random())
    dt, goal, N = 0.2, 2.0, 4
    vs, xs = [v0], [tg.Tensor(0.0)]
    for _ in range(4):
        xs.append(xs[-1] + dt * vs[-1])
        vs.append(vs[-1] - dt * k * vs[-1] ** 2)
    miss = (xs[-1] - goal) ** 2 + 0.1 * vs[-1] ** 2
    return miss, locals()


def drag_backward(k, vs, xs, dt, goal, N):
    gx = 2 * (xs[N] - goal)
    gv = 0.2 * vs[N]
    dk = 0.0
    for i in range(N - 1, -1, -1):
        dk -= gv * dt * vs[i] ** 2
        gv = gv * (1 - 2 * dt * k * vs[i]) + gx * dt
    dv0 = gv
    return dk, dv0


DRAG = Case(
    drag,
    drag_backward,
    (
        Slip("(1 - 2 * dt * k * vs[i])", "(1 - dt * k * vs[i])", "constant-scale"),
        Slip(" + gx * dt\n", "\n", "missing-term"),
        Slip("gv = 0.2 * vs[N]", "gv = 0.1 * vs[N]", "constant-scale"),
        Slip("dk -= gv * dt * vs[i] ** 2", "dk -= gv * dt * vs[i]", "missing-factor"),
        Slip("dk -= gv", "dk += gv", "sign"),
    ),
    together=((2, 4),),
)


def parts(rng):
    """A table of counts as a product of two, by the divergence that suits counts."""
    V = rng.poisson(4, size=(4, 5)) + 1.0
    W, H = tg.Tensor(rng.uniform(0.5, 1.5, size=(4, 2))), tg.Tensor(rng.uniform(0.5, 1.5, (2, 5)))
    R = W @ H
    D = (R - V * tg.log(R)).sum()
    return D, locals()


def parts_backward():
    return {
        "R": "1 - V / R",
        "W": "(1 - V / R) @ H.T",
        "H": "W.T @ (1 - V / R)",
    }


PARTS = Case(
    parts,
    parts_backward,
    (
        Slip('"1 - V / R"', '"V / R - 1"', "sign"),
        Slip("(1 - V / R) @ H.T", "(1 - V) / R @ H.T", "bracket"),
        Slip("W.T @ (1 - V / R)", "W.T @ (R - V)", "missing-factor"),
        Slip("W.T @ (1 - V / R)", "W.T @ (V / R)", "missing-term"),
    ),
    together=((0, 1),),
    form="text",
)


def relations(rng):
    """Triples by a matrix for each relation: scores by einsum, a logistic loss."""
    s, r, o = np.array([0, 1, 2, 0]), np.array([0, 1, 0, 1]), np.array([1, 2, 0, 2])
    truth = np.array([1.0, 0, 1, 0])
    E, Rel = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(2, 2, 2)))
    score = ((E[s][:, None, :] @ Rel[r]).reshape(4, 2) * E[o]).sum(axis=1)
    nll = (tg.softplus(score) - truth * score).sum()
    return nll, locals()


def relations_backward(s, r, o, truth, E, Rel, score):
    e = 1 / (1 + np.exp(-score)) - truth
    dE, dRel = np.zeros_like(E), np.zeros_like(Rel)
    for n in range(len(s)):
        dRel[r[n]] += e[n] * np.outer(E[s[n]], E[o[n]])
        dE[s[n]] += e[n] * Rel[r[n]] @ E[o[n]]
        dE[o[n]] += e[n] * Rel[r[n]].T @ E[s[n]]
    return dE, dRel


RELATIONS = Case(
    relations,
    relations_backward,
    (
        Slip("np.outer(E[s[n]], E[o[n]])", "np.outer(E[o[n]], E[s[n]])", "wrong-order"),
        Slip("Rel[r[n]].T @ E[s[n]]", "Rel[r[n]] @ E[s[n]]", "transpose"),
        Slip("dE[o[n]] += e[n]", "dE[o[n]] = e[n]", "overwritten"),
        Slip("e = 1 / (1 + np.exp(-score)) - truth", "e = 1 / (1 + np.exp(score)) - truth", "sign"),
        Slip(
            "dE[s[n]] += e[n] * Rel[r[n]] @ E[o[n]]",
            "dE[s[n]] += Rel[r[n]] @ E[o[n]]",
            "missing-factor",
        ),
    ),
    pairs={"e": "score"},
    together=((0, 1),),
)
