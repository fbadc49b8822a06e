"""micrograd's demo, as each engine writes it: a step moves the parameters and returns the loss."""

from __future__ import annotations

import ctypes
import gc
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from workloads import Step, moons_loss, moons_step, their_mlp

import tinygrad_lite as tg

MOONS_RATE, DECAY, SAMPLES = 0.01, 1e-4, 100


def theirs(*, floats: bool) -> Step:
    from micrograd import engine, nn

    return moons_step(engine.Value, nn.MLP, floats=floats)


def owing(run: Step) -> Step:
    """A run without the collector, and the collection that it leaves to be done."""
    quiet = timing.without_collector(run)

    def step() -> Any:
        result = quiet()
        gc.collect()
        return result

    return step


def ours(mlp: Any, *, floats: bool = False) -> Step:
    return moons_step(tg.Value, mlp, floats=floats)


def compiled(*, synced: bool) -> Step:
    """A program of the demo's graph, as micrograd's code builds it; `synced`: its Values are read
    and written at every step, else the program keeps them."""
    loss, model = moons_loss(tg.Value, their_mlp, floats=True)
    program = compile_(loss())
    parameters = model.parameters()

    def step() -> float:
        value = float(program())
        for p in parameters:
            p.data -= MOONS_RATE * p.grad
        return value

    return step if synced else lambda: float(program.step(MOONS_RATE))


def compile_(f: Any) -> Any:
    if not hasattr(tg, "compile"):
        raise ImportError("this version has no tg.compile")
    return tg.compile(f)


def moons() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Points, labels of -1 and 1, and the weights and biases that micrograd's seed gives."""
    from sklearn.datasets import make_moons

    random.seed(1337)
    X, y = make_moons(n_samples=SAMPLES, noise=0.1, random_state=1)
    p = []
    for layer in tg.nn.MLP(2, [16, 16, 1]).layers:
        p.append(np.array([[w.data for w in neuron.w] for neuron in layer.neurons]))
        p.append(np.array([neuron.b.data for neuron in layer.neurons]))
    return X, y * 2.0 - 1.0, p


def by_hand() -> Step:
    """Forward, backward and update as a person derives and writes them."""
    X, y, p = moons()

    def step() -> float:
        W1, b1, W2, b2, W3, b3 = p
        h1 = np.maximum(X @ W1.T + b1, 0)
        h2 = np.maximum(h1 @ W2.T + b2, 0)
        margin = np.maximum(1 - y * (h2 @ W3[0] + b3), 0)
        loss = margin.mean() + DECAY * sum((w * w).sum() for w in p)
        d3 = -y * (margin > 0) / SAMPLES
        d2 = np.outer(d3, W3[0]) * (h2 > 0)
        d1 = d2 @ W2 * (h1 > 0)
        found = (d1.T @ X, d1.sum(0), d2.T @ h1, d2.sum(0), (d3 @ h2)[None], d3.sum()[None])
        for w, g in zip(p, found, strict=True):
            w -= MOONS_RATE * (g + 2 * DECAY * w)
        return float(loss)

    return step


