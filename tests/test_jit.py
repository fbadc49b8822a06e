"""`tg.jit`: a compiled step is the plain one, whatever it holds; what cannot be is refused."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest

import tinygrad_lite as tg

pytestmark = pytest.mark.oracle


@pytest.fixture(autouse=True)
def jax(needs):
    """JAX with float64, which one test needs as well as another forbids."""
    jax = needs("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


def counter():
    """A function to call in a step: how often it ran, so how often it was traced."""
    turn = Mock()  # whose count is not seen, and so not kept up
    return lambda: (turn(), turn.call_count)[1]


def classifier(optimizer, dtype=None):
    """A step over a model with parameters, buffers and an optimiser that keeps a state."""
    linear = tg.nn.Linear
    model = tg.nn.Sequential(
        linear(4, 8, rng=0, dtype=dtype),
        tg.tanh,
        tg.nn.BatchNorm(8, dtype=dtype),
        tg.nn.Dropout(0.0),
        linear(8, 3, rng=1, dtype=dtype),
    )
    optimizer, traced = optimizer(model.parameters()), counter()

    def step(X, y):
        traced()
        loss = tg.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step, model, optimizer, traced


OPTIMIZERS = {
    "SGD": lambda p: tg.optim.SGD(p, 0.1),
    "momentum": lambda p: tg.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: tg.optim.Adam(p, 0.01),
    "AdamW": lambda p: tg.optim.AdamW(p, 0.01),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_compiled_step_trains_as_the_plain_one(name, dtype, rng):
    X, y = rng.normal(size=(6, 4)).astype(dtype), np.arange(6) % 3
    plain, model, optimizer, _ = classifier(OPTIMIZERS[name], dtype)
    compiled, twin, other, traced = classifier(OPTIMIZERS[name], dtype)
    compiled = tg.jit(compiled)
    for turn in range(6):
        if turn == 3:
            optimizer.lr = other.lr = 0.05  # a schedule needs no other program
        expected, actual = plain(X, y), compiled(X, y)
    rtol = 1e-12 if dtype is np.float64 else 1e-4
    np.testing.assert_allclose(actual.item(), expected.item(), rtol=rtol)
    assert actual.dtype == dtype
    for path, x in model.state_dict().items():
        found = twin.state_dict()[path]
        assert found.dtype == x.dtype
        np.testing.assert_allclose(found, x, rtol=rtol, atol=rtol)
    saved = other.state_dict()
    assert {k: np.shape(x) for k, x in optimizer.state_dict().items()} == {
        k: np.shape(x) for k, x in saved.items()
    }
    assert traced() - 1 == (1 if name == "SGD" else 2)  # once more: the optimiser has begun
    assert isinstance(other.lr, float)


class Pair(NamedTuple):
    w: tg.Tensor
    b: tg.Tensor


def test_arguments_and_results_are_nested_and_keep_what_they_are():
    traced = counter()

    @tg.jit
    def step(p, batch, lr, keep):
        traced()
        loss = ((p["in"].w * batch[0] + p["in"].b) ** 2).sum()
        loss.backward()
        new = Pair(*(tg.Tensor(x.data - lr * x.grad) for x in p["in"]))
        return {"in": new}, (loss, p["in"].w, keep, None, 2.5, batch)

    p = {"in": Pair(tg.Tensor([1.0, 2.0]), tg.Tensor([0.5, 0.0]))}
    X = [np.array([3.0, -1.0])]
    new, (loss, w, keep, nothing, number, batch) = step(p, X, 0.1, "a word")
    np.testing.assert_allclose(new["in"].w.data, [1 - 0.1 * 2 * 3.5 * 3, 2 - 0.1 * 2 * 2])
    np.testing.assert_allclose(p["in"].b.grad, [7.0, -4.0])
    assert w is p["in"].w
    assert (keep, nothing, float(number)) == ("a word", None, 2.5)
    assert isinstance(batch, list)
    assert loss.constant
    assert not new["in"].w.constant
    assert loss.item() == pytest.approx(3.5**2 + 4)
    step(new, X, 0.2, "a word")
    assert traced() == 2  # another rate and other Tensors are data
    step(new, X, 0.2, "another word")
    assert traced() == 4


def test_gradients_accumulate_over_calls():
    w = tg.Tensor([1.0, 2.0])
    compiled = tg.jit(lambda: (w * w).sum().backward())
    compiled()
    compiled()
    np.testing.assert_array_equal(w.grad, [4.0, 8.0])


def test_a_step_that_raises_changes_nothing():
    w = tg.Tensor([1.0])

    @tg.jit
    def step():
        (w * 3).sum().backward()
        w.data = w.data - 1
        raise KeyError("later")

    with pytest.raises(KeyError):
        step()
    assert (w.data.tolist(), w.grad) == ([1.0], None)


def test_one_tensor_in_two_places_is_one():
    f = tg.jit(lambda a, b: (a * b).sum().backward())
    x, y = tg.Tensor([3.0]), tg.Tensor([5.0])
    f(x, x)
    assert x.grad.tolist() == [6.0]
    f(y, x)
    assert (x.grad.tolist(), y.grad.tolist()) == ([11.0], [3.0])


def test_threads_do_not_lose_a_step():
    w = tg.Tensor([0.0])

    @tg.jit
    def step():
        w.data = w.data + 1

    with ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(step) for _ in range(200)]:
            call.result()
    assert w.data.tolist() == [200.0]


def test_a_method_and_its_attributes():
    class Trainer:
        """A user's own class: a parameter, a buffer, and a method that is compiled."""

        def __init__(self):
            self.w, self.average, self.rate = tg.Tensor([1.0, 2.0]), np.zeros(2), 0.5

        @tg.jit
        def step(self, target):
            ((self.w - target) ** 2).sum().backward()
            self.w.data = self.w.data - self.rate * self.w.grad
            self.w.zero_grad()
            self.average = 0.9 * self.average + 0.1 * self.w.data

    trainer = Trainer()
    trainer.step(np.array([3.0, 3.0]))
    np.testing.assert_allclose(trainer.w.data, [3.0, 3.0])
    trainer.rate = 0.0  # a setting: another value, another program
    trainer.step(np.array([9.0, 9.0]))
    np.testing.assert_allclose(trainer.w.data, [3.0, 3.0])
    np.testing.assert_allclose(trainer.average, [0.57, 0.57])


