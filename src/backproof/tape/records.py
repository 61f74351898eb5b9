"""What running a program under the recorder gives: observations, findings, the graph."""

from dataclasses import dataclass

from backproof._core.results import Result
from backproof.tape.findings import Finding
from backproof.tape.graph import Graph
from backproof.tape.recording.looks import number_text


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
    findings: tuple[Finding, ...]
    """The program's failures, by the lines that caused them."""

    @property
    def holds(self) -> bool:
        """Whether every observation is as expected."""
        return all(observation.holds for observation in self.observations)

    def __str__(self) -> str:
        parts = [
            self.title,
            "\n".join(map(str, self.observations)),
            str(self.graph),
            *map(str, self.findings),
        ]
        return "\n\n".join(parts)
