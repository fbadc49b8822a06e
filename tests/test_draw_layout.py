"""Layout: boxes, labels and clusters stay clear of each other."""

import itertools
import random
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.draw import layout, ordering, routes
from tinygrad_lite.draw.build import build_scene
from tinygrad_lite.draw.layout import label_size
from tinygrad_lite.draw.scene import Asked
from tinygrad_lite.graph.node import topological_order


def laid_out(root, names=None, **options):
    return layout.lay_out(build_scene(root, names or {}, Asked(**options)))


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
    e = ((a * b) / (a + b**2) * a * a).tanh()
    e.backward()
    return e


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
def test_nothing_overlaps(graph):
    make, options = GRAPHS[graph]
    scene = laid_out(make(), **{"direction": "right", **options})
    assert scene.boxes
    assert faults(scene) == []


@pytest.mark.parametrize(
    "name",
    ['"', "\\", "\\N\\G", "<b>", "</TABLE>>", "two\nlines", "a]b", "😀", "\0x", " ", "x" * 300],
)
def test_names_of_any_kind_are_laid_out(name):
    with tg.scope(name):
        a = tg.Value(1.0, name=name).tanh()
        b = a * 2.0
    scene = laid_out(b, {id(a): name, id(b): name})
    assert len(scene.clusters) == 1
    assert faults(scene) == []


def test_the_check_sees_faults():
    scene = laid_out(diamond())
    first, second, *rest = scene.boxes
    moved = replace(scene, boxes=(first, replace(second, x=first.x, y=first.y), *rest))
    assert any("on" in fault for fault in faults(moved))


def test_edges_run_to_the_right_or_down():
    """Every forward edge runs to the right, and down when asked."""
    for direction, axis in (("right", "x"), ("down", "y")):
        scene = laid_out(diamond(), direction=direction)
        at = {box.id: getattr(box, axis) for box in scene.boxes}
        assert all(at[e.source] < at[e.target] for e in scene.edges)


def on_the_way(scene):
    """Edges that pass below a box that is neither of their ends."""
    t = np.linspace(0, 1, 9)
    weights = np.stack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3])
    found = []
    for edge in scene.edges:
        points = np.asarray(edge.points)
        segments = [points[k : k + 4] for k in range(0, len(points) - 1, 3)]
        x, y = np.concatenate([weights.T @ cubic for cubic in segments]).T
        found += [
            (edge.source, edge.target, box.id)
            for box in scene.boxes
            if box.id not in (edge.source, edge.target)
            and np.any(
                (abs(x - box.x - box.width / 2) < box.width / 2 - 1)
                & (abs(y - box.y - box.height / 2) < box.height / 2 - 1)
            )
        ]
    return found


@pytest.mark.parametrize("direction", ["right", "down"])
def test_no_edge_passes_below_a_box(direction):
    assert on_the_way(laid_out(diamond(), direction=direction)) == []
    long, wide = tg.Tensor(np.ones(3), name="a"), tg.Tensor(np.ones((2, 3)), name="a" * 40)
    E = (long * tg.exp(wide) + tg.tanh(long) * wide + long).sum()
    assert on_the_way(laid_out(E, direction=direction)) == []


def test_a_picture_runs_to_the_right_where_it_is_then_larger_in_a_cell():
    wide = tg.stack([tg.Value(float(k)) for k in range(20)])
    right, down = laid_out(wide, direction="right"), laid_out(wide, direction="down")
    assert down.width > 1.3 * layout.CELL > right.width
    assert laid_out(wide).boxes == right.boxes


def test_an_arrow_around_others_keeps_its_label(monkeypatch):
    """At its end, between a parameter's and the next box, there is no room for what it hands on."""
    net = tg.nn.Sequential(tg.nn.Linear(3, 4, rng=0), tg.tanh, tg.nn.Linear(4, 2, rng=1))
    loss = tg.cross_entropy(net(np.ones((6, 3))), np.array([0, 1] * 3))
    loss.backward()
    names = {id(net.layers[2].W): "the_weights_of_2"}

    def lost():
        scene = laid_out(loss, names, direction="down")
        assert faults(scene) == []
        return [e.rule for e in scene.edges if e.text and e.label_at is None]

    assert lost() == []
    monkeypatch.setattr(layout, "_PARTS", ())
    assert lost() == ["δ the_weights_of_2"]


