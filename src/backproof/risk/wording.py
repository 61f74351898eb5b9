"""Results as a reader can quote them."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from math import ceil, floor, log10
from typing import Protocol

from backproof.risk.methods.method import Guarantee, Side

_NAMES = {
    "clopper-pearson": "Clopper–Pearson",
    "clopper-pearson-by-class": "Clopper–Pearson by class",
    "blaker": "Blaker",
    "hoeffding": "Hoeffding",
    "chernoff-kl": "Chernoff–KL",
    "bentkus": "Bentkus",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
    "agresti-coull": "Agresti–Coull",
    "exact-f1": "exact F1",
    "exact-f1-by-class": "exact F1 by class",
    "bounded-differences": "bounded differences",
    "bootstrap-bca": "bootstrap BCa",
    "bootstrap-percentile": "bootstrap percentile",
    "bootstrap-basic": "bootstrap basic",
    "empirical-bernstein": "empirical Bernstein",
}
_MOST_DIGITS = 12
# Digits enough for any float64; decimal's own context would be the user's.
_EXACT = Context(prec=400)
_NOT_IN_PERCENT = ("kappa", "mcc", "auc", "log-loss", "brier", "mean loss")


class Quotable(Protocol):
    """An interval of any kind."""

    @property
    def estimate(self) -> float | None:
        """The value on the examples."""

    @property
    def lower(self) -> float:
        """Lower end."""

    @property
    def upper(self) -> float:
        """Upper end."""

    @property
    def confidence(self) -> float:
        """Nominal probability of covering."""

    @property
    def side(self) -> Side:
        """Which ends there are."""

    @property
    def method(self) -> str:
        """Name of the method."""

    @property
    def guarantee(self) -> Guarantee:
        """What the method guarantees."""


def quote(found: Quotable, examples: int, *, name: str = "error", sampling: str = "") -> str:
    """Return an interval as a sentence can hold it.

    Parameters
    ----------
    found
        An interval; rates are shown in percent.
    examples
        Number of examples behind it.
    name
        What it is about: a metric, with more before it if need be.
    sampling
        How the examples were drawn, in a word.

    Returns
    -------
    str
        Such as ``error 3.27 % (95 % CI 3.05–3.50 %, Clopper–Pearson, finite-sample, m = 26492,
        i.i.d.)``.
    """
    estimate, bounds = shown(found, name)
    parts = (bounds, method_name(found.method), found.guarantee, f"m = {examples}", sampling)
    return f"{name} {estimate} ({', '.join(part for part in parts if part)})"


def shown(found: Quotable, name: str) -> tuple[str, str]:
    """Return the estimate, and the interval with its confidence, with the digits they deserve.

    The ends are rounded outward, so that what is quoted holds.
    """
    powers, unit = (0, "") if name.endswith(_NOT_IN_PERCENT) else (2, " %")
    width = 10.0**powers * _width(found)
    digits = 2 if width <= 0 else min(max(0, 1 + ceil(-log10(width))), _MOST_DIGITS)
    value = "undefined"
    if found.estimate is not None:
        value = _rounded(found.estimate, powers, digits, ROUND_HALF_EVEN) + unit
    lower = _rounded(found.lower, powers, digits, ROUND_FLOOR)
    upper = _rounded(found.upper, powers, digits, ROUND_CEILING)
    if found.side == "two-sided":
        gap = " to " if lower.startswith("-") or upper.startswith("-") else "–"
        return value, f"{percent(found.confidence)} CI {lower}{gap}{upper}{unit}"
    bound = upper if found.side == "upper" else lower
    return value, f"{percent(found.confidence)} {found.side} bound {bound}{unit}"


def method_name(method: str) -> str:
    """Return the name of a method as it is written in a text."""
    return _NAMES.get(method, method)


def percent(confidence: float) -> str:
    """Return a confidence in percent, with three digits of what is missing from 100 %."""
    digits = max(0, 2 - floor(log10(100 * (1 - confidence))))
    text = _rounded(confidence, 2, digits, ROUND_HALF_EVEN)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _width(found: Quotable) -> float:
    if found.side == "two-sided" or found.estimate is None:
        return found.upper - found.lower
    # The other end is no bound; twice the margin is what a two-sided interval's width is.
    bound = found.upper if found.side == "upper" else found.lower
    return 2 * abs(bound - found.estimate)


def _rounded(value: float, powers: int, digits: int, rounding: str) -> str:
    """Return value · 10^powers with so many digits after the point.

    The number is the shortest decimal that stands for the float, as Python shows it: 0.07 is 7 %,
    though the float is a little more.
    """
    number = Decimal(repr(float(value))).scaleb(powers, _EXACT)
    shown = number.quantize(Decimal(1).scaleb(-digits, _EXACT), rounding=rounding, context=_EXACT)
    return f"{_EXACT.plus(shown):f}"  # no minus before a zero
