"""check_function: right backward passes pass, the known traps are caught and described."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.referee import WrongGradient, check_function


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def linear(x, w, b):
    return x @ w + b


def linear_inputs(rng, n):
    return rng.normal(size=(n, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)


def opaque(forward):
    """The same forward, but one that does not run on Tensors: differences are the reference."""
    return lambda *inputs: forward(*(np.asarray(x) for x in inputs))


def caught(forward, backward, inputs, name=None, **settings):
    """The finding on a backward pass that must be found wrong."""
    with pytest.raises(WrongGradient) as error:
        check_function(forward, backward, inputs, **settings)
    report = error.value.report
    assert isinstance(error.value, AssertionError)
    assert str(report) in str(error.value)
    assert not report
    wrong = [f for f in report.findings if not f]
    return report[name] if name else wrong[0]


# --- right ones


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (lambda x: np.maximum(x, 0), lambda dy, x: dy * (x > 0)),
        (lambda x: np.maximum(x, 0), lambda dy, x: dy * (x >= 0)),
        (lambda x: np.abs(x), lambda dy, x: dy * np.sign(x)),
        (lambda x: np.abs(x), lambda dy, x: dy * np.where(x >= 0, 1, -1)),
        (lambda x: np.tanh(x), lambda dy, x: dy * (1 - np.tanh(x) ** 2)),
        (lambda x: np.tanh(x), lambda dy, x: dy / np.cosh(x) ** 2),
        (
            lambda x: np.max(x, axis=1),
            lambda dy, x: dy[:, None] * (np.arange(x.shape[1]) == x.argmax(1)[:, None]),
        ),
    ],
)
def test_right_ones_pass_also_on_kinks(forward, backward, wrap):
    x = np.array([[0.0, 1.0, 1.0, -2.0], [0.5, 0.0, -0.3, 0.5], [3.0, -1.0, 0.2, 0.1]])
    report = check_function(wrap(forward), backward, x)
    assert report
    assert report["x" if wrap is not opaque else "input 0"].error < 1e-6


def test_kinks_are_counted(rng):
    x = np.array([0.0, 0.0, 1.0, -1.0])
    report = check_function(
        opaque(lambda x: np.maximum(x, 0)), lambda dy, x: dy * (x > 0), x, redraw=False
    )
    assert report.findings[0].kinks == 4  # two entries, in two precisions
    assert report.findings[0].entries == 4
    assert "at a kink" in str(report)


def test_a_value_outside_the_slopes_at_a_kink_is_wrong():
    x = np.array([0.0, 1.0, -1.0])
    finding = caught(np.abs, lambda dy, x: dy * np.where(x == 0, 3, np.sign(x)), x, redraw=False)
    assert "should be" in finding.explanation


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
@pytest.mark.parametrize("offset", [0.0, 3.0, 300.0])
def test_layer_norm_in_cs231n_style_passes_in_float32(wrap, offset, rng):
    def forward(x, gamma, beta):
        mu = x.mean(axis=1, keepdims=True)
        centred = x - mu
        std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        xhat = centred / std
        return gamma * xhat + beta, (xhat, std, gamma)

    def backward(dy, cache):
        xhat, std, gamma = cache
        g = dy * gamma
        m = g.mean(axis=1, keepdims=True) + xhat * (g * xhat).mean(axis=1, keepdims=True)
        return (g - m) / std, (dy * xhat).sum(axis=0), dy.sum(axis=0)

    inputs = (offset + rng.normal(size=(5, 8)), rng.normal(size=8), rng.normal(size=8))
    report = check_function(wrap(forward), backward, inputs)
    assert report
    assert [f.name for f in report.findings] == (
        ["x", "gamma", "beta"] if wrap is not opaque else ["input 0", "input 1", "input 2"]
    )
    if offset < 100:
        assert report.findings[0].caught["float64"] < 1e-8
        assert report.findings[0].caught["float32"] < 1e-3


def test_saturated_units_are_no_alarm_in_float32(rng):
    def backward(dy, x, w):
        d = dy * (1 - np.tanh(x @ w) ** 2)
        return d @ w.T, x.T @ d

    inputs = rng.normal(size=(16, 30)), rng.normal(size=(30, 10))
    assert check_function(lambda x, w: np.tanh(x @ w), backward, inputs)
    assert check_function(opaque(lambda x, w: np.tanh(x @ w)), backward, inputs)


def test_labels_are_handed_on_and_one_hot_constants_stay(rng):
    def loss(x, y):
        z = x - x.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -logp[np.arange(len(y)), y].mean()

    def backward(dl, x, y):
        p = softmax(x)
        p[np.arange(len(y)), y] -= 1
        return dl * p / len(y), None

    labels = rng.integers(0, 3, size=6)
    assert check_function(loss, backward, (rng.normal(size=(6, 3)), labels))

    def soft(x, y):
        return -(y * (x - np.log(np.exp(x).sum(axis=1, keepdims=True)))).sum()

    onehot = np.eye(3)[labels]
    assert check_function(
        soft, lambda dl, x, y: (dl * (softmax(x) - y), None), (rng.normal(size=(6, 3)), onehot)
    )


def test_inputs_may_be_a_function_a_list_or_a_number(rng):
    right = lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy.sum(axis=0))  # noqa: E731
    assert check_function(linear, right, linear_inputs)
    assert check_function(linear, right, lambda rng: linear_inputs(rng, 3))
    assert check_function(linear, right, [linear_inputs(rng, 2), linear_inputs(rng, 7)])
    assert check_function(lambda a, b: a * b, lambda dy, a, b: (dy * b, dy * a), (0.7, -2.0))


def test_several_outputs_with_a_cache(rng):
    def cell(c0, f):
        c = f * c0
        h = np.tanh(c)
        return h, c, (c0, f, h)

    def backward(dh, dc, cache):
        c0, f, h = cache
        d = dc + dh * (1 - h**2)
        return d * f, d * c0

    inputs = rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    assert check_function(cell, backward, inputs, outputs=2)
    dropped = lambda dh, dc, cache: (dc * cache[1], (dc + dh * (1 - cache[2] ** 2)) * cache[0])  # noqa: E731
    assert caught(cell, dropped, inputs, outputs=2).name == "c0"


def test_a_dict_of_gradients(rng):
    def backward(dy, x, w, b):
        return {"dx": dy @ w.T, "w": x.T @ dy, "db": dy.sum(axis=0)}

    assert check_function(linear, backward, linear_inputs)


# --- the traps


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_wrong_only_below_zero_though_only_positive_numbers_were_given(wrap, rng):
    x = np.abs(rng.normal(size=(5, 4)))
    finding = caught(wrap(leaky), lambda dy, x: dy.copy(), x)
    assert finding.explanation.startswith("Wrong only where ")
    assert "< 0" in finding.explanation


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_right_only_with_a_uniform_upstream(wrap, rng):
    finding = caught(
        wrap(lambda x, w: x @ w),
        lambda dy, x, w: (np.full_like(dy, dy.mean()) @ w.T, x.T @ dy),
        (rng.normal(size=(5, 4)), rng.normal(size=(4, 3))),
    )
    assert finding.explanation.startswith("Right when the upstream gradient is all ones")


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_wrong_only_with_several_rows(wrap, rng):
    mean = lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy.mean(axis=0))  # noqa: E731
    for inputs in (linear_inputs, linear_inputs(rng, 6)):
        finding = caught(wrap(linear), mean, inputs)
        assert finding.kind == "mean-vs-sum"
    finding = caught(wrap(linear), lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy[0]), linear_inputs)
    assert finding.explanation.startswith("Right with one row, wrong with several")


def test_wrong_with_one_row_only(rng):
    finding = caught(
        lambda x: x * x, lambda dy, x: 2 * dy * x / max(len(x) - 1, 0.5), rng.normal(size=(2, 3))
    )
    assert "On the first row" in finding.explanation


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_wrong_in_float32_only(wrap, rng):
    def backward(dy, x):
        slope = 1 - np.tanh(x) ** 2
        return dy * slope * (1.001 if x.dtype == np.float32 else 1)

    finding = caught(wrap(lambda x: np.tanh(x)), backward, rng.normal(size=(5, 4)))
    assert finding.explanation.startswith("Wrong only in float32, right in float64")


def test_a_restless_backward_is_not_excused_by_its_own_noise(rng):
    x = rng.normal(size=(4, 3))

    def backward(dy, x):
        noise = 10 * np.sin(1e9 * x) if x.dtype == np.float64 else 0
        return dy * (2.1 * x + noise)

    caught(opaque(lambda x: x * x), backward, x, dtypes=["float32"])


def test_the_engine_is_not_believed_where_differences_disagree(rng):
    @tg.elementwise("sq({0})")
    def square(xp, x):
        """x * x, with a wrong rule."""
        return x * x

    square.local(lambda xp, y, x: 3 * x)
    x = rng.normal(size=(4, 3))
    report = check_function(lambda x: square(x), lambda dy, x: 2 * x * dy, x)
    assert report.reference == "differences"
    caught(lambda x: square(x), lambda dy, x: 3 * x * dy, x)


def test_overflow_in_float32(rng):
    forward = lambda x: np.log(1 + np.exp(-np.abs(x))) + np.maximum(x, 0)  # noqa: E731
    backward = lambda dy, x: dy * np.exp(x) / (1 + np.exp(x))  # noqa: E731
    finding = caught(forward, backward, np.array([1.0, 95.0, -3.0]), redraw=False)
    assert "nan" in finding.explanation
    assert "float32" in finding.explanation


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_a_single_wrong_entry_of_many(wrap, rng):
    def backward(dy, x):
        dx = dy * np.cos(x)
        dx[..., 37, 11] *= 1.01
        return dx

    caught(wrap(lambda x: np.sin(x)), backward, rng.normal(size=(60, 20)), redraw=False)


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
@pytest.mark.parametrize("shape", [(4, 3), (60, 20)])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_an_entry_that_is_not_finite_is_named(wrap, shape, bad, rng):
    def backward(dy, x):
        dx = dy * np.cos(x)
        dx[-1, -1] = bad
        return dx

    finding = caught(wrap(lambda x: np.sin(x)), backward, rng.normal(size=shape))
    assert finding.verdict == "wrong"
    assert f"[{shape[0] - 1}, {shape[1] - 1}] is {bad}" in finding.explanation


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
@pytest.mark.parametrize("size", [1e-5, 1e-7])
def test_errors_above_the_reported_resolution_are_caught(wrap, size, rng):
    inputs = rng.normal(size=(4, 3))
    forward = wrap(lambda x: np.exp(np.sin(x)))
    right = lambda dy, x: dy * np.exp(np.sin(x)) * np.cos(x)  # noqa: E731
    report = check_function(forward, right, inputs, dtypes=["float64"])
    assert report.findings[0].caught["float64"] < size / 10
    caught(forward, lambda dy, x: right(dy, x) * (1 + size), inputs, dtypes=["float64"])


def test_the_kind_is_check_s_when_forward_is_recorded(rng):
    finding = caught(linear, lambda dy, x, w, b: (dy @ w.T, x.T @ dy, -dy.sum(0)), linear_inputs)
    assert (finding.name, finding.kind) == ("b", "sign")


def test_the_report_is_printed_as_that_of_check_is(rng):
    x, w = rng.normal(size=3), rng.normal(size=3)
    report = check_function(
        lambda x, long: x * long, lambda dy, x, long: (dy * long, dy * x), (x, w)
    )
    lines = str(report).splitlines()
    assert lines[0].index("right") == next(n for n in lines if n[:4] == "long").index("right")
    assert lines[-1].startswith(("tried: ", "       "))
    assert len(report) == 2
    assert report.wrong == ()
    with pytest.raises(KeyError, match="the claims are x, long"):
        report["w"]
    html = report._repr_html_()
    assert html.count("<tr>") == 3
    assert "reference: this engine" in html


@pytest.mark.parametrize("wrap", [lambda f: f, opaque])
def test_shapes_are_explained(wrap, rng):
    forward = wrap(linear)
    finding = caught(forward, lambda dy, x, w, b: (dy @ w.T, x.T @ dy, dy), linear_inputs)
    assert finding.kind == "missing-broadcast-sum"
    assert "sum over axis 0" in finding.explanation
    finding = caught(forward, lambda dy, x, w, b: (dy @ w.T, dy.T @ x, dy.sum(0)), linear_inputs)
    assert finding.kind == "transpose"
    finding = caught(forward, lambda dy, x, w, b: (dy @ w.T, dy.T @ -x, dy.sum(0)), linear_inputs)
    assert finding.kind == "shape"
    finding = caught(forward, lambda dy, x, w, b: (dy, x.T @ dy, dy.sum(0)), linear_inputs)
    assert finding.kind == "shape"


def test_writing_into_the_inputs_is_noted(rng):
    def backward(dy, x):
        x[x <= 0] = 0
        return dy * (x > 0)

    report = check_function(lambda x: np.maximum(x, 0), backward, rng.normal(size=(4, 3)))
    assert report.notes == ("x is written into: the caller's array changes",)


# --- what cannot be judged


def test_what_cannot_be_judged_says_so(rng):
    x = rng.normal(size=(4, 3))
    with pytest.raises(ValueError, match="forward gives another result on the same inputs"):
        check_function(lambda x: x * rng.uniform(), lambda dy, x: dy, x)
    with pytest.raises(ValueError, match="2 gradients for the 3 inputs x, w, b"):
        check_function(linear, lambda dy, x, w, b: (dy, dy), linear_inputs)
    with pytest.raises(ValueError, match="forward is not finite on the inputs given"):
        check_function(lambda x: np.log(x), lambda dy, x: dy / x, np.array([-1.0]))
    with pytest.raises(TypeError, match="no input is a float"):
        check_function(lambda i: i, lambda dy, i: None, np.array([1, 2]))
    with pytest.raises(ValueError, match="holds a NaN"):
        check_function(lambda x: x, lambda dy, x: dy, np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="backward gives None for every input"):
        check_function(lambda x: x * x, lambda dy, x: (None,), x)
    with pytest.raises(TypeError, match="result of forward"):
        check_function(lambda x: "text", lambda dy, x: dy, x)
    with pytest.raises(ValueError, match="forward gives 1 of 2 outputs"):
        check_function(lambda x: x, lambda dy, x: dy, x, outputs=2)
    with pytest.raises(ValueError, match="x has no entry that could be judged"):
        check_function(lambda x: x, lambda dy, x: dy, np.zeros((0, 3)))
    with pytest.raises(TypeError, match="forward is a str, not a function"):
        check_function("f", lambda dy, x: dy, x)
    with pytest.raises(TypeError, match="backward is a float, not a function"):
        check_function(lambda x: x, 1.0, x)
    with pytest.raises(TypeError, match="backward=None needs PyTorch tensors"):
        check_function(lambda x: x, None, x)


def test_a_forward_for_float32_only(rng):
    def forward(x):
        if x.dtype != np.float32:
            raise TypeError("float32 only")
        return np.tanh(x)

    x = rng.normal(size=(4, 3))
    right = lambda dy, x: dy * (1 - np.tanh(x) ** 2)  # noqa: E731
    report = check_function(forward, right, x, dtypes=["float32"])
    assert report
    assert not report.notes
    assert 1e-5 < report.findings[0].caught["float32"] < 1e-2
    caught(forward, lambda dy, x: 1.02 * right(dy, x), x, dtypes=["float32"])
    with pytest.raises(TypeError, match="float32 only"):
        check_function(forward, right, x)


def test_numbers_that_float32_cannot_hold(rng):
    report = check_function(
        lambda x: x * x, lambda dy, x: 2 * x * dy, 1e100 * rng.normal(size=3), redraw=False
    )
    assert report.notes == ("the inputs given: not tried in float32, which cannot hold them",)
    assert list(report.findings[0].caught) == ["float64"]


def test_an_error_in_backward_is_the_user_s_own(rng):
    with pytest.raises(ZeroDivisionError):
        check_function(lambda x: x, lambda dy, x: 1 / 0, rng.normal(size=3))
