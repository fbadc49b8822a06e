"""What `check` tells from numbers of a slip in a part of a gradient, of moved entries, of a loss
in which something is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

Made = dict[str, Any]  # the names of a derivation: E, what is claimed `of`, `claim`, and `words`
RNG = np.random.default_rng(7)
X, T = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 4))


def counts() -> Made:
    of, hours = tg.Tensor(RNG.normal(size=3) / 2), RNG.random(6) + 0.5
    y = RNG.poisson(2.0, size=6)
    mu = hours * tg.exp(X @ of)
    E = (mu - y * tg.log(mu)).sum()
    claim = X.T @ (mu.data / hours - y)
    words = "without hours: this factor is missing, only in what comes through mu"
    return locals()


def root_mean_square() -> Made:
    of, g, C = tg.Tensor(T), RNG.normal(size=4), RNG.normal(size=(6, 4))
    r = tg.sqrt((of * of).mean(axis=1, keepdims=True))
    E = (C * (g * (of / r))).sum()
    claim = C * g / r.data - T * (C * T).mean(axis=1, keepdims=True) / r.data**3
    words = "without g: this factor is missing, only on the way to r"
    return locals()


def sine() -> Made:
    of = tg.Tensor(T)
    E = (T * tg.sin(of)).sum()
    claim = T * np.sin(T)
    words = "sin(of) itself stands where sin'(of) belongs"
    return locals()


def square_as_a_product() -> Made:
    of = tg.Tensor(RNG.normal(size=5))
    d = (of * np.arange(1.0, 6)).sum()
    E = d * d
    claim = np.arange(1.0, 6)
    words = "the factor 2 d is missing"
    return locals()


def quotient() -> Made:
    of, a = tg.Tensor(RNG.random(5) + 0.5), RNG.normal(size=5)
    s = of.sum()
    E = (a * of).sum() / s
    claim = a - E.data
    words = "the division by s is missing"
    return locals()


def sorted_sample() -> Made:
    of, a = tg.Tensor(RNG.normal(size=6)), RNG.normal(size=6)
    s = tg.sort(of)
    E = (a * s).sum()
    claim = a[np.argsort(of.data)]
    words = "the entries are moved as in s, not back"
    return locals()


def axes() -> Made:
    of, c = tg.Tensor(RNG.normal(size=(2, 3, 4))), RNG.normal(size=(4, 2, 3))
    y = tg.permute_dims(of, (2, 0, 1))
    E = (c * y).sum()
    claim = c.reshape(2, 3, 4)
    words = "the entries of the gradient with respect to y are not moved back"
    return locals()


def masked() -> Made:
    of, mask = tg.Tensor(RNG.normal(size=3)), np.array([1.0, 0, 1, 1, 0, 1])
    r = mask * (X @ of - T[:, 0])
    E = (r * r).sum()
    claim = 2 * X.T @ (X @ of.data - T[:, 0])
    words = "mask is left out of r, in its value too"
    return locals()


def rotated() -> Made:
    of = tg.Tensor(RNG.normal(size=5))
    c, s = np.cos(np.arange(5.0)), np.sin(np.arange(5.0))
    k, m = RNG.normal(size=5), RNG.normal(size=5)
    E = (k * (of * c) + m * (of * s)).sum()
    claim = k * s + m * c
    words = "are exchanged"
    return locals()


def written_out() -> Made:
    of = tg.Tensor(RNG.normal(size=(3, 4)))
    z = X @ of
    h = (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))
    E = ((h - T) ** 2).sum()
    claim = X.T @ (2 * (h.data - T))
    words = "yours is the gradient without tanh'(z)"
    return locals()


CASES = (
    *(counts, root_mean_square, sine, square_as_a_product, quotient, sorted_sample, axes),
    *(masked, rotated, written_out),
)


@pytest.mark.parametrize("made", CASES)
def test_what_is_said(made: Any) -> None:
    found = made()
    finding = tg.check(found["E"], {found["of"]: found["claim"]}, names=found)[0]
    assert found["words"] in finding.explanation, str(finding)


def test_a_factor_of_2_is_not_taken_for_a_length_that_no_mean_is_over() -> None:
    mu, a = tg.Tensor(RNG.normal(size=(5, 2)), name="mu"), RNG.normal(size=(5, 2))
    E = (a * mu).sum() + 0.5 * (mu**2).sum()
    (finding,) = tg.check(E, {mu: a + 2 * mu.data})
    assert finding.kind in ("constant-scale", "double-count"), str(finding)
