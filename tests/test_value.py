"""`Value`: micrograd's interface, mixing with numbers and arrays, and the engine on scalars."""

from __future__ import annotations

import copy
import math
import pickle
import random
import threading

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.protocols import COMPOSITES, UFUNCS

# --- programs written for micrograd: they take the class, and nothing but it changes


def sanity_program(V):
    x = V(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    return y.data, [x.grad]


def more_ops_program(V):
    a, b = V(-4.0), V(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return g.data, [a.grad, b.grad]


def reuse_program(V):
    x, y = V(1.5), V(-0.5)
    s = x * x
    t = s + s * y
    u = t * t - (s - 3) / (y + 2)
    v = u**2 + u.relu() + (-u).relu() * 0.1
    v.backward()
    return v.data, [x.grad, y.grad]


def neuron_program(V):
    """A hinge loss over a handful of points, with a gradient step: the demo in small."""
    rng = random.Random(1)
    w = [V(rng.uniform(-1, 1)) for _ in range(3)]
    points = [([rng.uniform(-1, 1) for _ in range(2)], rng.choice([-1, 1])) for _ in range(6)]
    for _ in range(3):
        for p in w:
            p.grad = 0
        scores = [sum((wi * xi for wi, xi in zip(w, x)), w[2]).relu() for x, _ in points]  # noqa: B905
        losses = [(1 + -y * score).relu() for (_, y), score in zip(points, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in w)
        loss.backward()
        for p in w:
            p.data -= 0.1 * p.grad
    return loss.data, [p.grad for p in w] + [p.data for p in w]


PROGRAMS = [sanity_program, more_ops_program, reuse_program, neuron_program]


@pytest.mark.parametrize("program", PROGRAMS)
def test_micrograd_programs_run_unchanged(program, needs):
    reference = needs("micrograd.engine").Value
    value, gradients = program(Value)
    expected, expected_gradients = program(reference)
    assert value == pytest.approx(expected, rel=1e-13)
    assert gradients == pytest.approx(expected_gradients, rel=1e-13)


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS[:3])
def test_micrograd_programs_against_torch(program, needs):
    torch = needs("torch")

    def V(data):
        return torch.tensor(data, dtype=torch.float64, requires_grad=True)

    value, gradients = program(Value)
    expected, expected_gradients = program(V)
    assert value == pytest.approx(expected.item(), rel=1e-13)
    assert gradients == pytest.approx([g.item() for g in expected_gradients], rel=1e-13)


def test_interface():
    a = Value(2)
    assert type(a.data) is float
    assert a.grad is None
    assert repr(a) == "Value(data=2.0, grad=None)"
    assert repr(Value(1, name="w")) == "Value(data=1.0, grad=None, name='w')"
    assert f"{a:.2f}" == "2.00"
    assert a.item() == 2.0
    assert a.shape == ()
    a.grad = 0
    assert a.grad == 0.0


OPERATORS = [
    (lambda a, b: a + b, lambda a, b: (1, 1)),
    (lambda a, b: a - b, lambda a, b: (1, -1)),
    (lambda a, b: a * b, lambda a, b: (b, a)),
    (lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    (lambda a, b: a**b, lambda a, b: (b * a ** (b - 1), a**b * math.log(a))),
]


@pytest.mark.parametrize(("f", "partials"), OPERATORS)
@pytest.mark.parametrize("kind", [float, int, np.float64, np.float32, np.int64, np.int8])
def test_operators_with_numbers_on_either_side(f, partials, kind):
    a, b = 3.0, 2.0
    for left, right, which in [(Value(a), Value(b), (0, 1)), (Value(a), kind(b), (0,)),
                               (kind(a), Value(b), (1,))]:  # fmt: skip
        y = f(left, right)
        assert type(y) is Value
        assert y.data == pytest.approx(f(a, b), rel=1e-15)
        y.backward()
        for i in which:
            assert (left, right)[i].grad == pytest.approx(partials(a, b)[i], rel=1e-14)


def test_unary_operators():
    a = Value(-3.0)
    for y, slope in [(-a, -1), (abs(a), -1), (+a, 1)]:
        a.zero_grad()
        y.backward()
        assert a.grad == slope


def test_comparisons_are_plain_and_hash_is_identity():
    a, b = Value(2.0), Value(2.0)
    assert (a == b) is True
    assert a != b + 1
    assert len({a, b}) == 2
    assert a == 2.0
    assert a != 3
    assert a < 3 <= Value(3.0)
    assert a > 1 >= Value(0.5)
    assert len({a, b}) == 2
    assert bool(Value(0.0)) is False


# --- with arrays


def test_a_value_and_an_array_make_a_tensor():
    v = Value(2.0)
    for y in [v * np.ones(3), np.ones(3) * v, v * tg.Tensor(np.ones(3)), [1.0, 1.0, 1.0] * v]:
        v.zero_grad()
        assert isinstance(y, tg.Tensor)
        y.backward(np.array([1.0, 2.0, 3.0]))
        assert v.grad == 6.0
        assert type(v.grad) is float


def test_zero_dimensional_arrays():
    v = Value(2.0)
    y = np.array(3.0) * v
    y.backward()
    assert v.grad == 3.0
    assert type(v.grad) is float


def test_a_value_in_a_tensor_graph_and_back():
    a, x = Value(0.5), tg.Tensor([1.0, 2.0])
    y = tg.tanh((a * x).sum() * a)
    y.backward()
    inner = 0.25 * 3
    assert a.grad == pytest.approx((1 - math.tanh(inner) ** 2) * 2 * 0.5 * 3)
    np.testing.assert_allclose(x.grad, (1 - math.tanh(inner) ** 2) * 0.25 * np.ones(2))


# --- sweeps


def test_leaves_accumulate_and_intermediates_do_not():
    a = Value(3.0)
    b = a * a
    c = b + a
    c.backward()
    once = a.grad, b.grad, c.grad
    c.backward()
    assert (a.grad, b.grad, c.grad) == (2 * once[0], once[1], once[2])
    a.zero_grad()
    c.backward()
    assert a.grad == once[0]


def test_backward_takes_an_upstream_gradient():
    a = Value(3.0)
    (a * a).backward(10.0)
    assert a.grad == 60.0


def test_record_differentiates_again():
    x = Value(3.0)
    y = x**3
    y.backward(record=True)
    g = x.grad
    x.zero_grad()
    assert isinstance(g, Value)
    g.backward()
    assert (g.data, x.grad) == (27.0, 18.0)


def test_setting_data_leaves_recorded_graphs_alone():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert x.grad == 6.0
    with pytest.raises(ValueError, match="multiply computed cannot be set"):
        y.data = 1.0


def test_setting_data_refuses_a_second_derivative():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    with pytest.raises(ValueError, match="was set after it was used"):
        y.backward(record=True)


def test_detach_and_no_grad():
    x = Value(3.0)
    (x * x.detach()).backward()
    assert x.grad == 3.0
    with tg.no_grad():
        y = x * x
    assert y.constant
    with pytest.raises(ValueError, match="detach\\(\\) or under no_grad\\(\\)"):
        y.backward()


def test_infinities_follow_ieee():
    x = Value(0.0)
    y = 1 / x
    assert y.data == math.inf
    y.backward()
    assert x.grad == -math.inf
    assert tg.exp(Value(1000.0)).data == math.inf
    assert math.isnan(tg.log(Value(-1.0)).data)


def test_no_overflow_or_nan_stops_the_rest_of_a_sweep():
    x, z = Value(0.0), Value(2.0)
    y = tg.sqrt(x) + z * z
    y.backward()
    assert x.grad == math.inf
    assert z.grad == 4.0


# --- threads


def test_threads_share_leaves():
    shared = Value(2.0)
    own = [Value(float(i)) for i in range(8)]

    def work(mine):
        for _ in range(50):
            y = mine
            for _ in range(20):
                y = y + shared * mine
            y.backward()

    threads = [threading.Thread(target=work, args=(v,)) for v in own]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [v.grad for v in own] == [50 * 41.0] * 8
    assert shared.grad == 50 * 20 * sum(range(8))


def test_contexts_belong_to_their_thread():
    seen = []
    with tg.no_grad():
        t = threading.Thread(target=lambda: seen.append((Value(1.0) * 2).constant))
        t.start()
        t.join()
    assert seen == [False]


# --- copies


def test_leaves_copy_and_pickle():
    x = Value(3.0, name="x")
    (x * x).backward()
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin is not x
        assert (twin.data, twin.grad, twin.name) == (3.0, 6.0, "x")
    assert pickle.loads(pickle.dumps(x.detach())).constant


def test_results_do_not_copy():
    with pytest.raises(TypeError, match="a result of multiply cannot be copied or pickled"):
        pickle.dumps(Value(3.0) * 2)


# --- refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Value("2"), "text"),
        (lambda: Value(1j), "complex"),
        (lambda: Value(None), "NoneType is not a number"),
        (lambda: Value([1.0]), "list is not a number"),
        (lambda: Value(np.ones(2)), r"shape \(2,\) is not a number; use Tensor"),
        (lambda: Value(Value(1.0)), "cut it from its graph"),
        (lambda: Value(tg.Tensor(1.0)), "cut it from its graph"),
        (lambda: Value(1.0) + "2", "add: '2' is not a number or an array"),
        (lambda: Value(1.0) * 2j, "complex"),
        (lambda: Value(1.0) * None, "multiply: None is not a number"),
        (lambda: math.sin(Value(1.0)), r"\.item\(\) for the plain number"),
        (lambda: float(Value(1.0)), "the gradient stops"),
        (lambda: int(Value(1.0)), "the gradient stops"),
    ],
)
def test_what_is_not_a_number(make, message):
    with pytest.raises(TypeError, match=message):
        make()


CALLED_BY_NUMPY = [
    u
    for u in {id(u): u for u in vars(np).values() if isinstance(u, np.ufunc)}.values()
    if (u in UFUNCS and UFUNCS[u].name in tg.ops.registry) or u.__name__ in COMPOSITES
    if u.nin <= 2 and u.nout == 1 and u.signature is None
]
NO_OBJECTS = {"copysign", "float_power", "heaviside", "ldexp", "logaddexp", "logaddexp2"}  # NumPy's


@pytest.mark.parametrize("ufunc", CALLED_BY_NUMPY, ids=lambda u: u.__name__)
def test_numpys_functions_of_arrays_that_hold_values(ufunc):
    """NumPy calls a method of its own name on each entry."""
    numbers = [np.array([1.5, 1.25]), np.array([2.0, 3.0])][: ufunc.nin]
    if ufunc in (np.arcsin, np.arccos, np.arctanh):
        numbers = [n / 2 for n in numbers]
    values = [np.array([tg.Value(x) for x in n], dtype=object) for n in numbers]
    try:
        found = ufunc(*values)
    except TypeError:
        assert ufunc.__name__ in NO_OBJECTS
        return
    if ufunc is np.sign:  # compares with 0, and gives numbers
        assert list(found) == [1, 1]
        return
    found = [found] if isinstance(found, tg.Value) else found
    for y, expected in zip(found, np.ravel(ufunc(*numbers)), strict=True):
        assert isinstance(y, tg.Value)
        assert y.data == pytest.approx(expected, rel=1e-15)
    np.sum(found).backward()
    assert any(x.grad is not None for x in np.ravel(values))


def test_python_rounds_a_node():
    for x, decimals in ((Value(2.75), 1), (Value(2.75), None), (tg.Tensor([2.75, -0.5]), 1)):
        y = round(x) if decimals is None else round(x, decimals)
        np.testing.assert_array_equal(y.data, np.round(x.data, decimals or 0))
        y.backward(np.ones(y.shape) if y.shape else 1.0)
        np.testing.assert_array_equal(x.grad, np.zeros(x.shape))
