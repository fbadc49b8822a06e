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


def test_a_result_that_is_kept_somewhere_needs_no_program_of_its_own():
    kept, w = Result(None), tg.Tensor([1.0, 2.0])

    @tg.compile
    def step(x):
        before = kept.loss
        kept.loss = (w * x).sum()
        return 0.0 if before is None else kept.loss - before

    found = [step(np.full(2, float(i))) for i in range(5)]
    assert [d.item() for d in found[1:]] == [3.0] * 4
    assert kept.loss.item() == 12.0
    assert step.programs == 2


def test_the_data_of_a_kept_result_is_not_set():
    kept = Result(None)

    @tg.compile
    def step(x):
        if kept.loss is not None:
            kept.loss.data = x
        kept.loss = tg.Tensor(x) * 2

    step(np.ones(2))
    with pytest.raises(TypeError, match="sets the data of what it computed"):
        step(np.ones(2))


def test_a_tensor_that_is_given_comes_back_itself():
    step = tg.compile(lambda p: (p["w"], tg.Tensor(p["w"].data * 2)))
    for w in (tg.Tensor([1.0]), tg.Tensor([2.0])):
        same, made = step({"w": w})
        assert same is w
        assert made.data.tolist() == (w.data * 2).tolist()
        assert not made.constant  # as eager has it: the caller's new leaf


def test_what_is_differentiated_outside_runs_as_it_is_also_where_it_is_found():
    held = [None]
    step = tg.compile(lambda: (held[0] * 3).sum())

    def f(w):
        held[0] = w
        return step()

    assert tg.grad(f)(np.ones(2)).tolist() == [3.0, 3.0]


def test_no_gradient_goes_out_through_what_was_computed_outside():
    W = tg.Tensor([1.0, 2.0])
    h = W * 2
    step = tg.compile(lambda x: (h * x).sum().backward())
    with pytest.raises(TypeError, match="through what was computed outside"):
        step(np.ones(2))
    assert (W.grad, h.grad) == (None, None)


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


def test_conditions_on_values_are_recorded():
    step = tg.compile(f := lambda x: np.piecewise(x, [x > 0], [lambda t: t * t, lambda t: -t]))
    step(tg.Tensor(-X[:2]))
    assert np.array_equal(step(tg.Tensor(X[:2])).data, f(tg.Tensor(X[:2])).data)
    assert step.programs == 1
