"""What a model holds: parameters, buffers and modules are found wherever they stand, or refused.

A part is found where it has a name that lasts: in an attribute, a mapping, a sequence or array of
objects, a dataclass. What anything else holds (a set, a function, an object that is no module)
cannot be named, so it would not be trained or saved: it is refused, never passed over.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from itertools import takewhile
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from ..graph.backend import is_array
from ..graph.node import Node
from ..graph.op import Op

Members = Iterable[tuple[Any, Any]]

# They hold no parts.
_ATOMS: tuple[type, ...] = (type(None), int, float, complex, str, bytes, bytearray, memoryview)
_ATOMS += (range, array, type, ModuleType, Op, np.random.Generator)


class Owner:
    """What a part's path starts at and scopes are named after: the base of `Module`."""

    _called: bool = False
    _early: tuple[Any, ...] = ()  # results that it held before its first call


@dataclass(slots=True)
class Part:
    """A thing in a model, and where it stands: `holder`'s attribute or entry `key`. `hidden` says
    what keeps it from having a name, and the way out."""

    value: Any
    holder: Part | None = None
    key: Any = None
    hidden: str = ""

    @property
    def path(self) -> str:
        """The way from the model to the part: `layers.0.W`."""
        return ".".join(reversed([part.word for part in self._upwards() if part.holder]))

    @property
    def name(self) -> str:
        """The way from the module that it belongs to: `W`."""
        steps = takewhile(lambda part: part is self or not part.is_owner, self._upwards())
        return ".".join(reversed([part.word for part in steps if part.holder]))

    @property
    def owner(self) -> Any:
        """The module that it belongs to."""
        return next(part.value for part in self._upwards() if part is not self and part.is_owner)

    @property
    def word(self) -> str:
        """Its own step of the path."""
        return ".".join(map(str, self.key)) if isinstance(self.key, tuple) else str(self.key)

    @property
    def is_owner(self) -> bool:
        """Whether it is a module."""
        return isinstance(self.value, Owner)

    def _upwards(self) -> Iterator[Part]:
        part: Part | None = self
        while part is not None:
            yield part
            part = part.holder

    def put(self, value: Any) -> None:
        """Set the part to another value, in place of this one."""
        if isinstance(self.value, Node):
            self.value.data = value
            return
        assert self.holder is not None
        container = self.holder.value
        if _named_attributes(container):
            setattr(container, self.key, value)
        else:
            container[self.key] = value


@dataclass(frozen=True, slots=True)
class Survey:
    """All parts of a model, each once, in the order of the attributes; `hidden` are refused."""

    parameters: list[Part] = field(default_factory=list)
    buffers: list[Part] = field(default_factory=list)
    modules: list[Part] = field(default_factory=list)
    results: list[Part] = field(default_factory=list)
    hidden: list[Part] = field(default_factory=list)

    def refuse(self, model: str) -> None:
        """Raise `TypeError` for what would be left out of training, with the way out."""
        for part in self.hidden:
            raise TypeError(
                f"{model}: {part.path} is a {_shown(part.value)} in {part.hidden} "
                "(a constant: .detach() it; not of this model: a name that starts with _)"
            )
        leaves = {part.value for part in self.parameters}
        for part in self.results:
            owner, node = part.owner, part.value
            if not owner._called or any(node is r for r in owner._early) or _lost(node, leaves):
                line = f"self.{part.name} = tg.{type(node).__name__}"
                raise TypeError(
                    f"{model}: {part.path} is the result of {node.op.name}, not a leaf, so it "
                    f"cannot be trained; compute with plain arrays, wrap last, {line}(array), or "
                    f"take its data, {line}(self.{part.name}.data); a result kept to look at goes "
                    "by a name that starts with _"
                )


def survey(model: Owner) -> Survey:
    """Look at all that the model holds, without recursion; what hides comes last, so that a part
    that has a name elsewhere is found there."""
    found = Survey()
    seen: dict[int, Any] = {}
    named, hiding = [Part(model)], list[Part]()
    while named or hiding:
        part = (named or hiding).pop()
        value = part.value
        if id(value) in seen:
            continue
        seen[id(value)] = value  # held, so that no other takes its id
        kept = _list_for(part, found)
        if kept is not None:
            kept.append(part)
        if kept is None or kept is found.modules:
            hides, members = _look(value)
            hides = part.hidden or hides
            found_in = [Part(m, part, k, hides) for k, m in members if not isinstance(m, _ATOMS)]
            (hiding if hides else named).extend(reversed(found_in))
    return found


def _list_for(part: Part, found: Survey) -> list[Part] | None:
    """Where a part belongs; None for a container, or an array that no name leads to."""
    value = part.value
    if isinstance(value, Node):
        if value.op is not None:
            return found.results
        if not value.constant:
            return found.hidden if part.hidden else found.parameters
        return None if part.hidden else found.buffers
    if isinstance(value, Owner):
        return found.hidden if part.hidden else found.modules
    return found.buffers if _numeric(value) and not part.hidden else None


def _numeric(value: Any) -> bool:
    return is_array(value) and getattr(value.dtype, "kind", "f") in "biufc"


def _lost(node: Node, leaves: set[Node]) -> bool:
    """Whether a result depends on none of the leaves."""
    stack, seen = [node], {node}
    while stack:
        for x in stack.pop().parents():
            if x in leaves:
                return False
            if x not in seen:
                seen.add(x)
                stack.append(x)
    return True


def _shown(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} {value.shape}" if isinstance(value, Node) and value.shape else kind


def _named_attributes(value: Any) -> bool:
    return isinstance(value, (Owner, SimpleNamespace)) or is_dataclass(value)


def _attributes(value: Any) -> Members:
    """What was set on an object: its class's attributes, its slots and its own."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__[:-1]):
        if kind is Owner or Owner in kind.__bases__:
            continue  # Module's own
        for name, attribute in vars(kind).items():
            if isinstance(attribute, MemberDescriptorType):
                if hasattr(value, name):
                    found[name] = getattr(value, name)
            elif name[0] != "_" and not hasattr(attribute, "__get__"):  # methods, properties
                found[name] = attribute
    found |= getattr(value, "__dict__", {})
    return [(name, member) for name, member in found.items() if name[:1] != "_"]


def _closure(function: FunctionType) -> Members:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # the name is not set yet
            continue
    yield from enumerate(function.__defaults__ or ())
    yield from (function.__kwdefaults__ or {}).items()


def _bound(function: partial[Any]) -> Members:
    yield "func", function.func
    yield from enumerate(function.args)
    yield from function.keywords.items()


_FUNCTION = "a function; make it a Module that has it as attribute"

# (kind, what hides its members and the way out, or "", how to look inside): the first that fits.
_LOOKS: tuple[tuple[type, str, Any], ...] = (
    (Mapping, "", lambda value: value.items()),
    (Set, "a set, which has no order; keep it in a list", enumerate),
    (np.ndarray, "", lambda value: np.ndenumerate(value) if value.dtype == object else ()),
    (np.generic, "", lambda value: ()),
    (FunctionType, _FUNCTION, _closure),
    (MethodType, _FUNCTION, lambda value: [("self", value.__self__)]),
    (partial, _FUNCTION, _bound),
    (Collection, "", enumerate),
)


def _look(value: Any) -> tuple[str, Members]:
    """What hides the members of a value ("" where each has a name that lasts), and the members."""
    if _named_attributes(value):
        return "", _attributes(value)
    for kind, hides, look in _LOOKS:
        if isinstance(value, kind):
            return hides, look(value)
    name = type(value).__name__
    return f"a {name}; derive {name} from tg.nn.Module", _attributes(value)
