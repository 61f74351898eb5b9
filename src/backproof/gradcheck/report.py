"""What a gradient check found, tensor by tensor."""

import html
from dataclasses import dataclass

from backproof._core.errors import BackproofError
from backproof._core.numbers import counted
from backproof._core.results import Result
from backproof.gradcheck.verdict import Verdict

_SHOWN = 10
"""Wrong entries that the text shows of each tensor; the report has all that were found."""


class GradientError(BackproofError, AssertionError):
    """A gradient that is wrong, or that could not be resolved; has the report as `report`."""

    def __init__(self, report: "GradientReport") -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True, kw_only=True)
class WrongEntry(Result):
    """One entry of a tensor whose claimed derivative is wrong."""

    index: tuple[int, ...]
    """Where it stands in the tensor."""
    claimed: float | None
    """The claimed derivative; ``None`` where it is NaN or infinite."""
    numeric: float
    """The derivative from central differences."""
    sigma: float
    """Standard error of the numeric derivative."""
    part: str = ""
    """``real`` or ``imaginary``, for an entry of a complex tensor."""

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        part = f" ({self.part} part)" if self.part else ""
        claimed = "not finite" if self.claimed is None else f"{self.claimed:.6g}"
        return f"[{place}]{part}: claimed {claimed}, numeric {self.numeric:.6g} ± {self.sigma:.1e}"


@dataclass(frozen=True, kw_only=True)
class TensorCheck(Result):
    """What was found for one tensor."""

    name: str
    """The parameter's or the input's name."""
    shape: tuple[int, ...]
    """The tensor's shape."""
    dtype: str
    """The tensor's dtype as it was given."""
    verdict: Verdict
    """Whether the claimed gradient is right."""
    discrepancy: float
    """Numeric minus claimed slope, along the random direction that shows it best."""
    sigma: float | None
    """Standard error of the discrepancy: truncation, noise and rounding; ``None`` without one."""
    slope: float
    """Root mean square of the claimed slope along such directions, for scale."""
    order: float | None
    """Measured order of the truncation error, 2 for a smooth function; ``None`` if hidden."""
    resolution: float | None
    """Error, relative to the tensor's gradient, that would still have been missed with the
    report's probability `miss`; ``None`` where the gradient is zero."""
    label: str = ""
    """``vacuous``: nothing could be learned; ``subgradient``: a kink, and the claim lies between
    the slopes around it; empty otherwise."""
    reason: str = ""
    """Why the verdict is not a plain AGREE or DISAGREE."""
    diagnosis: str = ""
    """What kind of mistake it looks like."""
    wrong: tuple[WrongEntry, ...] = ()
    """The wrong entries that were found."""
    wrong_complete: bool = False
    """Whether the gradient is right once the entries of `wrong` are corrected."""
    sampled: int = 0
    """Entries drawn at random, where too many are wrong to be listed; 0 where all were sought."""
    rounding: float | None = None
    """Relative difference of the gradient in the given dtype from that in float64; ``None``
    where the check ran in the given dtype."""

    def __str__(self) -> str:
        lines = [f"{self.verdict.upper():<11}{self.name} {self.shape}: {self._summary()}"]
        lines += [f"    {self.name}{entry}" for entry in self.wrong[:_SHOWN]]
        if self.wrong:
            lines += self._about_the_rest()
        return "\n".join(lines)

    def _summary(self) -> str:
        parts = [] if self.sigma is None else [f"discrepancy {self.relative()}"]
        named = [part for part in (self.label, self.diagnosis) if part]
        return "; ".join([*named, *parts, *self._remarks()])

    def _remarks(self) -> list[str]:
        parts = [self.reason] if self.reason else []
        if self.verdict is Verdict.AGREE and self.resolution is not None:
            parts.append(f"a relative error above {self.resolution:.1e} would show")
        if self.rounding is not None:
            parts.append(f"rounding to {self.dtype} {self.rounding:.1e}")
        return parts

    def finding(self) -> str:
        """Return everything but the numbers of the discrepancy as text of several lines."""
        named = [part for part in (self.label, self.diagnosis) if part]
        entries = [f"{self.name}{entry}" for entry in self.wrong[:_SHOWN]]
        rest = [line.strip() for line in self._about_the_rest()] if self.wrong else []
        return "\n".join([*named, *self._remarks(), *entries, *rest])

    def relative(self) -> str:
        """Return the discrepancy as text, relative to the slope where that is not zero."""
        sigma = float("inf") if self.sigma is None else self.sigma
        if self.slope == 0 or self.label == "vacuous":
            return f"{self.discrepancy:.1e} ± {sigma:.1e}, where the claimed slope is zero"
        return f"{self.discrepancy / self.slope:.1e} ± {sigma / self.slope:.1e} of the slope"

    def _about_the_rest(self) -> list[str]:
        if self.sampled and not self.wrong_complete:
            shown = f", {_SHOWN} shown" if len(self.wrong) > _SHOWN else ""
            drawn = f"{len(self.wrong)} of {self.sampled} entries drawn at random are wrong{shown}"
            return [f"    {drawn}; the others were not looked at"]
        lines = []
        if len(self.wrong) > _SHOWN:
            lines.append(f"    and {len(self.wrong) - _SHOWN} more")
        if not self.wrong_complete:
            lines.append("    there may be more; not all were looked for")
        return lines


