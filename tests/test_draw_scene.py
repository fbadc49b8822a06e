"""The scene: which boxes there are, what they say, and what is folded."""

import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.draw.build import build_scene
from tinygrad_lite.draw.scene import Asked
from tinygrad_lite.graph.names import named_in
from tinygrad_lite.graph.node import Node, topological_order


def scene_of(root, **options):
    nodes = topological_order(root)
    values = {id(x): x for n in nodes for x in (n, *n.inputs)}
    names = named_in(sys._getframe(1).f_locals)
    own = {key: x.name for key, x in values.items() if isinstance(x, Node) and x.name}
    return build_scene(
        root, {key: names[key] for key in values if key in names} | own, Asked(**options)
    )


def rows(box):
    return {pane.role: pane.text for pane in box.panes}


def test_a_box_is_a_line_of_the_derivation():
    W = tg.Tensor(np.arange(6.0).reshape(2, 3), name="W")
    x = np.ones(3)
    v = W @ x
    E = (v**2).sum()
    scene = scene_of(E)
    kinds = {box.name or box.title: box.kind for box in scene.boxes}
    assert kinds == {
        "W": "leaf",
        "x": "constant",
        "v": "op",
        "E": "output",
    }
    by_name = {box.name: box for box in scene.boxes}
    assert by_name["v"].title == "v = W x  (2,)"
    assert rows(by_name["v"]) == {"value": "[3, 12]", "gradient": "—"}
    assert by_name["E"].title == "E = ‖v‖²"
    assert by_name["E"].inside == 1
    assert by_name["E"].lines == ("2 steps inside",)
    assert "gradient" not in rows(by_name["x"])
    E.backward()
    assert rows(next(b for b in scene_of(E).boxes if b.name == "v"))["gradient"] == "[6, 24]"
    assert [box.name for box in scene_of(E, steps=True).boxes] == ["W", "x", "v", "t₁", "E"]


def test_scalar_edges_carry_local_derivatives():
    a, b = tg.Value(2.0), tg.Value(-3.0)
    c = a * b
    scene = scene_of(c)
    assert [(e.slope, e.rule) for e in scene.edges] == [(-3.0, "×−3"), (2.0, "×2")]


def test_an_input_used_twice_has_one_edge_with_the_whole_slope():
    a = tg.Value(3.0)
    b = a * a
    assert [(e.count, e.rule) for e in scene_of(b).edges] == [(2, "×6")]


def test_scopes_fold_and_open():
    x = tg.Value(1.0)
    with tg.scope("outer"):
        for name in ("one", "two"):
            with tg.scope(name):
                for _ in range(20):
                    x = x * 2.0 + 1.0
                    x.name = "x"
    folded = scene_of(x, max_nodes=6)
    assert [b.title for b in folded.boxes if b.kind == "group"] == ["one", "two"]
    assert [c.scope for c in folded.clusters] == [("outer",)]
    assert "81 nodes; showing 2 groups" in folded.note
    assert scene_of(x, depth=2).note == ""


def test_groups_count_every_node_once():
    x = [tg.Value(float(i)) for i in range(40)]
    for _ in range(3):
        x = [sum((xi * 0.5 for xi in x), tg.Value(0.0)).tanh() for _ in range(10)]
    E = sum(x)
    scene = scene_of(E)
    nodes = [node for box in scene.boxes for node in box.nodes]
    assert len(nodes) == len(set(nodes)) == len(topological_order(E)) == scene.nodes
    assert len(scene.boxes) >= 4
    assert sum(box.kind != "constant" for box in scene.boxes) <= 30


def network(sizes):
    """Values without names or scopes, as in micrograd."""
    rng = np.random.default_rng(0)
    x = [tg.Value(v, name=f"x{k}") for k, v in enumerate(rng.normal(size=sizes[0]))]
    for n in sizes[1:]:
        weights = [[tg.Value(w) for w in rng.normal(size=len(x))] for _ in range(n)]
        x = [
            sum((w * a for w, a in zip(ws, x, strict=True)), tg.Value(0.1)).tanh() for ws in weights
        ]
    return sum(x)


def test_a_neuron_without_a_name_is_a_line():
    scene = scene_of(network((3, 7, 10, 1)))
    assert len(scene.boxes) == 3 + 7 + 10 + 1 + 1
    held = [box.lines for box in scene.boxes if box.lines]
    assert held[:7] == [("7 steps, 4 parameters inside",)] * 7
    assert held[7:-1] == [("15 steps, 8 parameters inside",)] * 10


