"""The figure on record, searched again."""

from __future__ import annotations

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "the worst case on record stands",
    About.WORST_CASE,
    "The deeper attacks of the audit find little that the run's own attacks missed.",
    "The deeper attacks of the audit fool clearly more images than the run's own worst case: the figure on record is "
    "too high.",
    "Quote the audit's worst case instead, and raise the effort in the run's [attack] section.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check | None:
    if evidence.claimed is None or evidence.found is None:
        return None
    value = f"{evidence.claimed:.3f} on record, {evidence.found:.3f} now"
    return RULE.apply(evidence.claimed - evidence.found, evidence.images, value)
