"""The report of a check: what it says, how it is shown, kept and raised, and what it cost."""

import dataclasses
import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backproof._core.errors import BackproofError, InputError
from backproof.gradcheck import (
    GradientError,
    GradientReport,
    TensorCheck,
    Verdict,
    WrongEntry,
    check,
)

Function = Callable[[Tensor], Tensor]
Change = Callable[[Tensor], Tensor]


@dataclass
class Calls:
    """How often a target was run."""

    forward: int = 0
    backward: int = 0


def planted(change: Change, calls: Calls | None = None) -> Function:
    """Return Σ exp x whose gradient goes through `change` first."""
    counted = calls or Calls()

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            counted.forward += 1
            ctx.save_for_backward(x)
            return x.exp().sum()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            counted.backward += 1
            x: Tensor = ctx.saved_tensors[0]
            return upstream[0] * change(x.exp())

    def function(x: Tensor) -> Tensor:
        result: Tensor = Planted.apply(x)  # type: ignore[no-untyped-call]
        return result

    return function


def unchanged(gradient: Tensor) -> Tensor:
    return gradient


def doubled(gradient: Tensor) -> Tensor:
    return 2 * gradient


def one_wrong(gradient: Tensor) -> Tensor:
    changed = gradient.clone()
    changed[1, 2] *= 1.5
    return changed


def one_nan(gradient: Tensor) -> Tensor:
    changed = gradient.clone()
    changed[1, 2] = float("nan")
    return changed


def points(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(np.random.default_rng(3).standard_normal(shape)).to(dtype)


def square_root(x: Tensor) -> Tensor:
    # At zero the slope is infinite: nothing to agree with.
    return x.sum().sqrt()


def timeless(report: GradientReport) -> GradientReport:
    return replace(report, seconds=0.0)


@pytest.fixture(scope="module")
def agreeing() -> GradientReport:
    return check(lambda x, scale: (scale * x).sin(), points(3, 4), points(4))


@pytest.fixture(scope="module")
def disagreeing() -> GradientReport:
    wrong = planted(one_wrong)
    return check(lambda x, scale: wrong(x) + scale.exp().sum(), points(3, 4), points(4))


@pytest.fixture(scope="module")
def unresolved() -> GradientReport:
    return check(square_root, torch.zeros(2, dtype=torch.float64))


# What it says.


def test_verdicts_are_strings() -> None:
    assert [str(one) for one in Verdict] == ["agree", "disagree", "unresolved"]
    assert all(isinstance(one, str) for one in Verdict)


def test_a_right_gradient_agrees_tensor_by_tensor(agreeing: GradientReport) -> None:
    assert agreeing.verdict == "agree"
    assert [(one.name, one.shape) for one in agreeing.tensors] == [("x", (3, 4)), ("scale", (4,))]
    for one in agreeing.tensors:
        assert (one.verdict, one.wrong, one.reason, one.diagnosis) == ("agree", (), "", "")
        assert one.sigma is not None
        assert one.sigma > 0
        assert abs(one.discrepancy) < 1e-9 * one.slope
        # Central differences of a smooth function: the truncation error falls as the step squared.
        assert one.order == pytest.approx(2, abs=0.1)
        assert one.resolution is not None
        assert 0 < one.resolution < 1e-6
    assert agreeing.evaluations > 0
    assert agreeing.seconds > 0
    assert agreeing.order == 1
    assert agreeing.device == "cpu"


def test_a_wrong_entry_is_given_with_both_derivatives(disagreeing: GradientReport) -> None:
    assert disagreeing.verdict == "disagree"
    x, scale = disagreeing.tensors
    assert (x.verdict, scale.verdict) == ("disagree", "agree")
    assert x.diagnosis
    assert scale.wrong == ()
    (entry,) = x.wrong
    assert entry.index == (1, 2)
    assert all(type(place) is int for place in entry.index)
    true = float(points(3, 4)[1, 2].exp())
    assert entry.claimed == pytest.approx(1.5 * true, rel=1e-15)
    assert entry.sigma > 0
    assert abs(entry.numeric - true) < 8 * entry.sigma
    assert entry.sigma < 1e-9
    assert entry.part == ""
    assert x.wrong_complete


def test_the_discrepancy_is_numeric_minus_claimed_in_units_of_sigma() -> None:
    # Along a direction u the claim is 2⟨g, u⟩ where ⟨g, u⟩ is right, so that δ = -half the claim;
    # a single number has but one direction, of size |x|.
    x = torch.tensor([1.5], dtype=torch.float64)
    (one,) = check(planted(doubled), x).tensors
    assert one.verdict == "disagree"
    assert one.sigma is not None
    assert abs(one.discrepancy) > 1e6 * one.sigma
    # Up to the length of the direction, which is random.
    ratio = one.wrong[0].numeric / (one.wrong[0].claimed or 0.0)
    assert ratio == pytest.approx(0.5, rel=1e-9)
    assert one.slope == pytest.approx(2 * float(x.exp()) * 1.5, rel=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 3)])
