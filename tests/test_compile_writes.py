"""Writing into arrays in a compiled function: as NumPy does it, or an error that says why."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

X = np.random.default_rng(0).normal(size=(8, 4))
LABELS = np.random.default_rng(1).integers(0, 3, 8)


def set_at_once(p):
    p.data[...] = p.data - 0.1 * p.grad


def subtract(p):
    p.data -= 0.1 * p.grad


def subtract_out(p):
    np.subtract(p.data, 0.1 * p.grad, out=p.data)


def decayed(p):
    p.data *= 0.99
    p.grad *= -0.1
    p.data += p.grad


def copied(p):
    np.copyto(p.data, p.data - 0.1 * p.grad)


def by_rows(p):
    for i in range(len(p.data)):
        p.data[i] -= 0.1 * p.grad[i]


def shuffled(p):
    np.subtract.at(p.data, np.array([0, 1, 0]), 0.1 * p.grad[:3])
    np.subtract.at(p.data, [0], [0.5])


@pytest.mark.parametrize(
    "update", [set_at_once, subtract, subtract_out, decayed, copied, by_rows, shuffled]
)
@pytest.mark.parametrize("forget", [True, False])
def test_parameters_are_updated_in_place(update, forget):
    """The arrays that others hold are the parameters' still, as they are without compile."""

    def trained(made):
        rng = np.random.default_rng(2)
        W, b = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=3))

        @made
        def step(x, y):
            loss = tg.cross_entropy(x @ W + b, y)
            loss.backward()
            for p in (W, b):
                update(p)
                if forget:
                    p.zero_grad()
                else:
                    p.grad.fill(0)
            return loss

        held = W.data, b.data
        losses = [step(X, LABELS).item() for _ in range(4)]
        assert np.shares_memory(W.data, held[0])
        return losses, *held

    for a, b in zip(trained(tg.compile), trained(lambda f: f), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_that_are_equal_are_written_into_one_by_one():
    V, W = tg.Tensor(np.ones(3)), tg.Tensor(np.ones(3))

    @tg.compile
    def step():
        (V + W).sum().backward()
        V.grad *= 5
        return V.grad, W.grad

    for factor in (1, 2):
        first, second = step()
        np.testing.assert_array_equal(second, factor * np.ones(3))
        np.testing.assert_array_equal(first, V.grad)
        W.grad[...] = 7  # by the caller, in arrays of its own
        assert V.grad[0] != 7
        W.grad[...] = factor
    np.testing.assert_array_equal(V.grad, 30 * np.ones(3))


def test_a_graph_of_which_a_leaf_was_written_into_is_refused_as_ever():
    W = tg.Tensor(np.ones(3))

    def step(x):
        loss = (W * x).sum()
        W.data -= 1.0
        loss.backward()
        return W.grad

    for made in (step, tg.compile(step)):
        with pytest.raises(RuntimeError, match="changed in place"):
            made(np.arange(3.0))


def test_arrays_that_share_memory():
    x, y = np.arange(4.0), np.arange(4.0)

    @tg.compile
    def added(a, b):
        a += 1.0
        return a * b

    np.testing.assert_array_equal(added(x, y), (y + 1) * y)
    np.testing.assert_array_equal(x, y + 1)
    with pytest.raises(TypeError, match="shares memory"):
        added(x, x)

    @tg.compile
    def turned(a):
        b = a.T
        a += 1.0
        return b

    with pytest.raises(TypeError, match="read after another that shares its memory"):
        turned(np.ones((2, 3)))


def test_errors_are_numpys():
    locked = np.ones(3)
    locked.setflags(write=False)

    def narrow(a, n):
        n += a

    def wide(a, b):
        a += b

    for f, args, error in [
        (wide, (locked, np.ones(3)), "read-only"),
        (wide, (np.ones(3), np.ones((2, 3))), "broadcast"),
        (narrow, (np.ones(3), np.ones(3, int)), "Cannot cast"),
    ]:
        for made in (f, tg.compile(f)):
            with pytest.raises((ValueError, TypeError), match=error):
                made(*args)
    assert locked.sum() == 3


def wrote(rng, arrays):
    """One random change of some arrays, or a new array made of them, in place of one of them."""
    a, b = (arrays[rng.integers(len(arrays))] for _ in range(2))
    number = float(rng.normal())
    view = [a, a[1:], a[::2], a[-1], a.T, a[..., 0], a.reshape(-1)][rng.integers(7)]
    kind = rng.integers(10)
    if kind == 0:
        view += number
    elif kind == 1:
        view *= b.sum()
    elif kind == 2:
        a[np.array([0, 2, 0])] = number * b[:3]
    elif kind == 3:
        np.add.at(a, np.array([0, 2, 0]), b[:3])
    elif kind == 4:
        a[np.abs(a) > 1] = number
    elif kind == 5:
        np.multiply(a, b, out=a)
    elif kind == 6:
        a[1:] = a[:-1] + number
    elif kind == 7:
        a[0, 1] -= b[1, 0]
    elif kind == 8:
        arrays[rng.integers(len(arrays))] = np.tanh(a @ b.T)
    else:
        arrays[rng.integers(len(arrays))] = view if view.shape == (4, 4) else a + b


@pytest.mark.parametrize("seed", range(150))
def test_random_writing(seed):
    """Bit for bit what NumPy does, in results and in the arrays themselves, or refused."""

    def program(x, y):
        rng, arrays = np.random.default_rng(seed), [x, y, state["z"], np.zeros_like(x)]
        for _ in range(5):
            wrote(rng, arrays)
        return [a.copy() for a in arrays]

    def calls(made):
        rng = np.random.default_rng(100)
        found = []
        state["z"] = rng.normal(size=(4, 4))
        for _ in range(3):
            x, y = rng.normal(size=(2, 4, 4))
            found += [*made(x, y), x, y, state["z"].copy()]
        return found

    state, refused = {}, ""
    with np.errstate(all="ignore"):
        expected = found = calls(program)
        try:
            found = calls(tg.compile(program))
        except TypeError as error:
            refused = str(error)
    assert not refused or "shares its memory" in refused
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
