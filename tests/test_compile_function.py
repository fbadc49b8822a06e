"""`tg.compile(f)`: what f reaches, what it changes, and when it is recorded again."""

from __future__ import annotations

import functools
import logging
import math
import random
import threading

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.compile.function import MANY

X = np.random.default_rng(0).normal(size=(20, 4))
LABELS = np.random.default_rng(1).integers(0, 3, 20)
SCALE = np.ones(3)


@pytest.mark.parametrize(
    "f",
    [
        lambda w: tg.grad(lambda v: (v**3).sum())(w),
        lambda w: tg.hessian(lambda v: tg.sin(v).sum() ** 2)(w),
        lambda w: tg.value_and_grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": w, "b": [w]}),
        lambda w: (np.tanh(w).mean(0), np.linalg.norm(w), {"max": w.max(), "std": w.std()}),
        lambda w: np.where(w > 0, w, -w) + np.interp(0.5, [0, 1], [1, 2]),
    ],
)
def test_transforms_and_numpy_functions(f):
    step = tg.compile(f)
    for w in (np.arange(3.0), np.array([-1.0, 0.5, 2.0]), np.arange(3.0)):
        actual, expected = step(w), f(w)
        for a, b in zip(*map(flat, (actual, expected)), strict=True):
            np.testing.assert_array_equal(a, b)
    assert step.programs == 1


def flat(x):
    if isinstance(x, dict):
        x = [*x.values()]
    return [y for part in x for y in flat(part)] if isinstance(x, (list, tuple)) else [x]


def test_what_the_function_reaches_is_read_at_every_call():
    local, pair, rate = np.ones(3), (np.ones(3), np.zeros(3)), 2.0
    default = np.ones(3)

    class Net:
        def __init__(self):
            self.W, self.bias, self.power = tg.Tensor(np.ones(3)), np.zeros(3), 2

        def __call__(self, x):
            return (self.W * x + self.bias) ** self.power

    net = Net()

    def f(x, extra=default):
        return net(x).data * SCALE * local * pair[0] * rate + pair[1] + extra

    step, x = tg.compile(f), np.arange(3.0)

    def agree():
        assert np.array_equal(step(x), f(x))

    agree()
    for array in (SCALE, local, *pair, default, net.bias):
        array[1] = 5.0
        agree()
    net.W.data = np.full(3, 2.0)
    agree()
    net.W = tg.Tensor(np.full(3, 3.0))
    agree()
    net.bias = np.full(3, 4.0)
    agree()
    local = np.full(3, 6.0)
    agree()
    net.power, rate = 3, 7.0
    agree()
    SCALE[:] = 1.0


def test_slices_of_what_is_reached_are_no_constants():
    data = np.arange(12.0).reshape(6, 2)
    step = tg.compile(lambda i: (data[2 * i : 2 * i + 2] * 2).sum())
    assert [float(step(i)) for i in range(3)] == [12.0, 44.0, 76.0]
    data[:] = 1.0
    assert [float(step(i)) for i in range(3)] == [8.0, 8.0, 8.0]


def test_another_shape_dtype_layout_or_setting_is_recorded_anew():
    step = tg.compile(lambda x, power=2: x**power)
    x = np.arange(6.0).reshape(2, 3)
    for args in ((x,), (x[:1],), (x.astype(np.float32),), (x.T.copy().T,), (x, True)):
        assert np.array_equal(step(*args), args[0] ** (args[1] if len(args) > 1 else 2))
    assert step.programs == 5
    step(x + 1)
    assert step.programs == 5


def test_a_float_is_no_setting():
    step = tg.compile(lambda x, rate: x - rate * x)
    for rate in (0.1, 0.2, 0.3):
        x = np.ones(3, np.float32)
        actual = step(x, rate)
        assert actual.dtype == np.float32
        assert np.array_equal(actual, x - rate * x)
    assert step.programs == 1


