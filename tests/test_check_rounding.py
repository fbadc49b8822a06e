"""How often rounding is measured: once where no larger tolerance could change a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.check.rounding import DRAWS, Rounding


def drawn(monkeypatch: pytest.MonkeyPatch, *, first: bool = True) -> list[Rounding]:
    """One entry a draw; the first moves nothing unless `first`."""
    draws: list[Rounding] = []
    shaken = Rounding._shaken

    def counted(self: Rounding, *given: Any) -> Any:
        draws.append(self)
        return shaken(self, *given) if first or len(draws) > 1 else self.tape.g

    monkeypatch.setattr(Rounding, "_shaken", counted)
    return draws


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_one_draw_is_enough_where_no_other_could_change_the_verdict(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    draws = drawn(monkeypatch)
    W, x = tg.Tensor([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 2.0])
    E = (tg.tanh(W @ x) ** 2).sum()
    report = tg.check(E, {W: factor * tg.grad(E, [W])[0]})
    assert bool(report) is (factor == 1.0)
    assert len(draws) == 1


def test_all_are_drawn_where_the_first_may_have_been_too_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws = drawn(monkeypatch, first=False)
    x = tg.Tensor(1e6 + np.array([0.1, 0.7, 0.2, 0.9]))  # differences lose six digits
    E = ((x - x.mean()) ** 2).sum()
    assert tg.check(E, {x: tg.grad(E, [x])[0] + 1e-10})
    assert len(draws) == DRAWS


def test_all_are_drawn_where_nothing_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = drawn(monkeypatch)
    x = tg.Tensor(1e15 + np.array([0.5, 7.0, 2.0]))
    E = ((x - x.mean()) ** 2).sum()
    report = tg.check(E, {x: tg.grad(E, [x])[0] + 1e-3})
    assert report["x"].verdict == "unclear"
    assert len(draws) == DRAWS
