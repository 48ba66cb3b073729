"""All checks on the evidence about one network, and the verdict."""

from __future__ import annotations

from flows.attack.criteria import accuracy
from flows.audit.check import Check
from flows.audit.checks import CHECKS
from flows.audit.evidence import Evidence, fooled
from flows.audit.verdict import overall


def checks(evidence: Evidence) -> list[Check]:
    """Every check that has something to compare. Raises FlowError where an attack that one needs is missing."""
    made = (check(evidence) for check in CHECKS)
    return [check for check in made if check is not None]


def judge(evidence: Evidence) -> dict[str, object]:
    """JSON-able: `verdict` (sound, suspicious, masked), `own_gradient` (accuracy under the attacks that follow the
    network's own gradient, with interval), `zero_gradient_share`, `checks`."""
    made = checks(evidence)
    own = fooled(evidence.own, evidence.images)
    return {
        "verdict": overall((check.verdict, check.about) for check in made).value,
        "own_gradient": accuracy(~own),
        "zero_gradient_share": evidence.zeros.elements,
        "checks": [check.record() for check in made],
    }
