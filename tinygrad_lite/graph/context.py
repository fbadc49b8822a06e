"""How ops record: whether at all, in which scope, with which checks. Held in a context variable."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass, replace

from .meta import Meta


@dataclass(frozen=True, slots=True)
class Context:
    """How ops record: `meta` is what a new node starts with (its scope), `outer` the context to go
    back to. `rules`: what is recorded is a derivative rule, so constants keep their origin."""

    recording: bool = True
    debug: bool = False
    rules: bool = False
    meta: Meta | None = None
    outer: Context | None = None


_context: ContextVar[Context | None] = ContextVar("tinygrad_lite_context", default=None)
current_context = _context.get


class _Switch(ContextDecorator):
    """A context manager, or the decorator of a function, that records under a changed `Context`.

    It remembers the last change it made, because a module enters its scope at every call; it keeps
    nothing else, so it can be entered again inside itself and from several threads.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[Context | None, Context] | None = None

    def _changed(self, context: Context) -> Context:
        raise NotImplementedError

    def __enter__(self) -> None:
        outer = _context.get()
        last = self._last
        if last is None or last[0] is not outer:
            last = (outer, replace(self._changed(outer or Context()), outer=outer))
            self._last = last
        _context.set(last[1])

    def __exit__(self, *_: object) -> None:
        context = _context.get()
        assert context is not None
        _context.set(context.outer)


class no_grad(_Switch):
    """`with no_grad():` ops compute without recording; their results are constants."""

    __slots__ = ()

    def _changed(self, context: Context) -> Context:
        return replace(context, recording=False)


class enable_grad(_Switch):
    """`with enable_grad():` ops record again, inside `no_grad`."""

    __slots__ = ()

    def _changed(self, context: Context) -> Context:
        return replace(context, recording=True)


class recording_rules(_Switch):
    """`with recording_rules():` plain ops of nodes give constant nodes that keep their origin.

    So a mask in a recorded derivative is `x > 0`, and the size in a mean's is a size.
    """

    __slots__ = ()

    def _changed(self, context: Context) -> Context:
        return replace(context, recording=True, rules=True)


def in_rule() -> bool:
    """Whether the code at work is a derivative rule that is being recorded."""
    context = current_context()
    return context is not None and context.rules


class debug(_Switch):
    """`with debug():` every op records its source line and checks itself.

    The first op that makes a NaN, or an infinity out of finite inputs, or is given a NaN in the
    data, raises `FloatingPointError` and names itself, its inputs and its line; so does the first
    derivative in `backward()`, which raises `RuntimeError` when an array was written into after an
    op had used it.
    """

    __slots__ = ()

    def _changed(self, context: Context) -> Context:
        return replace(context, debug=True)


class scope(_Switch):
    """`with scope("encoder"):` nodes made inside carry the scope; scopes nest.

    Pictures draw a scope as a cluster.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = str(name)

    def _changed(self, context: Context) -> Context:
        outer = context.meta.scope if context.meta else ()
        return replace(context, meta=Meta(scope=(*outer, self.name)))
