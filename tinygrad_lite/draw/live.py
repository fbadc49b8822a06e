"""The arithmetic of a page: forward and backward as a list of array instructions that its script
runs, so that a number can be changed there.

Nothing is written down twice: the ops and their rules run once on arrays that note what is asked
of NumPy. What computes entry by entry has its JavaScript here; what moves or adds up entries,
whatever it is called, is its matrix, found by running it; where Python looked at a number, the
script must find the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow
from ..graph.backend import namespace
from ..graph.node import Node, fresh, topological_order
from ..ops.constants import reduced_axes
from .figures import plain

ENTRYWISE = {  # the instruction's name: it, of numbers a, b, c
    **{name: f"a {sign} b" for name, sign in zip(("add", "subtract", "multiply"), "+-*", strict=True)},
    **{"divide": "a / b", "negative": "-a", "abs": "Math.abs(a)", "sign": "Math.sign(a)"},
    "pow": "a === 1 || b === 0 ? 1 : a ** b",
    **{"equal": "+(a === b)", "not_equal": "+(a !== b)", "less": "+(a < b)"},
    **{"less_equal": "+(a <= b)", "greater": "+(a > b)", "greater_equal": "+(a >= b)"},
    **{"logical_and": "+(a && b)", "logical_or": "+(a || b)", "logical_not": "+!a"},
    **{"where": "a ? b : c", "maximum": "Math.max(a, b)", "minimum": "Math.min(a, b)"},
    **{"astype": "a", "hypot": "Math.hypot(a, b)", "trunc": "Math.trunc(a)", "cbrt": "Math.cbrt(a)"},
    **{"isnan": "+(a !== a)", "isinf": "+(Math.abs(a) === 1 / 0)", "isfinite": "+Number.isFinite(a)"},
    **{f: f"Math.{f}(a)" for f in ("sqrt", "exp", "expm1", "log", "log1p", "log2", "log10")},
    **{f: f"Math.{f}(a)" for f in ("sin", "cos", "tan", "asin", "acos", "atan", "floor", "ceil")},
    **{f: f"Math.{f}(a)" for f in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    "atan2": "Math.atan2(a, b)",
    "erf": "erf(a)",
}  # fmt: skip
GATHERED = ("sum", "max", "min", "prod", "any", "all")  # over axes
SHOWN = 4096  # entries of an array whose numbers are in a page that only shows them
LARGE = 20_000  # entries of all that a page computes
_NUMBERS = (bool, int, float, np.generic, np.ndarray)
_COLUMNS = 400  # entries of arrays whose matrix is looked for
_NAMES = {"true_divide": "divide", "absolute": "abs", "power": "pow"}


class Unprintable(Exception):
    """What an op asks for has no JavaScript; says what."""


class Place(int):
    """The number of an array on a tape."""


@dataclass(frozen=True)
class Step:
    """One instruction: `call` of `inputs`, which are places, lists of places, and constants."""

    name: str
    inputs: tuple[Any, ...]
    settings: Mapping[str, Any]
    call: Callable[..., Any]

    @property
    def places(self) -> list[Place]:
        return [p for a in self.inputs for p in (a if isinstance(a, list) else [a]) if _is_place(p)]


def _is_place(a: Any) -> bool:
    return isinstance(a, Place)


@dataclass
class Tape:
    """All arrays in the order in which they were made, and the steps that made them."""

    values: list[Any] = field(default_factory=list)
    steps: dict[Place, Step] = field(default_factory=dict)
    guards: dict[Place, bool] = field(default_factory=dict)  # what Python saw there
    known: dict[Any, Place] = field(default_factory=dict)

    def keep(self, value: Any) -> Place:
        self.values.append(np.asarray(value))
        return Place(len(self.values) - 1)

    def do(self, name: str, f: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """f of arrays, noted; of none that is noted it is NumPy's own."""
        inputs = tuple(_mapped(a, lambda x: x.place) for a in args)
        settings = {key: _mapped(value, lambda x: x.value) for key, value in settings.items()}

        def call(*values: Any) -> Any:
            with np.errstate(all="ignore"):
                return f(*values, **settings)

        y = call(*(_mapped(a, lambda x: x.value) for a in args))
        step = Step(_NAMES.get(name, name), inputs, settings, call)
        if not step.places:
            return y
        if not isinstance(y, (np.ndarray, np.generic)):
            raise Unprintable(name)
        key = step.name, repr(inputs), repr(settings)
        if key not in self.known:
            self.known[key] = self.keep(y)
            self.steps[self.known[key]] = step
        return Noted(self, self.known[key])


