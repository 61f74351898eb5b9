"""The state of a recurrent network is carried over without being detached."""

import torch

cell = torch.nn.RNNCell(2, 4)
state = torch.ones(1, 4)
for x in torch.randn(3, 1, 2):
    state = cell(x, state)
    loss = state.square().sum()
    loss.backward()
