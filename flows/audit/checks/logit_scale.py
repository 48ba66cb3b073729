"""Scores so large that the usual loss is flat."""

from __future__ import annotations

from flows.audit.check import Check, Rule
from flows.audit.evidence import OWN_LOSS, Evidence, left
from flows.audit.verdict import About

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
    """Per backward pass that was attacked both ways with `pgd`; the largest gain counts."""
    plain = {batch.details["backward"]: batch for batch in evidence.white_box if batch.attack == "pgd"}
    gains = []
    for batch in evidence.white_box:
        same = plain.get(batch.details["backward"])
        if batch.attack.startswith("pgd") and batch.details.get("loss", OWN_LOSS) != OWN_LOSS and same is not None:
            n = len(batch.success)
            gains.append((left([same], n) - left([batch], n), n, batch, left([same], n), left([batch], n)))
    if not gains:
        return None
    gain, n, batch, usual, best = max(gains, key=lambda entry: entry[0])
    value = f"{batch.details['loss']} {best:.3f}, cross entropy {usual:.3f} (backward {batch.details['backward']})"
    return RULE.apply(gain, n, value)
