"""Machine code for graphs of scalars: the loops are printed from the ops' own definitions."""

import math
import random

import numpy as np
import pytest
from scalar_graphs import disagreement, scattered

import tinygrad_lite as tg
from tinygrad_lite import Value, ops
from tinygrad_lite.compile.lift import Scalars
from tinygrad_lite.compile.native import Native, NoNative, installed, source

ELEMENTWISE = [op for op in ops.registry.values() if op.elementwise and op.arity]
POINTS = [
    (0.3, -0.7, 0.9),
    (1.5, 0.0, -0.0),
    (math.inf, 2.0, -1.0),
    (math.nan, -2.5, 3.0),
    (0.5, 0.5, 0.5),
]


def kinds(value):
    return [kind for kind in Scalars(value).kinds if kind is not None]


def written(op):
    try:
        return source(kinds(op(*(Value(x) for x in (0.4, 0.6, 0.7)[: op.arity]))))
    except NoNative:
        return None


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_every_op_but_those_of_scipy_is_written(op):
    assert op.__module__.endswith("special") or "def backward" in written(op)


def test_numba_computes_every_op_as_eager_code_does(needs):
    needs("numba")
    for point in POINTS:
        leaves = [Value(x) for x in point]
        terms = []
        for op in ELEMENTWISE:
            if written(op):
                for inputs in (leaves, leaves[1:] + leaves[:1]):
                    terms.append((op.name, op(*inputs[: op.arity])))
        graph = Scalars(sum(y for _, y in terms))
        native = Native(graph, np.array([leaf.data for leaf in graph.leaves]))
        native.run()
        for name, y in terms:
            for leaf in leaves:
                leaf.zero_grad()
            y.backward()
            native._grad[:] = 0.0
            native._grad[graph.places[y]] = 1.0
            native._backward(native._data, native._grad, native._kinds, *native._inputs)
            found = [native._data[graph.places[y]]]
            found += [native._grad[graph.places[leaf]] for leaf in leaves]
            wanted = [y.data, *(leaf.grad or 0.0 for leaf in leaves)]
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_large_graph_without_a_pattern(needs):
    needs("numba")
    loss = scattered(random.Random(0), 3000)
    program = tg.compile(loss)
    assert "numba" in repr(program)
    assert "numba runs the graph" in program.explain()
    leaves = program._leaves.nodes

    def run():
        value = program()
        return value, [leaf.grad for leaf in leaves]

    assert disagreement(loss, leaves, run) is None
    before = [leaf.data for leaf in leaves]
    program.step(1e-3)
    moved = [x - 1e-3 * leaf.grad for x, leaf in zip(before, leaves, strict=True)]
    assert [leaf.data for leaf in leaves] == pytest.approx(moved)


def test_an_op_that_cannot_be_compiled_leaves_the_graph_to_python(needs):
    needs("scipy")
    x = Value(0.5)
    for _ in range(1500):
        x = tg.special.gammaln(x * 0.1 + 2.0)
    program = tg.compile(x)
    if installed():
        assert "gammaln cannot be written as machine code" in program.explain()
    assert "Python" in repr(program)


def test_an_op_of_four_inputs():
    @tg.elementwise("blend({0}, {1}, {2}, {3})")
    def blend(xp, a, b, c, d):
        return a * b + c * d

    blend.local(*(lambda xp, y, *x, k=k: x[(1, 0, 3, 2)[k]] for k in range(4)))
    y = blend(*(Value(float(i)) for i in range(4)))
    with pytest.raises(NoNative, match="blend cannot be written"):
        source(kinds(y))