def test_a_name_that_is_bound_anew_is_read_anew():
    X, w = np.ones(2), tg.Tensor([1.0, 1.0])
    f = tg.jit(lambda: (w * X).sum())
    assert f().item() == 2
    X = np.full(2, 5.0)
    assert f().item() == 10
    w = tg.Tensor([0.0, 1.0])
    assert f().item() == 5


def test_compiled_functions_nest():
    w = tg.Tensor([1.0])

    @tg.jit
    def inner(x):
        (w * x).sum().backward()
        w.data = w.data - 0.1 * w.grad
        w.zero_grad()

    @tg.jit
    def outer(x):
        inner(x)
        inner(x)

    outer(np.ones(1))
    outer(np.ones(1))
    assert w.data.tolist() == pytest.approx([0.6])


def test_derivatives_inside(rng):
    x = rng.normal(size=3)
    compiled = tg.jit(tg.hessian(lambda x: (x**3).sum()))
    np.testing.assert_allclose(compiled(x), np.diag(6 * x))


def test_a_second_derivative_where_the_first_is_zero():
    hessian = tg.hessian(lambda z: (tg.sin(z) ** 2).sum())
    assert np.asarray(tg.jit(lambda z: hessian(z))(np.zeros(1))).tolist() == [[2.0]]


def test_static_arguments(jax):
    f = tg.jit(lambda x, axis: tg.sum(x, axis=axis), static_argnames=["axis"])
    x = tg.Tensor(np.ones((2, 3)))
    assert (f(x, 0).shape, f(x, axis=1).shape) == ((3,), (2,))
    with pytest.raises(TypeError, match="the static argument axis is a list, which has no hash"):
        f(x, [0])
    with pytest.raises(ValueError, match="no argument is called axes"):
        tg.jit(lambda x: x, static_argnames=["axes"])


