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
    "inplace": "t = tg.relu(t)  # a node is not written into",
    "order": "np.reshape(t, (3, 2), order='F')  # NumPy's function takes it",
    "requires_grad": "tg.Tensor(data)  # is differentiated; t.detach() is a constant",
    "retain_graph": "E.backward()  # a graph can be swept again while E is there",
    "where": "np.mean(t, where=data > 0)  # NumPy's function takes it",
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
    "binary_cross_entropy": "tg.nn.binary_cross_entropy_with_logits(t, labels)  # of scores",
    "bmm": "tg.matmul(t, t.mT)",
    "cat": "tg.concat([t, t], axis=0)",
    "clamp": "tg.clip(t, min=0)",
    "concatenate": "tg.concat([t, t], axis=0)",
    "cuda": "t  # stays where its array is",
    "device": "t  # stays where its array is",
    "div": "tg.divide(t, t)",
    "dropout": "tg.nn.Dropout(0.5)(t)",
    "func": "tg.jacobian(lambda x: x**2)(data)",
    "functional": "tg.relu(t)",
    "gradcheck": "tg.testing.assert_gradients(tg.tanh, t)",
    "gather": "tg.take_along_axis(t, indices, axis=1)",
    "jacfwd": "tg.jacobian(lambda x: x**2)(data)",
    "jacrev": "tg.jacobian(lambda x: x**2)(data)",
    "l1_loss": "abs(t - data).mean()",
    "layer_norm": "tg.nn.LayerNorm(3)(t)",
    "load": "model.load_state_dict(np.load('model.npz'))",
    "manual_seed": "np.random.default_rng(0)  # and draw the numbers from it",
    "masked_fill": "tg.where(t > 0, 0.0, t)",
    "mm": "tg.matmul(t, t.mT)",
    "mse_loss": "tg.nn.mse(t, data)",
    "mul": "tg.multiply(t, t)",
    "neg": "tg.negative(t)",
    "nll_loss": "tg.cross_entropy(t, indices)  # of scores, which no softmax has changed",
    "one_hot": "np.eye(3)[indices]",
    "permute": "tg.permute_dims(t, (1, 0))",
    "power": "tg.pow(t, 2)",
    "ravel": "tg.flatten(t)",
    "save": "np.savez('model.npz', **model.state_dict())",
    "stop_gradient": "t.detach()",
    "sub": "tg.subtract(t, t)",
    "transpose": "t.T",
    "unsqueeze": "tg.expand_dims(t, axis=0)",
    "vmap": "tg.tanh(t)  # of all rows at once: operations take leading axes",
    "Variable": "tg.Tensor(data)",
}
_AS_FUNCTION = "  # an activation is a function"
_LAYERS = {
    "BCEWithLogitsLoss": "tg.nn.binary_cross_entropy_with_logits(t, labels)  # a function",
    "BatchNorm1d": "tg.nn.BatchNorm(3)",
    "BatchNorm2d": "tg.nn.BatchNorm(3)",
    "CrossEntropyLoss": "tg.nn.cross_entropy(t, indices)  # losses are functions",
    "Embedding": "tg.take(t, indices, axis=0)  # of a table t of parameters",
    "Flatten": "t.reshape(len(t), -1)",
    "GELU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.gelu){_AS_FUNCTION}",
    "Identity": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.identity){_AS_FUNCTION}",
    "L1Loss": "abs(t - data).mean()",
    "LeakyReLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.leaky_relu){_AS_FUNCTION}",
    "LogSoftmax": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.log_softmax){_AS_FUNCTION}",
    "MSELoss": "tg.nn.mse(t, data)  # losses are functions",
    "ModuleDict": "{'a': tg.nn.Linear(3, 4)}  # a Module's dicts are searched for parameters",
    "ModuleList": "[tg.nn.Linear(3, 4)]  # a Module's lists are searched for parameters",
    "NLLLoss": "tg.nn.cross_entropy(t, indices)  # of scores, which no softmax has changed",
    "Parameter": "tg.Tensor(data)  # a Tensor that a Module holds is a parameter",
    "ReLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.relu){_AS_FUNCTION}",
    "SiLU": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.silu){_AS_FUNCTION}",
    "Sigmoid": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.sigmoid){_AS_FUNCTION}",
    "Softmax": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.softmax){_AS_FUNCTION}",
    "Softplus": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.softplus){_AS_FUNCTION}",
    "Tanh": f"tg.nn.Sequential(tg.nn.Linear(3, 4), tg.tanh){_AS_FUNCTION}",
    "functional": "tg.relu(t)",
    "utils": "np.sqrt(sum((p.grad**2).sum() for p in model.parameters()))  # to clip by",
}
_OPTIMISERS = {
    "lr_scheduler": "optimizer.lr = 0.1 * 0.5 ** (epoch // 10)  # settings may change",
    "RMSprop": "tg.optim.Adam([t], betas=(0.0, 0.99))  # the same but for its start",
    "Adagrad": "tg.optim.Adam([t])",
    "LBFGS": (
        "scipy.optimize.minimize(tg.value_and_grad(lambda x: (x**2).sum()), data[0], jac=True)"
    ),
}

