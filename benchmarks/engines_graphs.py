"""Graphs of scalars, as each engine writes them: a pass goes forward and backward, and returns the
sum of the leaves' gradients.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import timing  # noqa: F401 - before NumPy: it pins the BLAS threads

# isort: split
import numpy as np
from engines_demo import compile_
from workloads import Step, chain, wide

import tinygrad_lite as tg

Build = Callable[[list[Any]], Any]
LEAVES = 100


def tangle(n: int) -> Build:
    """Means, products and relus of any two values so far, and the sum of those nobody used."""
    rng = random.Random(n)
    kinds, lines, used = ("add", "multiply", "relu"), [], [False] * (LEAVES + n)
    for at in range(LEAVES, LEAVES + n):
        kind, i, j = rng.choice(kinds), rng.randrange(at), rng.randrange(at)
        lines.append((kind, i, j))
        used[i] = used[i if kind == "relu" else j] = True

    def build(values: list[Any]) -> Any:
        v = list(values)
        for kind, i, j in lines:
            if kind == "add":
                v.append((v[i] + v[j]) * 0.5)  # nothing grows
            elif kind == "multiply":
                v.append(v[i] * v[j])
            else:
                v.append(v[i].relu() if hasattr(v[i], "relu") else _relu(v[i]))
        total = v[-1]
        for x, seen in zip(v[:-1], used, strict=False):
            total = total if seen else total + x * 0.001
        return total

    return build


def _relu(x: Any) -> Any:
    library = type(x).__module__.partition(".")[0]
    if library == "casadi":
        import casadi

        return casadi.fmax(x, 0)
    if library in ("jax", "jaxlib"):
        import jax

        return jax.numpy.maximum(x, 0.0)
    if library == "mygrad":
        import mygrad

        return mygrad.maximum(x, 0.0)
    import autograd.numpy as anp

    return anp.maximum(x, 0.0)


def start() -> list[float]:
    rng = random.Random(0)
    return [rng.uniform(-0.9, 0.9) for _ in range(LEAVES)]


def total(leaves: list[Any]) -> float:
    """The sum of the gradients; a leaf that the graph does not use has none."""
    return float(sum(0.0 if x.grad is None else x.grad for x in leaves))


def graph_of(make: Any) -> Callable[[Build], Step]:
    """A pass over a graph whose values hold their gradients: `make` wraps a leaf."""

    def engine(build: Build) -> Step:
        def step() -> float:
            leaves = [make(x) for x in start()]
            build(leaves).backward()
            return total(leaves)

        return step

    return engine


def compiled_graph(build: Build) -> Step:
    leaves = [tg.Value(x) for x in start()]
    program = compile_(build(leaves))

    def step() -> float:
        program()
        return total(leaves)

    return step


def micrograd_graph(build: Build) -> Step:
    from micrograd.engine import Value

    return graph_of(Value)(build)


def torch_graph(build: Build) -> Step:
    import torch

    return graph_of(lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True))(build)


def mygrad_graph(build: Build) -> Step:
    import mygrad

    return graph_of(lambda x: mygrad.tensor(x))(build)


def autograd_graph(build: Build) -> Step:
    import autograd

    gradient = autograd.grad(lambda leaves: build(list(leaves)))
    return lambda: float(sum(gradient(tuple(start()))))


def casadi_graph(build: Build) -> Step:
    import casadi

    x = casadi.SX.sym("x", LEAVES)
    y = build([x[i] for i in range(LEAVES)])
    function = casadi.Function("graph", [x], [casadi.gradient(y, x)])
    return lambda: float(np.asarray(function(start())).sum())


def jax_graph(build: Build) -> Step:
    import jax

    gradient = jax.jit(jax.grad(lambda leaves: build(list(leaves))))
    return lambda: float(np.asarray(jax.numpy.stack(gradient(start()))).sum())


GRAPH: dict[str, tuple[str, Callable[[Build], Step]]] = {
    "tinygrad_lite": ("numpy", graph_of(tg.Value)),
    "tinygrad_lite, tg.compile": ("numpy", compiled_graph),
    "micrograd": ("micrograd", micrograd_graph),
    "PyTorch": ("torch", torch_graph),
    "autograd": ("autograd", autograd_graph),
    "MyGrad": ("mygrad", mygrad_graph),
    "CasADi": ("casadi", casadi_graph),
    "JAX, jit": ("jax", jax_graph),
}


def chain_of(n: int) -> Build:
    def build(values: list[Any]) -> Any:
        return chain(lambda _: values[0], n)

    return build


def wide_of(n: int) -> Build:
    def build(values: list[Any]) -> Any:
        given = iter(values)
        return wide(lambda x: next(given, x), n)

    return build
