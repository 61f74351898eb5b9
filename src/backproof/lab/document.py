"""The report of a run: what was found first, then one section a job."""

from collections.abc import Mapping
from datetime import datetime

from backproof import tape
from backproof._core.numbers import counted, ordinal
from backproof.gradcheck import Verdict
from backproof.grading import Grade
from backproof.lab import tables
from backproof.lab.pictures import boundary_name
from backproof.lab.record import LabRun
from backproof.report import (
    Block,
    Code,
    Details,
    Document,
    Finding,
    Findings,
    Paragraph,
    Picture,
    Section,
)
from backproof.tape import ProgramRun


def document(run: LabRun, svgs: Mapping[str, str]) -> Document:
    """Compose the report.

    Parameters
    ----------
    run
        The record.
    svgs
        The figures by name, each as the text of an SVG file.
    """
    config, origin = run.config, run.provenance
    networks = len(run.training.networks)
    return Document(
        title="Backproof lab report",
        subtitle=(
            f"{networks} networks, sizes {', '.join(map(str, config.hidden))}, "
            f"{counted(config.seeds, 'seed')} each; run of {_minute(origin.created)} with seed "
            f"{config.seed}." + ("" if run.grade is None else f" The model of {run.grade.place}.")
        ),
        sections=(
            *(() if run.grade is None else (_own(run.grade),)),
            _found(run, svgs),
            _tape(run, svgs),
            _gradient(run, svgs),
            _training(run, svgs),
            _test_error(run, svgs),
        ),
        footer=_provenance(run),
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _own(grade: Grade) -> Section:
    return Section(
        title="Your model",
        anchor="own",
        blocks=(
            Paragraph(
                text=(
                    "Everything below is about this implementation: its gradient is checked, and "
                    "its networks learn by it, from the same initial weights as Backproof's own. "
                    "Its scores are those of Backproof's model as far as the points below say; "
                    "boundaries and test errors are computed from its trained parameters."
                )
            ),
            tables.points_table(grade),
        ),
    )


def _found(run: LabRun, svgs: Mapping[str, str]) -> Section:
    errors = [one for one in run.comparisons if one.quantity.startswith("test error")]
    places = ", ".join(
        f"{ordinal(one.percentile)} at {one.quantity.removeprefix('test error, ')}"
        for one in errors
        if one.percentile is not None
    )
    where = f" The published test errors fall at {places}." if places else ""
    return Section(
        title="What was found",
        anchor="found",
        blocks=(
            Findings(
                items=tuple(
                    Finding(claim=claim.claim, held=claim.held, text=claim.text)
                    for claim in run.claims
                )
            ),
            Paragraph(
                text=(
                    "Behind each published number stand one training set and one initialisation. "
                    "Here each seed has its own, so that the spread over seeds says what such a "
                    f"number is worth.{where}"
                )
            ),
            tables.comparison_table(run),
            Picture(
                name="seeds",
                caption=(
                    "Test error of every seed by size (circles, sorted), their median (black bar), "
                    "the published number (triangle) and the Bayes error (dashed)."
                ),
                svg=svgs["seeds"],
            ),
        ),
    )


def _tape(run: LabRun, svgs: Mapping[str, str]) -> Section:
    blocks: list[Block] = [
        Paragraph(
            text=(
                "Two small programs, run under PyTorch while every operation was recorded. Each "
                "row was read off the tensors of this run."
            )
        )
    ]
    for program in run.tape:
        blocks += _program(program, svgs)
    return Section(title="The tape", anchor="tape", blocks=tuple(blocks))


def _program(program: ProgramRun, svgs: Mapping[str, str]) -> list[Block]:
    name = f"tape-{program.name}"
    return [
        tables.observation_table(program),
        Picture(
            name=name,
            caption=(
                f"{program.title}: the computation graph, with values, dtypes, grad_fn and the "
                "gradients of one backward pass."
            ),
            svg=svgs[name],
        ),
        *(Code(text=_explained(finding)) for finding in program.findings),
        Details(summary="The program", blocks=(Code(text=program.source),)),
    ]


def _explained(finding: tape.Finding) -> str:
    return f"{finding}\n  PyTorch said: {finding.error}"


def _gradient(run: LabRun, svgs: Mapping[str, str]) -> Section:
    directions = run.config.sweep_directions
    return Section(
        title="The gradient",
        anchor="gradient",
        blocks=(
            Paragraph(
                text=(
                    "Along a random direction of length 1 in each parameter tensor, the central "
                    "difference (L(θ + εu) − L(θ − εu)) / 2ε is compared with the "
                    "backpropagated slope ⟨∇L, u⟩, before training."
                )
            ),
            tables.check_table(run),
            *_verdicts(run),
            Picture(
                name="gradient-sweep",
                caption=(
                    "Read from right to left: the difference falls with ε² (dashed guide) until "
                    f"rounding (dotted guide, 1/ε) takes over. {_turning_points(run)} Triangles: "
                    "published."
                ),
                svg=svgs["gradient-sweep"],
            ),
            tables.law_table(run),
            Details(
                summary="Method, and every point of the sweep",
                blocks=(
                    Paragraph(
                        text=(
                            f"Each point is the root mean square over {directions} directions. "
                            "The order is fitted to log d = log C + p·log ε + c·ε² over the "
                            "largest steps, down to where rounding reaches 1 % of the difference; "
                            "its 95 % interval uses Student's quantile and the covariance HC3, "
                            "which allows for scatter that grows towards small steps."
                        )
                    ),
                    tables.sweep_table(run),
                ),
            ),
        ),
    )


def _verdicts(run: LabRun) -> list[Block]:
    verdicts = run.gradient.verdicts
    if not verdicts:
        return []
    agreeing = sum(one.verdict is Verdict.AGREE for one in verdicts)
    return [
        Paragraph(
            text=(
                "How small is small enough? Backproof's own check measures the noise of the loss, "
                "extrapolates over steps and so knows the error of its numeric slope. It finds "
                f"the gradient right for {agreeing} of {counted(len(verdicts), 'network')}."
            )
        ),
        tables.verdict_table(run),
    ]


def _turning_points(run: LabRun) -> str:
    best = {}
    for sweep in run.gradient.sweeps:
        steps = [curve.law.best_step for curve in sweep.curves]
        best[sweep.dtype] = f"ε = {min(steps):.0e} to {max(steps):.0e} in {sweep.dtype}"
    return f"The smallest differences are at {', at '.join(best.values())}."


def _training(run: LabRun, svgs: Mapping[str, str]) -> Section:
    config = run.config
    boundaries = [
        Picture(
            name=boundary_name(picture),
            caption=(
                f"H = {picture.hidden}, "
                + ("after training." if picture.trained else "before training.")
                + " Solid: predictor; dashed: Bayes-optimal; rings: misclassified."
            ),
            svg=svgs[boundary_name(picture)],
            narrow=True,
        )
        for picture in run.training.pictures
    ]
    return Section(
        title="Training and boundaries",
        anchor="training",
        blocks=(
            Paragraph(
                text=(
                    f"Full-batch gradient descent on {config.training_points} points, learning "
                    f"rate {config.learning_rate:g}, {config.steps} steps, float64. The pictures "
                    "show the first seed."
                )
            ),
            *boundaries,
            tables.boundary_table(run),
            Picture(
                name="losses",
                caption="Training loss by size: median over the seeds, and 10 % to 90 % of them.",
                svg=svgs["losses"],
            ),
            Details(
                summary="How smoothness is measured; every network",
                blocks=(
                    Paragraph(
                        text=(
                            "Total turning is the integral of the absolute curvature of the "
                            "score's zero level: 0° for straight lines, 360° for a circle. A "
                            "boundary that winds around single points turns a lot."
                        )
                    ),
                    tables.seeds_table(run),
                ),
            ),
        ),
    )


def _test_error(run: LabRun, svgs: Mapping[str, str]) -> Section:
    config = run.config
    return Section(
        title="The test error",
        anchor="test-error",
        blocks=(
            Paragraph(
                text=(
                    "How many test examples an accuracy needs: Hoeffding's inequality holds for "
                    "any loss of range 1; for the 0/1 loss the exact binomial law gives the same "
                    "guarantee with fewer."
                )
            ),
            tables.plan_table(run),
            tables.certainty_table(run),
            Picture(
                name="test-error",
                caption=(
                    f"Test error over {config.sets} fresh test sets of {config.examples} (grey), "
                    "its exact law (black steps), the bootstrap of one test set (dashed), the true "
                    "error (dash-dotted), its error (dotted) and its Hoeffding interval (bar)."
                ),
                svg=svgs["test-error"],
            ),
            Picture(
                name="intervals",
                caption=(
                    f"What one test set of {config.examples} says by every method: "
                    f"{config.interval_confidence:.0%} intervals, its error (marks) and the true "
                    "error (dash-dotted)."
                ),
                svg=svgs["intervals"],
            ),
            tables.coverage_summary_table(run),
            Details(
                summary="Every interval, and every coverage with its uncertainty",
                blocks=(tables.one_set_table(run), tables.coverage_table(run)),
            ),
            Details(
                summary="Method",
                blocks=(
                    Paragraph(
                        text=(
                            "Every simulated test set is drawn afresh from the data model, half "
                            "its points of each class, and every point is classified by the "
                            "network. The true error is an integral over the plane. The exact law "
                            "of the number of errors is the convolution of the two classes' "
                            "binomials. The exact probability of covering is a sum over that law."
                        )
                    ),
                    *(
                        Paragraph(text=f"{one.method}: {one.assumptions}. {one.source}.")
                        for one in run.test_error.sampling[0].intervals
                    ),
                ),
            ),
        ),
    )


def _provenance(run: LabRun) -> str:
    origin = run.provenance
    packages = ", ".join(f"{name} {version}" for name, version in origin.packages.items())
    total = sum(origin.seconds.values())
    return (
        f"Backproof {origin.backproof}, Python {origin.python}, {packages}; {origin.system}, "
        f"{origin.threads} threads, {run.training.engine} engine; {_minute(origin.created)}; "
        f"computed in {total:.1f} s. Every "
        "number on this page comes from run.json; backproof report run.json renders it again."
    )
