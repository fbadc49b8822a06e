"""Exercises made by the table of slips, and the hints that lead to an answer."""

import json

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.check.exercise import FORMATS
from tinygrad_lite.check.hints import HINTS

rng = np.random.default_rng(0)
W, x, y = tg.Tensor(rng.normal(size=(5, 4))), tg.Tensor(rng.normal(size=4)), rng.normal(size=5)
s = tg.sigmoid(W @ x)
E = 0.5 * ((s - y) ** 2).sum()


def test_every_exercise_is_wrong_and_its_answer_right():
    made = tg.exercise(E, W, 8)
    assert len(made) == 8
    assert len({item.wrong for item in made}) == 8
    assert not any(made.grade([item.wrong for item in made]))
    assert all(made.grade([item.right for item in made]))


def test_a_seed_makes_the_same_exercises():
    assert str(tg.exercise(E, W, 4, seed=3)) == str(tg.exercise(E, W, 4, seed=3))
    assert str(tg.exercise(E, W, 4, seed=3)) != str(tg.exercise(E, W, 4, seed=4))


def test_the_answers_are_apart():
    made = tg.exercise(E, W, 3)
    assert made[0].right not in str(made)
    assert made[0].right in made.answers


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_has_every_exercise(ending, tmp_path):
    made = tg.exercise(E, W, 3)
    text = made.write(tmp_path / f"sheet{ending}").read_text()
    if ending == ".ipynb":
        text = "".join(cell["source"] for cell in json.loads(text)["cells"])
    for item in made:
        assert item.wrong in text


def test_hints_lead_from_the_line_to_the_answer():
    report = tg.check(E, {W: "np.outer(x, (s - y) * s * (1 - s))"})
    assert [report.hint(level) for level in range(1, len(HINTS) + 1)] == [
        "Look at the gradient of W.",
        "The mistake is of this kind: the factors of a product, or the entries, are in another "
        "order.",
        "W is used in W x, which hands it G xᵀ.",
        "It should read: np.outer((s - y) * s * (1 - s), x)",
    ]
    with pytest.raises(ValueError, match="there are 1 to 4"):
        report.hint(5)
    assert tg.check(E, {s: "s - y"}).hint() == ""


def test_what_is_no_exercise_says_so(tmp_path):
    with pytest.raises(TypeError, match="exercise: a int is no Value or Tensor"):
        tg.exercise(3, W)
    with pytest.raises(ValueError, match="n=0; it must be a whole number from 1 on"):
        tg.exercise(E, W, n=0)
    made = tg.exercise(E, W)
    with pytest.raises(ValueError, match="should end in"):
        made.write(tmp_path / "sheet.doc")
    with pytest.raises(FileNotFoundError, match="folder"):
        made.write(tmp_path / "nowhere" / "sheet.txt")
    first, again = (made.write(tmp_path / f"{k}.ipynb").read_text() for k in "ab")
    assert first == again
