"""Implementations of the lab's model as people hand them in, right and wrong."""

MODULE = """
import torch
from torch import nn


class FFModel(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        draw = lambda *shape: nn.Parameter(torch.rand(*shape, dtype=torch.float64) * 2 - 1)
        self.W1, self.b1, self.w, self.b = draw(2, hidden), draw(hidden), draw(hidden), draw(1)

    def score(self, x):
        return torch.tanh(x @ self.W1 + self.b1) @ self.w + self.b

    def mean_loss(self, x, t):
        return nn.functional.softplus(-t * self.score(x)).mean()
"""

LINEAR = """
import torch
from torch import nn


class FFModel(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.first, self.second = nn.Linear(2, hidden), nn.Linear(hidden, 1)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1, 1)

    def score(self, x):
        return self.second(torch.tanh(self.first(x))).squeeze(1)

    def mean_loss(self, x, t):
        return torch.nn.functional.softplus(-t * self.score(x)).mean()
"""

PLAIN = """
import torch


class FFModel:
    def __init__(self, hidden):
        self.rate = 0.1
        self.seen = torch.zeros(3)
        self.u = (torch.rand(hidden) * 2 - 1).requires_grad_()
        self.V = (torch.rand(hidden, 2) * 2 - 1).requires_grad_()
        self.c = (torch.rand(hidden) * 2 - 1).requires_grad_()
        self.d = (torch.rand(()) * 2 - 1).requires_grad_()

    def score(self, x):
        return torch.tanh(x @ self.V.T + self.c) @ self.u + self.d

    def mean_loss(self, x, t):
        return torch.logaddexp(torch.zeros_like(t), -t * self.score(x)).mean()
"""

NUMPY = """
import numpy as np
from scipy.special import expit


class FFModel:
    def __init__(self, hidden):
        draw = np.random.default_rng().uniform
        self.A, self.c = draw(-1, 1, (hidden, 2)), draw(-1, 1, hidden)
        self.v, self.d = draw(-1, 1, hidden), draw(-1, 1, 1)

    def score(self, x):
        return np.tanh(x @ self.A.T + self.c) @ self.v + self.d[0]

    def mean_loss(self, x, t):
        return np.logaddexp(0, -t * self.score(x)).mean()

    def gradient(self, x, t):
        hidden = np.tanh(x @ self.A.T + self.c)
        delta = -t * expit(-t * (hidden @ self.v + self.d[0])) / len(x)
        inner = np.outer(delta, self.v) * (1 - hidden**2)
        return {"A": inner.T @ x, "c": inner.sum(0), "v": hidden.T @ delta, "d": delta.sum()[None]}
"""

LISTED = """
import numpy as np
from scipy.special import expit


class FFModel:
    def __init__(self, hidden):
        draw = np.random.default_rng().uniform
        self._all = {
            "out": draw(-1, 1, hidden),
            "shift": draw(-1, 1, hidden),
            "matrix": draw(-1, 1, (2, hidden)),
            "offset": np.array(draw(-1, 1)),
        }

    def parameters(self):
        return self._all

    def score(self, x):
        p = self._all
        return np.tanh(x @ p["matrix"] + p["shift"]) @ p["out"] + p["offset"]

    def mean_loss(self, x, t):
        return np.logaddexp(0, -t * self.score(x)).mean()

    def gradient(self, x, t):
        p = self._all
        hidden = np.tanh(x @ p["matrix"] + p["shift"])
        delta = -t * expit(-t * (hidden @ p["out"] + p["offset"])) / len(x)
        inner = np.outer(delta, p["out"]) * (1 - hidden**2)
        return hidden.T @ delta, inner.sum(0), x.T @ inner, delta.sum()
"""

_DRAWN = """        self.A, self.c = draw(-1, 1, (hidden, 2)), draw(-1, 1, hidden)
        self.v, self.d = draw(-1, 1, hidden), draw(-1, 1, 1)
"""
_VECTOR = """        self.H, self._all = hidden, draw(-1, 1, 4 * hidden + 1)

    A = property(lambda self: self._all[: 2 * self.H].reshape(self.H, 2))
    c = property(lambda self: self._all[2 * self.H : 3 * self.H])
    v = property(lambda self: self._all[3 * self.H : -1])
    d = property(lambda self: self._all[-1:])

    def parameters(self):
        return {"A": self.A, "c": self.c, "v": self.v, "d": self.d}
"""

