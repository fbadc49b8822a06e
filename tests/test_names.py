"""Names: `name=`, else the variables of the caller."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_lite import Tensor, Value
from tinygrad_lite.graph.names import name_all

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


def through_a_helper(node, *others):
    return name_all([node, *others])


def test_names_are_found_through_helpers():
    inner, entry = Tensor([1.0]), Tensor([3.0])
    names = through_a_helper(inner, entry, module_level)
    assert names == {id(inner): "node", id(entry): "entry", id(module_level): "module_level"}


def test_a_name_means_what_it_means_in_the_innermost_frame():
    node = Tensor([1.0])
    assert through_a_helper(Tensor([2.0]), node).get(id(node)) == "others[0]"


def test_entries_of_containers_have_names():
    ws, d = [Tensor([1.0]), Tensor([2.0])], {"k": Value(1.0), 2: Value(2.0), Value(3.0): Value(4.0)}
    first = ws[0]
    names = name_all([*ws, *d.values()])
    assert sorted(names.values()) == ["d['k']", "d[2]", "first", "ws[1]"]
    assert names[id(first)] == "first"


def test_what_is_in_objects_and_in_nested_containers_has_a_name():
    class Layer:
        def __init__(self):
            self.W, self._hidden = Tensor([1.0]), Tensor([2.0])

    class Net:
        def __init__(self):
            self.layers, self.me = [Layer(), Layer()], self

    net, experts = Net(), [(Tensor([3.0]), Tensor([4.0]))]
    found = name_all([net.layers[1].W, net.layers[0]._hidden, *experts[0]])
    assert list(found.values()) == ["net.layers[1].W", "experts[0][0]", "experts[0][1]"]


def test_old_results_of_a_notebook_name_nothing():
    Out, In = {1: Tensor([1.0])}, [Tensor([2.0])]
    assert name_all([*Out.values(), *In]) == {}


def test_underscores_and_numbers_have_no_name():
    _hidden = Tensor([1.0])
    number = 3.0
    assert name_all([_hidden, number]) == {}
    assert number == 3.0


def test_names_seen_from_inside_the_package():
    """An error is raised frames below the user's; the names are the user's all the same."""
    left, right = Tensor(np.ones(3)), Tensor(np.ones(4))
    with pytest.raises(ValueError, match=r"left \(3,\) and right \(4,\)"):
        left + right
