"""An MLP with batch norm over a character embedding, every intermediate derived by hand.

The exercise is that of A. Karpathy's makemore lecture on backpropagation; names as there.
"""

import numpy as np

import tinygrad_lite as tg


class Block:
    """The forward pass and the derivation; `slip` names the line that goes wrong."""

    def __init__(self, n=32, vocabulary=27, context=3, width=10, hidden=24, seed=51):
        rng = np.random.default_rng(seed)
        self.n = n
        self.Xb = rng.integers(0, vocabulary, size=(n, context))
        self.Yb = rng.integers(0, vocabulary, size=n)
        T = tg.Tensor
        fan_in = width * context
        C = T(rng.normal(size=(vocabulary, width)))
        W1 = T(rng.normal(size=(fan_in, hidden)) * (5 / 3) / np.sqrt(fan_in))
        b1 = T(rng.normal(size=hidden) * 0.1)
        W2 = T(rng.normal(size=(hidden, vocabulary)) * 0.1)
        b2 = T(rng.normal(size=vocabulary) * 0.1)
        bngain = T(rng.normal(size=(1, hidden)) * 0.1 + 1)
        bnbias = T(rng.normal(size=(1, hidden)) * 0.1)
        emb = C[self.Xb]
        embcat = emb.reshape(n, fan_in)
        hprebn = embcat @ W1 + b1
        bnmeani = 1 / n * hprebn.sum(axis=0, keepdims=True)
        bndiff = hprebn - bnmeani
        bndiff2 = bndiff**2
        bnvar = 1 / (n - 1) * bndiff2.sum(axis=0, keepdims=True)
        bnvar_inv = (bnvar + 1e-5) ** -0.5
        bnraw = bndiff * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = tg.tanh(hpreact)
        logits = h @ W2 + b2
        logit_maxes = tg.max(logits, axis=1, keepdims=True)
        norm_logits = logits - logit_maxes
        counts = tg.exp(norm_logits)
        counts_sum = counts.sum(axis=1, keepdims=True)
        counts_sum_inv = counts_sum**-1
        probs = counts * counts_sum_inv
        logprobs = tg.log(probs)
        loss = -logprobs[np.arange(n), self.Yb].mean()
        found = locals()
        self.nodes = {k: v for k, v in found.items() if isinstance(v, T)}
        for name, node in self.nodes.items():
            node.name = name

    def gradients(self, slip="right"):
        """dname for every node, by hand, with one line wrong."""
        v = {name: node.data for name, node in self.nodes.items()}
        n, Xb, Yb = self.n, self.Xb, self.Yb
        g = {}
        g["logprobs"] = np.zeros_like(v["logprobs"])
        g["logprobs"][np.arange(n), Yb] = -1.0 / n
        g["probs"] = (1.0 / v["probs"]) * g["logprobs"]
        g["counts_sum_inv"] = (v["counts"] * g["probs"]).sum(1, keepdims=True)
        g["counts_sum"] = -(v["counts_sum"] ** -2) * g["counts_sum_inv"]
        g["counts"] = np.ones_like(v["counts"]) * g["counts_sum"]
        if slip != "counts":
            g["counts"] = g["counts"] + v["counts_sum_inv"] * g["probs"]
        g["norm_logits"] = v["counts"] * g["counts"]
        g["logit_maxes"] = -g["norm_logits"].sum(1, keepdims=True)
        g["logits"] = g["norm_logits"].copy()
        top = v["logits"].argmax(1)
        if slip == "logit_maxes":
            g["logit_maxes"] = g["norm_logits"].copy()
        else:
            g["logits"] += np.eye(v["logits"].shape[1])[top] * g["logit_maxes"]
        g["h"] = g["logits"] @ v["W2"].T
        g["W2"] = v["h"].T @ g["logits"]
        g["b2"] = g["logits"].sum(0)
        slope = 1 - v["h"] ** 2 if slip != "tanh" else 1 - v["hpreact"] ** 2
        g["hpreact"] = slope * g["h"]
        g["bngain"] = (v["bnraw"] * g["hpreact"]).sum(0, keepdims=True)
        g["bnbias"] = g["hpreact"].sum(0, keepdims=True)
        g["bnraw"] = v["bngain"] * g["hpreact"]
        g["bnvar_inv"] = (v["bndiff"] * g["bnraw"]).sum(0, keepdims=True)
        power = -0.5 if slip != "bnvar" else 0.5
        g["bnvar"] = power * (v["bnvar"] + 1e-5) ** -1.5 * g["bnvar_inv"]
        g["bndiff2"] = 1.0 / (n - 1) * np.ones_like(v["bndiff2"]) * g["bnvar"]
        g["bndiff"] = v["bnvar_inv"] * g["bnraw"]
        if slip != "bndiff":
            g["bndiff"] = g["bndiff"] + 2 * v["bndiff"] * g["bndiff2"]
        g["bnmeani"] = -g["bndiff"].sum(0, keepdims=True)
        g["hprebn"] = g["bndiff"] + 1.0 / n * np.ones_like(v["hprebn"]) * g["bnmeani"]
        g["embcat"] = g["hprebn"] @ v["W1"].T
        g["W1"] = v["embcat"].T @ g["hprebn"]
        g["b1"] = g["hprebn"].sum(0)
        g["emb"] = g["embcat"].reshape(v["emb"].shape)
        g["C"] = np.zeros_like(v["C"])
        if slip == "dC":
            g["C"][Xb] = g["emb"]
        else:
            np.add.at(g["C"], Xb, g["emb"])
        return g

    def case(self, title, slip, expected):
        """One case: lines computed from the wrong one are inherited, the others right.

        A line whose numbers do not change is right, as the bias gradient in front of a batch norm.
        """
        claims, truth = self.gradients(slip), self.gradients()
        verdicts = {}
        for name in claims:
            node = self.nodes[name]
            same = np.shape(claims[name]) == node.shape and np.allclose(
                claims[name], truth[name], rtol=1e-9, atol=1e-12
            )
            verdicts[node] = "right" if same else "inherited"
        verdicts.update({self.nodes[k]: e for k, e in expected.items()})
        return (
            title,
            self.nodes["loss"],
            {self.nodes[k]: c for k, c in claims.items()},
            verdicts,
        )


