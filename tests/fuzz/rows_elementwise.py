"""Rows of the functions of each entry. They hold for Values and Tensors alike."""

from __future__ import annotations

from typing import Any

from .rows import BIG, EVERYWHERE, Chance, Interval, row


def unary(name: str, low: float = -BIG, high: float = BIG, *spelled: str, **rest: Any) -> None:
    rest.setdefault("settings", None)
    row(name, inputs=((low, high),), spelled=spelled, elementwise=True, **rest)


def binary(
    name: str, first: Interval, second: Interval, *spelled: str, theirs: str | None = None
) -> None:
    row(
        name,
        theirs,
        inputs=(first, second),
        spelled=spelled,
        elementwise=True,
        weight=4,
    )


def one_of(*choices: dict[str, Any]) -> Any:
    return lambda chance, *arrays: chance.r.choice(choices)


unary("abs", -BIG, BIG, "abs(a)")
unary("acos", -0.95, 0.95)
unary("acosh", 1.05)
unary("asin", -0.95, 0.95)
unary("asinh", -100, 100)
unary("atan")
unary("atanh", -0.95, 0.95)
unary("cbrt", 0.02)
unary("ceil", jumps=True)
unary("cos", -50, 50)
unary("cosh", -5, 5)
unary("digamma", 0.2, 50)
unary("erf")
unary("erfc", -5, 5)
unary("erfcx", -4, 20)
unary("erfinv", -0.95, 0.95)
unary("exp", -30, 5)
unary("expm1", -30, 5)
unary("floor", jumps=True)
unary("gammaln", 0.2, 50)
unary("gelu")
unary("identity", -BIG, BIG, "+a", "a if True else 0")
unary("log", 0.02)
unary("log10", 0.02)
unary("log1p", -0.9)
unary("log2", 0.02)
unary("log_ndtr", -20, 5)
unary("negative", -BIG, BIG, "-a")
unary("reciprocal", 0.1)
unary("ndtri", 0.02, 0.98)
unary("relu")
unary("round", jumps=True)
unary("sigmoid")
unary("sign", jumps=True)
unary("silu")
unary("sin", -50, 50)
unary("sinh", -5, 5)
unary("softplus")
unary("sqrt", 0.02, BIG, "a**0.5")
unary("square", -90, 90, "a**2", "a * a", "a**2.0", "tg.square(a)")
unary("tan", -1.2, 1.2)
unary("tanh")
unary("trunc", jumps=True)


def _not_at_zero(**choices: Any) -> Any:
    """Settings for a function whose second derivative at its kink is a convention."""

    def settings(chance: Chance, x: Any) -> dict[str, Any] | None:
        return None if (x == 0).any() else dict(chance.r.choice([{}, choices]))

    return settings


unary("leaky_relu", settings=one_of({}, {"slope": 0.3}))
unary("elu", settings=_not_at_zero(alpha=0.7))
unary(
    "clip",
    -BIG,
    BIG,
    "np.clip(a, min, max)",
    "tg.clip(a, min=min, max=max)",
    "a.clip(min, max)",
    settings=one_of(
        {"min": -0.5, "max": 0.7}, {"min": 0.1, "max": None}, {"min": None, "max": 0.1}
    ),
)


def alone(covers: str, theirs: str, bounds: Interval, text: str, **settings: Any) -> None:
    """A form of one input with numbers in it."""
    row(
        covers,
        theirs,
        inputs=(bounds,),
        spelled=(text,),
        derived=False,
        elementwise=True,
        settings=one_of(settings),
        weight=0.5,
    )


for exponent, low in [(3, -15), (-1, 0.1), (-2.5, 0.1), (0, 0.1), (1, -BIG)]:
    high = 15.0 if exponent == 3 else BIG
    alone("pow", "power", (low, high), "a**exponent", exponent=exponent)
    alone("pow", "power", (low, high), "np.power(a, exponent)", exponent=exponent)
alone("pow", "exponential", (-10, 10), "base**a", base=2)
alone("pow", "exponential", (-10, 10), "np.float_power(base, a)", base=2.5)
alone("divide", "reciprocal_of", (0.1, BIG), "top / a", top=3)
alone("multiply", "affine", EVERYWHERE, "factor * a + shift", factor=2, shift=1)
alone("subtract", "affine", EVERYWHERE, "shift - a * -factor", factor=0.5, shift=True)
alone("identity", "detached", EVERYWHERE, "a.detach()")

ROOT = (-90.0, 90.0)
binary("add", EVERYWHERE, EVERYWHERE, "a + b")
binary("subtract", EVERYWHERE, EVERYWHERE, "a - b")
binary("multiply", ROOT, ROOT, "a * b")
binary("divide", EVERYWHERE, (0.15, BIG), "a / b")
binary("pow", (0.1, 5), (-4, 4), "a**b")
binary("maximum", EVERYWHERE, EVERYWHERE)
binary("minimum", EVERYWHERE, EVERYWHERE)
binary("atan2", EVERYWHERE, (0.15, BIG))
binary("logaddexp", EVERYWHERE, EVERYWHERE)
binary("xlog1py", EVERYWHERE, (-0.9, BIG))
binary("xlogy", EVERYWHERE, (0.02, BIG))
row("hypot", inputs=((0.02, BIG), EVERYWHERE), elementwise=True)
row("copysign", inputs=(EVERYWHERE, (0.02, BIG)), elementwise=True)
for name, sign in (("remainder", "%"), ("floor_divide", "//")):
    row(
        name,
        inputs=((0.02, 90.0), (0.3, 90.0)),
        spelled=(f"a {sign} b",),
        elementwise=True,
        jumps=True,
    )
row(
    "where",
    "where_above",
    inputs=(EVERYWHERE, EVERYWHERE),
    spelled=("tg.where(a > bound, a, b)", "np.where(a > bound, a, b)"),
    derived=False,
    elementwise=True,
    settings=one_of({"bound": 0.2}),
    weight=2,
)
ABOVE = {  # the rows of what has no gradient: how it is used to choose a where a > bound, else b
    "greater": "tg.where(tg.greater(a, bound), a, b)",
    "greater_equal": "tg.where(tg.greater_equal(a, bound), a, b)",
    "less": "tg.where(tg.less(bound, a), a, b)",
    "less_equal": "tg.where(tg.less_equal(a, bound), b, a)",
    "equal": "tg.where((a > bound) & ~tg.equal(a, math.inf), a, b)",
    "not_equal": "tg.where(tg.not_equal(a > bound, False), a, b)",
    "logical_and": "tg.where(tg.logical_and(a > bound, tg.isfinite(b)), a, b)",
    "logical_or": "tg.where(tg.logical_or(tg.isnan(a), a <= bound), b, a)",
    "logical_not": "tg.where(tg.logical_not(a > bound), b, a)",
}
for name, text in ABOVE.items():
    row(
        name,
        "where_above",
        inputs=(EVERYWHERE, EVERYWHERE),
        spelled=(text,),
        derived=False,
        settings=one_of({"bound": 0.2}),
        weight=0.3,
    )
