"""How a lifted graph reads: its lines, and what is said of it."""

import numpy as np
from scalar_graphs import layer

import tinygrad_lite as tg
from tinygrad_lite import Value


def test_print_has_the_users_names():
    X, W, b, total, h = layer()  # noqa: RUF059 - the names are printed
    assert str(tg.compile(total)).splitlines() == [
        "h = relu(X @ W.T + b)  # (4, 2)",
        "total = sum(h)",
    ]


def test_print_of_a_model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = [1 if row[0] > 0 else -1 for row in X.tolist()]
    model = tg.nn.MLP(2, [4, 1])
    scores = [model(row) for row in X.tolist()]
    loss = sum((1 + -label * score).relu() for label, score in zip(y, scores, strict=True))
    text = str(tg.compile(loss))
    assert "W1 = model.layers[0].neurons[:].w" in text
    assert "h1 = relu(X @ W1.T + b1)" in text
    assert "loss = sum(relu(-y * scores + 1))" in text


def test_transposed_lists():
    X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]]
    W = [[Value(0.1), Value(0.2), Value(0.3)], [Value(0.4), Value(0.5), Value(0.6)]]
    out = [[sum(row[i] * W[i][j] for i in range(2)).tanh() for j in range(3)] for row in X]
    loss = sum(z for row in out for z in row)
    assert str(tg.compile(loss)).startswith("out = tanh(X @ W)")


def test_what_is_no_array_of_numbers_names_none():
    ragged = [[1.0, 2.0], [3.0]]  # noqa: F841 - names are looked for in what is seen
    uneven = [np.ones((2, 2)), np.ones(3)]  # noqa: F841 - the same
    mixed, words = [1.0, "two"], np.array([["a", "b"], ["c", "d"]])  # noqa: F841 - the same
    X, W = [[1.0, 2.0], [3.0, 4.0]], [[Value(0.1), Value(0.2)], [Value(0.4), Value(0.5)]]
    out = [[sum(row[i] * W[i][j] for i in range(2)).tanh() for j in range(2)] for row in X]
    loss = sum(z for row in out for z in row)
    assert str(tg.compile(loss)).startswith("out = tanh(X @ W)")


def test_explanation():
    X, W, _, total, _ = layer()  # noqa: RUF059 - the names are printed
    text = tg.compile(total).explain()
    assert "72 numbers were computed one by one. They are 3 array operations" in text
    assert "X @ W.T: each of the 4 rows of X meets each of the 2 rows of W, 8 sums of 3" in text


def test_explanation_without_a_matrix_product():
    x = [Value(0.1 * i) for i in range(8)]
    text = tg.compile(sum(v.exp() for v in x)).explain()
    assert text.endswith("They are 2 array operations, none of them a matrix product.")


def test_signs_that_differ_are_listed():
    words = [[Value(0.1 * (i + 1) * (j + 2)) for j in range(3)] for i in range(4)]
    scores = [sum(a * b for a, b in zip(v, w, strict=True)) for v in words for w in words]
    loss = sum((s if k % 3 else -s).sigmoid() for k, s in enumerate(scores))
    lines = str(tg.compile(loss)).splitlines()
    assert any(line.startswith("s1 = signs") for line in lines)
    assert any("* s1" in line for line in lines)
