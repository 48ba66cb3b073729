"""The findings for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from flows.doctor.finding import Finding, State

STYLES = {State.FOUND: "green", State.OTHER_VERSION: "yellow", State.BROKEN: "red", State.MISSING: "dim"}


def findings_table(findings: Sequence[Finding], required: Sequence[str] = ()) -> Table:
    """A section a group; how to get it stands only where something is to be done."""
    table = Table("what", "state", "detail", "enables", "to get it", title="holdfast doctor", title_justify="left")
    group = findings[0].group if findings else ""
    for finding in findings:
        if finding.group != group:
            table.add_section()
            group = finding.group
        needed = finding.needed or finding.name in required
        style = STYLES[finding.state] if finding.usable or not needed else "bold red"
        state = f"[{style}]{finding.state}{'' if finding.usable or needed else ', optional'}[/]"
        get = finding.get if finding.state is not State.FOUND else ""
        table.add_row(finding.name, state, escape(finding.detail), finding.enables, escape(get))
    return table
