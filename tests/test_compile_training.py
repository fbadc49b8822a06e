"""Steps of training as programs: equal to eager bit for bit, with all that they keep up."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg

X = np.random.default_rng(0).normal(size=(20, 4))
LABELS = np.random.default_rng(1).integers(0, 3, 20)


def model(*between):
    return tg.nn.Sequential(
        tg.nn.Linear(4, 8, rng=1), *[make() for make in between], tg.tanh, tg.nn.Linear(8, 3, rng=2)
    )


def digits_step(dtype):
    """W4's step: an MLP 64-32-10, softmax cross-entropy, parameters set against their gradients."""
    rng = np.random.default_rng(0)
    shapes = [(64, 32), (32,), (32, 10), (10,)]
    parameters = [tg.Tensor(rng.normal(size=s).astype(dtype) / 8) for s in shapes]

    def step(x, y):
        w1, b1, w2, b2 = parameters
        loss = tg.cross_entropy(tg.tanh(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        for w in parameters:
            w.data = w.data - 0.1 * w.grad
            w.zero_grad()
        return loss

    return step, parameters


def trained(make, batches, compiled):
    """The losses and the parameters after a step on each batch, and the function."""
    step, parameters = make()
    run = tg.compile(step) if compiled else step
    losses = [run(*batch).data for batch in batches]
    assert all(w.grad is None for w in parameters)
    return losses + [w.data for w in parameters], run


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_training_is_equal_bit_for_bit(dtype):
    rng = np.random.default_rng(1)
    batches = [(rng.random((32, 64)).astype(dtype), rng.integers(0, 10, 32)) for _ in range(20)]
    eager, _ = trained(lambda: digits_step(dtype), batches, False)
    actual, step = trained(lambda: digits_step(dtype), batches, True)
    assert all(map(np.array_equal, eager, actual))
    assert {a.dtype for a in actual} == {np.dtype(dtype)}
    assert step.programs == 1


@pytest.mark.parametrize(
    "optimiser",
    [
        lambda p: tg.optim.SGD(p, 0.1),
        lambda p: tg.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda p: tg.optim.Adam(p, 0.01),
        lambda p: tg.optim.AdamW(p, 0.01),
    ],
)
@pytest.mark.parametrize("parts", [(), (lambda: tg.nn.BatchNorm(8),)])
def test_modules_and_optimisers(optimiser, parts):
    """Counts of steps, moments, running statistics and a rate that changes are kept up."""

    def make():
        net = model(*parts)
        optim = optimiser(net.parameters())

        def step(x, y):
            loss = tg.cross_entropy(net(x), y)
            loss.backward()
            optim.step()
            optim.zero_grad()
            optim.lr *= 0.9
            return loss

        step.state = lambda: {**net.state_dict(), **optim.state_dict()}
        return step, net.parameters()

    eager, plain = trained(make, [(X, LABELS)] * 9, False)
    actual, step = trained(make, [(X, LABELS)] * 9, True)
    assert all(map(np.array_equal, eager, actual))
    assert step.programs <= 4
    ours, theirs = step.__wrapped__.state(), plain.state()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[k], theirs[k]) for k in ours)


def test_gradients_add_up_as_in_eager():
    def f(w):
        (w * w).sum().backward()

    w, v = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    step = tg.compile(f)
    step(w)
    step(w)
    step(v)
    assert w.grad.tolist() == [4.0, 8.0]
    assert v.grad.tolist() == [6.0, 8.0]
    w.grad[0] = -1.0
    assert v.grad.tolist() == [6.0, 8.0]


LOSSES = [tg.nn.mse, tg.nn.hinge, tg.nn.binary_cross_entropy_with_logits]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.int64, bool])
def test_every_loss_is_compiled_with_labels_that_are_handed_over(loss, dtype):
    W, labels = tg.Tensor(np.ones((4, 1))), (np.arange(5)[:, None] % 2).astype(dtype)
    x = np.linspace(-1.0, 1.0, 20).reshape(5, 4)
    step = tg.compile(lambda x, y: loss(x @ W, y))
    step(x, labels)
    assert step(2 * x, labels).item() == loss(2 * x @ W, labels).item()
