"""One entry on the page: what makes it, what it asks, and what changes when it does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pictures import SHOWN, chip, press, printed_numbers, question, squared, values

import tinygrad_lite as tg
from tinygrad_lite.draw.panes import aligned
from tinygrad_lite.graph.node import topological_order

pytestmark = pytest.mark.browser


def panel(page):
    return page.locator("#panel").inner_text()


# --- one entry


def test_an_entry_of_a_gradient_shows_the_row_and_the_column_that_make_it(visit):
    page = visit(question())
    press(page, "a End")
    page.locator("#panel .outer > .mat td").nth(4).hover()
    said = page.locator("[data-say]").first.inner_text()
    assert said.startswith("∂E/∂W[1, 1] = ∂E/∂v[1] · x[1] = ")
    assert (
        page.locator("#panel td.hot").inner_text()
        == page.locator("#panel .outer > .mat td").nth(4).inner_text()
    )
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


def test_a_gradient_that_is_given_is_no_number_to_change_and_is_said_once(visit):
    a, b = tg.Tensor(2.0), tg.Tensor(3.0)
    c, d = tg.exp(a), tg.exp(b)
    page = visit(c + d)
    press(page, "a")
    page.locator("#track [aria-label^='backward']").first.click()
    assert page.locator("#panel .say.back").first.inner_text().count("=") == 1
    assert page.locator("#edit").count() == 0
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.locator("#edit").count() == 1


def test_printed_numbers_give_small_results_and_those_of_functions_of_the_user_too(visit):
    b, w, x = tg.Value(0.12345), tg.Value(-0.58402), tg.Value(1.9949)
    a = tg.relu(b - w * x)
    t = tg.tanh(tg.Value(3.9, name="u"))
    y = 1e-3 * a * (1 - t * t)
    page = visit(y, html=tg.draw(y, steps=False).html)
    press(page, "a")
    known = {"relu": lambda x: max(x, 0.0), "tanh": math.tanh}
    said = set()
    for _ in range(8):
        press(page, "ArrowRight")
        said |= set(page.locator("#panel .say").all_inner_texts())
    told = [text.split(" = ") for text in said if text.count(" = ") > 1]
    assert len(told) >= 4
    for *_, numbers, result in told:
        value, printed = (
            eval(t.replace("−", "-").replace("·", "*"), known) for t in (numbers, result)
        )
        assert f"{value:.2e}" == f"{printed:.2e}", (numbers, result)


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
        shown, wanted = values(page, role), printed_numbers(expected, grad)
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
    assert values(page, "value")["E"] == printed_numbers(edited(-1.0), False)["E"]


def test_local_derivatives_beside_arrows_follow_an_edit(visit):
    a, b = tg.Value(2.0, name="a"), tg.Value(3.0, name="b")
    e = tg.relu(a * b)
    page = visit(e)
    press(page, "a End")
    labels = page.locator("#picture .local")
    assert sorted(labels.all_text_contents()) == ["×1", "×2", "×3"]
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#field").fill("5")
    assert sorted(labels.all_text_contents()) == ["×1", "×3", "×5"]
    assert sorted(page.locator("#picture .link title").all_text_contents()) == ["×1", "×3", "×5"]
    page.locator("#field").fill("-5")
    assert sorted(labels.all_text_contents()) == ["×0", "×—", "×—"], "nothing comes to tell by"


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
    E = tg.linalg.cholesky(A).sum()
    E.name = "E"
    page = visit(E)
    assert "as recorded and cannot be changed: a page cannot compute cholesky" in panel(page)
    press(page, "End")
    E.backward()
    assert values(page, "gradient")["A"] == list(aligned(A.grad.ravel()))
    page.locator(f"{SHOWN}.leaf").click()
    assert page.locator("#field").count() == 0


def test_a_system_of_equations_is_solved_anew(visit):
    A, b = tg.Tensor([[2.0, 0.5], [0.5, 1.0]], name="A"), tg.Tensor([1.0, 2.0], name="b")
    y = tg.linalg.solve(A, b)
    E = y @ y + tg.linalg.slogdet(A)[1]
    y.name, E.name = "y", "E"
    page = visit(E)
    press(page, "a End")
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#panel td").first.click()
    for entry in (0.1, 0.25):
        page.locator("#field").fill(str(entry))
        singular = entry == 0.25
        solved = np.linalg.solve([[entry, 0.5], [0.5, 1.0 + singular]], [1.0, 2.0])
        assert values(page, "value")["y"] == (["NaN"] * 2 if singular else list(aligned(solved)))


def test_the_jacobian_that_no_step_builds(visit):
    E = question()
    node = {n.name: n for n in topological_order(E) if n.name}
    page = visit(E)
    press(page, "a End")
    before = values(page, "gradient")
    page.locator("summary", has_text="Where is ∂v/∂W?").click()
    J = node["v"].jacobian(node["W"])
    assert f"{(J == 0).sum()} of its {J.size} entries are 0" in panel(page)
    cells = (
        page.locator(".jac").first.locator("td").evaluate_all("(all) => all.map((t) => t.title)")
    )
    assert len(cells) == J.size
    assert cells[4] == "∂v[0]/∂W[1, 1] = 0"
    assert cells[1] == "∂v[0]/∂W[0, 1] = −1"
    assert values(page, "gradient") == before
    assert page.locator("summary", has_text="Where is ∂v/∂x?").count() == 1
    assert page.locator("summary", has_text="Where is ∂E").count() == 0


def test_an_entry_that_is_a_sum_of_nothing(visit):
    x, w = tg.Tensor(np.zeros((0, 3)), name="x"), tg.Tensor([1.0, -2.0, 0.5], name="w")
    E = (x @ w).sum() + (w**2).sum()
    E.backward()
    page = visit(E)
    press(page, "a End")
    assert "∂root/∂w gets xᵀ 𝟏 + 2 w" in panel(page)
