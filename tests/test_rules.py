"""Every op of the registry against finite differences, itself and other backends.

The inputs come from the domain table; an op without a line in it fails here.
"""

from __future__ import annotations

import itertools
import math
import zlib

import numpy as np
import pytest
from domains import DOMAINS, samples
from draws import signs
from places import LIBRARIES, devices, placed

import tinygrad_lite as tg
from tinygrad_lite.graph.backend import in_numpy
from tinygrad_lite.notation.code import op_code
from tinygrad_lite.ops import registry

OPS = sorted(registry)
ELEMENTWISE = [name for name in OPS if registry[name].elementwise]
STEP = 2e-3
# Central differences of order 6: f'(x) h = sum of weight * (f(x + k h) - f(x - k h)).
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))


def test_every_op_has_a_domain():
    assert sorted(DOMAINS) == OPS


@pytest.mark.parametrize("name", OPS)
def test_every_op_is_public_and_documented(name):
    op = registry[name]
    assert getattr(tg, name) is op
    assert op.__doc__.strip().endswith(".")
    assert len(op.rules) == (1 if op.arity is None else op.arity)


def seeded(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def slope(f, inputs, directions):
    """d/dt f(inputs + t * directions) at 0, for an f with a number as its result."""

    def at(t):
        moved = [x if d is None else x + t * d for x, d in zip(inputs, directions, strict=True)]
        return f(moved)

    return sum(w * (at(k * STEP) - at(-k * STEP)) for k, w in STENCIL) / STEP


def floating(x):
    return x.dtype.kind == "f"


def directions_for(inputs, rng):
    return [rng.normal(size=x.shape) if floating(x) else None for x in inputs]


def leaves_of(inputs):
    """Floating inputs wrapped, others (masks, labels) as they are."""
    return [tg.Tensor(x) if floating(x) else x for x in inputs]


def value(op, inputs, case):
    return np.asarray(op(*inputs, **case.settings))


def close(actual, expected, rtol=1e-8, atol=1e-9):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def inner(a, b):
    return float(np.sum(a * b))


def gradients(op, inputs, case, cotangent):
    """The result and each floating input's gradient (0 where nothing reaches it)."""
    leaves = leaves_of(inputs)
    y = op(*leaves, **case.settings)
    y.backward(cotangent)
    return y, [
        (np.zeros(x.shape) if x.grad is None else x.grad) if isinstance(x, tg.Tensor) else None
        for x in leaves
    ]


@pytest.mark.parametrize("name", OPS)
def test_gradient_against_finite_differences(name):
    """Each input by itself, along a random direction, under a random cotangent."""
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name, rounds=3):
        inputs = dom.inputs(case, rng)
        G = rng.normal(size=value(op, inputs, case).shape)
        y, grads = gradients(op, inputs, case, G)
        np.testing.assert_array_equal(y.data, value(op, inputs, case))
        directions = directions_for(inputs, rng)
        for i, (x, d) in enumerate(zip(inputs, directions, strict=True)):
            if d is None:
                continue
            assert grads[i].shape == x.shape
            alone = [d if j == i else None for j in range(len(inputs))]

            def along_cotangent(moved):
                z = value(op, moved, case)  # noqa: B023
                return inner(G, z * signs(name, case, z, y.data))  # noqa: B023

            expected = slope(along_cotangent, inputs, alone)
            close(inner(grads[i], d), expected)


def scaled(rule):
    """A rule whose result is off by a millionth; 0 becomes a millionth."""
    if not callable(rule):
        return rule * (1 + 1e-6) if rule else 1e-6

    def off(*args, **settings):
        result = rule(*args, **settings)
        return result * (1 + 1e-6) if np.any(result) else result + 1e-6

    return off


@pytest.mark.parametrize("name", OPS)
def test_a_rule_that_is_off_by_a_millionth_is_found(name, monkeypatch):
    op = registry[name]
    differentiated = {
        0 if op.arity is None else i
        for dom, case in samples(name)
        for i, x in enumerate(dom.inputs(case, seeded(name)))
        if floating(x)
    }
    for i in differentiated:
        rules = tuple(scaled(r) if j == i else r for j, r in enumerate(op.rules))
        with monkeypatch.context() as patch:
            patch.setattr(op, "rules", rules)
            with pytest.raises(AssertionError, match="Not equal to tolerance"):
                test_gradient_against_finite_differences(name)
    assert differentiated


