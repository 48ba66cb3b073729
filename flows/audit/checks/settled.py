"""Whether a more patient search finds more."""

from __future__ import annotations

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "more steps and restarts change little",
    About.WORST_CASE,
    "Searching what survived several times longer fools few further images: the worst case is close to final.",
    "Searching what survived several times longer fools clearly more images: the network is only hard to search, and "
    "a patient attacker would find more than the worst case shows.",
    "Raise attack.pgd_restarts and attack.pgd_steps until the figure stands still.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check:
    before, after = evidence.settled
    return RULE.apply(before - after, evidence.images, f"{before:.3f}, then {after:.3f}")
