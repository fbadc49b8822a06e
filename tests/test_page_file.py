"""The stepper's page as Python hands it over, without a browser."""

from __future__ import annotations

import json
import re

import pytest
from pictures import chain, contrast, demo, mlp

import tinygrad_lite as tg
from tinygrad_lite.draw.colours import DARK, LIGHT
from tinygrad_lite.draw.page import Player, _variables, play
from tinygrad_lite.graph.node import topological_order


def test_a_small_graph_is_a_small_file(tmp_path):
    path = play(demo()).save(tmp_path / "e.html")
    assert path.stat().st_size < 200_000
    assert not re.search(
        r"(src|href)=|url\(|@import|fetch\(|XMLHttpRequest", path.read_text("utf-8")
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_text_stands_out_from_every_background(theme):
    """WCAG's enhanced contrast is 7:1 for text; what only marks (focus, step) needs 3:1."""
    colours = dict(re.findall(r"--(\w+):(#\w+)", _variables(theme, ":root")))
    for background in (colours["page"], colours["raised"]):
        for text in ("text", "muted"):
            assert contrast(colours[text], background) >= 7
        for mark in ("accent", "warm", "control"):
            assert contrast(colours[mark], background) >= 3


def test_draw_saves_the_same_page(tmp_path):
    root = demo()
    path = tg.draw(root).save(tmp_path / "e.html")
    assert path.read_text("utf-8") == play(root).html


def folded(html):
    """The titles of the scopes that are folded at first."""
    model = json.loads(re.search(r'id="model">(.*?)</script>', html)[1])
    return sorted(g["title"] for g in model["groups"] if g["id"] in model["folded"])


def test_the_page_opens_folded_as_the_picture_is():
    root = mlp()
    neurons = ["neurons.0"] * 3 + ["neurons.1"] * 2 + ["neurons.2"]
    assert folded(play(root).html) == neurons
    assert folded(tg.draw(root, depth=5).html) == []
    assert folded(tg.draw(root, depth=0).html) == sorted(
        [f"layers.{i}" for i in range(3)] + neurons
    )
    assert folded(tg.draw(root, around=root).html) == neurons


def test_grad_is_left_alone():
    root = demo()
    play(root)
    assert all(node.grad is None for node in topological_order(root))


def test_play_refuses_what_it_cannot_show(tmp_path):
    with pytest.raises(TypeError, match="expected a Value or Tensor, got float"):
        play(2.0)
    with pytest.raises(ValueError, match="graph has 2,501 nodes; the stepper follows up to 2,000"):
        play(chain(2500))
    with pytest.raises(ValueError, match="play: theme='pink'; it can be 'auto' or 'light' or"):
        play(demo(), theme="pink")
    with pytest.raises(ValueError, match="play: direction='up'; it can be 'right' or 'down'"):
        play(demo(), direction="up")
    with pytest.raises(ValueError, match="play: height='tall'; it must be a whole number"):
        play(demo(), height="tall")
    player = play(demo())
    assert isinstance(player, Player)
    with pytest.raises(ValueError, match=r"save: 'e.svg' should end in .html or .htm"):
        player.save(tmp_path / "e.svg")
    with pytest.raises(FileNotFoundError, match=r"the folder '.*missing' does not exist"):
        player.save(tmp_path / "missing" / "e.html")
