"""Formulas that the corpus lacks: images, tensors, grids, molecules, robots, markets."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def smoothing(rng):
    """Denoising: 1/2 |u - f|^2 + lam sum sqrt(dx^2 + dy^2 + eps), forward differences."""
    f, lam, eps = rng.normal(size=(4, 5)), 0.7, 0.01
    u = tg.Tensor(rng.normal(size=(4, 5)))
    gx, gy = u[:-1, 1:] - u[:-1, :-1], u[1:, :-1] - u[:-1, :-1]
    norm = tg.sqrt(gx**2 + gy**2 + eps)
    E = 0.5 * ((u - f) ** 2).sum() + lam * norm.sum()
    return E, locals()


def smoothing_backward(u, f, gx, gy, norm, lam):
    px, py = lam * gx / norm, lam * gy / norm
    du = u - f
    du[:-1, 1:] += px
    du[1:, :-1] += py
    du[:-1, :-1] -= px + py
    return {"u": du}


SMOOTHING = Case(
    smoothing,
    smoothing_backward,
    (
        Slip("du[:-1, :-1] -= px + py", "du[:-1, :-1] += px + py", "sign"),
        Slip("du[1:, :-1] += py", "du[:-1, 1:] += py", "off-by-index"),
        Slip(
            "lam * gx / norm, lam * gy / norm", "lam * gx / norm, lam * gx / norm", "another-name"
        ),
        Slip("    du[:-1, :-1] -= px + py\n", "", "missing-term"),
    ),
    together=((0, 2),),
)


def decomposition(rng):
    """CP decomposition of a third-order tensor: T_ijk = sum_r A_ir B_jr C_kr."""
    A, B, C = (tg.Tensor(rng.normal(size=(3, 2))) for _ in range(3))
    T = rng.normal(size=(3, 3, 3))
    R = tg.einsum("ir,jr,kr->ijk", A, B, C) - T
    E = 0.5 * (R**2).sum()
    return E, locals()


def decomposition_backward(A, B, C, R):
    dA = np.einsum("ijk,jr,kr->ir", R, B, C)
    dB = np.einsum("ijk,ir,kr->jr", R, A, C)
    dC = np.einsum("ijk,ir,jr->kr", R, A, B)
    return dA, dB, dC


DECOMPOSITION = Case(
    decomposition,
    decomposition_backward,
    (
        Slip('"ijk,jr,kr->ir", R, B, C', '"ijk,kr,jr->ir", R, B, C', "transpose"),
        Slip('"ijk,ir,kr->jr", R, A, C', '"ijk,ir,kr->jr", R, B, C', "another-name"),
        Slip('"ijk,ir,jr->kr", R, A, B', '"kji,ir,jr->kr", R, A, B', "transpose"),
    ),
    together=((0, 1),),
)


def heat(rng):
    """The residual of Burgers' equation on a grid: u u_x - nu u_xx - f, and two ends."""
    h, nu = 0.5, 0.3
    u, f = tg.Tensor(rng.normal(size=7)), rng.normal(size=5)
    ux = (u[2:] - u[:-2]) / (2 * h)
    uxx = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
    res = u[1:-1] * ux - nu * uxx - f
    E = (res**2).mean() + u[0] ** 2 + u[-1] ** 2
    return E, locals()


def heat_backward(u, ux, res, h, nu):
    dres = 2 * res / len(res)
    dux = dres * u[1:-1]
    duxx = -nu * dres
    du = np.zeros_like(u)
    du[1:-1] += dres * ux - 2 * duxx / h**2
    du[2:] += dux / (2 * h) + duxx / h**2
    du[:-2] += -dux / (2 * h) + duxx / h**2
    du[0] += 2 * u[0]
    du[-1] += 2 * u[-1]
    return dux, duxx, du


HEAT = Case(
    heat,
    heat_backward,
    (
        Slip("du[:-2] += -dux / (2 * h)", "du[:-2] += dux / (2 * h)", "sign"),
        Slip("dres * ux - 2 * duxx / h**2", "dres * ux - duxx / h**2", "constant-scale"),
        Slip("du[1:-1] += dres * ux - 2", "du[1:-1] += -2", "missing-term"),
        Slip(
            "du[2:] += dux / (2 * h) + duxx / h**2",
            "du[2:] += dux / h + duxx / h**2",
            "constant-scale",
        ),
        Slip("duxx = -nu * dres", "duxx = nu * dres", "sign"),
        Slip("du[0] += 2 * u[0]", "du[0] = 2 * u[0]", "overwritten"),
    ),
    together=((0, 4), (1, 5)),
)