def test_a_layer_of_many_equal_lines_is_one_box():
    scene = scene_of(network((3, 40, 50, 1)))
    assert [box.name for box in scene.boxes][:3] == ["x0", "x1", "x2"]
    assert [box.name.partition(" ")[0] for box in scene.boxes if box.kind == "group"] == [
        "40",
        "50",
    ]
    assert [len(box.panes[0].texts) for box in scene.boxes if box.kind == "group"] == [40, 50]


def test_a_loop_is_one_step_of_it():
    W, x = tg.Tensor(np.eye(3) * 0.5, name="W"), np.ones((20, 3))
    h = h0 = tg.Tensor(np.zeros(3), name="h0")
    hs = []
    for t in range(20):
        h = tg.tanh(W @ h + x[t])
        hs.append(h)
    L = (h**2).sum()
    L.backward()
    scene = scene_of(L, max_nodes=10)
    assert [(c.times, c.label) for c in scene.clusters] == [(20, "the last of 20 equal steps")]
    boxes = {box.name: box for box in scene.boxes}
    assert boxes["h"].copies == tuple(hs)
    assert [(p.rows, p.columns) for p in boxes["h"].panes] == [(3, 1), (3, 1), (3, 20), (3, 20)]
    assert boxes["hs[18]"].kind == "stub"
    ids = {box.id: box.name for box in scene.boxes}
    flow = {(ids[e.source], ids[e.target]) for e in scene.edges}
    assert {("W", "h"), ("h0", "hs[18]"), ("h", "L")} <= flow
    assert ("h0", "h") not in flow, "the last step does not use it"
    assert h0.shape == (3,)


def recurrent(steps):
    W, x = tg.Tensor(np.eye(3) * 0.5, name="W"), np.ones((steps, 3))
    h = tg.Tensor(np.zeros(3), name="h0")
    for t in range(steps):
        h = tg.tanh(W @ h + x[t])
    return (h**2).sum()


def test_no_line_is_made_of_several_turns_of_a_loop():
    """States without names of their own end a line each; of many turns one is shown."""
    (loop,) = scene_of(recurrent(30)).clusters
    assert loop.times == 30
    few = scene_of(recurrent(4))
    assert not few.clusters
    inside = [box.lines for box in few.boxes if box.kind == "op"]
    assert inside == [("3 steps inside",)] * 4


def test_a_scope_entered_again_is_a_group_per_visit():
    x = tg.Value(1.0)
    for _ in range(3):
        with tg.scope("cell"):
            x = x * 0.5 + 0.1
        x = x.tanh()
    scene = scene_of(x, depth=0)
    boxes = {box.id: box for box in scene.boxes}
    flow = [(boxes[e.source].name, boxes[e.target].name) for e in scene.edges]
    assert flow == [
        ("cell (1)", "t₁"),
        ("t₁", "cell (2)"),
        ("cell (2)", "t₂"),
        ("t₂", "cell (3)"),
        ("cell (3)", "x"),
    ]


def test_a_scope_used_twice_side_by_side_is_one_group():
    a, b = tg.Value(1.0), tg.Value(2.0)
    out = []
    for x in (a, b):
        with tg.scope("encoder"):
            out.append((x * 3.0).tanh())
    scene = scene_of(out[0] + out[1], depth=0)
    assert [len(box.nodes) for box in scene.boxes if box.kind == "group"] == [4]
    assert [box.name for box in scene.boxes if box.kind == "leaf"] == ["a", "b"]


def test_data_lies_outside_of_the_scope_that_uses_it():
    X = np.ones(3)
    W = tg.Tensor(np.ones(3), name="W")
    with tg.scope("layer"):
        out = W * X + np.arange(3.0)
    scopes = {box.name: box.scope for box in scene_of(out).boxes}
    assert scopes["X"] == ()
    assert scopes["W"] == scopes["c₁"] == scopes["out"] == ("layer",)


def test_many_arrays_of_one_op_are_one_box():
    a = tg.Tensor(np.zeros(2), name="a")
    total = tg.stack([a, *np.ones((500, 2))])
    scene = scene_of(total)
    assert [box.title for box in scene.boxes][:2] == ["a  (2,)", "500 constants"]
    assert sorted(edge.count for edge in scene.edges) == [1, 500]


