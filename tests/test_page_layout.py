"""The stepper's page: folding, what is measured on the screen, odd input, and from Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pictures import GRAPHS, chip, demo, mlp, press, settle, values, visible

import tinygrad_lite as tg
from tinygrad_lite.draw.page import play

pytestmark = pytest.mark.browser

# --- folding


def test_a_large_graph_starts_folded_and_unfolds_by_click_and_enter(visit):
    page = visit(mlp())
    start = visible(page)
    assert all(key[0] == "g" for key in start)
    assert len(start) == 6
    page.locator(".box.group:visible").first.click()
    opened = visible(page)
    assert len(opened) > len(start)
    press(page, "0")
    settle(page)
    page.locator(".scope:visible", has_text="neurons.0").last.locator(".label").click()
    assert visible(page) == start
    page.locator(".box.group:visible").nth(1).focus()
    press(page, "Enter")
    assert len(visible(page)) > len(start)
    assert page.evaluate("() => document.activeElement.matches('.scope')")
    press(page, "Enter")
    assert visible(page) == start
    page.click("#fold")
    assert len(visible(page)) == 53 + 6
    press(page, "f")
    assert len(visible(page)) == 3
    assert page.locator(".box.group:visible .title").all_text_contents() == [
        f"layers.{i}" for i in range(3)
    ]


def centres(page, pattern):
    """title -> the middle of each visible box whose title matches."""
    found = page.evaluate(
        """() => [...document.querySelectorAll(".box")].filter((g) => g.style.display !== "none")
            .map((g) => { const r = g.querySelector(".frame").getBoundingClientRect();
                return [g.dataset.id, g.querySelector(".title").textContent,
                    r.x + r.width / 2, r.y + r.height / 2]; })"""
    )
    return {key: (x, y) for key, title, x, y in found if re.search(pattern, title)}


def test_unfolding_keeps_the_order_of_the_neurons(visit):
    page = visit(mlp())
    before = centres(page, "neurons")
    first_layer = sorted(before, key=lambda key: before[key][0])[:3]
    order = sorted(first_layer, key=lambda key: before[key][1])
    page.locator(f'[data-id="{order[1]}"]').click()
    after = centres(page, "neurons")
    assert after[order[0]][1] < after[order[2]][1]
    frame = page.locator(".scope:visible", has_text="neurons.").last.bounding_box()
    assert after[order[0]][1] < frame["y"] + frame["height"] / 2 < after[order[2]][1]
    press(page, "f 0")
    settle(page)
    frames = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("[data-group]")].map((g) =>
            [g.dataset.group, g.getBoundingClientRect().y]))"""
    )
    assert sorted(order, key=lambda key: frames[key]) == order


@pytest.mark.parametrize("direction", ["right", "down"])
def test_a_picture_too_large_opens_at_its_beginning(visit, direction):
    x = tg.Value(1.0, name="first")
    for _ in range(25):
        x = x * 3.0
    page = visit(x, html=play(x, direction=direction).html)
    picture = page.locator("#picture").bounding_box()
    leaf = page.locator(".box.leaf").bounding_box()
    axis = "x" if direction == "right" else "y"
    assert 0 <= leaf[axis] - picture[axis] < 100


def test_a_step_inside_a_folded_scope_says_where_it_is(visit):
    page = visit(mlp())
    press(page, "ArrowRight")
    assert "in layers.0 / neurons." in page.locator("#panel").inner_text()
    assert page.locator(".active").get_attribute("class").startswith("box group")
    page.locator("#panel button.link").click()
    assert page.locator(".active").get_attribute("class").startswith("box op")
    assert "t₁ = w.0 · 1" in page.locator("#panel h1").inner_text()


# --- what is measured on the screen

