"""Loops by hand: carries, counters that run either way, one entry at a time."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def birnn(rng):
    """A recurrent network that reads in both directions, while loops with a carry."""
    T, D, H = 3, 2, 3
    x = tg.Tensor(rng.normal(size=(T, D)))
    Uf, Wf, Ub, Wb = (tg.Tensor(rng.normal(size=s) * 0.7) for s in ((D, H), (H, H), (D, H), (H, H)))
    V = tg.Tensor(rng.normal(size=(2 * H,)))
    y = rng.normal(size=T)
    hf, hb = [None] * T, [None] * T
    h = np.zeros(H)
    for t in range(T):
        h = tg.tanh(x[t] @ Uf + h @ Wf)
        hf[t] = h
    h = np.zeros(H)
    for t in reversed(range(T)):
        h = tg.tanh(x[t] @ Ub + h @ Wb)
        hb[t] = h
    loss = 0
    for t in range(T):
        loss = loss + 0.5 * (tg.concat([hf[t], hb[t]], axis=0) @ V - y[t]) ** 2
    return loss, dict(x=x, Uf=Uf, Wf=Wf, Ub=Ub, Wb=Wb, V=V, y=y, hf=hf, hb=hb)


def birnn_backward(x, Uf, Wf, Ub, Wb, V, y, hf, hb):
    T, H = len(x), len(Wf)
    dx, dV = np.zeros_like(x), np.zeros_like(V)
    dUf, dWf, dUb, dWb = (np.zeros_like(a) for a in (Uf, Wf, Ub, Wb))
    errs = [np.concatenate([hf[t], hb[t]]) @ V - y[t] for t in range(T)]
    for t in range(T):
        dV += errs[t] * np.concatenate([hf[t], hb[t]])
    carry = np.zeros(H)
    t = T - 1
    while t >= 0:
        dh = errs[t] * V[:H] + carry
        da = dh * (1 - hf[t] ** 2)
        dUf += np.outer(x[t], da)
        if t > 0:
            dWf += np.outer(hf[t - 1], da)
        dx[t] += Uf @ da
        carry = Wf @ da
        t -= 1
    carry = np.zeros(H)
    t = 0
    while t < T:
        dh = errs[t] * V[H:] + carry
        da = dh * (1 - hb[t] ** 2)
        dUb += np.outer(x[t], da)
        if t < T - 1:
            dWb += np.outer(hb[t + 1], da)
        dx[t] += Ub @ da
        carry = Wb @ da
        t += 1
    return dx, dUf, dWf, dUb, dWb, dV


BIRNN = Case(
    birnn,
    birnn_backward,
    (
        Slip("dx[t] += Ub @ da", "dx[t] = Ub @ da", "overwritten"),
        Slip("dWb += np.outer(hb[t + 1], da)", "dWb += np.outer(hb[t - 1], da)", "off-by-index"),
        Slip("errs[t] * V[H:] + carry", "errs[t] * V[:H] + carry", "off-by-index"),
        Slip("carry = Wb @ da", "carry = Wb.T @ da", "transpose"),
        Slip("    carry = np.zeros(H)\n    t = 0", "    t = 0", "overwritten"),
        Slip("da = dh * (1 - hf[t] ** 2)", "da = dh * (1 - hb[t] ** 2)", "another-name"),
    ),
)


def llmc_layernorm(rng):
    """Layer normalisation entry by entry, as in C."""
    B, T, C, eps = 2, 3, 4, 1e-5
    inp = tg.Tensor(rng.normal(size=(B, T, C)))
    weight, bias = tg.Tensor(rng.normal(size=C)), tg.Tensor(rng.normal(size=C))
    dout = rng.normal(size=(B, T, C))
    m = inp.mean(axis=-1, keepdims=True)
    v = ((inp - m) ** 2).mean(axis=-1, keepdims=True)
    out = (inp - m) / tg.sqrt(v + eps) * weight + bias
    loss = (out * dout).sum()
    return loss, dict(inp=inp, weight=weight, bias=bias, dout=dout, eps=eps)


def llmc_layernorm_backward(inp, weight, dout, eps):
    B, T, C = inp.shape
    dinp = np.zeros((B, T, C))
    dweight = np.zeros(C)
    dbias = np.zeros(C)
    for b in range(B):
        for t in range(T):
            mean = inp[b, t].sum() / C
            rstd = 1.0 / np.sqrt(((inp[b, t] - mean) ** 2).sum() / C + eps)
            dnorm_mean = 0.0
            dnorm_norm_mean = 0.0
            for i in range(C):
                norm = (inp[b, t, i] - mean) * rstd
                dnorm = weight[i] * dout[b, t, i]
                dnorm_mean += dnorm
                dnorm_norm_mean += dnorm * norm
            dnorm_mean /= C
            dnorm_norm_mean /= C
            for i in range(C):
                norm = (inp[b, t, i] - mean) * rstd
                dnorm = weight[i] * dout[b, t, i]
                dbias[i] += dout[b, t, i]
                dweight[i] += norm * dout[b, t, i]
                dval = 0.0
                dval += dnorm
                dval -= dnorm_mean
                dval -= norm * dnorm_norm_mean
                dval *= rstd
                dinp[b, t, i] += dval
    return dinp, dweight, dbias


LLMC_LAYERNORM = Case(
    llmc_layernorm,
    llmc_layernorm_backward,
    (
        Slip("            dnorm_norm_mean /= C\n", "", "missing-factor"),
        Slip("dval -= norm * dnorm_norm_mean", "dval -= dnorm_norm_mean", "missing-factor"),
        Slip("dval *= rstd", "dval /= rstd", "operator"),
        Slip("dweight[i] += norm * dout[b, t, i]", "dweight[i] += norm * dnorm", "another-name"),
        Slip("dval -= dnorm_mean\n", "dval += dnorm_mean\n", "sign"),
    ),
)


def holt(rng):
    """Exponential smoothing with a trend, unrolled by hand."""
    y = rng.normal(size=6).cumsum()
    alpha, beta = tg.Tensor(0.4), tg.Tensor(0.2)
    level, trend = y[0], 0.0
    sse = 0
    for t in range(1, len(y)):
        err = y[t] - (level + trend)
        sse = sse + err**2
        new = level + trend + alpha * err
        trend = trend + alpha * beta * err
        level = new
    return sse, dict(y=y, alpha=alpha, beta=beta)


def holt_backward(y, alpha, beta):
    n = len(y)
    level, trend, errs = y[0], 0.0, [None]
    for t in range(1, n):
        e = y[t] - level - trend
        errs.append(e)
        level, trend = level + trend + alpha * e, trend + alpha * beta * e
    dalpha = dbeta = 0.0
    dl = dt = 0.0
    for t in range(n - 1, 0, -1):
        e = errs[t]
        de = 2 * e + alpha * dl + alpha * beta * dt
        dalpha += dl * e + dt * beta * e
        dbeta += dt * alpha * e
        dl, dt = dl - de, dl + dt - de
    return dalpha, dbeta


HOLT = Case(
    holt,
    holt_backward,
    (
        Slip("dl, dt = dl - de, dl + dt - de", "dl, dt = dl - de, dt - de", "missing-term"),
        Slip("dalpha += dl * e + dt * beta * e", "dalpha += dl * e", "missing-term"),
        Slip("dbeta += dt * alpha * e", "dbeta += dt * e", "missing-factor"),
        Slip("de = 2 * e + alpha * dl", "de = 2 * e - alpha * dl", "sign"),
        Slip("for t in range(n - 1, 0, -1)", "for t in range(n - 1, 1, -1)", "off-by-index"),
    ),
)


def implicit_heat(rng):
    """One implicit step of heat flow, and its adjoint by the Thomas algorithm."""
    n, k = 6, 0.3
    u0 = tg.Tensor(rng.normal(size=n))
    kappa = tg.Tensor(rng.uniform(0.5, 1.5, n))
    target = rng.normal(size=n)
    off = np.eye(n, k=1) + np.eye(n, k=-1)
    L = 2 * np.eye(n) - off
    A = np.eye(n) + k * (kappa.reshape(n, 1) * L)
    u1 = tg.solve(A, u0)
    J = 0.5 * ((u1 - target) ** 2).sum()
    return J, locals()


def thomas(a, b, c, d):
    n = len(d)
    b, d = b.copy(), d.copy()
    for i in range(1, n):
        m = a[i] / b[i - 1]
        b[i] -= m * c[i - 1]
        d[i] -= m * d[i - 1]
    x = np.zeros(n)
    x[-1] = d[-1] / b[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (d[i] - c[i] * x[i + 1]) / b[i]
    return x


def implicit_heat_backward(u0, kappa, k, u1, target):
    n = len(u0)
    lower, diag, upper = -k * kappa, 1 + 2 * k * kappa, -k * kappa
    lam_lower = np.zeros(n)
    lam_upper = np.zeros(n)
    lam_lower[1:] = upper[:-1]
    lam_upper[:-1] = lower[1:]
    du1 = u1 - target
    lam = thomas(lam_lower, diag, lam_upper, du1)
    du0 = lam
    dkappa = np.zeros(n)
    for i in range(n):
        lap = 2 * u1[i]
        if i > 0:
            lap -= u1[i - 1]
        if i < n - 1:
            lap -= u1[i + 1]
        dkappa[i] = -k * lam[i] * lap
    return du0, dkappa


IMPLICIT_HEAT = Case(
    implicit_heat,
    implicit_heat_backward,
    (
        Slip("dkappa[i] = -k * lam[i] * lap", "dkappa[i] = k * lam[i] * lap", "sign"),
        Slip("lam_lower[1:] = upper[:-1]", "lam_lower[1:] = lower[1:]", "transpose"),
        Slip("lap = 2 * u1[i]", "lap = u1[i]", "missing-factor"),
        Slip("-k * lam[i] * lap", "-k * lam[i] * lap * kappa[i]", "extra-factor"),
        Slip("du1 = u1 - target", "du1 = u1 - u0", "another-name"),
        Slip(
            "if i < n - 1:\n            lap -= u1[i + 1]",
            "if i < n - 1:\n            lap += u1[i + 1]",
            "sign",
        ),
    ),
    helpers=(thomas,),
)
