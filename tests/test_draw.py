"""`tg.draw`: its options and its errors."""

import base64
import subprocess
import sys
import time
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lite as tg


def w_x():
    W = tg.Tensor(np.arange(20.0).reshape(5, 4) / 20)
    x = tg.Tensor(np.ones(4))
    y = np.arange(5.0)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    return E, {"W": W, "x": x, "y": y, "v": v, "s": s, "E": E}


def scalars():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    e = (a * b + a**2).tanh()
    e.name = "e"
    e.backward()
    return e


def test_names_come_from_the_callers_variables():
    W = tg.Tensor(np.ones((2, 3)))
    data = np.ones(3)
    out = W @ data
    boxes = {box.name: box.title for box in tg.draw(out).scene.boxes}
    assert boxes == {
        "W": "W  (2, 3)",
        "data": "data  (3,)",
        "out": "out = W data  (2,)",
    }


def test_names_can_be_given():
    E, names = w_x()
    titles = [box.title for box in tg.draw(E, names=names).scene.boxes]
    assert titles[:4] == ["W  (5, 4)", "x  (4,)", "v = W x  (5,)", "s = σ(v)  (5,)"]
    assert titles[4:] == ["y  (5,)", "E = 1/2 ‖s − y‖²"]
    steps = [box.title for box in tg.draw(E, names=names, steps=True).scene.boxes]
    assert steps[5:7] == ["t₁ = s − y  (5,)", "t₂ = t₁²  (5,)"]


def test_notebooks_show_it_with_alt_text():
    E, names = w_x()
    drawing = tg.draw(E, names=names)
    assert drawing._repr_svg_() == drawing.svg
    image = ElementTree.fromstring(drawing._repr_html_().replace("></div>", "/></div>"))[0]
    assert base64.b64decode(image.get("src").partition(",")[2]).decode() == drawing.svg
    assert image.get("alt") == drawing.alt
    assert image.get("style") == "max-width:none"
    assert repr(drawing) == f"<{drawing.alt}>"
    tree = ElementTree.fromstring(drawing.svg)
    assert tree.get("aria-label") == drawing.alt
    assert drawing.alt == "Computation graph of E: 2 leaf nodes, 1 constant, 3 lines."
    labels = [g.get("aria-label") for g in tree.iter() if g.get("role") == "graphics-symbol"]
    assert len(labels) == len(drawing.scene.boxes)
    assert all(labels)


def test_a_picture_keeps_what_it_showed():
    e = scalars()
    drawing = tg.draw(e)
    e.zero_grad()
    assert next(b for b in drawing.scene.boxes if b.name == "e").panes[-1].texts == ("1",)


def test_show_selects():
    e = scalars()
    for show, labels in ((("data",), {"value"}), ("grad", {"gradient"}), ((), set())):
        scene = tg.draw(e, show=show).scene
        assert {pane.role for box in scene.boxes for pane in box.panes} == labels
        assert all(edge.slope is None for edge in scene.edges)
    assert any(edge.slope for edge in tg.draw(e, show="local").scene.edges)
    E, _ = w_x()
    assert "(5, 4)" not in " ".join(b.title for b in tg.draw(E, show=("data",)).scene.boxes)


def test_pictures_write_maths_as_on_paper():
    X, W = tg.Tensor(np.ones((5, 4)), name="X"), tg.Tensor(np.ones((4, 3)), name="W")
    L = (X @ W).T.mean()
    L.backward()
    scene = tg.draw(L, steps=True).scene
    titles = {box.id: box.title for box in scene.boxes}
    assert list(titles.values())[2:] == ["t₁ = X W  (5, 3)", "t₂ = t₁ᵀ  (3, 5)", "L = mean(t₂)"]
    back = {(titles[e.source][:2].strip(), titles[e.target][:2]): e.rule for e in scene.edges}
    assert back == {
        ("X", "t₁"): "δ Wᵀ", ("W", "t₁"): "Xᵀ δ", ("t₁", "t₂"): "δᵀ", ("t₂", "L "): "1/15 δ 𝟏 𝟏ᵀ",
    }  # fmt: skip
    assert [box.title for box in tg.draw(L).scene.boxes][2:] == ["L = 𝟏ᵀ X W 𝟏 / (3 · 5)"]


def test_what_a_line_of_several_ops_hands_back_is_one_formula():
    E, names = w_x()
    E.backward()
    scene = tg.draw(E, names=names).scene
    boxes = {box.id: box.name for box in scene.boxes}
    rules = {(boxes[e.source], boxes[e.target]): e.rule for e in scene.edges if e.gradient}
    assert rules == {
        ("W", "v"): "δ xᵀ", ("x", "v"): "Wᵀ δ", ("v", "s"): "δ ⊙ s ⊙ (1 − s)", ("s", "E"): "s − y",
    }  # fmt: skip
    assert all(bool(edge.back) == edge.gradient for edge in scene.edges)


