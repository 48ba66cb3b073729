"""The control: random noise of the same budget."""

from __future__ import annotations

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import NOISE, Evidence, left, only
from flows.audit.verdict import About

RULE = Rule(
    "noise not stronger than white-box",
    About.WORST_CASE,
    "Random noise fools hardly an image that following gradients does not.",
    "Random noise fools images that no gradient attack finds: the gradient is worse than useless there.",
    "Check that the attack reaches the network at all: its loss, its step size, its budget.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check:
    batch, white = evidence.one(NOISE), evidence.white_box
    n = len(batch.success)
    return RULE.apply(only(batch, white), n, f"noise {left([batch], n):.3f}, white-box {left(white, n):.3f}")
