"""A wrong line of a derivation and the edit that makes it right."""

import ast

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.mend_cases import (
    corpus_makemore,
    corpus_networks,
    corpus_shapes,
)
from tests.mend_cases.case import variant
from tinygrad_lite.check.kinds import KINDS
from tinygrad_lite.check.mend.redraw import ladder, redraw
from tinygrad_lite.check.mend.rows import FORMS, FUNCTIONS, PAIRS, SOURCE, stand_in
from tinygrad_lite.check.mend.slipped import edits, settings
from tinygrad_lite.check.mend.undo import UNDO
from tinygrad_lite.check.mend.written import Written, number, replaced, shifted
from tinygrad_lite.graph.node import raw


def loss(rng=None):
    rng = rng or np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4))
    y = rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return E, {"W": W, "x": x, "y": y, "v": v, "s": s}


# --- fresh data


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (np.eye(4)[[0, 2, 1]], lambda a: (a == np.eye(4)[[0, 2, 1]]).all()),
        (np.full((2, 5), 0.2), lambda a: np.allclose(a.sum(axis=1), 1)),
        (np.array([[2.0, 0.5], [0.5, 3.0]]), lambda a: np.allclose(a, a.T)),
        (np.array([[2.0, 0.5], [0.5, 3.0]]), lambda a: (np.linalg.eigvalsh(a) > 0).all()),
        (np.array([-1.5, 2.5, 0.3]), lambda a: (np.sign(a) == [-1, 1, 1]).all()),
        (np.array([0.97, 0.01, 0.5]), lambda a: ((a > 0) & (a < 1)).all()),
        (np.array([-0.2, 0.3, -0.1]), lambda a: abs(a.sum()) < 1e-12),
        (np.array([[0.6, 0.8], [1.0, 0.0]]), lambda a: np.allclose((a**2).sum(axis=1), 1)),
        (np.tril(np.arange(1.0, 10.0).reshape(3, 3) / 7), lambda a: (np.triu(a, 1) == 0).all()),
    ],
)
def test_fresh_data_keep_what_the_data_are(data, fact):
    w = tg.Tensor(np.ones(data.shape) * 0.7)
    E = (w * data * tg.exp(w * data)).sum()
    draw = redraw(E, np.random.default_rng(3))
    assert fact(draw.constants[id(data)])


def test_fresh_data_differ_where_they_may():
    E, names = loss()
    draw = redraw(E, np.random.default_rng(1))
    for name in ("W", "x"):
        assert (draw.twin[names[name]].data != names[name].data).all()
    assert (draw.constants[id(names["y"])] != names["y"]).all()


def test_an_array_and_its_complement_are_held_together():
    y = np.array([0.2, 0.7, 0.4, 0.9])
    p = tg.Tensor(np.array([0.3, 0.6, 0.5, 0.8]))
    rest = 1 - y
    E = -(y * tg.log(p) + rest * tg.log(1 - p)).sum()
    draw = redraw(E, np.random.default_rng(2))
    assert draw.constants.get(id(y), y) is y
    assert draw.constants.get(id(rest), rest) is rest


def test_parts_of_one_array_change_together():
    xs = np.random.default_rng(0).normal(size=(3, 4))
    w = tg.Tensor(np.random.default_rng(1).normal(size=4))
    rows = [xs[i] for i in range(3)]
    E = sum((w * x).sum() ** 2 for x in rows)
    draw = redraw(E, np.random.default_rng(2))
    new = draw.constants[id(rows[0].base)]
    np.testing.assert_array_equal([draw.constants[id(x)] for x in rows], new)
    assert (new != xs).all()


def test_constants_are_held_where_what_is_right_would_turn_wrong():
    E, names = loss()
    y = names["y"]
    found = list(ladder(E, lambda draw: draw.constants.get(id(y), y) is y))
    assert found
    assert all(len(draws) == 3 for draws in found)
    assert list(ladder(E, lambda draw: False)) == []


