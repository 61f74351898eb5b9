"""The plugin for pytest: gradients and error bounds as assertions, and tests under the tape.

pytest loads it wherever Backproof is installed. Nothing heavy is imported before a test asks.
"""

import itertools
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from backproof._core.texts import printable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from backproof.gradcheck import GradientReport
    from backproof.risk import ErrorBound

_MARKER = "backproof_explain"
_OPTION = "--backproof-explain"
_SECTION = "backproof tape"
_PROPERTY = "backproof_tape"


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

        Raises
        ------
        InputError
            As `backproof.gradcheck.check` does, and if inputs are given beside a case.
        """
        __tracebackhide__ = True
        from backproof import gradcheck
        from backproof._core.errors import InputError

        if not isinstance(allow_unresolved, bool):
            raise InputError(f"allow_unresolved must be True or False, got {allow_unresolved!r}")
        case = target
        if not isinstance(target, gradcheck.Case):
            case = gradcheck.Case(target, inputs)
        elif inputs:
            raise InputError(
                f"a Case holds its inputs, got {len(inputs)} more: leave them out, or give the "
                "case's target with them"
            )
        report: GradientReport = case.run(**options)
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

        Raises
        ------
        InputError
            If an argument is not as described.
        """
        __tracebackhide__ = True
        from backproof import risk
        from backproof._core.checks import open_unit
        from backproof._core.errors import InputError

        for name, value in {"at_most": at_most, "confidence": confidence}.items():
            if isinstance(value, str | bytes):
                raise InputError(f"{name} must be a number, got the text {value!r}")
            open_unit(name, value)
        for name, count in {"errors": errors, "examples": examples}.items():
            if isinstance(count, bool):
                raise InputError(f"{name} must be a whole number, got {count}")
        if y_true is not None and y_pred is not None and errors is None and examples is None:
            _check_labels("y_true", y_true)
            _check_labels("y_pred", y_pred)
            found = risk.confusion(y_true, y_pred)
            errors, examples = found.errors, found.examples
        elif y_true is not None or y_pred is not None or errors is None or examples is None:
            raise InputError("expected y_true and y_pred, or else errors and examples")
        bound = risk.bound_error(errors, examples, at_most, confidence)
        if bound.decision != "shown":
            pytest.fail(str(bound))
        return bound


def _check_labels(name: str, labels: "ArrayLike") -> None:
    """Raise `InputError` for what can be read once."""
    from backproof._core.errors import InputError

    if isinstance(labels, Iterator):
        raise InputError(
            f"{name} must be a list or an array of labels, got a {type(labels).__name__}: "
            f"give list({name})"
        )


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
        # Without notes: `pytest.raises(match=...)` would match them too.
        with tape.explain(notes=False) as session:
            result = yield
    finally:
        if session.findings:
            item.add_report_section("call", _SECTION, printable(str(session)))
            found = [(_PROPERTY, printable(str(finding))) for finding in session.findings]
            item.user_properties += found  # which is what JUnit XML holds of a test
    errors = [str(finding) for finding in session.findings if finding.severity == "error"]
    if marked and errors:
        text = "\n\n".join(["the tape finds an error in a test that passes otherwise", *errors])
        pytest.fail(printable(text), pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what was found in each test, where pytest has not shown it beside the failure."""
    option = terminalreporter.config.option
    beside_failures = option.showcapture == "all" and option.tbstyle != "no"
    for report in itertools.chain(*terminalreporter.stats.values()):
        if not isinstance(report, pytest.TestReport) or report.when != "call":
            continue
        for title, text in report.sections:
            if title == f"Captured {_SECTION} call" and not (report.failed and beside_failures):
                terminalreporter.write_sep("-", f"{_SECTION}: {report.nodeid}")
                terminalreporter.write_line(text)
