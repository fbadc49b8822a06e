"""Formulas of the sciences in other hands: scalars with `math`, adjoint loops, text, lambdas."""

import math

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def fermat(rng):
    """Light from air into water: the time it takes by the place where it enters."""
    a, b, d, n1, n2 = 1.2, 0.7, 2.0, 1.0, 1.33
    x = tg.Value(0.6 + 0.2 * rng.random())
    s1 = tg.sqrt(a**2 + x**2)
    s2 = tg.sqrt(b**2 + (d - x) ** 2)
    T = n1 * s1 + n2 * s2
    return T, locals()


def fermat_backward(x, a, b, d, n1, n2):
    ds1, ds2 = n1, n2
    dx = ds1 * x / math.sqrt(a * a + x * x) - ds2 * (d - x) / math.sqrt(b * b + (d - x) ** 2)
    return dx


FERMAT = Case(
    fermat,
    fermat_backward,
    (
        Slip(" - ds2 * (d - x)", " + ds2 * (d - x)", "sign"),
        Slip("x / math.sqrt(a * a + x * x)", "x / (a * a + x * x)", "operator"),
        Slip("ds1 * x / math", "ds1 * 2 * x / math", "constant-scale"),
        Slip("ds1, ds2 = n1, n2", "ds1, ds2 = n2, n1", "wrong-order"),
    ),
)


def epidemic(rng):
    """SIR by Euler steps: the infected against those that were counted."""
    beta, gamma = tg.Tensor(0.5 + 0.3 * rng.random()), tg.Tensor(0.2 + 0.1 * rng.random())
    seen, dt = rng.uniform(0.02, 0.3, size=5), 0.5
    sus, inf = [tg.Tensor(0.9)], [tg.Tensor(0.1)]
    for _ in range(5):
        new = beta * sus[-1] * inf[-1]
        sus.append(sus[-1] - dt * new)
        inf.append(inf[-1] + dt * (new - gamma * inf[-1]))
    loss = 0.0
    for i, o in zip(inf[1:], seen, strict=True):
        loss = loss + (i - o) ** 2
    del new, i
    return loss, locals()


def epidemic_backward(beta, gamma, sus, inf, seen, dt):
    dbeta = dgamma = 0.0
    ls = li = 0.0
    for t in reversed(range(len(seen))):
        li += 2 * (inf[t + 1] - seen[t])
        dbeta += dt * sus[t] * inf[t] * (li - ls)
        dgamma -= dt * inf[t] * li
        ls_old = ls
        ls = ls + dt * beta * inf[t] * (li - ls)
        li = li + dt * beta * sus[t] * (li - ls_old) - dt * gamma * li
    return dbeta, dgamma


EPIDEMIC = Case(
    epidemic,
    epidemic_backward,
    (
        Slip("beta * sus[t] * (li - ls_old)", "beta * sus[t] * (li - ls)", "another-name"),
        Slip("dgamma -= dt", "dgamma += dt", "sign"),
        Slip("li += 2 * (inf", "li = 2 * (inf", "overwritten"),
        Slip(" - dt * gamma * li\n", "\n", "missing-term"),
        Slip(
            "dbeta += dt * sus[t] * inf[t] * (li - ls)",
            "dbeta += dt * sus[t] * inf[t] * li",
            "missing-term",
        ),
        Slip("(inf[t + 1] - seen[t])", "(inf[t] - seen[t])", "off-by-index"),
    ),
    together=((1, 3),),
)


def leapfrog(rng):
    """Kick, drift, kick of pendulums: the energy at the end against a wanted one."""
    q0, p0 = tg.Tensor(rng.normal(size=3)), tg.Tensor(rng.normal(size=3))
    k = tg.Tensor(0.8 + 0.3 * rng.random())
    h, wanted = 0.3, 1.0
    p_half = p0 - 0.5 * h * k * tg.sin(q0)
    q1 = q0 + h * p_half
    p1 = p_half - 0.5 * h * k * tg.sin(q1)
    H = 0.5 * (p1 @ p1) + k * (1 - tg.cos(q1)).sum()
    loss = (H - wanted) ** 2
    return loss, locals()


