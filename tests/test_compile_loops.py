"""What loops keep of their steps, in a compiled function: numbers, and lists that grow."""

from __future__ import annotations

import types

import numpy as np
import pytest

import tinygrad_lite as tg


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_taken_out_are_computed_again(dtype):
    """item() gives a number at every call, which is added up, kept, compared and returned."""

    def calls(made):
        W, best, log, total = tg.Tensor(np.eye(2, 3, dtype=dtype)), [np.inf], {}, 0.0

        @made
        def step(x, y):
            nonlocal total
            W.zero_grad()
            loss = tg.cross_entropy(x @ W, y)
            loss.backward()
            W.data -= dtype(0.1) * W.grad
            total += loss.item()
            log["loss"] = loss.item()
            if loss.item() < best[0]:
                best[0] = loss.item()
            return (W.data * loss.item()), ((x @ W).data.argmax(1) == y).mean().item()

        found = []
        for seed in range(5):
            x = np.random.default_rng(seed).normal(size=(4, 2)).astype(dtype)
            found.append(step(x, np.array([0, 1, 2, 0])))
        return *zip(*found, strict=True), total, best, log

    (arrays, *rest), (expected, *others) = calls(tg.compile), calls(lambda f: f)
    np.testing.assert_array_equal(arrays, expected)
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert repr(rest) == repr(others)


def test_a_list_that_grows_needs_no_program_a_call():
    """Of one that is appended to alone, however it is reached."""

    def calls(made):
        losses, history, record = [], {"mean": []}, types.SimpleNamespace(log=[np.ones(2)])

        @made
        def step(x):
            losses.append((x**2).sum().item())
            history["mean"].extend([x.mean(), x * 2])
            record.log += [x]
            return x + 1

        found = [step(np.ones(2) * k) for k in range(5)]
        return [*found, *losses, *history["mean"], *record.log], getattr(step, "programs", 2)

    (found, programs), (expected, _) = calls(tg.compile), calls(lambda f: f)
    assert programs == 2  # the first knows of no growing
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_list_that_grows_and_is_read():
    uses = [len, lambda log: log[-1], sum, lambda log: np.sum(log), lambda log: max([*log])]
    for use in (*uses, lambda log: 2.0 if 1.0 in log else 1.0, lambda log: sum(reversed(log))):
        log = [0.5]

        @tg.compile
        def step(x, use=use, log=log):
            log.append(1.0)
            return x * use(log)

        twin = [0.5]
        for _ in range(4):
            twin.append(1.0)
            np.testing.assert_array_equal(step(np.ones(2)), np.ones(2) * use(twin))
        assert log == twin


def test_a_list_in_a_tuple_is_looked_into():
    log = []
    both = (log,)

    @tg.compile
    def step(x):
        log.append(1)
        return x * len(both[0])

    assert [step(np.ones(1)).item() for _ in range(4)] == [1, 2, 3, 4]


def test_rows_are_iterated_over():
    """Observation by observation, as in a first version of a loop."""

    def calls(made):
        W = tg.Tensor(np.eye(4, 3))

        @made
        def step(X, labels):
            W.zero_grad()
            losses = [tg.cross_entropy(x @ W, y) for x, y in zip(X, labels, strict=True)]
            loss = sum(losses[1:], losses[0])
            loss.backward()
            W.data -= 0.1 * W.grad
            first, *_, last = X[:, 0]
            return loss.item(), first - last, 2 in labels, max(X[0])

        draws = map(np.random.default_rng, range(4))
        return [step(rng.normal(size=(5, 4)), rng.integers(0, 3, 5)) for rng in draws]

    np.testing.assert_array_equal(calls(tg.compile), calls(lambda f: f))
    with pytest.raises(TypeError, match="unsized"):
        tg.compile(lambda x: [*x])(np.array(1.0))
