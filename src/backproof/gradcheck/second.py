"""The gradient as a function in its turn, so that its own gradient can be checked."""

from typing import Any

import torch
from torch import Tensor

from backproof._core import seeds
from backproof._core.errors import InputError
from backproof.gradcheck.coordinates import differentiable
from backproof.gradcheck.torch_target import TorchTarget
from backproof.gradcheck.trees import leaves

_COTANGENT = "cotangent"


def second_order(target: Any) -> TorchTarget:
    """Return the target x, v ↦ vᵀJ(x) of a PyTorch target.

    The cotangents v are checked too where the output is more than one number: the second
    derivative of a custom function comes from how its backward pass treats both.

    Raises
    ------
    InputError
        If the target is none of PyTorch's.
    """
    if not isinstance(target, TorchTarget):
        raise InputError("order=2 needs a PyTorch target: a module or a function of tensors")
    with torch.inference_mode(False), torch.enable_grad():
        trial = _outputs(target.call(_requiring(target.tensors)))
    cotangents = _cotangents(trial)
    tensors = {**target.tensors, **(cotangents if sum(t.numel() for t in trial) > 1 else {})}

    def gradient(at: dict[str, Tensor]) -> list[Tensor]:
        with torch.enable_grad():
            own = _requiring(at)
            outputs = _outputs(target.function({name: own[name] for name in target.tensors}))
            target.counts.pullbacks += 1
            weights = [own.get(name, v) for name, v in cotangents.items()]
            gradients = target.within(
                own,
                lambda: torch.autograd.grad(
                    outputs,
                    [own[name] for name in target.tensors],
                    grad_outputs=weights,
                    create_graph=True,
                    allow_unused=True,
                ),
            )
        found = [one for one in gradients if one is not None]
        return found or [torch.zeros_like(own[name]) for name in target.tensors]

    second = TorchTarget(tensors, gradient, target.surroundings, within=target.within)
    second.counts = target.counts  # one forward pass and one backward pass make a gradient
    return second


def _requiring(at: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor if tensor.requires_grad else tensor.detach().requires_grad_()
        for name, tensor in at.items()
    }


def _outputs(result: Any) -> list[Tensor]:
    return [
        value
        for _, value in leaves(result)
        if isinstance(value, Tensor) and differentiable(value) and value.requires_grad
    ]


def _cotangents(outputs: list[Tensor]) -> dict[str, Tensor]:
    rng = seeds.generator(0, "gradcheck.second")
    found = {}
    for position, output in enumerate(outputs):
        drawn = torch.from_numpy(rng.standard_normal((2, *output.shape)))
        v = torch.complex(drawn[0], drawn[1]) if output.is_complex() else drawn[0]
        name = _COTANGENT if len(outputs) == 1 else f"{_COTANGENT}[{position}]"
        found[name] = v.to(output.dtype).to(output.device)
    if len(outputs) == 1 and outputs[0].ndim == 0 and not outputs[0].is_complex():
        found = {_COTANGENT: torch.ones_like(outputs[0].detach())}
    return found
