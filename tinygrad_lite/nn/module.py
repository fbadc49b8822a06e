"""`Module`: parameters found by attribute, and a scope per module in pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..graph.context import scope
from ..graph.node import Node

_State = tuple[str, Any]


class Module:
    """A part of a model. Subclasses set parameters and modules as attributes and write `forward`.

    Parameters are the Values and Tensors found in the attributes, in modules among them, and in
    lists, tuples and dicts of either; attributes with a leading underscore are passed over. The
    first call of the outermost module gives each part its path as name (`hidden.W`, `layers.0.b`);
    ops recorded by a part carry its attribute name as scope.
    """

    training: bool = True
    _scope: scope | None = None
    _prepared: bool = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call of the module computes."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._prepared:
            self._prepare()
        if self._scope is None:
            return self.forward(*args, **kwargs)
        with self._scope:
            return self.forward(*args, **kwargs)

    def _prepare(self) -> None:
        """Name the parameters and the scopes of all parts that have none."""
        for path, parameter in self.named_parameters():
            if parameter.name is None:
                parameter.name = path
        for module in self.modules():
            for name, child in _members(vars(module)):
                if isinstance(child, Module) and child is not self and child._scope is None:
                    child._scope = scope(name)
            module._prepared = True

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """(path, parameter) for every parameter, each once, in the order of the attributes."""
        seen: set[int] = set()
        stack: list[_State] = [("", self)]
        while stack:
            path, part = stack.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Node):
                yield path, part
            else:
                prefix = f"{path}." if path else ""
                stack += [(prefix + name, m) for name, m in reversed(list(_members(vars(part))))]

    def parameters(self) -> list[Any]:
        """Every parameter once, in the order of the attributes."""
        return [parameter for _, parameter in self.named_parameters()]

    def modules(self) -> list[Module]:
        """This module and every module inside it, each once."""
        found: dict[int, Module] = {}
        stack: list[Module] = [self]
        while stack:
            module = stack.pop()
            if id(module) not in found:
                found[id(module)] = module
                children = [m for _, m in _members(vars(module)) if isinstance(m, Module)]
                stack += reversed(children)
        return list(found.values())

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


def _members(container: Mapping[str, Any]) -> Iterator[_State]:
    """(dotted name, member) for the parameters and modules in attributes and nested containers."""
    stack: list[_State] = [
        (name, value)
        for name, value in reversed(list(container.items()))
        if not name.startswith("_")
    ]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Module) or (
            isinstance(value, Node) and value.is_leaf and not value.constant
        ):
            yield name, value
        elif isinstance(value, (list, tuple)):
            stack += reversed([(f"{name}.{i}", v) for i, v in enumerate(value)])
        elif isinstance(value, dict):
            stack += reversed([(f"{name}.{key}", v) for key, v in value.items()])
