"""Programs made of graphs of Values: what the user holds."""

import copy
import math
import pickle
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from scalar_graphs import STRUCTURED, disagreement, eager, layer, scattered

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compile import native
from tinygrad_lite.compile import program as program_module
from tinygrad_lite.graph.node import topological_order


def run(program, leaves):
    value = program()
    return value, [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("name", STRUCTURED)
def test_value_and_gradient(name):
    loss = STRUCTURED[name](random.Random(0))
    program = tg.compile(loss)
    assert "NumPy" in repr(program)
    leaves = program._leaves.nodes
    assert disagreement(loss, leaves, lambda: run(program, leaves)) is None


@pytest.mark.parametrize("seed", range(30))
def test_graphs_without_a_pattern(seed):
    rng = random.Random(seed)
    loss = scattered(rng, 60)
    program = tg.compile(loss)
    assert "Python" in repr(program)
    assert "array operations" in program.explain()
    leaves = program._leaves.nodes
    assert disagreement(loss, leaves, lambda: run(program, leaves), seed) is None


def test_gradients_are_set_and_not_added():
    _, W, _, loss, _ = layer()
    program = tg.compile(loss)
    program()
    first = W[0][0].grad
    program()
    assert W[0][0].grad == first


def test_steps_are_those_of_eager_descent():
    loss = STRUCTURED["classifier"](random.Random(0))
    program = tg.compile(loss)
    leaves = program._leaves.nodes
    held = [leaf.data for leaf in leaves]
    for _ in range(20):
        twins = [Value(x) for x in held]
        value, grads = eager_at(loss, leaves, twins)
        assert program.step(0.1) == pytest.approx(value, rel=1e-12)
        held = [x - 0.1 * g for x, g in zip(held, grads, strict=True)]
    assert [leaf.data for leaf in leaves] == pytest.approx(held, rel=1e-12)
    assert [leaf.grad for leaf in leaves] == pytest.approx(grads, rel=1e-12)


def eager_at(loss, leaves, twins):
    from tinygrad_lite.backprop.replay import replay

    again = replay(loss, {leaf: twin.data for leaf, twin in zip(leaves, twins, strict=True)})
    again[loss].backward()
    return again[loss].data, [again[leaf].grad for leaf in leaves]


LOOKS = {
    "data": lambda leaf: leaf.data,
    "grad": lambda leaf: leaf.grad,
    "repr": repr,
    "operator": lambda leaf: leaf + 1,
    "reflected": lambda leaf: 2 - leaf,
    "op": tg.tanh,
    "with another": lambda leaf: Value(1.0) * leaf,
    "copy": copy.copy,
    "pickle": lambda leaf: pickle.loads(pickle.dumps(leaf)),
    "array": lambda leaf: tg.Tensor([1.0]) * leaf,
    "where": lambda leaf: tg.where(True, leaf, 2.0),
    "no_grad": lambda leaf: leaf.detach(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_values_read_right_after_steps(look):
    _, W, b, loss, _ = layer()
    leaves = [*b, *W[0], *W[1]]
    first, held = tg.compile(loss), [leaf.data for leaf in leaves]
    first()
    slope = b[1].grad
    program = tg.compile(loss)
    for leaf in leaves:
        leaf.zero_grad()
    program.step(0.0005)
    program.step(0.0005)
    seen = LOOKS[look](b[1])  # the first look
    assert type(b[1]) is type(W[0][0]) is Value
    assert b[1].data == pytest.approx(held[1] - 0.001 * slope)  # relu's slope stays the same
    assert b[1].grad == pytest.approx(slope)
    if isinstance(seen, Value):
        assert type(seen) is Value


def test_a_leaf_set_between_steps_counts():
    _, W, b, loss, _ = layer()
    program, other = tg.compile(loss), tg.compile(loss)
    program.step(0.1)
    b[0].data = 5.0
    W[1][2].zero_grad()
    assert W[1][2].grad is None
    expected = eager(loss, [*b, *W[0], *W[1]])[0]
    assert program.step(0.1) == pytest.approx(expected)
    assert b[0].data == pytest.approx(5.0 - 0.1 * b[0].grad)
    before = b[0].data
    other.step(0.1)
    assert b[0].data == pytest.approx(before - 0.1 * b[0].grad)


def test_eager_code_on_leaves_that_are_held():
    _, W, b, loss, _ = layer()
    program = tg.compile(loss)
    program.step(0.1)
    y = W[0][0] * b[0] + W[0][1]
    y.backward()
    assert type(y) is Value
    program.step(0.1)
    (b[0] * 2).backward()
    program.step(0.1)
    assert program() == pytest.approx(eager(loss, [x for row in W for x in row] + b)[0])


def test_inputs_are_replaced_by_name():
    X = [[Value(1.0), Value(2.0)], [Value(-1.0), Value(0.5)], [Value(0.0), Value(3.0)]]
    w, scale = [Value(0.3), Value(-0.2)], Value(2.0)
    loss = sum((w[0] * r[0] + w[1] * r[1]).tanh() * scale for r in X)
    program = tg.compile(loss)
    rows = np.arange(6.0).reshape(3, 2)
    expected = 2.0 * np.tanh(rows @ [0.3, -0.2]).sum()
    assert program(X=rows) == pytest.approx(expected)
    assert X[2][1].data == 5.0
    assert program(scale=4.0, X=rows.tolist()) == pytest.approx(2 * expected)
    assert program.step(0.0, scale=1.0) == pytest.approx(expected / 2)
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\); got \(2, 2\)"):
        program(X=rows[:2])
    with pytest.raises(ValueError, match="no list or Value Y of leaves was seen"):
        program(Y=rows)


def test_source_runs_alone(tmp_path):
    loss = STRUCTURED["moons"](random.Random(0))
    program = tg.compile(loss)
    path = tmp_path / "program.py"
    path.write_text(
        program.source + "\nvalue, gradient = program()\nprint(float(value), sum(gradient))"
    )
    assert "tinygrad" not in program.source
    out = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True).stdout
    value, total = map(float, out.split())
    assert value == pytest.approx(program())
    assert total == pytest.approx(sum(leaf.grad for leaf in program._leaves.nodes))


def test_the_program_as_a_graph():
    X, W, b, total, h = layer()  # noqa: RUF059 - the names are printed
    graph = tg.compile(total).graph()
    assert graph.data == pytest.approx(total.data)
    svg = tg.draw(tg.compile(total)).svg
    assert "relu" in svg
    assert ">b<" in svg
    assert ">X<" in svg
    assert "h" in {node.name for node in topological_order(graph)}


def test_numba_is_optional_and_said_to_be(monkeypatch):
    for module in (native, program_module):
        monkeypatch.setattr(module, "installed", lambda: False)
    x = Value(0.5)
    for _ in range(1000):
        x = x * 0.99 + 0.01
    program = tg.compile(x)
    assert "tinygrad_lite[native]" in program.explain()
    assert "Python" in repr(program)


def test_errors():
    with pytest.raises(ValueError, match="is a leaf: nothing was computed"):
        tg.compile(Value(1.0))
    with pytest.raises(ValueError, match="is a constant"):
        tg.compile((Value(1.0) * 2).detach())
    with pytest.raises(TypeError, match="the function that computes a Tensor"):
        tg.compile(tg.Tensor([1.0]) * 2)
    x = Value(0.5)
    with pytest.raises(ValueError, match="no NumPy code"):
        _ = tg.compile(x * x + 1).source
    with pytest.raises(ValueError, match="no matrices to record"):
        tg.compile(x * x + 1).graph()


def test_branches_of_rules():
    """Powers at 0 take another way than elsewhere, as does hypot."""
    w = [Value(0.5), Value(1.0), Value(2.0)]
    loss = sum(abs(a * b) ** w[2] + tg.hypot(a, b) for a in w[:2] for b in w[:2])
    program = tg.compile(loss)
    assert "NumPy" in repr(program)
    leaves = program._leaves.nodes
    for numbers in ((0.5, 1.0, 2.0), (0.0, 1.0, 2.0), (0.0, 0.0, 1.0), (0.5, 1.0, 0.0)):
        for leaf, number in zip(w, numbers, strict=True):
            leaf.data = number
        value, gradient = run(program, leaves)
        expected, grads = eager(loss, leaves)
        assert value == pytest.approx(expected)
        assert gradient == pytest.approx(grads)


def test_a_gradient_that_differences_do_not_show():
    """A rule that is wrong leaves the graph to Python, whose gradient is that of eager code."""

    @tg.elementwise("odd({0})")
    def odd(xp, x):
        return x * x

    odd.local(lambda xp, y, x: 3 * x)
    w = [Value(0.5), Value(1.0)]
    loss = sum(odd(w[0] * a + w[1] * b) for a, b in [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)])
    program = tg.compile(loss)
    assert "its gradient is not seen in differences" in program.explain()
    assert disagreement(loss, w, lambda: run(program, w)) is None


