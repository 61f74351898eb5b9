"""The optimizer was made before the head was replaced."""

import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model[2] = nn.Linear(8, 2)
loss = model(torch.randn(16, 4)).square().mean()
loss.backward()
optimizer.step()