def test_no_right_derivation_of_the_corpus_turns_wrong():
    """On fresh data; some are found for all of these."""
    for case in (corpus_networks.COLUMNS, corpus_networks.ROWS, corpus_makemore.MAKEMORE):
        E, names = case.draw()
        report = tg.check(E, case.backward, names=names)
        assert report, case.name


def test_numbers_that_are_no_factors_are_known():
    tree = ast.parse("A[0] += np.sum(b, 1) ** 2 + b.mean(axis=3)[4] + np.sum(5 * b)")
    found = {n.value: sort for n, sort in settings(tree).items() if isinstance(n, ast.Constant)}
    assert found == {0: "index", 1: "axis", 2: "exponent", 3: "axis", 4: "index"}
    targets = [n.id for n, sort in settings(tree).items() if isinstance(n, ast.Name)]
    assert targets == ["A"]


# --- the rows


def test_every_row_has_a_kind_of_the_table():
    kinds = {form.kind for form in (*FORMS, *FUNCTIONS)} | {pair[0] for pair in PAIRS}
    kinds |= {slip.kind for slips in SOURCE.values() for slip in slips}
    assert kinds <= set(KINDS)


EXPRESSIONS = {
    "a - b": "b - a",
    "a + b": "a - b",
    "-a": "a",
    "A @ B": "B @ A",
    "A.T @ B": "A @ B",
    "A * B": "A @ B",
    "a / b": "a * b",
    "a ** 3": "a ** 2",
    "np.outer(a, b)": "np.outer(b, a)",
    "np.dot(A, B)": "np.dot(B, A)",
    "A.sum(0)": "A.mean(0)",
    "np.sum(A, axis=0)": "np.sum(A, axis=1)",
    "np.maximum(a, b)": "np.minimum(a, b)",
    "a > 0": "a <= 0",
    "A[1:, 0]": "A[2:, 0]",
    "a[i - 1]": "a[i]",
    "i": "i - 1",
    "(a + b) * b": "a + b * b",
    "A": "A.T",
    "a": "-a",
    "2.0": "3",
    "a * b / a": "a",
    "a * A[0] * (1 - A[0])": "a * (1 - A[0] ** 2)",
    "np.vstack((a, b, a * 2))": "np.vstack((b, a, a * 2))",
    "np.sum(A, 1)": "np.sum(A, 0)",
    "A[:2]": "A[2:]",
    "a ** 2": "a",
    "-a * b + a / b": "-a * (b + a) / b",
    "A[1:, 0] ": "A[:-1, 0]",
    "np.log(b)": "np.log2(b)",
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_a_slip_is_undone_in_the_source(text):
    rng = np.random.default_rng(0)
    names = {"a": rng.normal(size=3), "b": rng.normal(size=3) + 2, "i": 2, "np": np}
    names |= {"A": rng.normal(size=(3, 3)), "B": rng.normal(size=(3, 3))}
    e = ast.parse(text, mode="eval").body
    read = lambda x: eval(ast.unparse(x), names)  # noqa: E731
    with np.errstate(all="ignore"):
        found = {ast.unparse(edit.new) for edit in edits(e, read, "np")}
    assert EXPRESSIONS[text] in found


@pytest.mark.parametrize("name", UNDO)
def test_an_operation_is_undone(name):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.2, 0.9, size=(3, 3)), rng.uniform(1.2, 2, size=(3, 3))
    forward = (
        {
            "pow": lambda a, p: a**p,
            "T": lambda a: a.T,
            "negative": lambda a: -a,
            "entry": None,
            "copy": lambda a: a.copy(),
        }.get(name)
        or getattr(np, name, None)
        or getattr(np.linalg, name, None)
    )
    if name == "entry":
        base, key, value = np.zeros(4), 2, np.float64(5.0)
        assert UNDO[name][2](np.arange(4.0), base, key, value) == 2.0
        return
    rows = UNDO[name]
    operands = [a, b][: max(len(rows), 1)]
    if name == "pow":
        operands = [a, 3]
    if name == "diag":
        operands = [a[0]]
    if name == "outer":
        operands = [a[0], b[0]]
    extra = ((3, 3),) if name == "reshape" else ()
    result = forward(*operands, *extra)
    for k, undo in enumerate(rows):
        np.testing.assert_allclose(undo(result, *operands, *extra), operands[k], rtol=1e-7)