def in_place() -> Step:
    """The same with all parameters in one vector, and nothing allocated: what NumPy can do."""
    X, y, start = moons()
    p = np.concatenate([w.ravel() for w in start])
    gradient, change = np.empty_like(p), np.empty_like(p)
    (W1, b1, W2, b2, W3, b3), (G1, g1, G2, g2, G3, g3) = (
        [v.reshape(w.shape) for v, w in zip(np.split(v, _ends(start)), start, strict=True)]
        for v in (p, gradient)
    )
    h1, h2, d1, d2 = (np.empty((SAMPLES, 16)) for _ in range(4))
    mask, ones = np.empty((SAMPLES, 16), bool), np.ones(SAMPLES)
    margin, d3, hit = np.empty(SAMPLES), np.empty(SAMPLES), np.empty(SAMPLES, bool)
    minus, slope = -y, -y / SAMPLES

    def step() -> float:
        for x, W, b, h in ((X, W1, b1, h1), (h1, W2, b2, h2)):
            np.matmul(x, W.T, out=h)
            np.add(h, b, out=h)
            np.maximum(h, 0, out=h)
        np.matmul(h2, W3[0], out=margin)
        np.add(margin, b3, out=margin)
        np.multiply(margin, minus, out=margin)
        np.add(margin, 1, out=margin)
        np.maximum(margin, 0, out=margin)
        loss = np.add.reduce(margin) / SAMPLES + DECAY * (p @ p)
        np.greater(margin, 0, out=hit)
        np.multiply(slope, hit, out=d3)
        np.matmul(d3, h2, out=G3[0])
        np.add.reduce(d3, out=g3, keepdims=True)
        np.multiply(d3[:, None], W3[0], out=d2)
        np.multiply(d2, np.greater(h2, 0, out=mask), out=d2)
        np.matmul(d2, W2, out=d1)
        np.multiply(d1, np.greater(h1, 0, out=mask), out=d1)
        for d, x, G, g in ((d2, h1, G2, g2), (d1, X, G1, g1)):
            np.matmul(d.T, x, out=G)
            np.matmul(ones, d, out=g)
        np.multiply(p, 2 * DECAY, out=change)
        np.add(gradient, change, out=gradient)
        np.multiply(gradient, MOONS_RATE, out=change)
        np.subtract(p, change, out=p)
        return float(loss)

    return step


def _ends(arrays: list[np.ndarray]) -> np.ndarray:
    return np.cumsum([a.size for a in arrays])[:-1]


def demo_loss(xp: Any, p: Any, X: Any, y: Any) -> Any:
    """The demo's loss on matrices, in any namespace that has NumPy's names."""
    W1, b1, W2, b2, W3, b3 = p
    h = xp.maximum(xp.maximum(X @ W1.T + b1, 0) @ W2.T + b2, 0)
    losses = xp.maximum(1 - y * (h @ W3[0] + b3), 0)
    return losses.mean() + DECAY * sum((w * w).sum() for w in p)


def demo_jax() -> Step:
    import jax

    X, y, p = moons()

    @jax.jit
    def update(p: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: demo_loss(jax.numpy, p, X, y))(p)
        return loss, [w - MOONS_RATE * g for w, g in zip(p, grads, strict=True)]

    def step() -> float:
        loss, p[:] = update(p)
        return float(loss)

    return step


def demo_casadi() -> Step:
    """CasADi's scalar graph of the whole loss, differentiated and run by its virtual machine."""
    import casadi

    X, y, start = moons()
    p = np.concatenate([w.ravel() for w in start])
    flat = casadi.SX.sym("p", p.size)
    parts, at = [], 0
    for w in start:
        piece = flat[at : at + w.size]
        parts.append(casadi.reshape(piece, w.shape[::-1]).T if w.ndim == 2 else piece)
        at += w.size
    W1, b1, W2, b2, W3, b3 = parts
    ones = casadi.DM.ones(1, SAMPLES)
    h1 = casadi.fmax(W1 @ X.T + b1 @ ones, 0)
    h2 = casadi.fmax(W2 @ h1 + b2 @ ones, 0)
    margin = casadi.fmax(1 - casadi.DM(y).T * (W3 @ h2 + b3), 0)
    loss = casadi.sum2(margin) / SAMPLES + DECAY * casadi.sumsqr(flat)
    function = casadi.Function("step", [flat], [loss, casadi.gradient(loss, flat)])

    def step() -> float:
        nonlocal p
        value, g = function(p)
        p = p - MOONS_RATE * np.asarray(g)[:, 0]
        return float(value)

    return step


