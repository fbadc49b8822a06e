"""The stepper's page, driven in a browser that has no network."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.draw.figures import summary
from tinygrad_lite.draw.page import Player, play
from tinygrad_lite.node import topological_order

nn = pytest.importorskip("tinygrad_lite.nn")


# --- graphs


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


GRAPHS = {"demo": demo, "mlp": mlp, "layer": layer}


# --- the browser


@pytest.fixture(scope="module")
def chromium():
    from conftest import needs

    path = needs("browser")
    sync_api = needs("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, tmp_path):
    """`visit(root)` opens a graph's page; a request, an error or a console message fails."""
    contexts, wrong = [], []

    def visit(root, *, dark=False, size=(1280, 720), html=None):
        path = tmp_path / f"page{len(contexts)}.html"
        if html is None:
            play(root).save(path)
        else:
            path.write_text(html, encoding="utf-8")
        width, height = size
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            offline=True,
        )
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: r.url == path.as_uri() or wrong.append(f"asks for {r.url}"))
        page.on("console", lambda m: wrong.append(f"console: {m.text}"))
        page.on("pageerror", lambda e: wrong.append(f"error: {e}"))
        page.on("dialog", lambda d: (wrong.append(f"dialog: {d.message}"), d.dismiss()))
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


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


pytestmark = pytest.mark.browser


# --- keys and buttons


def test_keys_step_and_say_so(visit):
    page = visit(demo())
    assert chip(page) == "Start"
    press(page, "ArrowRight")
    assert chip(page) == "Forward 1 of 8"
    assert "t₁ = a * b" in page.locator("#panel h1").inner_text()
    press(page, "ArrowRight ArrowRight ArrowLeft")
    assert chip(page) == "Forward 2 of 8"
    press(page, "End")
    assert chip(page) == "Backward 8 of 8"
    assert "5.5 + 1 → 6.5" in page.locator("#panel").inner_text()
    press(page, "ArrowRight")
    assert chip(page) == "Backward 8 of 8"
    press(page, "Home ArrowLeft")
    assert chip(page) == "Start"


def test_buttons_do_what_the_keys_do(visit):
    page = visit(demo())
    for button, expected in (
        ("next", "Forward 1 of 8"),
        ("next", "Forward 2 of 8"),
        ("back", "Forward 1 of 8"),
        ("last", "Backward 8 of 8"),
        ("first", "Start"),
    ):
        page.click(f"#{button}")
        assert chip(page) == expected
    assert page.locator("#back").is_disabled()
    page.locator("#scrub").evaluate(
        "(range) => { range.value = 9; range.dispatchEvent(new Event('input')); }"
    )
    assert chip(page) == "Turn round"
    assert page.locator("#fold").is_hidden()


@pytest.mark.parametrize("start", ["key", "button"])
def test_play_runs_to_the_end_and_stops(visit, start):
    page = visit(demo())
    page.select_option("#speed", "16")
    page.locator("#speed").blur()
    if start == "key":
        press(page, "Space")
    else:
        page.click("#play")
    assert page.locator("#play").inner_text() == "Pause"
    page.locator("#panel .chip", has_text="Backward 8 of 8").wait_for()
    page.locator("#play", has_text="Play").wait_for()
    assert chip(page) == "Backward 8 of 8"


def test_space_pauses_and_an_arrow_takes_over(visit):
    page = visit(demo())
    press(page, "Space Space")
    assert page.locator("#play").inner_text() == "Play"
    press(page, "Space ArrowRight")
    assert page.locator("#play").inner_text() == "Play"
    assert chip(page) == "Forward 1 of 8"


def test_speed(visit):
    page = visit(demo())
    press(page, "] ] [ ] ]")
    assert page.locator("#speed").input_value() == "16"
    press(page, "[ [ [ [ [ [")
    assert page.locator("#speed").input_value() == "0.5"


def scale(page):
    settle(page)
    return float(re.search(r"scale\(([\d.]+)\)", view(page))[1])


def test_zoom_and_fit(visit):
    page = visit(demo())
    first = scale(page)
    press(page, "+")
    assert scale(page) == pytest.approx(first * 1.25, rel=1e-3)
    press(page, "-")
    assert scale(page) == pytest.approx(first, rel=1e-3)
    page.click("#in")
    page.click("#in")
    page.click("#out")
    assert scale(page) == pytest.approx(first * 1.25, rel=1e-3)
    press(page, "0")
    fitted = scale(page)
    page.click("#in")
    page.click("#fit")
    assert scale(page) == fitted