# Attributes of a model, and of an optimiser.
PARTS: Mapping[str, str] = {
    "apply": "[print(part) for part in model.modules()]",
    "bias": "model.b",
    "children": "model.modules()",
    "cpu": "model  # its parameters stay where their arrays are",
    "cuda": "model  # its parameters stay where their arrays are",
    "named_modules": "model.modules()",
    "param_groups": "optimizer.lr = 0.05  # a setting is an attribute",
    "register_buffer": "model.running = np.zeros(3)  # plain arrays are saved, not trained",
    "register_parameter": "model.scale = tg.Tensor(data)  # a Tensor that a Module holds",
    "requires_grad_": "optimizer = tg.optim.SGD([model.W])  # lists what is trained",
    "to": "model  # its parameters stay where their arrays are",
    "weight": "model.W",
}

MODULES: Mapping[str, Mapping[str, str]] = {
    "tinygrad_lite": {**_ARRAYS, **_SPELLINGS},
    "tinygrad_lite.nn": _LAYERS,
    "tinygrad_lite.optim": _OPTIMISERS,
}


def advice(line: str) -> str:
    """How an error quotes the line that works; nothing where there is none."""
    return f"; write {line}" if line else ""


def missing(held: object, name: str) -> AttributeError:
    """The error for an attribute that a model or an optimiser does not have."""
    line = advice(PARTS.get(name, ""))
    said = f"{type(held).__name__!r} object has no attribute {name!r}{line}"
    return AttributeError(said, name=name, obj=held)


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
        chunk = Absent("np.split(t, 2)")
        compress = Absent("np.compress([True, False], t, axis=0)")
        contiguous = Absent("t")
        cpu = Absent("t")
        cuda = Absent("t")
        detach_ = Absent("t = t.detach()")
        dim = Absent("t.ndim")
        div = Absent("t / t")
        double = Absent("t.astype(np.float64)")
        expand = Absent("tg.broadcast_to(t, (4, 2, 3))")
        fill = Absent("t.data = np.full(t.shape, 1.0)  # of a leaf")
        fill_ = Absent("t.data = np.full(t.shape, 1.0)  # of a leaf")
        flat = Absent("t.flatten()")
        float = Absent("t.astype(np.float32)")
        flip = Absent("tg.flip(t)")
        gather = Absent("tg.take_along_axis(t, indices, axis=1)")
        grad_fn = Absent("t.op")
        half = Absent("t.astype(np.float16)")
        imag = Absent("np.imag(t)  # 0: a node is real")
        inverse = Absent("tg.inv(t @ t.mT)")
        long = Absent(f"t.data.astype(np.int64){STOPS}")
        masked_fill = Absent("tg.where(t > 0, 0.0, t)")
        matmul = Absent("t @ t.mT")
        mm = Absent("t @ t.mT")
        mul = Absent("t * t")
        mul_ = Absent("t = t * t")
        numel = Absent("t.size")
        new_zeros = Absent("tg.zeros(3)")
        numpy = Absent(f"t.data{STOPS}")
        partition = Absent("np.partition(t, 1)")
        permute = Absent("t.permute_dims(1, 0)")
        pow = Absent("t**2")
        put = Absent("tg.where(data > 0, 1.0, t)  # a node is not written into")
        register_hook = Absent("E.backward()  # every node keeps its gradient: t.grad, v.grad")
        requires_grad = Absent(
            "not t.constant  # every node is differentiated, unless it is t.detach()"
        )
        requires_grad_ = Absent("tg.Tensor(data)  # is differentiated; t.detach() is a constant")
        retain_grad = Absent("E.backward()  # every node keeps its gradient: t.grad, v.grad")
        resize = Absent("np.resize(t, (3, 2))")
        searchsorted = Absent("np.searchsorted(np.sort(t.flatten()), 1.0)")
        sort = Absent("tg.sort(t)")
        split = Absent("np.split(t, 2)")
        sub = Absent("t - t")
        sub_ = Absent("t = t - t")
        t = Absent("t.T")
        to = Absent("t.astype(np.float32)")
        type = Absent("t.astype(np.float32)")
        uniform_ = Absent("t.data = np.random.default_rng(0).random(t.shape)  # of a leaf")
        unsqueeze = Absent("t.expand_dims(axis=0)")
        view = Absent("t.reshape(3, 2)")
        zero_ = Absent("t.zero_grad()  # forgets t.grad")


NODES = {name: row.line for name, row in vars(Habits).items() if isinstance(row, Absent)}
