"""What every interval method is: two functions of counts, and what may be said of it.

Legend: k errors among m examples, arrays of one shape; miss δ = 1 - confidence; tail, the
probability of missing on one side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["two-sided", "upper", "lower"]
Guarantee = Literal["finite-sample", "anytime", "asymptotic"]
Array = NDArray[np.float64]
Bounds = tuple[Array, Array]
BoundsFunction = Callable[[Array, Array, float], Bounds]

SIDES: tuple[Side, ...] = ("two-sided", "upper", "lower")


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table of methods."""

    two_sided: BoundsFunction
    """From k, m and δ to the ends of the interval."""
    one_sided: BoundsFunction
    """From k, m and δ to the lower and the upper bound, each for itself at δ."""
    guarantee: Guarantee
    """``finite-sample``: covers at least with the nominal probability, whatever the true error
    rate and the number of examples; ``anytime``: even where the number of examples depends on what
    was seen; ``asymptotic``: only in the limit of many examples."""
    assumptions: str
    """What the examples must be for that."""
    source: str
    """Where the method comes from."""


def equal_tails(
    bounds: BoundsFunction, *, guarantee: Guarantee, assumptions: str, source: str
) -> Method:
    """Return the method whose interval joins two one-sided bounds, each at half the miss."""
    return Method(
        two_sided=lambda k, m, miss: bounds(k, m, miss / 2),
        one_sided=bounds,
        guarantee=guarantee,
        assumptions=assumptions,
        source=source,
    )