def test_an_index_has_one_number_an_axis(shape: tuple[int, ...]) -> None:
    (one,) = check(planted(doubled), points(*shape)).tensors
    assert one.shape == shape
    assert sorted(entry.index for entry in one.wrong) == sorted(np.ndindex(*shape))


def test_a_complex_tensor_has_its_parts_named() -> None:
    class Conjugated(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)
            return (z.exp()).real.sum()

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Tensor:
            z: Tensor = ctx.saved_tensors[0]
            return upstream[0] * z.exp()  # the conjugate is forgotten: the imaginary part is wrong

    (one,) = check(Conjugated.apply, torch.complex(points(3), points(3) + 2)).tensors
    assert one.verdict == "disagree"
    assert {entry.part for entry in one.wrong} == {"imaginary"}
    assert "[0] (imaginary part): claimed" in str(one)


def test_a_claim_that_is_not_finite_is_none() -> None:
    report = check(planted(one_nan), points(3, 4))
    (one,) = report.tensors
    assert one.verdict == "disagree"
    (entry,) = one.wrong
    assert entry.index == (1, 2)
    assert entry.claimed is None
    assert entry.numeric == pytest.approx(float(points(3, 4)[1, 2].exp()), rel=1e-9)
    assert "NaN" in one.reason
    assert "claimed not finite" in str(report)


def test_what_cannot_be_told_has_a_reason(unresolved: GradientReport) -> None:
    assert unresolved.verdict == "unresolved"
    (one,) = unresolved.tensors
    assert one.verdict == "unresolved"
    assert one.reason
    assert one.reason in str(unresolved)


def test_one_wrong_tensor_outweighs_one_that_cannot_be_told() -> None:
    wrong = planted(doubled)
    report = check(
        lambda a, b: square_root(a) + wrong(b), torch.zeros(2, dtype=torch.float64), points(3)
    )
    assert [one.verdict for one in report.tensors] == ["unresolved", "disagree"]
    assert report.verdict == "disagree"


def test_what_is_left_out_is_noted() -> None:
    report = check(lambda x: (x.exp(), x.detach() * 2), points(3))
    assert report.verdict == "agree"
    several, left_out = report.notes
    assert "random cotangent" in several
    assert "output[1] does not require a gradient" in left_out
    assert all(f"note: {note}" in str(report) for note in report.notes)


def test_of_one_number_there_is_no_word_of_cotangents() -> None:
    assert check(lambda x: x.exp().sum(), points(3)).notes == ()
    assert check(torch.exp, points(3)).notes == (
        "the output has several numbers: gradients are vᵀJ for a random cotangent v",
    )


def test_tensors_that_do_not_matter_are_counted() -> None:
    report = check(lambda a, b, c: (0 * a).sum() + b.exp().sum() + 0 * c.sum(), *3 * [points(3)])
    assert report.verdict == "agree"
    assert [one.label for one in report.tensors] == ["vacuous", "", "vacuous"]
    assert report.vacuous == 2
    assert "2 vacuous" in str(report).splitlines()[0]
    assert all(one.resolution is None for one in report.tensors if one.label)


def test_without_any_there_is_no_word_of_them(agreeing: GradientReport) -> None:
    assert agreeing.vacuous == 0
    assert "vacuous" not in str(agreeing)


def test_a_constant_function_raises_no_warning() -> None:
    assert check(lambda x: (0 * x).sum(), points(3)).vacuous == 1


