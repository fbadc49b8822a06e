"""Every layer, loss and starting weight of `tg.nn`, by one table each: one without a row fails."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.nn.module import survey
from tinygrad_lite.testing import assert_gradients


@dataclass(frozen=True)
class Layer:
    """How to make one (given a dtype, where it has one), and the shapes it takes and gives.

    `scalars`: it takes a sequence of numbers and gives as many Values as `out` says.
    """

    make: Callable[..., Any]
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    scalars: bool = False


LAYERS = {
    "BatchNorm": Layer(lambda d=None: nn.BatchNorm(3, dtype=d), (4, 3), (4, 3)),
    "Dropout": Layer(lambda d=None: nn.Dropout(np.float64(0.5), rng=0), (4, 3), (4, 3)),
    "Layer": Layer(lambda: nn.Layer(3, 2, activation=tg.tanh), (3,), (2,), scalars=True),
    "LayerNorm": Layer(
        lambda d=None: nn.LayerNorm(3, eps=np.float64(1e-5), dtype=d), (4, 3), (4, 3)
    ),
    "Linear": Layer(lambda d=None: nn.Linear(3, 2, rng=0, dtype=d), (4, 3), (4, 2)),
    "MLP": Layer(lambda: nn.MLP(3, [4, 2], activation=tg.tanh), (3,), (2,), scalars=True),
    "Neuron": Layer(lambda: nn.Neuron(3, activation=tg.tanh), (3,), (), scalars=True),
    "Sequential": Layer(
        lambda d=None: nn.Sequential(
            nn.Linear(3, 4, rng=0, dtype=d), tg.tanh, nn.BatchNorm(4, dtype=d)
        ),
        (4, 3),
        (4, 4),
    ),
}
ARRAYS = [name for name, row in LAYERS.items() if not row.scalars]


def public(belongs):
    """The names of `tg.nn.__all__` whose values belong."""
    return {name for name in nn.__all__ if belongs(getattr(nn, name))}


def is_layer(value):
    return isinstance(value, type) and issubclass(value, nn.Module) and value is not nn.Module


def subclasses(kind):
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_every_layer_is_exported_and_has_a_row():
    written = {
        kind.__name__
        for kind in subclasses(nn.Module) - {nn.Module}
        if kind.__module__.startswith("tinygrad_lite.nn.") and not kind.__name__.startswith("_")
    }
    assert public(is_layer) == set(LAYERS), "a layer is exported without a row here, or the reverse"
    assert written == set(LAYERS), "a layer is written that tg.nn does not export"


def data(row, rng, dtype=np.float64):
    return rng.normal(size=row.takes).astype(dtype)


def outputs(y):
    return y if isinstance(y, list) else [y]


@pytest.mark.parametrize("name", LAYERS)
def test_shape_and_names(name, rng):
    row = LAYERS[name]
    layer = row.make()
    y = layer(data(row, rng))
    assert (np.shape([v.data for v in outputs(y)]) if isinstance(y, list) else y.shape) == row.gives
    for path, parameter in layer.named_parameters():
        assert parameter.name == path
        assert path.isascii()
    assert len(layer.parameters()) == len(list(layer.named_parameters()))


@pytest.mark.parametrize("name", LAYERS)
def test_repr_makes_the_layer_or_names_its_sizes(name):
    layer = LAYERS[name].make()
    assert repr(layer).startswith(name) or f"{name}(" in repr(layer)
    try:
        again = eval(repr(layer), vars(nn) | vars(tg))
    except (SyntaxError, NameError):  # micrograd's form
        assert "Neuron(3)" in repr(layer)
    else:
        shapes = {path: p.shape for path, p in layer.named_parameters()}
        assert {path: p.shape for path, p in again.named_parameters()} == shapes


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_inputs_and_parameters(name, rng):
    row = LAYERS[name]
    template = row.make()
    x = data(row, rng)
    template(x)
    state = pickle.dumps(template)

    def f(*nodes):
        x, parameters = (nodes[:3], nodes[3:]) if row.scalars else (nodes[0], nodes[1:])
        layer = pickle.loads(state)
        for part, parameter in zip(survey(layer).parameters, parameters, strict=True):
            holder = part.above.value
            (holder if isinstance(holder, list) else vars(holder))[part.key] = parameter
        return tuple(outputs(layer(x)))

    def point(p):
        return p.data if isinstance(p.data, float) else p.data + 0.1 * rng.normal(size=p.shape)

    inputs = x.tolist() if row.scalars else [x]
    assert_gradients(f, (*inputs, *map(point, template.parameters())), entries=4)


@pytest.mark.parametrize("name", LAYERS)
def test_state_and_pickle_bring_all_of_it_back(name, rng):
    row = LAYERS[name]
    layer = row.make()
    for _ in range(3):
        x = data(row, rng)
        layer(x)
    other = row.make()
    other.load_state_dict(layer.state_dict())
    again = pickle.loads(pickle.dumps(layer))
    wanted = [v.data for v in outputs(layer.eval()(x))]
    for copy in (other, again):
        np.testing.assert_array_equal([v.data for v in outputs(copy.eval()(x))], wanted)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("training", [True, False])
def test_float32_stays(name, training, rng):
    row = LAYERS[name]
    layer = row.make(np.float32)
    for _ in range(2):
        x = tg.Tensor(data(row, rng, np.float32))
        y = layer.train(training)(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32
        assert {p.grad.dtype for p in layer.parameters()} <= {np.dtype(np.float32)}
        assert {a.dtype for a in layer.state_dict().values()} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_statistic_keeps_its_dtype_among_wider_data(name, rng):
    row = LAYERS[name]
    layer = row.make(np.float32)
    layer(data(row, rng))
    assert {a.dtype for a in layer.state_dict().values()} <= {np.dtype(np.float32)}


# --- losses and starting weights

# name -> prediction and target, in (observations, ...) shapes
LOSSES = {
    "binary_cross_entropy_with_logits": ((4,), lambda rng: rng.uniform(size=4)),
    "cross_entropy": ((4, 3), lambda rng: rng.integers(3, size=4)),
    "hinge": ((4,), lambda rng: np.array([1, -1, 1, -1])),
    "mse": ((4, 2), lambda rng: rng.normal(size=(4, 2))),
}


def test_every_loss_has_a_row():
    assert public(lambda v: callable(v) and not isinstance(v, type)) == set(LOSSES)
    assert public(lambda v: isinstance(v, ModuleType)) == {"init"}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, rng):
    shape, target = LOSSES[name]
    loss, t = getattr(nn, name), target(rng)
    prediction = rng.normal(size=shape)
    assert_gradients(lambda x: loss(x, t), prediction)
    x = tg.Tensor(prediction.astype(np.float32))
    y = loss(x, t if t.dtype.kind == "i" else t.astype(np.float32))
    assert y.shape == ()
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32
    whole = tg.Tensor(np.concatenate([prediction, prediction]))
    assert loss(whole, np.concatenate([t, t])).item() == pytest.approx(loss(prediction, t))


def test_starting_weights():
    drawn = [f for f in vars(nn.init).values() if getattr(f, "__module__", "") == nn.init.__name__]
    for draw in drawn:
        W = draw(3, 2, rng=0)
        assert W.shape == (2, 3)
        np.testing.assert_array_equal(W, draw(3, 2, rng=0))
    assert {draw.__name__ for draw in drawn} == {"glorot", "he"}
