# mypy: disable-error-code="no-untyped-call, union-attr"
"""In-place writes: both culprit lines are named, and harmless writes are not flagged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from backproof import tape


def division(w: Tensor) -> Tensor:
    y = torch.exp(w)
    loss = y.sum()
    y /= 2
    return loss


def view(w: Tensor) -> Tensor:
    y = torch.sigmoid(w)
    loss = y.sum()
    part = y[:1]
    part.mul_(3)
    return loss


def add(w: Tensor) -> Tensor:
    h = w * 2
    loss = (h * h).sum()
    h.add_(1)
    return loss


def out(w: Tensor) -> Tensor:
    with torch.no_grad():
        scale = torch.ones(3)
    loss = (w * scale).sum()
    torch.add(torch.ones(3), 1, out=scale)
    return loss


def relu(w: Tensor) -> Tensor:
    h = torch.tanh(w)
    loss = h.sum()
    torch.relu_(h)
    return loss


def item(w: Tensor) -> Tensor:
    y = torch.exp(w)
    loss = y.sum()
    y[0] = 0
    return loss


def module(w: Tensor) -> Tensor:
    y = torch.tanh(w)
    loss = y.sum()
    torch.nn.functional.relu(y, inplace=True)
    return loss


def base(w: Tensor) -> Tensor:
    h = w * 1
    v = h.view(3)
    loss = v.exp().pow(2).sum() + v.sin().sum()
    h.zero_()
    return loss


CULPRITS = [
    (division, "y = torch.exp(w)", ["y /= 2"]),
    (view, "y = torch.sigmoid(w)", ["part.mul_(3)"]),
    (add, "loss = (h * h).sum()", ["h.add_(1)"]),
    (out, "loss = (w * scale).sum()", ["torch.add(torch.ones(3), 1, out=scale)"]),
    (relu, "h = torch.tanh(w)", ["torch.relu_(h)"]),
    (item, "y = torch.exp(w)", ["y[0] = 0"]),
    (module, "y = torch.tanh(w)", ["torch.nn.functional.relu(y, inplace=True)"]),
    (base, "loss = v.exp().pow(2).sum() + v.sin().sum()", ["h.zero_()"]),
]


def failing(program: Callable[[Tensor], Tensor]) -> tuple[tape.Finding, ...]:
    w = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    with tape.explain() as session:
        loss = program(w)
        with pytest.raises(RuntimeError, match="version") as raised:
            loss.backward()
    assert raised.value.__notes__ == [f"backproof: {finding}" for finding in session.findings]
    return session.findings


@pytest.mark.parametrize(("program", "saved", "wrote"), CULPRITS, ids=lambda v: str(v)[:20])
def test_both_lines_are_named(
    program: Callable[[Tensor], Tensor], saved: str, wrote: list[str]
) -> None:
    found = failing(program)
    assert found
    for finding in found:
        assert finding.code == "inplace-after-save"
        lines = {role: [p.code for p in finding.places if p.role == role] for role in ROLES}
        assert lines == {"saved": [saved], "wrote": wrote}
        assert {Path(p.file).name for p in finding.places} == {"test_inplace.py"}
        assert type(finding).from_json(finding.to_json()) == finding


ROLES = ("saved", "wrote")


def test_every_writing_line_is_named() -> None:
    def program(w: Tensor) -> Tensor:
        y = torch.exp(w)
        loss = y.sum()
        y.add_(1)
        y.mul_(2)
        return loss

    (found,) = failing(program)
    assert [p.code for p in found.places] == ["y = torch.exp(w)", "y.add_(1)", "y.mul_(2)"]
    assert "version 0 to 2" in found.message


def test_every_saving_line_is_named() -> None:
    def program(w: Tensor) -> Tensor:
        y = torch.exp(w)
        loss = y.square().sum()
        y /= 2
        return loss

    saved = {finding.places[0].code for finding in failing(program)}
    assert saved == {"y = torch.exp(w)", "loss = y.square().sum()"}


def test_a_write_before_the_save_is_innocent() -> None:
    def program(w: Tensor) -> Tensor:
        h = w / 2
        h.add_(1)
        y = torch.exp(h.exp_())
        loss = y.sum()
        y.neg_()
        return loss

    (found,) = failing(program)
    assert [p.code for p in found.places] == ["y = torch.exp(h.exp_())", "y.neg_()"]


def test_an_optimizer_step_between_two_backwards_is_named() -> None:
    layer = torch.nn.Linear(2, 2)
    head = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.1)
    with tape.explain() as session:
        loss = head(layer(torch.ones(1, 2))).sum()
        loss.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError, match="version"):
            loss.backward()
    (found,) = session.findings
    assert found.places[0].code == "loss = head(layer(torch.ones(1, 2))).sum()"
    assert found.places[-1].code == "optimizer.step()"


def test_a_saved_tensor_of_a_custom_function_is_found() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * gradient

    def program(w: Tensor) -> Tensor:
        h = w * 2
        loss: Tensor = Square.apply(h).sum()
        h.zero_()
        return loss

    (found,) = failing(program)
    assert [(p.role, p.code) for p in found.places] == [
        ("saved", "loss: Tensor = Square.apply(h).sum()"),
        ("wrote", "h.zero_()"),
    ]


def harmless_addition(w: Tensor) -> Tensor:
    y = w + 1  # saves nothing
    loss = y.sum()
    y.mul_(2)
    return loss


def harmless_chain(w: Tensor) -> Tensor:
    h = torch.relu_(w * 2)  # saves what it wrote itself
    h = h + 1
    return (h * 3).sum()


def harmless_other_tensor(w: Tensor) -> Tensor:
    y = torch.exp(w)
    copy = y.detach().clone()
    copy.mul_(2)
    return y.sum()


@pytest.mark.parametrize("program", [harmless_addition, harmless_chain, harmless_other_tensor])
def test_harmless_writes_are_not_flagged(program: Callable[[Tensor], Tensor]) -> None:
    w = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    with tape.explain() as session:
        program(w).backward()
    assert session.findings == ()


def test_freed_buffers_are_not_taken_for_overwritten_ones() -> None:
    w = torch.tensor(1.0, requires_grad=True)
    with tape.explain() as session:
        loss = torch.exp(w)
        loss.backward()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
    assert [finding.code for finding in session.findings] == ["backward-twice"]


def test_a_gradient_that_exists_is_not_flagged() -> None:
    with tape.explain() as session:
        w = torch.tensor(1.0, requires_grad=True)
        y = w * 2
        y.retain_grad()
        (y * y).backward()
        assert w.grad.item() == 8
        assert y.grad.item() == 4
        assert torch.ones(2).grad is None
    assert session.findings == ()


def test_a_non_leaf_is_explained_once_and_the_fix_works() -> None:
    with tape.explain() as session:
        weight = torch.ones(3, requires_grad=True)
        moved = weight.to(torch.float64)
        for _ in range(2):
            with pytest.warns(UserWarning, match="leaf"):
                assert moved.grad is None
    (found,) = session.findings
    assert "`moved`" in found.message
    assert found.places[0].code == "moved = weight.to(torch.float64)"
