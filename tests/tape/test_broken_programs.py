"""Broken programs: the code and every line at fault are found, and nothing else is blamed."""

import dataclasses
import functools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tests.tape.broken_programs import PROGRAMS, Broken, Places

from backproof import tape

FOLDED = re.compile(r"Of \d+ earlier steps? the records are folded")
FEWEST = 10


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a program itself did."""

    error: Exception | None
    warnings: tuple[tuple[type[Warning], str], ...]

    @property
    def raised(self) -> tuple[type[Exception], str] | None:
        return None if self.error is None else (type(self.error), str(self.error))


@dataclasses.dataclass(frozen=True)
class Run:
    """A program without and with the tape."""

    plain: Outcome
    recorded: Outcome
    findings: tuple[tape.Finding, ...]
    limits: tuple[str, ...]


def outcome(program: Callable[[], object]) -> Outcome:
    error = None
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.manual_seed(0)
        try:
            program()
        except Exception as raised:
            error = raised
    return Outcome(error, tuple((one.category, str(one.message)) for one in caught))


@functools.cache
def run(broken: Broken) -> Run:
    sessions = []

    def recorded() -> None:
        with tape.explain() as session:
            sessions.append(session)
            broken.program()

    plain, with_tape = outcome(broken.program), outcome(recorded)
    (session,) = sessions
    return Run(plain, with_tape, session.findings, session.limits)


def of_its_code(broken: Broken) -> list[tape.Finding]:
    return [finding for finding in run(broken).findings if finding.code == broken.code]


@pytest.fixture(scope="module", autouse=True)
def _every_warning() -> Iterator[None]:
    # PyTorch gives some warnings once in a process, whichever program comes first.
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


each = pytest.mark.parametrize("broken", PROGRAMS, ids=lambda broken: broken.name)


def named(broken: Broken, finding: tape.Finding) -> Places:
    """The places of a finding in the roles that are marked in the program."""
    roles = {role for role, _ in broken.marks}
    return {(place.role, place.line) for place in finding.places if place.role in roles}


@each
def test_the_code_and_every_line_at_fault_are_found(broken: Broken) -> None:
    found = of_its_code(broken)
    said = "\n".join(map(str, run(broken).findings))
    assert any(named(broken, finding) == broken.marks for finding in found), (
        f"expected {broken.code} at {sorted(broken.marks)}; found:\n{said}"
    )
    files = {Path(place.file).name for finding in found for place in finding.places}
    assert files == {"broken_programs.py"}


@each
def test_no_innocent_line_is_blamed(broken: Broken) -> None:
    for finding in of_its_code(broken):
        assert named(broken, finding) <= broken.marks | broken.further
        everywhere = {(place.role, place.line) for place in finding.places}
        assert not everywhere & broken.innocent


@each
def test_no_other_error_is_claimed(broken: Broken) -> None:
    claimed = [f for f in run(broken).findings if f.severity is tape.Severity.ERROR]
    assert {finding.code for finding in claimed} <= {broken.code, *broken.also}, claimed


@each
def test_the_program_does_what_it_does_without_the_tape(broken: Broken) -> None:
    ran = run(broken)
    assert ran.recorded.raised == ran.plain.raised
    assert ran.recorded.warnings == ran.plain.warnings
    error = ran.plain.error
    assert error is None if not broken.raises else broken.raises in str(error)
    said = {text for _, text in ran.plain.warnings}
    assert all(broken.warns and broken.warns in text for text in said)
    assert bool(said) == bool(broken.warns)


@each
def test_an_exception_carries_the_explanation(broken: Broken) -> None:
    ran = run(broken)
    notes = getattr(ran.recorded.error, "__notes__", [])
    about_it = [
        f"backproof: {dataclasses.replace(finding, times=1)}"
        for finding in ran.findings
        if finding.error and finding.error == str(ran.recorded.error).strip()
    ]
    assert sorted(notes) == sorted(about_it)
    assert getattr(ran.plain.error, "__notes__", []) == []
    if broken.raises and broken.warns == "":
        assert any(f" {broken.code}: " in note for note in notes)


@each
def test_findings_go_to_json_and_back(broken: Broken) -> None:
    for finding in run(broken).findings:
        assert tape.Finding.from_json(finding.to_json()) == finding
        assert finding.message
        assert finding.fix


@each
def test_nothing_went_unseen(broken: Broken) -> None:
    limits = run(broken).limits
    assert bool(limits) == broken.folds
    assert all(FOLDED.match(limit) for limit in limits)


def test_every_code_has_programs_and_every_program_is_told_apart() -> None:
    counts = Counter(broken.code for broken in PROGRAMS)
    assert set(counts) == set(tape.CODES)
    assert min(counts.values()) >= FEWEST
    assert len({broken.name for broken in PROGRAMS}) == len(PROGRAMS)
    assert all(broken.marks for broken in PROGRAMS)
    assert all(broken.program.__doc__ for broken in PROGRAMS)
