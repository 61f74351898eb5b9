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

    def test_case_and_inputs(gradient_check):
        gradient_check(gradcheck.Case(torch.sin, X), X, X)

    def test_allowed_by_a_text(gradient_check):
        gradient_check(torch.sin, X, allow_unresolved="no")

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

ARGUMENTS = """
    import pytest
    import torch

    COUNTS = {"errors": 3, "examples": 500}

    def asked(error_bound, *labels, **options):
        with pytest.raises(ValueError) as raised:
            error_bound(*labels, **{"at_most": 0.05, **options})
        assert type(raised.value).__name__ == "InputError"
        return str(raised.value)

    def test_limit_as_text(error_bound):
        message = asked(error_bound, **COUNTS, at_most="0.05")
        assert message == "at_most must be a number, got the text '0.05'"

    def test_confidence_as_text(error_bound):
        message = asked(error_bound, **COUNTS, confidence="0.9")
        assert message == "confidence must be a number, got the text '0.9'"

    def test_limit_in_percent(error_bound):
        message = asked(error_bound, **COUNTS, at_most=5)
        assert message == "at_most must lie strictly between 0 and 1, got 5"

    def test_true_errors(error_bound):
        message = asked(error_bound, errors=True, examples=500)
        assert message == "errors must be a whole number, got True"

    def test_true_examples(error_bound):
        message = asked(error_bound, errors=0, examples=True)
        assert message == "examples must be a whole number, got True"

    def test_generator(error_bound):
        message = asked(error_bound, [0, 1], (label for label in [0, 1]))
        assert message.startswith("y_pred must be a list or an array of labels, got a generator")

    def test_tensor(error_bound):
        labels = torch.tensor([0, 1]).repeat(250)
        assert error_bound(labels, labels, at_most=0.05).errors == 0

    def test_tensor_with_a_gradient(error_bound):
        labels = torch.tensor([0.0, 1.0]).repeat(250).requires_grad_()
        assert error_bound(labels, labels, at_most=0.05).errors == 0
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

    def test_expects_the_text():
        y = torch.ones(2, requires_grad=True).exp()
        loss = y.sum()
        y /= 2
        with pytest.raises(RuntimeError, match=r"check_nan=False\\)\\.$"):
            loss.backward()

    @pytest.mark.xfail(strict=True)
    def test_known():
        cut()
        assert False

    @pytest.mark.xfail
    def test_unexpected():
        cut()

    def test_skipped_late():
        cut()
        pytest.skip("later")

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
    result.assert_outcomes(passed=4, failed=5)
    assert "InputError: a Case holds its inputs, got 2 more: leave them out" in lines(result)
    assert "InputError: allow_unresolved must be True or False, got 'no'" in lines(result)
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
    assert {"test_wrong", "test_case", "test_unresolved"} < set(failures)
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


@pytest.mark.parametrize("arguments", [[], ["--backproof-explain"]])
def test_what_is_no_error_bound_is_refused_by_its_name(
    pytester: pytest.Pytester, arguments: list[str]
) -> None:
    pytester.makepyfile(ARGUMENTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    result.assert_outcomes(passed=8)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_chosen_tests_run_under_the_tape(pytester: pytest.Pytester, workers: list[str]) -> None:
    pytester.makepyfile(test_tape=TAPE)
    outcomes = {"passed": 4, "failed": 1, "xfailed": 1, "xpassed": 1, "skipped": 1}
    arguments = ("-p", "no:cacheprovider", "-k", "not test_marked", *workers)
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(**outcomes)
    assert "backproof tape" not in lines(result)
    result = pytester.runpytest_subprocess(*arguments, "--backproof-explain")
    result.assert_outcomes(**outcomes)
    text = lines(result)
    assert text.count("Captured backproof tape call") == 1
    assert "wrote at test_tape.py:" in text
    assert shown_apart(result) == {
        "test_silent",
        "test_expects_the_error",
        "test_expects_the_text",
        "test_known",
        "test_unexpected",
        "test_skipped_late",
    }


@pytest.mark.parametrize("hides", ["--show-capture=no", "--show-capture=stdout", "--tb=no"])
def test_what_pytest_does_not_show_beside_a_failure_is_shown_apart(
    pytester: pytest.Pytester, hides: str
) -> None:
    pytester.makepyfile(test_tape=TAPE)
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-k", "test_fails", "--backproof-explain", hides
    )
    assert shown_apart(result) == {"test_fails"}
    assert lines(result).count("error inplace-after-save") == 1


def shown_apart(result: pytest.RunResult) -> set[str]:
    heads = [line for line in result.outlines if line.startswith("-") and "tape: " in line]
    names = [head.strip("- ").partition("::")[2] for head in heads]
    assert len(names) == len(set(names))
    return set(names)


def test_findings_are_properties_in_junit(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_tape=TAPE)
    pytester.runpytest_subprocess(
        "--junit-xml=junit.xml", "-p", "no:cacheprovider", "--backproof-explain"
    )
    found = {
        case.attrib["name"]: [
            (one.attrib["name"], one.attrib["value"].partition(":")[0])
            for one in case.iter("property")
        ]
        for case in ET.parse(pytester.path / "junit.xml").iter("testcase")
    }
    codes = {
        "test_silent": "error cut-graph",
        "test_fails": "error inplace-after-save",
        "test_expects_the_error": "error inplace-after-save",
        "test_expects_the_text": "error inplace-after-save",
        "test_known": "error cut-graph",
        "test_unexpected": "error cut-graph",
        "test_skipped_late": "error cut-graph",
        "test_marked": "error silent-data-write",
    }
    expected = {name: [("backproof_tape", code)] for name, code in codes.items()}
    assert found == {"test_clean": [], **expected}


def test_control_characters_of_a_finding_are_harmless(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(test_tape=TAPE)
    text = path.read_text(encoding="utf-8").replace(
        "y /= 2\n    loss.backward()", "y /= 2  # \x1b[31m\x07red\n    loss.backward()"
    )
    path.write_text(text, encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "--junit-xml=junit.xml", "-k", "test_fails", "--backproof-explain", "--tb=line"
    )
    assert r"y /= 2  # \x1b[31m\x07red" in lines(result)
    assert "\x1b" not in lines(result)
    (value,) = [
        one.attrib["value"] for one in ET.parse(pytester.path / "junit.xml").iter("property")
    ]
    assert r"y /= 2  # \x1b[31m\x07red" in value


CHECKED = """
    import pytest
    import torch
    from backproof import tape

    def cut():
        w = torch.tensor(1.0, requires_grad=True)
        scale = torch.tensor(2.0, requires_grad=True)
        (w.detach() * scale).backward()

    @pytest.mark.backproof_explain
    def test_right(gradient_check):
        gradient_check(torch.nn.Linear(3, 2), torch.randn(4, 3))

    @pytest.mark.backproof_explain
    def test_its_own_session(gradient_check):
        with tape.explain() as session:
            gradient_check(torch.nn.Linear(3, 2), torch.randn(4, 3))
        assert session.findings == ()

    @pytest.mark.backproof_explain
    def test_wrong_before(gradient_check):
        cut()
        gradient_check(torch.nn.Linear(3, 2), torch.randn(4, 3))

    @pytest.mark.backproof_explain
    def test_wrong_after_a_check_that_raises(gradient_check):
        with pytest.raises(ZeroDivisionError):
            gradient_check(lambda x: x.sum() * (1 / 0), torch.ones(3))
        cut()
"""


def test_a_marked_test_may_check_a_gradient(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CHECKED)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    result.assert_outcomes(passed=2, failed=2)
    failed = {line.split()[1] for line in result.outlines if line.startswith("FAILED")}
    assert {name.partition("::")[2] for name in failed} == {
        "test_wrong_before",
        "test_wrong_after_a_check_that_raises",
    }
    assert "torch_binding" not in lines(result)


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
