# mypy: disable-error-code="no-untyped-call, arg-type, operator"
"""Canaries: one for each private attribute of PyTorch that the tape relies on."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from backproof.tape import _private


def test_version_counts_in_place_writes_and_views_share_it() -> None:
    x = torch.zeros(3)
    assert _private.version(x) == 0
    x[:1].add_(1)
    assert _private.version(x) == 1
    x.data.add_(1)
    assert _private.version(x) == 1


def test_version_of_an_inference_tensor_is_unknown() -> None:
    with torch.inference_mode():
        assert _private.version(torch.zeros(3)) is None


def test_saved_names_tell_what_a_node_saved() -> None:
    w = torch.ones(2, requires_grad=True)
    assert _private.saved_names(torch.exp(w).grad_fn) == ("result",)
    assert set(_private.saved_names((w * w).grad_fn)) == {"self", "other"}
    assert _private.saved_names((w + 1).grad_fn) == ()


def test_saved_tensors_pass_the_check_that_unpacking_makes() -> None:
    w = torch.ones(2, requires_grad=True)
    y = torch.exp(w)
    node = y.grad_fn
    assert _private.saved_complaint(node, "result") is None
    y.add_(1)
    assert "version" in _private.saved_complaint(node, "result")
    (saved,) = _private.saved_tensors(node, "result")
    assert saved.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()


def test_freed_buffers_hold_no_tensor() -> None:
    w = torch.ones(2, requires_grad=True)
    y = torch.exp(w)
    y.sum().backward()
    assert _private.saved_tensors(y.grad_fn, "result") == []


def test_lists_of_saved_tensors() -> None:
    w = torch.ones(2, requires_grad=True)
    node = torch.linalg.multi_dot([torch.eye(2), torch.eye(2), w]).grad_fn
    for each in _private.nodes(node):
        for name in _private.saved_names(each):
            assert _private.saved_complaint(each, name) is None


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return 2 * ctx.saved_tensors[0] * gradient


def test_saved_tensors_of_a_custom_function() -> None:
    h = torch.ones(2, requires_grad=True) * 2
    node = Square.apply(h).grad_fn
    assert _private.saved_names(node) == ("tensors",)
    assert _private.saved_complaint(node, "tensors") is None
    h.zero_()
    assert len(_private.saved_tensors(node, "tensors")) == 1
    assert "version" in _private.saved_complaint(node, "tensors")


def test_packed_tensors_are_left_alone() -> None:
    w = torch.ones(2, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda _: "packed", lambda _: torch.ones(2)):
        y = torch.exp(w)
    assert _private.saved_tensors(y.grad_fn, "result") == []


def test_nodes_are_each_met_once() -> None:
    w = torch.ones(2, requires_grad=True)
    h = w * 2
    names = [node.name() for node in _private.nodes((h * h + h).sum().grad_fn)]
    assert sorted(names) == sorted(
        ["SumBackward0", "AddBackward0", "MulBackward0", "MulBackward0",
         "torch::autograd::AccumulateGrad"]
    )  # fmt: skip
    assert list(_private.nodes(None)) == []


@pytest.mark.parametrize("saved_by", [torch.exp, torch.tanh, torch.sigmoid, torch.sqrt])
def test_metadata_lives_as_long_as_the_node(saved_by: Any) -> None:
    y = saved_by(torch.ones(2, requires_grad=True))
    y.grad_fn.metadata["mark"] = saved_by
    loss = y.sum()
    del y
    assert loss.grad_fn.next_functions[0][0].metadata["mark"] is saved_by


def test_nothing_is_missing_from_this_pytorch() -> None:
    assert _private.missing() == ()


def test_a_freed_node_is_told_from_one_that_saved_nothing() -> None:
    w = torch.ones(2, requires_grad=True)
    needs_none, h = (w * 2).grad_fn, w.exp()
    assert not _private.is_freed(h.grad_fn)
    h.sum().backward()
    assert _private.is_freed(h.grad_fn)
    assert not _private.is_freed(needs_none)


def test_the_leaf_behind_its_accumulating_node() -> None:
    w = torch.ones(2, requires_grad=True)
    node = w.exp().grad_fn
    assert node is not None
    ((parent, _),) = node.next_functions
    assert _private.leaf_of(parent) is w
    assert _private.leaf_of(node) is None


def test_the_base_of_a_view() -> None:
    w = torch.ones(4, requires_grad=True)
    assert _private.base_of(w[:2]) is w
    assert _private.base_of(w) is w


def test_the_parameter_that_an_optimizer_refuses() -> None:
    scaled = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor") as refused:
        torch.optim.SGD([scaled], lr=0.1)
    assert _private.refused_parameter(refused.value) is scaled


def test_a_transform_is_noticed() -> None:
    seen = []

    def square(x: Tensor) -> Tensor:
        seen.append(_private.in_transform())
        return x * x

    torch.func.grad(square)(torch.tensor(1.0))
    assert seen == [True]
    assert not _private.in_transform()


def test_a_dispatch_mode_is_noticed() -> None:
    class Nothing(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return func(*args, **(kwargs or {}))

    with Nothing():
        assert _private.in_dispatch_mode()
    assert not _private.in_dispatch_mode()


def test_no_function_mode_sees_what_is_done_unseen() -> None:
    calls = []

    class Listening(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            calls.append(func)
            return func(*args, **(kwargs or {}))

    with Listening():
        with _private.unseen():
            torch.ones(2).exp()
        assert calls == []
        torch.ones(2)
    assert len(calls) == 1


def test_what_the_tape_replaces_while_it_records_is_there() -> None:
    assert isinstance(vars(torch.autograd.Function)["apply"], classmethod)
    assert "__new__" in vars(torch.nn.Parameter)
