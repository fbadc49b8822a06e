"""Matrix identities: traces, determinants, factors, barriers, quotients, transport."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def factor(rng):
    """A Gaussian by the lower factor of its covariance: solve against it, sum its logs."""
    raw, y = tg.Tensor(rng.normal(size=(3, 3))), rng.normal(size=(4, 3))
    m = tg.Tensor(rng.normal(size=3))
    L = tg.tril(raw, -1) + tg.diag(tg.exp(tg.diagonal(raw)))
    z = tg.linalg.solve(L, (y - m).T)
    nll = 0.5 * (z**2).sum() + 4 * tg.log(tg.diagonal(L)).sum()
    return nll, locals()


def factor_backward(raw, y, L, z):
    N = len(y)
    back = np.linalg.solve(L.T, z)
    dL = np.tril(-back @ z.T) + N * np.diag(1 / np.diag(L))
    draw = np.tril(dL, -1) + np.diag(np.diag(dL) * np.exp(np.diag(raw)))
    dm = -back.sum(axis=1)
    return draw, dm


FACTOR = Case(
    factor,
    factor_backward,
    (
        Slip("np.linalg.solve(L.T, z)", "np.linalg.solve(L, z)", "transpose"),
        Slip("np.tril(-back @ z.T)", "np.tril(-z @ back.T)", "wrong-order"),
        Slip("np.diag(dL) * np.exp(np.diag(raw))", "np.diag(dL)", "missing-factor"),
        Slip(" + N * np.diag(1 / np.diag(L))", " + np.diag(1 / np.diag(L))", "mean-vs-sum"),
        Slip("dm = -back.sum", "dm = back.sum", "sign"),
    ),
    pairs={"dL": ""},
    together=((0, 3), (2, 4)),
)


def kronecker(rng):
    """|A X B' - C|^2 / 2, a matrix between two others."""
    A, X = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=(2, 4)))
    B, C = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=(3, 5))
    R = A @ X @ B.T - C
    f = 0.5 * tg.trace(R.T @ R)
    return f, locals()


def kronecker_backward():
    return {
        "X": "A.T @ R @ B",
        "A": "R @ B @ X.T",
        "B": "R.T @ A @ X",
    }


KRONECKER = Case(
    kronecker,
    kronecker_backward,
    (
        Slip("A.T @ R @ B", "A.T @ R @ B * 2", "constant-scale"),
        Slip("R @ B @ X.T", "(R @ B @ X.T).T", "transpose"),
        Slip("R.T @ A @ X", "C.T @ A @ X", "another-name"),
        Slip("R.T @ A @ X", "-R.T @ A @ X", "sign"),
    ),
    together=((0, 3),),
    form="text",
)


def whitening(rng):
    """|X A^-1|^2 / 2 + log det A'A / 2, its derivative by the inverse and in one line."""
    X, A = rng.normal(size=(5, 3)), tg.Tensor(rng.normal(size=(3, 3)) + 2 * np.eye(3))
    Ai = tg.linalg.inv(A)
    Y = X @ Ai
    f = 0.5 * (Y**2).sum() + 0.5 * tg.linalg.slogdet(A.T @ A)[1]
    return f, locals()


def whitening_backward():
    return {
        "Y": lambda Y: Y,
        "A": lambda Y, Ai: -Y.T @ Y @ Ai.T + Ai.T,
    }


WHITENING = Case(
    whitening,
    whitening_backward,
    (
        Slip("-Y.T @ Y @ Ai.T", "-Y.T @ Y @ Ai", "transpose"),
        Slip("-Y.T @ Y @ Ai.T + Ai.T", "Y.T @ Y @ Ai.T + Ai.T", "sign"),
        Slip(" + Ai.T,", " + Ai,", "transpose"),
        Slip(" + Ai.T,", " + 2 * Ai.T,", "constant-scale"),
    ),
    together=((0, 3),),
    form="lambdas",
)


def barrier(rng):
    """A linear program's barrier: t c'x less the logs of the slacks, by x and by the data."""
    A, c, t = tg.Tensor(rng.normal(size=(5, 3))), rng.normal(size=3), 2.0
    x = tg.Tensor(0.1 * rng.normal(size=3))
    b = tg.Tensor(rng.uniform(1.5, 3, size=5))
    slack = b - A @ x
    phi = t * (c @ x) - tg.log(slack).sum()
    return phi, locals()


def barrier_backward(A, x, c, t, slack):
    inv = 1 / slack
    dx = t * c + A.T @ inv
    db = -inv
    dA = inv[:, None] @ x[None, :]
    return dx, db, dA


BARRIER = Case(
    barrier,
    barrier_backward,
    (
        Slip("t * c + A.T @ inv", "t * c - A.T @ inv", "sign"),
        Slip("t * c + A.T @ inv", "c + A.T @ inv", "missing-factor"),
        Slip("db = -inv", "db = inv", "sign"),
        Slip("inv = 1 / slack", "inv = 1 / slack**2", "operator"),
        Slip("dA = inv[:, None] @ x[None, :]", "dA = A * inv[:, None]", "another-name"),
    ),
    together=((1, 2),),
)


def rayleigh(rng):
    """A quotient of two quadratic forms."""
    M, N = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    A, B = M + M.T, N @ N.T + np.eye(4)
    x = tg.Tensor(rng.normal(size=4))
    num = x @ A @ x
    den = x @ B @ x
    rho = num / den
    return rho, locals()


