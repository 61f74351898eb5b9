"""A fixed tenth of PyTorch's operator database; benchmarks/gradcheck.py runs all of it."""

import functools
from collections import Counter

import pytest
import torch

from backproof._core.errors import InputError
from backproof.gradcheck import GradientReport, Verdict
from operator_sweep import FACTOR, KNOWN, LOW_PRECISION, Case, cases, operators

_EVERY = 10
_SAMPLES = 3
_LARGEST = 100_000
_NEVER = {"not finite", "empty"}
"""What the message of a sample that cannot be checked says: its point, or its output."""

OPERATORS = operators(_EVERY)
each = pytest.mark.parametrize(
    "number", range(len(OPERATORS)), ids=[op.formatted_name for op in OPERATORS]
)


@functools.cache
def reports(
    number: int, dtype: torch.dtype = torch.float64
) -> tuple[tuple[Case, GradientReport], ...]:
    found = []
    for case in cases(OPERATORS[number], seed=0, dtype=dtype, most=_SAMPLES, largest=_LARGEST):
        try:
            found.append((case, case.check(0, localize=False)))
        except InputError as error:
            if not any(reason in str(error) for reason in _NEVER):
                raise
    return tuple(found)


def test_the_tenth_is_a_tenth() -> None:
    assert len(OPERATORS) >= len(operators()) // _EVERY > 40


@each
def test_a_right_gradient_is_no_alarm(number: int) -> None:
    for case, report in reports(number):
        if case.operator not in KNOWN:
            assert report.verdict is not Verdict.DISAGREE, f"{case.name}\n{report}"


@each
def test_a_right_gradient_in_float32_is_no_alarm(number: int) -> None:
    for case, report in reports(number, torch.float32):
        if case.operator not in KNOWN:
            assert report.verdict is not Verdict.DISAGREE, f"{case.name}\n{report}"


@each
def test_a_factor_is_found_wherever_the_gradient_is_not_flat(number: int) -> None:
    for case, right in reports(number):
        first = right.tensors[0]
        if first.verdict is not Verdict.AGREE or first.label:
            continue
        # Where the operator hides more than the factor, its resolution says so.
        assert first.resolution is not None
        if first.resolution < FACTOR - 1:
            wrong = case.planted().check(0, localize=False)
            assert wrong.tensors[0].verdict is Verdict.DISAGREE, f"{case.name}\n{wrong}"


def test_few_are_unresolved() -> None:
    counts: Counter[Verdict] = Counter()
    for number in range(0, len(OPERATORS), 2):
        if OPERATORS[number].formatted_name not in LOW_PRECISION:
            counts.update(report.verdict for _, report in reports(number))
    assert counts[Verdict.UNRESOLVED] <= 0.01 * counts.total()
    assert counts[Verdict.AGREE] > 50


@pytest.mark.parametrize(
    ("operator", "number"),
    [("tan", 0), ("round_decimals_3", 0), ("cdist", 82), ("cdist", 84)],
    ids=lambda value: str(value),
)
def test_structure_that_float32_hardly_resolves_is_no_alarm(operator: str, number: int) -> None:
    """A pole, stairs, and a singular second derivative, each narrower than most steps."""
    (op,) = [op for op in operators() if op.formatted_name == operator]
    (case,) = [
        case
        for case in cases(op, seed=0, dtype=torch.float32, most=None)
        if case.name == f"{operator}[{number}]"
    ]
    assert case.native().check(0, localize=False).verdict is not Verdict.DISAGREE