def test_an_op_that_was_written_for_floats():
    @tg.elementwise("bent({0})")
    def bent(xp, x):
        return math.sin(x) if x > 0 else x

    bent.local(lambda xp, y, x: math.cos(x) if x > 0 else 1.0)
    w = [Value(0.5), Value(-1.0)]
    loss = sum(bent(w[0] * a + w[1] * b) for a, b in [(1.0, 2.0), (3.0, 1.0), (5.0, 6.0)])
    program = tg.compile(loss)
    assert "some op does not take arrays" in program.explain()
    assert disagreement(loss, w, lambda: run(program, w)) is None


def test_what_the_user_turned_off():
    _, _, b, loss, _ = layer()
    with tg.no_grad():
        program = tg.compile(loss)
        value = program()
        assert b[0].grad is not None
        assert program.graph().op is not None
    with tg.scope("elsewhere"):
        assert tg.compile(loss)() == value
    assert value == pytest.approx(loss.data)


def test_relu_of_nan():
    w = [Value(0.5), Value(1.0)]
    loss = sum((w[0] * a + w[1] * b).relu() for a, b in [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)])
    program = tg.compile(loss)
    assert "NumPy" in repr(program)
    w[0].data = float("nan")
    assert np.isnan([program(), w[0].grad, w[1].grad]).all()


