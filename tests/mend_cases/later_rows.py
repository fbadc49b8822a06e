"""Programs written once carried steps and forgotten lines were mended: rows, and what they make."""

import numpy as np

import tinygrad_lite as tg

from .case import Case, Slip


def smoothed_labels(rng):
    """A classifier whose labels are smoothed, its scores divided by a temperature."""
    n, k, tau, eps = 5, 4, 1.7, 0.1
    X, W = rng.normal(size=(n, 3)), tg.Tensor(rng.normal(size=(3, k)))
    y = np.array([0, 2, 1, 3, 2])
    Q = np.full((n, k), eps / k)
    Q[np.arange(n), y] += 1 - eps
    S = X @ W / tau
    loss = -(Q * tg.log_softmax(S, axis=1)).sum() / n
    return loss, {"X": X, "W": W, "y": y, "S": S, "n": n, "k": k, "tau": tau, "eps": eps}


def smoothed_labels_backward(X, W, y, S, n, k, tau, eps):
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    dS = P - eps / k
    dS[np.arange(n), y] -= 1 - eps
    dS /= n
    dW = X.T @ dS / tau
    return dW


SMOOTHED = Case(
    smoothed_labels,
    smoothed_labels_backward,
    (
        Slip("dS /= n\n", "pass\n", "mean-vs-sum"),
        Slip("dW = X.T @ dS / tau", "dW = X.T @ dS * tau", "operator"),
        Slip("y] -= 1 - eps", "y] -= 1", "missing-term"),
        Slip("dS = P - eps / k", "dS = P", "missing-term"),
    ),
)


def normed_rows(rng):
    """Rows brought to mean 0 and deviation 1, stretched, then squared up against others."""
    n, d, eps = 4, 5, 1e-5
    X, gain, shift = (
        tg.Tensor(rng.normal(size=(n, d))),
        tg.Tensor(rng.normal(size=d)),
        tg.Tensor(rng.normal(size=d)),
    )
    target = rng.normal(size=(n, d))
    mu = X.mean(axis=1, keepdims=True)
    std = tg.sqrt(((X - mu) ** 2).mean(axis=1, keepdims=True) + eps)
    Z = (X - mu) / std
    Y = gain * Z + shift
    loss = 0.5 * ((Y - target) ** 2).sum()
    return loss, {
        "X": X,
        "gain": gain,
        "shift": shift,
        "std": std,
        "Z": Z,
        "Y": Y,
        "target": target,
    }


def normed_rows_backward(X, gain, shift, std, Z, Y, target):
    dY = Y - target
    dshift = dY.sum(axis=0)
    dgain = (dY * Z).sum(axis=0)
    dX = np.empty_like(X)
    for i, (g, z) in enumerate(zip(dY * gain, Z, strict=True)):
        dX[i] = (g - g.mean() - z * (g * z).mean()) / std[i]
    return dX, dgain, dshift


NORMED = Case(
    normed_rows,
    normed_rows_backward,
    (
        Slip("(g - g.mean() - z * (g * z).mean()) / std[i]", "g / std[i]", "missing-term"),
        Slip("g - g.mean() - z * (g * z).mean()", "g - g.mean()", "missing-term"),
        Slip("dgain = (dY * Z)", "dgain = (dY * X)", "another-name"),
        Slip("zip(dY * gain, Z", "zip(dY, Z", "missing-factor"),
    ),
)


def triplets(rng):
    """Anchors, near ones and far ones on a sphere, a margin between their products."""
    n, d, margin = 4, 3, 0.4
    A, B, C = (tg.Tensor(rng.normal(size=(n, d))) for _ in range(3))
    ra, rb, rc = (tg.sqrt((V**2).sum(axis=1, keepdims=True)) for V in (A, B, C))
    u, v, w = A / ra, B / rb, C / rc
    gap = margin + (u * w).sum(axis=1) - (u * v).sum(axis=1)
    loss = tg.relu(gap).sum() / n
    return loss, {
        "A": A,
        "B": B,
        "C": C,
        "ra": ra,
        "rb": rb,
        "rc": rc,
        "u": u,
        "v": v,
        "w": w,
        "gap": gap,
        "n": n,
    }


