"""`explain`: record code, and say what went wrong in it."""

import functools
import html
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

import torch

from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof.tape.ancestry import graph_of
from backproof.tape.findings import Finding, Findings
from backproof.tape.graph import Graph
from backproof.tape.recording.calls import Snapshot
from backproof.tape.recording.recorder import Recorder
from backproof.tape.recording.records import Records
from backproof.tape.rules import all_rules

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Session:
    """What was recorded of some code, and what was found in it."""

    def __init__(self, *, values: bool, notes: bool) -> None:
        self._findings = Findings(notes=notes)
        self._records = Records(values=values)
        self._rules = all_rules(self._records, self._findings)
        self._recorder = Recorder(self._records, self._rules)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What went wrong, the worst first; while code still runs, what is known by now."""
        found = self._findings
        if self._recorder.running:
            found = found.copy()
            self._conclude(found)
        return found.sorted()

    @property
    def graph(self) -> Graph:
        """The graph of the last backward pass; without one, of the last tensor that was made.

        Raises
        ------
        InputError
            If nothing was recorded.
        """
        ends = self._recorder.passes.ends
        if not ends and self._records.latest is not None:
            ends = (self._records.latest,)
        if not ends:
            raise InputError("there is no graph: the recorded code computed no tensor")
        return self._graph(ends, "")

    def graph_of(self, tensor: torch.Tensor, title: str = "") -> Graph:
        """Return the graph of everything that `tensor` was computed from.

        Raises
        ------
        InputError
            If the tensor was not recorded.
        """
        end = self._records.find(tensor)
        if end is None:
            raise InputError("expected a tensor of the recorded code; this one was not recorded")
        self._records.name(tensor, end, sys._getframe(1))  # noqa: SLF001
        return self._graph((end,), title)

    @property
    def backward_passes(self) -> int:
        """How many backward passes there were."""
        return self._recorder.passes.count

    @property
    def limits(self) -> tuple[str, ...]:
        """What was not seen, in sentences."""
        limits = [*self._recorder.journal.limits]
        if self._records.saving.packed:
            limits.append(
                "A saved-tensor hook, such as checkpointing's, packs what is saved for backward: "
                "writes to that are not seen."
            )
        if self._records.folded:
            limits.append(
                f"Of {counted(self._records.folded, 'earlier step')} the records are folded: only "
                "findings are kept."
            )
        return tuple(limits)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Record nothing of what runs inside, as if another thread ran it.

        Pauses may be nested and end with the outermost. What a backward pass meets of the code
        inside has no lines. The checks of `backproof.gradcheck` pause every session of their thread
        themselves.

        Examples
        --------
        >>> with explain() as session:
        ...     with session.pause():
        ...         torch.tensor(1.0, requires_grad=True).exp().backward()
        >>> session.backward_passes
        0
        """
        with self._recorder.paused():
            yield

    def crashed(self, error: BaseException) -> None:
        """Explain an exception that ended the recorded code and was caught outside of it."""
        self._recorder.crashed(error)

    def __str__(self) -> str:
        lines = [str(finding) for finding in self.findings] or ["nothing found"]
        return "\n\n".join([*lines, *(f"note: {limit}" for limit in self.limits)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _conclude(self, found: Findings) -> None:
        """Add what the rules would say if the code ended now."""
        for rule in self._rules:
            rule.findings = found
            rule.ended()
            rule.findings = self._findings

    def _graph(self, ends: tuple[Snapshot, ...], title: str) -> Graph:
        self._records.names.settle_all()
        return graph_of(ends, title)


@overload
def explain(function: Callable[_P, _R]) -> Callable[_P, _R]: ...
@overload
def explain(*, values: bool = ..., notes: bool = ...) -> "Explain": ...
def explain(
    function: Callable[..., Any] | None = None, *, values: bool = True, notes: bool = True
) -> "Explain | Callable[..., Any]":
    """Record code that runs, and explain what goes wrong in it.

    Use it as a context manager, ``with tape.explain() as session:``, or as a decorator,
    ``@tape.explain``: each call of the function is then a session of its own, and the last one is
    the function's attribute `session`. An exception of a backward pass is raised as it is, with the
    explanation added to its notes, which a traceback shows.

    What other threads do is not seen, and code given to `torch.compile` runs eagerly meanwhile.

    Parameters
    ----------
    function
        The function to decorate, where it is used as a decorator without arguments.
    values
        Whether to look at the values of tensors and gradients. Without that, it costs less and
        does not wait for an accelerator, but ``non-finite`` and ``dead-gradient`` are not found
        and the graph shows no values.
    notes
        Whether exceptions gain the explanation as notes. A test that matches an exception's text,
        as `pytest.raises` does, matches its notes too.

    Examples
    --------
    >>> w = torch.tensor(1.0, requires_grad=True)
    >>> with explain() as session:
    ...     loss = (w.detach() - 2) ** 2 + 0 * w
    ...     loss.backward()
    >>> session.graph.node("w").gradient
    0.0
    """
    session = Explain(values=values, notes=notes)
    return session if function is None else session(function)


class Explain:
    """A context manager and decorator that records; see `explain`."""

    def __init__(self, *, values: bool, notes: bool) -> None:
        self._values, self._notes = values, notes
        self._sessions: list[Session] = []

    def __enter__(self) -> Session:
        linecache.checkcache()  # a file may have been written anew since it was last read
        session = Session(values=self._values, notes=self._notes)
        self._sessions.append(session)
        session._recorder.__enter__()  # noqa: SLF001
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sessions.pop()._recorder.__exit__(kind, error, trace)  # noqa: SLF001

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Decorate a function: each call is a session of its own."""

        @functools.wraps(function)
        def explained(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with Explain(values=self._values, notes=self._notes) as session:
                explained.session = session  # type: ignore[attr-defined]
                return function(*args, **kwargs)

        return explained
