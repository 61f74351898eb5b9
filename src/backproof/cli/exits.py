"""Exit codes of the commands."""

FOUND_SOMETHING = 1
"""The check found something: a wrong gradient, a mistake, networks that diverged."""
UNUSABLE_INPUT = 2
"""The input could not be used."""
INTERRUPTED = 130
"""What a shell reports for a process that SIGINT ended."""