def makemore_batch_norm():
    """Every line from logprobs to C."""
    block = Block()
    yield block.case("every line", "right", {})
    yield block.case("variance path dropped at bndiff", "bndiff", {"bndiff": "missing-term"})
    yield block.case("first path dropped at counts", "counts", {"counts": "missing-term"})
    yield block.case(
        "tanh' at the pre-activation",
        "tanh",
        {"hpreact": "activation-derivative-at-wrong-point"},
    )
    yield block.case("rows of C overwritten", "dC", {"C": "missing-term"})
    yield block.case("power rule's minus lost", "bnvar", {"bnvar": "sign"})
    yield block.case(
        "logit_maxes not summed and without minus",
        "logit_maxes",
        {"logit_maxes": "missing-broadcast-sum|sign|shape"},
    )


def makemore_fused():
    """The lecture's two closed forms: softmax cross-entropy and batch norm in one line each."""
    block = Block(n=16, hidden=12, seed=52)
    v = {name: node.data for name, node in block.nodes.items()}
    hprebn, logits, loss = (block.nodes[k] for k in ("hprebn", "logits", "loss"))
    n = block.n
    d = v["probs"].copy()
    d[np.arange(n), block.Yb] -= 1
    d /= n
    dh = (d @ v["W2"].T) * (1 - v["h"] ** 2)
    gain, inv, raw = v["bngain"], v["bnvar_inv"], v["bnraw"]

    def fused(bessel=n / (n - 1), mean=1.0, var=1.0):
        centre = n * dh - mean * dh.sum(0) - var * bessel * raw * (dh * raw).sum(0)
        return gain * inv / n * centre

    yield "both", loss, {logits: d, hprebn: fused()}, "right"
    yield "n for n - 1", loss, {hprebn: fused(bessel=1.0)}, "constant-scale|other"
    yield "no variance path", loss, {hprebn: fused(var=0.0)}, "missing-term"
    yield "no mean path", loss, {hprebn: fused(mean=0.0)}, "missing-term"
    yield "mean and variance held fixed", loss, {hprebn: fused(mean=0.0, var=0.0)}, "missing-term"
    yield "the variance path added", loss, {hprebn: fused(var=-1.0)}, "sign"
    yield "no gain", loss, {hprebn: fused() / gain}, "missing-factor"
    yield "no 1/sigma", loss, {hprebn: fused() / inv}, "missing-factor"
    yield "not divided by n", loss, {logits: d * n}, "mean-vs-sum"
