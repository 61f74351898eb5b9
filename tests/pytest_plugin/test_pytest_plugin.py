"""The plugin, in test suites of users."""

import xml.etree.ElementTree as ET

import pytest

GRADIENTS = """
    import numpy as np
    import pytest
    import torch
    from backproof import gradcheck

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            gradient = 3 * x**2 * g
            gradient[-1] = 0.9 * gradient[-1]
            return gradient

    X = torch.linspace(1, 2, 10, dtype=torch.float64)

    def test_right(gradient_check):
        report = gradient_check(torch.sin, X)
        assert report.verdict == "agree"

    def test_wrong(gradient_check):
        gradient_check(Cube.apply, X)

    def test_numpy(gradient_check):
        gradient_check(np.sin, X.numpy(), gradient=lambda x, g: np.cos(x) * g)

    def test_case(gradient_check):
        gradient_check(gradcheck.Case(Cube.apply, X))

    def test_option(gradient_check):
        gradient_check(torch.sin, X, loss=torch.sum, seed=3, order=2)

    def test_unresolved(gradient_check):
        gradient_check(lambda x: x.bfloat16().double().sum(), X)

    def test_unresolved_may_pass(gradient_check):
        gradient_check(lambda x: x.bfloat16().double().sum(), X, allow_unresolved=True)
"""

BOUNDS = """
    TRUTH = ["cat", "dog"] * 250
    ALMOST = ["dog"] * 3 + TRUTH[3:]

    def test_shown(error_bound):
        found = error_bound(TRUTH, ALMOST, at_most=0.05)
        assert found.upper.upper < 0.02

    def test_undecided(error_bound):
        error_bound(errors=12, examples=250, at_most=0.05, confidence=0.99)

    def test_refuted(error_bound):
        error_bound(TRUTH, TRUTH[1:] + TRUTH[:1], at_most=0.05)

    def test_half_of_it(error_bound):
        error_bound(TRUTH, at_most=0.05)

    def test_both(error_bound):
        error_bound(TRUTH, ALMOST, errors=1, examples=5, at_most=0.05)
"""

TAPE = """
    import pytest
    import torch

    def cut():
        w = torch.tensor(1.0, requires_grad=True)
        scale = torch.tensor(2.0, requires_grad=True)
        (w.detach() * scale).backward()

    def test_silent():
        cut()

    def test_clean():
        w = torch.tensor(1.0, requires_grad=True)
        (w * w).backward()

    def test_fails():
        y = torch.ones(2, requires_grad=True).exp()
        loss = (y - 5).square().sum()
        y /= 2
        loss.backward()

    def test_expects_the_error():
        y = torch.ones(2, requires_grad=True).exp()
        y.sum()
        y /= 2
        with pytest.raises(RuntimeError):
            y.backward()

    @pytest.mark.backproof_explain
    def test_marked():
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        loss = w.square().sum()
        w.data.mul_(2)
        loss.backward()
"""


def lines(result: pytest.RunResult) -> str:
    return result.stdout.str()


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]])
def test_gradients_are_assertions(pytester: pytest.Pytester, arguments: list[str]) -> None:
    pytester.makepyfile(GRADIENTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(passed=4, failed=3)
    assert "DISAGREE: gradient of 1 tensor" in lines(result)
    assert "x[9]: claimed" in lines(result)
    assert "UNRESOLVED: gradient of 1 tensor" in lines(result)
    # The test's own line is shown, not that of the plugin.
    assert ">       gradient_check(Cube.apply, X)" in lines(result)
    assert "raise_if_wrong" not in lines(result)


def test_messages_suit_junit(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GRADIENTS)
    pytester.runpytest_subprocess("--junit-xml=junit.xml", "-p", "no:cacheprovider")
    tree = ET.parse(pytester.path / "junit.xml")
    failures = {
        case.attrib["name"]: failure.attrib["message"]
        for case in tree.iter("testcase")
        for failure in case.iter("failure")
    }
    assert set(failures) == {"test_wrong", "test_case", "test_unresolved"}
    assert "DISAGREE" in failures["test_wrong"]
    assert "x[9]: claimed" in failures["test_wrong"]
    assert "\x1b" not in failures["test_wrong"]


def test_error_bounds_are_assertions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BOUNDS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=4)
    assert "error at most 5 %: undecided" in lines(result)
    assert "64814 more examples with errors at that rate would show it" in lines(result)
    assert "error at most 5 %: refuted; error 100.0 %" in lines(result)
    assert lines(result).count("expected y_true and y_pred, or else errors and examples") >= 2


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_chosen_tests_run_under_the_tape(pytester: pytest.Pytester, workers: list[str]) -> None:
    pytester.makepyfile(test_tape=TAPE)
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-k", "not test_marked", *workers
    )
    result.assert_outcomes(passed=3, failed=1)
    assert "backproof tape" not in lines(result)
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-k", "not test_marked", "--backproof-explain", *workers
    )
    result.assert_outcomes(passed=3, failed=1)
    text = lines(result)
    assert "Captured backproof tape call" in text
    assert "wrote at test_tape.py:" in text
    passed = {line for line in text.splitlines() if line.startswith("-") and "tape: " in line}
    assert any("::test_silent" in line for line in passed)
    assert any("::test_expects_the_error" in line for line in passed)
    assert len(passed) == 2


def test_a_marked_test_fails_if_the_tape_finds_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_tape=TAPE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-k", "test_marked")
    result.assert_outcomes(failed=1)
    assert "the tape finds an error in a test that passes otherwise" in lines(result)
    assert "error silent-data-write" in lines(result)


def test_a_suite_that_asks_for_nothing_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert "torch" not in sys.modules
            assert "numpy" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=1)


def test_the_help_names_option_fixtures_and_marker(pytester: pytest.Pytester) -> None:
    assert "--backproof-explain" in lines(pytester.runpytest_subprocess("--help"))
    assert "@pytest.mark.backproof_explain" in lines(pytester.runpytest_subprocess("--markers"))
    fixtures = lines(pytester.runpytest_subprocess("--fixtures"))
    assert "gradient_check" in fixtures
    assert "error_bound" in fixtures