def test_a_count_is_no_setting():
    step = tg.compile(lambda x, t: x * (1 - 0.9**t))
    for t in range(1, 9):
        assert np.array_equal(step(X, t), X * (1 - 0.9**t))
    assert step.programs == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x * [0.0, 1.0, 2.0, 3.0, 4.0][int(n)],
        lambda x, n: x * {1: 2.0, 2: 3.0, 4: 4.0}[n],
        lambda x, n: x.reshape(n, -1).sum(axis=0),
        lambda x, n: np.repeat(x, n, axis=0)[:n],
        lambda x, n: x[n] + x.sum(axis=n - n),
        lambda x, n: sum((x * k for k in range(n)), 0.0),
        lambda x, n: x * len(f"{n:03.1f}" * (1 if isinstance(n, float) else n)),
        lambda x, n: x[-n:, ::n].sum() * np.full(3, n) + np.arange(3) * round(n / 3, 1),
        lambda x, n: x * sum([0.5] * n) + len(n * "ab"),
        lambda x, n: tg.sum(tg.Tensor(x), axis=n % 2).data * n,
    ],
)
def test_a_number_that_only_a_number_will_do_for_is_a_setting(f):
    """As an argument, and as what is reached, once it has changed."""
    of_arguments = tg.compile(f)
    place = {"n": 1}
    of_places = tg.compile(lambda x: f(x, place["n"]))
    for n in (1, 2, 4, 2, 1):
        place["n"] = n
        assert np.array_equal(of_arguments(X, n), f(X, n))
        assert np.array_equal(of_places(X), f(X, n))


def test_branches_on_data_are_programs_each():
    def f(x):
        return x * 2 if x.sum() > 0 else x * 3

    step = tg.compile(f)
    for x in (np.ones(3), -np.ones(3), 2 * np.ones(3), -np.ones(3)):
        assert np.array_equal(step(x), f(x))
    assert step.programs == 2


def test_side_effects_that_can_be_seen_are_repeated():
    count, history, last = 0, [], {}

    def f(x):
        nonlocal count
        count += 1
        y = tg.Tensor(x) * count
        history.append(y.sum())
        last["y"] = y.data
        return y

    step = tg.compile(f)
    for _ in range(5):
        step(np.ones(2))
    assert count == 5
    assert [y.data.item() for y in history] == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert last["y"].tolist() == [5.0, 5.0]


def test_what_changes_by_itself_is_refused():
    W, noise = tg.Tensor(X), tg.nn.Dropout(0.5, rng=0)
    rng = np.random.default_rng(0)
    functions = [
        lambda: noise(W).sum(),
        lambda: W * rng.normal(size=X.shape),
        lambda: W * random.random(),
        lambda: W * 2 if rng.random() < 0 else W * 3,
    ]
    for f in functions:
        with pytest.raises(TypeError, match="random numbers"):
            tg.compile(f)()
    assert np.array_equal(W.data, X)
    noise.training = False
    assert tg.compile(functions[0])().data == X.sum()


def test_an_array_from_nowhere_is_refused():
    @functools.lru_cache
    def load():
        return np.ones(3)

    with pytest.raises(TypeError, match=r"shape \(3,\) that is neither an argument"):
        tg.compile(lambda x: x * load())(np.ones(3))
    with pytest.raises(TypeError, match="neither an argument"):
        tg.compile(load)()
    made = tg.compile(lambda x: x * np.arange(3.0) + np.ones((2, 3)) @ np.ones((3, 3)))
    assert np.array_equal(made(np.ones(3)), np.arange(3.0) + 3 + np.zeros((2, 3)))
    load().setflags(write=False)  # nobody changes it
    assert np.array_equal(tg.compile(lambda x: x * load())(np.arange(3.0)), np.arange(3.0))


def test_pythons_own_objects_are_not_searched():
    logger, lock = logging.getLogger("tinygrad_lite"), threading.Lock()

    def f(x):
        with lock:
            logger.debug("step")
        return x * 2

    step = tg.compile(f)
    for _ in range(3):
        logging.getLogger(f"another {step.programs}")
        assert step(np.ones(1)).item() == 2.0
    assert step.programs == 1


