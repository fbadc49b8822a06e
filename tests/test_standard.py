"""`tg` is the Array API namespace of a Tensor: code written for the standard is differentiated."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Tensor
from tinygrad_lite.testing import assert_gradients


def test_every_name_of_the_standard_is_there(needs):
    standard = needs("array_api_strict")
    flags = {n for n in standard.__all__ if "flags" in n.lower() or n[0] == "_"} | {"Device"}
    assert [n for n in standard.__all__ if n not in flags and not hasattr(tg, n)] == []
    assert [n for n in standard.linalg.__all__ if not hasattr(tg.linalg, n)] == []
    assert [n for n in standard.fft.__all__ if not hasattr(tg.fft, n)] == []


def test_the_namespace_of_a_tensor(needs):
    x = Tensor([[1.0, 2.0], [3.0, 5.0]])
    assert x.__array_namespace__() is tg
    assert x.__array_namespace__(api_version="2023.12") is tg
    assert needs("array_api_compat").array_namespace(x) is tg
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="stays where its array is"):
        x.to_device("gpu")


def standardised(x):
    """Code of any library of the standard, with all that it usually takes along."""
    xp = x.__array_namespace__()
    x = xp.asarray(x, dtype=xp.float64, copy=True)
    weights = xp.arange(1, x.shape[0] + 1, dtype=x.dtype, device=x.device)[:, xp.newaxis]
    mean = xp.sum(x * weights, axis=0) / xp.sum(weights)
    scale = xp.where(xp.any(x > 2, axis=0), xp.std(x, axis=0, correction=1), xp.ones_like(mean))
    z = xp.astype((x - mean) / scale, xp.float64, copy=False)
    assert xp.isdtype(z.dtype, "real floating")
    assert xp.finfo(z.dtype).eps < 1e-10
    assert xp.result_type(z, xp.float32) == xp.float64
    mask = xp.asarray(xp.isfinite(z)) & xp.asarray(z != xp.inf)
    z = xp.where(mask, z, xp.full_like(z, fill_value=xp.nan))
    z = xp.concat([z, xp.zeros((1, z.shape[1])), xp.eye(2)], axis=0)
    return xp.linalg.svdvals(z) + xp.zeros_like(z, dtype=xp.float64)[0, :] + xp.pi


def test_code_of_the_standard_is_differentiated():
    x = np.array([[1.0, 2.0], [3.0, 5.0], [0.5, -1.0]])
    np.testing.assert_allclose(standardised(Tensor(x)).data, standardised(x))
    assert_gradients(standardised, x)


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod", "exp"])
def test_a_function_of_the_standard_in_another_dtype(name):
    x = Tensor([1.0, 2.0])
    y = getattr(tg, name)(x, dtype=tg.float32)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float64
    assert getattr(tg, name)(np.array([1, 2]), dtype=np.float32).dtype == np.float32
    assert getattr(tg, name)(x, dtype=None).dtype == np.float64
    with pytest.raises(TypeError, match="only floating dtypes"):
        getattr(tg, name)(x, dtype=int)


def test_plain_data_keeps_its_dtype():
    assert tg.asarray(np.array([True])).dtype == np.bool_
    assert tg.asarray([1, 2]).dtype == np.int64
    assert tg.asarray([1, 2], dtype=tg.float32).dtype == np.float32
    t = Tensor(np.ones(2, np.float32))
    assert tg.asarray([t, t], dtype=tg.float64).dtype == np.float64
    assert tg.asarray(t, dtype=tg.float32) is t
    with pytest.raises(TypeError, match="only floating"):
        tg.asarray(t, dtype=tg.int64)
    with pytest.raises(TypeError, match="complex"):
        tg.asarray([1j])


# SciPy and scikit-learn's functions that are written for the standard; what else they contain
# (writing into arrays, float(...) of a result) is refused by an error.
LIBRARIES = """
import warnings
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite.testing import assert_gradients
from scipy import integrate, special, stats
warnings.simplefilter("ignore")
x = np.random.default_rng(0).uniform(0.5, 2, (5, 3))
calls = [
    special.softmax, stats.entropy, stats.gmean, stats.hmean, stats.skew, stats.kurtosis, stats.sem,
    lambda t: stats.pmean(t, 3), integrate.cumulative_trapezoid, stats.circmean,
]
try:
    import sklearn
    from sklearn.decomposition import PCA
    from sklearn.metrics import pairwise
    sklearn.set_config(array_api_dispatch=True)
    calls += [
        lambda t: pairwise.rbf_kernel(t[:2], t[2:]), lambda t: pairwise.polynomial_kernel(t),
        lambda t: pairwise.euclidean_distances(t[:2], t[2:]),
        lambda t: PCA(2, svd_solver="full").fit(t).explained_variance_,
    ]
except ImportError:
    pass
for f in calls:
    np.testing.assert_allclose(f(tg.Tensor(x)).data, f(x), rtol=1e-9)
    assert_gradients(f, x)
print(len(calls))
"""


def test_scipy_and_scikit_learn_are_differentiated(needs):
    needs("scipy")
    run = subprocess.run(
        [sys.executable, "-c", LIBRARIES],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) >= 10
