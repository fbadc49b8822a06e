"""First and second derivatives against autograd, PyTorch and JAX, which share no code with us.

autograd and JAX run the op's own NumPy text, with their `numpy` in place of NumPy; `OTHERWISE` has
other words where a text uses what they lack. `TORCH` has PyTorch's spelling where it differs from
ours. An op that an oracle has not is listed, so that nothing drops out in silence.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from domains import on, samples
from draws import signs
from test_rules import directions_for, floating, leaves_of, seeded, value

import tinygrad_lite as tg
from tinygrad_lite.notation.code import op_code
from tinygrad_lite.ops import registry

OPS = sorted(registry)


def ours(op, case, inputs, G, V):
    """The gradients of <G, op(inputs)>, and of <V, those gradients>."""
    leaves = leaves_of(inputs)
    y = op(*leaves, **case.settings)
    (y * G).sum().backward(record=True)
    first = [x.grad if isinstance(x, tg.Tensor) else None for x in leaves]
    along = sum((g * v).sum() for g, v in zip(first, V, strict=True) if isinstance(g, tg.Tensor))
    gradients = [None if g is None else np.asarray(getattr(g, "data", g)) for g in first]
    for x in leaves:
        if isinstance(x, tg.Tensor):
            x.zero_grad()
    if isinstance(along, tg.Tensor) and not along.is_leaf:
        along.backward()
    seconds = [getattr(x, "grad", None) for x in leaves]
    return gradients, seconds


def compare(name, theirs, *, largest=False, skip=None):
    """`theirs(case, inputs, G, V)` gives the same two lists."""
    op, rng = registry[name], seeded(name)
    chosen = list(samples(name))
    if largest:
        chosen = [max(chosen, key=lambda sample: sum(math.prod(s) for s in sample[1].shapes))]
    for dom, case in chosen:
        inputs = dom.inputs(case, rng)
        if skip is not None and skip(case, inputs):
            continue
        G = rng.normal(size=value(op, inputs, case).shape)
        V = directions_for(inputs, rng)
        for mine, other in zip(
            ours(op, case, inputs, G, V), theirs(case, inputs, G, V), strict=True
        ):
            for i, x in enumerate(inputs):
                if floating(x):
                    a = np.zeros(x.shape) if mine[i] is None else mine[i]
                    b = np.zeros(x.shape) if other[i] is None else other[i]
                    np.testing.assert_allclose(
                        a, b, rtol=1e-9, atol=1e-10, err_msg=f"{name} {case} input {i}"
                    )


def formula(name, case, inputs):
    """The op's NumPy text on x0, x1, ..."""
    leaves = leaves_of(inputs)
    y = registry[name](*leaves, **case.settings)
    return op_code(y.op, [f"x{i}" for i in range(len(leaves))], y.params)


# What autograd and JAX's NumPy lack, or do differently from NumPy, in other words:
# f(np, x..., settings).
OTHERWISE = {
    "eigvalsh": lambda np, x, UPLO: np.linalg.eigh(mirrored_by(np, x, UPLO))[0],
    "svdvals": lambda np, x: np.linalg.svd(x, full_matrices=False)[1],
    "cholesky": lambda np, x, upper: (
        np.linalg.cholesky(mirrored_by(np, x, "U").T).T
        if upper
        else np.linalg.cholesky(mirrored_by(np, x))
    ),
    "broadcast_to": lambda np, x, shape: x + np.zeros(shape),
    "cross_entropy": lambda np, x, y, reduction: soft(np, x, y, reduction),
    "diagonal": lambda np, x, offset: diagonals(np, x, offset),
    "flip": lambda np, x, axis: x[reversal(x.ndim, axis)],
    "pad": lambda np, x, pad_width, constant_values: np.pad(
        x, pad_width, "constant", constant_values=constant_values
    ),
    "permute_dims": lambda np, x, axes: np.transpose(x, tuple(a % x.ndim for a in axes)),
    "put_at": lambda np, x, index, shape: scattered(np, x, index, shape),
    "take": lambda np, x, indices, axis: x[(slice(None),) * ((axis or 0) % x.ndim) + (indices,)],
    "trace": lambda np, x, offset: np.sum(diagonals(np, x, offset), axis=-1),
    "vector_norm": lambda np, x, axis, keepdims, ord: lengths(np, x, axis, keepdims, ord),
    "where": lambda np, c, x, y: np.where(c, x + 0 * y, y + 0 * x),
}
SPECIAL = {"digamma", "erfc", "erfcx", "erfinv", "gammaln", "log_ndtr", "ndtri", "xlog1py", "xlogy"}
MISSING_IN_AUTOGRAD = {"cbrt", "copysign", "erf", "floor_divide", "gelu", *SPECIAL}
ROWS = {"dft", "eig_rows", "eigh_rows", "qr_rows", "svd_rows"}  # others give the parts; see PyTorch
# What autograd gets wrong or refuses, case by case: f(case, inputs).
LIMITS_OF_AUTOGRAD = {
    "det": lambda case, inputs: np.any(np.linalg.det(inputs[0]) == 0),
    "diag": lambda case, inputs: inputs[0].shape in [(2, 3), (3, 2)],
    "getitem": lambda case, inputs: str(getattr(case.settings["index"], "dtype", "")) == "bool",
    "pow": lambda case, inputs: np.any(inputs[1] == 0),
    "prod": lambda case, inputs: np.any(inputs[0] == 0),
    "roll": lambda case, inputs: isinstance(case.settings["shift"], tuple),
    "solve": lambda case, inputs: inputs[1].ndim < inputs[0].ndim == 3,
    "vector_norm": lambda case, inputs: not inputs[0].size,
}


