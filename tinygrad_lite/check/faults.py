"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. Its rule is recorded; a `Fault` is the rule with one slip in it, another value
in the place of one that it looks at, or another function's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from operator import mul
from string import Formatter
from typing import Any

import numpy as np

from .. import ops
from ..backprop.activation import is_activation
from ..backprop.chain import applied, contribution, is_constant, local, slope
from ..derive.step import local_text
from ..graph.node import Node, fresh, raw
from ..graph.op import Op
from .kinds import known
from .rules import Rule, computed, done, in_form
from .slips import (
    FAR,
    FARTHEST,
    FIRST,
    FORMS,
    LIKELY,
    NEAR,
    ODD,
    OTHER,
    POINT,
    Instead,
    Slip,
    moved,
    slips,
    turned,
)
from .tape import Tape, Vector, op_name, op_of

Handed = Callable[[Vector], Vector]

POWERS = {ops.pow, ops.square}
ARITHMETIC = {*POWERS, ops.multiply, ops.divide, ops.sqrt}  # no function with a name
MOVES = {ops.getitem, ops.put_at, ops.pad, ops.roll, ops.concat}  # what only moves entries
SHUFFLES = {ops.getitem, ops.roll, ops.permute_dims}  # what may put entries in another order
SMALL = 64  # entries up to which a Jacobian's diagonal is computed

# Functions whose derivatives are mistaken for one another's.
CONFUSED = (
    *(ops.sigmoid, ops.tanh, ops.relu, ops.softplus, ops.leaky_relu, ops.elu, ops.silu, ops.gelu),
    *(ops.sin, ops.cos, ops.exp, ops.log),
)


@dataclass(frozen=True)
class Fault:
    """One mistake: its kind, how far-fetched it is (0 = the first to think of), what it hands on
    given the step's cotangent, and the words for it.

    In `text` {x} and {y} stand for the step's input and its result, {local} for the local
    derivative; {a}, {b} and {self} for the operands and the whole of the operation `at`, of a rule
    or (None) of the graph, {slope} for its derivative.
    """

    kind: str
    cost: float
    apply: Handed
    text: str
    at: tuple[Rule | None, Any] = (None, None)

    def __post_init__(self) -> None:
        known(self.kind)

    def words(self, tape: Tape, node: Node, index: int) -> str:
        """What is to be said, with the step's own names."""
        rule, m = self.at

        def written(part: Any) -> str:
            if rule is None or not isinstance(part, Node):
                return tape.label_of(part)
            return rule.written(part, tape.names, tape.cotangent_name(node))

        made: dict[str, Callable[[], str]] = {
            "x": lambda: tape.label_of(node.inputs[index]),
            "y": lambda: tape.label(node),
            "local": lambda: _derivative(tape, node, index),
            "a": lambda: written(m.inputs[0]),
            "b": lambda: written(m.inputs[1]),
            "self": lambda: written(m),
            "slope": lambda: prime(op_of(m), tape.label_of(m.inputs[0])),
        }
        fields = {name for _, name, _, _ in Formatter().parse(self.text) if name}
        text = self.text.format(**{name: made[name]() for name in fields})
        if rule is not None and not tape.is_named(node):
            parts = dict(zip(("self", "a", "b"), (m, *m.inputs), strict=False))
            shown = [parts[name] for name in parts.keys() & fields]
            if any(isinstance(part, Node) and part in rule.carries for part in shown):
                return f"{text}, where G is {tape.cotangent_of(node)}"
        return text


def _derivative(tape: Tape, node: Node, index: int) -> str:
    """A local derivative as people write it: σ'(z1), or the expression of its rule."""
    if not op_of(node).elementwise:
        return f"the derivative of {tape.label(node)}"
    if len(node.inputs) == 1:
        return prime(op_of(node), tape.label_of(node.inputs[0]))
    text = local_text(node, index, tape.names)
    return tape.label_of(node.inputs[1 - index]) if text == "…" else text


def prime(op: Op, argument: str) -> str:
    """The derivative of an op as people write it: σ'(z1)."""
    head, bracket, _ = op.text.partition("({0}")
    return f"{head}'({argument})" if bracket else f"the derivative of {op.name}({argument})"


def bends(op: Op) -> bool:
    """Whether an op is a curve or has a corner: elementwise, and no arithmetic."""
    varies = op.elementwise and not all(is_constant(op, i) for i in range(op.arity or 0))
    return varies and op not in ARITHMETIC


def pulled(node: Node, index: int, g: Vector, operands: Any = ()) -> Vector:
    """What the op hands on before the sum over broadcast axes, at other operands if given."""
    op = op_of(node)
    y = np.asarray(op.forward(np, *operands, **node.params)) if operands else node.data
    c = applied(op, index, np, g, y, operands or node.operands, node.params)
    return np.broadcast_to(c, node.shape) if op.elementwise else c


