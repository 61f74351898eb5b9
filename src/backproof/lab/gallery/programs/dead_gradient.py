"""A bias so negative that no unit of the layer is ever active."""

import torch
from torch import nn

torch.manual_seed(0)
layer, head = nn.Linear(4, 8), nn.Linear(8, 1)
nn.init.constant_(layer.bias, -10.0)
hidden = torch.relu(layer(torch.rand(16, 4)))
loss = (head(hidden) - 1).square().mean()
loss.backward()