def _mapped(a: Any, f: Callable[[Noted], Any]) -> Any:
    """f of an array that is noted, or of each in a list; anything else as it is."""
    if isinstance(a, Noted):
        return f(a)
    if isinstance(a, (list, tuple)) and any(isinstance(b, Noted) for b in a):
        return type(a)(_mapped(b, f) for b in a)
    return a


class Noted:
    """An array that notes what is computed of it on its tape; its values are there too."""

    __array_ufunc__ = None

    def __init__(self, tape: Tape, place: Place) -> None:
        self.tape, self.place = tape, place

    @property
    def value(self) -> Any:
        return self.tape.values[self.place]

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return _Library(self.tape)

    def __getattr__(self, name: str) -> Any:  # shape, ndim, dtype, size
        if name in ("shape", "ndim", "dtype", "size"):
            return getattr(self.value, name)
        raise AttributeError(name)

    @property
    def mT(self) -> Any:
        n = self.value.ndim
        return self._do("permute_dims", np.transpose, (*range(n - 2), n - 1, n - 2))

    T = mT

    @property
    def at(self) -> Any:
        return _At(self)

    def _do(self, name: str, f: Callable[..., Any], *args: Any) -> Any:
        return self.tape.do(name, f, self, *args)

    def __getitem__(self, index: Any) -> Any:
        return self.tape.do("getitem", lambda a, index: a[index], self, index=index)

    def __bool__(self) -> bool:
        seen = bool(self.value)
        self.tape.guards[self.place] = seen
        return seen

    def __float__(self) -> float:
        raise Unprintable("a number that Python computes with")

    __int__ = __index__ = __iter__ = __float__  # type: ignore[assignment]
    __add__ = lambda a, b: a._do("add", np.add, b)  # noqa: E731
    __sub__ = lambda a, b: a._do("subtract", np.subtract, b)  # noqa: E731
    __mul__ = lambda a, b: a._do("multiply", np.multiply, b)  # noqa: E731
    __truediv__ = lambda a, b: a._do("divide", np.divide, b)  # noqa: E731
    __pow__ = lambda a, b: a._do("pow", np.power, b)  # noqa: E731
    __matmul__ = lambda a, b: a._do("matmul", np.matmul, b)  # noqa: E731
    __and__ = lambda a, b: a._do("logical_and", np.logical_and, b)  # noqa: E731
    __or__ = lambda a, b: a._do("logical_or", np.logical_or, b)  # noqa: E731
    __lt__ = lambda a, b: a._do("less", np.less, b)  # noqa: E731
    __le__ = lambda a, b: a._do("less_equal", np.less_equal, b)  # noqa: E731
    __gt__ = lambda a, b: a._do("greater", np.greater, b)  # noqa: E731
    __ge__ = lambda a, b: a._do("greater_equal", np.greater_equal, b)  # noqa: E731
    __eq__ = lambda a, b: a._do("equal", np.equal, b)  # type: ignore[assignment]  # noqa: E731
    __ne__ = lambda a, b: a._do("not_equal", np.not_equal, b)  # type: ignore[assignment]  # noqa: E731
    __radd__ = lambda a, b: a.tape.do("add", np.add, b, a)  # noqa: E731
    __rsub__ = lambda a, b: a.tape.do("subtract", np.subtract, b, a)  # noqa: E731
    __rmul__ = lambda a, b: a.tape.do("multiply", np.multiply, b, a)  # noqa: E731
    __rtruediv__ = lambda a, b: a.tape.do("divide", np.divide, b, a)  # noqa: E731
    __rpow__ = lambda a, b: a.tape.do("pow", np.power, b, a)  # noqa: E731
    __rmatmul__ = lambda a, b: a.tape.do("matmul", np.matmul, b, a)  # noqa: E731
    __neg__ = lambda a: a._do("negative", np.negative)  # noqa: E731
    __hash__ = None  # type: ignore[assignment]


