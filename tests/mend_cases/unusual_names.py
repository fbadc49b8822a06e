"""States that run along a series, and names like a node's that mean something else."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def teacher(rng):
    """A student follows a teacher centred and sharpened, at another temperature."""
    n, k, ts, tt = 3, 5, 0.5, 0.2
    S = tg.Tensor(rng.normal(size=(n, k)))
    center, G = rng.normal(size=k), rng.normal(size=(n, k))
    T = np.exp((G - center) / tt)
    T = T / T.sum(axis=1, keepdims=True)
    logp = tg.log_softmax(S / ts, axis=1)
    ce = -(T * logp).sum(axis=1)
    entropy = -(tg.exp(logp) * logp).sum(axis=1)
    loss = ce.mean() - 0.1 * entropy.mean()
    return loss, locals()


def teacher_backward(S, T, logp, entropy, ts):
    n = S.shape[0]
    p = np.exp(logp)
    d_ce = (p - T) / ts
    d_entropy = -p * (logp + entropy[:, None]) / ts
    dS = d_ce / n - 0.1 * d_entropy / n
    return dS


TEACHER = Case(
    teacher,
    teacher_backward,
    (
        Slip("(p - T) / ts", "(p - T)", "missing-factor"),
        Slip("logp + entropy[:, None]", "logp - entropy[:, None]", "sign"),
        Slip("d_ce / n - 0.1", "d_ce - 0.1", "mean-vs-sum"),
        Slip("- 0.1 * d_entropy", "+ 0.1 * d_entropy", "sign"),
    ),
    pairs={"d_ce": "", "d_entropy": ""},
)


def selective_scan(rng):
    """A diagonal state whose step is read from the input, as in Mamba."""
    T, n = 6, 3
    x = rng.normal(size=T)
    a, b, c = (tg.Tensor(rng.normal(size=n)) for _ in range(3))
    w = tg.Tensor(0.4)
    y = rng.normal(size=T)
    step = tg.softplus(w * x)
    h, hs, gates, err = np.zeros(n), [np.zeros(n)], [], []
    for t in range(T):
        gate = tg.exp(-step[t] * a**2)
        h = gate * h + step[t] * x[t] * b
        gates.append(gate.data)
        hs.append(h.data)
        err.append((c * h).sum() - y[t])
    err = tg.stack(err)
    loss = 0.5 * (err**2).sum()
    return loss, locals()


def selective_scan_backward(x, a, b, c, w, step, hs, gates, err):
    da, db, dc = np.zeros_like(a), np.zeros_like(b), np.zeros_like(c)
    dstep = np.zeros_like(step)
    dh = np.zeros_like(a)
    for t in range(len(x) - 1, -1, -1):
        dc += err[t] * hs[t + 1]
        dh = dh + err[t] * c
        dgate = dh * hs[t]
        db += dh * step[t] * x[t]
        dstep[t] = np.sum(dh * x[t] * b) - np.sum(dgate * gates[t] * a**2)
        da += -2 * a * step[t] * gates[t] * dgate
        dh = dh * gates[t]
    dw = np.sum(dstep * x / (1 + np.exp(-w * x)))
    return da, db, dc, dw


SELECTIVE_SCAN = Case(
    selective_scan,
    selective_scan_backward,
    (
        Slip("dc += err[t] * hs[t + 1]", "dc += err[t] * hs[t]", "off-by-index"),
        Slip("dgate = dh * hs[t]", "dgate = dh * hs[t + 1]", "off-by-index"),
        Slip("        dh = dh * gates[t]\n", "", "missing-factor"),
        Slip("-2 * a * step[t]", "-a * step[t]", "missing-factor"),
        Slip("db += dh * step[t] * x[t]", "db += dh * x[t]", "missing-factor"),
        Slip(" - np.sum(dgate * gates[t] * a**2)", "", "missing-term"),
        Slip("dh = dh + err[t] * c", "dh = err[t] * c", "missing-term"),
    ),
    pairs={"dh": "", "dgate": ""},
)


def pendulum_rk4(rng):
    """A damped pendulum by Runge and Kutta's fourth order, ending at an angle."""
    steps, dt = 3, 0.2
    g, c = tg.Tensor(1.7), tg.Tensor(0.3)
    th, om, goal = tg.Tensor(0.8), tg.Tensor(0.1), 0.25
    a, w = th, om
    ks = []
    for _ in range(steps):
        k1, l1 = w, -g * tg.sin(a) - c * w
        a2, w2 = a + dt / 2 * k1, w + dt / 2 * l1
        k2, l2 = w2, -g * tg.sin(a2) - c * w2
        ks.append([float(v.data) for v in (a, w, a2, w2)])
        a, w = a + dt * k2, w + dt * l2
    E = 0.5 * (a - goal) ** 2 + 0.5 * w**2
    return E, locals()


