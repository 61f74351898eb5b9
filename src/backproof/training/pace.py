"""How many steps to take between two looks at the clock."""

import time

_SECONDS = 0.1


class Pace:
    """Measures blocks of steps, and finds how many take a tenth of a second.

    Where the pauses fall has no influence on what is computed.
    """

    def __init__(self) -> None:
        self.steps = 8
        self._begin = 0.0

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._begin
        if seconds < _SECONDS / 2:
            self.steps *= 2
        elif seconds > 2 * _SECONDS:
            self.steps = max(1, self.steps // 2)