def lengths(xnp, x, axis, keepdims, ord):
    if np.isinf(ord):
        return (xnp.max if ord > 0 else xnp.min)(xnp.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return xnp.sum(0 * x, axis=axis, keepdims=keepdims)
    return xnp.sum(xnp.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)


def mirrored_by(xnp, x, UPLO="L"):
    x = x if UPLO == "L" else xnp.swapaxes(x, -1, -2)
    return xnp.tril(x) + xnp.swapaxes(xnp.tril(x, -1), -1, -2)


def soft(xnp, x, y, reduction):
    hot = np.eye(x.shape[-1])[y] if y.ndim < x.ndim else y
    losses = -xnp.sum(hot * (x - xnp.log(xnp.sum(xnp.exp(x), axis=-1, keepdims=True))), axis=-1)
    return losses if reduction == "none" else getattr(xnp, reduction)(losses)


def diagonals(xnp, x, offset):
    rows = np.arange(max(-offset, 0), x.shape[-2])[: max(x.shape[-1] - max(offset, 0), 0)]
    return x[..., rows, rows + offset]


def reversal(ndim, axis):
    axes = range(ndim) if axis is None else [a % ndim for a in np.atleast_1d(axis)]
    return tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(ndim))


def scattered(xnp, x, index, shape):
    """As a product with the 0-1 matrix that says which entry goes where."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index].reshape(-1)
    hits = (np.arange(np.prod(shape, dtype=int))[:, None] == places).astype(float)
    return xnp.reshape(hits @ xnp.reshape(x, (-1,)), shape)


def numpy_like(name, grad, xnp, special=None, compiled=lambda f: f):
    """An oracle with NumPy's functions and a `grad(f, argnums)`."""

    def theirs(case, inputs, G, V):
        moving = [i for i, x in enumerate(inputs) if floating(x)]
        text = None if name in OTHERWISE else formula(name, case, inputs)
        settings = {**registry[name].defaults, **case.settings}

        def f(xs):
            if text is None:
                return OTHERWISE[name](xnp, *xs, **settings)
            spelled = text.replace("np.vectorize(math.erf, otypes=[float])", "tg.erf")
            return eval(spelled, {"np": xnp, "tg": special}, {f"x{i}": x for i, x in enumerate(xs)})

        def loss(*xs):
            full = list(inputs)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            return xnp.sum(f(full) * G)

        def along(*xs):
            return sum(
                xnp.sum(g * V[i]) for g, i in zip(grad(loss, which)(*xs), moving, strict=True)
            )

        def both(*xs):
            return grad(loss, which)(*xs), grad(along, which)(*xs)

        which = tuple(range(len(moving)))
        lists = [[None] * len(inputs) for _ in range(2)]
        for found, gs in zip(
            lists, compiled(both)(*(np.array(inputs[i]) for i in moving)), strict=True
        ):
            for i, g in zip(moving, gs, strict=True):
                found[i] = np.asarray(g)
        return lists

    return theirs


