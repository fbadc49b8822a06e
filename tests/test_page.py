"""The page, driven in a browser that has no network: keys, buttons, what it shows and asks."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import (
    GRAPHS, SHOWN, chain, chip, demo, mlp, press, question, settle, squared, state, titles, values,
)  # fmt: skip

import tinygrad_lite as tg
from tinygrad_lite.draw.panes import aligned
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
        *("Turn round", "backward E", "backward s", "backward v"),
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


def test_space_plays_and_pauses(visit):
    page = visit(question())
    press(page, "Space")
    page.locator("#panel .chip", has_text="Forward 1").wait_for()
    press(page, "Space")
    page.wait_for_timeout(1500)
    assert chip(page) == "Forward 1 of 3"


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
    press(page, "/")
    page.keyboard.type("RELU")
    assert page.locator("#live").inner_text() == "4 found"
    assert page.locator(f"{SHOWN}.match").count() == 4
    press(page, "Enter Enter")
    assert page.locator(f"{SHOWN}.selected .name").text_content() == "t₄"
    press(page, "Shift+Enter")
    assert page.locator(f"{SHOWN}.selected .name").text_content() == "t₁"
    press(page, "Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator(".match").count() == 0
    press(page, "ArrowRight")
    assert chip(page) == "Forward 1 of 6"


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


def shown_numbers(root, grad):
    """What Python's pictures print, by name."""
    order = [n for n in topological_order(root) if n.name]
    found = {n.name: n.grad if grad else n.data for n in order if not (grad and n.constant)}
    return {name: list(aligned(np.ravel(a))) for name, a in found.items()}


@pytest.mark.parametrize("make", [demo, question], ids=lambda f: f.__name__)
def test_the_last_step_shows_the_gradients_of_backward(visit, make):
    root = make()
    page = visit(root)
    press(page, "End")
    root.backward()
    for role, grad in (("value", False), ("gradient", True)):
        shown, expected = values(page, role), shown_numbers(root, grad)
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


def test_nothing_is_shown_before_it_is_computed(visit):
    page = visit(question())
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
    assert "adds up: 5.5 + 1 = 6.5" in panel(page)


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


# --- one entry


def test_an_entry_of_a_gradient_shows_the_row_and_the_column_that_make_it(visit):
    page = visit(question())
    press(page, "a End")
    page.locator("#panel .outer > .mat td").nth(4).hover()
    said = page.locator("[data-say]").first.inner_text()
    assert said.startswith("∂E/∂W[1, 1] = ∂E/∂v[1] · x[1] = ")
    assert page.locator("#panel td.hot").inner_text() == page.locator(
        "#panel .outer > .mat td"
    ).nth(4).inner_text()
    sources = page.locator("#panel .outer td.src").all_inner_texts()
    assert sources == [values(page, "value")["x"][1], values(page, "gradient")["v"][1]]
    assert page.locator("#picture .hot").count() == 1
    assert page.locator("#picture .src").count() == 2


def test_printed_numbers_give_the_printed_result(visit):
    page = visit(question())
    press(page, "a")
    for step in ("v", "s"):
        page.locator(f"#track [aria-label='backward {step}']").click()
        for k in range(3):
            if step == "s" and k == 2:
                continue
            page.locator("#panel td:not(.src)").nth(k).hover()
            for said in page.locator("[data-say]").all_inner_texts():
                *_, numbers, result = said.replace("−", "-").split(" = ")
                shown = eval(numbers.replace("·", "*"))
                assert f"{shown:.{len(result.partition('.')[2])}f}" == result, said


def test_the_keyboard_moves_in_a_matrix(visit):
    page = visit(question())
    press(page, "a End")
    page.locator("#panel .outer > .mat td").first.focus()
    press(page, "ArrowRight ArrowDown ArrowDown")
    said = page.locator("[data-say]").first.inner_text()
    assert said.startswith("∂E/∂W[1, 1] = ")
    assert page.locator("#panel .outer > .mat td[tabindex='0']").count() == 1
    assert chip(page) == "Backward 3 of 3"


# --- predict, then reveal


