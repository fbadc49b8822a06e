"""`Module`: parameters found by attribute, saved by path, and a scope per module in pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..graph.context import scope
from ..graph.node import raw
from ..graph.state import copied, fit, like
from .parts import Owner, Part, Survey, survey


class Module(Owner):
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

    training: bool = True
    _scope: scope | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call of the module computes."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._called:
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
            module._called = True
        for part in found.results:
            part.owner._early += (part.value,)

    def _parts(self) -> Survey:
        found = survey(self)
        kind = type(self).__name__
        found.refuse(kind)
        leaves = {part.value for part in found.parameters}
        for part in found.modules[1:]:
            if type(part.value).parameters is not Module.parameters:
                for p in part.value.parameters():
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
            if part.path in parts:
                raise ValueError(f"{type(self).__name__}: two parts have the path {part.path}")
            parts[part.path] = part
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
        new = {p: like(state[p], raw(part.value), f"{kind}: {p}") for p, part in parts.items()}
        for path, part in parts.items():
            try:
                part.put(raw(part.value))
            except (TypeError, AttributeError):
                where = type(part.holder and part.holder.value).__name__
                raise TypeError(
                    f"{kind}: {path} stands in a {where}, which cannot be changed; keep it in a "
                    "list or as an attribute"
                ) from None
        for path, part in parts.items():
            part.put(new[path])
