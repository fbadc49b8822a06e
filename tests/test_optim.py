import pickle

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn, optim
from tinygrad_lite.optim import SGD, Adam, AdamW

# Every optimiser of `tg.optim`, with its settings; one without a row fails.
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


def test_every_optimiser_is_exported_and_has_a_row():
    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    written = {
        k.__name__ for k in below(optim.Optimizer) if k.__module__.startswith("tinygrad_lite.")
    }
    assert set(optim.__all__) == written, "an optimiser is written that tg.optim does not export"
    rows = {kind.__name__ for kind, _ in SETTINGS}
    assert rows == written - {"Optimizer"}, "an optimiser has no row here, or the reverse"


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


PLAIN = {
    "float": float,
    "np.float64": np.float64,
    "np.float32": np.float32,
    "0-d array": np.asarray,
}


def as_kind(kind, value):
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, tuple):
        return np.asarray(value) if kind is np.asarray else tuple(map(kind, value))
    return kind(value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("through", ["constructor", "setter", "schedule"])
@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_parameters_keep_their_dtype(optimizer_type, settings, through, kind, dtype):
    xs = [tg.Tensor(np.ones(3, dtype)), tg.Tensor(np.ones((), dtype))]
    v = tg.Value(1.0)
    typed = {name: as_kind(PLAIN[kind], value) for name, value in settings.items()}
    optimizer = optimizer_type([*xs, v], **(typed if through == "constructor" else settings))
    for k in range(3):
        if through == "setter":
            for name, value in typed.items():
                setattr(optimizer, name, value)
        elif through == "schedule":
            optimizer.lr = PLAIN[kind](0.05) * (1 + np.cos(k / 3))
        for x in xs:
            x.grad = np.ones(x.shape, np.float64)  # as wide as the data of a batch may make it
        v.grad = 1.0
        optimizer.step()
    assert {x.dtype for x in xs} == {np.dtype(dtype)}
    assert type(v.data) is float
    kept = [a for name, a in optimizer.state_dict().items() if name[0] in "01"]
    assert {a.dtype for a in kept if a.dtype.kind == "f"} <= {np.dtype(dtype)}


def quadratic(dtype=np.float64):
    model = nn.Sequential(nn.Linear(3, 2, rng=0, dtype=dtype), nn.BatchNorm(2, dtype=dtype))
    model.gain = tg.Value(1.0)
    model.rests = tg.Tensor(np.ones(2))
    return model


def train(model, optimizer, steps):
    x = np.random.default_rng(5).normal(size=(6, 3))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((model.gain * model(x.astype(model.layers[0].W.dtype)) - 0.5) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def saved(part, path):
    np.savez(path, **part.state_dict())
    with np.load(path) as state:
        return dict(state)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_training_resumes_exactly(optimizer_type, settings, dtype, tmp_path):
    model = quadratic(dtype)
    whole = train(model, optimizer_type(model.parameters(), **settings), 10)
    assert whole[-1] < whole[0]

    first = quadratic(dtype)
    optimizer = optimizer_type(first.parameters(), **settings)
    losses = train(first, optimizer, 5)
    second = quadratic(dtype)
    second.gain.data = 3.0
    again = optimizer_type(second.parameters(), lr=7.0)  # the settings come along
    second.load_state_dict(saved(first, tmp_path / "model.npz"))
    again.load_state_dict(saved(optimizer, tmp_path / "optimizer.npz"))
    assert losses + train(second, again, 5) == whole
    wanted = model.state_dict()
    for path, array in second.state_dict().items():
        np.testing.assert_array_equal(array, wanted[path])
        assert array.dtype == wanted[path].dtype

    third, pickled = pickle.loads(pickle.dumps((first, optimizer)))
    assert losses + train(third, pickled, 5) == whole


@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_a_state_is_a_copy(optimizer_type, settings):
    x = tg.Tensor([1.0, 2.0])
    optimizer = optimizer_type([x], **settings)
    x.grad = np.array([1.0, -1.0])
    optimizer.step()
    x.grad *= 0.0  # the user's array, not what the optimiser keeps
    before = optimizer.state_dict()
    shown = {name: array.copy() for name, array in before.items()}
    optimizer.load_state_dict(before)
    x.grad = np.array([1.0, 1.0])
    optimizer.step()
    for name, array in before.items():
        np.testing.assert_array_equal(array, shown[name])
        assert not name.endswith("velocity") or array.any()


def test_a_state_that_does_not_fit():
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([1.0, 2.0, 3.0])
    x.grad = y.grad = None
    adam = Adam([x])
    x.grad = np.ones(2)
    adam.step()
    state = adam.state_dict()
    with pytest.raises(ValueError, match=r"Adam: the state lacks 0\.v"):
        adam.load_state_dict({k: a for k, a in state.items() if k != "0.v"})
    with pytest.raises(ValueError, match="SGD: the state lacks momentum, nesterov; nothing here"):
        SGD([x]).load_state_dict(state)
    with pytest.raises(ValueError, match=r"Adam: 0\.m: shape \(2,\) in the state, \(3,\) here"):
        Adam([y]).load_state_dict(state)


@pytest.mark.parametrize(
    ("name", "bad"), [("lr", -1.0), ("eps", 0.0), ("betas", (0.5,)), ("lr", np.nan)]
)
def test_settings_are_checked_where_they_are_set(name, bad):
    optimizer = Adam([tg.Value(1.0)])
    before = getattr(optimizer, name)
    with pytest.raises(ValueError, match=f"Adam: {name} must"):
        setattr(optimizer, name, bad)
    assert getattr(optimizer, name) == before
    with pytest.raises(TypeError, match=r"Adam\.lr: 'fast' is text"):
        optimizer.lr = "fast"


@pytest.mark.parametrize(("optimizer_type", "settings"), SETTINGS)
def test_zero_grad(optimizer_type, settings):
    x, v = tg.Tensor([1.0]), tg.Value(1.0)
    optimizer = optimizer_type([x, v], **settings)
    (x * v).sum().backward()
    optimizer.zero_grad()
    assert x.grad is None
    assert v.grad is None


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
