"""What an op says when inputs do not fit: the op, their names and shapes, the way out."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .backend import in_numpy, memory_of, namespace
from .meta import NO_META, Meta
from .names import name_all, user_frame
from .node import Array, Node, raw, topological_order
from .op import Op

FAULTS = (ValueError, TypeError, IndexError, RuntimeError, np.linalg.LinAlgError)  # of the library


def holds_nodes(values: Any) -> bool:
    """Whether a nested list or tuple has a node in it."""
    return any(
        isinstance(v, Node) or (isinstance(v, (list, tuple)) and holds_nodes(v)) for v in values
    )


def label(value: Any, names: Mapping[int, str], fallback: str) -> str:
    """A value as an error shows it: `W (5, 4)`, or the number itself."""
    if isinstance(value, (int, float, bool)):
        return repr(value)
    return f"{names.get(id(value), fallback)} {tuple(np.shape(raw(value)))}"


def labels(op: Op, inputs: tuple[Any, ...]) -> list[str]:
    """Every input as an error shows it: by its own name, the caller's, or what it is to the op."""
    names = name_all(inputs)
    return [label(x, names, _role(op, i, x)) for i, x in enumerate(inputs)]


def _role(op: Op, index: int, x: Any) -> str:
    if isinstance(x, Node) and x.op is not None:
        return f"the result of {x.op.name}"
    return f"input {op.input_name(index)}"


def refuse_mixture(op: Op, inputs: tuple[Any, ...]) -> None:
    """Raise `TypeError` for a Tensor of NumPy's beside another library's array: some libraries
    convert it, and then its gradient could not be handed back."""
    if any(isinstance(x, Array) and isinstance(x.data, np.ndarray) for x in inputs):
        raise TypeError(
            f"{op.name}: {' and '.join(labels(op, inputs))} hold arrays of two libraries; convert "
            "one, as in tg.Tensor(torch.asarray(t.data))"
        )


def note_rule(error: Exception, node: Node, index: int, g: Any) -> None:
    """Add to an error that a derivative rule raised which rule it was and what it was given."""
    op = node.op
    assert op is not None
    shapes = [("y", node)] if op.elementwise else [("G", g), ("y", node)]
    shown = [label(value, {}, name) for name, value in shapes] + labels(op, node.inputs)
    error.add_note(
        f"raised by the derivative rule of {op.name} for input {op.input_name(index)}, "
        f"given {', '.join(shown)}"
    )


def misfit(op: Op, index: int, x: Node, c: Any) -> Exception:
    """The error for what a rule returned in place of a gradient of x's shape."""
    rule = f"the derivative rule of {op.name} for input {op.input_name(index)} returned"
    target = labels(op, (x,) * (index + 1))[index]
    if not hasattr(c, "shape"):
        hint = "; is its return missing?" if c is None else ""
        return TypeError(f"{rule} a {type(c).__name__} where the gradient of {target} is due{hint}")
    hint = "; transpose it" if c.shape == x.shape[::-1] != x.shape else ""
    return ValueError(
        f"{rule} shape {tuple(c.shape)}, but the gradient of {target} has its shape{hint}"
    )


def explain(
    op: Op,
    inputs: tuple[Any, ...],
    operands: tuple[Any, ...],
    params: Mapping[str, Any],
    error: Exception,
) -> Exception:
    """The error to raise in place of the array library's."""
    shown = labels(op, inputs)
    settings = "".join(f", {k}={v!r}" for k, v in params.items() if v is not None)
    shapes = [tuple(np.shape(a)) for a in operands]
    fits = op.elementwise or op.name == "matmul"
    if fits and (told := unfit(op.name, shown, shapes)):  # a TypeError of JAX's
        return ValueError(told)
    message = f"{op.name}: {', '.join(shown)}{settings}: {error}"
    kinds = (np.exceptions.AxisError, TypeError, IndexError)  # AxisError is a ValueError as well
    return next((kind for kind in kinds if isinstance(error, kind)), ValueError)(message)


