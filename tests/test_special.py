"""SciPy's special functions on nodes: by SciPy's own ufuncs and by `tg.special`."""

from __future__ import annotations

import numpy as np
import pytest

special = pytest.importorskip("scipy.special")
X = np.array([0.2, 0.35, 0.8])
UNARY = [
    *("digamma", "psi", "entr", "erf", "erfc", "erfcx", "erfinv", "expit", "expm1", "gammaln"),
    *("log1p", "log_expit", "log_ndtr", "logit", "ndtr"),
]
