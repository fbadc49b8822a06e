"""A derivation as code: a loss, a function that derives by hand, and the slips people make in it.

`build(rng)` returns the loss and `locals()`: the nodes by their names, beside the data and the
sizes that the derivation uses. `backward` is an importable function with the right derivation; a
slip is a fragment of its source and what was written instead. Three forms are in use: a "function"
whose assignments are the derivation, and functions that return a dict by node, of "lambdas" or of
"text".
"""

from __future__ import annotations

import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal
from zlib import crc32

import numpy as np

from tinygrad_lite.check import KINDS
from tinygrad_lite.graph.node import Node

Names = dict[str, Any]
AFFIXES = ("d", "d_", "grad_", "dE_d", "dL_d", "dJ_d", "dloss_d", "delta_", "delta")

KINDS_OF_SLIPS: Mapping[str, str] = {
    **KINDS,
    "another-name": "one array's name stands for another's",
    "overwritten": "`=` stands for `+=`, so that earlier contributions are lost",
    "bracket": "a bracket ends too early or too late",
    "keepdims": "an axis that was reduced is not kept, and broadcasting does something else",
    "operator": "one operation stands for another",
    "unseen": "said in another way, or what is left out is zero: no number shows it",
}


@dataclass(frozen=True)
class Slip:
    """A fragment of the right source, what was written instead, and what kind of slip that is."""

    right: str
    wrong: str
    kind: str

    def __post_init__(self) -> None:
        assert self.kind in KINDS_OF_SLIPS, self.kind


@dataclass(frozen=True)
class Case:
    """One program: its loss, its derivation, its slips (`together`: places of those made at once).

    `unseen` are other ways to write a fragment, which stay right.
    `pairs` gives the node of a name that says nothing, "" for a name that means something else.
    """

    build: Callable[[np.random.Generator], tuple[Node, Names]]
    backward: Callable[..., Any]
    slips: tuple[Slip, ...]
    together: tuple[tuple[int, ...], ...] = ()
    unseen: tuple[Slip, ...] = ()
    helpers: tuple[Callable[..., Any], ...] = ()
    pairs: Mapping[str, str] = field(default_factory=dict)
    form: Literal["function", "lambdas", "text"] = "function"

    @property
    def name(self) -> str:
        return self.build.__name__

    @property
    def source(self) -> str:
        """The text of the derivation, its helpers in front."""
        parts = [*self.helpers, self.backward]
        return "\n\n".join(textwrap.dedent(inspect.getsource(part)) for part in parts)

    def draw(self, seed: int = 0) -> tuple[Node, Names]:
        """The loss on data of that seed, and the names: nodes, arrays and numbers."""
        loss, found = self.build(np.random.default_rng(seed))
        kept = (Node, np.ndarray, list, tuple, int, float)
        names = {name: value for name, value in found.items() if isinstance(value, kept)}
        for name, value in names.items():
            if isinstance(value, Node) and value.name is None:
                value.name = name
        return loss, names

    def wrongs(self) -> Iterator[tuple[Slip, ...]]:
        """Every wrong derivation: each slip alone, then those with several."""
        yield from ((slip,) for slip in self.slips)
        yield from (tuple(self.slips[i] for i in places) for places in self.together)


def variant(case: Case, *slips: Slip) -> Callable[..., Any]:
    """The derivation with those slips, a function whose source `inspect` finds."""
    text = case.source
    for slip in slips:
        count = text.count(slip.right)
        assert count == 1, f"{case.name}: {slip.right!r} stands {count} times in the source"
        text = text.replace(slip.right, slip.wrong)
    return loaded(case, text)


def loaded(case: Case, text: str) -> FunctionType:
    """The function that the text defines, in the names of the module it comes from."""
    filename = f"<{case.name} {crc32(text.encode()):08x}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    names = dict(case.backward.__globals__)
    exec(compile(text, filename, "exec"), names)
    return names[case.backward.__name__]


def gradients(case: Case, backward: Callable[..., Any], names: Names) -> Names:
    """What the derivation says of each node: by the names it assigns, or by the keys it returns."""
    numbers = {name: _number(value) for name, value in names.items()}
    if case.form == "function":
        return _paired(case, _final_names(backward, numbers), names)
    claims = backward()
    if case.form == "lambdas":
        return {name: _called(claim, numbers) for name, claim in claims.items()}
    known = {**vars(np), "np": np, "len": len, "__builtins__": {}}
    return {name: eval(claim, known, numbers) for name, claim in claims.items()}


def _number(value: Any) -> Any:
    """A node's data, also in a list; anything else as it is."""
    if isinstance(value, list):
        return [_number(part) for part in value]
    return value.data if isinstance(value, Node) else value


def _called(function: Callable[..., Any], numbers: Names) -> Any:
    """The function on the numbers that its parameters name; `np` and `xp` are NumPy."""
    known = {**numbers, "np": np, "xp": np}
    return function(**{name: known[name] for name in inspect.signature(function).parameters})


def _final_names(function: Callable[..., Any], numbers: Names) -> Names:
    """The function's own names as they stand at its end; a dict that it returns adds its keys."""
    final: Names = {}

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is function.__code__:
            final.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        returned = _called(function, numbers)
    finally:
        sys.setprofile(before)
    if isinstance(returned, dict):
        final.update({f"d{name}": value for name, value in returned.items()})
    return final


def _paired(case: Case, final: Names, names: Names) -> Names:
    """{node: value} of the names that follow a convention, or that `pairs` lists."""
    nodes = [name for name, value in names.items() if isinstance(value, Node)]
    conventions = {f"{affix}{node}": node for node in nodes for affix in AFFIXES}
    conventions |= {f"{node}_grad": node for node in nodes} | dict(case.pairs)
    return {conventions[n]: value for n, value in final.items() if conventions.get(n)}
