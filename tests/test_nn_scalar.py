"""micrograd's neurons on Values."""

import random

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn

DEMO = """
import random
from {engine} import Value
from {networks} import MLP

random.seed(1337)
model = MLP(2, [4, 4, 1])
X = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.2]]
y = [1, -1, 1, -1]
losses = []
for k in range(5):
    inputs = [list(map(Value, xrow)) for xrow in X]
    scores = list(map(model, inputs))
    losses_ = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]
    data_loss = sum(losses_) * (1.0 / len(losses_))
    reg_loss = 1e-4 * sum((p * p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    model.zero_grad()
    total_loss.backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    losses.append(total_loss.data)
shown = repr(model), len(model.parameters())
"""


def run_demo(engine, networks):
    namespace = {}
    code = DEMO.format(engine=engine, networks=networks)
    exec(compile(code, "demo", "exec"), namespace)
    return namespace


def test_code_written_for_micrograd_runs():
    ran = run_demo("tinygrad_lite", "tinygrad_lite.nn")
    assert ran["losses"][-1] < ran["losses"][0]
    assert ran["shown"] == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], "
        "Layer of [ReLUNeuron(4), ReLUNeuron(4), ReLUNeuron(4), ReLUNeuron(4)], "
        "Layer of [LinearNeuron(4)]]",
        37,
    )


@pytest.mark.oracle
def test_code_written_for_micrograd_gives_the_same_numbers(needs):
    needs("micrograd")
    ours = run_demo("tinygrad_lite", "tinygrad_lite.nn")
    theirs = run_demo("micrograd.engine", "micrograd.nn")
    assert ours["shown"] == theirs["shown"]
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-12)


def test_scalar_mlp_against_matrices():
    random.seed(3)
    model = nn.MLP(3, [5, 2])
    x = [0.3, -0.7, 1.1]
    a = np.array(x)
    random.seed(3)
    for layer, nonlin in zip(model.layers, (True, False), strict=True):
        W = np.array([[random.uniform(-1, 1) for _ in n.w] for n in layer.neurons])
        a = np.maximum(W @ a, 0) if nonlin else W @ a
    np.testing.assert_allclose([v.data for v in model(x)], a, rtol=1e-14)
    np.testing.assert_allclose([v.data for v in model(np.array(x))], a, rtol=1e-14)
    np.testing.assert_allclose([v.data for v in model([tg.Value(v) for v in x])], a, rtol=1e-14)


def test_single_neuron_layers_can_follow_each_other():
    model = nn.MLP(1, [1, 1])
    assert isinstance(model([2.0]), tg.Value)


def test_the_activation_of_an_mlp():
    x = [0.3, -0.7]
    random.seed(3)
    model = nn.MLP(2, [3, 1], activation=tg.tanh)
    hidden = [
        tg.tanh(sum(w.data * v for w, v in zip(n.w, x, strict=True)))
        for n in model.layers[0].neurons
    ]
    last = model.layers[1].neurons[0]
    assert model(x).data == pytest.approx(
        sum(w.data * h for w, h in zip(last.w, hidden, strict=True))
    )
    assert repr(model.layers[0].neurons[0]) == "TanhNeuron(2)"
    assert repr(last) == "LinearNeuron(3)"


@pytest.mark.parametrize("several", [tg.Tensor(np.ones((2, 64))), np.ones((2, 64))])
def test_scalar_networks_refuse_several_observations(several):
    model = nn.MLP(64, [32, 10], activation=tg.tanh)
    kind = type(several).__name__
    with pytest.raises(ValueError, match=rf"a sequence of 64 .* x is a {kind} \(2, 64\)") as caught:
        model(several)
    line = str(caught.value).partition("For arrays: ")[2]
    assert line == "tg.nn.Sequential(tg.nn.Linear(64, 32), tg.tanh, tg.nn.Linear(32, 10))"
    assert eval(line)(several).shape == (2, 10)
    with pytest.raises(
        ValueError, match=r"For arrays: tg\.nn\.Sequential\(tg\.nn\.Linear\(64, 3\), tg\.relu\)"
    ):
        nn.Layer(64, 3)(several)


def test_wrong_number_of_inputs():
    with pytest.raises(ValueError, match=r"LinearNeuron\(3\): got 2 inputs, not 3"):
        nn.MLP(3, [1])([1.0, 2.0])


def test_micrograd_style_subclass():
    class Twice(nn.Module):
        def __init__(self):
            self.k = tg.Value(2.0)

        def __call__(self, x):
            return self.k * x

        def parameters(self):
            return [self.k]

    model = Twice()
    y = model(tg.Value(3.0))
    y.backward()
    assert model.k.grad == 3.0
    model.zero_grad()
    assert model.k.grad is None
