"""The scene: which boxes there are, what they say, and what is folded."""

import sys

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.draw.build import build_scene
from tinygrad_lite.graph.names import name_all
from tinygrad_lite.graph.node import topological_order


def scene_of(root, **options):
    nodes = topological_order(root)
    values = [*nodes, *(x for n in nodes for x in n.inputs)]
    return build_scene(root, name_all(values, sys._getframe(1)), **options)


def rows(box):
    return {row.label: row.text for row in box.rows}


def test_a_box_per_node_and_raw_constant():
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
        "2": "constant",
        "t₁": "op",
        "E": "output",
    }
    by_name = {box.name: box for box in scene.boxes}
    assert by_name["v"].title == "v = W x  (2,)"
    assert rows(by_name["v"]) == {"data": "[3, 12]", "grad": "—"}
    assert "grad" not in rows(by_name["x"])
    E.backward()
    assert rows(next(b for b in scene_of(E).boxes if b.name == "v"))["grad"] == "[6, 24]"


def test_scalar_edges_carry_local_derivatives():
    a, b = tg.Value(2.0), tg.Value(-3.0)
    c = a * b
    scene = scene_of(c)
    assert [(e.local, e.rule) for e in scene.edges] == [("−3", "∂c/∂a = b"), ("2", "∂c/∂b = a")]


def test_an_input_used_twice_has_two_edges():
    a = tg.Value(3.0)
    b = a * a
    assert [e.index for e in scene_of(b).edges] == [0, 1]


def test_scopes_fold_and_open():
    x = tg.Value(1.0)
    with tg.scope("outer"):
        for name in ("one", "two"):
            with tg.scope(name):
                for _ in range(20):
                    x = x * 2.0 + 1.0
    folded = scene_of(x, max_nodes=30)
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


def test_layers_end_at_functions_that_are_not_linear():
    def titles(f):
        x = [tg.Value(float(i)) for i in range(12)]
        for _ in range(2):
            x = [f(a * 0.5 + b) for a, b in zip(x, x[1:] + x[:1], strict=True)]
        return [box.title for box in scene_of(sum(x)).boxes if box.kind == "group"]

    assert [title for title in titles(tg.tanh) if "multiply" in title] == 2 * ["12 × multiply"]
    assert all(title.startswith("part ") for title in titles(tg.negative))  # a single layer


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
        ("cell (1)", "t₃"),
        ("t₃", "cell (2)"),
        ("cell (2)", "t₆"),
        ("t₆", "cell (3)"),
        ("cell (3)", "x"),
    ]
    assert {box.path for box in scene.boxes if box.kind == "group"} == {("cell",)}


def test_a_scope_used_twice_side_by_side_is_one_group():
    a, b = tg.Value(1.0), tg.Value(2.0)
    out = []
    for x in (a, b):
        with tg.scope("encoder"):
            out.append((x * 3.0).tanh())
    scene = scene_of(out[0] + out[1], depth=0)
    assert [len(box.nodes) for box in scene.boxes if box.kind == "group"] == [6]


def test_data_lies_outside_of_the_scope_that_uses_it():
    X = np.ones(3)
    W = tg.Tensor(np.ones(3), name="W")
    with tg.scope("layer"):
        out = W * X + np.arange(3.0)
    scopes = {box.name: box.scope for box in scene_of(out).boxes}
    assert scopes["X"] == ()
    assert scopes["W"] == scopes["c₁"] == scopes["out"] == ("layer",)


def test_many_constants_of_one_op_are_one_box():
    a = tg.Value(1.0, name="a")
    total = tg.stack([a, *np.arange(5000.0)])
    scene = scene_of(total)
    assert [box.title for box in scene.boxes][:2] == ["a", "5,000 constants"]
    assert sorted(edge.count for edge in scene.edges) == [1, 5000]
