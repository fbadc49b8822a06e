"""Plots are asserted on by the data that they draw."""

from __future__ import annotations

import builtins
import importlib
import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn, plot

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = importlib.import_module("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def points():
    return np.array([[-1.0, 0.0], [-0.5, 1.0], [0.5, -1.0], [1.0, 0.0]]), np.array([0, 0, 1, 1])


def boundary(ax):
    """The vertices of the black line at the threshold."""
    lines = [c for c in ax.collections if list(getattr(c, "levels", [])) == [0.0]]
    return np.concatenate([p.vertices for p in lines[0].get_paths()])


# --- decision boundary


def test_boundary_lies_where_the_score_is_the_threshold():
    X, y = points()
    ax = plot.decision_boundary(lambda p: 3 * p[:, 0] - p[:, 1], X, y, threshold=0.6)
    line = boundary(ax)
    assert np.allclose(3 * line[:, 0] - line[:, 1], 0.6)
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"0", "1"}


def test_points_are_drawn_by_class():
    X, y = points()
    ax = plot.decision_boundary(lambda p: p[:, 0], X, y)
    scatter = [c for c in ax.collections if c.get_label() in {"0", "1"}]
    assert [np.asarray(c.get_offsets()).tolist() for c in scatter] == [
        X[:2].tolist(),
        X[2:].tolist(),
    ]


class ScalarLine:
    """A model of Values that takes one point."""

    def __init__(self):
        self.w = [tg.Value(1.0), tg.Value(-2.0)]

    def parameters(self):
        return self.w

    def __call__(self, x):
        return self.w[0] * x[0] + self.w[1] * x[1]


def test_a_model_of_values_takes_one_point_at_a_time():
    X, y = points()
    model = ScalarLine()
    line = boundary(plot.decision_boundary(model, X, y, resolution=20))
    assert np.allclose(line[:, 0] - 2 * line[:, 1], 0)
    assert model.w[0].grad is None


def test_several_classes_take_the_largest_score():
    X, y = points()
    W = tg.Tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 3.0]])
    labels = np.array([1, 2, 0, 0])
    ax = plot.decision_boundary(lambda p: tg.Tensor(p) @ W, X, labels)
    assert len(ax.get_legend().get_texts()) == 3
    line = boundary(ax)  # of class 0: ahead of 1 where x > 0, of 2 where x > 3 y
    assert np.allclose(line[:, 0], np.maximum(0, 3 * line[:, 1]), atol=0.06)
    ax = plot.decision_boundary(lambda p: p[:, :1], X, y)
    assert len(boundary(ax))


def test_an_axes_given_is_used_and_returned():
    X, y = points()
    figure, ax = plt.subplots()
    assert plot.decision_boundary(lambda p: p[:, 0], X, y, ax=ax) is ax
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("model", "X", "y", "message"),
    [
        (lambda p: p[:, 0], np.zeros((3, 3)), np.zeros(3), r"X must have shape \(n, 2\)"),
        (lambda p: p[:, 0], np.zeros((3, 2)), np.zeros(2), "one label per point"),
        (lambda p: p[0], np.zeros((3, 2)), np.zeros(3), "each=True"),
        (lambda p: p[:, 0], np.zeros((3, 2)), np.arange(3), "3 classes, but one score"),
        (lambda p: p, np.zeros((3, 2)), np.arange(3), "3 classes, but 2 scores"),
        (lambda p: "no", np.zeros((3, 2)), np.zeros(3), "expected numbers, got str"),
    ],
)
def test_boundary_refuses_what_does_not_fit(model, X, y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        plot.decision_boundary(model, X, y)


# --- Jacobian


def test_jacobian_of_an_array_is_centred_at_zero():
    J = np.diag([1.0, -4.0, 2.0])
    ax = plot.jacobian(J)
    image = ax.images[0]
    assert np.array_equal(image.get_array(), J)
    assert (image.norm.vmin, image.norm.vmax) == (-4.0, 4.0)
    red, green, blue, _ = image.cmap(image.norm(0.0))
    assert min(red, green, blue) > 0.95
    assert "3 × 3, 66.7 % zeros" in ax.get_title()
    assert {t.get_text() for t in ax.texts} == {"1", "−4", "2", "0"}


def test_jacobian_of_nodes_carries_their_names(monkeypatch):
    s, v = tg.Tensor(np.ones(2)), tg.Tensor(np.ones((2, 3)))
    J = np.arange(12.0).reshape(2, 2, 3)
    monkeypatch.setattr(tg.Tensor, "jacobian", lambda y, x: J, raising=False)
    ax = plot.jacobian(s, v)
    assert ax.get_title().startswith("∂s/∂v   2 × 6, 8.33 % zeros")
    assert np.array_equal(ax.images[0].get_array(), J.reshape(2, 6))
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        "0, 0",
        "0, 1",
        "0, 2",
        "1, 0",
        "1, 1",
        "1, 2",
    ]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]
    assert [line.get_xdata()[0] for line in ax.lines] == [2.5]