GEOMETRY = """() => {
  const wrong = [];
  const inside = (a, b, slack) => a.left >= b.left - slack && a.right <= b.right + slack
    && a.top >= b.top - slack && a.bottom <= b.bottom + slack;
  const apart = (a, b) => a.right <= b.left + 0.5 || b.right <= a.left + 0.5
    || a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;
  const boxes = [...document.querySelectorAll(".box")].filter((g) => g.style.display !== "none")
    .map((g) => ({ g, id: g.dataset.id,
      frame: [...g.querySelectorAll("rect.frame")].at(-1).getBoundingClientRect() }));
  for (const { g, id, frame } of boxes) {
    for (const text of g.querySelectorAll("text")) {
      const area = text.getBoundingClientRect();
      if (!inside(area, frame, 1)) wrong.push(`${id}: "${text.textContent}" out`);
    }
    const title = g.querySelector(".title").getBoundingClientRect();
    const middle = [title.x + title.width / 2, title.y + title.height / 2];
    const top = document.elementFromPoint(...middle);
    if (top && top.closest("#picture") && top.closest(".box") !== g) wrong.push(`${id} is covered`);
  }
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    if (!apart(boxes[i].frame, boxes[j].frame)) wrong.push(`${boxes[i].id} on ${boxes[j].id}`);
  }
  const scopes = [...document.querySelectorAll(".scope")].filter((g) => g.style.display !== "none")
    .map((g) => ({ name: g.dataset.scope, area: g.querySelector("rect").getBoundingClientRect(),
      label: g.querySelector("text").getBoundingClientRect() }));
  for (const { name, area, label } of scopes) {
    if (!inside(label, area, 1)) wrong.push(`label of ${name} out`);
    for (const { id, frame } of boxes) {
      if (!apart(label, frame)) wrong.push(`${id} on the label of ${name}`);
      if (!apart(area, frame) && !inside(frame, area, 1)) wrong.push(`${id} across ${name}`);
    }
    for (const other of scopes) {
      const nested = inside(area, other.area, 1) || inside(other.area, area, 1);
      if (!nested && !apart(area, other.area)) wrong.push(`${name} across ${other.name}`);
    }
  }
  return [boxes.length, wrong];
}"""


BEHIND = """() => {
  const boxes = [...document.querySelectorAll(".box")].filter((g) => g.style.display !== "none")
    .map((g) => [g.dataset.id,
      [...g.querySelectorAll("rect.frame")].at(-1).getBoundingClientRect()]);
  const links = [...document.querySelectorAll(".link")].filter((g) => g.style.display !== "none");
  const wrong = new Set();
  for (const link of links) {
    const path = link.querySelector(".edge"), onScreen = path.getScreenCTM();
    for (let k = 1; k < 60; k++) {
      const at = path.getPointAtLength(path.getTotalLength() * k / 60).matrixTransform(onScreen);
      for (const [id, r] of boxes) {
        if (at.x > r.left + 3 && at.x < r.right - 3 && at.y > r.top + 3 && at.y < r.bottom - 3) {
          wrong.add(`${link.dataset.from}-${link.dataset.to} behind ${id}`);
        }
      }
    }
  }
  return [links.length, [...wrong]];
}"""


@pytest.mark.parametrize("name", GRAPHS)
def test_no_arrow_passes_behind_a_box(visit, name):
    page = visit(GRAPHS[name](), size=(1900, 1000))
    for keys in ("0", "f 0", "f 0"):
        press(page, keys)
        settle(page)
        arrows, wrong = page.evaluate(BEHIND)
        assert arrows >= 2
        assert wrong == []


@pytest.mark.parametrize("name", GRAPHS)
def test_no_label_leaves_its_box_and_nothing_overlaps(visit, name):
    page = visit(GRAPHS[name](), size=(1900, 1000))
    states = ["0", "ArrowRight", "End", "Home"]
    if name == "mlp":
        states += ["f 0", "End", "f 0"]
    for keys in states:
        press(page, keys)
        settle(page)
        boxes, wrong = page.evaluate(GEOMETRY)
        assert boxes >= 2
        assert wrong == [], keys
    last = int(page.locator("#scrub").get_attribute("max"))
    for at in range(0, last, 5):
        page.locator("#scrub").evaluate(
            "(range, at) => { range.value = at; range.dispatchEvent(new Event('input')); }", at
        )
        assert page.evaluate(GEOMETRY)[1] == []


