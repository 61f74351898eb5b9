"""The plugin for pytest: gradients and error bounds as assertions, and tests under the tape.

pytest loads it wherever Backproof is installed. Nothing heavy is imported before a test asks.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from backproof.gradcheck import GradientReport
    from backproof.risk import ErrorBound

_MARKER = "backproof_explain"
_OPTION = "--backproof-explain"
_SECTION = "backproof tape"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("backproof").addoption(
        _OPTION,
        action="store_true",
        help="run tests under Backproof's tape, and show what it finds in their autograd",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}: run the test under Backproof's tape; it fails if the tape finds an error",
    )


class GradientCheck:
    """The fixture `gradient_check`: a gradient that is not found right fails the test."""

    def __call__(
        self, target: Any, *inputs: Any, allow_unresolved: bool = False, **options: Any
    ) -> "GradientReport":
        """Check a gradient.

        Parameters
        ----------
        target, *inputs, **options
            As for `backproof.gradcheck.check`; or a `backproof.gradcheck.Case` alone.
        allow_unresolved
            Let tensors pass that could not be decided.

        Returns
        -------
        GradientReport
            The report, where it passes; otherwise it is the message of the failed test.
        """
        __tracebackhide__ = True
        from backproof import gradcheck

        case = target if isinstance(target, gradcheck.Case) else gradcheck.Case(target, inputs)
        report = case.run(**options)
        try:
            report.raise_if_wrong(allow_unresolved=allow_unresolved)
        except gradcheck.GradientError:
            pass
        else:
            return report
        pytest.fail(str(report))  # not in the handler: a traceback would show both


class ErrorBoundCheck:
    """The fixture `error_bound`: a true error that is not shown to be small fails the test."""

    def __call__(
        self,
        y_true: "ArrayLike | None" = None,
        y_pred: "ArrayLike | None" = None,
        *,
        at_most: float,
        confidence: float = 0.99,
        errors: int | None = None,
        examples: int | None = None,
    ) -> "ErrorBound":
        """Assert that the true error is at most a limit.

        Parameters
        ----------
        y_true, y_pred
            True and predicted labels of independent test examples, shape (n,).
        at_most
            The limit, a rate, strictly between 0 and 1.
        confidence
            Probability with which a test that passes is right, in (0, 1).
        errors, examples
            The numbers of both, instead of labels.

        Returns
        -------
        ErrorBound
            What was found, where it is shown; otherwise it is the message of the failed test, with
            the number of examples that would decide.
        """
        __tracebackhide__ = True
        from backproof import risk
        from backproof._core.errors import InputError

        if y_true is not None and y_pred is not None and errors is None and examples is None:
            found = risk.confusion(y_true, y_pred)
            errors, examples = found.errors, found.examples
        elif y_true is not None or y_pred is not None or errors is None or examples is None:
            raise InputError("expected y_true and y_pred, or else errors and examples")
        bound = risk.bound_error(errors, examples, at_most, confidence)
        if bound.decision != "shown":
            pytest.fail(str(bound))
        return bound


@pytest.fixture(scope="session")
def gradient_check() -> GradientCheck:
    """Check a gradient: ``gradient_check(target, *inputs)``, as `backproof.gradcheck.check`."""
    return GradientCheck()


@pytest.fixture(scope="session")
def error_bound() -> ErrorBoundCheck:
    """Assert a bound on the true error: ``error_bound(y_true, y_pred, at_most=0.05)``."""
    return ErrorBoundCheck()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run a chosen test under the tape."""
    marked = item.get_closest_marker(_MARKER) is not None
    if not (marked or item.config.getoption(_OPTION)):
        return (yield)
    from backproof import tape

    try:
        with tape.explain() as session:
            result = yield
    finally:
        if session.findings:
            item.add_report_section("call", _SECTION, str(session))
    errors = [str(finding) for finding in session.findings if finding.severity == "error"]
    if marked and errors:
        text = "\n\n".join(["the tape finds an error in a test that passes otherwise", *errors])
        pytest.fail(text, pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was found in tests that passed; that of the others stands beside their failure."""
    for report in terminalreporter.stats.get("passed", ()):
        for title, text in report.sections:
            if title == f"Captured {_SECTION} call":
                terminalreporter.write_sep("-", f"{_SECTION}: {report.nodeid}")
                terminalreporter.write_line(text)
