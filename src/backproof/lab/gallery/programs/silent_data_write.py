"""Activations are clipped through `.data`: no error, and a gradient that is wrong."""

import torch

w = torch.tensor([0.5, 2.0], requires_grad=True)
hidden = w * 3
hidden.data.clamp_(max=1.0)
loss = hidden.square().sum()
loss.backward()
