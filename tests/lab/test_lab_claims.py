"""The claims flip when the evidence does, and published numbers are never taken for ours."""

import csv
import dataclasses
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from backproof import lab
from backproof.gradcheck import ErrorLaw
from backproof.lab import published
from backproof.lab.claims import judge
from backproof.lab.comparisons import compare, percentile
from backproof.lab.record import GradientStage, SamplingStage, TestErrorStage, TrainingStage
from backproof.report import Document, to_csv

QUADRATIC, SMOOTH, UNDERESTIMATES = range(3)

# Few different values, so that ties are common.
NUMBERS = st.integers(-3, 3).map(float)


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=20))
def test_percentile_is_scipys_mean_percentile(value: float, ours: list[float]) -> None:
    expected = stats.percentileofscore(ours, value, kind="mean")
    assert percentile(value, ours) == pytest.approx(expected, abs=1e-10)


def held(
    run: lab.LabRun,
    gradient: GradientStage | None = None,
    training: TrainingStage | None = None,
    errors: TestErrorStage | None = None,
) -> list[bool]:
    claims = judge(gradient or run.gradient, training or run.training, errors or run.test_error)
    return [claim.held for claim in claims]


def with_laws(
    stage: GradientStage, *, only_first: bool = False, **law: float | None
) -> GradientStage:
    double, *others = stage.sweeps
    curves = tuple(
        dataclasses.replace(curve, law=doctored(curve.law, law))
        if number == 0 or not only_first
        else curve
        for number, curve in enumerate(double.curves)
    )
    return dataclasses.replace(stage, sweeps=(dataclasses.replace(double, curves=curves), *others))


def doctored(law: ErrorLaw, changes: dict[str, float | None]) -> ErrorLaw:
    return dataclasses.replace(law, **changes)  # type: ignore[arg-type]  # names of its fields


def with_turning(stage: TrainingStage, turning: float, hidden: int | None = None) -> TrainingStage:
    rows = tuple(
        dataclasses.replace(row, turning=turning) if hidden in (None, row.hidden) else row
        for row in stage.networks
    )
    return dataclasses.replace(stage, networks=rows)


def with_bias(stage: TestErrorStage, *biases: float) -> TestErrorStage:
    sampling = tuple(
        dataclasses.replace(one, bias=bias, bias_error=0.001)
        for one, bias in zip(stage.sampling, biases, strict=True)
    )
    return dataclasses.replace(stage, sampling=sampling)


def test_an_order_of_2_holds(tiny_run: lab.LabRun) -> None:
    gradient = with_laws(tiny_run.gradient, order=2.001, order_margin=0.002)
    assert held(tiny_run, gradient=gradient)[QUADRATIC]


@pytest.mark.parametrize("order", [1.0, 1.9, 2.1, 3.0])
def test_one_tensor_of_another_order_refutes(tiny_run: lab.LabRun, order: float) -> None:
    good = with_laws(tiny_run.gradient, order=2.001, order_margin=0.002)
    bad = with_laws(good, only_first=True, order=order, order_margin=0.002)
    assert not held(tiny_run, gradient=bad)[QUADRATIC]


def test_an_uncertain_order_does_not_hold(tiny_run: lab.LabRun) -> None:
    gradient = with_laws(tiny_run.gradient, order=2.0, order_margin=0.5)
    assert not held(tiny_run, gradient=gradient)[QUADRATIC]


def test_an_order_that_cannot_be_measured_does_not_hold(tiny_run: lab.LabRun) -> None:
    gradient = with_laws(tiny_run.gradient, only_first=True, order=None, order_margin=None)
    assert not held(tiny_run, gradient=gradient)[QUADRATIC]


def test_boundaries_that_hardly_turn_are_smooth(tiny_run: lab.LabRun) -> None:
    assert held(tiny_run, training=with_turning(tiny_run.training, 10.0))[SMOOTH]


@pytest.mark.parametrize("hidden", [3, 6, None])
def test_boundaries_of_one_size_that_turn_a_lot_refute(
    tiny_run: lab.LabRun, hidden: int | None
) -> None:
    calm = with_turning(tiny_run.training, 10.0)
    assert not held(tiny_run, training=with_turning(calm, 1000.0, hidden))[SMOOTH]


def test_smooth_is_measured_by_the_bayes_boundary(tiny_run: lab.LabRun) -> None:
    training = with_turning(tiny_run.training, 1000.0)
    winding = dataclasses.replace(training.bayes, turning=1001.0)
    assert held(tiny_run, training=dataclasses.replace(training, bayes=winding))[SMOOTH]


def test_sampling_far_below_the_truth_would_be_a_law(tiny_run: lab.LabRun) -> None:
    errors = with_bias(tiny_run.test_error, -0.01, -0.02)
    assert held(tiny_run, errors=errors)[UNDERESTIMATES]


@pytest.mark.parametrize("biases", [(0.0, 0.0), (-0.01, 0.0), (0.01, 0.02), (-0.001, -0.001)])
def test_sampling_around_the_truth_is_no_law(
    tiny_run: lab.LabRun, biases: tuple[float, float]
) -> None:
    errors = with_bias(tiny_run.test_error, *biases)
    assert not held(tiny_run, errors=errors)[UNDERESTIMATES]


def test_doctored_evidence_changes_only_its_own_claim(tiny_run: lab.LabRun) -> None:
    before = held(tiny_run)
    after = held(tiny_run, training=with_turning(tiny_run.training, 1000.0))
    assert [before[QUADRATIC], before[UNDERESTIMATES]] == [after[QUADRATIC], after[UNDERESTIMATES]]