@pytest.mark.parametrize("name", sorted(set(OPS) - MISSING_IN_AUTOGRAD - ROWS))
@pytest.mark.filterwarnings("ignore:Output seems independent of input")
def test_against_autograd(name, needs):
    autograd = needs("autograd")
    if name == "astype" and np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("autograd calls np.astype on a NumPy scalar, which NumPy 2.0 refuses")
    oracle = numpy_like(name, autograd.grad, needs("autograd.numpy"))
    compare(name, oracle, skip=LIMITS_OF_AUTOGRAD.get(name))


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(set(OPS) - ROWS - {"digamma", "erfcx"}))
def test_against_jax(name, needs):
    """One case of each op, the largest: JAX compiles every shape anew."""
    jax = needs("jax")
    jax.config.update("jax_enable_x64", True)
    special = needs("jax.scipy.special")
    oracle = numpy_like(name, jax.grad, needs("jax.numpy"), special, jax.jit)
    compare(name, oracle, largest=True)


def over(x, axis, reduce):
    """reduce(axes) for the axes that are meant; x itself for none (PyTorch takes () for all)."""
    chosen = (
        range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis).astype(int)]
    )
    return reduce(tuple(chosen)) if chosen else x + 0


def torch_prod(t, x, axis, keepdims):
    def product(axes):
        y = x
        for a in axes:
            y = t.prod(y, a, True)
        return y if keepdims else t.squeeze(y, axes)

    return over(x, axis, product)


def torch_soft(t, x, y, reduction):
    moved = x.movedim(-1, 1) if x.ndim > 2 else x
    labels = y.movedim(-1, 1) if y.ndim > 2 and y.is_floating_point() else y
    labels = labels if labels.is_floating_point() else labels.long()
    return t.nn.functional.cross_entropy(moved, labels, reduction=reduction)


def mirrored(t, x):
    return t.tril(x) + t.tril(x, -1).mT


def turned(t, name, x, w, V, R=None, **settings):
    """The rows that our op gives, with its signs: those of an eigenvalue and vector, or Q and R."""
    rows = t.cat([w[..., None], V.mT] if R is None else [V.mT, R], -1)
    return rows * t.tensor(signs_here(name, x, rows, **settings))


def torch_dft(t, z, axes, inverse):
    y = t.fft.ifftn(z, None, axes, "forward") if inverse else t.fft.fftn(z, None, axes)
    return t.stack([y.real, y.imag], -1)


def torch_svd(t, x):
    U, s, Vh = t.linalg.svd(x, full_matrices=False)
    rows = t.cat([U.mT, s[..., None], Vh], -1)
    return rows * t.tensor(signs_here("svd_rows", x, rows))


def signs_here(name, x, rows, **settings):
    case, rows = on(tuple(x.shape)), rows.detach().numpy()
    return signs(name, case, rows, registry[name](x.detach().numpy(), **settings))


