"""The first layer never learns: its output is made into a new tensor."""

import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")  # PyTorch advises against torch.tensor(tensor)
encoder, head = nn.Linear(4, 3), nn.Linear(3, 1)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
features = torch.tensor(encoder(torch.randn(8, 4)))
loss = head(features).square().mean()
loss.backward()
optimizer.step()