def pendulum_rk4_backward(g, c, a, w, goal, ks, dt):
    dg, dc = 0.0, 0.0
    A, B = a - goal, w
    for a0, w0, a2, w2 in reversed(ks):
        dk2, dl2 = dt * A, dt * B
        dg -= dl2 * np.sin(a2)
        dc -= dl2 * w2
        da2 = -g * np.cos(a2) * dl2
        dw2 = dk2 - c * dl2
        dk1, dl1 = dt / 2 * da2, dt / 2 * dw2
        dg -= dl1 * np.sin(a0)
        dc -= dl1 * w0
        A = A + da2 - g * np.cos(a0) * dl1
        B = B + dw2 + dk1 - c * dl1
    dth, dom = A, B
    return dg, dc, dth, dom


PENDULUM_RK4 = Case(
    pendulum_rk4,
    pendulum_rk4_backward,
    (
        Slip("dg -= dl2 * np.sin(a2)", "dg -= dl2 * np.sin(a0)", "another-name"),
        Slip("dt / 2 * da2, dt / 2 * dw2", "dt * da2, dt * dw2", "missing-factor"),
    ),
    pairs=dict.fromkeys(("dt", "dk1", "dl1", "dk2", "dl2", "da2", "dw2"), ""),
)


def double_well(rng):
    """Hamilton's equations by leapfrog in a double well, ending at rest at a goal."""
    steps, h = 4, 0.15
    q0, p0, k = tg.Tensor(0.4), tg.Tensor(0.7), tg.Tensor(1.2)
    goal = 1.0
    q, p, qs = q0, p0, []
    for _ in range(steps):
        p = p - h / 2 * k * (q**3 - q)
        q_old = q
        q = q + h * p
        qs.append((q_old.data, q.data))
        p = p - h / 2 * k * (q**3 - q)
    L = 0.5 * (q - goal) ** 2 + 0.5 * p**2
    return L, locals()


def force(q):
    """The force of a double well of height one, and its slope."""
    return q**3 - q, 3 * q**2 - 1


def double_well_backward(q, p, k, qs, h, goal):
    gq, gp, gk = q - goal, p, 0.0
    for before, after in qs[::-1]:
        f1, s1 = force(after)
        gk -= h / 2 * f1 * gp
        gq -= h / 2 * k * s1 * gp
        gp = gp + h * gq
        f0, s0 = force(before)
        gk -= h / 2 * f0 * gp
        gq -= h / 2 * k * s0 * gp
    return {"q0": gq, "p0": gp, "k": gk}


DOUBLE_WELL = Case(
    double_well,
    double_well_backward,
    (Slip("gk -= h / 2 * f0 * gp", "gk -= h / 2 * f1 * gp", "another-name"),),
    helpers=(force,),
    pairs={"gq": "", "gp": "", "gk": "k"},
)


def decay_chain(rng):
    """A parent nuclide, its daughter, and a detector that sees both."""
    steps, dt = 5, 0.2
    l1, l2, eff = tg.Tensor(0.9), tg.Tensor(0.4), tg.Tensor(0.7)
    counts = rng.uniform(0.1, 1.0, steps)
    p, q, ps, qs, loss = 1.0, 0.0, [1.0], [0.0], 0.0
    for t in range(steps):
        p, q = p - dt * l1 * p, q + dt * (l1 * p - l2 * q)
        ps.append(float(p.data))
        qs.append(float(q.data))
        loss = loss + (eff * (l1 * p + l2 * q) - counts[t]) ** 2
    keep = ("steps", "dt", "l1", "l2", "eff", "counts", "ps", "qs")
    return loss, {k: v for k, v in locals().items() if k in keep}


def decay_chain_backward(l1, l2, eff, counts, ps, qs, dt):
    dl1 = dl2 = deff = 0.0
    gp = gq = 0.0
    for t in range(len(counts) - 1, -1, -1):
        p, q = ps[t + 1], qs[t + 1]
        act = l1 * p + l2 * q
        r = 2 * (eff * act - counts[t])
        deff += r * act
        dl1 += r * eff * p
        dl2 += r * eff * q
        gp += r * eff * l1
        gq += r * eff * l2
        dl1 += dt * (gq - gp) * ps[t]
        dl2 -= dt * gq * qs[t]
        gp, gq = gp * (1 - dt * l1) + gq * dt * l1, gq * (1 - dt * l2)
    return dl1, dl2, deff


DECAY_CHAIN = Case(
    decay_chain,
    decay_chain_backward,
    (
        Slip("dt * (gq - gp) * ps[t]", "dt * (gp - gq) * ps[t]", "sign"),
        Slip("dl2 -= dt * gq", "dl2 += dt * gq", "sign"),
        Slip("r = 2 * (eff", "r = (eff", "missing-factor"),
        Slip("gq += r * eff * l2", "gq = r * eff * l2", "overwritten"),
    ),
)
