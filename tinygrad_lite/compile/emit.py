"""A list of NumPy calls as a program that allocates its arrays once.

Instructions that nothing needs are dropped. Results are written into buffers, which are used again
when their last reader is done; views of buffers are made once. Every call is one that eager
evaluation makes, on operands of the same layout, so that the numbers are the same bit for bit.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import standalone
from .arrays import OPERATORS
from .recorder import METHOD, NUMBERS, Held, Instruction, invoke
from .text import Writer, array, empty
from .trace import Recorded

_SYMBOLS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.matmul: "@",
    operator.and_: "&",
    operator.or_: "|",
    operator.xor: "^",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
    operator.neg: "-",
    operator.invert: "~",
}
_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}  # as NumPy's ** has them
_OUT = {np.concatenate, np.stack, np.cumsum}
_NAMED = {operator.matmul, operator.pow}  # which have a quicker or a more exact name
_EXACT = 1 << 53  # above, floats leave out integers
_ON_NUMBERS = {*OPERATORS.values(), np.maximum, np.minimum}  # take an integer for a float's
_CASTS = {np.ndarray.astype, np.ndarray.copy, getattr(np, "astype", None)}  # from 2.1 on
_TURNED = {np.transpose: "T", np.matrix_transpose: "mT"}
_ADDED = {standalone.added_at, standalone.summed_at, standalone.put_at}


class Executable:
    """A program: called with arrays for the inputs, it returns its outputs, in a list.

    They are its own buffers or views of arrays, but for those that are `fresh`, which it allocates
    at every call. `source` is a module that NumPy alone runs, `lines` the calls in it, `size` the
    number of bytes that its buffers take; `bare` is the same for callers within `np.errstate`.
    Raises `standalone.Branch` where a condition is not as it was when the program was recorded. Not
    for two threads at a time.
    """

    def __init__(self, writer: Writer, inputs: list[str], lines: list[str], outputs: list[str]):
        body = [f"def program({', '.join(inputs)}):", *lines, f"return [{', '.join(outputs)}]"]
        text = '@np.errstate(all="ignore")\n' + "\n    ".join(body) + "\n"
        self.lines = lines
        self.source = writer.module(text)
        self.size, self.fresh = 0, [False] * len(outputs)
        scope = {"np": np, "Branch": standalone.Branch, **writer.scope}
        exec(compile(text, "<program>", "exec"), scope)  # as dataclasses make their methods
        self.run = scope["program"]
        self.bare = self.run.__wrapped__

    def __call__(self, *arrays: Any) -> list[Any]:
        return self.run(*arrays)  # type: ignore[no-any-return]


def build(
    recorded: Recorded, names: list[str] | None = None, *, own: bool = True, held: bool = False
) -> Executable:
    """The program of what was recorded; `names` are those of the inputs. Not `own`, outputs are
    fresh arrays at every call, as far as they are computed by it. `held`, the inputs are no
    arguments but the very arrays that it was recorded with, as they are at a call."""
    return _Emitter(recorded, names or [], own, held).finished()


class _Emitter:
    """Writes the lines of one program."""

    def __init__(self, recorded: Recorded, names: list[str], own: bool, held: bool) -> None:
        self.recorded, self.own = recorded, own
        self.writer = Writer()
        self.lines: list[str] = []
        self.size = 0
        self.names = self.writer.names  # by the id of a held value, as all below
        self.memory: dict[int, Any] = {}  # the buffer, or the view of one, that holds it
        self.joined: dict[int, Held] = {}  # what is written into the memory of another
        self.starts: dict[int, int] = {}  # where it starts there, if it is a piece of that
        self.last: dict[int, float] = {}  # when the memory that it owns is read last
        self.numbers: dict[Any, Any] = {}  # as arrays, by what they are written as, and dtype
        self.free: dict[Any, list[tuple[str, Any]]] = {}
        self.inputs = [*names, *(f"x{i + 1}" for i in range(len(names), len(recorded.inputs)))]
        for x, name in zip(recorded.inputs, self.inputs, strict=True):
            self.names[id(x)] = name
            self.writer.scope[name] = x.value if held else None
            if held:
                self.memory[id(x)] = x.value
                self.writer.definitions.append(f"{name} = {array(x.value)}")
        self.arguments = [] if held else self.inputs
        self.results = {id(y) for y in recorded.outputs if isinstance(y, Held)}

    def finished(self) -> Executable:
        live = self._live()
        for when, instruction in enumerate(live):
            self._emit(instruction, when)
        outputs = [self.writer.text(y) for y in self.recorded.outputs]
        made = Executable(self.writer, self.arguments, self.lines, outputs)
        made.size = self.size
        owned = [
            isinstance(y, Held) and y.made_by and self._owner(y) is y for y in self.recorded.outputs
        ]
        made.fresh = [
            bool(mine) and id(y) not in self.memory and outputs.count(text) == 1
            for mine, y, text in zip(owned, self.recorded.outputs, outputs, strict=True)
        ]
        return made

    def _live(self) -> list[Instruction]:
        """The instructions that an output or a guard depends on, with the lifetimes of memory."""
        needed = set(self.results)
        live: list[Instruction] = []
        for made in reversed(self.recorded.instructions):
            if made.out is None or id(made.out) in needed:
                live.append(made)
                needed.update(id(x) for x in made.inputs())
        live.reverse()
        for made in live:
            self._put_side_by_side(made)
        for when, made in enumerate(live):
            for x in made.inputs():
                self.last[id(self._owner(x))] = when
            if made.out is not None:
                self.last.setdefault(id(self._owner(made.out)), when)
        for y in (*self.recorded.inputs, *self.recorded.outputs):
            if isinstance(y, Held):
                self.last[id(self._owner(y))] = float("inf")
        return live

    def _put_side_by_side(self, made: Instruction) -> None:
        """Let the pieces of an array that is joined be computed where they belong."""
        whole = made.out
        rows = made.call is np.concatenate and made.settings.get("axis", 0) == 0
        if not rows or whole is None or not self._keeps(whole):
            return
        start = 0
        for x in made.args[0]:
            piece = _whole(x) if isinstance(x, Held) else None
            if (
                piece is not None
                and piece.made_by is not None
                and piece.made_by.call is not np.concatenate
                and id(piece) not in self.joined
                and self._keeps(piece)
                and piece.outline.size == x.outline.size
                and piece.outline.dtype == whole.outline.dtype
                and all(z.outline.flags.c_contiguous for z in (x, piece, whole))
            ):
                self.joined[id(piece)], self.starts[id(piece)] = whole, start
            start += _length(x)

    def _owner(self, x: Held) -> Held:
        return self.joined.get(id(_whole(x)), _whole(x))

    def _keeps(self, y: Held) -> bool:
        """Whether a result can be one of the program's buffers."""
        value = y.outline
        return (
            isinstance(value, np.ndarray)
            and bool(value.ndim)
            and (self.own or id(y) not in self.results)
            and np.empty_like(value).strides == value.strides
        )

    def _emit(self, made: Instruction, when: int) -> None:
        out = made.out
        if out is None:
            word = "not " if made.expected else ""
            self.writer.function(standalone.Branch)
            self._add(f"if {word}{self.writer.text(made.args[0])}:")
            self._add("    raise Branch")
        elif out.owner is not None:
            self._view(made, out)
        elif not self._buffered(made, out, when):
            self._plain(made, out)
        for x in {id(self._owner(x)): self._owner(x) for x in made.inputs()}.values():
            if self.last[id(x)] == when:
                self._release(x)
        if out is not None and self.last[id(self._owner(out))] == when:
            self._release(self._owner(out))

    def _add(self, line: str) -> None:
        self.lines.append(line)

    def _plain(self, made: Instruction, out: Held) -> None:
        if made.call is np.asarray and isinstance(made.args[0].outline, np.generic):
            self.joined[id(out)] = source = made.args[0]
            self.names[id(out)] = self.writer.text(source)  # numbers are computed with alike
            return
        name = self.names[id(out)] = self.writer.new("t")
        if made.call is standalone.has_nan:
            x, product = self.writer.text(made.args[0]), self.writer.function(np.vdot)
            self._add(f"{name} = {product}({x}, {x})")
            self.names[id(out)] = f"({name} != {name})"
        else:
            self._add(f"{name} = {self._expression(made)}")

    def _view(self, made: Instruction, out: Held) -> None:
        """A view of a buffer is made once, of anything else at every call."""
        source = made.args[0]
        known = self.memory.get(id(source)) if isinstance(source, Held) else None
        text = self._expression(made)
        if known is None or any(id(x) not in self.memory for x in made.inputs()):
            self._plain(made, out)
            return
        args = [self.memory[id(a)] if isinstance(a, Held) else a for a in made.args]
        view = invoke(made.call, tuple(args), made.settings)
        self.memory[id(out)] = view
        self.names[id(out)] = self.writer.define("v", view, text)

    # --- buffers

    def _buffered(self, made: Instruction, out: Held, when: int) -> bool:
        """Write the result into a buffer, where the call can; whether it did."""
        if not self._keeps(out):
            return False
        if made.call in _ADDED:
            self._scatter(made, out, when)
            return True
        if made.call is np.concatenate and id(out) in self.memory:
            self._complete(made, out)
            return True
        args: Any
        if (ufunc := _ufunc(made)) is not None:
            call, args = ufunc
            if isinstance(call, np.ufunc) and call.signature is None:
                self._release_operands(made, when)
            args = self._as_arrays(args) if call in _ON_NUMBERS else args
        elif made.call in _OUT or _reduces(made.call):
            call, args = made.call, made.args
        elif made.call in _CASTS or (made.call is np.reshape and out.outline.size == 1):
            x = self.writer.text(made.args[0])
            self._take(out)
            self._add(f"{self.names[id(out)]}[...] = {x}")
            return True
        else:
            return False
        texts = [*map(self.writer.text, args), *self._words(made)]
        self._take(out)
        name = self.writer.function(call)
        self._add(f"{name}({', '.join([*texts, f'out={self.names[id(out)]}'])})")
        return True

    def _as_arrays(self, args: tuple[Any, ...]) -> list[Any]:
        """Numbers among operands as arrays of the others' dtype, which ufuncs take sooner."""
        found, dtypes = [*args], {x.outline.dtype for x in args if _is_float(x)}
        for i, x in enumerate(args):
            if len(dtypes) == 1 and type(x) in (int, float) and not abs(x) > _EXACT:
                key = repr(float(x)), *dtypes
                with np.errstate(all="ignore"):
                    found[i] = self.numbers.setdefault(key, np.array(x, *dtypes))
        return found

    def _scatter(self, made: Instruction, out: Held, when: int) -> None:
        """Entries added to a copy of an array; to the array itself where nobody reads it again."""
        x, index, entries = made.args
        reused = isinstance(x, Held) and self._in_place(x, made, when)
        reused = reused and id(out) not in self.starts
        value = self.writer.text(entries)
        if reused:
            self.memory[id(out)], self.names[id(out)] = self.memory[id(x)], self.names[id(x)]
            owner = self.joined[id(out)] = self._owner(x)
            self.last[id(owner)] = self.last[id(out)]
        else:
            start = self.writer.text(x)
            self._take(out)
            zeros = isinstance(x, np.ndarray) and not x.any()
            name = self.names[id(out)]
            self._add(f"{name}.fill(0)" if zeros else f"{name}[...] = {start}")
        name = self.names[id(out)]
        if made.call is standalone.put_at:
            self._add(f"{name}[{self._index(index)}] = {value}")
        elif made.call is standalone.summed_at:
            call = self.writer.function(np.add.at)
            self._add(f"{call}({name}, {self.writer.text(index)}, {value})")
        else:
            self._add(f"{name}[{self._index(index)}] += {value}")

    def _complete(self, made: Instruction, out: Held) -> None:
        """Copy those pieces of an array that were not computed where they belong."""
        start, name = 0, self.names[id(out)]
        for x in made.args[0]:
            stop = start + _length(x)
            piece = _whole(x) if isinstance(x, Held) else x
            if self.starts.get(id(piece)) != start or id(piece) not in self.memory:
                self._add(f"{name}[{start}:{stop}] = {self.writer.text(x)}")
            start = stop

    def _take(self, out: Held) -> None:
        """A buffer for a result: its place in a larger one, one that is free, or a new one."""
        value = out.outline
        if id(out) in self.starts:
            whole, start = self.joined[id(out)], self.starts[id(out)]
            if id(whole) not in self.memory:
                self._take(whole)
            stop = start + len(self.memory[id(whole)]) * value.size // whole.outline.size
            view = self.memory[id(whole)][start:stop].reshape(value.shape)
            text = f"{self.names[id(whole)]}[{start}:{stop}].reshape({value.shape})"
            self.names[id(out)], self.memory[id(out)] = self.writer.define("b", view, text), view
            return
        free = self.free.get((value.shape, value.dtype, value.strides))
        if free:
            name, buffer = free.pop()
        else:
            buffer = np.empty_like(value)
            name = self.writer.define("b", buffer, empty(value))
            self.size += buffer.nbytes
        self.names[id(out)], self.memory[id(out)] = name, buffer

    def _in_place(self, x: Held, made: Instruction, when: int) -> bool:
        """Whether x is all of a buffer that is read for the last time, by this argument."""
        owner = self._owner(x)
        return (
            id(x) in self.memory
            and self.last[id(owner)] == when
            and self.memory[id(x)].size == self.memory[id(owner)].size
            and sum(self._owner(y) is owner for y in made.inputs()) == 1
        )

    def _dies(self, x: Held, when: int) -> bool:
        """Whether the memory of x is its own, and read for the last time."""
        return self._owner(x) is x and self.last.get(id(x)) == when and x.made_by is not None

    def _release_operands(self, made: Instruction, when: int) -> None:
        """Let an op on entries write over an operand that nobody reads again."""
        inputs = [*made.inputs()]
        for x in inputs:
            alone = all(y is x or self._owner(y) is not x for y in inputs)
            if alone and self._dies(x, when):
                self._release(x)

    def _release(self, x: Held) -> None:
        buffer = self.memory.pop(id(x), None)
        if buffer is not None:
            key = (buffer.shape, buffer.dtype, buffer.strides)
            self.free.setdefault(key, []).append((self.names[id(x)], buffer))

    # --- text

    def _expression(self, made: Instruction) -> str:
        call, args = made.call, made.args
        if call is operator.getitem:
            return f"{self.writer.text(args[0])}[{self._index(args[1])}]"
        texts = [self.writer.text(a) for a in args]
        if call in _NAMED and not isinstance(getattr(made.out, "outline", None), NUMBERS):
            function, args = _ufunc(made) or (call, args)
            return f"{self.writer.function(function)}({', '.join(map(self.writer.text, args))})"
        symbol = _SYMBOLS.get(call)
        if symbol is not None:
            first, *rest = (f"({t})" if t.startswith("-") else t for t in texts)
            return f"{first} {symbol} {rest[0]}" if rest else f"{symbol}{first}"
        if call in _TURNED and len(args) == 1 and not made.settings:
            return f"{texts[0]}.{_TURNED[call]}"
        words = self._words(made)
        if type(call) is METHOD:
            return f"{texts[0]}.{call.__name__}({', '.join([*texts[1:], *words])})"
        name = self.writer.function(OPERATORS.get(call, call))
        return f"{name}({', '.join([*texts, *words])})"

    def _words(self, made: Instruction) -> list[str]:
        settings = {k: v for k, v in made.settings.items() if k != "keepdims" or v is not False}
        return [f"{k}={self.writer.text(v)}" for k, v in settings.items()]

    def _index(self, x: Any) -> str:
        if isinstance(x, tuple) and x:
            return ", ".join(map(self._index, x)) + ("," if len(x) == 1 else "")
        if isinstance(x, slice):
            start, stop, step = ("" if p is None else str(p) for p in (x.start, x.stop, x.step))
            return f"{start}:{stop}" + (f":{step}" if step else "")
        return self.writer.text(x)


