"""Which node's gradient a name stands for: dW, d_W, grad_W, W_grad, dE_dW, delta_z1."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...graph.node import Node
from ...notation.names import identifier
from .plain import Held, HeldNumber

# What people write around a node's name; the loss's name is tried for {loss}, its own for {own}.
CONVENTIONS = (
    r"d_?{loss}_?d_?(?P<of>.+)",
    r"∂_?{loss}_?∂_?(?P<of>.+)",
    r"[d∂δ]_?(?P<of>.+)",
    r"(?:grad|delta|nabla|g|bar|adj)_(?P<of>.+)",
    r"(?:grad|delta|nabla)(?P<of>.+)",
    r"g(?P<of>[A-Z].*|[a-z]\d*)",
    r"(?P<of>.+)_(?:grad|gradient|bar|adj|g|d|update|diff|dx|deriv|derivative)",
    r"(?P<of>.+)_(?:grads|gradients|deltas)(?P<place>\[.+\])",
    r"(?P<of>.+)grad",
    r"d_?{own}_?(?P<of>.+)",
)
LOSSES = ("loss", "E", "J", "L", "cost", "Loss", "error", "err", "C")  # the likeliest first
GENERIC = ("grad", "gradient", "grads", "gradients", "derivative")  # of the only leaf
# What people call the gradient as an attribute of what it is the gradient of.
OWN = ("grad", "g", "gradient", "d", "diff", "delta", "adj", "adjoint", "bar", "derivative")
_KEY = re.compile(r"\['(\w+)'\]$|\.(\w+)$")
_FIRST = re.compile(r"\[\d+\]")
_INDEX = re.compile(r"(?:s?\[\d+\]|_?\d+)$")  # hs[3], h3, h_3


def wanted_names(name: str, loss: str) -> Iterator[str]:
    """The names whose gradient a name, or an attribute, may stand for, the likeliest first."""
    name = name.rpartition(".")[2]
    losses = "|".join(map(re.escape, {loss: "", **dict.fromkeys(LOSSES)}))
    for pattern in CONVENTIONS:
        match = re.fullmatch(pattern.format(loss=f"(?:{losses})", own=re.escape(loss)), name)
        if match:
            yield match["of"] + (match.groupdict().get("place") or "")


def _worded(name: str, shape: tuple[int, ...], inside: Mapping[str, Any]) -> list[Any]:
    """The only leaf beside an attribute that has its shape and no other words, where that says that
    it is a gradient: W of _grad_W_current, the value of a parameter's d."""
    words = _words(name)
    rest = words.difference(OWN)
    nodes = {n: getattr(x, "node", x) for n, x in inside.items() if n != name}
    found = [
        x
        for n, x in nodes.items()
        if isinstance(x, Node) and x.op is None and fits(x.shape, shape)
        if not rest or _words(n) <= rest
    ]
    return found if len(found) == 1 and len(rest) < len(words) else []


def _words(name: str) -> set[str]:
    return set(name.strip("_").lower().split("_"))


