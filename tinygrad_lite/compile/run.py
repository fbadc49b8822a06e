"""One run of a function on stand-ins for all arrays that it can reach, and what it changed on the
way. Everything is put back afterwards.
"""

from __future__ import annotations

import inspect
import keyword
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import numpy as np

from ..graph.meta import NO_META, Meta
from ..graph.node import Array, Node, fresh, raw, topological_order
from ..graph.trees import leaves
from ..notation.names import unused
from .containers import Log, Unread, copied, differ, is_read_once, remade, updated
from .recorder import NUMBERS
from .records import (
    Effect,
    Found,
    Input,
    Made,
    Mutated,
    Output,
    Source,
    Standing,
    Template,
)
from .signature import Outline, Unusual, outline
from .state import Place, Spot, outermost, survey


class Run(ABC):
    """Where the inputs of a program come from (`sources`, called `names` and like `outlines`), and
    what the function returned and changed (`result`, `effects`), with arrays for `outputs`.

    A subclass says what stands for an array, and what is one.
    """

    called = "compile"  # in errors
    hands_on = True  # whether an array that is an input is given as it is
    outline: Outline = staticmethod(outline)

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        numbers: Collection[type] = NUMBERS,
        moving: Collection[Any] = (),
        growing: Collection[int] = (),
    ) -> None:
        self._function, self._args, self._kwargs = function, args, kwargs
        self.outputs: list[Any] = []
        self.kept = 0  # of the outputs, the first are the caller's
        self.late: list[int] = []  # the numbers of inputs that were read after one was written into
        self.settings: list[int] = []  # and of those that the program is one for
        self._inputs: dict[int, int] = {}  # numbers, by the id of what stands for them
        self._numbers: dict[int, tuple[int, Any]] = {}  # of outputs, by the id of what stands there
        self._twins: dict[int, tuple[Any, Any]] = {}  # by id: an array, and what stands for it
        self._made: list[tuple[Any, Any]] = []  # containers made for the call, and copies of them
        self._renewed: list[tuple[Place, Any, Any]] = []  # and those made for what is in places
        self._held: dict[Any, tuple[Any, Any, Any]] = {}  # of each Tensor: where, data and grad
        self.sources: list[Source] = []
        self.shared: list[tuple[int, Source]] = []  # inputs that are elsewhere, too
        self.names: list[str] = []
        self.outlines: list[Any] = []
        self._types = numbers  # of Python's, that arguments may have to be computed with
        objects = [x for x in leaves((args, kwargs)) if not self.is_input(x, numbers)]
        self.state = survey(function, objects, self.called, growing, moving)
        self._logs = {key: Log() for key in self.state.logs}
        self._count = 0  # of the arguments that are inputs
        # Marks of places that hold numbers to compute with, or another result after every call.
        self._moving = moving
        self._outside: dict[Node, Any] = {}  # nodes of graphs that are reached, and their gradients
        self._tensors: dict[Any, Made] = {}  # that the call gives
        self._containers: dict[int, tuple[Any, Template]] = {}  # by id

    @abstractmethod
    def stand_in(self, array: Any) -> Any:
        """What stands for an array."""

    def put_out(self, x: Any) -> Any:
        """What an array that the function gives is in the program."""
        return x

    @abstractmethod
    def is_array(self, x: Any) -> bool:
        """Whether x stands for an array, or is one."""

    def written(self) -> dict[int, Any]:
        """What stands for the inputs that are written into, by their numbers."""
        return {}

    def renamed(self, x: Any) -> Any:
        """The stand-in that x is another name of, if any."""
        return None

    def is_input(self, x: Any, numbers: Collection[type]) -> bool:
        """Whether an argument is one that a program is handed at every call."""
        return isinstance(x, Array) or type(x) in numbers or self.outline(x) is not None

    @property
    def arguments(self) -> dict[Any, int]:
        """The Tensors among the arguments, with their numbers."""
        return {x: where for x, (where, *_) in self._held.items() if isinstance(where, int)}

    def run(self, call: Callable[..., Any] | None = None) -> None:
        """Run the function, by another `call` of it where one is given."""
        try:
            args, kwargs = self._prepare()
            before = {x: (x._data, x._grad) for x in self._held}
            results = (x for x in self.state.reached(Node) if x.op is not None)
            self._outside = {x: x._grad for x in topological_order(*results) if x not in self._held}
            held = [copied(x) for x, _ in self.state.containers]
            now = [place.get(place.key) for place in self.state.places]
            drawn = self.state.drawn()
            result = (call or self._function)(*args, **kwargs)
            if self.state.drawn() != drawn:
                raise self._refusal(
                    "the function draws random numbers, which would be the same in every call; "
                    "draw them outside and hand them over as an argument (dropout: model.eval())"
                )
            if any(differ(x, copy) for x, copy in self._made):
                raise self._refusal(
                    "the function changes a list or dict that it is given; return it instead"
                )
            for place, x, copy in self._renewed:
                if differ(x, copy):
                    raise Mutated(place.mark)
            for x, grad in self._outside.items():
                if x._grad is not grad:
                    raise self._refusal(
                        "the function differentiates through what was computed outside of it; "
                        "compute that inside, or use it detached, as in h.detach()"
                    )
            written = {id(x) for x in self.written().values()}
            if any(
                isinstance(where, Standing)
                and where.constant
                and (x._data is not before[x][0] or id(x._data) in written)
                for x, (where, *_) in self._held.items()
            ):
                raise self._refusal(
                    "the function sets the data of what it computed; make a new Tensor of it"
                )
            self.effects = [*self._of_tensors(before), *self._of_places(now, held)]
            self.hands_on = False  # what it returns is the caller's own
            self.result = self._template(result)
            self.kept = len(self.outputs)
            self.effects += [
                Effect("written", i, Output(self._number(x))) for i, x in self.written().items()
            ]
        finally:
            self._put_back()

    @property
    def overwritten(self) -> dict[Any, Template]:
        """What the function puts in the place of others, by what that place is marked with."""
        found = {}
        for e in self.effects:
            if e.kind in ("entry", "place"):
                mark = e.where.mark if e.kind == "place" else (id(e.where[0]), e.where[1])
                found[mark] = e.template
            elif e.kind != "more":
                found[e.kind, e.where] = e.template
        return found

    def look(self) -> None:
        """Find the inputs, without a run."""
        try:
            self._prepare()
        finally:
            self._put_back()

    def _refusal(self, what: str) -> TypeError:
        return TypeError(f"{self.called}: {what}")

    def _prepare(self) -> tuple[list[Any], dict[str, Any]]:
        """Put stand-ins everywhere; the arguments with them."""
        names = [*_parameters(self._function)]
        names += [f"x{i + 1}" for i in range(len(names), len(self._args))]
        args = [self._handed(x, name) for x, name in zip(self._args, names, strict=False)]
        kwargs = {name: self._handed(x, name) for name, x in self._kwargs.items()}
        for node, path in self.state.leaves.items():
            if node._meta is not None and node._meta.argument:
                raise Unusual
            if node not in self._held and not self._stands(node, path):
                self._swap(node, node, path)
        for place in self.state.places:
            if id(place.before) in self._logs:
                place.set(self._logs[id(place.before)])
                continue
            twin = self._twin(place)
            if twin is not place.before:
                place.set(twin)
        return args, kwargs

    # --- before the run: arrays replaced by those that record

    def _handed(self, x: Any, path: str) -> Any:
        """An argument with arrays that record, in lists and dicts of its own."""
        if isinstance(x, (list, tuple)):
            made: Any = remade(x, [self._handed(v, f"{path}_{i}") for i, v in enumerate(x)])
        elif isinstance(x, dict):
            made = updated(x, {k: self._handed(part, f"{path}_{k}") for k, part in x.items()})
        elif self.is_input(x, self._types):
            number, self._count = self._count, self._count + 1
            if isinstance(x, Array):
                if x not in self._held:
                    self._swap(x, number, x.name or path)
                return x
            return self._input(x, Source("argument", number), path)
        else:
            return Unread(x, self.called) if is_read_once(x) else x
        self._made.append((made, copied(made)))
        return made

    def _swap(self, node: Any, where: Any, path: str) -> None:
        data, grad = node._data, node._grad
        if not self._is_data(data):
            return  # another library's, which records nothing here
        self._held[node] = where, data, grad
        node._data = self._stood_for(data, Source("data", where), path)
        if grad is not None:
            node._grad = self._input(raw(node.grad), Source("grad", where), f"{path}_grad")

    def _stood_for(self, array: Any, source: Source, path: str) -> Any:
        """What stands for an array, the same wherever that is."""
        if id(array) not in self._twins:
            self._twins[id(array)] = array, self._input(array, source, path)
            return self._twins[id(array)][1]
        made = self._twins[id(array)][1]
        if id(made) in self._inputs:
            self.shared.append((self._inputs[id(made)], source))
        return made

    def _input(self, array: Any, source: Source, path: str) -> Any:
        self.sources.append(source)
        self.names.append(_identifier(path, {*self.names}))
        self.outlines.append(self.outline(array) or type(array))
        made = self.stand_in(array)
        self._inputs[id(made)] = len(self.sources) - 1
        return made

    def _stands(self, node: Any, path: str) -> bool:
        """Whether a Tensor is in places only that a call put it in: another is there after every
        call, and one that records stands for it."""
        places = self.state.moving(node)
        if not places or not self._is_data(node._data):
            return False
        twin = fresh(None, node._data)
        twin._grad, twin._meta = node._grad, node._meta
        self._swap(twin, Standing(places, node.name, node.constant, node._grad is None), path)
        self._twins[id(node)] = node, twin
        return True

    def _is_data(self, x: Any) -> bool:
        """Whether a program takes a Tensor with these data: NumPy's scalar, if it has no axes."""
        return self.outline(x) is not None or isinstance(x, np.generic)

    def _twin(self, place: Spot) -> Any:
        """What stands for the value of a place: for arrays, in some containers too, arrays that
        record."""
        x, path = place.before, place.path
        if place.inner is not None:
            parts = {k: self._twin(inside) for k, inside in place.inner.items()}
            renewed = outermost(place) in self.state.renewed
            if not renewed and all(part is x[k] for k, part in parts.items()):
                return x
            made = parts if isinstance(x, dict) else type(x)(parts.values())
            if renewed:
                self._renewed.append((outermost(place), made, copied(made)))
            self._containers[id(made)] = made, Found(place if renewed else x)
            return made
        if type(x) in NUMBERS:
            moves = place.mark in self._moving
            return self._input(x, Source("place", place), path) if moves else x
        if self.outline(x) is None and id(x) not in self._twins:
            return Unread(x, self.called) if is_read_once(x) else x
        return self._stood_for(x, Source("place", place), path)

    # --- after the run: what has changed

    def _template(self, x: Any) -> Template:
        """What a call is to give for x."""
        if isinstance(x, (list, tuple, dict)):
            if id(x) not in self._containers:  # one and the same wherever the function puts it
                self._containers[id(x)] = x, self._of_container(x)
            return self._containers[id(x)][1]
        if isinstance(x, Array):
            if x in self._held:
                where = self._held[x][0]
                return x if where is x else Found(where)
            if not self.is_array(x._data):
                raise self._refusal("takes NumPy's arrays; tg.jit compiles functions of JAX's")
            if x not in self._tensors:
                meta = Meta(name=x.name, scope=x.scope, constant=x.constant or x.op is not None)
                grad = None if x._grad is None else self._template(raw(x.grad))
                data = self._template(x._data)
                self._tensors[x] = Made(data, grad, None if meta == NO_META else meta)
            return self._tensors[x]
        if self.is_array(x):
            old = self.renamed(x)
            given = self._inputs.get(id(x if old is None else old)) if self.hands_on else None
            return Output(self._number(x)) if given is None else Input(given, old is not None)
        if isinstance(x, Node) and x.op is not None:
            raise self._refusal("a graph of Values is compiled by itself, as in tg.compile(loss)")
        held = [*getattr(x, "__dict__", {}).values()]
        if isinstance(x, Iterator) or any(
            (self.is_array(v) and not isinstance(v, np.ndarray))
            or (isinstance(v, Array) and v not in self._held)
            for v in held
        ):
            raise self._refusal(
                f"a {type(x).__name__} keeps arrays of the one run that is recorded; return them, "
                "in a tuple, a list or a dict"
            )
        return x

    def _of_container(self, x: Any) -> Template:
        if self.state.has(x):
            return Found(x)
        if isinstance(x, dict):
            return updated(x, {k: self._template(part) for k, part in x.items()})
        return remade(x, [self._template(part) for part in x])

    def _number(self, x: Any) -> int:
        if id(x) not in self._numbers:
            self._numbers[id(x)] = len(self.outputs), x
            self.outputs.append(self.put_out(x))
        return self._numbers[id(x)][0]

    def _of_tensors(self, before: dict[Any, tuple[Any, Any]]) -> Iterator[Effect]:
        for node, (data, grad) in before.items():
            where = self._held[node][0]
            if self.renamed(node._data) is data:
                yield Effect("seen", where, Input(self._inputs[id(data)], renamed=True))
            elif node._data is not data:
                yield Effect("data", where, self._template(node._data))
            if node._grad is not grad:
                yield Effect("grad", where, self._template(node.grad))

    def _of_places(self, now: list[Any], held: list[Any]) -> Iterator[Effect]:
        for key, log in self._logs.items():
            if parts := [self._template(v) for v in list.__iter__(log)]:
                yield Effect("more", self.state.logs[key], parts)
        known = {id(x) for x, _ in self.state.containers}
        for place, value in zip(self.state.places, now, strict=True):
            if id(place.holder) not in known and (found := place.get(place.key)) is not value:
                yield Effect("place", place, self._template(found))
        for (x, _), copy in zip(self.state.containers, held, strict=True):
            if not differ(x, copy):
                continue
            if isinstance(x, dict):
                yield from (Effect("gone", (x, key)) for key in copy if key not in x)
                changed = [k for k, v in x.items() if k not in copy or copy[k] is not v]
            elif isinstance(x, list) and len(x) >= len(copy):
                yield Effect("more", x, [self._template(v) for v in x[len(copy) :]])
                changed = [i for i, v in enumerate(copy) if x[i] is not v]
            else:
                raise self._refusal(f"the function changes a {type(x).__name__} that it reaches")
            yield from (Effect("entry", (x, key), self._template(x[key])) for key in changed)

    def _put_back(self) -> None:
        for node, (_, data, grad) in self._held.items():
            node._data, node._grad = data, grad
        for node, grad in self._outside.items():
            node._grad = grad
        for x, copy in self.state.containers:
            if differ(x, copy):
                x.clear()
                (x.extend if isinstance(copy, list) else x.update)(copy)
        for place in self.state.places:
            if place.get(place.key) is not place.before:
                place.set(place.before)


def _parameters(function: Callable[..., Any]) -> Iterable[str]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()


def _identifier(path: str, taken: Collection[str]) -> str:
    """A name for a program's input, after the way that leads to it."""
    word = re.sub(r"\W+", "_", path).strip("_") or "x"
    if word[0].isdigit() or keyword.iskeyword(word) or word in _RESERVED:
        word = f"_{word}"
    return unused(word, taken)


_RESERVED = {"np", "math", "program", "Branch", "Any"}
