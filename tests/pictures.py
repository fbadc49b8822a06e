"""What pictures and pages are tested with: graphs, how a page is read, the contrast of colours."""

from __future__ import annotations

import random

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.draw.panes import aligned
from tinygrad_lite.graph.node import topological_order


def demo():
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    n = a * b + b**3
    n.name = "n"
    e = n.tanh() + a * n / (2 * b)
    e.name = "e"
    return e


def mlp():
    """micrograd's network in 53 nodes, in scopes."""
    random.seed(1)
    out = nn.MLP(2, [3, 2, 1])([1.0, -2.0])
    out.name = "out"
    assert len(topological_order(out)) == 53
    return out


def layer():
    rng = np.random.default_rng(0)
    W, x = tg.Tensor(rng.normal(size=(5, 4)), name="W"), tg.Tensor(rng.normal(size=4), name="x")
    y = rng.normal(size=5)
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    v.name, s.name, E.name = "v", "s", "E"
    return E


def chain(n):
    y = tg.Value(1.0, name="x")
    for _ in range(n):
        y = y * 1.5
    return y


def square():
    x = tg.Value(3.0, name="x")
    return x * x


GRAPHS = {"square": square, "demo": demo, "mlp": mlp, "layer": layer}


def question():
    """Question 2 with numbers that are easily read."""
    W = tg.Tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], name="W")
    x = tg.Tensor([2.0, -1.0, 0.5], name="x")
    return squared(W, x)


def squared(W, x):
    y = tg.Tensor([1.0, 0.0], name="y").detach()
    v = W @ x
    s = tg.sigmoid(v)
    E = 0.5 * ((s - y) ** 2).sum()
    y.name, v.name, s.name, E.name = "y", "v", "s", "E"
    return E


def by_name(root):
    return {node.name: node for node in topological_order(root) if node.name}


def chip(page):
    return page.locator("#panel .chip").inner_text()


def settle(page):
    """Until the picture has been painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


SHOWN = "#picture svg:not([hidden]) .box"


def values(page, role):
    """name of a box -> the numbers that it shows; None where nothing is shown yet."""
    found = page.evaluate(
        """([boxes, role]) => [...document.querySelectorAll(boxes)].map((g) => {
            const pane = g.querySelector(`.pane.${role}`);
            return [g.querySelector(".name").textContent, !pane || pane.classList.contains("off")
                ? null : [...pane.querySelectorAll(".entry")].map((t) => t.textContent)]; })""",
        [SHOWN, role],
    )
    return dict(found)


def state(page):
    """All that the boxes and arrows show."""
    return page.evaluate(
        """() => [...document.querySelectorAll("#picture svg:not([hidden]) g")].map((g) =>
            [...g.classList].sort() + (g.closest(".off") || g.querySelector(".off")
                ? "" : g.textContent)).join("|")"""
    )


def printed_numbers(root, grad):
    """What Python's pictures print, by the names of nodes."""
    order = [n for n in topological_order(root) if n.name]
    found = {n.name: n.grad if grad else n.data for n in order if not (grad and n.constant)}
    return {name: list(aligned(np.ravel(a))) for name, a in found.items()}


def press(page, keys):
    for key in keys.split():
        page.keyboard.press(key)


def titles(page):
    """The titles of the boxes that are shown."""
    return page.locator(f"{SHOWN} .title").all_text_contents()


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