RIGHT = {
    "module": MODULE,
    "module in float32": MODULE.replace("dtype=torch.float64", "dtype=torch.float32"),
    "module with a frozen parameter": MODULE.replace(
        "super().__init__()\n",
        "super().__init__()\n        self.one = nn.Parameter(torch.ones(1), requires_grad=False)\n",
    ),
    "module of plain tensors": MODULE.replace(
        "nn.Parameter(torch.rand(*shape, dtype=torch.float64) * 2 - 1)",
        "(torch.rand(*shape, dtype=torch.float64) * 2 - 1).requires_grad_()",
    ),
    "another stable loss": MODULE.replace(
        "nn.functional.softplus(-t * self.score(x)).mean()",
        "nn.functional.binary_cross_entropy_with_logits(self.score(x), (t + 1) / 2)",
    ),
    "linear": LINEAR,
    "plain": PLAIN,
    "plain with a constant": PLAIN.replace(".requires_grad_()", "").replace(
        "def mean_loss(self, x, t):",
        "def mean_loss(self, x, t):\n        for one in (self.u, self.V, self.c, self.d):\n"
        "            one.requires_grad_()",
    ),
    "numpy": NUMPY,
    "numpy by a method": LISTED,
    "numpy in a dictionary": NUMPY.replace(_DRAWN, _DRAWN + "        self.p = vars(self).copy()\n")
    .replace("self.A", 'self.p["A"]')
    .replace("self.c", 'self.p["c"]')
    .replace("self.v", 'self.p["v"]')
    .replace("self.d", 'self.p["d"]')
    .replace("        self.p = vars(self).copy()\n", "")
    .replace("draw = np", "self.p = {}\n        draw = np"),
    "numpy in a list": NUMPY.replace("self.A", "self.p[0]")
    .replace("self.c", "self.p[1]")
    .replace("self.v", "self.p[2]")
    .replace("self.d", "self.p[3]")
    .replace("draw = np", "self.p = [0, 0, 0, 0]\n        draw = np")
    + "\n    def parameters(self):\n        return self.p\n",
    "numpy in slots": NUMPY.replace(
        "class FFModel:\n", 'class FFModel:\n    __slots__ = "Acvd"\n'
    ).replace('"Acvd"', '("A", "c", "v", "d")'),
    "views of a vector": NUMPY.replace(_DRAWN, _VECTOR),
    "a number for the offset": NUMPY.replace("draw(-1, 1, 1)", "draw(-1, 1)")
    .replace("self.d[0]", "self.d")
    .replace("delta.sum()[None]", "delta.sum()"),
    "a scalar gradient for one number": NUMPY.replace("delta.sum()[None]", "delta.sum()"),
    "buffers beside the parameters": NUMPY.replace(
        _DRAWN,
        _DRAWN + "        self.rate, self.seen = 0.1, np.zeros(3)\n"
        "        self.gA, self.gc = np.zeros_like(self.A), np.zeros_like(self.c)\n",
    ).replace(
        "        return {",
        "        self.gA[...], self.gc[...] = inner.T @ x, inner.sum(0)\n        return {",
    ),
    "warnings as errors": "import numpy as np\nnp.seterr(over='raise', invalid='raise')\n" + NUMPY,
    "options of its own": "import argparse\nargparse.ArgumentParser().parse_known_args()\n"
    + MODULE,
}

GRADIENTS = {f"gradient by {role}" for role in ("W1", "b1", "w", "b")}
EXTREME = {"loss at extreme scores", "gradient at extreme scores"}

