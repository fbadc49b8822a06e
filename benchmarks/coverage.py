"""How many of NumPy's functions differentiate: here, in HIPS autograd and in MyGrad, in one run.

    python -m benchmarks.coverage [--failures] [--page]

Counted are the functions of `np`, `np.linalg` and `np.fft` that have a derivative, as the installed
NumPy has them. A function counts where the gradient of its plainest call agrees with central
differences of NumPy's own; the second figure counts where all its calls in `numpy_calls` do.
`--failures` lists the calls that fail here; `--page` writes the table of all functions instead.
"""

from __future__ import annotations

import argparse
import ast
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.protocols import PLAIN

from .numpy_calls import CALLS, INPUTS, WITHOUT

Arrays = Mapping[str, np.ndarray]
Engine = Callable[[str, Arrays, Callable[[Any], np.ndarray]], dict[str, Any]]
# Central differences of order 6, as in the tests of ops.
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
STEP = 1e-3
MODULES = {"": np, "linalg.": np.linalg, "fft.": np.fft}


def exists(name: str) -> bool:
    """Whether the installed NumPy has this function."""
    try:
        reduce(getattr, name.split("."), np)
    except AttributeError:
        return False
    return True


def functions() -> list[str]:
    """The functions of `np`, `np.linalg` and `np.fft`."""
    return sorted(
        prefix + name
        for prefix, module in MODULES.items()
        for name in dir(module)
        if name[0] != "_"
        and callable(getattr(module, name))
        and not isinstance(getattr(module, name), type)
    )


def inputs(call: str) -> dict[str, np.ndarray]:
    """The inputs that a call names."""
    names = {node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)}
    return {name: INPUTS[name] for name in sorted(names & INPUTS.keys())}


def evaluate(call: str, arrays: Mapping[str, Any], library: Any = np) -> Any:
    return eval(call, {"np": library, **arrays})


def cotangent(y: Any) -> np.ndarray:
    return np.random.default_rng(1).normal(size=np.shape(y))


def ours(call: str, arrays: Arrays, upstream: Callable[[Any], np.ndarray]) -> dict[str, Any]:
    leaves = {name: tg.Tensor(x) for name, x in arrays.items()}
    y = evaluate(call, leaves)
    y.backward(upstream(y))
    return {name: 0.0 if x.grad is None else x.grad for name, x in leaves.items()}


def autograd(call: str, arrays: Arrays, upstream: Callable[[Any], np.ndarray]) -> dict[str, Any]:
    import autograd
    import autograd.numpy as library

    def loss(*values: Any) -> Any:
        y = evaluate(call, dict(zip(arrays, values, strict=True)), library)
        return library.sum(y * upstream(y))

    found = autograd.grad(loss, tuple(range(len(arrays))))(*arrays.values())
    return dict(zip(arrays, found, strict=True))


def mygrad(call: str, arrays: Arrays, upstream: Callable[[Any], np.ndarray]) -> dict[str, Any]:
    import mygrad

    found: dict[str, Any] = {}
    for library in (np, mygrad):  # NumPy's functions on its tensors, else its own
        leaves = {name: mygrad.tensor(x) for name, x in arrays.items()}
        try:
            y = evaluate(call, leaves, library)
            (y * upstream(y)).sum().backward()
        except Exception:
            if library is mygrad:
                raise
            continue
        found = {name: 0.0 if x.grad is None else x.grad for name, x in leaves.items()}
        break
    return found


ENGINES: dict[str, Engine] = {"tinygrad_lite": ours, "autograd": autograd, "mygrad": mygrad}


def expected(call: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """The gradient by central differences, entry by entry."""
    G = cotangent(evaluate(call, arrays))
    found = {}
    for name, x in arrays.items():
        gradient = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            for k, weight in STENCIL:
                for sign in (k, -k):
                    moved = x.copy()
                    moved[place] += sign * STEP
                    y = evaluate(call, {**arrays, name: moved})
                    gradient[place] += np.sum(np.sign(k * sign) * weight * np.multiply(G, y)) / STEP
        found[name] = gradient
    return found


def failure(engine: Engine, call: str) -> str | None:
    """Why a call does not differentiate, None where it does."""
    arrays = inputs(call)
    held = {name: x for name, x in arrays.items() if not np.isnan(x).any()}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found, wanted = engine(call, arrays, cotangent), expected(call, arrays)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    for name, gradient in found.items():
        wrong = ~np.isclose(gradient, wanted[name], rtol=1e-6, atol=1e-7)
        if wrong[~np.isnan(arrays[name])].any():
            return f"the gradient for {name} is wrong"
    return None if held or found else "nothing to differentiate"


def measured(name: str) -> dict[str, list[str | None]]:
    """For each engine, each call's failure."""
    return {engine: [failure(run, call) for call in CALLS[name]] for engine, run in ENGINES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--page", action="store_true")
    args = parser.parse_args()
    if args.page:
        print("\n".join(page()))
        return
    names = [name for name in CALLS if exists(name)]
    results = {name: measured(name) for name in names}
    print(f"NumPy {np.__version__}: {len(names)} functions with a derivative")
    for engine in ENGINES:
        plain = sum(found[engine][0] is None for found in results.values())
        whole = sum(not any(found[engine]) for found in results.values())
        print(f"  {engine:<14} {plain:4d}, {whole:4d} in every form")
    if args.failures:
        for name, found in results.items():
            for call, why in zip(CALLS[name], found["tinygrad_lite"], strict=True):
                if why is not None:
                    print(f"  {call}: {why}")


# --- the page: every function by what it does with a Tensor

RECORDS = "Records as one op"
MORE = "Records as several ops"
REFUSED = "Has a derivative, and is refused"
ORDER = (RECORDS, MORE, REFUSED)


def kind(name: str) -> tuple[str, str]:
    """The group of a function on the page, and how it is listed there."""
    for why, names in WITHOUT.items():
        if name in names.split():
            plain = name.rpartition(".")[2] in PLAIN
            return f"Has no derivative: it {why}" + (", in plain data" if plain else ""), name
    leaves = {n: tg.Tensor(x) for n, x in inputs(CALLS[name][0]).items()}
    try:
        y = evaluate(CALLS[name][0], leaves)
    except (TypeError, ValueError) as error:
        return REFUSED, f"{name}: {str(error).partition(';')[0]}"
    return (
        (RECORDS, f"{name} ({y.op.name})") if all(x.is_leaf for x in y.parents()) else (MORE, name)
    )


def page() -> Iterator[str]:
    """Every function of NumPy by what it does with a Tensor, as Markdown."""
    yield "# NumPy's functions on a Tensor"
    yield f"\nWritten by `python -m benchmarks.coverage --page` with NumPy {np.__version__}."
    groups: dict[str, list[str]] = {}
    for name in sorted({*functions(), *filter(exists, CALLS)}):
        group, line = kind(name)
        groups.setdefault(group, []).append(line)
    for group in (*ORDER, *sorted(groups.keys() - {*ORDER})):
        yield f"\n## {group}: {len(groups.get(group, []))}\n"
        lines = groups.get(group, [])
        yield (
            "\n".join(f"- {x}" for x in lines)
            if group == REFUSED
            else textwrap.fill(", ".join(lines), 100)
        )


if __name__ == "__main__":
    main()
