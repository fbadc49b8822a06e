"""What a compiled function gives back: its caller's own arrays, eager's errors, and its text."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

X = np.random.default_rng(0).normal(size=(20, 4))
LABELS = np.random.default_rng(1).integers(0, 3, 20)
SCALE = np.ones(3)


class Result:
    def __init__(self, loss):
        self.loss = loss


@pytest.mark.parametrize(
    "f", [lambda x: iter([x * 2]), lambda x: Result(x * 2), lambda x: (y for y in [x * 2])]
)
def test_what_would_keep_arrays_of_one_run_is_refused(f):
    with pytest.raises(TypeError, match="of the one run that is recorded"):
        tg.compile(f)(np.ones(2))


def test_numbers_come_back_as_numpy_gives_them():
    step = tg.compile(lambda x: (x.sum(), x.max() > 1, tg.Tensor(x).sum(), 3, None, "word"))
    total, larger, node, *others = step(np.ones(3))
    assert (type(total), type(larger)) == (np.float64, np.bool_)
    assert type(node.data) is np.ndarray
    assert others == [3, None, "word"]


def test_results_are_the_callers_own():
    step = tg.compile(lambda x: (x, x * 2, x.T, SCALE))
    x = np.ones((2, 2))
    first = step(x)
    for y in first:
        y[:] = -1.0
    assert x.tolist() == [[1.0, 1.0]] * 2
    assert SCALE.tolist() == [1.0, 1.0, 1.0]
    assert np.array_equal(step(x)[1], 2 * x)
    assert all(np.all(y == -1.0) for y in first)


def test_a_tensor_that_comes_back_is_a_constant():
    step = tg.compile(lambda w: (w * w).sum())
    loss = step(tg.Tensor([1.0, 2.0]))
    assert loss.data == 5.0
    with pytest.raises(ValueError, match="backward\\(\\) on a constant"):
        loss.backward()


def test_what_is_differentiated_outside_runs_as_it_is():
    step = tg.compile(lambda w: (w**2).sum())
    assert tg.grad(step)(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    w = tg.Tensor([1.0, 2.0])
    step(w * 3).backward()
    assert w.grad.tolist() == [18.0, 36.0]


def test_errors_are_those_of_eager():
    W = tg.Tensor(X)
    loss = tg.compile(lambda y: tg.cross_entropy(W, y))
    loss(LABELS)
    with pytest.raises(ValueError, match="labels must lie between 0 and 3"):
        loss(LABELS + 5)
    with pytest.raises(ValueError, match=r"W \(20, 4\) @ .* do not fit"):
        tg.compile(lambda x: W @ x)(np.ones(3))
    step = tg.compile(lambda a: tg.inv(tg.Tensor(a)))
    step(np.eye(2))
    with pytest.raises(ValueError, match="ingular"):
        step(np.zeros((2, 2)))


def test_it_prints_its_program_with_the_names_of_the_user():
    W, rate = tg.Tensor(np.ones((4, 3))), 0.5

    @tg.compile
    def descend(x):
        W.data = W.data - rate * (x.T @ x) @ W.data

    assert "not recorded yet" in str(descend)
    with pytest.raises(ValueError, match="call it first"):
        _ = descend.source
    descend(X)
    text = str(descend)
    assert "descend, 1 program; the last that ran" in text
    assert "def program(x, W):" in text
    assert "dot(" in text