# What is changed in which implementation, which points fail for it, and a word of the reason.
WRONG: dict[str, tuple[str, str, str, set[str], str]] = {
    "mean for sum": (
        NUMPY, "inner.sum(0)", "inner.mean(0)", {"gradient by b1", "training"}, "constant factor",
    ),
    "transposed": (
        NUMPY, '"A": inner.T @ x', '"A": (inner.T @ x).reshape(2, -1).T.copy()',
        {"gradient by W1", "training"}, "DISAGREE",
    ),
    "forgotten derivative": (
        NUMPY, " * (1 - hidden**2)", "", {"gradient by W1", "gradient by b1", "training"},
        "DISAGREE",
    ),
    "wrong sign": (
        NUMPY, "hidden.T @ delta", "-(hidden.T @ delta)", {"gradient by w", "training"},
        "claimed = −numeric",
    ),
    "missing entry": (
        NUMPY, ', "d": delta.sum()[None]', "",
        {"gradient by b", "gradient at extreme scores", "training"}, "no entry for d",
    ),
    "wrong shape": (
        NUMPY, '"v": hidden.T @ delta', '"v": (hidden.T @ delta)[:, None]',
        {"gradient by w", "gradient at extreme scores", "training"}, "expected (7,)",
    ),
    "naive loss": (
        MODULE, "nn.functional.softplus(-t * self.score(x))",
        "torch.log(1 + torch.exp(-t * self.score(x)))", EXTREME, "the loss is inf",
    ),
    "clamped loss": (
        MODULE, "-t * self.score(x)", "(-t * self.score(x)).clamp(max=50)", EXTREME, "expected",
    ),
    "sum for mean": (
        MODULE, ".mean()", ".sum()", {"loss", "training"}, "the mean loss of 2 points",
    ),
    "sigmoid": (
        MODULE, "torch.tanh", "torch.sigmoid", {"score", "training"}, "expected wᵀ tanh",
    ),
    "column": (
        LINEAR, ".squeeze(1)", "", {
            "shapes and dtypes", "no side effects", "score", "loss", "loss at extreme scores",
            "gradient at extreme scores", "training", *GRADIENTS,
        }, "shape (1, 1) for 1 points",
    ),
    "usual initialisation": (
        LINEAR, "nn.init.uniform_(parameter, -1, 1)", "pass", {"initial parameters"},
        "not uniform",
    ),
    "normal initialisation": (
        LINEAR, "nn.init.uniform_(parameter, -1, 1)", "nn.init.normal_(parameter)",
        {"initial parameters"}, "within [-1, 1]",
    ),
    "no bias": (
        LINEAR, "nn.Linear(hidden, 1)", "nn.Linear(hidden, 1, bias=False)", {
            "constructor", "score", "loss at extreme scores",
            "gradient at extreme scores", "training", *GRADIENTS,
        }, "second.weight (1, 1): expected 4H + 1 = 5",
    ),
    "detached": (
        MODULE, "@ self.w + self.b", "@ self.w.detach() + self.b",
        {"gradient by w", "gradient at extreme scores", "training"}, "no gradient reaches w",
    ),
    "fixed dtype": (
        MODULE, "torch.tanh(x @", "torch.tanh(x.double() @",
        {"shapes and dtypes", *EXTREME}, "expected m1 and m2 to have the same dtype",
    ),
    "changes its points": (
        NUMPY, "return np.tanh(x @", "x *= 2\n        return np.tanh(x / 2 @",
        {"no side effects"}, "changes the points",
    ),
    "raises": (
        MODULE, "return nn.functional", "raise ValueError('not yet')\n        return nn.functional",
        {"no side effects", "loss", "training", *EXTREME, *GRADIENTS},
        "ValueError: not yet in line 16",
    ),
    "wrong for one hidden unit": (
        NUMPY, "@ self.v + self.d[0]\n\n", "@ self.v * (len(self.v) > 1) + self.d[0]\n\n",
        {"score", *GRADIENTS}, "with H = 1",
    ),
    "for as many points as in the example": (
        NUMPY, "/ len(x)", "/ (40 if len(x) > 1 else 1)", GRADIENTS, "with H = 2 and 3 points",
    ),
    "the first points alone": (
        NUMPY, "    def gradient(self, x, t):\n",
        "    def gradient(self, x, t):\n        x, t = x[:40], t[:40]\n", GRADIENTS,
        "with H = 30 and 150 points",
    ),
    "remembers the first points": (
        NUMPY, "    def score(self, x):\n",
        ("    def score(self, x):\n        self.seen = getattr(self, 'seen', {})\n"
        "        x = self.seen.setdefault(len(x), x)\n"),
        {"no side effects", "gradient at extreme scores"}, "depends on what was asked before",
    ),
    "gradient of the last score": (
        NUMPY, "        delta = -t", "        hidden = self.hidden\n        delta = -t",
        {
            "shapes and dtypes", "no side effects", "training", "gradient at extreme scores",
            *GRADIENTS,
        }, "hidden",
    ),
    "changes its labels": (
        NUMPY, "        return np.logaddexp(0, -t * self.score(x)).mean()",
        ("        loss = np.logaddexp(0, -t * self.score(x)).mean()\n        t *= -1\n"
        "        return loss"), {"no side effects"}, "mean_loss changes the labels",
    ),
    "steps by itself": (
        NUMPY, "        return {", "        self.c -= 0.1 * inner.sum(0)\n        return {",
        {"no side effects", "training"}, "gradient changes the parameter c",
    ),
    "tanh that overflows": (
        NUMPY, "return np.tanh(x @ self.A.T + self.c) @",
        ("z = x @ self.A.T + self.c\n        "
        "return (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)) @"), EXTREME,
        "overflow encountered",
    ),
    "points cut off": (
        NUMPY, "    def score(self, x):\n",
        "    def score(self, x):\n        x = np.clip(x, -10, 10)\n",
        {"score", "gradient at extreme scores"}, "at x = (",
    ),
    "offset that begins with zero": (
        NUMPY, "draw(-1, 1, 1)", "np.zeros(1)", {"initial parameters"}, "d are not uniform",
    ),
    "the same draws twice": (
        NUMPY, "self.v, self.d = draw(-1, 1, hidden)", "self.v, self.d = self.c.copy()",
        {"initial parameters"}, "c and v are correlated",
    ),
    "one array twice": (
        NUMPY, "self.v, self.d = draw(-1, 1, hidden)", "self.v, self.d = self.c",
        {
            "initial parameters", "shapes and dtypes", "no side effects", "score", "loss",
            "training", *EXTREME, *GRADIENTS,
        }, "keeps its value when another is written",
    ),
    "gradient in another dtype": (
        PLAIN, "    def score(self, x):\n",
        ("    def gradient(self, x, t):\n"
        "        loss = self.mean_loss(x, t)\n"
        "        return [one.double() for one in torch.autograd.grad(loss, "
        "[self.u, self.V, self.c, self.d])]\n\n"
        "    def score(self, x):\n"), {"shapes and dtypes"}, "in float64: expected float32",
    ),
}  # fmt: skip
