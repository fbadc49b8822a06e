"""The page, driven in a browser that has no network: keys, buttons, what it shows and asks."""

from __future__ import annotations

import pytest
from pictures import (
    GRAPHS,
    SHOWN,
    chain,
    chip,
    demo,
    mlp,
    press,
    printed_numbers,
    question,
    settle,
    state,
    titles,
    values,
)  # fmt: skip

import tinygrad_lite as tg
from tinygrad_lite.graph.node import topological_order

pytestmark = pytest.mark.browser


def panel(page):
    return page.locator("#panel").inner_text()


# --- keys and buttons


def test_keys_step_and_say_so(visit):
    page = visit(demo())
    assert chip(page) == "Start"
    press(page, "ArrowRight")
    assert chip(page) == "Forward 1 of 8"
    assert page.locator("#panel h2").inner_text() == "t₁ = a b"
    assert page.locator("#live").inner_text() == "t₁ = a b"
    press(page, "ArrowRight ArrowRight ArrowLeft")
    assert chip(page) == "Forward 2 of 8"
    press(page, "End")
    assert chip(page) == "Backward 8 of 8"
    press(page, "ArrowRight")
    assert chip(page) == "Backward 8 of 8"
    press(page, "Home ArrowLeft")
    assert chip(page) == "Start"


def test_buttons_and_stops_do_what_the_keys_do(visit):
    page = visit(question())
    assert page.locator("#back").is_disabled()
    page.click("#next")
    assert chip(page) == "Forward 1 of 3"
    page.click("#back")
    assert chip(page) == "Start"
    names = page.locator("#track button").evaluate_all("(all) => all.map((b) => b.ariaLabel)")
    assert names == [
        *("Start", "forward v", "forward s", "forward E"),
        *("Turn round: 1", "backward E", "backward s", "backward v"),
    ]
    page.locator("#track button").nth(4).click()
    assert chip(page) == "Turn round"
    assert page.locator("#track [aria-current=step]").inner_text().strip().endswith("1")
    page.locator("#track button").last.click()
    page.click("#next")
    assert chip(page) == "Backward 3 of 3"
    assert page.locator("#next").is_disabled()


