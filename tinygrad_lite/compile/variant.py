"""One recorded run of a function as a program, and the state of things for which it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Never

import numpy as np

from ..graph.meta import Meta
from ..graph.node import Array, fresh
from .containers import updated
from .recorder import NUMBERS, refusal
from .records import Effect, Found, Input, Made, Output, Source, Standing, Template
from .run import Run
from .state import Inside, Place, Spot

CHANGED = (LookupError, AttributeError, ValueError)  # where there was a place, there is none


class Variant:
    """The program of a run, for arguments of its signature while the settings that the function
    reaches are what they were.

    `call(given)` is what the function gives for the arrays and numbers among its arguments, in a
    tuple, after what it sets has been set; `quick(args)` the same where all arguments are arrays,
    whose shapes it looks at. Both give None, or raise `Branch` or one of `CHANGED`, where the
    program is not made for them; nothing has been set then.
    """

    def __init__(self, run: Run, executable: Any) -> None:
        self.executable = executable
        every = (*run.sources, *(source for _, source in run.shared))
        self.standing = {s.where: None for s in every if isinstance(s.where, Standing)}
        read = {id(s.where) for s in run.sources if s.kind == "place"}
        read |= {id(p) for where in self.standing for p in where.places}
        read |= {id(s.where) for _, s in run.shared} | {id(p) for p in run.state.renewed}
        spots: list[Spot] = [*run.state.places, *run.state.inside]
        self.places = [p for p in spots if id(p) not in read]
        self.sizes = [(x, len(copy)) for x, copy in run.state.containers]
        self.wholes = run.state.wholes
        self.settings = [getattr(run.sources[i].where, "path", run.names[i]) for i in run.settings]
        self.written = [e.where for e in run.effects if e.kind == "written"]
        self.touched = [*dict.fromkeys((*self.written, *run.late))] if self.written else []
        arguments = run.arguments
        replaced = {where.places[0].before for where in self.standing}
        reached = {x for x in run.state.leaves if x not in arguments and x not in replaced}
        self.without = [x for x in reached if x._grad is None]
        self.tensors = [(n, x if x in run.state.leaves else None) for x, n in arguments.items()]
        self.reached = reached
        self.outlines, self.outline = run.outlines, run.outline
        self.known: list[Any] = [...] * len(self.outlines)  # the inputs that fitted last: none yet
        kinds = (Made, Found, list, tuple, dict)
        self.renewed = {mark for mark, x in run.overwritten.items() if isinstance(x, kinds)}
        self.call, self.quick = _Shell(run, self).functions()

    def meets(self, given: Any) -> bool:
        """Whether the Tensors among the arguments are none that the function reaches itself, or the
        same that they were."""
        return all(
            given[n] not in self.reached if same is None else given[n] is same
            for n, same in self.tensors
        )

    def stands(self, found: Sequence[Any], given: Any) -> bool:
        """Whether the Tensors in places are like those that were there, and are no others that the
        function uses."""
        others = self.reached.union(given[n] for n, *_ in self.tensors)
        alike = all(
            type(x) is Array.result
            and x.op is None
            and (x._grad is None) == where.bare
            and x.name == where.name
            and x.constant == where.constant
            and not (x._meta and x._meta.argument)
            for x, where in zip(found, self.standing, strict=True)
        )
        return alike and len(others.union(found)) == len(others) + len(found)

    def fits(self, x: Any, number: int) -> bool:
        """Whether x is like the input of this number when the run was recorded."""
        if (self.outline(x) or type(x)) != self.outlines[number]:
            return False
        if isinstance(x, (np.ndarray, *NUMBERS)):  # JAX's are others after every call: let them go
            self.known[number] = x
        return True

    def overlap(self, *found: Any) -> bool:
        """Whether one of the inputs that are written into, or read after that, shares memory with
        another now: then the program, which took them for different ones, fits none of them."""
        inputs = dict(zip(self.touched, found, strict=True))
        pairs = ((inputs[i], x) for i in self.written for k, x in inputs.items() if k != i)
        shared = any(np.may_share_memory(x, y) for x, y in pairs)
        if shared:
            self.known[:] = [...] * len(self.known)
        return shared

    def moved(self) -> list[Spot]:
        """The places that held a number and hold another one."""
        kinds = [(p, type(p.before), type(_held(p))) for p in self._changed()]
        return [p for p, before, now in kinds if before is now and before in NUMBERS]

    def grown(self) -> list[Any]:
        """The lists that are longer than they were."""
        return [x for x, n in self.sizes if type(x) is list and len(x) > n]

    def reason(self) -> str:
        """What is not as it was, in words."""
        changed = [p.path for p in self._changed()]
        return [*changed, *self.settings, "the size of a list, or a branch,"][0]

    def _changed(self) -> list[Spot]:
        return [p for p in self.places if not _equal(_held(p), p.before)]


class _Shell:
    """Writes the functions that look at what a program holds for, read its inputs, run it and set
    what it sets: loops would take as long as a tenth of a step on a small batch."""

    def __init__(self, run: Run, variant: Variant) -> None:
        self._run, self._variant = run, variant
        self._scope: dict[str, Any] = {
            "program": variant.executable.run,
            "equal": _equal,
            "meets": variant.meets,
            "known": variant.known,
            "fits": variant.fits,
            "array": np.array,
            "copyto": np.copyto,
            "share": np.may_share_memory,
            "overlap": variant.overlap,
            "refuse": _refuse_shared,
            "ndarray": np.ndarray,
            "tensor": _tensor,
            "stands": variant.stands,
            "updated": updated,
        }
        self._found = {where: f"n{i}" for i, where in enumerate(variant.standing)}
        self._kept: list[str] = []  # lines that read containers
        self._made: list[str] = []  # lines that make what the function gives
        self._called: dict[int, str] = {}  # the names of that, by the id of its template

    def functions(self) -> tuple[Any, Any]:
        """`call` and `quick` of the variant."""
        run, copied = self._run, self._variant.executable.copied
        last = [*map(self._set, run.effects), f"return ({self._expression(run.result)},)"]
        lines = [*self._checks(), *self._stand(), *self._kept, "new = False"]
        for number, source in enumerate(run.sources):
            lines += self._read(number, source)
        lines += [f"if {self._read_from(s)} is not x{i}: return None" for i, s in run.shared]
        lines += self._apart()
        inputs = ", ".join(f"x{i}" for i in range(len(run.sources)))
        lines.append(f"[{', '.join(f'y{i}' for i in range(len(copied)))}] = program({inputs})")
        lines += [f"y{i} = array(y{i})" for i, copy in enumerate(copied[: run.kept]) if copy]
        lines += [*self._made, *last]
        for head, body in (("call(given)", lines), ("quick(args)", [*self._looks()])):
            exec(compile("\n    ".join([f"def {head}:", *body]), "<call>", "exec"), self._scope)
        return self._scope["call"], self._scope["quick"]

    def _name(self, x: Any) -> str:
        name = f"c{len(self._scope)}"
        self._scope[name] = x
        return name

    def _node(self, where: Any) -> str:
        if isinstance(where, (Place, Inside)):
            self._kept.append(f"k{len(self._kept)} = {self._in(where)}")
            return f"k{len(self._kept) - 1}"
        if isinstance(where, Standing):
            return self._found[where]
        return f"given[{where}]" if type(where) is int else self._name(where)

    def _in(self, place: Spot) -> str:
        if isinstance(place, Inside):
            return f"{self._in(place.within)}[{self._name(place.key)}]"
        return f"{self._name(place.get)}({self._name(place.key)})"

    def _stand(self) -> Iterator[str]:
        """The Tensors that places hold, each the same in all of its own."""
        for where, name in self._found.items():
            first, *others = map(self._in, where.places)
            yield f"{name} = {first}"
            yield from (f"if {other} is not {name}: return None" for other in others)
        if self._found:
            names = ", ".join(self._found.values())
            yield f"if not stands([{names}], given): return None"

    def _checks(self) -> list[str]:
        """That all settings which the function reaches are what they were."""
        made = self._variant
        other = [f"len({self._name(x)}) != {n}" for x, n in made.sizes]
        other += [f"{self._name(get)}() != {self._name(before)}" for get, before in made.wholes]
        for p in made.places:
            before = self._name(p.before)
            found = f"(x := {self._in(p)})"
            other.append(f"({found} is not {before} and not equal(x, {before}))")
        other += [f"{self._name(x)}._grad is not None" for x in made.without]
        other += [f"{self._name(x)}._meta is not {self._name(x._meta)}" for x in made.reached]
        lines = [f"if {' or '.join(other)}: return None"] if other else []
        return [*lines, "if not meets(given): return None"] if made.tensors else lines

    def _looks(self) -> list[str]:
        """At the shapes of arguments that are arrays."""
        pairs = zip(self._run.sources, self._run.outlines, strict=True)
        outlines = {s.where: known for s, known in pairs if s.kind == "argument"}
        names = "".join(f"a{i}, " for i in outlines)
        lines = [f"{names}= args"] if names else []
        for i, known in outlines.items():
            if not isinstance(known, tuple) or known[0] is not np.ndarray:
                return ["return None"]
            shape, dtype, strides = map(self._name, known[1:])
            lines.append(
                f"if type(a{i}) is not ndarray or a{i}.dtype is not {dtype} "
                f"or a{i}.shape != {shape} or a{i}.strides != {strides}: return None"
            )
        return [*lines, "return call(args)"]

    def _read(self, number: int, source: Source) -> list[str]:
        if source.kind == "argument":
            return [f"x{number} = given[{source.where}]"]
        lines = [
            f"x{number} = {self._read_from(source)}",
            f"if x{number} is not known[{number}]:",
            f"    if not fits(x{number}, {number}): return None",
        ]
        return [*lines, "    new = True"] if number in self._variant.touched else lines

    def _read_from(self, source: Source) -> str:
        if source.kind == "place":
            return self._in(source.where)
        return self._node(source.where) + ("._data" if source.kind == "data" else ".grad")

    def _apart(self) -> Iterator[str]:
        """That what is written into, or read after something was, shares no memory with another
        that is: arguments are others at every call, and are refused."""
        run, made = self._run, self._variant
        arguments = {i for i, source in enumerate(run.sources) if source.kind == "argument"}
        for i in made.written:
            for k in made.touched:
                if k != i and {i, k} & arguments:
                    yield f"if share(x{i}, x{k}): refuse()"
        if made.touched:
            yield f"if new and overlap({', '.join(f'x{i}' for i in made.touched)}): return None"

    def _set(self, effect: Effect) -> str:
        kind, where, value = effect.kind, effect.where, self._expression(effect.template)
        if kind == "seen":
            number = effect.template.number
            return f"{self._node(where)}._data = known[{number}] = {value}"
        if kind == "written":
            return f"copyto(x{where}, {value})"
        if kind in ("data", "grad"):
            if isinstance(effect.template, Output):
                made = getattr(self._run.outputs[effect.template.number], "outline", None)
                value = f"array({value})" if isinstance(made, np.generic) else value
            return f"{self._node(where)}._{kind} = {value}"
        if kind == "place":
            return f"{self._name(where.set)}({value})"
        if kind == "more":
            return f"{self._name(where)}.extend({value})"
        entry = f"{self._name(where[0])}[{self._name(where[1])}]"
        return f"del {entry}" if kind == "gone" else f"{entry} = {value}"

    def _expression(self, x: Template) -> str:
        if isinstance(x, Output):
            return f"y{x.number}"
        if isinstance(x, Input):
            return self._view(x.number) if x.renamed else f"x{x.number}"
        if isinstance(x, Found):
            return self._node(x.where)
        if isinstance(x, (Made, list, tuple, dict)):
            if id(x) not in self._called:
                code, name = self._new(x), f"m{len(self._made)}"
                self._made.append(f"{name} = {code}")
                self._called[id(x)] = name
            return self._called[id(x)]
        return "None" if x is None else self._name(x)

    def _view(self, number: int) -> str:
        """The name of a view of an input, which is made once."""
        line = f"v{number} = x{number}.view()"
        self._made += [line] * (line not in self._made)
        return f"v{number}"

    def _new(self, x: Template) -> str:
        if isinstance(x, Made):
            given = self._expression(x.data), self._expression(x.grad), self._name(x.meta)
            return f"tensor({', '.join(given)})"
        if isinstance(x, dict):
            entries = [f"{self._name(k)}: {self._expression(v)}" for k, v in x.items()]
            made = f"{{{', '.join(entries)}}}"
            return made if type(x) is dict else f"updated({self._name(x)}, {made})"
        parts = "".join(f"{self._expression(part)}, " for part in x)
        if type(x) in (list, tuple):
            return f"[{parts}]" if type(x) is list else f"({parts})"
        return f"{self._name(getattr(x, '_make', type(x)))}([{parts}])"


def _refuse_shared() -> Never:
    raise refusal(
        "an argument shares memory with an array that the function writes into; pass a copy"
    )


def _tensor(data: Any, grad: Any, meta: Meta | None) -> Any:
    made = fresh(None, data)
    made._grad, made._meta = grad, meta
    return made


def _equal(a: Any, b: Any) -> bool:
    """Whether two settings are the same object, number or word."""
    if a is b:
        return True
    if type(a) is not type(b) or not isinstance(a, (int, float, str, bytes, np.generic)):
        return False
    return bool(a == b or (a != a and b != b))


def _held(place: Spot) -> Any:
    try:
        return place.held()
    except (*CHANGED, TypeError):  # a tuple where there was a dict
        return None
