"""Settings of ops as code: whatever an op keeps can be told."""

import numpy as np
import pytest

from tinygrad_lite.notation.settings import setting, told


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64, "np.float64"),
        (np.dtype("float32"), "np.float32"),
        (np.float64(2.0), "2.0"),
        (np.arange(3), "[0, 1, 2]"),
        (np.arange(9), "[…]"),
        ((slice(1, 3), np.arange(9)), "1:3, […]"),
        ((np.float64, 2), "np.float64, 2"),
        (float("-inf"), "-np.inf"),
        (Ellipsis, "..."),
    ],
)
def test_every_sort_of_setting_is_told(value, expected):
    assert told(value) == expected


def test_a_class_is_code_that_runs():
    assert setting(np.float32) == "np.float32"
