"""A training step on arrays (W4): handwritten digits, MLP 64-32-10, softmax cross-entropy, SGD.

    python benchmarks/tensor.py [--repeats 200]

Prints each engine's step as a multiple of the same step derived and written by hand in NumPy.
PyTorch and JAX are measured where they are installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import timing  # before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from workloads import RATE, Step, as_written, fused_ops, images, parameters, primitive_ops

import tinygrad_lite as tg

BATCHES = (32, 256, 1797)


def by_hand(batch: int, activation: str) -> Step:
    """Forward, backward and update as a person derives and writes them."""
    x, _, onehot = images(batch)
    p = parameters()

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


def compiled(batch: int, activation: str, *, fixed: bool = False) -> Step:
    """As most people write it, by `tg.compile`: the batch and its labels are arguments or, fixed,
    what the function closes over."""
    x, y, _ = images(batch)
    p = [tg.Tensor(a) for a in parameters()]
    activate = tg.tanh if activation == "tanh" else tg.relu

    def descend(x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = p
        loss = tg.cross_entropy(activate(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        for w in p:
            w.data = w.data - RATE * w.grad
            w.zero_grad()
        return loss

    if fixed:
        step = tg.compile(lambda: descend(x, y))
        return lambda: step().item()
    step = tg.compile(descend)
    return lambda: step(x, y).item()


def compiled_fixed(batch: int, activation: str) -> Step:
    return compiled(batch, activation, fixed=True)


def primitive_loss(np_: Any, p: Any, x: Any, onehot: Any, activation: str) -> Any:
    """The loss from primitive operations, in any namespace that has NumPy's names."""
    w1, b1, w2, b2 = p
    z1 = x @ w1 + b1
    a1 = np_.tanh(z1) if activation == "tanh" else np_.maximum(z1, 0.0)
    z2 = a1 @ w2 + b2
    return np_.mean(np_.log(np_.sum(np_.exp(z2), 1)) - np_.sum(z2 * onehot, 1))


def hips_autograd(batch: int, activation: str) -> Step:
    import autograd
    import autograd.numpy as anp

    x, _, onehot = images(batch)
    p = parameters()
    both = autograd.value_and_grad(lambda p: primitive_loss(anp, p, x, onehot, activation))

    def step() -> float:
        loss, grads = both(p)
        for i, g in enumerate(grads):
            p[i] = p[i] - RATE * g
        return float(loss)

    return step


def mygrad(batch: int, activation: str) -> Step:
    import mygrad as mg

    x, _, onehot = images(batch)
    p = [mg.tensor(a) for a in parameters()]

    def step() -> float:
        loss = primitive_loss(mg, p, x, onehot, activation)
        loss.backward()
        for i, w in enumerate(p):
            p[i] = mg.tensor(w.data - RATE * w.grad)
        return float(loss.data)

    return step


def torch_functional(batch: int, activation: str) -> Step:
    import torch
    from torch.nn import functional

    x, y, _ = (torch.from_numpy(a) for a in images(batch))
    p = [torch.from_numpy(a).requires_grad_() for a in parameters()]
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


def torch_module(batch: int, activation: str) -> Step:
    import torch

    x, y, _ = (torch.from_numpy(a) for a in images(batch))
    between = torch.nn.Tanh() if activation == "tanh" else torch.nn.ReLU()
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), between, torch.nn.Linear(32, 10)).double()
    w1, b1, w2, b2 = (torch.from_numpy(a) for a in parameters())
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


def jax_jit(batch: int, activation: str) -> Step:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, _, onehot = (jnp.asarray(a) for a in images(batch))
    p = [jnp.asarray(a) for a in parameters()]

    @jax.jit
    def update(p: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: primitive_loss(jnp, p, x, onehot, activation))(p)
        return loss, [w - RATE * g for w, g in zip(p, grads, strict=True)]

    def step() -> float:
        loss, p[:] = update(p)
        return float(loss)

    return step


ENGINES: dict[str, tuple[str, Callable[[int, str], Step]]] = {
    "NumPy by hand": ("numpy", by_hand),
    "tinygrad_lite, primitive ops": ("numpy", primitive_ops),
    "tinygrad_lite, as written": ("numpy", as_written),
    "tinygrad_lite, fused ops": ("numpy", fused_ops),
    "tinygrad_lite, tg.compile": ("numpy", compiled),
    "tinygrad_lite, tg.compile, fixed batch": ("numpy", compiled_fixed),
    "PyTorch, functional": ("torch", torch_functional),
    "PyTorch, nn.Module": ("torch", torch_module),
    "autograd": ("autograd", hips_autograd),
    "MyGrad": ("mygrad", mygrad),
    "JAX, jit": ("jax", jax_jit),
}


def table(batch: int, activation: str, repeats: int) -> Iterator[str]:
    """One row per engine; all must reach the same loss after the same steps."""
    runs = {
        name: make(batch, activation)
        for name, (package, make) in ENGINES.items()
        if find_spec(package) is not None
    }
    probes = {name: timing.timed(run) for name, run in runs.items()}
    times = timing.alternate(probes, repeats=repeats, collect=False)
    final = {name: run() for name, run in runs.items()}
    reference = final["NumPy by hand"]
    for name, loss in final.items():
        if abs(loss - reference) > 1e-6 * abs(reference):
            raise AssertionError(f"{name} reached loss {loss}, by hand {reference}")
    hand = times["NumPy by hand"][timing.SECONDS]
    for name, found in times.items():
        seconds = found[timing.SECONDS]
        yield f"  {name:<38} {seconds * 1e6:9.0f} us   {seconds / hand:6.2f} x by hand"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    if find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
    print(timing.machine())
    for activation in ("tanh", "relu"):
        for batch in BATCHES:
            print(f"\ndigits, MLP 64-32-10 {activation}, batch {batch}, float64, {repeats} steps")
            for row in table(batch, activation, repeats):
                print(row)


if __name__ == "__main__":
    main()