@pytest.mark.parametrize("f", [lambda x: x if x.sum() > 0 else -x, lambda x: x.sum().item()])
def test_entries_that_are_asked_for_are_explained(f, jax):
    with pytest.raises(jax.errors.JAXTypeError) as found:
        tg.jit(f)(tg.Tensor([1.0]))
    assert any("choose with tg.where" in note for note in found.value.__notes__)


@pytest.mark.parametrize("donate", [False, True])
def test_donated_state_is_given_up(donate):
    w = tg.Tensor([1.0, 2.0])

    def step():
        w.data = w.data + 1

    step = tg.jit(step, donate=donate)
    step()
    old = w.data  # JAX's own by now
    step()
    assert w.data.tolist() == [3.0, 4.0]
    assert old.is_deleted() is donate


@pytest.mark.parametrize("draw", [lambda g: g.normal(size=2), lambda g: np.random.normal(size=2)])
def test_random_numbers_are_refused(draw):
    w, g = tg.Tensor([1.0, 2.0]), np.random.default_rng(0)
    with pytest.raises(TypeError, match=r"draws random numbers.*model\.eval\(\)"):
        tg.jit(lambda: (w * draw(g)).sum())()


def test_dropout_is_refused_in_training_alone():
    model = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Dropout(0.5, rng=0))
    f = tg.jit(lambda x: model(x))
    with pytest.raises(TypeError, match="draws random numbers"):
        f(np.ones((1, 2)))
    model.eval()
    np.testing.assert_allclose(f(np.ones((1, 2))).data, model(np.ones((1, 2))).data)


def test_nodes_whose_graph_would_be_cut_are_refused():
    w, f = tg.Tensor([1.0]), tg.jit(lambda x: (x * x).sum())
    with pytest.raises(TypeError, match=r"result of multiply, whose graph would be cut"):
        f(w * 2)
    with pytest.raises(TypeError, match="an argument of a transform"):
        tg.grad(f)(np.ones(1))
    with pytest.raises(TypeError, match="a Value is a Python number"):
        f(tg.Value(1.0))
    with pytest.raises(ValueError, match="a constant"):
        f(w).backward()


def test_arrays_of_libraries_that_xla_does_not_read_are_refused(needs):
    x = needs("array_api_strict").ones(3)
    for f, given in [(lambda t: tg.sum(t * t), x), (lambda _: tg.sum(tg.Tensor(x)), np.ones(3))]:
        with pytest.raises(TypeError, match=r"shape \(3,\) is array_api_strict's; convert it"):
            tg.jit(f)(given)


def test_the_context_of_a_call_counts():
    w = tg.Tensor([1.0])
    f = tg.jit(lambda: (w * 2).is_leaf)
    assert not f()
    with tg.no_grad():
        assert f()
    with tg.debug(), pytest.raises(ValueError, match="the plain function"):
        f()


def test_labels_out_of_range_make_nan():
    f = tg.jit(lambda x, y: tg.value_and_grad(tg.cross_entropy)(x, y))
    x = np.zeros((2, 3))
    assert np.isfinite(f(x, np.array([0, 2]))[1]).all()
    for label in (3, -1):
        loss, gradient = f(x, np.array([0, label]))
        assert np.isnan(loss)
        assert np.isnan(gradient[1]).all()


def test_float64_is_kept_or_asked_for(jax):
    f = tg.jit(lambda x: x * 2)
    assert f(np.ones(2)).dtype == np.float64
    jax.config.update("jax_enable_x64", False)
    assert f(np.ones(2, np.float32)).dtype == np.float32
    with pytest.raises(TypeError, match="float64 arrays float32 unless it is told"):
        f(np.ones(2))


def test_without_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad_lite\[jit\]'"):
        tg.jit(lambda x: x)
