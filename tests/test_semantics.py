"""What the engine promises, a test per promise that bears its name. The other test files go into
each; this one is to be read."""

from __future__ import annotations

import sys
import threading
import weakref

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value


def test_tracking():
    """Wrapped is differentiated by, plain is constant; integers become float64."""
    x, c = Tensor([1, 2]), np.array([3.0, 4.0])
    assert x.data.dtype == np.float64
    assert Tensor(np.ones(2, np.float32)).data.dtype == np.float32
    with pytest.raises(TypeError, match="complex"):
        Tensor(np.array([1j]))
    with tg.no_grad():
        assert (x * c).constant
    assert (x.detach() * c).constant
    y = x * c
    assert not y.constant
    assert y.inputs[1] is c


def test_grad():
    """None until a sweep arrives; leaves accumulate, intermediates hold the last; twice is exactly
    twice."""
    x = Tensor([0.1, 0.7])
    assert x.grad is None
    y = tg.sin(x) * x
    E = y.sum()
    E.backward()
    once, last = x.grad.copy(), y.grad.copy()
    E.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)
    np.testing.assert_array_equal(y.grad, last)
    x.zero_grad()
    assert x.grad is None
    with pytest.raises(ValueError, match=r"backward"):
        y.backward()


@pytest.mark.parametrize("leaf", [lambda a: Value(a), lambda a: Tensor(a)])
def test_reuse(leaf):
    """x * x, diamonds, and an edge used twice."""
    x = leaf(3.0)
    a = x * x
    (a * a + a * x).backward()
    assert float(x.grad) == 4 * 27 + 3 * 9


def test_depth_and_size():
    """Nothing recurses, and a graph is freed with its last name."""
    x = Value(1.0)
    y = x
    for _ in range(20 * sys.getrecursionlimit()):
        y = y + x
    y.backward()
    assert x.grad == 20 * sys.getrecursionlimit() + 1
    t = Tensor([1.0]) * 2
    freed, t = weakref.ref(t), None
    assert freed() is None


def test_kinks():
    """relu'(0) = |x|'(0) = 0; ties share equally."""
    assert tg.grad(tg.relu)(0.0) == tg.grad(tg.abs)(0.0) == 0.0
    np.testing.assert_array_equal(tg.grad(tg.max)(np.array([5.0, 5.0, 1.0])), [0.5, 0.5, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [tg.sigmoid, tg.softplus, tg.logsumexp, tg.softmax, tg.tanh])
def test_stability(f, dtype):
    """Values and gradients are finite at +-1000."""
    x = Tensor(np.array([-1000.0, 0.0, 1000.0], dtype))
    y = f(x)
    y.backward(np.ones(y.shape, dtype))
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad).all()


def test_nothing_is_lost_in_silence():
    """A plain array made of nodes is refused; what has no slope gives plain results or zeros."""
    t = Tensor([1.0, -2.5])
    with pytest.raises(TypeError, match=r"tg\.asarray"):
        np.asarray(t)
    assert tg.asarray([t[0], t[1]]).inputs
    assert isinstance(t > 0, np.ndarray)
    np.testing.assert_array_equal(tg.grad(lambda x: (tg.floor(x) * x).sum())(t.data), [1.0, -3.0])


def test_mutation():
    """A recorded graph keeps its values; a step in place is noticed; items are not assigned."""
    x = Tensor([1.0, 2.0])
    E = (x * x).sum()
    x.data = np.array([5.0, 5.0])
    E.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    E = (x * x).sum()
    x.data -= 1
    with pytest.raises(RuntimeError, match="in place"):
        E.backward()
    with pytest.raises(TypeError, match=r"where"):
        x[0] = 3.0


def test_nested_differentiation():
    """Inner and outer derivatives do not mix; results are plain unless something records."""
    inner = tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))
    assert inner(2.0) == 1.0
    w, x = Tensor([2.0]), np.array([3.0])
    assert type(tg.grad(lambda x: (w * x).sum())(x)) is np.ndarray
    assert isinstance(tg.grad(lambda x: (w * x * x).sum(), record=True)(x), Tensor)
    with pytest.warns(UserWarning, match="does not depend"):
        tg.grad(lambda x: w.sum())(x)


def test_dtypes():
    """Operands come to the result's dtype first; gradients keep their node's."""
    x = Tensor(np.array([2.0, 3.0], np.float32))
    y = x ** np.array([0, 2], np.uint8) * np.float64(1)
    y.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [0.0, 6.0])


def test_zero_cotangent_zero_contribution():
    """Where nothing flows back, an infinite slope does not make NaN."""
    x = Tensor([0.0, 4.0])
    y = tg.where(x.data > 0, tg.sqrt(x), 0.0).sum()  # NumPy says nothing of it either
    y.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.25])


@pytest.mark.parametrize("leaf", [lambda: Value(1.0), lambda: Tensor([1.0])])
def test_all_or_nothing(leaf):
    """A sweep that raises changes no gradient."""

    @tg.elementwise("broken({0})")
    def broken(xp, x):
        return x * 1

    @broken.local
    def _(xp, y, x):
        raise KeyboardInterrupt

    x, z = leaf(), leaf()
    y = broken(x) + z * 2
    with pytest.raises(KeyboardInterrupt):
        (y.sum() if isinstance(y, Tensor) else y).backward()
    assert x.grad is z.grad is y.grad is None


def test_threads():
    """Contexts are a thread's own."""
    seen = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append((Value(1.0) * 2).constant))
        thread.start()
        thread.join()
    assert seen == [False]
