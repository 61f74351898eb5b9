"""The optimizer was given the head only, though the encoder gets gradients too."""

import torch
from torch import nn

encoder, head = nn.Linear(4, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for x in torch.rand(3, 16, 4):
    optimizer.zero_grad()
    loss = head(encoder(x)).square().mean()
    loss.backward()
    optimizer.step()
