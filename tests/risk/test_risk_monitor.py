"""A monitor: the same numbers in any batches, saved and restored."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof import risk
from backproof._core.errors import InputError

BATCHES = st.lists(
    st.integers(0, 50).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))), max_size=8
)


@settings(max_examples=30)
@given(BATCHES, st.integers(0, 8))
def test_batches_saves_and_restores_change_nothing(
    batches: list[tuple[int, int]], saved_after: int
) -> None:
    monitor = risk.Monitor(0.9, "upper")
    for number, (errors, examples) in enumerate(batches):
        if number == saved_after:
            monitor = risk.Monitor.from_json(monitor.to_json())
        monitor.update(errors, examples)
    k, m = sum(k for k, _ in batches), sum(m for _, m in batches)
    assert (monitor.errors, monitor.examples) == (k, m)
    whole = risk.interval(k, m, 0.9, "beta-binomial", "upper") if m else None
    assert monitor.interval == whole


def test_an_update_returns_an_interval_that_is_valid_at_any_time() -> None:
    found = risk.Monitor(0.95).update(100, 1000)
    assert found is not None
    assert found.guarantee == "anytime"
    assert (found.lower, found.upper) == pytest.approx((0.06890, 0.13818), abs=5e-6)


def test_before_the_first_example_there_is_no_interval() -> None:
    monitor = risk.Monitor()
    assert monitor.interval is None
    assert monitor.update(0, 0) is None
    assert str(monitor) == "no examples yet"
    monitor.update(1, 10)
    assert str(monitor).endswith("after 10 examples")


@pytest.mark.parametrize(("errors", "examples"), [(2, 1), (-1, 5), (0, -1), (0.5, 3), (1, 2**60)])
def test_a_batch_that_cannot_be_is_refused_and_changes_nothing(errors: int, examples: int) -> None:
    monitor = risk.Monitor()
    monitor.update(3, 30)
    with pytest.raises(InputError):
        monitor.update(errors, examples)
    assert (monitor.errors, monitor.examples) == (3, 30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"confidence": 0.9, "side": "upper", "errors": 9, "examples": 3}',
        '{"confidence": 1.9, "side": "upper", "errors": 1, "examples": 3}',
        '{"confidence": 0.9, "side": "left", "errors": 1, "examples": 3}',
    ],
)
def test_a_damaged_save_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        risk.Monitor.from_json(text)


@pytest.mark.parametrize("arguments", [(1.0,), (0.9, "left")])
def test_a_monitor_that_cannot_be_is_refused(arguments: tuple[float, str]) -> None:
    with pytest.raises(InputError):
        risk.Monitor(*arguments)  # type: ignore[arg-type]
