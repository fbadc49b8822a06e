"""check_function: the forms in which forward, backward and inputs come, and what is said."""

import subprocess
import sys

import numpy as np
import pytest
from test_referee import caught, opaque

from tinygrad_lite.referee import WrongGradient, check_function
from tinygrad_lite.referee.callables import understood
from tinygrad_lite.referee.probes import given_probes, part_of


def tanh_pull(dy, x):
    return dy * (1 - np.tanh(x) ** 2)


# --- what is said


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_an_upstream_that_is_not_used(wrap, rng):
    x = rng.normal(size=(4, 3))
    said = caught(wrap(lambda x: np.tanh(x)), lambda dy, x: 1 - np.tanh(x) ** 2, x).explanation
    assert said.startswith("dy, the upstream gradient, is not used")
    two = lambda x: (np.tanh(x), np.exp(x))  # noqa: E731
    first = lambda dy1, dy2, x: tanh_pull(dy1, x)  # noqa: E731
    said = caught(two, first, x, outputs=2).explanation
    assert said.startswith("dy2, the upstream gradient, is not used")


def test_the_gradient_of_the_other_input(rng):
    swapped = lambda dy, a, b: (dy * a * np.cos(b), dy * np.sin(b))  # noqa: E731
    inputs = (rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))
    said = caught(lambda a, b: a * np.sin(b), swapped, inputs, "a").explanation
    assert "the gradient with respect to b" in said


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_rows_picked_more_than_once(wrap, rng):
    def backward(dy, W, i):
        dW = np.zeros_like(W)
        dW[i] += dy
        return dW, None

    forward = (lambda W, i: W[i]) if wrap is not opaque else lambda W, i: np.asarray(W)[i]
    picked = np.array([0, 2, 2, 5])
    said = caught(forward, backward, (rng.normal(size=(6, 3)), picked)).explanation
    assert "that i picks more than once: += adds one of them, np.add.at all" in said or (
        wrap is opaque and "picks more than once" in said
    )


def test_a_constant_factor_in_float32_is_no_matter_of_the_upstream(rng):
    wrong = lambda dy, x: 1.01 * tanh_pull(dy, x)  # noqa: E731
    said = caught(lambda x: np.tanh(x), wrong, rng.normal(size=(4, 3)), dtypes=["float32"])
    assert said.explanation.startswith("yours is 1.01 x the gradient")


def test_a_factor_of_an_opaque_forward(rng):
    wrong = lambda dy, x: tanh_pull(dy, x) * np.tanh(x)  # noqa: E731
    said = caught(opaque(lambda x: np.tanh(x)), wrong, rng.normal(size=(4, 3))).explanation
    assert said.startswith("there is a factor y too many")


def test_five_per_cent_are_seen_in_float16(rng):
    """Entry by entry rounding may do as much; on all of them at once it may not."""
    x = rng.normal(size=(4, 3))
    caught(lambda x: np.tanh(x), lambda dy, x: 1.05 * tanh_pull(dy, x), x, dtypes=["float16"])
    report = check_function(lambda x: np.tanh(x), tanh_pull, x, dtypes=["float16"])
    assert report[0].caught["float16"] < 0.05


def test_what_is_too_weak_to_tell_is_not_right():
    steep = lambda x: np.tanh(1e4 * (x - 1))  # noqa: E731
    pull = lambda dy, x: dy * 1e4 * (1 - steep(x) ** 2)  # noqa: E731
    x = np.array([1.00002, 0.99998])
    with pytest.raises(WrongGradient, match="x   unclear   too weak to tell") as error:
        check_function(steep, pull, x, dtypes=["float16"], redraw=False)
    assert error.value.report[0].verdict == "unclear"
    assert not error.value.report.ok
    report = check_function(steep, pull, x, dtypes=["float64", "float16"], redraw=False)
    assert report
    assert "too weak to tell in float16" in str(report)


def test_a_large_slope_is_judged(rng):
    wrong = lambda dy, x: 2 * dy * np.exp(x)  # noqa: E731
    caught(np.exp, wrong, np.full(3, 600.0), redraw=False, dtypes=("float64",))
    fast = lambda x: np.sin(1e9 * x)  # noqa: E731
    caught(fast, lambda dy, x: -dy * 1e9 * np.cos(1e9 * x), rng.normal(size=5))


def test_rtol_and_atol(rng):
    wrong = lambda dy, x: 1.001 * tanh_pull(dy, x) + 1e-9  # noqa: E731
    x = rng.normal(size=(4, 3))
    caught(lambda x: np.tanh(x), wrong, x)
    assert check_function(lambda x: np.tanh(x), wrong, x, rtol=1e-2, atol=1e-6)
    assert check_function(opaque(lambda x: np.tanh(x)), wrong, x, rtol=1e-2, atol=1e-6)


# --- large inputs


def normalised(x, gamma):
    c = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((c**2).mean(axis=1, keepdims=True) + 1e-5)
    return gamma * (c / std)