def test_the_texts_of_the_claims_state_the_evidence(tiny_run: lab.LabRun) -> None:
    training = with_turning(tiny_run.training, 987.0)
    text = judge(tiny_run.gradient, training, tiny_run.test_error)[SMOOTH].text
    assert "987° at H = 3" in text


def test_the_claim_on_the_bootstrap_counts_the_sets(tiny_run: lab.LabRun) -> None:
    def at(stage: SamplingStage, below: float, bias: float) -> SamplingStage:
        return dataclasses.replace(stage, below=below, bias=bias, observed=0)

    first, second = tiny_run.test_error.sampling
    errors = dataclasses.replace(
        tiny_run.test_error, sampling=(at(first, 0.25, 0.001), at(second, 0.5, -0.002))
    )
    text = judge(tiny_run.gradient, tiny_run.training, errors)[UNDERESTIMATES].text
    assert "for 2 of 2 predictors" in text
    assert "40 simulated test sets 25.0% to 50.0%" in text
    assert "0.2000%" in text


PUBLISHED = lab.LabConfig()
"""The published setting, under which everything is compared whose size was run."""


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"steps": 30}, {"gradient", "planned"}),
        ({"learning_rate": 0.2}, {"gradient", "planned"}),
        ({"training_points": 20}, {"planned"}),
        ({"margin": 0.05}, {"gradient"}),
    ],
)
@pytest.mark.usefixtures("tiny_published")
def test_what_was_run_in_another_setting_is_not_compared(
    tiny_run: lab.LabRun, change: dict[str, float], kinds: set[str]
) -> None:
    config = dataclasses.replace(PUBLISHED, **change)  # type: ignore[arg-type]
    found = compare(config, tiny_run.gradient, tiny_run.training, tiny_run.test_error)
    assert {one.quantity.split()[0] for one in found} == kinds


def quantities(run: lab.LabRun) -> list[str]:
    return [one.quantity for one in compare(PUBLISHED, run.gradient, run.training, run.test_error)]


def test_sizes_that_were_not_run_are_not_compared(tiny_run: lab.LabRun) -> None:
    assert quantities(tiny_run) == ["planned m (Hoeffding)"]


def test_sizes_that_were_run_are_compared(
    tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "TEST_ERRORS", {3: 0.04, 7: 0.05})
    monkeypatch.setattr(published, "CHECKED_HIDDEN", 6)
    found = quantities(tiny_run)
    assert "test error, H = 3" in found
    assert not any("H = 7" in name for name in found)
    assert sum(name.startswith("gradient ") for name in found) == 8


def test_a_comparison_states_the_spread_of_our_seeds(
    tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "TEST_ERRORS", {3: 0.0})
    one = compare(PUBLISHED, tiny_run.gradient, tiny_run.training, tiny_run.test_error)[1]
    ours = [row.test_error for row in tiny_run.training.networks if row.hidden == 3]
    assert (one.low, one.high) == (min(ours), max(ours))
    assert one.ours == pytest.approx(sum(ours) / 2)
    assert one.percentile == 0.0


@pytest.fixture
def tiny_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published numbers for the sizes of the tiny run."""
    monkeypatch.setattr(published, "CHECKED_HIDDEN", 6)
    for name in ("TEST_ERRORS", "GAPS", "TRAINING_ERRORS"):
        monkeypatch.setattr(published, name, {3: 0.03, 6: 0.02})


def doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = {
        step: {tensor: 1e6 * value for tensor, value in row.items()}
        for step, row in published.DIFFERENCES.items()
    }
    monkeypatch.setattr(published, "DIFFERENCES", differences)
    monkeypatch.setattr(published, "PLANNED_EXAMPLES", 17)
    for name in ("TEST_ERRORS", "GAPS", "TRAINING_ERRORS"):
        monkeypatch.setattr(published, name, {3: 0.77, 6: 0.88})


def test_published_numbers_enter_nothing_but_the_comparisons(
    tiny_config: lab.LabConfig, tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch)
    run = lab.run(tiny_config)
    same = dataclasses.replace(
        run, provenance=tiny_run.provenance, comparisons=tiny_run.comparisons
    )
    assert same == tiny_run


@pytest.mark.usefixtures("tiny_published")
def test_of_a_comparison_only_published_and_percentile_follow_them(
    tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = compare(PUBLISHED, tiny_run.gradient, tiny_run.training, tiny_run.test_error)
    doctor(monkeypatch)
    after = compare(PUBLISHED, tiny_run.gradient, tiny_run.training, tiny_run.test_error)
    assert len(before) == 15
    for old, new in zip(before, after, strict=True):
        assert old.published != new.published
        assert old == dataclasses.replace(new, published=old.published, percentile=old.percentile)


class AnySvg(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "<svg/>"


def cells(document: Document) -> Iterator[tuple[str, str, str, str]]:
    for table in document.tables():
        headers, *rows = csv.reader(io.StringIO(to_csv(table), newline=""))
        for row in rows:
            for header, cell in zip(headers, row, strict=True):
                yield table.name, row[0], header, cell


@pytest.mark.usefixtures("tiny_published")
def test_of_the_tables_only_what_is_called_published_follows_them(
    tiny_run: lab.LabRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(cells(lab.document(tiny_run, AnySvg())))
    doctor(monkeypatch)
    after = list(cells(lab.document(tiny_run, AnySvg())))
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all("published" in row or header == "published" for _, row, header, _ in changed)
