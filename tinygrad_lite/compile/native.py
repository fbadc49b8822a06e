"""Graphs of scalars without matrices as machine code, through numba.

The cases of one loop are printed from the ops' own definitions: forward and rules run once on
symbols that write down what is done to them. Only the kinds that a graph has are compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..backprop.chain import local
from ..graph.op import ONE
from .arrays import SIGNS
from .lift.walk import CONSTANT, NOTHING, Kind, Scalars

MISSING = (
    "numba would run it as machine code: install the extra with "
    'python -m pip install "tinygrad_lite[native]"'
)
_NAMES = "abc"
_SIGNS = SIGNS | {np.power: "**", np.bitwise_and: "and", np.bitwise_or: "or", np.invert: "not"}


class Symbol(NDArrayOperatorsMixin):
    """Stands for a float, and writes down what is computed with it."""

    shape: tuple[int, ...] = ()
    ndim = 0
    dtype = np.dtype(float)

    def __init__(self, code: str) -> None:
        self.code = code

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Symbol:
        sign, codes = _SIGNS.get(ufunc), [*map(_code, inputs)]
        if sign is None:
            return Symbol(f"np.{ufunc.__name__}({', '.join(codes)})")
        return Symbol(f"({sign} {codes[0]})" if ufunc.nin == 1 else f"({f' {sign} '.join(codes)})")

    def __bool__(self) -> bool:
        return True  # asked whether some entry is special: the branch that is right for all

    __hash__ = object.__hash__


def _code(x: Any) -> str:
    if isinstance(x, Symbol):
        return x.code
    if isinstance(x, (bool, np.bool_)):
        return repr(bool(x))
    x = float(x)
    return f"({x!r})" if math.isfinite(x) else f"({'-' * (x < 0)}np.{'nan' if x != x else 'inf'})"


class _Symbolic:
    """The array namespace of symbols: NumPy's functions, written down."""

    pi, inf, nan = math.pi, math.inf, math.nan

    any = asarray = staticmethod(lambda x, **settings: x)
    zeros_like = staticmethod(lambda x: 0.0)
    ones_like = staticmethod(lambda x: 1.0)
    full_like = staticmethod(lambda x, value: value)
    isdtype = staticmethod(lambda dtype, kind: kind == "real floating")
    erf = staticmethod(lambda x: Symbol(f"math.erf({_code(x)})"))

    def where(self, condition: Any, a: Any, b: Any) -> Symbol:
        return Symbol(f"({_code(a)} if {_code(condition)} else {_code(b)})")

    def astype(self, x: Any, dtype: Any, **settings: Any) -> Symbol:
        return Symbol(f"(1.0 * {_code(x)})")  # of a comparison too

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if not callable(getattr(np, name, None)):
            raise AttributeError(name)
        return lambda *inputs: Symbol(f"np.{name}({', '.join(map(_code, inputs))})")


NAMESPACE: Any = _Symbolic()


def _case(kind: Kind) -> tuple[str, dict[str, str]]:
    """What an op computes, and what it hands to each input that has a derivative."""
    x = [Symbol(letter) for letter in _NAMES[: kind.op.arity]]
    y = kind.op.forward(NAMESPACE, *x, **kind.params)
    shares = {}
    for i in range(len(x)):
        slope = local(kind.op, i, NAMESPACE, Symbol("y"), x, kind.params)
        if type(slope) is not float or slope:
            shares[_NAMES[i].upper()] = f"g * {_code(slope)}" if slope is not ONE else "g"
    return _code(y), shares


def source(kinds: Sequence[Kind]) -> str:
    """The two loops, forward and back, with a case for each kind."""
    forward, backward = "", ""
    for k, kind in enumerate(kinds):
        try:
            y, shares = _case(kind)
        except Exception as error:
            raise NoNative(f"{kind.op.name} cannot be written as machine code: {error}") from None
        test = f"        {'el' * (k > 0)}if kind == {k}:\n"
        forward += f"{test}            y = {y}\n"
        lines = [f"            grad[{z}[i]] += {share}\n" for z, share in shares.items()]
        backward += test + ("".join(lines) or "            pass\n")
    read = "        a, b, c = data[A[i]], data[B[i]], data[C[i]]\n"
    return (
        "def forward(data, kinds, A, B, C):\n"
        "    for i in range(len(kinds)):\n"
        "        kind = kinds[i]\n"
        "        if kind < 0:\n            continue\n"
        f"{read}        y = 0.0\n{forward}        data[i] = y\n\n\n"
        "def backward(data, grad, kinds, A, B, C):\n"
        "    for i in range(len(kinds) - 1, -1, -1):\n"
        "        kind, g = kinds[i], grad[i]\n"
        "        if kind < 0 or g == 0.0:\n            continue\n"
        f"{read}        y = data[i]\n{backward}"
    )


def installed() -> bool:
    """Whether numba is there."""
    return find_spec("numba") is not None


class NoNative(Exception):
    """Why a graph has no machine code."""


class Native:
    """A graph as two compiled loops over its numbers. `run()`: its value, and the gradient of the
    leaves, which hold what `p` does then. Raises `NoNative` without numba, and for an op that it
    cannot compile."""

    called = "numba"

    def __init__(self, graph: Scalars, p: Any) -> None:
        self._p = p
        if not installed():
            raise NoNative(MISSING)
        kinds = {kind: k for k, kind in enumerate(dict.fromkeys(filter(None, graph.kinds)))}
        self.source = source(list(kinds))
        count = len(graph.kinds)
        nothing = count + len(graph.constants)
        columns = []
        for i in range(count):
            inputs = [z - CONSTANT + count if z >= CONSTANT else z for z in graph.inputs(i)]
            columns.append(inputs + [nothing] * (len(_NAMES) - len(inputs)))
        self._inputs = [np.array(column) for column in zip(*columns, strict=True)]
        self._kinds = np.array([NOTHING if kind is None else kinds[kind] for kind in graph.kinds])
        self._leaves = np.flatnonzero(self._kinds == NOTHING)
        self._data = np.zeros(nothing + 1)
        self._data[count:nothing] = graph.constants
        self._grad = np.zeros(nothing + 1)
        numba = import_module("numba")
        space: dict[str, Any] = {"np": np, "math": math}
        exec(self.source, space)
        compiled = numba.njit(error_model="numpy")
        self._forward, self._backward = compiled(space["forward"]), compiled(space["backward"])
        try:
            self.run()  # which compiles
        except Exception as error:
            raise NoNative(f"numba refuses the graph: {str(error).splitlines()[0]}") from None

    def run(self) -> tuple[float, Any]:
        """The root's value and the leaves' gradient."""
        data, grad, kinds, inputs = self._data, self._grad, self._kinds, self._inputs
        data[self._leaves] = self._p
        self._forward(data, kinds, *inputs)
        grad[:] = 0.0
        grad[len(kinds) - 1] = 1.0
        self._backward(data, grad, kinds, *inputs)
        return float(data[len(kinds) - 1]), grad[self._leaves]
