"""Pixels whose gradient is exactly zero."""

from __future__ import annotations

from flows.audit.check import Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "most pixels have a gradient",
    About.GRADIENT,
    "Most pixels tell the attacker which way to push.",
    "Most pixels tell the attacker nothing: quantizers stop their gradient.",
    "Trust the score-only and replaced-gradient attacks more than the others here.",
    warn=0.5,
)


def check(evidence: Evidence) -> Check:
    share = evidence.zeros.elements
    return RULE.apply(share, evidence.images, f"{share:.3f} of pixel gradients are exactly zero")
