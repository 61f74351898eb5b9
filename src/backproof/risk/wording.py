"""Results as a reader can quote them."""

from math import ceil, log10

from backproof.risk.interval import Interval
from backproof.risk.methods.method import Side

_NAMES = {
    "clopper-pearson": "Clopper–Pearson",
    "blaker": "Blaker",
    "hoeffding": "Hoeffding",
    "chernoff-kl": "Chernoff–KL",
    "bentkus": "Bentkus",
    "wilson": "Wilson",
    "jeffreys": "Jeffreys",
    "agresti-coull": "Agresti–Coull",
    "bootstrap-bca": "bootstrap BCa",
    "bootstrap-percentile": "bootstrap percentile",
    "bootstrap-basic": "bootstrap basic",
    "empirical-bernstein": "empirical Bernstein",
}
_MOST_DIGITS = 12


def quote(interval: Interval, examples: int, *, name: str = "error") -> str:
    """Return an interval as a sentence can hold it.

    Parameters
    ----------
    interval
        An interval for a rate.
    examples
        Number of examples behind it.
    name
        What the rate is.

    Returns
    -------
    str
        Such as ``error 3.27 % (95 % CI 3.05–3.50 %, Clopper–Pearson, finite-sample, m = 26492)``.
    """
    shown, lower, upper = ends_in_percent(interval.estimate, interval.lower, interval.upper)
    bounds = quoted_range(lower, upper, interval.confidence, interval.side)
    return (
        f"{name} {shown} % ({bounds}, {method_name(interval.method)}, {interval.guarantee}, "
        f"m = {examples})"
    )


def method_name(method: str) -> str:
    """Return the name of a method as it is written in a text."""
    return _NAMES.get(method, method)


def percent(value: float) -> str:
    """Return a probability such as a confidence in percent, with as many digits as it has."""
    return f"{100 * value:.12g} %"


def ends_in_percent(estimate: float | None, lower: float, upper: float) -> tuple[str, str, str]:
    """Return three rates in percent, without the sign, with two digits of the interval's width."""
    width = 100 * (upper - lower)
    digits = 2 if width <= 0 else min(max(0, 1 + ceil(-log10(width))), _MOST_DIGITS)
    shown = "unknown" if estimate is None else f"{100 * estimate:.{digits}f}"
    return shown, f"{100 * lower:.{digits}f}", f"{100 * upper:.{digits}f}"


def quoted_range(lower: str, upper: str, confidence: float, side: Side) -> str:
    """Return ``95 % CI 3.05–3.50 %``, or ``95 % upper bound 3.47 %``."""
    if side == "two-sided":
        return f"{percent(confidence)} CI {lower}–{upper} %"
    return f"{percent(confidence)} {side} bound {upper if side == 'upper' else lower} %"
