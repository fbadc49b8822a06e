"""What the user claims, read and held against the gradient, rounding aside.

Every unreadable claim gets an error that says the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.jacobians import jacobian
from ..graph.backend import in_numpy, is_array, to_array
from ..graph.names import name_all, visible
from ..graph.node import Node, raw, topological_order
from ..graph.trees import map_tree
from .computed import Computed, computed
from .rounding import Blur, precision
from .slips import turned
from .tape import Tape, largest

SHARED = "as of a symmetric matrix, where (i, j) and (j, i) share a gradient"
CLEAR = 1e6  # an error of so many tolerances is none of rounding, however that was measured
UNFELT = "but for entries that are 0 whatever they are computed of"
RAISED = object()  # what a claim that is code gives when it raised an error


@dataclass(frozen=True)
class Comparison:
    """`right` when equal up to rounding; the largest relative error, and the entry where it is; the
    largest error in units of the tolerance."""

    right: bool
    error: float
    entry: tuple[int, ...]
    excess: float = 0.0


def in_shape(value: Any, shape: tuple[int, ...]) -> Any:
    """An array in a shape that differs from its own by axes of length 1 only; else as it is."""
    if not isinstance(value, np.ndarray) or value.shape == shape:
        return value
    core = [n for n in value.shape if n != 1]
    return value.reshape(shape) if core == [n for n in shape if n != 1] else value


def compare(claimed: Any, expected: Any, tolerance: Any, size: float = 0.0) -> Comparison:
    """Hold a claim against the gradient, entry by entry; `tolerance` is absolute, per entry, `size`
    what errors of rounding are measured against if that is larger than the gradient."""
    difference = np.where(claimed == expected, 0.0, np.abs(claimed - expected))
    difference = np.where(np.isnan(difference), np.inf, difference)
    if not difference.size:
        return Comparison(True, 0.0, ())
    excess = np.where(difference == 0, 0.0, difference / tolerance)
    worst = float(excess.max())
    right = worst <= 1
    relative = difference / np.maximum(np.abs(claimed), np.abs(expected))
    if right and size:  # what is all rounding error is measured against the size of the array
        relative = difference / max(size, largest(expected))
    relative = np.where(difference == 0, 0.0, relative)
    at = np.unravel_index(int(np.argmax(relative if right else excess)), difference.shape)
    return Comparison(right, float(relative[at]), tuple(map(int, at)), worst)


@dataclass(frozen=True)
class Allowance:
    """What the caller allows beside rounding: `rtol` of an entry and `atol`; `digits` are as many
    decimals, or significant digits where that is coarser, as the numbers were typed with."""

    rtol: float | None = None
    atol: float | None = None
    digits: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if value is not None and not (number and 0 <= value < np.inf):
                raise ValueError(f"{name}={value!r}; it is a number that is not negative")

    def of(self, expected: Any) -> Any:
        """The absolute error allowed in each entry."""
        size = np.abs(expected)
        found = (self.atol or 0.0) + (self.rtol or 0.0) * size
        if self.digits is not None:
            power = np.floor(np.log10(np.where(size == 0, 1.0, size)))
            last = np.maximum(10.0**-self.digits, 10.0 ** (power - self.digits + 1))
            found = found + 0.5001 * last
        return found


def shared(a: Any) -> Any:
    """What the entries (i, j) and (j, i) of a symmetric matrix have in common."""
    return (a + turned(a)) / 2


class Claim:
    """One claimed gradient: the user's node, its twin on the tape, and the claimed array, as
    precise as its dtype. `read` takes away what makes no difference, `read_as` says it."""

    def __init__(self, name: str, user: Node, node: Node, value: Any) -> None:
        self.name, self.user, self.node = name, user, node
        self.value = self.full = np.asarray(value, dtype=np.float64)
        self.eps = precision(value)
        self.jacobian: Any = None  # of a claimed one, whose product with the seed is then judged
        self.expected: Any
        self.tolerance: Any
        self.blur: Blur
        self.read: Callable[[Any], Any] = np.asarray
        self.read_as = ""
        self.unclear = self.settled = False
        self.compared: Comparison | None = None
        self.note = ""  # what is to be said of a claim that is right in its own way

    @property
    def fits(self) -> bool:
        """Whether the claim has the node's shape."""
        return bool(self.value.shape == self.node.shape)

    @property
    def right(self) -> bool:
        """Whether it equals the gradient, rounding aside."""
        return self.compared is not None and self.compared.right

    @property
    def verdict(self) -> str:
        """As `Finding` has it, before wrong ones are looked into."""
        return ("unclear" if self.unclear else "right") if self.right else "wrong"

    @property
    def shown(self) -> tuple[Any, Any]:
        """What the user claims, and what is right."""
        return self.full, self.expected if self.jacobian is None else self.jacobian

    def contract(self, seed: Any, jacobian: Any) -> None:
        """Take the claim for one of a Jacobian: all of it is in its product with a random seed."""
        self.jacobian = jacobian
        self.value = np.tensordot(seed, self.full, np.ndim(seed))

    def judge(self, expected: Any, blur: Blur, allowance: Allowance) -> None:
        """Hold it against what is expected, given how far rounding moves that. It is `settled`
        where a larger tolerance, as more draws may give, would change nothing."""
        self.blur, self.eps, rounding = blur, blur.eps, blur.tolerance
        if self.read_as:
            self.note = self.read_as * (not compare(self.value, expected, rounding).right)
            expected, rounding = self.read(expected), np.maximum(rounding, self.read(rounding))
        self.expected = expected
        allowed = allowance.of(expected)
        if self.jacobian is not None:
            rest = tuple(range(np.ndim(self.full) - np.ndim(expected)))
            allowed = allowance.of(self.jacobian).sum(axis=rest)  # no seed is larger than 1
        self.tolerance = np.maximum(rounding, allowed)
        self.settled = blur.faint
        if self.fits:
            self.compared = compare(self.value, expected, self.tolerance, blur.size)
            self.settled = blur.faint and not 1 < self.compared.excess < CLEAR
            error = np.abs(self.value - expected)
            self.unclear = self.right and blur.hides(error, expected, allowed)
            if self.jacobian is not None:
                entries = compare(*self.shown, np.max(self.tolerance, initial=0.0), blur.size)
                self.compared = replace(entries, right=self.right)


