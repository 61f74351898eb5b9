"""What went wrong, and at which lines."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from backproof._core.results import Result
from backproof.tape.recording.calls import Call
from backproof.tape.recording.sites import Site


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The program failed, or its gradient is wrong or missing."""
    WARNING = "warning"
    """Training goes on, but probably not as meant."""
    NOTE = "note"
    """Often done on purpose."""


@dataclass(frozen=True, kw_only=True)
class Place(Result):
    """A line of source code that took part."""

    role: str
    """What the line did, such as ``saved`` or ``wrote``."""
    file: str
    """The source file as imports see it, such as ``package/module.py``."""
    line: int
    """Line in that file, from 1."""
    code: str
    """Text of the line."""

    def __str__(self) -> str:
        return f"{self.role} at {self.file}:{self.line}: {self.code}"


@dataclass(frozen=True, kw_only=True)
class Finding(Result):
    """One thing that went wrong."""

    code: str
    """Short name of the kind, such as ``inplace-after-save``."""
    severity: Severity
    """How bad it is."""
    message: str
    """What happened, in one sentence."""
    places: tuple[Place, ...]
    """The lines that caused it, in the order in which they ran."""
    fix: str
    """What to write instead."""
    error: str = ""
    """What PyTorch said; empty if it said nothing."""
    times: int = 1
    """How often it was found at the same lines."""

    def __str__(self) -> str:
        often = f" ({self.times} times)" if self.times > 1 else ""
        places = [f"  {place}" for place in self.places]
        head = f"{self.severity} {self.code}: {self.message}{often}"
        return "\n".join([head, *places, f"  fix: {self.fix}"])


Sites = tuple[tuple[str, Site], ...]


def at(role: str, *calls: Call | None) -> Sites:
    """Return the lines of calls in a role; a call that was not recorded has none."""
    return tuple((role, call.site) for call in calls if call is not None and call.site is not None)


@dataclass(slots=True)
class _Entry:
    finding: Finding
    times: int = 1


@dataclass
class Findings:
    """What was found so far; the same thing at the same lines is one finding."""

    notes: bool
    """Whether an exception gains what is found of it as a note."""
    _entries: dict[object, _Entry] = field(default_factory=dict)

    def add(
        self,
        code: str,
        severity: Severity,
        message: str,
        sites: Sites,
        fix: str,
        error: str = "",
    ) -> Finding:
        """Add a finding, or count it once more."""
        sites = tuple({(role, site.path, site.line): (role, site) for role, site in sites}.values())
        key = code, tuple((role, site.path, site.line) for role, site in sites) or message
        entry = self._entries.get(key)
        if entry is not None:
            entry.times += 1
            return entry.finding
        finding = Finding(
            code=code,
            severity=severity,
            message=message,
            places=tuple(
                Place(role=role, file=site.file, line=site.line, code=site.code)
                for role, site in sites
            ),
            fix=fix,
            error=error,
        )
        self._entries[key] = _Entry(finding)
        return finding

    def copy(self) -> "Findings":
        """Return findings to which more can be added without changing these."""
        return replace(self, _entries={key: replace(entry) for key, entry in self._entries.items()})

    def sorted(self) -> tuple[Finding, ...]:
        """Return the findings, the worst first, otherwise in the order in which they were met."""
        order = list(Severity)
        found = [_counted(entry) for entry in self._entries.values()]
        return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _counted(entry: _Entry) -> Finding:
    if entry.times == 1:
        return entry.finding
    return Finding.from_dict({**entry.finding.to_dict(), "times": entry.times})
