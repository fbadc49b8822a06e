"""Likelihoods and information: counts, pairs, random effects, copulas, tables, divergences."""

import numpy as np
from scipy.special import digamma, expit

import tinygrad_lite as tg

from .case import Case, Slip


def beta_binomial(rng):
    """Successes whose chance is itself drawn: five gamma functions, logs of the parameters."""
    n, k = np.array([8.0, 10, 12, 6]), np.array([3.0, 7, 5, 1])
    la, lb = tg.Tensor(0.3 + 0.2 * rng.random()), tg.Tensor(0.6)
    a, b = tg.exp(la), tg.exp(lb)
    G = tg.gammaln
    ll = (G(k + a) + G(n - k + b) - G(n + a + b)).sum() + 4 * (G(a + b) - G(a) - G(b))
    loss = -ll
    return loss, locals()


def beta_binomial_backward(n, k, a, b):
    both = digamma(n + a + b) - digamma(a + b)
    da = np.sum(both - digamma(k + a) + digamma(a))
    db = np.sum(both - digamma(n - k + b) + digamma(b))
    dla, dlb = a * da, b * db
    return {"la": dla, "lb": dlb, "a": da, "b": db}


BETA_BINOMIAL = Case(
    beta_binomial,
    beta_binomial_backward,
    (
        Slip("digamma(n + a + b) - digamma(a + b)", "digamma(n + a + b)", "missing-term"),
        Slip("dla, dlb = a * da, b * db", "dla, dlb = da, db", "missing-factor"),
        Slip("digamma(n - k + b) + digamma(b)", "digamma(k + b) + digamma(b)", "missing-term"),
        Slip("both - digamma(k + a) + digamma(a)", "both - digamma(k + a) - digamma(a)", "sign"),
    ),
    together=((1, 3),),
)


def gamma_claims(rng):
    """A gamma regression with a log link, its shape known, weights of exposure."""
    X, v = rng.normal(size=(7, 3)), rng.uniform(0.5, 2, size=7)
    y, shape = rng.uniform(0.5, 4, size=7), 2.5
    beta = tg.Tensor(rng.normal(size=3))
    eta = X @ beta
    mu = tg.exp(eta)
    D = shape * (v * (y / mu + eta)).sum() / v.sum()
    return D, locals()


def gamma_claims_backward(X, v, y, shape, mu):
    wt = shape * v / v.sum()
    d_mu = wt * (1 / mu - y / mu**2)
    d_eta = d_mu * mu
    d_beta = np.einsum("ij,i->j", X, d_eta)
    return d_beta


GAMMA_CLAIMS = Case(
    gamma_claims,
    gamma_claims_backward,
    (
        Slip("1 / mu - y / mu**2", "1 / mu - y / mu", "missing-factor"),
        Slip("wt = shape * v / v.sum()", "wt = shape * v / len(v)", "mean-vs-sum"),
        Slip("d_eta = d_mu * mu", "d_eta = d_mu", "missing-factor"),
        Slip('np.einsum("ij,i->j", X, d_eta)', 'np.einsum("ij,i->j", X, d_mu)', "another-name"),
        Slip("wt = shape * v / v.sum()", "wt = v / v.sum()", "missing-factor"),
    ),
    pairs={"d_mu": ""},
    together=((0, 4),),
)


def overdispersed(rng):
    """Counts with a negative binomial of known size, through a log link, in one line each."""
    X, y, size = rng.normal(size=(8, 2)), rng.poisson(3, size=8) * 1.0, 4.0
    w, b = tg.Tensor(0.5 * rng.normal(size=2)), tg.Tensor(0.4)
    eta = X @ w + b
    m = tg.exp(eta)
    nll = ((y + size) * tg.log(m + size) - y * eta).mean()
    return nll, locals()


def overdispersed_backward():
    return {
        "w": "X.T @ ((y + size) * m / (m + size) - y) / len(y)",
        "b": "np.mean(size * (m - y) / (m + size))",
    }


OVERDISPERSED = Case(
    overdispersed,
    overdispersed_backward,
    (
        Slip("(y + size) * m / (m + size) - y", "(y + size) / (m + size) - y", "missing-factor"),
        Slip("np.mean(size * (m - y)", "np.mean(size * (y - m)", "sign"),
        Slip(
            "np.mean(size * (m - y) / (m + size))",
            "np.mean((m - y) / (m + size))",
            "missing-factor",
        ),
        Slip(
            "np.mean(size * (m - y) / (m + size))", "np.mean(size * (m - y) / m + size)", "bracket"
        ),
    ),
    together=((0, 1),),
    form="text",
)