def chooses(x: Any) -> bool:
    """Whether a factor says which entries count: nothing flows through what it is computed of."""
    chosen = isinstance(x, Node) and x.op is not None and x.constant
    return chosen and bool(np.all((x.data >= 0) & (x.data <= 1)))


def faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """Every fault in the rule of one edge."""
    rule, op = tape.rule(node, index), op_of(node)
    if rule is None or _is_scale(node, index):
        return
    mask, unit, function = _sort(node, index, rule)
    yield from _dropped(node, index, rule, unit, function)
    yield from _slipped(rule, function)
    if op in FORMS:
        yield from _slipped(in_form(node, index, FORMS[op][index]), function)
    if op.elementwise and not is_constant(op, index) and (len(node.operands) == 1 or mask):
        yield from _functions(node, index)


def misreadings(tape: Tape, node: Node, index: int, rule: Rule) -> Iterator[Fault]:
    """Another value in every place that the rule of one edge, or one like it, looks at."""
    mask, _, function = _sort(node, index, rule)
    for place in () if _is_scale(node, index) else rule.places:
        source = node if place is None else node.inputs[place]
        for m in _misread(tape, source, function, mask):
            if m.value.shape == np.shape(raw(source)):
                handed = looking(node, index, place, m.value)
                yield Fault(m.kind, m.cost, handed, m.text, (None, source))


def _sort(node: Node, index: int, rule: Rule) -> tuple[bool, bool, bool]:
    """Whether a step lets entries through or not, as max(0, x) does by its mask; whether it is an
    activation, relu written out among them; whether it is a function with a name."""
    op, a = op_of(node), node.operands
    masks = (x for m in rule.made_by("multiply") for x in m.inputs)
    mask = bends(op) and any(map(chooses, masks))
    gates = op is ops.multiply and np.array_equal(a[index - 1], a[index] > 0)
    unit = mask or gates or is_activation(op, node.params)
    return mask, unit, unit or (len(a) == 1 and bends(op))


def _is_scale(node: Node, index: int) -> bool:
    """Whether a step multiplies by a number: to lose it or have it twice is a scalar factor."""
    numbers = (not isinstance(x, Node) and np.ndim(x) == 0 for x in node.inputs)
    return op_of(node) in (ops.multiply, ops.divide) and any(numbers)


def _dropped(node: Node, index: int, rule: Rule, unit: bool, function: bool) -> Iterator[Fault]:
    """The rule not applied, applied to nothing, twice, or its result or cotangent transposed."""
    op, ones = op_of(node), np.ones(node.shape)
    if rule.order:
        text = "the upstream gradient, with respect to {y}, is left out"
        yield Fault("missing-factor", FARTHEST, lambda g: rule.run(_ones_for(g)), text)
    if not op.elementwise:
        yield from _whole_arrays(node, index, rule)
    passed = rule.run(ones)
    same = passed.size and np.ptp(passed) == 0 and passed.flat[0] != 0
    if is_constant(op, index) if op.elementwise else same:
        return  # no derivative, or the same number everywhere: a scalar factor
    kind, lost = "missing-factor", "this factor is missing"
    alike = len(node.inputs) == 1 and np.shape(node.operands[0]) == node.shape
    if function or (alike and not op.elementwise and rule.places):
        kind = "missing-activation-derivative"
        lost = f"the {'activation' if unit else 'function'}'s derivative is missing"
    far = LIKELY if op in POWERS else NEAR if op is ops.multiply else FIRST
    far = far if op.elementwise or (rule.places and node.shape) else ODD
    if not {m.op for m in rule.order} <= MOVES:
        yield Fault(kind, far, lambda g: g, f"yours is the gradient without {{local}}: {lost}")
    if op.elementwise:
        d = slope(node, index)
        text = "the factor {local} is there twice"
        yield Fault("extra-factor", LIKELY, lambda g: rule.run(g * d), text)


def _ones_for(g: Vector) -> Vector:
    if np.ptp(g) == 0:
        raise ValueError("a number: to lose it is a scalar factor")
    return np.ones_like(g)


