import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.optim import SGD, Adam, AdamW

SETTINGS = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    (SGD, {"lr": 0.1, "weight_decay": 0.05}),
    (Adam, {"lr": 0.05}),
    (Adam, {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.05}),
    (AdamW, {"lr": 0.05}),
    (AdamW, {"lr": 0.05, "weight_decay": 0.2}),
]
STEPS = 7


def gradients(rng):
    return [(rng.normal(size=(3, 2)), rng.normal(size=2)) for _ in range(STEPS)]


def walk(optimizer_type, settings, rng):
    """The parameters after each step along given gradients; the second rests in step 3."""
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    path = [(W.data, b.data)]
    optimizer = optimizer_type([W, b], **settings)
    for k, (gW, gb) in enumerate(gradients(rng)):
        W.grad, b.grad = gW, None if k == 3 else gb
        optimizer.step()
        path.append((W.data, b.data))
    return path


@pytest.mark.oracle
@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_against_pytorch_step_by_step(optimizer_type, settings, needs):
    torch = needs("torch")
    ours = walk(optimizer_type, settings, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    W, b = (torch.tensor(rng.normal(size=s), requires_grad=True) for s in ((3, 2), 2))
    optimizer = getattr(torch.optim, optimizer_type.__name__)([W, b], **settings)
    for k, (gW, gb) in enumerate(gradients(rng)):
        W.grad, b.grad = torch.tensor(gW), None if k == 3 else torch.tensor(gb)
        optimizer.step()
        for mine, theirs in zip(ours[k + 1], (W, b), strict=True):
            np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_sgd_by_hand():
    x = tg.Tensor([1.0, 2.0])
    optimizer = SGD([x], lr=0.1, momentum=0.5, weight_decay=0.2)
    x.grad = np.array([1.0, -1.0])
    optimizer.step()  # v = g + 0.2 x = [1.2, -0.6]
    np.testing.assert_allclose(x.data, [0.88, 2.06])
    x.grad = np.array([0.0, 1.0])
    optimizer.step()  # v = 0.5 v + g + 0.2 x = [0.776, 1.112]
    np.testing.assert_allclose(x.data, [0.88 - 0.0776, 2.06 - 0.1112])


def test_nesterov_by_hand():
    x = tg.Value(1.0)
    optimizer = SGD([x], lr=0.1, momentum=0.5, nesterov=True)
    x.grad = 2.0
    optimizer.step()  # v = 2, x -= 0.1 (2 + 0.5 * 2)
    assert x.data == pytest.approx(0.7)
    x.grad = 1.0
    optimizer.step()  # v = 2, x -= 0.1 (1 + 0.5 * 2)
    assert x.data == pytest.approx(0.5)


def test_adam_by_hand():
    x = tg.Value(1.0)
    optimizer = Adam([x], lr=0.1, betas=(0.5, 0.75), eps=1e-8)
    x.grad = 4.0
    optimizer.step()  # m_hat = g, v_hat = g**2: the first step is lr * sign(g)
    assert x.data == pytest.approx(0.9)
    x.grad = -2.0
    optimizer.step()  # m = 0, so nothing moves
    assert x.data == pytest.approx(0.9)
    x.grad = 2.0
    optimizer.step()  # m = 1, m_hat = 8/7; v = .75 (.75*4 + 1) + 1 = 4, v_hat = 256/37
    assert x.data == pytest.approx(0.9 - 0.1 * (8 / 7) / np.sqrt(256 / 37))


def test_adamw_decays_apart_from_the_gradient():
    x = tg.Value(2.0)
    x.grad = 0.0
    AdamW([x], lr=0.1, weight_decay=0.5).step()
    assert x.data == pytest.approx(2.0 * 0.95)


@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_values_move_like_tensors(optimizer_type, settings, rng):
    T = tg.Tensor(rng.normal(size=3))
    values = [tg.Value(v) for v in T.data]
    many, one = optimizer_type(values, **settings), optimizer_type([T], **settings)
    for g in rng.normal(size=(4, 3)):
        T.grad = g
        for v, gv in zip(values, g, strict=True):
            v.grad = gv
        many.step()
        one.step()
        np.testing.assert_allclose([v.data for v in values], T.data, rtol=1e-13)


@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_float32_stays_float32(optimizer_type, settings):
    x = tg.Tensor(np.ones(3, dtype=np.float32))
    optimizer = optimizer_type([x], **settings)
    for _ in range(3):
        x.grad = np.ones(3, dtype=np.float32)
        optimizer.step()
    assert x.dtype == np.float32


@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_arrays_of_another_library(optimizer_type, settings, rng, needs):
    xp = needs("array_api_strict")
    start, grads = rng.normal(size=3), rng.normal(size=(3, 3))
    x, y = tg.Tensor(start), tg.Tensor(xp.asarray(start))
    optimizers = optimizer_type([x], **settings), optimizer_type([y], **settings)
    for g in grads:
        x.grad, y.grad = g, xp.asarray(g)
        for optimizer in optimizers:
            optimizer.step()
    assert isinstance(y.data, type(xp.asarray(1.0)))
    np.testing.assert_allclose(np.asarray(y.data), x.data, rtol=1e-13)


def test_a_parameter_without_gradient_rests():
    x, y = tg.Tensor([1.0]), tg.Tensor([1.0])
    optimizer = AdamW([x, y], lr=0.1)
    (2 * x).sum().backward()
    optimizer.step()
    assert y.data[0] == 1.0
    assert x.data[0] < 1.0
    optimizer.zero_grad()
    assert x.grad is None


def test_a_graph_recorded_before_a_step_keeps_its_values():
    x = tg.Tensor([3.0])
    y = (x * x).sum()
    x.grad = np.array([1.0])
    SGD([x], lr=1.0).step()
    x.zero_grad()
    y.backward()
    assert x.grad[0] == 6.0


def test_a_shared_parameter_moves_once():
    x = tg.Value(1.0)
    x.grad = 1.0
    SGD([x, x], lr=0.5).step()
    assert x.data == 0.5


def test_gradients_that_are_nodes():
    x = tg.Value(3.0)
    (x * x).backward(record=True)
    SGD([x], lr=0.5).step()
    assert x.data == 0.0


def test_the_learning_rate_may_change():
    x = tg.Value(1.0)
    optimizer = SGD(iter([x]), lr=0.5)
    optimizer.lr = 0.25
    x.grad = 1.0
    optimizer.step()
    assert x.data == 0.75


def test_bad_input():
    x = tg.Value(1.0)
    with pytest.raises(ValueError, match="SGD: no parameters"):
        SGD([])
    with pytest.raises(TypeError, match="Adam: parameter 1 is a float, not a Value or Tensor"):
        Adam([x, 2.0])
    with pytest.raises(TypeError, match="parameter 0 is the result of multiply, not a leaf"):
        SGD([x * 2])
    with pytest.raises(TypeError, match="parameter 0 is a constant"):
        SGD([x.detach()])
    with pytest.raises(ValueError, match=r"lr must not be negative, got -0\.1"):
        SGD([x], lr=-0.1)
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        SGD([x], nesterov=True)
    with pytest.raises(ValueError, match=r"betas must be in \[0, 1\)"):
        Adam([x], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="eps must be above 0"):
        Adam([x], eps=0)
