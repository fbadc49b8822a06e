"""Which axes are one, the graph at other lengths, and mends that are right at all of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_referee_lines import changed

import tinygrad_lite as tg
from tests.mend_cases import square
from tests.mend_cases.case import variant
from tests.mend_cases.worlds import misleads
from tinygrad_lite.check.mend.lengths import Lengths, lengthened
from tinygrad_lite.check.mend.resized import resized
from tinygrad_lite.check.mend.sizes import Sizes


def leaf(*shape):
    return tg.Tensor(np.random.default_rng(len(shape)).uniform(0.5, 1.5, size=shape))


def classes(root, *nodes):
    """The number of each axis' class, None where it keeps its length."""
    known = Lengths(root)
    numbers = {slot: k for k, slot in enumerate(known.free)}
    return [[None if s is None else numbers[s] for s in known.slots(x)] for x in nodes]


@pytest.mark.parametrize(
    ("loss", "shapes", "axes"),
    [
        (lambda A, B: (A @ B).sum(), [(3, 3), (3, 3)], ["ij", "jk"]),
        (lambda A, B: (A @ B.T).sum(), [(3, 3), (3, 3)], ["ij", "kj"]),
        (lambda A, b: (A + b).sum(), [(3, 3), (3,)], ["ij", "j"]),
        (lambda A, b: (A + b[:, None]).sum(), [(3, 3), (3,)], ["ij", "i"]),
        (lambda A, b: (A.sum(axis=0) * b).sum(), [(3, 3), (3,)], ["ij", "j"]),
        (lambda A: tg.linalg.inv(A + 3 * np.eye(3)).sum(), [(3, 3)], ["ii"]),
        (lambda A, B: (tg.concat([A, B], axis=1) ** 2).sum(), [(3, 3), (3, 3)], ["i.", "i."]),
        (lambda A, B: (tg.stack([A, B]) ** 2).sum(), [(3, 3), (3, 3)], ["ij", "ij"]),
        (lambda A: (A[1:] ** 2).sum(), [(3, 3)], [".i"]),
        (lambda A: (A[0] * A[:, 0]).sum(), [(3, 3)], [".."]),
        (lambda A: (A[np.arange(3), np.array([0, 2, 1])] ** 2).sum(), [(3, 3)], ["ij"]),
        (lambda A: (tg.reshape(A, (4, 3, 1)) ** 2).sum(), [(4, 3)], ["ij"]),
        (lambda A: (tg.reshape(A, (3, 4)) ** 2).sum(), [(4, 3)], [".."]),
        (lambda A: (tg.reshape(A, (9,)) ** 2).sum(), [(3, 3)], [".."]),
        (lambda A, b: tg.where(A > 1, A, b).sum(), [(3, 3), (3,)], ["ij", "j"]),
    ],
)
def test_axes_are_one_where_an_operation_ties_them(loss, shapes, axes):
    nodes = [leaf(*shape) for shape in shapes]
    found = [k for of in classes(loss(*nodes), *nodes) for k in of]
    wanted = [None if c == "." else c for c in "".join(axes)]
    assert [k is None for k in found] == [c is None for c in wanted]
    assert len(set(found)) == len(set(wanted)) == len(set(zip(found, wanted, strict=True)))


def test_parts_of_an_array_have_its_axes():
    data = np.random.default_rng(0).normal(size=(3, 3, 3))
    w = leaf(3)
    E = ((data[1] @ w) ** 2).sum() + ((data[2].T @ w) ** 2).sum()
    known = Lengths(E)
    assert [known.is_held((id(data), k)) for k in range(3)] == [True, False, False]
    assert known.root((id(data), 1)) == known.root((id(data), 2)) == known.slots(w)[0]


@tg.primitive("table({0}, {1})")
def table(xp, x, y):
    """Every sum of an entry of x and one of y."""
    return x[:, None] + y[None, :]


table.pull(lambda xp, G, y, a, b: xp.sum(G, axis=1), lambda xp, G, y, a, b: xp.sum(G, axis=0))


def test_the_axes_of_a_users_op_are_told_by_running_it():
    a, b, C = leaf(3), leaf(3), leaf(3, 3)
    ((i,), (j,), both) = classes((table(a, b) * C).sum(), a, b, C)
    assert both == [i, j]
    assert i != j


def test_what_data_are_they_are_at_other_lengths():
    Y = np.eye(3)[[0, 2, 1, 1]]
    longer = lengthened(Y, (5, 4))
    assert (longer.sum(axis=1) == 1).all()
    assert set(np.unique(longer)) == {0, 1}
    assert (lengthened(np.eye(3), (5, 5)) == np.eye(5)).all()
    assert (lengthened(np.arange(3), (5,)) == np.arange(5)).all()
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert (lengthened(A, (3, 3)) == lengthened(A, (3, 3)).T).all()


