"""The rules from checks to one word."""

from __future__ import annotations

import pytest

from flows.audit.verdict import About, Overall, Verdict, overall

OWN, WORST = About.GRADIENT, About.WORST_CASE
PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], "sound"),
        ([(PASS, OWN), (PASS, WORST)], "sound"),
        ([(WARN, OWN), (WARN, OWN), (PASS, WORST)], "suspicious"),
        ([(PASS, OWN), (WARN, WORST)], "suspicious"),
        ([(WARN, OWN), (WARN, WORST)], "masked"),
        ([(FAIL, OWN), (PASS, WORST)], "masked"),
        ([(PASS, OWN), (FAIL, WORST)], "masked"),
        ([(WARN, None), (WARN, None)], "suspicious"),
    ],
)
def test_the_rules(checks: list[tuple[Verdict, About | None]], expected: str) -> None:
    assert overall(checks) == expected


def test_severity_and_exit_status_rise_together() -> None:
    assert [verdict.exit_status for verdict in sorted(Overall, key=lambda v: v.severity)] == [0, 2, 3]
