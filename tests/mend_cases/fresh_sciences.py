"""Physics, likelihoods and numerical schemes, derived as people type them."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def springs(rng):
    """A net of springs: energy sum k/2 (|x_i - x_j| - rest)^2, and gravity; forces by a loop."""
    x = tg.Tensor(rng.normal(size=(4, 2)))
    k, rest, mass, grav = 3.0, 0.7, np.array([1.0, 2.0, 0.5, 1.5]), 9.8
    ia, ib = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 0, 2])
    gap = x[ia] - x[ib]
    length = tg.sqrt((gap**2).sum(axis=1))
    E = 0.5 * k * ((length - rest) ** 2).sum() + (mass * grav * x[:, 1]).sum()
    return E, locals()


def springs_backward(x, k, rest, mass, grav, ia, ib):
    dx = np.zeros_like(x)
    for a, b in zip(ia, ib, strict=True):
        d = x[a] - x[b]
        r = np.sqrt(d @ d)
        force = k * (r - rest) * d / r
        dx[a] += force
        dx[b] -= force
    dx[:, 1] += mass * grav
    return dx


SPRINGS = Case(
    springs,
    springs_backward,
    (
        Slip("dx[b] -= force", "dx[b] += force", "sign"),
        Slip("force = k * (r - rest) * d / r", "force = k * (r - rest) * d", "missing-factor"),
        Slip("dx[:, 1] += mass * grav", "dx[:, 1] -= mass * grav", "sign"),
        Slip("force = k * (r - rest) * d / r", "force = k * (rest - r) * d / r", "sign"),
        Slip("dx[:, 1] += mass * grav", "dx[:, 0] += mass * grav", "off-by-index"),
        Slip("dx[a] += force", "dx[a] = force", "overwritten"),
    ),
    together=((0, 2),),
)


def least_action(rng):
    """The action of a path in a quartic well: sum m/2 ((q[t+1] - q[t]) / dt)^2 dt - V dt."""
    n, m, dt, lam = 7, 1.3, 0.1, 0.4
    q = tg.Tensor(rng.normal(size=n))
    vel = (q[1:] - q[:-1]) / dt
    S = (0.5 * m * vel**2).sum() * dt - (lam * (q**2 - 1) ** 2).sum() * dt
    return S, locals()


def least_action_backward(q, m, dt, lam):
    dvel = m * (q[1:] - q[:-1]) / dt * dt
    dq = -4 * lam * q * (q**2 - 1) * dt
    dq[1:] += dvel / dt
    dq[:-1] -= dvel / dt
    return dvel, dq


LEAST_ACTION = Case(
    least_action,
    least_action_backward,
    (
        Slip("dq[:-1] -= dvel / dt", "dq[:-1] += dvel / dt", "sign"),
        Slip(
            "dq = -4 * lam * q * (q**2 - 1) * dt",
            "dq = -2 * lam * q * (q**2 - 1) * dt",
            "constant-scale",
        ),
        Slip(
            "dq = -4 * lam * q * (q**2 - 1) * dt",
            "dq = -4 * lam * (q**2 - 1) * dt",
            "missing-factor",
        ),
        Slip("dq[1:] += dvel / dt", "dq[1:] += dvel", "missing-factor"),
    ),
)


def midpoint_steps(rng):
    """A network's ODE by the midpoint rule, its adjoint walked back over the steps."""
    n, h, d = 3, 0.2, 3
    A, u0 = tg.Tensor(rng.normal(size=(d, d))), tg.Tensor(rng.normal(size=d))
    goal = rng.normal(size=d)
    us, ks, mids, slopes = [u0], [], [], []
    for step in range(n):
        ks.append(tg.tanh(A @ us[step]))
        mids.append(us[step] + h / 2 * ks[step])
        slopes.append(tg.tanh(A @ mids[step]))
        us.append(us[step] + h * slopes[step])
    loss = 0.5 * ((us[n] - goal) ** 2).sum()
    return loss, locals()


def midpoint_steps_backward(A, goal, us, ks, mids, slopes, n, h):
    dA = np.zeros_like(A)
    lam = us[n] - goal
    for i in range(n - 1, -1, -1):
        dslope = h * lam * (1 - slopes[i] ** 2)
        dA += np.outer(dslope, mids[i])
        dmid = A.T @ dslope
        dk = h / 2 * dmid * (1 - ks[i] ** 2)
        dA += np.outer(dk, us[i])
        lam = lam + dmid + A.T @ dk
    du0 = lam
    return dA, du0


