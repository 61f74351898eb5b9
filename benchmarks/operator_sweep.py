"""PyTorch's operator database as targets: every differentiable operator with its sample inputs."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from backproof.gradcheck import GradientReport, check

FACTOR = 1.001

KNOWN = {
    "nn_functional_hardsigmoid": "the backward pass multiplies by 1/6 rounded to float32",
    "nn_functional_max_unpool1d": "several inputs go to one place, and each gets its gradient",
    "nn_functional_max_unpool2d": "several inputs go to one place, and each gets its gradient",
    "nn_functional_max_unpool3d": "several inputs go to one place, and each gets its gradient",
    "as_strided_scatter": "entries that are written over get a gradient",
    "normal": "with a fixed generator the sample depends on mean and deviation; the claim is zero",
    "normal_number_mean": "with a fixed generator the sample depends on the deviation, likewise",
}
"""Operators whose gradient is not that of the function, with the reason."""

KNOWN_FLOAT32 = {
    "special_ndtr": "the value is 0 below about -5.6 in float32, the gradient is not",
}
"""Operators of which that is so in float32."""

LOW_PRECISION = {"bfloat16", "half", "chalf"}
"""Operators that round to 8 or 11 bits, which no step can look through."""


@dataclass(frozen=True)
class Case:
    """One operator on one sample input."""

    operator: str
    number: int
    function: Callable[..., Any]
    inputs: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The operator and the sample's number."""
        return f"{self.operator}[{self.number}]"

    def check(self, seed: int, **options: Any) -> GradientReport:
        """Check the operator's own gradient."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # operators warn of their own deprecation, and the like
            return check(self.function, *self.inputs, seed=seed, **options)

    def planted(self, factor: float = FACTOR) -> "Case":
        """Return the case with the first checked tensor's gradient multiplied by a factor."""

        class Scaled(Function):
            @staticmethod
            def forward(_: Any, x: Tensor) -> Tensor:
                return x.clone()

            @staticmethod
            def backward(_: Any, *upstream: Tensor) -> Tensor:
                return factor * upstream[0]

        def function(*arguments: Any) -> Any:
            replaced = [False]

            def change(value: Any) -> Any:
                if isinstance(value, Tensor) and value.requires_grad and not replaced[0]:
                    replaced[0] = True
                    return Scaled.apply(value)  # type: ignore[no-untyped-call]
                if isinstance(value, tuple | list):
                    return type(value)(change(one) for one in value)
                if isinstance(value, dict):
                    return {key: change(one) for key, one in value.items()}
                return value

            return self.function(*(change(argument) for argument in arguments))

        return replace(self, function=function)

    def native(self) -> "Case":
        """Return the case as one that does not run in float64."""

        def function(*arguments: Any) -> Any:
            if any(tensor.dtype == torch.float64 for tensor in _tensors(arguments)):
                raise TypeError("float32 only")
            return self.function(*arguments)

        return replace(self, function=function)


def operators(every: int = 1, offset: int = 0) -> list[Any]:
    """Return the operators that can be differentiated in float64; one of `every`."""
    from torch.testing._internal.common_methods_invocations import op_db

    usable = [op for op in op_db if op.supports_autograd and torch.float64 in op.dtypes]
    return usable[offset::every]


def cases(
    op: Any,
    seed: int,
    dtype: torch.dtype = torch.float64,
    most: int | None = None,
    largest: int | None = None,
) -> Iterator[Case]:
    """Yield the cases of one operator, at most so many, of at most so many numbers.

    Samples without anything to differentiate are left out.
    """
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(op.sample_inputs("cpu", dtype, requires_grad=True))
    for number, sample in enumerate(samples[:most]):
        tensors = _tensors((sample.input, sample.args, sample.kwargs))
        if not any(tensor.requires_grad for tensor in tensors):
            continue
        if any(tensor.requires_grad and tensor.numel() == 0 for tensor in tensors):
            continue
        if largest is not None and sum(tensor.numel() for tensor in tensors) > largest:
            continue
        inputs = (sample.input, sample.args, sample.kwargs)
        yield Case(op.formatted_name, number, _function(op, sample), inputs)


def _function(op: Any, sample: Any) -> Callable[..., Any]:
    def function(first: Any, args: Any, kwargs: Any) -> Any:
        result = op.gradcheck_wrapper(op.get_op(), first, *args, **kwargs)
        return sample.output_process_fn_grad(result)

    return function


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for one in value for tensor in _tensors(one)]
    if isinstance(value, dict):
        return [tensor for one in value.values() for tensor in _tensors(one)]
    return []
