"""What an operation is: what it computes, its derivative rules, and how it is written.

    @elementwise("tanh({0})", r"\\tanh({0})")
    def tanh(xp, x):
        \"\"\"Hyperbolic tangent. dy/dx = 1 - y**2.\"\"\"
        return xp.tanh(x)

    tanh.local(lambda xp, y, x: 1 - y * y)

An elementwise op states one local derivative dy/dx per input, and the sweep multiplies it by the
incoming gradient; a constant one is stated as a number. Any other op states one pullback per input:
it takes the incoming gradient G and returns the input's gradient.

    matmul.pull(lambda xp, G, y, A, B: G @ B.mT, lambda xp, G, y, A, B: A.mT @ G)

Rules are pure. They meet three kinds of value: Python floats (`xp` is `floats`), raw arrays (`xp`
is their namespace), and nodes (`xp` has the ops, and what else NumPy has), on which they record, so
that derivatives can be differentiated again. They never un-broadcast: the sweep does that for all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Self

from .definition import refuse_signature, refuse_template

Rule = Any  # a callable, or a number for a constant local derivative

NO_PARAMS: Mapping[str, Any] = {}  # a dict, since ** unpacks it several times faster than a proxy

# How tightly an op's notation binds; an argument that binds less tightly is put in brackets.
SUM, PRODUCT, UNARY, POWER, ATOM = 1, 2, 3, 4, 5

FORWARD = "forward"  # the `meaning` of an op that computes as one would write

ONE = 1.0  # the rule of an input that receives the gradient unchanged; compared by identity


def first(xp: Any, y: Any, x1: Any, x2: Any) -> Any:
    """The rule that returns the first operand: a product's, for the second."""
    return x1


def second(xp: Any, y: Any, x1: Any, x2: Any) -> Any:
    """The rule that returns the second operand."""
    return x2


class Op:
    """The definition of an operation; `Primitive` adds the call.

    `name`, `forward(xp, *inputs, **params)`, `rules` (one per input), `elementwise`, `arity` (the
    number of inputs, None when variable), `defaults` (of the settings); `text`, `latex` and `numpy`
    are format strings of the inputs {0}, {1} and the settings, `precedence` their binding strength.
    `expansion` is a fused op's definition in other ops, with the op's signature. `keeping` is
    `forward` with a second result for the rules, which take it as `kept` (None while recorded).
    `meaning(xp, *inputs, **params)` is the op on paper, run on index expressions (`FORWARD`: as it
    computes), or its axes, as in "ij->ji". Inputs named in `as_given` keep their dtype, others come
    to the result's; in `as_arrays`, to which functions are applied, are no Python numbers beside
    another library's arrays. `symmetric` ops read one triangle of a matrix; `plain` ones give no
    gradient.
    """

    plain: ClassVar[bool] = False

    def __init__(
        self,
        forward: Callable[..., Any],
        elementwise: bool,
        text: str,
        latex: str | None = None,
        *,
        numpy: str | None = None,
        precedence: int = ATOM,
        expansion: Callable[..., Any] | None = None,
        meaning: Callable[..., Any] | str | None = None,
        keeping: Callable[..., tuple[Any, Any]] | None = None,
        as_given: Sequence[str] = (),
        as_arrays: Sequence[str] = (),
        symmetric: bool = False,
    ) -> None:
        self.forward = forward
        self.name = getattr(forward, "__name__", type(forward).__name__)
        self.elementwise = elementwise
        self.text = text
        self.latex = latex or text
        self.numpy = numpy or (text if precedence != ATOM else f"np.{text}")
        self.precedence = precedence
        self.expansion = expansion
        self.meaning = forward if meaning == FORWARD else meaning
        self.keeping = keeping
        self.symmetric = symmetric
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        variable = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inputs = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        settings = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        if not inputs:
            raise TypeError(
                f"{self.name}: define it as {self.name}(xp, x, ...); xp, the library of the "
                "arrays it is given, comes first"
            )
        self.arity = None if variable else len(inputs)
        self.rules: tuple[Rule, ...] = (None,) * len(inputs)  # until they are stated
        self.input_names = tuple(p.name for p in inputs)
        # Inputs that keep their own dtype: labels, and those of derivative 0, such as a condition.
        self.untouched = frozenset(self.input_names.index(name) for name in as_given)
        self.as_arrays = frozenset(self.input_names.index(name) for name in as_arrays)
        self.defaults: Mapping[str, Any] = {p.name: p.default for p in settings} or NO_PARAMS
        for template in (self.text, self.latex, self.numpy):
            refuse_template(self, template)
        self.__module__ = forward.__module__
        self.__name__ = self.__qualname__ = self.name
        self.__signature__ = inspect.Signature(
            [
                p.replace(
                    kind=p.POSITIONAL_OR_KEYWORD if p in settings and not variable else p.kind,
                    annotation=p.empty,
                )
                for p in parameters
            ]
        )
        self.__doc__ = f"{self.name}{self.__signature__}\n\n{forward.__doc__ or ''}"  # for help()

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        """The op of `inputs`: on nodes it records, else it computes."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled, as a function is, by its name

    def input_name(self, index: int) -> str:
        """What the definition calls an input."""
        return self.input_names[index] if self.arity is not None else str(index)

    def local(self, *rules: Rule) -> Self:
        """State dy/dx for each input of an elementwise op: `rule(xp, y, *inputs)` or a number."""
        return self._state(rules, elementwise=True)

    def pull(self, *rules: Rule) -> Self:
        """State the pullback for each input: `rule(xp, G, y, *inputs, **params)`.

        With a variable number of inputs (called with a list, as in `concat([a, b])`) there is one
        rule, and it takes the input's index too: `rule(xp, G, y, index, *inputs, **params)`.
        """
        return self._state(rules, elementwise=False)

    def _state(self, rules: tuple[Rule, ...], *, elementwise: bool) -> Self:
        if elementwise is not self.elementwise:
            other = "local" if self.elementwise else "pull"
            raise TypeError(f"{self.name}: state its rules with .{other}(...)")
        expected = 1 if self.arity is None else self.arity
        if len(rules) != expected:
            raise TypeError(f"{self.name}: {len(rules)} rules for {expected} inputs")
        for index, rule in enumerate(rules):
            if callable(rule):
                refuse_signature(self, index, rule)
        self.rules = tuple(map(self._known, rules))
        self.untouched |= {i for i, rule in enumerate(self.rules) if rule == 0}
        return self

    def _known(self, rule: Rule) -> Rule:
        """A rule as the sweeps know it by identity: a one, or one that returns an operand."""
        if not callable(rule):
            return ONE if rule == 1 else float(rule)
        if self.elementwise and self.arity == 2:
            x1, x2 = object(), object()
            with suppress(Exception):  # it computes something
                made = rule(None, None, x1, x2)
                return first if made is x1 else second if made is x2 else rule
        return rule
