"""The command line: parse, call, print."""

from backproof.cli.main import main

__all__ = ["main"]