def rayleigh_backward():
    return {"x": "2 * (A @ x - rho * (B @ x)) / den"}


RAYLEIGH = Case(
    rayleigh,
    rayleigh_backward,
    (
        Slip("2 * (A @ x - rho", "2 * (A @ x + rho", "sign"),
        Slip("2 * (A @ x", "(A @ x", "constant-scale"),
        Slip("rho * (B @ x)) / den", "rho * (B @ x))", "missing-factor"),
        Slip("rho * (B @ x)", "rho * x", "missing-factor"),
        Slip("rho * (B @ x)", "num * (B @ x)", "another-name"),
    ),
    form="text",
)


def factor_model(rng):
    """Probabilistic components: C = W W' + s I, log det and a trace with a covariance."""
    d, q = 4, 2
    data = rng.normal(size=(8, d))
    S = data.T @ data / 8
    W, s = tg.Tensor(rng.normal(size=(d, q))), tg.Tensor(0.7 + 0.2 * rng.random())
    C = W @ W.T + s * np.eye(d)
    Ci = tg.linalg.inv(C)
    L = 4 * (tg.linalg.slogdet(C)[1] + tg.trace(Ci @ S))
    return L, locals()


def factor_model_backward(S, W, Ci):
    dC = 4 * (Ci - Ci @ S @ Ci)
    dW = 2 * dC @ W
    ds = np.trace(dC)
    return dC, dW, ds


FACTOR_MODEL = Case(
    factor_model,
    factor_model_backward,
    (
        Slip("Ci - Ci @ S @ Ci", "Ci - Ci @ S", "missing-factor"),
        Slip("4 * (Ci - Ci @ S @ Ci)", "4 * (Ci + Ci @ S @ Ci)", "sign"),
        Slip("dW = 2 * dC @ W", "dW = dC @ W", "constant-scale"),
        Slip("ds = np.trace(dC)", "ds = dC.sum()", "operator"),
        Slip("Ci - Ci @ S @ Ci", "Ci - S", "missing-factor"),
    ),
    together=((1, 2),),
)


def transport(rng):
    """One and a half rounds of Sinkhorn, differentiated by hand: scalings u, v and a kernel."""
    a, b, eps = np.full(3, 1 / 3), np.array([0.2, 0.3, 0.5]), 0.5
    M = tg.Tensor(rng.uniform(0.2, 1.5, size=(3, 3)))
    K = tg.exp(-M / eps)
    u = a / K.sum(axis=1)
    v = b / (K.T @ u)
    P = u[:, None] * K * v[None, :]
    cost = (P * M).sum()
    return cost, locals()


def transport_backward(a, b, eps, M, K, u, v, P):
    dP = M
    du = (dP * K * v).sum(axis=1)
    dv = (dP * K * u[:, None]).sum(axis=0)
    dK = dP * np.outer(u, v)
    dKu = -dv * v**2 / b
    dK = dK + np.outer(u, dKu)
    du = du + K @ dKu
    dK = dK - (du * u**2 / a)[:, None]
    dM = P - dK * K / eps
    return dM


TRANSPORT = Case(
    transport,
    transport_backward,
    (
        Slip("dM = P - dK * K / eps", "dM = -dK * K / eps", "missing-term"),
        Slip("dKu = -dv * v**2 / b", "dKu = -dv * v / b", "missing-factor"),
        Slip("du = du + K @ dKu", "du = du + K.T @ dKu", "transpose"),
        Slip("dK * K / eps", "dK * K", "missing-factor"),
        Slip("dK = dK + np.outer(u, dKu)", "dK = dK + np.outer(dKu, u)", "wrong-order"),
        Slip("dK = dK - (du * u**2 / a)[:, None]", "dK = dK - du * u**2 / a", "keepdims"),
    ),
    together=((2, 3), (1, 5)),
)


def procrustes(rng):
    """A turn, a scale and a shift that lay one cloud of points on another, in the plane."""
    A, B = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    phi, c = tg.Value(0.4 + 0.3 * rng.random()), tg.Value(1.2)
    co, si = tg.cos(phi), tg.sin(phi)
    n = 6
    E = 0.0
    for (x, y), (p, q) in zip(A, B, strict=True):
        E = E + (c * (co * x - si * y) - p) ** 2 + (c * (si * x + co * y) - q) ** 2
    E = E / (2 * n)
    return E, locals()


def procrustes_backward(A, B, c, co, si, n):
    R, dR = np.array([[co, -si], [si, co]]), np.array([[-si, -co], [co, -si]])
    rest = c * A @ R.T - B
    dc = np.sum(rest * (A @ R.T)) / n
    dphi = c * np.sum(rest * (A @ dR.T)) / n
    return dc, dphi


PROCRUSTES = Case(
    procrustes,
    procrustes_backward,
    (
        Slip("[[-si, -co], [co, -si]]", "[[-si, co], [co, -si]]", "sign"),
        Slip("rest = c * A @ R.T - B", "rest = c * A @ R - B", "transpose"),
        Slip("dphi = c * np.sum", "dphi = np.sum", "missing-factor"),
        Slip("[[-si, -co], [co, -si]]", "[[-si, -co], [co, si]]", "sign"),
        Slip("(A @ dR.T)) / n", "(A @ dR.T))", "mean-vs-sum"),
    ),
    together=((0, 2),),
)
