"""Environments as pip would make them, without a download.

The distributions that the wheel and an extra need are those of the environment that runs the
tests; an environment sees exactly these, through links, and has the wheel installed by pip.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Done = subprocess.CompletedProcess[str]

_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]


@dataclass(frozen=True)
class Environment:
    """An environment with the wheel and one extra, or none."""

    extra: str
    bin: Path
    elsewhere: Path
    """A folder to run in, outside the repository."""

    def run(self, program: str, *arguments: str, exits: int = 0) -> Done:
        """Run a program of the environment, with nothing of the tests' own in sight."""
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.elsewhere,
            capture_output=True,
            text=True,
            timeout=300,
            env=_surroundings(),
        )
        assert done.returncode == exits, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def python(self, code: str) -> str:
        """Run code, in which every warning is an error; return what it prints."""
        return self.run("python", "-W", "error", "-c", code).stdout

    def pip(self, *arguments: str) -> Done:
        """Have pip, which is not in it, look at the environment; nothing is looked for online."""
        command = [*_PIP, "--python", str(self.bin / "python"), *arguments]
        return subprocess.run(
            command, cwd=self.elsewhere, capture_output=True, text=True, timeout=300
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the program `backproof`, as `run` does; standard error goes to standard output."""
        return subprocess.Popen(
            [str(self.bin / "backproof"), *arguments],
            cwd=self.elsewhere,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_surroundings(),
        )


def _surroundings() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # What is linked belongs to the environment of the tests: nothing is to be written there.
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def make(folder: Path, wheel: Path, extra: str) -> Environment:
    """Make an environment in an empty folder."""
    place, elsewhere = folder / "environment", folder / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    made = Environment(extra, place / "bin", elsewhere)
    (site,) = place.glob("lib/python*/site-packages")
    for distribution in needed(requirements(wheel), extra):
        _link(distribution, site)
    done = made.pip("install", "--no-deps", "--no-index", "--quiet", str(wheel))
    assert done.returncode == 0, done.stderr
    return made


def requirements(wheel: Path) -> list[str]:
    """Return what a wheel says that it needs."""
    (found,) = metadata.distributions(path=[str(wheel)])
    return list(found.requires or [])


def needed(wanted: Iterable[str], extra: str) -> list[metadata.Distribution]:
    """Return every distribution that requirements come to, each installed here."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    left = list(applying(wanted, {extra}))
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) in seen:
            continue
        seen.add((name, frozenset(one.extras)))
        found[name] = metadata.distribution(one.name)
        left += applying(found[name].requires or [], one.extras)
    return list(found.values())


def applying(wanted: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    """Yield the requirements whose marker holds on this machine with these extras."""
    for one in map(Requirement, wanted):
        if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras or {""}):
            yield one


def _link(distribution: metadata.Distribution, site: Path) -> None:
    """Link the top-level files and folders of a distribution; of a shared folder, each file."""
    for name, files in _top_level(distribution).items():
        if _sharing()[name] == 1:
            (site / name).symlink_to(str(distribution.locate_file(name)))
            continue
        for file in files:
            link = site / file
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(str(distribution.locate_file(file)))


def _top_level(distribution: metadata.Distribution) -> dict[str, list[metadata.PackagePath]]:
    """Return what a distribution has in site-packages: files by the first part of their path."""
    found: dict[str, list[metadata.PackagePath]] = {}
    for file in distribution.files or []:
        if file.parts[0] != ".." and "__pycache__" not in file.parts:
            found.setdefault(file.parts[0], []).append(file)
    return found


@cache
def _sharing() -> Counter[str]:
    """Return how many distributions have something under each top-level name."""
    return Counter(name for one in metadata.distributions() for name in _top_level(one))


def interrupt(process: "subprocess.Popen[str]") -> str:
    """Send what Ctrl-C sends; return what else is printed. The exit code must be 0."""
    process.send_signal(signal.SIGINT)
    try:
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, printed
    return printed
