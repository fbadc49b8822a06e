"""All that one does with a model, on arrays of other libraries and of devices that NumPy cannot
read: what is made on the way lies beside them, and what is shown is fetched."""

from __future__ import annotations

import numpy as np
import pytest
from places import LIBRARIES, devices, placed

import tinygrad_lite as tg
from tinygrad_lite.graph.backend import in_numpy
from tinygrad_lite.testing import assert_gradients

pytestmark = pytest.mark.filterwarnings("ignore:You are comparing a array_api_strict")


@pytest.fixture(params=LIBRARIES)
def places(request, needs):
    """Functions that make an array of the library, one for each kind of device."""
    xp = needs(request.param)
    if request.param == "jax.numpy":
        needs("jax").config.update("jax_enable_x64", True)
    return [lambda x, device=device: placed(xp, x, device) for device in devices(xp)]


DATA = np.random.default_rng(0).normal(size=(5, 4))
WEIGHTS = np.random.default_rng(1).normal(size=(3, 4))
LABELS = np.array([0, 1, 2, 0, 1])


def trained(made, optimizer):
    """The loss and the parameters of a model after three steps."""
    nn = tg.nn
    model = nn.Sequential(
        nn.Linear(4, 8, rng=0, bias=False),
        nn.BatchNorm(8),
        tg.relu,
        nn.Dropout(0.2, rng=0),
        nn.LayerNorm(8),
    )
    for p in model.parameters():
        p.data = made(p.data)
    X, labels = made(DATA), made(LABELS)
    steps = optimizer(model.parameters(), lr=0.01)
    for _ in range(3):
        loss = tg.cross_entropy(model(X), labels)
        loss.backward()
        steps.step()
        steps.zero_grad()
    model.load_state_dict(model.state_dict())
    steps.load_state_dict(steps.state_dict())
    model.eval()
    found = [*model.parameters(), model(X)]
    assert all(p.data.device == X.device for p in found)
    return [loss.item(), *map(in_numpy, found)]


@pytest.mark.parametrize("optimizer", [tg.optim.SGD, tg.optim.AdamW])
def test_training(places, optimizer):
    expected = trained(np.asarray, optimizer)
    for made in places:
        for a, b in zip(trained(made, optimizer), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_transforms(places):
    def f(w):
        return (w**3 * w[0]).sum() + w[np.array([1, 1])].sum() ** 2

    x = np.array([0.5, 2.0, -1.0])
    for made in places:
        at, v = made(x), made(np.array([1.0, 0.0, 2.0]))
        for transform, given in [
            (tg.grad(f), (at,)),
            (tg.hessian(f), (at,)),
            (tg.jacobian(lambda w: w**2 * w[0]), (at,)),
            (tg.hvp(f), (at, v)),
            (lambda a, b: tg.jvp(f, (a,), (b,))[1], (at, v)),
            (lambda a, b: tg.vjp(lambda w: w**2, a)[1](b)[0], (at, v)),
        ]:
            found = transform(*given)
            assert getattr(found, "device", at.device) == at.device
            expected = transform(*map(in_numpy, given))
            np.testing.assert_allclose(in_numpy(found), in_numpy(expected), rtol=1e-12)
        assert_gradients(f, at)


A = np.random.default_rng(2).normal(size=(3, 4))
MASK, COUNTS = np.array([True, False, True, True]), np.array([1, 2, 3, 0])
HALVES = np.array([0.5, 2.0, 0.0, 3.0])
PLAIN = {
    "product": lambda w: ((A @ w) ** 2).sum(),
    "whole": lambda w: tg.sum(w * w * COUNTS * np.float64(2)) + tg.sum(w**COUNTS),
    "truths": lambda w: tg.sum((w * MASK) ** 3) + tg.sum(True / w) + tg.sum(np.True_ - w),
    "powers": lambda w: tg.sum(2**w) + tg.sum(HALVES**w) + tg.sum(w**HALVES),
    "logarithms": lambda w: tg.sum(tg.xlogy(2, w) + tg.xlogy(w, 3.0) + tg.xlog1py(w, HALVES)),
    "choice": lambda w: tg.sum(tg.where(MASK, w**2, COUNTS)) + tg.sum(w * (w > HALVES)),
    "largest": lambda w: tg.sum(tg.maximum(w, HALVES) ** 2) + tg.sum(tg.hypot(HALVES, w)),
    "labels": lambda w: tg.cross_entropy(tg.reshape(w, (1, 4)), np.array([2])),
    "joined": lambda w: tg.sum(tg.concat([w, np.ones(2)]) ** 2) * tg.sum(tg.stack([w[0], 1.0])),
    "list": lambda w: tg.sum((w - [1, 2, 3, 4]) ** 2 * (w != [0.3, 0, 0, 0])) * np.array(2),
}


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_is_brought_beside(places, f):
    w = np.array([0.3, 0.7, 0.2, 0.9])
    for made in places:
        at = made(w)
        found = tg.grad(f)(at)
        assert getattr(found, "device", at.device) == at.device
        np.testing.assert_allclose(in_numpy(found), tg.grad(f)(w), rtol=1e-12)
        if "strict" not in type(at).__module__:  # whose arrays raise where a node is on the right
            np.testing.assert_allclose(in_numpy(tg.hessian(f)(at)), tg.hessian(f)(w), rtol=1e-9)


def shown(made, folder):
    """What the rooms say of a graph."""

    def backward(x, W, s, y):
        ds = s - y
        dz = ds * s * (1 - s)
        dW = x.T @ dz
        return dW  # noqa: RET504

    W, x = (tg.Tensor(made(a), name=n) for a, n in [(WEIGHTS, "W"), (DATA, "x")])
    y = made(np.eye(3)[LABELS])
    s = tg.sigmoid(x @ W.mT)
    E = tg.sum((s - y) ** 2) / 2
    E.backward()
    assert len(W) == len(list(W)) == 3
    tg.draw(E).save(folder / "E.html")
    report = tg.check(E, backward)
    assert report[-1].mended == "dW = dz.T @ x"
    assert tg.check(E, {W: W.grad}).ok
    assert tg.check_function(lambda a: a * a, lambda dy, a: 2 * a * dy, made(DATA)).ok
    quiet = np.errstate(all="ignore")
    with quiet, tg.debug(), pytest.raises(FloatingPointError, match="made a NaN"):
        tg.log(-tg.abs(W))
    return E.tolist(), E.item(), tg.draw(E).svg, str(tg.derive(E, W)), str(report)


def test_what_is_shown(places, tmp_path):
    expected = shown(np.asarray, tmp_path)
    for made in places:
        loss, *found = shown(made, tmp_path)
        assert loss == pytest.approx(expected[0])
        assert found[1:] == list(expected[2:])


def test_plots(places, needs):
    needs("matplotlib").use("Agg")
    for made in places:
        W, x = (tg.Tensor(made(a)) for a in (WEIGHTS, DATA))
        tg.plot.jacobian(tg.sigmoid(x @ W.mT), W)
