"""A parameter is updated in place while autograd records."""

import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
w.square().sum().backward()
w -= 0.1 * w.grad
