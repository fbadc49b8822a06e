"""A list of NumPy calls as a program that allocates its arrays once.

Instructions that nothing needs are dropped. Results are written into buffers, which are used again
when their last reader is done; views of buffers are made once. Every call is eager evaluation's, or
gives the same numbers sooner, on operands of the same layout: all is the same bit for bit.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import standalone
from .arrays import OPERATORS, SIGNS
from .memory import Memory, is_joined, places
from .recorder import METHOD, NUMBERS, Held, Instruction, invoke
from .text import Writer, array
from .trace import Recorded

_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}  # as NumPy's ** has them
_OUT = {np.concatenate, np.stack, np.cumsum}
_NAMED = {operator.matmul, operator.pow}  # which have a quicker or a more exact name
_DISPATCHED = type(np.bincount)  # the functions of arrays that are no ufuncs
_EXACT = 1 << 53  # above, floats leave out integers
_ON_NUMBERS = {*OPERATORS.values(), np.maximum, np.minimum}  # take an integer for a float's
_CASTS = {np.ndarray.astype, np.ndarray.copy, getattr(np, "astype", None)}  # from 2.1 on
_TURNED = {np.transpose: "T", np.matrix_transpose: "mT"}
_ADDED = {standalone.added_at, standalone.summed_at, standalone.put_at}


class Executable:
    """A program: called with arrays for the inputs, it returns its outputs, in a list.

    They are its own buffers or views of arrays, which a caller has `copied`, or arrays that it
    allocates at every call. `source` is a module that NumPy alone runs, `lines` the calls in it,
    `size` the number of bytes that its buffers take; `bare` is the same for callers within
    `np.errstate`. Raises `standalone.Branch` where a condition is not as it was when the program
    was recorded. Not for two threads at a time.
    """

    def __init__(self, writer: Writer, inputs: list[str], lines: list[str], outputs: list[str]):
        body = [f"def program({', '.join(inputs)}):", *lines, f"return [{', '.join(outputs)}]"]
        text = '@np.errstate(all="ignore")\n' + "\n    ".join(body) + "\n"
        self.lines = lines
        self.source = writer.module(text)
        self.size, self.copied = 0, [False] * len(outputs)
        scope = {"np": np, "Branch": standalone.Branch, **writer.scope}
        exec(compile(text, "<program>", "exec"), scope)  # as dataclasses make their methods
        self.run = scope["program"]
        self.bare = self.run.__wrapped__

    def __call__(self, *arrays: Any) -> list[Any]:
        return self.run(*arrays)  # type: ignore[no-any-return]


def build(
    recorded: Recorded, names: list[str] | None = None, *, kept: int = 0, held: bool = False
) -> Executable:
    """The program of what was recorded; `names` are those of the inputs. The first `kept` outputs
    are fresh arrays at every call, as far as they are computed by it. `held`, the inputs are no
    arguments but the very arrays that it was recorded with, as they are at a call."""
    return _Emitter(recorded, names or [], kept, held).finished()


class _Emitter:
    """Writes the lines of one program."""

    def __init__(self, recorded: Recorded, names: list[str], kept: int, held: bool) -> None:
        self.recorded = recorded
        self.writer = Writer()
        self.lines: list[str] = []
        self.names = self.writer.names  # by the id of a held value
        self.numbers: dict[Any, Any] = {}  # as arrays, by what they are written as, and dtype
        inputs = [*names, *(f"x{i + 1}" for i in range(len(names), len(recorded.inputs)))]
        self.arguments = [] if held else inputs
        results = {id(y) for y in recorded.outputs if isinstance(y, Held)}
        self.live = live(recorded.instructions, {*results})
        fresh = {id(y) for y in recorded.outputs[:kept] if isinstance(y, Held)}
        self.memory = Memory(self.writer, self.live, fresh)
        self.memory.stays((*recorded.inputs, *recorded.outputs))
        for x, name in zip(recorded.inputs, inputs, strict=True):
            self.names[id(x)] = name
            self.writer.scope[name] = x.value if held else None
            if held:
                self.memory.held[id(x)] = x.value
                self.writer.definitions.append(f"{name} = {array(x.value)}")

    def finished(self) -> Executable:
        for when, instruction in enumerate(self.live):
            self._emit(instruction, when)
        outputs = self.recorded.outputs
        texts = [*map(self.writer.text, outputs)]
        made = Executable(self.writer, self.arguments, self.lines, texts)
        made.size = self.memory.size
        made.copied = [
            isinstance(getattr(y, "outline", y), np.ndarray)
            and (texts.count(text) > 1 or not self._is_fresh(y))
            for y, text in zip(outputs, texts, strict=True)
        ]
        return made

    def _is_fresh(self, y: Any) -> bool:
        """Whether an output is an array that is allocated at every call."""
        own = isinstance(y, Held) and y.made_by is not None and self.memory.owner(y) is y
        return own and id(y) not in self.memory.held

    def _emit(self, made: Instruction, when: int) -> None:
        out = made.out
        if out is None:
            word = "not " if made.expected else ""
            self.writer.function(standalone.Branch)
            self.lines.append(f"if {word}{self.writer.text(made.args[0])}:")
            self.lines.append("    raise Branch")
        elif out.owner is not None:
            self._view(made, out)
        elif not self._buffered(made, out, when):
            self._plain(made, out)
        self.memory.release(made, when)

    def _plain(self, made: Instruction, out: Held) -> None:
        if made.call is np.asarray and isinstance(made.args[0].outline, np.generic):
            self.memory.share(out, made.args[0])
            self.names[id(out)] = self.writer.text(made.args[0])  # numbers are computed with alike
            return
        name = self.names[id(out)] = self.writer.new("t")
        if made.call is standalone.has_nan:
            x, product = self.writer.text(made.args[0]), self.writer.function(np.vdot)
            self.lines.append(f"{name} = {product}({x}, {x})")
            self.names[id(out)] = f"({name} != {name})"
        else:
            self.lines.append(f"{name} = {self._expression(made)}")
        if type(made.call) is _DISPATCHED and isinstance(out.outline, np.ndarray):
            self.writer.function(standalone.Branch)  # some depend on numbers, as of bincount
            self.lines.append(f"if {name}.shape != {out.outline.shape}:")
            self.lines.append("    raise Branch")

    def _view(self, made: Instruction, out: Held) -> None:
        """A view of a buffer is made once, of anything else at every call."""
        text, held = self._expression(made), self.memory.held
        if not isinstance(made.args[0], Held) or any(id(x) not in held for x in made.inputs()):
            self._plain(made, out)
            return
        args = [held[id(a)] if isinstance(a, Held) else a for a in made.args]
        view = held[id(out)] = invoke(made.call, tuple(args), made.settings)
        self.names[id(out)] = self.writer.define("v", view, text)

    # --- buffers

    def _buffered(self, made: Instruction, out: Held, when: int) -> bool:
        """Write the result into a buffer, where the call can; whether it did."""
        memory, args = self.memory, made.args
        if not memory.takes(out):
            return False
        if made.call in _ADDED:
            self._scatter(made, out, when)
            return True
        if is_joined(made) and id(out) in memory.held:
            name = self.names[id(out)]
            for start, stop, x in places(made):
                if not memory.stands(x, start):
                    self.lines.append(f"{name}[{start}:{stop}] = {self.writer.text(x)}")
            return True
        if made.call in _CASTS or (made.call is np.reshape and out.outline.size == 1):
            x = self.writer.text(args[0])
            self.lines.append(f"{memory.take(out)}[...] = {x}")
            return True
        call, found = made.call, _ufunc(made)
        if found is not None:
            call, args = found
            if isinstance(call, np.ufunc) and call.signature is None:
                memory.release_operands(made, when)
            args = self._as_arrays(args) if call in _ON_NUMBERS else args
        elif not (call in _OUT or _reduces(call)):
            return False
        texts = [*map(self.writer.text, args), *self._words(made)]
        name = self.writer.function(call)
        self.lines.append(f"{name}({', '.join([*texts, f'out={memory.take(out)}'])})")
        return True

    def _as_arrays(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Numbers among operands as arrays, which ufuncs take sooner: Python's of the dtype of the
        other operand."""
        found, dtypes = [*args], {x.outline.dtype for x in args if _is_float(x)}
        for i, x in enumerate(args):
            if isinstance(x, np.generic):
                made = np.array(x)
            elif len(dtypes) == 1 and type(x) in NUMBERS and not abs(x) > _EXACT:
                with np.errstate(all="ignore"):
                    made = np.array(x, *dtypes)
            else:
                continue
            found[i] = self.numbers.setdefault((repr(made.item()), made.dtype), made)
        return tuple(found)

    def _scatter(self, made: Instruction, out: Held, when: int) -> None:
        """Entries added to a copy of an array; to the array itself where nobody reads it again."""
        x, index, entries = made.args
        value = self.writer.text(entries)
        if not self.memory.take_over(out, x, made, when):
            start = self.writer.text(x)
            name = self.memory.take(out)
            zeros = isinstance(x, np.ndarray) and not x.any()
            self.lines.append(f"{name}.fill(0)" if zeros else f"{name}[...] = {start}")
        name = self.names[id(out)]
        if made.call is standalone.put_at:
            self.lines.append(f"{name}[{self._index(index)}] = {value}")
        elif made.call is standalone.summed_at:
            call = self.writer.function(np.add.at)
            self.lines.append(f"{call}({name}, {self.writer.text(index)}, {value})")
        else:
            self.lines.append(f"{name}[{self._index(index)}] += {value}")

    # --- text

    def _expression(self, made: Instruction) -> str:
        call, args = made.call, made.args
        if call is operator.getitem:
            return f"{self.writer.text(args[0])}[{self._index(args[1])}]"
        texts = [self.writer.text(a) for a in args]
        if call in _NAMED and not isinstance(getattr(made.out, "outline", None), NUMBERS):
            function, args = _ufunc(made) or (call, args)
            return f"{self.writer.function(function)}({', '.join(map(self.writer.text, args))})"
        sign = "**" if call is operator.pow else SIGNS.get(OPERATORS.get(call))
        if sign is not None:
            first, *rest = (f"({t})" if t.startswith("-") else t for t in texts)
            return f"{first} {sign} {rest[0]}" if rest else f"{sign}{first}"
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


def live(instructions: Sequence[Instruction], needed: set[int]) -> list[Instruction]:
    """The instructions that what is needed, or a guard, depends on."""
    live: list[Instruction] = []
    for made in reversed(instructions):
        if made.out is None or id(made.out) in needed:
            live.append(made)
            needed.update(id(x) for x in made.inputs())
    return live[::-1]


def _reduces(call: Any) -> bool:
    owner = getattr(call, "__self__", None)
    return isinstance(owner, np.ufunc) and call.__name__ in ("reduce", "accumulate")
