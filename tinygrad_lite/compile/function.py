"""`compile(f)`: a function that is recorded at its first call, and run as a NumPy program."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..graph.backend import is_array, row_of_ones
from ..graph.context import current_context
from ..graph.meta import Meta
from ..graph.node import Array, Node, fresh
from .emit import build
from .recorder import refusal
from .run import Output, Run
from .standalone import Branch
from .trace import fingerprint, refuse_difference

MANY = 16  # programs of one function, more of which are a sign of something that always changes
_recording: ContextVar[bool] = ContextVar("tinygrad_lite_compile", default=False)
_one_at_a_time = threading.RLock()  # while a run is recorded, arrays that record stand in for all


class Program:
    """One recorded run of a function, for arguments of one signature and one state around it."""

    def __init__(self, run: Run, names: list[str]) -> None:
        self.executable = build(run.recorded, names, own=False)
        self.result, self.effects = run.result, run.effects
        arguments = run.arguments
        self.reached = {x for x in run.state.leaves if x not in arguments}
        self.both = {n: x for x, n in arguments.items() if x in run.state.leaves}
        inputs = [x.value for x in run.recorded.inputs]
        self.sources = [
            (s.kind, s.where, s.part, x.shape, x.dtype, x.strides)
            for s, x in zip(run.sources, inputs, strict=True)
        ]
        arrays = {id(s.where) for s in run.sources if s.kind == "place"}
        self.places = [
            (p.get, p.key, p.before, p.path)
            for p in run.state.places
            if id(p) not in arrays or type(p.before) is tuple
        ]
        self.sizes = [(x, len(copy)) for x, copy in run.state.containers]
        self.without = [x for x in self.reached if x._grad is None]

    def changed(self) -> str | None:
        """What is not as it was when the run was recorded, by its path."""
        for get, key, before, path in self.places:
            try:
                now = get(key)
            except (IndexError, AttributeError, ValueError):
                return path
            if now is not before and not _equal(now, before):
                return path
        for x, n in self.sizes:
            if len(x) != n:
                return f"the size of a {type(x).__name__}"
        for node in self.without:
            if node._grad is not None:
                return f"{node.name or 'a Tensor'}.grad"
        return None

    def inputs(self, given: list[Any]) -> list[Any] | None:
        """The arrays to run with; None where one does not fit."""
        for number, x in enumerate(given):
            if isinstance(x, Array) and (self.both.get(number, x) is not x or x in self.reached):
                return None
        found = []
        for kind, where, part, shape, dtype, strides in self.sources:
            if kind == "argument":
                found.append(given[where])
                continue
            if kind == "place":
                x = where.get(where.key)
                for i in part:
                    x = x[i]
            else:
                node = given[where] if type(where) is int else where
                x = node._data if kind == "data" else node.grad
            if type(x) is not np.ndarray or x.strides != strides or x.shape != shape:
                return None
            if x.dtype != dtype:
                return None
            found.append(x)
        return found

    def finish(self, results: list[Any], given: list[Any]) -> Any:
        """Set what the function sets, and give what it returns, in arrays of the caller's own."""
        own = [
            x if new else np.array(x) if type(x) is np.ndarray else np.asarray(x)
            for x, new in zip(results, self.executable.fresh, strict=True)
        ]
        for effect in self.effects:
            kind, where = effect.kind, effect.where
            value = _filled(effect.template, own)
            if kind == "data":
                (given[where] if type(where) is int else where)._data = value
            elif kind == "grad":
                (given[where] if type(where) is int else where)._grad = value
            elif kind == "place":
                where.set(value)
            elif kind == "more":
                where.extend(value)
            elif kind == "gone":
                del where[0][where[1]]
            else:
                where[0][where[1]] = value
        return _filled(self.result, own)


def _filled(template: Any, arrays: list[Any]) -> Any:
    kind = type(template)
    if kind is Output:
        array = arrays[template.number]
        if not template.tensor:
            return array
        made = fresh(None, array)
        made._meta = Meta(constant=True)
        return made
    if isinstance(template, (list, tuple)):
        parts = [_filled(part, arrays) for part in template]
        return template._make(parts) if hasattr(template, "_make") else kind(parts)
    if kind is dict:
        return {k: _filled(part, arrays) for k, part in template.items()}
    return template


def _equal(a: Any, b: Any) -> bool:
    """Whether two settings are the same number or word."""
    plain = (int, float, str, bytes, np.generic)
    if type(a) is not type(b) or not isinstance(a, plain):
        return False
    return bool(a == b or (a != a and b != b))


