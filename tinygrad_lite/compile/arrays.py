"""Recording arrays: they compute what NumPy computes, and note every call.

A `Tensor` over them runs the engine's own forward rules and its own sweep unchanged, since they
answer to NumPy's functions and to the names of its namespace. What would take a number out of an
array, where it could only be frozen, is refused in words.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Never

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph.indexing import is_basic
from ..graph.names import is_ours
from ..graph.node import Node
from . import standalone
from .recorder import NUMBERS, Recorder, Recording, refusal, refused_number, values_of

# What Python writes as operators, the ufuncs behind them, and their signs.
_TABLE: tuple[tuple[Callable[..., Any], np.ufunc, str], ...] = (
    (operator.add, np.add, "+"),
    (operator.sub, np.subtract, "-"),
    (operator.mul, np.multiply, "*"),
    (operator.truediv, np.divide, "/"),
    (operator.floordiv, np.floor_divide, "//"),
    (operator.mod, np.remainder, "%"),
    (operator.matmul, np.matmul, "@"),
    (operator.neg, np.negative, "-"),
    (operator.abs, np.absolute, ""),
    (operator.invert, np.invert, "~"),
    (operator.and_, np.bitwise_and, "&"),
    (operator.or_, np.bitwise_or, "|"),
    (operator.xor, np.bitwise_xor, "^"),
    (operator.lt, np.less, "<"),
    (operator.le, np.less_equal, "<="),
    (operator.gt, np.greater, ">"),
    (operator.ge, np.greater_equal, ">="),
    (operator.eq, np.equal, "=="),
    (operator.ne, np.not_equal, "!="),
)
OPERATORS = {call: ufunc for call, ufunc, _ in _TABLE}
SIGNS: dict[Any, str] = {ufunc: sign for _, ufunc, sign in _TABLE if sign}
_WRITTEN = {ufunc: call for call, ufunc in OPERATORS.items()}
_REDUCED: dict[Any, np.ufunc] = {  # what NumPy's wrappers call, sooner
    np.sum: np.add,
    np.prod: np.multiply,
    np.max: np.maximum,
    np.min: np.minimum,
}
_STATIC = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast}
_LIKE = {np.ones_like, np.zeros_like, np.full_like, np.empty_like}
_IN_PLACE = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
_BY_VALUE = {np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.extract, np.compress}
_BY_VALUE |= {np.trim_zeros, np.unique_values, np.unique_counts, np.unique_inverse, np.unique_all}


def _refuse_number(*_: Any) -> Never:
    raise refused_number()


def _augmented(call: Any) -> Any:
    """x += y, say: of a number the same as x = x + y, which Python computes then."""

    def augmented(x: Traced, y: Any) -> Any:
        if not isinstance(x.value, np.ndarray):
            return NotImplemented
        return _written(x, OPERATORS.get(call, np.power), x, y)

    return augmented


def _written(x: Any, ufunc: np.ufunc, *inputs: Any, **settings: Any) -> Any:
    """x, into which the result of a ufunc has been written, as NumPy does it."""
    if not isinstance(x, Traced) or "where" in settings or any(isinstance(y, Node) for y in inputs):
        _refuse_write()
    _refuse_locked(x)
    ufunc(*values_of(inputs), out=np.empty_like(x.value), **settings)  # or its own error
    call = operator.pow if ufunc is np.power else _WRITTEN.get(ufunc, ufunc)
    new = x.recorder.record(call, *inputs, **settings)
    new = new if new.dtype == x.dtype else new.astype(x.dtype)
    if new.strides != x.strides:  # what lies in another way is summed in another order
        new = x.at[...].set(new)
    x.recorder.write(x, new)
    return x


def _refuse_locked(x: Traced) -> None:
    if not x.recorder.writes:
        _refuse_write()
    if not x.flags.writeable:
        raise ValueError("assignment destination is read-only")


def _refuse_write(*_: Any) -> Never:
    raise refusal(
        "arrays are not written into in this way while a function is recorded; x += y, x[i] = y, "
        "np.add.at(x, i, y) and out= are known, and x = x + y always works"
    )


def _refuse_size(*_: Any) -> Never:
    raise refusal("the shape of the result would depend on the numbers; use np.where, or a weight")


class Traced(Recording, NDArrayOperatorsMixin):
    """An array, or a `weak` number of Python's, that records what is done with it: `value` is what
    it holds in this run."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """For isinstance in the user's code that of what it stands for; the engine sees its own."""
        return Traced if is_ours(sys._getframe(1)) else type(self.value)

    weak = property(lambda self: type(self.value) in NUMBERS)
    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    dtype = property(lambda self: np.dtype(float) if self.weak else self.value.dtype)
    size = property(lambda self: np.size(self.value))
    itemsize = property(lambda self: self.value.itemsize)
    nbytes = property(lambda self: self.value.nbytes)
    strides = property(lambda self: self.value.strides)
    flags = property(lambda self: self.value.flags)
    device = property(lambda self: self.value.device)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, entry: Any) -> bool:
        return bool((self == entry).any())

    def __repr__(self) -> str:
        what = "number" if self.weak else f"array of shape {self.shape}, {self.dtype},"
        return f"{what} being recorded"

    def __str__(self) -> str:
        return (
            repr(self) if isinstance(self.value, np.ndarray) else str(self.recorder.setting(self))
        )

    def __format__(self, form: str) -> str:
        return format(self.recorder.setting(self), form) if form else str(self)

    def __hash__(self) -> int:
        return hash(self.recorder.setting(self)) if self.weak else id(self)

    def __index__(self) -> int:
        return operator.index(self.recorder.setting(self))

    def __int__(self) -> int:
        return int(self.recorder.setting(self))

    def __float__(self) -> float:
        return float(self.recorder.setting(self))

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return self.recorder.namespace

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        if any(isinstance(x, Node) for x in inputs):
            return NotImplemented
        if method == "at":
            return _scattered(ufunc, *inputs)
        out = settings.pop("out", None)
        if out is not None and (method != "__call__" or len(out) != 1):
            _refuse_write()
        if out is not None:
            return _written(out[0], ufunc, *inputs, **settings)
        if method == "__call__":
            return self.recorder.record(_WRITTEN.get(ufunc, ufunc), *inputs, **settings)
        return self.recorder.record(getattr(ufunc, method), *inputs, **settings)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if any(issubclass(kind, Node) for kind in types):
            return NotImplemented
        if function is np.copyto and self is args[0] and len(args) == 2 and not settings:
            args[0][...] = args[1]
            return None
        if function in _IN_PLACE or settings.get("out") is not None:
            _refuse_write()
        if function in _BY_VALUE or (function is np.where and len(args) == 1):
            _refuse_size()
        if function in _STATIC:
            return function(*values_of(args), **settings)
        if function in _LIKE and not settings.get("subok"):
            return self.recorder.fixed(function(*values_of(args), **settings))
        if function is np.any and len(args) == 1 and not settings and _asks_for_nan(args[0]):
            found = np.any(args[0].value)
            held = args[0].held.made_by.args[:1]
            return self.recorder.note(standalone.has_nan, held, {}, found, None)
        if function in _REDUCED and len(args) <= 2 and settings.keys() <= {"axis", "keepdims"}:
            axis = {"axis": args[1] if len(args) == 2 else settings.pop("axis", None)}
            return self.recorder.record(_REDUCED[function].reduce, args[0], **axis, **settings)
        return self.recorder.record(function, *args, **settings)

    def __bool__(self) -> bool:
        return self.recorder.guard(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.fixed or self.weak:
            return np.array(self.recorder.setting(self) if self.weak else self.value, dtype)
        raise refusal(
            "NumPy was handed an array that is being recorded, in a list, by np.asarray or as an "
            "index, and would take its numbers for constants; use np.stack, np.concatenate, "
            "np.take(a, i, axis=0) for a[i], or the array"
        )

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(p, Traced) and not p.fixed and p.dtype == bool for p in parts):
            _refuse_size()
        if index is ...:
            return self.recorder.renamed(self, copy=False)
        return self.recorder.record(operator.getitem, self, index)

    def __getattr__(self, name: str) -> Any:
        if callable(getattr(np.ndarray, name, None)) and name[0] != "_":
            return lambda *args, **settings: self._method(name, args, settings)
        raise AttributeError(f"compile: an array that is being recorded has no {name!r}")

    def _method(self, name: str, args: Any, settings: Any) -> Any:
        if settings.get("out") is not None:
            _refuse_write()
        function = getattr(np, name, None)
        if function in _REDUCED:
            return self.__array_function__(function, (), (self, *args), settings)
        return self.recorder.record(getattr(np.ndarray, name), self, *args, **settings)

    def item(self, *place: Any) -> Any:
        """The only entry, or that at a place, as a number of Python's."""
        return self.recorder.record(np.ndarray.item, self, *place)

    def reshape(self, *shape: Any, **settings: Any) -> Any:
        """The entries in another shape, given as lengths or as one tuple."""
        wanted = tuple(shape[0]) if isinstance(shape[0], (tuple, list)) else shape
        return self.recorder.record(np.ndarray.reshape, self, wanted, **settings)

    def __setitem__(self, index: Any, entries: Any) -> None:
        if isinstance(entries, Node):
            _refuse_write()
        _refuse_locked(self)
        self.recorder.write(self, self.at[index].set(entries))

    def fill(self, value: Any) -> None:
        """Write a number into all entries."""
        self[...] = value

    @property
    def at(self) -> _At:
        """`x.at[index].add(y)`, `.set(y)`: a copy with entries changed."""
        return _At(self)

    real = property(lambda self: self.recorder.record(np.real, self))
    T = property(lambda self: self.recorder.record(np.transpose, self))
    mT = property(lambda self: self.recorder.record(np.matrix_transpose, self))
    tolist = __complex__ = _refuse_number
    tobytes = tofile = dump = dumps = _refuse_number
    __iadd__, __isub__ = _augmented(operator.add), _augmented(operator.sub)
    __imul__, __itruediv__ = _augmented(operator.mul), _augmented(operator.truediv)
    __ifloordiv__, __imod__ = _augmented(operator.floordiv), _augmented(operator.mod)
    __ipow__, __imatmul__ = _augmented(operator.pow), _augmented(operator.matmul)
    __iand__, __ior__, __ixor__ = map(_augmented, (operator.and_, operator.or_, operator.xor))
    sort = put = partition = resize = setflags = setfield = byteswap = _refuse_write
    nonzero = compress = _refuse_size

    def __pow__(self, other: Any) -> Any:  # of which np.power is not the same in all digits
        return (
            NotImplemented
            if isinstance(other, Node)
            else self.recorder.record(operator.pow, self, other)
        )

    def __rpow__(self, other: Any) -> Any:
        return self.recorder.record(operator.pow, other, self)

    def __divmod__(self, other: Any) -> Any:  # of which np.divmod makes NumPy's numbers
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pos__(self) -> Traced:
        return self

    def __round__(self, digits: int | None = None) -> Any:
        return self.recorder.record(round, self, digits)

    def __mul__(self, other: Any) -> Any:
        if self.weak and isinstance(other, Sequence):  # as often as the number says
            return other * self.recorder.setting(self)
        return super().__mul__(other)

    def __rmul__(self, other: Any) -> Any:
        return self * other if isinstance(other, Sequence) else super().__rmul__(other)


