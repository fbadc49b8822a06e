"""How an array lies in another one."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_lite.notation.views import part_of

x, X, H = (np.random.default_rng(0).normal(size=n) for n in (9, (5, 3), (2, 3, 4)))
R = x[None]  # its first stride is 0
PARTS = (
    *("x[1:-1]", "x[::2]", "x[4:5]", "x[None]", "X.T", "X[2]", "X[1:3]", "X[2:,1]", "X[:,None]"),
    *(
        "X[:,1:].T",
        "H[1]",
        "H[:,0]",
        "H[1,2]",
        "H.transpose(0,2,1)",
        "H[0].T",
        "X[:,:,None]",
        "X.reshape(5,3,1)",
    ),
    *("R[0]", "R[:,1:3]", "R.T"),
)


@pytest.mark.parametrize("text", PARTS)
def test_a_part_is_written_as_code_for_it(text):
    a = eval(text)
    name = text[0]
    found = part_of(a, globals()[name], name)
    again = eval(found)
    assert found.startswith(name)
    assert np.shares_memory(again, a)
    np.testing.assert_array_equal(again, a)
    assert again.shape == a.shape


@pytest.mark.parametrize(
    "a", [x[::-1], x.copy(), X.reshape(-1), x[2:2], np.zeros(9), x.view(np.int64), 3.0]
)
def test_other_arrays_are_no_part(a):
    assert part_of(a, x, "x") == ""