def test_nothing_overlaps_with_one_scope_open(visit):
    page = visit(mlp(), size=(1900, 1000))
    for k in range(6):
        page.locator(".box.group:visible").nth(k).click()
        settle(page)
        boxes, wrong = page.evaluate(GEOMETRY)
        assert boxes > 6
        assert wrong == page.evaluate(BEHIND)[1] == []
        press(page, "Enter 0")
        assert len(visible(page)) == 6


def test_the_geometry_check_sees_an_overlap(visit):
    page = visit(demo())
    page.evaluate(
        """() => { const [a, b] = document.querySelectorAll(".box");
        a.setAttribute("transform", b.getAttribute("transform")); }"""
    )
    assert page.evaluate(GEOMETRY)[1] != []


# --- keyboard focus, small screens, odd input


def test_focus_goes_through_the_tools_then_the_boxes(visit):
    page = visit(demo())
    seen = []
    for _ in range(14):
        press(page, "Tab")
        at = "() => document.activeElement.id || document.activeElement.dataset.id || ''"
        seen.append(page.evaluate(at))
    tools = ["play", "next", "last", "speed", "scrub", "search", "out", "fit", "in", "theme"]
    assert [name for name in seen if name in tools] == tools
    assert seen.index("theme") < seen.index("n0")


def test_every_control_has_a_name(visit):
    page = visit(mlp())
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex]")].filter((e) =>
            !(e.getAttribute("aria-label") || e.textContent.trim() || e.title))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_a_narrow_screen_stacks_picture_and_panel(visit):
    page = visit(demo(), size=(420, 800))
    picture = page.locator("#picture").bounding_box()
    panel = page.locator("#panel").bounding_box()
    assert panel["y"] >= picture["y"] + picture["height"] - 1
    assert picture["height"] > 150
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420


EVIL = "</script ><img src=x onerror=alert(1)>\"'\u2028&lt;{{js}}"


def test_names_cannot_inject_anything(visit):
    x, y = tg.Value(2.0, name=EVIL), tg.Value(3.0, name="</text><script>alert(2)</script>🙂")
    with tg.scope("<b>'scope\"</b>"):
        z = x * y
    z.name = "{{model}}"
    page = visit(z)
    press(page, "ArrowRight End")
    assert chip(page) == "Backward 1 of 1"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert "</script ><img" in page.locator("#panel").inner_text()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_odd_numbers(visit, number):
    x = tg.Value(float(number), name="x")
    page = visit(x * 2.0)
    press(page, "End")
    text = {"nan": "NaN", "inf": "∞", "-inf": "−∞"}[number]
    assert values(page, "data")["n1"] == text
    assert values(page, "grad")["n0"] == "2"


def test_a_leaf_and_a_constant_have_no_steps(visit):
    for root in (tg.Value(2.0, name="x"), tg.Value(2.0).detach()):
        page = visit(root)
        press(page, "ArrowRight End Space")
        assert chip(page) == "Start"


def test_a_root_that_is_no_scalar(visit):
    x = tg.Tensor(np.ones(3), name="x")
    page = visit(tg.exp(x))
    press(page, "ArrowRight ArrowRight")
    assert "the gradient of the sum of its entries" in page.locator("#panel").inner_text()


# --- from Python


def test_play_shows_itself_in_a_sandboxed_frame(visit):
    shown = play(demo(), height=480)
    html = shown._repr_html_()
    assert html.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in html
    assert 'height="480"' in html
    page = visit(None, html=f"<!DOCTYPE html><title>notebook</title>{html}")
    frame = page.frame_locator("iframe")
    frame.locator("#next").click()
    assert frame.locator(".chip").inner_text() == "Forward 1 of 8"