@dataclass(frozen=True, kw_only=True)
class GradientReport(Result):
    """A verdict for every tensor, and what it rests on."""

    verdict: Verdict
    """DISAGREE if any tensor does, else UNRESOLVED if any is, else AGREE."""
    tensors: tuple[TensorCheck, ...]
    """One for each checked tensor."""
    evaluations: int
    """Evaluations of the target: its forward passes."""
    pullbacks: int
    """Backward passes, or calls of the claimed gradient."""
    seconds: float
    """Wall-clock time."""
    precision: str
    """The dtype of the computation, and how it stands to the target's own."""
    order: int
    """1 for the gradient, 2 for the gradient of the gradient."""
    false_alarm: float
    """Probability, over the whole report, of a DISAGREE for a right gradient."""
    miss: float
    """Probability with which an error as large as a tensor's `resolution` is missed."""
    seed: int
    """Seed of the directions."""
    device: str
    """Device of the tensors."""
    notes: tuple[str, ...] = ()
    """What else was noticed, such as a non-deterministic backward pass."""
    method: str = (
        "central differences along random directions, extrapolated (Romberg), with measured "
        "evaluation noise (ECnoise, Moré and Wild 2011) and Student's quantile"
    )
    """How the verdicts came about."""
    assumptions: str = (
        "the function is smooth at scales above its measured structure; evaluation noise is "
        "independent between nearby points"
    )
    """What the stated probabilities rest on."""

    @property
    def vacuous(self) -> int:
        """Number of tensors about which nothing could be learned."""
        return sum(tensor.label == "vacuous" for tensor in self.tensors)

    def raise_if_wrong(self, *, allow_unresolved: bool = False) -> None:
        """Raise unless every tensor agrees.

        Parameters
        ----------
        allow_unresolved
            Let tensors pass that could not be decided.

        Raises
        ------
        GradientError
            With the report as its message.
        """
        passing = {Verdict.AGREE} | ({Verdict.UNRESOLVED} if allow_unresolved else set())
        if self.verdict not in passing:
            raise GradientError(self)

    def __str__(self) -> str:
        lines = [f"{self.verdict.upper()}: {self._headline()}"]
        lines += [f"  {line}" for tensor in self.tensors for line in str(tensor).split("\n")]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _headline(self) -> str:
        what = "gradient" if self.order == 1 else "second derivative"
        parts = [
            f"{what} of {counted(len(self.tensors), 'tensor')}",
            counted(self.evaluations, "evaluation"),
            f"{self.seconds:.2g} s",
            self.precision,
        ]
        if self.vacuous:
            parts.append(f"{self.vacuous} vacuous")
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        rows = "".join(_html_row(tensor) for tensor in self.tensors)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (
            f"<p><b>{self.verdict.upper()}</b>: {html.escape(self._headline())}</p>"
            "<table><tr><th>verdict</th><th>tensor</th><th>shape</th><th>discrepancy</th>"
            f"<th>finding</th></tr>{rows}</table>{notes}"
        )


def _html_row(tensor: TensorCheck) -> str:
    cells = (
        tensor.verdict.upper(),
        tensor.name,
        str(tensor.shape),
        tensor.relative(),
        tensor.finding(),
    )
    inner = "".join(f"<td>{html.escape(cell).replace(chr(10), '<br>')}</td>" for cell in cells)
    return f"<tr>{inner}</tr>"
