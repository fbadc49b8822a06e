"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. Its rule is recorded; a `Fault` is the rule with one slip in it, another value
in the place of one that it looks at, or another function's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..backprop.activation import is_activation
from ..backprop.chain import applied, contribution, is_constant, local, slope
from ..graph.node import Node, raw
from ..graph.op import Op
from ..notation.write import local_text
from ..ops import registry
from .kinds import known
from .rules import Rule
from .slips import (
    FAR,
    FARTHEST,
    FIRST,
    FOLKLORE,
    LIKELY,
    NEAR,
    ODD,
    OTHER,
    POINT,
    Slip,
    is_number,
    slips,
    turned,
)
from .tape import Tape, Vector, op_name, op_of

Handed = Callable[[Vector], Vector]

ARITHMETIC = ("multiply", "divide", "pow", "square", "sqrt")  # what is no function with a name
NUDGE = 1e-6  # how far operands are moved to see whether a slope moves with them
SMALL = 64  # entries up to which a Jacobian's diagonal is computed
LEFT_OUT = "the upstream gradient, with respect to {y}, is left out"

# Functions whose derivatives are mistaken for one another's.
CONFUSED = (
    *("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "silu", "gelu"),
    *("sin", "cos", "exp", "log"),
)


@dataclass(frozen=True)
class Fault:
    """One mistake: its kind, how far-fetched it is (0 = the first to think of), what it hands on
    given the step's cotangent, and the words for it.

    In `text` {x}, {y} and {other} stand for the step's input, its result and the other operand,
    {up} for the cotangent of y, {local} for the local derivative, {named} for `named`, which is
    something else in the graph; {a}, {b} and {self} for the operands and the whole of the operation
    `at`, of a rule or (None) of the graph.
    """

    kind: str
    cost: float
    apply: Handed
    text: str
    named: str = ""
    at: tuple[Rule | None, Any] = (None, None)

    def __post_init__(self) -> None:
        known(self.kind)

    def words(self, tape: Tape, node: Node, index: int) -> str:
        """What is to be said, with the step's own names."""
        return self.text.format_map(_Words(self, tape, node, index))


class _Words(dict[str, str]):
    """The fields of a fault's text, written when they are asked for."""

    def __init__(self, fault: Fault, tape: Tape, node: Node, index: int) -> None:
        super().__init__(named=fault.named)
        self.fault, self.tape, self.node, self.index = fault, tape, node, index

    def __missing__(self, key: str) -> str:
        tape, node, index = self.tape, self.node, self.index
        if key in ("a", "b", "self"):
            rule, m = self.fault.at
            part = m if key == "self" else m.inputs[key == "b"]
            inside = rule is not None and isinstance(part, Node)
            return rule.written(part, tape.label, tape.cotangent_name(node)) if inside else tape.label_of(part)
        if key == "up":
            return tape.cotangent_name(node)
        if key == "local":
            return derivative_text(tape, node, index)
        values = {"x": node.inputs[index], "y": node, "other": node.inputs[index - 1]}
        return tape.label_of(values[key])


def derivative_text(tape: Tape, node: Node, index: int) -> str:
    """A local derivative as people write it: σ'(z1), or the expression of its rule."""
    op = op_of(node)
    if op.elementwise and len(node.inputs) == 1:
        return prime(op, tape.label_of(node.inputs[0]))
    if op.elementwise:
        return local_text(node, index, tape.names)
    return f"the derivative of {tape.label(node)}"


def prime(op: Op, argument: str) -> str:
    """The derivative of an op as people write it: σ'(z1)."""
    head, bracket, _ = op.text.partition("({0}")
    return f"{head}'({argument})" if bracket else f"the derivative of {op.name}({argument})"


def bends(op: Op) -> bool:
    """Whether an op is a curve or has a corner: elementwise, and no arithmetic."""
    varies = op.elementwise and not all(is_constant(op, i) for i in range(op.arity or 0))
    return varies and op.name not in ARITHMETIC


def is_mask(node: Node, index: int) -> bool:
    """Whether a step lets entries through or not: its slope, between 0 and 1, does not move with
    the operands, as that of relu, a clip and a maximum does not."""
    d, fixed = slope(node, index), op_of(node).untouched
    if not (np.all(d >= 0) and np.all(d <= 1)):
        return False
    moved = [a if i in fixed else a + NUDGE * (1 + np.abs(a)) for i, a in enumerate(node.operands)]
    return bool(np.all(pulled(node, index, np.ones(node.shape), moved) == d))


def pulled(node: Node, index: int, g: Vector, operands: Any = ()) -> Vector:
    """What the op hands on before the sum over broadcast axes, at other operands if given."""
    op = op_of(node)
    y = np.asarray(op.forward(np, *operands, **node.params)) if operands else node.data
    c = applied(op, index, np, g, y, operands or node.operands, node.params)
    return np.broadcast_to(c, node.shape) if op.elementwise else c


def is_gate(node: Node, index: int) -> bool:
    """Whether a step is the relu written out as x * (x > 0)."""
    x, mask = node.operands[index], node.operands[index - 1]
    return op_name(node) == "multiply" and np.ndim(x) > 0 and np.array_equal(mask, x > 0)


def faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """Every fault of one edge."""
    rule = tape.rule(node, index)
    if rule is None:
        return
    one, other = len(node.operands) == 1, node.inputs[index - 1]
    op = op_of(node)
    lonely = not one and not isinstance(other, Node) and np.ndim(other) == 0
    if lonely and len(node.operands) == 2 and op.name in ("multiply", "divide"):
        return  # a constant that is lost or doubled is a scalar factor
    mask = op.elementwise and bends(op) and is_mask(node, index)
    unit = mask or is_activation(op, node.params) or (op.elementwise and is_gate(node, index))
    function = unit or (one and bends(op))
    yield from _dropped(node, index, rule, unit, function)
    yield from _slipped(rule, function)
    yield from _misread(tape, rule, function, mask)
    if op.elementwise and not is_constant(op, index) and (one or (mask and lonely)):
        yield from _functions(node, index, is_activation(op, node.params) or mask)
    for kind, wrong, text in FOLKLORE.get(op.name, ()):
        yield Fault(kind, FIRST, _remembered(wrong, node), text)


def _remembered(wrong: Callable[..., Vector], node: Node) -> Handed:
    return lambda g: wrong(np, g, node.data, *node.operands, **node.params)


def _dropped(node: Node, index: int, rule: Rule, unit: bool, function: bool) -> Iterator[Fault]:
    """The rule not applied, applied to nothing, twice, or its result or cotangent transposed."""
    op, x = op_of(node), node.operands[index]
    if rule.root is not rule.G:
        yield Fault("missing-factor", ODD, lambda g: rule.run(np.ones_like(g)), LEFT_OUT)
    if not op.elementwise:
        yield from _whole_arrays(node, index, rule)
    ones = np.ones(node.shape)
    if is_constant(op, index) if op.elementwise else _scales(rule.run(ones)):
        return  # no derivative, or the same number everywhere: a scalar factor
    kind, lost = "missing-factor", "this factor is missing"
    if function or (not op.elementwise and np.shape(x) == node.shape and len(node.inputs) == 1):
        kind = "missing-activation-derivative"
        lost = f"the {'activation' if unit else 'function'}'s derivative is missing"
    far = LIKELY if op.name in ("square", "pow") else NEAR if op.name == "multiply" else FIRST
    if not _moves(rule):
        yield Fault(kind, far, lambda g: g, f"yours is the gradient without {{local}}: {lost}")
    if op.elementwise:
        d = slope(node, index)
        text = "the factor {local} is there twice"
        yield Fault("extra-factor", LIKELY, lambda g: rule.run(g * d), text)
        if mask_like(d):
            text = "the gradient goes to the entries that were not chosen"
            yield Fault(OTHER, ODD, lambda g: g - rule.run(g), text)


def _moves(rule: Rule) -> bool:
    return {op_name(m) for m in rule.order} <= MOVES


def _scales(ones: Vector) -> bool:
    return bool(ones.size and np.ptp(ones) == 0 and ones.flat[0] != 0)


def mask_like(d: Vector) -> bool:
    """Whether a slope lets entries through or not."""
    return bool(np.all((d == 0) | (d == 1)))


def _whole_arrays(node: Node, index: int, rule: Rule) -> Iterator[Fault]:
    """Transposes; the Jacobian's diagonal alone; entries handed to a neighbour."""
    x = node.operands[index]
    if np.ndim(x) > 1 and not _moves(rule):
        text = "the gradient with respect to {x} is transposed at this step"
        yield Fault("transpose", NEAR, lambda g: turned(rule.run(g)), text)
        text = "the upstream gradient is transposed at this step"
        yield Fault("transpose", LIKELY, lambda g: rule.run(turned(g)), text)
    if np.shape(x) == node.shape and 1 < node.data.size <= SMALL:
        diagonal = _diagonal(node, rule)
        if np.any(diagonal != 1):
            text = "only the diagonal of the derivative of {y} is used"
            yield Fault("missing-term", FIRST, lambda g: g * diagonal, text)
    if any(op_name(m) in MOVES for m in rule.order):
        for axis, by in product(range(max(np.ndim(x), np.ndim(node.data))), (1, -1)):
            text = f"the index is off by one along axis {axis}"
            after = lambda g, by=by, axis=axis: np.roll(rule.run(g), by, axis)  # noqa: E731
            before = lambda g, by=by, axis=axis: rule.run(np.roll(g, by, axis))  # noqa: E731
            for moved in (after, before):
                yield Fault("off-by-index", FIRST, moved, text)


# What moves entries.
MOVES = {"getitem", "put_at", "pad", "roll", "concat"}


def _diagonal(node: Node, rule: Rule) -> Vector:
    found = np.zeros(node.shape)
    for at in np.ndindex(*node.shape):
        g = np.zeros(node.shape)
        g[at] = 1.0
        found[at] = rule.run(g)[at]
    return found


def _slipped(rule: Rule, function: bool) -> Iterator[Fault]:
    """The rows of the table at every operation of the rule, and at all of one sort at once."""
    alike: dict[tuple[str, str], list[tuple[str, Node, Slip]]] = {}
    for m in rule.order:
        for slip in slips(m):
            about = None if slip.of is None else m.inputs[slip.of]
            if isinstance(about, Node) and about in rule.carries:
                continue  # without what comes from above there is nothing
            kind = slip.kind
            if function and m not in rule.carries and kind in ("missing-factor", "other"):
                kind = OTHER
            elif kind == "missing-factor" and _is_choice(about):
                kind = "missing-activation-derivative"
            how = lambda g, m=m, slip=slip: rule.run(g, {m}, slip.how)  # noqa: E731
            far = slip.rank + (NEAR if m is not rule.root else 0)
            yield Fault(kind, far, how, slip.text, at=(rule, m))
            alike.setdefault((op_name(m), slip.text), []).append((kind, m, slip))
    for group in alike.values():
        kind, m, slip = group[0]
        at = {m for _, m, _ in group}
        if len(at) > 1:
            how = lambda g, at=at, slip=slip: rule.run(g, at, slip.how)  # noqa: E731
            text = f"{slip.text}, and so at every such place"
            yield Fault(kind, slip.rank + NEAR, how, text, at=(rule, m))
    for m in rule.order:
        if op_name(m) == "multiply" and m.inputs[0] is m.inputs[1] and m not in rule.carries:
            how = lambda g, m=m: rule.run(g, {m}, lambda a, b: a)  # noqa: E731
            yield Fault(OTHER, LIKELY, how, "{self} is not squared", at=(rule, m))


def _is_choice(x: Any) -> bool:
    """Whether a factor says which entries count: nothing flows through what it is computed of."""
    chosen = isinstance(x, Node) and x.op is not None and x.constant
    return chosen and bool(np.all((x.data >= 0) & (x.data <= 1)))


def _misread(tape: Tape, rule: Rule, function: bool, mask: bool) -> Iterator[Fault]:
    """Another value in the place of one that the rule looks at."""
    node = rule.node
    for leaf, place in rule.leaves.items():
        source = node if place is None else node.inputs[place]
        right = np.asarray(source.data)

        def put(kind: str, cost: float, v: Vector, text: str, named: str = "") -> Fault:
            swap = {leaf: v}  # noqa: B023
            handed = lambda g: rule.run(g, swapped=swap)  # noqa: E731
            return Fault(kind, cost, handed, text, named, (None, source))  # noqa: B023

        if source.op is not None and not (source is node and op_of(node).elementwise):
            for slip in slips(source):
                v = computed(slip.how, source.operands)
                if v is not None and v.shape == right.shape:
                    yield put(POINT if mask else slip.kind, ODD, v, slip.text)
            if len(source.operands) == 1 and np.shape(source.operands[0]) == right.shape:
                inner = np.asarray(source.operands[0], dtype=np.float64)
                kind = POINT if source.op.elementwise else "other"
                yield put(kind, ODD, inner, "{a} stands where {self} belongs")
                if source.op.elementwise and not is_constant(source.op, 0) and source is not node:
                    named = prime(source.op, tape.label_of(source.inputs[0]))
                    text = "{named} stands where {self} itself belongs"
                    yield put("extra-factor", ODD, np.asarray(slope(source, 0)), text, named)
        for other, v in tape.named_arrays(right.shape):
            if v is not source.data:
                kind = POINT if function else tape.kind_of_swap(v, source.data)
                yield put(kind, FARTHEST, v, "{named} stands where {self} belongs", other)
        for axis, n in enumerate(right.shape):
            for by in (1, -1) if n > 1 else ():
                text = f"{{self}} is shifted by one along axis {axis}"
                yield put("off-by-index", ODD, np.roll(right, by, axis), text)
            if n > 2:  # of two entries the reverse is a shift
                text = f"{{self}} is in reverse along axis {axis}"
                yield put("wrong-order", ODD, np.flip(right, axis), text)


def computed(how: Callable[..., Vector], operands: Any) -> Vector | None:
    """What is computed of some operands; None where it cannot be."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(how(*operands))
    except (ValueError, IndexError, TypeError, np.linalg.LinAlgError):
        return None


def _functions(node: Node, index: int, activation: bool) -> Iterator[Fault]:
    """Wrong derivatives of a function of one input, y = f(x): another's, or at another point.
    Operands beside x are as recorded."""
    op, a, y = op_of(node), node.inputs[index].data, node.data

    def operands(x: Vector) -> list[Vector]:
        return [x if i == index else v for i, v in enumerate(node.operands)]

    def derivative(y: Vector, x: Vector) -> Vector:
        return local(op, index, np, y, operands(x), node.params)

    at_output = derivative(op.forward(np, *operands(y), **node.params), y)
    instead = "stands where {local} belongs"
    rows = [
        (POINT, FIRST, at_output, "{local} is taken at the output {y} instead of the input {x}"),
        (POINT, FIRST, derivative(a, a), "the formula for {local} in {y} is given the input {x}"),
        (OTHER, LIKELY, y, f"{{y}} itself {instead}"),
        (OTHER, ODD, a, f"{{x}} {instead}"),
    ]
    for other in (registry[name] for name in CONFUSED if name != op.name):
        points = [(NEAR, y, a), (LIKELY, other.forward(np, a, **other.defaults), a)]
        if activation:
            points += [(FAR, a, a), (FAR, other.forward(np, y, **other.defaults), y)]
        for far, of, x in points:
            factor = local(other, 0, np, of, (x,), other.defaults)
            if np.any(factor != 1):  # else it is as good as left out, which is simpler
                rows.append((OTHER, far, factor, f"the derivative of {other.name} {instead}"))
    for kind, cost, factor, text in rows:
        yield Fault(kind, cost, times(factor), text)


def times(factor: Vector) -> Handed:
    """g -> g * factor."""
    return lambda g: g * factor


def scaled(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """A number on what a step hands on: the path cut or its sign flipped, a constant lost."""
    options = [
        (0.0, "missing-term", "every path through steps such as {y} is left out"),
        (-1.0, "sign", "every path through steps such as {y} has the wrong sign"),
    ]
    for c, _, counts in constants(tape.rule(node, index)):
        kind = "mean-vs-sum" if counts else "constant-scale" if node.shape else "missing-factor"
        options.append((1 / c, kind, "the number in {local} is left out"))
    for k, kind, text in options:
        cost = LIKELY if k == -1 else FIRST
        yield Fault(kind, cost, lambda g, k=k: k * contribution(node, index, g), text)


def constants(rule: Rule | None) -> list[tuple[float, str, bool]]:
    """The constant factors of a rule: each number, what it is called, and whether it counts
    entries."""
    found = []
    for m in rule.order if rule else ():
        for k, x in enumerate(m.inputs) if op_name(m) in ("multiply", "divide") else ():
            value = float(raw(x)) if is_number(x) else 1.0
            if value in (0.0, 1.0) or not np.isfinite(value):
                continue
            c = value if op_name(m) == "multiply" or k == 0 else 1 / value
            if rule and _is_factor(rule, m, k, c):
                below = abs(c) < 1 and abs(1 / c - round(1 / c)) < 1e-9
                words = f"the divisor {1 / c:g}" if below else f"the factor {c:g}"
                found.append((c, words, isinstance(x, Node)))
    return found


def _is_factor(rule: Rule, m: Node, k: int, c: float) -> bool:
    """Whether the rule without a constant c, operand k of an operation, is 1/c of itself."""

    def without(*operands: Vector) -> Vector:
        return op_of(m).forward(np, *(1.0 if j == k else v for j, v in enumerate(operands)))

    ones = np.ones(rule.node.shape)
    return np.allclose(rule.run(ones, {m}, without) * c, rule.run(ones), rtol=1e-9, atol=0)


def negates(rule: Rule | None) -> bool:
    """Whether there is a minus in the rule of a step, to be forgotten."""
    return rule is not None and any(op_name(m) == "negative" for m in rule.order)