def test_several_roots():
    a = tg.Value(1.0, name="a")
    b, c = a * 2.0, a + 1.0
    scene = tg.draw([b, c]).scene
    assert [box.kind for box in scene.boxes].count("output") == 2
    assert "of b, c:" in scene.alt


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones(3), {}), TypeError, "expected a Value or Tensor, got ndarray"),
        ((2.0, {}), TypeError, "got float; plain numbers and arrays record no graph"),
        (([], {}), TypeError, "got an empty list"),
        ((None, {"direction": "up"}), ValueError, "direction='up'; it can be 'right' or 'down'"),
        ((None, {"theme": "blue"}), ValueError, "theme='blue'"),
        ((None, {"max_nodes": 0}), ValueError, "max_nodes=0; it must be a whole number from 1"),
        ((None, {"max_nodes": 2.5}), ValueError, "max_nodes=2.5"),
        ((None, {"depth": -1}), ValueError, "depth=-1; it must be a whole number from 0"),
        ((None, {"show": "datta"}), ValueError, "show has 'datta'; it selects from data, grad"),
        ((None, {"names": 3}), TypeError, "names= maps names to nodes, .*got 3"),
        ((None, {"show": 3}), ValueError, "show has 3; it selects from data, grad"),
    ],
)
def test_bad_input_is_explained(arguments, error, message):
    subject, options = arguments
    with pytest.raises(error, match=message):
        tg.draw(scalars() if subject is None else subject, **options)


def test_a_constant_and_a_leaf_are_drawn():
    leaf = tg.Value(2.0, name="a")
    assert [b.kind for b in tg.draw(leaf).scene.boxes] == ["leaf"]
    assert [b.kind for b in tg.draw(leaf.detach()).scene.boxes] == ["constant"]


def test_too_large_to_show_is_folded_with_a_note():
    x = tg.Value(0.5)
    for _ in range(50_000):
        x = x * 0.5 + 0.1
    start = time.perf_counter()
    drawing = tg.draw(x, max_nodes=90_000)
    assert time.perf_counter() - start < 20
    assert drawing.scene.note == (
        "graph has 100,001 nodes; showing 2 lines, one of 50,000 equal steps; "
        "use depth= or max_nodes="
    )
    assert drawing.scene.note in drawing.svg
    assert len(drawing.svg) < 40_000


def test_depth_over_the_limit_is_folded_too():
    x = tg.Value(0.5)
    for k in range(60):
        with tg.scope(f"s{k}"):
            for _ in range(40):
                x = x.tanh()
    scene = tg.draw(x, depth=3).scene
    assert len(scene.boxes) <= 61
    assert "2,401 nodes" in scene.note


def test_drawing_leaves_gradients_and_data_alone():
    e = scalars()
    before = [(n.data, n.grad) for n in (e, *e.parents())]
    tg.draw(e)
    assert [(n.data, n.grad) for n in (e, *e.parents())] == before


def test_an_op_of_the_users_with_a_rule_for_numbers_only():
    @tg.elementwise("half({0})")
    def half(xp, x):
        return x / 2

    half.local(lambda xp, y, x: float(x) * 0 + 0.5)
    a = tg.Value(3.0)
    b = half(a)
    assert [edge.rule for edge in tg.draw(b).scene.edges] == ["×0.5"]


def test_an_op_of_the_users_without_rules():
    @tg.elementwise("half({0})")
    def half(xp, x):
        return x / 2

    a = tg.Value(3.0)
    b = half(a)
    assert [edge.rule for edge in tg.draw(b).scene.edges] == [""]


def test_the_command_line_draws(tmp_path):
    file = tmp_path / "loss.py"
    file.write_text(
        "import numpy as np\nimport tinygrad_lite as tg\n"
        "W = tg.Tensor(np.ones((2, 3)))\ny = np.ones(2)\n"
        "out = ((W @ np.ones(3) - y) ** 2).sum()\nout.backward()\n"
    )
    picture = tmp_path / "g.svg"
    command = [sys.executable, "-m", "tinygrad_lite", "draw", str(file), "-o", str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Computation graph of out" in done.stdout
    assert ">y<" in picture.read_text(encoding="utf-8")
    done = subprocess.run([*command, "--depth", "-1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("tinygrad-lite: draw: depth=-1")
    assert len(done.stderr.splitlines()) == 1


def test_a_report_of_check_is_shown_on_the_graph():
    x = tg.Tensor([0.3, -0.4], name="x")
    v = x * 2
    s = tg.tanh(v)
    v.name, s.name = "v", "s"
    E = (s * s).sum()
    dv = -2 * s.data
    report = tg.check(E, {s: 2 * s.data, v: dv, x: 2 * dv})
    drawing = tg.draw(E, check=report)
    marks = {box.name: box.mark for box in drawing.scene.boxes if box.mark}
    assert marks == {"s": "right", "v": "first", "x": "follows"}
    for sign in ("✓ right", "✗ first wrong", "↳ follows"):
        assert drawing.svg.count(sign) == drawing.source.count(sign) == 1
    assert 'class="box op first"' in drawing.svg
    assert "its own step is right" in drawing.svg  # on the tooltip
    folded = tg.draw(E, check=report, max_nodes=1).svg
    assert "✗ 1 first wrong, 1 follows, 1 right" in folded
    with pytest.raises(ValueError, match="a report on another graph"):
        tg.draw(tg.Tensor([1.0]) * 2, check=report)
    with pytest.raises(TypeError, match="check= takes a report"):
        tg.draw(E, check=True)


def test_what_check_says_of_a_step_that_is_folded_is_shown():
    W, h, hs = tg.Tensor(np.eye(3) * 0.5, name="W"), tg.Tensor(np.ones(3), name="h0"), []
    for _ in range(25):
        h = tg.tanh(W @ h)
        hs.append(h)
    L = (h**2).sum()
    L.backward()
    drawing = tg.draw(L, check=tg.check(L, {hs[3]: hs[3].grad, hs[10]: -hs[10].grad}))
    (box,) = (box for box in drawing.scene.boxes if box.copies)
    assert box.mark == "first"
    assert box.lines[1] == "✗ 1 first wrong, 1 right"
    assert "sign" in " ".join(box.lines[2:])