def test_most_labels_are_kept():
    scene = laid_out(diamond())
    labels = [e for e in scene.edges if e.slope is not None]
    assert sum(e.label_at is not None for e in labels) >= 0.8 * len(labels)


def test_a_deep_chain_is_laid_out_without_recursion():
    x = tg.Value(1.0)
    for _ in range(1100):
        x = x.tanh()
    scene = laid_out(x, max_nodes=1200)
    assert len(scene.boxes) == 1101
    assert all(a.y + a.height < b.y for a, b in itertools.pairwise(scene.boxes))


def test_rising_is_the_least_squares_fit():
    assert routes.rising([1.0, 3.0, 2.0, 5.0]) == [1.0, 2.5, 2.5, 5.0]
    assert routes.rising([3.0, 2.0, 1.0]) == [2.0, 2.0, 2.0]


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


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_in_random_scopes(seed):
    root = tangle(seed)
    order = topological_order(root)
    for options in ({}, {"depth": 1}, {"max_nodes": 100}):
        direction = ("right", "down")[seed % 2]
        scene = laid_out(root, direction=direction, **options)
        assert faults(scene) == []
        shown = [id(node) for box in scene.boxes if box.kind != "stub" for node in box.nodes]
        assert sorted(shown) == sorted(map(id, order))
        if "depth" not in options:
            drawn = sum(box.kind not in ("constant", "stub") for box in scene.boxes)
            assert drawn <= options.get("max_nodes", 30)
        used = {id(e) for e in scene.edges if e.source == e.target}
        assert not used


@pytest.mark.parametrize("words", ["cab", "bca", "012"])
def test_what_is_alike_stands_in_the_order_of_the_formula_whatever_it_is_called(words):
    draws = random.Random(2)
    x = [tg.Value(draws.random(), name=f"x{k}") for k in range(2)]
    for layer in range(3):
        out = []
        for word in words:
            with tg.scope(f"layer {layer}"), tg.scope(word):
                out.append(sum((v * tg.Value(draws.random()) for v in x), tg.Value(0.1)).tanh())
        x = out
    for options in ({"depth": 1}, {"max_nodes": 100, "steps": False}):
        scene = laid_out(sum(x), direction="down", **options)
        at = {(c.scope[0], c.scope[1]): c.x for c in scene.clusters if len(c.scope) > 1}
        at |= {(b.scope[0], b.name): b.x for b in scene.boxes if b.kind == "group"}
        for layer in range(3):
            drawn = {word: at[f"layer {layer}", word] for word in words}
            assert sorted(drawn, key=drawn.get) == list(words)


def planar(draws, widths):
    """Ranks of a graph that can be drawn without crossings, shuffled, and its edges."""
    ranks = [[f"{r}.{k}" for k in range(n)] for r, n in enumerate(widths)]
    near = defaultdict(list)
    for upper, lower in itertools.pairwise(ranks):
        i = j = 0
        while i < len(upper) and j < len(lower):
            near[upper[i]].append((lower[j], 0.0, 0.0))
            near[lower[j]].append((upper[i], 0.0, 0.0))
            i, j = (i + 1, j) if draws.random() < 0.5 else (i, j + 1)
    return [draws.sample(rank, len(rank)) for rank in ranks], near


def test_of_graphs_that_can_be_drawn_without_crossings_most_are():
    crossed = 0
    for seed in range(40):
        columns, near = planar(random.Random(seed), (5, 6, 6, 6, 5))
        before = [sorted(column) for column in columns]
        rank = {name: r for r, column in enumerate(columns) for name in column}
        ordering.order(columns, near)
        crossed += ordering._crossings(columns, near, rank) > 0
        assert [sorted(column) for column in columns] == before
    assert crossed <= 3


def test_neurons_keep_their_order():
    random.seed(1)
    out = tg.nn.MLP(2, [3, 2, 1])([1.0, -2.0])
    scene = laid_out(out, direction="down")
    for layer, n in ((0, 3), (1, 2)):
        xs = {
            c.scope[1]: c.x
            for c in scene.clusters
            if c.scope[:1] == (f"layers.{layer}",) != c.scope
        }
        assert sorted(xs, key=xs.get) == [f"neurons.{k}" for k in range(n)]
