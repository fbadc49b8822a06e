"""The list of NumPy calls that one run of a function makes."""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Call = Callable[..., Any]
T = TypeVar("T")
METHOD = type(np.ndarray.sum)
# What a number may be used in: its value says nothing of the result's shape.
_ARITHMETIC = {f for f in vars(operator).values() if callable(f)} - {operator.getitem}
_ARITHMETIC |= {round, np.where, np.clip, np.ndarray.clip}
_COMMUTATIVE = {operator.add, operator.mul}
NUMBERS = (int, float)  # of Python's, which take the dtype of what they are computed with


class Held:
    """A value in the list: an input, or what an instruction made (`made_by`).

    `outline` is of its type, shape, dtype and layout, `owner` whose memory it is a view of. `value`
    is None where it is not kept: a run of a large model shall not hold all that it computes.
    """

    __slots__ = ("made_by", "outline", "owner", "value")

    def __init__(
        self, value: Any, kept: bool, made_by: Any = None, owner: Held | None = None
    ) -> None:
        self.made_by, self.owner = made_by, owner
        self.value: Any = value if kept else None
        self.outline = value if kept else outline(value)


class Recording:
    """A value at hand while a function is recorded; `held` is what it is in the list, None if it is
    `fixed`, a constant.

    Written into, it is another value of the list from then on. What shares its `memory` is `stale`
    then, but for the array that it is a `part` of, known with the function that puts it back there.
    """

    __slots__ = ("__weakref__", "held", "memory", "part", "recorder", "stale", "value")

    def __init__(self, recorder: Recorder, value: Any, held: Held | None) -> None:
        self.recorder, self.value, self.held = recorder, value, held
        self.memory: list[weakref.ref[Recording]] = [weakref.ref(self)]
        self.part: tuple[Recording, Callable[[Any], Any] | None] | None = None
        self.stale = False

    @property
    def base(self) -> Recording | None:
        """The array that it is another name of, all of it."""
        if self.part is None or self.part[1] is not None:
            return None
        whole = self.part[0]
        return whole if whole.base is None else whole.base

    @property
    def fixed(self) -> bool:
        """Whether it is a constant."""
        return self.held is None


@dataclass(eq=False, slots=True)
class Instruction:
    """`out = call(*args, **settings)`, of held values, constants, and tuples and lists of them.
    Without an `out` it is a guard: the truth of args[0] must be `expected`."""

    call: Call
    args: tuple[Any, ...]
    settings: dict[str, Any]
    out: Held | None = None
    expected: bool | None = None

    def inputs(self) -> Iterator[Held]:
        """The held values among the arguments, in order, with repetition."""
        return parts_of((*self.args, *self.settings.values()), Held)


