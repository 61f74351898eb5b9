"""The lab's model: one hidden layer of tanh units, two inputs, one score."""

from typing import SupportsIndex

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from backproof._core.checks import whole_number
from backproof._core.errors import InputError
from backproof.training.arrays import INFERENCE_BLOCK, as_tensor, floating_dtype, signs
from backproof.training.initial import initial_layers
from backproof.training.losses import check_labels, mean_logistic_loss


class FFModel(nn.Module):
    """Score s(x) = wᵀ tanh(W1ᵀ x + b1) + b of points in the plane.

    All 4·hidden + 1 parameters are drawn independently and uniformly from [-1, 1]: in float64,
    then rounded to `dtype`, so that every dtype starts from the same network.

    Parameters
    ----------
    hidden
        Number of hidden units H, at least 1.
    seed
        Whole number of at least 0; the same seed gives the same network.
    dtype
        Floating dtype of the parameters, or its name.

    Attributes
    ----------
    W1 : torch.nn.Parameter
        Shape (2, H).
    b1, w : torch.nn.Parameter
        Shape (H,).
    b : torch.nn.Parameter
        Shape ().

    Raises
    ------
    InputError
        If an argument is out of range.
    """

    def __init__(
        self,
        hidden: SupportsIndex,
        seed: SupportsIndex = 0,
        dtype: torch.dtype | str = torch.float64,
    ) -> None:
        super().__init__()
        self.hidden = whole_number("hidden", hidden, at_least=1)
        dtype = floating_dtype(dtype)
        seed = whole_number("seed", seed, at_least=0)
        first, last = (
            torch.tensor(layer).to(dtype) for layer in initial_layers((self.hidden,), seed)
        )
        self.W1 = nn.Parameter(first[:-1].clone())
        self.b1 = nn.Parameter(first[-1].clone())
        self.w = nn.Parameter(last[:-1, 0].clone())
        self.b = nn.Parameter(last[-1, 0].clone())

    def extra_repr(self) -> str:
        """Return what `repr` shows in the parentheses."""
        return f"hidden={self.hidden}, dtype={self.W1.dtype}"

    def forward(self, x: ArrayLike | Tensor) -> Tensor:
        """Return `score` of `x`."""
        return self.score(x)

    def score(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the scores, shape (n,), of points `x`, shape (n, 2); differentiable.

        Raises
        ------
        InputError
            If `x` has another shape.
        """
        # n sample, d coordinate, h hidden: (n,d) @ (d,h) + (h,) -> (n,h); (n,h) @ (h,) -> (n,)
        return torch.tanh(self._points(x) @ self.W1 + self.b1) @ self.w + self.b

    def infer(self, x: ArrayLike | Tensor) -> Tensor:
        """Return `score` of `x` up to rounding, without a gradient and several times faster.

        Works in blocks whose activations fit the cache.
        """
        points = self._points(x)
        scores = torch.empty(len(points), dtype=points.dtype, device=points.device)
        rows = max(1, INFERENCE_BLOCK // self.hidden)
        with torch.no_grad():
            # wᵀ tanh(a) = 2wᵀ sigmoid(2a) - Σ w: exact to the rounding of such a sum and, in
            # PyTorch on a CPU, several times faster than tanh itself.
            weights, shifts, outer = 2 * self.W1.T, 2 * self.b1[:, None], 2 * self.w
            offset = self.b - self.w.sum()
            memory = scores.new_empty(self.hidden * min(rows, len(points)))
            for start in range(0, len(points), rows):
                block = points[start : start + rows]
                activation = memory[: self.hidden * len(block)].view(self.hidden, len(block))
                # h hidden, n sample: (h,d) @ (d,n) + (h,1) -> (h,n); long rows even where h is 5
                torch.addmm(shifts, weights, block.T, out=activation).sigmoid_()
                torch.mv(activation.T, outer, out=scores[start : start + rows]).add_(offset)
        return scores

    def classify(self, x: ArrayLike | Tensor) -> Tensor:
        """Return the classes, -1 or +1, shape (n,), int64, of points `x`, shape (n, 2).

        The sign of the score, by `infer`; a score of exactly 0 counts as +1.
        """
        return signs(self.infer(x))

    def mean_loss(self, x: ArrayLike | Tensor, t: ArrayLike | Tensor) -> Tensor:
        """Return the mean negative log-likelihood of labels `t` at points `x`.

        Parameters
        ----------
        x
            Points, shape (n, 2).
        t
            Labels -1 or +1, shape (n,).

        Returns
        -------
        torch.Tensor
            The mean of log(1 + exp(-t·s)), a scalar; finite and exact for every finite score.

        Raises
        ------
        InputError
            If a shape is wrong or a label is neither -1 nor +1.
        """
        labels = as_tensor(t, device=self.W1.device)
        check_labels(labels)
        return mean_logistic_loss(self.score(x), labels)

    def _points(self, x: ArrayLike | Tensor) -> Tensor:
        points = as_tensor(x, self.W1.dtype, self.W1.device)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(f"x must have shape (n, 2), got {tuple(points.shape)}")
        return points
