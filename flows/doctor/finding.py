"""What is known of one tool, package, board or accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from flows.errors import FlowError, nearest


class State(StrEnum):
    FOUND = "found"
    OTHER_VERSION = "other version"
    BROKEN = "broken"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """`needed`: the open flow (train, attack, compile, simulate, place and route) does not run without it.
    `detail`: version or description of what is there, or why it is of no use. `get`: the command that brings it."""

    name: str
    group: str
    state: State
    detail: str
    enables: str
    get: str
    needed: bool = False

    @property
    def usable(self) -> bool:
        return self.state in (State.FOUND, State.OTHER_VERSION)


def lacking(findings: Sequence[Finding], required: Sequence[str] = ()) -> list[Finding]:
    """What a script has to fail for: needed or required by name, and not usable."""
    return [finding for finding in findings if not finding.usable and (finding.needed or finding.name in required)]


def as_record(findings: Sequence[Finding], required: Sequence[str] = ()) -> dict[str, object]:
    """For `--json`: `ok`, `missing` (names that make it false), `items` with the fields of Finding."""
    missing = [finding.name for finding in lacking(findings, required)]
    return {"ok": not missing, "missing": missing, "items": [asdict(finding) for finding in findings]}


def check_names(required: Sequence[str], findings: Sequence[Finding]) -> None:
    """Raises FlowError where one of `required` is not the name of a finding."""
    known = [finding.name for finding in findings]
    for name in required:
        if name not in known:
            raise FlowError(f"--require: unknown {name!r}{nearest(name, known)}")
