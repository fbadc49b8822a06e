"""What is noted of a run: where its inputs come from, what it gives and what it sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..graph.meta import Meta
from .state import Spot, outermost

# What a call gives or sets, with an `Output` for every array that it computes, a `Made` for every
# Tensor that it makes and a `Found` for what there was before it.
Template = Any


@dataclass(frozen=True)
class Output:
    """The program's result of this number."""

    number: int


@dataclass(frozen=True)
class Input:
    """The array that is the input of this number, or the other name of it that its Tensor has."""

    number: int
    renamed: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """A new Tensor: one and the same wherever the function puts it."""

    data: Template
    grad: Template
    meta: Meta | None


@dataclass(frozen=True, eq=False)
class Standing:
    """The Tensor, made by an earlier call, that is in these places when a program is called."""

    places: list[Spot]
    name: str | None
    constant: bool
    bare: bool  # without a gradient


@dataclass(frozen=True, eq=False)
class Found:
    """The Tensor that is the argument of a number, or is `Standing`; the container in a place; a
    container itself."""

    where: Any


@dataclass(frozen=True)
class Source:
    """Where an input comes from: an "argument" of a number, a "place", the "data" or "grad" of a
    Tensor, of an argument of a number or of what is `Standing`."""

    kind: str
    where: Any

    @property
    def marks(self) -> list[Any]:
        """What would have to be overwritten for nothing to need the input any more."""
        if isinstance(self.where, Standing):
            return [outermost(spot).mark for spot in self.where.places]
        return [outermost(self.where).mark if self.kind == "place" else (self.kind, self.where)]


@dataclass(frozen=True)
class Effect:
    """What a run sets beside its result: "data" or "grad" of a Tensor (as a `Source` says it), a
    "place", an "entry" of a list or dict; "more" is appended, what is "gone" deleted. Into an
    input, whose number this is, something is "written"; a Tensor is to tell that its data, the
    input of a number, have been: "seen"."""

    kind: str
    where: Any
    template: Template = None


class Mutated(BaseException):  # which no "except Exception" of the user's takes
    """A container that a call put in a place, whose mark this is, is changed in the next."""

    def __init__(self, mark: Any) -> None:
        self.mark = mark
