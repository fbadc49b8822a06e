"""Names: `name=`, else the variables of the caller."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_lite import Tensor, Value
from tinygrad_lite.graph.names import name_all, user_frame, variables

module_level = Tensor([1.0])


def test_variables_of_the_caller():
    W, c = Tensor([1.0]), np.ones(2)
    names = name_all([W, c, module_level])
    assert names == {id(W): "W", id(c): "c", id(module_level): "module_level"}


def test_own_name_wins():
    W = Tensor([1.0], name="weights")
    assert name_all([W]) == {id(W): "weights"}
    W.name = None
    assert name_all([W]) == {id(W): "W"}


def test_locals_win_over_globals_and_the_first_name_over_later_ones():
    local = module_level
    again = local
    assert name_all([again]) == {id(local): "local"}


def test_underscores_and_numbers_have_no_name():
    _hidden = Tensor([1.0])
    number = 3.0
    assert name_all([_hidden, number]) == {}
    assert number == 3.0


def test_a_frame_can_be_given():
    def inner():
        x = Value(1.0)
        return x, user_frame()

    x, frame = inner()
    y = Value(2.0)
    assert name_all([x, y], frame) == {id(x): "x"}
    assert variables(frame)[id(x)] == "x"


def test_names_seen_from_inside_the_package():
    """An error is raised frames below the user's; the names are the user's all the same."""
    left, right = Tensor(np.ones(3)), Tensor(np.ones(4))
    with pytest.raises(ValueError, match=r"left \(3,\) and right \(4,\)"):
        left + right
