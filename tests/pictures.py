"""What pictures and pages are tested with: graphs, how a page is read, the contrast of colours."""

from __future__ import annotations

import random

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
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


def chip(page):
    return page.locator("#panel .chip").inner_text()


def view(page):
    return page.locator(".view").get_attribute("transform")


def settle(page):
    """Until the picture has been painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def values(page, kind):
    """box id -> the number that its box shows."""
    found = page.evaluate(
        """(kind) => [...document.querySelectorAll(".box")].map((g) =>
            [g.dataset.id, g.querySelector(`.value.${kind}`)?.textContent ?? null])""",
        kind,
    )
    return {key: text for key, text in found if text is not None}


def state(page):
    """All that the boxes show: their texts, and whether the numbers are pending or partial."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".box")].map((g) =>
            [...g.classList].sort() + g.textContent).join("|")"""
    )


def press(page, keys):
    for key in keys.split():
        page.keyboard.press(key)


def visible(page):
    return set(
        page.evaluate(
            """() => [...document.querySelectorAll(".box")]
            .filter((g) => g.style.display !== "none").map((g) => g.dataset.id)"""
        )
    )


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
