"""Backproof: proof for backprop.

Explain what autograd recorded, verify gradients, train small networks, and say what a test error
is worth. The jobs are modules of this package and load on first use::

    import backproof
    backproof.datasets.lab_mixture()

Nothing heavy is imported before that, so a command that needs no tensors starts at once.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

__all__ = ["datasets", "gradcheck", "lab", "plots", "report", "risk", "tape", "training"]


def __getattr__(name: str) -> ModuleType:
    # PEP 562: a job's module is imported when it is first named.
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Add the cell magic ``%%explain`` to a notebook: ``%load_ext backproof``."""
    import_module(f"{__name__}.tape.notebook").load(shell)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
