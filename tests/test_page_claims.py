"""What was claimed, on the page: beside the right gradient in the panel, and in the boxes."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import SHOWN, by_name, press, question, values

import tinygrad_lite as tg
from tinygrad_lite.draw.panes import aligned

pytestmark = pytest.mark.browser


def panel(page):
    return page.locator("#panel").inner_text()


# --- what was claimed


def matrices(page):
    """What stands in the section of a claim: caption -> entries."""
    return {
        mat.locator(".cap").inner_text().split("\n")[0]: mat.locator("td").all_inner_texts()
        for mat in page.locator(".claim .mat").all()
    }


def test_a_claim_stands_beside_the_right_gradient_and_their_difference(visit):
    E = question()
    node = by_name(E)
    E.backward()
    claim = np.array([1.0, -2.0])
    page = visit(None, html=tg.draw(E, check=tg.check(E, {node["v"]: claim})).html)
    page.locator(".lines button").first.click()
    assert page.locator(f"{SHOWN}.selected .name").text_content() == "v"
    right = node["v"].grad
    wanted = {"yours": claim, "backward()": right, "error": claim - right}
    assert matrices(page) == {f"{name} (2,)": list(aligned(a)) for name, a in wanted.items()}
    page.locator(".claim td").first.hover()
    assert page.locator("#say").inner_text() == "yours[0] = 1"
    page.keyboard.press("Escape")
    assert page.locator(".claim").count() == 0


def test_a_claim_of_another_shape_has_no_difference(visit):
    E = question()
    E.backward()
    W = by_name(E)["W"]
    page = visit(None, html=tg.draw(E, check=tg.check(E, {W: W.grad.T})).html)
    page.locator(".lines button").first.click()
    assert list(matrices(page)) == ["yours (3, 2)", "backward() (2, 3)"]


def test_a_line_of_code_stands_there_with_the_mended_one(visit):
    E = question()
    node = by_name(E)

    def backward(x, y, s):
        ds = y - s
        dv = ds * s * (1 - s)
        return np.outer(dv, x)

    report = tg.check(E, backward, names={"x": node["x"], "y": node["y"], "s": node["s"]})
    page = visit(None, html=tg.draw(E, check=report).html)
    page.locator(".lines button").first.click()
    assert page.locator(".code dd").all_inner_texts() == ["ds = y - s", "ds = s - y"]
    assert page.locator(".claim .mat").count() == 3


def test_once_a_number_is_changed_claims_are_no_longer_compared(visit):
    E = question()
    E.backward()
    W = by_name(E)["W"]
    page = visit(None, html=tg.draw(E, check=tg.check(E, {W: 2 * W.grad})).html)
    press(page, "a End")
    page.locator(f"{SHOWN}.leaf").first.click()
    assert page.locator(".claim .mat").count() == 3
    page.locator("#field").fill("0.75")
    assert page.locator(".claim .mat").count() == 0
    assert "belong to those that were recorded" in panel(page)


# --- whose gradients the boxes show


def labels(page):
    """box -> what its gradient is called."""
    found = page.locator(SHOWN).evaluate_all(
        """(all) => all.map((g) => [g.querySelector(".name").textContent,
            g.querySelector(".gradient > text")?.textContent])"""
    )
    return dict(found)


def test_what_was_claimed_stands_in_the_boxes(visit):
    E = question()
    node = by_name(E)
    E.backward()
    right = node["v"].grad
    report = tg.check(E, {node["v"]: 3 * right, node["W"]: node["W"].grad.T})
    page = visit(None, html=tg.draw(E, check=report).html)
    page.click("#whose button:has-text('yours')")
    shown = values(page, "gradient")
    assert shown["v"] == list(aligned(3 * right))
    assert shown["W"] is None, "it has another shape"
    assert shown["s"] is None, "nothing was claimed"
    assert {name: labels(page)[name] for name in "vsW"} == dict.fromkeys("vsW", "yours")
    press(page, "y")
    assert page.locator("#whose [aria-pressed=true]").inner_text() == "error"
    assert values(page, "gradient")["v"] == list(aligned(2 * right))
    press(page, "y")
    assert labels(page)["v"] == "∂E/∂v"
    assert values(page, "gradient")["v"] is None, "it is not computed yet"


def test_yours_and_the_right_one_have_one_scale_and_belong_to_what_was_recorded(visit):
    E = question()
    node = by_name(E)
    E.backward()
    report = tg.check(
        E, {node["v"]: 2 * node["v"].grad, node["x"]: np.nextafter(node["x"].grad, 9)}
    )
    page = visit(None, html=tg.draw(E, check=report).html)
    press(page, "a End")

    def levels(name):
        box = page.locator(SHOWN, has=page.locator(".name", has_text=name))
        return box.locator(".gradient .cell").evaluate_all(
            "(all) => all.map((c) => +c.getAttribute('class').slice(6))"
        )

    assert max(levels("v")) == 6
    press(page, "y")
    assert max(levels("v")) == 12
    press(page, "y")
    assert values(page, "gradient")["x"] == ["0"] * 3, "rounding is no error"
    page.locator(f"{SHOWN}.leaf").first.click()
    page.locator("#field").fill("0.75")
    assert page.locator("#whose").is_hidden()
    assert labels(page)["v"] == "∂E/∂v"
    assert max(levels("v")) == 12, "on its own scale"


def test_without_claims_there_is_nothing_to_choose(visit):
    assert visit(question()).locator("#whose").is_hidden()