def leapfrog_backward(q0, q1, p1, k, H, h, wanted):
    dH = 2 * (H - wanted)
    dp1 = dH * p1
    dq1 = dH * k * np.sin(q1) - 0.5 * h * k * np.cos(q1) * dp1
    dp_half = dp1 + h * dq1
    dq0 = dq1 - 0.5 * h * k * np.cos(q0) * dp_half
    dp0 = dp_half
    dk = dH * np.sum(1 - np.cos(q1)) - 0.5 * h * (np.sin(q1) @ dp1 + np.sin(q0) @ dp_half)
    return {"q0": dq0, "p0": dp0, "k": dk}


LEAPFROG = Case(
    leapfrog,
    leapfrog_backward,
    (
        Slip(
            "- 0.5 * h * k * np.cos(q1) * dp1",
            "- 0.5 * h * k * np.sin(q1) * dp1",
            "wrong-activation-derivative",
        ),
        Slip("dp_half = dp1 + h * dq1", "dp_half = dp1 + dq1", "missing-factor"),
        Slip(
            "dq0 = dq1 - 0.5 * h * k * np.cos(q0)",
            "dq0 = dq1 - h * k * np.cos(q0)",
            "constant-scale",
        ),
        Slip("np.sin(q0) @ dp_half", "np.sin(q0) @ dp1", "another-name"),
        Slip("dH * k * np.sin(q1) - 0.5", "dH * k * np.sin(q1) + 0.5", "sign"),
    ),
    together=((1, 2), (0, 3)),
)


def logistic_growth(rng):
    """One step of Runge and Kutta for r x (1 - x / K), a number against an observed one."""
    x0, r, K = tg.Value(0.4 + 0.2 * rng.random()), tg.Value(1.3), tg.Value(2.0)
    h, obs = 0.5, 1.5
    k1 = r * x0 * (1 - x0 / K)
    x2 = x0 + h / 2 * k1
    k2 = r * x2 * (1 - x2 / K)
    x3 = x0 + h / 2 * k2
    k3 = r * x3 * (1 - x3 / K)
    x4 = x0 + h * k3
    k4 = r * x4 * (1 - x4 / K)
    x1 = x0 + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    E = 0.5 * (x1 - obs) ** 2
    return E, locals()


def logistic_growth_backward(x0, r, K, h, obs, x1, x2, x3, x4):
    def slope(x):
        return r * (1 - 2 * x / K)

    g = x1 - obs
    g4 = h / 6 * g
    g3 = h / 3 * g + h * slope(x4) * g4
    g2 = h / 3 * g + h / 2 * slope(x3) * g3
    g1 = h / 6 * g + h / 2 * slope(x2) * g2
    pairs = [(g1, x0), (g2, x2), (g3, x3), (g4, x4)]
    dr = sum(gi * xi * (1 - xi / K) for gi, xi in pairs)
    dK = sum(gi * r * xi**2 / K**2 for gi, xi in pairs)
    dx0 = g + sum(gi * slope(xi) for gi, xi in pairs)
    return dr, dK, dx0


GROWTH = Case(
    logistic_growth,
    logistic_growth_backward,
    (
        Slip("r * (1 - 2 * x / K)", "r * (1 - x / K)", "constant-scale"),
        Slip(
            "g3 = h / 3 * g + h * slope(x4)", "g3 = h / 3 * g + h / 2 * slope(x4)", "constant-scale"
        ),
        Slip("h / 2 * slope(x3) * g3", "h / 2 * slope(x2) * g3", "another-name"),
        Slip("xi**2 / K**2", "xi**2 / K", "missing-factor"),
        Slip("dx0 = g + sum(", "dx0 = sum(", "missing-term"),
    ),
    pairs={"g": "x1", "g1": "k1", "g2": "k2", "g3": "k3", "g4": "k4"},
    together=((1, 4),),
)


