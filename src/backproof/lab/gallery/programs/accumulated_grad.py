"""Gradients are never cleared, so that each step repeats the earlier ones."""

import torch

model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x in torch.randn(3, 8, 2):
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