def _ufunc(made: Instruction) -> tuple[Any, tuple[Any, ...]] | None:
    """The ufunc with one result that an instruction calls, or what does the same sooner, and its
    operands; else None."""
    call, args = OPERATORS.get(made.call, made.call), made.args
    if call is operator.pow:
        power = _POWERS.get(args[1]) if type(args[1]) in (int, float) else None
        return (np.power, args) if power is None else (power, args[:1])
    if not isinstance(call, np.ufunc) or call.nout != 1:
        return None
    if call is np.matmul and _are_blas(args):
        return np.dot, args
    return call, args


def _is_float(x: Any) -> bool:
    return isinstance(x, Held) and getattr(x.outline, "dtype", np.dtype(int)).kind == "f"


def _are_blas(args: Iterable[Any]) -> bool:
    """Whether BLAS takes matrices and vectors as they lie."""
    found = [x.outline if isinstance(x, Held) else x for x in args]
    alike = {x.dtype.char for x in found} in ({"f"}, {"d"}) and {x.ndim for x in found} <= {1, 2}
    return alike and all(x.flags.c_contiguous or x.flags.f_contiguous for x in found)


def _whole(x: Held) -> Held:
    return x if x.owner is None else x.owner


def _length(x: Any) -> int:
    return len(x.outline if isinstance(x, Held) else x)


def _reduces(call: Any) -> bool:
    owner = getattr(call, "__self__", None)
    return isinstance(owner, np.ufunc) and call.__name__ in ("reduce", "accumulate")
