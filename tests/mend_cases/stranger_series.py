"""Series, markets and populations: recursions, quotients, and names in other languages."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def yield_curve(rng):
    """Nelson and Siegel's curve: level, slope and hump by one decay, fitted to rates."""
    tau = np.array([0.5, 1.0, 2.0, 5.0, 10.0])
    taux = rng.uniform(0.01, 0.05, size=5)
    b0, b1, b2 = tg.Tensor(0.04), tg.Tensor(-0.02), tg.Tensor(0.01 + 0.01 * rng.random())
    lam = tg.Tensor(1.8)
    x = tau / lam
    e = tg.exp(-x)
    pente = (1 - e) / x
    bosse = pente - e
    y = b0 + b1 * pente + b2 * bosse
    J = ((y - taux) ** 2).sum()
    return J, locals()


def yield_curve_backward(tau, taux, b0, b1, b2, lam, x, e, pente, bosse, y):
    dy = 2 * (y - taux)
    db0 = dy.sum()
    db1, db2 = dy @ pente, dy @ bosse
    dbosse = b2 * dy
    dpente = b1 * dy + dbosse
    dx = dpente * (x * e - (1 - e)) / x**2 + dbosse * e
    dlam = -np.sum(dx * tau) / lam**2
    return {"b0": db0, "b1": db1, "b2": db2, "lam": dlam}


CURVE = Case(
    yield_curve,
    yield_curve_backward,
    (
        Slip("/ x**2 + dbosse * e", "/ x + dbosse * e", "missing-factor"),
        Slip("(x * e - (1 - e)) / x**2", "(x * e + (1 - e)) / x**2", "sign"),
        Slip("dpente = b1 * dy + dbosse", "dpente = b1 * dy", "missing-term"),
        Slip("dlam = -np.sum(dx * tau) / lam**2", "dlam = np.sum(dx * tau) / lam**2", "sign"),
        Slip(
            "db1, db2 = dy @ pente, dy @ bosse", "db1, db2 = dy @ bosse, dy @ pente", "wrong-order"
        ),
        Slip("+ dbosse * e\n", "- dbosse * e\n", "sign"),
    ),
    pairs={"dx": ""},
    together=((2, 3),),
)


def volatility(rng):
    """GARCH(1, 1): variances run forward, the likelihood of returns by omega, alpha, beta."""
    ret = rng.normal(size=6)
    omega, alpha, beta = tg.Tensor(0.1), tg.Tensor(0.2), tg.Tensor(0.6)
    h = [tg.Tensor(1.0 + 0.2 * rng.random())]
    for t in range(5):
        h.append(omega + alpha * ret[t] ** 2 + beta * h[t])
    nll = 0.0
    for t in range(6):
        nll = nll + 0.5 * (tg.log(h[t]) + ret[t] ** 2 / h[t])
    return nll, locals()


def volatility_backward(ret, beta, h):
    grads = {"omega": 0.0, "alpha": 0.0, "beta": 0.0}
    carry = 0.0
    for t in range(5, 0, -1):
        carry = 0.5 * (1 / h[t] - ret[t] ** 2 / h[t] ** 2) + beta * carry
        grads["omega"] += carry
        grads["alpha"] += carry * ret[t - 1] ** 2
        grads["beta"] += carry * h[t - 1]
    return grads


VOLATILITY = Case(
    volatility,
    volatility_backward,
    (
        Slip("ret[t] ** 2 / h[t] ** 2)", "ret[t] ** 2 / h[t])", "missing-factor"),
        Slip("carry * ret[t - 1] ** 2", "carry * ret[t] ** 2", "off-by-index"),
        Slip(" + beta * carry\n", "\n", "missing-term"),
        Slip("carry * h[t - 1]", "carry * h[t]", "off-by-index"),
        Slip("0.5 * (1 / h[t] - ret", "0.5 * (1 / h[t] + ret", "sign"),
    ),
    together=((0, 3),),
)


def portfolio(rng):
    """Weights by softmax: variance less a multiple of the return, and a penalty of entropy."""
    M = rng.normal(size=(4, 4))
    Sigma, mu, kappa, eta = M @ M.T / 4, rng.normal(size=4), 0.7, 0.1
    theta = tg.Tensor(rng.normal(size=4))
    w = tg.softmax(theta)
    var = w @ Sigma @ w
    U = 0.5 * var - kappa * (mu @ w) + eta * (w * tg.log(w)).sum()
    return U, locals()


def portfolio_backward():
    return {
        "w": lambda Sigma, mu, kappa, eta, w: Sigma @ w - kappa * mu + eta * (np.log(w) + 1),
        "theta": lambda Sigma, mu, kappa, eta, w: (
            (np.diag(w) - np.outer(w, w)) @ (Sigma.dot(w) - kappa * mu + eta * np.log(w))
        ),
    }


