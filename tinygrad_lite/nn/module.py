"""`Module`: parameters found by attribute, saved by path, and a scope per module in pictures.

What a model holds has a name that lasts: an attribute, a key, a place in a sequence. What a set, a
function or any other object holds has none, so it would not be trained or saved: it is refused,
never passed over.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, is_dataclass
from types import FunctionType, MemberDescriptorType, ModuleType, SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Never, Self

import numpy as np

from ..graph.backend import is_array
from ..graph.context import scope
from ..graph.node import Node, raw, topological_order
from ..graph.op import Op
from ..graph.reflexes import missing
from ..graph.state import copied, fit, like

Members = Iterable[tuple[Any, Any]]


class Module:
    """A part of a model. Subclasses set parameters and modules as attributes and write `forward`.

    Parameters are the Values and Tensors found in the attributes, in modules among them, and in
    lists, tuples, dicts, dataclasses and other named containers of either. Plain arrays and
    constants (`detach()`) found so are buffers: saved, not trained. Attributes with a leading
    underscore are passed over. `TypeError` is raised, with the way out, for a parameter that has no
    name (in a set, a function, an object that is no Module), and for the result of an op in a
    parameter's place; results that `forward` keeps of what it computes are none.

    The first call of the outermost module gives each part its path as name (`hidden.W`,
    `layers.0.b`); ops recorded by a part carry its attribute name as scope. A module pickles and
    copies as a whole, with the state of its random generators.
    """

    # Of its first call, and no part of what it computes; the rest is in a dict as usual.
    __slots__ = ("__dict__", "__weakref__", "_early", "_scope")

    training: bool = True
    _scope: scope | None
    _early: frozenset[Node] | None  # the results that it held when it was first called

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """A module that was not called yet, whatever its class makes of the arguments."""
        self = super().__new__(cls)
        self._scope = self._early = None
        return self

    if not TYPE_CHECKING:  # which reports an unknown attribute

        def __getattr__(self, name: str) -> Never:
            raise missing(self, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call of the module computes."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._early is None:
            self._prepare()
        if self._scope is None:
            return self.forward(*args, **kwargs)
        with self._scope:
            return self.forward(*args, **kwargs)

    def _prepare(self) -> None:
        """Name the parameters and the scopes of all parts that have none."""
        found = survey(self)
        for part in found.parameters:
            if part.value.name is None:
                part.value.name = part.path
        for part in found.modules:
            module = part.value
            if module is not self and module._scope is None:
                module._scope = scope(part.name)
            if module._early is None:
                module._early = frozenset(r.value for r in found.results if r.owner is module)

    def _parts(self) -> Survey:
        """What the model holds; raises `TypeError` for what would be left out of training."""
        found, kind = survey(self), type(self).__name__
        for part in found.hidden:
            raise TypeError(
                f"{kind}: {part.path} is a {part.hidden} that holds a {type(part.value).__name__} "
                "without a name; keep it in a Module, a list or a dict (a constant: .detach() it; "
                "not of this model: a name that starts with _)"
            )
        leaves = {part.value for part in found.parameters}
        for part in found.results:
            early, node = part.owner._early, part.value
            if early is None or node in early or leaves.isdisjoint(topological_order(node)):
                line = f"self.{part.name} = tg.{type(node).__name__}"
                raise TypeError(
                    f"{kind}: {part.path} is the result of {node.op.name}, not a leaf, so it "
                    f"cannot be trained; compute with plain arrays, wrap last, {line}(array), or "
                    f"take its data, {line}(self.{part.name}.data); a result kept to look at goes "
                    "by a name that starts with _"
                )
        for part in found.modules[1:]:
            own = type(part.value).parameters is not Module.parameters
            for p in part.value.parameters() if own else ():
                if p not in leaves:
                    raise TypeError(
                        f"{kind}: {part.path}.parameters() has a {type(p).__name__} that no "
                        "attribute leads to; give it one that does not start with _"
                    )
        return found

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """(path, parameter) for every parameter, each once, in the order of the attributes."""
        return ((part.path, part.value) for part in self._parts().parameters)

    def parameters(self) -> list[Any]:
        """Every parameter once, in the order of the attributes."""
        return [part.value for part in self._parts().parameters]

    def modules(self) -> list[Module]:
        """This module and every module inside it, each once."""
        return [part.value for part in self._parts().modules]

    def zero_grad(self) -> None:
        """Forget the gradient of every parameter."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Put dropout and normalisation in training mode (or, given False, in use)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put dropout and normalisation in use: `train(False)`."""
        return self.train(False)

    def _state(self) -> dict[str, Part]:
        """Every parameter and buffer by its path."""
        found = self._parts()
        parts: dict[str, Part] = {}
        for part in (*found.parameters, *found.buffers):
            if parts.setdefault(part.path, part) is not part:
                raise ValueError(f"{type(self).__name__}: two parts have the path {part.path}")
        return parts

    def state_dict(self) -> dict[str, Any]:
        """path -> a copy, as a plain array, of every parameter and buffer (as a batch norm's
        running statistics); what makes the model compute the same in `eval()`.

            np.savez("model.npz", **model.state_dict())
            model.load_state_dict(np.load("model.npz"))
        """
        return {path: copied(raw(part.value)) for path, part in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter and buffer to a copy of the array of its path, in its own dtype.

        Raises `ValueError` where a path is missing or unknown or a shape differs, `TypeError` where
        a dtype does not fit or a buffer cannot be set; then nothing is changed.
        """
        kind, parts = type(self).__name__, self._state()
        fit(kind, parts, state)
        old = {path: raw(part.value) for path, part in parts.items()}
        new = {path: like(state[path], old[path], f"{kind}: {path}") for path in parts}
        for values in (old, new):  # the old first: a part that cannot be set is found by it
            for path, part in parts.items():
                part.put(values[path], kind)


@dataclass(slots=True)
class Part:
    """A thing in a model: entry or attribute `key` of the part above. `hidden` says in what it has
    no name."""

    value: Any
    owner: Module
    above: Part | None = None
    key: Any = None
    hidden: str = ""

    @property
    def path(self) -> str:
        """The way to it from the model: `layers.0.W`."""
        return self._way(None)

    @property
    def name(self) -> str:
        """The way to it from the module that it belongs to: `W`."""
        return self._way(self.owner)

    def _way(self, start: Module | None) -> str:
        words: list[str] = []
        part = self
        while part.above is not None and part.value is not start:
            if not part.hidden:
                key = part.key
                words.append(".".join(map(str, key)) if isinstance(key, tuple) else str(key))
            part = part.above
        return ".".join(reversed(words))

    def put(self, value: Any, model: str) -> None:
        """Set the part to another value, in place of this one."""
        holder: Any = getattr(self.above, "value", None)
        try:
            if isinstance(self.value, Node):
                self.value.data = value
            elif _is_record(holder):
                setattr(holder, self.key, value)
            else:
                holder[self.key] = value
        except (TypeError, AttributeError):
            raise TypeError(
                f"{model}: {self.path} stands in a {type(holder).__name__}, which cannot be "
                "changed; keep it in a list or as an attribute"
            ) from None

    def members(self) -> Iterator[Part]:
        """What it holds, one step down."""
        owner = self.value if isinstance(self.value, Module) else self.owner
        pairs, hidden = _named(self.value), self.hidden
        if pairs is None:
            pairs, hidden = enumerate(_held(self.value)), hidden or type(self.value).__name__
        for key, member in pairs:
            if not isinstance(member, _ATOMS):
                yield Part(member, owner, self, key, hidden)


class Survey(NamedTuple):
    """All parts of a model, each once, in the order of the attributes; `hidden` have no name."""

    parameters: list[Part]
    buffers: list[Part]
    modules: list[Part]
    results: list[Part]
    hidden: list[Part]


def survey(model: Module) -> Survey:
    """Look at all that the model holds, without recursion; what hides comes last, so that a part
    that has a name elsewhere is found there."""
    found = Survey([], [], [], [], [])
    seen: dict[int, Any] = {}
    named, hiding = [Part(model, model)], list[Part]()
    while named or hiding:
        part = (named or hiding).pop()
        value = part.value
        if id(value) in seen:
            continue
        seen[id(value)] = value  # held, so that no other takes its id
        if isinstance(value, Node):
            if value.op is not None:
                found.results.append(part)
            elif not value.constant:
                (found.hidden if part.hidden else found.parameters).append(part)
            elif not part.hidden:
                found.buffers.append(part)
        elif is_array(value) and value.dtype != object:
            if getattr(value.dtype, "kind", "f") in "biufc" and not part.hidden:
                found.buffers.append(part)
        elif isinstance(value, Module) and part.hidden:
            found.hidden.append(part)
        else:
            if isinstance(value, Module):
                found.modules.append(part)
            for member in reversed([*part.members()]):
                (hiding if member.hidden else named).append(member)
    return found


# They hold no parts.
_ATOMS: tuple[type, ...] = (type(None), int, float, complex, str, bytes, memoryview, range)
_ATOMS += (type, ModuleType, TracebackType, Op, np.random.Generator)

# (kind, its entries as pairs of key and member, None where no key lasts): the first that fits.
_LOOKS: tuple[tuple[type, Callable[[Any], Members | None]], ...] = (
    (Mapping, lambda value: None if any(isinstance(k, Node) for k in value) else value.items()),
    (np.ndarray, np.ndenumerate),
    (Set, lambda value: None),
    (Collection, enumerate),
    (object, lambda value: None),
)


def _named(value: Any) -> Members | None:
    """(key, member) of all that a value holds, None where no key lasts."""
    if _is_record(value):
        return _attributes(value).items()
    return next(look(value) for kind, look in _LOOKS if isinstance(value, kind))


def _is_record(value: Any) -> bool:
    """Whether attributes are members. An optimiser, a dataclass, only refers to parameters."""
    if isinstance(value, (Module, SimpleNamespace)):
        return True
    return is_dataclass(value) and not hasattr(value, "zero_grad")


def _attributes(value: Any) -> dict[str, Any]:
    """What was set on an object or its class, in slots too; no methods, no properties."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__[:-1]):
        for name, set_here in vars(kind).items() if kind is not Module else ():
            if name[0] != "_" and (
                isinstance(set_here, MemberDescriptorType) or not hasattr(set_here, "__get__")
            ):
                found[name] = getattr(value, name, None)
    found |= getattr(value, "__dict__", {})
    return {name: member for name, member in found.items() if name[:1] != "_"}


def _held(value: Any) -> Iterable[Any]:
    """What a value holds without a name; of a function not what is global."""
    if isinstance(value, FunctionType):
        return value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__
    return *gc.get_referents(value), *_attributes(value).values()
