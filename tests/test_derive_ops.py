"""Every op, at the shapes of its domains, is derived or has no formula, and raises nothing."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from domains import samples

import tinygrad_lite as tg
from tinygrad_lite.ops import registry

SMALL = 60  # entries


@pytest.mark.parametrize("name", sorted(registry))
def test_every_op_is_derived_or_says_that_it_is_not(name):
    op, rng, derived = registry[name], np.random.default_rng(0), 0
    for domain, case in islice(samples(name), 4):
        inputs = domain.inputs(case, rng)
        if sum(map(np.size, inputs)) > SMALL:
            continue
        leaves = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        x = next(leaf for leaf in leaves if isinstance(leaf, tg.Tensor))
        y = op(*leaves, **case.settings)
        for asked in ((tg.sum(y * 1.5), x), (y, x), (tg.sum(y**2), x, x)):
            found = tg.derive(*asked, budget=1.0)
            assert str(found)
            assert found.latex
            assert found.text
            derived += found.formulas[0].known
    assert derived
