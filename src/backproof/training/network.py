"""Fully connected networks of any depth, as ordinary modules."""

from typing import SupportsIndex

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof.training.activations import activation_function
from backproof.training.arrays import INFERENCE_BLOCK, as_tensor, floating_dtype, signs
from backproof.training.initial import initial_layers
from backproof.training.spec import ActivationLike, Hidden, hidden_sizes


class Network(nn.Module):
    """Scores s(x) = W_Lᵀ f(… f(W_1ᵀ x + b_1) …) + b_L of points.

    Initial weights are uniform: biases and the last layer's weights in [-1, 1], those of a hidden
    layer with m inputs in ±√(2/m). With two inputs, one hidden layer and one output they are those
    of `FFModel`.

    Parameters
    ----------
    inputs
        Number of features d, at least 1.
    hidden
        Size of the hidden layer, or sizes of several.
    outputs
        Number of scores K a point, at least 1.
    activation
        Name of the activation f (``tanh``, ``sigmoid``, ``relu``, ``softplus``), or a function of
        a tensor.
    seed
        Whole number of at least 0; the same seed gives the same network.
    dtype
        Floating dtype of the parameters, or its name.

    Attributes
    ----------
    W1, W2, … : torch.nn.Parameter
        Weights, shape (inputs of the layer, outputs of the layer).
    b1, b2, … : torch.nn.Parameter
        Biases, shape (outputs of the layer,).

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    def __init__(
        self,
        inputs: SupportsIndex,
        hidden: Hidden,
        outputs: SupportsIndex = 1,
        *,
        activation: ActivationLike = "tanh",
        seed: SupportsIndex = 0,
        dtype: torch.dtype | str = torch.float64,
    ) -> None:
        super().__init__()
        self.inputs = whole_number("inputs", inputs, at_least=1)
        (self.hidden,) = hidden_sizes([hidden])
        self.outputs = whole_number("outputs", outputs, at_least=1)
        self.activation = activation
        self._function = activation_function(activation)
        floating = floating_dtype(dtype)
        seed = whole_number("seed", seed, at_least=0)
        layers = initial_layers(self.hidden, seed, self.inputs, self.outputs)
        for number, layer in enumerate(layers, start=1):
            values = torch.tensor(layer).to(floating)
            self.register_parameter(f"W{number}", nn.Parameter(values[:-1].clone()))
            self.register_parameter(f"b{number}", nn.Parameter(values[-1].clone()))

    def extra_repr(self) -> str:
        """Return what `repr` shows in the parentheses."""
        return (
            f"inputs={self.inputs}, hidden={self.hidden}, outputs={self.outputs}, "
            f"activation={self.activation!r}, dtype={self.get_parameter('W1').dtype}"
        )

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Return `score` of `x`."""
        return self.score(x)

    def score(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the scores of points `x`, shape (n, d); differentiable.

        Returns
        -------
        torch.Tensor
            Shape (n,) where there is one output, else (n, K).

        Raises
        ------
        InputError
            If `x` has another shape.
        """
        return self._scores(self._points(x))

    def infer(self, x: ArrayLike | Tensor) -> Tensor:
        """Return `score` of `x` without a gradient, in blocks that fit the cache."""
        points = self._points(x)
        rows = max(1, INFERENCE_BLOCK // max(self.hidden))
        with torch.no_grad():
            return torch.cat([self._scores(block) for block in torch.split(points, rows)])

    def classify(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the classes of points `x`, shape (n,), int64.

        With one output the sign of the score, -1 or +1, where a score of exactly 0 counts as +1;
        with K outputs the index of the largest score.
        """
        scores = self.infer(x)
        if self.outputs > 1:
            return scores.argmax(dim=1)
        return signs(scores)

    def _scores(self, points: Tensor) -> Tensor:
        # n point, d feature, h unit: (n,d) @ (d,h) + (h,) -> (n,h), layer by layer
        values = points
        last = len(self.hidden) + 1
        for number in range(1, last + 1):
            values = values @ self._layer(f"W{number}") + self._layer(f"b{number}")
            if number < last:
                values = self._function(values)
        return values[:, 0] if self.outputs == 1 else values

    def _points(self, x: ArrayLike | Tensor) -> Tensor:
        first = self._layer("W1")
        points = as_tensor(x, first.dtype, first.device)
        if points.ndim != 2 or points.shape[1] != self.inputs:
            raise InputError(f"x must have shape (n, {self.inputs}), got {tuple(points.shape)}")
        return points

    def _layer(self, name: str) -> Tensor:
        # Not get_parameter: torch.func and parametrizations put plain tensors in their place.
        layer: Tensor = getattr(self, name)
        return layer