def triplets_backward(A, B, C, ra, rb, rc, u, v, w, gap, n):
    on = (gap > 0)[:, None] / n
    du = on * (w - v)
    dv = -on * u
    dw = on * u
    dA = (du - u * np.sum(u * du, axis=1, keepdims=True)) / ra
    dB = (dv - v * np.sum(v * dv, axis=1, keepdims=True)) / rb
    dC = (dw - w * np.sum(w * dw, axis=1, keepdims=True)) / rc
    return dA, dB, dC


TRIPLETS = Case(
    triplets,
    triplets_backward,
    (
        Slip("dv = -on * u", "dv = on * u", "sign"),
        Slip(
            "dA = (du - u * np.sum(u * du, axis=1, keepdims=True)) / ra",
            "dA = du / ra",
            "missing-term",
        ),
        Slip(
            "np.sum(w * dw, axis=1, keepdims=True)) / rc",
            "np.sum(w * dw, axis=1, keepdims=True)) / rb",
            "another-name",
        ),
        Slip("du = on * (w - v)", "du = on * (v - w)", "sign"),
        Slip("v * np.sum(v * dv, axis=1", "v * np.sum(u * dv, axis=1", "another-name"),
    ),
)


def mixture_heads(rng):
    """Two bells whose weights, places and widths a line of inputs gives."""
    n, K = 5, 2
    x, t = rng.normal(size=(n, 3)), rng.normal(size=n)
    Wp, Wm, Ws = (tg.Tensor(rng.normal(size=(3, K)) / 2) for _ in range(3))
    logits, mean, ls = x @ Wp, x @ Wm, x @ Ws
    q = (t[:, None] - mean) * tg.exp(-ls)
    joint = tg.log_softmax(logits, axis=1) - ls - 0.5 * q**2
    nll = -tg.logsumexp(joint, axis=1).mean()
    return nll, {
        "x": x,
        "Wp": Wp,
        "Wm": Wm,
        "Ws": Ws,
        "logits": logits,
        "ls": ls,
        "q": q,
        "joint": joint,
    }


def mixture_heads_backward(x, Wp, Wm, Ws, logits, ls, q, joint):
    n = len(x)
    pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    r = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    dlogits = (pi - r) / n
    dmean = -r * q * np.exp(-ls) / n
    dls = r * (1 - q**2) / n
    dWp, dWm, dWs = x.T @ dlogits, x.T @ dmean, x.T @ dls
    return dWp, dWm, dWs


MIXTURE = Case(
    mixture_heads,
    mixture_heads_backward,
    (
        Slip("dlogits = (pi - r) / n", "dlogits = -r / n", "missing-term"),
        Slip("-r * q * np.exp(-ls) / n", "-r * q * np.exp(ls) / n", "sign"),
        Slip("dls = r * (1 - q**2) / n", "dls = r * (1 - q) / n", "missing-factor"),
        Slip("-r * q * np.exp(-ls) / n", "-r * q / n", "missing-factor"),
    ),
)


def carved(rng):
    """A band of an image is lifted, blurred along its rows, and looked at through a window."""
    H, W, k = 4, 6, 3
    img, f = tg.Tensor(rng.normal(size=(H, W))), tg.Tensor(rng.normal(size=k))
    win = rng.random((H, W - k + 1))
    out = sum(f[j] * img[:, j : j + W - k + 1] for j in range(k))
    E = 0.5 * (win * out**2).sum() + 0.1 * (img[1:] - img[:-1]).sum() ** 2
    return E, {"img": img, "f": f, "win": win, "out": out, "W": W, "k": k}


def carved_backward(img, f, win, out, W, k):
    dout = win * out
    df, dimg = np.zeros(k), np.zeros_like(img)
    m = W - k + 1
    for j in range(k):
        df[j] = np.sum(dout * img[:, j : j + m])
        dimg[:, j : j + m] += f[j] * dout
    s = 0.2 * (img[1:] - img[:-1]).sum()
    dimg[1:] += s
    dimg[:-1] -= s
    return df, dimg


CARVED = Case(
    carved,
    carved_backward,
    (
        Slip(
            "dimg[:, j : j + m] += f[j] * dout", "dimg[:, j : j + m] = f[j] * dout", "overwritten"
        ),
        Slip("    dimg[:-1] -= s\n", "    pass\n", "missing-term"),
        Slip("dout = win * out", "dout = win * out**2", "extra-factor"),
        Slip("s = 0.2 * (img", "s = 0.1 * (img", "constant-scale"),
    ),
)
