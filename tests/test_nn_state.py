"""What is saved of a model, and how it comes back."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn


def network(seed=0, dtype=None):
    return nn.Sequential(
        nn.Linear(3, 4, rng=seed, dtype=dtype),
        nn.BatchNorm(4, dtype=dtype),
        tg.tanh,
        nn.Linear(4, 2, rng=seed + 1, dtype=dtype),
    )


def trained(rng, dtype=None):
    model = network(dtype=dtype)
    for _ in range(3):
        model(rng.normal(size=(5, 3)).astype(dtype or np.float64))
    return model


def test_a_file_brings_parameters_and_statistics_back(rng, tmp_path):
    model, other = trained(rng), network(seed=7)
    np.savez(tmp_path / "model.npz", **model.state_dict())
    with np.load(tmp_path / "model.npz") as state:
        other.load_state_dict(state)
    assert list(model.state_dict()) == [
        "layers.0.W",
        "layers.0.b",
        "layers.1.scale",
        "layers.1.shift",
        "layers.3.W",
        "layers.3.b",
        "layers.1.running_mean",
        "layers.1.running_var",
    ]
    x = rng.normal(size=(5, 3))
    np.testing.assert_array_equal(other.eval()(x).data, model.eval()(x).data)
    np.testing.assert_array_equal(other.layers[1].running_var, model.layers[1].running_var)


def test_a_state_is_a_copy(rng):
    model = trained(rng)
    before = model.state_dict()
    kept = copy.deepcopy(before)
    for p in model.parameters():
        p.data += 1.0
    model.layers[1].running_mean += 1.0
    for path in before:
        np.testing.assert_array_equal(before[path], kept[path])
    model.load_state_dict(before)
    model.layers[0].W.data += 1.0
    np.testing.assert_array_equal(before["layers.0.W"], kept["layers.0.W"])


def test_values_constants_and_containers():
    class Mixed(nn.Module):
        def __init__(self, k):
            self.k = tg.Value(k)
            self.fixed = tg.Tensor([k]).detach()
            self.counts = {"seen": np.array([int(k)]), "deep": [np.array(k)]}
            self.mask = np.array([k > 1])
            self.words = np.array(["a"])
            self.size = 3
            self._cache = np.array([k])

    model, other = Mixed(2.0), Mixed(1.0)
    state = model.state_dict()
    assert list(state) == ["k", "fixed", "counts.seen", "counts.deep.0", "mask"]
    other.load_state_dict(state)
    for path, value in other.state_dict().items():
        assert value == state[path]
        assert value.dtype == state[path].dtype
    assert type(other.k.data) is float
    assert other.fixed.constant


def test_the_dtype_of_the_model_stays(rng):
    model = network(dtype=np.float32)
    model.load_state_dict(trained(rng).state_dict())
    assert {a.dtype for a in model.state_dict().values()} == {np.dtype(np.float32)}


def test_another_librarys_arrays(rng, needs):
    xp = needs("array_api_strict")
    layer = nn.Linear(2, 2, rng=0)
    layer.W.data = xp.asarray(layer.W.data)
    state = layer.state_dict()
    assert isinstance(state["W"], type(xp.asarray(1.0)))
    layer.load_state_dict({"W": np.ones((2, 2)), "b": np.ones(2)})
    assert isinstance(layer.W.data, type(xp.asarray(1.0)))
    assert xp.all(layer.W.data == 1.0)


BAD = {
    "missing": (lambda s: s.pop("W"), ValueError, "Linear: the state lacks W"),
    "unexpected": (lambda s: s.update(V=1.0), ValueError, "Linear: nothing here is called V"),
    "shape": (
        lambda s: s.update(W=np.ones((2, 3))),
        ValueError,
        r"Linear: W: shape \(2, 3\) in the state, \(3, 2\) here",
    ),
    "text": (lambda s: s.update(b=np.array(["a"] * 3)), TypeError, "Linear: b: <U1 in the state"),
    "complex": (lambda s: s.update(b=np.ones(3) * 1j), TypeError, "complex128 in the state"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_state_that_does_not_fit_changes_nothing(fault):
    spoil, error, message = BAD[fault]
    layer = nn.Linear(2, 3, rng=0)
    W = layer.W.data.copy()
    state = {path: array + 1 for path, array in layer.state_dict().items()}
    spoil(state)
    with pytest.raises(error, match=message):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.W.data, W)


def test_many_missing_paths_are_counted():
    with pytest.raises(
        ValueError, match=r"lacks layers\.0\.W, .* and 3 more; nothing here is called x"
    ):
        network().load_state_dict({"x": 1.0})


def test_a_buffer_that_cannot_be_set_is_refused():
    model = nn.Sequential(nn.LayerNorm(2))
    model.pair = (np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match=r"pair\.0 stands in a tuple, which cannot be changed"):
        model.load_state_dict(model.state_dict())


def test_two_parts_of_one_path():
    model = nn.Module()
    model.a = {1: tg.Value(1.0), "1": tg.Value(2.0)}
    with pytest.raises(ValueError, match=r"two parts have the path a\.1"):
        model.state_dict()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("called", [False, True])
def test_a_whole_model_copies_and_pickles(again, called, rng):
    x = rng.normal(size=(5, 3))
    model = nn.Sequential(network(), nn.Dropout(0.5, rng=0))
    if called:
        model(x)
    other = again(model)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p is not q
        np.testing.assert_array_equal(p.data, q.data)
    y, z = model(x), other(x)  # the generator of dropout came along
    np.testing.assert_array_equal(y.data, z.data)
    assert repr(other) == repr(model)
