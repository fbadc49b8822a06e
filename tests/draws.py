"""How an input of an op is drawn: `draw(rng, shape)`.

Draws stay away from kinks and poles by more than a finite-difference stencil is wide; what happens
*at* them is stated in the ops' docstrings and tested by value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
Shape = tuple[int, ...]


def real(low: float, high: float, *, away: tuple[float, ...] = (), gap: float = 0.05) -> Draw:
    """Uniform in (low, high), at least `gap` away from the given points."""

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        x = np.asarray(rng.uniform(low, high, shape))
        for point in away:
            near = np.abs(x - point) < gap
            x = np.where(near, point + np.where(x < point, -gap, gap), x)
        return x

    return draw


def apart(offset: float = 0.0) -> Draw:
    """Distinct entries at least 0.1 apart; draws with offsets 0 and 0.5 never tie either."""

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        n = int(np.prod(shape))
        places = rng.permutation(n) - n // 2 + offset
        return 0.4 * (places + rng.uniform(-0.1, 0.1, n)).reshape(shape)

    return draw


def with_zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Every third entry exactly 0."""
    x = real(0.5, 2)(rng, shape)
    return np.where(np.arange(x.size).reshape(shape) % 3 == 1, 0.0, x)


def regular(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Matrices that are far from singular, not symmetric."""
    return rng.normal(size=shape) + 3 * np.eye(shape[-1])


def singular(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Matrices whose last row is 0 and the determinant exactly so."""
    return rng.normal(size=shape) * (np.arange(shape[-2]) < shape[-2] - 1)[:, None]


def definite(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Symmetric positive definite matrices."""
    A = rng.normal(size=shape)
    return A @ np.swapaxes(A, -1, -2) + 2 * np.eye(shape[-1])


def spread_out(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Matrices whose lower triangle stands for one with eigenvalues that are well apart."""
    Q = np.linalg.qr(rng.normal(size=shape)).Q
    S = Q * (1 + 2.0 * np.arange(shape[-1])) @ np.swapaxes(Q, -1, -2)
    return np.tril(S) + np.triu(rng.normal(size=shape), 1)


def diagonalisable(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Matrices with real eigenvalues that are well apart."""
    V = 0.3 * rng.normal(size=shape) + np.eye(shape[-1])
    return V * (1 + 2.0 * np.arange(shape[-1])) @ np.linalg.inv(V)


def of_full_rank(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Matrices of any shape whose singular values are well apart."""
    U, s, Vh = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    return U * (1 + 2.0 * np.arange(s.shape[-1])) @ Vh


def mask(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Booleans: not differentiated."""
    return rng.random(shape) < 0.5


def integers(low: int, high: int) -> Draw:
    """Integers from `low` up to and without `high`: not differentiated."""
    return lambda rng, shape: rng.integers(low, high, shape, dtype=np.int8)


# --- results that are known up to signs

# Ops whose rows are vectors known up to their sign (libraries and neighbours differ in it), and the
# column that does not change with it, if there is one.
UP_TO_SIGN: dict[str, Callable[[Any], int | None]] = {
    "eig_rows": lambda case: 0,
    "eigh_rows": lambda case: 0,
    "qr_rows": lambda case: None,
    "svd_rows": lambda case: case.shapes[0][-2],
}


def signs(name: str, case: Any, y: np.ndarray, like: np.ndarray) -> Any:
    """What brings y, a result of an op, to the signs of another: 1 or -1 for every entry."""
    if name not in UP_TO_SIGN:
        return 1.0
    kept = UP_TO_SIGN[name](case)
    product = y * like
    if kept is not None:
        product[..., kept] = 0
    found = np.broadcast_to(np.sign(product.sum(-1, keepdims=True)), y.shape).copy()
    if kept is not None:
        found[..., kept] = 1
    return found
