"""The gradient against numeric differences in whole codes: shattered gradients."""

from __future__ import annotations

import dataclasses
from math import sqrt

from flows.attack.criteria import Z95
from flows.audit.check import Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "the gradient foretells what small moves do",
    About.GRADIENT,
    "Moved a few codes along random directions, the scores mostly change the way the gradient says.",
    "Moved a few codes along random directions, the scores often change the other way than the gradient says: it "
    "belongs to another function than the one that is computed (the stairs are steep where it is flat, and flat where "
    "it is steep). An attack that follows it takes many wrong steps.",
    "Use attacks that measure instead of differentiate (square, finite differences), larger steps and more restarts.",
    warn=0.25,
)


def check(evidence: Evidence) -> Check:
    """Fails where the gradient is no better than a coin: not beyond chance (95 %) at this number of probes."""
    seen = evidence.agreement
    if not seen.probes:
        return dataclasses.replace(RULE, fail=0.0).apply(1.0, 1, f"no move of {seen.step} codes changes any score")
    coin = 0.5 - Z95 * 0.5 / sqrt(seen.probes)
    rule = dataclasses.replace(RULE, fail=max(coin, RULE.warn))
    value = f"{seen.share:.3f} of {seen.probes} moves of {seen.step} codes foretold"
    return rule.apply(1 - seen.share, seen.probes, value)