def schools(rng):
    """A mixed model: groups with their own level, whose variance is estimated with the rest."""
    Z = np.eye(3)[[0, 0, 1, 1, 1, 2, 2]]
    y, X = rng.normal(size=7), np.column_stack([np.ones(7), rng.normal(size=7)])
    beta = tg.Tensor(rng.normal(size=2))
    tau, sig = tg.Tensor(0.8 + 0.2 * rng.random()), tg.Tensor(0.6)
    V = tau * (Z @ Z.T) + sig * np.eye(7)
    e = y - X @ beta
    Vinv = tg.linalg.inv(V)
    L = 0.5 * (e @ Vinv @ e) + 0.5 * tg.linalg.slogdet(V)[1]
    return L, locals()


def schools_backward(X, Z, e, Vinv):
    p = Vinv.dot(e)
    dV = 0.5 * (Vinv - np.outer(p, p))
    dbeta = -np.dot(X.T, p)
    dtau = np.trace(dV @ Z @ Z.T)
    dsig = np.trace(dV)
    return dV, dbeta, dtau, dsig


SCHOOLS = Case(
    schools,
    schools_backward,
    (
        Slip("0.5 * (Vinv - np.outer(p, p))", "0.5 * Vinv - np.outer(p, p)", "bracket"),
        Slip("dbeta = -np.dot", "dbeta = np.dot", "sign"),
        Slip("np.outer(p, p)", "np.outer(e, e)", "another-name"),
        Slip("np.trace(dV @ Z @ Z.T)", "np.trace(dV @ Z @ Z.T) / 2", "constant-scale"),
        Slip("dV = 0.5 * (Vinv - np", "dV = 0.5 * (Vinv + np", "sign"),
    ),
    together=((1, 4),),
)


def copula(rng):
    """A Gaussian copula of two margins: the correlation through tanh of a free number."""
    u, v = rng.normal(size=6), rng.normal(size=6)
    z = tg.Value(0.4 + 0.3 * rng.random())
    rho = tg.tanh(z)
    s = 1 - rho**2
    suu, svv, suv = float(u @ u), float(v @ v), float(u @ v)
    quad = rho**2 * (suu + svv) - 2 * rho * suv
    L = 3.0 * tg.log(s) + quad / (2 * s)
    return L, locals()


def copula_backward(rho, s, suu, svv, suv, quad):
    dquad = 1 / (2 * s)
    ds = 3.0 / s - quad / (2 * s**2)
    drho = dquad * (2 * rho * (suu + svv) - 2 * suv) - 2 * rho * ds
    dz = drho * (1 - rho**2)
    return dz


COPULA = Case(
    copula,
    copula_backward,
    (
        Slip("- 2 * rho * ds", "+ 2 * rho * ds", "sign"),
        Slip("quad / (2 * s**2)", "quad / (2 * s)", "missing-factor"),
        Slip(
            "dz = drho * (1 - rho**2)",
            "dz = drho * (1 - np.tanh(rho)**2)",
            "activation-derivative-at-wrong-point",
        ),
        Slip("(suu + svv) - 2 * suv)", "(suu + svv) - suv)", "constant-scale"),
        Slip("drho * (1 - rho**2)", "drho * rho * (1 - rho)", "wrong-activation-derivative"),
    ),
    together=((1, 3),),
)


def chess(rng):
    """Bradley and Terry: strengths of players from games, White's advantage beside them."""
    white, black = np.array([0, 1, 2, 3, 0, 2]), np.array([1, 2, 3, 0, 2, 1])
    won = np.array([1.0, 0, 1, 1, 0, 1])
    theta, home = tg.Tensor(rng.normal(size=4)), tg.Tensor(0.2)
    d = theta[white] - theta[black] + home
    p = tg.sigmoid(d)
    nll = -(won * tg.log(p) + (1 - won) * tg.log(1 - p)).sum() + 0.05 * (theta**2).sum()
    return nll, locals()


def chess_backward(white, black, won, theta, p):
    g = p - won
    dtheta = 0.1 * theta
    for w, b, gi in zip(white, black, g, strict=True):
        dtheta[w] += gi
        dtheta[b] -= gi
    dhome = g.sum()
    return dtheta, dhome


CHESS = Case(
    chess,
    chess_backward,
    (
        Slip("dtheta[b] -= gi", "dtheta[b] += gi", "sign"),
        Slip("dtheta = 0.1 * theta", "dtheta = 0.05 * theta", "constant-scale"),
        Slip("dtheta[w] += gi", "dtheta[w] = gi", "overwritten"),
        Slip("g = p - won", "g = won - p", "sign"),
        Slip("dhome = g.sum()", "dhome = g.mean()", "mean-vs-sum"),
    ),
    pairs={"g": "d"},
    together=((1, 4),),
)


def exam(rng):
    """Item response: discriminations times abilities less difficulties, by an outer difference."""
    answers = (rng.random((5, 4)) < 0.5) * 1.0
    theta = tg.Tensor(rng.normal(size=5))
    a, b = tg.Tensor(rng.uniform(0.5, 2, size=4)), tg.Tensor(rng.normal(size=4))
    gap = theta[:, None] - b[None, :]
    logit = a * gap
    loss = (tg.softplus(logit) - answers * logit).sum()
    return loss, locals()


