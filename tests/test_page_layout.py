"""The page on small and large screens, by touch, on paper, for assistive tools, with odd input."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from pictures import GRAPHS, SHOWN, chip, demo, mlp, press, question, settle, titles, values

import tinygrad_lite as tg
from tinygrad_lite.draw import play

pytestmark = pytest.mark.browser

GEOMETRY = """(boxes) => {
  const wrong = [];
  const inside = (a, b, slack) => a.left >= b.left - slack && a.right <= b.right + slack
    && a.top >= b.top - slack && a.bottom <= b.bottom + slack;
  const apart = (a, b) => a.right <= b.left + 0.5 || b.right <= a.left + 0.5
    || a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;
  const all = [...document.querySelectorAll(boxes)].map((g) => ({ g, id: g.dataset.id,
      frame: [...g.querySelectorAll("rect.frame")].at(-1).getBoundingClientRect() }));
  for (const { g, id, frame } of all) {
    for (const text of g.querySelectorAll("text")) {
      const area = text.getBoundingClientRect();
      if (area.width && !inside(area, frame, 1.5)) wrong.push(`${id}: "${text.textContent}" out`);
    }
  }
  for (let i = 0; i < all.length; i++) for (let j = 0; j < i; j++) {
    if (!apart(all[i].frame, all[j].frame)) wrong.push(`${all[i].id} on ${all[j].id}`);
  }
  return [all.length, wrong];
}"""


@pytest.mark.parametrize("name", GRAPHS)
def test_no_number_leaves_its_box_and_nothing_overlaps(visit, name):
    page = visit(GRAPHS[name](), size=(1900, 1000))
    for keys in ("Home", "ArrowRight", "End", "v", "End"):
        press(page, keys)
        settle(page)
        boxes, wrong = page.evaluate(GEOMETRY, SHOWN)
        assert boxes >= 2
        assert wrong == [], keys


def test_the_geometry_check_sees_an_overlap(visit):
    page = visit(demo())
    page.evaluate(
        """(boxes) => { const [a, b] = document.querySelectorAll(boxes);
        a.setAttribute("transform", b.getAttribute("transform")); }""",
        SHOWN,
    )
    assert page.evaluate(GEOMETRY, SHOWN)[1] != []


def test_the_step_is_in_view(visit):
    page = visit(mlp(), size=(1000, 600))
    press(page, "a")
    stage = page.locator("#stage").bounding_box()
    for _ in range(page.locator("#track button").count() - 1):
        press(page, "ArrowRight")
        if page.locator(f"{SHOWN}.now").count():
            box = page.locator(f"{SHOWN}.now > .frame").last.bounding_box()
            assert stage["x"] - 1 <= box["x"] <= stage["x"] + stage["width"] - 60
            assert stage["y"] - 1 <= box["y"] <= stage["y"] + stage["height"] - 20


# --- keyboard, small screens, touch, paper


def test_the_keyboard_reaches_everything(visit):
    page = visit(question())
    press(page, "a End")
    seen = []
    at = """() => { const e = document.activeElement;
        return e.id || e.dataset.id || e.dataset.e || e.dataset.step || e.tagName; }"""
    for _ in range(45):
        press(page, "Tab")
        seen.append(page.evaluate(at))
    for wanted in ("out", "fit", "in", "ask", "theme", "help", "stage", "panel", "back", "0", "7"):
        assert wanted in seen, wanted
    boxes = page.locator(SHOWN).evaluate_all("(all) => all.map((g) => g.dataset.id)")
    assert [*dict.fromkeys(name for name in seen if name in boxes)] == boxes


def test_every_control_has_a_name(visit):
    page = visit(mlp())
    press(page, "End")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, [tabindex]")].filter((e) =>
            !(e.getAttribute("aria-label") || e.textContent.trim() || e.title))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("width", [400, 900])
@pytest.mark.parametrize("make", [question, mlp], ids=lambda f: f.__name__)
def test_a_narrow_screen(visit, width, make):
    page = visit(make(), size=(width, 800))
    press(page, "a End")
    picture, panel = page.locator("#stage").bounding_box(), page.locator("#panel").bounding_box()
    if width == 400:
        assert panel["y"] >= picture["y"] + picture["height"] - 1
    assert picture["height"] > 150
    assert panel["height"] > 200
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for name in ("ask", "theme", "help", "back", "next"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 0.5
        assert box["y"] + box["height"] <= 800


def test_names_on_the_timeline_are_whole_and_apart_and_the_step_is_in_sight(visit):
    mass, speed, height = (tg.Tensor(v) for v in (2.0, 3.0, 5.0))
    momentum = mass * speed
    kinetic_energy = 0.5 * momentum * speed
    potential_energy = 9.81 * mass * height
    total_energy = kinetic_energy + potential_energy
    page = visit(total_energy, size=(400, 800))
    for _ in range(9):
        press(page, "ArrowRight")
        stops = page.locator("#track button span").evaluate_all(
            """(all) => all.map((e) => { const { left, right } = e.getBoundingClientRect();
            const whole = e.scrollWidth <= e.clientWidth + 1;
            return [left, right, whole, Boolean(e.closest("[aria-current]"))]; })"""
        )
        assert all(whole for _, _, whole, _ in stops)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(stops))
        track = page.locator("#track").bounding_box()
        ((left, right, *_),) = [stop for stop in stops if stop[3]]
        assert track["x"] <= left < right <= track["x"] + track["width"]


def test_touch(offline, tmp_path):
    path = tmp_path / "touch.html"
    path.write_text(play(question()).html, encoding="utf-8")
    context = offline.browser.new_context(has_touch=True, viewport={"width": 400, "height": 800})
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("#next").bounding_box()["height"] >= 40
    for _ in range(3):
        page.tap("#next")
    assert chip(page) == "Forward 3 of 3"
    page.locator(f"{SHOWN}.leaf").first.scroll_into_view_if_needed()
    page.locator(f"{SHOWN}.leaf .title").first.tap()
    page.locator("#panel td").nth(2).tap()
    assert page.locator("#edit label").inner_text() == "W[0, 2]"
    assert page.locator("#panel td").nth(2).bounding_box()["height"] >= 34
    context.close()


def test_print_shows_all(visit):
    page = visit(question())
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert all(values(page, "value").values())
    assert page.locator("header button").first.is_hidden()
    assert page.locator("footer").is_hidden()
    assert page.locator("#panel").is_visible()
    assert {k for k, v in values(page, "gradient").items() if v} == {"W", "x", "v", "s", "E"}
    page.emulate_media(media="screen")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 800), (400, 800)])
def test_axe_finds_nothing(visit, needs, dark, size):
    script = Path(needs("axe-core"))
    page = visit(question(), dark=dark, size=size)
    for keys in ("", "ArrowRight", "ArrowRight ArrowRight ArrowRight ArrowRight", "End"):
        press(page, keys)
        page.evaluate(script.read_text(encoding="utf-8"))
        found = page.evaluate(
            "async () => (await axe.run()).violations.map((v) => [v.id, v.nodes[0].html])"
        )
        assert found == [], keys
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.evaluate("async () => (await axe.run()).violations.map((v) => v.id)") == []


# --- what is large, and odd


def test_more_than_two_axes_are_shown_by_slices(visit):
    x = tg.Tensor(np.arange(24.0).reshape(2, 3, 4), name="x")
    E = (x * x).sum()
    E.name = "E"
    page = visit(E)
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.locator("#panel .mx").first.locator("td").count() == 12
    assert "[0, :, :]" in page.locator(".slice").first.inner_text()
    page.locator(".slice input").first.evaluate(
        "(s) => { s.value = 1; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert page.locator("#panel .mx td").first.inner_text() == "12"
    page.locator("#panel td").nth(5).click()
    assert page.locator("#edit label").inner_text() == "x[1, 1, 1]"


def test_large_arrays_are_tiles_with_a_summary(visit):
    x = tg.Tensor(np.arange(6000.0).reshape(100, 60), name="x")
    E = (x * x).sum()
    E.name = "E"
    page = visit(E)
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.locator("#panel .mx td.tile").count() == 16 * 24
    page.locator("#panel .mx td").first.focus()
    assert page.locator("#live").inner_text() == ("rows 0–5, columns 0–1: mean 151, from 0 to 301")
    assert "from 0 to 5999" in page.locator("#panel").inner_text()


def test_six_million_entries(visit):
    x = tg.Tensor(np.ones((2000, 3000)), name="x")
    E = tg.tanh(x).sum()
    E.name = "E"
    page = visit(E)
    assert "too large to be computed in a page" in page.locator("#panel").inner_text()
    press(page, "End")
    page.locator(f"{SHOWN}.leaf").first.click()
    assert "gradient: norm" in page.locator("#panel").inner_text()
    assert len(page.content()) < 600_000


EVIL = "</script ><img src=x onerror=alert(1)>\"'\u2028&lt;{{js}}"


def test_names_cannot_inject_anything(visit):
    x, y = tg.Value(2.0, name=EVIL), tg.Value(3.0, name="</text><script>alert(2)</script>🙂")
    with tg.scope("<b>'scope\"</b>"):
        z = x * y
    z.name = "{{model}}"
    page = visit(z)
    press(page, "ArrowRight End")
    assert chip(page) == "Backward 1 of 1"
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert "</script ><img" in page.locator("#panel").inner_text()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_odd_numbers(visit, number):
    x = tg.Value(float(number), name="x")
    y = x * 2.0
    y.name = "y"
    page = visit(y)
    press(page, "End")
    text = {"nan": "NaN", "inf": "∞", "-inf": "−∞"}[number]
    assert values(page, "value")["y"] == [text]
    assert values(page, "gradient")["x"] == ["2"]


def test_empty_arrays(visit):
    x = tg.Tensor(np.zeros((0, 3)), name="x")
    E = x.sum()
    E.name = "E"
    page = visit(E)
    press(page, "ArrowRight End")
    page.locator(f"{SHOWN}.leaf").first.click()
    assert "empty" in page.locator("#panel").inner_text()


def test_a_leaf_and_a_constant_have_no_steps(visit):
    for root in (tg.Value(2.0, name="x"), tg.Value(2.0).detach()):
        page = visit(root)
        press(page, "ArrowRight End Space")
        assert len(titles(page)) == 1
        assert chip(page) in ("Start", "Turn round")


def test_a_root_that_is_no_scalar(visit):
    x = tg.Tensor(np.ones(3), name="x")
    y = tg.exp(x)
    y.name = "y"
    page = visit(y)
    press(page, "ArrowRight ArrowRight")
    assert "the sum of its entries" in page.locator("#panel").inner_text()
    press(page, "End")
    assert values(page, "gradient")["x"] == ["2.718"] * 3


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
