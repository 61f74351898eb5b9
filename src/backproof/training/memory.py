"""Networks that this machine cannot hold."""

import os
from collections.abc import Iterable
from itertools import pairwise

from backproof._core.errors import InputError
from backproof.training.spec import NetworkSpec

_BYTES = 8  # of a number; initial weights and losses are float64 whatever is computed with


def check_memory(specs: Iterable[NetworkSpec], inputs: int, outputs: int, steps: int) -> None:
    """Refuse what certainly does not fit: weights, as many gradients, and a loss a step.

    Raises
    ------
    InputError
        If these alone exceed the memory of the machine.
    """
    weights = losses = 0
    for spec in specs:
        weights += sum((a + 1) * b for a, b in pairwise((inputs, *spec.hidden, outputs)))
        losses += steps + 1
    needed, there = _BYTES * (2 * weights + losses), _physical_memory()
    if there is not None and needed > there:
        raise InputError(
            f"the weights, gradients and losses take at least {_gigabytes(needed)}, and this "
            f"machine has {_gigabytes(there)}: train fewer or smaller networks, or fewer steps"
        )


def _physical_memory() -> int | None:
    """Return the bytes of memory, ``None`` where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:.0f} GB"
