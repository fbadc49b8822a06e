"""Contexts around generators, coroutines and functions; none leaks."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import tinygrad_lite as tg


def records():
    return not (tg.Tensor(np.ones(1)) * 2).is_leaf and not (tg.Value(1.0) * 2.0).is_leaf


def test_a_generator_that_is_suspended_does_not_leak():
    seen = []

    def batches():
        with tg.no_grad():
            for _ in range(3):
                seen.append(records())
                yield 1
        seen.append(records())

    for _ in batches():
        assert records()
    assert seen == [False, False, False, True]
    assert records()


def test_a_generator_that_is_given_up_does_not_leak():
    def batches():
        with tg.no_grad(), tg.scope("data"):
            yield 1

    g = batches()
    next(g)
    assert records()
    assert (tg.Tensor(np.ones(1)) * 2).scope == ()
    with tg.scope("outer"):
        assert (tg.Tensor(np.ones(1)) * 2).scope == ("outer",)
        g.close()
        assert (tg.Tensor(np.ones(1)) * 2).scope == ("outer",)
        assert records()
    assert records()
    assert (tg.Tensor(np.ones(1)) * 2).scope == ()


@pytest.mark.parametrize("switch", [tg.no_grad, tg.enable_grad, tg.debug])
def test_what_is_no_function_is_refused(switch):
    with pytest.raises(TypeError, match=rf"with tg\.{switch.__name__}\(\):"):
        switch(tg.Value(1.0))


def test_contexts_left_out_of_order():
    def batches():
        with tg.scope("data"):
            yield 1

    g = batches()
    next(g)
    with tg.no_grad():
        assert not records()
        list(g)  # leaves "data", which was entered before
        assert not records()
    assert records()


def plain():
    return records()


def generator():
    yield records()
    yield records()


async def coroutine():
    await asyncio.sleep(0)
    return records()


async def async_generator():
    yield records()
    await asyncio.sleep(0)
    yield records()


@pytest.mark.parametrize("decorate", [tg.no_grad, lambda f: tg.no_grad()(f)])
def test_as_a_decorator(decorate):
    assert decorate(plain)() is False
    assert decorate(plain).__name__ == "plain"
    for value in decorate(generator)():
        assert value is False
        assert records()

    async def both():
        first, second = await asyncio.gather(decorate(coroutine)(), coroutine())
        assert (first, second) == (False, True)
        async for value in decorate(async_generator)():
            assert value is False
            assert records()
        async with asyncio.timeout(1):
            return records()

    assert asyncio.run(both())
    assert records()


def test_a_generator_hands_on_what_is_sent_and_returned():
    @tg.no_grad
    def echo():
        got = yield 1
        return got, records()

    g = echo()
    next(g)
    with pytest.raises(StopIteration) as stop:
        g.send("x")
    assert stop.value.value == ("x", False)


def test_recording_comes_back_inside_no_grad():
    with tg.no_grad():
        assert not records()
        with tg.enable_grad():
            assert records()
        assert tg.enable_grad(plain)()
    assert records()