def camera(rng):
    """Reprojection: points turned about an axis, moved, and seen by a pinhole."""
    P, f = rng.normal(size=(6, 3)), 1.5
    seen = rng.normal(size=(6, 2))
    theta, t = tg.Tensor(0.3 + 0.2 * rng.random()), tg.Tensor(np.array([0.1, -0.2, 5.0]))
    c, s = tg.cos(theta), tg.sin(theta)
    xc = c * P[:, 0] + s * P[:, 2] + t[0]
    yc = P[:, 1] + t[1]
    zc = -s * P[:, 0] + c * P[:, 2] + t[2]
    u = f * xc / zc
    v = f * yc / zc
    E = 0.5 * ((u - seen[:, 0]) ** 2 + (v - seen[:, 1]) ** 2).sum()
    return E, locals()


def camera_backward(P, f, seen, c, s, xc, yc, zc, u, v):
    du, dv = u - seen[:, 0], v - seen[:, 1]
    dxc, dyc = f * du / zc, f * dv / zc
    dzc = -f * (xc * du + yc * dv) / zc**2
    dt = np.array([dxc.sum(), dyc.sum(), dzc.sum()])
    dtheta = np.sum(dxc * (-s * P[:, 0] + c * P[:, 2]) + dzc * (-c * P[:, 0] - s * P[:, 2]))
    return dtheta, dt


CAMERA = Case(
    camera,
    camera_backward,
    (
        Slip("(xc * du + yc * dv) / zc**2", "(xc * du + yc * dv) / zc", "missing-factor"),
        Slip("dzc * (-c * P[:, 0] - s * P[:, 2])", "dzc * (c * P[:, 0] - s * P[:, 2])", "sign"),
        Slip(
            "du, dv = u - seen[:, 0], v - seen[:, 1]",
            "du, dv = u - seen[:, 1], v - seen[:, 0]",
            "off-by-index",
        ),
        Slip("(xc * du + yc * dv)", "xc * du + yc * dv", "bracket"),
        Slip("dyc = f * du / zc, f * dv / zc", "dyc = f * du / zc, dv / zc", "missing-factor"),
    ),
    together=((1, 4),),
)


def quaternion(rng):
    """A vector turned by a quaternion that is normalised first."""
    q, a = tg.Tensor(rng.normal(size=4)), tg.Tensor(rng.normal(size=3))
    goal = rng.normal(size=3)
    n = tg.sqrt((q**2).sum())
    u = q / n
    w, r = u[0], u[1:]
    y = a + 2 * w * tg.linalg.cross(r, a) + 2 * (r * (r @ a) - a * (r @ r))
    E = 0.5 * ((y - goal) ** 2).sum()
    return E, locals()


def quaternion_backward(a, goal, n, u, w, r, y):
    G = y - goal
    dw = 2 * G @ np.cross(r, a)
    dr = 2 * w * np.cross(a, G) + 2 * (G * (r @ a) + a * (G @ r) - 2 * r * (G @ a))
    du = np.concatenate([[dw], dr])
    dq = (du - u * (u @ du)) / n
    da = G - 2 * w * np.cross(r, G) + 2 * (r * (r @ G) - G * (r @ r))
    return {"q": dq, "a": da}


QUATERNION = Case(
    quaternion,
    quaternion_backward,
    (
        Slip("2 * w * np.cross(a, G)", "2 * w * np.cross(G, a)", "wrong-order"),
        Slip(" - 2 * r * (G @ a))", " - r * (G @ a))", "constant-scale"),
        Slip("dq = (du - u * (u @ du)) / n", "dq = du / n", "missing-term"),
        Slip("(du - u * (u @ du)) / n", "(du - u * (u @ du)) * n", "operator"),
        Slip("da = G - 2 * w * np.cross(r, G)", "da = G + 2 * w * np.cross(r, G)", "sign"),
    ),
    pairs={"G": "y"},
    together=((1, 4),),
)


def regulator(rng):
    """The cost of a linear feedback over some steps, by its gain: costates run backwards."""
    A, B = np.eye(3) + 0.2 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    Q, R = np.diag([1.0, 0.5, 2.0]), np.diag([0.3, 0.6])
    K = tg.Tensor(0.3 * rng.normal(size=(2, 3)))
    xs, steps = [tg.Tensor(rng.normal(size=3))], 3
    J = 0.0
    for _ in range(steps):
        u = -(K @ xs[-1])
        J = J + xs[-1] @ Q @ xs[-1] + u @ R @ u
        xs.append(A @ xs[-1] + B @ u)
    J = J + xs[-1] @ Q @ xs[-1]
    del u
    return J, locals()


