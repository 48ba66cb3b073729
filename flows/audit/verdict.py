"""From the checks to one word about the worst-case figure. No torch: the report uses it too."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """Of one check. `FAIL`: by itself enough not to believe the worst-case figure."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


class About(StrEnum):
    """What a check speaks about: whether the network's own gradient leads to what is there, or whether the worst
    case over all attacks is near its end."""

    GRADIENT = "own gradient"
    WORST_CASE = "worst case"


class Overall(StrEnum):
    """Of the worst-case figure. `exit_status`: of `holdfast audit`."""

    SOUND = "sound"
    SUSPICIOUS = "suspicious"
    MASKED = "masked"

    @property
    def exit_status(self) -> int:
        return {Overall.SOUND: 0, Overall.SUSPICIOUS: 2, Overall.MASKED: 3}[self]

    @property
    def severity(self) -> int:
        return list(Overall).index(self)


def overall(checks: Iterable[tuple[Verdict, About | None]]) -> Overall:
    """`masked` where a check failed, or one warns about the own gradient and another about the worst case: the way
    is hidden, and the search has not ended. `suspicious` where any other check warns. Else `sound`.

    `About` is None in records of before checks said what they are about.
    """
    seen = list(checks)
    warned = {about for verdict, about in seen if verdict is Verdict.WARN}
    if any(verdict is Verdict.FAIL for verdict, _ in seen) or warned >= set(About):
        return Overall.MASKED
    return Overall.SUSPICIOUS if warned else Overall.SOUND
