"""Scores so large that the usual loss is flat."""

from __future__ import annotations

from flows.attack.batch import AdversarialBatch
from flows.audit.check import Check, Rule
from flows.audit.evidence import Evidence, left
from flows.audit.verdict import About

SCALE_FREE = ("pgd-margin", "temperature-pgd")  # as `pgd` but for the loss

RULE = Rule(
    "size of the logits does not hide the gradient",
    About.GRADIENT,
    "Attacks that ignore how large the scores are find no clearly easier way, so large scores are not what makes the "
    "gradient fade.",
    "Attacks that ignore how large the scores are fool clearly more images: large scores make the gradient of the "
    "usual loss fade, which looks like robustness and is none. The worst case counts both.",
    "Attack with the margin loss or at a temperature; quote no figure of cross entropy alone.",
)


def check(evidence: Evidence) -> Check | None:
    """Per backward pass that was attacked both ways with the same effort; the largest gain counts."""
    plain = {batch.details["backward"]: batch for batch in evidence.white_box if batch.attack == "pgd"}
    scale_free = [b for b in evidence.white_box if b.attack in SCALE_FREE and b.details["backward"] in plain]
    if not scale_free:
        return None

    def left_by(batch: AdversarialBatch) -> tuple[float, float]:
        n = len(batch.success)
        return left([plain[batch.details["backward"]]], n), left([batch], n)

    batch = max(scale_free, key=lambda one: left_by(one)[0] - left_by(one)[1])
    usual, best = left_by(batch)
    value = f"{batch.attack} {best:.3f}, pgd {usual:.3f} (backward {batch.details['backward']})"
    return RULE.apply(usual - best, len(batch.success), value)
