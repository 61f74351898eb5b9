# mypy: disable-error-code="no-untyped-call"
"""The two programs: every observation holds here, and would not if it were wrong."""

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from backproof import tape
from backproof.tape import programs, runs


@pytest.fixture(scope="module")
def run_a() -> tape.ProgramRun:
    return tape.run_program_a()


@pytest.fixture(scope="module")
def run_b() -> tape.ProgramRun:
    return tape.run_program_b()


@pytest.fixture(scope="module", params=["a", "b"])
def run(
    request: pytest.FixtureRequest, run_a: tape.ProgramRun, run_b: tape.ProgramRun
) -> tape.ProgramRun:
    return {"a": run_a, "b": run_b}[request.param]


def observed(run: tape.ProgramRun, start: str) -> float | str:
    (row,) = [row for row in run.observations if row.what.startswith(start)]
    return row.observed


def test_every_observation_holds(run: tape.ProgramRun) -> None:
    assert [str(row) for row in run.observations if not row.holds] == []
    assert run.holds


def test_rows_are_told_apart(run: tape.ProgramRun) -> None:
    what = [row.what for row in run.observations]
    assert len(set(what)) == len(what)


def test_program_a_gives_what_the_closed_forms_give(run_a: tape.ProgramRun) -> None:
    assert [observed(run_a, name) for name in ("w.grad before", "w.grad after")] == ["None", 38]
    assert observed(run_a, "the value of w") == pytest.approx(-2.8, rel=1e-6)
    assert observed(run_a, "gradient that reaches y") == 6


def test_program_b_gives_one_gradient_three_times(run_b: tape.ProgramRun) -> None:
    gradients = [row.observed for row in run_b.observations if row.what.startswith("w.grad")]
    assert len(gradients) == 3
    assert len(set(gradients)) == 1
    assert gradients[0] == pytest.approx(2 * (math.e - 5) * math.e, rel=1e-6)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (7, torch.tensor(6.0)),
        (38, None),
        (None, torch.tensor(38.0)),
        (True, False),
        ("int64", "float32"),
        (38, torch.tensor(38.001)),
        (38, torch.tensor(float("nan"))),
        (38, torch.tensor(float("inf"))),
    ],
)
def test_a_wrong_expectation_does_not_hold(expected: Any, value: Any) -> None:
    row = runs._observe("planted", expected, value)
    assert not row.holds
    assert type(row).from_json(row.to_json()) == row


def test_rounding_in_float32_is_no_fault() -> None:
    assert runs._observe("sum", 0.1 + 0.2, torch.tensor(0.1) + torch.tensor(0.2)).holds


def test_a_wrong_program_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(w: Tensor) -> dict[str, Any]:
        x, t, b = (torch.tensor(float(n)) for n in (2, 3, 4))
        a = x + b
        y = a * w
        l = (y - t) ** 2 + 2 * w  # noqa: E741
        return locals()

    monkeypatch.setattr(programs, "program_a", wrong)
    run = tape.run_program_a()
    assert not run.holds
    failed = {row.what for row in run.observations if not row.holds}
    assert "l" in failed
    assert "a" not in failed


def test_run_programs_gives_both_in_order() -> None:
    assert [run.name for run in tape.run_programs()] == ["program-a", "program-b"]


def test_json_round_trip(run: tape.ProgramRun) -> None:
    assert tape.ProgramRun.from_json(run.to_json()) == run
    assert tape.ProgramRun.from_dict(run.to_dict()) == run


def test_source_is_the_text_that_ran(run_a: tape.ProgramRun, run_b: tape.ProgramRun) -> None:
    assert "y = max(a * w, 0)" in run_a.source
    assert "w.data = w.data - 0.1 * w.grad" in run_a.source
    assert "y /= 2" in run_b.source
    assert "del y, a, x, b, w" in run_b.source


def test_no_path_of_a_machine_is_recorded(run: tape.ProgramRun) -> None:
    files = {place.file for finding in run.findings for place in finding.places}
    files |= {node.file for node in run.graph.nodes if node.file}
    assert files == {"backproof/tape/programs.py"}


def test_rebinding_is_explained_by_the_line_that_rebound(run_a: tape.ProgramRun) -> None:
    (found,) = run_a.findings
    assert found.code == "non-leaf-grad"
    assert [(p.role, p.code) for p in found.places] == [
        ("made", "w = w - 0.1 * w.grad"),
        ("read", "return w, w.grad"),
    ]
    assert "not a leaf" in found.error


def test_division_is_explained_by_both_lines(run_b: tape.ProgramRun) -> None:
    (found,) = run_b.findings
    assert found.code == "inplace-after-save"
    assert [(p.role, p.code) for p in found.places] == [
        ("saved", "y = torch.exp(w)"),
        ("wrote", "y /= 2"),
    ]
    assert found.places[0].line + 2 == found.places[1].line
    assert "`y`" in found.message
    assert "version" in found.error


def test_graph_of_program_a(run_a: tape.ProgramRun) -> None:
    graph = run_a.graph
    names = {node.name for node in graph.nodes if node.name}
    assert names == {"w", "x", "t", "b", "a", "y", "l"}
    unnamed = {node.expression for node in graph.nodes if not node.name}
    assert unnamed == {"y - t", "(y - t) ** 2", "w**2"}
    kinds = {node.name: node.kind for node in graph.nodes if node.name}
    assert {name for name, kind in kinds.items() if kind == "constant"} == {"x", "t", "b", "a"}
    assert {name for name, kind in kinds.items() if kind == "leaf"} == {"w"}
    assert {node.name for node in graph.sources(graph.node("y"))} == {"a", "w"}
    assert graph.node("y").grad_fn == "MulBackward0"
    assert graph.node("w").gradient == 38
    assert not {node.dtype for node in graph.nodes} - {"float32"}  # no comparison, no bool


def test_graph_of_program_b_shows_values_before_names_went(run_b: tape.ProgramRun) -> None:
    graph = run_b.graph
    assert {node.name for node in graph.nodes if node.name} == {"w", "x", "b", "a", "y", "l"}
    assert graph.node("y").value == pytest.approx(math.e, rel=1e-6)


@pytest.mark.parametrize(
    "program",
    [
        programs.program_b,
        programs.program_b_without_del,
        programs.program_b_with_rebinding,
        lambda w: programs.program_a(w)["l"],
    ],
)
def test_recording_changes_no_bit_of_the_programs(program: Callable[[Tensor], Tensor]) -> None:
    def result() -> tuple[Tensor, Tensor]:
        w = programs.weight()
        loss = program(w)
        loss.backward()
        assert w.grad is not None
        return loss.detach(), w.grad

    plain = result()
    with tape.explain():
        recorded = result()
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


def test_pytorch_warns_of_the_users_line() -> None:
    with tape.explain(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        w = programs.weight()
        w = w * 2
        assert w.grad is None
    (warning,) = caught
    assert warning.category is UserWarning
    assert warning.filename == __file__


def test_text_is_plain(run_a: tape.ProgramRun) -> None:
    text = str(run_a)
    assert "w.grad after backward: 2(y - t)a + 2w: expected 38, observed 38: holds" in text
    assert re.search(r"└─ w\*\*2 = 1 .*\n   └─ w \(shown above\)", text)


@pytest.mark.parametrize("setting", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_sees_the_same(setting: Callable[[], Any]) -> None:
    with setting():
        assert all(program.holds for program in runs.run_programs())
