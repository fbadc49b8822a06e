"""What a compiled function reaches is read or compared at every call, whatever holds it."""

import argparse
import array
import collections
import contextlib
import contextvars
import functools
import itertools
import sys
import threading
import types
import weakref

import numpy as np
import pytest

import tinygrad_lite as tg

SCALE = 2.0


@contextlib.contextmanager
def _scale():
    yield SCALE


@functools.singledispatch
def _scaled(x):
    return x * SCALE


class _Late:
    @functools.cached_property
    def scale(self):
        return SCALE


def _module(name):
    made = types.ModuleType(name)
    sys.modules[name] = made
    made.part = types.ModuleType(f"{name}.part")
    made.scale = made.part.scale = 2.0
    return made


def _set(held, name, value):
    return lambda: setattr(held, name, value)


def _in_a_set():
    held = {"a", "b"}
    return lambda x: x * (2 if "a" in held else 3), lambda: (held.remove("a"), held.add("c"))


def _in_the_keys():
    held = {"relu": None}
    return lambda x: x * (2 if "relu" in held else 3), lambda: (held.clear(), held.update(exp=None))


def _in_the_order():
    held = {"sin": tg.sin, "exp": tg.exp}
    return lambda x: functools.reduce(lambda y, f: f(y), held.values(), x), lambda: held.update(
        sin=held.pop("sin")
    )


def _in_a_namespace():
    held = argparse.Namespace(scale=2.0)
    return lambda x: x * held.scale, _set(held, "scale", 3.0)


def _in_a_module():
    held = _module("reached_module")
    return lambda x: x * held.scale, _set(held, "scale", 3.0)


def _in_a_module_of_a_module():
    held = _module("reached_package")
    return lambda x: x * held.part.scale, _set(held.part, "scale", 3.0)


def _in_a_module_imported_late():
    held = _module("reached_late")

    def f(x):
        import reached_late

        return x * reached_late.scale

    return f, _set(held, "scale", 3.0)


def _in_a_context_manager():
    def f(x):
        with _scale() as scale:
            return x * scale

    return f, _set(sys.modules[__name__], "SCALE", 3.0)


def _by_a_function_of_functools():
    return lambda x: _scaled(x), _set(sys.modules[__name__], "SCALE", 3.0)


def _in_a_cached_property():
    held, space = _Late(), sys.modules[__name__]
    return lambda x: x * held.scale, lambda: (_set(space, "SCALE", 3.0)(), vars(held).clear())


def _behind_a_weak_reference():
    held = _Late()
    held.scale = 2.0
    seen = weakref.ref(held)
    return lambda x: x * seen().scale, _set(held, "scale", 3.0)


def _in_a_context_variable():
    held = contextvars.ContextVar("held", default=2.0)
    return lambda x: x * held.get(), lambda: held.set(3.0)


def _in_a_threads_own():
    held = threading.local()
    held.scale = 2.0
    return lambda x: x * held.scale, _set(held, "scale", 3.0)


def _behind_a_proxy():
    held = {"scale": 2.0}
    seen = types.MappingProxyType(held)
    return lambda x: x * seen["scale"], lambda: held.update(scale=3.0)


def _in_an_array_of_objects():
    held = np.array([2.0, "a"], dtype=object)
    return lambda x: x * held[0], lambda: held.__setitem__(0, 3.0)


def _in_an_array_of_words():
    held = np.array(["a"])
    return lambda x: x * (2 if held[0] == "a" else 3), lambda: held.__setitem__(0, "b")


def _in_bytes():
    held = bytearray(b"a")
    return lambda x: x * held[0], lambda: held.__setitem__(0, 1)


def _in_pythons_array():
    held = array.array("d", [2.0])
    return lambda x: x * held[0], lambda: held.__setitem__(0, 3.0)


MADE = [value for name, value in vars().copy().items() if name.startswith(("_in_", "_b"))]
MADE = [made for made in MADE if isinstance(made, types.FunctionType)]


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__.strip("_"))
def test_what_is_held_anywhere_is_noticed(made, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    f, change = made()
    step, x = tg.compile(f), np.array([0.5, 1.0])
    before = f(x)
    assert np.array_equal(step(x), before)
    change()
    assert np.array_equal(step(x), f(x))
    assert not np.array_equal(f(x), before)


def _counted(count=None):
    count = count or itertools.count(1)
    return lambda x: x * 10 if next(count) % 5 == 0 else x


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (_counted(), "takes the next of a count"),
        (_counted(itertools.cycle([1, 1, 5])), "takes the next of a cycle"),
        (lambda x: x * 10 if LUCK.random() < 0.01 else x, "draws random numbers"),
        (lambda x: x * 10 if np.random.random() < 0.01 else x, "draws random numbers"),
        (lambda x: np.trim_zeros(x).sum(), "shape of the result would depend"),
    ],
)
def test_what_would_be_frozen_is_refused(f, words):
    with pytest.raises(TypeError, match=words):
        tg.compile(f)(np.ones(2))