TORCH = {
    "astype": lambda t, x, dtype, copy=True: x.to(t.float64),
    "broadcast_to": lambda t, x, shape: t.broadcast_to(x, shape),
    "cbrt": lambda t, x: x.sign() * x.abs() ** (1 / 3),
    "cholesky": lambda t, x, upper: t.linalg.cholesky(
        mirrored(t, x.mT if upper else x), upper=upper
    ),
    "concat": lambda t, *xs, axis: t.concat(xs, axis),
    "cross_entropy": torch_soft,
    "cumulative_sum": lambda t, x, axis: t.cumsum(x, axis or 0),
    "diag": lambda t, x, k: t.diag(x, k),
    "digamma": lambda t, x, order: t.polygamma(order, x),
    "erfcx": lambda t, x: t.special.erfcx(x),
    "erfc": lambda t, x: t.erfc(x),
    "gammaln": lambda t, x: t.lgamma(x),
    "log_ndtr": lambda t, x: t.special.log_ndtr(x),
    "ndtri": lambda t, x: t.special.ndtri(x),
    "xlog1py": lambda t, x, y: t.special.xlog1py(x, y),
    "dft": lambda t, x, axes, inverse: torch_dft(t, t.complex(x[..., 0], x[..., 1]), axes, inverse),
    "diagonal": lambda t, x, offset: t.diagonal(x, offset, dim1=-2, dim2=-1),
    "eig_rows": lambda t, x: turned(t, "eig_rows", x, *map(t.real, t.linalg.eig(x))),
    "eigh_rows": lambda t, x, UPLO: turned(
        t, "eigh_rows", x, *t.linalg.eigh(mirrored(t, x if UPLO == "L" else x.mT)), UPLO=UPLO
    ),
    "eigvalsh": lambda t, x, UPLO: t.linalg.eigvalsh(mirrored(t, x if UPLO == "L" else x.mT)),
    "elu": lambda t, x, alpha: t.nn.functional.elu(x, alpha),
    "flip": lambda t, x, axis: over(x, axis, lambda axes: t.flip(x, axes)),
    "gelu": lambda t, x: t.nn.functional.gelu(x),
    "getitem": lambda t, x, index: x[index],
    "identity": lambda t, x: x.clone(),
    "inv": lambda t, x: t.linalg.inv(x),
    "leaky_relu": lambda t, x, slope: t.nn.functional.leaky_relu(x, slope),
    "linear": lambda t, x, W, b: t.nn.functional.linear(x, W, b),
    "logabsdet": lambda t, x: t.linalg.slogdet(x)[1],
    "logsumexp": lambda t, x, axis, keepdims: over(
        x, axis, lambda axes: t.logsumexp(x, axes, keepdims)
    ),
    "max": lambda t, x, axis, keepdims: over(x, axis, lambda axes: t.amax(x, axes, keepdims)),
    "mean": lambda t, x, axis, keepdims: over(x, axis, lambda axes: t.mean(x, axes, keepdims)),
    "min": lambda t, x, axis, keepdims: over(x, axis, lambda axes: t.amin(x, axes, keepdims)),
    "pad": lambda t, x, pad_width, constant_values: t.nn.functional.pad(
        x, tuple(np.broadcast_to(pad_width, (x.ndim, 2))[::-1].reshape(-1)), value=constant_values
    ),
    "permute_dims": lambda t, x, axes: t.permute(x, axes),
    "pinv": lambda t, x, rtol: t.linalg.pinv(x),
    "prod": torch_prod,
    "qr_rows": lambda t, x: turned(t, "qr_rows", x, None, *t.linalg.qr(x)),
    "reshape": lambda t, x, shape: t.reshape(x, shape if isinstance(shape, tuple) else (shape,)),
    "roll": lambda t, x, shift, axis: t.roll(x, shift, axis),
    "signdet": lambda t, x: t.linalg.slogdet(x)[0],
    "silu": lambda t, x: t.nn.functional.silu(x),
    "softplus": lambda t, x: t.logaddexp(x, t.zeros_like(x)),
    "solve": lambda t, A, b: t.linalg.solve(A, b),
    "stack": lambda t, *xs, axis: t.stack(xs, axis),
    "sum": lambda t, x, axis, keepdims: over(x, axis, lambda axes: t.sum(x, axes, keepdims)),
    "svd_rows": torch_svd,
    "svdvals": lambda t, x: t.linalg.svdvals(x),
    "take": lambda t, x, indices, axis: t.index_select(x, axis or 0, t.asarray(indices)),
    "trace": lambda t, x, offset: t.diagonal(x, offset, dim1=-2, dim2=-1).sum(-1),
    "tril": lambda t, x, k: t.tril(x, k),
    "triu": lambda t, x, k: t.triu(x, k),
    "vector_norm": lambda t, x, axis, keepdims, ord: over(
        t.abs(x), axis, lambda axes: t.linalg.vector_norm(x, ord, axes, keepdims)
    ),
}
MISSING_IN_TORCH = {"floor_divide", "put_at"}


# As above. At an exponent of 0, autograd and PyTorch drop d2y/dx1 dx2 = 1 / x1, which finite
# differences confirm (test_rules.py).
LIMITS_OF_TORCH = {
    "dft": lambda case, inputs: not inputs[0].size,
    "getitem": lambda case, inputs: str(case.settings["index"]) == "slice(None, None, -2)",
    "pow": lambda case, inputs: np.any(inputs[1] == 0),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(set(OPS) - MISSING_IN_TORCH))
def test_against_torch(name, needs):
    torch = needs("torch")
    f = TORCH.get(name, lambda t, *xs, **settings: getattr(t, name)(*xs, **settings))

    def theirs(case, inputs, G, V):
        xs = [torch.tensor(np.array(x), requires_grad=floating(x)) for x in inputs]
        moving = [i for i, x in enumerate(inputs) if floating(x)]
        y = f(torch, *xs, **{**registry[name].defaults, **case.settings})
        first, second = [None] * len(xs), [None] * len(xs)

        def gradient(of, lists):
            leaves = [xs[i] for i in moving]
            found = torch.autograd.grad(of, leaves, create_graph=True, allow_unused=True)
            for i, g in zip(moving, found, strict=True):
                lists[i] = g

        gradient((y * torch.tensor(G)).sum(), first)
        along = sum((first[i] * torch.tensor(V[i])).sum() for i in moving if first[i] is not None)
        if getattr(along, "requires_grad", False):
            gradient(along, second)
        return [
            [None if g is None else g.detach().numpy(force=True) for g in gs]
            for gs in (first, second)
        ]

    compare(name, theirs, skip=LIMITS_OF_TORCH.get(name))
