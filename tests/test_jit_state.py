"""`tg.jit` and what a function reaches: settings, arrays and results, wherever they are held."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.test_jit import counter
from tests.test_jit import jax as jax  # the fixture

pytestmark = pytest.mark.oracle


class Slotted:
    """An object without a dict."""

    __slots__ = ("rate",)


class Classed:
    """A setting of the class's own."""

    rate = 1.0


def hidden():
    """An object with a private setting, and how it is set."""
    held = Classed()
    held._rate = 1.0
    return held


HOLDERS = {"slots": (Slotted(), "rate"), "class": (Classed, "rate"), "private": (hidden(), "_rate")}


@pytest.mark.parametrize("name", HOLDERS)
def test_a_setting_counts_wherever_it_is_held(name):
    holder, key = HOLDERS[name]
    setattr(holder, key, 1.0)
    f = tg.jit(lambda x: x * getattr(holder, key))
    assert f(np.ones(1)).tolist() == [1.0]
    setattr(holder, key, 5.0)
    assert f(np.ones(1)).tolist() == [5.0]


def test_an_array_that_is_written_into_is_read_anew():
    X = np.ones(2)
    f = tg.jit(lambda: X * 2)
    f()
    X[0] = 7.0
    assert f().tolist() == [14.0, 2.0]


def test_what_a_call_adds_to_a_dict_or_a_list_is_an_array():
    kept, seen = {}, []

    @tg.jit
    def f(x):
        kept["twice"] = x * 2
        seen.append(x.sum())

    f(np.ones(2))
    f(np.full(2, 3.0))
    assert np.asarray(kept["twice"]).tolist() == [6.0, 6.0]
    assert [float(x) for x in seen] == [2.0, 6.0]


def test_a_result_that_a_module_keeps_needs_no_program_of_its_own():
    class Kept(tg.nn.Module):
        def __init__(self):
            self.w, self._seen = tg.Tensor([1.0, 2.0]), None

        def forward(self, x):
            self._seen = self.w * x
            return self._seen.sum()

    model, traced = Kept(), counter()
    f = tg.jit(lambda x: (traced(), model(x))[1])
    for i in range(5):
        assert f(np.full(2, float(i))).item() == 3.0 * i
        assert np.asarray(model._seen.data).tolist() == [i, 2.0 * i]
    assert traced() - 1 == 2


def test_what_is_only_read_is_not_given_up():
    w, fixed = tg.Tensor([1.0]), tg.Tensor([2.0])

    def step():
        w.data = w.data * fixed.data

    step = tg.jit(step, donate=True)
    step()
    step()
    assert (w.data.tolist(), fixed.data.tolist()) == ([4.0], [2.0])


def test_no_array_is_kept_beyond_its_time():
    w = tg.Tensor(np.ones(3))

    @tg.jit
    def step():
        w.data = w.data * 2

    for _ in range(3):
        step()
    old = weakref.ref(w.data)
    step()
    assert old() is None


def test_a_value_that_is_referred_to_is_refused():
    v = tg.Value(1.0)
    with pytest.raises(TypeError, match="a Value is a Python number"):
        tg.jit(lambda x: x * v)(np.ones(1))


def test_a_program_can_be_looked_at():
    f = tg.jit(lambda x: tg.exp(x))
    f(np.ones(2))
    assert "exp" in f.source
    assert f.programs == 1


@pytest.mark.parametrize(
    "loss",
    [tg.nn.mse, tg.nn.hinge, tg.nn.binary_cross_entropy_with_logits],
    ids=lambda f: f.__name__,
)
def test_every_loss_takes_labels_that_are_handed_over(loss):
    W, labels = tg.Tensor(np.ones((4, 1))), np.arange(5)[:, None] % 2
    x = np.linspace(-1.0, 1.0, 20).reshape(5, 4)
    found = tg.jit(lambda x, y: loss(x @ W, y))(x, labels)
    assert found.item() == pytest.approx(loss(x @ W, labels).item(), rel=1e-14)


def test_a_gradient_comes_and_goes():
    w = tg.Tensor([1.0, 2.0])

    def step(x, last):
        (w * x).sum().backward()
        if last:
            w.zero_grad()

    step = tg.jit(step, static_argnames=("last",))
    for _ in range(2):
        step(np.ones(2), last=False)
        step(np.ones(2), last=False)
        assert np.asarray(w.grad).tolist() == [2.0, 2.0]
        step(np.ones(2), last=True)
        assert w.grad is None


def test_a_class_of_arrays_is_none():
    kind = tg.Tensor
    assert tg.jit(lambda x: (kind(x) * 2).sum())(np.ones(2)).item() == 4.0


@pytest.mark.parametrize("donate", [False, True])
def test_lists_and_numbers_that_a_step_replaces(donate):
    def trained(made):
        p, state = [tg.Tensor([1.0, 2.0]), tg.Tensor(0.5)], {"t": 0, "v": [0.0, 0.0]}

        def step(x):
            nonlocal p, state
            loss = ((p[0] * x).sum() + p[1]) ** 2
            loss.backward()
            v = [0.9 * v + q.grad for v, q in zip(state["v"], p, strict=True)]
            state = {"t": state["t"] + 1, "v": v}
            rate = 0.1 / (1 + state["t"])
            p = [tg.Tensor(q.data - rate * v, name="p") for q, v in zip(p, v, strict=True)]
            return loss

        run = made(step)
        found = [run(np.array([0.5, -1.0])).item() for _ in range(7)]
        return [*found, *p[0].tolist(), p[1].item()], getattr(run, "programs", 0)

    found, programs = trained(lambda f: tg.jit(f, donate=donate))
    assert found == pytest.approx(trained(lambda f: f)[0])
    assert programs <= 4