def test_a_number_that_is_a_length_moves_with_it():
    """Divided by 3, which may be the rows that are summed over, the columns of X or neither."""
    X, w = np.random.default_rng(0).normal(size=(3, 3)), leaf(3)
    E = ((X @ w) ** 2).sum() / 3
    likeliest, every, also_none = (list(ways) for ways in resized(E, None, {}, ((), ())))
    draws = [draw() for draw in every]
    (shape,) = {d.constants[id(X)].shape for d in draws}
    assert sorted(shape) == [5, 7]
    r = [d.constants[id(X)] @ d.twin[w].data for d in draws]
    numbers = [
        round((v**2).sum() / d.twin[E].data.item(), 9) for v, d in zip(r, draws, strict=True)
    ]
    assert numbers == [*shape]  # the rows first
    assert (len(likeliest), len(also_none)) == (1, 3)


def test_what_is_written_as_a_number_stays():
    X, w = np.random.default_rng(0).normal(size=(4, 3)), leaf(3)
    E = ((X @ w) ** 2).sum()
    (draw,), *_ = (list(ways) for ways in resized(E, None, {}, ({4}, ())))
    assert draw().constants[id(X)].shape == (4, 5)


SQUARE = [(case, slips) for case in square() for slips in case.wrongs()]


@pytest.mark.parametrize(
    "wrong", SQUARE, ids=lambda w: f"{w[0].name} {' & '.join(s.wrong for s in w[1])}"
)
def test_no_mend_is_right_by_a_coincidence_of_lengths(wrong):
    case, slips = wrong
    loss, names = case.draw()
    pairs = {name: node or None for name, node in case.pairs.items()}
    found = variant(case, *slips)
    report = tg.check(loss, found if case.form == "function" else found(), names=names, pairs=pairs)
    assert all(f.by == "edit" for f in report.wrong)
    assert not misleads(case, slips, report)
    doubted = [f for f in report.wrong if "coincidence" in f.explanation]
    assert not doubted


def hidden(x, V, z, p, y):
    dp = p - y
    dz = dp @ V.T * (z > 0)
    dW = x.T @ dz
    return dW  # noqa: RET504 - derivations are judged line by line


def test_where_other_lines_run_at_other_lengths_no_more_are_tried():
    E, asked = (leaf(3, 4) ** 2).sum(), []
    truth = SimpleNamespace(tape=SimpleNamespace(root=E))
    ways = [[lambda: "one", lambda: "two"], [lambda: "three"]]
    assert Sizes(None, truth, ways, asked.append).likeliest == []
    assert asked == ["one"]


@pytest.mark.parametrize(
    ("old", "new"), [(" * (z > 0)", ""), ("dp = p - y", "dp = y - p"), ("x.T @ dz", "x.T @ dz / 2")]
)
@pytest.mark.parametrize("half", [lambda e: 0.5 * e, lambda e: e / 2])
def test_neither_a_0_nor_the_half_of_a_square_is_a_length(half, old, new):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    W, V = (tg.Tensor(rng.normal(size=shape)) for shape in ((3, 4), (4, 2)))
    z = x @ W
    p = tg.relu(z) @ V
    (mistake,) = tg.check(half(((p - y) ** 2).sum()), changed(hidden, old, new)).wrong
    assert mistake.by == "edit"
    for doubt in ("cannot be told", "is also", "coincidence"):
        assert doubt not in mistake.explanation


def through_time(W, hs, goal, steps):
    dW = np.zeros_like(W)
    dh = hs[steps] - goal
    for t in reversed(range(steps)):
        dz = (1 - hs[t + 1] ** 2) * dh
        dW += np.outer(dz, hs[t])
        dh = W.T @ dz
    return dW


def test_a_copy_of_a_state_is_as_long_and_a_count_of_rows_stays():
    rng, steps = np.random.default_rng(0), 6  # which is 2 times 3 as well, of a free length
    W, goal, x = tg.Tensor(rng.normal(size=(3, 3))), rng.normal(size=3), rng.normal(size=(steps, 3))
    h, hs = np.zeros(3), [np.zeros(3)]
    for row in x:
        h = tg.tanh(W @ h + row)
        hs.append(h)
    E = 0.5 * ((h - goal) ** 2).sum()
    assert tg.check(E, through_time)
    (mistake,) = tg.check(E, changed(through_time, "hs[t])", "hs[t + 1])")).wrong
    assert mistake.mended == "dW += np.outer(dz, hs[t])"
    assert "coincidence" not in mistake.explanation
    assert "cannot be told" not in mistake.explanation