@pytest.mark.parametrize("total", [sum, lambda losses: tg.stack(losses).mean()])
def test_a_loop_whose_losses_are_collected_is_one_step_of_it(total):
    W, h, losses = tg.Tensor(np.eye(3) * 0.5, name="W"), tg.Tensor(np.ones(3), name="h0"), []
    for _ in range(20):
        h = tg.tanh(W @ h)
        losses.append((h**2).sum())
    E = total(losses)
    E.backward()
    scene = scene_of(E, max_nodes=10)
    boxes = {box.name: box for box in scene.boxes if box.kind != "stub"}
    assert set(boxes) == {"W", "h0", "h", "losses[19]", "E"}
    assert boxes["losses[19]"].copies == tuple(losses)
    ids = {box.id: box.name for box in scene.boxes}
    flow = [(ids[e.source], ids[e.target]) for e in scene.edges]
    assert ("h", "losses[19]") in flow
    assert ("losses[19]", "E") in flow
    shown = [
        node for box in scene.boxes if box.kind != "stub" for node in (*box.nodes, *box.copies)
    ]
    assert set(losses) <= set(shown)


def test_a_sum_is_no_loop():
    x = [tg.Value(float(k)) for k in range(40)]
    w = [tg.Value(float(k)) for k in range(40)]
    scene = scene_of(sum(a * b for a, b in zip(w, x, strict=True)).tanh())
    assert {c.times for c in scene.clusters} <= {1}


def test_a_leaf_used_all_over_has_a_stub_at_each_user():
    c, x = tg.Value(2.9, name="c"), tg.Value(0.1, name="x0")
    for k in range(1, 6):
        x = c * x * (1 - x)
        x.name = f"x{k}"
    x.backward()
    scene = scene_of(x, steps=False)
    stubs = [box for box in scene.boxes if box.kind == "stub"]
    assert [box.name for box in stubs] == ["c"] * 5
    ids = {box.id for box in stubs}
    assert {e.source for e in scene.edges if e.source in ids} == ids
    shares = [float(box.panes[0].texts[0].replace("−", "-")) for box in stubs]
    assert sum(shares) == pytest.approx(c.grad, abs=2e-3)
    (leaf,) = (box for box in scene.boxes if box.kind == "leaf" and box.name == "c")
    assert leaf.lines == ("used 5 times, see there",)


def test_a_layer_norm_is_a_line_without_gaps():
    """Read as derive reads it, in rows; what was there a step before is called so."""
    h = tg.Tensor(np.random.default_rng(0).normal(size=(3, 4)), name="h")
    u = (h - h.mean(axis=-1, keepdims=True)) / tg.sqrt(h.var(axis=-1, keepdims=True) + 1e-5)
    (box,) = (box for box in scene_of(u).boxes if box.name == "u")
    assert box.inside == 8
    assert box.rows == [
        "u = Diag(1 / √(10⁻⁵ + (h − (h 𝟏 / 4)",
        "  𝟏ᵀ)² 𝟏 / 4)) (h − (h 𝟏 / 4) 𝟏ᵀ)",
    ]


def test_what_a_loop_had_steps_before_is_called_so():
    a = b = tg.Value(1.0)
    for _ in range(20):
        a, b = b, 0.5 * a + tg.tanh(b)
    scene = scene_of(b, max_nodes=10)
    assert {box.name for box in scene.boxes if box.kind == "stub"} == {"a", "b₋₂"}


def test_the_residual_stream_is_a_rail():
    W, x, b = tg.Tensor(np.eye(3)), tg.Tensor(np.ones(3)), tg.Tensor(np.ones(1))
    f = tg.tanh(W @ x) + b
    r = f + x + b
    E = (r * f).sum()

    def rails(scene):
        name = {box.id: box.name for box in scene.boxes}
        return {(name[e.source], name[e.target]) for e in scene.edges if e.rail}

    assert rails(scene_of(E)) == {("x", "r")}, "f to E multiplies, b is broadcast"
    svg = tg.draw(E).svg
    assert 'class="link rail"' in svg
    assert ">residual stream<" in svg
    assert "residual stream" not in tg.draw((W @ x).sum()).svg
    a = tg.Value(2.0)
    c = a * 3.0
    d = c + a
    assert rails(scene_of(d)) == {("a", "d")}


def test_a_constant_says_how_it_lies_in_an_array_with_a_name():
    A, X = np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(6.0).reshape(3, 2) + np.eye(3, 2)
    w = tg.Tensor([1.0, -1.0], name="w")
    E = (A.T @ w) @ X[2] + X[:, 1].sum() * (A[:1] @ w).sum()
    formulas = {box.formula for box in tg.draw(E).scene.boxes if box.kind == "constant"}
    assert formulas == {"Aᵀ", "X[2]", "A[:1]"}