def test_a_formula_run_on_stand_ins_is_written():
    A = Written(ast.parse("A", mode="eval").body, np.arange(6.0).reshape(2, 3))
    B = Written(ast.parse("B", mode="eval").body, np.array([[1.0, 2], [0, 1], [3, 1]]))
    for made, text in [
        (A @ B, "A @ B"),
        (A.T.T, "A"),
        (A + 0 * A, "A"),
        (0 * A - A, "-A"),
        (1 * A, "A"),
        (A - -A, "A + A"),
        (np.sum(A, axis=0), "np.sum(A, axis=0)"),
        (np.swapaxes(A, -1, -2), "A.T"),
        (A[:, None], "A[:, None]"),
        (np.linalg.inv(A @ B), "np.linalg.inv(A @ B)"),
        (A > 0, "A > 0"),
    ]:
        assert ast.unparse(made.code) == text
        value = eval(text, {"A": A.value, "B": B.value, "np": np})
        np.testing.assert_array_equal(made.value, value)


def test_numbers_and_parts_of_code():
    text = lambda e: ast.unparse(e)  # noqa: E731
    assert [text(number(c)) for c in (2.0, -1.0, 0.5, 1e20)] == ["2", "-1", "0.5", "1e+20"]
    i = ast.parse("i + 1", mode="eval").body
    assert [text(shifted(i, by)) for by in (-1, 1, -3)] == ["i", "i + 2", "i - 2"]
    e = ast.parse("f(a, b) + a", mode="eval").body
    new = replaced(e, {e.right: number(3)})
    assert text(new) == "f(a, b) + 3"
    assert new.left is e.left


# --- mending


def test_the_line_that_a_person_would_write():
    E, names = loss()

    def backward(x, W, s, y):
        ds = s - y
        dv = ds * s * (1 - s)
        dW = np.outer(x, dv)
        return dW, x

    report = tg.check(E, backward, names=names)
    finding = report.first
    assert (finding.line, finding.mended, finding.by) == (4, "dW = np.outer(dv, x)", "edit")
    assert finding.kind == "wrong-order"


CASES = [
    (case, slip) for case in (corpus_networks.COLUMNS, corpus_networks.ROWS) for slip in case.slips
]


@pytest.mark.parametrize(("case", "slip"), CASES, ids=lambda v: getattr(v, "wrong", ""))
def test_every_slip_of_a_network_is_mended(case, slip):
    E, names = case.draw()
    report = tg.check(E, variant(case, slip), names=names)
    assert report.wrong
    assert all(f.by == "edit" for f in report.wrong)


def test_a_mend_is_right_on_data_that_it_was_not_found_on():
    """Of E = sum(w x)^2 for positive x, sign(x) and 1 are the same: the name alone may stand."""
    x = np.array([1.5, 2.5, 0.7])
    w = tg.Tensor(np.array([0.3, -1.2, 2.0]))
    u = w * x
    E = (u**2).sum()
    report = tg.check(E, {w: lambda u: 2 * u}, names={"u": u, "w": w, "x": x, "E": E})
    assert report[w].mended in ("lambda u: 2 * u * x", None)
    report = tg.check(E, {w: lambda u, x: 2 * u * np.sign(x)}, names={"u": u, "w": w, "x": x})
    assert report[w].mended == "lambda u, x: 2 * u * x"