@dataclass(frozen=True)
class Asked:
    """The graph that is asked about; a random `seed` where its Jacobians are claimed; what names
    mean; how it was `computed`, where a function was given."""

    tape: Tape
    order: list[Node]
    seed: Any
    variables: Mapping[str, Any]
    computed: Computed | None = None

    def claim(self, name: str, user: Node, value: Any) -> Claim:
        """One claimed gradient, or Jacobian."""
        found = Claim(name, user, self.tape.twin[user], value)
        if self.seed is not None:
            found.contract(self.seed, jacobian(self.tape.root, found.node))
        elif found.fits and self.tape.reads_half(found.node):
            if np.allclose(found.value, turned(found.value), rtol=1e-9):
                found.read, found.read_as = shared, SHARED
        elif found.fits and (unfelt := self._unfelt(found)).any():
            found.read, found.read_as = lambda a: np.where(unfelt, 0.0, a), UNFELT
        return found

    def _unfelt(self, claim: Claim) -> Any:
        """Where a result and its claim are 0, and what the gradient is reaches no input: above the
        diagonal of what tril or a Cholesky factor is."""
        node, g = claim.node, self.tape.g[claim.node]
        at = (node.data == 0) & (claim.value == 0) & (g != 0)
        if node.op is None or node.op.elementwise or not at.any():
            return np.zeros(1, dtype=bool)
        to = (i for i, x in enumerate(node.inputs) if isinstance(x, Node))
        return at & (not any(np.any(contribution(node, i, np.where(at, g, 0.0))) for i in to))


def asked(root: Any, cotangent: Any, variables: Mapping[str, Any] | None) -> Asked:
    """The tape of `root`, a node or the function that computes it, or an error."""
    made, seen = None, visible() if variables is None else variables
    if isinstance(root, FunctionType):
        made = computed(root, seen)
        root, seen = made.root, made.names
    if not isinstance(root, Node):
        raise TypeError(f"check: E is a {type(root).__name__}, not a Value or Tensor")
    if root.op is None:
        raise ValueError("check: E was computed from nothing: it is a leaf or a constant")
    order = topological_order(root)
    arrays = (a for n in order for a in n.inputs if not isinstance(a, Node))
    public = {name: v for name, v in seen.items() if not name.startswith("_")}
    names = name_all([*order, *arrays], public)
    above = None if cotangent is None else _array(cotangent, "cotangent")
    if above is not None and above.shape != root.shape:
        raise ValueError(f"check: cotangent has shape {above.shape}, E {root.shape}")
    seed = None
    if above is None and int(np.prod(root.shape)) != 1:  # Jacobians are claimed
        draw = np.random.default_rng(5)
        above = seed = draw.choice([-1.0, 1.0], root.shape) * draw.uniform(0.5, 1.0, root.shape)
    return Asked(Tape(root, above, names), order, seed, seen, made)