PORTFOLIO = Case(
    portfolio,
    portfolio_backward,
    (
        Slip("eta * (np.log(w) + 1)", "eta * np.log(w)", "missing-term"),
        Slip("np.diag(w) - np.outer(w, w)", "np.diag(w * (1 - w))", "operator"),
        Slip("Sigma @ w - kappa", "2 * Sigma @ w - kappa", "constant-scale"),
        Slip("(Sigma.dot(w) - kappa * mu", "(Sigma.dot(w) + kappa * mu", "sign"),
    ),
    together=((0, 3),),
    form="lambdas",
)


def one_pole(rng):
    """y_t = a y_{t-1} + b x_t, a filter whose output is held against a wanted one."""
    x, d = rng.normal(size=6), rng.normal(size=6)
    a, b = tg.Tensor(0.6 + 0.2 * rng.random()), tg.Tensor(0.5)
    out = [b * x[0]]
    for t in range(1, 6):
        out.append(a * out[-1] + b * x[t])
    y = tg.stack(out)
    E = ((y - d) ** 2).mean()
    del out
    return E, locals()


def one_pole_backward(x, d, a, b, y):
    N = len(x)
    e = y - d
    lam = np.zeros(N + 1)
    for n in range(N - 1, -1, -1):
        lam[n] = 2 * e[n] / N + a * lam[n + 1]
    a_grad = np.sum(lam[1:N] * y[:-1])
    b_grad = np.dot(lam[:N], x)
    return a_grad, b_grad


ONE_POLE = Case(
    one_pole,
    one_pole_backward,
    (
        Slip("lam[1:N] * y[:-1]", "lam[1:N] * y[1:]", "off-by-index"),
        Slip("2 * e[n] / N", "2 * e[n]", "mean-vs-sum"),
        Slip("a * lam[n + 1]", "b * lam[n + 1]", "another-name"),
        Slip("2 * e[n] / N + a * lam[n + 1]", "2 * e[n] / N", "missing-term"),
        Slip("e = y - d", "e = d - y", "sign"),
    ),
    together=((0, 1),),
)


def predators(rng):
    """Holling's second response: a N / (1 + a h N), prey eaten against counts, by Poisson."""
    N, eaten = np.array([2.0, 5.0, 10.0, 20.0, 40.0]), rng.poisson(6, size=5) + 1.0
    a, h = tg.Tensor(0.8 + 0.3 * rng.random()), tg.Tensor(0.07)
    q = 1 + a * h * N
    f = a * N / q
    nll = (f - eaten * tg.log(f)).sum()
    return nll, locals()


def predators_backward(N, eaten, a, h, q, f):
    dL_df = 1 - eaten / f
    dL_da = (dL_df * N / np.square(q)).sum()
    dL_dh = -(dL_df * np.square(a * N / q)).sum()
    return dL_da, dL_dh


PREDATORS = Case(
    predators,
    predators_backward,
    (
        Slip("dL_df * N / np.square(q)", "dL_df * N / q", "missing-factor"),
        Slip("dL_dh = -(dL_df", "dL_dh = (dL_df", "sign"),
        Slip("np.square(a * N / q)", "np.square(N / q)", "missing-factor"),
        Slip("1 - eaten / f", "1 - eaten * f", "operator"),
        Slip("dL_df = 1 - eaten / f", "dL_df = 1 - eaten", "missing-factor"),
    ),
    together=((0, 1),),
)


def salmon(rng):
    """Ricker's recruits, log R = log S + a - b S, with the spread estimated too."""
    S, R = rng.uniform(0.5, 3, size=7), rng.uniform(0.5, 3, size=7)
    n = 7
    a, b, s = tg.Tensor(1.1), tg.Tensor(0.6), tg.Tensor(0.5 + 0.2 * rng.random())
    r = np.log(R / S) - a + b * S
    L = n * tg.log(s) + (r**2).sum() / (2 * s**2)
    return L, locals()


def salmon_backward():
    return {
        "r": "r / s**2",
        "a": "-sum(r) / s**2",
        "b": "r.dot(S) / s**2",
        "s": "n / s - np.sum(r**2) / s**3",
    }


SALMON = Case(
    salmon,
    salmon_backward,
    (
        Slip("np.sum(r**2) / s**3", "np.sum(r**2) / s**2", "missing-factor"),
        Slip("-sum(r) / s**2", "sum(r) / s**2", "sign"),
        Slip("n / s - np.sum(r**2) / s**3", "n / s - np.sum(r**2) / (2 * s**3)", "constant-scale"),
        Slip('"r / s**2"', '"2 * r / s**2"', "constant-scale"),
        Slip("n / s - np.sum", "1 / s - np.sum", "mean-vs-sum"),
    ),
    together=((1, 2),),
    form="text",
)


def earthquakes(rng):
    """Hawkes' process: every event raises the rate, which decays; derivatives run along."""
    times, end = np.cumsum(rng.uniform(0.2, 1.0, size=6)), 5.0
    mu, alpha, beta = tg.Tensor(0.5), tg.Tensor(0.4), tg.Tensor(1.1 + 0.3 * rng.random())
    wait = np.diff(times)
    excited = [0.0]
    for gap in wait:
        excited.append(tg.exp(-beta * gap) * (1 + excited[-1]))
    logs = sum(tg.log(mu + alpha * x) for x in excited)
    rest = (1 - tg.exp(-beta * (end - times))).sum()
    nll = mu * end + alpha / beta * rest - logs
    del excited, logs, gap
    return nll, locals()