def test_a_long_timeline_is_a_slider(visit):
    page = visit(chain(40))
    page.click("#views button:has-text('ops')") if page.locator("#views button").count() else None
    page.locator("#scrub").evaluate(
        "(range) => { range.value = 9; range.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert chip(page).startswith("Forward 9 of")


def test_size(visit):
    page = visit(demo())

    def width():
        return page.locator("#picture svg:not([hidden])").bounding_box()["width"]

    first = width()
    press(page, "+")
    assert width() == pytest.approx(1.25 * first, rel=1e-3)
    press(page, "-")
    assert width() == pytest.approx(first, rel=1e-3)
    for button in ("in", "in", "out"):
        page.click(f"#{button}")
    assert width() == pytest.approx(1.25 * first, rel=1e-3)
    press(page, "0")
    stage = page.locator("#stage").bounding_box()
    assert page.locator("#picture svg:not([hidden])").bounding_box()["height"] <= stage["height"]


def test_search_finds_counts_and_goes_there(visit):
    page = visit(mlp())
    wanted = [title.split(" ")[0] for title in titles(page) if "relu" in title]
    press(page, "/")
    page.keyboard.type("RELU")
    assert page.locator("#live").inner_text() == f"{len(wanted)} found"
    assert page.locator(f"{SHOWN}.match").count() == len(wanted) > 2
    press(page, "Enter Enter")
    assert page.locator(f"{SHOWN}.selected .name").text_content() == wanted[1]
    press(page, "Shift+Enter")
    assert page.locator(f"{SHOWN}.selected .name").text_content() == wanted[0]
    press(page, "Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator(".match").count() == 0
    press(page, "ArrowRight")
    assert chip(page).startswith("Forward 1 of")


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


@pytest.mark.parametrize("dark", [False, True])
def test_theme_follows_the_system_and_can_be_changed(visit, dark):
    page = visit(demo(), dark=dark)
    light, night = "rgb(255, 255, 255)", "rgb(18, 21, 26)"

    def background():
        return page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    assert background() == (night if dark else light)
    press(page, "t")
    assert background() == (light if dark else night)
    page.click("#theme")
    assert background() == (night if dark else light)
    cell = page.locator(f"{SHOWN}.leaf .cell").first
    assert cell.evaluate("(c) => getComputedStyle(c).fill") == (
        "rgb(116, 71, 0)" if dark else "rgb(243, 171, 51)"
    )


def test_degrees_of_detail(visit):
    page = visit(question())
    lines = ["W  (2, 3)", "x  (3,)", "v = W x  (2,)", "s = σ(v)  (2,)"]
    assert [title for title in lines if title.split(" ")[0] in " ".join(titles(page))] == lines
    assert len(titles(page)) == 6
    press(page, "v")
    assert len(titles(page)) == 9
    assert page.locator("#views [aria-pressed=true]").inner_text() == "ops"
    press(page, "End v")
    assert chip(page) == "Backward 3 of 3", "the step is the same one"
    page.click("#views button:has-text('ops')")
    assert chip(page) == "Backward 6 of 6"


# --- what the steps show


@pytest.mark.parametrize("make", [demo, question], ids=lambda f: f.__name__)
def test_the_last_step_shows_the_gradients_of_backward(visit, make):
    root = make()
    page = visit(root)
    press(page, "End")
    root.backward()
    for role, grad in (("value", False), ("gradient", True)):
        shown, expected = values(page, role), printed_numbers(root, grad)
        assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize("name", GRAPHS)
def test_going_back_undoes_every_step(visit, name):
    page = visit(GRAPHS[name]())
    press(page, "a")
    seen = [state(page)]
    last = page.locator("#track button").count() - 1
    for _ in range(last):
        press(page, "ArrowRight")
        seen.append(state(page))
    assert len(set(seen)) == len(seen)
    for expected in reversed(seen[:-1]):
        press(page, "ArrowLeft")
        assert state(page) == expected


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_shown_before_it_is_computed(visit, dark):
    page = visit(question(), dark=dark)
    colours = page.locator(f"{SHOWN} .off .cell").evaluate_all(
        "(all) => [...new Set(all.map((c) => getComputedStyle(c).fill))]"
    )
    assert colours == ["rgb(18, 21, 26)" if dark else "rgb(255, 255, 255)"]
    assert {k for k, v in values(page, "value").items() if v} == {"W", "x", "y"}
    assert not any(values(page, "gradient").values())
    assert page.locator(f"{SHOWN}").count() == 6
    assert page.locator("#picture svg:not([hidden]) .link:not(.dry) .back").count() == 0
    press(page, "ArrowRight")
    assert values(page, "value")["v"] == ["3.0", "2.5"]
    assert values(page, "value")["s"] is None


def test_partial_sums_are_shown_as_such(visit):
    page = visit(demo())
    press(page, "a End ArrowLeft")
    assert values(page, "gradient")["a"] == ["5.5"]
    assert page.locator(f"{SHOWN} .pane.partial").count() == 2
    press(page, "ArrowRight")
    assert values(page, "gradient")["a"] == ["6.5"]
    assert page.locator(f"{SHOWN} .pane.partial").count() == 0
    assert "∂e/∂a = 5.5 + 1 = 6.5" in panel(page)


def test_a_backward_step_lights_up_its_line_its_inputs_and_their_arrows(visit):
    page = visit(demo())
    press(page, "End")
    assert page.locator(f"{SHOWN}.now .name").text_content() == "t₁"
    assert sorted(page.locator(f"{SHOWN}.gets .name").all_text_contents()) == ["a", "b"]
    assert page.locator(".link.used").count() == 2
    assert "∂e/∂a = ∂e/∂t₁ · b = (−0.333) · (−3) = 1" in panel(page)


def test_clicking_a_line_goes_to_its_step_and_a_leaf_is_selected(visit):
    page = visit(demo())
    page.locator(SHOWN, has_text="tanh(n)").click()
    assert "tanh(n)" in page.locator("#panel h2").inner_text()
    assert chip(page).startswith("Forward")
    press(page, "a End")
    page.locator(SHOWN, has_text="tanh(n)").click()
    assert chip(page).startswith("Backward")
    page.locator(f"{SHOWN}.leaf").first.focus()
    press(page, "Enter")
    assert page.locator("#tostep").is_visible()
    press(page, "Escape")
    assert chip(page).startswith("Backward")


def test_the_sum_over_paths(visit):
    page = visit(demo())
    press(page, "End")
    page.locator(f"{SHOWN}.leaf").first.click()
    ways = page.locator(".paths li").all_inner_texts()
    assert ways[0].startswith("a → t₁ → n → t₃ → t₅ → e")
    total = sum(float(way.rsplit("= ", 1)[1].replace("−", "-")) for way in ways)
    assert total == pytest.approx(6.5, abs=1e-3)


def test_the_derivation_grows_line_by_line(visit):
    page = visit(question())
    rows = page.locator(".deriv tr")
    hidden = page.locator(".deriv .hid")
    assert rows.count() == hidden.count() == 7
    press(page, "a")
    for step, still in (("E", 6), ("s", 3), ("v", 0)):
        page.locator(f"#track [aria-label='backward {step}']").click()
        assert hidden.count() == still
    assert "dE = (s − y) : ds" in panel(page)
    assert "a : B c = a cᵀ : B" in panel(page)


# --- speed


def test_a_step_paints_only_what_changes_and_is_fast(visit):
    page = visit(chain(1100))
    page.locator("#views button").last.click()
    assert len(titles(page)) > 1000
    press(page, "a ArrowRight")
    page.evaluate(
        """() => { window.seen = 0;
            new MutationObserver((all) => { window.seen += all.length; }).observe(
                document.querySelector("#picture"),
                { subtree: true, childList: true, attributes: true, characterData: true }); }"""
    )
    press(page, "ArrowRight")
    settle(page)
    assert 0 < page.evaluate("() => window.seen") <= 25
    spent = page.evaluate(
        """() => { const next = document.getElementById("next"), t = performance.now();
            for (let k = 0; k < 50; k += 1) next.click();
            return (performance.now() - t) / 50; }"""
    )
    assert spent < 50


def test_what_check_says_is_listed_and_leads_to_its_line(visit):
    E = question()
    node = {n.name: n for n in topological_order(E) if n.name}
    E.backward()
    wrong = -node["s"].grad
    slope = node["s"].data * (1 - node["s"].data)
    report = tg.check(E, {node["s"]: wrong, node["v"]: wrong * slope})
    page = visit(None, html=tg.draw(E, check=report).html)
    assert page.locator(".sum").inner_text() == "1 mistake, at ∂E/∂s; 1 line follows from it"
    rows = page.locator(".lines button").all_inner_texts()
    assert rows[0].startswith("✗ first wrong\n∂E/∂s\n")
    assert "the sign is flipped" in rows[0]
    page.locator(".lines button").nth(1).click()
    assert page.locator(f"{SHOWN}.selected .name").text_content() == "v"
