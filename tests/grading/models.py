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

RIGHT = {"module": MODULE, "linear": LINEAR, "plain": PLAIN, "numpy": NUMPY}

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
        {*GRADIENTS, "gradient at extreme scores", "training"}, "no entry for d",
    ),
    "wrong shape": (
        NUMPY, "delta.sum()[None]", "delta.sum()",
        {*GRADIENTS, "gradient at extreme scores", "training"}, "expected (1,)",
    ),
    "naive loss": (
        MODULE, "nn.functional.softplus(-t * self.score(x))",
        "torch.log(1 + torch.exp(-t * self.score(x)))", EXTREME, "the loss is inf",
    ),
    "clamped loss": (
        MODULE, "-t * self.score(x)", "(-t * self.score(x)).clamp(max=50)", EXTREME, "expected",
    ),
    "sum for mean": (
        MODULE, ".mean()", ".sum()", {"loss", "training"}, "the mean loss of 7 points",
    ),
    "sigmoid": (
        MODULE, "torch.tanh", "torch.sigmoid", {"score", "training"}, "expected wᵀ tanh",
    ),
    "column": (
        LINEAR, ".squeeze(1)", "", {
            "shapes and dtypes", "score", "loss", "loss at extreme scores",
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
            "constructor", "score", "loss at extreme scores", "gradient at extreme scores",
            "training", *GRADIENTS,
        }, "4 parameters: expected 5",
    ),
    "detached": (
        MODULE, "@ self.w + self.b", "@ self.w.detach() + self.b",
        {*GRADIENTS, "gradient at extreme scores", "training"}, "no gradient reaches w",
    ),
    "fixed dtype": (
        MODULE, "torch.tanh(x @", "torch.tanh(x.double() @",
        {"shapes and dtypes", *EXTREME}, "expected m1 and m2 to have the same dtype",
    ),
    "changes its points": (
        NUMPY, "return np.tanh(x @", "x *= 2\n        return np.tanh(x / 2 @",
        {"shapes and dtypes"}, "changes the points",
    ),
    "raises": (
        MODULE, "return nn.functional", "raise ValueError('not yet')\n        return nn.functional",
        {"loss", "training", *EXTREME, *GRADIENTS}, "ValueError: not yet in line 16",
    ),
}  # fmt: skip