def _whole_arrays(node: Node, index: int, rule: Rule) -> Iterator[Fault]:
    """Transposes; the Jacobian's diagonal alone; entries handed to a neighbour."""
    x, sorts = node.operands[index], {m.op for m in rule.order}
    if np.ndim(x) > 1 and not sorts <= MOVES:
        text = "the gradient with respect to {x} is transposed"
        yield Fault("transpose", NEAR, lambda g: turned(rule.run(g)), text)
        text = "the upstream gradient is transposed"
        yield Fault("transpose", LIKELY, lambda g: rule.run(turned(g)), text)
    if np.shape(x) == node.shape and 1 < node.data.size <= SMALL:
        units = np.eye(node.data.size).reshape(-1, *node.shape)
        diagonal = np.reshape([np.sum(rule.run(e) * e) for e in units], node.shape)
        if np.any(diagonal != 1):
            text = f"only the diagonal of {op_name(node)}'s derivative is used"
            yield Fault("missing-term", FIRST, lambda g: g * diagonal, text)
    for axis in range(np.ndim(x)) if isinstance(node.params.get("axis"), int) else ():
        if axis != node.params["axis"] % np.ndim(x):
            text = f"{{y}} is taken over axis {axis}, not {node.params['axis']}"
            yield Fault("wrong-axis", FIRST, partial(_along, node, index, axis), text)
    if op_of(node) in SHUFFLES:
        text = "the entries are moved as in {y}, not back to where they were"
        yield Fault("wrong-order", FIRST, lambda g: done(node, g), text)
        text = "the entries of the gradient with respect to {y} are not moved back"
        yield Fault("wrong-order", LIKELY, lambda g: np.reshape(g, np.shape(x)), text)
    axes = range(max(np.ndim(x), np.ndim(node.data))) if MOVES & sorts else ()
    for axis, by in product(axes, (1, -1)):
        text = f"the index is off by one along axis {axis}"
        after = lambda g, by=by, axis=axis: np.roll(rule.run(g), by, axis)  # noqa: E731
        before = lambda g, by=by, axis=axis: rule.run(np.roll(g, by, axis))  # noqa: E731
        yield from (Fault("off-by-index", FIRST, moved, text) for moved in (after, before))


def _along(node: Node, index: int, axis: int, g: Vector) -> Vector:
    """What the op hands on where it is taken over another axis."""
    twin = op_of(node)(*(fresh(None, a) for a in node.operands), **{**node.params, "axis": axis})
    if twin.shape != g.shape:
        raise ValueError("a result of another shape")
    return contribution(twin, index, g)


def _slipped(rule: Rule, function: bool) -> Iterator[Fault]:
    """The rows of the table at every operation of the rule, and at all of one sort at once."""
    alike: dict[tuple[str, str], list[tuple[str, Node, Slip]]] = {}
    exponents = {id(m.inputs[1]) for m in rule.made_by("pow")}  # of these a power's own rows tell
    below = {id(m.inputs[1]) for m in rule.made_by("divide")}
    for m in (m for m in rule.order if id(m) not in exponents):
        inner = function and m not in rule.carries  # where a number may be no factor of the whole
        rows = slips(m, numbers=inner and op_of(m) in (ops.multiply, ops.divide))
        for slip in (*rows, *(() if m in rule.carries else _transposed(m))):
            about = None if slip.of is None else m.inputs[slip.of]
            if "factor" in slip.kind and isinstance(about, Node) and about in rule.carries:
                continue  # without what comes from above there is nothing
            kind = slip.kind
            if inner and (kind in ("missing-factor", "other") or chooses(m)):
                kind = OTHER
            elif kind == "missing-factor" and (chooses(about) or (function and m is rule.root)):
                kind = "missing-activation-derivative"
            far = slip.rank + (NEAR if m is not rule.root else 0)
            text = slip.text
            if id(m) in below:
                text = text.replace("the factor", "the division by")
            yield Fault(kind, far, partial(rule.run, at={m: slip.how}), text, at=(rule, m))
            alike.setdefault((op_name(m), slip.text), []).append((kind, m, slip))
    for group in alike.values():
        kind, m, slip = group[0]
        at = {n: s.how for _, n, s in reversed(group)}
        if len(at) > 1:
            text = f"{slip.text}, and so at every such place"
            yield Fault(kind, slip.rank + NEAR, partial(rule.run, at=at), text, at=(rule, m))


def _transposed(m: Node) -> Iterator[Slip]:
    """A square matrix that a rule computes, transposed."""
    if m.data.ndim > 1 and m.op is not ops.permute_dims:
        yield Slip("transpose", ODD, lambda *a: turned(done(m, *a)), "{self} stands transposed")


def looking(node: Node, index: int, place: int | None, value: Vector) -> Handed:
    """A step's rule with another value in a place that it looks at."""
    operands, y = list(node.operands), node.data
    if place is None:
        y = value
    else:
        operands[place] = value
    return lambda g: applied(op_of(node), index, np, g, y, operands, node.params)