class Recorder:
    """The instructions of one run, in order; equal ones are one. `kind` is the class of what they
    make: arrays that record in their turn. Not `kept`, their values go when nobody needs them."""

    def __init__(self, kind: type[Recording], kept: bool) -> None:
        self.instructions: list[Instruction] = []
        self.namespace: Any = None  # of the arrays
        self.closed = False  # once the run is over
        self.inputs: list[Any] = []
        self.given: list[Held] = []  # what they are in the list
        self.written: list[Any] = []  # of the inputs
        self.late: list[Any] = []  # inputs that were read after one had been written into
        self.settings: list[Any] = []  # of what is in the list, numbers that the program is one for
        self._kind, self._kept = kind, kept
        self._known: dict[Any, Held] = {}
        self._constants: dict[int, tuple[Any, Any]] = {}  # by id: the array given, and its copy
        self._thread = threading.get_ident()

    def input(self, value: Any) -> Any:
        """An array that the program is handed at every call."""
        self.given.append(Held(value, self._kept))
        self.inputs.append(self._kind(self, value, self.given[-1]))
        return self.inputs[-1]

    def fixed(self, value: Any) -> Any:
        """An array that is the same at every call."""
        return self._kind(self, value, None)

    @property
    def writes(self) -> bool:
        """Whether arrays can be written into: not where what is put down keeps its values."""
        return not self._kept

    def renamed(self, x: Recording, *, copy: bool) -> Any:
        """Another name of x, or what it holds as a copy, which is written into by itself."""
        if not self.writes:
            return x
        self.read(x)
        made = self._kind(self, x.value, x.held)
        if not copy:
            x.memory.append(weakref.ref(made))
            made.memory, made.part = x.memory, (x, None)
        return made

    def record(self, call: Call, *args: Any, **settings: Any) -> Any:
        """The result of a call, noted unless it depends on constants alone."""
        if threading.get_ident() != self._thread:
            raise refusal("another thread used an array while it was being recorded")
        if self.closed:
            raise refusal("an array was kept after the function was recorded; return it instead")
        if not (isinstance(call, np.ufunc) or call in _ARITHMETIC):  # numbers are axes, sizes
            args = self._settled(args)
            settings = {k: self._settled(v) for k, v in settings.items()}
        sources = [*parts_of((*args, *settings.values()), Recording)]
        for x in sources:
            self.read(x)
        if any(x.recorder is not self for x in sources):
            raise refusal("the function keeps an array of one run for the next, as in a cache")
        weak = [x for x in sources if type(x.value) in NUMBERS]
        value = invoke(call, values_of(args), {k: values_of(v) for k, v in settings.items()})
        weakly = len(weak) == len(sources) or call is np.ndarray.item
        if not isinstance(value, (np.ndarray, np.generic, tuple, list)) and not (
            type(value) in NUMBERS and weakly
        ):
            value = np.asarray(value)[()]
        for x in sources:
            if _is_same_array(value, x.value):
                return x  # reshaped to its own shape, say
        if all(x.held is None for x in sources):
            made = self.fixed(value)
        else:
            owners = (x.held for x in sources if not x.fixed and _shares(value, x.value))
            made = self.note(call, args, settings, value, next(owners, None))
        for x in sources:
            if isinstance(x.value, np.ndarray) and _shares(value, x.value):
                x.memory.append(weakref.ref(made))
                made.memory = x.memory
                put_back = _put_back(call, args, settings)
                made.part = None if put_back is None else (x, put_back)
        return self._parts(made)

    def setting(self, x: Recording) -> Any:
        """The number itself where it is needed, as for an axis: the program is one for this number
        then. What is computed from arrays is refused."""
        inputs = [] if x.held is None else _own_inputs(x.held)
        if None in inputs:
            raise refused_number()
        self.settings += inputs
        self.guard(x == x.value)
        return x.value

    def _settled(self, x: Any) -> Any:
        """x with numbers being recorded, in nested tuples and lists too, as settings."""
        if isinstance(x, Recording):
            return self.setting(x) if type(x.value) in NUMBERS else x
        if isinstance(x, slice):
            return slice(*map(self._settled, (x.start, x.stop, x.step)))
        return type(x)(map(self._settled, x)) if type(x) in (tuple, list) else x

    def read(self, x: Recording) -> None:
        """Refuse what is not what it was: an array a view of which was written into, say."""
        if x.stale:
            raise refusal(
                "an array is read after another that shares its memory was written into; read it "
                "again from that one, or write into a copy"
            )
        if self.written and any(x is y for y in self.inputs) and isinstance(x.value, np.ndarray):
            self.late.append(x)

    def write(self, x: Recording, new: Recording) -> None:
        """Let x be what `new` is from now on."""
        made: list[tuple[Any, Recording]] = [(x, new)]
        while (part := made[-1][0].part) is not None:
            whole, put_back = part
            made.append((whole, made[-1][1] if put_back is None else put_back(made[-1][1])))
        sharing = [other for reference in x.memory if (other := reference()) is not None]
        known = {id(y) for y, _ in made}
        if any(y is other and id(y) not in known for y in self.inputs for other in sharing):
            raise refusal(
                "a view of an array from outside is written into in a way that cannot be followed; "
                "write into the array itself, into x[i] or x.T"
            )
        for y in self.inputs:
            if id(y) in known and not any(y is z for z in self.written):
                self.written.append(y)
                sharing += [z for z in self.inputs if z is not y and _shares(z.value, y.value)]
        for other in sharing:
            other.stale = True
        for x, new in made:
            x.held, x.value, x.stale = new.held, new.value, False

    def note(self, call: Call, args: Any, settings: Any, value: Any, owner: Held | None) -> Any:
        """An instruction put down with its result."""
        args, settings = self._owned(args), {k: self._owned(v) for k, v in settings.items()}
        given = sorted(map(_key, args), key=hash) if call in _COMMUTATIVE else map(_key, args)
        key = (call, *given, _key(tuple(sorted(settings.items()))))
        out = self._known.get(key)
        if out is None:
            made_by = Instruction(call, args, settings)
            if owner is not None and owner.owner is not None:
                owner = owner.owner
            made_by.out = self._known[key] = out = Held(value, self._kept, made_by, owner)
            self.instructions.append(made_by)
        return self._kind(self, value, out)

    def _parts(self, out: Recording) -> Any:
        """The result, or each of several results."""
        value = out.value
        if not isinstance(value, (tuple, list)):
            return out
        parts = [self.record(operator.getitem, out, i) for i in range(len(value))]
        make = getattr(value, "_make", type(value))
        return make(parts)

    def guard(self, x: Recording) -> bool:
        """Whether x is true, which it must be, or not, whenever the program runs."""
        self.read(x)
        found, held = bool(x.value), x.held
        if held is not None and (bool, id(held)) not in self._known:
            self._known[bool, id(held)] = held
            self.instructions.append(Instruction(bool, (held,), {}, expected=found))
        return found

    def _owned(self, x: Any) -> Any:
        """An argument for the list: as it is now, since a plain array may be written into later."""
        if isinstance(x, Recording):
            if x.held is not None:
                return x.held
            x = x.value
        if isinstance(x, np.ndarray):
            given, copy = self._constants.get(id(x), (None, None))
            if given is not x or not same(copy, x):
                copy = x.copy(order="K")
                self._constants[id(x)] = x, copy
            return copy
        return type(x)(map(self._owned, x)) if type(x) in (tuple, list) else x

    @property
    def constants(self) -> list[Any]:
        """The plain arrays that were used, as they were given."""
        return [given for given, _ in self._constants.values()]


