"""An op written with the user's names: as on paper, and as NumPy code."""

import ast

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.derive.step import write
from tinygrad_lite.graph.names import name_all
from tinygrad_lite.graph.node import Node, topological_order
from tinygrad_lite.notation.code import op_code
from tinygrad_lite.ops.index import registry


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
    assert write(v, names) == "W x"
    assert write(s, names) == "σ(v)"
    assert write(E, names, depth=3) == "1/2 sum((s − y)²)"
    assert write(E, names) == "1/2 sum(…²)"
    assert write(W, names) == "W"


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("a − (b − c)", lambda a, b, c: a - (b - c)),
        ("a − b − c", lambda a, b, c: a - b - c),
        ("(a + b) c", lambda a, b, c: (a + b) * c),
        ("a / (b c)", lambda a, b, c: a / (b * c)),
        ("−(a + b)", lambda a, b, c: -(a + b)),
        ("tanh(a + b)", lambda a, b, c: (a + b).tanh()),
        ("a · 2", lambda a, b, c: a * tg.Value(2.0)),
    ],
)
def test_brackets_by_precedence(text, make):
    node = make(*(tg.Value(x, name=n) for x, n in ((2.0, "a"), (3.0, "b"), (5.0, "c"))))
    names = name_all(topological_order(node)) | {
        id(x): "2" for x in node.inputs if isinstance(x, Node) and x.data == 2.0 and not x.name
    }
    assert write(node, names) == text


def test_an_index_too_long_to_be_read_is_left_out():
    A = tg.Tensor(np.ones(20), name="A")
    assert write(A[np.arange(3)], name_all([A])) == "A[[0, 1, 2]]"
    assert write(A[np.arange(12)], name_all([A])) == "A[[…]]"


@pytest.mark.parametrize(
    ("code", "name", "inputs", "settings"),
    [
        ("np.sum(A, axis=0)", "sum", ["A"], {"axis": 0, "keepdims": False}),
        ("(a + b) * c", "multiply", ["a + b", "c"], {}),
        ("A[1:, 0]", "getitem", ["A"], {"index": (slice(1, None), 0)}),
    ],
)
def test_code_of_an_op(code, name, inputs, settings):
    found = op_code(registry[name], inputs, settings)
    assert ast.unparse(ast.parse(found)) == code