def test_text_is_mended():
    E, names = loss()
    report = tg.check(E, {names["W"]: "((y - s) * s * (1 - s)) @ x.T"}, names=names)
    assert report[names["W"]].mended == "((s - y) * s * (1 - s)) @ x.T"


def test_beside_what_no_short_edit_mends_stands_the_rule():
    E, names = loss()

    def backward(x, W, s, y):
        dW = np.arange(20.0).reshape(5, 4) ** 2
        return dW, x

    report = tg.check(E, backward, names=names)
    assert report.first.by == "rule"
    space = {**{n: raw(x) for n, x in names.items()}, "np": np}
    exec(report.first.mended, space)
    np.testing.assert_allclose(space["dW"], tg.grad(E, names["W"]))
    assert report.first.mended not in report.fixed()


def test_two_mistakes_in_one_line():
    E, names = loss()

    def backward(x, W, s, y):
        dv = (s - y) * s * (1 - s)
        dW = np.outer(x, 3 * dv)
        return dW, x

    finding = tg.check(E, backward, names=names).first
    assert finding.mended == "dW = np.outer(dv, x)"


def test_an_edit_in_a_loop():
    case = corpus_shapes.CONVOLUTION
    E, names = case.draw()
    slip = next(s for s in case.slips if "i + 1" in s.wrong)
    finding = tg.check(E, variant(case, slip), names=names).first
    assert finding.mended is not None
    assert finding.mended == "dK += dY[i, j] * X[i:i + 2, j:j + 3]"


def test_a_stand_in_needs_numbers():
    assert stand_in(ast.parse("'text'", mode="eval").body, lambda e: "text", "np") is None


def _mended(case, part):
    """The first finding on the slip whose right fragment has some text."""
    E, names = case.draw()
    slip = next(s for s in case.slips if part in s.right)
    report = tg.check(E, variant(case, slip), names=names)
    return report.first, report


def test_a_line_that_was_left_out_is_put_back():
    finding, report = _mended(corpus_networks.TIED_AUTOENCODER, "    dW += X.T @ dH\n")
    assert finding.mended == "dW += X.T @ dH"
    assert "    dW += X.T @ dH\n    return" in report.fixed()


def test_the_head_of_a_loop_is_mended():
    finding, _ = _mended(corpus_shapes.SURVIVAL, "range(i, len(X))")
    assert finding.mended == "for j in range(i, len(X)):"


def test_what_is_assigned_for_added():
    finding, _ = _mended(corpus_makemore.EMBEDDING, "np.add.at")
    assert finding.mended is not None
    assert "np.add.at(" in finding.mended


def classified(h, logits, Y):
    n = len(Y)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p = p / p.sum(1, keepdims=True)
    dlogits = p
    dlogits[np.arange(n), Y] -= 1
    return {"W2": h.T @ dlogits}


def test_a_factor_that_was_left_out_is_a_line_of_its_own():
    rng = np.random.default_rng(1)
    W2, Y = tg.Tensor(rng.normal(size=(5, 4))), rng.integers(0, 4, 8)
    h = tg.relu(tg.Tensor(rng.normal(size=(8, 5))))
    logits = h @ W2
    report = tg.check(tg.cross_entropy(logits, Y), classified)
    assert [f.mended for f in report if f.mended] == ["dlogits /= n"]


def test_the_transpose_of_a_product_is_one_of_transposes():
    X, W = (tg.Tensor(np.random.default_rng(k).normal(size=(4, 4))) for k in range(2))
    Z = X @ W
    dZ = np.cos(Z.data)
    report = tg.check(tg.sin(Z).sum(), {W: lambda X, Z: np.cos(Z).T @ X})
    assert report[0].mended == "lambda X, Z: X.T @ np.cos(Z)"
    np.testing.assert_allclose(X.data.T @ dZ, tg.grad(tg.sin(Z).sum(), W))
