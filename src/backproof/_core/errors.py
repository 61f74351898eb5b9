"""The exceptions that Backproof raises on purpose.

Each message says what was expected, what came, and what to do about it.
"""


class BackproofError(Exception):
    """Base of every error that Backproof raises on purpose."""


class InputError(BackproofError, ValueError):
    """An argument, an option or a file that cannot be used as given."""


class OutputError(BackproofError):
    """A result that cannot be written where it was asked for."""


class ConvergenceError(BackproofError):
    """A computation that could not reach the accuracy it promises."""


class EngineError(BackproofError):
    """A query that the engine which holds the data could not finish."""
