"""`tg.derive`: the formula of a derivative, in the user's names, from the graph that ran."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..graph.node import Node
from .records import Checked, Formula, Line

Layout = Literal["denominator", "numerator"]


@dataclass(frozen=True, eq=False)
class Derivation:
    """The derivatives of `y` by `variables`, each a `Formula` in `formulas`.

    `where` has the named cotangents (and invented names) that the formulas use, in the order in
    which they can be computed; `adjoints` the cotangent of every named node in terms of those of
    the nodes that use it; `lines` the steps, from y down; `facts` what was used about the data;
    `checked` what was executed; `notes` what is to be said beside.
    """

    y: Node
    variables: tuple[Node, ...]
    formulas: tuple[Formula, ...]
    where: tuple[Formula, ...] = ()
    adjoints: Mapping[Node, Formula] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    facts: tuple[str, ...] = ()
    checked: Checked = Checked(0, 0)  # noqa: RUF009
    notes: tuple[str, ...] = ()

    def __getitem__(self, x: Node) -> Formula:
        """The formula of the derivative by one variable."""
        return next(f for v, f in zip(self.variables, self.formulas, strict=True) if v is x)

    @property
    def latex(self) -> str:
        raise NotImplementedError

    @property
    def numpy(self) -> str:
        raise NotImplementedError

    @property
    def index(self) -> str:
        raise NotImplementedError

    def evaluate(self) -> Any:
        """What the NumPy text gives at the recorded data: an array, or one per variable."""
        raise NotImplementedError

    def function(self) -> Callable[..., Any]:
        """The NumPy text as a function of the names that it uses."""
        raise NotImplementedError


def derive(
    y: Node,
    *variables: Node,
    keep: Collection[Any] = (),
    inline: Collection[Any] = (),
    layout: Layout = "denominator",
    facts: Collection[str] = (),
    budget: float = 5.0,
) -> Derivation:
    """The derivative of y by each variable as a formula: see `Derivation`."""
    raise NotImplementedError