def _put_back(call: Call, args: Any, settings: Any) -> Callable[[Any], Any] | None:
    """How to put what a view is to hold into the array that it is a view of; None: not known."""
    x: Any = args[0]
    if call is operator.getitem:
        return lambda new: x.at[args[1]].set(new)
    if call in (np.transpose, np.matrix_transpose) and len(args) == 1 and not settings:
        return lambda new: x.at[...].set(call(new))
    if call in (np.reshape, np.ravel) or getattr(call, "__name__", "") in ("reshape", "ravel"):
        return lambda new: x.at[...].set(new.reshape(x.shape))
    return None


def outline(value: Any) -> Any:
    """A stand-in for a value: an array of its shape, dtype and layout takes no memory."""
    if isinstance(value, np.ndarray) and value.size > 1:
        return np.lib.stride_tricks.as_strided(
            np.empty(1, value.dtype), value.shape, value.strides, writeable=False
        )
    return () if isinstance(value, (tuple, list)) else value


def invoke(call: Call, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """The call; a method of arrays is looked up, since NumPy's scalars have their own."""
    if type(call) is METHOD:
        return getattr(args[0], call.__name__)(*args[1:], **settings)
    return call(*args, **settings)


def refused_number() -> TypeError:
    """The error for a number that would be the same in every call."""
    return refusal(
        "a number taken out of an array (by float, int, tolist, or as text) would be the same for "
        "ever; keep it an array or .item(), or return it"
    )


def _own_inputs(held: Held) -> list[Held | None]:
    """The inputs that a number is computed from; None among them if it is not all numbers."""
    if type(held.outline) not in NUMBERS:
        return [None]
    if held.made_by is None:
        return [held]
    return [x for part in held.made_by.inputs() for x in _own_inputs(part)]


def parts_of(x: Any, kind: type[T]) -> Iterator[T]:
    """What is of a kind in nested tuples and lists."""
    if isinstance(x, kind):
        yield x
    elif isinstance(x, (tuple, list)):
        for part in x:
            yield from parts_of(part, kind)


def values_of(x: Any) -> Any:
    """x with what is being recorded, in nested tuples and lists too, replaced by its value."""
    if isinstance(x, Recording):
        return x.value
    return type(x)(map(values_of, x)) if type(x) in (tuple, list) else x


def same(a: Any, b: Any) -> bool:
    """Whether two constants are equal: arrays bit for bit in value, dtype and layout."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        alike = a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides
        return alike and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, slice) and isinstance(b, slice):
        return (a.start, a.stop, a.step) == (b.start, b.stop, b.step)
    return type(a) is type(b) and bool(a == b or (a != a and b != b))


def _is_same_array(a: Any, b: Any) -> bool:
    """Whether two arrays are one, seen the same way."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or not a.size:
        return a is b and isinstance(a, np.ndarray)
    seen = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    return seen and bool(a.__array_interface__["data"] == b.__array_interface__["data"])


def _shares(y: Any, x: Any) -> bool:
    """Whether a result is a view of an operand, or one of several results."""
    if isinstance(x, (tuple, list)):
        return True
    arrays = isinstance(y, np.ndarray) and isinstance(x, np.ndarray)
    return arrays and np.may_share_memory(y, x)


def _key(x: Any) -> Any:
    """What equal arguments have in common."""
    if isinstance(x, Held):
        return id(x)
    if isinstance(x, (tuple, list)):
        return (type(x), *map(_key, x))
    if isinstance(x, slice):
        return (slice, x.start, x.stop, x.step)
    if isinstance(x, (int, float, np.generic)):
        return (type(x), repr(x))  # -0.0 is not 0.0
    return id(x) if isinstance(x, np.ndarray) else x


def refusal(what: str) -> TypeError:
    """The error for what cannot be recorded."""
    return TypeError(f"compile: {what}")