LUCK = np.random.default_rng(0)


def test_an_array_of_one_run_is_not_kept_for_the_next():
    rates = {"a": 2.0}

    @functools.lru_cache
    def scaled(n):
        return n * rates["a"]

    step = tg.compile(lambda x: x * scaled(3))
    assert step(np.ones(2)).tolist() == [6.0, 6.0]
    rates["a"] = 3.0
    scaled.cache_clear()
    with pytest.raises(TypeError, match="keeps an array of one run for the next"):
        step(np.ones(2))


def test_the_users_isinstance_sees_what_is_computed_with():
    W, counts = tg.Tensor(np.ones(2)), {"steps": 0}

    def f(x, rate):
        counts["steps"] += 1
        assert isinstance(x, np.ndarray)
        assert isinstance(W.data, np.ndarray)
        assert isinstance(rate, float)
        assert isinstance(counts["steps"], int)
        return W * (x / 2) * rate

    step = tg.compile(f)
    for i in range(4):
        assert step(np.full(2, 2.0), 0.5 + i).data.tolist() == [0.5 + i] * 2
    assert counts["steps"] == 4


@pytest.mark.parametrize("f", [np.bincount, lambda y: np.delete(np.arange(5), y)])
def test_a_shape_that_depends_on_numbers_is_another_program(f):
    step = tg.compile(lambda y: f(y) / len(f(y)))
    for y in ([0, 1, 2], [0, 1, 1], [3, 0, 0]):
        assert np.array_equal(step(np.array(y)), f(np.array(y)) / len(f(np.array(y))))


def test_sums_over_groups_follow_the_groups():
    step = tg.compile(lambda w, i: (np.bincount(i, weights=w) ** 2).sum())
    w = tg.Tensor([1.0, 2.0, 3.0])
    for i in ([0, 1, 1], [1, 1, 0], [0, 2, 4]):
        places = np.array(i)
        assert step(w, places).data == (np.bincount(places, w.data) ** 2).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_without_axes_train(dtype):
    runs = []
    for wrap in (lambda f: f, tg.compile):
        w, ema = tg.Tensor(np.array(2.0, dtype)), {"loss": tg.Tensor(np.array(0.0, dtype)).detach()}

        def step(x, w=w, ema=ema):
            loss = ((w * x - 1) ** 2).mean()
            loss.backward()
            w.data = w.data - 0.1 * w.grad
            w.zero_grad()
            ema["loss"] = 0.9 * ema["loss"] + 0.1 * loss.detach()
            return loss

        made, x = wrap(step), np.arange(3, dtype=dtype)
        runs.append([(made(x).item(), w.item(), w.data.dtype, ema["loss"].item()) for _ in "12345"])
    assert runs[0] == runs[1]


def test_the_program_of_no_grad_is_its_own():
    W = tg.Tensor(np.ones(2))
    step, x = tg.compile(lambda x: (W * x).constant), np.ones(2)
    assert not step(x)
    with tg.no_grad():
        assert step(x)
        assert step(x)
    assert not step(x)
    assert not step(x)


def test_dicts_keep_their_class():
    class Given(dict):
        __getattr__ = dict.__getitem__

    step = tg.compile(lambda given: Given(y=given.x * given.rate))
    for i in range(3):
        assert step(Given(x=np.ones(2), rate=1.0 + i)).y.tolist() == [1.0 + i] * 2
    counts = collections.defaultdict(float)

    def count(x):
        counts["sum"] = counts["sum"] + x.sum()

    count = tg.compile(count)
    for _ in range(3):
        count(np.ones(2))
    assert counts["sum"] == 6.0


def test_whole_numbers_stay_pythons():
    W, counts = tg.Tensor(np.ones(2, np.float32)), {"steps": 6}

    def f():
        counts["steps"] += 1
        quotient, rest = divmod(counts["steps"], 3)
        return W * quotient + rest

    step = tg.compile(f)
    for steps in range(7, 11):
        y = step()
        assert y.dtype == np.float32
        assert y.data[0] == steps // 3 + steps % 3
