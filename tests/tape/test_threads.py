"""What other threads may be computing is left alone: PyTorch adds to gradients without a lock."""

import pytest
import torch
from torch import Tensor, nn

from backproof import tape


class Watched(nn.Parameter):
    """A parameter that counts how often its gradient is looked at."""

    looks = 0

    @property
    def grad(self) -> Tensor | None:
        self.looks += 1
        return super().grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        Tensor.grad.__set__(self, value)  # type: ignore[union-attr]


def trained(weight: Tensor, steps: int = 1) -> None:
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=False)
        (weight * torch.arange(3.0)).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@pytest.mark.parametrize("steps", [0, 2])
def test_a_pass_looks_at_no_gradient_that_it_does_not_reach(steps: int) -> None:
    with tape.explain() as session:
        other, mine = Watched(torch.ones(3)), nn.Parameter(torch.ones(3))
        trained(other, steps)
        before = other.looks
        trained(mine, steps=3)
        assert other.looks == before
    assert session.backward_passes == steps + 3


def test_what_it_reaches_it_looks_at() -> None:
    with tape.explain():
        mine = Watched(torch.ones(3))
        (mine * torch.arange(3.0)).sum().backward()  # type: ignore[no-untyped-call]
    assert mine.looks > 0


def test_clearing_in_place_what_a_pass_does_not_reach_is_no_accumulation() -> None:
    with tape.explain() as session:
        other, mine = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
        trained(other)
        assert other.grad is not None
        other.grad.zero_()
        trained(mine, steps=2)
        trained(other)
    assert session.findings == ()