def test_wheel_zooms_at_the_pointer_and_drag_moves(visit):
    page = visit(demo())
    box = page.locator('.box:has-text("tanh(n)") .frame').first
    place = box.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.wheel(0, -240)
    settle(page)
    after = box.bounding_box()
    assert after["width"] > 1.3 * place["width"]
    assert after["x"] + after["width"] / 2 == pytest.approx(place["x"] + place["width"] / 2, abs=2)
    page.mouse.move(60, 600)
    page.mouse.down()
    page.mouse.move(100, 570, steps=3)
    page.mouse.up()
    settle(page)
    moved = box.bounding_box()
    assert moved["x"] - after["x"] == pytest.approx(40, abs=5)
    assert moved["y"] - after["y"] == pytest.approx(-30, abs=5)
    assert chip(page) == "Start"


def test_search_finds_counts_and_goes_there(visit):
    page = visit(demo())
    press(page, "/")
    page.keyboard.type("TANH")
    assert page.locator("#found").inner_text() == "1 found"
    assert page.locator(".match .title").text_content() == "t₃ = tanh(n)"
    press(page, "Enter")
    assert page.locator("#found").inner_text() == "1 of 1"
    press(page, "Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator(".match").count() == 0
    press(page, "ArrowRight")
    assert chip(page) == "Forward 1 of 8"


def test_search_unfolds_what_hides_a_match(visit):
    page = visit(mlp())
    press(page, "/")
    page.keyboard.type("layers.1/neurons.1")
    assert page.locator("#found").inner_text() == "11 found"
    press(page, "Enter")
    assert page.locator(".match:visible").count() == 11
    press(page, "Shift+Enter")
    assert page.locator("#found").inner_text() == "11 of 11"


def test_help_opens_and_closes(visit):
    page = visit(demo())
    press(page, "?")
    assert page.locator("#keys").is_visible()
    press(page, "ArrowRight Escape")
    assert page.locator("#keys").is_hidden()
    assert chip(page) == "Start"
    page.click("#help")
    page.click("#close")
    assert page.locator("#keys").is_hidden()


def background(page):
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("dark", [False, True])
def test_theme_follows_the_system_and_can_be_changed(visit, dark):
    page = visit(demo(), dark=dark)
    light, night = "rgb(255, 255, 255)", "rgb(18, 21, 26)"
    assert background(page) == (night if dark else light)
    press(page, "t")
    assert background(page) == (light if dark else night)
    page.click("#theme")
    assert background(page) == (night if dark else light)
    frame = page.locator(".box.leaf .frame").first
    assert frame.evaluate("(f) => getComputedStyle(f).stroke") == (
        "rgb(47, 199, 156)" if dark else "rgb(0, 120, 90)"
    )


def test_shift_leaps_over_a_folded_scope(visit):
    page = visit(mlp())
    press(page, "f f")
    press(page, "Shift+ArrowRight Shift+ArrowRight")
    assert page.locator(".active .title").text_content() == "layers.1"
    press(page, "Shift+ArrowLeft")
    assert page.locator(".active .title").text_content() == "layers.0"


# --- what the steps show


@pytest.mark.parametrize("name", GRAPHS)
def test_the_last_step_shows_the_gradients_of_backward(visit, name):
    root = GRAPHS[name]()
    page = visit(root)
    press(page, "End")
    shown = values(page, "grad")
    root.backward()
    order = topological_order(root)[::-1]
    expected = {
        f"n{k}": summary(node.grad, norm=True).text
        for k, node in enumerate(order)
        if not node.constant
    }
    assert shown == expected
    data = values(page, "data")
    assert {key: data[key] for key in expected} == {
        f"n{k}": summary(node.data).text for k, node in enumerate(order) if not node.constant
    }


@pytest.mark.parametrize("name", GRAPHS)
def test_going_back_undoes_every_step(visit, name):
    page = visit(GRAPHS[name]())
    before = state(page)
    assert set(values(page, "grad").values()) == {"—"}
    seen = [before]
    last = int(page.locator("#scrub").get_attribute("max"))
    for _ in range(last):
        press(page, "ArrowRight")
        seen.append(state(page))
    assert len(set(seen)) == len(seen)
    for expected in reversed(seen[:-1]):
        press(page, "ArrowLeft")
        assert state(page) == expected


def test_a_backward_step_lights_up_its_op_its_inputs_and_their_edges(visit):
    page = visit(demo())
    press(page, "End")
    assert page.locator(".active .title").text_content() == "t₁ = a * b"
    touched = page.locator(".touched .title").all_text_contents()
    assert sorted(touched) == ["a", "b"]
    assert page.locator(".link.used").count() == 2
    panel = page.locator("#panel").inner_text()
    for text in ("∂t₁/∂a = b", "(∂e/∂t₁) * b", "= (−0.333) * (−3) = 1", "−5.33 − 0.667 → −6"):
        assert text in panel


def test_each_step_is_announced(visit):
    page = visit(demo())
    live = page.locator("#live")
    assert live.get_attribute("aria-live") == "polite"
    press(page, "ArrowRight")
    assert live.inner_text() == "Forward 1 of 8: t₁ = a * b. Result −6."
    press(page, "End")
    assert live.inner_text().startswith("Backward 8 of 8: t₁ = a * b. ∂e/∂t₁ is −0.333. a adds up:")


def test_clicking_an_op_goes_to_its_step(visit):
    page = visit(demo())
    page.locator('.box:has-text("tanh(n)")').click()
    assert "tanh(n)" in page.locator("#panel h1").inner_text()
    assert chip(page).startswith("Forward")
    press(page, "End")
    page.locator('.box:has-text("tanh(n)")').click()
    assert chip(page) == "Backward 5 of 8"


def test_hover_lights_up_the_ancestors_and_nothing_else(visit):
    root = demo()
    page = visit(root)
    order = topological_order(root)[::-1]
    (node,) = [n for n in order if n.op is not None and n.op.name == "tanh"]
    page.locator('.box:has-text("tanh(n)")').hover()
    lit = page.evaluate("() => [...document.querySelectorAll('.box.lit')].map((g) => g.dataset.id)")
    expected = {f"n{order.index(x)}" for x in topological_order(node)}
    assert {key for key in lit if key[0] == "n"} == expected
    page.mouse.move(1200, 600)
    assert page.locator(".lit").count() == 0


def test_a_step_paints_only_what_changes(visit):
    counts = []
    for root in (demo(), chain(300)):
        page = visit(root)
        press(page, "ArrowRight")
        page.evaluate(
            """() => { window.seen = 0;
                new MutationObserver((all) => { window.seen += all.length; }).observe(
                    document.querySelector(".view"),
                    { subtree: true, childList: true, attributes: true, characterData: true }); }"""
        )
        press(page, "ArrowRight")
        settle(page)
        counts.append(page.evaluate("() => window.seen"))
    assert 0 < counts[1] <= 25
    assert counts[1] <= counts[0] + 5


# --- folding


def visible(page):
    return set(
        page.evaluate(
            """() => [...document.querySelectorAll(".box")]
            .filter((g) => g.style.display !== "none").map((g) => g.dataset.id)"""
        )
    )


def test_a_large_graph_starts_folded_and_unfolds_by_click_and_enter(visit):
    page = visit(mlp())
    start = visible(page)
    assert all(key[0] == "g" for key in start)
    assert len(start) == 6
    page.locator(".box.group:visible").first.click()
    opened = visible(page)
    assert len(opened) > len(start)
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


def test_a_step_inside_a_folded_scope_says_where_it_is(visit):
    page = visit(mlp())
    press(page, "ArrowRight")
    assert "in layers.0 / neurons." in page.locator("#panel").inner_text()
    assert page.locator(".active").get_attribute("class").startswith("box group")
    page.locator("#panel button.link").click()
    assert page.locator(".active").get_attribute("class").startswith("box op")
    assert "t₁ = w.0 * 1" in page.locator("#panel h1").inner_text()


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
        assert boxes >= 3
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
        assert wrong == []
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


EVIL = "</script><img src=x onerror=alert(1)>\"'\u2028&lt;{{js}}"


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
    assert "</script><img" in page.locator("#panel").inner_text()


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


def test_a_small_graph_is_a_small_file(tmp_path):
    path = play(demo()).save(tmp_path / "e.html")
    assert path.stat().st_size < 200_000
    assert not re.search(
        r"(src|href)=|url\(|@import|fetch\(|XMLHttpRequest", path.read_text("utf-8")
    )


def test_draw_saves_the_same_page(tmp_path):
    root = demo()
    path = tg.draw(root).save(tmp_path / "e.html")
    assert path.read_text("utf-8") == play(root).html


def test_grad_is_left_alone():
    root = demo()
    play(root)
    assert all(node.grad is None for node in topological_order(root))


def test_play_refuses_what_it_cannot_show(tmp_path):
    with pytest.raises(TypeError, match="expected a Value or a Tensor, got float"):
        play(2.0)
    with pytest.raises(ValueError, match="graph has 2,501 nodes; the stepper follows up to 2,000"):
        play(chain(2500))
    with pytest.raises(ValueError, match="theme: 'pink' is not one of auto, light, dark"):
        play(demo(), theme="pink")
    player = play(demo())
    assert isinstance(player, Player)
    with pytest.raises(ValueError, match=r"save it as .html, not 'e.svg'"):
        player.save(tmp_path / "e.svg")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        player.save(tmp_path / "missing" / "e.html")
