"""The base of rules."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from backproof.tape.findings import Finding, Findings, Severity, Sites
from backproof.tape.recording.calls import Call, Snapshot
from backproof.tape.recording.leaves import Leaf
from backproof.tape.recording.listener import Listener
from backproof.tape.recording.records import Records

_MOST_NAMED = 4


class Rule(Listener):
    """One kind of mistake: what shows it, what to say of it."""

    code: ClassVar[str]
    """Short name of the kind."""

    def __init__(self, records: Records, findings: Findings) -> None:
        self.records = records
        self.findings = findings

    def add(
        self, severity: Severity, message: str, sites: Sites, fix: str, error: Exception | str = ""
    ) -> Finding:
        """Add a finding; where notes are wanted, an exception is told of it as well."""
        finding = self.findings.add(self.code, severity, message, sites, fix, str(error).strip())
        if self.findings.notes and isinstance(error, Exception):
            note = f"backproof: {finding}"
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
        return finding


def maker_of(leaf: Leaf) -> Call | None:
    """Return the call that made a leaf; None if it was not recorded."""
    return None if leaf.snapshot is None else leaf.snapshot.tensor.call


def named(snapshot: Snapshot | None, otherwise: str) -> str:
    """Return the name of a tensor in backquotes, else a word for it."""
    return otherwise if snapshot is None or snapshot.name is None else f"`{snapshot.name}`"


def listed(labels: Iterable[str]) -> str:
    """Return names as people list them; the rest of a long list is counted."""
    names = list(dict.fromkeys(labels))
    if len(names) > _MOST_NAMED + 1:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more"]
    return _joined(names)


def _joined(names: Sequence[str]) -> str:
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
