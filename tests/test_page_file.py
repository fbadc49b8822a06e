"""The page as Python hands it over, without a browser."""

from __future__ import annotations

import base64
import json
import re
import zlib

import numpy as np
import pytest
from pictures import chain, contrast, demo, mlp, question

import tinygrad_lite as tg
from benchmarks.gallery import GALLERY
from tinygrad_lite.draw import Drawing, play
from tinygrad_lite.draw.colours import DARK, LIGHT
from tinygrad_lite.draw.page import _variables
from tinygrad_lite.graph.node import topological_order


def told(html):
    """What the script is told."""
    packed = re.search(r'id="model">(.*?)</script>', html)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def boxes(html, view=0):
    """The boxes of a view."""
    return told(html)["views"][view]["boxes"]


def names(html, view):
    return [box["name"] for box in boxes(html, view)]


@pytest.mark.parametrize("make", [demo, question], ids=lambda f: f.__name__)
def test_a_small_graph_is_a_small_file(tmp_path, make):
    path = play(make()).save(tmp_path / "e.html")
    assert path.stat().st_size < 150_000
    assert not re.search(
        r"(src|href)=|url\(|@import|fetch\(|XMLHttpRequest", path.read_text("utf-8")
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("question 1, checked", 150_000),
        ("question 2", 120_000),
        ("4 transformer blocks", 600_000),
        ("MLP of 341 Values", 600_000),
    ],
)
def test_several_pictures_are_no_large_file(name, limit):
    html = GALLERY[name]()().html
    assert len(html.encode()) < limit
    assert len(told(html)["views"]) > 2


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_every_background(theme):
    """WCAG's enhanced contrast is 7:1 for text; what only marks (focus, step) needs 3:1."""
    colours = dict(re.findall(r"--(\w+):(#\w+)", _variables(theme, ":root", "light")))
    for background in (colours["page"], colours["raised"]):
        for text in ("text", "muted", "gradient"):
            assert contrast(colours[text], background) >= 7
        for mark in ("accent", "control", "right", "wrong"):
            assert contrast(colours[mark], background) >= 3
    for cell in ("n12", "p0", "p12"):
        assert contrast(colours["text"], colours[cell]) >= 7


def test_draw_saves_the_same_page(tmp_path):
    root = demo()
    path = tg.draw(root).save(tmp_path / "e.html")
    assert path.read_text("utf-8") == play(root).html


def test_the_page_runs_where_the_picture_does():
    root = demo()
    right = tg.draw(root, direction="right")
    assert right.html == play(root, direction="right").html
    wide, high = told(right.html)["views"][0]["size"]
    assert wide > 2 * high
    assert right.html != tg.draw(root, direction="down").html


def test_the_page_opens_as_the_picture_is_and_goes_down_to_ops():
    root = mlp()
    html = play(root).html
    wholes = [k for k, view in enumerate(told(html)["views"]) if "of" not in view]
    views = [names(html, k) for k in wholes]
    assert views[0] == [box.name for box in tg.draw(root).scene.boxes]
    assert len(views[-1]) >= 53
    folded = boxes(tg.draw(root, depth=0).html)
    assert [box["name"] for box in folded if box["kind"] == "group"] == [
        box.name for box in tg.draw(root, depth=0).scene.boxes if box.kind == "group"
    ]


def test_what_check_says_comes_along():
    E = question()
    order = {n.name: n for n in topological_order(E) if n.name}
    E.backward()
    report = tg.check(E, {order["s"]: -order["s"].grad, order["v"]: order["v"].grad})
    marks = {box["name"]: box.get("mark") for box in boxes(tg.draw(E, check=report).html)}
    assert marks["s"] == "first"


def test_grad_is_left_alone():
    root = demo()
    play(root)
    assert all(node.grad is None for node in topological_order(root))


def test_derivations_of_long_graphs_are_not_told():
    assert told(play(question()).html)["derivation"]
    assert told(play(chain(200)).html)["derivation"] == []
    x = tg.Tensor(np.ones(2), name="x")
    assert told(play(tg.exp(x)).html)["derivation"] == []


def test_play_refuses_what_it_cannot_show(tmp_path):
    with pytest.raises(TypeError, match="expected a Value or Tensor, got float"):
        play(2.0)
    with pytest.raises(ValueError, match="graph has 2,501 nodes; the page follows up to 2,000"):
        play(chain(2500))
    with pytest.raises(ValueError, match="play: theme='pink'; it can be 'auto' or 'light' or"):
        play(demo(), theme="pink")
    with pytest.raises(ValueError, match="play: direction='up'; it can be 'right' or 'down'"):
        play(demo(), direction="up")
    with pytest.raises(ValueError, match="play: height='tall'; it must be a whole number"):
        play(demo(), height="tall")
    player = play(demo())
    assert isinstance(player, Drawing)
    assert player._repr_svg_() is None, "else a notebook shows the picture"
    with pytest.raises(ValueError, match=r"save: 'e.txt' should end in .svg, .html, "):
        player.save(tmp_path / "e.txt")
    with pytest.raises(FileNotFoundError, match=r"the folder '.*missing' does not exist"):
        player.save(tmp_path / "missing" / "e.html")
