"""How a result came about: versions, machine, time."""

import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata

from backproof import __version__
from backproof._core.results import Result

_PACKAGES = ("torch", "numpy", "scipy", "matplotlib")


@dataclass(frozen=True, kw_only=True)
class Provenance(Result):
    """The software and the machine behind a result, and when it was made."""

    backproof: str
    """Backproof's version."""
    python: str
    """Python's version."""
    packages: dict[str, str]
    """Versions of the packages that do the arithmetic and the drawing."""
    system: str
    """Operating system and processor architecture."""
    device: str
    """Device of the tensors."""
    threads: int
    """Threads that one tensor operation could use."""
    created: datetime
    """When the run began, in UTC."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each stage, in seconds."""


def provenance(device: str, threads: int) -> Provenance:
    """Describe the present process; `device` and `threads` are the tensor library's."""
    return Provenance(
        backproof=__version__,
        python=platform.python_version(),
        packages={name: metadata.version(name) for name in _PACKAGES},
        system=f"{sys.platform} {platform.machine()}",
        device=device,
        threads=threads,
        created=datetime.now(UTC).replace(microsecond=0),
    )
