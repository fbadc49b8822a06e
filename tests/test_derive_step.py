"""One step on paper: every formula that the stepper shows is evaluated, over all ops."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from domains import DOMAINS, samples

import tinygrad_lite as tg
from tinygrad_lite.backprop.chain import contribution, slope
from tinygrad_lite.derive import step
from tinygrad_lite.derive.arrays import Arrays
from tinygrad_lite.derive.verify import environment
from tinygrad_lite.graph.node import Node
from tinygrad_lite.notation.code import code
from tinygrad_lite.ops import registry


def evaluated(form, values):
    """The array that a formula stands for; one in index notation by what it was made of."""
    t = form.tree
    if not form.matrix:
        printer = Arrays(lambda s: (s.name, s.name), step._sized)
        t = printer.tree(form.paper.expr)
    space = environment() | values
    for name, inner in form.within.items():
        space[name] = eval(code(inner, inner.axes, lambda: ""), space)
    with np.errstate(all="ignore"):
        return eval(code(t, form.paper.axes, lambda: str(form.paper.shape)), space)


def nodes(name):
    """Recorded nodes of an op over its domain, with what the arrays of their formulas are."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for dom, case in samples(name):
        inputs = dom.inputs(case, rng)
        leaves = [tg.Tensor(x) if x.dtype.kind == "f" else x for x in inputs]
        y = registry[name](*leaves, **case.settings)
        if isinstance(y, Node) and y.op is not None and np.size(y.data):
            values = {f"x{k}": np.asarray(a) for k, a in enumerate(y.operands)}
            values |= {"y": y.data, "G": rng.normal(size=y.shape)}
            yield y, values


def close(found, expected, text):
    found = np.asarray(found, dtype=float)
    assert found.shape == np.shape(expected), text
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale, err_msg=text)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_every_formula_of_a_step_evaluates_to_what_the_rules_give(name):
    for y, values in nodes(name):
        for index, x in enumerate(y.inputs):
            if not isinstance(x, Node) or x.constant:
                continue
            forms = [(step.pulled(y, index), contribution(y, index, values["G"]))]
            if y.op.elementwise:
                local = np.broadcast_to(slope(y, index), y.shape)
                forms.append((step.slope(y, index), local))
            for form, expected in forms:
                if form is not None:
                    found = evaluated(form, values)
                    if form is not forms[0][0]:
                        found = np.broadcast_to(found, y.shape)
                    close(found, np.asarray(expected), f"{y.op.name}: {form}")


@pytest.mark.parametrize("name", [n for n in sorted(DOMAINS) if registry[n].precedence < 5])
def test_operators_are_written_as_what_they_compute(name):
    for y, values in nodes(name):
        form = step.operation(y)
        assert form is not None
        if form.matrix or not form.tree.kind == "apply":
            close(evaluated(form, values), y.data, f"{name}: {form}")