def test_reports_are_frozen(disagreeing: GradientReport) -> None:
    for one in (disagreeing, disagreeing.tensors[0], disagreeing.tensors[0].wrong[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.verdict = Verdict.AGREE  # type: ignore[misc, union-attr]


# How it is shown.


def test_text_has_a_line_a_tensor_and_a_line_a_wrong_entry(disagreeing: GradientReport) -> None:
    first, x, entry, scale = str(disagreeing).splitlines()
    assert first.startswith("DISAGREE: gradient of 2 tensors, ")
    assert f"{disagreeing.evaluations} evaluations" in first
    assert x.split(":")[0].split(maxsplit=1) == ["DISAGREE", "x (3, 4)"]
    assert disagreeing.tensors[0].diagnosis in x
    assert entry.strip().startswith("x[1, 2]: claimed ")
    assert ", numeric " in entry
    assert " ± " in entry
    assert scale.split(":")[0].split(maxsplit=1) == ["AGREE", "scale (4,)"]


def test_text_is_indented_under_what_it_belongs_to(disagreeing: GradientReport) -> None:
    depths = [len(line) - len(line.lstrip()) for line in str(disagreeing).splitlines()]
    assert depths[0] == 0
    assert depths[1] == depths[3] > 0
    assert depths[2] > depths[1]


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, "and 1 more"), (20, "and 10 more")])
def test_text_shows_ten_wrong_entries_and_counts_the_rest(count: int, more: str) -> None:
    report = check(planted(doubled), points(count))
    assert len(report.tensors[0].wrong) == count
    lines = [line.strip() for line in str(report).splitlines()]
    assert sum(line.startswith("x[") for line in lines) == 10
    assert lines[12:] == ([more] if more else [])


def test_text_says_where_only_some_of_many_wrong_entries_were_looked_at() -> None:
    report = check(planted(doubled), points(300))
    (one,) = report.tensors
    assert 0 < one.sampled < 300
    assert not one.wrong_complete
    lines = str(report).splitlines()
    assert sum(line.strip().startswith("x[") for line in lines) == 10
    last = f"{len(one.wrong)} of {one.sampled} entries drawn at random are wrong, 10 shown"
    assert lines[-1].strip() == f"{last}; the others were not looked at"


def test_a_report_of_a_second_derivative_says_so() -> None:
    assert "second derivative of 2 tensors" in str(check(torch.exp, points(3), order=2))


