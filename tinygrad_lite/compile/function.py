"""A function that is recorded when it is called, and run as a NumPy program from then on."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, overload

import numpy as np

from ..graph.context import current_context, latest_context
from ..graph.node import Node, Scalar
from ..notation.words import counted
from .arrays import recorder
from .containers import Read
from .emit import build
from .program import ScalarProgram
from .recorder import NUMBERS, Held, Recording, refusal
from .records import Mutated
from .run import Run
from .signature import Unusual, signature
from .standalone import Branch
from .trace import Recorded, fingerprint, plain, refuse_difference
from .variant import CHANGED, Variant

MANY = 16  # programs for arguments of one kind: a sign of something that always changes
MOST = 64  # of them that are kept
_recording: ContextVar[bool] = ContextVar("tinygrad_lite_compile", default=False)
_one_at_a_time = threading.RLock()  # while a run is recorded, arrays that record stand in for all


class NumPyRun(Run):
    """A run on recording arrays: `recorded` is the program."""

    def __init__(self, *called: Any) -> None:
        super().__init__(*called)
        self._recorder = recorder(kept=False)
        try:
            self.run()
        finally:
            self._recorder.closed = True
        numbers = {id(x): i for i, x in enumerate(self._recorder.inputs)}
        self.late = [numbers[id(x)] for x in self._recorder.late]
        self.settings = [*map(self._recorder.given.index, self._recorder.settings)]
        outputs = [y if isinstance(y, Held) else np.array(y) for y in self.outputs]
        self.recorded = Recorded(self._recorder.instructions, self._recorder.given, outputs)

    def stand_in(self, array: Any) -> Any:
        return self._recorder.input(array)

    def written(self) -> dict[int, Any]:
        numbers = {id(x): i for i, x in enumerate(self._recorder.inputs)}
        return {numbers[id(x)]: x for x in self._recorder.written}

    def renamed(self, x: Any) -> Any:
        return x.base if isinstance(x, Recording) else None

    def put_out(self, x: Any) -> Any:
        return plain(x)

    def is_array(self, x: Any) -> bool:
        return isinstance(x, (Recording, np.ndarray))

    @property
    def constants(self) -> list[Any]:
        """The plain arrays that were used or put out, as they were given."""
        return [*self._recorder.constants, *(y for y in self.outputs if not isinstance(y, Held))]


class Compiled:
    """A function that is recorded when it is called, and then run as a list of NumPy calls.

    Made by `tg.compile(f)`. `source` is the text of the program that ran last, `programs` their
    number; `print` shows both.
    """

    called = "compile"  # in errors

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._variants: dict[Any, list[Variant]] = {}
        self._last: Variant | None = None
        self._moving: set[Any] = set()  # places of numbers to compute with
        self._settled = False  # whether numbers are compared instead
        self._renewed: set[Any] = set()  # places of results of the last call
        self._mutated: set[Any] = set()  # and those of them that hold what a later one changes
        self._growing: dict[int, Any] = {}  # lists that are longer after every call, by id
        self._read: dict[int, Any] = {}  # and those of them that are read, too
        self._quick: Any = None  # the last program, for arguments that are all arrays
        self._lock = threading.RLock()

    @property
    def programs(self) -> int:
        """How many programs there are: one for each signature, setting and branch."""
        return sum(map(len, self._variants.values()))

    @property
    def source(self) -> str:
        """The program that ran last as a module, which NumPy alone runs."""
        if self._last is None:
            raise ValueError(
                f"{self.called}: a function is recorded when it is called, so call it first"
            )
        return str(self._last.executable.source)

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", "function")
        if self._last is None:
            return f"compiled {name}, not recorded yet: call it"
        body = "".join(self.source.rpartition("@np.errstate")[1:])
        programs = counted(self.programs, "program")
        return f"compiled {name}, {programs}; the last that ran:\n\n{body}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _recording.get():  # as it is, and before the lock, which another thread may hold
            return self._function(*args, **kwargs)
        with self._lock:
            if self._quick is not None and not kwargs and latest_context() is None:
                found = _tried(self._quick, args)
                if found is not None:
                    return found[0]
            given: list[Any] = []
            key = self._key(args, kwargs, given)
            if key is None:
                return self._function(*args, **kwargs)
            found = self._result(key, given)
            if found is None:
                with _one_at_a_time:
                    found = self._result(key, given) or self._recorded(key, given, args, kwargs)
            arrays = not kwargs and all(type(x) is np.ndarray for x in args)
            quick = arrays and self._last is not None and latest_context() is None
            self._quick = self._last.quick if quick and self._last else None
            return found[0]

    def _key(self, args: Any, kwargs: Any, given: list[Any]) -> Any:
        """What tells programs apart, the arrays and numbers of the arguments going to `given`; None
        where the function is to run as it is."""
        context = current_context()
        if context is not None and context.debug:
            return None
        try:
            key = [signature(x, given, self._numbers) for x in (args, kwargs)]
        except Unusual:
            return None
        return (*key, self._settled, context is None or context.recording)

    def _result(self, key: Any, given: list[Any]) -> Any:
        """What the first program that holds gives, in a tuple."""
        for variant in self._variants.get(key, ()):
            found = _tried(variant.call, given)
            if found is not None:
                self._last = variant
                return found
        return None

    def _recorded(self, key: Any, given: list[Any], args: Any, kwargs: Any) -> Any:
        """What a new program gives, in a tuple."""
        known = self._variants.setdefault(key, [])
        if known and not self._settled:  # a counter, a rate
            self._moving.update(place.mark for place in known[0].moved())
        for x in known[0].grown() if known else ():
            if id(x) not in self._read:
                self._growing[id(x)] = x
        token = _recording.set(True)
        try:
            variant = self._made(args, kwargs)
        except Unusual:
            return self._unusual(args, kwargs)
        except Read:
            self._read |= self._growing
            self._growing.clear()
            return self._recorded(key, given, args, kwargs)
        except Mutated as error:
            self._mutated.add(error.mark)
            return self._recorded(key, given, args, kwargs)
        except Exception:
            if not self._moving and not any(type(x) in self._numbers for x in given):
                raise
            self._settled, given = True, []
            self._moving.clear()
            return self._recorded(self._key(args, kwargs, given), given, args, kwargs)
        finally:
            _recording.reset(token)
        if len(known) == MANY:
            warnings.warn(
                f"{self.called}: {MANY} programs were made for arguments of one kind, since "
                f"{known[0].reason()} is another at every call; hand it over as an array",
                stacklevel=4,
            )
        self._renewed |= variant.renewed
        known.insert(0, variant)
        del known[MOST:]
        self._last = variant
        return variant.call(given)

    @property
    def _numbers(self) -> tuple[type, ...]:
        """The types of numbers among the arguments that a program is handed, to compute with."""
        return () if self._settled else NUMBERS

    @property
    def _changing(self) -> set[Any]:
        """The marks of places that hold something else after every call."""
        return self._moving | self._renewed - self._mutated

    def _unusual(self, args: Any, kwargs: Any) -> Any:
        """What a call gives that no program is made of, in a tuple."""
        return (self._function(*args, **kwargs),)

    def _made(self, args: Any, kwargs: Any) -> Variant:
        """The program of the function: recorded, and again, which tells what changes by itself."""
        called = self._function, args, kwargs, self._numbers, self._changing, self._growing
        run = functools.partial(NumPyRun, *called)
        one = run()
        first, used = fingerprint(one.recorded), one.constants
        del one  # its numbers take as much memory as those of the other
        other = run()
        refuse_difference(first, fingerprint(other.recorded))
        _refuse_unknown(used, other.constants)
        return Variant(other, build(other.recorded, other.names, kept=other.kept))


def _tried(program: Any, given: Any) -> Any:
    """What a program gives, in a tuple; None where it is not made for what it is given."""
    try:
        return program(given)
    except (Branch, *CHANGED):  # a program's own is raised when the function is recorded again
        return None


def _refuse_unknown(first: list[Any], second: list[Any]) -> None:
    """Raise `TypeError` for an array that two runs used, though neither was seen to reach it: the
    program could not tell when it changes, unless it is one that nobody writes into."""
    known = {id(_whole(x)) for x in first}
    for x in second:
        if id(_whole(x)) in known and _whole(x).flags.writeable:
            raise refusal(
                f"the function uses an array of shape {x.shape} that is neither an argument nor "
                "found in its closure, its globals or an object there; hand it over as an argument"
            )


def _whole(x: Any) -> Any:
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


@overload
def compile(f: Scalar) -> ScalarProgram: ...
@overload
def compile(f: Callable[..., Any]) -> Compiled: ...
def compile(f: Any) -> Any:
    """A function as one that is recorded when it is first called, backward() and the steps of
    optimisers in it included, and run as a list of NumPy calls that allocates nothing twice; or a
    graph of Values as a `ScalarProgram`, in which sums of products are matrix products.

    Arguments are NumPy arrays, Tensors, numbers, nested lists, tuples and dicts of them, and
    settings, which are compared; so is what f reaches by its closure, by globals and in objects:
    arrays and Tensors found there are read at every call, those too that a call has put there, in
    new lists and dicts. Another shape, dtype or setting, and another branch taken on the numbers,
    is recorded as a program of its own; a number is a setting only where it must be, as an axis.
    Results are the caller's own arrays; Tensors among them that were computed are constants. What f
    sets is set at every call, and arrays that it writes into (`p.data -= step`, `x[i] = y`,
    `out=x`) are written into; a view that it stores is a copy, and what it does beside (printing,
    say) is not repeated. For arguments that are differentiated outside, or of another library, f
    runs as it is.

    Raises `TypeError` for what would be frozen: numbers taken out of arrays, random numbers, arrays
    that f reaches in no way that can be seen.
    """
    if isinstance(f, Scalar):
        return ScalarProgram(f)
    if isinstance(f, Node):
        raise TypeError(
            "compile: takes the function that computes a Tensor, as in tg.compile(step), or a Value"
        )
    if not callable(f):
        raise TypeError(
            f"compile: takes a function, as in tg.compile(step), or a Value; got {f!r:.60}"
        )
    return Compiled(f)
