"""Whether a test shows that the error is below a limit, against SciPy's exact tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from backproof import risk
from backproof._core.errors import InputError

COUNTS = st.integers(1, 2000).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m)))


def shows(errors: int, examples: int, limit: float, confidence: float) -> bool:
    """Whether the exact test rejects an error rate above the limit."""
    found = stats.binomtest(errors, examples, limit, alternative="less")
    return bool(found.pvalue <= 1 - confidence)


def refutes(errors: int, examples: int, limit: float, confidence: float) -> bool:
    found = stats.binomtest(errors, examples, limit, alternative="greater")
    return bool(found.pvalue < 1 - confidence)


@given(COUNTS, st.floats(0.001, 0.999), st.floats(0.5, 0.999))
def test_the_decision_is_that_of_the_exact_test(
    counts: tuple[int, int], limit: float, confidence: float
) -> None:
    found = risk.bound_error(*counts, limit, confidence)
    expected = "undecided"
    if shows(*counts, limit, confidence):
        expected = "shown"
    elif refutes(*counts, limit, confidence):
        expected = "refuted"
    assert found.decision == expected
    assert (found.errors, found.examples) == counts
    assert risk.ErrorBound.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("errors", "examples", "limit"),
    [(0, 10, 0.05), (0, 1, 0.01), (12, 250, 0.05), (14, 250, 0.05), (1, 1, 0.5), (40, 1000, 0.05)],
)
def test_so_many_more_examples_decide_and_fewer_need_not(
    errors: int, examples: int, limit: float
) -> None:
    found = risk.bound_error(errors, examples, limit)
    assert found.decision == "undecided"
    assert found.more_examples is not None
    decides = shows if errors / examples < limit else refutes
    total = examples + found.more_examples
    rate = errors / examples
    # Counts are whole: at the observed rate there are a little fewer or more errors.
    count = int(rate * total) if decides is shows else -int(-rate * total // 1)
    assert decides(count, total, limit, 0.99)
    assert not decides(round(rate * total * 0.9), int(total * 0.9), limit, 0.99)


def test_a_rate_at_the_limit_decides_nothing() -> None:
    found = risk.bound_error(5, 100, 0.05)
    assert (found.decision, found.more_examples) == ("undecided", None)
    assert "more" not in str(found)


@pytest.mark.parametrize(
    ("errors", "examples", "text"),
    [
        (3, 500, "shown; error 0.6 % (99 % upper bound 2.0 %"),
        (12, 250, "64814 more examples with errors at that rate would show it"),
        (14, 250, "7572 more examples with errors at that rate would refute it"),
        (30, 250, "refuted; error 12.0 % (99 % lower bound 7.6 %"),
    ],
)
def test_it_reads_as_a_sentence(errors: int, examples: int, text: str) -> None:
    assert text in str(risk.bound_error(errors, examples, 0.05))


@pytest.mark.parametrize("limit", [0, 1, -0.1, float("nan")])
def test_a_limit_that_decides_nothing_is_refused(limit: float) -> None:
    with pytest.raises(InputError, match="limit must"):
        risk.bound_error(1, 10, limit)