def _misread(tape: Tape, source: Any, function: bool, mask: bool) -> Iterator[Instead]:
    """The values that may be taken for another: computed with a slip, what it is computed of, of
    the same shape and with a name, a neighbour's."""
    right = np.asarray(raw(source), dtype=np.float64)
    op = source.op if isinstance(source, Node) else None
    if op is not None:
        for slip in slips(source, numbers=True):
            v = computed(slip.how, *source.operands)
            if v is not None:
                yield Instead(POINT if mask else slip.kind, ODD, v, slip.text)
    if op is not None and len(source.operands) == 1:
        inner = np.asarray(source.operands[0], dtype=np.float64)
        back = computed(contribution, source, 0, inner) if op in SHUFFLES else None
        if back is not None:
            text = "the entries of {self} are moved the other way"
            yield Instead("wrong-order", ODD, back, text)
        kind = POINT if op.elementwise else "other"
        yield Instead(kind, ODD, inner, "{a} stands where {self} belongs")
        if op.elementwise and not is_constant(op, 0):
            text = "{slope} stands where {self} itself belongs"
            yield Instead("extra-factor", ODD, np.asarray(slope(source, 0)), text)
    if right.size and np.all((right > 0) & (right < 1)):
        yield Instead("other", FAR, 1 - right, "1 − {self} stands where {self} belongs")
    for name, v in tape.named_along(right.shape):
        if v is not raw(source):
            name = name.replace("{", "{{").replace("}", "}}")
            v, kind = np.broadcast_to(v, right.shape), POINT if function else "other"
            yield Instead(kind, FARTHEST, v, name + " stands where {self} belongs")
    for m in moved(right):
        yield m._replace(text=f"{{self}} is {m.text}")


def _functions(node: Node, index: int) -> Iterator[Fault]:
    """Wrong derivatives of a function of one input, y = f(x): another's, or at another point.
    Operands beside x are as recorded."""
    op, a, y = op_of(node), node.inputs[index].data, node.data

    def operands(x: Vector) -> list[Vector]:
        return [x if i == index else v for i, v in enumerate(node.operands)]

    def derivative(y: Vector, x: Vector) -> Vector:
        return local(op, index, np, y, operands(x), node.params)

    def computed_at(x: Vector) -> Vector:
        return op.forward(np, *operands(x), **node.params)

    instead = "stands where {local} belongs"
    there, within = computed(lambda: derivative(computed_at(y), y)), computed(derivative, a, a)
    beyond = computed(lambda: derivative(computed_at(-a), -a))
    mirrored = OTHER if np.isin(derivative(y, a), (0, 1)).all() else "sign"  # a mask's other side
    rows = [
        (POINT, FIRST, there, "{local} is taken at the output {y} instead of the input {x}"),
        (POINT, FIRST, within, "the formula for {local} in {y} is given the input {x}"),
        (mirrored, ODD, beyond, "{local} is taken at minus its argument"),
        (OTHER, ODD, a, f"{{x}} {instead}"),
        (OTHER, ODD, y, f"{{y}} itself {instead}"),
        (OTHER, FAR, computed(lambda: a * computed_at(a - 1)), f"the power rule {instead}"),
    ]
    for other in (o for o in CONFUSED if o is not op):
        results = (y, other.forward(np, a, **other.defaults))
        factors = [local(other, 0, np, of, (a,), other.defaults) for of in results]
        for factor in factors[np.array_equal(*factors) :]:  # once where it looks at x alone
            if np.any(factor != 1) and np.any(factor != y):  # else it is told more simply
                rows.append((OTHER, FAR, factor, f"the derivative of {other.name} {instead}"))
    for kind, cost, factor, text in rows:
        if factor is not None:
            yield Fault(kind, cost, partial(mul, factor), text)


def scaled(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """A number on what a step hands on: the path cut or its sign flipped, a constant lost."""
    rule = tape.rule(node, index)

    def times(k: float) -> Handed:
        return lambda g: k * contribution(node, index, g)

    options = [
        (0.0, FIRST, "missing-term", "the path from {x} through {y} is left out"),
        (-1.0, LIKELY, "sign", "the path from {x} through {y} has the wrong sign"),
    ]
    for c, _, counts in rule.constants if rule else ():
        kind = "mean-vs-sum" if counts else "constant-scale" if node.shape else "missing-factor"
        options.append((1 / c, FIRST, kind, "the number in {local} is left out"))
        if counts and (n := round(1 / c)) > 1:
            text = f"perhaps the number in {{local}} is that of {n - 1} entries, not {n}"
            options.append((n / (n - 1), FAR, "constant-scale", text))
    for k, cost, kind, text in options:
        yield Fault(kind, cost, times(k), text)
