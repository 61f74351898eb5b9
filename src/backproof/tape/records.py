"""What running a program under the recorder gives: observations, explanations, the graph."""

from dataclasses import dataclass

from backproof._core.results import Result
from backproof.tape.graph import Graph
from backproof.tape.snapshots import number_text


@dataclass(frozen=True, kw_only=True)
class Observation(Result):
    """One fact about a run, beside what was expected of it."""

    what: str
    """What was looked at."""
    expected: float | str
    """What it should be, by plain arithmetic or by PyTorch's documented rules."""
    observed: float | str
    """What it was in this run."""
    holds: bool
    """Whether the two agree; numbers agree up to rounding in float32."""

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        expected, observed = number_text(self.expected), number_text(self.observed)
        return f"{self.what}: expected {expected}, observed {observed}: {verdict}"


@dataclass(frozen=True, kw_only=True)
class Place(Result):
    """A line of source code that took part in a failure."""

    role: str
    """What the line did, such as ``saved`` or ``wrote``."""
    file: str
    """Name of the source file, without folders."""
    line: int
    """Line in that file, from 1."""
    code: str
    """Text of the line."""

    def __str__(self) -> str:
        return f"{self.role} at {self.file}:{self.line}: {self.code}"


@dataclass(frozen=True, kw_only=True)
class Explanation(Result):
    """Why autograd failed, and where."""

    code: str
    """Short name of the kind of failure: ``inplace-after-save`` or ``non-leaf-grad``."""
    message: str
    """What happened, in one or two sentences."""
    places: tuple[Place, ...]
    """The lines that caused it, in the order in which they ran."""
    fix: str
    """What to write instead."""
    error: str
    """The error or warning as PyTorch gave it."""

    def __str__(self) -> str:
        places = [f"  {place}" for place in self.places]
        return "\n".join([f"{self.code}: {self.message}", *places, f"  fix: {self.fix}"])


@dataclass(frozen=True, kw_only=True)
class ProgramRun(Result):
    """One program, run and explained."""

    name: str
    """Short name for files and anchors."""
    title: str
    """Heading."""
    source: str
    """Text of the program."""
    observations: tuple[Observation, ...]
    """What was observed, in the order of the program."""
    graph: Graph
    """What the loss was computed from, with the gradients of one backward pass."""
    explanations: tuple[Explanation, ...]
    """The program's failures, explained by the lines that caused them."""

    @property
    def holds(self) -> bool:
        """Whether every observation is as expected."""
        return all(observation.holds for observation in self.observations)

    def __str__(self) -> str:
        parts = [
            self.title,
            "\n".join(map(str, self.observations)),
            str(self.graph),
            *map(str, self.explanations),
        ]
        return "\n\n".join(parts)
