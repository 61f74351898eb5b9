"""A weight is scaled when it is made, and so is no leaf."""

import warnings

import torch

warnings.simplefilter("ignore")  # PyTorch warns too, but not of the line that made it so
w = torch.randn(3, requires_grad=True) * 0.01
loss = (w - 1).square().sum()
loss.backward()
print(w.grad)
