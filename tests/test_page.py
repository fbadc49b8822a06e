"""The stepper's page, driven in a browser that has no network: keys, buttons, what it shows."""

from __future__ import annotations

import re

import pytest
from pictures import GRAPHS, chain, chip, demo, mlp, press, settle, state, values, view

from tinygrad_lite.draw.figures import summary
from tinygrad_lite.graph.node import topological_order

pytestmark = pytest.mark.browser


# --- keys and buttons


def test_keys_step_and_say_so(visit):
    page = visit(demo())
    assert chip(page) == "Start"
    press(page, "ArrowRight")
    assert chip(page) == "Forward 1 of 8"
    assert "t₁ = a b" in page.locator("#panel h1").inner_text()
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
    assert page.locator(".active .title").text_content() == "t₁ = a b"
    touched = page.locator(".touched .title").all_text_contents()
    assert sorted(touched) == ["a", "b"]
    assert page.locator(".link.used").count() == 2
    panel = page.locator("#panel").inner_text()
    for text in ("∂t₁/∂a = b", "(∂e/∂t₁) b", "= (−0.333) · (−3) = 1", "−5.33 − 0.667 → −6"):
        assert text in panel


def test_each_step_is_announced(visit):
    page = visit(demo())
    live = page.locator("#live")
    assert live.get_attribute("aria-live") == "polite"
    press(page, "ArrowRight")
    assert live.inner_text() == "Forward 1 of 8: t₁ = a b. Result −6."
    press(page, "End")
    assert live.inner_text().startswith("Backward 8 of 8: t₁ = a b. ∂e/∂t₁ is −0.333. a adds up:")


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