def exam_backward(answers, theta, a, b):
    gap = theta[:, np.newaxis] - b[np.newaxis, :]
    resid = expit(a * gap) - answers
    dtheta = np.einsum("ij,j->i", resid, a)
    da = np.einsum("ij,ij->j", resid, gap)
    db = -a * resid.sum(axis=0)
    return dtheta, da, db


EXAM = Case(
    exam,
    exam_backward,
    (
        Slip("db = -a * resid", "db = a * resid", "sign"),
        Slip('np.einsum("ij,j->i", resid, a)', "resid.sum(axis=1)", "missing-factor"),
        Slip(
            'np.einsum("ij,ij->j", resid, gap)',
            'np.einsum("ij,i->j", resid, theta)',
            "another-name",
        ),
        Slip("expit(a * gap) - answers", "expit(gap) - answers", "missing-factor"),
        Slip("db = -a * resid.sum(axis=0)", "db = -resid.sum(axis=0)", "missing-factor"),
    ),
    pairs={"resid": "logit"},
    together=((0, 1),),
)


def rare_events(rng):
    """A regression with the complementary log-log link, p = 1 - exp(-exp(eta))."""
    X, y = rng.normal(size=(8, 3)), np.array([1.0, 0, 0, 1, 1, 0, 1, 0])
    w = tg.Tensor(0.5 * rng.normal(size=3))
    eta = X @ w
    lam = tg.exp(eta)
    p = 1 - tg.exp(-lam)
    nll = -(y * tg.log(p) - (1 - y) * lam).mean()
    return nll, locals()


def rare_events_backward(X, y, lam, p):
    dlam = np.where(y == 1, -(1 - p) / p, 1.0) / y.size
    deta = dlam * lam
    dw = (X * deta[:, None]).sum(axis=0)
    return dw


RARE = Case(
    rare_events,
    rare_events_backward,
    (
        Slip("-(1 - p) / p", "-1 / p", "missing-factor"),
        Slip("-(1 - p) / p", "(1 - p) / p", "sign"),
        Slip("deta = dlam * lam", "deta = dlam", "missing-factor"),
        Slip(
            "np.where(y == 1, -(1 - p) / p, 1.0)",
            "np.where(y == 1, -(1 - p) / p, 0.0)",
            "missing-term",
        ),
        Slip(" / y.size\n", "\n", "mean-vs-sum"),
    ),
    together=((1, 2),),
)


def jensen_shannon(rng):
    """The divergence, in bits, of a softmax from a fixed distribution, by their mixture."""
    q = rng.dirichlet(np.ones(5))
    z = tg.Tensor(rng.normal(size=5))
    p = tg.softmax(z)
    m = 0.5 * (p + q)
    js = 0.5 * (p * tg.log2(p / m)).sum() + 0.5 * (q * tg.log2(q / m)).sum()
    return js, locals()


def jensen_shannon_backward(p, m):
    dp = 0.5 * np.log2(p / m)
    dz = p * (dp - (p * dp).sum())
    return dz


JENSEN = Case(
    jensen_shannon,
    jensen_shannon_backward,
    (
        Slip("0.5 * np.log2(p / m)", "0.5 * np.log(p / m)", "operator"),
        Slip("np.log2(p / m)", "np.log2(m / p)", "sign"),
        Slip("p * (dp - (p * dp).sum())", "p * (dp - dp.sum())", "missing-factor"),
        Slip("p * (dp - (p * dp).sum())", "p * (1 - p) * dp", "wrong-activation-derivative"),
    ),
    pairs={"dp": ""},
    together=((0, 3),),
)


def table(rng):
    """The mutual information of a joint table that a softmax over all its cells gives."""
    logits = tg.Tensor(rng.normal(size=(3, 4)))
    P = tg.softmax(logits.reshape(-1)).reshape(3, 4)
    r = P.sum(axis=1, keepdims=True)
    c = P.sum(axis=0, keepdims=True)
    pmi = tg.log(P) - tg.log(r) - tg.log(c)
    MI = (P * pmi).sum()
    return MI, locals()


def table_backward(P, MI):
    row = P.sum(1)[:, None]
    col = P.sum(0)[None, :]
    inner = np.log(P / (row * col))
    dlogits = P * (inner - MI)
    return dlogits


TABLE = Case(
    table,
    table_backward,
    (
        Slip("np.log(P / (row * col))", "np.log(P / row * col)", "bracket"),
        Slip("P * (inner - MI)", "P * inner - MI", "bracket"),
        Slip("P.sum(0)[None, :]", "P.sum(1)[:, None]", "wrong-axis"),
        Slip("P * (inner - MI)", "P * inner", "missing-term"),
    ),
    together=((0, 3),),
)
