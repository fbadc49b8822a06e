"""Random steps that keep what they compute in attributes, lists and dicts, compiled beside eager.

    python -m tests.fuzz.held --steps 1000

Between the calls others change what the steps keep. Everything must be as eager has it after every
call: numbers, gradients, names, and which places hold one and the same object.
"""

from __future__ import annotations

import argparse
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

import tinygrad_lite as tg

PLACES = "abc"
CALLS = 8
Act = Callable[[Any, Any], None]


def held(rng: random.Random) -> Any:
    """What a place holds at first."""
    x = np.round(rng.uniform(-1, 1), 3) + np.arange(3.0) / 7
    kinds: list[Callable[[], Any]] = [
        lambda: tg.Tensor(x),
        lambda: x,
        lambda: [tg.Tensor(x), x * 2],
        lambda: {"W": tg.Tensor(x, name="W"), "t": 0, "v": x * 0},
        lambda: (tg.Tensor(x), tg.Tensor(x + 1)),
        lambda: {"layers": [tg.Tensor(x), tg.Tensor(-x)], "more": {"x": x}},
    ]
    return rng.choice(kinds)()


def parts(x: Any) -> Iterator[Any]:
    """The Tensors and arrays in x."""
    if isinstance(x, (list, tuple, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            yield from parts(part)
    elif isinstance(x, (tg.Tensor, np.ndarray)):
        yield x


def tensors(x: Any) -> list[tg.Tensor]:
    return [part for part in parts(x) if isinstance(part, tg.Tensor)]


def arrays(x: Any) -> list[np.ndarray]:
    return [part.data if isinstance(part, tg.Tensor) else part for part in parts(x)]


def renewed(x: Any, rate: float) -> Any:
    """x after a step: new Tensors, arrays and numbers in new containers."""
    if isinstance(x, dict):
        return {k: renewed(part, rate) for k, part in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(renewed(part, rate) for part in x)
    if isinstance(x, tg.Tensor):
        return x if x.grad is None else tg.Tensor(x.data - rate * x.grad, name=x.name)
    return x + 1 if isinstance(x, int) else 0.9 * x + 1


def act(rng: random.Random) -> Act:
    """Something that a step does."""
    one, other = rng.choice(PLACES), rng.choice(PLACES)

    def renew(s: Any, given: Any) -> None:
        setattr(s, one, renewed(getattr(s, one), 0.1))

    def renew_in_some_cases(s: Any, given: Any) -> None:
        if any(np.sum(getattr(x, "data", x)) > 1 for x in parts(getattr(s, one))):
            renew(s, given)

    def share(s: Any, given: Any) -> None:
        setattr(s, one, getattr(s, other))

    def renew_an_entry(s: Any, given: Any) -> None:
        x = getattr(s, one)
        if isinstance(x, (list, dict)):
            key = next(iter(x)) if isinstance(x, dict) else 0
            x[key] = renewed(x[key], 0.2)

    def descend(s: Any, given: Any) -> None:
        for x in tensors(getattr(s, one)):
            if x.grad is not None and not x.constant:
                x.data -= 0.1 * x.grad

    def forget(s: Any, given: Any) -> None:
        for x in tensors(getattr(s, one)):
            x.zero_grad()

    def keep(s: Any, given: Any) -> None:
        s.kept = [getattr(s, one), getattr(s, other)]
        s.twice = {"first": s.kept[0], "again": s.kept[0]}

    def count(s: Any, given: Any) -> None:
        known = getattr(s, "state", {"t": 0, "mean": given})
        s.state = {"t": known["t"] + 1, "mean": 0.5 * known["mean"] + given}

    some = (renew, renew_in_some_cases, share, renew_an_entry, descend, forget, keep, count)
    return rng.choice((*some, renew, renew, *written(one, other, round(rng.uniform(-1, 1), 2))))


def written(one: str, other: str, by: float) -> Iterator[Act]:
    """What steps do to arrays and lists as they are."""

    def add_in_place(s: Any, given: Any) -> None:
        for x in parts(getattr(s, one)):
            if not isinstance(x, tg.Tensor):
                x += by
            elif x.op is None and not x.constant:
                x.data += by

    def set_an_entry(s: Any, given: Any) -> None:
        for x in arrays(getattr(s, one)):
            x[1] = given[0]

    def store_what_is_given(s: Any, given: Any) -> None:
        setattr(s, one, given)

    def make_a_tensor(s: Any, given: Any) -> None:
        setattr(s, one, tg.Tensor(given))

    def share_the_array(s: Any, given: Any) -> None:
        for x in tensors(getattr(s, other))[:1]:
            setattr(s, one, x.data)

    def grow_or_shrink(s: Any, given: Any) -> None:
        x = getattr(s, one)
        if isinstance(x, list):
            x.pop() if len(x) > 2 else x.append(by * given)

    def keep_what_is_computed(s: Any, given: Any) -> None:
        for x in tensors(getattr(s, one))[:1]:
            s.fixed, s.computed = (by * x).detach(), by * x

    def swap(s: Any, given: Any) -> None:
        x, y = getattr(s, one), getattr(s, other)
        setattr(s, one, y)
        setattr(s, other, x)

    def scale_gradients(s: Any, given: Any) -> None:
        for x in tensors(getattr(s, one)):
            x.grad = None if x.grad is None else by * x.grad

    yield from (add_in_place, set_an_entry, store_what_is_given, make_a_tensor, share_the_array)
    yield from (grow_or_shrink, keep_what_is_computed, swap, scale_gradients)


def outside(rng: random.Random) -> Callable[[Any], None]:
    """Something that others do between two calls."""
    one, other, seed = rng.choice(PLACES), rng.choice(PLACES), rng.random()

    def replace(s: Any) -> None:
        setattr(s, one, held(random.Random(seed)))

    def share(s: Any) -> None:
        setattr(s, one, getattr(s, other))

    def set_gradients(s: Any) -> None:
        for x in tensors(getattr(s, one)):
            x.grad = np.ones(3)

    def rename(s: Any) -> None:
        for x in tensors(getattr(s, one)):
            x.name = "renamed"

    def move(s: Any) -> None:
        x = getattr(s, one)
        if isinstance(x, list):
            x[-1] = x[0]

    return rng.choice((replace, share, set_gradients, rename, move, lambda s: None))


def photographed(s: Any) -> Any:
    """All that s holds, with a number for each object that may be in several places."""
    known: dict[int, int] = {}

    def seen(x: Any) -> Any:
        if isinstance(x, (tg.Tensor, list, dict)):
            if id(x) in known:
                return known[id(x)]
            known[id(x)] = len(known)
        if isinstance(x, tg.Tensor):
            grad = None if x.grad is None else x.grad.tobytes()
            return x.data.tobytes(), grad, x.name, x.constant or x.op is not None
        if isinstance(x, dict):
            return {k: seen(part) for k, part in x.items()}
        if isinstance(x, (list, tuple)):
            return [type(x).__name__, *map(seen, x)]
        return x.tobytes() if isinstance(x, np.ndarray) else repr(x)

    return {k: seen(x) for k, x in sorted(vars(s).items())}


def ran(seed: int, made: Callable[[Any], Any]) -> list[Any]:
    """What the step of this seed gave and left at each call, made of it by `made`."""
    rng = random.Random(seed)
    s = SimpleNamespace(**{name: held(rng) for name in PLACES})
    acts = [act(rng) for _ in range(rng.randrange(1, 5))]
    used = rng.sample(PLACES, rng.randrange(1, 4))
    others = [outside(rng) if rng.random() < 0.35 else None for _ in range(CALLS)]
    first, handed = rng.random() < 0.5, [rng.random() < 0.1 for _ in range(CALLS)]

    def step(given: Any) -> Any:
        for do in acts[:first]:
            do(s, given)
        loss: Any = 0
        for i, x in enumerate(part for name in used for part in parts(getattr(s, name))):
            loss = loss + ((x * given) ** 2).sum() * (i + 1)
        if isinstance(loss, tg.Tensor) and not loss.constant:
            loss.backward()
        for do in acts[first:]:
            do(s, given)
        return loss

    run, found = made(step), []
    for i, do in enumerate(others):
        own = [x for x in parts(s.a) if handed[i] and isinstance(x, np.ndarray)]
        y = run(own[0] if own else np.array([1.0, -0.5, 0.25]) * (1 + i % 3))
        found.append((np.asarray(getattr(y, "data", y)).tobytes(), photographed(s)))
        if do is not None:
            do(s)
    return found


def outcome(seed: int) -> str:
    """How the step of this seed did when it was compiled."""
    expected = ran(seed, lambda f: f)
    try:
        found = ran(seed, tg.compile)
    except TypeError as error:
        return "refused" if "compile: " in str(error) else "WRONG"
    return "equal" if found == expected else "WRONG"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.held")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(given.seed, given.seed + given.steps):
            found[made := outcome(seed)] += 1
            if made == "WRONG":
                print(f"seed {seed}")
    print(f"{given.steps} steps: {dict(found)}")
    sys.exit(bool(found["WRONG"]))


if __name__ == "__main__":
    main()
