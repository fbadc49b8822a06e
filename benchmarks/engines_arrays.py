"""A training step on arrays, as each engine writes it: digits, MLP 64-32-10, cross-entropy, SGD."""

from __future__ import annotations

from functools import partial
from typing import Any

import timing  # noqa: F401 - before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from engines_demo import compile_
from workloads import RATE, Step, as_written, fused_ops, images, parameters, primitive_ops

import tinygrad_lite as tg


def by_hand(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    """Forward, backward and update as a person derives and writes them."""
    x, _, onehot = images(batch, dtype)
    p = parameters(dtype)

    def step() -> float:
        w1, b1, w2, b2 = p
        z1 = x @ w1 + b1
        a1 = np.tanh(z1) if activation == "tanh" else np.maximum(z1, 0.0)
        z2 = a1 @ w2 + b2
        shifted = z2 - z2.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - (shifted * onehot).sum(axis=1)).mean()
        d2 = (e / total - onehot) / batch
        d1 = (d2 @ w2.T) * ((1.0 - a1 * a1) if activation == "tanh" else (a1 > 0))
        grads = (x.T @ d1, d1.sum(axis=0), a1.T @ d2, d2.sum(axis=0))
        for i, g in enumerate(grads):
            p[i] = p[i] - RATE * g
        return float(loss)

    return step


def primitive_loss(np_: Any, p: Any, x: Any, onehot: Any, activation: str) -> Any:
    """The loss from primitive operations, in any namespace that has NumPy's names."""
    w1, b1, w2, b2 = p
    z1 = x @ w1 + b1
    a1 = np_.tanh(z1) if activation == "tanh" else np_.maximum(z1, 0.0)
    z2 = a1 @ w2 + b2
    return np_.mean(np_.log(np_.sum(np_.exp(z2), 1)) - np_.sum(z2 * onehot, 1))


def hips_autograd(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import autograd
    import autograd.numpy as anp

    x, _, onehot = images(batch, dtype)
    p = parameters(dtype)
    both = autograd.value_and_grad(lambda p: primitive_loss(anp, p, x, onehot, activation))

    def step() -> float:
        loss, grads = both(p)
        for i, g in enumerate(grads):
            p[i] = p[i] - RATE * g
        return float(loss)

    return step


def mygrad(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import mygrad as mg

    x, _, onehot = images(batch, dtype)
    p = [mg.tensor(a) for a in parameters(dtype)]

    def step() -> float:
        loss = primitive_loss(mg, p, x, onehot, activation)
        loss.backward()
        for i, w in enumerate(p):
            p[i] = mg.tensor(w.data - RATE * w.grad)
        return float(loss.data)

    return step


def torch_functional(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import torch
    from torch.nn import functional

    x, y, _ = (torch.from_numpy(a) for a in images(batch, dtype))
    p = [torch.from_numpy(a).requires_grad_() for a in parameters(dtype)]
    activate = torch.tanh if activation == "tanh" else torch.relu

    def step() -> float:
        w1, b1, w2, b2 = p
        loss = functional.cross_entropy(activate(x @ w1 + b1) @ w2 + b2, y)
        grads = torch.autograd.grad(loss, p)
        with torch.no_grad():
            for w, g in zip(p, grads, strict=True):
                w -= RATE * g
        return float(loss.detach())

    return step


def torch_module(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import torch

    x, y, _ = (torch.from_numpy(a) for a in images(batch, dtype))
    between = torch.nn.Tanh() if activation == "tanh" else torch.nn.ReLU()
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), between, torch.nn.Linear(32, 10))
    model = model.to(x.dtype)
    w1, b1, w2, b2 = (torch.from_numpy(a) for a in parameters(dtype))
    with torch.no_grad():
        for target, value in zip(model.parameters(), (w1.T, b1, w2.T, b2), strict=True):
            target.copy_(value)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
    criterion = torch.nn.CrossEntropyLoss()

    def step() -> float:
        optimiser.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def jax_jit(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import jax
    import jax.numpy as jnp

    x, _, onehot = (jnp.asarray(a) for a in images(batch, dtype))
    p = [jnp.asarray(a) for a in parameters(dtype)]

    @jax.jit
    def update(p: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: primitive_loss(jnp, p, x, onehot, activation))(p)
        return loss, [w - RATE * g for w, g in zip(p, grads, strict=True)]

    def step() -> float:
        loss, p[:] = update(p)
        return float(loss)

    return step


def compiled(batch: int, activation: str, dtype: Any = np.float64, given: bool = False) -> Step:
    """As written, by `tg.compile`; the batch is an argument, or `given` once for all."""
    x, y, _ = images(batch, dtype)
    p = [tg.Tensor(a) for a in parameters(dtype)]
    activate = tg.tanh if activation == "tanh" else tg.relu

    def update(x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        loss = tg.cross_entropy(activate(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        for w in p:
            w.data = w.data - RATE * w.grad
            w.zero_grad()
        return loss

    step = compile_((lambda: update(x, y)) if given else update)
    return (lambda: float(step().item())) if given else lambda: float(step(x, y).item())


def compiled_by_xla(batch: int, activation: str, dtype: Any = np.float64) -> Step:
    import jax

    x, y, _ = images(batch, dtype)
    p = [tg.Tensor(a) for a in parameters(dtype)]
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(y)
    activate = tg.tanh if activation == "tanh" else tg.relu

    @tg.jit
    def update(x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        loss = tg.cross_entropy(activate(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        for w in p:
            w.data = w.data - RATE * w.grad
            w.zero_grad()
        return loss

    return lambda: float(update(x, y).item())


# name -> (the package that it needs, the step)
ENGINES = {
    "NumPy by hand": ("numpy", by_hand),
    "tinygrad_lite, primitive ops": ("numpy", primitive_ops),
    "tinygrad_lite, as written": ("numpy", as_written),
    "tinygrad_lite, fused ops": ("numpy", fused_ops),
    "tinygrad_lite, tg.compile": ("numpy", compiled),
    "tinygrad_lite, tg.compile, one batch": ("numpy", partial(compiled, given=True)),
    "tinygrad_lite, tg.jit": ("jax", compiled_by_xla),
    "PyTorch, functional": ("torch", torch_functional),
    "PyTorch, nn.Module": ("torch", torch_module),
    "autograd": ("autograd", hips_autograd),
    "MyGrad": ("mygrad", mygrad),
    "JAX, jit": ("jax", jax_jit),
}
