"""A line of a derivation: what a result hands to one of its inputs through all the ops between that
have no name, as one formula.

The line is recorded again on leaves x0, x1, ... of its own and read as one step is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.flow import flow, recorded
from ..graph.context import enable_grad, recording_rules
from ..graph.meta import Meta
from ..graph.node import Node, fresh, topological_order
from .step import Form, aside, form_of, handed_form, is_number, reading_of, wide, worded
from .verify import agrees

Step = Callable[[Node, int, Any], Any]
LARGEST = 10_000  # entries of an array of a line that is read
_MOST = 24  # ops in a line


@dataclass(frozen=True)
class Line:
    """The ops between the node `result` and the `inputs`, nodes and arrays, that it is made of.
    `twin` has the nodes recorded again; `G` is the leaf for the cotangent of the result, and `one`
    says that this is 1."""

    result: Node
    inputs: tuple[Any, ...]
    twin: Mapping[Any, Any]
    G: Node
    one: bool

    def handed(self, x: Node, step: Step = recorded) -> Node | None:
        """What x is handed, recorded; with another `step`, by rules of that."""
        target = self.twin[x]
        with recording_rules():
            order = topological_order(self.twin[self.result])
            return flow(order, {self.twin[self.result]: self.G}, step).get(target)

    def definition(self, names: Mapping[int, Any]) -> str:
        """The result as one formula of the inputs, as the code has it; "" if it cannot be read, or
        says something else than it computes, or has an input without a name."""
        twin = self.twin[self.result]

        def read() -> Form | None:
            reading = reading_of(twin)
            form = form_of(reading.defined[reading.symbols[twin]], reading, shorter=False)
            return form if agrees(np.squeeze(form.value(self._values())), twin.data) else None

        form: Form | None = aside(read)
        text = self.text(form, names, "") if form is not None else ""
        return "" if "…" in text else text

    def _values(self) -> dict[str, Any]:
        twins = {f"x{k}": np.asarray(self.twin[id(a)].data) for k, a in enumerate(self.inputs)}
        return twins | {"y": self.twin[self.result].data, "G": self.G.data}

    def form(self, x: Node, handed: Node) -> Form | None:
        """That as a formula; None if it cannot be read, or says something else than it computes."""
        y, x = self.twin[self.result], self.twin[x]

        def read() -> Form | None:
            values, one = self._values(), self.one
            return handed_form(y, x, self.G, handed, values, handed.data, one=one)

        found: Form | None = aside(read)
        return found

    def text(self, form: Form, names: Mapping[int, Any], cotangent: str) -> str:
        """A formula in the user's names."""
        return form.of(self.inputs, self.result, names, worded(cotangent)).body


def line_of(result: Node, inside: Collection[Node], *, one: bool = False) -> Line | None:
    """The line that ends in `result`, of the ops `inside`; None for one that is too long or large
    to be read."""
    order = [node for node in reversed(topological_order(result)) if node in inside]
    sizes = [math.prod(np.shape(a)) for node in order for a in node.operands]
    if len(order) > _MOST or max(sizes, default=0) > LARGEST:
        return None
    twin: dict[Any, Any] = {}
    inputs: list[Any] = []

    def given(x: Any, a: Any) -> Any:
        if isinstance(x, Node) and x in twin:
            return twin[x]
        if is_number(x):
            return x
        if id(x) not in twin:
            twin[id(x)] = leaf = fresh(None, wide(a))
            leaf._meta = Meta(f"x{len(inputs)}", constant=not isinstance(x, Node) or x.constant)
            inputs.append(x)
            if isinstance(x, Node):
                twin[x] = leaf
        return twin[id(x)]

    def record() -> bool:
        with enable_grad():
            for node in order:
                call: Any = node.op
                twin[node] = call(
                    *(given(x, a) for x, a in zip(node.inputs, node.operands, strict=True)),
                    **node.params,
                )
        return True

    if not aside(record):
        return None
    rng = np.random.default_rng(0)
    G = np.ones(result.shape) if one else rng.normal(size=result.shape)
    return Line(result, tuple(inputs), twin, fresh(None, np.asarray(G)), one)
