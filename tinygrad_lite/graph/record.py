"""Recording: compute an op on raw values and make the node that remembers it.

`quick` has `record_scalar` written out for Value's operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from . import errors
from .backend import is_numpy, on_floats, records, to_array, to_float
from .context import Context, current_context, latest_context
from .dtypes import constant, is_mixed, library, promoted, stays
from .meta import NO_META, Meta
from .node import Array, Node, Scalar
from .op import Op
from .questions import answered

_new = object.__new__
_ndarray = np.ndarray


def record_array(op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Array:
    """Compute `op` on arrays and record the node.

    `inputs` holds what the user gave (names are found by it), `operands` what was computed with:
    labels and masks are copied, since their owner may write into them before the sweep.
    """
    recorded, differ, arrays = False, False, True
    operands: list[Any] = []
    dtype = None  # of the last array; NumPy has one object for each of its own
    for x in inputs:
        if isinstance(x, Node):
            a = x._data
            meta = x._meta
            if meta is None or not meta.constant:
                recorded = True
        elif type(x) is float or (type(x) is _ndarray and x.dtype.kind == "f"):
            a = x
        else:
            a = constant(op, x)
            if type(x) is _ndarray:
                a = a.copy()
            elif a is not x:  # a list, now an array
                inputs = tuple([a if source is x else source for source in inputs])
            if op.untouched and stays(op, len(operands), a):
                operands.append(a)
                continue
        if type(a) is not _ndarray:
            arrays = False
            differ = differ or (type(a) is not float and type(a) is not int)
        elif (known := a.dtype) is not dtype:
            differ = differ or dtype is not None or known.kind != "f"
            dtype = known
        operands.append(a)
    mixed = differ and is_mixed(op, operands)
    given, xp = promoted(op, operands) if mixed and arrays else operands, np
    if not arrays:
        xp, given = library(op, inputs, given)
        if xp is not np and not is_numpy(xp):
            operands, mixed = given, False
        elif mixed and xp is not np:
            given = promoted(op, operands)
    context, rules, kept = latest_context(), False, None
    if context is not None:
        context = current_context() or Context()
        recorded = recorded and context.recording and not op.plain
        rules = context.rules  # what is recorded is a rule, whose constants keep their origin
    try:
        if op.keeping is None or not recorded or rules:
            y = op.forward(xp, *given, **params)
        else:
            y, kept = op.keeping(xp, *given, **params)
    except errors.FAULTS as error:
        raise errors.explain(op, inputs, tuple(given), params, error) from None
    if xp is np:
        if type(y) is not _ndarray:
            y = np.asarray(y)
        if y.dtype is not dtype and not op.plain:
            y = to_array(y, f"the result of {op.name}")
    elif records(y):
        y = xp.asarray(y)  # NumPy's scalars are not computed with as its arrays are
    node = _new(Array.result)
    node._data = y
    node._grad = None
    if context is None:
        meta = Meta(params=params, kept=kept) if params or kept is not None else None
    else:
        meta = _meta(op, context, inputs, tuple(operands), params, y, kept)
    if recorded or rules:
        node.op = op
        node.inputs = inputs
        node.operands = tuple(operands)
        if mixed or not recorded:
            meta = replace(meta or NO_META, mixed=mixed, constant=not recorded)
        node._meta = answered(inputs, meta)
    else:
        node.op = None
        node.inputs = node.operands = ()
        node._meta = Meta(scope=meta.scope if meta else (), constant=True)
    return node


def record_scalar(op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
    """Compute an elementwise `op` on floats and record the node; the general form."""
    recorded = False
    kind: type[Scalar] = Scalar
    sources, values = [], []
    for x in inputs:
        if isinstance(x, Scalar):
            known = x._meta
            if known is None or not known.constant:
                recorded = True
            values.append(x._data)
            kind = type(x)  # after its data was read: see program_leaves
        else:
            x = to_float(x, op.name)
            values.append(x)
        sources.append(x)
    operands = tuple(values)
    y = to_float(on_floats(op.forward, *operands, **params), op.name)
    node = _new(kind)
    node._data = y
    node._grad = None
    context = current_context()
    meta: Meta | None = Meta(params=params) if params else None
    if context is not None:
        meta = _meta(op, context, inputs, operands, params, y)
        recorded = recorded and context.recording
    if not recorded:
        node.op = node._x = node._y = node._a = node._b = None
        node._meta = Meta(scope=meta.scope if meta else (), constant=True)
        return node
    node.op = op
    node._meta = meta
    if params or len(sources) > 2 or not isinstance(sources[0], Scalar):
        node._x, node._a = tuple(sources), operands
        node._y = node._b = None
    else:
        node._x, node._a = sources[0], operands[0]
        node._y, node._b = (sources[1], operands[1]) if len(sources) == 2 else (None, None)
    return node


def _meta(
    op: Op,
    context: Context,
    inputs: tuple[Any, ...],
    operands: tuple[Any, ...],
    params: Mapping[str, Any],
    y: Any,
    kept: Any = None,
) -> Meta | None:
    """What a node made under a context carries; in debug mode, check the result as well."""
    meta = context.meta
    if params or kept is not None:
        meta = Meta(scope=meta.scope if meta else (), params=params, kept=kept)
    return errors.witnessed(op, inputs, operands, y, meta) if context.debug else meta
