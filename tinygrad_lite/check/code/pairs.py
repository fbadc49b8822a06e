"""Which node's gradient a name stands for: dW, d_W, grad_W, W_grad, dE_dW, delta_z1."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from ...graph.node import Node
from ...notation.names import identifier

# What people write around a node's name; the loss's own name is tried for {loss}.
CONVENTIONS = (
    r"d_?{loss}_?d_?(?P<of>.+)",
    r"∂_?{loss}_?∂_?(?P<of>.+)",
    r"[d∂δ]_?(?P<of>.+)",
    r"(?:grad|delta|nabla|g|bar|adj)_(?P<of>.+)",
    r"(?:grad|delta|nabla)(?P<of>.+)",
    r"(?P<of>.+)_(?:grad|gradient|bar|adj)",
    r"(?P<of>.+)grad",
)
LOSSES = ("loss", "E", "J", "L", "cost", "Loss", "error", "err", "C")  # the likeliest first
_KEY = re.compile(r"\['(\w+)'\]$|\.(\w+)$")
_INDEX = re.compile(r"(?:s?\[\d+\]|_?\d+)$")  # hs[3], h3, h_3


def wanted_names(name: str, loss: str) -> Iterator[str]:
    """The names whose gradient a name may stand for, the likeliest first."""
    losses = "|".join(map(re.escape, {loss: "", **dict.fromkeys(LOSSES)}))
    for pattern in CONVENTIONS:
        match = re.fullmatch(pattern.format(loss=f"(?:{losses})"), name)
        if match:
            yield match["of"]


class Pairs:
    """The nodes that names of a derivation stand for."""

    def __init__(
        self, names: Mapping[Node, str], loss: str, others: Iterable[tuple[str, Node]] = ()
    ) -> None:
        self.names, self.loss = names, loss or "E"
        self.given: dict[str, Node | None] = {}
        self._stems: set[tuple[str, Node]] = set()
        self._exact: dict[str, Node] = {}
        for node, name in names.items():
            self._exact.setdefault(identifier(name), node)
        keys: dict[str, set[Node]] = {}  # parameters["W1"] is W1 as well
        for name, node in (*others, *((name, node) for node, name in names.items())):
            self._exact.setdefault(identifier(name), node)
            self._stems.add((_INDEX.sub("", name), node))
            if (key := _KEY.search(name)) is not None:
                keys.setdefault(key[1] or key[2], set()).add(node)
        for name, (node, *more) in keys.items():
            if not more:
                self._exact.setdefault(name, node)
        self._folded: dict[str, list[Node]] = {}
        for name, node in self._exact.items():
            self._folded.setdefault(name.lower(), []).append(node)

    def learn(self, name: str, node: Node) -> None:
        """Note what a name stands for, unless that is known."""
        if self.node(name) is None and name not in self.given:
            self.given[name] = node

    def forget(self, node: Node) -> None:
        """Let no name stand for a node by convention: of what is returned the place tells."""
        self._exact = {name: x for name, x in self._exact.items() if x is not node}
        for alike in self._folded.values():
            alike[:] = [x for x in alike if x is not node]

    def node(self, name: str) -> Node | None:
        """The node that a name stands for the gradient of, by convention or as given."""
        if name in self.given:
            return self.given[name]
        meant = map(identifier, wanted_names(name, self.loss))
        return next((self._exact[of] for of in meant if of in self._exact), None)

    def loosely(self, name: str, shape: tuple[int, ...]) -> Node | None:
        """The one node of that shape, or of so many axes, whose name differs by capitals alone: W
        of dw."""
        if name in self.given:
            return None
        of = {identifier(of).lower() for of in wanted_names(name, self.loss)}
        every = [n for folded in of for n in self._folded.get(folded, ())]
        alike = [n for n in every if n.shape == shape]
        alike = alike or [n for n in every if len(n.shape) == len(shape)]
        return alike[0] if len(alike) == 1 else None

    def named(self, key: object) -> Node | None:
        """The node that the key of a returned dict means: its name, or that of its gradient."""
        if isinstance(key, Node):
            return key if key in self.names else None
        if not isinstance(key, str):
            return None
        exact = self._exact.get(identifier(key))
        return self.node(key) if exact is None else exact

    def hint(self, name: str) -> str:
        """Of a name that reads like a gradient's but stands for none: the node that may be meant,
        "" for any other."""
        if name in self.given:
            return ""
        for of in wanted_names(name, self.loss):
            close = difflib.get_close_matches(of, [*self._exact], n=2, cutoff=0.6)
            if close:
                return f"no node is called {of}; did you mean {' or '.join(close)}?"
        return ""

    def family(self, name: str, alike: Iterable[Node], nodes: Iterable[Node]) -> list[Node]:
        """The nodes that one name in a loop may stand for in turn, in the order of `nodes`: of dh
        h, hs[0] or h_1, and nameless ones that are made `alike`."""
        found = self.node(name)
        like = set(alike)
        stems = set(wanted_names(name, self.loss)) if found is None else {self.names[found]}

        def belongs(x: Node) -> bool:
            named = x is found or any((stem, x) in self._stems for stem in stems)
            return named or (x in like and x not in self.names)

        return [x for x in nodes if belongs(x)]
