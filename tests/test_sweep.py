import numpy as np

import tinygrad_lite as tg


def test_a_row_that_was_broadcast_keeps_its_axis(rng):
    X, row = tg.Tensor(rng.normal(size=(5, 3))), tg.Tensor(rng.normal(size=(1, 3)))
    C = rng.normal(size=(5, 3))
    (C * (X * row)).sum().backward()
    np.testing.assert_allclose(row.grad, (C * X.data).sum(axis=0, keepdims=True), rtol=1e-13)