def regulator_backward(A, B, Q, R, K, xs, steps):
    lam = 2 * Q @ xs[steps]
    dK = np.zeros_like(K)
    for x in reversed(xs[:-1]):
        u = -K @ x
        gu = 2 * R @ u + B.T @ lam
        dK -= np.outer(gu, x)
        lam = 2 * Q @ x + A.T @ lam - K.T @ gu
    return dK


REGULATOR = Case(
    regulator,
    regulator_backward,
    (
        Slip("A.T @ lam", "A @ lam", "transpose"),
        Slip("np.outer(gu, x)", "np.outer(x, gu).reshape(2, 3)", "wrong-order"),
        Slip("gu = 2 * R @ u + B.T @ lam", "gu = R @ u + B.T @ lam", "constant-scale"),
        Slip(" - K.T @ gu\n", "\n", "missing-term"),
        Slip("dK -= np.outer", "dK += np.outer", "sign"),
    ),
    together=((0, 2),),
)


def arrhenius(rng):
    """Rates of a reaction at several temperatures, their errors relative."""
    Temp, Rg = np.array([280.0, 300.0, 320.0, 350.0, 380.0]), 8.314
    kobs = rng.uniform(0.5, 4.0, size=5)
    A, Ea = tg.Tensor(50.0), tg.Tensor(9000.0 + 1000 * rng.random())
    k = A * tg.exp(-Ea / (Rg * Temp))
    E = (((k - kobs) / kobs) ** 2).mean()
    return E, locals()


def arrhenius_backward():
    return {
        "k": lambda k, kobs: 2 / len(k) * (k - kobs) / kobs**2,
        "A": lambda k, kobs, A: np.mean(2 * (k - kobs) / kobs**2 * k / A),
        "Ea": lambda k, kobs, Temp, Rg: -np.mean(2 * (k - kobs) / kobs**2 * k / (Rg * Temp)),
    }


ARRHENIUS = Case(
    arrhenius,
    arrhenius_backward,
    (
        Slip(
            '(k - kobs) / kobs**2,\n        "A"',
            '(k - kobs) / kobs,\n        "A"',
            "missing-factor",
        ),
        Slip("-np.mean(2 * (k - kobs)", "np.mean(2 * (k - kobs)", "sign"),
        Slip("* k / (Rg * Temp))", "* k / Temp)", "missing-factor"),
        Slip("* k / A)", "* A)", "operator"),
        Slip(
            "np.mean(2 * (k - kobs) / kobs**2 * k / A)",
            "np.sum(2 * (k - kobs) / kobs**2 * k / A)",
            "mean-vs-sum",
        ),
    ),
    together=((0, 2),),
    form="lambdas",
)


def morse(rng):
    """The energy of a bond, D (1 - exp(-a (r - r0)))^2, summed over distances."""
    r = tg.Tensor(rng.uniform(0.8, 2.0, size=4))
    D, a, r0 = tg.Tensor(1.7), tg.Tensor(1.2), 1.0
    e = tg.exp(-a * (r - r0))
    V = (D * (1 - e) ** 2).sum()
    return V, locals()


def morse_backward():
    return {
        "r": "2 * D * a * (1 - e) * e",
        "D": "np.sum((1 - e)**2)",
        "a": "2 * D * np.sum((1 - e) * e * (r - r0))",
    }


MORSE = Case(
    morse,
    morse_backward,
    (
        Slip("2 * D * a * (1 - e) * e", "2 * D * (1 - e) * e", "missing-factor"),
        Slip("2 * D * a * (1 - e) * e", "2 * D * a * (1 - e)", "missing-factor"),
        Slip("(1 - e) * e * (r - r0)", "(1 - e) * (r - r0)", "missing-factor"),
        Slip("np.sum((1 - e)**2)", "2 * np.sum(1 - e)", "operator"),
    ),
    form="text",
)