MIDPOINT = Case(
    midpoint_steps,
    midpoint_steps_backward,
    (
        Slip("dk = h / 2 * dmid", "dk = h * dmid", "constant-scale"),
        Slip("lam = lam + dmid + A.T @ dk", "lam = dmid + A.T @ dk", "missing-term"),
        Slip("lam = lam + dmid + A.T @ dk", "lam = lam + dmid + A @ dk", "transpose"),
        Slip("dA += np.outer(dslope, mids[i])", "dA += np.outer(dslope, us[i])", "another-name"),
        Slip("(1 - slopes[i] ** 2)", "(1 - slopes[i - 1] ** 2)", "off-by-index"),
        Slip("dA += np.outer(dk, us[i])", "dA += np.outer(us[i], dk)", "wrong-order"),
    ),
    together=((0, 2),),
    pairs={"dslope": "", "dmid": "", "dk": ""},
)


def hidden_markov(rng):
    """The forward algorithm in probabilities: -log sum_i alpha_T(i), and its backward pass."""
    obs, K = [1, 0, 2, 1], 3
    A = tg.Tensor(rng.dirichlet(np.ones(K), size=K))
    B = tg.Tensor(rng.dirichlet(np.ones(3), size=K))
    pi = tg.Tensor(rng.dirichlet(np.ones(K)))
    alpha = [pi * B[:, obs[0]]]
    for t in range(1, len(obs)):
        alpha.append((alpha[t - 1] @ A) * B[:, obs[t]])
    Z = alpha[-1].sum()
    nll = -tg.log(Z)
    return nll, locals()


def hidden_markov_backward(A, B, pi, alpha, obs, Z):
    T = len(obs)
    dA, dB = np.zeros_like(A), np.zeros_like(B)
    beta = -np.ones(len(pi)) / Z
    for t in range(T - 1, 0, -1):
        dB[:, obs[t]] += beta * (alpha[t - 1] @ A)
        gated = beta * B[:, obs[t]]
        dA += np.outer(alpha[t - 1], gated)
        beta = A @ gated
    dB[:, obs[0]] += beta * pi
    dpi = beta * B[:, obs[0]]
    return {"A": dA, "B": dB, "pi": dpi}


HIDDEN_MARKOV = Case(
    hidden_markov,
    hidden_markov_backward,
    (
        Slip("beta = A @ gated", "beta = A.T @ gated", "transpose"),
        Slip(
            "dA += np.outer(alpha[t - 1], gated)", "dA += np.outer(alpha[t], gated)", "off-by-index"
        ),
        Slip("    dB[:, obs[0]] += beta * pi\n", "", "missing-term"),
        Slip("gated = beta * B[:, obs[t]]", "gated = beta * B[:, obs[t - 1]]", "off-by-index"),
        Slip("beta = -np.ones(len(pi)) / Z", "beta = -np.ones(len(pi))", "missing-factor"),
        Slip(
            "dB[:, obs[t]] += beta * (alpha[t - 1] @ A)",
            "dB[:, obs[t]] += beta * alpha[t - 1]",
            "missing-factor",
        ),
    ),
    together=((0, 2),),
)


def total_variation(rng):
    """Denoising: 1/2 |u - f|^2 + lam sum sqrt(ux^2 + uy^2 + eps), differences by slices."""
    f, lam, eps = rng.normal(size=(5, 4)), 0.3, 1e-2
    u = tg.Tensor(rng.normal(size=(5, 4)))
    ux, uy = u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]
    mag = tg.sqrt(ux**2 + uy**2 + eps)
    J = 0.5 * ((u - f) ** 2).sum() + lam * mag.sum()
    return J, locals()


def total_variation_backward(u, f, ux, uy, mag, lam):
    dux = lam * ux / mag
    duy = lam * uy / mag
    du = u - f
    du[1:, :-1] += dux
    du[:-1, 1:] += duy
    du[:-1, :-1] -= dux + duy
    return dux, duy, du


TOTAL_VARIATION = Case(
    total_variation,
    total_variation_backward,
    (
        Slip("du[:-1, :-1] -= dux + duy", "du[:-1, :-1] -= dux - duy", "sign"),
        Slip("dux = lam * ux / mag", "dux = lam * ux / mag**2", "off-by-index"),
        Slip("duy = lam * uy / mag", "duy = lam * ux / mag", "another-name"),
        Slip("    du[:-1, :-1] -= dux + duy\n", "", "missing-term"),
        Slip("du = u - f", "du = f - u", "sign"),
    ),
    together=((1, 4),),
)


def evidence(rng):
    """Bayesian linear regression: log evidence of its prior and noise precisions, given as text."""
    N, D = 7, 2
    Phi, t = rng.normal(size=(N, D)), rng.normal(size=N)
    alpha, beta = tg.Tensor(0.8), tg.Tensor(1.7)
    A = alpha * np.eye(D) + beta * (Phi.T @ Phi)
    S = tg.linalg.inv(A)
    m = beta * (S @ (Phi.T @ t))
    r = t - Phi @ m
    F = (
        0.5 * beta * (r**2).sum()
        + 0.5 * alpha * (m**2).sum()
        + 0.5 * tg.linalg.slogdet(A)[1]
        - D / 2 * tg.log(alpha)
        - N / 2 * tg.log(beta)
    )
    return F, locals()