def read(
    about: Asked, claims: Mapping[Any, Any], ran: Callable[[Node, str, Any], Any]
) -> list[Claim]:
    """The claims about a graph, or an error; a claim that is code is `ran`, and left out where it
    raised an error."""
    if not claims:
        raise ValueError("check: no claims; pass what you derived, as in {W: dW}")
    tape, root = about.tape, about.order[0]
    found: dict[Node, Claim] = {}
    for key, value in claims.items():
        user = _node(key, about.order, tape)
        twin = tape.twin[user]
        name = tape.user_names.get(id(user)) or tape.label(twin)
        if isinstance(key, str):
            name = key
        if user in found:
            raise ValueError(f"check: {name} is claimed twice, by node and by name")
        if not np.isfinite(tape.g[twin]).all():
            raise ValueError(
                f"check: the gradient of E with respect to {name} is not finite itself; compute E "
                "under tg.debug() to find the op that makes the first NaN or infinity"
            )
        if callable(value) or isinstance(value, str):
            value = ran(user, name, value)
            if value is RAISED:
                continue
        array = _array(value, name)
        if about.seed is not None and array.shape != root.shape + twin.shape:
            raise ValueError(f"check: {not_scalar(root, name, twin)}")
        found[user] = about.claim(name, user, array)
    return list(found.values())


def not_scalar(root: Node, name: str, node: Node) -> str:
    """What to do about a claim of a node's shape where E is no single number."""
    return (
        f"E has shape {root.shape}; reduce it to a scalar, as in .sum(), or pass "
        "cotangent=, the gradient of the loss with respect to it; or claim its Jacobian with "
        f"respect to {name}, of shape {root.shape + node.shape}"
    )


def _node(key: Any, order: list[Node], tape: Tape) -> Node:
    """The node of the graph that a claim is for."""
    if not isinstance(key, (Node, str)):
        told = f"check: a claim's key is of type {type(key).__name__}"
        raise TypeError(f"{told}; use a node of the graph or its name")
    names = tape.user_names
    found = [n for n in order if names.get(id(n)) == key] if isinstance(key, str) else [key]
    if isinstance(key, str) and not found:
        raise ValueError(_unknown(key, order, names))
    if len(found) > 1:
        shapes = " and ".join(str(n.shape) for n in found)
        raise ValueError(
            f"check: {len(found)} nodes are called {key!r} (shapes {shapes}); use the node itself "
            "as the key, or give them names of their own with name="
        )
    if tape.twin.get(found[0]) not in tape.g:
        raise ValueError(_no_gradient(found[0], tape))
    return found[0]


def _no_gradient(node: Node, tape: Tape) -> str:
    """Why no gradient flows to a node."""
    name = tape.user_names.get(id(node)) or name_all([node]).get(id(node), "a node of shape")
    what = f"check: {name} {node.shape}"
    if node.constant:
        what = f"{what} is a constant (made by detach() or under no_grad())"
        return f"{what}, and no gradient flows to it"
    if node not in tape.twin:
        return (
            f"{what} is not in the graph of E: E was not computed from it. Was it recorded again "
            "after E, or is it another object with the same values?"
        )
    return f"{what}: no gradient flows to it"


def _unknown(key: str, order: list[Node], names: Mapping[int, str]) -> str:
    constants = (a for n in order for a in n.inputs if not isinstance(a, (Node, float, int)))
    if key in {names.get(id(a)) for a in constants}:
        way_out = f"wrap it, {key} = tg.Tensor({key}), to have its gradient"
        return f"check: {key} is a constant of the graph, a plain array; {way_out}"
    known = sorted({names[id(n)] for n in order if id(n) in names})
    close = [n for n in known if n.lower() == key.lower()]
    close = close or difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    if close:
        return f"check: no node is called {key!r}; did you mean {' or '.join(close)}?"
    listed = ", ".join(known) or "none: give the nodes names with name="
    return f"check: no node is called {key!r}; the names in the graph are {listed}"


def _array(value: Any, name: str) -> Any:
    """A claimed gradient as a NumPy array; its own dtype tells how precise it is."""
    value = raw(value)
    if value is None:
        raise TypeError(f"check: the claim for {name} is None; has backward() run?")
    if isinstance(value, (list, tuple)):
        value = _nested(value, name)
    array = to_array(value, f"check: the claim for {name}")
    array = in_numpy(array)
    for bad, what in ((np.isnan(array), "NaN"), (np.isinf(array), "infinite")):
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            count = int(bad.sum())
            more = f" ({count} of {array.size} entries)" if count > 1 else ""
            where = f" at {at}" if at else ""
            raise ValueError(f"check: the claim for {name} is {what}{where}{more}")
    return array


def _nested(value: Any, name: str) -> Any:
    """A nested list with its nodes and arrays as plain data."""

    value = map_tree(lambda v: in_numpy(v).tolist() if is_array(raw(v)) else raw(v), value)
    try:
        array = np.asarray(value)
    except ValueError:
        told = f"check: the claim for {name} is ragged: its rows differ in length"
        raise ValueError(told) from None
    if array.dtype.kind in "OSU":
        raise TypeError(f"check: the claim for {name} holds something that is not a number")
    return array
