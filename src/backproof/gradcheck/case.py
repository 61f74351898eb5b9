"""A check that is waiting to be run: a target with its inputs, as files of checks hold them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from backproof._core.errors import InputError
from backproof.gradcheck.check import check
from backproof.gradcheck.report import GradientReport


@dataclass(frozen=True)
class Case:
    """A target with its inputs and options; ``backproof check`` runs those that it finds."""

    target: nn.Module | Callable[..., Any]
    """What is checked."""
    inputs: tuple[Any, ...]
    """What the target is called with; a single input may stand alone."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `check`."""

    def __post_init__(self) -> None:
        if not callable(self.target):
            raise InputError(f"the target must be callable, got {_shape_of(self.target)}")
        if not isinstance(self.options, Mapping):
            raise InputError(
                f"options must be a dictionary, got {_shape_of(self.options)}; several inputs go "
                "into one tuple: Case(target, (x, y))"
            )

    def run(self, **options: Any) -> GradientReport:
        """Run `check`; keyword arguments come before the case's own options.

        Raises
        ------
        InputError
            As `check` does, and if an option is none of its keyword arguments.
        """
        inputs = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
        chosen = {**self.options, **options}
        unknown = sorted(str(name) for name in chosen if name not in _OPTIONS)
        if unknown:
            raise InputError(
                f"unknown option {', '.join(unknown)}: expected some of "
                f"{', '.join(sorted(_OPTIONS))}"
            )
        return check(self.target, *inputs, **chosen)


_OPTIONS = {name for name in check.__annotations__ if name not in ("target", "inputs", "return")}


def as_case(found: Any) -> Case:
    """Make a case of ``(target, inputs)`` or ``(target, inputs, options)``, or of a case.

    Raises
    ------
    InputError
        If `found` is none of these.
    """
    if isinstance(found, Case):
        return found
    if isinstance(found, tuple) and len(found) in (2, 3) and callable(found[0]):
        target, inputs, options = found if len(found) == 3 else (*found, {})
        if isinstance(options, Mapping):
            return Case(target, inputs, options)
    raise InputError(
        "expected a gradcheck.Case, or a tuple (target, inputs) or (target, inputs, options) of a "
        f"callable target and a dictionary of options, got {_shape_of(found)}"
    )


def _shape_of(found: Any) -> str:
    if not isinstance(found, tuple):
        return f"a value of type {type(found).__name__}"
    kinds = ", ".join(type(one).__name__ for one in found)
    return f"a tuple of {len(found)}: ({kinds})"
