"""Long graphs: no recursion, and nothing left for the collector."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Tensor, Value


def test_a_long_chain_of_tensors():
    n = 100_000
    x = Tensor([1.0, 2.0])
    y = x
    for _ in range(n):
        y = y + x
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [n + 1, n + 1])
    assert sys.getrecursionlimit() <= 3000


def test_a_graph_is_freed_at_once_without_the_collector():
    W, x = Tensor(np.eye(20)), Tensor(np.ones(20))

    def run():
        y = x
        for _ in range(200):
            y = tg.tanh(W @ y) + x
        first = weakref.ref(y.inputs[0])
        y.sum().backward()
        y.jacobian(x)
        assert first() is not None
        del y
        assert first() is None
        W.zero_grad()
        x.zero_grad()

    gc.collect()
    gc.disable()
    try:
        run()  # fills the free lists of Python and NumPy
        tracemalloc.start()
        run()
        assert tracemalloc.get_traced_memory()[0] < 20_000
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()


def test_transforms_leave_no_garbage():
    gc.collect()
    gc.disable()
    try:
        tg.hessian(lambda x: (tg.tanh(x) ** 2).sum())(np.ones(3))
        tg.jvp(lambda x: tg.tanh(x), (np.ones(3),), (np.ones(3),))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_chain_of_values_under_the_default_recursion_limit():
    assert sys.getrecursionlimit() <= 3000  # Python's own is 1000
    n = 1_000_000
    x = Value(1.0)
    y = x
    for _ in range(n):
        y = y + x
    y.backward()
    assert x.grad == n + 1
    del y


def test_a_graph_of_values_is_freed_at_once_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        x = Value(1.0)
        base = tracemalloc.get_traced_memory()[0]
        y = x
        for _ in range(20_000):
            y = (y * x).tanh() + 0.5
        y.backward()
        assert tracemalloc.get_traced_memory()[0] - base > 1_000_000
        del y
        assert tracemalloc.get_traced_memory()[0] - base < 10_000
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
