"""How long work tells how far it is.

Library code calls a `Progress`; whether and how it shows is the business of the shells.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` while work goes on; ``done == total`` ends it."""


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""
