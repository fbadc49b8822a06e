"""`tg.jit`: a whole step (forward, backward, update) as one program of JAX's compiler, XLA."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .graph.backend import is_array
from .graph.context import Context, current_context
from .graph.meta import NO_META, Meta
from .graph.names import is_own
from .graph.node import Array, Scalar, fresh, raw
from .graph.op import Op
from .graph.reach import Same, names_in
from .optim import Optimizer


def jit(f: Any, *, static_argnames: Collection[str] = (), donate: bool = False) -> Any:
    """f compiled by XLA: traced once for each combination of shapes, dtypes and settings.

        @tg.jit
        def step(X, y):
            loss = tg.cross_entropy(model(X), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

    The Tensors, modules and optimisers that f is given or refers to are its state: data, gradients
    and buffers go into the program, and are set, as JAX arrays, to what f makes of them. Arrays and
    numbers among the arguments are data. Whatever else f is given or refers to, and the arguments
    that `static_argnames` names, belongs to the program: another value makes another one. An array
    that f refers to by its name must not be written into. A result is a constant: gradients are
    taken inside. float64 stays float64. With `donate` XLA may reuse the memory of the old state.

    Raises `ImportError` without JAX, `TypeError` for a `Value` and for a node whose graph would be
    cut, `ValueError` where f draws random numbers, which would be the same in every call.
    """
    program = _Program(f, frozenset(static_argnames), donate)

    @functools.wraps(f)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return program.call(args, kwargs)

    return compiled


_one_at_a_time = threading.RLock()  # while f is traced, others would find placeholders


class _Program:
    """What XLA made of one function. While f is traced its state holds XLA's placeholders."""

    def __init__(self, f: Any, static: frozenset[str], donate: bool) -> None:
        try:
            import jax
        except ImportError:
            raise ImportError(
                "tg.jit compiles with JAX: pip install 'tinygrad_lite[jit]'"
            ) from None
        self.f, self.static, self.jax = f, static, jax
        if not callable(f):
            raise TypeError(f"tg.jit: takes a function, as in tg.jit(step); got {f!r:.60}")
        self.signature = inspect.signature(f)
        if unknown := static - self.signature.parameters.keys():
            raise ValueError(f"tg.jit: no argument is called {', '.join(sorted(unknown))}")
        self.now: Any = None  # the state of the call at work, and what calls f
        run, donated = self.traced, (1,) if donate else ()
        self.run = jax.jit(run, static_argnums=0, donate_argnums=donated)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with _one_at_a_time:
            return self.called(args, kwargs)

    def called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        state, data, start = self.arguments(self.signature.bind(*args, **kwargs))
        before = [slot.get() for slot in state.slots]
        if not self.jax.config.jax_enable_x64:
            self.refuse_narrowing(self.jax.tree.leaves((before, data)))
        outer, self.now = self.now, (state, start)
        try:
            after, result = self.run(tuple(state.key), before, data)
        except self.jax.errors.JAXTypeError as error:
            error.add_note(
                "tg.jit: f asks for the entries of an array, which it has none of while it is "
                "compiled; compute that outside, or choose with tg.where"
            )
            raise
        finally:
            self.now = outer
        for slot, value in zip(state.slots, after, strict=True):
            if slot.written:
                slot.put(value)
        kind = self.jax.tree_util.Partial
        return self.jax.tree.map(
            lambda made: made(state.nodes), result, is_leaf=lambda x: isinstance(x, kind)
        )

    def refuse_narrowing(self, arrays: list[Any]) -> None:
        if any(getattr(x, "dtype", None) == np.float64 for x in arrays):
            raise TypeError(
                "tg.jit: JAX makes float64 arrays float32 unless it is told; once, at the start: "
                'jax.config.update("jax_enable_x64", True)'
            )

    def arguments(self, bound: inspect.BoundArguments) -> Any:
        """The state, the data, and the function of the data that calls f."""
        state = _State()
        state.visit(self.f)
        context = current_context() or Context()
        if context.debug:
            raise ValueError(
                "tg.jit: debug() looks at values; call f.__wrapped__, the plain function"
            )
        state.key.append(context.recording)
        static = {k: v for k, v in bound.arguments.items() if k in self.static}
        for name, value in static.items():
            if not isinstance(value, Hashable):
                raise TypeError(
                    f"tg.jit: the static argument {name} is a {type(value).__name__}, "
                    "which has no hash"
                )
            state.key.append((name, value))
        moving = {k: v for k, v in bound.arguments.items() if k not in static}
        leaves, tree = self.jax.tree.flatten(moving)
        at = [i for i, x in enumerate(leaves) if _is_data(x)]
        state.key += [tree, tuple(at)]
        for x in (leaf for leaf in leaves if not _is_data(leaf)):
            if isinstance(x, Array) and x.op is not None:
                raise TypeError(
                    f"tg.jit: an argument is the result of {x.op.name}, whose graph would be cut; "
                    "compute it inside, or pass .detach()"
                )
            state.visit(x)

        def start(data: Any) -> Any:
            given = list(leaves)
            for i, x in zip(at, data, strict=True):
                given[i] = x
            bound.arguments.update(self.jax.tree.unflatten(tree, given))
            return self.f(*bound.args, **bound.kwargs)

        return state, [leaves[i] for i in at], start

    def traced(self, key: Any, placeholders: Any, data: Any) -> Any:
        """The program: the state after f, and its result."""
        state, start = self.now
        before = [slot.get() for slot in state.slots]
        drawn = state.random()
        try:
            for slot, value in zip(state.slots, placeholders, strict=True):
                slot.put(value)
            result = self.jax.tree.map(functools.partial(self.made, state), start(data))
            after = [slot.get() for slot in state.slots]
        finally:
            for slot, value in zip(state.slots, before, strict=True):
                slot.put(value)
        if state.random() != drawn:
            raise ValueError(
                "tg.jit: f draws random numbers, which would be the same in every call; draw them "
                "outside and pass them as an argument (a Dropout: model.eval())"
            )
        return after, result

    def made(self, state: _State, x: Any) -> Any:
        """How a part of the result is made of what the program returns."""
        part = self.jax.tree_util.Partial
        if isinstance(x, Array) and x in state.places:
            return part(functools.partial(_held, state.places[x]))
        if isinstance(x, Array):
            return part(_leaf if x.op is None and not x.constant else _constant, x._data)
        if _is_data(x) or isinstance(x, bool):
            return part(_plain, x)
        return part(functools.partial(_same, x))


def _held(place: int, nodes: list[Array]) -> Any:
    return nodes[place]


def _leaf(data: Any, nodes: list[Array]) -> Any:
    return fresh(None, data)


def _constant(data: Any, nodes: list[Array]) -> Any:
    node = fresh(None, data)
    node._meta = Meta(constant=True)
    return node


def _plain(data: Any, nodes: list[Array]) -> Any:
    return data


def _same(x: Any, nodes: list[Array]) -> Any:
    return x


def _is_data(x: Any) -> bool:
    return is_array(x) or (isinstance(x, (int, float)) and not isinstance(x, bool))


@dataclass(frozen=True)
class _Slot:
    """A place that holds arrays; `written` if what f leaves there stays after the call."""

    get: Callable[[], Any]
    put: Callable[[Any], None]
    written: bool = True


_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_OPAQUE = (ModuleType, type, Op)


@dataclass
class _State:
    """What a function can reach: places that hold arrays, and the `key` of all else."""

    slots: list[_Slot] = field(default_factory=list)
    places: dict[Array, int] = field(default_factory=dict)  # of the nodes, in order
    key: list[Any] = field(default_factory=list)
    generators: list[np.random.Generator] = field(default_factory=list)
    seen: dict[int, tuple[int, Any]] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Array]:
        return [*self.places]

    def random(self) -> list[Any]:
        """Where the generators stand that f can reach, NumPy's own among them."""
        own = np.random.get_state(legacy=False)
        states = [own["state"], *(g.bit_generator.state for g in self.generators)]
        return [repr(state) for state in states]

    def visit(self, x: Any) -> None:
        if isinstance(x, _ATOMS):
            self.key.append((type(x), x))
            return
        if id(x) in self.seen:
            self.key.append(self.seen[id(x)][0])
            return
        self.seen[id(x)] = len(self.seen), x  # held, so that no other takes its id
        if isinstance(x, Scalar):
            raise TypeError("tg.jit: a Value is a Python number; use Tensor, of any shape, or ()")
        if isinstance(x, Array) and x.op is None:
            self._node(x)
        elif isinstance(x, np.random.Generator):
            self.generators.append(x)
        elif isinstance(x, Optimizer):
            own = vars(x)
            self.slots.append(_entry(own, "lr", written=False))
            self.slots.append(_entry(own, "_state"))
            self._entries({k: v for k, v in own.items() if k not in ("lr", "_state")})
        elif isinstance(x, (dict, list)):
            self._entries(x)
        elif (parts := _members(x)) is not None:
            for part in parts:
                self.visit(part)
        elif isinstance(x, _OPAQUE) or is_array(x) or not hasattr(x, "__dict__"):
            self.key.append(Same(x))
        else:
            self.key.append(type(x))
            self._entries(vars(x))

    def _node(self, x: Array) -> None:
        meta = x._meta or NO_META
        if meta.argument:
            raise TypeError("tg.jit: an argument of a transform has its derivative inside only")

        def put(values: Any) -> None:
            x._data, x._grad = values

        self.places[x] = len(self.places)
        self.slots.append(_Slot(lambda: (x._data, raw(x.grad)), put))
        self.key.append((Array, meta.constant))

    def _entries(self, holder: Any) -> None:
        """The members of a dict, a list or an object; of private ones only what draws numbers."""
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for name, member in list(pairs):
            if isinstance(name, str) and name.startswith("_"):
                if isinstance(member, np.random.Generator):
                    self.visit(member)
                continue
            self.key.append(name)
            if is_array(member):
                self.slots.append(_entry(holder, name))
            else:
                self.visit(member)


def _entry(holder: Any, name: Any, *, written: bool = True) -> _Slot:
    return _Slot(lambda: holder[name], functools.partial(holder.__setitem__, name), written=written)


def _members(x: Any) -> Iterable[Any] | None:
    """What a function, a method or a tuple refers to; None for anything else."""
    if isinstance(x, (tuple, frozenset, set)):
        return (type(x), *x)
    if isinstance(x, MethodType):
        return x.__self__, x.__func__
    if isinstance(x, functools.partial):
        return x.func, x.args, x.keywords
    return _referred(x) if isinstance(x, FunctionType) else None


def _referred(f: FunctionType) -> Iterator[Any]:
    yield from (f.__code__, f.__dict__.get("__wrapped__"))
    if not is_own(f):
        return
    yield from (f.__defaults__, f.__kwdefaults__)
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            yield None
    for name in names_in(f.__code__):
        yield f.__globals__.get(name)