class _Library:
    """The namespace of arrays that note: NumPy's functions, noted."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def __getattr__(self, name: str) -> Any:
        if name == "erf":
            return lambda x: self.tape.do("erf", np.vectorize(math.erf, otypes=[float]), x)
        f = getattr(np, name)
        if not callable(f) or isinstance(f, type):
            return _Part(self.tape, f) if name == "linalg" else f
        if name == "isdtype":
            return f
        if name in ("zeros", "ones", "full"):
            return lambda *args, **settings: Noted(self.tape, self.tape.keep(f(*args, **settings)))
        if name == "asarray":
            return lambda a, **_: a if isinstance(a, Noted) else Noted(self.tape, self.tape.keep(a))
        return lambda *args, **settings: self.tape.do(name, f, *args, **settings)


class _Part:
    def __init__(self, tape: Tape, module: Any) -> None:
        self.tape, self.module = tape, module

    def __getattr__(self, name: str) -> Any:
        f = getattr(self.module, name)
        return lambda *args, **settings: self.tape.do(name, f, *args, **settings)


@dataclass(frozen=True)
class _At:
    x: Noted
    index: Any = None

    def __getitem__(self, index: Any) -> _At:
        return _At(self.x, index)

    def add(self, value: Any) -> Any:
        def added(x: Any, value: Any, index: Any) -> Any:
            out = np.array(x)
            np.add.at(out, index, value)
            return out

        return self.x.tape.do("add_at", added, self.x, value, index=self.index)

    def set(self, value: Any) -> Any:
        def put(x: Any, value: Any, index: Any) -> Any:
            out = np.array(x)
            out[index] = value
            return out

        return self.x.tape.do("set_at", put, self.x, value, index=self.index)


# --- a graph on a tape


@dataclass(frozen=True)
class Run:
    """Where the values and the gradients of a graph's nodes are on a tape, what every step hands to
    its inputs (node, index), and the places of the given arrays: of leaves, and of constants (by
    id)."""

    tape: Tape
    value: Mapping[Node, Place]
    gradient: Mapping[Node, Place]
    share: Mapping[tuple[Node, int], Place]
    given: Mapping[int, Place]
    why: str = ""  # the numbers are as recorded

    @property
    def places(self) -> set[Place]:
        found = (self.value, self.gradient, self.share, self.given)
        return {place for places in found for place in places.values()}  # type: ignore[attr-defined]


def run(root: Node) -> Run:
    """The graph of `root` forward and backward on a tape. Raises `Unprintable`."""
    tape, twins, given = Tape(), {}, {}
    order = topological_order(root)

    def known(x: Any, a: Any) -> Any:
        if isinstance(x, Node) and x in twins:
            return twins[x]
        if not isinstance(x, Node) and not np.ndim(a):
            return a
        noted = Noted(tape, tape.keep(a))
        given[id(x)] = noted.place
        if not isinstance(x, Node):
            return noted
        twins[x] = fresh(None, noted)
        twins[x]._meta = x._meta
        return twins[x]

    for node in reversed(order):
        if node.op is None:
            continue
        inputs = [known(x, a) for x, a in zip(node.inputs, node.operands, strict=True)]
        twins[node] = node.op(*inputs, **node.params)
    old = {new: node for node, new in twins.items()}
    share: dict[tuple[Node, int], Place] = {}

    def step(node: Node, index: int, g: Any) -> Any:
        c = contribution(node, index, g)
        share[old[node], index] = c.place
        return c

    top = known(root, root.data)
    one = Noted(tape, tape.keep(np.ones(root.shape)))
    found = flow(topological_order(top), {top: one}, step)
    return Run(
        tape,
        {node: new.data.place for node, new in twins.items()},
        {old[new]: g.place for new, g in found.items() if new in old},
        share,
        given,
    )


# --- a tape as the script runs it


def recorded(root: Node, why: str) -> Run:
    """The same as it was recorded, without instructions: arrays that are not too large."""
    tape, value, share, given = Tape(), {}, {}, {}
    order = topological_order(root)

    def keep(a: Any) -> Place | None:
        return tape.keep(plain(a)) if math.prod(np.shape(a)) <= SHOWN else None

    def step(node: Node, index: int, g: Any) -> Any:
        c = contribution(node, index, g)
        share[node, index] = keep(c)
        return c

    for node in order:
        value[node] = keep(node.data)
        for x, a in zip(node.inputs, node.operands, strict=True):
            if not isinstance(x, Node) and np.ndim(a):
                given[id(x)] = keep(a)
    found = {}
    if not root.constant:
        found = flow(order, {root: namespace(root.data).ones_like(root.data)}, step)
    return Run(
        tape,
        _kept(value),
        _kept({node: keep(g) for node, g in found.items()}),
        _kept(share),
        _kept(given),
        why,
    )


def _kept(places: dict[Any, Place | None]) -> dict[Any, Place]:
    return {key: place for key, place in places.items() if place is not None}


def program(root: Node) -> tuple[Run, dict[str, Any], dict[Place, int]]:
    """A graph's arithmetic for a script, with the numbers of its places; where that cannot be
    printed, the recorded numbers, and why."""
    try:
        sizes = (math.prod(node.shape) for node in topological_order(root))
        if sum(sizes) > LARGE:
            raise Unprintable("the arrays are too large to compute them in a page")
        made = run(root)
        return made, *printed(made.tape, made.places)
    except Unprintable as error:
        why = str(error) if " " in str(error) else f"a page cannot compute {error}"
    except Exception:  # an op that works on NumPy's arrays alone
        why = "an op computes with NumPy alone"
    made = recorded(root, why)
    return made, *printed(made.tape, made.places)


def printed(tape: Tape, wanted: Collection[Place]) -> tuple[dict[str, Any], dict[Place, int]]:
    """The instructions that make the places `wanted`, as JSON, and their numbers there: first the
    given arrays, then what is computed. Raises `Unprintable`."""
    wanted = {*wanted, *tape.guards}
    stack = list(wanted)
    while stack:
        step = tape.steps.get(stack.pop())
        new = {*step.places} - wanted if step else set()
        wanted |= new
        stack += new
    given: list[Any] = []
    number: dict[Any, int] = {}

    def constant(value: Any, key: Any) -> None:
        if key not in number:
            array = np.asarray(value, float)
            number[key] = len(given)
            given.append([list(array.shape), [as_json(x) for x in array.ravel().tolist()]])

    written: dict[Place, list[Any]] = {}
    depends = {p for p in wanted if p not in tape.steps and tape.values[p].dtype.kind == "f"}
    for p in sorted(wanted):
        step = tape.steps.get(p)
        line = _written(tape, step, p, depends) if step and depends & {*step.places} else None
        if line is None:
            constant(tape.values[p], p)
            depends -= set() if step is None else {p}
            continue
        depends.add(p)
        written[p] = line
        for a in line[1]:
            if not _is_place(a):
                constant(a, repr(a))
    number |= {p: len(given) + k for k, p in enumerate(written)}
    steps = [
        [name, [number[a if _is_place(a) else repr(a)] for a in inputs], *rest]
        for name, inputs, *rest in written.values()
    ]
    guards = [[number[p], int(seen)] for p, seen in tape.guards.items()]
    return {"given": given, "steps": steps, "guards": guards}, number


def as_json(x: float) -> float | str:
    """A number as JSON has it; infinities and NaN as text."""
    return x if math.isfinite(x) else str(x).replace("inf", "Infinity").replace("nan", "NaN")


def _written(tape: Tape, step: Step, p: Place, depends: Collection[Place]) -> list[Any] | None:
    """An instruction: its name, its inputs, its result's shape and what else it needs. None for a
    result that does not depend on what can change."""
    name, inputs = step.name, list(step.inputs)
    y = tape.values[p]
    if name in ENTRYWISE:
        return [name, [a for a in inputs if _is_place(a) or isinstance(a, _NUMBERS)]]
    shape = list(y.shape)
    x = tape.values[inputs[0]] if _is_place(inputs[0]) else None
    if name in GATHERED and x is not None:
        axis = step.settings.get("axis", inputs[1] if len(inputs) > 1 else None)
        return [name, [inputs[0]], shape, list(reduced_axes(x.shape, axis))]
    if name == "matmul":
        a, b = (tape.values[i] if _is_place(i) else np.asarray(i) for i in inputs)
        n, m, k = (a.shape[-2] if a.ndim > 1 else 1), a.shape[-1], b.shape[-1] if b.ndim > 1 else 1
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        places = [
            np.broadcast_to(np.arange(math.prod(c.shape[:-2])).reshape(c.shape[:-2]), stack)
            for c in (a, b)
        ]
        return [name, inputs, shape, [n, m, k], *(q.ravel().tolist() for q in places)]
    if name == "permute_dims":
        axes = [a % y.ndim for a in step.settings.get("axes", inputs[-1])]
        return ["turn", inputs[:1], shape, axes]
    if name == "broadcast_to":
        return ["spread", inputs[:1], shape]
    return _linear(tape, step, shape, depends)


def _linear(
    tape: Tape, step: Step, shape: list[int], depends: Collection[Place]
) -> list[Any] | None:
    """A step whose result is a matrix times the entries of its inputs: found by running it."""
    moving = [q for q in dict.fromkeys(step.places) if q in depends]
    sizes = [tape.values[q].size for q in moving]
    n = sum(sizes)

    def at(x: Any) -> Any:
        parts = dict(zip(moving, np.split(x, np.cumsum(sizes)[:-1]), strict=True))

        def value(q: Place) -> Any:
            return parts[q].reshape(tape.values[q].shape) if q in parts else tape.values[q]

        inputs = [
            type(a)(map(value, a)) if isinstance(a, (list, tuple)) and any(map(_is_place, a))
            else value(a) if _is_place(a) else a
            for a in step.inputs
        ]  # fmt: skip
        return np.asarray(step.call(*inputs), float).ravel()

    try:
        start = at(np.zeros(n))
        first, second = at(1.0 + np.arange(n)), at(1.0 + np.arange(n)[::-1])
        trial = np.random.default_rng(0).normal(size=n)
        truth = at(trial)
    except (ValueError, TypeError, np.linalg.LinAlgError):
        raise Unprintable(step.name) from None
    if start.any():
        if np.array_equal(start, first) and np.array_equal(start, truth):
            return None
        raise Unprintable(step.name)
    picks = np.where(first == 0, 0, first - 1).astype(int)
    if np.array_equal(np.where(first == 0, 0, n - first + 1), second) and n:
        to, source = np.flatnonzero(first), picks[first != 0]
        if np.array_equal(trial[picks] * (first != 0), truth):
            if len(moving) == 1 and np.array_equal(first, 1.0 + np.arange(n)):
                return ["reshape", moving, shape]
            return ["linear", moving, shape, to.tolist(), source.tolist()]
    if n > _COLUMNS:
        raise Unprintable(step.name)
    matrix = np.array([at(row) for row in np.eye(n)]).reshape(n, len(truth))
    if not np.allclose(trial @ matrix, truth, rtol=1e-12, atol=1e-14):
        raise Unprintable(step.name)
    source, to = np.nonzero(matrix)
    if not len(to):
        return None
    by = [] if np.all(matrix[source, to] == 1) else [matrix[source, to].tolist()]
    return ["linear", moving, shape, to.tolist(), source.tolist(), *by]