def molecules(rng):
    """Lennard-Jones: U = sum_(i<j) 4 eps ((s/r)^12 - (s/r)^6)."""
    eps, s, pairs = 0.7, 1.0, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    corners = np.array([[0, 0, 0], [1.3, 0, 0], [0, 1.4, 0], [0, 0, 1.5]])
    x = tg.Tensor(corners + 0.1 * rng.normal(size=(4, 3)))
    U = 0.0
    for i, j in pairs:
        r2 = ((x[i] - x[j]) ** 2).sum()
        U = U + 4 * eps * ((s**2 / r2) ** 6 - (s**2 / r2) ** 3)
    return U, {"x": x, "eps": eps, "s": s, "pairs": pairs}


def molecules_backward(x, eps, s, pairs):
    dx = np.zeros_like(x)
    for i, j in pairs:
        rij = x[i] - x[j]
        r2 = np.dot(rij, rij)
        sr6 = (s**2 / r2) ** 3
        force = 24 * eps * (sr6 - 2 * sr6**2) / r2 * rij
        dx[i] += force
        dx[j] -= force
    return {"x": dx}


MOLECULES = Case(
    molecules,
    molecules_backward,
    (
        Slip("dx[j] -= force", "dx[j] += force", "sign"),
        Slip("(sr6 - 2 * sr6**2)", "(sr6 - sr6**2)", "constant-scale"),
        Slip("        dx[j] -= force\n", "", "missing-term"),
        Slip("/ r2 * rij", "/ np.sqrt(r2) * rij", "missing-factor"),
        Slip("dx[i] += force", "dx[i] = force", "overwritten"),
    ),
    together=((0, 3),),
)


def arm(rng):
    """A planar arm of three joints: where its hand is, and how far from a goal."""
    goal, length = rng.normal(size=2), np.array([1.0, 0.8, 0.5])
    q = tg.Tensor(rng.normal(size=3))
    angle = tg.cumulative_sum(q)
    px, py = (length * tg.cos(angle)).sum(), (length * tg.sin(angle)).sum()
    E = 0.5 * ((px - goal[0]) ** 2 + (py - goal[1]) ** 2)
    return E, locals()


def arm_backward(q, angle, length, px, py, goal):
    dpx, dpy = px - goal[0], py - goal[1]
    dangle = -dpx * length * np.sin(angle) + dpy * length * np.cos(angle)
    dq = np.array([dangle[k:].sum() for k in range(len(q))])
    return dangle, dq


ARM = Case(
    arm,
    arm_backward,
    (
        Slip("-dpx * length * np.sin(angle)", "dpx * length * np.sin(angle)", "sign"),
        Slip("dangle[k:].sum()", "dangle[: k + 1].sum()", "wrong-order"),
        Slip(
            "dpy * length * np.cos(angle)",
            "dpy * length * np.cos(q)",
            "activation-derivative-at-wrong-point",
        ),
        Slip(
            "dpx, dpy = px - goal[0], py - goal[1]",
            "dpx, dpy = px - goal[1], py - goal[0]",
            "off-by-index",
        ),
    ),
    together=((0, 1),),
    unseen=(
        Slip(
            "dq = np.array([dangle[k:].sum() for k in range(len(q))])",
            "dq = np.cumsum(dangle[::-1])[::-1]",
            "unseen",
        ),
    ),
)


def sharpe(rng):
    """A portfolio's Sharpe ratio: -mean / std of the returns R w, w = softmax(a)."""
    T = 9
    R, a = rng.normal(size=(T, 3)) * 0.5 + 0.4, tg.Tensor(rng.normal(size=3))
    w = tg.softmax(a, axis=0)
    r = R @ w
    mean = r.mean()
    sd = tg.sqrt(((r - mean) ** 2).mean())
    loss = -mean / sd
    return loss, locals()


def sharpe_backward(R, w, r, mean, sd, T):
    dsd = mean / sd**2
    dr = -1 / (sd * T) + dsd * (r - mean) / (sd * T)
    dw = R.T @ dr
    da = w * (dw - np.dot(w, dw))
    return dr, dw, da


SHARPE = Case(
    sharpe,
    sharpe_backward,
    (
        Slip("dsd = mean / sd**2", "dsd = mean / sd", "missing-factor"),
        Slip("dr = -1 / (sd * T) + dsd", "dr = 1 / (sd * T) + dsd", "sign"),
        Slip("da = w * (dw - np.dot(w, dw))", "da = w * (1 - w) * dw", "missing-term"),
        Slip("(r - mean) / (sd * T)", "r / (sd * T)", "missing-term"),
        Slip("(r - mean) / (sd * T)", "(r - mean) / T", "missing-factor"),
    ),
    together=((0, 2),),
    unseen=(
        Slip("da = w * (dw - np.dot(w, dw))", "da = (np.diag(w) - np.outer(w, w)) @ dw", "unseen"),
    ),
)
