"""What is typed out of habit from PyTorch, NumPy and micrograd, and the line that works here.

A row is a name and a line of Python, in which `t` is a Tensor, `v` a Value, `E` a loss, `data` an
array; what needs a word has it as a comment. Errors quote the line, and a test runs it.
"""

from __future__ import annotations

from collections.abc import Mapping

STOPS = "  # plain: the gradient stops there"

# Attributes of Value and Tensor.
NODES: Mapping[str, str] = {
    "_backward": "v.op.rules  # belong to the op; E.backward() runs them",
    "add": "t + t",
    "add_": "t = t + t",
    "all": "np.all(t > 0)",
    "any": "np.any(t > 0)",
    "bmm": "t @ t.mT",
    "clamp": "t.clip(min=0)",
    "clip_": "t = t.clip(min=0)",
    "clone": "tg.identity(t)",
    "copy_": "t.data = data  # of a leaf",
    "cpu": "t",
    "cuda": "t",
    "detach_": "t = t.detach()",
    "device": "t.data.device",
    "dim": "t.ndim",
    "div": "t / t",
    "double": "t.astype(np.float64)",
    "expand": "tg.broadcast_to(t, (4, 2, 3))",
    "fill": "t.data = np.full(t.shape, 1.0)  # of a leaf",
    "fill_": "t.data = np.full(t.shape, 1.0)  # of a leaf",
    "float": "t.astype(np.float32)",
    "gather": "tg.take_along_axis(t, indices, axis=1)",
    "grad_fn": "t.op",
    "half": "t.astype(np.float16)",
    "inverse": "tg.inv(t @ t.mT)",
    "long": f"t.data.astype(np.int64){STOPS}",
    "masked_fill": "tg.where(t > 0, 0.0, t)",
    "matmul": "t @ t.mT",
    "mm": "t @ t.mT",
    "mul": "t * t",
    "mul_": "t = t * t",
    "numel": "t.size",
    "numpy": f"t.data{STOPS}",
    "permute": "t.permute_dims(1, 0)",
    "pow": "t**2",
    "register_hook": "E.backward()  # every node keeps its gradient: t.grad, v.grad",
    "requires_grad": "not t.constant  # every node is differentiated, unless it is t.detach()",
    "requires_grad_": "tg.Tensor(data)  # is differentiated; t.detach() is a constant",
    "retain_grad": "E.backward()  # every node keeps its gradient: t.grad, v.grad",
    "sort": "tg.sort(t)",
    "sub": "t - t",
    "sub_": "t = t - t",
    "t": "t.T",
    "to": "t.astype(np.float32)",
    "type": "t.astype(np.float32)",
    "unsqueeze": "t.expand_dims(axis=0)",
    "view": "t.reshape(3, 2)",
    "zero_": "t.zero_grad()  # forgets t.grad",
}

# Keywords of ops, methods and classes, and what they are called here.
RENAMED: Mapping[str, str] = {
    "a_max": "max",
    "a_min": "min",
    "dim": "axis",
    "gradient": "cotangent",
    "keepdim": "keepdims",
    "label": "name",
    "p": "ord",
    "unbiased": "correction",
}

# Other keywords.
KEYWORDS: Mapping[str, str] = {
    "create_graph": "E.backward(record=True)",
    "device": "tg.Tensor(data)  # stays where the array is",
    "dims": "t.permute_dims(1, 0)",
    "dtype": "tg.Tensor(np.asarray(data, dtype=np.float32))  # or t.astype(np.float32)",
    "out": "t = tg.exp(t)  # a node is not written into",
    "requires_grad": "tg.Tensor(data)  # is differentiated; t.detach() is a constant",
    "retain_graph": "E.backward()  # a graph can be swept again while E is there",
}