class Page(HTMLParser):
    """Reads HTML and insists on every element's being closed where it has to be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs == []  # nothing that would have to be escaped in its own way
        self.tags.add(tag)
        if tag == "br":
            self.rows[-1][-1] += "\n"
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1] += data


def test_html_has_a_row_a_tensor(disagreeing: GradientReport) -> None:
    page = Page(disagreeing._repr_html_())
    heading, *rows = page.rows
    assert {len(row) for row in page.rows} == {len(heading)}
    assert [row[:3] for row in rows] == [["DISAGREE", "x", "(3, 4)"], ["AGREE", "scale", "(4,)"]]
    assert "x[1, 2]: claimed" in rows[0][-1]


@pytest.mark.parametrize("wrong", [False, True])
def test_html_is_escaped(wrong: bool) -> None:
    name = "<b>&\"x'</b>"

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_parameter(name, nn.Parameter(points(2)))

        def forward(self) -> Tensor:
            return planted(doubled if wrong else unchanged)(getattr(self, name))

    report = check(Module())
    page = Page(report._repr_html_())
    assert page.rows[1][1] == name
    assert "<b>&" not in report._repr_html_()
    assert (f"{name}[0]: claimed" in page.rows[1][-1]) is wrong
    assert name in str(report)


def test_notes_are_escaped_in_html(agreeing: GradientReport) -> None:
    text = replace(agreeing, notes=("<i>a note & more</i>",))._repr_html_()
    assert "i" not in Page(text).tags
    assert "&lt;i&gt;a note &amp; more" in text


# How it is kept.


def strictly(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


_TARGETS: dict[str, Callable[[], GradientReport]] = {
    "right": lambda: check(planted(unchanged), points(3, 4)),
    "wrong": lambda: check(planted(one_wrong), points(3, 4)),
    "NaN claimed": lambda: check(planted(one_nan), points(3, 4)),
    "nothing told": lambda: check(square_root, torch.zeros(2, dtype=torch.float64)),
    "float32": lambda: check(planted(doubled), points(3, dtype=torch.float32)),
    "complex": lambda: check(torch.exp, torch.complex(points(3), points(3))),
    "a single number": lambda: check(planted(doubled), points()),
    "a kink": lambda: check(torch.relu, torch.zeros(3, dtype=torch.float64)),
    "second order": lambda: check(torch.exp, points(3), order=2),
    "with a note": lambda: check(lambda x: (x.exp(), x.detach()), points(3)),
}


@pytest.mark.parametrize("name", _TARGETS)
def test_json_brings_everything_back(name: str) -> None:
    report = _TARGETS[name]()
    text = report.to_json()
    assert strictly(text)["verdict"] == report.verdict.value
    back = GradientReport.from_json(text)
    assert back == report
    assert back.to_json() == text
    assert str(back) == str(report)
    assert isinstance(back.verdict, Verdict)
    assert GradientReport.from_dict(report.to_dict()) == report
    assert GradientReport.from_json(report.to_json(indent=2)) == report


def test_json_keeps_every_digit_and_what_is_missing() -> None:
    entry = WrongEntry(index=(0, 2), claimed=None, numeric=0.1 + 0.2, sigma=5e-324)
    tensor = TensorCheck(
        name="x",
        shape=(1, 3),
        dtype="float64",
        verdict=Verdict.DISAGREE,
        discrepancy=-1.7976931348623157e308,
        sigma=None,
        slope=0.0,
        order=None,
        resolution=None,
        wrong=(entry,),
        rounding=None,
    )
    back = TensorCheck.from_json(tensor.to_json())
    assert back == tensor
    assert back.wrong[0].index == (0, 2)
    assert str(back) == str(tensor)


def test_json_of_something_else_is_refused(agreeing: GradientReport) -> None:
    spoilt = {**agreeing.to_dict(), "verdict": "fine"}
    with pytest.raises(InputError, match="fine"):
        GradientReport.from_dict(spoilt)


# How it is raised.


def test_agreement_raises_nothing(agreeing: GradientReport) -> None:
    agreeing.raise_if_wrong()
    agreeing.raise_if_wrong(allow_unresolved=True)


@pytest.mark.parametrize("allow_unresolved", [False, True])
def test_disagreement_raises_the_report(
    disagreeing: GradientReport, allow_unresolved: bool
) -> None:
    with pytest.raises(GradientError) as raised:
        disagreeing.raise_if_wrong(allow_unresolved=allow_unresolved)
    assert str(raised.value) == str(disagreeing)
    assert raised.value.report is disagreeing
    # pytest shows an AssertionError as a failed test rather than as a broken one.
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, BackproofError)


def test_what_cannot_be_told_raises_unless_it_is_allowed(unresolved: GradientReport) -> None:
    with pytest.raises(GradientError) as raised:
        unresolved.raise_if_wrong()
    assert raised.value.report is unresolved
    assert str(raised.value) == str(unresolved)
    unresolved.raise_if_wrong(allow_unresolved=True)


def test_the_error_survives_its_way_between_processes(disagreeing: GradientReport) -> None:
    with pytest.raises(GradientError) as raised:
        disagreeing.raise_if_wrong()
    back = pickle.loads(pickle.dumps(raised.value))
    assert back.report == disagreeing
    assert str(back) == str(disagreeing)


# Seeds and options.


@pytest.mark.parametrize("change", [unchanged, one_wrong])
def test_the_same_seed_gives_the_same_report(change: Change) -> None:
    reports = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        reports.append(timeless(check(planted(change), points(3, 4), seed=5)))
    assert reports[0] == reports[1]


def test_another_seed_goes_in_other_directions() -> None:
    found = [check(planted(doubled), points(3, 4), seed=seed) for seed in range(4)]
    assert len({one.tensors[0].discrepancy for one in found}) == 4
    assert {one.verdict for one in found} == {Verdict.DISAGREE}
    assert [one.seed for one in found] == [0, 1, 2, 3]


def test_a_seed_may_be_of_numpy() -> None:
    report = check(torch.exp, points(3), seed=np.int64(3))
    assert GradientReport.from_json(report.to_json()) == report
    assert timeless(report) == timeless(check(torch.exp, points(3), seed=3))


@pytest.mark.parametrize("change", [doubled, one_wrong])
def test_without_localising_there_are_no_entries_and_less_work(change: Change) -> None:
    full = check(planted(change), points(3, 4))
    quick = check(planted(change), points(3, 4), localize=False)
    assert (quick.verdict, full.verdict) == ("disagree", "disagree")
    assert quick.tensors[0].wrong == ()
    assert full.tensors[0].wrong
    assert quick.evaluations < full.evaluations
    assert quick.tensors[0].discrepancy == full.tensors[0].discrepancy
    assert quick.tensors[0].sigma == full.tensors[0].sigma
    # One line for the report and one for its tensor.
    assert len(str(quick).splitlines()) == 2


def test_a_right_gradient_has_nothing_to_localise() -> None:
    full, quick = (
        check(planted(unchanged), points(3, 4), localize=localize) for localize in (True, False)
    )
    assert timeless(full) == timeless(quick)


def rough(error: float) -> Callable[[Tensor], Tensor]:
    """Return Σ exp x, rounded to float32, with a gradient that is off by the relative `error`."""
    smooth = planted(lambda gradient: (1 + error) * gradient)
    return lambda x: smooth(x).float().double()


_PROBABILITIES = [1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.5]


def resolutions(**options: list[float]) -> list[float]:
    ((name, values),) = options.items()
    found = []
    for value in values:
        (one,) = check(rough(0.0), points(20), **{name: value}).tensors  # type: ignore[arg-type]
        assert one.resolution is not None
        found.append(one.resolution)
    return found


@pytest.mark.parametrize("option", ["false_alarm", "miss"])
def test_what_would_still_be_missed_falls_as_more_mistakes_are_allowed(option: str) -> None:
    found = resolutions(**{option: _PROBABILITIES})
    assert all(first > second for first, second in itertools.pairwise(found))


def test_alarms_come_sooner_as_more_of_them_may_be_false() -> None:
    smallest = []
    for false_alarm in (1e-12, 1e-6, 0.5):
        errors = [1e-7 * 4**k for k in range(9)]
        alarms = [
            check(rough(e), points(20), false_alarm=false_alarm, localize=False).verdict
            is Verdict.DISAGREE
            for e in errors
        ]
        assert alarms[-1]
        # Once seen, larger errors stay seen.
        assert alarms == sorted(alarms)
        smallest.append(alarms.index(True))
    assert smallest == sorted(smallest, reverse=True)
    assert smallest[0] > smallest[-1]


@pytest.mark.parametrize("false_alarm", [1e-9, 0.1])
def test_probabilities_are_reported(false_alarm: float) -> None:
    report = check(torch.exp, points(3), false_alarm=false_alarm, miss=1e-3)
    assert (report.false_alarm, report.miss) == (false_alarm, 1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"false_alarm": 0},
        {"false_alarm": 1},
        {"false_alarm": float("nan")},
        {"miss": 0.0},
        {"miss": "small"},
        {"seed": -1},
        {"seed": 1.5},
        {"order": 0},
        {"order": 3},
        {"order": 1.0},
        {"loss": 3},
        {"gradient": "exp"},
    ],
    ids=str,
)
def test_options_that_cannot_be_are_named(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InputError, match=name):
        check(torch.exp, points(3), **options)


# What it cost.


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("change", [unchanged, one_wrong, one_nan])
def test_every_forward_and_backward_pass_is_counted(change: Change, dtype: torch.dtype) -> None:
    calls = Calls()
    report = check(planted(change, calls), points(3, 4, dtype=dtype))
    assert (report.evaluations, report.pullbacks) == (calls.forward, calls.backward)


def test_every_pass_through_a_target_that_differentiates_is_counted() -> None:
    # Such a target is run without a graph once, in vain.
    calls = Calls()
    function = planted(unchanged, calls)

    def target(x: Tensor) -> Tensor:
        value = function(x)
        (slope,) = torch.autograd.grad((x**2).sum(), x, create_graph=True)
        return value + slope.sum()

    report = check(target, points(3))
    assert (report.evaluations, report.pullbacks) == (calls.forward, calls.backward)


def test_every_call_of_a_function_of_arrays_is_counted() -> None:
    calls = Calls()

    def value(x: NDArray[np.float64]) -> float:
        calls.forward += 1
        return float(np.exp(x).sum())

    def gradient(x: NDArray[np.float64]) -> NDArray[np.float64]:
        calls.backward += 1
        return np.asarray(np.exp(x))

    report = check(value, points(5).numpy(), gradient=gradient)
    assert (report.evaluations, report.pullbacks) == (calls.forward, calls.backward)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_second_order_check_counts_the_passes_within_the_gradient_too(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The backward pass of a backward pass need not go through the target's own.
    calls, passes = Calls(), 0
    plain = torch.autograd.grad

    def grad(*arguments: Any, **options: Any) -> Any:
        nonlocal passes
        passes += 1
        return plain(*arguments, **options)

    monkeypatch.setattr(torch.autograd, "grad", grad)
    report = check(planted(unchanged, calls), points(3, dtype=dtype), order=2)
    assert report.order == 2
    assert (report.evaluations, report.pullbacks) == (calls.forward, passes)
    assert calls.backward < passes


def test_the_time_is_that_of_the_call() -> None:
    report = check(torch.exp, points(3))
    assert 0 < report.seconds < 60