def pulled(dy, x, gamma, share=1.0):
    c = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((c**2).mean(axis=1, keepdims=True) + 1e-5)
    h, g = c / std, dy * gamma
    m = g.mean(axis=1, keepdims=True) + share * h * (g * h).mean(axis=1, keepdims=True)
    return (g - m) / std, (dy * h).sum(axis=0)


def test_large_inputs_are_diagnosed_on_a_part_of_them(rng, capfd):
    inputs = (rng.normal(size=(96, 160)), rng.normal(size=160))
    assert check_function(normalised, pulled, inputs)
    finding = caught(normalised, lambda dy, x, g: pulled(dy, x, g, 0.0), inputs, "x")
    assert finding.kind == "missing-term"
    assert "15360 of 15360 entries differ" in finding.explanation


def test_a_large_forward_is_called_seldom(rng):
    inputs = (rng.normal(size=(96, 160)), rng.normal(size=160))
    calls = []

    def forward(x, gamma):
        calls.append(x.size == inputs[0].size)
        return normalised(np.asarray(x), np.asarray(gamma))

    assert check_function(forward, pulled, inputs, seconds=0.0)
    assert sum(calls) < 130  # one direction and one entry of each input
    calls.clear()
    finding = caught(forward, lambda dy, x, g: pulled(dy, x, g, 0.0), inputs, seconds=0.0)
    assert finding.name == "x"
    assert sum(calls) < 130


def test_progress_is_said_of_what_takes_long(rng, capsys, monkeypatch):
    monkeypatch.setattr("tinygrad_lite.referee.oracle.OFTEN", 0.0)
    check_function(lambda x: np.tanh(x), tanh_pull, rng.normal(size=3))
    assert "check_function: forward and backward on the inputs given" in capsys.readouterr().err


def test_a_part_keeps_what_axes_have_in_common():
    x, w = np.zeros((64, 24)), np.zeros((24, 48))
    labels = np.arange(64) % 48
    given = given_probes(understood(lambda x, w, y: x, None), (x, w, labels), 1, None)[1][0]
    small = part_of(given)
    (n, k), (k2, m) = (v.shape for v in small.arrays.values())
    assert k == k2
    assert m == 2 * k
    assert small.templates[2].shape == (n,)
    assert small.templates[2].max() < m


# --- forms of inputs


def test_inputs_by_name_and_in_trees(rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    both = lambda dy, x, w: {"x": dy @ w.T, "dw": x.T @ dy}  # noqa: E731
    assert check_function(lambda x, w: x @ w, both, {"w": w, "x": x})
    report = check_function(
        lambda p: p["x"] @ p["w"],
        lambda dy, p: {"x": dy @ p["w"].T, "w": p["x"].T @ dy},
        {"x": x, "w": w},
    )
    assert [f.name for f in report] == ["x", "w"]
    layers = [w, rng.normal(size=(2, 2))]
    chain = lambda x, ws: x @ ws[0] @ ws[1]  # noqa: E731
    pull = lambda dy, x, ws: (  # noqa: E731
        dy @ ws[1].T @ ws[0].T,
        [-x.T @ (dy @ ws[1].T), (x @ ws[0]).T @ dy],
    )
    finding = caught(chain, pull, (x, layers))
    assert (finding.name, finding.kind) == ("ws[0]", "sign")


def test_a_forward_of_the_inputs_own_dtype_alone(rng):
    def forward(x):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return np.tanh(x)

    report = check_function(forward, tanh_pull, rng.normal(size=(4, 3)).astype(np.float32))
    assert report.notes == ("not tried in float64: TypeError: float32 only",)
    assert list(report[0].caught) == ["float32"]


# --- forms of forward


@pytest.mark.oracle
def test_torch_classes_and_modules(needs, rng):
    torch = needs("torch")

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return torch.tanh(x @ w)

        @staticmethod
        def backward(ctx, dy):
            x, w = ctx.saved_tensors
            d = dy * (1 - torch.tanh(x @ w) ** 2)
            return d @ w.T, -x.T @ d

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(4, 3))

        def forward(self, x):
            return Layer.apply(x, self.w)

    x = torch.randn(5, 4)
    assert caught(Layer, None, (x, torch.randn(4, 3))).name == "w"
    assert caught(Module(), None, x).name == "w"
    report = check_function(torch.nn.BatchNorm1d(4), inputs=x, entries=4)
    assert [f.name for f in report] == ["input", "weight", "bias"]
    assert set(report[0].caught) == {"float64", "float32"}


@pytest.mark.oracle
def test_bfloat16(needs):
    torch = needs("torch")
    x = torch.randn(5, 4).to(torch.bfloat16)
    right = lambda dy, x: dy * (1 - torch.tanh(x) ** 2)  # noqa: E731
    report = check_function(torch.tanh, right, x)
    assert report
    assert "in bfloat16" in str(report)
    caught(torch.tanh, lambda dy, x: 1.3 * right(dy, x), x, dtypes=["bfloat16"])


