"""The record of a run: the same again from the same seed, and back from JSON unchanged."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from backproof import lab
from backproof._core.errors import InputError
from backproof.lab.comparisons import compare


def without_provenance(run: lab.LabRun) -> dict[str, object]:
    return {name: value for name, value in run.to_dict().items() if name != "provenance"}


def test_the_same_configuration_gives_the_same_record(
    tiny_config: lab.LabConfig, tiny_run: lab.LabRun
) -> None:
    assert without_provenance(lab.run(tiny_config)) == without_provenance(tiny_run)


@pytest.fixture(scope="module")
def other(tiny_config: lab.LabConfig) -> lab.LabRun:
    return lab.run(dataclasses.replace(tiny_config, seed=1))


@pytest.mark.parametrize(
    "part",
    [
        lambda run: run.training.points,
        lambda run: [row.final_loss for row in run.training.networks],
        lambda run: [check.differences for check in run.gradient.checks],
        lambda run: [curve.differences for curve in run.gradient.sweeps[0].curves],
        lambda run: [row.test_errors for row in run.training.networks],
        lambda run: [stage.simulated for stage in run.test_error.sampling],
    ],
    ids=["points", "losses", "checks", "sweep", "test errors", "simulated"],
)
def test_another_seed_changes_every_draw(
    part: Callable[[lab.LabRun], object], tiny_run: lab.LabRun, other: lab.LabRun
) -> None:
    assert part(tiny_run) != part(other)


def test_a_record_comes_back_from_json_unchanged(tiny_run: lab.LabRun) -> None:
    again = lab.LabRun.from_json(tiny_run.to_json())
    assert again == tiny_run
    assert again.to_json() == tiny_run.to_json()


def test_json_has_only_what_the_standard_knows(tiny_run: lab.LabRun) -> None:
    def refuse(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    assert json.loads(tiny_run.to_json(), parse_constant=refuse) == json.loads(
        json.dumps(tiny_run.to_dict())
    )


def test_every_size_and_seed_is_in_the_record(tiny_run: lab.LabRun) -> None:
    rows = [(row.hidden, row.seed) for row in tiny_run.training.networks]
    assert [hidden for hidden, _ in rows] == [3, 3, 6, 6]
    assert len(set(rows)) == 4
    assert [stage.hidden for stage in tiny_run.test_error.sampling] == [3, 6]


def test_progress_ends_each_stage_at_its_total(tiny_config: lab.LabConfig) -> None:
    last: dict[str, tuple[int, int]] = {}

    def report(what: str, done: int, total: int) -> None:
        assert last.get(what, (0, 0))[0] <= done <= total
        last[what] = (done, total)

    lab.run(dataclasses.replace(tiny_config, hidden=(3,), seeds=1), report)
    assert {"gradient check", "test errors", "true errors"} <= set(last)
    assert all(done == total for done, total in last.values())


def test_sampling_counts_every_test_set_and_replicate(tiny_run: lab.LabRun) -> None:
    for stage in tiny_run.test_error.sampling:
        assert sum(stage.simulated) == 40
        assert sum(stage.bootstrap) == 200
        assert sum(stage.law) == pytest.approx(1.0, abs=1e-12)


def test_every_share_below_and_above_is_counted_from_the_sets(tiny_run: lab.LabRun) -> None:
    for stage in tiny_run.test_error.sampling:
        truth = stage.true_error * stage.examples
        below = sum(n for errors, n in enumerate(stage.simulated) if errors < truth)
        assert stage.below == pytest.approx(below / 40)
        assert stage.below + stage.above == pytest.approx(1.0)


def test_the_observations_of_both_programs_hold(tiny_run: lab.LabRun) -> None:
    assert len(tiny_run.tape) == 2
    assert all(one.holds for program in tiny_run.tape for one in program.observations)


def test_the_text_of_a_run_says_each_claim_and_its_verdict(tiny_run: lab.LabRun) -> None:
    lines = str(tiny_run).splitlines()
    assert len(lines) == len(tiny_run.claims) == 3
    for line, claim in zip(lines, tiny_run.claims, strict=True):
        assert line.startswith(("held: " if claim.held else "did not hold: ") + claim.claim)


Options = dict[str, object]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": (0,)}, "a hidden size must be at least 1, got 0"),
        ({"hidden": (5, -3)}, "a hidden size must be at least 1, got -3"),
        ({"hidden": ()}, "hidden sizes must be distinct, and one or more"),
        ({"hidden": (5, 10, 5)}, r"distinct, and one or more of them, got \[5, 5, 10\]"),
        ({"hidden": (5.0,)}, "a hidden size must be a whole number"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"seeds": "2"}, "seeds must be a whole number of at least 1, got '2'"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": 0.5}, "seed must be a whole number of at least 0, got 0.5"),
    ],
    ids=str,
)
def test_bad_settings_are_refused_by_name(options: Options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lab.LabConfig.make(**options)  # type: ignore[arg-type]  # the point of the test


def test_the_default_settings_are_the_published_ones() -> None:
    config = lab.LabConfig.make()
    assert (config.hidden, config.training_points, config.steps) == ((5, 10, 100, 500), 200, 1000)
    assert (config.examples, config.sets, config.learning_rate) == (1000, 10_000, 0.1)
    assert config == lab.LabConfig()


def test_hidden_sizes_are_put_in_order() -> None:
    assert lab.LabConfig.make(hidden=[10, 3]).hidden == (3, 10)


def test_quick_leaves_what_was_asked_for() -> None:
    config = lab.LabConfig.make(hidden=(7,), seeds=3, seed=4, quick=True)
    assert (config.hidden, config.seeds, config.seed) == ((7,), 3, 4)
    assert config.sets < lab.LabConfig().sets


def test_the_planned_test_set_is_used_whole(tiny_run: lab.LabRun) -> None:
    planned = tiny_run.test_error.plans[0].examples
    for row in tiny_run.training.networks:
        assert row.test_errors / row.test_error == pytest.approx(planned + planned % 2)


def test_comparing_again_gives_the_comparisons_of_the_record(tiny_run: lab.LabRun) -> None:
    again = compare(tiny_run.config, tiny_run.gradient, tiny_run.training, tiny_run.test_error)
    assert again == tiny_run.comparisons