_ARRAYS = {
    "arange": "tg.Tensor(np.arange(3.0))",
    "array": "tg.Tensor([1.0, 2.0])",
    "as_tensor": "tg.Tensor(data)",
    "empty": "tg.Tensor(np.empty((2, 3)))",
    "eye": "tg.Tensor(np.eye(3))",
    "from_numpy": "tg.Tensor(data)",
    "full": "tg.Tensor(np.full((2, 3), 1.0))",
    "linspace": "tg.Tensor(np.linspace(0, 1, 5))",
    "ones": "tg.Tensor(np.ones((2, 3)))",
    "rand": "tg.Tensor(np.random.default_rng(0).random((2, 3)))",
    "randn": "tg.Tensor(np.random.default_rng(0).normal(size=(2, 3)))",
    "random": "np.random.default_rng(0)",
    "tensor": "tg.Tensor([1.0, 2.0])",
    "zeros": "tg.Tensor(np.zeros((2, 3)))",
}
_SPELLINGS = {
    "absolute": "tg.abs(t)",
    "all": "np.all(t > 0)",
    "allclose": "np.allclose(t, t)",
    "any": "np.any(t > 0)",
    "arccos": "tg.acos(v)",
    "arcsin": "tg.asin(v)",
    "arctan": "tg.atan(v)",
    "arctan2": "tg.atan2(v, v)",
    "autograd": "tg.grad(E, t)",
    "bmm": "tg.matmul(t, t.mT)",
    "cat": "tg.concat([t, t], axis=0)",
    "clamp": "tg.clip(t, min=0)",
    "concatenate": "tg.concat([t, t], axis=0)",
    "cuda": "t  # stays where its array is",
    "device": "t  # stays where its array is",
    "div": "tg.divide(t, t)",
    "float32": "t.astype(np.float32)",
    "float64": "t.astype(np.float64)",
    "functional": "tg.relu(t)",
    "gather": "tg.take_along_axis(t, indices, axis=1)",
    "inf": "np.inf",
    "manual_seed": "np.random.default_rng(0)  # and draw the numbers from it",
    "masked_fill": "tg.where(t > 0, 0.0, t)",
    "mm": "tg.matmul(t, t.mT)",
    "mul": "tg.multiply(t, t)",
    "nan": "np.nan",
    "neg": "tg.negative(t)",
    "newaxis": "t[None]",
    "permute": "tg.permute_dims(t, (1, 0))",
    "pi": "np.pi",
    "power": "tg.pow(t, 2)",
    "ravel": "tg.flatten(t)",
    "sub": "tg.subtract(t, t)",
    "transpose": "t.T",
    "unsqueeze": "tg.expand_dims(t, axis=0)",
    "Variable": "tg.Tensor(data)",
}
_AS_FUNCTION = "  # an activation is a function"
_LAYERS = {
    "BCEWithLogitsLoss": "tg.nn.binary_cross_entropy_with_logits(t, labels)  # a function",
    "BatchNorm1d": "tg.nn.BatchNorm(3)",
    "CrossEntropyLoss": "tg.nn.cross_entropy(t, indices)  # losses are functions",
    "GELU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.gelu){_AS_FUNCTION}",
    "L1Loss": "abs(t - data).mean()",
    "LeakyReLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.leaky_relu){_AS_FUNCTION}",
    "LogSoftmax": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.log_softmax){_AS_FUNCTION}",
    "MSELoss": "tg.nn.mse(t, data)  # losses are functions",
    "NLLLoss": "tg.nn.cross_entropy(t, indices)  # of scores, which no softmax has changed",
    "Parameter": "tg.Tensor(data)  # a Tensor that a Module holds is a parameter",
    "ReLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.relu){_AS_FUNCTION}",
    "SiLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.silu){_AS_FUNCTION}",
    "Sigmoid": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.sigmoid){_AS_FUNCTION}",
    "Softmax": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.softmax){_AS_FUNCTION}",
    "Softplus": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.softplus){_AS_FUNCTION}",
    "Tanh": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.tanh){_AS_FUNCTION}",
    "functional": "tg.relu(t)",
}

MODULES: Mapping[str, Mapping[str, str]] = {
    "tinygrad_lite": {**_ARRAYS, **_SPELLINGS},
    "tinygrad_lite.nn": _LAYERS,
}


def advice(line: str) -> str:
    """How an error quotes the line that works; nothing where there is none."""
    return f"; write {line}" if line else ""


def keyword_advice(key: str) -> str:
    """`advice` on a keyword."""
    return advice(f"{RENAMED[key]}=" if key in RENAMED else KEYWORDS.get(key, ""))


def refuse_keywords(what: str, given: Mapping[str, object]) -> None:
    """Raise `TypeError` for a keyword that `what` does not take, with the line that works."""
    for key in given:
        raise TypeError(f"{what}: no keyword {key}={keyword_advice(key)}")