def test_jacobian_of_a_vector_by_a_matrix_keeps_three_axes(rng):
    W, x = tg.Tensor(rng.normal(size=(5, 4))), rng.normal(size=4)
    v = W @ x
    ax = plot.jacobian(v, W)
    image = ax.images[0].get_array().reshape(5, 5, 4)
    assert np.array_equal(image, np.einsum("ik,l->ikl", np.eye(5), x))
    assert [t.get_text() for t in ax.get_xticklabels()] == [f"{k}, 0" for k in range(5)]
    assert [line.get_xdata()[0] for line in ax.lines] == [3.5, 7.5, 11.5, 15.5]


def test_jacobian_says_what_is_not_finite():
    ax = plot.jacobian(np.array([[1.0, np.nan], [np.inf, 0.0]]))
    assert ax.get_title().endswith("25 % zeros, 2 not finite")
    assert ax.images[0].norm.vmax == 1.0


@pytest.mark.parametrize("J", [np.ones(3), np.ones((2, 2, 2)), np.ones((0, 2))])
def test_jacobian_refuses_what_is_no_matrix(J):
    with pytest.raises(ValueError, match="shape"):
        plot.jacobian(J)


def test_jacobian_of_zeros():
    ax = plot.jacobian(np.zeros((2, 2)))
    assert "100 % zeros" in ax.get_title()


# --- gradient flow


def bars(ax):
    """label -> (norm as drawn, what is said beside it)."""
    labels = [t.get_text() for t in ax.get_yticklabels()]
    widths = [bar.get_width() for bar in ax.patches]
    said = [t.get_text() for t in ax.texts]
    return {k: (w, s) for k, w, s in zip(labels, widths, said, strict=True)}


def two_layers(shift):
    rng = np.random.default_rng(0)
    W1 = tg.Tensor(rng.normal(size=(3, 4)), name="W1")
    b1 = tg.Tensor(np.array([0.0, shift, shift, 0.0]), name="b1")
    W2 = tg.Tensor(rng.normal(size=(4, 1)), name="W2")
    h = tg.relu(rng.normal(size=(6, 3)) @ W1 + b1)
    return ((h @ W2) * (h @ W2)).sum(), (W1, b1, W2)


def test_flow_of_a_loss_shows_norms_in_forward_order_without_touching_grad():
    loss, (W1, b1, W2) = two_layers(0.0)
    shown = bars(plot.gradient_flow(loss))
    assert W1.grad is None
    loss.backward()
    assert list(shown) == ["W1", "b1", "relu", "W2"]
    for name, node in (("W1", W1), ("b1", b1), ("W2", W2)):
        assert shown[name][0] == pytest.approx(np.linalg.norm(node.grad))
    assert "dead" not in shown["relu"][1]


def test_flow_counts_dead_units():
    loss, _ = two_layers(-1000.0)
    assert bars(plot.gradient_flow(loss))["relu"][1].endswith("2 of 4 dead")


def test_flow_counts_saturated_units():
    x = tg.Tensor(np.array([[0.1, 9.0, -30.0], [0.3, 12.0, -40.0]]), name="x")
    said = bars(plot.gradient_flow(tg.tanh(x).sum()))["tanh"][1]
    assert said.endswith("1 of 3 dead, 1 of 3 saturated")


def test_flow_of_scalars_counts_units_by_scope():
    xs = [-2.0, -1.0, 3.0]
    w = tg.Value(1.0, name="w")
    loss = tg.Value(0.0, name="start")
    for x in xs:
        with tg.scope("layer"):
            with tg.scope("alive"):
                loss = loss + (w * x).relu()
            with tg.scope("dead"):
                loss = loss + (w * x - 100.0).relu()
    assert bars(plot.gradient_flow(loss))["layer.relu"][1].endswith("1 of 2 dead")


def test_a_loss_that_is_satisfied_is_no_dead_unit():
    score = tg.Tensor(np.array([3.0, -2.0, 5.0]), name="score")
    assert list(bars(plot.gradient_flow(tg.relu(1 - score).sum()))) == ["score"]
    w = tg.Value(3.0, name="w")
    assert list(bars(plot.gradient_flow((1 - w).relu() + w))) == ["w"]