def unfit(name: str, shown: list[str], shapes: list[tuple[int, ...]]) -> str:
    """Why shapes do not fit in a matrix product, or entry by entry; "" where they do."""
    if name == "matmul":
        return _matmul(shown, shapes)
    hint = _broadcast_hint(shapes) if shapes else ""
    return hint and f"{name}: {' and '.join(shown)} do not broadcast{hint}"


def _matmul(shown: list[str], shapes: list[tuple[int, ...]]) -> str:
    a, b = shapes
    left, right = shown
    if not a or not b:
        return f"matmul: {left} @ {right}: a scalar is multiplied with *, not @"
    columns, rows = a[-1], b[0 if len(b) == 1 else -2]
    kind = "entries" if len(b) == 1 else "rows"
    message = f"matmul: {left} @ {right} do not fit: {columns} columns against {rows} {kind}."
    lname, rname = left.split(" (")[0], right.split(" (")[0]
    if columns == rows:
        leading = _broadcast_hint([a[:-2], b[:-2]])
        return (
            leading and f"matmul: {left} @ {right} do not fit: the leading axes do not broadcast."
        )
    if len(a) >= 2 and a[-2] == rows:
        return f"{message} Did you mean {lname}.T @ {rname}?"
    if len(b) >= 2 and b[-1] == columns:
        return f"{message} Did you mean {lname} @ {rname}.T?"
    if len(b) == 2 and len(a) >= 2 and b[-1] == a[-2]:
        return f"{message} Did you mean {rname} @ {lname}?"
    return message


def _broadcast_hint(shapes: list[tuple[int, ...]]) -> str:
    width = max(map(len, shapes))
    aligned = [(1,) * (width - len(s)) + s for s in shapes]
    for axis in range(width):
        sizes = {s[axis] for s in aligned} - {1}
        if len(sizes) > 1:
            low, high = sorted(sizes)[:2]
            return f": {low} against {high} on axis {axis - width}"
    return ""


def witnessed(
    op: Op, inputs: tuple[Any, ...], operands: tuple[Any, ...], y: Any, meta: Meta | None
) -> Meta:
    """What a node carries in debug mode: its source line and copies of its operands.

    Raises `FloatingPointError` if `op` made the first NaN, or an infinity out of finite inputs, or
    was given a NaN by a leaf or a constant. Infinite data are allowed (masks are made so).
    """
    summary = traceback.extract_stack(user_frame(), limit=1)[0]
    line = f"{summary.filename}:{summary.lineno}: {summary.line or ''}".rstrip(": ")
    _refuse_non_finite(op, inputs, operands, y, line)
    copies = tuple(
        a if isinstance(a, (float, int)) else namespace(a).asarray(a, copy=True) for a in operands
    )
    return replace(meta or NO_META, line=line, copies=copies)


def _refuse_non_finite(
    op: Op, inputs: tuple[Any, ...], operands: tuple[Any, ...], y: Any, line: str
) -> None:
    result = _numpy(y)
    if np.isfinite(result).all():
        return
    given = [_numpy(a) for a in operands]
    for index, (x, a) in enumerate(zip(inputs, given, strict=True)):
        if np.isnan(a).any():
            if not isinstance(x, Node) or x.op is None:
                raise FloatingPointError(
                    f"{labels(op, inputs)[index]} holds a NaN ({_count(np.isnan(a))}); {op.name} "
                    f"used it\n  at {line}"
                )
            return
    nans = np.isnan(result)
    if nans.any() or all(np.isfinite(a).all() for a in given):
        what = (
            f"a NaN ({_count(nans)})" if nans.any() else f"an infinity ({_count(np.isinf(result))})"
        )
        raise FloatingPointError(
            f"{op.name}({', '.join(labels(op, inputs))}) made {what}\n  at {line}"
        )


def _numpy(a: Any) -> Any:
    array = in_numpy(a)
    return array if array.dtype.kind == "f" else array.astype(float)


def _count(mask: Any) -> str:
    return f"{int(mask.sum())} of {mask.size} entries" if mask.ndim else "a scalar"