@pytest.mark.oracle
def rms_norm(dtype):
    """Root-mean-square norm, as models have it: computed in `dtype` whatever it is given."""

    def scaled(x):
        h = x.astype(dtype)
        return h, 1 / np.sqrt((h * h).mean(-1, keepdims=True) + dtype(1e-6))

    def forward(x, w):
        h, r = scaled(x)
        return (h * r).astype(x.dtype) * w

    def backward(dy, x, w, factor=1):
        h, r = scaled(x)
        g = (dy * w).astype(dtype)
        dx = r * g - dtype(factor) * h * r**3 * (g * h).mean(-1, keepdims=True)
        return dx.astype(x.dtype), (dy * (h * r).astype(x.dtype)).sum(0)

    return forward, backward


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
@pytest.mark.parametrize(("dtype", "caught_from"), [(np.float32, 1e-3), (np.float64, 1e-9)])
def test_a_kernel_that_computes_in_a_narrower_dtype(wrap, dtype, caught_from, rng):
    forward, backward = rms_norm(dtype)
    inputs = (rng.normal(size=(6, 8)), rng.normal(size=8))
    report = check_function(wrap(forward), backward, inputs)
    narrow = any("in a narrower dtype inside" in note for note in report.notes)
    assert narrow == (dtype is np.float32)
    assert max(f.caught["float64"] for f in report) < caught_from
    wrong = lambda dy, x, w: backward(dy, x, w, 1 + 30 * caught_from)  # noqa: E731
    caught(wrap(forward), wrong, inputs)


def test_half_precision_inside(needs):
    torch = needs("torch")
    x = torch.linspace(-2, 3, 12, dtype=torch.float64).reshape(3, 4)
    forward = lambda x: torch.exp(x.half()).to(x.dtype)  # noqa: E731
    right = lambda dy, x: dy * forward(x)  # noqa: E731
    assert any("narrower" in note for note in check_function(forward, right, x).notes)
    caught(forward, lambda dy, x: 1.3 * right(dy, x), x)


def test_jax_custom_vjp(needs, rng):
    jax = needs("jax")

    @jax.custom_vjp
    def f(x, w):
        return jax.numpy.sin(x) * w

    f.defvjp(
        lambda x, w: (f(x, w), (x, w)),
        lambda kept, dy: (dy * jax.numpy.cos(kept[0]) * kept[1], -dy * jax.numpy.sin(kept[0])),
    )
    x, w = (jax.numpy.asarray(rng.normal(size=(3, 2)), dtype="float32") for _ in range(2))
    assert caught(f, None, (x, w)).name == "w"


# --- in a session of pytest


def test_the_plugin_prints_a_line_per_backward_pass(tmp_path):
    (tmp_path / "test_kernels.py").write_text(
        "import numpy as np, tinygrad_lite as tg\n"
        "def test_tanh():\n"
        "    tg.check_function(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2), np.ones(3))\n"
        "def test_exp():\n"
        "    tg.check_function(np.exp, lambda dy, x: dy, np.ones(3))\n"
    )
    words = ["-m", "pytest", "-q", "-p", "tinygrad_lite.referee.plugin", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, *words, "test_kernels.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "test_kernels.py::test_tanh  x right; caught from " in ran.stdout
    assert "test_kernels.py::test_exp  x   wrong   " in ran.stdout
    assert "tinygrad_lite/referee" not in ran.stdout  # no frame of ours
    assert "WrongGradient: x   wrong" in ran.stdout


def test_float32_that_becomes_float64_on_the_way_rounds_as_float32_does(rng):
    """np.zeros and np.sqrt of an integer are float64: what was rounded before stays rounded."""

    def forward(q, k):
        q, k = np.asarray(q), np.asarray(k)
        out = np.zeros((len(q), len(k)))
        for i in range(len(q)):
            out[i] = np.tanh(k @ q[i] / np.sqrt(q.shape[1]))
        return out

    def backward(dy, q, k):
        d = dy * (1 - np.tanh(q @ k.T / np.sqrt(q.shape[1])) ** 2) / np.sqrt(q.shape[1])
        return d @ k, d.T @ q

    inputs = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    report = check_function(forward, backward, inputs)
    assert report[0].caught["float32"] > 1e-7
    caught(forward, lambda dy, q, k: (backward(dy, q, k)[0], -backward(dy, q, k)[1]), inputs, "k")


def test_a_length_written_in_as_a_number_is_told() -> None:
    x = np.random.default_rng(0).normal(size=8)
    with pytest.raises(WrongGradient) as error:
        check_function(lambda x: np.fft.fft(x).real, lambda dy, x: 8 * np.fft.ifft(dy).real, (x,))
    told = error.value.report["x"].explanation
    assert told.startswith("Right with several rows, wrong with one: a length may stand there")


def test_a_weight_decay_in_backward_is_told() -> None:
    W = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(WrongGradient) as error:
        check_function(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2) + 0.1 * x, (W,))
    assert error.value.report["x"].mended == "lambda dy, x: dy * (1 - np.tanh(x) ** 2)"
    typed = eval("lambda dy, x: dy * (1 - np.tanh(x) ** 2) + 0.1 * x", {"np": np})  # no source
    with pytest.raises(WrongGradient) as error:
        check_function(np.tanh, typed, (W,))
    assert "0.1 x stands there besides: a weight decay" in error.value.report["x"].explanation
