"""Numbers as people read them."""

import re
from math import floor, log10
from typing import Literal

Style = Literal["text", "integer", "percent", "scientific", "decimal", "yes"]
Value = str | int | float | bool | None

MISSING = "–"


def formatted(value: Value, style: Style, digits: int = 3) -> str:
    """Return `value` as text.

    Parameters
    ----------
    value
        ``None`` is shown as a dash.
    style
        ``percent`` multiplies by 100 and shows no sign; its unit belongs in the column's header.
        ``yes`` shows a boolean as yes or no.
    digits
        Digits after the decimal point, or of the mantissa in ``scientific``.
    """
    if value is None:
        return MISSING
    if style == "yes":
        return "yes" if value else "no"
    if isinstance(value, str) or style == "text":
        return str(value)
    if style == "integer":
        return f"{value:.0f}"
    if style == "percent":
        return f"{100 * value:.{digits}f}"
    if style == "scientific":
        return f"{value:.{digits}e}"
    return f"{value:.{digits}f}"


def with_margin(value: float, margin: float) -> str:
    """Return ``2.0007 ± 0.0011``: as many digits as show two of the margin's."""
    digits = 2 if margin <= 0 else max(2, 1 - floor(log10(margin)))
    return f"{value:.{digits}f} ± {margin:.{digits}f}"


def power_of_ten(text: str) -> tuple[str, int] | None:
    """Split ``1.234e-05`` into ``1.234`` and -5; return ``None`` for any other text."""
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)e([+-]?\d+)", text, re.ASCII)
    return None if match is None else (match[1], int(match[2]))


def counted(number: int, noun: str) -> str:
    """Return ``1 seed`` or ``2 seeds``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def ordinal(percentile: float) -> str:
    """Return a percentile between 0 and 100 in words: ``the 37th percentile``."""
    whole = floor(percentile + 0.5)
    ending = "th" if 10 <= whole % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(whole % 10, "th")
    return f"the {whole}{ending} percentile"


def step_name(step: float) -> str:
    """Return a step such as 0.001 as ``1e-3``."""
    mantissa, _, exponent = f"{step:.2e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"
