"""An attack that may change every pixel at will must fool every image."""

from __future__ import annotations

from flows.audit.check import SLACK, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "unbounded attack reaches zero",
    About.WORST_CASE,
    "Allowed to change every pixel at will, the strongest gradient attack fools every image: it works on this network.",
    "Allowed to change every pixel at will, the strongest gradient attack still fails on some images, which no "
    "network can truly resist: it does not find the way, so its figures at small budgets are too kind as well.",
    "Do not quote any figure of gradient attacks on this network; mend the attack first (backward pass, loss, steps).",
    warn=0.0,
    fail=SLACK,
)


def check(evidence: Evidence) -> Check:
    batch = evidence.unbounded
    share = 1 - float(batch.success.mean())
    return RULE.apply(share, len(batch.success), f"{share:.3f} left at epsilon {batch.epsilon:g}")
