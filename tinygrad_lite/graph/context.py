"""How ops record: whether at all, in which scope, with which checks. Held in a context variable."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Self

from .meta import Meta

# Not coroutines: a task has contexts of its own, which the tasks that it starts inherit.
_SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Context:
    """How ops record: `meta` is what a new node starts with (its scope). `rules`: what is recorded
    is a derivative rule, so constants keep their origin.

    A switch with this `key` made it out of `base`, in the generator `frame` (None: in a function).
    It lies in `outer`, of which those that are `passed` over were suspended then; `ordinary` if ops
    on floats need to look at nothing but `meta`.
    """

    recording: bool = True
    debug: bool = False
    rules: bool = False
    meta: Meta | None = None
    key: object = None
    base: Context | None = None
    outer: Context | None = None
    frame: FrameType | None = None
    passed: tuple[Context, ...] = ()
    ordinary: bool = True

    @property
    def suspended(self) -> bool:
        """Whether it belongs to a generator that is not running."""
        return self.frame is not None and self.frame.f_back is None

    def moved(self, base: Context | None) -> Context:
        """The same change made to another context."""
        before, now = self.base or Context(), base or Context()
        kept = {
            name: getattr(now, name)
            for name in ("recording", "debug", "rules", "meta")
            if getattr(self, name) == getattr(before, name)
        }
        return replace(self, base=base, ordinary=False, **kept)


_context: ContextVar[Context | None] = ContextVar("tinygrad_lite_context", default=None)
latest_context = _context.get


def current_context() -> Context | None:
    """The context of the code at work. A generator that is suspended within a `with` has left its
    own behind, which is passed over; it counts again, on top, when the generator goes on."""
    context = _context.get()
    while context is not None and context.frame is not None and context.suspended:
        context = context.outer
    if context is not None and context.passed:
        for other in context.passed:
            if not other.suspended:
                context = other.moved(context)
    return context


def _suspended(context: Context | None) -> tuple[Context, ...]:
    """Those of `context` and the contexts that it lies in that are passed over, outermost first."""
    found: list[Context] = []
    while context is not None:
        if context.suspended:
            found.append(context)
        context = context.outer
    return tuple(reversed(found))


class _Switch:
    """A context manager, or the decorator of a function, that records under a changed `Context`.

    It remembers the last change it made, because a module enters its scope at every call; it keeps
    nothing else, so it can be entered again inside itself and from several threads.
    """

    __slots__ = ("_key", "_last")

    _key: object
    _last: Context | None

    def __new__(cls, function: Any = None) -> Self:
        """The switch; of a function (`@tg.no_grad` without brackets) the function decorated."""
        self = super().__new__(cls)
        self._key, self._last = object(), None
        if function is None:
            return self
        if not callable(function):
            kind = cls.__name__
            raise TypeError(f"{kind}: write `with tg.{kind}():`; {function!r:.60} is no function")
        return self(function)  # type: ignore[return-value]

    def _changed(self, context: Context) -> Context:
        raise NotImplementedError

    def __enter__(self) -> None:
        outer, last, frame = _context.get(), self._last, sys._getframe(1)
        suspendable = frame.f_code.co_flags & _SUSPENDABLE
        plain = outer is None or (outer.frame is None and not outer.passed)  # it is at work itself
        if last is None or last.outer is not outer or suspendable or not plain:
            base, passed = current_context(), _suspended(outer)
            new = self._changed(base or Context())
            last = replace(
                new,
                key=self._key,
                base=base,
                outer=outer,
                frame=frame if suspendable else None,
                passed=passed,
                ordinary=new.recording and not (new.debug or suspendable or passed),
            )
            self._last = last if plain and not suspendable else None
        _context.set(last)

    def __exit__(self, *_: object) -> None:
        context = _context.get()
        if context is not None and context.key is self._key:
            _context.set(context.outer)
            return
        above: list[Context] = []  # entered since then, and left later: by a suspended generator
        while context is not None and context.key is not self._key:
            above.append(context)
            context = context.outer
        if context is None:  # a generator that another thread finishes
            return
        frame, context = context.frame, context.outer
        for other in reversed(above):
            passed = [c for c in other.passed if c.key is not self._key or c.frame is not frame]
            base = context
            while base is not None and any(c.frame is base.frame for c in passed):
                base = base.outer
            context = replace(other.moved(base), outer=context, passed=tuple(passed))
        _context.set(context)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, run under this; a generator or coroutine whenever it runs."""
        switch = self

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with switch:
                return function(*args, **kwargs)

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            made = function(*args, **kwargs)
            resume, sent = made.send, None
            while True:
                try:
                    with switch:  # at each step, whichever thread takes it
                        item = resume(sent)
                except StopIteration as end:
                    return end.value
                try:
                    resume, sent = made.send, (yield item)
                except BaseException as error:  # GeneratorExit too, when it is closed
                    resume, sent = made.throw, error

        @functools.wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            with switch:
                return await function(*args, **kwargs)

        @functools.wraps(function)
        async def generate_async(*args: Any, **kwargs: Any) -> Any:
            with switch:
                async for item in function(*args, **kwargs):
                    yield item

        if inspect.isasyncgenfunction(function):
            return generate_async
        if inspect.iscoroutinefunction(function):
            return wait
        return generate if inspect.isgeneratorfunction(function) else call


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
    context = _context.get()
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

    name: str

    def __new__(cls, name: str) -> Self:
        self = super().__new__(cls)
        self.name = str(name)
        return self

    def __reduce__(self) -> Any:
        return type(self), (self.name,)  # a module pickles and copies with its scope, not entered

    def _changed(self, context: Context) -> Context:
        outer = context.meta.scope if context.meta else ()
        return replace(context, meta=Meta(scope=(*outer, self.name)))