C_SOURCE = r"""
#define H 16
double step(int n, const double *X, const double *y, double *p, double rate, double decay) {
  double *W1 = p, *b1 = p + 32, *W2 = b1 + 16, *b2 = W2 + 256, *w3 = b2 + 16, *b3 = w3 + 16;
  double g[337] = {0}, total = 0;
  double *gW1 = g, *gb1 = g + 32, *gW2 = gb1 + 16, *gb2 = gW2 + 256, *gw3 = gb2 + 16;
  for (int s = 0; s < n; s++) {
    double h1[H], h2[H], d1[H] = {0}, out = *b3;
    const double x0 = X[2 * s], x1 = X[2 * s + 1];
    for (int i = 0; i < H; i++) {
      double z = W1[2 * i] * x0 + W1[2 * i + 1] * x1 + b1[i];
      h1[i] = z > 0 ? z : 0;
    }
    for (int i = 0; i < H; i++) {
      double z = b2[i];
      for (int j = 0; j < H; j++) z += W2[H * i + j] * h1[j];
      h2[i] = z > 0 ? z : 0;
      out += w3[i] * h2[i];
    }
    double margin = 1 - y[s] * out;
    if (margin <= 0) continue;
    total += margin / n;
    double d3 = -y[s] / n;
    g[336] += d3;
    for (int i = 0; i < H; i++) {
      gw3[i] += d3 * h2[i];
      double d = h2[i] > 0 ? d3 * w3[i] : 0;
      gb2[i] += d;
      for (int j = 0; j < H; j++) { gW2[H * i + j] += d * h1[j]; d1[j] += d * W2[H * i + j]; }
    }
    for (int i = 0; i < H; i++) {
      double d = h1[i] > 0 ? d1[i] : 0;
      gb1[i] += d;
      gW1[2 * i] += d * x0;
      gW1[2 * i + 1] += d * x1;
    }
  }
  for (int i = 0; i < 337; i++) {
    total += decay * p[i] * p[i];
    p[i] -= rate * (g[i] + 2 * decay * p[i]);
  }
  return total;
}
"""


def demo_c() -> Step:
    """The same loops in C, one sample after the other, built by the compiler that is there."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise ImportError("no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "step.c", Path(folder) / "step.so"
        source.write_text(C_SOURCE)
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", source, "-o", library]
        subprocess.run(command, check=True)
        function = ctypes.CDLL(str(library)).step
    X, y, start = moons()
    p = np.concatenate([w.ravel() for w in start])
    array, double = np.ctypeslib.ndpointer(np.float64), ctypes.c_double
    function.argtypes = [ctypes.c_int, array, array, array, double, double]
    function.restype = double
    return lambda: float(function(SAMPLES, X, y, p, MOONS_RATE, DECAY))


DEMO: dict[str, tuple[str, Callable[[], Step]]] = {
    "micrograd, as shipped": ("micrograd", lambda: theirs(floats=False)),
    "micrograd, best setting": (
        "micrograd",
        lambda: timing.without_collector(theirs(floats=True)),
    ),
    "micrograd, best setting, with the collection owed": (
        "micrograd",
        lambda: owing(theirs(floats=True)),
    ),
    "its code on our Value": ("micrograd", lambda: ours(their_mlp)),
    "its code on our Value, collector off": (
        "micrograd",
        lambda: timing.without_collector(ours(their_mlp, floats=True)),
    ),
    "tinygrad_lite.nn": ("numpy", lambda: ours(tg.nn.MLP)),
    "its code on our Value, tg.compile": ("micrograd", lambda: compiled(synced=False)),
    "tg.compile, our Values read and written": ("micrograd", lambda: compiled(synced=True)),
    "NumPy by hand": ("numpy", by_hand),
    "NumPy by hand, nothing allocated": ("numpy", in_place),
    "JAX, jit, by matrices": ("jax", demo_jax),
    "CasADi": ("casadi", demo_casadi),
    "C by hand": ("ctypes", demo_c),
}
