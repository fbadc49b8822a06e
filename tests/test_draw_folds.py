"""What becomes one box: lines, loops, constants, scopes, as people write their models."""

import numpy as np
from test_draw_scene import scene_of

import tinygrad_lite as tg
from tinygrad_lite.draw.measure import CAPTION, width
from tinygrad_lite.draw.panes import pane

rng = np.random.default_rng(0)


def tensor(*shape):
    return tg.Tensor(rng.normal(size=shape))


class Cell:
    """A gated recurrent unit, whose gates have names only while it is called."""

    def __init__(self, n, m):
        self.Wz, self.Uz, self.Wr, self.Ur, self.Wh, self.Uh = (
            tensor(n, k) for k in (m, n, m, n, m, n)
        )

    def __call__(self, x, h):
        z = tg.sigmoid(self.Wz @ x + self.Uz @ h)
        r = tg.sigmoid(self.Wr @ x + self.Ur @ h)
        c = tg.tanh(self.Wh @ x + self.Uh @ (r * h))
        return (1 - z) * h + z * c


def lines_of(scene):
    return {box.name: box.formula for box in scene.boxes if box.formula}


def test_a_long_line_comes_apart_where_it_would_on_paper():
    cell, x, h0 = Cell(4, 3), np.ones(3), tensor(4)
    h = cell(x, h0)
    found = lines_of(scene_of(h))
    assert sorted(found.values()) == [
        "(1 − t₃) ⊙ h0 + t₃ ⊙ t₂",
        "tanh(cell.Wh x + cell.Uh (t₁ ⊙ h0))",
        "σ(cell.Wr x + cell.Ur h0)",
        "σ(cell.Wz x + cell.Uz h0)",
    ]


def test_a_short_loop_whose_first_step_is_in_another_order_is_one_step_of_it():
    cell, h, xs = Cell(4, 3), tg.Tensor(np.zeros(4), name="h0"), rng.normal(size=(3, 3))
    for x in xs:
        h = cell(x, h)
    L = (h**2).sum()
    scene = scene_of(L, max_nodes=20)
    assert [c.times for c in scene.clusters] == [3]
    assert lines_of(scene)["h"] == "(1 − t₄) ⊙ h₋₁ + t₄ ⊙ t₃"


def test_a_loop_that_adds_something_up_is_one_step_of_it():
    A, H = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([1.0, 0.0])
    q, m, P, ll = tg.Tensor(0.1), tg.Tensor(np.zeros(2), name="m0"), np.eye(2), 0.0
    for z in rng.normal(size=8):
        m, P = A @ m, A @ P @ A.T + q * np.eye(2)
        v, S = z - H @ m, H @ P @ H + 0.5
        K = P @ H / S
        m, P = m + K * v, P - S * tg.outer(K, K)
        ll = ll - 0.5 * (v**2 / S + tg.log(S))
    scene = scene_of(ll)
    assert [c.times for c in scene.clusters] == [7]
    assert {"q", "m0", "S", "v", "ll"} <= {box.name for box in scene.boxes}
    assert lines_of(scene)["ll"] == "ll₋₁ − 1/2 v² / S − 1/2 log(S)"


def test_what_a_loop_starts_with_is_in_no_scope_of_a_step_that_is_not_drawn():
    W, h = tg.Tensor(rng.normal(size=(2, 2)), name="W"), tg.Tensor(np.ones((1, 2)), name="h0")
    for t in range(4):
        with tg.scope(f"step {t}"):
            k = np.tanh(h @ W)
            h = h + 0.1 * np.tanh((h + 0.05 * k) @ W)
    scene = scene_of((h**2).sum(), max_nodes=16)
    assert max(c.times for c in scene.clusters) > 1  # a loop, folded
    start = next(box for box in scene.boxes if box.name == "h0")
    assert start.scope == ()


def test_an_entry_of_what_has_a_number_is_no_larger_number():
    x = tg.Tensor(np.arange(3.0) + 1, name="x₁")
    y = tg.exp(x[0]) * x[2]
    assert lines_of(scene_of(y))["y"] == "exp(x₁[0]) x₁[2]"


def test_constants_without_a_name_are_one_box_if_a_line_has_many():
    k, mask, img = tensor(3, 3), np.ones((6, 6)), rng.normal(size=(8, 8))
    out = mask * sum(k[i, j] * img[i : i + 6, j : j + 6] for i in range(3) for j in range(3))
    scene = scene_of(out)
    assert [box.name for box in scene.boxes if box.kind == "constant"] == ["9 constants", "mask"]
    assert len(scene.boxes) == 4


def test_a_leaf_of_the_users_own_name_is_not_folded_away():
    x, b = tg.Value(1.0), tg.Value(0.5)
    ws = [tg.Value(float(k)) for k in range(20)]
    with tg.scope("net"), tg.scope("neuron"):
        y = sum((w * x for w in ws), b).tanh()
    scene = scene_of(y, max_nodes=6)
    assert [box.name for box in scene.boxes] == ["x", "b", "neuron"]
    assert {box.scope for box in scene.boxes} == {("net",)}


def layer(n, m):
    ws = [[tg.Value(w) for w in row] for row in rng.normal(size=(m, n))]
    return lambda x: [sum(w * a for w, a in zip(row, x, strict=True)).tanh() for row in ws]


def test_equal_leaves_without_a_name_are_called_what_they_are():
    f, g = layer(2, 8), layer(8, 1)
    (one,), (two,) = (g(f([tg.Value(v, name=f"x{v:.0f}"), 1.0])) for v in (2.0, 3.0))
    scene = scene_of(one * two, max_nodes=25)
    assert "24 parameters" in {box.name for box in scene.boxes}


def test_a_rule_that_cannot_be_written_out_is_no_label():
    x = tensor(2, 8, 8)
    down = tg.relu(x)
    y = down.reshape(2, 4, 2, 4, 2).mean(axis=(2, 4)).sum()
    y.backward()
    scene = scene_of(y)
    assert scene.edges
    assert not [e.rule for e in scene.edges if "…" in e.rule]


def test_captions_lie_in_their_box():
    made = pane("value", "t", np.ones((2, 3, 3, 3))).compact(4)
    assert made.captions[-1] == "[1, 2, …]"
    assert made.width >= made.slabs[-1][0] + width(made.captions[-1], CAPTION)
