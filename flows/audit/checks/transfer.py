"""Images made on another network, without the quantizer."""

from __future__ import annotations

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import Evidence, left, only
from flows.audit.verdict import About

RULE = Rule(
    "transfer not stronger than white-box",
    About.WORST_CASE,
    "Images made to fool another network fool hardly an image here that gradient attacks do not.",
    "Images made to fool another network fool images here that no gradient attack finds: this network's own gradients "
    "hide the way.",
    "Attack the twin harder and transfer more (several twins, larger steps), and start gradient attacks from there.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check | None:
    if not evidence.transfers:
        return None
    white = evidence.white_box
    batch = max(evidence.transfers, key=lambda one: only(one, white))
    n = len(batch.success)
    value = f"from {batch.details['source']} {left([batch], n):.3f}, white-box {left(white, n):.3f}"
    return RULE.apply(only(batch, white), n, value)
