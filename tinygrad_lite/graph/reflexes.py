"""What is typed out of habit from PyTorch, NumPy and micrograd, and the line that works here.

A row is a name and a line of Python, in which `t` is a Tensor, `v` a Value, `E` a loss, `data` an
array; what needs a word has it as a comment. Errors quote the line, and a test runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Never

STOPS = "  # plain: the gradient stops there"

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
    "array": "tg.Tensor([1.0, 2.0])",
    "as_tensor": "tg.Tensor(data)",
    "from_numpy": "tg.Tensor(data)",
    "rand": "tg.Tensor(np.random.default_rng(0).random((2, 3)))",
    "randn": "tg.Tensor(np.random.default_rng(0).normal(size=(2, 3)))",
    "random": "np.random.default_rng(0)",
    "tensor": "tg.Tensor([1.0, 2.0])",
}
_SPELLINGS = {
    "absolute": "tg.abs(t)",
    "allclose": "np.allclose(t, t)",
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
    "functional": "tg.relu(t)",
    "gather": "tg.take_along_axis(t, indices, axis=1)",
    "manual_seed": "np.random.default_rng(0)  # and draw the numbers from it",
    "masked_fill": "tg.where(t > 0, 0.0, t)",
    "mm": "tg.matmul(t, t.mT)",
    "mul": "tg.multiply(t, t)",
    "neg": "tg.negative(t)",
    "permute": "tg.permute_dims(t, (1, 0))",
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


class Absent:
    """An attribute that habit expects: to ask for it or to set it raises the line that works.

    One per name, since `__getattr__` would make every attribute of every node slow to read: a sweep
    over Values took twice as long.
    """

    def __init__(self, line: str) -> None:
        self.line = line

    def __set_name__(self, kind: type, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, kind: type) -> Never:
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {self.name!r}{advice(self.line)}",
            name=self.name,
            obj=kind if node is None else node,
        )

    def __set__(self, node: Any, value: Any) -> Never:
        self.__get__(node, type(node))


class Habits:
    """Attributes that Value and Tensor do not have."""

    __slots__ = ()

    if not TYPE_CHECKING:  # which reports an unknown attribute
        _backward = Absent("v.op.rules  # belong to the op; E.backward() runs them")
        add = Absent("t + t")
        add_ = Absent("t = t + t")
        all = Absent("np.all(t > 0)")
        any = Absent("np.any(t > 0)")
        bmm = Absent("t @ t.mT")
        clamp = Absent("t.clip(min=0)")
        clip_ = Absent("t = t.clip(min=0)")
        clone = Absent("tg.identity(t)")
        copy_ = Absent("t.data = data  # of a leaf")
        cpu = Absent("t")
        cuda = Absent("t")
        detach_ = Absent("t = t.detach()")
        dim = Absent("t.ndim")
        div = Absent("t / t")
        double = Absent("t.astype(np.float64)")
        expand = Absent("tg.broadcast_to(t, (4, 2, 3))")
        fill = Absent("t.data = np.full(t.shape, 1.0)  # of a leaf")
        fill_ = Absent("t.data = np.full(t.shape, 1.0)  # of a leaf")
        float = Absent("t.astype(np.float32)")
        gather = Absent("tg.take_along_axis(t, indices, axis=1)")
        grad_fn = Absent("t.op")
        half = Absent("t.astype(np.float16)")
        inverse = Absent("tg.inv(t @ t.mT)")
        long = Absent(f"t.data.astype(np.int64){STOPS}")
        masked_fill = Absent("tg.where(t > 0, 0.0, t)")
        matmul = Absent("t @ t.mT")
        mm = Absent("t @ t.mT")
        mul = Absent("t * t")
        mul_ = Absent("t = t * t")
        numel = Absent("t.size")
        numpy = Absent(f"t.data{STOPS}")
        permute = Absent("t.permute_dims(1, 0)")
        pow = Absent("t**2")
        register_hook = Absent("E.backward()  # every node keeps its gradient: t.grad, v.grad")
        requires_grad = Absent(
            "not t.constant  # every node is differentiated, unless it is t.detach()"
        )
        requires_grad_ = Absent("tg.Tensor(data)  # is differentiated; t.detach() is a constant")
        retain_grad = Absent("E.backward()  # every node keeps its gradient: t.grad, v.grad")
        sort = Absent("tg.sort(t)")
        sub = Absent("t - t")
        sub_ = Absent("t = t - t")
        t = Absent("t.T")
        to = Absent("t.astype(np.float32)")
        type = Absent("t.astype(np.float32)")
        unsqueeze = Absent("t.expand_dims(axis=0)")
        view = Absent("t.reshape(3, 2)")
        zero_ = Absent("t.zero_grad()  # forgets t.grad")


NODES = {name: row.line for name, row in vars(Habits).items() if isinstance(row, Absent)}