@pytest.mark.parametrize("name", OPS)
def test_second_order_against_differences_of_the_gradient(name):
    """H V along a direction, mixed terms and the cotangent's own derivative included."""
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name, rounds=3):
        inputs = dom.inputs(case, rng)
        y0 = value(op, inputs, case)
        G = rng.normal(size=y0.shape)
        V, directions = directions_for(inputs, rng), directions_for(inputs, rng)
        upstream_direction = rng.normal(size=G.shape)

        def along_gradient(moved):
            *xs, g = moved
            g = g * signs(name, case, value(op, xs, case), y0)  # noqa: B023
            grads = gradients(op, xs, case, g)[1]  # noqa: B023
            return sum(inner(v, h) for v, h in zip(V, grads, strict=True) if v is not None)  # noqa: B023

        expected = slope(along_gradient, [*inputs, G], [*directions, upstream_direction])

        leaves, upstream = leaves_of(inputs), tg.Tensor(G)
        y = op(*leaves, **case.settings)
        (y * upstream).sum().backward(record=True)
        parts = [
            (x.grad * v).sum()
            for x, v in zip(leaves, V, strict=True)
            if v is not None and isinstance(x.grad, tg.Tensor)
        ]
        if not parts:  # the gradient is constant
            close(expected, 0.0)
            continue
        along = sum(parts[1:], parts[0])
        for x in (*leaves, upstream):
            if isinstance(x, tg.Tensor):
                x.zero_grad()
        if along.is_leaf:
            close(expected, 0.0)
            continue
        along.backward()
        actual = sum(
            inner(x.grad, d)
            for x, d in zip([*leaves, upstream], [*directions, upstream_direction], strict=True)
            if isinstance(x, tg.Tensor) and x.grad is not None
        )
        close(actual, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", OPS)
def test_forward_mode_agrees_with_reverse(name):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name, rounds=3):
        inputs = dom.inputs(case, rng)
        G = rng.normal(size=value(op, inputs, case).shape)
        _, grads = gradients(op, inputs, case, G)
        where = [i for i, x in enumerate(inputs) if floating(x)]
        tangents = directions_for(inputs, rng)

        def function(*moving):
            full = list(inputs)  # noqa: B023
            for i, x in zip(where, moving, strict=True):  # noqa: B023
                full[i] = x
            return op(*full, **case.settings)  # noqa: B023

        primals = [inputs[i] for i in where]
        _, dy = tg.jvp(function, tuple(primals), tuple(tangents[i] for i in where))
        pulled = sum(inner(grads[i], tangents[i]) for i in where)
        close(inner(G, dy), pulled, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_agrees_with_tensor(name):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        if any(shape != () for shape in case.shapes):
            continue
        for _ in range(10):
            inputs = dom.inputs(case, rng)
            y, grads = gradients(op, inputs, case, 1.5)
            scalars = [tg.Value(x) if floating(x) else x.item() for x in inputs]
            v = op(*scalars, **case.settings)
            assert type(v) is tg.Value
            v.backward(1.5)
            close(v.data, y.data, rtol=1e-14, atol=1e-16)
            for x, g in zip(scalars, grads, strict=True):
                if isinstance(x, tg.Value):
                    assert type(x.grad) is float
                    close(x.grad, g, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_elementwise_op_meets_a_value(name):
    assert any(all(s == () for s in case.shapes) for _, case in samples(name))


@pytest.mark.parametrize("name", [name for name in OPS if name != "astype"])
def test_float32_stays_float32(name):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        inputs = dom.inputs(case, rng)
        small = [x.astype(np.float32) if floating(x) else x for x in inputs]
        G = rng.normal(size=value(op, inputs, case).shape)
        y, grads = gradients(op, inputs, case, G)
        turned = signs(name, case, value(op, small, case), y.data)
        y32, grads32 = gradients(op, small, case, G * turned)
        assert y32.dtype == np.float32
        close(y32.data * turned, y.data, rtol=1e-4, atol=1e-4)
        for g32, g in zip(grads32, grads, strict=True):
            if g is not None and g32 is not None:
                assert g32.dtype == np.float32 or not np.any(g)
                close(g32, g, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", OPS)
def test_numpy_text_evaluates_to_the_value(name):
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        inputs = dom.inputs(case, rng)
        y = op(*leaves_of(inputs), **case.settings)
        text = op_code(op, [f"x{i}" for i in range(len(inputs))], y.params)
        space = {f"x{i}": x for i, x in enumerate(inputs)}
        result = eval(text, {"np": np, "math": math, "tg": tg}, space)
        assert np.shape(result) == y.shape, text
        close(result, y.data, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", OPS)
def test_rules_write_into_nothing(name):
    """Not into the inputs (read-only in all tests here), the result or the cotangent."""
    op, rng = registry[name], seeded(name)
    for dom, case in samples(name):
        inputs = dom.inputs(case, rng)
        y = np.array(value(op, inputs, case))
        G = rng.normal(size=y.shape)
        y.setflags(write=False)
        G.setflags(write=False)
        settings = {**op.defaults, **case.settings}
        for i in range(len(inputs)):
            rule = op.rules[0 if op.arity is None else i]
            if not callable(rule) or not floating(inputs[i]):
                continue
            if op.elementwise:
                rule(np, y, *inputs, **settings)
            else:
                rule(np, G, y, *(() if op.arity else (i,)), *inputs, **settings)


def settings_in(xp, case):
    return {k: xp.float64 if k == "dtype" else v for k, v in case.settings.items()}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", OPS)
def test_another_array_library_agrees(name, library, needs):
    """On all kinds of devices that the library has here: what a rule makes must lie beside x."""
    xp = needs(library)
    if library == "jax.numpy":
        needs("jax").config.update("jax_enable_x64", True)
    op, rng = registry[name], seeded(name)
    cases = [(dom, case) for dom, case in samples(name) if library not in case.beyond]
    if library == "jax.numpy":  # takes 0.1 s a case; all are traced below
        cases = cases[-1:]
    assert cases
    for (dom, case), device in itertools.product(cases, devices(xp)):
        inputs = dom.inputs(case, rng)
        G = rng.normal(size=value(op, inputs, case).shape)
        y, grads = gradients(op, inputs, case, G)
        wrapped = [placed(xp, x, device) for x in inputs]
        leaves = [tg.Tensor(w) if floating(x) else w for x, w in zip(inputs, wrapped, strict=True)]
        z = op(*leaves, **settings_in(xp, case))
        assert type(z.data) is type(wrapped[0])
        turned = signs(name, case, in_numpy(z), y.data)
        close(in_numpy(z) * turned, y.data, rtol=1e-12, atol=1e-13)
        z.backward(placed(xp, G * turned, device))
        for x, g in zip(leaves, grads, strict=True):
            if isinstance(x, tg.Tensor) and x.grad is not None:
                assert type(x.grad) is type(wrapped[0])
                assert x.grad.device == x.data.device
                close(in_numpy(x.grad), g, rtol=1e-11, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPS)
def test_traced_by_jax_it_agrees(name, needs):
    """All cases of an op as one program, in which no rule knows an entry."""
    jax, xp = needs("jax"), needs("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    op, rng = registry[name], seeded(name)
    drawn = [(case, dom.inputs(case, rng)) for dom, case in samples(name)]
    Gs = [rng.normal(size=value(op, inputs, case).shape) for case, inputs in drawn]

    @jax.jit
    def program(data, Gs):
        results = []
        for (case, inputs), arrays, G in zip(drawn, data, Gs, strict=True):
            pairs = zip(inputs, arrays, strict=True)
            leaves = [tg.Tensor(a) if floating(x) else a for x, a in pairs]
            y = op(*leaves, **settings_in(xp, case))
            y.backward(G)
            tensors = (x for x in leaves if isinstance(x, tg.Tensor))
            results.append((y.data, [x.grad for x in tensors]))
        return results

    data = [[placed(xp, x) for x in inputs] for _, inputs in drawn]
    turned = [
        signs(name, case, np.asarray(z), value(op, inputs, case))
        for (case, inputs), (z, _) in zip(drawn, program(data, Gs), strict=True)
    ]
    results = program(data, [G * s for G, s in zip(Gs, turned, strict=True)])
    for (case, inputs), G, s, (z, found) in zip(drawn, Gs, turned, results, strict=True):
        y, grads = gradients(op, inputs, case, G)
        close(np.asarray(z) * s, y.data, rtol=1e-12, atol=1e-13)
        known = [g for x, g in zip(inputs, grads, strict=True) if floating(x)]
        for g, expected in zip(found, known, strict=True):
            close(0.0 if g is None else np.asarray(g), expected, rtol=1e-11, atol=1e-12)
