"""Contexts around generators, coroutines and functions; none leaks."""

from __future__ import annotations

import asyncio
import threading

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


def test_a_generator_goes_on_inside_a_later_context_of_its_consumer():
    seen = []

    def scope_of():
        return (tg.Value(1.0) * 2.0).scope, (tg.Tensor(np.ones(1)) * 2).scope

    def batches():
        with tg.no_grad():
            for _ in range(3):
                with tg.enable_grad():
                    seen.append(records())
                seen.append(records())
                yield
        seen.append(records())
        with tg.scope("own"):
            yield
            seen.append(scope_of())
        seen.append(scope_of())

    g = batches()
    next(g)
    with tg.scope("a"), tg.enable_grad():
        assert records()
        next(g)
        assert records()
        with tg.no_grad():
            next(g)
            assert not records()
        assert scope_of() == (("a",), ("a",))
        next(g)
        assert records()
        with tg.scope("b"):
            next(g, None)
            assert scope_of() == (("a", "b"), ("a", "b"))
    assert scope_of() == ((), ())
    own, outside = (("a", "own"),) * 2, (("a", "b"),) * 2
    assert seen == [True, False] * 3 + [True, own, outside]


def test_a_generator_that_another_thread_finishes():
    def batches():
        with tg.no_grad():
            yield
        yield records()

    g = batches()
    next(g)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(next(g)))
    thread.start()
    thread.join()
    assert seen == [True]
    assert records()


def test_two_generators_in_turn_inside_a_context_of_their_consumer():
    def batches(switch, seen):
        with switch:
            while True:
                seen.append(records())
                yield

    on, off = [], []
    first, second = batches(tg.no_grad(), off), batches(tg.enable_grad(), on)
    next(first)
    with tg.no_grad():
        next(second)
        with tg.scope("a"):
            for _ in range(2):
                next(first)
                next(second)
                assert not records()
        first.close()
        next(second)
        assert not records()
    assert records()
    assert (off, on) == ([False] * 3, [True] * 4)


def test_tasks_inherit_contexts_and_leave_their_own_to_themselves():
    async def worker():
        seen = [records()]
        with tg.enable_grad():
            await asyncio.sleep(0)
            seen.append(records())
        await asyncio.sleep(0)
        return [*seen, records()]

    async def numbers():
        with tg.no_grad():
            for _ in range(2):
                await asyncio.sleep(0)
                yield records()

    async def main():
        with tg.no_grad():
            found = await asyncio.gather(worker(), worker())
            in_thread = await asyncio.to_thread(records)
        seen = []
        async for inside in numbers():
            await asyncio.sleep(0)
            seen.append((inside, records()))
        return found, in_thread, seen

    found, in_thread, seen = asyncio.run(main())
    assert found == [[False, True, False]] * 2
    assert not in_thread
    assert seen == [(False, True)] * 2
    assert records()


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


def test_a_decorated_generator_in_another_thread():
    steps, seen = tg.no_grad(generator)(), []
    assert next(steps) is False
    thread = threading.Thread(target=lambda: seen.append(next(steps)))
    thread.start()
    thread.join()
    assert seen == [False]


def test_what_is_thrown_into_a_decorated_generator():
    @tg.no_grad
    def patient():
        try:
            yield 1
        except ValueError:
            yield records()
        finally:
            left.append(records())

    left = []
    steps = patient()
    next(steps)
    assert steps.throw(ValueError) is False
    steps.close()
    assert left == [False]
    assert records()


def test_recording_comes_back_inside_no_grad():
    with tg.no_grad():
        assert not records()
        with tg.enable_grad():
            assert records()
        assert tg.enable_grad(plain)()
    assert records()