def fits(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are one, but for axes of length 1."""
    return [n for n in a if n != 1] == [n for n in b if n != 1]


class Pairs:
    """The nodes that names of a derivation stand for."""

    def __init__(
        self, names: Mapping[Node, str], loss: str, others: Iterable[tuple[str, Node]] = ()
    ) -> None:
        self.names, self.loss = names, loss or "E"
        self.given: dict[str, Node | None] = {}
        self._stems: set[tuple[str, Node]] = set()
        self._exact: dict[str, Node] = {}
        self._entries: dict[str, Node] = {}  # weights[0]
        for node, name in names.items():
            self._exact.setdefault(identifier(name), node)
        self._places: dict[Node, set[str]] = {}  # of cache[3][5] that it is an entry cache[][5]
        self._keyed: dict[str, dict[Node, None]] = {}  # parameters["W1"] is W1 as well
        for name, node in (*others, *((name, node) for node, name in names.items())):
            self._exact.setdefault(identifier(name), node)
            self._stems.add((_INDEX.sub("", name), node))
            if name.endswith("]"):
                self._entries[name] = node
                self._places.setdefault(node, set()).add(_FIRST.sub("[]", name, count=1))
            if (key := _KEY.search(name)) is not None:
                self._keyed.setdefault(key[1] or key[2], {})[node] = None
        self._folded: dict[str, list[Node]] = {}
        keyed = ((name, x) for name, nodes in self._keyed.items() for x in nodes)
        for name, node in (*self._exact.items(), *keyed):
            self._folded.setdefault(name.lower(), []).append(node)

    def copy(self) -> Pairs:
        """The same, to learn more by itself."""
        found = copy.copy(self)
        found.given = dict(self.given)
        found._folded = {name: [*alike] for name, alike in self._folded.items()}
        found._keyed = {name: dict(keyed) for name, keyed in self._keyed.items()}
        return found

    def learn(self, name: str, node: Node) -> None:
        """Note what a name stands for, unless that is known."""
        if self.node(name) is None and name not in self.given:
            self.given[name] = node

    def forget(self, node: Node) -> None:
        """Let no name stand for a node by convention: of what is returned the place tells."""
        self._exact = {name: x for name, x in self._exact.items() if x is not node}
        for alike in self._folded.values():
            alike[:] = [x for x in alike if x is not node]
        for keyed in self._keyed.values():
            keyed.pop(node, None)

    def node(self, name: str, value: Any = None) -> Node | None:
        """The node that a name stands for the gradient of, by convention or as given; by a name in
        a container or an object the only one, of the shape of a `value` where that is known."""
        if name in self.given:
            return self.given[name]
        meant = [identifier(of) for of in wanted_names(name, self.loss)]
        found = next((self._exact[of] for of in meant if of in self._exact), None)
        if found is not None:
            return found
        keyed = {x for of in meant for x in self._keyed.get(of, ())}
        if value is not None:
            keyed = {x for x in keyed if x.shape == np.shape(value)}
        return keyed.pop() if len(keyed) == 1 else None

    def attribute(
        self,
        of: tuple[Any, str],
        key: Any,
        shape: tuple[int, ...],
        inside: Mapping[str, Any],
        graph: Container[Node],
    ) -> Node | None:
        """The node of the graph whose gradient an attribute, or its entry, is: that of a node
        itself, or of another attribute `inside` the same object, or an entry of one: of a dict that
        with its key, of a list that in its place."""
        owner, name = of
        if isinstance(owner, Node):
            return owner if name in OWN and owner in graph else None
        kind = list if isinstance(key, int) else dict
        count = len(inside[name]) if kind is list else 0
        named = [inside[x] for x in wanted_names(name, self.loss) if x in inside]
        beside = [d for d in (*named, *inside.values()) if isinstance(d, kind)]
        keys: list[Any] = [key]
        keys += wanted_names(key, self.loss) if isinstance(key, str) else ()
        fit = (d for d in beside if kind is dict or len(d) == count)
        found = [d[k] for d in fit for k in keys if kind is list or k in d]
        found.sort(key=lambda x: not fits(getattr(x, "shape", ()), shape))
        if key is None:
            found = [*named, *_worded(name, shape, inside)]
        nodes = (x if isinstance(x, Node) else getattr(x, "node", None) for x in found)
        return next((x for x in nodes if isinstance(x, Node) and x in graph), None)

    def loosely(self, name: str, shape: tuple[int, ...]) -> Node | None:
        """The one node of that shape, or of so many axes, whose name differs by capitals alone: W
        of dw; of what only says that it is a gradient the one leaf of that shape."""
        if name in self.given:
            return None
        if shape and name in GENERIC:
            leaves = [n for n in self.names if n.op is None and n.shape == shape]
            return leaves[0] if len(leaves) == 1 else None
        of = {identifier(of).lower() for of in wanted_names(name, self.loss)}
        every = [n for folded in of for n in self._folded.get(folded, ())]
        alike = [n for n in every if n.shape == shape]
        alike = alike or [n for n in every if len(n.shape) == len(shape)]
        short = (n for of in wanted_names(name, self.loss) for n in self._abbreviated(of))
        alike = alike or [n for n in short if n.shape == shape]
        return alike[0] if len(set(alike)) == 1 else None  # it may have two such names

    def _abbreviated(self, of: str) -> Iterator[Node]:
        """Entries of containers whose names begin so: weights[0] of w[0]."""
        stem, bracket, place = of.partition("[")
        for name, node in self._entries.items() if stem and bracket else ():
            if name.lower().startswith(stem.lower()) and name.endswith(bracket + place):
                yield node

    def named(self, key: object) -> Node | None:
        """The node that the key of a returned dict means: its name, or that of its gradient."""
        if isinstance(key, (Held, HeldNumber)):
            key = key.node
        if isinstance(key, Node):
            return key if key in self.names else None
        if not isinstance(key, str):
            return None
        found = self._exact.get(identifier(key))
        found = self.node(key) if found is None else found
        keyed = list(self._keyed.get(key, ()))
        return keyed[0] if found is None and len(keyed) == 1 else found

    def hint(self, name: str) -> str:
        """Of a name that reads like a gradient's but stands for none: the node that may be meant,
        "" for any other."""
        of = min(wanted_names(name, self.loss), key=len, default="")
        close = difflib.get_close_matches(of, [*self._exact], n=2, cutoff=0.6)
        stem = name.rpartition(".")[2].partition("[")[0]
        if not close or name in close or name in self.given or stem in GENERIC:
            return ""
        return f"no node is called {of}; did you mean {' or '.join(close)}?"

    def reads_like_one(self, name: str) -> bool:
        """Whether a name reads like a gradient's."""
        stem = name.rpartition(".")[2].partition("[")[0]
        return stem in OWN or any(wanted_names(stem, self.loss))

    def family(self, name: str, alike: Iterable[Node], nodes: Iterable[Node]) -> list[Node]:
        """The nodes that one name in a loop may stand for in turn, in the order of `nodes`: of dh
        h, hs[0] or h_1, and those that are made `alike` and have no name, or only as an entry: in
        the same place of each turn, if it has one there."""
        found = self.node(name)
        like = set(alike)
        stems = set(wanted_names(name, self.loss)) if found is None else {self.names.get(found, "")}

        def belongs(x: Node) -> bool:
            named = x is found or any((stem, x) in self._stems for stem in stems)
            return named or (x in like and self.names.get(x, "]").endswith("]"))

        every = [x for x in nodes if belongs(x)]
        places = set() if found is None else self._places.get(found, set())
        beside = [x for x in every if not places.isdisjoint(self._places.get(x, ()))]
        return beside if len(beside) > 1 else every
