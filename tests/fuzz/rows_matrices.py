"""Rows of square matrices, of what decomposes them, and of systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rows import Chance, Pool, row


def is_square(x: Any) -> bool:
    return bool(x.ndim >= 2 and x.shape[-1] == x.shape[-2] and x.size and np.abs(x).max() < 50)


def squares(pool: Pool) -> tuple[int, ...] | None:
    found = [i for i in pool.usable if is_square(pool.arrays[i])]
    return (pool.chance.r.choice(found),) if found else None


def a_system(pool: Pool) -> tuple[int, ...] | None:
    found = squares(pool)
    if found is None:
        return None
    A = pool.arrays[found[0]]
    fits = [
        i
        for i, b in enumerate(pool.arrays)
        if b.size and (b.shape == A.shape[-1:] or (b.ndim >= 2 and b.shape[-2] == A.shape[-1]))
    ]
    if not fits:
        return *found, pool.constant(pool.chance.np.normal(size=A.shape[-1]))
    return *found, pool.chance.r.choice(fits)


def a_shift_to_regular(chance: Chance, A: Any, *b: Any) -> dict[str, Any] | None:
    shift = 3.0 * np.eye(A.shape[-1])  # the log of a determinant that is 0 is infinite
    regular = (np.abs(np.linalg.det(np.tanh(A) + shift)) > 1e-9).all()
    return {"shift": shift} if regular else None


TAMED = "tg.tanh(a) + shift"


def matrix(name: str, *texts: str, **rest: Any) -> None:
    row(
        name,
        spelled=texts,
        derived=False,
        **{"choose": squares, "settings": a_shift_to_regular, "weight": 0.7, **rest},
    )


for name in ("inv", "det"):
    matrix(name, f"tg.{name}({TAMED})", f"np.linalg.{name}({TAMED})")
matrix("logabsdet", f"tg.logabsdet({TAMED})")
matrix("slogdet", f"tg.slogdet({TAMED})[1]", f"np.linalg.slogdet({TAMED})[1]", theirs="logabsdet")
matrix("signdet", f"tg.signdet({TAMED})", f"tg.slogdet({TAMED})[0]")
SPD = "tg.tanh(a) @ tg.tanh(a).mT + shift"
matrix("cholesky", f"tg.cholesky({SPD})", f"np.linalg.cholesky({SPD})")
matrix(
    "solve",
    f"tg.solve({TAMED}, b)",
    f"np.linalg.solve({TAMED}, b)",
    inputs=((-90, 90),) * 2,
    choose=a_system,
)


# --- decompositions, of matrices whose eigenvalues and singular values are apart


def a_shift_to_apart(chance: Chance, A: Any) -> dict[str, Any] | None:
    n = A.shape[-1]
    return {"shift": np.diag(3.0 * n * (1 + np.arange(n)))} if n < 4 else None


ONE = {"lstsq", "multi_dot", "tensorinv", "tensorsolve"}  # which take no stacks


def a_shift_for_one(chance: Chance, A: Any) -> dict[str, Any] | None:
    return a_shift_to_apart(chance, A) if A.ndim == 2 else None


def apart(
    name: str, *texts: str, theirs: str = "", ours: tuple[str, ...] = ("tg", "np.linalg")
) -> None:
    row(
        name,
        theirs or name,
        spelled=tuple(f"{library}.{text}" for text in texts for library in ours) or texts,
        derived=False,
        choose=squares,
        settings=a_shift_for_one if name in ONE else a_shift_to_apart,
        weight=0.3,
    )


SYMMETRIC = "tg.tanh(a) + tg.tanh(a).mT + shift"

# A vector is known up to its sign, so it is squared; what eig finds has no order.
apart("eig_rows", f"tg.sum(tg.eig_rows({SYMMETRIC}) ** 4, -2)", ours=())
apart("eigh_rows", f"eigh_rows({SYMMETRIC}) ** 2", ours=("tg",))
apart("qr_rows", f"qr_rows({TAMED}) ** 2", ours=("tg",))
apart("svd_rows", f"svd_rows({TAMED}) ** 2", ours=("tg",))
apart("eigh", f"eigh({SYMMETRIC}).eigenvectors ** 2", f"eigh({SYMMETRIC})[1] ** 2")
apart("eig", f"tg.sum(np.linalg.eig({SYMMETRIC}).eigenvectors ** 4, -1)", ours=())
apart("eigvalsh", f"eigvalsh({SYMMETRIC})", f"eigh({SYMMETRIC})[0]")
apart("eigvals", f"tg.sum(tg.eigvals({SYMMETRIC}) ** 3, -1)", ours=())
apart("eigvals", f"np.sum(np.linalg.eigvals({SYMMETRIC}) ** 3, -1)", ours=())
apart("qr", f"qr({TAMED}).R ** 2", f"qr({TAMED}, 'r') ** 2")
apart("svd", f"svd({TAMED}).U ** 2", f"svd({TAMED}, full_matrices=False)[0] ** 2")
apart("svdvals", f"svdvals({TAMED})", f"svd({TAMED})[1]", f"svd({TAMED}, compute_uv=False)")
apart("cond", f"cond({TAMED})", f"cond({TAMED}, 2)")
apart("lstsq", f"lstsq(({TAMED})[..., :1], shift)[0]")
apart("matrix_norm", f"matrix_norm({TAMED}, ord='nuc')")
apart("matrix_power", f"matrix_power({TAMED}, -2)")
apart("multi_dot", f"multi_dot([{TAMED}, shift, {TAMED}])")
apart("pinv", f"pinv({TAMED})", theirs="inv")
apart("tensorinv", f"tensorinv({TAMED}, ind=1)", theirs="inv")
apart("tensorsolve", f"tensorsolve({TAMED}, shift[0])")
