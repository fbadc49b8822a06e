"""The arithmetic of a page: forward and backward as a list of array instructions that its script
runs, so that a number can be changed there.

Nothing is written down twice: the ops and their rules run once on recording arrays. What computes
entry by entry has its JavaScript here; what moves or adds up entries, whatever it is called, is its
matrix, found by running it; where Python looked at a number, the script must find the same answer.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow
from ..backprop.replay import questions
from ..compile.arrays import recorder
from ..compile.emit import live
from ..compile.recorder import Held, Instruction, invoke
from ..compile.trace import plain as listed
from ..graph.backend import in_numpy, namespace
from ..graph.node import Node, fresh, topological_order
from ..ops.constants import reduced_axes
from .figures import plain


def _table(text: str) -> dict[str, str]:
    """`name: code; name: code`."""
    pairs = (part.partition(": ") for part in " ".join(text.split()).split("; "))
    return {name: code for name, _, code in pairs}


_SAME = "sqrt exp expm1 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh"
_SAME += " atanh floor ceil trunc cbrt"  # in NumPy and in JavaScript
ENTRYWISE = {f: f"Math.{f}(a)" for f in _SAME.split()} | _table(  # an instruction, of a, b, c
    """add: a + b; subtract: a - b; multiply: a * b; divide: a / b; negative: -a; astype: a;
    absolute: Math.abs(a); sign: Math.sign(a); square: a * a; erf: erf(a);
    power: a === 1 || b === 0 ? 1 : a ** b; hypot: Math.hypot(a, b); atan2: Math.atan2(a, b);
    equal: +(a === b); not_equal: +(a !== b); less: +(a < b); less_equal: +(a <= b);
    greater: +(a > b); greater_equal: +(a >= b); logical_and: +(a && b); logical_or: +(a || b);
    logical_not: +!a; isnan: +(a !== a); isinf: +(Math.abs(a) === 1 / 0);
    where: a ? b : c; maximum: Math.max(a, b); minimum: Math.min(a, b)"""
)
_SPELLED = {f"arc{f[1:]}": f for f in _SAME.split() if f[0] == "a"} | _table(
    """sub: subtract; mul: multiply; truediv: divide; neg: negative; abs: absolute; pow: power;
    eq: equal; ne: not_equal; lt: less; le: less_equal; gt: greater; ge: greater_equal;
    and_: logical_and; or_: logical_or; invert: logical_not; arctan2: atan2"""
)  # by Python's operators and NumPy's old names
_GATHERED = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}  # by reduce
_ASKED = ("any", "all", "has_nan")  # of all entries
LARGE = 20_000  # entries of all that a page computes
SHOWN = 4096  # entries of an array whose numbers are in a page that only shows them
_NUMBERS = (Held, bool, int, float, np.generic, np.ndarray)
_COLUMNS = 400  # entries of arrays whose matrix is looked for


class Unprintable(Exception):
    """What an op asks for has no JavaScript; says what."""


@dataclass(frozen=True)
class Run:
    """The numbers of a graph, each held in a list of calls or a plain array: of nodes, of their
    gradients, of what every step (node, index) hands on, and of constant arrays by id; and the
    `calls` that compute them. `why` says why they are not computed in the page."""

    value: Mapping[Node, Any]
    gradient: Mapping[Node, Any]
    share: Mapping[tuple[Node, int], Any]
    given: Mapping[int, Any]
    calls: Sequence[Instruction] = ()
    why: str = ""

    def arrays(self) -> Iterable[Any]:
        """All of them; of those that are only shown, without the large ones."""
        for found in (self.value, self.gradient, self.share, self.given):
            yield from (a for a in found.values() if not self.why or np.size(a) <= SHOWN)


Numbers = Mapping[Any, int]  # id of an array -> its place in the page


def program(root: Node) -> tuple[Run, dict[str, Any], Numbers]:
    """A graph's arithmetic for a script, and the places of its arrays; where that cannot be
    printed, the recorded numbers, and why."""
    try:
        if sum(math.prod(node.shape) for node in topological_order(root)) > LARGE:
            raise Unprintable("the arrays are too large to be computed in a page")
        made = _run(root)
        return made, *printed(made)
    except Unprintable as error:
        why = str(error)
    except Exception:  # an op that works on NumPy's own arrays alone
        why = "an op computes with NumPy alone"
    made = _run(root, why)
    return made, *printed(made)


def _run(root: Node, why: str = "") -> Run:
    """The graph forward and backward on recording arrays; or, if these do not do, and `why`, with
    its numbers as they are."""
    made = recorder()
    twins: dict[Node, Any] = {}
    given: dict[int, Any] = {}
    done = plain if why else listed
    order = topological_order(root)
    asked = {} if why else questions(order)

    def known(x: Any, a: Any) -> Any:
        if isinstance(x, Node) and x in twins:
            return twins[x]
        if id(x) in asked:  # a mask follows what it was asked of
            for node in reversed(topological_order(asked[id(x)]) if id(x) not in given else ()):
                given[id(x)] = put(node) if node not in twins else twins[node]
            return given[id(x)]
        if not isinstance(x, Node) and not np.ndim(a):
            return a
        a = in_numpy(a)
        held = a if why else (made.input if a.dtype.kind == "f" else made.fixed)(a)
        held = given.setdefault(id(x), held)
        if not isinstance(x, Node):
            return held
        twins[x] = x if why else fresh(None, held)
        twins[x]._meta = x._meta
        return twins[x]

    def put(node: Node) -> Any:
        if node.op is None:
            return known(node, node.data)
        inputs = [known(x, a) for x, a in zip(node.inputs, node.operands, strict=True)]
        found = node if why else node.op(*inputs, **node.params)
        if isinstance(found, Node):  # and no answer to a question
            twins[node] = found
        return found

    for node in reversed(order):
        if node.op is not None:
            put(node)
    top = known(root, root.data)
    old = {new: node for node, new in twins.items()}
    one = namespace(root.data).ones_like(root.data) if why else made.fixed(np.ones(root.shape))
    share: dict[tuple[Node, int], Any] = {}

    def step(node: Node, index: int, g: Any) -> Any:
        share[old[node], index] = c = contribution(node, index, g)
        return c

    with np.errstate(all="ignore"):
        found = {} if top.constant else flow(topological_order(top), {top: one}, step)
    return Run(
        {node: done(new.data) for node, new in twins.items()},
        {old[node]: done(g) for node, g in found.items()},
        {edge: done(c) for edge, c in share.items()},
        {key: done(a) for key, a in given.items()},
        made.instructions,
        why,
    )


# --- as the script runs it


def printed(run: Run) -> tuple[dict[str, Any], Numbers]:
    """The instructions that make the arrays of a run, as JSON, and their places there: first what
    is given, then what is computed. Raises `Unprintable`."""
    wanted = {id(a): a for a in run.arrays()}
    calls = live(run.calls, set(wanted))
    guards = [call for call in calls if call.out is None]
    varies = {id(x) for call in calls for x in call.inputs() if x.made_by is None}
    lines: dict[Any, list[Any]] = {}
    for call in calls:
        line = _written(call, varies) if call.out is not None else None
        if line is not None:
            lines[id(call.out)] = line
            varies.add(id(call.out))

    def key(a: Any) -> Any:
        known = isinstance(a, Held) or id(a) in wanted
        return id(a) if known else f"{np.shape(a)} {np.asarray(a).tolist()}"

    read = [a for line in lines.values() for a in line[1]]
    read = [*wanted.values(), *(guard.args[0] for guard in guards), *read]
    given = {key(a): plain(value_of(a)) for a in read if key(a) not in lines}
    place = {name: k for k, name in enumerate((*given, *lines))}
    told = {
        "given": [a.shape for a in given.values()],
        "numbers": doubles(given.values()),
        "steps": [[name, [place[key(a)] for a in of], *rest] for name, of, *rest in lines.values()],
        "guards": [[place[key(guard.args[0])], int(bool(guard.expected))] for guard in guards],
    }
    return told, place


def doubles(arrays: Iterable[Any]) -> str:
    """All entries of some arrays, one after the other, as the bytes of doubles in base 64."""
    entries = np.concatenate([np.empty(0), *map(np.ravel, arrays)])
    return base64.b64encode(entries.astype("<f8").tobytes()).decode()


def _name(call: Any) -> str:
    if getattr(call, "__name__", "") == "reduce":
        return _GATHERED.get(call.__self__.__name__, "reduce")
    name = getattr(call, "__name__", "a function")
    return _SPELLED.get(name, name)


def _written(step: Instruction, varies: Collection[int]) -> list[Any] | None:
    """An instruction: its name, its inputs, its result's shape and what else it needs. None for a
    result that does not depend on what can change."""
    name, y = _name(step.call), value_of(step.out)
    y = np.stack(y) if name == "slogdet" else y
    inputs = [a for a in step.args if isinstance(a, _NUMBERS)]
    if not isinstance(y, (np.ndarray, np.generic)):
        raise Unprintable(f"a page cannot compute {name}")
    if np.iscomplexobj(y):
        raise Unprintable(f"a page has no complex numbers, which {name} gives")
    if not any(id(x) in varies for x in step.inputs()):
        return None
    shape, x = list(np.shape(y)), np.asarray(value_of(inputs[0])) if inputs else None
    if name in ENTRYWISE:
        return [name, inputs, shape]
    if x is not None and (name in _GATHERED.values() or name in _ASKED):
        axis = step.settings.get("axis", step.args[1] if len(step.args) > 1 else None)
        return [name, inputs[:1], shape, list(reduced_axes(x.shape, axis))]
    if name in ("det", "slogdet") and x is not None:
        return [name, inputs, shape, x.shape[-1]]
    if name == "inv" and x is not None:
        name, inputs = "solve", [*inputs, np.eye(x.shape[-1])]
    if name in ("matmul", "solve"):
        return [name, inputs, shape, *_stacked(*(np.asarray(value_of(a)) for a in inputs))]
    return _linear(step, shape, varies)


def value_of(a: Any) -> Any:
    """The value of what is held in a list that keeps them, or of a constant."""
    return a.value if isinstance(a, Held) else a


def _stacked(a: Any, b: Any) -> list[Any]:
    """Rows, length and columns of a product of matrices, and which matrices of the two stacks."""
    n, m, k = (a.shape[-2] if a.ndim > 1 else 1), a.shape[-1], (b.shape[-1] if b.ndim > 1 else 1)
    stacks = [c.shape[:-2] for c in (a, b)]
    whole = np.broadcast_shapes(*stacks)
    places = (np.broadcast_to(np.arange(math.prod(s)).reshape(s), whole) for s in stacks)
    return [[n, m, k], *(p.ravel().tolist() for p in places)]


def _linear(step: Instruction, shape: list[int], varies: Collection[int]) -> list[Any] | None:
    """A step whose result is a matrix times the entries of its inputs: found by running it."""
    moving = list({id(x): x for x in step.inputs() if id(x) in varies}.values())
    sizes = [np.size(x.value) for x in moving]
    n, refused = sum(sizes), Unprintable(f"a page cannot compute {_name(step.call)}")

    def at(entries: Any) -> Any:
        parts = zip(moving, np.split(entries, np.cumsum(sizes)[:-1]), strict=True)
        moved = {id(x): part.reshape(np.shape(x.value)) for x, part in parts}
        settings = {key: _with(a, moved) for key, a in step.settings.items()}
        with np.errstate(all="ignore"):
            y = invoke(step.call, tuple(_with(a, moved) for a in step.args), settings)
        return np.asarray(y, float).ravel()

    trial = np.random.default_rng(0).normal(size=n)
    try:
        start = at(np.zeros(n))
        tried = (at(a) for a in (trial, 1.0 + np.arange(n), n - np.arange(n)))
        truth, first, second = (y - start for y in tried)
    except Exception:  # an op of the user's may refuse other data, with whatever error
        raise refused from None
    if not np.isfinite(start).all():
        raise refused
    plus = [start.tolist()] if start.any() else []
    to = np.flatnonzero(first)
    picks = np.clip(np.nan_to_num(first[to]) - 1, 0, n - 1).astype(int)
    picked = np.zeros(len(first))
    picked[to] = trial[picks]
    if np.array_equal(picked, truth) and np.array_equal(second[to], n - picks):
        return ["linear", moving, shape, to.tolist(), picks.tolist(), None, *plus]
    if n > _COLUMNS:
        raise refused
    matrix = np.array([at(row) for row in np.eye(n)]).reshape(n, len(truth)) - start
    if not np.allclose(trial @ matrix, truth, rtol=1e-12, atol=1e-14):
        raise refused
    source, to = np.nonzero(matrix)
    by = None if np.all(matrix[source, to] == 1) else matrix[source, to].tolist()
    return ["linear", moving, shape, to.tolist(), source.tolist(), by, *plus]


def _with(x: Any, moved: Mapping[int, Any]) -> Any:
    """An argument with other values for some recording arrays."""
    if isinstance(x, Held):
        return moved.get(id(x), x.value)
    return type(x)(_with(a, moved) for a in x) if type(x) in (tuple, list) else x
