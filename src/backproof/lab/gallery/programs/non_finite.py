"""`where` picks the right branch, but the other one is differentiated too."""

import torch

x = torch.tensor([0.0, 1.0, 4.0], requires_grad=True)
root = torch.sqrt(x)
safe = torch.where(x > 0, root, 0.0)
safe.sum().backward()
