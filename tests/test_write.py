"""What is written is what is computed: the NumPy text evaluates to the node's value."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph.names import name_all
from tinygrad_lite.graph.node import Node, topological_order
from tinygrad_lite.notation.write import write


def names_of(root, **variables):
    for name, value in variables.items():
        if isinstance(value, Node):
            value.name = name
    arrays = {id(v): k for k, v in variables.items()}
    return name_all(topological_order(root)) | arrays


def test_named_intermediates_stay_names():
    W, x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), tg.Tensor([1.0, -1.0])
    y = np.array([0.5, 0.25])
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    names = names_of(E, W=W, x=x, v=v, s=s, E=E, y=y)
    assert write(v, names) == "W @ x"
    assert write(s, names) == "σ(v)"
    assert write(E, names) == "0.5 * sum((s - y)**2)"
    assert write(W, names) == "W"
    assert write(s, names, "latex") == r"\sigma(v)"


def test_brackets_by_precedence():
    a, b, c = (tg.Value(x, name=n) for x, n in ((2.0, "a"), (3.0, "b"), (5.0, "c")))
    expected = {
        "a - (b - c)": a - (b - c),
        "a - b - c": a - b - c,
        "(a + b) * c": (a + b) * c,
        "a / (b * c)": a / (b * c),
        "(a * b)**c": (a * b) ** c,
        "-(a + b)": -(a + b),
        "(-a)**b": (-a) ** b,
        "tanh(a + b)": (a + b).tanh(),
    }
    for text, node in expected.items():
        assert write(node, name_all(topological_order(node))) == text


def random_expression(rng, leaves):
    pool = list(leaves)
    for _ in range(6):
        a, b = (pool[i] for i in rng.integers(len(pool), size=2))
        choice = rng.integers(6)
        pool.append([a + b, a - b, a * b, a / (b * b + 1.5), a @ b, tg.tanh(a)][choice])
    return pool[-1]


@pytest.mark.parametrize("seed", range(40))
def test_numpy_text_evaluates_to_the_value(seed):
    rng = np.random.default_rng(seed)
    leaves = [tg.Tensor(rng.normal(size=(3, 3)), name=n) for n in "ABC"]
    root = random_expression(rng, leaves)
    names = name_all(topological_order(root))
    space = {"np": np} | {x.name: x.data for x in leaves}
    text = write(root, names, "numpy", depth=20)
    np.testing.assert_allclose(eval(text, space), root.data, rtol=1e-12)


def test_a_name_that_is_no_identifier_is_printed_as_it_is():
    a = tg.Value(2.0, name="the answer")
    assert write(a * 2.0, name_all([a]), "numpy") == "the answer * 2"


def test_settings_that_matter_are_written():
    A = tg.Tensor(np.ones((2, 3)), name="A")
    assert write(A.sum(axis=0), name_all([A]), "numpy") == "np.sum(A, axis=0)"
    assert write(A[1:, 0], name_all([A]), "numpy") == "A[1:, 0]"
