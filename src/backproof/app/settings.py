"""What a panel can be set to: dataclasses whose fields say what they allow and how they look."""

from collections.abc import Iterable, Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_type_hints

from backproof._core.errors import InputError

MOST_NUMBERS = 6
"""Numbers that a field for several takes."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """How a field is shown, and which values it takes."""

    label: str
    """What stands beside it; empty where there is no widget for it."""
    least: float | None = None
    """Smallest number."""
    most: float | None = None
    """Largest number: what this page is quick enough for, where the jobs allow more."""
    even: bool = False
    """Whether only even numbers are allowed."""
    slider: bool = False
    """Whether it is a slider, not a field to type in."""
    choices: tuple[str, ...] | None = None
    """All values, where they are few."""

    def checked(self, value: Any) -> Any:
        """Return a value of the field's type; `InputError` if it is out of range."""
        if self.choices is not None and value not in self.choices:
            raise InputError(f"must be one of {', '.join(self.choices)}, got {value[:40]!r}")
        if isinstance(value, tuple) and len(value) > MOST_NUMBERS:
            raise InputError(f"must be at most {MOST_NUMBERS} numbers, got {len(value)}")
        if self.least is not None and self.most is not None and not isinstance(value, str):
            for number in value if isinstance(value, tuple) else (value,):
                if not self.least <= number <= self.most:
                    raise InputError(
                        f"must be from {self.least:.12g} to {self.most:.12g}, got {_short(number)}"
                    )
                if self.even and number % 2:
                    raise InputError(f"must be even, got {_short(number)}")
        return value


def _short(number: float) -> str:
    """Return a number as text; of a whole one that is too long for a float, how it begins."""
    if isinstance(number, int):
        text = str(number)
        return text if len(text) <= 20 else f"{text[:20]}…"
    return f"{number:.12g}"


def number(
    default: Any,
    label: str,
    *,
    least: float,
    most: float,
    even: bool = False,
    slider: bool = False,
) -> Any:
    """Return a field for a number in a range, or for a tuple of them."""
    control = Control(label=label, least=least, most=most, even=even, slider=slider)
    return field(default=default, metadata={"control": control})


def unseen(default: str, choices: Iterable[str] | None = None) -> Any:
    """Return a field for a text, or one of several words, that has no widget of this kind."""
    control = Control(label="", choices=None if choices is None else tuple(choices))
    return field(default=default, metadata={"control": control})


def choice(default: str, label: str, choices: Iterable[str]) -> Any:
    """Return a field for one of several words."""
    control = Control(label=label, choices=tuple(choices))
    return field(default=default, metadata={"control": control})


@dataclass(frozen=True)
class Setting:
    """One field of a dataclass of settings."""

    name: str
    kind: Any
    default: Any
    control: Control


def settings_of(kind: Any) -> Iterator[Setting]:
    """Yield the settings of a dataclass, or of an instance."""
    hints = get_type_hints(kind if isinstance(kind, type) else type(kind))
    described: Field[Any]
    for described in fields(kind):
        control = described.metadata["control"]
        yield Setting(described.name, hints[described.name], described.default, control)