def refuse_bad_gradient(node: Node, index: int, g: Any, c: Any) -> None:
    """Raise `FloatingPointError` if a derivative rule made a NaN or an infinity out of a finite
    gradient, as sqrt does at 0."""
    result = _numpy(raw(c))
    if np.isfinite(result).all() or not np.isfinite(_numpy(raw(g))).all():
        return
    op = node.op
    assert op is not None
    shown = labels(op, node.inputs)
    what = "NaN" if np.isnan(result).any() else "infinite"
    raise FloatingPointError(
        f"the gradient of {op.name}({', '.join(shown)}) with respect to {shown[index]} is {what} "
        f"({_count(~np.isfinite(result))})\n  recorded at {node.line}"
    )


def refuse_overwritten(node: Node, *, rebound: bool = False) -> None:
    """Raise `RuntimeError` if a leaf that `node` used was changed in place since then; given
    `rebound`, `ValueError` also if its data was set: rules that run on nodes read the current.

    `x.data -= step` writes into the array and sets `x.data` to it, of which the setter then keeps a
    view: another object on the same memory.
    """
    op = node.op
    for index, (x, a) in enumerate(zip(node.inputs, node.operands, strict=True)):
        if not isinstance(x, Node) or x._data is a or op is None:
            continue
        if memory_of(x._data) == memory_of(a):
            raise RuntimeError(
                f"{labels(op, node.inputs)[index]} was changed in place (as by .data -= ...) after "
                f"{op.name} had used it, so its graph mixes old and new values; compute the result "
                "again, or set .data to a new array, as in p.data = p.data - step"
            )
        if rebound:
            raise ValueError(
                f"{op.name}: the data of {labels(op, node.inputs)[index]} was set after it was "
                "used; differentiate the gradient before changing the data"
            )


def refuse_written(node: Node) -> None:
    """Raise `RuntimeError` if an operand of `node` differs from the copy made in debug mode."""
    meta = node._meta
    assert meta is not None
    assert meta.copies is not None
    assert node.op is not None
    for index, (now, copy) in enumerate(zip(node.operands, meta.copies, strict=True)):
        if not np.array_equal(in_numpy(now), in_numpy(copy), equal_nan=True):
            raise RuntimeError(
                f"{labels(node.op, node.inputs)[index]} was written into after {node.op.name} had "
                f"used it, so the gradient would be wrong; make a new array instead\n"
                f"  used at {meta.line}"
            )


def why_unreached(y: Node, x: Node) -> str:
    """Why no gradient of y reaches x: which link is missing."""
    names = name_all((y, x))
    to = names.get(id(x), "x")
    of = names.get(id(y)) or ("this" if y.op is None else f"the result of {y.op.name}")
    order = topological_order(y)
    if x in set(order):
        if x.constant:
            return f"{to} is a constant: it was made by detach() or under no_grad()"
        return f"{of} depends on {to}: call backward() on {of}" + (
            "" if x.grad is None else f" (and it has been; {to}.grad is set)"
        )
    for node in order:
        if node.op is None and node.constant and _same_data(node.data, x.data):
            return f"{of} was computed from {to}.detach(), through which no gradient flows"
        for operand, source in zip(node.operands, node.inputs, strict=True):
            if not isinstance(source, Node) and _same_data(operand, x.data):
                shown = ", ".join(labels(node.op, node.inputs)) if node.op else ""
                return (
                    f"{of} was computed from the plain array {to}.data, a constant, at "
                    f"{node.op.name if node.op else ''}({shown}); use {to} itself"
                )
    if y.constant:
        return f"{of} is a constant: it was made by detach() or under no_grad()"
    constants = [node for node in order if node.op is None and node.constant]
    if constants:
        shown = ", ".join(label(c, name_all(constants), "a constant") for c in constants[:3])
        return (
            f"{to} is not in the graph of {of}, which ends in constants made by detach() or under "
            f"no_grad() ({shown})"
        )
    return f"{to} is not in the graph of {of}: {of} was not computed from this node"


def _same_data(a: Any, b: Any) -> bool:
    """Whether two arrays share memory (equal floats may be a coincidence)."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.shares_memory(a, b))
    return a is b and not isinstance(a, (float, int))
