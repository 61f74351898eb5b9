"""What the check says of every operator: right, planted, in float32 with and without its shadow."""

import os
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch

from backproof.gradcheck import GradientReport, Verdict
from operator_sweep import KNOWN, KNOWN_FLOAT32, Case, cases, operators


@dataclass(frozen=True)
class Row:
    """One way to present every operator, and what is to come of it."""

    name: str
    dtype: torch.dtype
    change: Callable[[Case], Case] | None
    expected: tuple[str, ...]
    many_seeds: bool = False


RIGHT = ("agree", "subgradient", "vacuous")
ROWS = (
    Row("right, float64", torch.float64, None, RIGHT, many_seeds=True),
    Row("first input × 1.001, float64", torch.float64, Case.planted, ("disagree", "vacuous")),
    Row("right, float32 with its shadow", torch.float32, None, RIGHT),
    Row("right, float32 alone", torch.float32, Case.native, RIGHT),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    case: str
    kind: str
    known: bool
    evaluations: int = 0
    resolutions: tuple[float, ...] = ()
    reason: str = ""


def print_table(every: int, seeds: int, most: int | None) -> None:
    """Check one operator of `every`, and print a row for each way."""
    print("\n| gradient | agree | vacuous | subgradient | UNRESOLVED | DISAGREE | of these known |")
    print("|---|---|---|---|---|---|---|")
    columns = ("agree", "vacuous", "subgradient", "unresolved", "disagree")
    notes, unexpected = [], []
    for number, row in enumerate(ROWS):
        outcomes = list(_outcomes(number, every, seeds if row.many_seeds else 1, most))
        counts = Counter(outcome.kind for outcome in outcomes)
        known = sum(outcome.known and outcome.kind == "disagree" for outcome in outcomes)
        cells = [str(counts[kind]) for kind in columns]
        print(f"| {row.name} | {' | '.join(cells)} | {known} |", flush=True)
        notes.append(f"{row.name}: {_costs(outcomes)}; not judged {counts['not judged']}")
        unexpected += [
            f"{row.name}: {outcome.case} {outcome.kind} {outcome.reason}"
            for outcome in outcomes
            if outcome.kind not in row.expected
            and not (outcome.known and outcome.kind == "disagree")
        ]
    print("\n" + "\n".join(f"- {note}" for note in notes))
    print("\nNot as expected, or not judged:\n")
    print("\n".join(f"- {line}" for line in unexpected))


def _costs(outcomes: list[Outcome]) -> str:
    evaluations = [outcome.evaluations for outcome in outcomes if outcome.evaluations]
    resolutions = [one for outcome in outcomes for one in outcome.resolutions]
    middle, worst = np.quantile(resolutions, (0.5, 0.99))
    return (
        f"evaluations median {statistics.median(evaluations):.0f}, mean "
        f"{statistics.mean(evaluations):.0f}, most {max(evaluations)}; resolution median "
        f"{middle:.0e}, 99 % {worst:.0e}"
    )


def _outcomes(row: int, every: int, seeds: int, most: int | None) -> Iterator[Outcome]:
    """Yield what came of every case; a process a core, since nothing here is timed."""
    tasks = [(seed, op) for seed in range(seeds) for op in range(len(operators(every)))]
    context = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, torch.set_num_threads, (1,)) as pool:
        jobs = [pool.submit(_judged, row, every, op, seed, most) for seed, op in tasks]
        for job in jobs:
            yield from job.result()


def _judged(row: int, every: int, op: int, seed: int, most: int | None) -> list[Outcome]:
    way = ROWS[row]
    found = cases(operators(every)[op], seed, way.dtype, most)
    return [_outcome(way, case, seed) for case in found]


def _outcome(row: Row, case: Case, seed: int) -> Outcome:
    known = case.operator in KNOWN
    known |= row.dtype == torch.float32 and case.operator in KNOWN_FLOAT32
    name = f"{case.name}, seed {seed}"
    changed = case if row.change is None else row.change(case)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = changed.check(seed, localize=False)
    except Exception as error:
        return Outcome(name, "not judged", known, reason=str(error)[:90])
    resolutions = (one.resolution for one in report.tensors)
    return Outcome(
        name,
        _kind(report),
        known,
        report.evaluations,
        tuple(one for one in resolutions if one is not None),
        "; ".join(one.reason[:60] for one in report.tensors if one.verdict is not Verdict.AGREE),
    )


def _kind(report: GradientReport) -> str:
    if report.verdict is not Verdict.AGREE:
        return str(report.verdict)
    labels = {tensor.label for tensor in report.tensors}
    if labels == {"vacuous"}:
        return "vacuous"
    return "subgradient" if "subgradient" in labels else "agree"
