"""A hidden state is scaled in place after `tanh` has saved it for its gradient."""

import torch

w = torch.randn(3, 3, requires_grad=True)
hidden = torch.tanh(torch.ones(1, 3) @ w)
loss = hidden.square().sum()
hidden *= 0.9
loss.backward()