def evidence_backward():
    return {
        "alpha": "0.5 * (m @ m) + 0.5 * np.trace(S) - D / (2 * alpha)",
        "beta": "0.5 * (r @ r) + 0.5 * np.trace(S @ Phi.T @ Phi) - N / (2 * beta)",
    }


EVIDENCE = Case(
    evidence,
    evidence_backward,
    (
        Slip(
            "0.5 * np.trace(S) - D / (2 * alpha)",
            "0.5 * np.trace(S) - N / (2 * alpha)",
            "another-name",
        ),
        Slip("0.5 * (r @ r) + 0.5", "0.5 * (r @ r) - 0.5", "sign"),
        Slip("0.5 * np.trace(S @ Phi.T @ Phi)", "np.trace(S @ Phi.T @ Phi)", "constant-scale"),
        Slip(" + 0.5 * np.trace(S) - D", " - D", "missing-term"),
    ),
    form="text",
)


def student(rng):
    """Linear regression with Student's t noise: (nu + 1)/2 log(1 + r^2 / (nu s^2)) + log s."""
    n = 8
    X, y, nu = rng.normal(size=(n, 3)), rng.normal(size=n), 4.0
    w, log_s = tg.Tensor(rng.normal(size=3)), tg.Tensor(0.3)
    r = X @ w - y
    s2 = tg.exp(2 * log_s)
    L = ((nu + 1) / 2 * tg.log(1 + r**2 / (nu * s2))).mean() + log_s
    return L, locals()


def student_backward():
    return {
        "r": lambda r, s2, nu, n: (nu + 1) * r / (nu * s2 + r**2) / n,
        "w": lambda X, r, s2, nu, n: X.T @ ((nu + 1) * r / (nu * s2 + r**2)) / n,
        "log_s": lambda r, s2, nu: 1 - np.mean((nu + 1) * r**2 / (nu * s2 + r**2)),
    }


STUDENT = Case(
    student,
    student_backward,
    (
        Slip(
            "lambda r, s2, nu, n: (nu + 1) * r / (nu",
            "lambda r, s2, nu, n: nu * r / (nu",
            "off-by-index",
        ),
        Slip(
            "X.T @ ((nu + 1) * r / (nu * s2 + r**2)) / n",
            "X.T @ ((nu + 1) * r / (nu * s2 + r)) / n",
            "off-by-index",
        ),
        Slip("1 - np.mean((nu + 1) * r**2", "1 + np.mean((nu + 1) * r**2", "sign"),
        Slip("1 - np.mean((nu + 1) * r**2", "1 - np.sum((nu + 1) * r**2", "mean-vs-sum"),
    ),
    form="lambdas",
)


def beam(rng):
    """Bundle adjustment of one camera turned by theta: the pixels' squared error."""
    n, focal = 5, 2.0
    P, pix = rng.normal(size=(n, 2)) + np.array([0.0, 6.0]), rng.normal(size=n)
    theta, shift = tg.Tensor(0.4), tg.Tensor(np.array([0.3, -0.2]))
    c, s = tg.cos(theta), tg.sin(theta)
    xc = c * P[:, 0] - s * P[:, 1] + shift[0]
    zc = s * P[:, 0] + c * P[:, 1] + shift[1]
    u = focal * xc / zc
    E = 0.5 * ((u - pix) ** 2).sum()
    return E, locals()


def beam_backward(P, pix, c, s, xc, zc, u, focal):
    du = u - pix
    dxc = du * focal / zc
    dzc = -du * focal * xc / zc**2
    dc = (dxc * P[:, 0]).sum() + (dzc * P[:, 1]).sum()
    ds = (dzc * P[:, 0]).sum() - (dxc * P[:, 1]).sum()
    dtheta = -s * dc + c * ds
    dshift = np.array([dxc.sum(), dzc.sum()])
    return dtheta, dshift


BEAM = Case(
    beam,
    beam_backward,
    (
        Slip("dzc = -du * focal * xc / zc**2", "dzc = -du * focal * xc / zc", "off-by-index"),
        Slip("dtheta = -s * dc + c * ds", "dtheta = s * dc + c * ds", "sign"),
        Slip("- (dxc * P[:, 1]).sum()", "+ (dxc * P[:, 1]).sum()", "sign"),
        Slip("np.array([dxc.sum(), dzc.sum()])", "np.array([dzc.sum(), dxc.sum()])", "wrong-order"),
        Slip(
            "dtheta = -s * dc + c * ds", "dtheta = -c * dc + s * ds", "wrong-activation-derivative"
        ),
    ),
    together=((0, 1),),
)
