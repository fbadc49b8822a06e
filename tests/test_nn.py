import threading

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.graph.node import topological_order
from tinygrad_lite.optim import SGD

# --- modules


class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(4, 3, rng=0)
        self.blocks = {"a": nn.LayerNorm(3), "b": [nn.Linear(3, 2, bias=False, rng=1)]}
        self.gain = tg.Tensor(1.0)
        self.shared = self.hidden
        self.constant = tg.Tensor(5.0).detach()
        self.size = 4
        self._cache = tg.Tensor(0.0)

    def forward(self, x):
        self.h = tg.tanh(self.hidden(x))
        return self.blocks["b"][0](self.blocks["a"](self.h)) * self.gain


def test_parameters_are_found_by_attribute():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "hidden.W",
        "hidden.b",
        "blocks.a.scale",
        "blocks.a.shift",
        "blocks.b.0.W",
        "gain",
    ]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    before = len(net.parameters())
    net(np.ones((2, 4)))  # stores an intermediate result as an attribute
    assert len(net.parameters()) == before


def test_names_and_scopes():
    net = Net()
    net.gain.name = "g"
    y = net(np.ones((2, 4)))
    assert net.hidden.W.name == "hidden.W"
    assert net.gain.name == "g"
    scopes = {n.op.name: n.scope for n in topological_order(y) if n.op}
    assert y.scope == ()
    assert scopes["matmul"] in {("hidden",), ("blocks.b.0",)}
    assert scopes["sqrt"] == ("blocks.a",)
    with tg.scope("outer"):
        assert net.hidden(np.ones(4)).scope == ("outer", "hidden")
    assert net.hidden(np.ones(4)).scope == ("hidden",)


def test_scalar_scopes_nest():
    model = nn.MLP(2, [2, 1])
    y = model([1.0, 2.0])
    assert y.scope == ("layers.1", "neurons.0")
    assert model.layers[0].neurons[1].w[0].name == "layers.0.neurons.1.w.0"


def test_module_used_by_threads():
    net = Net()
    net(np.ones((2, 4)))
    wrong = []

    def work():
        for _ in range(200):
            if net.hidden(np.ones(4)).scope != ("hidden",):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_zero_grad_train_and_eval():
    net = Net()
    net(np.arange(8.0).reshape(2, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.eval() is net
    assert not net.blocks["a"].training
    assert net.train().blocks["b"][0].training


def test_module_without_forward():
    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        type("Empty", (nn.Module,), {})()(1)


def test_a_module_that_knows_its_parent():
    net = Net()
    net.hidden.parent = net
    assert len(net.parameters()) == 6
    net(np.ones((2, 4)))


def test_linear(rng):
    layer = nn.Linear(4, 3, rng=0)
    x = tg.Tensor(rng.normal(size=(5, 4)))
    y = layer(x)
    np.testing.assert_allclose(y.data, x.data @ layer.W.data.T + layer.b.data)
    G = rng.normal(size=(5, 3))
    y.backward(G)
    np.testing.assert_allclose(layer.W.grad, G.T @ x.data)
    np.testing.assert_allclose(layer.b.grad, G.sum(0))
    np.testing.assert_allclose(x.grad, G @ layer.W.data)
    assert repr(layer) == "Linear(4, 3)"
    bare = nn.Linear(4, 3, bias=False, rng=0)
    np.testing.assert_array_equal(bare(x).data, x.data @ layer.W.data.T)
    assert [p.shape for p in bare.parameters()] == [(3, 4)]


def test_linear_names_itself_when_shapes_do_not_fit():
    model = nn.Sequential(nn.Linear(4, 3), tg.tanh)
    x = np.ones((2, 5))
    with pytest.raises(ValueError, match="W takes 4 entries per row, x has 5") as caught:
        model(x)
    assert "linear: x (2, 5), layers.0.W (3, 4), layers.0.b (3,)" in str(caught.value)


def test_sequential():
    model = nn.Sequential(nn.Linear(4, 3, rng=0), tg.tanh, nn.Linear(3, 2, rng=1))
    x = np.ones(4)
    a, _, b = model.layers
    np.testing.assert_allclose(model(x).data, b(tg.tanh(a(x))).data)
    assert repr(model) == "Sequential(Linear(4, 3), tanh, Linear(3, 2))"
    with pytest.raises(TypeError, match="layer 1 is a int, neither a Module nor a function"):
        nn.Sequential(tg.tanh, 3)


def test_dropout(rng):
    layer = nn.Dropout(0.25, rng=0)
    x = tg.Tensor(np.ones(10_000, dtype=np.float32))
    y = layer(x)
    assert y.dtype == np.float32
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y.data == 0).mean() - 0.25) < 0.02
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    assert set(np.unique(layer(np.ones(99, int)))) == {0, 1 / 0.75}  # whole numbers too
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="p is a probability below 1, got 1"):
        nn.Dropout(1)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(1), (4, 3)),
        (nn.LayerNorm(5), (4, 1)),
        (nn.BatchNorm(1), (4, 3)),
        (nn.BatchNorm(5), (4, 5, 5)),
        (nn.BatchNorm(5), (5,)),
    ],
)
def test_normalisation_broadcasts_nothing(layer, shape):
    with pytest.raises(ValueError, match=r"takes x of shape \(.*features\), got"):
        layer(np.ones(shape))