class Compiled:
    """A function that is recorded when it is called, and then run as a list of NumPy calls.

    Made by `tg.compile(f)`. `source` is the text of the program that ran last, `programs` their
    number. `print` shows both.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._programs: dict[Any, list[Program]] = {}
        self._lock = threading.RLock()
        self._last: Program | None = None

    @property
    def programs(self) -> int:
        """How many programs there are: one for each signature, state and branch."""
        return sum(map(len, self._programs.values()))

    @property
    def source(self) -> str:
        """The program that ran last as a module, which NumPy alone runs."""
        if self._last is None:
            raise ValueError("compile: a function is recorded when it is called, so call it first")
        return self._last.executable.source

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", "function")
        if self._last is None:
            return f"compiled {name}, not recorded yet: call it"
        body = self.source[self.source.index("@np.errstate") :]
        plural = "" if self.programs == 1 else "s"
        return f"compiled {name}, {self.programs} program{plural}; the last that ran:\n\n{body}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given: list[Any] = []
        try:
            key = _signature(args, given), _signature(kwargs, given), _context()
        except _Unusual:
            return self._function(*args, **kwargs)
        if key[-1] is None:
            return self._function(*args, **kwargs)
        with self._lock:
            done, result = self._tried(key, given)
            if done:
                return result
            with _one_at_a_time:
                done, result = self._tried(key, given)
                return result if done else self._recorded(key, given, args, kwargs)

    def _tried(self, key: Any, given: list[Any]) -> tuple[bool, Any]:
        """Whether one of the programs ran, and its result."""
        programs = self._programs.get(key, ())
        for i, program in enumerate(programs):
            inputs = None if program.changed() is not None else program.inputs(given)
            if inputs is None:
                continue
            try:
                results = program.executable.run(*inputs)
            except Branch:
                continue
            if i:
                self._programs[key].insert(0, self._programs[key].pop(i))
            self._last = program
            return True, program.finish(results, given)
        return False, None

    def _recorded(self, key: Any, given: list[Any], args: Any, kwargs: Any) -> Any:
        """Record the function twice, which tells what changes by itself, and run the program."""
        words = [*_words(self._function, args, kwargs)]
        token = _recording.set(True)
        try:
            first = Run(self._function, args, kwargs, words)
            print_of_first, used = fingerprint(first.recorded), first.constants
            del first
            run = Run(self._function, args, kwargs, words)
        finally:
            _recording.reset(token)
        refuse_difference(print_of_first, fingerprint(run.recorded))
        _refuse_unknown(used, run.constants)
        program = Program(run, run.names)
        programs = self._programs.setdefault(key, [])
        if len(programs) == MANY:
            path = programs[0].changed() or "a branch"
            warnings.warn(
                f"compile: {MANY} programs were made for arguments of the same kind, since {path} "
                "differs from call to call; hand it over as an array",
                stacklevel=4,
            )
        programs.insert(0, program)
        self._last = program
        inputs = program.inputs(given)
        assert inputs is not None
        return program.finish(program.executable.run(*inputs), given)


def _context() -> bool | None:
    """Whether operations record; None where the function is to run as it is: for `debug`, and
    within a run that is being recorded."""
    context = current_context()
    if _recording.get() or (context is not None and context.debug):
        return None
    return context is None or context.recording


class _Same:
    """An object in a signature, as itself."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __hash__(self) -> int:
        return id(self.x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.x is other.x


class _Unusual(Exception):
    """An argument that a program does not take."""


def _signature(x: Any, given: list[Any]) -> Any:
    """What arguments have in common that one program may serve; their arrays go to `given`. Raises
    `_Unusual` for an argument of another library, and for one that is differentiated outside."""
    kind = type(x)
    if kind is np.ndarray and x.dtype.kind in "fiub":
        given.append(x)
        return x.shape, x.dtype, x.strides
    if kind is tuple or kind is list:
        return (kind, *[_signature(part, given) for part in x])
    if kind is float:
        return kind, repr(x)
    if isinstance(x, dict):
        return (kind, *[(k, _signature(part, given)) for k, part in x.items()])
    if isinstance(x, Array):
        data, meta = x._data, x._meta
        if type(data) is not np.ndarray or x.op is not None or (meta and meta.argument):
            raise _Unusual
        first = next((i for i, y in enumerate(given) if y is x), -1)
        given.append(x)
        constant = meta is not None and meta.constant
        return Array, data.shape, data.dtype, data.strides, x._grad is None, first, constant
    if isinstance(x, (list, tuple)):
        return (kind, *[_signature(part, given) for part in x])
    if isinstance(x, (int, str, bytes, np.generic, type(None))):
        return kind, x
    if isinstance(x, Node) or is_array(x):
        raise _Unusual
    return _Same(x)


def _words(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    """The names of the arrays among the arguments, in order."""
    try:
        names = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        names = []
    names += [f"x{i + 1}" for i in range(len(names), len(args))]
    for name, x in (*zip(names, args, strict=False), *kwargs.items()):
        yield from _paths(x, name)


def _paths(x: Any, path: str) -> Iterator[str]:
    if isinstance(x, (np.ndarray, Array)):
        yield path
    elif isinstance(x, (list, tuple, dict)):
        for key, part in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _paths(part, f"{path}_{key}")


def _refuse_unknown(first: list[Any], second: list[Any]) -> None:
    """Raise `TypeError` for an array that two runs used, though neither was seen to reach it: the
    program could not tell when it changes."""
    known = {id(_whole(x)) for x in first}
    for x in second:
        whole = _whole(x)
        if id(whole) in known and not (
            x.ndim == 1 and x.dtype.kind == "f" and x is row_of_ones(len(x), x.dtype)
        ):
            raise refusal(
                f"the function uses an array of shape {x.shape} that is neither an argument nor "
                "found in its closure, its globals or an object there; hand it over as an argument"
            )


def _whole(x: Any) -> Any:
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x