def test_nan_and_infinity():
    X = [[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]]
    w, v = [Value(0.5), Value(-1.0)], [Value(1.0), Value(1.0)]
    loss = sum(tg.sqrt(sum(a * b for a, b in zip(w, row, strict=True)).relu()) * v[0] for row in X)
    program = tg.compile(loss)
    leaves = program._leaves.nodes
    assert disagreement(loss, leaves, lambda: run(program, leaves)) is None
    w[0].data = float("nan")
    assert np.isnan(program())
    w[0].data, w[1].data = float("inf"), 1.0
    assert disagreement(loss, leaves, lambda: run(program, leaves)) is None


def test_a_leaf_set_after_it_was_used():
    _, _, b, loss, _ = layer()
    b[0].data = 3.0
    program = tg.compile(loss)
    leaves = program._leaves.nodes
    assert program() == pytest.approx(eager(loss, leaves)[0])
    assert program() != pytest.approx(loss.data)


def test_graphs_that_share_nodes():
    _, _, _, loss, h = layer()
    one, two = tg.compile(loss), tg.compile(sum(z * z for z in h[0]) + h[1][0])
    value = one()
    two.step(0.01)
    leaves = one._leaves.nodes
    assert one() == pytest.approx(eager(loss, leaves)[0])
    assert one() != value


def test_steps_past_infinity_do_not_warn():
    _, _, b, loss, _ = layer()
    program = tg.compile(loss)
    b[0].data = math.inf
    program.step(math.inf)
    assert not math.isfinite(b[0].data)
    with pytest.raises(TypeError, match="step"):
        program.step("0.1")


def test_the_graph_is_let_go():
    import weakref

    class Watched(Value):
        __slots__ = ("__weakref__",)

    def compiled():
        middle = (x[0] * 2.0).tanh()
        loss = sum((middle * x[1] * float(i)).tanh() for i in range(30))
        return tg.compile(loss), weakref.ref(middle)

    x = [Watched(1.0), Watched(2.0)]
    program, gone = compiled()
    assert gone() is None
    program.step(0.1)
    assert type(x[0].data) is float
    assert type(x[0]) is Watched


def test_threads():
    loss = STRUCTURED["regression"](random.Random(0))
    program = tg.compile(loss)
    expected, found = program(), []

    def work():
        found.extend(program() for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 400