def test_layer_norm(rng):
    layer = nn.LayerNorm(6)
    x = rng.normal(2.0, 3.0, size=(4, 6))
    y = layer(tg.Tensor(x)).data
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(-1), 1, rtol=1e-5)


def test_batch_norm(rng):
    layer = nn.BatchNorm(3, momentum=0.5)
    x = rng.normal(2.0, 3.0, size=(8, 3))
    y = layer(tg.Tensor(x)).data
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
    np.testing.assert_allclose(layer.running_mean, 0.5 * x.mean(0))
    np.testing.assert_allclose(layer.running_var, 0.5 + 0.5 * x.var(0, ddof=1))
    y = layer.eval()(x[0]).data
    np.testing.assert_allclose(y, (x[0] - layer.running_mean) / np.sqrt(layer.running_var + 1e-5))
    with pytest.raises(ValueError, match="at least 2 observations"):
        layer.train()(x[:1])


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["LayerNorm", "BatchNorm"])
def test_normalisation_against_pytorch(kind, rng, needs):
    torch = needs("torch")
    ours = getattr(nn, kind)(3)
    theirs = (torch.nn.LayerNorm(3) if kind == "LayerNorm" else torch.nn.BatchNorm1d(3)).double()
    for training in (True, True, False):
        x, G = rng.normal(2, 3, size=(5, 3)), rng.normal(size=(5, 3))
        X, T = tg.Tensor(x), torch.tensor(x, requires_grad=True)
        y, t = ours.train(training)(X), theirs.train(training)(T)
        y.backward(G)
        t.backward(torch.tensor(G))
        np.testing.assert_allclose(y.data, t.detach().numpy(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(X.grad, T.grad.numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(ours.scale.grad, theirs.weight.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours.shift.grad, theirs.bias.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm", [nn.LayerNorm(3), nn.BatchNorm(3)])
def test_normalisation_gradient(norm, rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def f(x):
        return (norm(x) * w).sum()

    gradient = tg.grad(f)(x)
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = 1e-5
        numeric = (f(tg.Tensor(x + d)).data - f(tg.Tensor(x - d)).data) / 2e-5
        np.testing.assert_allclose(gradient[i], numeric, atol=1e-8)


def test_weights_have_the_stated_variance():
    for draw, variance in ((nn.init.glorot, 2 / 500), (nn.init.he, 2 / 400)):
        W = draw(400, 100, rng=0)
        assert W.shape == (100, 400)
        np.testing.assert_allclose(W.var(), variance, rtol=0.02)
        np.testing.assert_array_equal(W, draw(400, 100, rng=0))


# --- losses


def test_mse(rng):
    p, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    x = tg.Tensor(p)
    loss = nn.mse(x, t)
    loss.backward()
    np.testing.assert_allclose(loss.data, ((p - t) ** 2).mean())
    np.testing.assert_allclose(x.grad, 2 * (p - t) / 8)


def test_binary_cross_entropy_with_logits(rng):
    z, t = rng.normal(size=6), np.array([0, 1, 1, 0, 0.3, 1])
    x = tg.Tensor(z)
    loss = nn.binary_cross_entropy_with_logits(x, t)
    loss.backward()
    s = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(loss.data, -(t * np.log(s) + (1 - t) * np.log(1 - s)).mean())
    np.testing.assert_allclose(x.grad, (s - t) / 6)
    x = tg.Tensor([1000.0, -1000.0])
    loss = nn.binary_cross_entropy_with_logits(x, np.array([1.0, 1.0]))
    loss.backward()
    assert loss.item() == 500
    np.testing.assert_array_equal(x.grad, [0, -0.5])


def test_hinge():
    score = tg.Tensor([0.5, 2.0, -1.0])
    loss = nn.hinge(score, [1, 1, 1])
    loss.backward()
    np.testing.assert_allclose(loss.data, 2.5 / 3)
    np.testing.assert_allclose(score.grad, np.array([-1, 0, -1]) / 3)


@pytest.mark.parametrize("loss", [nn.mse, nn.binary_cross_entropy_with_logits, nn.hinge])
def test_losses_refuse_shapes_that_would_broadcast(loss):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \w+ \(4,\) must have the same shape"):
        loss(tg.Tensor(np.ones((4, 1))), np.ones(4))


def test_a_network_learns_xor():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    t = np.array([[0], [1], [1], [0]], dtype=float)
    model = nn.Sequential(nn.Linear(2, 8, rng=0), tg.tanh, nn.Linear(8, 1, rng=1))
    optimizer = SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.binary_cross_entropy_with_logits(model(X), t)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    np.testing.assert_array_equal(model(X).data > 0, t == 1)