def test_rows_stand_layer_by_layer():
    w = [[tg.Value(0.5, name=f"layer{i}.w{j}") for j in range(3)] for i in range(2)]
    first = [v * 1.5 for v in w[0]]
    second = [v * h for v, h in zip(w[1], first, strict=True)]
    assert list(bars(plot.gradient_flow(sum(second)))) == [p.name for row in w for p in row]


def test_ops_that_are_no_activations_are_not_called_dead():
    x = tg.Tensor(np.zeros(3), name="x")
    assert list(bars(plot.gradient_flow((tg.square(x) + tg.exp(x) - tg.abs(x)).sum()))) == ["x"]


def test_every_activation_has_a_row():
    x = tg.Tensor(np.ones((2, 3)), name="x")
    loss = (tg.leaky_relu(x) + tg.gelu(x) * tg.sin(x)).sum()
    assert list(bars(plot.gradient_flow(loss))) == ["x", "leaky_relu", "gelu"]


def test_flow_of_a_module_takes_its_names():
    net = nn.MLP(2, [2, 1])
    for p in net.parameters():
        p.grad = 1.0
    shown = bars(plot.gradient_flow(net))
    assert set(shown) == set(dict(net.named_parameters()))
    assert {said for _, said in shown.values()} == {"1"}


def test_flow_of_parameters_groups_names_and_says_what_is_missing():
    params = {f"layer{i}.neuron{j}.w": tg.Value(1.0) for i in range(2) for j in range(20)}
    for name, p in params.items():
        p.grad = 2.0 if name.startswith("layer0") else None
    shown = bars(plot.gradient_flow(params))
    assert list(shown) == ["layer0", "layer1"]
    assert shown["layer0"][0] == pytest.approx(np.sqrt(20 * 4.0))
    assert "did not reach" in shown["layer1"][1]
    a = tg.Value(1.0)
    a.grad = 0.0
    assert "no signal" in bars(plot.gradient_flow([a]))["a"][1]
    a.grad = float("nan")
    assert bars(plot.gradient_flow([a]))["a"][1] == "nan"


@pytest.mark.parametrize("source", [[], 3.0])
def test_flow_of_nothing(source):
    with pytest.raises(ValueError, match="no parameters"):
        plot.gradient_flow(source)


def test_flow_needs_a_scalar_loss():
    with pytest.raises(ValueError, match=r"must be a scalar, got shape \(3,\)"):
        plot.gradient_flow(tg.exp(tg.Tensor(np.ones(3))))


# --- history


def test_history_draws_each_curve_and_labels_its_end():
    ax = plot.history({"train": [3.0, 2.0, 1.0], "test": [3.5, 2.5]})
    assert [line.get_ydata().tolist() for line in ax.lines] == [[3.0, 2.0, 1.0], [3.5, 2.5]]
    assert [t.get_text() for t in ax.texts] == ["train 1", "test 2.5"]
    assert len({line.get_linestyle() for line in ax.lines}) == 2
    assert ax.get_yscale() == "linear"


def test_history_takes_numbers_and_one_dict_per_step():
    ax = plot.history([tg.Value(2.0), 1.0], log=True)
    assert ax.lines[0].get_ydata().tolist() == [2.0, 1.0]
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "loss")
    ax = plot.history([{"loss": 1.0}, {"loss": 0.5, "accuracy": 0.9}])
    assert np.isnan(ax.lines[1].get_ydata()[0])
    assert ax.lines[1].get_ydata()[1] == 0.9


@pytest.mark.parametrize("values", [[], {}, {"loss": []}])
def test_history_of_nothing(values):
    with pytest.raises(ValueError, match="nothing to draw"):
        plot.history(values)


def test_history_refuses_tables():
    with pytest.raises(ValueError, match=r"one number per step, got \(2, 2\)"):
        plot.history(np.ones((2, 2)))


# --- the extra


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [m for m in sys.modules if m.startswith("matplotlib")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad_lite\[plot\]'"):
        plot.history([1.0])


def test_gradient_flow_separates_modules_with_parameters_of_one_name(rng):
    first, second = tg.nn.Linear(3, 4), tg.nn.Linear(4, 2)
    loss = (second(tg.tanh(first(rng.normal(size=(5, 3))))) ** 2).mean()
    loss.backward()
    found = bars(plot.gradient_flow(loss))
    assert [label for label in found if label[0] in "Wb"] == ["W (1)", "b (1)", "W (2)", "b (2)"]
    for label, parameter in {"W (1)": first.W, "W (2)": second.W}.items():
        assert found[label][0] == pytest.approx(np.linalg.norm(parameter.grad))
    again = bars(plot.gradient_flow([first.W, first.b, second.W, second.b]))
    assert {label: norm for label, (norm, _) in again.items()} == pytest.approx(
        {label: found[label][0] for label in again}
    )
