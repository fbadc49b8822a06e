"""check_function on arrays of other libraries: PyTorch, JAX, any of the Array API."""

import numpy as np
import pytest
from test_referee import caught

import tinygrad_lite as tg
from tinygrad_lite.referee import check_function


@pytest.mark.oracle
def test_torch_functions(needs, rng):
    torch = needs("torch")

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return torch.tanh(x @ w)

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            d = dy * (1 - torch.tanh(x @ w) ** 2)
            return d @ w.T, -x.T @ d

    inputs = torch.tensor(rng.normal(size=(5, 4))), torch.tensor(rng.normal(size=(4, 3)))
    finding = caught(Wrong.apply, None, inputs)
    assert (finding.name, finding.kind) == ("w", "sign")
    assert check_function(lambda x, w: torch.tanh(x @ w), None, inputs)
    assert check_function(
        lambda x: torch.relu(x), lambda dy, x: dy * (x > 0), torch.tensor(rng.normal(size=(5, 4)))
    )


@pytest.mark.oracle
def test_jax_arrays(needs, rng):
    jax = needs("jax")
    x = jax.numpy.asarray(rng.normal(size=(3, 2)), dtype="float32")
    right = lambda dy, x: dy * jax.numpy.cos(x)  # noqa: E731
    assert check_function(lambda x: jax.numpy.sin(x), right, x, dtypes=["float32"])
    caught(lambda x: jax.numpy.sin(x), lambda dy, x: 1.1 * right(dy, x), x, dtypes=["float32"])


def test_another_array_library(rng):
    xp = pytest.importorskip("array_api_strict")
    x = xp.asarray(rng.normal(size=(3, 2)))
    assert check_function(lambda x: xp.sin(x), lambda dy, x: dy * xp.cos(x), x)
    caught(lambda x: xp.sin(x), lambda dy, x: -dy * xp.cos(x), x)


def test_tensors_as_inputs(rng):
    x = tg.Tensor(rng.normal(size=(3, 2)))
    assert check_function(lambda x: np.sin(x), lambda dy, x: dy * np.cos(x), x)


def test_a_tensor_as_the_result_of_forward(rng):
    x = rng.normal(size=(3, 2))
    assert check_function(lambda x: tg.Tensor(x) * 2, lambda dy, x: dy * 2, x)
    caught(lambda x: tg.Tensor(x) * 2, lambda dy, x: dy * 3, x)


def test_a_function_that_a_library_approximates_is_right_as_it_is_named(needs):
    """PyTorch's softplus is x beyond 20, off by 2e-9."""
    torch = needs("torch")

    class Softplus(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.nn.functional.softplus(x)

        @staticmethod
        def backward(ctx, g):
            return g * torch.sigmoid(ctx.saved_tensors[0])

    assert check_function(Softplus, None, (torch.linspace(18, 24, 9),)).ok


def test_what_is_off_everywhere_is_wrong_however_little(needs, rng):
    torch = needs("torch")
    x = torch.tensor(rng.normal(size=(3, 4)))
    caught(torch.sin, lambda dy, x: (1 + 1e-10) * dy * torch.cos(x), x)