def earthquakes_backward(times, end, mu, alpha, beta):
    rest = np.sum(1 - np.exp(-beta * (end - times)))
    dmu, dalpha = end - 1 / mu, rest / beta
    dbeta = -alpha * rest / beta**2
    dbeta += alpha / beta * np.sum((end - times) * np.exp(-beta * (end - times)))
    x = dx = 0.0
    for i in range(1, len(times)):
        gap = times[i] - times[i - 1]
        decay = np.exp(-beta * gap)
        dx = decay * dx - gap * decay * (1 + x)
        x = decay * (1 + x)
        rate = mu + alpha * x
        dmu -= 1 / rate
        dalpha -= x / rate
        dbeta -= alpha * dx / rate
    return dmu, dalpha, dbeta


EARTHQUAKES = Case(
    earthquakes,
    earthquakes_backward,
    (
        Slip(
            "dx = decay * dx - gap * decay * (1 + x)",
            "dx = decay * dx - gap * decay * x",
            "missing-term",
        ),
        Slip("dbeta -= alpha * dx / rate", "dbeta -= dx / rate", "missing-factor"),
        Slip("dbeta = -alpha * rest / beta**2", "dbeta = -alpha * rest / beta", "missing-factor"),
        Slip("dalpha -= x / rate", "dalpha += x / rate", "sign"),
        Slip(
            "dmu, dalpha = end - 1 / mu, rest / beta",
            "dmu, dalpha = end, rest / beta",
            "missing-term",
        ),
    ),
    pairs={"dx": "", "x": ""},
    together=((1, 3),),
)


def pharmacy(rng):
    """A dose that is absorbed and eliminated: c = F ka / (ka - ke) (e^{-ke t} - e^{-ka t})."""
    zeit = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    spiegel = rng.uniform(0.5, 3.0, size=5)
    ka, ke, dosis = tg.Tensor(1.4), tg.Tensor(0.3 + 0.1 * rng.random()), 5.0
    Ea, Ee = tg.exp(-ka * zeit), tg.exp(-ke * zeit)
    q = ka / (ka - ke)
    c = dosis * q * (Ee - Ea)
    J = 0.5 * ((c - spiegel) ** 2).sum()
    return J, locals()


def pharmacy_backward(zeit, spiegel, ka, ke, dosis, Ea, Ee, q, c):
    fehler = c - spiegel
    dq = dosis * np.sum(fehler * (Ee - Ea))
    dEe = dosis * q * fehler
    dEa = -dEe
    dka = -dq * ke / (ka - ke) ** 2 - np.sum(dEa * zeit * Ea)
    dke = dq * ka / (ka - ke) ** 2 - np.sum(dEe * zeit * Ee)
    return dka, dke


PHARMACY = Case(
    pharmacy,
    pharmacy_backward,
    (
        Slip("dka = -dq * ke / (ka - ke) ** 2", "dka = -dq * ke / (ka - ke)", "missing-factor"),
        Slip("dke = dq * ka", "dke = -dq * ka", "sign"),
        Slip("dEe * zeit * Ee)", "dEe * Ee)", "missing-factor"),
        Slip("dEa = -dEe", "dEa = dEe", "sign"),
        Slip("dq = dosis * np.sum", "dq = dosis * q * np.sum", "extra-factor"),
        Slip("dka = -dq * ke", "dka = -dq * ka", "another-name"),
    ),
    pairs={"fehler": "c"},
    together=((0, 2),),
)


def anchors(rng):
    """A place from distances to known places, with an unknown offset of the clock."""
    ort = tg.Tensor(rng.normal(size=2))
    versatz = tg.Tensor(0.2)
    sender = rng.normal(size=(5, 2)) * 4
    gemessen = rng.uniform(2, 6, size=5)
    diff = ort - sender
    abstand = tg.sqrt((diff**2).sum(axis=1))
    fehler = abstand + versatz - gemessen
    L = (fehler**2).mean() / 2
    return L, locals()


def anchors_backward(ort, versatz, sender, gemessen):
    dort, dversatz = np.zeros(2), 0.0
    for s, m in zip(sender, gemessen, strict=True):
        richtung = ort - s
        d = np.linalg.norm(richtung)
        f = d + versatz - m
        dort += f * richtung / d
        dversatz += f
    dort /= len(sender)
    dversatz /= len(sender)
    return dort, dversatz


ANCHORS = Case(
    anchors,
    anchors_backward,
    (
        Slip("f * richtung / d\n", "f * richtung\n", "missing-factor"),
        Slip("richtung = ort - s", "richtung = s - ort", "sign"),
        Slip("    dversatz /= len(sender)\n", "", "mean-vs-sum"),
        Slip("dversatz += f\n", "dversatz = f\n", "overwritten"),
        Slip("f = d + versatz - m", "f = d - m", "missing-term"),
    ),
    pairs={"d": "", "f": ""},
    together=((0, 2),),
)
