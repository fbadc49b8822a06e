"""A gradient that was altered as a whole, another loss's, and what agrees to some digits only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

Array = np.ndarray
LABELS = np.array([0, 3, 1, 2, 2, 0, 1, 3, 3])
Loss = Callable[[tg.Tensor], tg.Tensor]
rng = np.random.default_rng(3)
S = rng.normal(size=(4, 4))
X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))


def loss(W: tg.Tensor) -> tg.Tensor:
    E: tg.Tensor = (tg.tanh(X @ W) * Y).mean()
    return E


def said(claim: Callable[[Array, Array], Array]) -> str:
    """What is said of a claim that is made of the gradient and of W."""
    W = tg.Tensor(S, name="W")
    E = loss(W)
    (finding,) = tg.check(E, {W: claim(tg.grad(loss)(S), S)})
    assert finding.verdict == "wrong"
    return str(finding.explanation)


def symmetrised(g: Array) -> Any:
    return g + g.T - np.diag(np.diag(g))


def with_one(g: Array) -> Any:
    return g + 0.1 * (np.arange(16).reshape(4, 4) == 6)


ALTERED: dict[str, Callable[[Array, Array], Array]] = {
    "yours is 0 in row 2; elsewhere it is right": lambda g, W: g * (np.arange(4) != 2)[:, None],
    "yours is 0 in column 0 and 3; elsewhere it is right": lambda g, W: g * [0, 1, 1, 0],
    "yours is 0 off the diagonal; elsewhere it is right": lambda g, W: np.diag(np.diag(g)),
    "yours is 0 above the diagonal; elsewhere it is right": lambda g, W: np.tril(g),
    "the sign is flipped in row 1; elsewhere it is right": lambda g, W: (
        g * np.array([1, -1, 1, 1])[:, None]
    ),
    "the gradient and its transpose added, the diagonal once": lambda g, W: symmetrised(g),
    "the gradient and its transpose added, as": lambda g, W: g + g.T,
    "the mean of the gradient and its transpose": lambda g, W: (g + g.T) / 2,
    "less its mean along axis 1, as of a value that is centred along it": lambda g, W: (
        g - g.mean(axis=1, keepdims=True)
    ),
    "in another order along axis 0: at 0 stands what belongs at 3": lambda g, W: g[[3, 1, 0, 2]],
    "in reverse along axis 1": lambda g, W: g[:, ::-1],
    "cut off at ±0.02": lambda g, W: np.clip(g, -0.02, 0.02),
    "scaled to the length 1": lambda g, W: g / np.linalg.norm(g),
    "0.01 W stands there besides: a weight decay": lambda g, W: g + 0.01 * W,
    "0.03 sign(W) stands there besides": lambda g, W: g + 0.03 * np.sign(W),
    "it is right but at 1 of 16 entries": lambda g, W: with_one(g),
    "it agrees with 2 x the gradient to 4 digits": lambda g, W: (
        g * (2 + 1e-4 * np.arange(16).reshape(4, 4) / 16)
    ),
    "ln 2, as between logarithms to base 2 and natural ones": lambda g, W: g * np.log(2),
    "it is the gradient of E²": lambda g, W: 2 * float(loss(tg.Tensor(W)).data) * g,
}


@pytest.mark.parametrize("words", ALTERED)
def test_what_was_done_to_the_gradient_as_a_whole_is_told(words: str) -> None:
    assert words in said(ALTERED[words])


OTHERS: dict[str, tuple[Loss, Loss]] = {
    "perhaps it is divided by 8, not 9, in the value too": (
        lambda W: tg.sqrt(((X @ W) ** 2).mean(axis=0) + 1).sum(),
        lambda W: tg.sqrt(((X @ W) ** 2).sum(axis=0) / 8 + 1).sum(),
    ),
    "0.1 stands for 0.05, in the value too, and so wherever it stands": (
        lambda W: tg.tanh(0.05 * tg.tanh(0.05 * (X @ W))).sum(),
        lambda W: tg.tanh(0.1 * tg.tanh(0.1 * (X @ W))).sum(),
    ),
    "Y is shifted by one along axis 0, in the value too": (
        lambda W: tg.softplus(X @ W + Y).sum(),
        lambda W: tg.softplus(X @ W + np.roll(Y, 1, 0)).sum(),
    ),
    "the index along axis 1 is shifted by one": (
        lambda W: (tg.tanh((X @ W)[np.arange(9), LABELS]) * Y[:, 0]).sum(),
        lambda W: (tg.tanh((X @ W)[np.arange(9), np.roll(LABELS, 1)]) * Y[:, 0]).sum(),
    ),
    "the two branches are exchanged": (
        lambda W: tg.where(X[:4] > 0, tg.tanh(W), W * W).sum(),
        lambda W: tg.where(X[:4] > 0, W * W, tg.tanh(W)).sum(),
    ),
    "the mean stands for the maximum": (
        lambda W: (tg.max(W, axis=1) ** 2).sum(),
        lambda W: (W.mean(axis=1) ** 2).sum(),
    ),
    "and so at every other step of this sort": (
        lambda W: kicked(W, True),
        lambda W: kicked(W, False),
    ),
}


def kicked(k: tg.Tensor, twice: bool) -> tg.Tensor:
    q, p = tg.asarray(X[:4]) * 1.0, 0.0 * k
    for _ in range(4):
        p = p - 0.05 * k * q
        q = q + 0.1 * p
        p = p - 0.05 * k * q if twice else p
    E: tg.Tensor = (q * q + p * p).sum()
    return E


@pytest.mark.parametrize("words", OTHERS)
def test_the_gradient_of_another_loss_is_told(words: str) -> None:
    right, other = OTHERS[words]
    W = tg.Tensor(S, name="W")
    (finding,) = tg.check(right(W), {W: tg.grad(other)(S)})
    assert words in finding.explanation


def test_a_gradient_after_a_step_of_descent_or_before_it_is_told() -> None:
    W = tg.Tensor(S, name="W")
    g = tg.grad(loss)
    (after,) = tg.check(loss(W), {W: g(S - 0.1 * g(S))})
    assert "perhaps yours is that after a step of descent: at W − 0.1 dE/dW" in after.explanation
    now = S - 0.1 * g(S)
    stale = tg.Tensor(now, name="W")
    (before,) = tg.check(loss(stale), {stale: g(S)})
    assert "that before the last step: at W + 0.1 times yours" in before.explanation


def test_the_diagonal_of_a_jacobian_of_several_steps_is_told() -> None:
    x, c = tg.Tensor(S[0], name="x"), S[1]
    n = tg.sqrt((x * x).sum())
    u = x / n
    claim = c * (1 - u.data**2) / n.data
    (finding,) = tg.check((u * c).sum(), {x: claim})
    words = "only the diagonal of the Jacobian of u with respect to x is used"
    assert words in finding.explanation


def test_what_explains_a_claim_to_six_digits_alone_is_told_as_that() -> None:
    explanation = said(lambda g, W: (-g).astype(np.float32).astype(float))
    assert "the sign is flipped" in explanation
    assert "so to 6 digits, as of float32" in explanation


def test_tiny_numbers_are_none_that_were_typed_with_few_decimals() -> None:
    x = tg.Tensor(1e-150 * S[0], name="x")
    (finding,) = tg.check((x**2).sum(), {x: 1e-150 * S[1]})
    assert finding.explanation.startswith("no simple mistake explains it:")


def test_nothing_is_told_of_numbers_at_random() -> None:
    draws = np.random.default_rng(5)
    for _ in range(20):
        told = said(lambda g, W: draws.normal(size=g.shape) * np.abs(g).max())
        assert told.startswith("no simple mistake explains it:")