def test_a_changed_argument_is_refused():
    with pytest.raises(TypeError, match="changes a list or dict"):
        tg.compile(lambda p: p.update(w=p["w"] * 2))({"w": np.ones(2)})


def test_a_failed_recording_changes_nothing():
    W = tg.Tensor(np.ones(2))

    def f(x):
        W.data = W.data * 2
        W.name = "W"
        return float((W * x).sum().data)

    with pytest.raises(TypeError, match="a number taken out"):
        tg.compile(f)(np.ones(2))
    assert type(W.data) is np.ndarray
    assert W.data.tolist() == [1.0, 1.0]


def test_threads():
    W = tg.Tensor(np.random.default_rng(0).normal(size=(4, 4)))

    def f(x):
        return tg.tanh(x @ W).sum()

    step, wrong = tg.compile(f), []

    def work(start):
        for i in range(100):
            x = np.full((3, 4), start + i / 100)
            if step(x).data != f(x).data:
                wrong.append(x)

    ready = step(np.ones((3, 4)))
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ready.constant
    assert not wrong


def test_a_compiled_function_within_one_is_part_of_it():
    W = tg.Tensor([1.0, 2.0])
    inner = tg.compile(lambda: W * 2)
    outer = tg.compile(lambda x: (inner() * x).sum())
    for _ in range(2):
        assert outer(np.ones(2)).data == 2 * W.data.sum()
        W.data = W.data + 1
    assert (inner.programs, outer.programs) == (0, 1)


def test_compiled_functions_nest_and_decorate():
    @tg.compile
    def double(x):
        """Twice x."""
        return x * 2

    class Net:
        @tg.compile
        def forward(self, x):
            return double(x) + self.shift

    net = Net()
    net.shift = 1.0
    assert double.__doc__ == "Twice x."
    assert net.forward(np.ones(2)).tolist() == [3.0, 3.0]
    net.shift = 2.0
    assert net.forward(np.ones(2)).tolist() == [4.0, 4.0]


def test_another_librarys_arrays_are_refused(needs):
    strict = needs("array_api_strict")
    W = tg.Tensor(strict.ones(3))
    step = tg.compile(lambda x: W * 2.0)
    assert strict.all(tg.compile(lambda w: w * 2.0)(W).data == 2.0)  # it runs as it is
    with pytest.raises(TypeError, match=r"compile: takes NumPy's arrays"):
        step(np.ones(3))


def test_no_grad_and_debug():
    W = tg.Tensor([1.0, -1.0])
    step = tg.compile(lambda: tg.log(W).sum())
    with tg.no_grad(), np.errstate(all="ignore"):
        assert np.isnan(step().data)
    with tg.debug(), np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        step()


def test_many_programs_are_noticed():
    count = [0]
    step = tg.compile(lambda x: x * math.sqrt(count[0]))

    def calls(n):
        for count[0] in range(n):
            assert step(np.ones(1)).item() == math.sqrt(count[0])

    with pytest.warns(UserWarning, match=r"count\[0\] is another at every call"):
        calls(MANY + 2)


def test_a_number_is_a_setting_where_it_must_be():
    """Three programs take turns: one number is an index, an axis, a text and a key."""
    count, axes, words = [0], {"0": 1.0, "1": 2.0, "2": 3.0}, []

    @tg.compile
    def step(x):
        count[0] += 1
        i = count[0] % 3
        words.append(f"{i:02d}")
        return axes[str(i)] * x.sum(axis=(0, 1, -1)[i]) + {0: 0.0, 1: 10.0, 2: 20.0}[i] * count[0]

    def plain(i):
        total = (i % 3 + 1.0) * np.ones((2, 2)).sum(axis=(0, 1, -1)[i % 3])
        return total + 10.0 * (i % 3) * i

    for i in range(1, 15):
        assert np.array_equal(step(np.ones((2, 2))), plain(i))
    assert words[:4] == ["01", "02", "00", "01"]
    assert step.programs <= 5


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="takes a function"):
        tg.compile(3.0)
