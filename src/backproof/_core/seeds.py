"""Named random streams: every draw of a run follows from one seed.

Two streams with different names are independent even where their seeds are equal. Without the
names, a model and a data set that both got seed 3 would be drawn from the same bits.
"""

import hashlib
from typing import SupportsIndex

import numpy as np

from backproof._core.checks import whole_number

# Derived seeds fit a float64 exactly, so that they survive any JSON reader.
_SEED_BITS = 48


def check_seed(seed: SupportsIndex) -> int:
    """Return `seed` as an ``int``; `InputError` unless it is a whole number of at least 0."""
    return whole_number("seed", seed, at_least=0)


def derive(seed: SupportsIndex, *names: str | int) -> int:
    """Return a new seed in [0, 2**48) for the stream `names` of `seed`."""
    # The text of a tuple keeps "a/b" apart from "a", "b", and 1 from "1".
    path = repr((check_seed(seed), *names))
    digest = hashlib.sha256(path.encode()).digest()
    return int.from_bytes(digest[: _SEED_BITS // 8], "big")


def generator(seed: SupportsIndex, *names: str | int) -> np.random.Generator:
    """Return a generator on the stream `names` of `seed`; NumPy's fastest, SFC64."""
    entropy = [check_seed(seed), derive(seed, *names)]
    return np.random.Generator(np.random.SFC64(entropy))