def _scattered(ufunc: Any, x: Any, index: Any, y: Any) -> None:
    """np.add.at(x, index, entries), and np.subtract's."""
    if ufunc not in (np.add, np.subtract) or not isinstance(x, Traced):
        _refuse_write()
    _refuse_locked(x)
    y = y if ufunc is np.add else np.negative(y)
    x.recorder.write(x, x.recorder.record(standalone.summed_at, x, index, y))


def _asks_for_nan(mask: Any) -> bool:
    """Whether a mask is x != x, for an array x of floats."""
    made = None if mask.held is None else mask.held.made_by
    return (
        made is not None
        and made.call is operator.ne
        and made.args[0] is made.args[1]
        and made.args[0].outline.dtype.kind == "f"
    )


class _At:
    def __init__(self, x: Traced) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> _At:
        self.index = index
        return self

    def add(self, entries: Any) -> Any:
        """A copy of the array with `entries` added."""
        call = standalone.added_at if is_basic(self.index) else standalone.summed_at
        return self.x.recorder.record(call, self.x, self.index, entries)

    def set(self, entries: Any) -> Any:
        """A copy of the array with `entries` put in place."""
        return self.x.recorder.record(standalone.put_at, self.x, self.index, entries)


class Namespace:
    """NumPy, whose functions record what is done with recording arrays, and the functions that the
    engine's rules use beside it. What is made from nothing is a fixed array."""

    records_numpy = True

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if name not in _MAKERS:
            return function
        return lambda *args, **settings: self._recorder.fixed(function(*args, **settings))

    def asarray(
        self, x: Any, dtype: Any = None, device: None = None, copy: bool | None = None
    ) -> Any:
        """x as an array; a copy is made for the layout that it has, else it is another name."""
        if not isinstance(x, Traced):
            return self._recorder.fixed(np.array(x, dtype))
        if dtype is not None and np.dtype(dtype) != x.dtype:
            return x.astype(dtype)
        if not isinstance(x.value, np.ndarray):
            return self._recorder.record(np.asarray, x)
        if not copy:
            return x
        return self._recorder.renamed(x, copy=True) if x.value.flags.c_contiguous else x.copy()

    def astype(self, x: Any, dtype: Any, copy: bool = True) -> Any:
        """x in another dtype."""
        return x if np.dtype(dtype) == x.dtype else x.astype(dtype)

    def erf(self, x: Any) -> Any:
        """The error function."""
        return self.call(standalone.erf, x)

    def call(self, function: Any, *args: Any) -> Any:
        """A function of arrays that is not NumPy's."""
        return self._recorder.record(function, *args)


_MAKERS = {"zeros", "ones", "full", "empty", "arange", "eye", "linspace"}


def recorder(*, kept: bool = True) -> Recorder:
    """A recorder of recording arrays; `kept`, what it notes keeps its values."""
    made = Recorder(Traced, kept)
    made.namespace = Namespace(made)
    return made
