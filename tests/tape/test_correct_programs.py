"""Correct programs compute the same bits with the tape on, and it finds nothing wrong in them."""

import functools
from dataclasses import dataclass

import pytest
import torch
from tests.tape.correct_programs import CASES, Case
from torch import Tensor

from backproof import tape

# PyTorch imports this itself, on the first use of its forward mode.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@dataclass(frozen=True)
class Outcome:
    """What a program gave without the tape and with it."""

    plain: list[Tensor]
    recorded: list[Tensor]
    session: tape.Session


@functools.cache
def outcome(case: Case) -> Outcome:
    plain = results(case)
    with tape.explain() as session:
        recorded = results(case)
    return Outcome([*plain, *gradients(plain)], [*recorded, *gradients(recorded)], session)


def results(case: Case) -> list[Tensor]:
    """Run a program; its random numbers matter as well."""
    torch.manual_seed(0)
    return [*case.program(), torch.get_rng_state()]


def gradients(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.grad for tensor in tensors if tensor.is_leaf and tensor.grad is not None]


@each_case
def test_the_same_bits_are_computed(case: Case) -> None:
    found = outcome(case)
    assert len(found.plain) == len(found.recorded) > 1
    differ = [
        index
        for index, (a, b) in enumerate(zip(found.plain, found.recorded, strict=True))
        if not torch.equal(a, b)
    ]
    assert differ == []


@each_case
def test_no_error_is_found(case: Case) -> None:
    findings = outcome(case).session.findings
    assert [str(one) for one in findings if one.severity is tape.Severity.ERROR] == []


@each_case
def test_no_remark_is_made_that_is_not_fair(case: Case) -> None:
    findings = outcome(case).session.findings
    assert [str(one) for one in findings if one.code not in case.remarks] == []


@each_case
def test_everything_is_seen_or_said_to_be_unseen(case: Case) -> None:
    # That older steps are folded is no lack: what was found in them is kept.
    limits = [one for one in outcome(case).session.limits if "folded" not in one]
    if case.unseen:
        assert len(limits) == 1
        assert case.unseen in limits[0]
    else:
        assert limits == []


def test_most_programs_deserve_no_remark_at_all() -> None:
    assert len(CASES) >= 40
    assert sum(not case.remarks for case in CASES) >= 25
    assert len({case.name for case in CASES}) == len(CASES)