def test_a_wrong_answer_is_answered_and_the_right_one_reveals(visit):
    page = visit(question())
    page.locator("#track [aria-label='backward s']").click()
    assert "What does s hand to v? Predict first." in panel(page)
    assert values(page, "gradient")["v"] is None
    options = page.locator(".opts button")
    assert options.count() == 4
    options.get_by_text("∂E/∂s", exact=True).click()
    assert "the activation's derivative is missing" in panel(page)
    assert values(page, "gradient")["v"] is None
    options.get_by_text("(∂E/∂s) ⊙ s ⊙ (1 − s)", exact=True).click()
    assert values(page, "gradient")["v"] is not None
    assert page.locator(".ask").count() == 0


def test_enter_or_a_button_shows_it_and_predicting_can_be_switched_off(visit):
    page = visit(question())
    page.locator("#track [aria-label='backward E']").click()
    press(page, "Enter")
    assert values(page, "gradient")["s"] is not None
    press(page, "ArrowRight")
    page.click("#tell")
    assert values(page, "gradient")["v"] is not None
    press(page, "ArrowRight")
    assert page.locator(".ask").count() == 1
    page.click("#ask")
    assert page.locator("#ask").inner_text() == "Predict: off"
    assert page.locator(".ask").count() == 0
    assert values(page, "gradient")["W"] is not None


# --- a live graph


def edited(change):
    """What Python has with another W[0, 1]."""
    W = tg.Tensor([[0.5, change, 2.0], [1.5, 0.25, -0.5]], name="W")
    E = squared(W, tg.Tensor([2.0, -1.0, 0.5], name="x"))
    E.backward()
    return E


def test_an_entry_is_changed_and_all_is_computed_anew(visit):
    page = visit(question())
    press(page, "End")
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#panel td").nth(1).click()
    assert page.locator("#edit label").inner_text() == "W[0, 1]"
    field = page.locator("#field")
    field.fill("0.75")
    expected = edited(0.75)
    for role, grad in (("value", False), ("gradient", True)):
        shown, wanted = values(page, role), shown_numbers(expected, grad)
        for name in ("v", "s", "E"):
            assert shown[name] == wanted[name]
    assert field.evaluate("(f) => f === document.activeElement")
    page.click("#more")
    assert float(field.input_value()) == pytest.approx(0.85)
    page.locator("#panel td").nth(1).focus()
    press(page, "- -")
    assert float(field.input_value()) == pytest.approx(0.65)
    page.locator("#slide").evaluate(
        "(s) => { s.value = -1; s.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    assert float(field.input_value()) == pytest.approx(-1, abs=0.01)
    page.click("#reset")
    assert float(field.input_value()) == -1.0
    assert values(page, "value")["E"] == shown_numbers(edited(-1.0), False)["E"]


def test_a_nudge_is_compared_with_the_gradient(visit):
    page = visit(question())
    press(page, "End")
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#panel td").nth(0).click()
    said = page.locator("#nudge").inner_text().replace("−", "-")
    moved, foretold = (float(x) for x in (said.split("by ")[1].split()[0], said.split("= ")[1]))
    assert moved == pytest.approx(foretold, rel=2e-3)
    assert said.startswith("W[0, 0] + 0.001: E ")


def test_a_constant_can_be_changed_too(visit):
    page = visit(question())
    page.locator(f"{SHOWN}.constant").click()
    page.locator("#field").fill("0")
    assert values(page, "value")["y"] == ["0", "0"]


def test_another_branch_of_the_code_is_refused(visit):
    x = tg.Tensor([3.0], name="x")
    n = tg.norm(x)
    n.name = "n"
    page = visit(n)
    press(page, "End")
    page.locator(f"{SHOWN}.leaf").click()
    page.locator("#field").fill("0")
    assert "would take another branch" in page.locator("#nudge").inner_text()
    assert values(page, "value")["x"] == ["3"]
    page.locator("#field").fill("4")
    assert values(page, "value")["n"] == ["4"]


def test_an_op_that_cannot_be_printed_leaves_the_numbers_fixed(visit):
    A = tg.Tensor([[2.0, 0.5], [0.5, 1.0]], name="A")
    E = tg.linalg.inv(A).sum()
    E.name = "E"
    page = visit(E)
    assert "as recorded and cannot be changed: a page cannot compute inv" in panel(page)
    press(page, "End")
    E.backward()
    assert values(page, "gradient")["A"] == list(aligned(A.grad.ravel()))
    page.locator(f"{SHOWN}.leaf").click()
    assert page.locator("#field").count() == 0


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
