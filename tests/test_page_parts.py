"""Parts of the page's picture: what is related, equal steps, what a box holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pictures import SHOWN, by_name, chain, chip, demo, press, question, settle, titles, values

import tinygrad_lite as tg
from tinygrad_lite.draw.figures import number
from tinygrad_lite.draw.panes import aligned

pytestmark = pytest.mark.browser


def panel(page):
    return page.locator("#panel").inner_text()


# --- what is related to an entry


def columns():
    """A network on three observations, one in each column."""
    rng = np.random.default_rng(0)
    W, b = tg.Tensor(rng.normal(size=(2, 4)), name="W"), tg.Tensor(np.zeros((2, 1)), name="b")
    X = tg.Tensor(rng.normal(size=(4, 3)), name="X")
    z = W @ X + b
    a = tg.tanh(z)
    E = (a**2).sum()
    z.name, a.name, E.name = "z", "a", "E"
    return E


def lit(page):
    """box, role -> the cells that have a frame there."""
    page.wait_for_timeout(200)
    found = page.evaluate(
        """(boxes) => [...document.querySelectorAll(boxes)].flatMap((g) =>
          [...g.querySelectorAll(".pane")].map((pane) => {
            const cells = [...pane.querySelectorAll(".cell")];
            const paths = [...pane.querySelectorAll(".lit, .src, .hot")];
            const way = paths.map((path) => path.getAttribute("d")).join("");
            const on = (e) => way.includes(`M${e.getAttribute("x")} ${e.getAttribute("y")}h`);
            return [g.querySelector(".name").textContent, pane.classList[1],
              cells.flatMap((e, i) => on(e) ? [i] : [])];
          }))""",
        SHOWN,
    )
    return {(name, role): cells for name, role, cells in found if cells}


def test_a_column_lights_up_wherever_the_index_survives(visit):
    page = visit(columns())
    press(page, "a End")
    page.locator(SHOWN, has=page.locator(".name", has_text="z")).locator(".cell").nth(1).hover()
    found = lit(page)
    assert found["X", "value"] == [1, 4, 7, 10]
    assert found["z", "value"] == [1]
    assert found["a", "value"] == [1]
    assert found["W", "value"] == [0, 1, 2, 3]
    assert found["b", "value"] == [0]
    assert found["a", "gradient"] == [1]
    assert found["X", "gradient"] == [1, 4, 7, 10]
    assert found["W", "gradient"] == [0, 1, 2, 3]
    page.locator(SHOWN, has=page.locator(".name", has_text="X")).locator(".cell").nth(2).hover()
    found = lit(page)
    assert found["z", "value"] == found["a", "value"] == found["z", "gradient"] == [2, 5]
    assert ("b", "gradient") not in found, "all of it reads that column"


def test_the_residual_stream_is_a_rail(visit):
    W, x = tg.Tensor(np.eye(3), name="W"), tg.Tensor(np.ones(3), name="x")
    f = tg.tanh(W @ x)
    r = x + f
    E = (r * f).sum()
    f.name, r.name, E.name = "f", "r", "E"
    page = visit(E)
    found = page.locator(".link.rail").evaluate_all("(all) => all.length")
    assert found == 1, "not that from f to E, which multiplies"
    assert "as it is" in page.locator(".link.rail title").text_content()


def test_a_constant_that_is_used_all_over_has_stubs_too(visit):
    A, x = np.array([[0.5, 1.0], [1.0, 0.5]]), tg.Tensor([1.0, 2.0])
    x1 = tg.tanh(A @ x)
    x2 = tg.tanh(A @ x1)
    x3 = tg.tanh(A @ x2)
    x4 = tg.tanh(A @ x3)
    page = visit(x4)
    assert page.locator(f"{SHOWN}.stub").count() == 4
    page.locator(f"{SHOWN}.stub").first.click()
    assert page.locator("#panel table.mx td").count() == 4
    press(page, "a End")
    assert page.locator("#panel .say").count() > 0


# --- equal steps


def loop(steps=6):
    rng = np.random.default_rng(0)
    W, h = tg.Tensor(0.5 * rng.normal(size=(3, 3)), name="W"), tg.Tensor(np.ones(3), name="h0")
    states = []
    for x in rng.normal(size=(steps, 3)):
        h = tg.tanh(W @ h + x)
        states.append(h)
    h.name = "h"
    E = (h * h).sum()
    E.name = "E"
    return E, states


def test_a_step_of_a_loop_is_chosen(visit):
    E, states = loop()
    page = visit(None, html=tg.draw(E, max_nodes=8).html)
    press(page, "a End")
    assert page.locator(".link .back").count() == 4
    assert page.locator(".link.dry .back").count() == 0, "nor that to what the loop begins with"
    E.backward()
    for k in (6, 5, 1):
        page.locator("#turn").evaluate(
            "(t, k) => { t.value = k; t.dispatchEvent(new Event('input', {bubbles: true})); }", k
        )
        assert values(page, "value")["h"] == list(aligned(states[k - 1].data))
        assert values(page, "gradient")["h"] == list(aligned(states[k - 1].grad))
        assert k == 6 or page.locator("#live").inner_text() == f"step {k} of 6"
    press(page, "] ]")
    assert page.locator(".scope .label").last.text_content() == "step 3 of 6"
    assert values(page, "value")["h"] == list(aligned(states[2].data))
    page.locator(".chosen").first.wait_for(state="attached")
    page.click("#views button:has-text('ops')")
    assert page.locator("#turn").is_hidden()


def test_a_loop_whose_losses_are_added_begins_with_a_number(visit):
    w, v, h, losses = tg.Value(0.5, name="w"), tg.Value(1.2, name="v"), tg.Value(1.0), []
    for x in (1.0, -1.0, 0.5, 2.0):
        h = tg.tanh(w * h + x)
        losses.append((v * h - x) ** 2)
    total = sum(losses)
    total.name = "total"
    page = visit(None, html=tg.draw(total, max_nodes=12).html)
    press(page, "a End")
    for k in (1, 2):
        page.locator("#turn").evaluate(
            "(t, k) => { t.value = k; t.dispatchEvent(new Event('input', {bubbles: true})); }", k
        )
        shown = values(page, "value")
        so_far = sum(loss.data for loss in losses[:k])
        assert shown["total"] == list(aligned(np.array([so_far])))
        before = None if k == 1 else list(aligned(np.array([losses[0].data])))
        assert shown["total₋₁"] == before, "no number of another step"
        slope = 2 * (1.2 * math.tanh(0.5 + 1.0) - 1.0) * 1.2
        labels = page.locator("#picture .local").all_text_contents()
        assert k > 1 or f"×{number(slope)}" in labels, labels
    notes = page.locator(f"{SHOWN} > .note").all_text_contents()
    assert notes.count("numbers: of the last step") == 2, "x in h and in the loss"


def test_every_share_of_a_loop_s_weight_is_told_and_they_add_up(visit):
    E, _ = loop()
    page = visit(None, html=tg.draw(E, max_nodes=8).html)
    press(page, "a End")
    total = 0.0
    for _ in range(6):
        said = page.locator("[data-say]", has_text="∂E/∂W[0, 0]").inner_text()
        total += float(said.rsplit("= ", 1)[1].replace("−", "-"))
        press(page, "[")
    E.backward()
    assert total == pytest.approx(by_name(E)["W"].grad[0, 0], abs=2e-3)


# --- what a box holds


def test_a_line_is_opened_and_left(visit):
    E = question()
    page = visit(E)
    press(page, "a")
    page.locator(f"{SHOWN}.output .opens").click()
    assert [title.split(" ")[0] for title in titles(page)][-1] == "E"
    assert len(titles(page)) > 3
    E.backward()
    assert values(page, "value")["s"] == list(aligned(by_name(E)["s"].data)), "known before"
    assert values(page, "gradient")["s"] is None
    press(page, "End")
    assert chip(page).startswith("Backward")
    assert values(page, "gradient")["s"] == list(aligned(by_name(E)["s"].grad))
    page.click("#views button:has-text('lines')")
    assert len(titles(page)) == 6


def test_folded_groups_are_opened_one_by_one_from_the_panel(visit):
    root = demo()
    page = visit(None, html=tg.draw(root, max_nodes=5).html)
    folded = page.locator(f"{SHOWN}").count()
    box = page.locator(SHOWN, has=page.locator(".opens")).first
    box.focus()
    press(page, "Enter")
    page.locator("#panel button", has_text="Open").click()
    assert page.locator(f"{SHOWN}").count() > 1
    press(page, "v")
    assert page.locator(f"{SHOWN}").count() == folded


# --- slices, and speed


def test_slabs_say_which_slice_they_are(visit):
    x = tg.Tensor(np.arange(24.0).reshape(2, 3, 4), name="x")
    E = (x * x).sum()
    E.name = "E"
    page = visit(E)
    notes = page.locator(f"{SHOWN}.leaf .value .note").all_text_contents()
    assert notes == ["[0, …]", "[1, …]"]
    assert "[1, …]" in tg.draw(E).svg


def test_an_edit_among_1100_boxes_is_quick_and_reaches_all_of_them(visit):
    page = visit(chain(1100))
    page.locator("#views button").last.click()
    press(page, "a End")
    page.locator(f"{SHOWN}.leaf").first.click()
    spent = page.evaluate(
        """async () => { const all = [];
            for (let k = 0; k < 5; k += 1) {
              const slide = document.getElementById("slide"), t = performance.now();
              slide.value = 1 + k / 10;
              slide.dispatchEvent(new Event("input", { bubbles: true }));
              all.push(performance.now() - t);
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            }
            return all.sort((a, b) => a - b)[2]; }"""
    )
    assert spent < 50
    x = float(page.locator("#field").input_value())
    (wanted,) = aligned(np.array([x * 1.5**1100]))
    page.locator("#stage").evaluate("(stage) => { stage.scrollTop = 1e9; }")
    page.locator(f"{SHOWN}.output .value .entry", has_text=wanted).wait_for()


def test_to_point_elsewhere_leaves_the_editor_at_its_entry(visit):
    page = visit(question())
    press(page, "a End")
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#panel td").nth(1).click()
    assert page.locator("#edit label").inner_text() == "W[0, 1]"
    page.locator("#panel td").nth(5).hover()
    page.locator(SHOWN, has_text="σ(v)").locator(".cell").first.hover()
    page.locator("#field").fill("0.75")
    assert values(page, "value")["W"] == ["0.50", "0.75", "2.00", "1.50", "0.25", "−0.50"]


def test_what_the_reader_closes_stays_closed(visit):
    page = visit(question())
    press(page, "a End")
    page.locator("summary", has_text="The derivation so far").click()
    press(page, "ArrowLeft ArrowLeft")
    derivation = page.locator("details", has_text="The derivation so far")
    assert derivation.get_attribute("open") is None
    page.locator("summary", has_text="The derivation so far").click()
    press(page, "ArrowRight")
    assert derivation.get_attribute("open") == ""


def test_bars_say_how_large_each_step_is_and_follow_an_edit(visit):
    y, f = tg.Value(1.0, name="x"), tg.Value(0.1, name="f")
    for k in range(6):
        y = y * f
        y.name = f"y{k}"
    page = visit(None, html=tg.draw(y, steps=False, max_nodes=6).html)
    press(page, "a End")

    def bars(role):
        found = page.locator(f"{SHOWN} .{role} .bar").evaluate_all(
            "(all) => all.map((bar) => +bar.getAttribute('height') / 2)"
        )
        painted = page.locator(f"{SHOWN} .{role} .bar").evaluate_all(
            "(all) => all.map((bar) => bar.getBBox().height / 2)"  # whatever the style sheets say
        )
        assert painted == found
        return found, page.locator(f"{SHOWN} .{role} .note").last.text_content()

    falls = [12, 10, 8, 5, 3, 1]
    assert bars("value") == (falls, "norm 0.1 → 1e−6, log scale")
    assert bars("gradient") == (falls[::-1], "norm 1e−5 → 1, log scale")
    page.locator(f"{SHOWN}.leaf", has=page.locator(".name", has_text="f")).click()
    page.locator("#field").fill("1")
    assert bars("value") == ([12] * 6, "norm 1 → 1, log scale")


def test_what_is_far_from_sight_is_not_laid_out_until_it_is_near(visit):
    page = visit(chain(1100))
    page.locator("#views button").last.click()
    for words in ("t₅₀₀ =", "t₉₀₀ ="):
        page.fill("#search", words)
        press(page, "Enter")
        settle(page)
        box = page.locator(f"{SHOWN}.selected")
        stage, frame = page.locator("#stage").bounding_box(), box.bounding_box()
        assert stage["y"] <= frame["y"] <= stage["y"] + stage["height"] - frame["height"]
        laid = page.locator(f"{SHOWN} text").evaluate_all(
            "(all) => all.filter((t) => t.getBoundingClientRect().width).length"
        )
        assert 30 < laid < 600
    near = page.locator(f"{SHOWN}:not(.far)").count()
    assert 10 < near < 60
    assert page.locator(".link:not(.far)").count() >= near
    page.emulate_media(media="print")
    assert page.locator(f"{SHOWN} .title").first.is_visible()
    page.emulate_media(media="screen")
    page.click("#views button:has-text('folded')")
    assert page.locator(f"{SHOWN}.far").count() == 0
