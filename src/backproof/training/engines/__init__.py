"""The engines: different ways to compute the same training."""

from collections.abc import Callable, Sequence
from typing import Protocol

from backproof._core.checks import one_of
from backproof._core.errors import InputError
from backproof.training.activations import ACTIVATIONS
from backproof.training.data import TrainingData
from backproof.training.engines import fused
from backproof.training.engines.autograd import AutogradGradients
from backproof.training.engines.batched import BatchedGradients, tile_elements
from backproof.training.problem import Problem, Settings
from backproof.training.spec import NetworkSpec
from backproof.training.state import State
from backproof.training.stepping import Stepper


class Engine(Protocol):
    """Trains the networks of one block."""

    def advance(self, state: State, until: int) -> None:
        """Take the steps up to number `until`; networks that end leave the state."""


ENGINES: dict[str, Callable[[Problem], Engine]] = {
    "autograd": lambda problem: Stepper(problem, AutogradGradients(problem)),
    "batched": lambda problem: Stepper(problem, BatchedGradients(problem)),
    "fused": fused.FusedEngine,
}
"""The engines by their names."""

# The kernel takes one network after the other, so its blocks may be as small as threads like.
_FEW_ACTIVATIONS = 1 << 18


def activations_at_once(engine: str, settings: Settings) -> int:
    """Return how many activations of its widest layers a block of an engine should have."""
    return tile_elements(settings) if engine == "batched" else _FEW_ACTIVATIONS


def chosen_engine(
    name: str, specs: Sequence[NetworkSpec], settings: Settings, data: TrainingData
) -> str:
    """Return the name of the engine to use; ``auto`` stands for the fastest that applies.

    Raises
    ------
    InputError
        If there is no such engine, or it cannot train these networks.
    """
    one_of("engine", name, ("auto", *ENGINES))
    custom = next((spec for spec in specs if not isinstance(spec.activation, str)), None)
    reason = fused.obstacle(specs, settings, validated=data.validated)
    if name == "auto":
        if custom is not None:
            return "autograd"
        fast = reason is None and fused.worthwhile(specs, settings, data)
        return "fused" if fast else "batched"
    if name == "fused" and reason is not None:
        raise InputError(f"the fused engine cannot train this: {reason}; or use engine='auto'")
    if name == "batched" and custom is not None:
        raise InputError(
            f"the batched engine knows the activations {', '.join(ACTIVATIONS)}, not "
            f"{custom.activation_name}; use engine='autograd'"
        )
    return name
