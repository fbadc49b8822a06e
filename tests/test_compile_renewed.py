"""Steps that put new Tensors, arrays, lists and dicts where the old ones were."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.fuzz import held
from tinygrad_lite import Tensor

rng = np.random.default_rng(0)
W, B, Y = rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=(8, 2))
INPUTS = [rng.normal(size=(8, 4)) for _ in range(6)]


def moved(p, rate=0.1):
    return Tensor(p.data - rate * p.grad, name=p.name)


def error(x, W, b):
    return ((x @ W + b - Y) ** 2).mean()


def attributes():
    m = SimpleNamespace(W=Tensor(W, name="W"), b=Tensor(B))

    def step(x):
        loss = error(x, m.W, m.b)
        loss.backward()
        m.W, m.b = moved(m.W), moved(m.b)
        return loss

    return step, m


def variables():
    p, q = Tensor(W), Tensor(B)

    def step(x):
        nonlocal p, q
        loss = error(x, p, q)
        loss.backward()
        p, q = moved(p), moved(q)
        return loss

    return step, SimpleNamespace(step=lambda: (p, q))


def a_list():
    m = SimpleNamespace(p=[Tensor(W), Tensor(B)])

    def step(x):
        loss = error(x, *m.p)
        loss.backward()
        m.p = [moved(p) for p in m.p]
        return loss

    return step, m


def a_tuple():
    m = SimpleNamespace(p=(Tensor(W), Tensor(B)))

    def step(x):
        loss = error(x, *m.p)
        loss.backward()
        m.p = tuple(map(moved, m.p))
        return loss

    return step, m


def nested_dicts():
    m = SimpleNamespace(p={"layer": {"W": Tensor(W), "b": Tensor(B)}})

    def step(x):
        loss = error(x, **m.p["layer"])
        loss.backward()
        m.p = {"layer": {k: moved(p) for k, p in m.p["layer"].items()}}
        return loss

    return step, m


def plain_arrays():
    m = SimpleNamespace(p=[W, B])
    both = tg.value_and_grad(lambda p, x: error(x, *p))

    def step(x):
        loss, gradients = both(m.p, x)
        m.p = [p - 0.1 * g for p, g in zip(m.p, gradients, strict=True)]
        return loss

    return step, m


def momentum_with_a_count():
    m = SimpleNamespace(p=[Tensor(W), Tensor(B)], state={"t": 0, "v": [W * 0, B * 0]})

    def step(x):
        loss = error(x, *m.p)
        loss.backward()
        v = [0.9 * v + p.grad for v, p in zip(m.state["v"], m.p, strict=True)]
        m.state = {"t": m.state["t"] + 1, "v": v}
        rate = 0.1 / (1 - 0.9 ** m.state["t"])
        m.p = [Tensor(p.data - rate * v) for p, v in zip(m.p, m.state["v"], strict=True)]
        return loss

    return step, m


def the_one_before():
    m = SimpleNamespace(p=[Tensor(W), Tensor(B)], before=None)

    def step(x):
        loss = error(x, *m.p)
        loss.backward()
        m.before, m.p = m.p, [moved(p) for p in m.p]
        return loss

    return step, m


def in_two_places():
    m = SimpleNamespace(W=Tensor(W), b=Tensor(B))
    m.parameters = {"W": m.W, "b": m.b}

    def step(x):
        loss = error(x, m.W, m.b)
        loss.backward()
        for name, p in m.parameters.items():
            new = moved(p)
            setattr(m, name, new)
            m.parameters[name] = new
        return loss

    return step, m


STEPS = [
    attributes,
    variables,
    a_list,
    a_tuple,
    nested_dicts,
    plain_arrays,
    momentum_with_a_count,
    the_one_before,
    in_two_places,
]


@pytest.mark.parametrize("made", STEPS)
def test_what_a_step_replaces_needs_no_program_a_call(made):
    def ran(compiled):
        step, m = made()
        run = tg.compile(step) if compiled else step
        found = [np.asarray(getattr(run(x), "data", None)).tobytes() for x in INPUTS]
        return found, held.photographed(m), getattr(run, "programs", 0)

    expected, found = ran(False), ran(True)
    assert found[:2] == expected[:2]
    assert found[2] <= 3


def test_what_others_put_there_is_used():
    """Another shape, a Tensor that is used already, one with a gradient."""
    step, m = attributes()
    run = tg.compile(step)
    for _ in range(3):
        run(INPUTS[0])
    m.b = Tensor(np.zeros(()))
    run(INPUTS[0])
    assert m.b.shape == ()
    m.b = Tensor(B)
    m.b.grad = np.ones(2)
    expected = error(INPUTS[0], Tensor(m.W.data), b := Tensor(B))
    expected.backward()
    run(INPUTS[0])
    assert np.array_equal(m.b.data, B - 0.1 * (1 + b.grad))


def test_two_places_that_held_one_array_may_part():
    m = SimpleNamespace(now=np.ones(3), best=np.zeros(3))

    @tg.compile
    def step():
        total = (m.now * m.best).sum()
        m.now = m.now * 2
        return total

    assert step() == 0.0
    m.best = m.now
    assert [step(), step(), step()] == [12.0, 24.0, 48.0]


def test_two_places_may_come_to_share_an_array_that_is_written_into():
    m = SimpleNamespace(a=np.ones(3), b=np.zeros(3))

    @tg.compile
    def step():
        m.a += 1
        return (m.a * m.b).sum()

    assert [step(), step()] == [0.0, 0.0]
    m.b = m.a
    assert [step(), step()] == [48.0, 75.0]


def test_an_array_that_is_a_parameters_too_is_written_into_once():
    m = SimpleNamespace(p=Tensor([1.0, 2.0]))
    m.array = m.p.data

    @tg.compile
    def step():
        m.array += 1
        return (m.p * 1).sum()

    assert [step().item(), step().item()] == [5.0, 7.0]
    assert m.p.data is m.array


def test_what_is_computed_alike_twice_is_two_arrays():
    m = SimpleNamespace(a=None, b=None)

    @tg.compile
    def step(x):
        m.a, m.b = Tensor(x * 2), Tensor(x * 2)

    step(np.ones(2))
    m.a.data[0] = 7.0
    assert m.b.data.tolist() == [2.0, 2.0]


def test_a_new_tensor_keeps_its_gradient():
    m = SimpleNamespace(h=None)

    @tg.compile
    def step(x):
        h = Tensor(x, name="h")
        loss = (h * h).sum()
        loss.backward()
        m.h = h
        return h, loss

    for x in (np.ones(2), 3 * np.ones(2)):
        h, loss = step(x)
        assert h is m.h
        assert h.name == "h"
        assert h.grad.tolist() == (2 * x).tolist()
        assert loss.grad == 1.0


def test_a_list_that_is_put_elsewhere_stays_one_list():
    m = SimpleNamespace(p=[Tensor(W)], other=None)

    @tg.compile
    def step():
        m.other = m.p
        return m.p[0].sum()

    step()
    assert m.other is m.p
    step()
    assert m.other is m.p


def test_a_list_that_is_changed_after_it_was_made():
    m = SimpleNamespace(p=[np.zeros(2)], calls=0)

    @tg.compile
    def step(x):
        if m.calls < 2:
            m.p = [m.p[0] + x]
        else:
            m.p[0] = m.p[0] + 10 * x
        m.calls += 1
        return m.p[0].sum()

    assert [step(np.ones(2)) for _ in range(4)] == [2.0, 4.0, 24.0, 44.0]


class Scaled:
    def __init__(self):
        self.by = 2.0 * np.ones(2)

    def __call__(self, x):
        return (self.by * x**2).sum()


def test_what_a_derivative_is_of_is_reached():
    f = Scaled()
    gradient, both = tg.compile(tg.grad(f)), tg.compile(tg.value_and_grad(f))
    assert gradient(np.ones(2)).tolist() == [4.0, 4.0]
    assert both(np.ones(2))[1].tolist() == [4.0, 4.0]
    f.by = 3.0 * np.ones(2)
    assert gradient(np.ones(2)).tolist() == [6.0, 6.0]
    assert both(np.ones(2))[1].tolist() == [6.0, 6.0]
    times = tg.compile(tg.hvp(lambda x: f(x) + 0))
    assert times(np.ones(2), np.ones(2)).tolist() == [6.0, 6.0]
    f.by = np.ones(2)
    assert times(np.ones(2), np.ones(2)).tolist() == [2.0, 2.0]


def test_random_steps():
    """`python -m tests.fuzz.held --steps 1000` is the long run."""
    found = [held.outcome(seed) for seed in range(60)]
    assert "WRONG" not in found
    assert found.count("equal") > 53
